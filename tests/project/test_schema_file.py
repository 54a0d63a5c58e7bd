"""When data/schema.toml is written, and for which table; the script that reads the table is replaced by a stub."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sagemaker_ops.errors import UserError
from sagemaker_ops.project import schema_file, source_copy
from sagemaker_ops.project.data import SCHEMA
from sagemaker_ops.project.layout import LOCAL_FOLDER
from sagemaker_ops.project.settings import Data

FLIGHTS = Data("data/flights.csv", "late", "classification", exclude=["day", "dep delay"])
TABLE = "day,dep delay,late\n1,2,3\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project's folder with a table."""
    (tmp_path / FLIGHTS.source).parent.mkdir(parents=True)
    (tmp_path / FLIGHTS.source).write_text(TABLE, encoding="utf-8")
    return tmp_path


def written(root: Path) -> str | None:
    return (root / SCHEMA).read_text(encoding="utf-8") if (root / SCHEMA).exists() else None


@pytest.mark.slow
def test_it_is_written_and_reported_once_and_then_left_alone(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    [line] = schema_file.keep(FLIGHTS, root, root / LOCAL_FOLDER)

    assert line.startswith("Wrote data/schema.toml, the type of each column: ")
    first = str(written(root))
    assert tomllib.loads(first) == {"source": "data/flights.csv", "columns": {"late": "integer"}}

    (root / SCHEMA).write_text(f"{first}# edited", encoding="utf-8")
    assert schema_file.keep(FLIGHTS, root, root / LOCAL_FOLDER) == []
    assert written(root) == f"{first}# edited"
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_the_schema_of_another_source_is_replaced_and_reported(root: Path) -> None:
    schema_file.keep(FLIGHTS, root, root / LOCAL_FOLDER)
    (root / "other.csv").write_text(TABLE, encoding="utf-8")

    [line] = schema_file.keep(replace(FLIGHTS, source="other.csv"), root, root / LOCAL_FOLDER)

    assert line.startswith("Wrote data/schema.toml again, for 'other.csv', the type")
    assert tomllib.loads(str(written(root)))["source"] == "other.csv"


@pytest.mark.slow
def test_it_is_written_again_for_other_settings_and_says_what_changed(root: Path) -> None:
    (root / FLIGHTS.source).write_text("day;dep delay;late\n1;2;0,5\n1;2;?\n", encoding="utf-8")
    home, written_so = root / LOCAL_FOLDER, {"source": FLIGHTS.source}
    schema_file.keep(FLIGHTS, root, home)
    assert tomllib.loads(str(written(root))) == written_so | {"columns": {"late": "text"}}
    changed = replace(FLIGHTS, decimal=",", missing=["?"])

    [line] = schema_file.keep(changed, root, home)

    assert line == (
        "Wrote data/schema.toml again, because settings of [data] changed: 'late' is number (was text). Commit it."
    )
    settings = {"decimal": ",", "missing": ["?"]}
    assert tomllib.loads(str(written(root))) == written_so | {"read_with": settings, "columns": {"late": "number"}}
    assert schema_file.keep(changed, root, home) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "count"), [pytest.param(None, 1, id="complete"), pytest.param(10, 0, id="first rows")]
)
def test_for_a_source_on_s3_only_a_complete_copy_is_read(root: Path, rows: int | None, count: int) -> None:
    source, home = "s3://lake/flights/", root / LOCAL_FOLDER
    copy = source_copy.Copy(source, "dev", datetime.now(UTC), rows, {"flights/a.csv": "etag"})
    objects = source_copy.folder_of(source, home) / source_copy.OBJECTS
    objects.mkdir(parents=True)
    (objects / copy.file("flights/a.csv")).write_text(TABLE, encoding="utf-8")
    source_copy.write(copy, home)

    assert len(schema_file.keep(replace(FLIGHTS, source=source), root, home)) == count
    assert (written(root) is not None and tomllib.loads(str(written(root)))["source"] == source) == bool(count)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["s3://lake/flights/", "s3://lake/flights", "s3://lake/flights/region="])
def test_for_a_source_on_s3_the_columns_in_folder_names_are_kept(root: Path, source: str) -> None:
    home, keys = root / LOCAL_FOLDER, [f"flights/region={region}/part-0.csv" for region in ("eu", "us")]
    copy = source_copy.Copy(source, "dev", datetime.now(UTC), None, dict.fromkeys(keys, "etag"))
    objects = source_copy.folder_of(source, home) / source_copy.OBJECTS
    objects.mkdir(parents=True)
    for key in keys:
        (objects / copy.file(key)).write_text(TABLE, encoding="utf-8")
    source_copy.write(copy, home)

    schema_file.keep(replace(FLIGHTS, source=source), root, home)

    assert tomllib.loads(str(written(root)))["columns"] == {"late": "integer", "region": "text"}


def test_a_file_without_a_source_applies_to_all_sources(root: Path) -> None:
    (root / SCHEMA).write_text("[columns]\n", encoding="utf-8")

    assert schema_file.keep(FLIGHTS, root, root / LOCAL_FOLDER) == []
    assert written(root) == "[columns]\n"


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(replace(FLIGHTS, source="s3://lake/flights/"), id="on S3, and not here"),
        pytest.param(replace(FLIGHTS, target="latte"), id="a missing column"),
        pytest.param(
            replace(FLIGHTS, source="unreadable.csv"), id="a table that cannot be read", marks=pytest.mark.slow
        ),
    ],
)
def test_a_project_that_cannot_run_gets_no_file_and_keeps_the_old_one(root: Path, chosen: Data) -> None:
    (root / "unreadable.csv").write_text("day,dep delay,late\n1,2\n1,2,3,4\n", encoding="utf-8")

    assert schema_file.keep(chosen, root, root / LOCAL_FOLDER) == []
    assert written(root) is None

    old = "source = 'another.csv'\n[columns]\n"
    (root / SCHEMA).write_text(old, encoding="utf-8")
    assert schema_file.keep(chosen, root, root / LOCAL_FOLDER) == []
    assert written(root) == old


def test_a_file_that_cannot_be_read_is_not_overwritten(root: Path) -> None:
    (root / SCHEMA).write_text("[columns", encoding="utf-8")

    with pytest.raises(UserError, match="not valid TOML"):
        schema_file.keep(FLIGHTS, root, root / LOCAL_FOLDER)
    assert written(root) == "[columns"
