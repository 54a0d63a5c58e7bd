"""Which step runs when, what happens around a failure, and how an execution is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ops.errors import UserError
from ops.local import list_pipeline_executions

REPORT = """
    import json
    json.dump({"metrics": {"auc": 0.8}, "label": "x"}, open("/opt/ml/processing/report/report.json", "w"))
"""


def statuses(execution: Any) -> dict[str, str]:
    return {name: step.status for name, step in execution.steps.items()}


def test_independent_steps_run_at_once(local: Any) -> None:
    wait = "import os, time\nwhile len(os.listdir('{0}')) < 2: open(f'{0}/{{os.getpid()}}', 'w'); time.sleep(0.01)"
    place = local.home.parent / "meet"
    place.mkdir()
    steps = [local.processing(name, wait.format(place), seconds=5) for name in "AB"]
    assert local.run(*steps).status == "Succeeded"


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (0.7, {"Evaluate": "Succeeded", "Gate": "Succeeded", "Register": "Succeeded", "Low": "NotStarted"}),
        (0.9, {"Evaluate": "Succeeded", "Gate": "Succeeded", "Register": "NotStarted", "Low": "Failed"}),
    ],
)
def test_a_condition_reads_a_property_file_and_takes_one_branch(local: Any, gate: float, expected: Any) -> None:
    auc = local.json_get("Evaluate", "Report", "metrics.auc")
    steps = [
        local.condition(
            "Gate",
            local.compare("GreaterThanOrEqualTo", auc, local.get("Parameters.Gate")),
            then=[local.register("Register")],
            otherwise=[local.fail("Low", local.join("auc ", auc, " below ", local.get("Parameters.Gate")))],
        ),
        local.processing("Evaluate", REPORT, outputs=("report",), files={"Report": "report/report.json"}),
    ]
    execution = local.run(*steps, parameters=[local.parameter("Gate", "Float", gate)])
    assert statuses(execution) == expected
    assert execution.read_property_file("Evaluate", "Report")["metrics"] == {"auc": 0.8}
    if gate == 0.9:
        assert (execution.status, execution.failure_reason) == ("Failed", "step 'Low': auc 0.8 below 0.9")


def test_what_hangs_on_the_branch_not_taken_never_starts_and_is_no_failure(local: Any) -> None:
    steps = [
        local.condition("If", local.compare("Equals", 1, 2), then=[local.processing("Inside", outputs=("out",))]),
        local.processing("ByData", inputs={"x": local.output_of("Inside", "out")}),
        local.fail("ByName", "x", DependsOn=["ByData"]),
    ]
    execution = local.run(*steps)
    assert execution.status == "Succeeded"
    assert statuses(execution) == {"If": "Succeeded"} | dict.fromkeys(("Inside", "ByData", "ByName"), "NotStarted")


def test_the_conditions_of_a_list_must_all_hold_and_nested_ones_are_followed(local: Any) -> None:
    yes, no = local.compare("Equals", 1, 1), local.compare("Equals", 1, 2)
    inner = local.condition("Inner", yes, no, then=[local.fail("Both", "x")], otherwise=[local.register("Else")])
    execution = local.run(
        local.condition("Outer", yes, yes, then=[inner]), local.fail("After", "x", DependsOn=["Outer"])
    )
    assert statuses(execution) == {
        "Outer": "Succeeded", "Inner": "Succeeded", "Both": "NotStarted", "Else": "Succeeded", "After": "Failed"
    }  # fmt: skip
    assert execution.steps["Outer"].properties == {"Outcome": "True"}


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (
            lambda local: local.compare("Equals", local.json_get("A", "Report", "label"), 1),
            "compares the string 'x' with",
        ),
        (
            lambda local: local.compare("Equals", local.json_get("A", "Report", "metrics.auk"), 1),
            "report.json (property file 'Report' of step 'A') has no 'metrics.auk': 'auk' is missing.",
        ),
    ],
)
def test_a_condition_that_cannot_be_decided_fails_with_the_reason(local: Any, condition: Any, reason: str) -> None:
    first = local.processing("A", REPORT, outputs=("report",), files={"Report": "report/report.json"})
    execution = local.run(first, local.condition("If", condition(local), then=[local.register("R")]))
    assert reason in execution.failure_reason
    assert statuses(execution) == {"A": "Succeeded", "If": "Failed", "R": "NotStarted"}


def test_after_a_failure_dependents_do_not_start_and_others_do(local: Any) -> None:
    steps = [
        local.processing("Bad", "raise SystemExit('broken')", outputs=("out",)),
        local.processing("Dependent", inputs={"x": local.output_of("Bad", "out")}),
        local.processing("Other", DependsOn=[]),
    ]
    execution = local.run(*steps)
    assert statuses(execution) == {"Bad": "Failed", "Dependent": "NotStarted", "Other": "Succeeded"}
    assert (execution.status, execution.failure_reason) == ("Failed", "step 'Bad': exit code 1: broken")


def test_registering_counts_versions_a_group_and_keeps_what_was_given(local: Any) -> None:
    local.store.put("s3://bucket/model.tar.gz", b"m")
    containers = {"Containers": [{"Image": "i", "ModelDataUrl": local.get("Parameters.Model")}]}
    metrics = {"ModelQuality": {"Statistics": {"S3Uri": local.join("s3://bucket/", "e.json")}}}
    steps = [
        local.register(
            "R", "g-1", InferenceSpecification=containers, ModelMetrics=metrics, ModelApprovalStatus="Approved"
        ),
        local.register("Other", "g-2"),
    ]
    for version in (1, 2):
        execution = local.run(*steps, parameters=[local.parameter("Model", default="s3://bucket/model.tar.gz")])
        properties = execution.steps["R"].properties
        assert properties["ModelPackageArn"].endswith(f":model-package/g-1/{version}")
        assert json.loads((local.home / f"registry/g-1/{version}.json").read_text()) == properties
    assert properties["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == "s3://bucket/model.tar.gz"
    assert properties["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"] == "s3://bucket/e.json"
    assert properties["ModelApprovalStatus"] == "Approved"
    assert execution.steps["Other"].properties["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_model_needs_its_data_and_gets_a_name(local: Any) -> None:
    local.store.put("s3://bucket/model.tar.gz", b"m")
    model = {
        "Name": "M",
        "Type": "Model",
        "Arguments": {"PrimaryContainer": {"ModelDataUrl": "s3://bucket/model.tar.gz"}},
    }
    fail = local.fail("F", local.get("Steps.M.ModelName"))
    execution = local.run(model, fail)
    assert execution.steps["F"].failure_reason == execution.steps["M"].properties["ModelName"]
    model["Arguments"]["PrimaryContainer"]["ModelDataUrl"] = "s3://bucket/none.tar.gz"  # type: ignore[index]
    assert "there is no model data at s3://bucket/none.tar.gz" in str(local.run(model).failure_reason)


def test_one_execution_id_and_every_variable_for_all_steps(local: Any) -> None:
    names = ("PipelineExecutionId", "PipelineName", "PipelineArn", "PipelineExecutionArn", "StartDateTime")
    values = [local.get(f"Execution.{name}") for name in (*names, "CurrentDateTime", "ProcessingJobName")]
    script = "import sys; print(sys.argv[1])"
    steps = [local.processing(name, script, local.join(*values[:5], on=" ")) for name in "AB"]
    steps.append(local.processing("C", script, local.join(*values, on=" ")))
    execution = local.run(*steps, region="eu-west-1")
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/customer-demo-train-local"
    expected = f"{execution.id} customer-demo-train-local {arn} {arn}/execution/{execution.id} "
    assert all(local.log(execution, step).startswith(expected) for step in "ABC")
    assert f"pipelines-{execution.id}-C-" in local.log(execution, "C")


def test_every_change_of_status_is_announced_in_the_callers_thread(local: Any) -> None:
    seen: list[tuple[str, str, bool]] = []

    def on_change(execution: Any) -> None:
        here = threading.current_thread() is threading.main_thread()
        seen.append((execution.status, execution.steps["A"].status, here))

    local.run(local.processing("A"), on_change=on_change)
    assert [status for _, status, _ in seen] == ["NotStarted", "Starting", "Executing", "Succeeded", "Succeeded"]
    assert seen[-1][0] == "Succeeded"
    assert all(here for _, _, here in seen)


def test_a_caller_that_breaks_leaves_no_process_behind(local: Any) -> None:
    def on_change(execution: Any) -> None:
        if execution.steps["A"].status == "Executing":
            raise RuntimeError("the terminal is gone")

    begin = time.monotonic()
    with pytest.raises(RuntimeError, match="the terminal is gone"):
        local.run(local.processing("A", "import time; time.sleep(60)"), on_change=on_change)
    assert time.monotonic() - begin < 9
    assert list_pipeline_executions(local.home)[0].status == "Stopped"


SLEEPER = """
import os, signal, sys, time
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(60)
"""
RUNNER = """
import json, pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # both may be ignored where the tests run,
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as in a shell's "&" and under nohup
from ops.local import start_pipeline_execution
def show(execution):
    print(execution.status, *[s.status for s in execution.steps.values()], flush=True)
