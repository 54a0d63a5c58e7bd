"""Shows monitoring.json in a terminal: what exceeds a threshold first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagemaker_ops.errors import Problem
from sagemaker_ops.terminal import tables

SPREAD = "standard_deviation"
MOST = 10  # columns to show, if no more exceed a threshold


def lines(found: Mapping[str, Any], table: str) -> Iterator[str]:
    """The columns worth seeing, the predictions, the metrics, and the verdict; table: the name of the new data."""
    train = found["baseline_rows"]["train"]
    compared = f"compared with {found['model']} ({train:,} rows of training)"
    yield str(Problem(f"{found['rows']:,} rows of {table}, {compared}"))
    yield ""
    columns = found["columns"]
    exceeding = sum(bool(each["findings"]) for each in columns.values())
    rows = [_row(name, each) for name, each in list(columns.items())[: max(MOST, exceeding)]]
    if predicted := found["predictions"]:
        scores = predicted["scores"].items()
        rows += [_row(_words(name), each, predicted["findings"]) for name, each in scores]
    for line in tables.lines(["column", "PSI", "KS", "missing", "was", "new values"], rows):
        yield str(Problem(line))
    if len(columns) > (most := max(MOST, exceeding)):
        yield f"  and {len(columns) - most} more columns, in the page"
    if measured := found["quality"]:
        yield ""
        yield from tables.lines(["metric", f"was ({measured['source']})", "now", "±"], _metrics(measured))
    yield ""
    for said in found["verdict"]["findings"]:
        yield str(Problem(f"≠ {said}"))
    yield from (str(Problem(said)) for said in found["notes"])
    yield str(Problem(found["verdict"]["sentence"]))


def _row(name: str, each: Mapping[str, Any], findings: list[str] | None = None) -> list[object]:
    missing, new = each.get("missing"), each.get("new_categories")
    return [
        f"{'≠' if (each.get('findings', findings)) else ' '} {name}",
        _number(each["psi"]),
        _number(each["ks"]),
        _share(missing["now"]) if missing else None,
        _share(missing["baseline"]) if missing else None,
        _share(new["now"]) if new else None,
    ]


def _words(score: str) -> str:
    return "prediction" if score == "value" else f"probability of {score}"


def _metrics(measured: Mapping[str, Any]) -> list[list[object]]:
    return [
        [name + " (gate)" * (name == measured["metric"]), *(each[key] for key in ("baseline", "value", SPREAD))]
        for name, each in measured["metrics"].items()
    ]


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def _share(value: float) -> str:
    return f"{value:.1%}" if value else "0"
