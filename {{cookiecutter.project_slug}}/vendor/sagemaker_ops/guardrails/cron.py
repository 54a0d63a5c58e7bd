"""Cron expressions of EventBridge Scheduler: what is wrong with them, and the days and times that they mean.

The fields, their values and wildcards: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html.
AWS's page has `L`, `15W` and `6#3` in words, and `6L` in an example; other forms of Quartz are refused here, because
nobody promises that they work.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
EXAMPLE = "cron(0 6 ? * MON *)"


@dataclass(frozen=True, eq=False)  # compared by identity: a table of names cannot be hashed
class Field:
    """One of the six fields. special: the pattern of what must stand alone in it; steps: whether it has `/`."""

    name: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)
    special: str = ""
    steps: bool = True

    @property
    def words(self) -> str:
        """The values that it can have."""
        names = list(self.names)
        return f"{self.low} to {self.high}" + (f" or {names[0]} to {names[-1]}" if names else "")

    def number(self, text: str) -> int | None:
        """The value of a number or a name; None if it is not one."""
        if text in self.names:
            return self.names[text]
        return int(text) if re.fullmatch("[0-9]{1,4}", text) and self.low <= int(text) <= self.high else None


MINUTE, HOUR, YEAR = Field("minute", 0, 59), Field("hour", 0, 23), Field("year", 1970, 2199)
DAY = Field("day of the month", 1, 31, special=r"LW?|(?:0?[1-9]|[12][0-9]|3[01])W")
MONTH = Field("month", 1, 12, {name: number for number, name in enumerate(MONTHS, 1)})
WEEKDAY = Field(
    "day of the week",
    1,
    7,
    {name: number for number, name in enumerate(WEEKDAYS, 1)},
    special=rf"L|(?:[1-7]|{'|'.join(WEEKDAYS)})(?:L|#[1-5])",
    steps=False,
)
FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY, YEAR)


@dataclass(frozen=True)
class Cron:
    """The times of an expression. days, weekdays: empty where the expression has `?` or one of the special words.

    Weekdays count from 1, which is Sunday. day, weekday: the special word of the field, such as `L`, `15W` or `6#3`.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    years: tuple[int, ...]
    day: str = ""
    weekday: str = ""

    def times(self, start: date) -> Iterator[datetime]:
        """Every local time from the beginning of this day on, in order."""
        for year in (each for each in self.years if each >= start.year):
            for month in self.months:
                for day in self._days_of(year, month) if (year, month) >= (start.year, start.month) else ():
                    if (today := date(year, month, day)) >= start:
                        for hour in self.hours:
                            for minute in self.minutes:
                                yield datetime.combine(today, time(hour, minute))

    def _days_of(self, year: int, month: int) -> list[int]:
        last = calendar.monthrange(year, month)[1]
        weekday = {day: date(year, month, day).isoweekday() % 7 + 1 for day in range(1, last + 1)}
        if self.day:
            wanted = last if self.day.startswith("L") else int(self.day.rstrip("W"))
            if wanted > last:
                return []
            return [_nearest_workday(wanted, weekday) if self.day.endswith("W") else wanted]
        if self.weekday:
            name, sign, number = re.fullmatch(r"(\w*?)([L#])(\d?)", self.weekday).groups()  # type: ignore[union-attr]
            which = WEEKDAY.number(name) or WEEKDAY.high  # L alone is the last day of the week
            found = [day for day in weekday if weekday[day] == which]
            if not name:
                return found
            return found[-1:] if sign == "L" else found[int(number) - 1 : int(number)]
        if self.weekdays:
            return [day for day in weekday if weekday[day] in self.weekdays]
        return [day for day in self.days if day <= last]


def _nearest_workday(day: int, weekday: Mapping[int, int]) -> int:
    """Monday to Friday, in the same month."""
    saturday, sunday = weekday[day] == WEEKDAY.high, weekday[day] == WEEKDAY.low
    if saturday:
        return day - 1 if day > 1 else day + 2
    if sunday:
        return day + 1 if day < len(weekday) else day - 2
    return day


def read(text: str) -> tuple[Cron | None, list[str]]:
    """The expression between the brackets of `cron(…)`, and a sentence for everything that is wrong with it."""
    parts = text.split()
    if len(parts) != len(FIELDS):
        return None, [_wrong_count(parts)]
    found, problems = [], []
    for kind, part in zip(FIELDS, parts, strict=True):
        values, problem = _values(kind, part)
        found.append(values)
        problems += [f"{kind.name} '{part}': {problem}"] if problem else []
    if not problems and (problem := _both_days(parts)):
        problems.append(problem)
    if problems:
        return None, problems
    special = {kind: part for kind, part in zip(FIELDS, parts, strict=True) if _is_special(kind, part)}
    minutes, hours, days, months, weekdays, years = found
    cron = Cron(minutes, hours, days, months, weekdays, years, special.get(DAY, ""), special.get(WEEKDAY, ""))
    if next(cron.times(date(YEAR.low, 1, 1)), None) is None:
        return None, ["there is no such day in any of its months: write another day of the month, or L for the last."]
    return cron, []


