"""A number for each row, from its values only: the same on every machine and engine, whatever the types and blocks.

All arithmetic uses unsigned 64-bit integers, which wrap around:

    hash of a row   = mix(sum over its columns of mix(bits of the value + text hash of the column's name))
    bits of a value = for a number or a boolean: those of its float64, -0 as 0
                      for a date: its nanoseconds since 1970 in UTC
                      for text: its text hash
    text hash       = SipHash-2-4 of the UTF-8 bytes with pandas' own key (pandas.util.hash_array)
    mix             = the last step of SplitMix64 (Steele, Lea and Flood, 2014)

A missing value, including infinity, adds nothing to the sum. So neither the order of the columns nor the type of a
value matters, and columns can be added one after the other: one that only decides the part of a row need not stay in
memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular.dates import FIRST, LAST

Hashes = npt.NDArray[np.uint64]

FAR_PAST, FAR_FUTURE = FIRST.to_datetime64(), LAST.to_datetime64()
SLICE = 1 << 14  # each value takes eight bytes meanwhile: this many fit into the processor's cache


def row_hash(table: pd.DataFrame, names: Sequence[str], begun: Hashes | None = None) -> Hashes:
    """The hash of each row over these columns of a tidy table; `begun`, changed in place, is the sum over others."""
    total = np.zeros(len(table), np.uint64) if begun is None else begun
    for name in names:
        column = table[name].astype("category") if table[name].dtype == object else table[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            add_texts(total, name, column.cat.codes.to_numpy(), column.cat.categories.to_numpy())
        elif column.dtype == "boolean":
            add_values(total, name, column.to_numpy(dtype=float, na_value=np.nan))
        else:
            add_values(total, name, column.to_numpy())
    for start in range(0, len(total), SLICE):
        _mix(total[start : start + SLICE])
    return total


def add_values(total: Hashes, name: str, values: npt.NDArray[Any]) -> None:
    """Add what a column of numbers, booleans or dates contributes to the hash of each row."""
    salt = _text_hash(name)
    for start in range(0, len(total), SLICE):
        rows = slice(start, start + SLICE)
        if values.dtype.kind == "M":
            bits, known = values[rows].view(np.uint64), (values[rows] > FAR_PAST) & (values[rows] < FAR_FUTURE)
        else:
            numbers = values[rows] + 0.0  # -0 becomes 0
            numbers = numbers.astype(np.float64, copy=False)
            bits, known = numbers.view(np.uint64), np.isfinite(numbers)
        total[rows] += _mix(bits + salt) * known


def add_texts(total: Hashes, name: str, codes: npt.NDArray[Any], texts: npt.NDArray[np.object_]) -> None:
    """The same for a column of text; a code is a position in `texts`, or -1."""
    if len(texts):
        by_code = np.zeros(len(texts) + 1, np.uint64)  # the last for -1
        by_code[:-1] = _mix(pd.util.hash_array(texts, categorize=False) + _text_hash(name)) * (texts != "")
        total += by_code[codes]


@lru_cache
def _text_hash(text: str) -> np.uint64:
    return np.uint64(pd.util.hash_array(np.array([text], dtype=object), categorize=False)[0])


def _mix(numbers: Hashes) -> Hashes:
    """SplitMix64's last step, in place."""
    numbers ^= numbers >> np.uint64(30)
    numbers *= np.uint64(0xBF58476D1CE4E5B9)
    numbers ^= numbers >> np.uint64(27)
    numbers *= np.uint64(0x94D049BB133111EB)
    numbers ^= numbers >> np.uint64(31)
    return numbers
