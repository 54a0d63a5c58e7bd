"""Gathers what a report shows: an execution, the one to compare it with, and the summary of its data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from sagemaker_ops import kept, local, trace
from sagemaker_ops.definition import difference, step_types
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution
from sagemaker_ops.local.executions import newest_first
from sagemaker_ops.project.layout import LOCAL_FOLDER
from sagemaker_ops.report import results
from sagemaker_ops.report.results import Result

PAGE = "report.html"  # in the folder of the execution
LOOKED_AT = 50
LEVELS = {"good": "Passed", "bad": "Failed", "unclear": "Did not finish"}


@dataclass(frozen=True)
class Report:
    """result: of an execution; there: that of the one to compare with, if any; summary: of processing, if any."""

    result: Result
    execution: Execution
    there: Result | None = None
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def pipeline(self) -> str:
        """The full name, such as `customer-flight-delays-train-local`."""
        return self.execution.pipeline_name

    @property
    def level(self) -> str:
        """`good`, `bad`, or `unclear`: stopped, or still running."""
        if self.execution.status in ("Executing", "Stopping", "Stopped"):
            return "unclear"
        return "good" if self.result.succeeded else "bad"

    @property
    def warnings(self) -> list[str]:
        """Of processing and of evaluation, each once."""
        given = self.summary.get("warnings")
        found = [str(each) for each in given] if isinstance(given, list) else []
        return list(dict.fromkeys([*found, *self.result.warnings]))

    @property
    def started_by(self) -> str:
        """Who started it, and the commit, in words; empty if that is not known."""
        text = self.execution.parameters.get(trace.PARAMETER)
        return trace.parse(str(text)).description if text not in (None, trace.DEFAULT) else ""


def gather(root: Path, execution: str, against: str | None = None) -> Report:
    """By the id of an execution, a unique start of it, or `latest`; UserError if there is no such execution.

    Without `against`, it is compared with the newest one before it that has metrics of the same target, if that is
    among the newest LOOKED_AT.
    """
    home = root / LOCAL_FOLDER
    found = local.find(home, execution)
    other = local.find(home, against) if against else None
    return of(found, home, other)


def of(execution: Execution, home: Path, other: Execution | None = None) -> Report:
    """The report on an execution; home: .local, where the one to compare with is if it is not given."""
    result = results.of(execution)
    there = results.of(other) if other else _previous(execution, result, home)
    return Report(result, execution, there, _summary(execution))


def _previous(execution: Execution, result: Result, home: Path) -> Result | None:
    """Of the executions before it, each of which takes time to read, only some are looked at."""
    if not result.scores:
        return None
    for each in sorted(islice(newest_first(home), LOOKED_AT), key=lambda each: each.start_time, reverse=True):
        if each.pipeline_name == execution.pipeline_name and each.start_time < execution.start_time:
            found = results.of(each)
            if found.scores and found.evaluation.get("target") == result.evaluation.get("target"):
                return found
    return None


def differences(report: Report) -> list[str]:
    """What differs from the execution that it is compared with, as lines of definition/difference.py."""
    there = report.there.execution if report.there else None
    if there is None:
        return []
    with suppress(*kept.DAMAGED):
        return difference.lines(_as_run(there), _as_run(report.execution))
    return []


def _as_run(execution: Execution) -> dict[str, Any]:
    """The definition, with the values that this execution had; without who started it."""
    found = kept.load(execution.folder / "definition.json")
    parameters = [
        {**each, "DefaultValue": execution.parameters.get(each["Name"], each.get("DefaultValue"))}
        for each in found.get("Parameters", ())
        if each["Name"] != trace.PARAMETER
    ]
    return {**found, "Parameters": parameters}


def _summary(execution: Execution) -> dict[str, Any]:
    """The summary.json that describes a table, in the outputs of a step; empty if there is none."""
    for file in _outputs(execution, "summary.json"):
        with suppress(*kept.DAMAGED):
            content = kept.load(file)
            if isinstance(content, dict) and isinstance(content.get("columns"), list):
                return content
    return {}


def _outputs(execution: Execution, name: str) -> Iterator[Path]:
    for step in execution.steps.values():
        folder = execution.folder / step.name / "outputs"
        with suppress(UserError, OSError):
            yield from sorted(file for file in folder.glob(f"*/{name}") if file.is_file())


def images(result: Result) -> list[str]:
    """The images that its jobs use, each once."""
    found = []
    for step in result.plan.steps.values():
        if step_types.of(step.type).branches:
            continue
        for key in ("AppSpecification", "AlgorithmSpecification"):
            part = step.arguments.get(key)
            uri = (part.get("ImageUri") or part.get("TrainingImage")) if isinstance(part, dict) else None
            if isinstance(uri, str):
                found.append(uri)
    return list(dict.fromkeys(found))
