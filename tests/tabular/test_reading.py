"""tables.py and its basis: any file gives the same rows and hashes, however it is divided into blocks and files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sagemaker_ops.tabular import reading, tables
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.hashing import row_hash
from sagemaker_ops.tabular.tables import read_and_hash, read_table, tidy, write_parts

pytestmark = pytest.mark.slow


@pytest.fixture(params=["one block", "many blocks"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "many blocks":
        for size, least in {"BLOCK_BYTES": 60, "STREAM_BYTES": 60, "BLOCK_ROWS": 7}.items():
            monkeypatch.setattr(reading, size, least)


def csv(*cells: str, name: str = "x", other: str = "1") -> bytes:
    return "\n".join([f"{name},other", *(f"{cell},{other}" for cell in cells), ""]).encode()


FIFTY = [str(number) for number in range(50)]
TIMES = [f"2025-01-01T00:{number // 60:02}:{number % 60:02}+01:00" for number in range(120)]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param([csv(*FIFTY, "2.5")], [*range(50), 2.5], id="a fraction, late"),
        pytest.param([csv(*FIFTY, "7a")], [*FIFTY, "7a"], id="text, late"),
        pytest.param([csv(*["007"] * 50, "7a")], [*["007"] * 50, "7a"], id="text unchanged"),
        pytest.param([csv("007"), csv("7a")], ["007", "7a"], id="text unchanged, in two files"),
        pytest.param([csv(*["2025-01-01"] * 50), csv("soon")], [*["2025-01-01"] * 50, "soon"], id="dates and text"),
        pytest.param([csv(*["1", "0"] * 25, "true")], [*[True, False] * 25, True], id="booleans, late"),
        pytest.param([csv("true", *["1", "0"] * 25)], [True, *[True, False] * 25], id="booleans, early"),
        pytest.param([csv(*FIFTY, "true")], [*FIFTY, "true"], id="numbers and true"),
        pytest.param([csv(*["true"] * 50, "5")], [*["true"] * 50, "5"], id="true and numbers"),
        pytest.param([csv(*[""] * 50, "3")], [*[np.nan] * 50, 3], id="a number after gaps"),
        pytest.param([csv(*[""] * 50, "b")], [*[None] * 50, "b"], id="text after gaps"),
        pytest.param(
            [csv(*["2025-01-01T00:00:00Z"] * 50, "2025-01-02")],
            [*[pd.Timestamp("2025-01-01")] * 50, pd.Timestamp("2025-01-02")],
            id="dates with a zone and without",
        ),
        pytest.param(
            [csv(*["2025-01-01"] * 50, "2025-01-02T03:00:00+01:00")],
            [*[pd.Timestamp("2025-01-01")] * 50, pd.Timestamp("2025-01-02 02:00")],
            id="dates without a zone and with",
        ),
        pytest.param([csv(*TIMES, "20250101")], [*TIMES, "20250101"], id="dates and a number"),
        pytest.param([csv(*['"a\nb"', '"say ""hi"""'] * 25)], ["a\nb", 'say "hi"'] * 25, id="quotes"),
        pytest.param([csv(*["a"] * 50, '"a\nb"')], [*["a"] * 50, "a\nb"], id="quotes, late"),
        pytest.param([b"x\n" + b'"a\nb"\n' * 50], ["a\nb"] * 50, id="quotes, a single column"),
        pytest.param([csv(*['5" pipe', "b"] * 25)], ['5" pipe', "b"] * 25, id="a quote inside"),
        pytest.param([csv(*FIFTY).replace(b"\n", b"\r\n")], [*range(50)], id="from Windows"),
        pytest.param([csv(*FIFTY).replace(b"\n", b"\r")], [*range(50)], id="from an old Mac"),
        pytest.param([csv(*FIFTY).replace(b"\n", b"\n\n").strip()], [*range(50)], id="blank lines, no last line end"),
        pytest.param([csv(*FIFTY).replace(b",", b";")], [*range(50)], id="semicolons"),
        pytest.param([b'\n\n"x";"a, b";"NA"\n1;2;3\n'], [1], id="a header of odd names, after blank lines"),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
