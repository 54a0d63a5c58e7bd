"""The values of a request as numbers for a model, without pandas.

Each function converts the values of one feature as Schema.frame and the fitted encoders do. It knows the usual ways to
write a value; UnsureError is raised for all others, right or wrong, and then Schema.frame decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from math import inf, nan
from typing import Any

from sagemaker_ops.tabular.dates import YEARS
from sagemaker_ops.tabular.notation import Notation
from sagemaker_ops.tabular.schema import BOOLEANS, MISSING, Feature, Schema

Convert = Callable[[Sequence[Any]], list[list[float]]]
"""The values of a feature as the numbers of each of its columns."""
Codes = Mapping[str, float]
NUMBER = re.compile(r"0|-?[1-9][0-9]{0,14}|-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MOMENT = re.compile(rf"{DAY.pattern}[T ][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}")
EXACT = 2**53
_FIRST_DAY = date(1970, 1, 1).toordinal()


class UnsureError(Exception):
    """Only the fitted pipeline itself can deal with this value, or this model."""


def gaps_of(feature: Feature, schema: Schema) -> frozenset[str]:
    """The texts that mean no value in this column."""
    words = schema.words if feature.kind == "categorical" else ()
    return frozenset([*(text for text in MISSING if text not in words), *schema.notation.missing, ""])


def numbers(gaps: Collection[str], notation: Notation) -> Convert:
    """Numbers; NaN for an infinite one, and for one that means no value."""
    nothing = {*notation.numbers, inf, -inf}
    plain = notation.is_standard

    def convert(values: Sequence[Any]) -> list[list[float]]:
        found: list[float] = []
        for value in values:
            kind = type(value)
            if kind is str and value not in gaps:
                if not plain or not NUMBER.fullmatch(value):
                    raise UnsureError
                value = float(value)
            elif value is None or kind is str:
                value = nan
            elif kind is int and -EXACT <= value <= EXACT:
                value = float(value)
            elif kind is not float:
                raise UnsureError
            found.append(nan if value in nothing else value)
        return [found]

    return convert


def flags(gaps: Collection[str]) -> Convert:
    """1 for true, 0 for false."""

    def convert(values: Sequence[Any]) -> list[list[float]]:
        found: list[float] = []
        for value in values:
            if value is None or value in gaps:
                found.append(nan)
            elif (known := BOOLEANS.get(str(value).lower())) is not None:
                found.append(known)
            else:
                raise UnsureError
        return [found]

    return convert


def categories(codes: Sequence[tuple[Codes, float]]) -> Convert:
    """The codes of categories. codes: ({category: code}, the code of other categories); gaps are in the table."""

    def convert(values: Sequence[Any]) -> list[list[float]]:
        texts = [value if type(value) is str else written(value) for value in values]
        return [[table.get(text, other) for text in texts] for table, other in codes]

    return convert


def written(value: object) -> str:
    """A value of JSON as the text of a category."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return str(value)


def dates(gaps: Collection[str], formats: Sequence[str]) -> Convert:
    """The numbers of `dates.date_numbers`."""

    def one(value: Any) -> tuple[float, ...]:
        if value is None or value in gaps:
            return nan, nan, nan, nan
        if type(value) is not str or formats or not (DAY.fullmatch(value) or MOMENT.fullmatch(value)):
            raise UnsureError
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise UnsureError from None
        if not YEARS[0] <= moment.year <= YEARS[1]:
            raise UnsureError
        seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
        # Nanoseconds, as pandas divides them: exact, because a float holds whole seconds of these years.
        days = float(((moment.toordinal() - _FIRST_DAY) * 86_400 + seconds) * 10**9) / 86_400e9
        return days, float(moment.month), float(moment.weekday()), float(moment.hour)

    return lambda values: [list(numbers) for numbers in zip(*map(one, values), strict=True)]
