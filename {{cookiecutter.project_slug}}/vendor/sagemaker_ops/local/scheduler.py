"""Decides which step runs when: after all it waits for, several in parallel, and never in a branch not taken."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from queue import Empty, SimpleQueue
from typing import Any

from sagemaker_ops.container.process import Stop, StoppedError
from sagemaker_ops.definition.plan import Plan, Step
from sagemaker_ops.errors import UserError
from sagemaker_ops.local.executions import STAND_IN, Execution

_TICK = 1.0  # seconds: how late Ctrl-C is noticed if the system gives the signal to another thread than this one


@dataclass(frozen=True)
class Result:
    """The result of a successful step. source: the execution whose result was reused, or stand_in: the stub."""

    properties: dict[str, Any] = field(default_factory=dict)
    source: str | None = None
    stand_in: str | None = None


Work = Callable[[Step, Callable[[], None]], Result]


@dataclass(frozen=True)
class _Event:
    """A change of a step's state, or, without a step, a request to stop the execution."""

    step: str = ""
    status: str = ""
    result: Result = field(default_factory=Result)
    reason: str | None = None
    bug: BaseException | None = None


def run(
    plan: Plan,
    execution: Execution,
    work: Work,
    changed: Callable[[], None],
    stop: Stop,
    jobs: int,
    idle: Callable[[], float | None] = lambda: None,
) -> None:
    """Run the plan until no step is left that can start; the execution then has its final status.

    work: runs one step, calls back when its program starts; UserError or OSError if the step failed, StoppedError if it
    was stopped. changed: called in this thread after every change of the execution. jobs: how many in parallel. idle:
    called before waiting; returns the seconds after which it is to be called again, if any.
    """
    events: SimpleQueue[_Event] = SimpleQueue()  # the only kind of queue that a signal handler may use
    running: dict[str, threading.Thread] = {}
    ready = _Ready(plan, execution)
    with _signals(lambda: events.put(_Event())):
        try:
            while True:
                while len(running) < jobs and not stop.requests and (step := ready.pop()):
                    _set(execution, _Event(step.name, "Starting"))
                    running[step.name] = threading.Thread(target=_work, args=(step, work, events))
                    running[step.name].start()
                    changed()
                if not running:
                    break
                try:
                    event = events.get(timeout=min(idle() or _TICK, _TICK))
                except Empty:
                    continue
                if event.bug is not None:
                    raise event.bug
                if event.step:
                    _set(execution, event)
                else:
                    stop.ask()
                    execution.status = "Stopping"
                if event.status not in ("", "Executing"):
                    running.pop(event.step).join()
                if event.step and execution.steps[event.step].has_result:
                    ready.after(event.step)
                changed()
        finally:
            if running:  # an error in this function: leave no process behind
                stop.ask()
                for thread in running.values():
                    thread.join()
    _conclude(execution, stop)
    changed()


class _Ready:
    """The steps that can start now, in the plan's order; each dependency is looked at once."""

    def __init__(self, plan: Plan, execution: Execution) -> None:
        self._steps, self._execution = list(plan.steps.values()), execution
        self._dependents: dict[str, list[int]] = {}
        self._missing: list[int] = []  # for each step, how many of those it waits for have not succeeded
        for number, step in enumerate(self._steps):
            waits_for = [name for name in step.waits_for if not execution.steps[name].has_result]
            self._missing.append(len(waits_for))
            for name in waits_for:
                self._dependents.setdefault(name, []).append(number)
        self._free = [number for number, missing in enumerate(self._missing) if not missing]
        heapify(self._free)

    def after(self, name: str) -> None:
        """A step has succeeded."""
        for number in self._dependents.get(name, ()):
            self._missing[number] -= 1
            if not self._missing[number]:
                heappush(self._free, number)

    def pop(self) -> Step | None:
        """The next step to start, if any; one in a branch that is not taken never starts."""
        while self._free:
            step, states = self._steps[heappop(self._free)], self._execution.steps
            if step.branch is None or states[step.branch[0]].properties["Outcome"] == str(step.branch[1]):
                return step
        return None


def _work(step: Step, work: Work, events: SimpleQueue[_Event]) -> None:
    """The thread of one step, which always ends with an event."""
    try:
        result = work(step, lambda: events.put(_Event(step.name, "Executing")))
        events.put(_Event(step.name, STAND_IN if result.stand_in else "Succeeded", result))
    except StoppedError:
        events.put(_Event(step.name, "Stopped"))
    except UserError as error:
        events.put(_Event(step.name, "Failed", reason=str(error)))
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        events.put(_Event(step.name, "Failed", reason=f"{error.strerror or error}{where}"))
    except BaseException as error:
        events.put(_Event(step.name, "Failed", bug=error))


def _set(execution: Execution, event: _Event) -> None:
    step = execution.steps[event.step]
    step.status, step.failure_reason = event.status, event.reason
    log = execution.folder / step.name / "log.txt"
    step.log = log if log.is_file() else None
    if event.status == "Starting":
        step.start_time = _now()
    elif event.status != "Executing":
        step.end_time, result = _now(), event.result
        step.properties, step.source, step.stand_in = result.properties, result.source, result.stand_in


def _conclude(execution: Execution, stop: Stop) -> None:
    failed = [step for step in execution.steps.values() if step.status == "Failed"]
    execution.status = "Stopped" if stop.requests else "Failed" if failed else "Succeeded"
    execution.failure_reason = "; ".join(f"step '{step.name}': {step.failure_reason}" for step in failed) or None
    execution.end_time = _now()


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C, TERM and a closed terminal request a stop, unless ignored (nohup). Only the main thread catches them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    caught = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda *_: stop()) for number in caught}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
