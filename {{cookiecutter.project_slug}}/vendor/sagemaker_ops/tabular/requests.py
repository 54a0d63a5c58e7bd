"""Requests to a served model: reading the rows, predicting each, and the answer; CSV, JSON or JSON Lines.

    POST text/csv                rows with a header, columns in any order; or without one, in the order of schema.json
    POST application/json        [{"month": 1, …}, …], or {"columns": ["month", …], "data": [[1, …], …]}
    POST application/jsonlines   {"month": 1, …}, one per line
    answer                       label and probabilities, or value; a CSV answer has a header if the request had one
    answer 400                   what is wrong with the request, one sentence per line

The first row of CSV is a header if it contains a feature's name, or all of them if names are numbers, unless
`text/csv; header=absent` (or `present`) says otherwise. The target and other columns are allowed and ignored; a column
that had gaps in training may be left out. CSV has commas; in texts, numbers, dates and missing values are written as
in the table that the model was trained with (Schema.notation).
"""

from __future__ import annotations

import csv
import io
import json
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular.errors import StepError, listed
from sagemaker_ops.tabular.estimator import predict
from sagemaker_ops.tabular.fast_values import UnsureError
from sagemaker_ops.tabular.model_archive import Model
from sagemaker_ops.tabular.schema import Schema

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
TYPES = f"{CSV}, {JSON} or {JSON_LINES}"
HEADER = {"present": True, "absent": False}


@dataclass(frozen=True)
class Rows:
    """The values of each row, in the order of `names`. named: whether these are names; None: the first row may be."""

    names: list[Any]
    values: list[list[Any]]
    named: bool | None

    @property
    def table(self) -> pd.DataFrame:
        """The rows as a table of objects."""
        return pd.DataFrame(self.values, columns=self.names, dtype=object)


@dataclass(frozen=True)
class Prediction:
    """One answer per row, a label or a value, and its probability of each class; header: whether CSV has names."""

    name: str
    answers: list[Any]
    classes: list[str]
    probabilities: list[list[float]]
    header: bool


def refuse(error: StepError) -> Any:
    """Answer 400 in the way that the surrounding server expects; without a server, raise the error.

    AWS's image serves one model with Flask (sagemaker-containers), which turns any error into a 500, so it gets a
    response; and several models with sagemaker-inference, which needs its own kind of error.
    """
    flask, toolkit = sys.modules.get("flask"), sys.modules.get("sagemaker_inference.errors")
    if flask and flask.has_request_context():
        return flask.Response(f"{error}\n", 400, mimetype="text/plain")
    if toolkit:
        raise toolkit.GenericInferenceToolkitError(400, str(error)) from None
    raise error


def read_request(body: str | bytes, content_type: str | None) -> Rows:
    """The rows of a request. Raises StepError if they cannot be read."""
    kind, parameters = _media_type(content_type)
    if kind not in (CSV, JSON, JSON_LINES):
        raise StepError(f"content type '{content_type or ''}' is not supported; send {TYPES}")
    try:
        text = body.decode("utf-8") if isinstance(body, bytes | bytearray) else body or ""
        if text is body and "\ufffd" in text:  # the server's replacement for what it could not decode
            raise UnicodeError
    except UnicodeError:
        raise StepError("the request is not UTF-8 text; send it in that encoding") from None
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise StepError("the request is empty; send rows as CSV or JSON")
    if kind == CSV:
        return _csv_rows(text, HEADER.get(parameters.get("header", "")))
    return _records(_lines(text)) if kind == JSON_LINES else _json_rows(text)


def predict_rows(rows: Rows, model: Model) -> Prediction:
    """One answer per row. Raises StepError for rows that do not fit the model."""
    schema = model.schema
    rows = rows if rows.named else _name_columns(rows, schema)
    if not rows.values:
        raise StepError("the request has a header but no rows")
    predicted = _predict(rows, model)
    if schema.problem == "regression":
        return Prediction("value", predicted.tolist(), [], [], bool(rows.named))
    labels = [schema.classes[number] for number in predicted.argmax(axis=1)]
    return Prediction("label", labels, [str(label) for label in schema.classes], predicted.tolist(), bool(rows.named))


def _predict(rows: Rows, model: Model) -> npt.NDArray[np.float64]:
    """As `estimator.predict`: by the model taken apart, if it can read these rows, or by the pipeline."""
    if model.fast is not None:
        columns = dict(zip(rows.names, zip(*rows.values, strict=True), strict=True))
        if missing := [name for name in model.schema.names if name not in columns and name in model.optional]:
            columns |= dict.fromkeys(missing, (None,) * len(rows.values))
        with suppress(UnsureError, KeyError):  # a column is missing: the schema says which
            return model.fast.predict_values([columns[name] for name in model.schema.names])
    table = rows.table
    for name in model.optional:
        if name not in table:
            table[name] = None
    return predict(model.pipeline, model.schema.frame(table))