@pytest.mark.usefixtures("blocks")
def test_a_column_means_the_same_in_any_blocks(
    tmp_path: Path, files: list[bytes], expected: list[Any], suffix: str
) -> None:
    for number, content in enumerate(files):
        (tmp_path / f"{number}.{suffix}").write_bytes(gzip.compress(content) if suffix == "csv.gz" else content)
    read = read_table(tmp_path)["x"].astype(object)
    pd.testing.assert_series_equal(
        read.where(read.notna(), None),
        pd.Series(expected, name="x").astype(object).where(pd.notna(pd.Series(expected)), None),
        check_dtype=False,
    )


def test_a_column_is_equally_narrow_in_two_files(tmp_path: Path) -> None:
    for number, cell in enumerate(("70000", "0.5")):
        (tmp_path / f"{number}.csv").write_bytes(csv(cell))
    assert read_table(tmp_path)["x"].dtype == "float32"


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        pytest.param(csv(*FIFTY) + b"1,2,3\n", "Row #52: Expected 2 columns, got 3", id="ragged"),
        pytest.param(csv(*["a"] * 50) + "ö,1\n".encode("latin-1"), "is not UTF-8 text", id="encoding"),
        pytest.param(csv(*FIFTY) + "ö,1\n".encode("latin-1"), "is not UTF-8 text", id="encoding, after numbers"),
    ],
)
@pytest.mark.usefixtures("blocks")
def test_refuses_errors_late_in_a_file(tmp_path: Path, content: bytes, finding: str) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(StepError, match=finding):
        read_table(tmp_path)


@pytest.mark.parametrize(("most", "fits"), [(2000, True), (1500, True), (700, False)])
def test_a_long_row_is_read_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, fits: bool
) -> None:
    """In a file whose quotes do not show where a row ends, which is read in blocks that grow with its rows."""
    for name, size in {"STREAM_BYTES": 64, "MOST_BYTES": most}.items():
        monkeypatch.setattr(reading, name, size)
    (tmp_path / "table.csv").write_bytes(b'x,y\na"b,1\n' + b"c" * 1400 + b",2\n" + b"d,3\n" * 9)

    if fits:
        assert len(read_table(tmp_path)) == 11
    else:
        with pytest.raises(StepError, match=r"table\.csv cannot be read: straddling object"):
            read_table(tmp_path)


def test_a_late_value_widens_its_own_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 60)
    (tmp_path / "table.csv").write_bytes(b"skipped,x,y\n" + b"0,1,1\n" * 50 + b"0,1,late\n")
    read = read_table(tmp_path, skip=["skipped"])
    assert [str(kind) for kind in read.dtypes] == ["category", "int8", "category"]
    assert read["skipped"].isna().all()


MEANINGS: dict[str, list[Any]] = {
    "number": [1, 2.5, -0.0, None, np.inf],
    "flag": [True, False, None, True, False],
    "day": ["2025-01-01", "2025-01-02", None, "2025-01-01", "9999-12-31"],
    "day as text": ["2025-01-01", "2025-01-02", None, "2025-01-01", "soon"],
    "zone": ["2025-01-01T00:00:00+01:00", "2025-01-01", None, "2025-01-01", "2025-01-01"],
    "text": ["a", "b", None, "", "Köln"],
    "late text": [1, 2, 3, 4, "five"],
    "empty": [None] * 5,
}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("only_hashed", [*([name] for name in MEANINGS), list(MEANINGS)], ids="+".join)
@pytest.mark.usefixtures("blocks")
def test_a_column_that_is_only_hashed_gives_the_same_hash(tmp_path: Path, suffix: str, only_hashed: list[str]) -> None:
    table = pd.DataFrame({name: pd.Series(values * 9, dtype=object) for name, values in MEANINGS.items()})
    table["late text"] = table["late text"].map(str, na_action="ignore") if suffix == "parquet" else table["late text"]
    table["row"] = range(len(table))
    if suffix == "csv":
        table.to_csv(tmp_path / "table.csv", index=False)
    else:
        table.to_parquet(tmp_path / "table.parquet")
    whole, (rest, begun, _) = read_table(tmp_path), read_and_hash(tmp_path, only_hashed=only_hashed)
    assert list(rest) == list(table)
    names = list(table)
    np.testing.assert_array_equal(row_hash(tidy(rest), names, begun), row_hash(tidy(whole), names))


