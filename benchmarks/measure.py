"""Compares whole commands. They take turns, so that a change in the machine's speed affects all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.results import Row

METER = Path(__file__).with_name("meter.py")
INTERVAL = 0.2  # seconds between two samples of the memory


@dataclass(frozen=True)
class Contender:
    """One or more commands that are measured together. `prepare` runs before each measurement and is not timed.

    environment: variables in addition to those of this process. rows: of the table that the commands process.
    """

    name: str
    commands: Sequence[Sequence[str]]
    folder: Path
    prepare: Callable[[], None] = lambda: None
    environment: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0


def side_by_side(
    contenders: Sequence[Contender], runs: int, *, warm_up: bool = True, memory: bool = False
) -> list[Row]:
    """Measure each contender `runs` times. RuntimeError with the output of a command that fails.

    warm_up: a first round that is not counted, in which Python writes its bytecode. memory: also peak memory.
    """
    found: dict[str, list[dict[str, float]]] = {contender.name: [] for contender in contenders}
    for round_number in range(runs + warm_up):
        for contender in contenders:
            contender.prepare()
            measured = [metered(command, contender, INTERVAL if memory else 0) for command in contender.commands]
            if round_number >= warm_up:
                total = {key: sum(each[key] for each in measured) for key in ("seconds", "cpu")}
                found[contender.name].append(total | {"megabytes": max(each["megabytes"] for each in measured)})
    return [
        Row(
            contender.name,
            [each["seconds"] for each in found[contender.name]],
            [each["cpu"] for each in found[contender.name]],
            [each["megabytes"] for each in found[contender.name]] if memory else [],
            contender.rows,
        )
        for contender in contenders
    ]


def metered(command: Sequence[str], contender: Contender, interval: float) -> dict[str, float]:
    """The seconds, processor time and memory of one command."""
    # Let Python write its bytecode in the first round, so that the other rounds use it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"DO_NOT_TRACK": "1", **contender.environment}  # kedro sends nothing
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "found.json")
        meter = [sys.executable, "-I", "-S", str(METER), str(out), str(interval), *command]
        done = subprocess.run(
            meter, cwd=contender.folder, env=environment, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        found: dict[str, float] = json.loads(out.read_bytes())
    return found
