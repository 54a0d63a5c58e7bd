"""Run a command and say how long it took, its processor time and its memory: `meter.py OUT INTERVAL COMMAND…`.

It runs in a small process of its own: on Linux, a program's peak memory starts at that of the process that started it.
All processes of the command count, also those that it left running, such as Spark's JVM: on Linux, this process adopts
them and waits until they end. Their memory is sampled every INTERVAL seconds, if that is not 0. Standard library only.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # of prctl(2)
PATIENCE = 10  # seconds until what is left running is stopped
KILOBYTE = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss, in bytes


def main(target: str, interval: float, command: list[str]) -> int:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    ended, peak = threading.Event(), [0]
    sampler = threading.Thread(target=_sample, args=(interval, ended, peak))
    start = time.perf_counter()
    process = subprocess.Popen(command)
    if interval:
        sampler.start()
    code = process.wait()
    seconds = time.perf_counter() - start
    ended.set()
    if interval:
        sampler.join()
    _wait_for_the_rest()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    largest = used.ru_maxrss * KILOBYTE  # of the largest single process: exact, where samples can miss the peak
    found = {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "megabytes": max(largest, *peak) / 1e6}
    Path(target).write_text(json.dumps(found), encoding="utf-8")
    return code


def _sample(interval: float, ended: threading.Event, peak: list[int]) -> None:
    while not ended.wait(interval):
        peak[0] = max(peak[0], sum(map(memory, descendants(os.getpid()))))


def descendants(process: int) -> Iterator[int]:
    """The processes that it has started, those that they have started, and so on; none where there is no /proc."""
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # it may have ended
            for child in map(int, task.read_text().split()):
                yield child
                yield from descendants(child)


def memory(process: int) -> int:
    """Its share of the memory in bytes (PSS): pages that several processes use are divided among them."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _wait_for_the_rest() -> None:
    until = time.monotonic() + PATIENCE
    with suppress(ChildProcessError):
        while True:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                if time.monotonic() > until:
                    for each in list(descendants(os.getpid())):
                        with suppress(ProcessLookupError):
                            os.kill(each, signal.SIGKILL)
                time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), sys.argv[3:]))
