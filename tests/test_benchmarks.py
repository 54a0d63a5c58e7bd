"""The benchmarks: their statistics, the pages made from their results, and that each of them runs."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import meter, page, quotes, results
from benchmarks.measure import Contender, side_by_side
from benchmarks.results import Aim, Result, Row, Table

TEMPLATE = Path(__file__).parents[1]
PASSAGE = re.compile(r"<!-- figures: .*?<!-- end of figures -->|^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
FIGURE = re.compile(r"\d ?\u00d7|\b[\d.]+ times (as|faster|slower)|\b\d[\d.]* m?s\b")
TABLE = Table(
    "Reading",
    [
        Row("plain", [2.0, 4.0, 3.0], [1.0, 1.0, 1.0], [100.0, 100.0, 100.0], 1200),
        Row("ours", [1.0, 1.0, 1.5], [0.25, 0.5, 0.75], [40.0, 50.0, 60.0], 1200),
    ],
    "plain",
)
RESULT = Result(
    "reading",
    "Reading a table",
    "Reads it.",
    [TABLE],
    [Aim("time", "at most", 0.45, 0.5), Aim("rows/s", "at least", 2, 2)],
    ["A note."],
    {"date": "2026-11-29", "machine": "2 cores", "python": "3.11.7", "versions": "pandas 2.2.3", "load": "0.1"},
)


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    assert TABLE.ratio("ours", "seconds") == 0.5  # of 0.5, 0.25 and 0.5; the medians alone give 1 / 3
    assert TABLE.ratio("plain", "megabytes", "ours") == 2


@pytest.mark.parametrize(
    ("limit", "measured", "met"),
    [("at most", 1, True), ("at most", 1.1, False), ("at least", 1, True), ("at least", 0.9, False)],
)
def test_an_aim_is_met_at_its_limit(limit: str, measured: float, met: bool) -> None:
    assert Aim("time", limit, 1, measured).met is met


def test_a_result_is_kept_with_four_digits(tmp_path: Path) -> None:
    results.save(RESULT, tmp_path)
    assert results.load(tmp_path) == {"reading": RESULT}
    results.save(Result("long", "", "", [Table("", [Row("a", [1.234567])])]), tmp_path)
    assert results.load(tmp_path)["long"].tables[0].rows[0].seconds == [1.235]


def test_a_section_has_machine_versions_medians_spread_and_ratios() -> None:
    assert (
        page.section(RESULT)
        == """\
## Reading a table

Reads it.

`make bench ONLY=reading`: 2026-11-29; 2 cores; Python 3.11.7; pandas 2.2.3; load 0.1 at the start.

**Reading**

| | median | fastest to slowest | ratio | CPU | ratio | peak memory | ratio | rows/s |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
| plain | 3.00 s | 2.00 s to 4.00 s | 1.00 | 1.00 s | 1.00 | 100 MB | 1.00 | 400 |
| ours | 1.00 s | 1.00 s to 1.50 s | 0.50 | 0.50 s | 0.50 | 50 MB | 0.50 | 1,200 |

