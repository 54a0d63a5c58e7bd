"""What the newest execution of a pipeline gave: its outcome, its gates, and its metrics beside those of another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagemaker_ops import kept, local, trace
from sagemaker_ops.definition import conditions, difference, plan, step_types
from sagemaker_ops.definition.expressions import Scope, resolve
from sagemaker_ops.definition.plan import Plan
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution
from sagemaker_ops.project import approved_model
from sagemaker_ops.project.layout import LOCAL_FOLDER
from sagemaker_ops.store import Store
from sagemaker_ops.terminal import summary
from sagemaker_ops.terminal.progress import seconds

# How a condition reads.
_MUST_BE = {
    "GreaterThanOrEqualTo": "at least",
    "GreaterThan": "more than",
    "LessThanOrEqualTo": "at most",
    "LessThan": "less than",
}
# What the gates of evaluation.json are about, with their metric.
_GATES = {"gate": "{}", "group_gate": "difference of {} between groups"}
SET_BY_OPS = {trace.PARAMETER, *approved_model.PARAMETERS}  # at each start
_WORSE_BY = "worse_by"  # of the approved model, in its condition
Score = tuple[float, float | None]  # the value, and its standard deviation


@dataclass(frozen=True)
class Gate:
    """A comparison of a metric with a limit, as the execution made it; is_of_groups: of their difference."""

    metric: str
    value: float
    must_be: str
    limit: float
    passed: bool
    is_of_groups: bool = False

    def __str__(self) -> str:
        """One sentence."""
        how = f"{'passed' if self.passed else 'missed'} by {abs(self.value - self.limit):.4g}"
        return f"{self.metric} is {self.value:.4g} and must be {self.must_be} {self.limit:.4g}: {how}."


@dataclass(frozen=True)
class Result:
    """execution: None if there is none. problem: why not. notes: what to know when reading the result.

    is_stale: whether something would run now that differs from what ran.
    """

    execution: Execution | None = None
    problem: str = ""
    plan: Plan = field(default_factory=lambda: Plan({}, {}))
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    gates: tuple[Gate, ...] = ()
    notes: tuple[str, ...] = ()
    is_stale: bool = False

    @property
    def status(self) -> str:
        return self.execution.status if self.execution else "Not run"

    @property
    def succeeded(self) -> bool:
        return self.status == "Succeeded" and all(gate.passed for gate in self.gates)

    @property
    def outcome(self) -> str:
        """The status in one sentence, with the reason of a failure."""
        if self.execution is None:
            return f"Not run: {self.problem}"
        took = seconds(self.execution.start_time, self.execution.end_time)
        reason = f": {self.execution.failure_reason}" if self.execution.failure_reason else "."
        return f"{self.status} in {took}{summary.with_stand_ins(self.execution)}{reason}"

    @property
    def scores(self) -> dict[str, Score]:
        """{metric: its value and standard deviation}."""
        found: Any = next((value for key, value in self.evaluation.items() if key.endswith("_metrics")), {})
        scores = found.items() if isinstance(found, dict) else ()
        return {
            str(name): (score["value"], spread if is_number(spread := score.get("standard_deviation")) else None)
            for name, score in scores
            if isinstance(score, dict) and is_number(score.get("value"))
        }

    @property
    def baseline(self) -> dict[str, float]:
        """{metric: its value for a naive model}."""
        given = self.evaluation.get("baseline")
        scores = given.items() if isinstance(given, dict) else ()
        return {
            str(name): score["value"]
            for name, score in scores
            if isinstance(score, dict) and is_number(score.get("value"))
        }

    @property
    def warnings(self) -> list[str]:
        given = self.evaluation.get("warnings")
        return [str(each) for each in given] if isinstance(given, list) else []

    @property
    def comparison(self) -> list[str]:
        """The evaluation's own sentence on the model, compared with the approved one; none if it is a warning."""
        return summary.comparison(self.evaluation)

    @property
    def verdict(self) -> str:
        """The evaluation's own sentence on the model, compared with a naive one."""
        said = self.evaluation.get("verdict")
        return said if isinstance(said, str) else ""


@dataclass(frozen=True)
class Row:
    """A metric here and there."""

    metric: str
    here: Score | None
    there: Score | None
    is_gate: bool
    lower_is_better: bool

    @property
    def difference(self) -> float | None:
        return self.here[0] - self.there[0] if self.here and self.there else None

    @property
    def words(self) -> str:
        """`better` or `worse` for a gate's metric, otherwise `higher` or `lower`; and whether that may be chance."""
        if self.difference is None or self.here is None or self.there is None:
            return ""
        if self.difference == 0:
            return "same"
        higher = self.difference > 0
        word = "higher" if higher else "lower"
        if self.is_gate:
            word = "better" if higher != self.lower_is_better else "worse"
        spread = max(self.here[1] or 0, self.there[1] or 0)
        return f"{word}, within 2 standard deviations" if abs(self.difference) <= 2 * spread else word


