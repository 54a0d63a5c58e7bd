"""Whole numbers that a model cannot tell apart, because it computes with float64: they stay text.

Such numbers are usually identifiers, and different ones would silently become the same.
"""

from __future__ import annotations

from decimal import Decimal
from numbers import Integral, Number

import numpy as np
import pandas as pd

from sagemaker_ops.tabular.schema import read_as

EXACT = 2**53  # a float64 stores every whole number up to this one
WHOLE = r"\s*[+-]?\d+\s*"


def plain_numbers(column: pd.Series) -> pd.Series:
    """A column of any kind of numbers as one that NumPy computes with; whole numbers beyond EXACT as text.

    Decimals, and mixtures of numbers and booleans, become float64; a duration becomes its seconds. Any other column is
    returned unchanged.
    """
    kind = column.dtype
    if pd.api.types.is_timedelta64_dtype(kind):
        return column.dt.total_seconds()
    if pd.api.types.is_integer_dtype(kind) and not isinstance(kind, pd.CategoricalDtype):
        known = column.dropna() if column.hasnans else column
        ends = (int(known.min()), int(known.max())) if len(known) else (0, 0)
        return column.astype(object).map(str, na_action="ignore") if _is_beyond(*ends) else column
    if not pd.api.types.is_object_dtype(kind):
        return column
    known = column.dropna()
    types = {type(value) for value in known}
    if types == {bool} or not types or not all(issubclass(kind, Number) for kind in types):
        return column
    if all(issubclass(kind, Integral | Decimal) for kind in types) and _is_beyond(known.min(), known.max()):
        whole = all(value == value.to_integral_value() for value in known if isinstance(value, Decimal))
        return column.map(lambda value: str(int(value)), na_action="ignore") if whole else column.astype(float)
    return column.astype(float)


def numbers_unless_whole(column: pd.Series) -> pd.Series:
    """A column of categories as numbers, if all texts are numbers and some are not whole; otherwise unchanged."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return column
    texts = pd.Series(column.cat.categories, dtype=object)
    if texts.str.fullmatch(WHOLE).all():
        return column
    numbers, wrong = read_as("numeric", texts)
    if wrong.any():
        return column
    return pd.Series(np.append(numbers.to_numpy(), np.nan)[column.cat.codes], column.index, name=column.name)


def numbers_of_whole(column: pd.Series) -> pd.Series:
    """A column of whole numbers that are text because some are beyond EXACT as numbers; any other one unchanged."""
    if not isinstance(column.dtype, pd.CategoricalDtype) or not beyond(column.cat.categories).any():
        return column
    return read_as("numeric", column)[0]


def beyond(texts: pd.Index) -> np.ndarray:
    """Which of these texts are whole numbers beyond EXACT; none if any of them is not a whole number."""
    if not len(texts) or not texts.str.fullmatch(WHOLE).all():
        return np.zeros(len(texts), bool)
    return np.array([_is_beyond(int(text), int(text)) for text in texts])


def _is_beyond(low: Decimal | int, high: Decimal | int) -> bool:
    return bool(low < -EXACT or high > EXACT)
