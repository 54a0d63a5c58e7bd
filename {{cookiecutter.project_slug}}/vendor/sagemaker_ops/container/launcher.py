"""The process that starts every job: it imports pandas and scikit-learn once, and forks for each step.

It runs by itself (`python launcher.py SOCKET`), knows nothing about SageMaker, and receives lines of JSON that say what
to start. When its socket closes, however the runner ended, it kills everything that it started and ends too.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

Request = Mapping[str, Any]

# A library reads these when it is imported, or Python when it starts; in a fork it is too late.
_READ_EARLY = ("OMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "KMP_", "GOMP_", "ARROW_", "LD_", "MALLOC_", "PYTHON")
_SLOW = ("sklearn", "scipy", "joblib")
_SET_LATE = {"PYTHONPATH", "PYTHONPYCACHEPREFIX"}
# Loaded by path, because this file runs outside its package.
_namespace, _marks = (runpy.run_path(str(Path(__file__).with_name(name))) for name in ("namespace.py", "marks.py"))


class Launcher:
    """Starts jobs, and reports the process and finally the exit code of each."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.jobs: dict[int, int] = {}  # process: the number that the runner gave the job
        self.modules: list[str] = []  # to import when idle
        self.busy = False  # True after the first job that is a fork
        self.inbox = b""
        self.woken, self.wake = os.pipe()

    def serve(self) -> None:
        os.set_blocking(self.wake, False)
        os.set_blocking(self.woken, False)
        signal.set_wakeup_fd(self.wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            watched: list[Any] = [self.connection, self.woken]
            # The slowest imports wait until a job is running: the first job may not need them.
            idle = bool(self.modules) and (self.busy or not self.modules[0].startswith(_SLOW))
            readable, _, _ = select.select(watched, [], [], 0 if idle else None)
            if self.woken in readable:
                with suppress(BlockingIOError):
                    os.read(self.woken, 1 << 16)
                self._reap()
            if self.connection in readable:
                received = b""
                with suppress(ConnectionResetError):  # the runner died before it had read everything
                    received = self.connection.recv(1 << 20)
                if not received:
                    return
                *lines, self.inbox = (self.inbox + received).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
            elif not readable and idle:
                preload([self.modules.pop(0)])

    def end(self) -> None:
        """Kill everything that was started."""
        for process in self.jobs:
            _signal_group(process, signal.SIGKILL)
        _marks["sweep"](os.getpid())

    def _obey(self, request: Request) -> None:
        if "signal" in request:
            for process, number in self.jobs.items():
                if number == request["job"]:
                    _signal_group(process, request["signal"])
            return
        if "later" in request:
            self.modules += request["later"]
            return
        preload(request.get("modules", []))
        process, error = _fork(request, [self.connection.fileno(), self.woken, self.wake])
        if error:
            self._say(job=request["job"], error=error)
        else:
            self.jobs[process] = request["job"]
            self.busy = self.busy or request["fork"]
            self._say(job=request["job"], process=process)

    def _reap(self) -> None:
        for process, number in list(self.jobs.items()):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                # As in a container, nothing that a job started survives it. The group's number is theirs until then.
                _signal_group(process, signal.SIGKILL)
                _marks["sweep"](os.getpid(), number)
                code = os.waitstatus_to_exitcode(status)
                del self.jobs[process]
                self._say(job=number, code=code if code >= 0 else 128 - code)

    def _say(self, **message: Any) -> None:
        with suppress(ConnectionError):  # the runner is gone: the next read will notice
            self.connection.sendall(json.dumps(message).encode() + b"\n")


def preload(modules: list[str]) -> None:
    """Import what the jobs will need; a failing import is left to the job to report."""
    gc.disable()  # saves a tenth of the time: imported modules are never garbage
    for name in modules:
        if name not in sys.modules:
            with warnings.catch_warnings(), suppress(Exception):
                warnings.simplefilter("ignore")
                importlib.import_module(name)
    gc.freeze()
    gc.enable()


def _fork(request: Request, own: Sequence[int]) -> tuple[int, list[Any]]:
    """Start the job in a new process; returns that process, and the arguments of an OSError if it could not start.

    own: file descriptors of this process that the job must not have.
    """
    gc.freeze()  # otherwise the first collection in the fork would copy every page
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries have threads, but are prepared for forks
        try:
            reader, writer = os.pipe()
            process = os.fork()
        except OSError as error:
            return 0, [error.errno, error.strerror]
    if process:
        os.close(writer)
        with open(reader, "rb") as report:
            failure = json.loads(report.read() or "[]")
        if failure:
            os.waitpid(process, 0)
        return process, failure
    try:
        for number in (reader, *own):
            os.close(number)
        run = _prepare(request)
        os.set_inheritable(writer, False)
        run(lambda: os.close(writer))
    except OSError as error:
        os.write(writer, json.dumps([error.errno, error.strerror]).encode())
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def _prepare(request: Request) -> Callable[[Callable[[], None]], None]:
    """In the fork: set up everything for the job; the returned function runs its program, calling back at the start."""
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.set_wakeup_fd(-1)
    os.setsid()
    _marks["mark"](os.getppid(), request["job"])
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    for opened in {log, nothing} - {0, 1, 2}:
        os.close(opened)
    if request["mounts"]:
        _namespace["enter"](request["mounts"], request["aside"])
    os.chdir(request["cwd"])
    argv, env = request["argv"], request["env"]
    if request["fork"] and _can_fork(argv, env):
        return lambda begin: _run_here(argv, env, begin)

    def execute(_: Callable[[], None]) -> None:
        for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):  # Python's own handling of these ends with it
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(argv[0], argv, env)

    return execute


