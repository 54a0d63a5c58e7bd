"""The report files for GitLab: what each contains for executions that ended in every way."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution, StepExecution
from sagemaker_ops.terminal import gitlab_reports

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
REASON = "auc of the model is 0.41, but the quality gate requires at least 0.65"
EVALUATION = {
    "binary_classification_metrics": {
        "auc": {"value": 0.412345678, "standard_deviation": 0.01},
        "f1": {"value": 1},
        "confusion": {"a": {"b": 1}},
    },
    "baseline": {"auc": {"value": 0.5}},
    "gate": {"metric": "auc", "value": 0.412345678},
    "warnings": ["3 rows were dropped."],
}
SAMPLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]* [-+]?(\d+(\.\d+)?(e[-+]?\d+)?|inf|nan)")  # OpenMetrics, without labels


@pytest.fixture
def execution(tmp_path: Path) -> Execution:
    """One that passed the gate."""
    file = tmp_path / "run" / "Evaluation/outputs/evaluation/evaluation.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(EVALUATION), encoding="utf-8")
    (tmp_path / "project.toml").write_text('[project]\nname = "Churn"\n[data]\n', encoding="utf-8")
    report = {"Report": ("evaluation", "evaluation.json")}
    steps = [
        StepExecution("Training", "Training", status="Succeeded"),
        StepExecution("Evaluation", "Processing", report, status="Succeeded"),
        StepExecution("Gate", "Condition", status="Succeeded"),
        StepExecution("Register", "RegisterModel", status="Succeeded"),
        StepExecution("GateFailed", "Fail"),
    ]
    timed = {
        each.name: each
        if each.status == "NotStarted"
        else replace(each, start_time=START, end_time=START + timedelta(seconds=2.5))
        for each in steps
    }
    parameters = {"QualityGate": 0.65}
    return Execution("abc", "customer-churn-train-local", tmp_path / "run", START, parameters, timed, "Succeeded")


def changed(execution: Execution, status: str = "Failed", **steps: Any) -> Execution:
    """The same execution with other states of steps, as (status, reason) or a stub's name."""
    execution = replace(execution, status=status, steps=dict(execution.steps))
    for name, state in steps.items():
        change: dict[str, Any] = {"status": state}
        if isinstance(state, tuple):
            change = {"status": state[0], "failure_reason": state[1]}
        execution.steps[name] = replace(execution.steps[name], **change)
    return execution


def results(execution: Execution) -> dict[str, tuple[str, str]]:
    """{test: (outcome, message)}; the counts agree with them."""
    text = gitlab_reports.tests("train", execution)
    [suite] = ElementTree.fromstring(text.encode())
    found = {}
    for case in suite:
        assert case.get("classname") == "train"
        outcomes = [(each.tag, each.get("message", "")) for each in case]
        [found[case.get("name", "")]] = outcomes or [("passed", "")]
    kinds = [outcome for outcome, _ in found.values()]
    counts = {"tests": len(suite), "errors": 0}
    counts |= {"failures": kinds.count("failure"), "skipped": kinds.count("skipped")}
    assert {key: int(suite.get(key, "")) for key in counts} == counts
    return found


SKIPPED, PASSED = ("skipped", "not reached"), ("passed", "")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"status": "Succeeded"}, {"quality gate": PASSED, "GateFailed": SKIPPED}, id="passed"),
        pytest.param(
            {"Register": "NotStarted", "GateFailed": ("Failed", REASON)},
            {
                "quality gate": ("failure", REASON),
                "Gate": PASSED,
                "Register": SKIPPED,
                "GateFailed": ("failure", REASON),
            },
            id="not passed",
        ),
        pytest.param(
            {"Training": ("Failed", "no memory"), "Evaluation": "NotStarted", "Gate": "NotStarted"},
            {"quality gate": SKIPPED, "Training": ("failure", "no memory"), "Evaluation": SKIPPED},
            id="not reached",
        ),
        pytest.param({"Training": "Failed"}, {"Training": ("failure", "Failed")}, id="no reason"),
        pytest.param({"status": "Stopped", "Training": "Stopped"}, {"Training": ("failure", "Stopped")}, id="stopped"),
        pytest.param(
            {"status": "Stopped", "Gate": "Executing"},
            {"Gate": ("skipped", "has not ended"), "execution": ("failure", "Stopped")},
            id="stopped, but no step",
        ),
        pytest.param({"Training": ("Failed", "a\0b\x1b[1m")}, {"Training": ("failure", "a?b?[1m")}, id="no XML"),
        pytest.param({"Training": ("Failed", '<&"ä\ud800')}, {"Training": ("failure", '<&"ä?')}, id="escaped"),
    ],
)
def test_each_step_and_the_gate_are_a_test(execution: Execution, change: dict[str, Any], expected: Any) -> None:
    found = results(changed(execution, **change))

    assert expected.items() <= found.items()
    assert [name for name in found if name != "execution"] == ["quality gate", *execution.steps]


def test_the_gate_shows_the_metric_the_baseline_and_what_it_requires(execution: Execution) -> None:
    text = gitlab_reports.tests("train", changed(execution, GateFailed=("Failed", "not good enough")))

    failure = ElementTree.fromstring(text.encode()).find(".//testcase[@name='quality gate']/failure")
    assert failure is not None
    assert failure.text == "not good enough\nauc: 0.412345678 (baseline 0.5)\nQualityGate: 0.65"


