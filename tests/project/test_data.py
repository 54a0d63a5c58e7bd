"""The table that [data].source names: its files, the messages for its errors, and its hash."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sagemaker_ops.errors import UserError
from sagemaker_ops.project import data
from sagemaker_ops.project.settings import Data

FLIGHTS = Data("flights.csv", "late", "classification")
ROWS = "day,carrier,late\n1,AA,yes\n"


def write(root: Path, *names: str, content: str | bytes = ROWS) -> Path:
    """Write the files `names` in `root`, and return the last one."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("source", "files"),
    [
        pytest.param("a.csv", ["a.csv"], id="file"),
        pytest.param("sub/b.csv.gz", ["sub/b.csv.gz"], id="file in a folder"),
        pytest.param("d.PARQUET", ["d.PARQUET"], id="capitals"),
        pytest.param("sub", ["sub/b.csv.gz", "sub/deep/c.parquet"], id="folder with folders"),
        pytest.param("sub/", ["sub/b.csv.gz", "sub/deep/c.parquet"], id="folder with a slash"),
        pytest.param(".", ["a.csv", "d.PARQUET", "sub/b.csv.gz", "sub/deep/c.parquet"], id="the project"),
    ],
)
def test_a_source_consists_of_its_tables_in_order(tmp_path: Path, source: str, files: list[str]) -> None:
    write(tmp_path, "sub/deep/c.parquet", "sub/b.csv.gz", "sub/notes.txt", "d.PARQUET", "a.csv", "README.md")

    assert [path.relative_to(tmp_path).as_posix() for path in data.files(source, tmp_path)] == files


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(".hidden.csv", id="hidden file"),
        pytest.param("_SUCCESS.csv", id="Spark marker"),
        pytest.param("day.csv.crc", id="checksum"),
        pytest.param(".ipynb_checkpoints/day-checkpoint.csv", id="copy made by JupyterLab"),
    ],
)
def test_other_files_in_the_folder_are_ignored(tmp_path: Path, other: str) -> None:
    day = write(tmp_path, f"flights/{other}", "flights/day.csv")

    assert data.files("flights", tmp_path) == [day]


def test_a_folder_with_the_name_of_a_table_contains_tables(tmp_path: Path) -> None:
    part = write(tmp_path, "flights/2024.csv/part-0.csv")  # how Spark writes one table

    assert data.files("flights", tmp_path) == [part]


def test_a_source_may_be_outside_the_project(tmp_path: Path) -> None:
    elsewhere = write(tmp_path, "elsewhere/flights.csv")

    assert data.files(str(elsewhere), tmp_path / "project") == [elsewhere]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        pytest.param("flihgts.csv", "there is no file or folder 'flihgts.csv' in", id="typo"),
        pytest.param("flihgts.csv", "Did you mean 'flights.csv'?", id="typo with the nearest name"),
        pytest.param("data/custmers.csv", "Did you mean 'data/customers.csv'?", id="typo in a folder"),
        pytest.param("dat/customers.csv", "Did you mean 'data/customers.csv'?", id="typo in the folder's name"),
        pytest.param("{root}/data/custmers.csv", "Did you mean 'data/customers.csv'?", id="absolute"),
        pytest.param("raw/flights.csv", "there is no file or folder 'raw/flights.csv'", id="folder missing"),
        pytest.param("notes.txt", "use a file of type .csv, .csv.gz, .parquet", id="other suffix"),
        pytest.param("notes.txt", "If it is CSV, rename it to 'notes.csv'.", id="other suffix of CSV"),
        pytest.param(
            "empty",
            "the folder 'empty' has no tables (.csv, .csv.gz, .parquet, .tsv, .tsv.gz)",
            id="folder without tables",
        ),
    ],
)
def test_a_source_without_a_table_is_reported_in_one_sentence(tmp_path: Path, source: str, sentence: str) -> None:
    write(tmp_path, "flights.csv", "notes.txt", "empty/notes.txt", "data/customers.csv")

    with pytest.raises(UserError) as caught:
        data.files(source.format(root=tmp_path), tmp_path)

    [problem] = caught.value.problems
    assert problem.where == "project.toml [data].source"
    assert sentence in problem.message


