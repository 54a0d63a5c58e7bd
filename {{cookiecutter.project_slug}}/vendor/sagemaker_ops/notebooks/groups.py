"""Groups of rows by the values of a column, and the target in each of them with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular.schema import Problem
from sagemaker_ops.tabular.summary import distinct

GROUPS = 12  # per column, so that months stay months
LEVEL = 0.95  # of the intervals
LONG = np.timedelta64(24, "D")  # a time this long needs no hours
MISSING, OTHER = "(missing)", "(other)"


@dataclass(frozen=True)
class Groups:
    """The group of each row, as a position in `labels`; groups of numbers and dates are in their order."""

    codes: npt.NDArray[np.intp]
    labels: list[str]


def by_group(groups: Groups, answers: pd.DataFrame, problem: Problem, level: float = LEVEL) -> pd.DataFrame:
    """The rows, value and interval of each group and answer, see exploration.target_by_column."""
    rows = np.bincount(groups.codes, minlength=len(groups.labels))
    parts = []
    for name in answers:
        values = answers[name].to_numpy(float)
        mean = np.bincount(groups.codes, values, len(rows)) / np.maximum(rows, 1)
        if problem == "classification":
            low, high = share_interval(mean * rows, rows, level)
        else:
            squares = np.bincount(groups.codes, (values - mean[groups.codes]) ** 2, len(rows))
            low, high = mean_interval(mean, squares, rows, level)
        found = {"group": groups.labels, "class": name, "rows": rows, "value": mean, "low": low, "high": high}
        parts.append(pd.DataFrame(found))
    result = pd.concat(parts, ignore_index=True)
    return result[result["rows"] > 0].reset_index(drop=True)


def share_interval(hits: Any, rows: Any, level: float = LEVEL) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The limits of a share of `hits` in `rows`, by Wilson's score interval.

    It stays within 0 and 1 and holds its level for few rows and for shares near 0 or 1, unlike the normal interval.
    E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927), 209-212.
    """
    hits, rows, z = np.asarray(hits, float), np.asarray(rows, float), _z(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        share, extra = hits / rows, z**2 / rows
        middle = (share + extra / 2) / (1 + extra)
        half = z / (1 + extra) * np.sqrt(share * (1 - share) / rows + extra / (4 * rows))
    # Rounding must not leave a share of 0 or 1 outside its interval.
    return np.clip(np.minimum(middle - half, share), 0, 1), np.clip(np.maximum(middle + half, share), 0, 1)


def mean_interval(
    mean: Any, squares: Any, rows: Any, level: float = LEVEL
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The limits of a mean: as many standard errors around it as the normal distribution has for `level`.

    squares: the sum of squared deviations from the mean. Somewhat too narrow below 30 rows; NaN for one row.
    """
    mean, squares, rows = (np.asarray(each, float) for each in (mean, squares, rows))
    with np.errstate(divide="ignore", invalid="ignore"):
        half = _z(level) * np.sqrt(np.where(rows > 1, squares / (rows - 1) / rows, np.nan))
    return mean - half, mean + half


def explained_share(codes: npt.NDArray[np.intp], values: npt.NDArray[np.float64]) -> float:
    """The share of the variance of `values`, (rows, answers), between groups, without what chance alone explains.

    0: the groups say nothing; 1: they determine the target. This is epsilon squared: T. L. Kelley, An Unbiased
    Correlation Ratio Measure, PNAS 21 (1935), 554-559.
    """
    rows = np.bincount(codes)
    used = int((rows > 0).sum())
    total = float(((values - values.mean(axis=0)) ** 2).sum())
    if total == 0 or used < 2 or len(codes) <= used:
        return 0.0
    within = 0.0
    for one in values.T:
        mean = np.bincount(codes, one) / np.maximum(rows, 1)
        within += float(((one - mean[codes]) ** 2).sum())
    return max(0.0, 1 - within / (len(codes) - used) / (total / (len(codes) - 1)))


def group(column: pd.Series, most: int = GROUPS) -> Groups:
    """At most `most` groups of the values of `column`, and groups for other and for missing values."""
    known = column.notna().to_numpy()
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        codes, labels = _ranges(column[known], most)
    else:
        frequent = column[known].value_counts().index[: most if distinct(column) <= most else most - 1]
        codes = frequent.get_indexer(column[known].to_numpy())
        labels = [str(value) for value in frequent]
        if (codes < 0).any():
            codes, labels = np.where(codes < 0, len(labels), codes), [*labels, OTHER]
    result = np.full(len(column), len(labels), np.intp)
    result[known] = codes
    return Groups(result, labels if known.all() else [*labels, MISSING])


def _ranges(known: pd.Series, most: int) -> tuple[npt.NDArray[np.intp], list[str]]:
    """The range of each number or date; each value is a range if there are at most `most`."""
    values = known.to_numpy()
    ordered = np.unique(values)
    if len(ordered) <= most:
        return np.searchsorted(ordered, values), _texts(ordered)
    ends = np.ceil(np.arange(1, most + 1) / most * len(values)).astype(int) - 1
    upper = np.unique(np.sort(values)[ends])
    codes = np.searchsorted(upper, values)
    lower = [ordered[0], *(ordered[np.searchsorted(ordered, end, "right")] for end in upper[:-1])]
    texts = _texts(np.array([*lower, *upper]))
    pairs = zip(texts[: len(lower)], texts[len(lower) :], strict=True)
    return codes, [low if low == high else f"{low} to {high}" for low, high in pairs]


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def _texts(values: npt.NDArray[Any]) -> list[str]:
    """Numbers and dates for labels, no longer than needed to tell them apart."""
    if values.dtype.kind != "M":
        return [f"{value:.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.3g}" for value in values]
    moments = pd.DatetimeIndex(values)
    if (moments == moments.normalize()).all() or np.ptp(values) > LONG:
        return list(moments.strftime("%Y-%m-%d"))
    return list(moments.strftime("%m-%d %H:%M"))
