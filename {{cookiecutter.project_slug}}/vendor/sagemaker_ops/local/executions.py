"""Executions and their steps: their state while they run, saved on disk, and read back."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagemaker_ops import kept
from sagemaker_ops.definition import step_types
from sagemaker_ops.errors import UserError, did_you_mean
from sagemaker_ops.store import write_atomically

LOCK = ".lock"  # with a dot, which no step has in its name: each step has a folder next to it
STAND_IN = "StandIn"
STALE = "its runner ended unexpectedly (killed, or the machine was switched off)"


@dataclass
class StepExecution:
    """One step of an execution, with the terms of ListPipelineExecutionSteps.

    property_files: {name: (output name, file path)}.
    """

    name: str
    type: str
    property_files: dict[str, tuple[str, str]] = field(default_factory=dict)
    status: str = "NotStarted"  # Starting, Executing, Succeeded, Failed, Stopped; here also STAND_IN
    start_time: datetime | None = None
    end_time: datetime | None = None
    failure_reason: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    attempts: int = 0
    source: str | None = None
    """The execution whose result was reused: found in the cache, or because this step was not selected."""
    selected: bool = True
    stand_in: str | None = None
    """The stub whose outputs it has, because it did not run."""
    log: Path | None = None

    @property
    def has_result(self) -> bool:
        """Whether the steps after it can run."""
        return self.status in ("Succeeded", STAND_IN)

    @property
    def usage(self) -> dict[str, float]:
        """{metric of CloudWatch: % of the instances}, which only AWS measures."""
        return {}

    @property
    def facts(self) -> dict[str, Any]:
        """What else AWS knows about it, with AWS's keys."""
        return {}

    @property
    def is_logged(self) -> bool:
        return self.log is not None

    @property
    def outputs(self) -> dict[str, str]:
        """{name: S3 folder} of the step's outputs."""
        return step_types.of(self.type).outputs(self.properties)


@dataclass
class Execution:
    """One execution, with the terms of DescribePipelineExecution. folder: .local/runs/<id>."""

    id: str
    pipeline_name: str
    folder: Path
    start_time: datetime
    parameters: dict[str, Any]
    steps: dict[str, StepExecution]
    status: str = "Executing"  # Stopping, Stopped, Failed, Succeeded
    end_time: datetime | None = None
    failure_reason: str | None = None

    @property
    def facts(self) -> dict[str, str]:
        """What else AWS knows about it, with AWS's keys."""
        return {}

    @property
    def stand_ins(self) -> list[str]:
        """The steps that did not run, but have the outputs of a stub."""
        return [step.name for step in self.steps.values() if step.stand_in]

    def step(self, name: str) -> StepExecution:
        """The step with that name; UserError if there is none."""
        if name not in self.steps:
            hint = did_you_mean(name, self.steps) or f" Available: {', '.join(self.steps)}."
            raise UserError(f"execution {self.id} has no step '{name}'.{hint}")
        return self.steps[name]

    def step_to_look_at(self) -> StepExecution:
        """The step whose log says most: one that failed, otherwise the last one that started; UserError if none did."""
        if not (started := [step for step in self.steps.values() if step.start_time is not None]):
            raise UserError(f"no step of execution {self.id} has started.")
        logged = [step for step in started if step.is_logged] or started
        logged = [step for step in logged if step.status == "Failed"] or logged
        return max(logged, key=lambda step: step.start_time or self.start_time)

    def read_property_file(self, step: str, name: str) -> Any:
        """The JSON of a property file; UserError if the step has none with this name, or did not write it."""
        files = self.steps[step].property_files if step in self.steps else {}
        if name not in files:
            raise UserError(f"step '{step}' has no property file '{name}'.{did_you_mean(name, files)}")
        output, file_path = files[name]
        path = self.folder / step / "outputs" / output / file_path
        try:
            return json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"the '{file_path}' of step '{step}' cannot be read: {error}.") from error

    def save(self) -> None:
        """Write execution.json; OSError if it cannot be written."""
        state = {key: value for key, value in vars(self).items() if key != "folder"}
        state["steps"] = [{k: v for k, v in vars(step).items() if k != "log"} for step in self.steps.values()]
        indent = 1 if self.end_time else None  # readable at the end; until then it is written often
        write_atomically(self.folder / "execution.json", json.dumps(state, indent=indent, default=str).encode())


def claim(folder: Path) -> int:
    """Lock the execution as long as this process lives; returns the file descriptor to close at the end."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def list_pipeline_executions(home: Path) -> list[Execution]:
    """Every execution in `home` (.local), newest first.

    One that is marked Executing although its runner is gone is shown as Stopped.
    """
    # one from the future, when the clock was wrong, is the oldest
    began = [(not kept.is_future(each.start_time), each.start_time, each) for each in newest_first(home)]
    return [each for *_, each in sorted(began, key=lambda each: each[:2], reverse=True)]


def newest_first(home: Path) -> Iterator[Execution]:
    """The same, roughly in that order, each read only when needed; one that is damaged is reported and left out."""
    for file in sorted((Path(os.path.realpath(home)) / "runs").glob("*/execution.json"), key=_claimed, reverse=True):
        try:
            yield _load(file)
        except FileNotFoundError:  # it was just removed
            continue
        except kept.DAMAGED as error:
            kept.report(file, error)


def _claimed(file: Path) -> float:
    """When the execution began, according to the file system."""
    with suppress(OSError, ValueError, OverflowError):
        moment = file.with_name(LOCK).stat().st_mtime
        return 0 if kept.is_future(datetime.fromtimestamp(moment, UTC)) else moment
    return 0


def find(home: Path, execution: str) -> Execution:
    """One execution by its id, by the unique start of an id, or by `latest`; UserError if there is none."""
    if execution == "latest" and (listed := list_pipeline_executions(home)):
        return listed[0]
    known = {
        each.name for each in (Path(os.path.realpath(home)) / "runs").glob("*") if (each / "execution.json").is_file()
    }
    matching = [name for name in known if name.startswith(execution)] if execution else []
    if len(matching) != 1:
        hint = did_you_mean(execution, known) or " `ops list-pipeline-executions` lists them."
        raise UserError(f"there is no execution '{execution}' on this machine.{hint}")
    file = Path(os.path.realpath(home)) / "runs" / matching[0] / "execution.json"
    try:
        return _load(file)
    except kept.DAMAGED as error:
        raise UserError(f"{file} cannot be read ({error}): remove its folder.") from error


def _load(file: Path) -> Execution:
    """The execution in the file; one of kept.DAMAGED if it cannot be read."""
    state = kept.load(file)
    steps = {step["name"]: kept.build(StepExecution, step) for step in state.pop("steps")}
    execution = kept.build(Execution, state, folder=file.parent, steps=steps)
    for step in steps.values():
        if Path(step.name).name != step.name or not all(isinstance(uri, str) for uri in step.outputs.values()):
            raise ValueError("'steps' has another form")
    stale = execution.end_time is None and not _alive(file.parent)
    if stale:
        execution.status, execution.failure_reason = "Stopped", STALE
    for step in steps.values():
        log = file.parent / step.name / "log.txt"
        step.log = log if log.is_file() else None
        if stale and step.status in ("Starting", "Executing"):
            step.status, step.failure_reason = "Stopped", STALE
    return execution


def _alive(folder: Path) -> bool:
    """Whether a process holds the execution's lock: the system releases it however a process ends."""
    try:
        with (folder / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    return False
