"""Charts: axes that end at round numbers, points where they belong, and nothing lost at odd values."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET

import pytest

from sagemaker_ops.report import charts
from sagemaker_ops.report.charts import Axis, Dot, Series

UNIT = Axis("x"), Axis("y")


def svg(markup: str) -> ET.Element:
    """The first chart, parsed."""
    return ET.fromstring(markup[: markup.index("</svg>") + len("</svg>")])


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        pytest.param([0.12, 0.93], (0, 1), id="shares"),
        pytest.param([-13.0, 54.0], (-20, 60), id="both signs"),
        pytest.param([1e6, 4.2e6], (1e6, 5e6), id="millions"),
        pytest.param([3e-7, 9e-7], (2e-7, 1e-6), id="tiny"),
        pytest.param([5.0], (2, 8), id="one value"),
        pytest.param([0.0, 0.0], (-0.6, 0.6), id="zero only"),
        pytest.param([math.nan, math.inf, 2.0, 4.0], (2, 4), id="not numbers"),
        pytest.param([], (0, 1), id="nothing"),
    ],
)
def test_an_axis_ends_at_round_numbers(values: list[float], ends: tuple[float, float]) -> None:
    axis = charts.span("x", values)

    assert (axis.low, axis.high) == pytest.approx(ends)
    assert all(axis.low <= value <= axis.high for value in values if math.isfinite(value))


def test_a_line_goes_through_its_points() -> None:
    drawn = svg(charts.plot("t", *UNIT, [Series([0, 0.5, 1], [0, 1, 1])]))

    (line,) = drawn.iter("polyline")
    places = [tuple(map(float, each.split(","))) for each in line.attrib["points"].split()]
    left, right, bottom, top = 52, 340 - 12, 250 - 44, 10
    assert places == [(left, bottom), ((left + right) / 2, top), (right, top)]
    assert json.loads(drawn.attrib["data-x"]) == ["x", 0, 1, left, right]
    assert json.loads(drawn.attrib["data-y"]) == ["y", 0, 1, bottom, top]


def test_only_several_lines_have_a_legend() -> None:
    one, two = Series([0, 1], [0, 1]), [Series([0, 1], [0, 1], "a"), Series([0, 1], [1, 0], "<b>")]

    assert "legend" not in charts.plot("t", *UNIT, [one])
    assert "&lt;b&gt;" in charts.plot("t", *UNIT, two).partition("legend")[2]


def test_values_that_are_no_numbers_are_left_out() -> None:
    drawn = svg(charts.plot("t", *UNIT, [Series([0, math.nan, 1], [0, 0.5, math.inf])]))

    assert len(next(drawn.iter("polyline")).attrib["points"].split()) == 1


def test_several_counts_are_compared_as_shares() -> None:
    drawn = svg(charts.histogram("t", "x", [0, 1, 2], {"few": [1, 1], "many": [0, 100]}))

    heights = [float(each.attrib["height"]) for each in drawn.iter("rect")]
    assert len(heights) == 3, "an empty bar is not drawn"
    assert heights[0] == heights[1] == pytest.approx(heights[2] / 2, abs=0.1)


def test_a_scale_says_everything_in_its_title() -> None:
    drawn = svg(charts.scale("auc 0.7: gate 0.6", 0.7, [0.6, 0.8], {"gate": 0.6, "naive model": 0.5}))

    assert drawn.attrib["aria-label"] == "auc 0.7: gate 0.6"
    assert [each.text for each in drawn.iter("text")][2:] == ["naive model 0.5", "gate 0.6"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.123456, "0.1235"), (1234.5, "1234"), (1234567.0, "1,234,567"), (0, "0"), (1e-9, "1e-09"), (2e20, "2e+20")],
)
def test_numbers_are_short(number: float, text: str) -> None:
    assert charts.shown(number) == text


@pytest.mark.parametrize("share", [-1.0, 0.0, 0.5, 7.0])
def test_a_bar_stays_in_its_cell(share: float) -> None:
    found = re.search(r'width="([\d.]+)"', charts.bar(share, 0.2))

    assert found
    assert 0 <= float(found[1]) <= 100


def test_dots_have_a_row_each_with_an_interval_and_a_note_where_there_is_no_value() -> None:
    rows = [Dot("a", 0.8, (0.7, 0.9)), Dot("a long name of a group", 0.6), Dot("c", None, note="too few rows")]

    drawn = svg(charts.dots("t", "auc", rows, 0.7))

    circles = [(float(each.attrib["cx"]), float(each.attrib["cy"])) for each in drawn.iter("circle")]
    assert len(circles) == 2
    assert circles[0][0] > circles[1][0], "the larger value is further right"
    assert circles[0][1] < circles[1][1], "from top to bottom"
    [whisker] = [each.attrib["d"] for each in drawn.iter("path") if each.attrib["class"] == "whisker"]
    start, end = (float(each.partition(",")[0]) for each in whisker.removeprefix("M").split("L"))
    assert start < circles[0][0] < end
    texts = [each.text for each in drawn.iter("text")]
    assert {"a", "a long name of a…", "c", "too few rows", "auc"} <= set(texts)
    [mark] = [each.attrib["d"] for each in drawn.iter("path") if each.attrib["class"] == "limit"]
    assert float(mark.removeprefix("M").partition(",")[0]) == pytest.approx(sum(x for x, _ in circles) / 2, abs=0.2)


@pytest.mark.parametrize("rows", [[], [Dot("a", None, note="too few rows")], [Dot("a", 0.0), Dot("b", 0.0)]])
def test_dots_without_values_are_drawn_too(rows: list[Dot]) -> None:
    assert svg(charts.dots("t", "auc", rows, None)).attrib["aria-label"] == "t"


@pytest.mark.parametrize(("mark", "side"), [(0.1, "right"), (0.9, "left")])
def test_the_name_of_a_mark_is_inside_the_scale(mark: float, side: str) -> None:
    drawn = svg(charts.scale("t", 0.5, (0.0, 1.0), {"gate": mark}))

    [name] = [each for each in drawn.iter("text") if each.text == f"gate {mark}"]
    [line] = [each.attrib["d"] for each in drawn.iter("path") if each.attrib["class"] == "limit"]
    assert name.attrib["class"] == side
    assert (float(name.attrib["x"]) > float(line[1:].partition(",")[0])) == (side == "right")
