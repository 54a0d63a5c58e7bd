"""How often each value of a column occurs in each part, and sums of its numbers: counted by workers, added up later.

The rows are counted in four groups: those that cannot be used, and those of train, validation and test. A column with
more than MOST different values is not counted value by value: see distinct.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular.spark.columns import Wrong

MOST = 20_000
GROUPS = 4
USABLE = slice(1, GROUPS)
Rows: TypeAlias = npt.NDArray[np.int64]  # (…, GROUPS)


@dataclass
class Moments:
    """Of some numbers: how many, their mean, and the sum of squares around it (Chan, Golub and LeVeque, 1979)."""

    number: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, numbers: npt.NDArray[np.float64]) -> Moments:
        if not len(numbers):
            return cls()
        mean = float(numbers.mean())
        return cls(len(numbers), mean, float(((numbers - mean) ** 2).sum()))

    def __add__(self, other: Moments) -> Moments:
        number = self.number + other.number
        if not number:
            return self
        apart = other.mean - self.mean
        mean = self.mean + apart * other.number / number
        return Moments(number, mean, self.squares + other.squares + apart**2 * self.number * other.number / number)

    @property
    def deviation(self) -> float:
        return math.sqrt(self.squares / (self.number - 1)) if self.number > 1 else math.nan


def _none() -> Rows:
    return np.zeros(GROUPS, np.int64)


@dataclass
class Counts:
    """One column. known: rows with a value, by group. values: in the order of their first rows, and counts, (values,
    GROUPS); None: too many. low, high: of the usable rows; lowest, highest: of all. moments: by group. far: rows with
    |x| > limit, and the first of these."""

    known: Rows = field(default_factory=_none)
    values: list[Any] | None = field(default_factory=list)
    counts: Rows = field(default_factory=lambda: np.zeros((0, GROUPS), np.int64))
    low: Any = None
    high: Any = None
    lowest: Any = None
    highest: Any = None
    moments: tuple[Moments, ...] = (Moments(),) * GROUPS
    wrong: Wrong = field(default_factory=Wrong)
    far: Wrong = field(default_factory=Wrong)
    first: Any = None
    """The first value of a usable row."""

    def __add__(self, other: Counts) -> Counts:
        values, counts = _merged([(self.values, self.counts), (other.values, other.counts)])
        return Counts(
            self.known + other.known,
            values,
            counts,
            _least(self.low, other.low),
            _most(self.high, other.high),
            _least(self.lowest, other.lowest),
            _most(self.highest, other.highest),
            tuple(a + b for a, b in zip(self.moments, other.moments, strict=True)),
            self.wrong + other.wrong,
            self.far + other.far,
            other.first if self.first is None else self.first,
        )


def added(parts: Sequence[Counts]) -> Counts:
    """The sum of many, in order; adding one by one would sort the values as often."""
    if len(parts) < 3:
        return sum(parts[1:], parts[0])
    half = len(parts) // 2
    return added(parts[:half]) + added(parts[half:])


def counted(column: pd.Series, group: npt.NDArray[np.intp], limit: float, previous: Counts | None) -> Counts:
    """Count a column of a tidy table; group: (rows,). previous: of earlier rows; spares counting too many values."""
    too_many = previous is not None and previous.values is None
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, values = column.cat.codes.to_numpy(), column.cat.categories.to_numpy()
        codes, values = _by_appearance(codes, values)
        known = codes >= 0
    elif column.dtype == "boolean" or column.dtype == bool:
        numbers = column.to_numpy(dtype=float, na_value=np.nan)
        known = ~np.isnan(numbers)
        codes, floats = pd.factorize(numbers)
        values = floats.astype(bool)
    else:
        array = column.to_numpy()
        known = ~(np.isnat(array) if array.dtype.kind == "M" else np.isnan(array))
        codes, values = (None, None) if too_many else pd.factorize(array)
    made = Counts(known=np.bincount(group[known], minlength=GROUPS).astype(np.int64))
    if too_many or len(values) > MOST:
        made.values = None
    else:
        flat = np.bincount(codes[known] * GROUPS + group[known], minlength=len(values) * GROUPS)
        made.values, made.counts = (
            values.tolist() if values.dtype.kind != "M" else list(values),
            flat.reshape(-1, GROUPS).astype(np.int64),
        )
    usable = known & (group > 0)
    if usable.any():
        made.first = column.iloc[int(usable.argmax())]
    if column.dtype != "boolean" and getattr(column.dtype, "kind", "O") in "iufM" and known.any():
        array = column.to_numpy()
        made.lowest, made.highest = array[known].min(), array[known].max()
        if usable.any():
            made.low, made.high = array[usable].min(), array[usable].max()
        if array.dtype.kind != "M":
            numbers = array.astype(float)
            made.moments = tuple(Moments.of(numbers[known & (group == each)]) for each in range(GROUPS))
            if (far := np.abs(numbers) > limit).any():
                made.far = Wrong(0, int(far.sum()), numbers[far][0])
    return made


def _by_appearance(codes: npt.NDArray[Any], values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    found, order = pd.factorize(codes)
    if len(order) and (order < 0).any():
        place = np.cumsum(order >= 0) - 1
        found = np.where(order[found] < 0, -1, place[found])
        order = order[order >= 0]
    return found, values[order]


def _merged(parts: Iterable[tuple[list[Any] | None, Rows]]) -> tuple[list[Any] | None, Rows]:
    every: list[Any] = []
    for values, _ in parts:
        if values is None:
            return None, np.zeros((0, GROUPS), np.int64)
        every += values
    counts = np.concatenate([each for _, each in parts])
    if not every:
        return [], counts
    codes, unique = pd.factorize(np.array(every, dtype=object))
    if len(unique) > MOST:
        return None, np.zeros((0, GROUPS), np.int64)
    total = np.zeros((len(unique), GROUPS), np.int64)
    np.add.at(total, codes, counts)
    return list(unique), total


def _least(one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else min(one, other)


def _most(one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else max(one, other)
