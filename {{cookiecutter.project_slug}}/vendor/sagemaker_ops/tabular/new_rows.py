"""New rows for a model, and its predictions for them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sagemaker_ops.tabular import archived_scores
from sagemaker_ops.tabular.approved_model import NotComparableError, run_archived
from sagemaker_ops.tabular.baseline import Baseline
from sagemaker_ops.tabular.distributions import Floats
from sagemaker_ops.tabular.errors import StepError, did_you_mean, listed, short
from sagemaker_ops.tabular.headers import table_files
from sagemaker_ops.tabular.model_archive import unpack
from sagemaker_ops.tabular.reading import column_names
from sagemaker_ops.tabular.tables import read_table

PROBABILITY, VALUE = "probability_", "value"
"""The columns of a prediction, as inference.py writes them to CSV."""


def read_new_rows(path: Path, baseline: Baseline) -> pd.DataFrame:
    """The rows of the file or folder `path`, written as in the table that the model was trained with.

    Only the columns of the model are read; others are there by name. The identifier of a row stays as it is written.
    StepError as for read_table.
    """
    schema = baseline.schema
    wanted = {*schema.names, schema.target, schema.weight, schema.id}
    others: set[str] = set()
    for file in table_files(path):
        try:
            others |= set(column_names(file, schema.notation)) - wanted
        except (OSError, ValueError, pa.ArrowException):
            break  # read_table says what is wrong
    return read_table(path, others, [*schema.texts, *filter(None, [schema.id])], schema.notation)


def read_predictions(path: Path, baseline: Baseline) -> Floats:
    """The probabilities of each row, (rows, classes), or the predicted numbers, (rows,), in a table of predictions.

    Its columns are `probability_<class>`, or `value`; others do not matter. StepError if they are not there.
    """
    schema = baseline.schema
    names = [f"{PROBABILITY}{label}" for label in schema.classes] or [VALUE]
    table = read_table(path)
    missing = [name for name in names if name not in table]
    if missing:
        raise StepError(f"the predictions in {path} lack the columns {listed(missing)}; give those of this model")
    wrong = [name for name in names if not pd.api.types.is_numeric_dtype(table[name]) or table[name].hasnans]
    if wrong:
        raise StepError(f"the predictions in {path} must have a number in each row of {listed(wrong)}")
    found: Floats = table[names].to_numpy(dtype=np.float64)
    return found if schema.classes else found[:, 0]


def identify(table: pd.DataFrame, baseline: Baseline) -> pd.Series:
    """The identifier of each row, by [data].id; without it `row`, the number of the row from 0.

    StepError if it is missing somewhere, or if two rows have the same.
    """
    name = baseline.schema.id
    if name is None:
        return pd.Series(np.arange(len(table)), name="row")
    if name not in table:
        raise StepError(f"column '{name}', which identifies a row, is missing.{did_you_mean(name, table.columns)}")
    found = table[name].reset_index(drop=True)
    if found.isna().any():
        raise StepError(
            f"column '{name}', which identifies a row, has no value in row {int(found.isna().argmax()) + 1}"
        )
    twice = found.duplicated()
    if twice.any():
        raise StepError(f"column '{name}' has '{short(found[twice].iloc[0])}' in more than one row; remove one of them")
    return found


def save_predictions(prediction: Floats, rows: pd.Series, baseline: Baseline, folder: Path) -> None:
    """Write predictions.parquet: the identifier of each row, as `identify` returns it, and what is predicted.

    A classification has the columns `label` and `probability_<class>`, a regression `value`. StepError if a
    prediction is missing or is no number.
    """
    schema = baseline.schema
    if len(prediction) != len(rows) or not np.isfinite(prediction).all():
        raise StepError("the model has not predicted a number for each row; evaluate it on these rows")
    columns = {str(rows.name): rows}
    if schema.classes:
        labels = np.array(schema.classes, dtype=object)[prediction.argmax(axis=1)]
        columns["label"] = pd.Series(labels).infer_objects()
        columns |= {f"{PROBABILITY}{label}": pd.Series(prediction[:, at]) for at, label in enumerate(schema.classes)}
    else:
        columns[VALUE] = pd.Series(prediction)
    if len(columns) <= max(len(schema.classes) + 1, 1):
        raise StepError(f"column '{rows.name}', which identifies a row, has the name of a prediction; rename it")
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_parquet(folder / "predictions.parquet", index=False)


def predict_new_rows(folder: Path, baseline: Baseline, table: pd.DataFrame) -> Floats | None:
    """What the model in `folder` predicts for the rows; None if the columns do not fit it. StepError as below."""
    rows = table.copy(deep=False)
    for name in baseline.optional:
        if name not in rows:
            rows[name] = None
    try:
        features = baseline.schema.frame(rows)
    except StepError:
        return None  # compare_with_baseline says what is wrong
    return predict_with_archive(folder, features)


def predict_with_archive(folder: Path, features: pd.DataFrame) -> Floats:
    """What the model in `folder` predicts, with the code in its archive, in a process of its own.

    features: of `Schema.frame`. StepError if the model cannot predict them.
    """
    with tempfile.TemporaryDirectory(prefix="scores-") as scratch:
        archive, given, answer = folder.resolve(), Path(scratch, "rows.pickle"), Path(scratch, "answer.npy")
        if (folder / "model.tar.gz").is_file():
            archive = Path(scratch, "model")
            unpack(folder / "model.tar.gz", archive)
        features.reset_index(drop=True).to_pickle(given)
        try:
            run_archived(Path(str(archived_scores.__file__)), archive, Path(scratch), given, answer)
        except NotComparableError as error:
            raise StepError(f"the model in {folder} cannot predict the new rows: {error}") from None
        return np.asarray(np.load(answer), dtype=np.float64)


def read_evaluation(folder: Path) -> dict[str, Any]:
    """The content of evaluation.json in `folder`; empty if there is none to read."""
    try:
        content = json.loads((folder / "evaluation.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
