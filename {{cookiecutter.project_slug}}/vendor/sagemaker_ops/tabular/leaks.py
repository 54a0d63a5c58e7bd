"""Columns that leak the target: each alone predicts it almost perfectly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular.dates import days
from sagemaker_ops.tabular.schema import Schema
from sagemaker_ops.tabular.summary import type_of

LEAK = 0.97  # share of the target that a single column explains
LEAK_ROWS = 50_000  # enough to detect a leak


def leak_warnings(table: pd.DataFrame, train: npt.NDArray[np.intp], schema: Schema) -> list[str]:
    """The columns that leak the target: each alone predicts it almost perfectly."""
    explained = explained_alone(table, train, schema)
    return [
        f"Column '{name}' alone explains {100 * share:.1f} % of '{schema.target}'; if it is known only later, "
        f'write exclude = ["{name}"].'
        for name, share in explained.items()
        if share >= LEAK
    ]


def explained_alone(table: pd.DataFrame, train: npt.NDArray[np.intp], schema: Schema) -> dict[str, float]:
    """{feature: the share of the target that it explains alone, in rows that were not used to learn from}."""
    rows = table.take(train[:: -(-len(train) // LEAK_ROWS)])
    truth = schema.truth(rows)
    answers = truth[:, None] if schema.problem == "regression" else np.eye(len(schema.classes))[truth]
    return {name: _explained(_groups(rows[name]), answers) for name in schema.names}


def _groups(column: pd.Series) -> npt.NDArray[np.intp]:
    """A group for each row: its category, or one of 100 ranges of numbers; missing values are a group too."""
    if type_of(column) in ("boolean", "text"):
        return np.asarray(pd.factorize(column, use_na_sentinel=False)[0])
    numbers = days(column) if type_of(column) == "date" else column.astype(float)
    cuts = np.unique(numbers.quantile(np.linspace(0, 1, 101)[1:-1]).dropna())
    return np.where(numbers.isna(), len(cuts) + 1, np.searchsorted(cuts, numbers))


def _explained(groups: npt.NDArray[np.intp], answers: npt.NDArray[np.float64]) -> float:
    """The share of the variance of `answers` in every second row that the group means of the other rows explain."""
    learn, check = slice(0, None, 2), slice(1, None, 2)
    mean = answers[learn].mean(axis=0)
    rows = np.bincount(groups[learn], minlength=int(np.max(groups)) + 1)
    sums = np.stack([np.bincount(groups[learn], one, len(rows)) for one in (answers[learn] - mean).T], axis=1)
    predicted = mean + (sums / np.maximum(rows, 1)[:, None])[groups[check]]
    variance = ((answers[check] - answers[check].mean(axis=0)) ** 2).sum()
    return float(1 - ((answers[check] - predicted) ** 2).sum() / variance) if variance else 0.0