@pytest.mark.parametrize(
    ("source", "remote"), [("s3://bucket/key", True), ("data/s3", False), ("S3.csv", False), ("", False)]
)
def test_a_source_is_remote_if_it_starts_with_s3(source: str, remote: bool) -> None:
    assert data.is_remote(source) is remote


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("flights.csv", ROWS, id="comma"),
        pytest.param("flights.csv", ROWS.replace(",", ";"), id="semicolon"),
        pytest.param("flights.csv", ROWS.replace(",", "\t"), id="tab"),
        pytest.param("flights.csv", ROWS.replace(",", "|"), id="bar"),
        pytest.param("flights.csv", ROWS.replace("\n", "\r\n"), id="Windows line ends"),
        pytest.param("flights.csv", "\ufeff" + ROWS.replace("day,carrier,late", "late,carrier,day"), id="BOM"),
        pytest.param("flights.csv", '"day","a; b; c; d",late\n1,2,3\n', id="other separators inside quotes"),
        pytest.param("flights.csv", 'day,"late"\n1,yes', id="no final line end"),
        pytest.param("flights.csv", "late\nyes\n", id="one column"),
        pytest.param("flights.csv", '"day\nof month",late\n1,2\n', id="a name of two lines"),
        pytest.param("flights.csv.gz", gzip.compress(ROWS.encode()), id="gzip"),
        pytest.param("flights.csv", gzip.compress(ROWS.encode()), id="gzip without its name"),
        pytest.param("flights.TSV", ROWS.replace("day", "day,;of,;month").replace(",", "\t"), id="tabs by its name"),
        pytest.param("flights.CSV.GZ", gzip.compress(b"\xef\xbb\xbf" + ROWS.encode()), id="gzip with BOM, capitals"),
        pytest.param("flights", None, id="folder"),
    ],
)
def test_a_table_with_the_target_has_no_problems(tmp_path: Path, name: str, content: str | bytes | None) -> None:
    if content is None:
        write(tmp_path, "flights/a.csv", "flights/b.csv")
    else:
        write(tmp_path, name, content=content)

    assert data.check(replace(FLIGHTS, source=name), tmp_path) == []


@pytest.mark.parametrize(
    ("settings", "content"),
    [
        ({"separator": "^"}, b"day^a,b^late\n1^2^3\n"),
        ({"encoding": "latin-1"}, "jour;d\xe9but;late\n1;2;3\n".encode("latin-1")),
        ({"encoding": "utf-16"}, ROWS.encode("utf-16")),
        ({"encoding": "utf-16", "separator": ";"}, gzip.compress(ROWS.replace(",", ";").encode("utf-16"), mtime=0)),
        ({"dates": {"day": "%d/%m/%Y"}}, ROWS.encode()),
    ],
)
def test_a_table_is_read_with_its_settings(tmp_path: Path, settings: dict[str, Any], content: bytes) -> None:
    write(tmp_path, "flights.csv", content=content)

    assert data.check(replace(FLIGHTS, **settings), tmp_path) == []


@pytest.mark.parametrize(
    ("name", "settings", "content", "sentence"),
    [
        ("t.csv", {}, b"a:b:late\n1:2:3\n", "has one column 'a:b:late': write separator = \":\""),
        ("t.csv", {"separator": ","}, b"a;late\n1;2\n", "has one column 'a;late': write separator = \";\""),
        ("t.tsv", {}, b"a,late\n1,2\n", "has one column 'a,late': write separator = \",\""),
        ("t.csv", {}, "caf\xe9,late\n".encode("latin-1"), '(byte 0xE9 in line 1): write encoding = "latin-1"'),
        ("t.csv", {}, "a\u20ac,late\n".encode("cp1252"), '(byte 0x80 in line 1): write encoding = "cp1252"'),
        ("t.csv", {}, ROWS.encode("utf-16"), 'write encoding = "utf-16" in'),
        ("t.csv", {}, ROWS.encode("utf-16-be"), 'write encoding = "utf-16-be" in'),
        ("t.csv", {}, ROWS.encode("utf-16-le"), 'write encoding = "utf-16-le" in'),
        ("t.csv", {"encoding": "utf-16"}, ROWS.encode(), "is not utf-16 text: write another encoding"),
        ("t.csv.gz", {}, ROWS.encode(), "it is not gzip; rename it to 't.csv'"),
    ],
)
def test_a_table_that_needs_another_setting_says_which(
    tmp_path: Path, name: str, settings: dict[str, Any], content: bytes, sentence: str
) -> None:
    write(tmp_path, name, content=content)

    with pytest.raises(UserError) as caught:
        data.check(replace(FLIGHTS, source=name, **settings), tmp_path)

    [problem] = caught.value.problems
    assert sentence in problem.message


