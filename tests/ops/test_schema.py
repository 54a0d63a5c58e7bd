"""When data/schema.toml is written, and for which table; the step's script, which reads the table, is stood in for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops import fetched, schema
from ops.data import SCHEMA
from ops.errors import UserError
from ops.settings import Data
from ops.warm import HOME

FLIGHTS = Data("data/flights.csv", "late", "classification", exclude=["day", "dep delay"])
# Writes its arguments where the real one writes types; fails for a table that says so.
SCRIPT = """
import sys
from pathlib import Path
given = dict(argument.split("=", 1) for argument in sys.argv[1:])
table = Path(given["--input-dir"])
if any("unreadable" in file.read_text() for file in (table.iterdir() if table.is_dir() else [table])):
    sys.exit("a sentence for the user of the step")
excluded = [argument for argument in sys.argv[1:] if argument.startswith("--exclude")]
print("it may talk")
Path(given["--output"]).write_text(f"source = '{given['--source']}'\\n[columns]\\n# {excluded}\\n")
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project's folder with a table and the script."""
    for name, content in {schema.SCRIPT: SCRIPT, FLIGHTS.source: "day,dep delay,late\n1,2,3\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def written(root: Path) -> str | None:
    return (root / SCHEMA).read_text(encoding="utf-8") if (root / SCHEMA).exists() else None


def test_the_first_time_it_is_written_and_told_and_then_left_alone(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    [line] = schema.keep(FLIGHTS, root, root / HOME)

    assert line.startswith("Wrote data/schema.toml, the type of each column: ")
    first = written(root)
    assert first == "source = 'data/flights.csv'\n[columns]\n# ['--exclude=day', '--exclude=dep delay']\n"

    (root / SCHEMA).write_text(f"{first}# edited", encoding="utf-8")
    assert schema.keep(FLIGHTS, root, root / HOME) == []
    assert written(root) == f"{first}# edited"
    assert capfd.readouterr() == ("", "")


def test_for_another_source_it_is_written_anew_and_told_so(root: Path) -> None:
    schema.keep(FLIGHTS, root, root / HOME)
    (root / "other.csv").write_text("day,dep delay,late\n1,2,3\n", encoding="utf-8")

    [line] = schema.keep(replace(FLIGHTS, source="other.csv"), root, root / HOME)

    assert line.startswith("Wrote data/schema.toml anew, for 'other.csv', the type")
    assert str(written(root)).startswith("source = 'other.csv'\n")


@pytest.mark.parametrize(("rows", "count"), [pytest.param(None, 1, id="whole"), pytest.param(10, 0, id="first rows")])
def test_of_a_source_on_s3_a_whole_copy_is_read(root: Path, rows: int | None, count: int) -> None:
    source, home = "s3://lake/flights/", root / HOME
    copy = fetched.Copy(source, "dev", datetime.now(UTC), rows, {"flights/a.csv": "etag"})
    objects = fetched.folder_of(source, home) / fetched.OBJECTS
    objects.mkdir(parents=True)
    (objects / copy.file("flights/a.csv")).write_text("day,dep delay,late\n1,2,3\n", encoding="utf-8")
    fetched.write(copy, home)

    assert len(schema.keep(replace(FLIGHTS, source=source), root, home)) == count
    assert str(written(root)).startswith(f"source = '{source}'\n") == bool(count)


def test_without_a_source_in_it_it_stands_for_all_of_them(root: Path) -> None:
    (root / SCHEMA).write_text("[columns]\n", encoding="utf-8")

    assert schema.keep(FLIGHTS, root, root / HOME) == []
    assert written(root) == "[columns]\n"


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(replace(FLIGHTS, source="s3://lake/flights/"), id="on S3, and not here"),
        pytest.param(replace(FLIGHTS, target="latte"), id="a column that is not there"),
        pytest.param(replace(FLIGHTS, source="unreadable.csv"), id="a table that cannot be read"),
    ],
)
def test_what_cannot_run_gets_no_file_and_keeps_the_old_one(root: Path, chosen: Data) -> None:
    (root / "unreadable.csv").write_text("day,dep delay,late\n1,2,unreadable\n", encoding="utf-8")

    assert schema.keep(chosen, root, root / HOME) == []
    assert written(root) is None

    old = "source = 'another.csv'\n[columns]\n"
    (root / SCHEMA).write_text(old, encoding="utf-8")
    assert schema.keep(chosen, root, root / HOME) == []
    assert written(root) == old


def test_a_file_that_cannot_be_read_is_not_overwritten(root: Path) -> None:
    (root / SCHEMA).write_text("[columns", encoding="utf-8")

    with pytest.raises(UserError, match="not valid TOML"):
        schema.keep(FLIGHTS, root, root / HOME)
    assert written(root) == "[columns"
