"""What a benchmark found, and its statistics; kept as JSON in benchmarks/results, from which the page is made."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Row:
    """One side of a comparison. Each list has one number per round; those that were not measured are empty.

    seconds: wall time; cpu: seconds of processor time, user and system, of all processes together; megabytes: peak
    memory of all processes together; rows: how many rows of a table one round processes.
    """

    name: str
    seconds: Sequence[float] = ()
    cpu: Sequence[float] = ()
    megabytes: Sequence[float] = ()
    rows: int = 0


@dataclass(frozen=True)
class Table:
    """Sides that took turns. against: the name of the row that the others are divided by; "" if there is none."""

    title: str
    rows: Sequence[Row]
    against: str = ""

    def row(self, name: str) -> Row:
        """KeyError if there is none."""
        found = {row.name: row for row in self.rows}
        return found[name]

    def ratio(self, name: str, of: str, against: str = "") -> float:
        """The median over the rounds of one row divided by the other; `of` is a field of Row."""
        return ratio(getattr(self.row(name), of), getattr(self.row(against or self.against), of))


@dataclass(frozen=True)
class Aim:
    """What a figure should be: limit is "at most" or "at least"."""

    what: str
    limit: str
    bound: float
    measured: float

    @property
    def met(self) -> bool:
        return self.measured <= self.bound if self.limit == "at most" else self.measured >= self.bound


@dataclass(frozen=True)
class Result:
    """title and about are for the page; notes are sentences; measured says when and on what."""

    name: str
    title: str
    about: str
    tables: Sequence[Table]
    aims: Sequence[Aim] = ()
    notes: Sequence[str] = ()
    measured: Mapping[str, str] = field(default_factory=dict)

    def table(self, title: str) -> Table:
        """KeyError if there is none."""
        return {table.title: table for table in self.tables}[title]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def ratio(values: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios round by round, so that a slow minute of the machine affects both sides."""
    return statistics.median(a / b for a, b in zip(values, others, strict=True))


def save(result: Result, folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    text = json.dumps(_rounded(asdict(result)), indent=1, ensure_ascii=False)
    (folder / f"{result.name}.json").write_text(text + "\n", encoding="utf-8")


def load(folder: Path = FOLDER) -> dict[str, Result]:
    """All results by name."""
    return {file.stem: _result(json.loads(file.read_bytes())) for file in sorted(folder.glob("*.json"))}


def _result(content: dict[str, Any]) -> Result:
    tables = [Table(**{**each, "rows": [Row(**row) for row in each["rows"]]}) for each in content["tables"]]
    return Result(**{**content, "tables": tables, "aims": [Aim(**each) for each in content["aims"]]})


def _rounded(value: Any) -> Any:
    """With four digits, which is more than a measurement has."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value
