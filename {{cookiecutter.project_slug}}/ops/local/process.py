"""Runs one command as a container would: its own process group, a clean environment, a time limit, a log file."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

GRACE_SECONDS = 10.0  # between TERM and KILL; AWS gives 120
_POLL_SECONDS = 0.05
# What a step may know of this machine. Not among them: AWS_*, PYTHON*, tokens of any kind.
KEPT = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|(DY)?LD_LIBRARY_PATH|JAVA_HOME"
    r"|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|(?i:(http|https|no)_proxy)"
)


@dataclass
class Stop:
    """How often the execution was asked to stop: once means politely, twice at once."""

    requests: int = 0


class StoppedError(Exception):
    """The step ended because its execution was asked to stop."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended. exit_code: as a shell gives it, 128 + signal number when a signal ended it."""

    exit_code: int
    timed_out: bool = False


def environment(own: Mapping[str, str], region: str) -> dict[str, str]:
    """The whole environment of a step: little of this machine's, no way to its AWS credentials, and its own on top."""
    host = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
    host["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), host.get("PATH", os.defpath)])
    return {
        **host,
        "PYTHONUNBUFFERED": "1",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        # boto3 would find these below HOME and in the instance's metadata
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        # Threads that wait by spinning make a fit many times slower on a machine that does other things too.
        "OMP_WAIT_POLICY": "PASSIVE",
        **own,
    }


def run(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path, limit: float | None, stop: Stop
) -> Outcome:
    """Run the command to its end, output appended to `log`. limit: seconds it may take.

    Nothing it started survives it: as when a container's first process ends. OSError if it cannot be started.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    deadline = time.monotonic() + limit if limit is not None else float("inf")
    timed_out = False
    try:
        while process.poll() is None and not stop.requests and not timed_out:
            _pause(process)
            timed_out = time.monotonic() >= deadline and process.poll() is None
        if process.poll() is None:
            _signal(process, signal.SIGTERM)
            patience = time.monotonic() + GRACE_SECONDS
            while process.poll() is None and time.monotonic() < patience and stop.requests < 2:
                _pause(process)
    finally:
        _signal(process, signal.SIGKILL)
        code = process.wait()
    return Outcome(code if code >= 0 else 128 - code, timed_out)


def _pause(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(_POLL_SECONDS)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # the group is gone; macOS says it with EPERM
        os.killpg(process.pid, number)


def last_line(log: Path) -> str:
    """The last line of a log that is not empty, or an empty string."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
