"""The distribution of a column, as a baseline keeps it: bins with their shares, and points of the cumulative shares.

Bins hold numbers from one edge (exclusive) to the next (inclusive); the first and the last one have no end. The edges
are the deciles, so that each bin has about a tenth of the rows. A value that takes more than one of them gets a bin to
itself. Dates are days since 1970. Categories and booleans have a bin for each of the most frequent values, and one for
all others. Missing values are in no bin: their share is compared by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular.dates import days
from sagemaker_ops.tabular.schema import Kind

BINS = 10
POINTS = 100  # of the cumulative shares: the KS statistic is exact up to 1 / POINTS
CATEGORIES = 20  # with a bin of their own
KNOWN = 1000  # categories whose names are kept, to notice new ones
DIGITS = 9  # of a share
OTHER = "(others)"
BOOLEANS = {1.0: "true", 0.0: "false"}
Floats = npt.NDArray[np.float64]


def has_bins_of_numbers(kind: Kind) -> bool:
    """Whether the values of a column of this kind are ordered."""
    return kind in ("numeric", "date")


def known_values(column: pd.Series, kind: Kind) -> pd.Series:
    """The values of a column of `Schema.frame` that are not missing: float64, or text."""
    known = column.dropna()
    if kind == "date":
        return days(known).astype(float)
    return known.map(BOOLEANS) if kind == "boolean" else known


def describe_column(column: pd.Series, kind: Kind) -> dict[str, Any]:
    """The baseline of a column of `Schema.frame`: its kind, the share of missing values, and its distribution."""
    known = known_values(column, kind)
    missing = _rounded(1 - len(known) / len(column)) if len(column) else 0.0
    found = describe_numbers(known.to_numpy(float)) if has_bins_of_numbers(kind) else describe_categories(known)
    return {"kind": kind, "missing": missing, **found}


def describe_numbers(values: Floats) -> dict[str, Any]:
    """Bins of numbers, (rows,), with the share of each, and `points` with the shares below and up to each of them."""
    rows = len(values)
    if not rows:
        return {"rows": 0, "edges": [], "shares": [], "points": [], "below": [], "up_to": []}
    ordered = np.sort(values)
    edges = _edges(ordered)
    ranks = np.unique(np.ceil(np.linspace(0, rows, POINTS + 1)).astype(int).clip(1)) - 1
    points = np.unique(ordered)
    points = points if len(points) <= POINTS else np.unique(ordered[ranks])
    below, up_to = cumulative(ordered, points)
    return {
        "rows": rows,
        "edges": edges.tolist(),
        "shares": _shares(count_numbers(ordered, edges), rows),
        "points": points.tolist(),
        "below": [_rounded(each) for each in below],
        "up_to": [_rounded(each) for each in up_to],
    }


def describe_categories(values: pd.Series) -> dict[str, Any]:
    """The most frequent texts with their shares, the share of all others, and the names of up to KNOWN of them."""
    counts = values.value_counts()
    counts = counts.iloc[np.lexsort((counts.index.astype(str), -counts.to_numpy()))]  # the same in every run
    names = [str(name) for name in counts.index[:KNOWN]]
    found = {"rows": len(values), "categories": names[:CATEGORIES], "known": names}
    return found | {"shares": _shares(count_categories(values, names[:CATEGORIES]), len(values))}


def cumulative(ordered: Floats, points: Floats) -> Floats:
    """The shares of sorted values below each of `points`, and up to each of them, (2, points)."""
    below, up_to = np.searchsorted(ordered, points, "left"), np.searchsorted(ordered, points, "right")
    return np.stack([below, up_to]) / len(ordered)


def count_numbers(values: Floats, edges: Floats) -> npt.NDArray[np.int64]:
    """How many of `values` are in each bin, (edges + 1,)."""
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)


def count_categories(values: pd.Series, categories: list[str]) -> npt.NDArray[np.int64]:
    """How many of `values` are each of `categories`, and last all others, (categories + 1,)."""
    counts = values.value_counts().reindex(categories, fill_value=0).to_numpy(np.int64)
    return np.append(counts, len(values) - counts.sum())


def share_of_new(values: pd.Series, known: list[str]) -> float:
    """The share of texts that are not `known`."""
    return _rounded(float((~values.isin(known)).mean())) if len(values) else 0.0


def bin_names(found: dict[str, Any]) -> list[str]:
    """What each bin of a described column holds, in words; of dates, only where it ends."""
    if "edges" not in found:
        return [*found["categories"], OTHER]
    edges = np.array(found["edges"], dtype=np.float64)
    if not len(edges):
        return ["all"]
    is_date = found.get("kind") == "date"
    shown = _dates(edges) if is_date else _numbers(edges)
    single = np.append(False, edges[:-1] == np.nextafter(edges[1:], -np.inf))  # bins of one value
    names = [f"below {shown[1]}" if single[1:2].any() else f"up to {shown[0]}"]
    for number in range(1, len(edges)):
        range_ = f"to {shown[number]}" if is_date else f"{shown[number - 1]} to {shown[number]}"
        names.append(shown[number] if single[number] else range_)
    return [*names, f"{'after' if is_date else 'above'} {shown[-1]}"]


def _edges(ordered: Floats) -> Floats:
    """The deciles, each an actual value. One that occurs twice, or is the smallest value, also gets a bin's start."""
    deciles = np.quantile(ordered, np.arange(1, BINS) / BINS, method="inverted_cdf")
    edges, times = np.unique(deciles, return_counts=True)
    heavy = edges[(times > 1) | (edges == ordered[0])]
    return np.unique(np.concatenate([edges, np.nextafter(heavy, -np.inf)]))


def _dates(edges: Floats) -> list[str]:
    """Days since 1970 as dates, with the time if some would be the same day."""
    moments = [pd.Timestamp(0) + pd.Timedelta(each, "D") for each in edges]
    days_alone = [f"{each:%Y-%m-%d}" for each in moments]
    return days_alone if len({*days_alone}) == len(edges) else [f"{each:%Y-%m-%d %H:%M}" for each in moments]


def _numbers(edges: Floats) -> list[str]:
    """With as few digits as keep them apart, at least three and those before the point."""
    different = len(np.unique(edges.astype(np.float32)))  # not those of a bin of one value
    before = int(np.log10(max(np.abs(edges).max(), 1))) + 1
    shown: list[str] = []
    for digits in range(max(3, min(before, 12)), 13):
        shown = [f"{each:.{digits}g}" for each in edges]
        if len({*shown}) >= different:
            break
    return shown


def _shares(counts: npt.NDArray[np.int64], rows: int) -> list[float]:
    return [_rounded(each) for each in counts / max(rows, 1)]


def _rounded(share: float) -> float:
    return round(float(share), DIGITS)
