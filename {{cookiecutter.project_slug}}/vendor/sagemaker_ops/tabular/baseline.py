"""baseline.json in the model archive: what the data and the predictions were like when the model was trained.

The columns are those of the train part, because the model has learned from them. Predictions, their metrics and the
share of categories that train does not have are those of the validation part, whose rows the model has not learned.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sagemaker_ops.tabular.distributions import (
    Floats,
    describe_column,
    describe_numbers,
    has_bins_of_numbers,
    known_values,
    share_of_new,
)
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.estimator import predict, row_weights
from sagemaker_ops.tabular.metrics import NO_METRICS, Metrics, measure
from sagemaker_ops.tabular.model_archive import VERSIONS, Model, unpack
from sagemaker_ops.tabular.schema import Feature, Schema

FILE = "baseline.json"
FORMAT = 1
AGAIN = "train the model again with a training.py that calls write_baseline"


@dataclass(frozen=True)
class Baseline:
    """The schema of a model, the content of its baseline.json, and the columns that a table may lack."""

    schema: Schema
    content: dict[str, Any]
    optional: tuple[str, ...] = ()

    @property
    def columns(self) -> dict[str, dict[str, Any]]:
        """{feature: its kind, share of missing values and distribution}; see distributions.py."""
        return dict(self.content["columns"])

    @property
    def rows(self) -> int:
        """Of train."""
        return int(self.content["rows"]["train"])

    @property
    def unseen_rows(self) -> int:
        """Of validation."""
        return int(self.content["rows"]["validation"])


def write_baseline(
    model: Model, train: pd.DataFrame, validation: pd.DataFrame, folder: Path, own: Metrics = NO_METRICS
) -> None:
    """Write baseline.json to the model folder; own: your own metrics by name."""
    schema = model.schema
    columns = {}
    for feature in schema.features:  # one after the other, because a large table does not fit twice
        seen = _column(schema, feature, train)
        columns[feature.name] = describe_column(seen, feature.kind)
        if not has_bins_of_numbers(feature.kind):
            unseen = known_values(_column(schema, feature, validation), feature.kind)
            columns[feature.name]["new"] = share_of_new(unseen, columns[feature.name]["known"])
    prediction = predict(model.pipeline, schema.frame(validation))
    scores = measure(schema.truth(validation), prediction, row_weights(schema, validation)[None], own)
    content = {
        "format": FORMAT,
        "versions": VERSIONS,
        "rows": {"train": len(train), "validation": len(validation)},
        "columns": columns,
        "predictions": {name: describe_numbers(values) for name, values in named_scores(prediction, schema).items()},
        "metrics": {name: float(value[0]) for name, value in scores.items() if np.isfinite(value[0])},
    }
    text = json.dumps(content, allow_nan=False, ensure_ascii=False)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def read_baseline(folder: Path) -> Baseline:
    """The baseline in `folder`, which contains model.tar.gz or its content. StepError if there is none to read."""
    if (folder / "model.tar.gz").is_file():
        with tempfile.TemporaryDirectory() as unpacked:
            unpack(folder / "model.tar.gz", Path(unpacked))
            return _read(Path(unpacked), folder / "model.tar.gz")
    return _read(folder, folder)


def named_scores(prediction: Floats, schema: Schema) -> dict[str, Floats]:
    """{class or `value`: its probability, or the predicted number, (rows,)}; of two classes only the positive one."""
    if prediction.ndim == 1:
        return {"value": prediction}
    names = [str(label) for label in schema.classes]
    first = 1 if len(names) == 2 else 0
    return {name: prediction[:, number] for number, name in enumerate(names) if number >= first}


def _column(schema: Schema, feature: Feature, table: pd.DataFrame) -> pd.Series:
    return replace(schema, features=(feature,)).frame(table)[feature.name]


def _read(folder: Path, shown: Path) -> Baseline:
    """shown: how a sentence calls the folder."""
    if not (folder / FILE).is_file():
        raise StepError(f"{shown} has no {FILE}, which monitoring compares new data with; {AGAIN}")
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise StepError(f"the {FILE} of {shown} is of another version of this library; {AGAIN}")
        schema = Schema.load(folder)
        training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
        found = Baseline(schema, content, tuple(training["optional"]))
        lacking = [feature.name for feature in schema.features if feature.name not in found.columns]
        if lacking or not found.rows or not found.unseen_rows or not content["predictions"]:
            raise ValueError(f"it lacks {lacking}")
    except StepError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise StepError(f"the {FILE} or the schema.json of {shown} is damaged; {AGAIN}") from error
    return found
