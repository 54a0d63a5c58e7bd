"""How a plan is drawn: the order of its steps, their indentation, and what a run does with them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagemaker_ops.definition.plan import Plan, StandIn, Step
from sagemaker_ops.errors import Problem
from sagemaker_ops.local.preview import CACHED, FAILS, PERHAPS, REFUSED, SKIPPED, STAND_IN, Forecast, Preview
from sagemaker_ops.terminal import plan_view


def step(name: str, kind: str = "Processing", *after: str, branch: tuple[str, bool] | None = None) -> Step:
    waits_for = frozenset({*after, *([branch[0]] if branch else [])})
    return Step(name, kind, {}, waits_for=waits_for, branch=branch)


def of(*steps: Step) -> Plan:
    return Plan({}, {each.name: each for each in steps})


TRAIN = of(
    step("Processing"),
    step("Training", "Training", "Processing"),
    step("Evaluation", "Processing", "Processing", "Training"),
    step("Gate", "Condition", "Evaluation"),
    step("Last", "Processing", "Evaluation"),
    step("Failed", "Fail", branch=("Gate", False)),
    step("Register", "RegisterModel", "Training", branch=("Gate", True)),
)
FORECASTS = {
    "Processing": Forecast(CACHED, source="abc", aws="on AWS it would run, because its inputs have other URIs"),
    "Training": Forecast(because="HyperParameters.depth is 3, was 2"),
    "Evaluation": Forecast(PERHAPS, "its inputs come from a step that runs", aws="on AWS it runs in any case"),
    "Gate": Forecast(),
    "Last": Forecast(REFUSED, problems=("it has no script.", "there is nothing at s3://b/c.")),
    "Failed": Forecast(SKIPPED, "'Gate' is True"),
    "Register": Forecast(lacks=("there is nothing at s3://b/d.",)),
}


def test_each_step_is_below_those_it_waits_for_with_what_a_run_does() -> None:
    assert "\n".join(plan_view.lines("demo-train", Preview(TRAIN, [], FORECASTS))) == "\n".join(
        [
            "demo-train",
            "",
            "step        type           after                 here",
            "Processing  Processing                           cached: result of abc; "
            "on AWS it would run, because its inputs have other URIs",
            "Training    Training       Processing            runs: HyperParameters.depth is 3, was 2",
            "Evaluation  Processing     Processing, Training  runs unless its inputs turn out to be unchanged; "
            "on AWS it runs in any case",
            "Gate        Condition      Evaluation            runs",
            "  Register  RegisterModel  Gate=True, Training   runs",
            "                                                 but if it runs: there is nothing at s3://b/d.",
            "  Failed    Fail           Gate=False            does not start: 'Gate' is True",
            "Last        Processing     Evaluation            cannot run here: it has no script.",
            "                                                 cannot run here: there is nothing at s3://b/c.",
            "",
            "1 of 7 steps cannot run here.",
        ]
    )


def test_a_step_in_a_branch_of_a_malformed_condition_is_drawn() -> None:
    plan = of(Step("Inner", "Fail", {}, branch=("{'not': 'a name'}", True)))

    lines = list(plan_view.lines("demo-train", Preview(plan, [], {"Inner": Forecast()})))

    assert lines[2].startswith("Inner ")


def test_stubs_to_fill_in_follow_the_plan() -> None:
    read = {"Conditions": [{"LeftValue": {"Get": "Steps.Notify.OutputParameters['count']"}}]}
    notify = Step("Notify", "Lambda", {}, output_types={"count": "Integer"})
    gate = Step("Gate", "Condition", read, frozenset({"Notify"}))
    asked = Step("Ask", "Callback", {}, stand_in=StandIn("stubs/ask.json"))
    ready = Step("Tell", "Lambda", {}, stand_in=StandIn("stubs/tell.json"))
    refused = Forecast(REFUSED, problems=("not here.",))
    forecasts = {"Notify": refused, "Gate": Forecast(SKIPPED), "Ask": refused, "Tell": Forecast(STAND_IN, "in a file")}

    lines = "\n".join(plan_view.lines("demo-train", Preview(of(notify, gate, asked, ready), [], forecasts)))

    assert "Tell    Lambda             stand-in: in a file\n" in lines
    assert lines.partition("2 of 4 steps cannot run here.\n")[2].splitlines() == [
        "",
        "--stub Notify=Notify.json needs this file: fill in what other steps read.",
        "{",
        '  "properties": {',
        '    "OutputParameters": {',
        '      "count": "<fill in: Integer>"',
        "    }",
        "  }",
        "}",
        "",
        "--stub Ask=stubs/ask.json needs this file: no other step reads its outputs.",
        "{",
        '  "properties": {}',
        "}",
    ]


def test_a_model_that_is_already_registered_is_shown_with_its_version() -> None:
    known = Forecast(CACHED, "already registered as version 3", "abc", aws="on AWS it registers another version")

    lines = list(plan_view.lines("demo-train", Preview(TRAIN, [], FORECASTS | {"Register": known})))

    [line] = [line for line in lines if "RegisterModel" in line]
    assert line.endswith("  cached: already registered as version 3; on AWS it registers another version")


def test_if_all_can_run_the_last_line_counts_them() -> None:
    found = Preview(TRAIN, [], FORECASTS | {"Last": Forecast(FAILS)})

    assert list(plan_view.lines("demo-train", found))[-1] == (
        "\n7 steps: 1 cached, 4 to run, 1 to run unless their inputs turn out to be unchanged, 1 skipped."
    )


@pytest.mark.parametrize(
    ("forecast", "last"),
    [
        (Forecast(), "1 step: 1 to run."),
        (Forecast(REFUSED, problems=("it has no script.",)), "The step cannot run here."),
    ],
)
def test_a_single_step_is_counted_in_the_singular(forecast: Forecast, last: str) -> None:
    found = Preview(of(Step("Only", "Processing", {})), [], {"Only": forecast})

    assert list(plan_view.lines("demo", found))[-1].strip() == last


def test_the_json_has_the_same_content() -> None:
    found = Preview(TRAIN, [Problem("Version must be 2.")], FORECASTS)

    said = json.loads(plan_view.document("demo-train", found))

    assert (said["pipeline_name"], said["can_run"], said["problems"]) == ("demo-train", False, ["Version must be 2."])
    steps = {each.pop("name"): each for each in said["steps"]}
    assert list(steps) == ["Processing", "Training", "Evaluation", "Gate", "Register", "Failed", "Last"]
    assert steps["Register"] == {
        "type": "RegisterModel",
        "after": ["Training", "Gate"],
        "branch": {"condition": "Gate", "outcome": True},
        "here": "runs",
        "because": "",
        "source": None,
        "aws": "",
        "problems": [],
        "lacks": ["there is nothing at s3://b/d."],
        "stub": None,
    }
    assert steps["Last"]["problems"] == ["it has no script.", "there is nothing at s3://b/c."]


def test_a_step_that_waits_for_many_names_only_the_first_few() -> None:
    many = [step(f"S{number}") for number in range(300)]
    wide = of(*many, step("Join", "Processing", *(each.name for each in many)))

    *_, last, _ = plan_view.lines("demo", Preview(wide, [], {name: Forecast() for name in wide.steps}))

    assert last.split("  ")[2:4] == ["S0, S1, S2 and 297 more", "runs"]


@pytest.mark.parametrize("longest", [64, 20])
def test_the_columns_stay_apart_for_names_of_any_length(longest: int) -> None:
    long = of(step("x" * longest), step("y", "Processing", "x" * longest))

    lines = list(plan_view.lines("demo", Preview(long, [], {name: Forecast() for name in long.steps})))

    assert [line.split() for line in lines[2:4]] == [
        ["x" * longest, "Processing", "runs"],
        ["y", "Processing", "x" * longest, "runs"],
    ]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Conditions inside branches, and steps that wait for any earlier ones."""
    steps: list[Step] = []
    for number in range(draw(st.integers(1, 12))):
        earlier = [each.name for each in steps]
        conditions = [each.name for each in steps if each.type == "Condition"]
        branch = draw(st.tuples(st.sampled_from(conditions), st.booleans()) if conditions else st.none())
        after = draw(st.lists(st.sampled_from(earlier), max_size=3) if earlier else st.just([]))
        kind = draw(st.sampled_from(["Processing", "Condition"]))
        steps.append(step(f"S{number}", kind, *after, branch=branch if draw(st.booleans()) else None))
    return of(*steps)


@pytest.mark.slow
@given(plans())
@settings(derandomize=True, deadline=None, max_examples=100)
def test_every_step_is_drawn_once_and_after_all_it_waits_for(graph: Plan) -> None:
    order = [each.name for each in plan_view.in_order(graph)]

    assert sorted(order) == sorted(graph.steps)
    for name in order:
        assert graph.steps[name].waits_for <= set(order[: order.index(name)])


def test_a_branch_stays_together_unless_one_of_its_steps_waits_for_the_other_branch() -> None:
    gate, yes, no = step("Gate", "Condition"), step("Yes", branch=("Gate", True)), step("No", branch=("Gate", False))
    between = step("Between", "Processing", "Yes")

    assert [each.name for each in plan_view.in_order(of(gate, no, between, yes))] == ["Gate", "Yes", "No", "Between"]

    late = step("No", "Processing", "Between", branch=("Gate", False))
    assert [each.name for each in plan_view.in_order(of(gate, yes, between, late))] == ["Gate", "Yes", "Between", "No"]
