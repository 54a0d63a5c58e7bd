"""What the graph of a pipeline does both on AWS and here: parameters, conditions, references, order."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from local.behaving import SCOPE, reporting, statuses

from sagemaker_ops.definition import parameters
from sagemaker_ops.definition.conditions import holds
from sagemaker_ops.definition.expressions import resolve
from sagemaker_ops.definition.plan import parse
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import check
from sagemaker_ops.preflight.refusals import refusals

pytestmark = pytest.mark.slow  # each runs a pipeline, most of them both ways


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(
            lambda local: local.processing("B", inputs={"x": local.output_of("Evaluate", "report")}), id="argument"
        ),
        pytest.param(
            lambda local: local.processing("B", "", local.join("a", local.join(local.output_of("Evaluate", "report")))),
            id="join",
        ),
        pytest.param(
            lambda local: local.processing("B", "", local.json_get("Evaluate", "Report", "label")), id="json-get"
        ),
        pytest.param(
            lambda local: local.processing(
                "B", "", {"Std:JsonGet": {"S3Uri": local.output_of("Evaluate", "report"), "Path": "a"}}
            ),
            id="json-get-of-uri",
        ),
        pytest.param(
            lambda local: local.condition("B", local.compare("Equals", 1, local.json_get("Evaluate", "Report", "x"))),
            id="condition",
        ),
        pytest.param(
            lambda local: local.condition(
                "B",
                {
                    "Type": "Or",
                    "Conditions": [
                        {
                            "Type": "Not",
                            "Condition": local.compare("Equals", local.json_get("Evaluate", "Report", "x"), 1),
                        }
                    ],
                },
            ),
            id="nested-condition",
        ),
        pytest.param(lambda local: local.processing("B", DependsOn=["Evaluate"]), id="depends-on"),
    ],
)
def test_the_order_comes_from_references_and_depends_on_never_from_the_list(local: Any, second: Any) -> None:
    plan = check(local.definition(local.fail("Last", "x", DependsOn=["B"]), second(local), reporting(local)))
    assert list(plan.steps) == ["Evaluate", "B", "Last"]
    assert plan.steps["B"].waits_for == {"Evaluate"}


def test_independent_steps_run_in_parallel_but_never_more_than_allowed(local: Any) -> None:
    place = local.home.parent / "meet"
    place.mkdir()
    meet = """
        import os, sys, time
        here = os.path.join(sys.argv[1], str(os.getpid()))
        open(here, "w")
        until = time.monotonic() + 30
        while len(os.listdir(sys.argv[1])) < 2 and not os.path.exists(sys.argv[1] + "/../met"):
            assert time.monotonic() < until, "nobody came"
            time.sleep(0.005)
        open(sys.argv[1] + "/../met", "w")
        time.sleep(0.05)  # long enough for a third to come, if one were let in
        assert len(os.listdir(sys.argv[1])) <= 2
        os.remove(here)
    """
    execution = local.run(*(local.processing(name, meet, str(place)) for name in "ABCD"), options={"jobs": 2})
    assert execution.status == "Succeeded", execution.failure_reason


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        pytest.param(
            lambda local: [local.fail("A", "x", DependsOn=["B"]), local.fail("B", "x", DependsOn=["A"])],
            "in a circle",
            id="circle",
        ),
        pytest.param(
            lambda local: [
                local.condition(
                    "If",
                    local.compare("Equals", local.output_of("In", "out"), "x"),
                    then=[local.processing("In", outputs=("out",))],
                )
            ],
            "in a circle",
            id="condition-on-its-own-branch",
        ),
        pytest.param(
            lambda local: [local.fail("A", local.output_of("B", "out"))], "'B', which is not a step", id="unknown-step"
        ),
        pytest.param(
            lambda local: [local.fail("A", "x", DependsOn=["B"])],
            "DependsOn names 'B', which is not a step",
            id="unknown",
        ),
        pytest.param(
            lambda local: [local.fail("A", local.get("Parameters.B"))], "'B', which is not a parameter", id="parameter"
        ),
        pytest.param(
            lambda local: [local.fail("A", "x"), local.fail("A", "x")], "two steps have this name", id="twins"
        ),
    ],
)
def test_an_impossible_graph_is_refused_before_anything_runs(local: Any, steps: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        local.run(*steps(local))
    assert not (local.home / "runs").exists()


def test_the_branch_not_taken_and_its_dependents_never_start_and_are_not_a_failure(local: Any) -> None:
    steps = [
        local.condition("If", local.compare("Equals", 1, 2), then=[local.processing("Inside", outputs=("out",))]),
        local.processing("ByData", inputs={"x": local.output_of("Inside", "out")}),
        local.fail("ByName", "x", DependsOn=["ByData"]),
    ]
    execution = local.run(*steps)
    assert execution.status == "Succeeded"
    assert statuses(execution) == {"If": "Succeeded"} | dict.fromkeys(("Inside", "ByData", "ByName"), "NotStarted")


def test_a_step_that_depends_on_a_condition_waits_for_it_and_conditions_nest(local: Any) -> None:
    yes, no = local.compare("Equals", 1, 1), local.compare("Equals", 1, 2)
    inner = local.condition("Inner", no, then=[local.fail("Then", "x")], otherwise=[local.register("Else")])
    steps = [
        local.fail("After", "x", DependsOn=["Inner"]),
        local.condition("Outer", yes, then=[inner], otherwise=[local.fail("Never", "x")], DependsOn=["Evaluate"]),
        reporting(local),
    ]
    execution = local.run(*steps)
    assert statuses(execution) == {
        "Evaluate": "Succeeded", "Outer": "Succeeded", "Inner": "Succeeded", "Else": "Succeeded", "After": "Failed",
        "Then": "NotStarted", "Never": "NotStarted",
    }  # fmt: skip
    assert [execution.steps[name].properties for name in ("Outer", "Inner")] == [
        {"Outcome": "True"},
        {"Outcome": "False"},
    ]
    ran = ("Evaluate", "Outer", "Inner", "After")
    assert all(
        execution.steps[first].end_time <= execution.steps[second].start_time
        for first, second in itertools.pairwise(ran)
    )


def compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        (compare("Equals", {"Get": "Parameters.Count"}, 3.0), True),
        (compare("Equals", "a", "b"), False),
        (compare("Equals", True, {"Get": "Parameters.Flag"}), True),
        (compare("GreaterThan", 3, 3), False),
        (compare("GreaterThanOrEqualTo", {"Get": "Parameters.Rate"}, 0.5), True),
        (compare("LessThan", "a", "b"), True),
        (compare("LessThanOrEqualTo", 4, 3), False),
        ({"Type": "In", "QueryValue": {"Get": "Parameters.Name"}, "Values": ["x", "abc"]}, True),
        ({"Type": "In", "QueryValue": 1, "Values": []}, False),
        ({"Type": "Not", "Condition": compare("Equals", 1, 1)}, False),
        ({"Type": "Or", "Conditions": [compare("Equals", 1, 2), compare("Equals", 1, 1)]}, True),
        ({"Type": "Or", "Conditions": [compare("Equals", 1, 1), compare("Equals", 1, "1")]}, True),
        ({"Type": "Not", "Condition": {"Type": "Or", "Conditions": []}}, True),
    ],
)
def test_conditions_compare_negate_and_combine(condition: dict[str, Any], outcome: bool) -> None:
    assert holds(condition, SCOPE) is outcome


@pytest.mark.parametrize(("second", "branch"), [(1, "Then"), (2, "Else")])
def test_all_conditions_of_a_list_must_be_true(local: Any, second: int, branch: str) -> None:
    questions = [local.compare("Equals", 1, 1), local.compare("Equals", 1, second)]
    step = local.condition("If", *questions, then=[local.register("Then")], otherwise=[local.register("Else")])
    ran = {name for name, status in statuses(local.run(step)).items() if status == "Succeeded"}
    assert ran == {"If", branch}


@pytest.mark.parametrize(("left", "right"), [(1, "1"), (True, 1), ("true", True)])
def test_values_of_different_types_are_not_compared(left: Any, right: Any) -> None:
    with pytest.raises(UserError, match="both sides must have the same type"):
        holds(compare("Equals", left, right), SCOPE)


MIXED = compare("Equals", 1, "1")


@pytest.mark.parametrize(
    ("conditions", "refused"),
    [
        ([MIXED], True),
        ([compare("GreaterThan", {"Get": "Parameters.Count"}, "3")], True),
        ([{"Type": "Not", "Condition": MIXED}], True),
        ([{"Type": "Or", "Conditions": [compare("Equals", 1, 2), MIXED]}], True),
        ([{"Type": "In", "QueryValue": {"Get": "Parameters.Count"}, "Values": ["3"]}], True),
        ([compare("Equals", 1, 1), MIXED], True),
        ([compare("LessThan", {"Get": "Steps.Make.ProcessingJobName"}, "z"), MIXED], True),
        ([compare("Equals", 1, 2), MIXED], False),  # not compared
        ([compare("Equals", {"Get": "Steps.Make.ProcessingJobName"}, 1)], False),  # not known
        ([compare("Equals", {"Get": "Parameters.Count"}, 3.0)], False),
    ],
)
@pytest.mark.parametrize(("outer", "chosen"), [(None, True), (1, True), (2, False)])
def test_a_known_comparison_of_different_types_is_refused_where_it_will_be_made(
    local: Any, conditions: list[Any], refused: bool, outer: int | None, chosen: bool
) -> None:
    step = local.condition("If", *conditions)
    steps = [step] if outer is None else [local.condition("Outer", compare("Equals", 1, outer), then=[step])]
    count = {"Name": "Count", "Type": "Integer"}
    plan, problems = parse(local.definition(local.processing("Make"), *steps, parameters=[count]))
    found = [problem for problem in refusals(plan, SCOPE) if problem.where == "step 'If'"]
    assert (problems, bool(found)) == ([], refused and chosen)


def test_a_property_file_is_read_from_its_output_after_the_upload(local: Any) -> None:
    auc = local.json_get("Evaluate", "Report", "metrics.auc")
    gate = local.condition(
        "Gate", local.compare("LessThan", auc, 0.7), then=[local.fail("Low", local.join("auc is ", auc))]
    )

    def on_change(execution: Any) -> None:
        if execution.steps["Evaluate"].status == "Succeeded" and execution.steps["Gate"].status == "NotStarted":
            uploaded = f"s3://bucket/{execution.id}/Evaluate/report/report.json"
            assert local.store.read_json(uploaded)["metrics"]["auc"] == 0.8
            local.store.put(uploaded, b'{"metrics": {"auc": 0.1}}')

    execution = local.run(gate, reporting(local), on_change=on_change)
    assert execution.failure_reason == "step 'Low': auc is 0.1"
    assert execution.read_property_file("Evaluate", "Report") == {"metrics": {"auc": 0.1}}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("metrics.auc", "0.8"),
        ("metrics['a.b'][0]", "7"),
        ('["label"]', "x"),
        ("metrics.auk", "report.json (property file 'Report' of step 'Evaluate') has no 'metrics.auk': 'auk' is miss"),
        ("metrics['a.b'][1]", "has no 'metrics.a.b[1]': '1' is missing"),
        ("metrics", "must have a single value at 'metrics'"),
    ],
)
def test_a_path_into_json_gives_its_value_or_fails_the_step_with_a_sentence(
    local: Any, path: str, message: str
) -> None:
    execution = local.run(reporting(local), local.fail("B", local.json_get("Evaluate", "Report", path)))
    assert message in execution.steps["B"].failure_reason


def test_json_is_read_by_property_file_and_by_uri(local: Any) -> None:
    address = local.join(local.output_of("Evaluate", "report"), "report.json", on="/")
    by_address = {"Std:JsonGet": {"S3Uri": address, "Path": "label"}}
    message = local.join(local.json_get("Evaluate", "Report", "label"), by_address, on=" and ")
    assert local.run(reporting(local), local.fail("B", message)).steps["B"].failure_reason == "x and x"


DECLARED = {
    "Text": parameters.Parameter("Text", "String", "x"),
    "Count": parameters.Parameter("Count", "Integer", 1),
    "Rate": parameters.Parameter("Rate", "Float", 0.1),
    "Flag": parameters.Parameter("Flag", "Boolean", False),
    "Status": parameters.Parameter("Status", "String", "Approved", ("Approved", "Rejected")),
}


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({}, {"Text": "x", "Count": 1, "Rate": 0.1, "Flag": False, "Status": "Approved"}),
        ({"Text": "", "Count": "-3", "Rate": "1e-3"}, {"Text": "", "Count": -3, "Rate": 0.001}),
        ({"Rate": "2", "Flag": "True", "Status": "Rejected"}, {"Rate": 2.0, "Flag": True, "Status": "Rejected"}),
    ],
)
def test_parameters_get_their_type(given: dict[str, str], values: dict[str, Any]) -> None:
    found, problems = parameters.values(DECLARED, given)
    assert not problems
    assert {name: found[name] for name in values} == values
    assert type(found["Rate"]) is float


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"Cuont": "1"}, "there is no parameter 'Cuont'. Did you mean 'Count'?"),
        ({"Zzz": "1"}, "there is no parameter 'Zzz'. Available: Text, Count, Rate, Flag, Status."),
        ({"Count": "1.5"}, "parameter 'Count' needs a value of type Integer, not '1.5'."),
        ({"Count": ""}, "parameter 'Count' needs a value of type Integer, not ''."),
        ({"Rate": "nan"}, "parameter 'Rate' needs a value of type Float, not 'nan'."),
        ({"Flag": "yes"}, "parameter 'Flag' needs a value of type Boolean, not 'yes'."),
        ({"Status": "Aproved"}, "must be one of Approved, Rejected, not 'Aproved'. Did you mean 'Approved'?"),
    ],
)
def test_each_wrong_parameter_is_one_sentence(given: dict[str, str], sentence: str) -> None:
    _, [problem] = parameters.values(DECLARED, given)
    assert sentence in str(problem)


def test_wrong_and_missing_parameters_are_reported_together_before_anything_runs(local: Any) -> None:
    declared = [local.parameter("A"), local.parameter("B", "Integer", 1)]
    with pytest.raises(UserError) as caught:
        local.run(local.fail("F", "x"), parameters=declared, given={"B": "x", "C": "y"})
    assert caught.value.exit_code == 2
    assert len(caught.value.problems) == 3
    assert not (local.home / "runs").exists()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        pytest.param({"Get": "Parameters.Rate"}, 0.5, id="float-stays"),
        pytest.param({"Get": "Parameters.Count"}, 3, id="integer-stays"),
        pytest.param({"Get": "Parameters.Flag"}, True, id="boolean-stays"),
        pytest.param({"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Count"}]}}, "3", id="join-is-text"),
        pytest.param(
            {"Std:Join": {"On": "/", "Values": ["s3:/", {"Get": "Execution.PipelineExecutionId"}, 0.5]}},
            "s3://id0123/0.5",
            id="join-of-all",
        ),
        pytest.param(
            {"Std:Join": {"On": "-", "Values": [{"Get": "Parameters.Flag"}, None]}}, "true-null", id="join-json"
        ),
        pytest.param({"a": [{"Get": "Parameters.Name"}, {"b": 1}]}, {"a": ["abc", {"b": 1}]}, id="inside-data"),
    ],
)
def test_a_typed_get_stays_typed_and_a_join_is_text(expression: Any, value: Any) -> None:
    resolved = resolve(expression, SCOPE)
    assert resolved == value
    assert type(resolved) is type(value)


def test_an_execution_has_one_id_and_every_step_sees_the_same_variables(local: Any) -> None:
    names = ("PipelineExecutionId", "PipelineName", "PipelineArn", "PipelineExecutionArn", "StartDateTime")
    values = [local.get(f"Execution.{name}") for name in (*names, "CurrentDateTime", "ProcessingJobName")]
    script = "import sys; print(sys.argv[1])"
    steps = [local.processing(name, script, local.join(*values[:5], on=" ")) for name in "AB"]
    steps.append(local.processing("C", script, local.join(*values, on=" ")))
    execution = local.run(*steps, region="eu-west-1")
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/customer-demo-train-local"
    expected = f"{execution.id} customer-demo-train-local {arn} {arn}/execution/{execution.id} "
    assert all(local.log(execution, step).startswith(expected) for step in "ABC")
    assert local.log(execution, "A") == local.log(execution, "B")
    assert f"pipelines-{execution.id}-C-" in local.log(execution, "C")
