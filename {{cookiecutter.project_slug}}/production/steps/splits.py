"""Which row goes into which part: train, validation or test.

Every split gives each row a position from 0 to 1 and cuts there: the first rows are train, the last ones test.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd

from errors import StepError

Split = Literal["random", "group", "time"]
SPLITS: tuple[Split, ...] = get_args(Split)
PARTS = ("train", "validation", "test")


def split_table(
    table: pd.DataFrame, split: Split, column: str | None, validation_share: float, test_share: float
) -> dict[str, pd.DataFrame]:
    """The parts of `table` by name.

    random: by a hash of the whole row, so that a row keeps its part when others join it, and copies stay together;
    group: by a hash of `column`, so that no group is in two parts; time: by the order of `column`, the newest in test,
    rows of the same moment together.
    """
    if split == "time":
        moments = times(table[str(column)])
        position = ((moments.rank(method="min") - 1) / len(moments)).to_numpy()
    else:
        position = _hash(table if split == "random" else table[[column]])
    # Rounded, for 1 - 0.2 - 0.2 is a little more than 0.6.
    cuts = np.round([1 - test_share - validation_share, 1 - test_share], 9)
    part = np.digitize(position, cuts)
    return {name: table[part == number] for number, name in enumerate(PARTS)}


def times(column: pd.Series) -> pd.Series:
    """`column` as something that has an order: numbers and dates as they are, text read as ISO 8601 dates."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    moments = pd.to_datetime(column, format="ISO8601", errors="coerce", utc=True)
    if moments.isna().any():
        example = column[moments.isna()].iloc[0]
        raise StepError(
            f"split column '{column.name}' holds '{example}', which has no place in time; "
            "write numbers or dates such as 2025-12-31"
        )
    return moments


def _hash(table: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A number in [0, 1) for each row, from its values alone, however pandas came to store them."""
    plain = pd.DataFrame({name: _plain(table[name]) for name in table.columns})
    hashed = pd.util.hash_pandas_object(plain, index=False).to_numpy()
    return np.asarray(hashed / 2.0**64)


def _plain(column: pd.Series) -> pd.Series:
    # An integer column turns into floats as soon as one value is missing; its rows must not move for that.
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.astype(float)
    return column.map(str, na_action="ignore").astype(object).fillna("")