def write_answer(prediction: Prediction, accept: str | None) -> tuple[str, str]:
    """The answer and its content type: CSV or JSON Lines if requested, otherwise JSON."""
    wanted = {_media_type(kind)[0] for kind in (accept or "").split(",")}
    if CSV in wanted:
        return _csv(prediction), CSV
    if not wanted & {JSON, JSON_LINES, "*/*", "application/*", ""}:
        raise StepError(f"accept '{accept}' is not supported; request {TYPES}")
    records: list[dict[str, Any]] = [{prediction.name: answer} for answer in prediction.answers]
    for record, probabilities in zip(records, prediction.probabilities, strict=False):  # a regression has none
        record["probabilities"] = dict(zip(prediction.classes, probabilities, strict=True))
    if JSON_LINES in wanted:
        return "".join(_write(record) + "\n" for record in records), JSON_LINES
    return _write({"predictions": records}), JSON


def _csv(prediction: Prediction) -> str:
    names = [prediction.name, *(f"probability_{label}" for label in prediction.classes)]
    columns = zip(*prediction.probabilities, strict=True)
    writer = csv.writer(file := io.StringIO(), lineterminator="\n")
    writer.writerows([names] * prediction.header)
    writer.writerows(zip(prediction.answers, *columns, strict=True))
    return file.getvalue()


def _media_type(text: str | None) -> tuple[str, dict[str, str]]:
    """`text/csv; charset=utf-8; header=present` as ("text/csv", {"charset": "utf-8", "header": "present"})."""
    kind, *parameters = (part.strip().lower() for part in (text or "").split(";"))
    return kind, {name.strip(): value.strip(' "') for name, _, value in (pair.partition("=") for pair in parameters)}


def _csv_rows(text: str, header: bool | None) -> Rows:
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error as error:
        raise StepError(f"the CSV cannot be read: {error}") from None
    uneven = next((number for number, row in enumerate(rows) if len(row) != len(rows[0])), None)
    if uneven is not None:
        raise StepError(f"row {uneven + 1} has {len(rows[uneven])} values, but the first has {len(rows[0])}")
    return _named_by_first_row(rows) if header else Rows([], rows, named=header)


def _json_rows(text: str) -> Rows:
    try:
        content = _parse(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise StepError(f"the JSON cannot be read: {error}") from None
    if isinstance(content, dict) and {"columns", "data"} <= content.keys():
        columns, rows = content["columns"], content["data"]
        if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
            raise StepError("'columns' must be a list of names")
        if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
            raise StepError(f"each row of 'data' must be a list of {len(columns)} values, one for each of 'columns'")
        return _plain(columns, rows)
    return _records(content if isinstance(content, list) else [content])


def _lines(text: str) -> list[Any]:
    records = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                records.append(_parse(line))
            except (json.JSONDecodeError, RecursionError) as error:
                raise StepError(f"line {number} is not JSON: {error}") from None
    return records


def _whole(digits: str) -> int | float:
    # An identifier may have many digits; Python refuses to convert thousands of them.
    return int(digits) if len(digits) < 1000 else float(digits)


_parse = json.JSONDecoder(parse_int=_whole).decode
_write = json.JSONEncoder(allow_nan=False).encode


def _records(records: list[Any]) -> Rows:
    if set(map(type, records)) != {dict}:
        raise StepError('JSON must be records, [{"column": value}, …], or {"columns": […], "data": [[…], …]}')
    columns = list(dict.fromkeys(name for record in records for name in record))
    return _plain(columns, [list(map(record.get, columns)) for record in records])


def _plain(columns: list[str], rows: list[list[Any]]) -> Rows:
    values = zip(columns, zip(*rows, strict=True), strict=False)
    if nested := [name for name, each in values if {dict, list} & set(map(type, each))]:
        raise StepError(f"{listed(sorted(set(nested)))} must contain single values, not lists or objects")
    return _named(columns, rows)


def _name_columns(rows: Rows, schema: Schema) -> Rows:
    """CSV rows with names: from the first row if it is a header, otherwise by position."""
    names, first = set(schema.names), set(rows.values[0])
    if rows.named is None and (names <= first or not all(map(_is_number, first & names))):
        return _named_by_first_row(rows.values)
    if len(rows.values[0]) != len(schema.names):
        raise StepError(
            f"a row has {len(rows.values[0])} values, but the model needs {len(schema.names)}: "
            f"{', '.join(schema.names)}; send these in order, or add a header"
        )
    return Rows(schema.names, rows.values, named=False)


def _is_number(text: str) -> bool:
    return bool(pd.notna(pd.to_numeric(text, errors="coerce")))


def _named_by_first_row(rows: list[list[Any]]) -> Rows:
    return _named(rows[0], rows[1:])


def _named(names: list[str], rows: list[list[Any]]) -> Rows:
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise StepError(f"the request names {listed(twice)} more than once")
    return Rows(names, rows, named=True)
