"""The values of a request as numbers for a model, one value at a time and without pandas.

Each function fills one feature of one row, as Schema.frame and the fitted encoders do. It knows the usual ways to write
a value; `UnsureError` is raised for all others, right or wrong, and then Schema.frame decides.
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

Fill = Callable[[Any, list[float]], None]
"""Writes a value's numbers into a row."""
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


def fill_number(slot: int, gaps: Collection[str], notation: Notation) -> Fill:
    """A number; NaN for an infinite one, and for one that means no value."""
    nothing = {*notation.numbers, inf, -inf}
    plain = notation.is_standard

    def fill(value: Any, row: list[float]) -> None:
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
        row[slot] = nan if value in nothing else value

    return fill


def fill_flag(slot: int, gaps: Collection[str]) -> Fill:
    """1 for true, 0 for false."""

    def fill(value: Any, row: list[float]) -> None:
        if value is None or value in gaps:
            row[slot] = nan
        elif (known := BOOLEANS.get(str(value).lower())) is not None:
            row[slot] = known
        else:
            raise UnsureError

    return fill


def fill_category(codes: Sequence[tuple[int, Codes, float]], gaps: Collection[str]) -> Fill:
    """The code of a category. codes: (slot, {category: code}, the code of other categories); a gap is in the table."""

    def fill(value: Any, row: list[float]) -> None:
        kind = type(value)
        if kind is not str:
            value = "" if value is None or value != value else written(value)
        for slot, table, other in codes:
            row[slot] = table.get(value, other)

    return fill


def written(value: object) -> str:
    """A value of JSON as the text of a category."""
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return str(value)


def fill_date(slots: Sequence[int], gaps: Collection[str], formats: Sequence[str]) -> Fill:
    """The numbers of `dates.date_numbers`."""
    days, month, weekday, hour = slots
    first, last = YEARS

    def fill(value: Any, row: list[float]) -> None:
        if value is None or value in gaps:
            row[days] = row[month] = row[weekday] = row[hour] = nan
            return
        if type(value) is not str or formats or not (DAY.fullmatch(value) or MOMENT.fullmatch(value)):
            raise UnsureError
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise UnsureError from None
        if not first <= moment.year <= last:
            raise UnsureError
        seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
        # Nanoseconds, as pandas divides them: exact, because a float holds whole seconds of these years.
        row[days] = float(((moment.toordinal() - _FIRST_DAY) * 86_400 + seconds) * 10**9) / 86_400e9
        row[month], row[weekday], row[hour] = float(moment.month), float(moment.weekday()), float(moment.hour)

    return fill