def test_a_column_of_dates_must_exist(tmp_path: Path) -> None:
    write(tmp_path, "flights.csv")

    [problem] = data.check(replace(FLIGHTS, dates={"dday": "%d/%m/%Y"}), tmp_path)

    assert str(problem).startswith("project.toml [data].dates: 'flights.csv' has no column 'dday'. Did you mean 'day'?")


def test_quoted_names_may_contain_commas_and_quotes(tmp_path: Path) -> None:
    write(tmp_path, "flights.csv", content='day,"delay, ""late"", minutes"\n1,2\n')

    assert data.check(replace(FLIGHTS, target='delay, "late", minutes'), tmp_path) == []


OWN_READING = "import pandas as pd  # in place of read_source(folder)\ntable = pd.read_excel(folder)\n"


@pytest.mark.parametrize(
    "made",
    ['table["late"] = 1', "table.assign(late=1)", "frame.rename(columns={'delay': 'late'})"],
)
def test_a_column_that_a_step_names_may_be_made_by_it(tmp_path: Path, made: str) -> None:
    write(tmp_path, "flights.csv", content="day,carrier\n1,AA\n")
    write(tmp_path, "data/schema.toml", content='[columns]\nday = "text"\nlate = "integer"\n')

    write(tmp_path, "production/steps/processing.py", content="'It says late.'\nread_source(folder)  # late\n")
    assert len(data.check(FLIGHTS, tmp_path)) == 2
    write(tmp_path, "production/steps/processing.py", content=f"table = read_source(folder)\n{made}\n")
    assert data.check(FLIGHTS, tmp_path) == []
    assert len(data.check(replace(FLIGHTS, target="latte"), tmp_path)) == 1


@pytest.mark.parametrize("content", [b"Delays of today\nday;late\n", "größe\n1\n".encode("latin-1"), b"", b"\x00\xff"])
def test_a_table_that_the_steps_read_by_themselves_is_theirs_to_check(tmp_path: Path, content: bytes) -> None:
    file = write(tmp_path, "delays/today.xlsx", content=content)
    write(tmp_path, "production/steps/processing.py", content=OWN_READING)

    for source in ("delays", "delays/today.xlsx"):
        assert data.files(source, tmp_path) == [file]
        assert data.check(replace(FLIGHTS, source=source), tmp_path) == []
    schema = write(tmp_path, "data/schema.toml", content="[columns]")
    assert data.files(".", tmp_path) == [file, tmp_path / "production/steps/processing.py"], f"not {schema}"
    with pytest.raises(UserError, match="there is no file or folder 'delay'"):
        data.check(replace(FLIGHTS, source="delay"), tmp_path)


@pytest.mark.parametrize(
    ("scripts", "own"),
    [
        pytest.param({}, False, id="no steps"),
        pytest.param({"processing.py": "table = read_source(folder, options)"}, False, id="the library reads"),
        pytest.param(
            {"processing.py": "import sagemaker_ops as ops\nops.read_source(a, b)"}, False, id="by its module"
        ),
        pytest.param(
            {"processing.py": "from own import read", "own.py": "read_source(a, b)"}, False, id="a helper does"
        ),
        pytest.param({"own/reading.py": "read_source(a, b)"}, False, id="a helper in a folder does"),
        pytest.param({"processing.py": OWN_READING}, True, id="only a comment says so"),
        pytest.param(
            {"processing.py": OWN_READING, ".ipynb_checkpoints/processing.py": "read_source(a, b)"},
            True,
            id="an old copy does",
        ),
        pytest.param({"processing.py": "from sagemaker_ops import read_source"}, True, id="imported and not called"),
        pytest.param({"processing.py": "read_source(("}, True, id="no Python"),
    ],
)
def test_the_steps_read_by_themselves_unless_they_call_the_library(
    tmp_path: Path, scripts: dict[str, str], own: bool
) -> None:
    for name, content in scripts.items():
        write(tmp_path, f"production/steps/{name}", content=content)

    assert data.has_own_reading(tmp_path) is own


