"""Expressions of EventBridge Scheduler: which AWS accepts, what to write instead of the others, and when they run.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html; examples marked `AWS` are from there.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagemaker_ops.guardrails import cron, schedule_expression

NOW = datetime(2026, 11, 29, 15, 0, tzinfo=UTC)  # a Sunday
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def runs(text: str, zone: ZoneInfo = BERLIN, count: int = 3, now: datetime = NOW) -> list[str]:
    """The next local times, with the weekday."""
    expression, problems = schedule_expression.read(text)
    assert expression, problems
    return [f"{run:%a %Y-%m-%d %H:%M}" for run in islice(expression.runs(now, zone), count)]


def problems(text: str) -> list[str]:
    expression, found = schedule_expression.read(text)
    assert (expression is None) == bool(found)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cron(0 6 ? * MON *)", ["Mon 2026-11-30 06:00", "Mon 2026-12-07 06:00", "Mon 2026-12-14 06:00"]),
        ("cron(0 6 ? * 2 *)", ["Mon 2026-11-30 06:00", "Mon 2026-12-07 06:00", "Mon 2026-12-14 06:00"]),
        pytest.param(
            "cron(15 10 ? * 6L 2022-2027)",
            ["Fri 2026-12-25 10:15", "Fri 2027-01-29 10:15", "Fri 2027-02-26 10:15"],
            id="AWS: the last Friday",
        ),
        ("cron(15 10 ? * FRIL *)", ["Fri 2026-12-25 10:15", "Fri 2027-01-29 10:15", "Fri 2027-02-26 10:15"]),
        ("cron(0 8 1 * ? *)", ["Tue 2026-12-01 08:00", "Fri 2027-01-01 08:00", "Mon 2027-02-01 08:00"]),
        ("cron(0/20 9-10 * * ? *)", ["Mon 2026-11-30 09:00", "Mon 2026-11-30 09:20", "Mon 2026-11-30 09:40"]),
        ("cron(*/30 * * * ? *)", ["Sun 2026-11-29 16:30", "Sun 2026-11-29 17:00", "Sun 2026-11-29 17:30"]),
        ("cron(5-20/10 12 * * ? *)", ["Mon 2026-11-30 12:05", "Mon 2026-11-30 12:15", "Tue 2026-12-01 12:05"]),
        ("cron(0 18 ? * MON-FRI *)", ["Mon 2026-11-30 18:00", "Tue 2026-12-01 18:00", "Wed 2026-12-02 18:00"]),
        ("cron(0 18 ? * SUN,SAT *)", ["Sun 2026-11-29 18:00", "Sat 2026-12-05 18:00", "Sun 2026-12-06 18:00"]),
        ("cron(0 9 ? * 3#2 *)", ["Tue 2026-12-08 09:00", "Tue 2027-01-12 09:00", "Tue 2027-02-09 09:00"]),
        ("cron(0 9 ? * SUN#5 *)", ["Sun 2027-01-31 09:00", "Sun 2027-05-30 09:00", "Sun 2027-08-29 09:00"]),
        ("cron(0 9 ? * L *)", ["Sat 2026-12-05 09:00", "Sat 2026-12-12 09:00", "Sat 2026-12-19 09:00"]),
        ("cron(0 9 L * ? *)", ["Mon 2026-11-30 09:00", "Thu 2026-12-31 09:00", "Sun 2027-01-31 09:00"]),
        ("cron(0 9 LW * ? *)", ["Mon 2026-11-30 09:00", "Thu 2026-12-31 09:00", "Fri 2027-01-29 09:00"]),
        pytest.param(
            "cron(0 9 1W MAY-AUG ? *)",
            ["Mon 2027-05-03 09:00", "Tue 2027-06-01 09:00", "Thu 2027-07-01 09:00"],
            id="the 1st is a Saturday: not in the month before",
        ),
        ("cron(0 9 31W 1,10 ? *)", ["Fri 2027-01-29 09:00", "Fri 2027-10-29 09:00", "Mon 2028-01-31 09:00"]),
        ("cron(0 9 31 * ? *)", ["Thu 2026-12-31 09:00", "Sun 2027-01-31 09:00", "Wed 2027-03-31 09:00"]),
        ("cron(0 9 29 2 ? *)", ["Tue 2028-02-29 09:00", "Sun 2032-02-29 09:00", "Fri 2036-02-29 09:00"]),
        ("cron(0 9 1 JAN,JUL ? 2030/5)", ["Tue 2030-01-01 09:00", "Mon 2030-07-01 09:00", "Mon 2035-01-01 09:00"]),
        ("cron(0 9 1 1 ? 2027-2028)", ["Fri 2027-01-01 09:00", "Sat 2028-01-01 09:00"]),
        ("cron(0 9 1 1 ? 2025)", []),
        ("rate(1 day)", ["Mon 2026-11-30 16:00", "Tue 2026-12-01 16:00", "Wed 2026-12-02 16:00"]),
        ("rate(12 hours)", ["Mon 2026-11-30 04:00", "Mon 2026-11-30 16:00", "Tue 2026-12-01 04:00"]),
        ("at(2027-01-31T06:00:00)", ["Sun 2027-01-31 06:00"]),
        ("at(2026-11-29T16:00:01)", ["Sun 2026-11-29 16:00"]),
        ("at(2026-11-29T16:00:00)", []),
    ],
)
def test_what_aws_accepts_and_when_it_runs(text: str, expected: list[str]) -> None:
    assert runs(text) == expected


@pytest.mark.parametrize(
    ("text", "zone", "now", "expected"),
    [
        pytest.param(
            "cron(30 2 * * ? *)",
            BERLIN,
            datetime(2027, 3, 26, 12, tzinfo=UTC),
            ["2027-03-27T02:30:00+01:00", "2027-03-29T02:30:00+02:00"],
            id="a time that does not exist is skipped",
        ),
        pytest.param(
            "cron(30 2 * * ? *)",
            BERLIN,
            datetime(2027, 10, 30, 12, tzinfo=UTC),
            ["2027-10-31T02:30:00+02:00", "2027-11-01T02:30:00+01:00"],
            id="a time that exists twice runs once",
        ),
        pytest.param(
            "cron(0 6 * * ? *)",
            NEW_YORK,
            datetime(2027, 3, 13, 12, tzinfo=UTC),
            ["2027-03-14T06:00:00-04:00", "2027-03-15T06:00:00-04:00"],
            id="the local time stays",
        ),
        pytest.param(
            "rate(1 day)",
            BERLIN,
            datetime(2027, 3, 27, 5, tzinfo=UTC),
            ["2027-03-28T07:00:00+02:00", "2027-03-29T07:00:00+02:00"],
            id="a day of a rate has 24 hours",
        ),
        pytest.param(
            "at(2027-03-28T02:30:00)", BERLIN, datetime(2027, 1, 1, tzinfo=UTC), [], id="an hour that does not exist"
        ),
    ],
)
def test_summer_time(text: str, zone: ZoneInfo, now: datetime, expected: list[str]) -> None:
    """https://repost.aws/knowledge-center/eventbridge-scheduler-adjust-dst"""
    expression, _ = schedule_expression.read(text)
    assert expression

    assert [run.isoformat() for run in islice(expression.runs(now, zone), 2)] == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # cron
        ("cron(0 6 * * 1)", "AWS's cron has six fields (minute, hour, day of the month, month, day of the week, year), "
         "but this has 5: write 'cron(0 6 ? * MON *)'."),
        ("cron(0 6 * * 1-5)", "write 'cron(0 6 ? * MON-FRI *)'."),
        ("cron(0 6 * * 7)", "write 'cron(0 6 ? * SUN *)'."),
        ("cron(0 6 * jan *)", "write 'cron(0 6 * JAN ? *)'."),
        ("cron(0 6 1 * 1)", "but this has 5: write 'cron(0 6 ? * MON *)'."),
        ("cron()", "but this has 0: write 'cron(0 6 ? * MON *)'."),
        ("cron(0 0 6 ? * MON *)", "but this has 7: write"),
        ("cron(0 6 * * * *)", "exactly one of the two days is '?': write 'cron(0 6 * * ? *)' for every day."),
        ("cron(0 6 ? * ? *)", "exactly one of the two days is '?': write 'cron(0 6 * * ? *)' for every day."),
        ("cron(0 6 * * MON *)", "exactly one of the two days is '?': write 'cron(0 6 ? * MON *)'."),
        ("cron(0 6 1 * * *)", "exactly one of the two days is '?': write 'cron(0 6 1 * ? *)'."),
        ("cron(0 6 1 * MON *)", "AWS cannot combine a day of the month and a day of the week: write '?' for one of"),
        ("cron(60 6 * * ? *)", "minute '60': write * or 0 to 59."),
        ("cron(-1 6 * * ? *)", "minute '-1': write * or 0 to 59."),
        ("cron(0 24 * * ? *)", "hour '24': write * or 0 to 23."),
        ("cron(0 6 0 * ? *)", "day of the month '0': write * or 1 to 31."),
        ("cron(0 6 32W * ? *)", "day of the month '32W': write * or 1 to 31."),
        ("cron(0 6 L-3 * ? *)", "day of the month 'L-3': write * or 1 to 31."),
        ("cron(0 6 1 13 ? *)", "month '13': write * or 1 to 12 or JAN to DEC."),
        ("cron(0 6 1 JANUARY ? *)", "month 'JANUARY': write 'JAN'."),
        ("cron(0 6 ? * mon-fri *)", "day of the week 'mon-fri': write 'MON-FRI'."),
        ("cron(0 6 ? * 0 *)", "day of the week '0': the week begins with Sunday, which is 1: write SUN."),
        ("cron(0 6 ? * 8 *)", "day of the week '8': write * or 1 to 7 or SUN to SAT."),
        ("cron(0 6 ? * FRI-MON *)", "a range goes up: write 'FRI-SAT,SUN-MON'."),
        ("cron(0 22-2 * * ? *)", "a range goes up: write '22-23,0-2'."),
        ("cron(0 6 ? * MON/2 *)", "AWS has no '/' here: list the days, such as MON,WED,FRI."),
        ("cron(0 6 ? * MON#6 *)", "day of the week 'MON#6': write * or 1 to 7 or SUN to SAT."),
        ("cron(0 6 ? * 3#1,6#3 *)", "'3#1' cannot be in a list: write it alone."),
        ("cron(0 6 L,15 * ? *)", "'L' cannot be in a list: write it alone."),
        ("cron(0/0 6 * * ? *)", "a step is a number from 1 to 59: write such as '0/15'."),
        ("cron(0/60 6 * * ? *)", "a step is a number from 1 to 59: write such as '0/15'."),
        ("cron(0 6 * * ? 1969)", "year '1969': write * or 1970 to 2199."),
        ("cron(0 6 * * ? 2200)", "year '2200': write * or 1970 to 2199."),
        ("cron(? 6 * * ? *)", "minute '?': '?' is only for a day: write * or 0 to 59."),
        ("cron(0, 6 * * ? *)", "minute '0,': write * or 0 to 59."),
        ("cron(0 6 30 2 ? *)", "there is no such day in any of its months"),
        ("cron(0 6 31 4,6 ? *)", "there is no such day in any of its months"),
        # rate
        ("rate(0 days)", "write 'rate(1 day)'."),
        ("rate(1 days)", "write 'rate(1 day)'."),
        ("rate(7 day)", "write 'rate(7 days)'."),
        ("rate(07 days)", "write 'rate(7 days)'."),
        ("rate(7  Days)", "write 'rate(7 days)'."),
        ("rate(2 weeks)", "write 'rate(14 days)'."),
        ("rate(90 min)", "write 'rate(90 minutes)'."),
        ("rate(-1 days)", "needs a whole number and minutes, hours or days"),
        ("rate(1.5 hours)", "needs a whole number and minutes, hours or days"),
        ("rate(days)", "needs a whole number and minutes, hours or days"),
        ("rate(3 months)", "'months' is not a unit of AWS: write minutes, hours or days"),
        (f"rate({'9' * 20} days)", "is longer than any time: write a smaller number."),
        # at
        ("at(2027-01-31)", "write 'at(2027-01-31T00:00:00)'."),
        ("at(2027-01-31 06:00)", "write 'at(2027-01-31T06:00:00)'."),
        ("at(2027-01-31T06:00:00.5)", "write 'at(2027-01-31T06:00:00)'."),
        ("at(2027-01-31T06:00:00Z)", "cannot have a time zone: write 'at(2027-01-31T06:00:00)', and the zone in"),
        ("at(2027-01-31T06:00:00+01:00)", "cannot have a time zone: write 'at(2027-01-31T06:00:00)', and the zone in"),
        ("at(2027-02-29T06:00:00)", "has no such date and time"),
        ("at(tomorrow)", "has no such date and time"),
        # none of them
        ("0 6 * * 1", "'0 6 * * 1' is not an expression of AWS: write 'cron(0 6 ? * MON *)'."),
        ("0 6 ? * MON *", "needs its kind: write 'cron(0 6 ? * MON *)'."),
        ("7 days", "needs its kind: write 'rate(7 days)'."),
        ("2027-01-31T06:00:00", "needs its kind: write 'at(2027-01-31T06:00:00)'."),
        ("@daily", "'@daily' is not an expression of AWS. Write 'cron(0 6 ? * MON *)', 'rate(7 days)' or"),
        ("", "'' is not an expression of AWS."),
        ("crn(0 6 ? * MON *)", "'crn' is not a kind of expression. Did you mean 'cron'?"),
        ("every(7 days)", "'every' is not a kind of expression. Write"),
        ("cron(0 6 ? * MON *) ", "is not an expression of AWS"),
        (f"cron({'0,' * 130}0 6 ? * MON *)", "characters, but AWS accepts 256"),
    ],
)  # fmt: skip
def test_what_aws_refuses_and_what_to_write_instead(text: str, message: str) -> None:
    [found] = problems(text)

    assert message in found


