"""The expressions of EventBridge Scheduler: `cron(…)`, `rate(…)` and `at(…)`, checked, and when they run next.

AWS checks them only when the schedule is created:
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, pairwise

from sagemaker_ops.errors import did_you_mean
from sagemaker_ops.guardrails import cron
from sagemaker_ops.guardrails.cron import Cron

UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
FORMS = f"Write '{cron.EXAMPLE}', 'rate(7 days)' or 'at(2027-01-31T06:00:00)'."
LONGEST = 256  # characters
_FORM = re.compile(r"(\w+)\((.*)\)")
_RATE = re.compile(r"([0-9]+) +(\w+)")
_WORDS = {"minutely": "minute", "min": "minute", "hr": "hour", "h": "hour", "d": "day", "daily": "day"}


@dataclass(frozen=True)
class Expression:
    """One of the three: the times of a cron, the interval of a rate, or the local time of an at."""

    cron: Cron | None = None
    rate: timedelta | None = None
    at: datetime | None = None

    def runs(self, now: datetime, zone: tzinfo, first: datetime | None = None) -> Iterator[datetime]:
        """The times after `now`, in this time zone; `now` has a time zone. first: of a rate, otherwise now.

        Summer time: AWS skips a local time that does not exist, and runs once at one that exists twice; a day of a rate
        has 24 hours.
        """
        if self.rate:
            begun = first or now
            count = max(0, (now - begun) // self.rate + 1) if begun <= now else 0
            while True:
                yield (begun + count * self.rate).astimezone(zone)
                count += 1
        today = now.astimezone(zone).date() - timedelta(days=1)
        for local in [self.at] if self.at else self.cron.times(today) if self.cron else []:
            run = local.replace(tzinfo=zone)
            if run > now and run.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local:
                yield run

    def next_run(self, now: datetime, zone: tzinfo, first: datetime | None = None) -> datetime | None:
        """The first time after `now`; None if there is none any more."""
        return next(self.runs(now, zone, first), None)

    def shortest(self, now: datetime, zone: tzinfo) -> timedelta | None:
        """The shortest time between some of the next runs; None if there are not two of them."""
        found = [run.astimezone(UTC) for run in islice(self.runs(now, zone), 50)]  # otherwise clocks are compared
        return min((later - earlier for earlier, later in pairwise(found)), default=None)


def read(text: str) -> tuple[Expression | None, list[str]]:
    """The expression, and a sentence for everything that is wrong with it."""
    if len(text) > LONGEST:
        return None, [f"it has {len(text)} characters, but AWS accepts {LONGEST}: write a shorter one."]
    found = _FORM.fullmatch(text)
    if found is None:
        return None, [_bare(text)]
    kind, inside = found[1], found[2]
    if kind == "cron":
        times, problems = cron.read(inside)
        return (Expression(cron=times) if times else None), problems
    if kind == "rate":
        return _rate(inside)
    if kind == "at":
        return _at(inside)
    return None, [f"'{kind}' is not a kind of expression.{did_you_mean(kind, ('cron', 'rate', 'at'))} {FORMS}"]


def _bare(text: str) -> str:
    """A sentence for a text without `kind(…)`, which may be what belongs into the brackets."""
    for kind in ("cron", "rate", "at"):
        if read(f"{kind}({text})")[0]:
            return f"'{text}' needs its kind: write '{kind}({text})'."
    if len(parts := text.split()) == 5 and (whole := cron.of_unix(parts)):
        return f"'{text}' is not an expression of AWS: write '{whole}'."
    return f"'{text}' is not an expression of AWS. {FORMS}"


def _rate(text: str) -> tuple[Expression | None, list[str]]:
    """`7 days`: a whole number from 1, and the unit in the plural unless it is 1."""
    found = _RATE.fullmatch(text.strip())
    if found is None:
        return None, [f"'rate({text})' needs a whole number and minutes, hours or days: write 'rate(7 days)'."]
    count, word = int(found[1]), found[2].lower()
    unit = _WORDS.get(word, word.removesuffix("s"))
    if unit == "week":
        count, unit = count * 7, "day"
    if unit not in UNITS:
        return None, [f"'{found[2]}' is not a unit of AWS: write minutes, hours or days, such as 'rate(7 days)'."]
    count = max(1, count)
    right = f"rate({count} {unit}{'' if count == 1 else 's'})"
    if right != f"rate({text})":
        return None, [f"'rate({text})' is not what AWS accepts: write '{right}'."]
    try:
        return Expression(rate=count * UNITS[unit]), []
    except OverflowError:
        return None, [f"'{right}' is longer than any time: write a smaller number."]


def _at(text: str) -> tuple[Expression | None, list[str]]:
    """`2027-01-31T06:00:00`: a local time, because the time zone is separate."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None, [f"'at({text})' has no such date and time: write it like 'at(2027-01-31T06:00:00)'."]
    right = f"at({time.replace(tzinfo=None, microsecond=0).isoformat()})"
    if time.tzinfo is not None:
        return None, [f"'at({text})' cannot have a time zone: write '{right}', and the zone in `timezone`."]
    if right != f"at({text})":
        return None, [f"'at({text})' is not what AWS accepts: write '{right}'."]
    return Expression(at=time), []
