"""All details of an execution, alone and next to another one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sagemaker_ops.local import Execution, StepExecution
from sagemaker_ops.terminal import details

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
STEPS = (
    StepExecution("Prepare", "Processing", status="Succeeded", source="earlier00000"),
    StepExecution("Train", "Training", status="Succeeded", source="earlier00000", selected=False),
    StepExecution("Measure", "Processing", {"Report": ("out", "m.json")}, status="Succeeded", attempts=2),
    StepExecution("Gate", "Fail", status="Failed", failure_reason="auc is 0.4."),
    StepExecution("Last", "Processing"),
)


@pytest.fixture
def execution(tmp_path: Path) -> Execution:
    """An execution with a step of every kind, and metrics."""
    steps = {
        each.name: each
        if each.status == "NotStarted"
        else replace(each, start_time=START, end_time=START + timedelta(seconds=1.5))
        for each in STEPS
    }
    return measured(
        Execution(
            "abc123def456",
            "demo-train",
            tmp_path / "abc123def456",
            START,
            {"Data": "s3://bucket/data/", "Depth": 3, "Fast": True},
            steps,
            "Failed",
            START + timedelta(seconds=65),
            "step 'Gate': auc is 0.4.",
        ),
        auc=0.4,
    )


def measured(execution: Execution, **metrics: Any) -> Execution:
    """The same execution after Measure has written these metrics."""
    file = execution.folder / "Measure/outputs/out/m.json"
    file.parent.mkdir(parents=True)
    scores = {name: {"value": value, "standard_deviation": 0.1} for name, value in metrics.items()}
    file.write_text(json.dumps({"binary_classification_metrics": scores, "rows": 5}))
    return execution


def another(execution: Execution) -> Execution:
    """A later one that succeeded: another depth, no parameter Fast, one more metric."""
    steps = execution.steps | {"Gate": replace(execution.steps["Gate"], status="Succeeded", failure_reason=None)}
    done = replace(
        execution,
        id="xyz123def456",
        folder=execution.folder.with_name("xyz123def456"),
        start_time=START + timedelta(days=1),
        end_time=START + timedelta(days=1, seconds=2),
        parameters={"Data": "s3://bucket/data/", "Depth": 4},
        steps=steps,
        status="Succeeded",
        failure_reason=None,
    )
    return measured(done, auc=0.4, f1=0.123456789)


def sections(lines: list[str]) -> dict[str, list[str]]:
    """{heading: its lines}, without trailing blanks."""
    found: dict[str, list[str]] = {}
    for block in "\n".join(lines).split("\n\n"):
        first, *others = block.splitlines()
        heading = first if len(first.split()) == 1 else ""
        found[heading] = [line.rstrip() for line in (others if heading else [first, *others])]
    return found


def test_alone_it_is_shown_in_full(execution: Execution) -> None:
    shown = sections(list(details.lines(execution)))

    assert [line.split(maxsplit=1)[0] for line in shown[""]] == [
        "execution", "pipeline", "status", "reason", "started", "time"
    ]  # fmt: skip
    assert shown["parameter"] == ["Data   s3://bucket/data/", "Depth  3", "Fast   true"]
    assert shown["step"] == [
        "Prepare  Succeeded      1.5 s  cached (execution earlier00000)",
        "Train    Succeeded      1.5 s  reused (execution earlier00000)",
        "Measure  Succeeded      1.5 s  attempt 2",
        "Gate     Failed         1.5 s  auc is 0.4.",
        "Last     NotStarted",
    ]
    assert shown["metric"] == ["auc  0.4"]


def test_next_to_another_one_differences_are_marked(execution: Execution) -> None:
    shown = sections(list(details.lines(execution, another(execution))))

    marked = {line.split()[1] for lines in shown.values() for line in lines if line.startswith("≠")}
    assert marked == {"status", "reason", "Depth", "Fast", "Gate", "f1"}
    assert [line.split() for line in shown["parameter"]] == [
        ["Data", "s3://bucket/data/", "s3://bucket/data/"],
        ["≠", "Depth", "3", "4"],
        ["≠", "Fast", "true", "-"],
    ]
    assert [line.split() for line in shown["metric"]] == [["auc", "0.4", "0.4"], ["≠", "f1", "-", "0.123457"]]


@pytest.mark.parametrize(
    ("value", "facts", "document", "is_parameter"),
    [
        pytest.param(
            "user=anna commit=3f2a1b4c5d6e merge-request=12 pipeline=345 source=push project=g/x",
            {
                "started by": "anna",
                "commit": "3f2a1b4c5d6e",
                "merge request": "12",
                "GitLab pipeline": "345",
                "source": "push",
            },
            {
                "User": "anna",
                "Commit": "3f2a1b4c5d6e",
                "MergeRequest": "12",
                "Pipeline": "345",
                "Source": "push",
                "Project": "g/x",
            },
            False,
            id="in GitLab",
        ),
        pytest.param("nightly run", {"started by": "nightly run"}, {"Text": "nightly run"}, False, id="by hand"),
        pytest.param("unknown", {}, None, False, id="default"),
        pytest.param(7, {}, None, True, id="another's parameter"),
    ],
)
def test_who_started_it_is_a_fact_and_not_a_parameter(
    execution: Execution, value: Any, facts: dict[str, str], document: dict[str, str] | None, is_parameter: bool
) -> None:
    usual = {"execution", "pipeline", "status", "reason", "started", "time"}
    begun = replace(execution, parameters={"Depth": 3, "StartedBy": value})

    shown, said = sections(list(details.lines(begun))), json.loads(details.document(begun))

    pairs = dict(line.split("  ", maxsplit=1) for line in shown[""])
    assert {name: text.strip() for name, text in pairs.items() if name not in usual} == facts
    assert any(line.startswith("StartedBy") for line in shown["parameter"]) == is_parameter
    assert said.get("StartedBy") == document
    assert ("StartedBy" in {each["Name"] for each in said["PipelineParameters"]}) == (value != "unknown")


def test_another_starter_is_no_difference(execution: Execution) -> None:
    both = [replace(execution, parameters={"StartedBy": f"user={name} source=terminal"}) for name in ("anna", "bo")]

    shown = sections(list(details.lines(*both)))

    assert "started by anna bo" in [" ".join(line.split()) for line in shown[""]]
    assert not any(line.startswith("≠") for line in shown[""])


def test_long_text_leaves_room_for_the_other_column(execution: Execution) -> None:
    long = replace(execution, parameters={"Data": "s3://" + "x" * 200})

    [line] = sections(list(details.lines(long, execution)))["parameter"][:1]

    assert line.startswith("≠ Data   s3://xxx")
    assert "…  s3://bucket/data/" in line


def test_the_json_has_the_keys_of_aws(execution: Execution) -> None:
    said = json.loads(details.document(execution))

    assert said["PipelineExecutionId"] == "abc123def456"
    assert said["PipelineExecutionStatus"] == "Failed"
    assert said["StartTime"] == "2026-03-01T12:00:00+00:00"
    assert said["PipelineParameters"][1] == {"Name": "Depth", "Value": 3}
    assert said["Metrics"] == {"auc": 0.4}
    steps = {each["StepName"]: each for each in said["PipelineExecutionSteps"]}
    assert steps["Prepare"]["CacheHitResult"] == {"SourcePipelineExecutionId": "earlier00000"}
    assert "SelectiveExecutionResult" not in steps["Prepare"]
    assert steps["Train"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionId": "earlier00000"}
    assert steps["Measure"]["AttemptCount"] == 2
    assert steps["Gate"]["FailureReason"] == "auc is 0.4."
    assert steps["Last"] == {"StepName": "Last", "StepType": "Processing", "StepStatus": "NotStarted"}


def test_a_step_that_did_not_run_is_shown_as_such(execution: Execution) -> None:
    measure = replace(execution.steps["Measure"], status="StandIn", stand_in="stubs/measure.json")
    execution.steps["Measure"] = measure

    text, said = "\n".join(details.lines(execution)), json.loads(details.document(execution))

    assert "status     Failed, with stand-ins for Measure\n" in text
    assert "Measure  StandIn        1.5 s  did not run, outputs from stubs/measure.json\n" in text
    assert said["StandIns"] == ["Measure"]
    shown = {each["StepName"]: each for each in said["PipelineExecutionSteps"]}["Measure"]
    assert (shown["StepStatus"], shown["StandIn"]) == ("StandIn", "stubs/measure.json")
    assert said["Metrics"] == {}  # they are not the step's own


def test_two_executions_are_a_list(execution: Execution) -> None:
    said = json.loads(details.document(execution, another(execution)))

    assert [each["PipelineExecutionStatus"] for each in said] == ["Failed", "Succeeded"]


def test_a_list_has_no_steps(execution: Execution) -> None:
    [summary] = json.loads(details.summaries([execution]))["PipelineExecutionSummaries"]

    assert summary["PipelineExecutionId"] == "abc123def456"
    assert "PipelineExecutionSteps" not in summary


@pytest.mark.parametrize(
    ("content", "metrics"),
    [
        pytest.param({"regression_metrics": {"rmse": {"value": 2}}}, {"rmse": 2}, id="whole number"),
        pytest.param({"multiclass_metrics": {"confusion": {"a": {"b": 1}}}}, {}, id="a confusion matrix"),
        pytest.param({"x_metrics": [1], "y_metrics": {"z": 3}}, {}, id="another shape"),
        pytest.param([1], {}, id="a list"),
    ],
)
def test_metrics_are_read_from_a_property_file(execution: Execution, content: Any, metrics: dict[str, float]) -> None:
    (execution.folder / "Measure/outputs/out/m.json").write_text(json.dumps(content))

    assert details.metrics(execution) == metrics


def test_a_missing_property_file_is_not_an_error(execution: Execution) -> None:
    (execution.folder / "Measure/outputs/out/m.json").unlink()

    assert details.metrics(execution) == {}


def test_the_warnings_follow(tmp_path: Path) -> None:
    evaluation = {"regression_metrics": {"r2": {"value": 0.9}}, "warnings": ["3 rows were dropped."]}
    folder = tmp_path / "Evaluation" / "outputs" / "evaluation"
    folder.mkdir(parents=True)
    (folder / "evaluation.json").write_text(json.dumps(evaluation), encoding="utf-8")
    files = {"EvaluationReport": ("evaluation", "evaluation.json")}
    step = StepExecution("Evaluation", "Processing", files, status="Succeeded")
    done = Execution("abc", "customer-churn", tmp_path, datetime(2026, 3, 1, tzinfo=UTC), {}, {"Evaluation": step})

    assert list(details.lines(done))[-1] == "warning: 3 rows were dropped."
    assert json.loads(details.document(done))["Warnings"] == ["3 rows were dropped."]
