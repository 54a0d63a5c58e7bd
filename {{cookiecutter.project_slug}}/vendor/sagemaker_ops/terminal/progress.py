"""Shows an execution while it runs: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from sagemaker_ops.local import Execution, StepExecution

if TYPE_CHECKING:
    from rich.table import Table

Show = Callable[[Execution], None]
TAIL = 4096  # bytes at the end of a log in which to look for its last line
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours and cursor movements
COLOURS = {"Succeeded": "green", "Failed": "red", "StandIn": "yellow", "Stopped": "yellow", "Executing": "cyan"}


@contextmanager
def shown(before: str = "Compiling …", first: str = "") -> Iterator[Show]:
    """Yields a function to call with the execution at each change.

    before: what a terminal shows until the first change. first: the line that is printed at once elsewhere.
    """
    if sys.stdout.isatty():
        with _live_table(before) as show:
            yield show
    else:
        if first:
            print(first, flush=True)
        yield _plain_lines()


def seconds(start: datetime | None, end: datetime | None) -> str:
    """`1.2 s` or `3 min 05 s`; until now if there is no end yet, empty if there is no start."""
    if start is None:
        return ""
    total = ((end or datetime.now(UTC)) - start).total_seconds()
    if round(total, 1) < 60:
        return f"{total:.1f} s"
    minutes, rest = divmod(round(total), 60)
    return f"{minutes} min {rest:02} s"


def note(step: StepExecution) -> str:
    """A note besides the status of a step: whose result it reused, or the number of the attempt."""
    if step.stand_in:
        reused = f" (execution {step.source})" if step.source else ""
        return f"did not run, outputs from {step.stand_in}{reused}"
    if step.source:
        version = step.properties.get("ModelPackageVersion")
        cached = f"already registered as version {version}" if version else "cached"
        return f"{cached if step.selected else 'reused'} (execution {step.source})"
    return f"attempt {step.attempts}" if step.attempts > 1 else ""


def last_line(log: Path) -> str:
    """The last line of a growing log that is not blank, printable; empty if it has none yet."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    # A progress bar returns to the start of its line instead of beginning a new one.
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n")]
    last = next((line for line in reversed(lines) if line), "")
    return "".join(letter if letter.isprintable() else " " for letter in CONTROL.sub("", last))


def _plain_lines() -> Show:
    """A line when a step starts, and one when it ends."""
    shown: dict[str, tuple[str, int]] = {}
    ended: set[str] = set()

    def show(execution: Execution) -> None:
        for step in [step for name, step in execution.steps.items() if name not in ended]:
            state = (step.status, step.attempts)
            if step.status not in COLOURS or shown.get(step.name) == state:
                continue
            shown[step.name] = state
            if step.end_time:
                ended.add(step.name)
            took = seconds(step.start_time, step.end_time) if step.end_time else ""
            line = f"{step.name:<20} {step.type:<14} {step.status:<10} {took:>8}"
            print("  ".join(filter(None, (line.rstrip(), note(step), step.failure_reason))), flush=True)

    return show


@contextmanager
def _live_table(before: str) -> Iterator[Show]:
    from rich.live import Live  # takes 50 ms, and is needed only in a terminal

    current: list[Execution] = []
    due = 0.0
    with Live(get_renderable=lambda: _table(current) or before, refresh_per_second=4) as live:

        def show(execution: Execution) -> None:
            nonlocal due
            current[:] = [execution]
            if (begin := monotonic()) >= due:  # with many steps, a refresh per change would take most of the time
                live.refresh()
                due = monotonic() + 5 * (monotonic() - begin)

        try:
            yield show
        except BaseException:
            live.transient = True  # remove the table, so that only the error remains
            raise


def _table(current: list[Execution]) -> Table | None:
    from rich.markup import escape
    from rich.table import Table

    if not current:
        return None
    table = Table("step", "type", "status", "time", box=None, pad_edge=False)
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)  # a line of a log may be long
    for step in current[0].steps.values():
        status = f"[{COLOURS.get(step.status, 'dim')}]{step.status}[/]"
        running = step.status == "Executing"
        says = last_line(current[0].folder / step.name / "log.txt") if running else ""
        notes = escape("  ".join(filter(None, (note(step), says))))
        table.add_row(step.name, step.type, status, seconds(step.start_time, step.end_time), notes)
    return table
