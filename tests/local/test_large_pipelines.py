"""The time for a pipeline grows with its number of steps and dependencies, and no faster."""

from __future__ import annotations

import gc
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagemaker_ops.local import Options, check, start_pipeline_execution
from sagemaker_ops.local.preview import preview

pytestmark = pytest.mark.slow

EQUAL = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
Steps = list[dict[str, Any]]


def condition(name: str, then: Steps | None = None, *waits_for: str, left: Any = 1) -> dict[str, Any]:
    arguments = {"Conditions": [EQUAL | {"LeftValue": left}], "IfSteps": then or [], "ElseSteps": []}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, "DependsOn": list(waits_for)}


def chain(count: int) -> Steps:
    return [condition(f"C{i}", None, *[f"C{i - 1}"][: bool(i)]) for i in range(count)]


def chain_from_the_end(count: int) -> Steps:
    return chain(count)[::-1]


def chain_of_references(count: int) -> Steps:
    first = condition("C0")
    outcomes = [{"Get": f"Steps.C{i}.Outcome"} for i in range(count - 1)]
    rest = [condition(f"C{i + 1}", left=outcome) for i, outcome in enumerate(outcomes)]
    for each in rest:
        each["Arguments"]["Conditions"][0]["RightValue"] = "True"
    return [first, *rest]


def chain_in_a_branch(count: int) -> Steps:
    return [condition("First", chain(count - 1))]


def fan(count: int) -> Steps:
    middle = [f"C{i}" for i in range(count - 2)]
    return [condition("First"), *(condition(name, None, "First") for name in middle), condition("Last", None, *middle)]


def circles(count: int) -> Steps:
    return [condition(f"C{i}", None, f"C{i ^ 1}") for i in range(count)]


def run(definition: dict[str, Any], home: Path) -> None:
    execution = start_pipeline_execution(
        definition, pipeline_name="p", parameters={}, home=home, options=Options(isolation="rewrite")
    )
    assert execution.status == "Succeeded", execution.failure_reason


def plan(definition: dict[str, Any], home: Path) -> None:
    preview(definition, pipeline_name="p", parameters={}, home=home)


def seconds(work: Callable[..., None], steps: Steps, home: Path) -> float:
    """The processor time for it, which does not depend on what else the machine does."""
    measured = []
    gc.disable()  # what it costs depends on the objects of other tests
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        work({"Version": "2020-12-01", "Parameters": [], "Steps": steps}, home)
        measured.append(resource.getrusage(resource.RUSAGE_SELF).ru_utime - before)
        shutil.rmtree(home, ignore_errors=True)
    gc.enable()
    return min(measured)


@pytest.mark.parametrize(
    ("work", "shape"),
    [
        (run, chain),
        (run, chain_of_references),
        (run, fan),
        *((plan, each) for each in (chain, chain_from_the_end, chain_of_references, chain_in_a_branch, fan)),
    ],
)
def test_twice_as_many_steps_take_about_twice_as_long(work: Any, shape: Any, tmp_path: Path) -> None:
    half, whole = (seconds(work, shape(count), tmp_path / ".local") for count in (300, 600))

    assert whole < 3.2 * half + 0.1  # four times as long would be quadratic


def test_twice_as_many_circles_take_about_twice_as_long(tmp_path: Path) -> None:
    half, whole = (seconds(plan, circles(count), tmp_path / ".local") for count in (600, 1200))

    assert whole < 3.2 * half + 0.1


def test_while_a_step_runs_the_file_of_its_execution_is_up_to_date(local: Any) -> None:
    read = "import sys, time; time.sleep(1); print(open(sys.argv[1] + '/execution.json').read())"
    folder = local.join(str(local.home / "runs"), local.get("Execution.PipelineExecutionId"), on="/")
    steps = [local.processing("A", read, folder), *chain(300)]
    steps[1]["DependsOn"] = []

    execution = local.run(*steps)

    assert local.log(execution, "A").count('"status": "Succeeded"') == 300
    assert check(local.definition(*steps)).steps.keys() == execution.steps.keys()
