"""docs/benchmarks.md, made from the files in benchmarks/results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.results import Aim, Result, Row, Table, median, ratio

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
INTRODUCTION = """# Benchmarks

<!-- Made by `make bench` from benchmarks/results: do not edit. -->

```console
$ make bench                    # measures everything, and writes this page: more than half an hour
$ make bench ONLY=processing    # one of them: replaces only its own section
$ make bench-quick              # everything once at its smallest, to find errors: its figures mean nothing
```

## How it is measured

- **Whole commands, taking turns.** The sides of a table run one after another, in rounds, so that a slow minute of
  the machine affects all of them. A first round, in which Python writes its bytecode, is not counted; the largest
  tables have none.
- **Ratios.** A table shows the median, and the fastest and the slowest round. A ratio is the median of the ratios of
  all rounds to the row whose ratios are 1.
- **Processor time.** CPU is the time that all processes of a command used, user and system, on all cores. It depends
  less than the wall time on what else the machine does. *Load* is how many processes wanted a core in the minute
  before the start.
- **Memory.** The peak of all processes together, Spark's JVM included: their proportional shares, five times a
  second, or the exact peak of the largest process if that is more.
- **Installed before.** Except in the first section, all packages are there and compiled, and the definition of the
  pipeline is kept.
"""


def write(found: Mapping[str, Result], names: Sequence[str], target: Path = PAGE) -> None:
    target.write_text(text(found, names), encoding="utf-8")


def text(found: Mapping[str, Result], names: Sequence[str]) -> str:
    """The page; the sections are in the order of names."""
    shown = [found[name] for name in names if name in found]
    aims = [(result, aim) for result in shown for aim in result.aims]
    return "\n".join([INTRODUCTION, *_aims(aims), *(section(result) for result in shown)])


def section(result: Result) -> str:
    """The Markdown of one benchmark."""
    measured = result.measured
    about = [f"{measured[key]}" for key in ("date", "machine") if key in measured]
    about += [f"Python {measured['python']}"] if "python" in measured else []
    about += [measured["versions"]] if "versions" in measured else []
    about += [f"load {measured['load']} at the start"] if "load" in measured else []
    lines = [f"## {result.title}", "", result.about, "", f"`make bench ONLY={result.name}`: {'; '.join(about)}.", ""]
    for table in result.tables:
        lines += [f"**{table.title}**", "", *table_lines(table), ""]
    busy = float(measured.get("load", 0)) >= 1
    notes = [*result.notes, *["Other work ran on the machine: compare the processor time, not the seconds."] * busy]
    lines += [f"- {note}" for note in notes]
    return "\n".join(lines).rstrip() + "\n"


def table_lines(table: Table) -> Iterator[str]:
    """A Markdown table with a column for what was measured; the name of the other columns is `ratio`."""
    columns = ["", "median", "fastest to slowest"]
    columns += ["ratio"] * bool(table.against)
    if any(row.cpu for row in table.rows):
        columns += ["CPU", *["ratio"] * bool(table.against)]
    if any(row.megabytes for row in table.rows):
        columns += ["peak memory", *["ratio"] * bool(table.against)]
    if any(row.rows for row in table.rows):
        columns += ["rows/s"]
    yield f"| {' | '.join(columns)} |".replace("|  |", "| |")
    yield "|---" + "|---:" * (len(columns) - 1) + "|"
    for row in table.rows:
        yield f"| {' | '.join(_cells(table, row))} |"


def _cells(table: Table, row: Row) -> Iterator[str]:
    other = table.row(table.against) if table.against else None
    yield row.name
    yield seconds(median(row.seconds))
    yield f"{seconds(min(row.seconds))} to {seconds(max(row.seconds))}"
    if other:
        yield number(ratio(row.seconds, other.seconds))
    if row.cpu:
        yield seconds(median(row.cpu))
        if other:
            yield number(ratio(row.cpu, other.cpu))
    if row.megabytes:
        yield f"{median(row.megabytes):,.0f} MB"
        if other:
            yield number(ratio(row.megabytes, other.megabytes))
    if row.rows:
        yield f"{float(f'{row.rows / median(row.seconds):.3g}'):,.0f}"


def _aims(aims: Sequence[tuple[Result, Aim]]) -> Iterator[str]:
    if not aims:
        return
    yield from ("## Aims", "", "| | aim | measured | met |", "|---|---:|---:|---|")
    for result, aim in aims:
        bound, met = f"{aim.limit} {number(aim.bound)}", "yes" if aim.met else "no"
        what = f"[{result.title}](#{anchor(result)}): {aim.what}"
        yield f"| {what} | {bound} | {number(aim.measured)} | {met} |"
    yield ""


def anchor(result: Result) -> str:
    """As MkDocs makes it from the heading."""
    kept = "".join(letter for letter in result.title.lower() if letter.isalnum() or letter in " -")
    return kept.replace(" ", "-")


def seconds(value: float) -> str:
    """With two or three digits: 12.3 s, 0.39 s, 6.8 ms."""
    if value >= 100:
        return f"{value:,.0f} s"
    if value >= 0.1:
        return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"
    return f"{1000 * value:.2g} ms"


def number(value: float) -> str:
    """A ratio or a bound: 0.012, 0.55, 2.1, 33."""
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