def _is_special(kind: Field, text: str) -> bool:
    return bool(kind.special) and re.fullmatch(kind.special, text) is not None


def _values(kind: Field, text: str) -> tuple[tuple[int, ...], str]:
    """The values of a field in order, and what is wrong with it; none for `?` and special words."""
    if _is_special(kind, text) or (kind.special and text == "?"):
        return (), ""
    found: set[int] = set()
    for item in text.split(","):
        values, problem = _item(kind, item)
        if problem:
            if text != text.upper() and not _values(kind, text.upper())[1]:
                problem = f"write '{text.upper()}'."
            elif kind.special and _is_special(kind, item):
                problem = f"'{item}' cannot be in a list: write it alone."
            return (), problem
        found |= values
    return tuple(sorted(found)), ""


def _item(kind: Field, item: str) -> tuple[set[int], str]:
    """The values of one item of a list: `5`, `1-5`, `*`, `0/15`, `10-30/5`."""
    body, slash, step = item.partition("/")
    first, dash, last = body.partition("-")
    if slash and not kind.steps:
        return set(), "AWS has no '/' here: list the days, such as MON,WED,FRI."
    width = kind.high - kind.low + 1
    if slash and not (re.fullmatch("[0-9]{1,4}", step) and 1 <= int(step) < width):
        return set(), f"a step is a number from 1 to {width - 1}: write such as '{body or '*'}/{min(15, width // 2)}'."
    if body == "*":
        low, high = kind.low, kind.high
    else:
        ends = [kind.number(each) for each in ([first, last] if dash else [first])]
        if None in ends:
            return set(), _unknown(kind, item)
        low = ends[0] or 0
        high = (ends[-1] or 0) if dash else (kind.high if slash else low)
        if high < low:
            ends_of = ((first, _word(kind, kind.high)), (_word(kind, kind.low), last))
            turned = ",".join("-".join(dict.fromkeys(each)) for each in ends_of)
            return set(), f"a range goes up: write '{turned}'."
    return set(range(low, high + 1, int(step or 1))), ""


def _word(kind: Field, number: int) -> str:
    return next((name for name, each in kind.names.items() if each == number), str(number))


def _unknown(kind: Field, item: str) -> str:
    if "?" in item:
        return f"'?' is only for a day: write * or {kind.words}."
    if kind is WEEKDAY and item == "0":
        return "the week begins with Sunday, which is 1: write SUN."
    if (name := item[:3].upper()) in kind.names and item.isalpha() and len(item) > 3:
        return f"write '{name}'."
    return f"write * or {kind.words}."


def _both_days(parts: list[str]) -> str:
    """AWS wants `?` for exactly one of the two days, because it cannot combine them."""
    minute, hour, day, month, weekday, year = parts
    if (day == "?") != (weekday == "?"):
        return ""
    if day == weekday:  # both * or both ?
        return f"exactly one of the two days is '?': write 'cron({minute} {hour} * {month} ? {year})' for every day."
    if "*" in (day, weekday):
        day, weekday = ("?", weekday) if day == "*" else (day, "?")
        return f"exactly one of the two days is '?': write 'cron({minute} {hour} {day} {month} {weekday} {year})'."
    return (
        f"AWS cannot combine a day of the month and a day of the week: write '?' for one of them, such as "
        f"'cron({minute} {hour} ? {month} {weekday} {year})'."
    )


def _wrong_count(parts: list[str]) -> str:
    return (
        f"AWS's cron has six fields (minute, hour, day of the month, month, day of the week, year), but this has "
        f"{len(parts)}: write '{of_unix(parts) or EXAMPLE}'."
    )


def of_unix(parts: list[str]) -> str:
    """The five fields of Unix as the six of AWS: its week begins with 0, and it has no year; empty if they are not."""
    if len(parts) != 5:
        return ""
    minute, hour, day, month, weekday = parts
    names = re.sub(r"[0-7]", lambda found: WEEKDAYS[int(found[0]) % 7], weekday.upper())
    if weekday in ("*", "?"):
        day, names = "*" if day == "?" else day, "?"
    elif day == "*":
        day = "?"
    text = f"{minute} {hour} {day} {month.upper()} {names} *"
    return f"cron({text})" if read(text)[0] else ""
