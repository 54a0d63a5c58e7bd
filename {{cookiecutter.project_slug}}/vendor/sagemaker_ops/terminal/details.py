"""Shows all details of an execution, alone or next to another one: parameters, steps and metrics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from sagemaker_ops import trace
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution, StepExecution
from sagemaker_ops.terminal import progress, summary

FORMATS = ("table", "json")
Cell = tuple[str, object]  # the text to show, and the value to compare: None if a difference means nothing
_WIDEST = 72
# {label: AWS's key}, for facts that only an execution on AWS has.
_NAMED = {"name": "PipelineExecutionDisplayName", "description": "PipelineExecutionDescription"}
_SHORT = {"CPUUtilization": "CPU", "MemoryUtilization": "peak memory", "GPUUtilization": "GPU"}


def summaries(executions: Iterable[Execution]) -> str:
    """The list as JSON with the keys of ListPipelineExecutions, with ids instead of ARNs."""
    return _json({"PipelineExecutionSummaries": [_summary(each) for each in executions]})


def document(execution: Execution, other: Execution | None = None) -> str:
    """The execution with the keys of DescribePipelineExecution and ListPipelineExecutionSteps; a list for two."""
    described = [
        {
            **_summary(each),
            **({"StartedBy": found} if (found := _started_by(each).document) else {}),
            "PipelineParameters": [
                {"Name": name, "Value": value}
                for name, value in each.parameters.items()
                if (name, value) != (trace.PARAMETER, trace.DEFAULT)
            ],
            "PipelineExecutionSteps": [_step(step) for step in each.steps.values()],
            "Metrics": metrics(each),
            "Warnings": warnings(each),
        }
        for each in (execution, other)
        if each
    ]
    return _json(described if other else described[0])


def lines(execution: Execution, other: Execution | None = None) -> Iterator[str]:
    """The execution as text for a terminal; next to another one, differences are marked with ≠."""
    both = [execution, *([other] if other else [])]
    yield from _table([_facts(each) for each in both])
    for heading, kind in (("parameter", _parameters), ("step", _steps), ("utilisation", _usage), ("metric", _scores)):
        columns = [kind(each) for each in both]
        if any(columns):
            yield f"\n{heading}"
            yield from _table(columns)
    found = warnings(execution)
    yield from [""] * bool(found)
    yield from (f"warning: {warning}" for warning in found)


def metrics(execution: Execution) -> dict[str, float]:
    """{metric: value} from all property files with metrics."""
    found: dict[str, float] = {}
    for evaluation in evaluations(execution):
        found |= scores(evaluation)
    return found


def warnings(execution: Execution) -> list[str]:
    """What the steps warned of, from all property files with metrics."""
    found: list[str] = []
    for evaluation in evaluations(execution):
        given = evaluation.get("warnings")
        found += map(str, given) if isinstance(given, list) else ()
    return found


def evaluations(execution: Execution) -> Iterator[dict[str, Any]]:
    """The property files that have metrics in SageMaker's form: {"…_metrics": {name: {value}}}."""
    for step in execution.steps.values():
        for file in step.property_files if step.status == "Succeeded" else ():
            with suppress(UserError):  # the step did not write it
                content = execution.read_property_file(step.name, file)
                if isinstance(content, dict) and scores(content):
                    yield content


def scores(evaluation: dict[str, Any]) -> dict[str, float]:
    """{metric: value} of an evaluation.json."""
    groups = [group for key, group in evaluation.items() if key.endswith("_metrics") and isinstance(group, dict)]
    return numbers(pair for group in groups for pair in group.items())


def numbers(scores: Iterable[tuple[str, Any]]) -> dict[str, float]:
    """{name: value} of those that have a number as their value."""
    return {
        name: score["value"]
        for name, score in scores
        if isinstance(score, dict) and isinstance(score.get("value"), int | float)
    }


def _summary(execution: Execution) -> dict[str, Any]:
    return _without_none(
        {
            "PipelineExecutionId": execution.id,
            "PipelineName": execution.pipeline_name,
            "PipelineExecutionStatus": execution.status,
            "StartTime": execution.start_time,
            "EndTime": execution.end_time,
            "FailureReason": execution.failure_reason,
            "StandIns": execution.stand_ins or None,
            **execution.facts,
        }
    )