def test_every_wrong_field_is_reported() -> None:
    assert [each.split("'")[0] for each in problems("cron(61 25 32 13 ? 1900)")] == [
        "minute ", "hour ", "day of the month ", "month ", "year "
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate(7 days)", timedelta(days=7)),
        ("cron(0/5 8-17 ? * MON-FRI *)", timedelta(minutes=5)),
        ("cron(0 6,18 * * ? *)", timedelta(hours=12)),
        ("at(2027-01-31T06:00:00)", None),
    ],
)
def test_how_often_it_runs(text: str, expected: timedelta | None) -> None:
    expression, _ = schedule_expression.read(text)
    assert expression

    assert expression.shortest(NOW, BERLIN) == expected


def test_a_rate_goes_on_from_its_start() -> None:
    expression, _ = schedule_expression.read("rate(7 days)")
    assert expression
    first = datetime(2026, 11, 2, 6, tzinfo=UTC)

    assert expression.next_run(NOW, BERLIN, first) == datetime(2026, 11, 30, 6, tzinfo=UTC)
    assert expression.next_run(first, BERLIN, first) == first + timedelta(days=7)
    assert expression.next_run(first - timedelta(days=30), BERLIN, first) == first


@given(
    st.lists(st.integers(0, 59), min_size=1, max_size=3),
    st.lists(st.integers(0, 23), min_size=1, max_size=3),
    st.lists(st.integers(1, 7), min_size=1, max_size=7),
    st.lists(st.integers(1, 12), min_size=1, max_size=12),
    st.datetimes(datetime(2000, 1, 1), datetime(2190, 1, 1)),
)
def test_the_next_time_is_the_first_that_fits(
    minutes: list[int], hours: list[int], weekdays: list[int], months: list[int], now: datetime
) -> None:
    text = " ".join([*(",".join(map(str, each)) for each in (minutes, hours)), "?", ",".join(map(str, months))])
    found, wrong = cron.read(f"{text} {','.join(map(str, weekdays))} *")
    assert found, wrong

    def fits(day: date) -> bool:
        return day.month in months and calendar.weekday(day.year, day.month, day.day) in {(n - 2) % 7 for n in weekdays}

    first = next(found.times(now.date()))

    assert fits(first.date())
    assert (first.minute, first.hour) == (min(minutes), min(hours))
    assert not any(fits(now.date() + timedelta(days=n)) for n in range((first.date() - now.date()).days))
