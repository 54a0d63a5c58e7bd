"""Tables for a terminal, and how they show times and ages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime


def lines(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """The heading and a line for each row; a column of numbers and its heading are right-aligned."""
    shown = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in [list(heading), *shown]) for at in range(len(heading))]
    right = [bool(rows) and all(isinstance(row[at], int | float | None) for row in rows) for at in range(len(heading))]
    for row in [list(heading), *shown]:
        cells = [
            f"{cell:>{width}}" if to else f"{cell:<{width}}" for cell, width, to in zip(row, widths, right, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def document(value: object) -> str:
    """The value as JSON: times in ISO 8601, without keys whose value is None."""
    return json.dumps(_without_none(value), indent=2, ensure_ascii=False, default=_plain)


def age(since: datetime | None, now: datetime | None = None) -> str:
    """How long ago: minutes, hours or days."""
    if since is None:
        return "-"
    minutes = max(0, int(((now or datetime.now(UTC)) - since).total_seconds() // 60))
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes >= 2 * size:
            return f"{minutes // size} {unit}"
    return f"{minutes} min"


def moment(when: datetime | None) -> str:
    """The time in the time zone of this machine."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M") if when else "-"


def _text(cell: object) -> str:
    if cell is None or cell == "":
        return "-"
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _without_none(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