@pytest.mark.parametrize(
    ("named", "key", "sentence"),
    [
        pytest.param({"target": "latte"}, "target", "has no column 'latte'. Did you mean 'late'?", id="target"),
        pytest.param({"target": "Late"}, "target", "Did you mean 'late'?", id="target with a capital"),
        pytest.param(
            {"exclude": ["day", "dayy"]}, "exclude", "has no column 'dayy'. Did you mean 'day'?", id="exclude"
        ),
        pytest.param(
            {"split": "group", "split_column": "carier"}, "split_column", "Did you mean 'carrier'?", id="group"
        ),
        pytest.param({"split": "time", "split_column": "date"}, "split_column", "has no column 'date'", id="time"),
        pytest.param({"weight": "dday"}, "weight", "has no column 'dday'. Did you mean 'day'?", id="weight"),
        pytest.param({"id": "flight"}, "id", "has no column 'flight'", id="id"),
        pytest.param({"target": "xyz"}, "target", "It has 'day', 'carrier', 'late'.", id="like no other column"),
    ],
)
def test_a_missing_column_is_reported_with_the_closest_name(
    tmp_path: Path, named: dict[str, str], key: str, sentence: str
) -> None:
    write(tmp_path, "flights.csv")

    [problem] = data.check(replace(FLIGHTS, **named), tmp_path)  # type: ignore[arg-type]

    assert problem.where == f"project.toml [data].{key}"
    assert sentence in problem.message


def test_all_missing_columns_are_reported_together(tmp_path: Path) -> None:
    write(tmp_path, "flights.csv")
    wrong = replace(FLIGHTS, target="a", exclude=["b", "day", "c"], split="group", split_column="d", weight="e", id="f")

    assert [problem.where.split(".")[-1] for problem in data.check(wrong, tmp_path)] == [
        "target",
        "exclude",
        "exclude",
        "split_column",
        "weight",
        "id",
    ]


def test_an_unused_split_column_need_not_exist(tmp_path: Path) -> None:
    write(tmp_path, "flights.csv")

    assert data.check(replace(FLIGHTS, split="random", split_column="nowhere"), tmp_path) == []


def test_only_the_first_eight_columns_are_shown(tmp_path: Path) -> None:
    write(tmp_path, "flights.csv", content=",".join(f"c{number}" for number in range(20)) + "\n1\n")

    [problem] = data.check(replace(FLIGHTS, target="xyz"), tmp_path)

    assert problem.message.endswith("'c6', 'c7' ….")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("flights.csv", "", id="no bytes"),
        pytest.param("flights.csv", "day,late", id="only a header"),
        pytest.param("flights.csv", "day,late\n\n  \n", id="header and blank lines"),
        pytest.param("flights.csv", "\ufeff", id="only a BOM"),
        pytest.param("flights.csv.gz", gzip.compress(b""), id="gzip of nothing"),
    ],
)
def test_a_table_without_rows_is_reported_as_empty(tmp_path: Path, name: str, content: str | bytes) -> None:
    write(tmp_path, name, content=content)

    [problem] = data.check(replace(FLIGHTS, source=name), tmp_path)

    assert str(problem).startswith(f"project.toml [data].source: '{name}' is empty")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("flights.csv", "dåy,late\n1,2\n".encode("latin-1"), id="not UTF-8"),
        pytest.param("flights.csv", ROWS.encode("utf-16"), id="UTF-16"),
        pytest.param("flights.csv.gz", ROWS.encode(), id="not gzip"),
        pytest.param("flights.csv.gz", b"", id="gzip without bytes"),
        pytest.param("flights.csv.gz", gzip.compress(ROWS.encode())[:-12], id="gzip cut off"),
        pytest.param(
            "flights.csv.gz", gzip.compress(ROWS.encode())[:10] + b"\xff" * 30, id="gzip with other bytes inside"
        ),
    ],
)
def test_an_unreadable_table_is_reported_in_one_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    write(tmp_path, name, content=content)

    try:
        problems = data.check(replace(FLIGHTS, source=name), tmp_path)
    except UserError as error:
        problems = error.problems

    [problem] = problems
    assert problem.where == "project.toml [data].source"
    assert f"'{name}'" in problem.message


