"""Shows what something on AWS is doing while a command waits: one line that changes in a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sagemaker_ops.terminal.progress import seconds


@contextmanager
def shown(what: str) -> Iterator[Callable[[str], None]]:
    """Yields a function to call with the new state at each change; what: the thing whose state it is."""
    began = datetime.now(UTC)
    if not sys.stdout.isatty():
        yield lambda state: print(f"{what}  {state:<24} {seconds(began, None):>12}", flush=True)
        return
    from rich.console import Console  # takes 50 ms, and is needed only in a terminal
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(), transient=True) as live:
        task = live.add_task(what, total=None)
        yield lambda state: live.update(task, description=f"{what}  {state}")