def _step(step: StepExecution) -> dict[str, Any]:
    source = {"SourcePipelineExecutionId": step.source} if step.source else None
    return _without_none(
        {
            "StepName": step.name,
            "StepType": step.type,
            "StepStatus": step.status,
            "StartTime": step.start_time,
            "EndTime": step.end_time,
            "FailureReason": step.failure_reason,
            "AttemptCount": step.attempts or None,
            "CacheHitResult": source if step.selected else None,
            "SelectiveExecutionResult": None if step.selected else source,
            "StandIn": step.stand_in,
            "Outputs": step.outputs or None,
            "Utilization": step.usage or None,
            **step.facts,
        }
    )


def _facts(execution: Execution) -> dict[str, Cell]:
    started = execution.start_time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return {
        "execution": (execution.id, None),
        **{word: (execution.facts[key], None) for word, key in _NAMED.items() if key in execution.facts},
        "pipeline": (execution.pipeline_name, execution.pipeline_name),
        "status": (f"{execution.status}{summary.with_stand_ins(execution)}", execution.status),
        **({"reason": (execution.failure_reason,) * 2} if execution.failure_reason else {}),
        "started": (started, None),
        **{word: (said, None) for word, said in _origin(_started_by(execution)) if said},
        **({"time": (_took(execution), None)} if execution.end_time else {}),
    }


def _parameters(execution: Execution) -> dict[str, Cell]:
    listed = execution.parameters.items()
    return {name: (_text(value), value) for name, value in listed if not _is_trace(name, value)}


def _is_trace(name: str, value: object) -> bool:
    return name == trace.PARAMETER and isinstance(value, str)


def _started_by(execution: Execution) -> trace.Trace:
    return trace.parse(execution.parameters.get(trace.PARAMETER))


def _origin(started_by: trace.Trace) -> Iterator[tuple[str, str]]:
    """Label and text of each fact about who and what started an execution."""
    yield "started by", started_by.user or started_by.note
    yield "commit", started_by.commit
    yield "merge request", started_by.merge_request
    yield "GitLab pipeline", started_by.pipeline
    yield "source", started_by.source


def _steps(execution: Execution) -> dict[str, Cell]:
    shown: dict[str, Cell] = {}
    for step in execution.steps.values():
        said = (f"{step.status:<10}", f"{_took(step):>8}", progress.note(step), step.failure_reason)
        shown[step.name] = ("  ".join(filter(None, said)).rstrip(), (step.status, step.failure_reason))
    return shown


def _usage(execution: Execution) -> dict[str, Cell]:
    used = {step.name: step.usage for step in execution.steps.values() if step.usage}
    return {
        name: ("  ".join(f"{_SHORT[key]} {value:.0f} %" for key, value in each.items()), None)
        for name, each in used.items()
    }


def _scores(execution: Execution) -> dict[str, Cell]:
    return {name: (f"{value:.6g}", value) for name, value in metrics(execution).items()}


def _took(what: Execution | StepExecution) -> str:
    return progress.seconds(what.start_time, what.end_time) if what.end_time else ""


def _table(columns: list[dict[str, Cell]]) -> Iterator[str]:
    """A line for each name in any column; side by side if there are two."""
    names = list(dict.fromkeys(name for column in columns for name in column))
    first = max(map(len, names))
    second = min(_WIDEST, max(len(columns[0].get(name, ("", ""))[0]) for name in names))
    for name in names:
        shown, compared = zip(*(column.get(name, ("-", "-")) for column in columns), strict=True)
        if len(columns) == 1:
            yield f"{name:<{first}}  {shown[0]}"
        else:
            left = shown[0] if len(shown[0]) <= second else f"{shown[0][: second - 1]}…"
            mark = "≠" if None not in compared and compared[0] != compared[1] else " "
            yield f"{mark} {name:<{first}}  {left:<{second}}  {shown[1]}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _without_none(pairs: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in pairs.items() if value is not None}


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=_moment)


def _moment(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
