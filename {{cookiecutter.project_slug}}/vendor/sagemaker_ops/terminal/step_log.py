"""Prints the log of a step, also while the step is running."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sagemaker_ops import local
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution

_POLL_SECONDS = 0.2


def show(home: Path, execution: str, step: str | None, follow: bool) -> None:
    """Write the log of a step to standard output; with `follow`, keep writing until the step has ended.

    step: its name, or None for the one that failed or started last. UserError if there is no log.
    """
    found = local.find(home, execution)
    if step is None:
        chosen = found.step_to_look_at()
        if chosen.source:
            raise UserError(f"execution {found.id} reused every result: run `ops logs {chosen.source}`.")
        step = chosen.name
        print(f"Step {step} of execution {found.id}:", file=sys.stderr, flush=True)
    _check(found, step, follow)
    log, position = found.folder / step / "log.txt", 0
    while True:
        over = not follow or _over(local.find(home, found.id), step)
        if log.is_file():
            with log.open("rb") as file:  # unchanged bytes: a program may print anything
                file.seek(position)
                while chunk := file.read(1 << 16):
                    sys.stdout.buffer.write(chunk)
                    position += len(chunk)
            sys.stdout.buffer.flush()
        if over:
            return
        time.sleep(_POLL_SECONDS)


def _over(execution: Execution, step: str) -> bool:
    running = execution.status in ("Executing", "Stopping")
    return not running or execution.steps[step].status in ("Succeeded", "StandIn", "Failed", "Stopped")


def _check(execution: Execution, name: str, follow: bool) -> None:
    step = execution.step(name)
    if step.log is not None or (follow and not _over(execution, name)):
        return
    if step.source:
        raise UserError(f"step '{name}' reused the result of another execution: run `ops logs {step.source} {name}`.")
    did = "has not started" if step.status == "NotStarted" else f"is {step.status} and printed nothing"
    raise UserError(f"step '{name}' ({step.type}) {did} in execution {execution.id}.")