def _can_fork(argv: list[str], env: Mapping[str, str]) -> bool:
    """Whether this process, with its imported modules, behaves like a fresh Python for the script."""
    if len(argv) < 2 or argv[0] != sys.executable or not argv[1].endswith(".py"):
        return False
    early = {name for name in env if name.startswith(_READ_EARLY)} - _SET_LATE
    if any(env[name] != os.environ.get(name) for name in early):
        return False
    # A module of the script with the same name as a loaded one would not be imported.
    folders = [Path(argv[1]).parent, *map(Path, filter(None, env.get("PYTHONPATH", "").split(os.pathsep)))]
    beside = {entry.name.split(".")[0] for folder in folders if folder.is_dir() for entry in folder.iterdir()}
    return not beside & set(sys.modules)


def _run_here(argv: list[str], env: Mapping[str, str], begin: Callable[[], None]) -> None:
    """Run the script in this process as `python script arguments` would, and end."""
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    script = argv[1]
    sys.argv = argv[1:]
    sys.path[:0] = [str(Path(script).resolve().parent), *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
    sys.pycache_prefix = env.get("PYTHONPYCACHEPREFIX")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=stream.errors)
    if random := sys.modules.get("numpy.random"):
        random.seed()  # as in a fresh Python; otherwise every fork would draw the same numbers
    begin()
    if not os.path.isfile(script):  # with Python's own message and exit code
        print(f"{argv[0]}: can't open file {script!r}: [Errno 2] No such file or directory", file=sys.stderr)
        os._exit(2)
    code = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as error:
        if error.code is not None and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
        code = 0 if error.code is None else error.code & 0xFF if isinstance(error.code, int) else 1
    except BaseException as error:
        trace = _from(script, error.__traceback__)
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        code = 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    _finish()
    os._exit(code)


def _finish() -> None:
    """What Python does at exit: wait for threads, call registered functions, flush."""
    import atexit
    import threading

    for finish in (getattr(threading, "_shutdown", None), getattr(atexit, "_run_exitfuncs", None)):
        if finish is not None:
            finish()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


def _from(script: str, trace: TracebackType | None) -> TracebackType | None:
    """The traceback without this file's own frames and runpy's."""
    found = trace
    while found is not None and found.tb_frame.f_code.co_filename != script:
        found = found.tb_next
    return found or trace


def _signal_group(process: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # the group is gone; macOS reports that as EPERM
        os.killpg(process, number)


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    launcher = Launcher(socket.socket(fileno=int(sys.argv[1])))
    try:
        launcher.serve()
    finally:
        launcher.end()
