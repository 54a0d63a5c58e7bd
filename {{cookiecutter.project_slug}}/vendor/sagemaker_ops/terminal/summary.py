"""Summarises a run for a terminal: the outcome, the metrics next to the baseline, and where to look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution
from sagemaker_ops.project.layout import shown
from sagemaker_ops.terminal import trials
from sagemaker_ops.terminal.progress import seconds

WARNINGS = 10  # to show; evaluation.json has all of them


def lines(execution: Execution, root: Path, began: datetime | None = None) -> Iterator[str]:
    """The last lines of a run; began: when its command was given, so that the time includes compiling."""
    yield from ended(execution, began)
    for step in execution.steps.values():
        file = execution.folder / step.name / "outputs/predictions/predictions.parquet"
        if step.status == "Succeeded" and file.is_file():
            yield f"Predictions in {shown(file, root)}"
    yield f"Look in {shown(execution.folder, root)}: each step's log.txt and outputs/, definition.json"


def ended(execution: Execution, began: datetime | None = None) -> Iterator[str]:
    """The outcome of an execution that has ended, wherever it ran."""
    yield ""
    if tried := trials.of(execution):
        yield from trials.lines(tried)
        yield ""
    found = evaluation(execution)
    if found:
        yield from metrics(found)
        yield from groups(found)
        yield ""
        yield from (line for said in comparison(found, execution.failure_reason or "") for line in (said, ""))
        yield from warnings(found)
    took = seconds(began or execution.start_time, execution.end_time)
    yield f"{execution.status} in {took}{with_stand_ins(execution)}: {_outcome(execution)}"


def with_stand_ins(execution: Execution) -> str:
    """Says which steps did not run, so that a success is not mistaken for that of the whole pipeline."""
    names = execution.stand_ins
    return f", with stand-ins for {', '.join(names)}" if names else ""


def table(executions: Iterable[Execution]) -> Iterator[str]:
    """A list of executions, one per line, below a heading."""
    yield f"{'execution':<14}{'pipeline':<44}{'status':<11}{'started':<21}{'time':>12}"
    for execution in executions:
        started = execution.start_time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        took = seconds(execution.start_time, execution.end_time) if execution.end_time else ""
        line = f"{execution.id:<14}{execution.pipeline_name:<43} {execution.status:<11}{started:<21}{took:>12}"
        yield f"{line.rstrip()}{with_stand_ins(execution)}"


def _outcome(execution: Execution) -> str:
    if execution.failure_reason:
        return execution.failure_reason
    own = [step for step in execution.steps.values() if step.selected and not step.stand_in]
    steps = [step for step in own if "ModelPackageArn" in step.properties]
    for step in sorted(steps, key=lambda step: step.source is not None):  # new versions first
        name, *versions = step.properties["ModelPackageArn"].split("/")[1:]
        if not versions:  # a model package without a group
            return f"{'found' if step.source else 'registered'} model package {name}, which has no versions."
        said = f"registered model {name} version {versions[0]}"
        if step.source:
            said = f"model {name} is already registered as version {versions[0]}"
        return f"{said} ({step.properties['ModelApprovalStatus']})."
    return f"execution {execution.id}."


def evaluation(execution: Execution) -> dict[str, Any]:
    """The first property file with metrics in SageMaker's form; empty if no step wrote one."""
    for step in execution.steps.values():
        for name in step.property_files if step.status == "Succeeded" else ():
            content: Any = None
            with suppress(UserError):  # the step did not write it, or reading it on S3 is not allowed
                content = execution.read_property_file(step.name, name)
            if isinstance(content, dict) and any(key.endswith("_metrics") for key in content):
                return content
    return {}


def metrics(evaluation: dict[str, Any]) -> Iterator[str]:
    """The metrics of an evaluation.json next to those of its baseline."""
    found: Any = next((value for key, value in evaluation.items() if key.endswith("_metrics")), {})
    baseline = evaluation.get("baseline")
    yield f"{'metric':<22}{'model':>12}{'±':>10}{'baseline':>12}"
    for name, score in found.items() if isinstance(found, dict) else ():
        if not isinstance(score, dict) or "value" not in score:  # a confusion matrix or a curve
            continue
        same = baseline.get(name) if isinstance(baseline, dict) else None
        naive = same.get("value") if isinstance(same, dict) else None
        spread = score.get("standard_deviation")
        yield f"{name:<22}{_number(score['value']):>12}{_number(spread):>10}{_number(naive):>12}"


def groups(evaluation: dict[str, Any]) -> Iterator[str]:
    """A line for each group column: how far its groups are apart."""
    found = evaluation.get("groups")
    for column in found.values() if isinstance(found, dict) else ():
        if isinstance(column, dict) and isinstance(column.get("verdict"), str):
            yield column["verdict"]


def doubt(evaluation: Mapping[str, Any]) -> str:
    """Whether the gate of the groups might be decided otherwise with other test rows; empty if that is unlikely."""
    gate = evaluation.get("group_gate")
    said = gate.get("doubt") if isinstance(gate, dict) else ""
    return said if isinstance(said, str) else ""


def comparison(evaluation: Mapping[str, Any], known: str = "") -> list[str]:
    """How the model compares with the approved one, in one sentence; none if a warning or the text `known` says it."""
    found, warned = evaluation.get("approved"), evaluation.get("warnings")
    said = found.get("sentence") if isinstance(found, dict) else None
    if not isinstance(said, str) or said in known or (isinstance(warned, list) and said in warned):
        return []
    return [said]


def warnings(evaluation: dict[str, Any]) -> Iterator[str]:
    """What the steps warned of, below the metrics that it puts in doubt; each evaluation.json may lack it."""
    found = evaluation.get("warnings")
    lines = [f"warning: {warning}" for warning in found[:WARNINGS]] if isinstance(found, list) else []
    close = [f"warning: {said}" for said in [doubt(evaluation)] if said]
    yield from [*close, *lines]
    if lines and len(found or ()) > WARNINGS:
        yield f'and {len(found or ()) - WARNINGS} more warnings: see "warnings" in evaluation.json.'
    yield from [""] * bool(close or lines)


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else ""
