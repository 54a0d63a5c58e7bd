"""The model folder, which SageMaker packs as model.tar.gz: the model, its schema, and the versions that trained it."""

from __future__ import annotations

import gzip
import json
import lzma
import pickle
import platform
import shutil
import tarfile
import tempfile
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import joblib
import numpy as np
import pandas as pd
import sklearn
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import Pipeline

from sagemaker_ops.tabular.errors import StepError, listed
from sagemaker_ops.tabular.fast_model import FastModel, is_the_same, take_apart
from sagemaker_ops.tabular.schema import Schema
from sagemaker_ops.tabular.step_code import SERVING, StepCode, files_below

FILES = ("model.joblib", "schema.json", "training.json")
VERSIONS = {
    "python": platform.python_version(),
    "scikit-learn": sklearn.__version__,
    "numpy": np.__version__,
    "pandas": pd.__version__,
}
# How many parts of a version must agree. scikit-learn guarantees nothing for a model of another minor version, and
# NumPy moved its modules between 1 and 2; Python and pandas can read what other versions wrote.
DIGITS = {"scikit-learn": 2, "numpy": 1}


@dataclass(frozen=True)
class Model:
    """A fitted pipeline and what it expects; a request may omit the `optional` columns, which had gaps in training.

    fast: the pipeline taken apart, which answers requests; None if it has other steps than those of a new project.
    """

    pipeline: Pipeline
    schema: Schema
    optional: tuple[str, ...] = ()
    fast: FastModel | None = None


def save_model(model: Model, folder: Path, scripts: Path, compared: pd.DataFrame | None = None) -> None:
    """Write `model`, the versions it was trained with and the code that serves it to `folder`.

    scripts: the folder of the step scripts. What inference.py needs is included, together with this package. compared:
    some rows; the model is taken apart when it is loaded, if that gives the same predictions for all of these.
    """
    model.schema.save(folder)
    joblib.dump(model.pipeline, folder / "model.joblib", compress=3)
    apart = compared is not None and is_the_same(model.pipeline, model.schema, compared)
    about = {"versions": VERSIONS, "optional": model.optional, "taken_apart": apart}
    text = json.dumps(about, indent=2, ensure_ascii=False)
    (folder / "training.json").write_text(text + "\n", encoding="utf-8")
    for name, file in serving_code(scripts).items():
        target = folder / "code" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def serving_code(scripts: Path) -> dict[str, Path]:
    """{name in the archive's `code/`: file} of what serves a model: inference.py, its modules, this package."""
    package = Path(__file__).parent
    library = [package.parent / "__init__.py", *sorted(package.glob("*.py"))]
    code = {file.relative_to(package.parents[1]).as_posix(): file for file in library}
    # In a container, the scripts' folder contains this package too, with the parts that no model needs.
    library_here = {f"{package.parent.name}/{name}" for name in files_below(package.parent)}
    own = {name: file for name, file in files_below(scripts).items() if name not in library_here}
    return StepCode(own).of(SERVING) | code


def gaps(schema: Schema, train: pd.DataFrame) -> tuple[str, ...]:
    """The features with missing values in `train`, which a request may therefore leave out."""
    missing = schema.frame(train).isna().any()
    return tuple(missing.index[missing])


def load_model(folder: Path) -> Model:
    """The model in `folder`, which contains model.tar.gz or its content.

    Raises StepError if something is missing, or was made with incompatible versions.
    """
    if (folder / "model.tar.gz").is_file():
        with tempfile.TemporaryDirectory() as unpacked:
            unpack(folder / "model.tar.gz", Path(unpacked))
            if missing := [name for name in FILES if not Path(unpacked, name).is_file()]:
                raise StepError(f"{folder / 'model.tar.gz'} lacks {listed(missing)}; train the model again")
            return load_model(Path(unpacked))
    missing = [name for name in FILES if not (folder / name).is_file()]
    if len(missing) == len(FILES):
        raise StepError(f"{folder} has neither model.tar.gz nor model.joblib; give the model folder of training.py")
    if missing:
        raise StepError(f"{folder} lacks {listed(missing)}; train the model again")
    try:
        training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
        versions, optional = training["versions"], tuple(training["optional"])
        check_versions(versions)
        apart = training.get("taken_apart") is True and versions["scikit-learn"] == sklearn.__version__
        schema = Schema.load(folder)
    except StepError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StepError(f"{folder} has a damaged training.json or schema.json; train the model again") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)  # for example 1.9.1 reading 1.9.0
            pipeline = joblib.load(folder / "model.joblib")
    except (EOFError, pickle.UnpicklingError, zlib.error, ValueError, KeyError, IndexError) as error:
        raise StepError(f"{folder / 'model.joblib'} cannot be read ({error}); train the model again") from error
    return Model(pipeline, schema, optional, take_apart(pipeline, schema) if apart else None)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack into the folder and nowhere else. Raises StepError if a member leads outside or it is not an archive."""
    try:
        with tarfile.open(archive) as tar:
            if hasattr(tarfile, "data_filter"):  # since Python 3.11.4
                tar.extractall(folder, filter="data")
            else:
                for member in tar.getmembers():
                    path = PurePosixPath(member.name)
                    if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
                        raise tarfile.TarError(f"'{member.name}' is not a file or folder inside it")
                tar.extractall(folder)
            while tar.fileobj is not None and tar.fileobj.read(1 << 20):
                pass  # the checksum is at the end
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise StepError(f"{archive} cannot be unpacked ({error}); train the model again") from error


def check_versions(trained: dict[str, str]) -> None:
    """Raise StepError if a model trained with the versions `trained` cannot be trusted with those installed here."""
    for name, digits in DIGITS.items():
        if trained[name].split(".")[:digits] != VERSIONS[name].split(".")[:digits]:
            raise StepError(
                f"the model was trained with {name} {trained[name]}, but this is {name} {VERSIONS[name]}; "
                "serve it with the image that trained it, or train it again"
            )