def newest(root: Path, pipeline: str, definition: Mapping[str, Any] | None = None, otherwise: str = "") -> Result:
    """The result of the newest execution in a project's folder; definition: what would run there now."""
    listed = local.list_pipeline_executions(root / LOCAL_FOLDER)
    found = next((each for each in listed if each.pipeline_name.endswith(f"-{pipeline}-local")), None)
    if found is None:
        return Result(problem=otherwise or "run `make run` first.")
    return of(found, definition)


def of(found: Execution, definition: Mapping[str, Any] | None = None) -> Result:
    """The result of an execution on this machine; definition: what would run now."""
    ran = kept.read(found.folder / "definition.json") or {}
    parsed, _ = plan.parse(ran)
    evaluation = summary.evaluation(found)
    gates, notes = tuple(_gates(found, parsed, evaluation)), []
    is_stale = definition is not None and difference.canonical(ran) != difference.canonical(definition)
    if is_stale:
        notes.append("Code, data or settings have changed since this run: run `make run` again.")
    usual = {name: each.default for name, each in parsed.parameters.items()}
    set_by_hand = {name: value for name, value in found.parameters.items() if usual.get(name, value) != value}
    if given := [f"{name}={value}" for name, value in set_by_hand.items() if name not in SET_BY_OPS]:
        notes.append(f"Run with {', '.join(given)}.")
    notes += filter(None, [summary.doubt(evaluation)])
    return Result(found, "", parsed, evaluation, gates, tuple(notes), is_stale)


def rows(here: Result, there: Result) -> list[Row]:
    """Every metric of either side: the gate's first."""
    metrics = {gate.metric: gate.must_be.startswith(("at most", "less")) for gate in (*there.gates, *here.gates)}
    ours, theirs = here.scores, there.scores
    names = sorted({**ours, **theirs}, key=lambda name: name not in metrics)
    return [Row(name, ours.get(name), theirs.get(name), name in metrics, metrics.get(name, False)) for name in names]


def _gates(execution: Execution, parsed: Plan, evaluation: Mapping[str, Any]) -> Iterator[Gate]:
    """The comparisons of numbers in the conditions that the execution has decided."""
    files = {(step.name, name): place for step in parsed.steps.values() for name, place in step.property_files.items()}
    properties = {step.name: step.properties for step in execution.steps.values()}
    store = Store(execution.folder.parents[1] / "s3")
    scope = Scope(execution.parameters, {}, properties, files, store.read_json)
    for step in parsed.steps.values():
        done = execution.steps.get(step.name)
        if not step_types.of(step.type).branches or done is None or done.status != "Succeeded":
            continue
        for each in step.arguments.get("Conditions", ()):
            with suppress(UserError, *kept.DAMAGED, ArithmeticError):  # the files of an execution may be gone
                left, right = (resolve(each[side], scope) for side in ("LeftValue", "RightValue"))
                name = _metric(each["LeftValue"], evaluation) or step.name
                if name == _WORSE_BY:  # which the sentence on the comparison says better
                    continue
                if each["Type"] in _MUST_BE and is_number(left) and is_number(right):
                    passed = conditions.holds(each, scope)
                    of_groups = _path(each["LeftValue"]) == "group_gate.value"
                    yield Gate(name, float(left), _MUST_BE[each["Type"]], float(right), passed, of_groups)


def _metric(expression: Any, evaluation: Mapping[str, Any]) -> str:
    """What a condition reads: `gate.value` is the gate's metric, otherwise the path without `value`."""
    key = _path(expression).removesuffix(".value")
    gate = evaluation.get(key)
    if key in _GATES and isinstance(gate, dict):
        return _GATES[key].format(gate.get("metric", key))
    return key.rpartition(".")[2]


def _path(expression: Any) -> str:
    return str(expression.get("Std:JsonGet", {}).get("Path", "")) if isinstance(expression, dict) else ""


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def score(found: Score | None) -> str:
    """`0.9474 ± 0.037`."""
    if found is None:
        return "-"
    return f"{found[0]:.4g}" + (f" ± {found[1]:.2g}" if found[1] is not None else "")


def signed(difference: float | None) -> str:
    """The difference with its sign; `-` if there is none to show."""
    if difference is None:
        return "-"
    return f"{difference:+.2g}" if difference else "0"
