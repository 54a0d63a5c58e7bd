"""Shows an execution while it runs: a table that lives in a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ops.local import Execution, StepExecution

if TYPE_CHECKING:
    from rich.table import Table

Show = Callable[[Execution], None]
COLOURS = {"Succeeded": "green", "Failed": "red", "Stopped": "yellow", "Executing": "cyan"}


@contextmanager
def shown() -> Iterator[Show]:
    """Gives what an execution is handed to at each change."""
    if sys.stdout.isatty():
        with _live_table() as show:
            yield show
    else:
        yield _plain_lines()


def seconds(start: datetime | None, end: datetime | None) -> str:
    """`1.2 s` or `3 min 05 s`; until now where there is no end yet, empty where there is no start."""
    if start is None:
        return ""
    total = ((end or datetime.now(UTC)) - start).total_seconds()
    if round(total, 1) < 60:
        return f"{total:.1f} s"
    minutes, rest = divmod(round(total), 60)
    return f"{minutes} min {rest:02} s"


def _plain_lines() -> Show:
    """A line when a step starts, and one when it ends."""
    told: set[tuple[str, str]] = set()

    def show(execution: Execution) -> None:
        for step in execution.steps.values():
            if (step.name, step.status) in told or step.status not in COLOURS:
                continue
            told.add((step.name, step.status))
            took = seconds(step.start_time, step.end_time) if step.end_time else ""
            line = f"{step.name:<20} {step.type:<14} {step.status:<10} {took:>8}"
            print(line.rstrip(), _reason(step), sep="", flush=True)

    return show


@contextmanager
def _live_table() -> Iterator[Show]:
    from rich.live import Live  # costs 50 ms, and is wanted in a terminal only

    current: list[Execution] = []
    with Live(get_renderable=lambda: _table(current), refresh_per_second=4) as live:

        def show(execution: Execution) -> None:
            current[:] = [execution]
            live.refresh()

        try:
            yield show
        except BaseException:
            live.transient = True  # the table goes, and what is wrong stands alone
            raise


def _table(current: list[Execution]) -> Table | str:
    from rich.table import Table

    if not current:
        return "Compiling …"
    table = Table("step", "type", "status", "time", box=None, pad_edge=False)
    for step in current[0].steps.values():
        status = f"[{COLOURS.get(step.status, 'dim')}]{step.status}[/]"
        table.add_row(step.name, step.type, status, seconds(step.start_time, step.end_time))
    return table


def _reason(step: StepExecution) -> str:
    return f"  {step.failure_reason}" if step.failure_reason else ""
