"""The content of a table: a description of each column, and which of them a model can use."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular.errors import percent, short
from sagemaker_ops.tabular.schema import Feature, Kind, LeftOut

TOP_VALUES = 10
HISTOGRAM_BINS = 20
FREE_TEXT = 20  # this many distinct texts are still categories, however few the rows
PAIRS = 10  # expected pairs of rows with the same number: if there are none, that is no coincidence
ID_WORDS = {"id", "ids", "idx", "index", "key", "pk", "uuid", "guid", "no", "nr", "num", "number"}  # ends of names
YEARS = (1800, 2100)
KINDS: dict[str, Kind] = {
    "integer": "numeric",
    "number": "numeric",
    "boolean": "boolean",
    "date": "date",
    "text": "categorical",
}


def describe(column: pd.Series) -> dict[str, Any]:
    """Type, share of missing values and number of distinct ones; for numbers the range and mean, else the top ones."""
    found: dict[str, Any] = {
        "name": column.name,
        "type": type_of(column),
        "missing": round(float(column.isna().mean()), 4),
        "distinct": distinct(column),
    }
    known = known_of(column)
    if found["type"] in ("integer", "number") and len(known):
        return found | {
            "min": known.min().item(),
            "max": known.max().item(),
            "mean": float(known.mean() if found["type"] == "integer" else known.astype(float).mean()),
        }
    if found["type"] == "date" and len(known):
        return found | {"min": str(known.min()), "max": str(known.max())}
    counts = known.value_counts()
    counts = counts[counts > 0].head(TOP_VALUES)  # a category may have no rows
    return found | {"top": [{"value": plain(value), "rows": int(rows)} for value, rows in counts.items()]}


def describe_target(column: pd.Series, problem: str) -> dict[str, Any]:
    """The distribution of the target: the rows of each class, or quartiles and a histogram."""
    if problem == "classification":
        counts = column.value_counts().sort_index()
        return {"classes": [{"value": plain(value), "rows": int(rows)} for value, rows in counts.items()]}
    rows, edges = np.histogram(column, bins=HISTOGRAM_BINS)
    quartiles = np.quantile(column.to_numpy(copy=True), [0, 0.25, 0.5, 0.75, 1], overwrite_input=True).tolist()
    return {
        "mean": float(column.mean()),
        "standard_deviation": float(column.std()),
        "quantiles": dict(zip(["min", "25%", "50%", "75%", "max"], quartiles, strict=True)),
        "histogram": {"edges": edges.tolist(), "rows": rows.tolist()},
    }


def choose_features(
    rows: pd.DataFrame, train: npt.NDArray[np.intp], aside: dict[str, str]
) -> tuple[list[Feature], list[LeftOut]]:
    """The columns that a model can use, judged by the rows in `train`, and those that it cannot use.

    `aside` names columns that are not features, and why; those without a reason are not mentioned at all.
    """
    features, left_out = [], []
    for name in rows.columns:
        reason = aside[name] if name in aside else unusable(pick(rows[name], train)) or identifier(rows[name])
        if reason:
            left_out.append(LeftOut(name, reason))
        elif name not in aside:
            features.append(Feature(name, KINDS[type_of(rows[name])]))
    return features, left_out


def unusable(column: pd.Series) -> str:
    """Why a model cannot use `column`, or an empty string."""
    known, kind = column.notna().to_numpy(), type_of(column)
    constant = known.all() and (column.head(1000) == column.iloc[0]).all() and (column == column.iloc[0]).all()
    # How many there are matters for text only.
    number = 0 if not known.any() else 1 if constant else distinct(column) if kind == "text" else 2
    return unusable_by(kind, number, int(known.sum()), len(column), next(iter(column), None))


def unusable_by(kind: str, number: int, known: int, rows: int, first: Any) -> str:
    """The same for a column with `number` different values in `known` of its rows."""
    if number == 0:
        return "every value is missing"
    if number == 1 and known == rows:
        return f"every row has the value '{short(first)}'"
    if kind == "text" and number > max(FREE_TEXT, known / 2):
        return f"text that differs in {percent(number / known)} of its rows: an identifier or free text"
    return ""


def identifier(column: pd.Series) -> str:
    """Why whole numbers are an identifier and not a measure, or an empty string.

    They differ in every row, and either the name says so, or they are too close together for a measure, in which some
    would occur twice. Consecutive years also differ in every row, but are a measure.
    """
    if not is_unique_integer(column):
        return ""
    return identifier_by(str(column.name), int(column.min()), int(column.max()), len(column))


def identifier_by(name: str, low: int, high: int, rows: int) -> str:
    """The same for a column of different whole numbers from `low` to `high`."""
    words = re.findall("[A-Z]?[a-z]+|[A-Z]+", name) or [""]
    if words[-1].lower() in ID_WORDS:
        evidence = "by its name"
    elif rows**2 / (2 * (high - low + 1)) >= PAIRS and not (YEARS[0] <= low and high <= YEARS[1]):
        evidence = f"{rows:,} of the whole numbers from {low} to {high}"
    else:
        return ""
    return f'an identifier, {evidence}, different in every row; to keep it, write "{name}" = "number" in schema.toml'


def is_unique_integer(column: pd.Series) -> bool:
    """Whether `column` has a different whole number in every row."""
    # For most columns, the first rows already decide it, at no cost.
    return type_of(column) == "integer" and column.head(1000).is_unique and distinct(column) == len(column)


def pick(column: pd.Series, rows: npt.NDArray[np.intp]) -> pd.Series:
    """The values of `column` in these rows, renumbered: an index would take more memory than the values."""
    return pd.Series(column.array.take(rows), name=column.name, copy=False)


def known_of(column: pd.Series) -> pd.Series:
    """The values of `column` that are not missing, renumbered."""
    if not column.hasnans:
        return column
    return pd.Series(column.array[column.notna().to_numpy()], name=column.name, copy=False)


def distinct(column: pd.Series) -> int:
    """The number of distinct values."""
    values = column.to_numpy() if isinstance(column.dtype, np.dtype) else np.empty(0, bool)
    if values.dtype.kind not in "iufM" or values.dtype.itemsize < 4:
        return int(column.nunique())
    # NumPy sorts many different values in a fraction of the time, and of the memory, that a hash table takes.
    ordered = np.sort(values.view(np.int64) if values.dtype.kind == "M" else values)
    missing = int(column.isna().sum()) if column.hasnans else 0  # NaT is the first one, NaN the last
    ordered = ordered[missing:] if values.dtype.kind == "M" else ordered[: len(ordered) - missing]
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + bool(len(ordered))


def type_of(column: pd.Series) -> str:
    """integer, number, boolean, date or text, for a column of a tidy table."""
    if pd.api.types.is_bool_dtype(column):
        return "boolean"
    if pd.api.types.is_numeric_dtype(column):
        return "integer" if column.dtype.kind in "iu" else "number"
    if pd.api.types.is_datetime64_any_dtype(column):
        return "date"
    return "text"


def plain(value: Any) -> Any:
    """`value` as a JSON type."""
    return value.item() if isinstance(value, np.generic) else value
