"""The local runner in a separate process: to be stopped, killed, or run by a user who is not root."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from projects import NO_BYTECODE

from sagemaker_ops.container import namespace
from sagemaker_ops.local import Execution, list_pipeline_executions

VENDOR = Path(namespace.__file__).parents[2]
NOBODY = 65534
RUNNER = """
import json, pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # both may be ignored in the environment of the tests,
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as in a shell's "&" and under nohup
from sagemaker_ops.local import Options, start_pipeline_execution
def show(execution):
    print(execution.status, *[s.status for s in execution.steps.values()], flush=True)
home, definition, options = pathlib.Path(sys.argv[1]), json.loads(sys.stdin.read()), json.loads(sys.argv[2])
start_pipeline_execution(
    definition, pipeline_name="p", parameters={}, home=home, options=Options(**options), on_change=show
)
"""
BECOME_NOBODY = f"""
import json, os, runpy, sys
_, file, mounts, *command = sys.argv
aside = command[4] + "/../aside"
os.mkdir(aside)
runpy.run_path(file)["enter"](json.loads(mounts), aside)
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
os.execv(command[0], command)
"""


@dataclass
class Runner:
    """A started runner. Its output has a line for each change of a status: the execution's and those of the steps."""

    home: Path
    process: subprocess.Popen[str]

    def execution(self) -> Execution:
        """The newest execution, as saved on disk."""
        return list_pipeline_executions(self.home)[0]

    def numbers(self, step: str, count: int = 1) -> list[int]:
        """The numbers that the step has printed, one per line, as soon as there are this many."""
        return [int(line) for line in wait_for(lambda: self._lines(step, count), f"{step} printed too little")]

    def children(self) -> list[int]:
        """The processes that the runner itself started."""
        parents = {}
        for file in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parents[int(file.parent.name)] = int(file.read_text().rpartition(")")[2].split()[1])
        return [process for process, parent in parents.items() if parent == self.process.pid]

    def end(self) -> Execution:
        """Wait until it ends."""
        output, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, output
        return self.execution()

    def _lines(self, step: str, count: int) -> list[str]:
        for log in (self.home / "runs").glob(f"*/{step}/log.txt"):
            if len(lines := log.read_text().splitlines(keepends=True)) >= count and lines[-1].endswith("\n"):
                return lines
        return []


def start(local: Any, *steps: Any, options: dict[str, Any] | None = None, nobody: bool = False) -> Runner:
    """Start a runner of these steps. nobody: as that user, which only root can do."""
    options = {"isolation": local.isolation} | (options or {})
    command = [sys.executable, "-B", "-c", RUNNER, str(local.home), json.dumps(options)]
    if nobody:
        command = [sys.executable, "-c", BECOME_NOBODY, namespace.__file__, json.dumps(_openings(local.home)), *command]
    runner = subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(VENDOR)} | NO_BYTECODE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
    )
    local.runners.append(runner)
    assert runner.stdin is not None
    runner.stdin.write(json.dumps(local.definition(*steps)))
    runner.stdin.close()
    runner.stdin = None
    return Runner(local.home, runner)


def _openings(home: Path) -> list[list[Any]]:
    """Mounts that give the user nobody access to the home, and to Python and the library, which only root can read."""
    mounts: dict[str, list[Any]] = {}
    for needed in (Path(sys.executable).resolve(), Path(sys.prefix), VENDOR):
        parts = [*reversed(needed.parents), needed]
        for folder, inside in itertools.pairwise(parts):
            if folder.stat().st_mode & 0o005 != 0o005:
                opened = home.parent / "opened" / str(len(mounts))
                (opened / inside.name).mkdir(parents=True)
                mounts[str(inside)] = [str(inside), str(opened / inside.name), ""]
                mounts[str(folder)] = [str(opened), str(folder), ""]
                break
    for path in (home, *home.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    return list(mounts.values())


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """The condition's value as soon as it is true."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > until:
            raise TimeoutError(what)
        time.sleep(0.01)
    return value
