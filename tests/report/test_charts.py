"""Charts: axes that end at round numbers, points where they belong, and nothing lost at odd values."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET

import pytest

from sagemaker_ops.report import charts
from sagemaker_ops.report.charts import Axis, Series

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
