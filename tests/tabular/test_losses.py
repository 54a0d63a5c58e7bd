"""What reading loses is said in one sentence: codes read as numbers, words for missing values, UTC offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sagemaker_ops.project import data
from sagemaker_ops.project.settings import Data
from sagemaker_ops.tabular import losses, reading
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.notation import Notation
from sagemaker_ops.tabular.preparation import check_rows, prepare, read_source
from sagemaker_ops.tabular.splits import Options

if TYPE_CHECKING:
    from tabular.conftest import Chain

pytestmark = pytest.mark.slow

OPTIONS = Options("y", "classification")
BIG = [str(2**63 + number) for number in range(40)]
TO_TEXT = 'if they are codes, write "x" = "text" in schema.toml.'
MISSING = (
    "which counts as missing; if it is a value, write it differently, or save the table as Parquet; if it is not, add "
    "it to missing in project.toml [data]."
)


@pytest.fixture(params=["one block", "many blocks"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "many blocks":
        for module, size, least in ((reading, "BLOCK_BYTES", 60), (reading, "STREAM_BYTES", 60), (losses, "CHUNK", 50)):
            monkeypatch.setattr(module, size, least)


def write(file: Path, cells: Sequence[str], rows: int = 120, **others: Sequence[str]) -> Path:
    """A table whose column x repeats these cells, with a target and other columns."""
    columns = {"x": cells, **others, "y": ["no", "yes"]}
    lines = [",".join(values[number % len(values)] for values in columns.values()) for number in range(rows)]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([",".join(columns), *lines, ""]), encoding="utf-8")
    return file


def warnings(path: Path, options: Options = OPTIONS) -> list[str]:
    return list(read_source(path, options).warnings)


@pytest.mark.parametrize(
    ("cells", "warning"),
    [
        pytest.param(
            ["00123", "123", "7"],
            "loses leading zeros in 40 rows (33 %), such as those of '00123', and '123' is the same number; " + TO_TEXT,
            id="leading zeros, merged",
        ),
        pytest.param(
            ["01067", "10115"],
            "loses leading zeros in 60 rows (50 %), such as those of '01067'; " + TO_TEXT,
            id="leading zeros",
        ),
        pytest.param(
            ["007", "", "12"],
            "loses leading zeros in 40 rows (33 %), such as those of '007'; " + TO_TEXT,
            id="with gaps",
        ),
        pytest.param(
            ['"007"', '"12"'], "loses leading zeros in 60 rows (50 %), such as those of '007'; " + TO_TEXT, id="quoted"
        ),
        pytest.param(
            ["1", "01", "12"],
            "loses leading zeros in 40 rows (33 %), such as those of '01', and '1' is the same number; " + TO_TEXT,
            id="months written in two ways",
        ),
        pytest.param(
            ["1e5", "2e3", "7"], "has texts such as '1e5', read as 100000, in 80 rows (67 %); " + TO_TEXT, id="1e5"
        ),
        pytest.param(["0x1F", "5"], "has texts such as '0x1F', read as 31, in 60 rows (50 %); " + TO_TEXT, id="0x1F"),
        pytest.param(
            ["0.12345678901234567890", "0.12345678901234567891"],
            "has numbers of more than 17 digits, of which '0.12345678901234567890' and '0.12345678901234567891' become "
            "the same; " + TO_TEXT,
            id="many digits",
        ),
        pytest.param(
            ["1.1", "1.10", "1.2"], "has '1.1' and '1.10', which become the same number; " + TO_TEXT, id="versions"
        ),
        pytest.param(["NA", "DE", "NL"], "has 'NA' in 40 rows (33 %), " + MISSING, id="Namibia"),
        pytest.param(["None", "basic", "pro"], "has 'None' in 40 rows (33 %), " + MISSING, id="the plan None"),
        pytest.param(["NA", "", "null", "NL"], "has 'NA', 'null' in 60 rows (50 %), " + MISSING, id="several words"),
        pytest.param(['"NA"', '"a, b"'], "has 'NA' in 60 rows (50 %), " + MISSING, id="words in quotes"),
        pytest.param(
            ["2025-01-01T10:00:00Z", "2025-01-02 10:00", "2025-01-03T10:00:00+02:00"],
            "has dates with a UTC offset in 80 rows (67 %) and without one in 40 rows (33 %), which are read as UTC; "
            "write all of them with an offset.",
            id="offsets",
        ),
        pytest.param(
            ["2025-01-01", "2025-01-03T10:00:00+02:00"],
            "has dates with a UTC offset in 60 rows (50 %) and without one in 60 rows (50 %), which are read as UTC; "
            "write all of them with an offset.",
            id="days and offsets",
        ),
        pytest.param(
            ["NL", "nl", "BE"],
            "has texts that differ only in blanks or in upper and lower case, such as 'NL' and 'nl'; they are "
            "different categories, so write them alike if they mean the same.",
            id="capitals",
        ),
        pytest.param(
            ["NL", "NL ", "BE"],
            "has texts that differ only in blanks or in upper and lower case, such as 'NL' and 'NL '; they are "
            "different categories, so write them alike if they mean the same.",
            id="blanks",
        ),
        pytest.param(
            BIG,
            "has whole numbers beyond 9,007,199,254,740,992 in 120 rows (100 %), which a model cannot store exactly as "
            'numbers, so they are text; if they are a measure, write "x" = "number" in schema.toml.',
            id="large identifiers",
        ),
        pytest.param(
            ["5", str(2**53 + 1)],
            "has whole numbers beyond 9,007,199,254,740,992 in 60 rows (50 %), which a model cannot store exactly as "
            'numbers, so they are text; if they are a measure, write "x" = "number" in schema.toml.',
            id="some large identifiers",
        ),
        *(
            pytest.param(cells, None, id=f"nothing about {name}")
            for name, cells in {
                "whole numbers": ["0", "10", "-5", "200"],
                "months": ["01", "02", "12"],
                "fractions": ["0.5", "00.5", "1.05", "-0.25"],
                "numbers of a computer": ["1e-07", "6.02e+23", "0.30000000000000004", "0.00012345678901234567"],
                "prices": ["1.50", "2.00", "2.25", "10.10"],
                "numbers with and without a point": ["1", "1.0", "2.5", "2.0"],
                "as many digits in two widths": ["0.1" + "0" * 20, "0.1" + "0" * 19, "2.5"],
                "gaps among numbers": ["1", "NA", "2"],
                "gaps among text": ["a", "", "b"],
                "gaps among dates": ["2025-01-01", "NA"],
                "booleans": ["TRUE", "true", "False"],
                "days": ["2025-01-01", "2025-12-31"],
                "times with an offset": ["2025-01-01T10:00:00Z", "2025-01-03T10:00:00+02:00"],
                "times without one": ["2025-01-01 09:00:00", "2025-01-03T10:00:00"],
                "times of day": ["09:00", "10:30"],
                "codes among text": ["007", "A12", "1e5"],
                "text": ["NL", "BE"],
                "large numbers with fractions": ["0.5", str(2**53 + 1)],
                "the largest exact number": [str(2**53), str(-(2**53)), "1"],
            }.items()
        ),
    ],
)
@pytest.mark.usefixtures("blocks")
def test_what_is_lost_in_a_csv_file(tmp_path: Path, cells: list[str], warning: str | None) -> None:
    write(tmp_path / "t.csv", cells)

    assert warnings(tmp_path) == ([] if warning is None else [f"Column 'x' {warning}"])


def test_a_loss_between_two_files_is_noticed(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", ["123"], z=["2025-01-01T10:00:00Z"])
    write(tmp_path / "b.csv", ["00123"], z=["2025-01-02T10:00:00"])

    zeros, offsets = warnings(tmp_path)

    assert "in 120 rows (50 %), such as those of '00123', and '123' is the same number" in zeros
    assert "with a UTC offset in 120 rows (50 %) and without one in 120 rows (50 %)" in offsets


def test_a_word_that_means_missing_among_numbers_means_it_among_text_too(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", ["NA", "null", "DE"], z=["1", "NA"])  # R writes NA everywhere

    assert warnings(tmp_path) == [f"Column 'x' has 'null' in 40 rows (33 %), {MISSING}"]


def test_a_word_in_missing_is_not_reported(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", ["NA", "null", "DE"])

    found = warnings(tmp_path, replace(OPTIONS, notation=Notation(missing=("NA",))))

    assert found == [f"Column 'x' has 'null' in 40 rows (33 %), {MISSING}"]


@pytest.mark.parametrize(
    ("types", "options"),
    [
        pytest.param("", {"exclude": ("x",)}, id="excluded"),
        pytest.param("", {"exclude": ("x",), "id": "z"}, id="excluded and not read"),
        pytest.param('"x" = "text"\n', {}, id="text in schema.toml"),
    ],
)
@pytest.mark.parametrize("cells", [["00123", "123"], ["1e5", "7"], BIG], ids=["zeros", "1e5", "large"])
def test_it_is_quiet_if_nothing_is_lost(tmp_path: Path, types: str, options: dict[str, Any], cells: list[str]) -> None:
    write(tmp_path / "t" / "t.csv", cells, z=[f"k{number}" for number in range(120)])
    (tmp_path / "schema.toml").write_text(f"[columns]\n{types}", encoding="utf-8")

    assert warnings(tmp_path / "t", Options("y", "classification", schema=tmp_path / "schema.toml", **options)) == []


def test_the_words_in_parquet_are_categories(tmp_path: Path) -> None:
    pd.DataFrame({"x": ["NA", "None", None] * 40, "y": [0, 1] * 60}).to_parquet(tmp_path / "t.parquet")

    assert warnings(tmp_path) == []


@pytest.mark.parametrize("kept", ["integer", "number"])
def test_identifiers_that_schema_toml_makes_the_same_are_reported(tmp_path: Path, kept: str) -> None:
    write(tmp_path / "t" / "t.csv", BIG)
    (tmp_path / "schema.toml").write_text(f'[columns]\n"x" = "{kept}"\n', encoding="utf-8")

    [warning] = warnings(tmp_path / "t", Options("y", "classification", schema=tmp_path / "schema.toml"))

    assert warning.endswith(
        f'and 40 different ones become 1 because schema.toml says {kept}; if they are identifiers, write "x" = "text".'
    )


def test_a_measure_that_schema_toml_keeps_apart_is_not_reported(tmp_path: Path) -> None:
    write(tmp_path / "t" / "t.csv", [str(2**60 + number * 1_000_000) for number in range(40)])
    (tmp_path / "schema.toml").write_text('[columns]\n"x" = "number"\n', encoding="utf-8")

    assert warnings(tmp_path / "t", Options("y", "classification", schema=tmp_path / "schema.toml")) == []


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param(Options("y", "classification", split="time", split_column="x"), id="time in nanoseconds"),
        pytest.param(Options("x", "regression"), id="target"),
        pytest.param(Options("y", "classification", weight="x"), id="weight"),
    ],
)
def test_large_numbers_that_are_used_as_numbers_stay_numbers(tmp_path: Path, options: Options, suffix: str) -> None:
    numbers = 1_700_000_000_000_000_001 + np.arange(300) * 1_000_000_007
    table = pd.DataFrame({"x": numbers, "n": np.arange(300) % 7, "y": np.arange(300) % 2})
    table.to_csv(tmp_path / "t.csv", index=False) if suffix == "csv" else table.to_parquet(tmp_path / "t.parquet")

    prepared = prepare(read_source(tmp_path, options), options)

    assert prepared.rows.get(options.target).dtype.kind in "if"
    assert [warning for warning in prepared.summary["warnings"] if "beyond" in warning] == []
    assert prepared.types["x"] == "number"


LISTS = [[1, 2], [3]]
NESTED: dict[str, tuple[pa.Array, str]] = {
    "list": (pa.array(LISTS), "lists"),
    "large list": (pa.array(LISTS, pa.large_list(pa.int64())), "lists"),
    "list of a fixed size": (pa.array([[1, 2], [3, 4]], pa.list_(pa.int64(), 2)), "lists"),
    "map": (pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())), "maps"),
    "struct": (pa.array([{"a": 1}, {"a": 2}]), "structs"),
    "list of structs": (pa.array([[{"a": 1}], []]), "lists"),
    "interval of pandas": (
        pa.Table.from_pandas(pd.DataFrame({"i": pd.IntervalIndex.from_breaks([0, 1, 2])}))["i"].combine_chunks(),
        "structs",
    ),
}


@pytest.mark.parametrize(("column", "what"), NESTED.values(), ids=NESTED)
def test_values_that_are_not_single_ones_are_refused(tmp_path: Path, column: pa.Array, what: str) -> None:
    many = pa.chunked_array([column] * 200)
    other = pa.array(np.arange(len(many)) / 2)
    pq.write_table(pa.table({"x": many, "n": other, "y": pa.array(np.arange(len(many)) % 2)}), tmp_path / "t.parquet")

    with pytest.raises(StepError) as refused:
        read_source(tmp_path, OPTIONS)
    assert refused.value.findings == (
        f"column 'x' contains {what}, not single values; make columns of single values from it, or write "
        'exclude = ["x"]',
    )
    [problem] = data.check(Data("t.parquet", "y", "classification"), tmp_path)
    assert str(problem) == (
        f"project.toml [data].exclude: column 'x' of 't.parquet' contains {what}, not single values: make columns of "
        "single values from it, or add it here."
    )

    without = Options("y", "classification", exclude=("x",))
    assert prepare(read_source(tmp_path, without), without).schema.names == ["n"]
    assert data.check(Data("t.parquet", "y", "classification", exclude=["x"]), tmp_path) == []


@pytest.mark.parametrize(
    ("value", "what"),
    [([1], "lists"), ((1, 2), "lists"), ({1}, "lists"), (np.zeros(2), "lists"), ({"a": 1}, "structs")],
    ids=["list", "tuple", "set", "array", "dict"],
)
def test_values_of_a_pandas_table_that_are_not_single_ones_are_refused(value: object, what: str) -> None:
    table = pd.DataFrame({"n": np.arange(60) % 7, "y": np.arange(60) % 2})
    table["x"] = pd.Series([None, *[value] * 59], dtype=object)

    with pytest.raises(StepError, match=f"column 'x' contains {what}, not single values"):
        check_rows(table, OPTIONS)
    assert len(check_rows(table, Options("y", "classification", exclude=("x",))).rows) == 60


@pytest.mark.parametrize("stored", ["parquet", "pandas"])
def test_a_duration_is_its_seconds(tmp_path: Path, stored: str) -> None:
    table = pd.DataFrame({"x": pd.to_timedelta(np.arange(120) * 90, "s"), "y": np.arange(120) % 2})
    table.to_parquet(tmp_path / "t.parquet")

    prepared = prepare(read_source(tmp_path, OPTIONS) if stored == "parquet" else table, OPTIONS)

    assert sorted(prepared.rows["x"]) == [90.0 * number for number in range(120)]
    assert prepared.schema.of_kind("numeric") == ["x"]


def test_decimals_stay_numbers_if_they_have_fractions(tmp_path: Path) -> None:
    amounts = pa.array([Decimal(number) / 100 for number in range(120)], pa.decimal128(38, 18))
    pq.write_table(pa.table({"x": amounts, "y": pa.array(np.arange(120) % 2)}), tmp_path / "t.parquet")

    table = read_source(tmp_path, OPTIONS)

    assert table.rows["x"].tolist() == [number / 100 for number in range(120)]
    assert list(table.warnings) == []


def test_it_is_printed_and_kept_in_the_summary(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    for code in ("007", "7"):
        numbers = [str(number) for number in range(120)]
        file = write(chain.root / "t" / f"x={code}" / "t.csv", numbers, z=["NA", "DE", "NL"])
        file.write_text(file.read_text(encoding="utf-8").replace("x,", "n,", 1), encoding="utf-8")

    assert chain.process(chain.root / "t", "y", "classification") == 0

    expected = [
        "Column 'x' loses leading zeros in 120 rows (50 %), such as those of '007', and '7' is the same number; "
        + TO_TEXT,
        f"Column 'z' has 'NA' in 80 rows (33 %), {MISSING}",
    ]
    printed = capsys.readouterr().out.splitlines()
    assert all(f"warning: {warning}" in printed for warning in expected)
    assert set(expected) < set(chain.json("summary/summary.json")["warnings"])
