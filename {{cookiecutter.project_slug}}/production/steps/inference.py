"""Serve the model: the four functions that SageMaker's scikit-learn container calls.

    POST text/csv           rows with a header, columns in any order; or without one, in the order of schema.json
    POST application/json   [{"month": 1, …}, …], or {"columns": ["month", …], "data": [[1, …], …]}
    answer                  label and probabilities, or value; a CSV answer has a header if the request had one

Target and other columns may be there and are passed over.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

from errors import StepError
from model import predict
from schema import Schema

CSV, JSON = "text/csv", "application/json"


@dataclass(frozen=True)
class Model:
    """What model_fn loads and predict_fn uses."""

    pipeline: Any
    schema: Schema


@dataclass(frozen=True)
class Rows:
    """A table, and whether its columns have names (of CSV: its first row may hold them)."""

    table: pd.DataFrame
    named: bool


@dataclass(frozen=True)
class Prediction:
    """A column `label` or `value`; of a classification a column of probabilities per class; are they named in CSV?"""

    answers: pd.DataFrame
    probabilities: pd.DataFrame | None
    header: bool


def model_fn(model_dir: str) -> Model:
    """The model that training.py wrote to `model_dir`."""
    return Model(joblib.load(Path(model_dir) / "model.joblib"), Schema.load(Path(model_dir)))


def input_fn(body: str | bytes, content_type: str) -> Rows:
    """The rows of a request. Raises StepError when they cannot be read."""
    try:
        text = body.decode("utf-8-sig") if isinstance(body, bytes) else body
    except UnicodeDecodeError:
        raise StepError("the request is not UTF-8 text") from None
    if not text.strip():
        raise StepError("the request is empty; send rows as CSV or JSON")
    kind = content_type.split(";")[0].strip().lower()
    if kind == CSV:
        try:
            return Rows(pd.read_csv(io.StringIO(text), header=None, dtype=str), named=False)
        except pd.errors.ParserError as error:
            raise StepError(f"the CSV cannot be read: {' '.join(str(error).split())}") from None
    if kind == JSON:
        return Rows(_json_table(text), named=True)
    raise StepError(f"content type '{content_type}' is not supported; send {CSV} or {JSON}")


def predict_fn(rows: Rows, model: Model) -> Prediction:
    """One answer per row. Raises StepError for rows that do not fit the model."""
    rows = rows if rows.named else _name_columns(rows.table, model.schema)
    if rows.table.empty:
        raise StepError("the request has a header but no rows")
    predicted = predict(model.pipeline, model.schema.frame(rows.table))
    if model.schema.problem == "regression":
        return Prediction(pd.DataFrame({"value": predicted}), None, rows.named)
    classes = model.schema.classes
    labels = pd.DataFrame({"label": [classes[number] for number in predicted.argmax(axis=1)]})
    return Prediction(labels, pd.DataFrame(predicted, columns=[str(label) for label in classes]), rows.named)


def output_fn(prediction: Prediction, accept: str) -> tuple[str, str]:
    """The answer and its content type; JSON unless CSV is asked for."""
    answers, probabilities = prediction.answers, prediction.probabilities
    wanted = {kind.split(";")[0].strip().lower() for kind in accept.split(",")}
    if CSV in wanted:
        if probabilities is not None:
            answers = answers.join(probabilities.add_prefix("probability_"))
        return answers.to_csv(index=False, header=prediction.header, lineterminator="\n"), CSV
    if wanted & {JSON, "*/*", "application/*", ""}:
        records = answers.to_dict("records")
        if probabilities is not None:
            each = probabilities.to_dict("records")
            records = [record | {"probabilities": of} for record, of in zip(records, each, strict=True)]
        return json.dumps({"predictions": records}, allow_nan=False), JSON
    raise StepError(f"accept '{accept}' is not supported; ask for {CSV} or {JSON}")


def _json_table(text: str) -> pd.DataFrame:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise StepError(f"the JSON cannot be read: {error}") from None
    if isinstance(content, dict) and {"columns", "data"} <= content.keys():
        columns, rows = content["columns"], content["data"]
        if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
            raise StepError(f"each row of 'data' must be a list of {len(columns)} values, one for each of 'columns'")
        return pd.DataFrame(rows, columns=columns)
    records = content if isinstance(content, list) else [content]
    if not records or not all(isinstance(record, dict) for record in records):
        raise StepError('JSON must be records, [{"column": value}, …], or {"columns": […], "data": [[…], …]}')
    return pd.DataFrame.from_records(records)


def _name_columns(table: pd.DataFrame, schema: Schema) -> Rows:
    """CSV rows with names: from the first row when that holds any feature's name, else by position."""
    first = table.iloc[0].tolist()
    if set(first) & set(schema.names):
        return Rows(table.iloc[1:].set_axis(first, axis="columns").reset_index(drop=True), named=True)
    if table.shape[1] != len(schema.names):
        raise StepError(
            f"a row has {table.shape[1]} values where the model takes {len(schema.names)}: {', '.join(schema.names)}; "
            "send these in order, or a header"
        )
    return Rows(table.set_axis(schema.names, axis="columns"), named=False)