MESSAGE = "auc differs by 0.08 between 'a' and 'b' of 'town', but at most 0.05 is allowed"


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        ({"limit": 0.1, "passed": True, "message": "well"}, PASSED),
        ({"limit": 0.05, "passed": False, "message": MESSAGE}, ("failure", MESSAGE)),
        ({"value": 0.08}, None),
        ("of another form", None),
    ],
)
def test_a_limit_on_the_difference_between_groups_is_a_test(
    execution: Execution, gate: object, expected: tuple[str, str] | None
) -> None:
    file = execution.folder / "Evaluation/outputs/evaluation/evaluation.json"
    file.write_text(json.dumps(EVALUATION | {"group_gate": gate}), encoding="utf-8")

    assert results(execution).get("difference between groups") == expected


def test_a_step_with_a_stand_in_is_skipped(execution: Execution) -> None:
    execution.steps["Training"] = replace(execution.steps["Training"], status="StandIn", stand_in="stubs/t.json")

    assert results(execution)["Training"] == ("skipped", "did not run, outputs from stubs/t.json")


@pytest.mark.parametrize("kind", ["without evaluation", "without a gate"])
def test_a_pipeline_without_a_gate_has_no_test_for_it(execution: Execution, kind: str) -> None:
    if kind == "without evaluation":
        execution.steps["Evaluation"] = replace(execution.steps["Evaluation"], property_files={})
    else:
        execution.steps.pop("Gate")

    assert "quality gate" not in results(execution)


def test_metrics_are_rounded_and_named_after_the_pipeline(execution: Execution) -> None:
    lines = list(gitlab_reports.metrics("train", execution))

    assert lines == ["train_auc 0.4123", "train_auc_baseline 0.5", "train_f1 1", "train_steps 5", "# EOF"]


@pytest.mark.parametrize(
    ("pipeline", "metric", "value", "line"),
    [
        pytest.param("train", "mean error", 123456.7, "train_mean_error 1.235e+05", id="a space, a large number"),
        pytest.param("1st", "größe", -0.00001234, "_1st_gr__e -1.234e-05", id="a digit first, not ASCII"),
        pytest.param("a-b", 'x{y="z"} # c', 0, "a_b_x_y__z_____c 0", id="signs of the format"),
        pytest.param("train", "r2", float("nan"), "train_r2 nan", id="not a number"),
    ],
)
def test_every_line_can_be_parsed(execution: Execution, pipeline: str, metric: str, value: float, line: str) -> None:
    evaluation = execution.folder / "Evaluation/outputs/evaluation/evaluation.json"
    evaluation.write_text(json.dumps({"x_metrics": {metric: {"value": value}, "f1": {"value": 1}}}), encoding="utf-8")

    *lines, end = gitlab_reports.metrics(pipeline, execution)

    assert line in lines
    assert [each for each in lines if not SAMPLE.fullmatch(each)] == []
    assert end == "# EOF"


def test_two_metrics_whose_names_become_the_same_are_one(execution: Execution) -> None:
    evaluation = execution.folder / "Evaluation/outputs/evaluation/evaluation.json"
    evaluation.write_text(json.dumps({"x_metrics": {"a b": {"value": 1}, "a-b": {"value": 2}}}), encoding="utf-8")

    assert list(gitlab_reports.metrics("t", execution)) == ["t_a_b 1", "t_steps 5", "# EOF"]


def test_a_pipeline_without_evaluation_has_no_metrics(execution: Execution) -> None:
    execution.steps["Evaluation"] = replace(execution.steps["Evaluation"], property_files={})

    assert list(gitlab_reports.metrics("train", execution)) == ["train_steps 5", "# EOF"]


def test_warnings_are_a_code_quality_report(execution: Execution, tmp_path: Path) -> None:
    [report] = json.loads(gitlab_reports.warnings(execution, tmp_path))

    # https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
    assert report.keys() >= {"description", "check_name", "fingerprint", "severity", "location"}
    assert (report["severity"], report["location"]) == ("minor", {"path": "project.toml", "lines": {"begin": 3}})
    assert "3 rows were dropped." in report["description"]


@pytest.mark.parametrize(
    ("pipeline", "folder"),
    [
        ("train", "train"),
        ("customer-churn-train-dev", "customer-churn-train-dev"),
        ("arn:aws:sagemaker:eu-west-1:123456789012:pipeline/customer-churn-train-dev", "customer-churn-train-dev"),
        ("../../train", "train"),
        ("..", "__"),
        ("a b.c", "a_b_c"),
    ],
)
def test_each_pipeline_has_its_own_folder_inside(tmp_path: Path, pipeline: str, folder: str) -> None:
    assert gitlab_reports.prepare(tmp_path / "reports", pipeline).folder == tmp_path / "reports" / folder


def test_reports_of_an_earlier_execution_are_removed_and_nothing_else(tmp_path: Path, execution: Execution) -> None:
    for name in (*gitlab_reports.FILES, "mine.txt"):
        (tmp_path / "train").mkdir(exist_ok=True)
        (tmp_path / "train" / name).write_text("old")

    reports = gitlab_reports.prepare(tmp_path, "train")
    left = sorted(file.name for file in reports.folder.iterdir())
    reports.ended(execution, tmp_path)

    assert left == ["mine.txt"]
    written = sorted(file.name for file in reports.folder.iterdir())
    assert written == ["gate.xml", "metrics.txt", "mine.txt", "warnings.json"]


@pytest.mark.parametrize("obstacle", ["reports", "reports/train", "reports/train/gate.xml/x"])
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, obstacle: str) -> None:
    (tmp_path / obstacle).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / obstacle).write_text("a file")

    with pytest.raises(UserError, match=r"--gitlab: cannot write to .*train \(.+\): give a folder in which"):
        gitlab_reports.prepare(tmp_path / "reports", "train")