- A note.
"""
    )


def test_a_section_says_that_the_machine_was_busy() -> None:
    busy = Result("a", "A", "", [], measured={"load": "2.5"})
    assert page.section(busy).endswith(
        "- Other work ran on the machine: compare the processor time, not the seconds.\n"
    )


def test_the_page_lists_the_aims_and_the_sections_in_their_order() -> None:
    other = Result("other", "Other things", "", [])
    text = page.text({"reading": RESULT, "other": other}, ("other", "reading"))
    assert "| [Reading a table](#reading-a-table): time | at most 0.45 | 0.50 | no |" in text
    assert "| [Reading a table](#reading-a-table): rows/s | at least 2.00 | 2.00 | yes |" in text
    assert text.index("## Other things") < text.index("## Reading a table")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (123.4, "123 s"),
        (12.34, "12.3 s"),
        (1.234, "1.23 s"),
        (0.39, "0.39 s"),
        (0.0068, "6.8 ms"),
        (0.00019, "0.19 ms"),
    ],
)
def test_seconds_have_two_or_three_digits(value: float, shown: str) -> None:
    assert page.seconds(value) == shown


@pytest.mark.parametrize("name", quotes.FILES)
def test_a_page_that_quotes_figures_has_a_passage_for_them(name: str) -> None:
    assert "<!-- figures: " in (TEMPLATE / name).read_text(encoding="utf-8")


def test_a_figure_of_speed_is_quoted_from_a_benchmark() -> None:
    """Outside blocks of code and passages made from the results, the pages quote no seconds and no ratios.

    The page on scale calculates with the limits of others, and names the source of each.
    """
    found = []
    for file in [TEMPLATE / "README.md", *(TEMPLATE / "docs").rglob("*.md")]:
        if file in (page.PAGE, file.with_name("scale.md")) or file.parent.name == "notebooks":
            continue
        text = PASSAGE.sub("", file.read_text(encoding="utf-8"))
        found += [f"{file.name}: {match[0]}" for match in FIGURE.finditer(text)]
    assert not found


def test_each_benchmark_has_a_name_on_the_command_line() -> None:
    modules = {file.stem for file in Path(command.__file__).parent.glob("*.py") if "\ndef measure(" in file.read_text()}
    assert modules - {"results"} == set(command.NAMES)
    assert set(results.load()) <= modules


def test_results_name_no_host_and_no_path() -> None:
    for file in results.FOLDER.glob("*.json"):
        text = file.read_text(encoding="utf-8")
        assert platform.node() not in text or len(platform.node()) < 4
        assert "/tmp/" not in text
        assert "/home/" not in text


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["procesing"])
    assert stopped.value.code == 2
    assert "there is no benchmark procesing; choose from setup, generation" in capsys.readouterr().err


def test_a_command_that_fails_is_shown_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="exit code 3\nwhy"):
        side_by_side([Contender("a", [["sh", "-c", "echo why; exit 3"]], tmp_path)], 1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_processes_that_a_command_leaves_are_counted(tmp_path: Path) -> None:
    work = "import time; block = bytearray(60_000_000); until = time.process_time() + .3\n"
    work += "while time.process_time() < until: pass"
    leave = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {work!r}]); time.sleep(.2)"
    [left] = side_by_side([Contender("a", [[sys.executable, "-c", leave]], tmp_path)], 1, warm_up=False, memory=True)
    assert left.cpu[0] > 0.3
    assert left.megabytes[0] > 60


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_that_of_all_processes_together(tmp_path: Path) -> None:
    hold = "import time; block = bytearray(40_000_000); time.sleep(1)"
    two = f"import subprocess, sys\nstart = lambda: subprocess.Popen([sys.executable, '-c', {hold!r}])\n"
    two += "for process in [start(), start()]: process.wait()"
    out = tmp_path / "found.json"
    subprocess.run([sys.executable, meter.__file__, str(out), "0.05", sys.executable, "-c", two], check=True)
    assert json.loads(out.read_bytes())["megabytes"] > 80


@pytest.mark.slow
@pytest.mark.longest
@pytest.mark.parametrize("name", command.NAMES)
def test_a_benchmark_runs(environment: Path, name: str) -> None:
    """Once at its smallest, in one project's environment. The figures mean nothing."""
    before = _files()
    run = [sys.executable, "-m", "benchmarks", "--quick", "--environment", str(environment), name]
    done = subprocess.run(run, cwd=TEMPLATE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.endswith(" …")] == [f"{name} …"]
    assert _files() == before


def _files() -> dict[str, bytes]:
    folders = ("benchmarks/results", "docs")
    files = [
        TEMPLATE / "README.md",
        *(file for name in folders for file in (TEMPLATE / name).rglob("*") if file.is_file()),
    ]
    return {str(file): file.read_bytes() for file in files}
