"""Runs commands like containers: each with its own process group, a clean environment, a time limit, a log file."""

from __future__ import annotations

import errno
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from sagemaker_ops import variables
from sagemaker_ops.container import marks

FRESH = sys.platform == "darwin"  # where forks of a process with loaded libraries crash
GRACE_SECONDS = 10.0  # between TERM and KILL; AWS gives 120
# Errors at the start of a program that are not its own fault.
OF_THE_MACHINE = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EIO, errno.EPIPE}


class StoppedError(Exception):
    """The step ended because its execution was asked to stop."""


@dataclass(eq=False)
class Stop:
    """Whether the execution was asked to stop, and how often: once means politely, twice means immediately."""

    running: set[Running | Stop] = field(default_factory=set)
    requests: int = 0
    _asked: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        self.requests += 1
        self._asked.set()
        for job in list(self.running):
            job.end(now=self.requests > 1)

    def end(self, now: bool = False) -> None:
        """The same as `ask`, for a stop that is part of another one."""
        self.ask()

    @contextmanager
    def part(self) -> Iterator[Stop]:
        """A stop for some of the jobs only, which stop with the others, too."""
        part = Stop()
        self.running.add(part)
        if self.requests:
            part.ask()
        try:
            yield part
        finally:
            self.running.discard(part)

    def wait(self, seconds: float) -> bool:
        """Wait this long, or until the execution is asked to stop; returns whether it was."""
        return self._asked.wait(seconds)


