"""Executions and their steps: the state while they run, on disk, and read back."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ops.errors import UserError, did_you_mean
from ops.local.store import write_atomically

STALE = "its runner ended without a word (killed, or the machine was switched off)"


@dataclass
class StepExecution:
    """One step of an execution, in the words of ListPipelineExecutionSteps.

    property_files: {name: (output name, file path)}.
    """

    name: str
    type: str
    property_files: dict[str, tuple[str, str]] = field(default_factory=dict)
    status: str = "NotStarted"  # Starting, Executing, Succeeded, Failed, Stopped
    start_time: datetime | None = None
    end_time: datetime | None = None
    failure_reason: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    log: Path | None = None


@dataclass
class Execution:
    """One execution, in the words of DescribePipelineExecution. folder: .local/runs/<id>."""

    id: str
    pipeline_name: str
    folder: Path
    start_time: datetime
    parameters: dict[str, Any]
    steps: dict[str, StepExecution]
    status: str = "Executing"  # Stopping, Stopped, Failed, Succeeded
    end_time: datetime | None = None
    failure_reason: str | None = None

    def read_property_file(self, step: str, name: str) -> Any:
        """The JSON of a property file; UserError if the step has none of this name, or did not write it."""
        files = self.steps[step].property_files if step in self.steps else {}
        if name not in files:
            raise UserError(f"step '{step}' has no property file '{name}'.{did_you_mean(name, files)}")
        output, file_path = files[name]
        path = self.folder / step / "outputs" / output / file_path
        try:
            return json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise UserError(f"step '{step}' wrote no readable '{file_path}': {error}.") from error

    def save(self) -> None:
        """Write execution.json; OSError if the disk does not want it."""
        state = asdict(self)
        del state["folder"]
        state["steps"] = [{k: v for k, v in step.items() if k != "log"} for step in state["steps"].values()]
        write_atomically(self.folder / "execution.json", json.dumps(state, indent=1, default=_as_json).encode())


def _as_json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def claim(folder: Path) -> int:
    """Hold the execution's lock for as long as this process lives; the file descriptor to close in the end."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def list_pipeline_executions(home: Path) -> list[Execution]:
    """Every execution below `home` (.local), newest first.

    One that says Executing though its runner is gone is shown as Stopped.
    """
    runs = home.resolve() / "runs"
    found = [_load(file) for file in runs.glob("*/execution.json")] if runs.is_dir() else []
    return sorted(found, key=lambda execution: execution.start_time, reverse=True)


def _load(file: Path) -> Execution:
    try:
        state = json.loads(file.read_bytes())
        steps = {step["name"]: StepExecution(**_with_times(step)) for step in state.pop("steps")}
        execution = Execution(folder=file.parent, steps=steps, **_with_times(state))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file} cannot be read ({error}); remove its folder.") from error
    stale = execution.end_time is None and not _alive(file.parent)
    if stale:
        execution.status, execution.failure_reason = "Stopped", STALE
    for step in steps.values():
        log = file.parent / step.name / "log.txt"
        step.log = log if log.is_file() else None
        if stale and step.status in ("Starting", "Executing"):
            step.status, step.failure_reason = "Stopped", STALE
    return execution


def _with_times(state: dict[str, Any]) -> dict[str, Any]:
    times = {key: state[key] and datetime.fromisoformat(state[key]) for key in ("start_time", "end_time")}
    return {**state, **times}


def _alive(folder: Path) -> bool:
    """Whether some process holds the execution's lock: the system lets go of it however a process ends."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    return False
