"""Step 2: fit the model, and pack it with the code that serves it.

Reads train, validation and schema.json as processing.py wrote them; writes model.joblib, schema.json, training.json and
code/ to the model folder, which SageMaker packs as model.tar.gz. Validation is measured, to compare hyperparameters by,
and tells early stopping when to stop.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from archive import Model, save_model
from errors import exit_code, raise_any
from metrics import measure
from model import HYPERPARAMETERS, fit, make_model, predict, read_hyperparameters, row_weights
from schema import Schema
from tables import read_table

SERVING = tuple(f"{name}.py" for name in ("inference", "archive", "model", "features", "schema", "dates", "errors"))
FAILURE_FILE = "/opt/ml/output/failure"


def train(train_dir: Path, validation_dir: Path, summary_dir: Path, model_dir: Path, given: dict[str, str]) -> None:
    """Fit a model with the hyperparameters `given` as text, and write it to `model_dir`."""
    hyperparameters, findings = read_hyperparameters(given)
    missing = [folder for folder in (train_dir, validation_dir) if not folder.is_dir()]
    findings += [f"{folder} does not exist; give the folder that processing.py wrote" for folder in missing]
    raise_any(findings)

    schema = Schema.load(summary_dir)
    parts = {
        name: read_table(folder, text=schema.texts)
        for name, folder in (("train", train_dir), ("validation", validation_dir))
    }
    model = make_model(schema, hyperparameters)
    fit(model, schema, **parts)
    gaps = schema.frame(parts["train"]).isna().any()
    save_model(Model(model, schema, optional=tuple(gaps.index[gaps])), model_dir)
    (model_dir / "code").mkdir(exist_ok=True)
    for name in SERVING:
        shutil.copy(Path(__file__).with_name(name), model_dir / "code" / name)

    print("hyperparameters:", ", ".join(f"{name}={value}" for name, value in hyperparameters.items()))
    if getattr(model[-1], "early_stopping", False):
        print(f"stopped after {model[-1].n_iter_} of {hyperparameters['max_iter']} iterations")
    for name, part in parts.items():
        # "validation:auc=0.71;" is what the regular expression of a metric definition looks for.
        weights = row_weights(schema, part)[None]
        scores = measure(schema.truth(part), predict(model, schema.frame(part)), weights)
        told = [f"{name}:{metric}={value[0]:.4f};" for metric, value in scores.items() if np.isfinite(value[0])]
        print(f"{name} ({len(part):,} rows)", *told)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    folders = parser.add_argument_group("folders")
    for name, variable, container in (
        ("--train-dir", "SM_CHANNEL_TRAIN", "/opt/ml/input/data/train"),
        ("--validation-dir", "SM_CHANNEL_VALIDATION", "/opt/ml/input/data/validation"),
        ("--summary-dir", "SM_CHANNEL_SUMMARY", "/opt/ml/input/data/summary"),
        ("--model-dir", "SM_MODEL_DIR", "/opt/ml/model"),
    ):
        default = Path(os.environ.get(variable, container))
        folders.add_argument(name, type=Path, metavar="DIR", default=default, help="(default: %(default)s)")
    steering = parser.add_argument_group("hyperparameters")
    for key, known in HYPERPARAMETERS.items():
        told = f"{known.help}; {known.expected} (default: {known.default})"
        steering.add_argument(f"--{key}", metavar="VALUE", help=told)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    given, unknown = parser().parse_known_args(argv)
    hyperparameters = {name: getattr(given, name) for name in HYPERPARAMETERS if getattr(given, name) is not None}
    hyperparameters |= {word.lstrip("-").split("=")[0]: "" for word in unknown if re.match("--?[A-Za-z]", word)}
    return exit_code(
        lambda: train(given.train_dir, given.validation_dir, given.summary_dir, given.model_dir, hyperparameters),
        FAILURE_FILE,
    )


if __name__ == "__main__":
    sys.exit(main())
