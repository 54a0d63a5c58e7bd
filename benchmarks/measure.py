"""Compares the time of whole commands. They take turns, so that a change in the machine's speed affects all of them."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Contender:
    """One or more commands that are measured together. `prepare` runs before each measurement and is not timed."""

    name: str
    commands: Sequence[Sequence[str]]
    folder: Path
    prepare: Callable[[], None] = lambda: None


def side_by_side(contenders: Sequence[Contender], runs: int) -> Mapping[str, list[float]]:
    """The seconds of each run by contender. The first round is not counted. CalledProcessError if a command fails."""
    # Let Python write its bytecode in the first round, so that the other rounds use it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["DO_NOT_TRACK"] = "1"  # kedro sends nothing
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for round_number in range(runs + 1):
        for contender in contenders:
            contender.prepare()
            start = time.perf_counter()
            for command in contender.commands:
                subprocess.run(command, cwd=contender.folder, env=environment, check=True, capture_output=True)
            if round_number:
                seconds[contender.name].append(time.perf_counter() - start)
    return seconds


def table(title: str, seconds: Mapping[str, list[float]], against: str) -> str:
    """A Markdown table: median, fastest and slowest run, and the median of the ratios round by round."""
    lines = [
        f"### {title}",
        "",
        f"| command | median | fastest - slowest | / {against} |",
        "|---|---:|---:|---:|",
    ]
    for name, values in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(values, seconds[against], strict=True))
        spread = f"{min(values):.2f} - {max(values):.2f} s"
        lines.append(f"| {name} | {statistics.median(values):.2f} s | {spread} | {ratio:.2f} |")
    return "\n".join(lines) + "\n"
