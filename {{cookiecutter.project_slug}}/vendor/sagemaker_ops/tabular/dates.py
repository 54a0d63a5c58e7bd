"""Dates in any notation, as datetime64[ns] in UTC without a time zone, which covers the years 1678 to 2261.

A date outside this range usually means "never" or "unknown", such as 9999-12-31. It becomes FIRST or LAST, like an
infinite number among numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

OFFSET = r"[T ]\d{2}.*(?:Z|[+-]\d{2}(?::?\d{2})?)\s*$"  # at the end of a date with a time
FIRST, LAST = pd.Timestamp.min, pd.Timestamp.max
YEARS = (1678, 2261)  # the first and last complete years between the two


def to_dates(column: pd.Series, formats: Sequence[str] = ()) -> pd.Series:
    """The dates in a column of dates or text; NaT for other values, also for `now` and `today`.

    A text is read in the first of `formats` that fits, otherwise as ISO 8601. Arrow would read 31/02/2025 as 3 March.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        naive = column if column.dt.tz is None else column.dt.tz_convert(None)
        return pd.Series(nanoseconds(naive.to_numpy()), column.index, name=column.name)
    text = column.astype(object).map(_fixed, na_action="ignore")
    dates = pd.Series(pd.NaT, text.index, "datetime64[ns]", name=column.name)
    for each in (*formats, "ISO8601"):
        other = text[dates.isna() & text.notna()]
        # Separately, because pandas gives a date without an offset that of the one before it.
        offset = np.array([re.search(OFFSET, each) is not None for each in other], bool)
        for some in (other[offset], other[~offset]):
            found = pd.to_datetime(some, format=each, errors="coerce", utc=True).dt.tz_convert(None)
            dates = dates.fillna(found.astype("datetime64[ns]"))  # without any date, pandas returns seconds
    other = text[dates.isna() & text.notna()]
    return dates.fillna(pd.Series([_far_off(value, formats) for value in other], other.index, "datetime64[ns]"))


def nanoseconds(dates: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """datetime64 of any unit as datetime64[ns]; NumPy itself would turn an out-of-range date into a wrong one."""
    if dates.dtype == "datetime64[ns]":
        return dates
    early, late = (dates < np.datetime64(f"{YEARS[0]}-01-01")), (dates >= np.datetime64(f"{YEARS[1] + 1}-01-01"))
    if not (early.any() or late.any()):
        return dates.astype("datetime64[ns]")
    near = np.where(early | late, np.array("NaT", dates.dtype), dates).astype("datetime64[ns]")
    return np.select([early, late], [FIRST.to_datetime64(), LAST.to_datetime64()], near)


def is_far_off(dates: pd.Series) -> pd.Series:
    """Which of `dates`, as returned by to_dates, are FIRST or LAST."""
    return (dates == FIRST) | (dates == LAST)


def days(dates: pd.Series) -> pd.Series:
    """Days since 1970, as a number."""
    return (dates - pd.Timestamp(0)) / np.timedelta64(1, "D")  # pandas' own way uses something deprecated in NumPy


def date_text(dates: pd.Series) -> pd.Series:
    """`dates` as text: 2025-12-31 or 2025-12-31 23:59:00."""
    return dates.map(lambda moment: str(moment).removesuffix(" 00:00:00"), na_action="ignore").astype(object)


def _fixed(value: object) -> str:
    text = str(value)
    return "" if text.lower() in ("now", "today") else text  # for pandas these are the current moment


def _far_off(text: str, formats: Sequence[str]) -> pd.Timestamp:
    days: list[date] = []
    for each in formats:
        with suppress(ValueError):
            days.append(datetime.strptime(text, each))
    with suppress(ValueError):
        days.append(date.fromisoformat(text[:10]))
    year = days[0].year if days else YEARS[0]
    return FIRST if year < YEARS[0] else LAST if year > YEARS[1] else pd.NaT


def date_numbers(dates: pd.DataFrame) -> pd.DataFrame:
    """Each date as numbers that a model can use: days since 1970, month, weekday (Monday is 0) and hour."""
    numbers = [[days(date), date.dt.month, date.dt.weekday, date.dt.hour] for _, date in dates.items()]
    columns = [number for each in numbers for number in each]
    return pd.concat(columns, axis="columns", ignore_index=True) if columns else pd.DataFrame(index=dates.index)
