"""Marks every process that a job starts, so that it can be ended wherever it is. Linux only."""

from __future__ import annotations

import os
import resource
import signal
from contextlib import suppress

# Child processes inherit their parent's limits, whatever their session and environment. This limit, the microseconds
# that a real-time process may run without a pause, does not affect a job. Its number encodes the launcher and the job.
_LIMIT: int = getattr(resource, "RLIMIT_RTTIME", -1)  # macOS has none


def mark(launcher: int, job: int) -> None:
    """Mark this process and everything that it will start."""
    if _LIMIT >= 0:
        with suppress(ValueError):  # a limit that was set for this machine stays
            resource.setrlimit(_LIMIT, (_number(launcher, job), resource.getrlimit(_LIMIT)[1]))


def sweep(launcher: int, job: int | None = None) -> None:
    """Kill everything that a job of this launcher started, or, without a job, what all of its jobs started."""
    killed: set[int] = set()
    while found := {process for process in _processes() if _is_marked(process, launcher, job)} - killed:
        for process in found:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
        killed |= found


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()] if _LIMIT >= 0 else []


def _is_marked(process: int, launcher: int, job: int | None) -> bool:
    with suppress(OSError):  # it is gone, or belongs to another user
        number = resource.prlimit(process, _LIMIT)[0]
        return number >> 20 == _number(launcher, 0) >> 20 if job is None else number == _number(launcher, job)
    return False


def _number(launcher: int, job: int) -> int:
    return (1 << 50) + (launcher << 20) + job
