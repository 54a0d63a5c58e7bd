"""Tables for a terminal, and how they show ages."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from sagemaker_ops.terminal import tables

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_columns_are_as_wide_as_needed_and_numbers_are_right_aligned() -> None:
    rows = [("lab", 3, None, 0.123456), ("a-long-name", 120, "x", None)]

    assert list(tables.lines(("name", "count", "note", "auc"), rows)) == [
        "name         count  note     auc",
        "lab              3  -     0.1235",
        "a-long-name    120  x          -",
    ]


def test_a_table_without_rows_is_only_the_heading() -> None:
    assert list(tables.lines(("name", "count"), [])) == ["name  count"]


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        pytest.param(timedelta(0), "0 min", id="now"),
        pytest.param(timedelta(minutes=-5), "0 min", id="a clock that is slow"),
        pytest.param(timedelta(minutes=119, seconds=59), "119 min", id="below two hours"),
        pytest.param(timedelta(hours=2), "2 h", id="two hours"),
        pytest.param(timedelta(hours=47, minutes=59), "47 h", id="below two days"),
        pytest.param(timedelta(days=2), "2 d", id="two days"),
        pytest.param(timedelta(days=400), "400 d", id="a year"),
    ],
)
def test_an_age_is_shown_in_a_suitable_unit(ago: timedelta, shown: str) -> None:
    assert tables.age(NOW - ago, NOW) == shown


def test_an_unknown_time_is_a_hyphen() -> None:
    assert (tables.age(None), tables.moment(None)) == ("-", "-")


def test_json_leaves_out_unknown_values() -> None:
    document = tables.document({"Apps": [{"Name": "ü", "Created": NOW, "Owner": None}]})

    assert json.loads(document) == {"Apps": [{"Name": "ü", "Created": "2026-11-24T12:00:00+00:00"}]}