@pytest.mark.slow
def test_parquet_is_checked_like_csv(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    settings = replace(FLIGHTS, source="flights.parquet")

    parquet.write_table(arrow.table({"day": [1], "late": ["yes"]}), tmp_path / "flights.parquet")
    assert data.check(settings, tmp_path) == []
    assert "Did you mean 'late'?" in data.check(replace(settings, target="latte"), tmp_path)[0].message

    parquet.write_table(arrow.table({"late": arrow.array([], arrow.string())}), tmp_path / "flights.parquet")
    assert "is empty" in data.check(settings, tmp_path)[0].message

    write(tmp_path, "flights.parquet")
    with pytest.raises(UserError, match=r"'flights\.parquet' cannot be read"):
        data.check(settings, tmp_path)


KEPT = '[columns]\n"day" = "integer"\n"carrier" = "text"\n'


def test_every_column_of_the_schema_file_must_exist(tmp_path: Path) -> None:
    write(tmp_path, "flights.csv")
    write(tmp_path, data.SCHEMA, content=KEPT + '"carier" = "text"\n"month" = "integer"\n')

    first, second = data.check(FLIGHTS, tmp_path)

    assert str(first) == (
        "data/schema.toml [columns]: 'flights.csv' has no column 'carier': remove its line, or fix the data."
    )
    assert "no column 'month'" in second.message
    assert data.check(replace(FLIGHTS, exclude=["day"]), tmp_path) == [first, second]


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        pytest.param(None, False, id="no file"),
        pytest.param(KEPT, True, id="for every source"),
        pytest.param('source = "flights.csv"\n' + KEPT, True, id="for this source"),
        pytest.param('\ufeffsource = "flights.csv"\r\n' + KEPT, True, id="as a Windows editor writes it"),
        pytest.param('source = "customers.csv"\n[columns]\n"age" = "number"\n', False, id="for another source"),
    ],
)
def test_a_schema_applies_to_its_source(tmp_path: Path, content: str | None, kept: bool) -> None:
    write(tmp_path, "flights.csv")
    if content is not None:
        write(tmp_path, data.SCHEMA, content=content)

    assert data.schema_file("flights.csv", tmp_path) == (tmp_path / data.SCHEMA if kept else None)
    assert data.check(FLIGHTS, tmp_path) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param("[columns", "not valid TOML: Expected ']'", id="not TOML"),
        pytest.param('[columns]\n"tür" = "text"'.encode("latin-1"), "not valid TOML", id="not UTF-8"),
        pytest.param('source = "flights.csv"', "missing [columns]: add it", id="no columns"),
        pytest.param("columns = 5", "missing [columns]: add it", id="not a table"),
        pytest.param(None, "cannot be read", id="a folder"),
    ],
)
def test_an_unreadable_schema_is_reported_in_one_sentence(
    tmp_path: Path, content: str | bytes | None, sentence: str
) -> None:
    if content is None:
        (tmp_path / data.SCHEMA).mkdir(parents=True)
    else:
        write(tmp_path, data.SCHEMA, content=content)

    with pytest.raises(UserError) as caught:
        data.schema_file("flights.csv", tmp_path)

    [problem] = caught.value.problems
    assert problem.where == data.SCHEMA
    assert sentence in problem.message


def hash_of(folder: Path) -> str:
    return data.content_hash(data.named_files(folder.name, folder.parent))


def test_the_hash_depends_only_on_names_and_bytes(tmp_path: Path) -> None:
    write(tmp_path, "one/a.csv", "one/sub/b.csv", "elsewhere/deep/two/a.csv", "elsewhere/deep/two/sub/b.csv")
    os.utime(tmp_path / "one" / "a.csv", (1, 1))
    (tmp_path / "one" / "a.csv").chmod(0o600)

    digest = hash_of(tmp_path / "one")

    assert digest == hash_of(tmp_path / "elsewhere" / "deep" / "two")
    assert len(digest) == 16
    assert set(digest) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"a.csv": "1", "b.csv": "3"}, id="a byte"),
        pytest.param({"a.csv": "2", "b.csv": "1"}, id="contents swapped"),
        pytest.param({"a.csv": "1", "c.csv": "2"}, id="a name"),
        pytest.param({"a.csv": "1", "sub/b.csv": "2"}, id="a folder"),
        pytest.param({"a.csv": "1"}, id="one file less"),
        pytest.param({"a.csv": "1", "b.csv": "2", "c.csv": ""}, id="one more empty file"),
        pytest.param({"a.csv": "12", "b.csv": ""}, id="the boundary between two files"),
    ],
)
def test_the_hash_changes_with(tmp_path: Path, files: dict[str, str]) -> None:
    for folder, contents in (("before", {"a.csv": "1", "b.csv": "2"}), ("after", files)):
        for name, content in contents.items():
            write(tmp_path, f"{folder}/{name}", content=content)

    assert hash_of(tmp_path / "before") != hash_of(tmp_path / "after")


@pytest.mark.parametrize(("source", "name"), [("flights.csv", "flights.csv"), ("flights", "day.csv")])
def test_names_are_relative_to_the_source_folder(tmp_path: Path, source: str, name: str) -> None:
    write(tmp_path, "flights.csv", "flights/day.csv")

    assert list(data.named_files(source, tmp_path)) == [name]
