"""The passages of README and docs that quote figures: each is between two comments, and is made from the results.

`<!-- figures: NAME -->` and `<!-- end of figures -->`, where NAME is a key of PASSAGES.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import aws, generation, local_run, processing, serving, setup, tracking
from benchmarks.page import anchor, number, seconds
from benchmarks.results import Result, Table, median

TEMPLATE = Path(__file__).parents[1]
FILES = ("README.md", "docs/serving.md", "docs/tracking.md")
Results = Mapping[str, Result]
_PASSAGE = re.compile(r"(<!-- figures: ([\w-]+) -->\n)(.*?)(<!-- end of figures -->)", re.DOTALL)


def write(found: Results) -> None:
    """Put the current figures into the pages."""
    for name in FILES:
        file = TEMPLATE / name
        file.write_text(current(file.read_text(encoding="utf-8"), found), encoding="utf-8")


def current(page: str, found: Results) -> str:
    """The page with the current figures; a passage stays if it was never measured. KeyError if it is unknown."""

    def passage(match: re.Match[str]) -> str:
        needed, made = PASSAGES[match[2]]
        return f"{match[1]}\n{made(found)}\n\n{match[4]}" if needed in found else match[0]

    return _PASSAGE.sub(passage, page)


def _overview(found: Results) -> str:
    rows = [_quoted(found, *each) for each in QUOTED if _is_measured(found, *each)]
    heading = "| | median | compared with | ratio | measured by |\n|---|---:|---|---:|---|\n"
    return heading + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _is_measured(found: Results, name: str, number_of_table: int, what: str, *rows: str) -> bool:
    tables = found[name].tables[number_of_table : number_of_table + 1] if name in found else []
    there = {row.name for table in tables for row in table.rows}
    return bool(tables) and there.issuperset(filter(None, rows))


def _quoted(found: Results, name: str, number_of_table: int, what: str, row: str, against: str) -> Sequence[str]:
    """The cells of one line of the overview."""
    table = found[name].tables[number_of_table]
    source = f"[`{name}`](docs/benchmarks.md#{anchor(found[name])})"
    if not against:
        return (what, _time(table, row), "-", "-", source)
    return (
        what,
        _time(table, row),
        f"{against}, {_time(table, against)}",
        number(table.ratio(row, "seconds", against)),
        source,
    )


def _time(table: Table, row: str) -> str:
    found = table.row(row)
    memory = f", {median(found.megabytes):,.0f} MB" if found.rows else ""
    return seconds(median(found.seconds)) + memory


def _handlers(found: Results) -> str:
    """The table of docs/serving.md, and the sentences below it."""
    result = found["serving"]
    lines = ["| | taken apart | the pipeline | |", "|---|---:|---:|---:|"]
    for table, name in zip(result.tables[:3], ("one row", "1,000 rows", result.tables[2].title), strict=True):
        sides = [seconds(median(table.row(side).seconds)) for side in (serving.APART, serving.PIPELINE)]
        share = table.ratio(serving.PIPELINE, "seconds", serving.APART)
        lines.append(f"| {name} | {sides[0]} | {sides[1]} | 1/{number(share)} |")
    http = result.table(serving.HTTP)
    one, other = (seconds(median(http.row(side).seconds)) for side in (serving.SERVED, serving.BARE_SERVER))
    lines += ["", f"Behind HTTP, one row takes {one}; a server that answers with a constant takes {other}."]
    return "\n".join([*lines, *result.notes])


def _tracked(found: Results) -> str:
    [table] = found["tracking"].tables
    tracked, plain = (seconds(median(table.row(name).seconds)) for name in (tracking.TRACKED, tracking.PLAIN))
    more = median(table.row(tracking.TRACKED).cpu) - median(table.row(tracking.PLAIN).cpu)
    share = number(table.ratio(tracking.TRACKED, "seconds"))
    return (
        f"A run of the sample takes {share} times as long with tracking, {tracked} instead of {plain}, and\n"
        f"{seconds(more)} more processor time."
    )


# The benchmark that a passage needs, and what writes it.
PASSAGES: dict[str, tuple[str, Callable[[Results], str]]] = {
    "overview": ("generation", _overview),
    "handlers": ("serving", _handlers),
    "tracking": ("tracking", _tracked),
}
# (benchmark, its table, what it is, row, the row to compare with or "")
QUOTED = (
    ("setup", 0, "from nothing to a trained model: `make setup && make run`, empty cache", setup.BOTH, setup.SDK),
    ("generation", 0, "generating a project", generation.OURS, generation.ALONE),
    ("generation", 0, "another template", generation.UV_TEMPLATE, generation.ALONE),
    ("generation", 0, "`kedro new`", generation.KEDRO_NEW, generation.ALONE),
    ("local_run", 0, "`ops run train --no-cache` on the sample", local_run.FULL, local_run.BY_HAND),
    ("local_run", 0, "`ops run train`, nothing changed", local_run.AGAIN, local_run.BY_HAND),
    ("local_run", 2, "`ops --help`", "`ops --help`", "`python -c pass`"),
    ("processing", 1, "`processing.py`, 336,776 rows", processing.STEP, processing.PANDAS),
    ("processing", 1, "the same work in polars", processing.POLARS, processing.PANDAS),
    ("processing", 2, "`processing.py`, 10,103,280 rows", processing.STEP, processing.PANDAS),
    ("processing", 2, "the same work in polars", processing.POLARS, processing.PANDAS),
    ("processing", 3, "the same work in Spark on this machine", processing.SPARK, processing.STEP),
    ("aws", 0, "`ops list-pipelines`, with a moto server", aws.LIST, aws.CLI),
    ("aws", 1, "`ops update-pipeline train`, nothing changed", aws.UPDATE, ""),
    ("serving", 0, "a request with one row, through the handlers", serving.APART, serving.PIPELINE),
    ("serving", 2, "1,000,000 rows of a table predicted", serving.APART, serving.PIPELINE),
)