@dataclass(frozen=True)
class Command:
    """What to start. mounts: as in namespace.py, in its own namespace; empty: it sees this machine.

    aside: an empty folder for the namespace. fork: whether it may start as a fork of a Python with the modules loaded.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    log: Path
    mounts: Sequence[tuple[str, str, str]] = ()
    aside: str = ""
    fork: bool = True
    modules: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """How a command ended. exit_code: as in a shell, 128 + signal number if a signal ended it."""

    exit_code: int
    timed_out: bool = False


class Launcher:
    """The process that starts commands (launcher.py), itself started for the first command.

    fork: whether Python scripts start as forks of it.
    """

    def __init__(self, fork: bool = True) -> None:
        self._fork = fork
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None  # while it runs
        self._listener: threading.Thread | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[int, SimpleQueue[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self.probing = threading.Lock()
        self.isolates: bool | None = None  # whether its jobs can have a namespace, once that was tried

    def load(self, modules: Sequence[str]) -> None:
        """Start it, and import these modules there when it is idle."""
        if self._fork:
            self._send({"later": list(modules)})

    def close(self) -> None:
        """End it, and everything that is still running."""
        with self._lock, suppress(OSError):  # it may have just ended by itself
            if self._process is not None and not self._answers:
                self._process.kill()  # nothing else to end, and freeing its memory bit by bit would take time
            elif self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
        if self._listener is not None:
            self._listener.join()

    def run(self, command: Command, limit: float | None, stop: Stop) -> Outcome:
        """Run the command until it ends, with its output appended to its log. limit: maximum seconds.

        Nothing that it started survives it. StoppedError if the execution was already asked to stop; OSError if it
        cannot be started, or the launcher was killed.
        """
        if stop.requests:
            raise StoppedError
        job, answers = next(self._numbers), SimpleQueue[dict[str, Any]]()
        request = {
            "job": job,
            "argv": list(command.argv), "cwd": str(command.cwd), "env": dict(command.env), "log": str(command.log),
            "mounts": list(command.mounts), "aside": command.aside, "fork": command.fork and self._fork,
            "modules": list(command.modules) if command.fork and self._fork else [],
        }  # fmt: skip
        running = Running(self, job)
        timer = threading.Timer(min(limit, threading.TIMEOUT_MAX), running.time_out) if limit is not None else None
        try:
            self._send(request, answers)
            answer = answers.get()
            stop.running.add(running)
            if timer is not None:
                timer.start()
            if stop.requests:
                running.end(now=stop.requests > 1)
            while "process" in answer:
                answer = answers.get()
            if "error" in answer:
                raise OSError(*answer["error"])
        finally:
            stop.running.discard(running)
            running.over()
            if timer is not None:
                timer.cancel()
            self._answers.pop(job, None)
        return Outcome(answer["code"], running.timed_out)

    def signal(self, job: int, number: int) -> None:
        """Send a signal to all processes of a job; nothing happens if it has ended."""
        with self._lock:
            if self._socket is not None:
                self._say(self._socket, {"job": job, "signal": number})

    def _send(self, request: dict[str, Any], answers: SimpleQueue[dict[str, Any]] | None = None) -> None:
        with self._lock:
            if answers is not None:
                self._answers[request["job"]] = answers
            self._say(self._socket or self._start(), request)

    def _say(self, connection: socket.socket, request: dict[str, Any]) -> None:
        with suppress(OSError):  # it was just killed: _listen will notice
            connection.sendall(json.dumps(request).encode() + b"\n")

    def _start(self) -> socket.socket:
        self._socket, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen(
                # -P: files next to launcher.py must not be importable as modules
                [sys.executable, "-P", str(Path(__file__).with_name("launcher.py")), str(number)],
                env=environment({}, ""), stdin=subprocess.DEVNULL, pass_fds=[number], start_new_session=True,
            )  # fmt: skip
        self._listener = threading.Thread(target=self._listen, args=(self._socket, self._process), daemon=True)
        self._listener.start()
        return self._socket

    def _listen(self, connection: socket.socket, process: subprocess.Popen[bytes]) -> None:
        with connection, connection.makefile("rb") as lines, suppress(OSError):
            for line in lines:
                message = json.loads(line)
                if message["job"] in self._answers:
                    self._answers[message["job"]].put(message)
        process.wait()
        with self._lock:
            self._socket = None
            if self._answers:  # it was killed, but its jobs were not
                marks.sweep(process.pid)
            for answers in list(self._answers.values()):
                answers.put({"error": [errno.EPIPE, "the process that starts the jobs was killed"]})


class Running:
    """A running command: ended politely first, then by force."""

    def __init__(self, launcher: Launcher, job: int) -> None:
        self._launcher, self._job = launcher, job
        self._killer: threading.Timer | None = None
        self.timed_out = False

    def time_out(self) -> None:
        self.timed_out = True
        self.end()

    def end(self, now: bool = False) -> None:
        """Send TERM, and KILL after the grace period; now: KILL at once."""
        if now:
            self._kill()
        elif self._killer is None:
            self._killer = threading.Timer(GRACE_SECONDS, self._kill)
            self._killer.daemon = True
            self._killer.start()
            self._launcher.signal(self._job, signal.SIGTERM)

    def over(self) -> None:
        if self._killer is not None:
            self._killer.cancel()

    def _kill(self) -> None:
        self._launcher.signal(self._job, signal.SIGKILL)


@contextmanager
def launcher(fork: bool = True) -> Iterator[Launcher]:
    """A launcher that is ended afterwards, with everything that it started."""
    started = Launcher(fork)
    try:
        yield started
    finally:
        started.close()


def environment(own: Mapping[str, str], region: str) -> dict[str, str]:
    """The complete environment of a step: little of this machine's, no access to AWS credentials, plus its own."""
    host = variables.of_steps()
    host["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), host.get("PATH", os.defpath)])
    return {
        **host,
        "PYTHONUNBUFFERED": "1",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        # boto3 would find these in HOME and in the instance's metadata
        **dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG"), os.devnull),
        "AWS_EC2_METADATA_DISABLED": "true",
        # Threads that wait by spinning make training many times slower on a machine that also does other things.
        "OMP_WAIT_POLICY": "PASSIVE",
        "OPENBLAS_THREAD_TIMEOUT": "4",
        **own,
    }
