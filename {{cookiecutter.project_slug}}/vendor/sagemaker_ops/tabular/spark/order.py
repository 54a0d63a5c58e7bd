"""Exact order statistics and histograms of a column of numbers that is too large to collect."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sagemaker_ops.tabular.spark.inputs import Batches, quoted
from sagemaker_ops.tabular.spark.workers import _pickled

APART = 1e-4  # how far an approximate rank may be off, at first
ACCURACY = 20_000


def at_ranks(frame: Any, column: str, ranks: Sequence[int]) -> list[float]:
    """The values with these ranks, from 0, in a column of numbers without gaps.

    An approximate quantile on either side leaves few values, which are counted.
    """
    from pyspark.sql import functions as f

    name = f.col(quoted(column))
    number = frame.count()
    wanted = dict.fromkeys(ranks)
    apart = APART
    while missing := [rank for rank, value in wanted.items() if value is None]:
        shares = [share for rank in missing for share in (rank / number - apart, rank / number + apart)]
        shares = [min(1.0, max(0.0, share)) for share in shares]
        ends = frame.agg(f.percentile_approx(name, shares, ACCURACY)).first()[0]
        pairs = [(ends[2 * at], ends[2 * at + 1]) for at in range(len(missing))]
        below = frame.agg(*(f.count(f.when(name < low, 1)) for low, _ in pairs)).first()
        inside = f.lit(False)
        for low, high in pairs:
            inside = inside | name.between(low, high)
        found = sorted(tuple(row) for row in frame.where(inside).groupBy(name).count().collect())
        values, counts = np.array([row[0] for row in found]), np.array([row[1] for row in found])
        for rank, (low, high), before in zip(missing, pairs, below, strict=True):
            here = (values >= low) & (values <= high)
            place = np.searchsorted(np.cumsum(counts[here]), rank - before, side="right")
            if rank >= before and place < here.sum():
                wanted[rank] = float(values[here][place])
        apart *= 8
    return [float(wanted[rank] or 0.0) for rank in ranks]


def quantiles(frame: Any, column: str, shares: Sequence[float]) -> list[float]:
    """As numpy.quantile computes them."""
    number = frame.count()
    places = [share * (number - 1) for share in shares]
    ranks = sorted({rank for place in places for rank in (int(place), min(int(place) + 1, number - 1))})
    values = dict(zip(ranks, at_ranks(frame, column, ranks), strict=True))
    found = []
    for place in places:
        low, high, part = values[int(place)], values[min(int(place) + 1, number - 1)], place - int(place)
        found.append(high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part)
    return found


def histogram(frame: Any, column: str, bins: int, low: float, high: float) -> npt.NDArray[np.int64]:
    """The rows in each bin, as numpy.histogram counts them."""
    counted = frame.select(quoted(column)).mapInArrow(_histogram(bins, low, high), "found binary").collect()
    return np.asarray(sum((pickle.loads(row[0]) for row in counted), np.zeros(bins, np.int64)))


def _histogram(bins: int, low: float, high: float) -> Callable[[Batches], Batches]:
    def work(batches: Batches) -> Batches:
        rows = np.zeros(bins, np.int64)
        for batch in batches:
            rows += np.histogram(batch.column(0).to_numpy(zero_copy_only=False), bins, (low, high))[0]
        yield _pickled(rows)

    return work