def test_an_excluded_column_is_not_kept(tmp_path: Path) -> None:
    pd.DataFrame({"number": [1.5, 2.5], "text": ["a", "b"], "kept": [1, 2]}).to_csv(tmp_path / "t.csv", index=False)
    rest, begun, _ = read_and_hash(tmp_path, only_hashed=["number", "text"])
    assert begun is not None
    assert rest[["number", "text"]].isna().all(axis=None)
    assert rest["kept"].tolist() == [1, 2]


def test_the_hash_of_a_row_follows_its_definition() -> None:
    table = pd.DataFrame(
        {"x": [1.5, np.nan], "day": pd.to_datetime(["2025-01-01", "2025-01-02"]), "town": ["Köln", "Bonn"]}
    )
    text = {
        name: int(pd.util.hash_array(np.array([name], dtype=object), categorize=False)[0])
        for name in ("Köln", "Bonn", *table)
    }

    def mix(number: int) -> int:
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
            number = (number ^ number >> shift) * factor % 2**64
        return number

    def add(name: str, bits: int) -> int:
        return mix((bits + text[name]) % 2**64)

    first = add("x", 0x3FF8000000000000) + add("day", 1_735_689_600_000_000_000) + add("town", text["Köln"])
    second = add("day", 1_735_776_000_000_000_000) + add("town", text["Bonn"])
    expected = [mix(first % 2**64), mix(second % 2**64)]
    assert row_hash(tidy(table), list(table)).tolist() == expected
    # A different number would move rows from part to part.
    assert expected == [2_209_013_453_291_813_749, 12_090_978_942_628_249_812]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda t: t[["town", "x"]], id="order of the columns"),
        pytest.param(lambda t: t.assign(x=t["x"].astype(float)), id="integers as floats"),
        pytest.param(lambda t: t.assign(x=t["x"].astype("int64")), id="wide integers"),
        pytest.param(lambda t: t.assign(x=[-0.0, 1, -3]), id="minus zero"),
        pytest.param(lambda t: t.assign(x=t["x"].astype("Int16")), id="pandas' own integers"),
        pytest.param(lambda t: t.assign(town=t["town"].astype("category")), id="text as categories"),
        pytest.param(lambda t: t.assign(town=t["town"].astype("string")), id="pandas' own text"),
        pytest.param(lambda t: t.assign(empty=np.nan), id="an additional empty column"),
        pytest.param(lambda t: pd.concat([t, t.assign(x=99.5, town="more")]), id="additional rows"),
    ],
)
def test_the_hash_of_a_row_depends_only_on_its_values(other: Any) -> None:
    table = pd.DataFrame({"x": [0, 1, -3], "town": ["Köln", None, "Bonn"]})
    changed = other(table)
    assert row_hash(tidy(changed), list(changed))[:3].tolist() == row_hash(tidy(table), list(table)).tolist()


def test_rows_that_differ_have_different_hashes() -> None:
    rows = [(x, y, text) for x in (0, 1, 2.5, None) for y in (0, 1, 2.5, None) for text in ("0", "1", None)]
    table = tidy(pd.DataFrame(rows, columns=["x", "y", "text"]))
    assert len(set(row_hash(table, list(table)).tolist())) == len(rows)


def test_many_texts_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "GROUP_ROWS", 100)
    monkeypatch.setattr(tables, "MANY_TEXTS", 50)
    table = tidy(
        pd.DataFrame({"id": [f"customer {number}" for number in range(10_000)], "town": ["Bonn", "Köln"] * 5000})
    )
    folders = [tmp_path / name for name in ("train", "test")]
    write_parts(table, (np.arange(10_000) % 2).astype(np.int8), folders)
    for number, folder in enumerate(folders):
        read = read_table(folder)
        assert read["id"].tolist() == table["id"][number::2].tolist()
        assert set(read["town"]) == {["Bonn", "Köln"][number]}
        assert (folder / "part-0.parquet").stat().st_size < 500_000
