"""What is in a table: a description of each column, and which of them a model can use."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from schema import Feature, Kind, LeftOut

TOP_VALUES = 10
HISTOGRAM_BINS = 20
FREE_TEXT = 20  # distinct texts that are still categories, however few the rows
KINDS: dict[str, Kind] = {"integer": "numeric", "number": "numeric", "boolean": "boolean", "text": "categorical"}


def describe(column: pd.Series) -> dict[str, Any]:
    """Type, share of missing values and number of distinct ones; of numbers the range and mean, else the top values."""
    known = column.dropna()
    told: dict[str, Any] = {
        "name": column.name,
        "type": type_of(column),
        "missing": round(float(column.isna().mean()), 4),
        "distinct": int(known.nunique()),
    }
    if told["type"] in ("integer", "number") and len(known):
        return told | {
            "min": known.min().item(),
            "max": known.max().item(),
            "mean": float(known.mean() if told["type"] == "integer" else known.astype(float).mean()),
        }
    if told["type"] == "date" and len(known):
        return told | {"min": str(known.min()), "max": str(known.max())}
    counts = known.value_counts()
    counts = counts[counts > 0].head(TOP_VALUES)  # a category may have no row
    return told | {"top": [{"value": plain(value), "rows": int(rows)} for value, rows in counts.items()]}


def describe_target(column: pd.Series, problem: str) -> dict[str, Any]:
    """How the target is distributed: the rows of each class, or quartiles and a histogram."""
    if problem == "classification":
        counts = column.value_counts().sort_index()
        return {"classes": [{"value": plain(value), "rows": int(rows)} for value, rows in counts.items()]}
    rows, edges = np.histogram(column, bins=HISTOGRAM_BINS)
    quartiles = np.quantile(column, [0, 0.25, 0.5, 0.75, 1]).tolist()
    return {
        "mean": float(column.mean()),
        "standard_deviation": float(column.std()),
        "quantiles": dict(zip(["min", "25%", "50%", "75%", "max"], quartiles, strict=True)),
        "histogram": {"edges": edges.tolist(), "rows": rows.tolist()},
    }


def choose_features(
    rows: pd.DataFrame, in_train: npt.NDArray[np.bool_], aside: dict[str, str]
) -> tuple[list[Feature], list[LeftOut]]:
    """The columns that a model can use, judged by train, and those it cannot.

    `aside` names columns that are none of its features, and why; without a reason they are not even spoken of.
    """
    features, left_out = [], []
    for name in rows.columns:
        reason = aside[name] if name in aside else unusable(rows[name][in_train])
        if reason:
            left_out.append(LeftOut(name, reason))
        elif name not in aside:
            features.append(Feature(name, KINDS[type_of(rows[name])]))
    return features, left_out


def unusable(column: pd.Series) -> str:
    """Why a model cannot use `column`, or an empty string."""
    distinct = column.nunique()
    if distinct == 0:
        return "every value is missing"
    if distinct == 1 and column.notna().all():
        return f"every row holds '{column.iloc[0]}'"
    if type_of(column) == "date":
        return "a date; make numbers of it (month, weekday, days since …) to use it"
    if type_of(column) == "text" and distinct > max(FREE_TEXT, column.count() / 2):
        return "text that differs in most rows: an identifier or free text"
    return ""


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
    """`value` as JSON has it."""
    return value.item() if isinstance(value, np.generic) else value