home, definition = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
start_pipeline_execution(definition, pipeline_name="p", parameters={}, home=home, on_change=show)
"""


def start(local: Any, *arguments: str) -> tuple[subprocess.Popen[str], int]:
    """A runner in a process of its own, and the process of the step it is running."""
    definition = local.definition(local.processing("A", SLEEPER, *arguments), local.fail("B", "x", DependsOn=["A"]))
    project = Path(sys.modules["ops"].__file__ or "").parents[1]
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(local.home), json.dumps(definition)],
        env=os.environ | {"PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for log in (local.home / "runs").glob("*/A/log.txt"):
            if log.read_text().endswith("\n"):
                return runner, int(log.read_text())
        time.sleep(0.02)
    raise TimeoutError


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_execution_without_orphans(local: Any, number: signal.Signals) -> None:
    runner, step = start(local)
    runner.send_signal(number)
    output, _ = runner.communicate(timeout=30)
    assert runner.returncode == 0
    assert output.splitlines()[-3:] == [
        "Stopping Executing NotStarted",
        "Stopping Stopped NotStarted",
        "Stopped Stopped NotStarted",
    ]
    assert local.gone(step)
    assert list_pipeline_executions(local.home)[0].status == "Stopped"


def test_a_second_signal_kills_at_once(local: Any) -> None:
    runner, step = start(local, "stubborn")
    runner.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert runner.poll() is None
    runner.send_signal(signal.SIGINT)
    runner.communicate(timeout=8)  # less than the grace
    assert local.gone(step)


def test_a_runner_that_was_killed_leaves_an_execution_that_reads_as_stopped(local: Any) -> None:
    runner, step = start(local)
    [running] = list_pipeline_executions(local.home)
    assert (running.status, running.steps["A"].status) == ("Executing", "Executing")
    runner.kill()
    runner.communicate()
    os.killpg(step, signal.SIGKILL)
    [execution] = list_pipeline_executions(local.home)
    assert (execution.status, execution.steps["A"].status) == ("Stopped", "Stopped")
    assert "its runner ended without a word" in str(execution.failure_reason)


def test_executions_are_listed_newest_first_as_they_were(local: Any) -> None:
    assert list_pipeline_executions(local.home) == []
    first, second = local.run(local.processing("A")), local.run(local.fail("F", "x"))
    assert list_pipeline_executions(local.home) == [second, first]
    assert json.loads((first.folder / "definition.json").read_text())["Steps"][0]["Name"] == "A"


def test_a_folder_that_cannot_be_written_is_one_sentence_before_the_start(local: Any) -> None:
    local.home.parent.mkdir(exist_ok=True)
    local.home.write_text("a file where a folder should be")
    with pytest.raises(UserError, match=r"cannot write into .*make room there or change its rights"):
        local.run(local.fail("F", "x"))
