"""A CSV file is read in pieces, several files at the same time, and after a late surprise only what must be."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sagemaker_ops.tabular import reading
from sagemaker_ops.tabular.tables import read_table

pytestmark = pytest.mark.slow

WORDS = ["plain", "a,b", 'a "quoted" word', '"', '""', '",', "two\nlines", 'a line\n"and another', "ü€", "x" * 40]


def write(file: Path, rows: list[list[str]], **options: Any) -> Path:
    with file.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target, **options).writerows(rows)
    return file


def mixed(number: int, seed: int = 0) -> list[list[str]]:
    """Rows of a text that must often be quoted, a number, and another such text."""
    chosen = random.Random(seed)
    return [[chosen.choice(WORDS), str(chosen.randrange(1000)), chosen.choice(WORDS)] for _ in range(number)]


@pytest.fixture
def streamed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were not read in pieces."""
    found: list[Path] = []
    as_a_stream = reading._Csv.as_a_stream

    def spy(table: reading._Csv, *arguments: Any) -> Iterator[Any]:
        found.append(table.file)
        return as_a_stream(table, *arguments)

    monkeypatch.setattr(reading._Csv, "as_a_stream", spy)
    return found


@pytest.mark.parametrize("size", [256, 1000, 1 << 20])
@pytest.mark.parametrize("line", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_piece_ends_where_a_row_ends_whatever_is_in_quotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streamed: list[Path],
    size: int, line: str, quoting: Any, separator: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(reading, "BLOCK_BYTES", size)
    rows = mixed(300)
    options = {"lineterminator": line, "quoting": quoting, "delimiter": separator}
    table = read_table(write(tmp_path / "t.csv", [["first", "number", "last"], *rows], **options))

    assert table.astype(str).to_numpy().tolist() == rows
    assert streamed == []


def test_a_row_that_is_longer_than_a_piece_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streamed: list[Path]
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 128)
    rows = [["short", "1"], ["long " * 100, "2"], ["short", "3"]]

    table = read_table(write(tmp_path / "t.csv", [["text", "number"], *rows]))

    assert table.astype(str).to_numpy().tolist() == rows
    assert streamed


@pytest.mark.parametrize("text", ['ab"c', 'a"', 'two "words" here'])
def test_a_quote_within_a_value_that_has_none_around_it_is_part_of_the_value(tmp_path: Path, text: str) -> None:
    lines = [f'{text},"{number}, quoted"' for number in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["first,last", *lines, ""]), encoding="utf-8")

    table = read_table(tmp_path / "t.csv")

    assert set(table["first"]) == {text}
    assert list(table["last"]) == [f"{number}, quoted" for number in range(20)]


@pytest.mark.parametrize(
    ("late", "again", "kind"), [("0.5", [], "float32"), ("late", ["b"], "category")], ids=["a number", "a text"]
)
def test_after_a_late_value_of_another_type_at_most_its_column_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: str, again: list[str], kind: str
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1 << 10)
    read: list[list[str]] = []
    in_pieces = reading._Csv.in_pieces

    def spy(table: reading._Csv, *arguments: Any) -> Iterator[Any]:
        read.append(list(table.wanted))
        return in_pieces(table, *arguments)

    monkeypatch.setattr(reading._Csv, "in_pieces", spy)
    rows = [[str(number), str(number), "a"] for number in range(5000)]
    rows[-1][1] = late

    table = read_table(write(tmp_path / "t.csv", [["a", "b", "c"], *rows]))

    assert [name for names in read[1:] for name in set(names)] == again
    assert str(table["b"].iloc[-1]) == late
    assert [str(each) for each in table.dtypes] == ["int16", kind, "category"]
    assert list(table["a"]) == list(range(5000))


def test_several_files_are_one_table_in_the_order_of_their_names(tmp_path: Path) -> None:
    parts = [mixed(40, seed) for seed in range(6)]
    header = ["first", "number", "last"]
    (tmp_path / "parts").mkdir()
    for number, rows in enumerate(parts):
        write(tmp_path / "parts" / f"{number}.csv", [header, *rows])
    whole = write(tmp_path / "whole.csv", [header, *(row for rows in parts for row in rows)])

    pd.testing.assert_frame_equal(read_table(tmp_path / "parts"), read_table(whole))
