"""The first rows of a table as a CSV request, with values as they are written in the file."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sagemaker_ops.errors import UserError
from sagemaker_ops.project import table_rows
from sagemaker_ops.project.settings import Data


def settings(**values: Any) -> Data:
    return Data("data", "late", "classification", **values)


@pytest.mark.parametrize(
    ("name", "content", "given", "text"),
    [
        ("a.csv", "a,b\n1,2\n3,4\n5,6\n", {}, "a,b\n1,2\n3,4\n"),
        ("a.csv", "a;b\n1,5;?\n2,5;x\n", {"decimal": ","}, 'a,b\n"1,5",?\n"2,5",x\n'),
        ("a.tsv", "a\tb\nx, y\t00123\n", {}, 'a,b\n"x, y",00123\n'),
        ("a.csv", ",a\n0,1\n1,2\n", {}, "a\n1\n2\n"),
        ("a.csv", "a,b\n1\n2,3\n", {}, "a,b\n2,3\n"),
        ("origin=JFK/month=%31/a.csv", "a\n1\n", {}, "a,origin,month\n1,JFK,1\n"),
        ("origin=__HIVE_DEFAULT_PARTITION__/a.csv", "a\n1\n", {}, "a,origin\n1,\n"),
        ("origin=JFK/a.csv", "origin\nLGA\n", {}, "origin\nLGA\n"),
    ],
)
def test_the_rows_of_a_file(tmp_path: Path, name: str, content: str, given: dict[str, Any], text: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")

    rows = table_rows.of_table(file, name, settings(**given), 2)

    assert rows.text == text
    assert rows.count == len(text.splitlines()) - 1


def test_a_compressed_file_in_another_encoding_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    file.write_bytes(gzip.compress("a\nZürich\n".encode("latin-1")))

    assert table_rows.of_table(file, file.name, settings(encoding="latin-1"), 2).text == "a\nZürich\n"


def test_a_parquet_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    table = pd.DataFrame(
        {"a": [1, 2, 3], "when": pd.to_datetime(["2025-12-31", None, "2026-01-01"]), "t": ["x", None, "z"]}
    )
    table.to_parquet(file)

    rows = table_rows.of_table(file, file.name, settings(), 2)

    assert (rows.text, rows.count) == ("a,when,t\n1,2025-12-31 00:00:00,x\n2,,\n", 2)


def test_without_pyarrow_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (tmp_path / "a.parquet").touch()

    with pytest.raises(
        UserError, match=r"\[endpoint\].test_rows: rows of Parquet files cannot be read without pyarrow"
    ):
        table_rows.of_table(tmp_path / "a.parquet", "a.parquet", settings(), 2)


def test_a_file_with_rows_is_sent_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('\ufeffa,b\n"x, y",2\n\n3,4\n', encoding="utf-8")

    assert table_rows.of_file(file, "rows.csv", 5).text == 'a,b\n"x, y",2\n3,4\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n", "'rows.csv' needs a line of column names, and rows."),
        (None, "'rows.csv' cannot be read: No such file or directory."),
    ],
)
def test_a_file_without_rows_is_reported(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "rows.csv").write_text(content, encoding="utf-8")

    with pytest.raises(UserError) as raised:
        table_rows.of_file(tmp_path / "rows.csv", "rows.csv", 5)

    assert str(raised.value) == f"project.toml [endpoint].test_rows: {message}"
