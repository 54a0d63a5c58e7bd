"""The dates or numbers that all texts of a column stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sagemaker_ops.tabular.blocks import narrow_numbers
from sagemaker_ops.tabular.dates import to_dates
from sagemaker_ops.tabular.notation import Notation
from sagemaker_ops.tabular.rows import ISO_DATE
from sagemaker_ops.tabular.schema import to_numbers

FIRST = 100  # if one of these is something else, the others need not be read


def values_of(column: pd.Series, notation: Notation, mixed: bool) -> pd.Series:
    """The dates or numbers of a column of text categories if all are; otherwise the column itself.

    Text that Arrow would have read as numbers is text on purpose, unless it was `mixed` with words for a missing value.
    """
    texts = column.cat.categories
    values = dates_of(texts, notation.formats(column.name))
    if values is None and (mixed or notation.may_be_numbers(texts)):
        values = numbers_of(texts, notation)
    if values is None:
        return column
    taken = pd.api.extensions.take(values, column.cat.codes.to_numpy(), allow_fill=True)
    return pd.Series(taken, column.index, name=column.name)


def dates_of(texts: pd.Index, formats: Sequence[str]) -> Any:
    """The array of dates, or None; without formats, all texts must look like 2025-12-31."""
    if not len(texts) or (not formats and not texts[:FIRST].str.match(ISO_DATE).all()):
        return None
    if not formats and not texts.str.match(ISO_DATE).all():
        return None
    for part in (texts[:FIRST], texts):
        dates = to_dates(pd.Series(part), formats)
        if dates.isna().any():
            return None
    return dates.array


def numbers_of(texts: pd.Index, notation: Notation) -> Any:
    """The array of numbers, or None."""
    if not len(texts) or np.isnan(to_numbers(texts[:FIRST], notation)).any():
        return None
    numbers = to_numbers(texts, notation)
    if np.isnan(numbers).any():
        return None
    numbers[np.isin(numbers, notation.numbers)] = np.nan
    whole = (numbers % 1 == 0).all() and (np.abs(numbers) < 2**53).all()  # not with NaN
    return narrow_numbers(numbers.astype("int64") if whole else numbers)
