"""Properties that every graph, expression and selection must have."""

from __future__ import annotations

import copy
import itertools
import json
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagemaker_ops.container import process
from sagemaker_ops.definition.expressions import Scope, resolve
from sagemaker_ops.definition.plan import Step
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import (
    Execution,
    Options,
    Selection,
    StepExecution,
    check,
    list_pipeline_executions,
    scheduler,
    start_pipeline_execution,
)
from sagemaker_ops.local.scheduler import Result

NO_JOB = ("Condition", "Fail", "Model", "RegisterModel")  # types that do not start a program
ARGUMENTS: dict[str, dict[str, Any]] = {
    "Fail": {"ErrorMessage": "on purpose"},
    "Model": {"PrimaryContainer": {}},
    "RegisterModel": {"ModelPackageGroupName": "group", "InferenceSpecification": {"Containers": []}},
    "Processing": {
        "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large"}},
        "AppSpecification": {"ContainerEntrypoint": ["python3", "stub.py"]},
    },
}


@dataclass
class Graph:
    """A pipeline and, separately, what waits for what. Names count up: no step waits for a later one."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    waits_for: dict[str, set[str]] = field(default_factory=dict)
    branch: dict[str, tuple[str, bool]] = field(default_factory=dict)
    outcome: dict[str, bool] = field(default_factory=dict)

    @property
    def definition(self) -> dict[str, Any]:
        return {"Version": "2020-12-01", "Steps": self.steps}

    def runs(self, fails: set[str], allowed: set[str], before: set[str] | None = None) -> tuple[set[str], set[str]]:
        """Which of the allowed steps start, and which steps succeed in total. before: those that already had."""
        started: set[str] = set()
        succeeded = set(before or ())
        for name in self.kinds:
            condition, outcome = self.branch.get(name, ("", True))
            taken = not condition or self.outcome[condition] is outcome
            if name in allowed and self.waits_for[name] <= succeeded and taken:
                started.add(name)
                succeeded |= set() if name in fails else {name}
        return started, succeeded


@st.composite
def graphs(draw: st.DrawFn, kinds: tuple[str, ...] = (*NO_JOB, "Processing")) -> Graph:
    graph = Graph()

    def some(depth: int) -> list[dict[str, Any]]:
        made = [one(depth) for _ in range(draw(st.integers(0 if depth else 1, 4 - depth)))]
        return draw(st.permutations(made))  # the order in the list has no meaning

    def one(depth: int) -> dict[str, Any]:
        name = f"S{len(graph.kinds):02}"
        kind = draw(st.sampled_from([each for each in kinds if depth < 3 or each != "Condition"]))
        known = [each for each, kind in graph.kinds.items() if kind != "Fail"]  # after which nothing can run
        needs = draw(st.lists(st.sampled_from(known), max_size=2, unique=True)) if known else []
        graph.kinds[name], graph.waits_for[name] = kind, set(needs)
        step: dict[str, Any] = {"Name": name, "Type": kind, "DependsOn": needs}
        step["Arguments"] = copy.deepcopy(ARGUMENTS.get(kind, {}))
        if kind == "Condition":
            graph.outcome[name] = draw(st.booleans())
            question = {"Type": "Equals", "LeftValue": 1, "RightValue": 1 if graph.outcome[name] else 2}
            step["Arguments"] = {"Conditions": [question]}
            for key, outcome in (("IfSteps", True), ("ElseSteps", False)):
                step["Arguments"][key] = inside = some(depth + 1)
                for each in inside:
                    graph.branch[each["Name"]] = (name, outcome)
                    graph.waits_for[each["Name"]].add(name)
        return step

    graph.steps = some(0)
    return graph


class Watched:
    """The work of steps, which is only recorded."""

    def __init__(self, graph: Graph, fails: set[str]) -> None:
        self.graph, self.fails = graph, fails
        self.notes: list[tuple[str, str]] = []
        self.at_once = self.most = 0
        self.lock = threading.Lock()

    def work(self, step: Step, started: Callable[[], None]) -> Result:
        with self.lock:
            self.notes.append(("start", step.name))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        started()
        with self.lock:
            self.notes.append(("end", step.name))
            self.at_once -= 1
        if step.name in self.fails:
            raise [UserError("no"), OSError(28, "full")][len(self.notes) % 2]
        return Result({"Outcome": str(self.graph.outcome.get(step.name))})


@pytest.mark.slow
@settings(max_examples=60)
@given(graphs(), st.data())
def test_every_graph_runs_in_a_legal_order(graph: Graph, data: st.DataObject) -> None:
    names = list(graph.kinds)
    fails = set(data.draw(st.lists(st.sampled_from(names), max_size=1)))
    fails |= {name for name, kind in graph.kinds.items() if kind == "Fail"}
    jobs = data.draw(st.integers(1, 3))
    plan = check(graph.definition)
    assert {name: set(step.waits_for) for name, step in plan.steps.items()} == graph.waits_for
    execution = Execution(
        "id", "pipeline", Path("/nowhere"), datetime.now(UTC), {}, {n: StepExecution(n, "") for n in plan.steps}
    )
    watched = Watched(graph, fails)
    threads, busy = set(), [0]

    def changed() -> None:
        threads.add(threading.current_thread())
        busy.append(len([step for step in execution.steps.values() if step.status in ("Starting", "Executing")]))

    scheduler.run(plan, execution, watched.work, changed, process.Stop(), jobs)
    expected, succeeded = graph.runs(fails, set(names))
    starts = [name for what, name in watched.notes if what == "start"]
    assert sorted(starts) == sorted(expected)  # each once, and none from a branch not taken
    position = {note: index for index, note in enumerate(watched.notes)}
    for name in starts:
        assert all(position["end", needed] < position["start", name] for needed in graph.waits_for[name])
    assert max(watched.most, *busy) <= jobs
    assert {name for name, step in execution.steps.items() if step.status == "Succeeded"} == succeeded
    assert {name for name, step in execution.steps.items() if step.status == "Failed"} == expected - succeeded
    assert {name for name, step in execution.steps.items() if step.status == "NotStarted"} == set(names) - expected
    assert execution.status == ("Failed" if expected - succeeded else "Succeeded")
    assert threads == {threading.current_thread()}


@settings(max_examples=40)
@given(graphs(), st.integers(0, 20))
def test_no_step_of_any_graph_starts_after_a_stop(graph: Graph, after: int) -> None:
    plan = check(graph.definition)
    execution = Execution(
        "id", "pipeline", Path("/nowhere"), datetime.now(UTC), {}, {n: StepExecution(n, "") for n in plan.steps}
    )
    stop, watched, changes = process.Stop(), Watched(graph, set()), itertools.count()
    stopped_at = []

    def changed() -> None:
        if next(changes) == after and execution.end_time is None:
            stop.ask()
            stopped_at.append(len([step for step in execution.steps.values() if step.status != "NotStarted"]))

    scheduler.run(plan, execution, watched.work, changed, stop, 2)
    begun = len([step for step in execution.steps.values() if step.status != "NotStarted"])
    assert execution.status == ("Stopped" if stopped_at else "Succeeded")
    assert begun == stopped_at[0] if stopped_at else begun == len(graph.runs(set(), set(graph.kinds))[0])
    assert not {step.status for step in execution.steps.values()} & {"Starting", "Executing"}


@pytest.mark.slow
@settings(max_examples=60)
@given(graphs(NO_JOB), st.data())
def test_every_selection_runs_the_named_steps_with_earlier_results(graph: Graph, data: st.DataObject) -> None:
    names = list(graph.kinds)
    fails = {name for name, kind in graph.kinds.items() if kind == "Fail"}
    chosen = set(data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True)))
    onward = data.draw(st.booleans())
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)

        def run(selection: Selection | None = None) -> Execution:
            return start_pipeline_execution(
                graph.definition,
                pipeline_name="p",
                parameters={},
                home=home,
                options=Options(isolation="rewrite"),
                selection=selection,
            )

        first = run()
        before = {name for name, step in first.steps.items() if step.status == "Succeeded"}
        selection = Selection(tuple(chosen), onward)
        for name in names if onward else ():
            chosen |= {name} if graph.waits_for[name] & chosen else set()
        reused = before - chosen
        able = all(
            needed in reused
            and (graph.branch.get(name, ("", True))[0] != needed or graph.outcome[needed] is graph.branch[name][1])
            for name in chosen
            for needed in graph.waits_for[name] - chosen
        )
        if not able:
            with pytest.raises(UserError):
                run(selection)
            assert len(list_pipeline_executions(home)) == 1
            return
        second = run(selection)
        started, succeeded = graph.runs(fails, chosen, reused)
        ran = {name for name, step in second.steps.items() if step.status != "NotStarted" and step.source is None}
        assert ran == started
        assert {name for name, step in second.steps.items() if step.source == first.id} == reused
        assert {name for name, step in second.steps.items() if step.status == "Succeeded"} == succeeded
        assert all(second.steps[name].properties == first.steps[name].properties for name in reused)


TEXT = st.text(st.characters(exclude_characters="\"'[]", exclude_categories=["Cs"]), min_size=1, max_size=6)
SCALARS = st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
PARAMETERS = {"Text": "abc", "Empty": "", "Count": 3, "Rate": 0.25, "Flag": False}
REPORT = "s3://bucket/run/report/a/report.json"


@dataclass
class Document:
    """A JSON document, one of its values, and a path that leads to it."""

    whole: Any
    value: Any
    path: str


@st.composite
def documents(draw: st.DrawFn) -> Document:
    value = draw(SCALARS)
    whole: Any = value
    path = ""
    for _ in range(draw(st.integers(1, 4))):  # from the inside out
        others = draw(st.lists(SCALARS, max_size=2))
        if draw(st.booleans()):
            index = draw(st.integers(0, len(others)))
            whole, path = [*others[:index], whole, *others[index:]], f"[{index}]{path}"
        else:
            key = draw(TEXT)
            whole = {f"other {index}": each for index, each in enumerate(others)} | {key: whole}
            quoted = draw(st.sampled_from([f"['{key}']", f'["{key}"]', *([] if "." in key else [f".{key}"])]))
            path = f"{quoted}{path}"
    return Document(whole, value, path.removeprefix("."))


@st.composite
def expressions(draw: st.DrawFn, report: Document, properties: Document, depth: int = 3) -> tuple[Any, Any]:
    """An expression, and its value."""
    leaves = ["plain", "parameter", "execution", "step", "file", "address"]
    kind = draw(st.sampled_from([*leaves, *["join", "data"] * depth]))
    inner: Any = st.lists(expressions(report, properties, depth - 1), max_size=3) if depth else st.just([])
    if kind == "parameter":
        name = draw(st.sampled_from(sorted(PARAMETERS)))
        return {"Get": f"Parameters.{name}"}, PARAMETERS[name]
    if kind == "execution":
        return {"Get": "Execution.PipelineExecutionId"}, "run"
    if kind == "step":
        path = properties.path if properties.path.startswith("[") else f".{properties.path}"
        return {"Get": f"Steps.Other{path}"}, properties.value
    if kind == "file":
        target = {"Get": "Steps.Evaluate.PropertyFiles.Report"}
        return {"Std:JsonGet": {"PropertyFile": target, "Path": report.path}}, report.value
    if kind == "address":
        parts = [REPORT[:12], {"Std:Join": {"On": "", "Values": [REPORT[12:]]}}]
        uri = {"Std:Join": {"On": "", "Values": parts}}
        return {"Std:JsonGet": {"S3Uri": uri, "Path": report.path}}, report.value
    if kind == "join":
        on, parts = draw(st.sampled_from(["", "/", ", "])), draw(inner)
        texts = [value if isinstance(value, str) else json.dumps(value) for _, value in parts]
        return {"Std:Join": {"On": on, "Values": [each for each, _ in parts]}}, on.join(texts)
    if kind == "data":
        parts = draw(inner)
        return {"x": [each for each, _ in parts], "y": 1}, {"x": [value for _, value in parts], "y": 1}
    value = draw(SCALARS | st.none())
    return value, value


@pytest.mark.slow
@settings(max_examples=60)
@given(documents(), documents(), st.data())
def test_every_expression_resolves_to_the_value_it_was_made_from(
    report: Document, properties: Document, data: st.DataObject
) -> None:
    scope = Scope(
        PARAMETERS,
        {"PipelineExecutionId": "run"},
        {
            "Other": properties.whole,
            "Evaluate": {
                "ProcessingOutputConfig": {"Outputs": {"out": {"S3Output": {"S3Uri": "s3://bucket/run/report/"}}}}
            },
        },
        {("Evaluate", "Report"): ("out", "a/report.json")},
        {REPORT: report.whole}.__getitem__,
    )
    expression, value = data.draw(expressions(report, properties))
    resolved = resolve(expression, scope)
    assert resolved == value
    assert json.dumps(resolved) == json.dumps(value)  # unlike ==, this distinguishes 1, 1.0 and True
