"""The graph of a pipeline: layers, edges, and what is written into it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from sagemaker_ops.definition.plan import Plan, parse
from sagemaker_ops.report import graph

ALWAYS = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
Steps = list[dict[str, Any]]


def step(name: str, *after: str) -> dict[str, Any]:
    return {"Name": name, "Type": "Lambda", "FunctionArn": "f", "DependsOn": list(after), "Arguments": {}}


def condition(name: str, yes: Steps, no: Steps, *after: str) -> dict[str, Any]:
    arguments = {"Conditions": [ALWAYS], "IfSteps": yes, "ElseSteps": no}
    return {"Name": name, "Type": "Condition", "DependsOn": list(after), "Arguments": arguments}


def plan(*steps: dict[str, Any]) -> Plan:
    found, problems = parse({"Version": "2020-12-01", "Steps": list(steps)})
    assert problems == []
    return found


CHAIN = [step("A"), step("B", "A"), step("C", "A", "B")]
DIAMOND = [step("A"), step("B", "A"), step("C", "A"), step("D", "B", "C")]
LONG = [step("A"), step("B", "A"), step("C", "B"), step("D", "A"), step("E", "C", "D")]
BRANCHES = [step("A"), condition("If", [step("Yes")], [step("No")], "A"), step("End", "Yes")]
ISLANDS = [step("A"), step("B"), step("C", "B")]
WIDE = [step("A"), *[step(f"B{number}", "A") for number in range(30)]]


@pytest.mark.parametrize(
    ("steps", "layers", "edges"),
    [
        pytest.param([step("A")], {"A": 0}, "", id="one step"),
        pytest.param(CHAIN, {"A": 0, "B": 1, "C": 2}, "AB BC", id="what follows from other edges is left out"),
        pytest.param(DIAMOND, {"A": 0, "B": 1, "C": 1, "D": 2}, "AB AC BD CD", id="side by side"),
        pytest.param(LONG, {"A": 0, "B": 1, "C": 2, "D": 1, "E": 3}, "AB AD BC CE DE", id="past a layer"),
        pytest.param(BRANCHES, {"A": 0, "If": 1, "Yes": 2, "No": 2, "End": 3}, "AIf IfNo IfYes YesEnd", id="branches"),
        pytest.param(ISLANDS, {"A": 0, "B": 0, "C": 1}, "BC", id="not connected"),
    ],
)
def test_a_step_is_below_all_that_it_waits_for(steps: Steps, layers: dict[str, int], edges: str) -> None:
    found = plan(*steps)

    assert " ".join(sorted("".join(edge) for edge in graph.direct(found))) == edges
    assert graph.layered(list(found.steps), graph.direct(found)) == layers


@pytest.mark.parametrize("steps", [[step("A")], CHAIN, DIAMOND, LONG, BRANCHES, ISLANDS, WIDE])
def test_no_two_steps_overlap_and_all_are_inside(steps: Steps) -> None:
    drawing = ET.fromstring(graph.draw(plan(*steps), {}, "train"))
    left, top, width, height = (float(number) for number in drawing.attrib["viewBox"].split())
    boxes = [(float(box.attrib["x"]), float(box.attrib["y"])) for box in drawing.iter("rect")]

    assert len(boxes) == len(steps) + 2 * (steps is BRANCHES)
    for number, (x, y) in enumerate(boxes):
        assert left <= x <= left + width - graph.WIDTH
        assert top <= y <= top + height - graph.HEIGHT
        for other_x, other_y in boxes[:number]:
            assert abs(x - other_x) >= graph.WIDTH or abs(y - other_y) >= graph.HEIGHT


def test_a_long_edge_passes_beside_the_steps_between() -> None:
    drawing = ET.fromstring(graph.draw(plan(*LONG), {}, "train"))

    [passing] = [each.attrib["d"] for each in drawing.iter("path") if "V" in each.attrib["d"]]
    x = float(passing.partition("V")[0].rpartition(" ")[2].partition(",")[0])
    boxes = {each.find("title").text[0]: float(each.find("rect").attrib["x"]) for each in drawing.iter("g")}  # type: ignore[union-attr, index]
    assert not boxes["C"] <= x <= boxes["C"] + graph.WIDTH


def test_it_says_in_words_what_it_shows() -> None:
    statuses = {"A": "Succeeded", "No": "Not run"}
    drawing = ET.fromstring(graph.draw(plan(*BRANCHES), statuses, "train"))
    title, description = drawing[0], drawing[1]

    assert drawing.attrib["role"] == "img"
    assert drawing.attrib["aria-labelledby"].split() == [title.attrib["id"], description.attrib["id"]]
    assert (title.text, description.text) == (
        "Steps of train",
        "A (Lambda) first: Succeeded. If (Condition) after A. Yes (Lambda) after If = true. "
        "No (Lambda) after If = false: Not run. End (Lambda) after Yes.",
    )
    assert [each.text for each in drawing.iter("text") if "branch" in each.attrib["class"]] == ["true", "false"]
    assert {"Not run", "Succeeded"} <= {each.text for each in drawing.iter("text")}


def test_a_long_name_is_shortened_but_its_title_is_whole() -> None:
    name = "N" * 64
    drawing = ET.fromstring(graph.draw(plan(step(name)), {}, "train"))

    assert next(drawing.iter("text")).text == "N" * (graph.LETTERS - 1) + "…"
    assert f"{name} (Lambda)" in [each.text for each in drawing.iter("title")]
