"""How values are written: what the settings of [data] read in a file and in a request, and which one is missing."""

from __future__ import annotations

import gzip
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from inference import model_fn, transform_fn
from tabular.test_same_values import same

from sagemaker_ops.tabular import reading
from sagemaker_ops.tabular.column_types import main
from sagemaker_ops.tabular.doubts import doubts
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.hashing import row_hash
from sagemaker_ops.tabular.notation import Notation
from sagemaker_ops.tabular.requests import CSV, JSON, JSON_LINES, read_request
from sagemaker_ops.tabular.schema import Feature, Schema
from sagemaker_ops.tabular.summary import KINDS, type_of
from sagemaker_ops.tabular.tables import read_and_hash, read_part, read_table, tidy, typed, write_parts

if TYPE_CHECKING:
    from tabular.conftest import Chain

pytestmark = pytest.mark.slow


def quoted(cells: list[str]) -> str:
    """A CSV file with the column x, whose values may contain any separator but a quote."""
    return "\n".join(["x,other", *(f'"{cell}",1' for cell in cells), ""])


def meant(values: list[Any]) -> pd.Series:
    return pd.Series([np.nan if value is None else value for value in values], dtype=object)


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


# The settings, the cells of a column, and what they mean.
READ: dict[str, tuple[dict[str, Any], list[str], list[Any]]] = {
    "a word for missing among numbers": ({"missing": ["?"]}, ["1", "?", "3"], [1.0, None, 3.0]),
    "two words": ({"missing": ["?", "-"]}, ["1.5", "?", "-"], [1.5, None, None]),
    "blanks": ({"missing": [" "]}, ["1", " ", "3"], [1.0, None, 3.0]),
    "a number for missing": ({"missing": ["-99"]}, ["1", "-99", "-99.0"], [1.0, None, None]),
    "a word for missing among text": ({"missing": ["?"]}, ["a", "?", "b"], ["a", None, "b"]),
    "a word for missing among booleans": ({"missing": ["?"]}, ["true", "?", "false"], [1.0, None, 0.0]),
    "a day for missing": ({"missing": ["0000-00-00"]}, ["2024-02-28", "0000-00-00"], [day("2024-02-28"), None]),
    "decimal comma": ({"decimal": ","}, ["0,5", "1", "-2,25", "1,5e3"], [0.5, 1.0, -2.25, 1500.0]),
    "decimal comma, late": ({"decimal": ","}, [*["7"] * 50, "0,5"], [*[7.0] * 50, 0.5]),
    "decimal comma and a point": ({"decimal": ","}, ["0,5", "1.5"], ["0,5", "1.5"]),
    "a missing number with a comma": ({"decimal": ",", "missing": ["-9,9"]}, ["1,5", "-9,9"], [1.5, None]),
    "comma and point": ({"decimal": ",", "thousands": "."}, ["1.234,5", "12", "1.234.567"], [1234.5, 12.0, 1234567.0]),
    "point as thousands": ({"decimal": ",", "thousands": "."}, ["1.500", "999"], [1500.0, 999.0]),
    "point as thousands, late": ({"decimal": ",", "thousands": "."}, [*["7"] * 50, "1.500"], [*[7.0] * 50, 1500.0]),
    "no group of three": ({"decimal": ",", "thousands": "."}, ["1.5", "2.000"], ["1.5", "2.000"]),
    "comma as thousands": ({"thousands": ","}, ["10,000", "-1,234.5", "7"], [10000.0, -1234.5, 7.0]),
    "Indian groups": ({"thousands": ","}, ["1,00,000", "12,34,567"], [100000.0, 1234567.0]),
    "space as thousands": ({"thousands": " "}, ["1 500", "2\u00a0000", "3\u202f000"], [1500.0, 2000.0, 3000.0]),
    "apostrophe": ({"thousands": "'"}, ["1'500.5", "2\u2019000"], [1500.5, 2000.0]),
    "thousands and text": ({"thousands": ","}, ["1,500", "many"], ["1,500", "many"]),
    "day first": ({"dates": "%d/%m/%Y"}, ["28/02/2024", "01/02/2024"], [day("2024-02-28"), day("2024-02-01")]),
    "one of two formats": (
        {"dates": ["%d/%m/%Y", "%d.%m.%Y"]},
        ["1/2/2024", "28.2.2024"],
        [day("2024-02-01"), day("2024-02-28")],
    ),
    "besides ISO": ({"dates": "%d/%m/%Y"}, ["2024-02-28", "2024-02-01"], [day("2024-02-28"), day("2024-02-01")]),
    "instead of ISO": ({"dates": "%Y-%d-%m"}, ["2024-02-01", "2024-03-01"], [day("2024-01-02"), day("2024-01-03")]),
    "with the time": ({"dates": "%d.%m.%Y %H:%M"}, ["28.02.2024 13:45"] * 2, [day("2024-02-28 13:45")] * 2),
    "of one column": ({"dates": {"x": "%Y%m%d"}}, ["20240228", "20240301"], [day("2024-02-28"), day("2024-03-01")]),
    "of another column": ({"dates": {"y": "%Y%m%d"}}, ["20240228", "20240301"], [20240228.0, 20240301.0]),
    "no such day": ({"dates": "%d/%m/%Y"}, ["31/02/2024", "01/02/2024"], ["31/02/2024", "01/02/2024"]),
    "a day far off": ({"dates": "%d/%m/%Y"}, ["31/12/9999", "01/02/2024"], [None, day("2024-02-01")]),
}


def learned(file: Path, notation: Notation) -> tuple[Schema, pd.Series]:
    """The schema of the column x in `file`, and what training sees of it after processing has written it."""
    table = tidy(read_table(file, notation=notation))
    schema = Schema("y", "classification", (Feature("x", KINDS[type_of(table["x"])]),), notation=notation)
    schema.save(file.parent)
    write_parts(table, np.zeros(len(table), np.int8), [file.parent / "train"])
    schema = Schema.load(file.parent)
    assert schema.notation == notation
    return schema, schema.frame(read_part(file.parent / "train", schema))["x"]


@pytest.mark.parametrize("small", [False, True], ids=["one block", "many blocks"])
@pytest.mark.parametrize(("settings", "cells", "expected"), READ.values(), ids=READ)
def test_a_file_and_a_request_mean_the_same(
    tmp_path: Path, settings: Any, cells: list[str], expected: list[Any], small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if small:
        monkeypatch.setattr(reading, "STREAM_BYTES", 60)
    (tmp_path / "t.csv").write_text(quoted(cells), encoding="utf-8")

    schema, seen = learned(tmp_path / "t.csv", Notation.of(settings))

    same(seen, meant(expected))
    for kind, body in (
        (CSV, quoted(cells)),
        (JSON, json.dumps([{"x": cell} for cell in cells])),
        (JSON_LINES, "\n".join(json.dumps({"x": cell}) for cell in cells)),
    ):
        same(schema.frame(read_request(body, f"{kind}; header=present").table)["x"], seen)


@pytest.mark.parametrize(
    ("settings", "kind", "values", "expected"),
    [
        ({"missing": ["-99"]}, "numeric", [-99, 5, -99.0], [None, 5.0, None]),
        ({"missing": ["-99"]}, "categorical", [-99, 5], [None, "5"]),
        ({"decimal": ","}, "numeric", [1.5, "2,5"], [1.5, 2.5]),
        ({"dates": {"x": "%Y%m%d"}}, "date", [20240228, "2024-03-01"], [day("2024-02-28"), day("2024-03-01")]),
    ],
)
def test_numbers_in_json_are_numbers(settings: Any, kind: Any, values: list[Any], expected: list[Any]) -> None:
    schema = Schema("y", "regression", (Feature("x", kind),), notation=Notation.of(settings))

    table = read_request(json.dumps([{"x": value} for value in values]), JSON).table

    same(schema.frame(table)["x"], meant(expected))


@pytest.mark.parametrize(("settings", "text"), [({}, "1,5"), ({"decimal": ","}, "1.5"), ({"thousands": ","}, "1,5")])
def test_a_number_in_another_notation_is_refused(settings: Any, text: str) -> None:
    schema = Schema("y", "regression", (Feature("x", "numeric"),), notation=Notation.of(settings))

    with pytest.raises(StepError, match="column 'x' must contain numbers, but row 1 has"):
        schema.frame(read_request(json.dumps([{"x": text}]), JSON).table)


@pytest.mark.parametrize(
    ("column", "settings", "expected"),
    [
        (pa.array(["1", "?", "3"]), {"missing": ["?"]}, [1.0, None, 3.0]),
        (pa.array(["a", "?", "3"]), {"missing": ["?"]}, ["a", None, "3"]),
        (pa.array([1, -99, 3]), {"missing": ["-99"]}, [1.0, None, 3.0]),
        (pa.array([1.5, -9.9], pa.float32()), {"missing": ["-9.9"]}, [1.5, None]),
        (pa.array(["0,5", "1"]), {"decimal": ","}, [0.5, 1.0]),
        (pa.array(["007", "1"]), {"missing": ["?"]}, ["007", "1"]),
        (pa.array([20240228, 20240301]), {"dates": {"x": "%Y%m%d"}}, [day("2024-02-28"), day("2024-03-01")]),
    ],
)
def test_parquet_is_read_alike(tmp_path: Path, column: pa.Array, settings: Any, expected: list[Any]) -> None:
    pq.write_table(pa.table({"x": column}), tmp_path / "t.parquet")

    same(learned(tmp_path / "t.parquet", Notation.of(settings))[1], meant(expected))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(("settings", "cells", "expected"), READ.values(), ids=READ)
def test_a_column_that_is_only_hashed_gives_the_same_hash(
    tmp_path: Path, settings: Any, cells: list[str], expected: list[Any], suffix: str
) -> None:
    (tmp_path / "t.csv").write_text(quoted(cells), encoding="utf-8")
    if suffix == "parquet":
        pd.DataFrame({"x": cells, "other": 1}).to_parquet(tmp_path / "t.parquet")
    file, notation = tmp_path / f"t.{suffix}", Notation.of(settings)

    rest, begun, _ = read_and_hash(file, only_hashed=["x"], notation=notation)

    whole = row_hash(tidy(read_table(file, notation=notation)), ["x", "other"])
    np.testing.assert_array_equal(row_hash(tidy(rest), ["x", "other"], begun), whole)


TWO = "größe;b\n1;é\n"


@pytest.mark.parametrize(
    ("name", "settings", "content"),
    [
        ("t.csv", {"encoding": "latin-1"}, TWO.encode("latin-1")),
        ("t.csv", {"encoding": "utf-16"}, TWO.encode("utf-16")),
        ("t.csv", {"encoding": "utf-16-le"}, TWO.encode("utf-16-le")),
        ("t.csv.gz", {"encoding": "cp1252"}, gzip.compress(TWO.encode("cp1252"), mtime=0)),
        ("t.csv", {}, TWO.encode("utf-8-sig")),
        ("t.csv", {}, gzip.compress(TWO.encode(), mtime=0)),
        ("T.CSV.GZ", {}, gzip.compress(TWO.encode(), mtime=0)),
        ("t.tsv", {}, TWO.replace(";", "\t").encode()),
        ("T.TSV.GZ", {}, gzip.compress(TWO.replace(";", "\t").encode(), mtime=0)),
        ("t.csv", {"separator": "^"}, TWO.replace(";", "^").encode()),
        ("t.tsv", {"separator": ";"}, TWO.encode()),
    ],
)
def test_a_file_of_any_kind_is_read(tmp_path: Path, name: str, settings: Any, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)

    assert read_table(tmp_path, notation=Notation.of(settings)).to_dict("list") == {"größe": [1], "b": ["é"]}


@pytest.mark.parametrize(
    ("name", "settings", "content", "finding"),
    [
        ("t.csv", {}, "a;b\n1;2\n3;é\n".encode("latin-1"), r'\(byte 0xE9 in line 3\); write encoding = "latin-1" in'),
        ("t.csv", {}, "a;b\n1;é\n3;€\n".encode("cp1252"), r'\(byte 0xE9 in line 2\); write encoding = "cp1252" in'),
        ("t.csv", {}, TWO.encode("utf-16"), 'write encoding = "utf-16" in'),
        ("t.csv", {}, b"a;b\n1;2\n".decode().encode("utf-16-be"), 'write encoding = "utf-16-be" in'),
        ("t.csv", {"encoding": "utf-16"}, TWO.encode("latin-1"), "t.csv is not utf-16 text; write another encoding"),
        ("t.csv", {"encoding": "ascii"}, TWO.encode(), "t.csv is not ascii text; write another encoding"),
        ("t.csv", {"separator": ","}, TWO.encode(), "t.csv has one column 'größe;b'; write separator = \";\" in"),
        ("t.tsv", {}, TWO.encode(), "t.tsv has one column 'größe;b'; write separator = \";\" in"),
        ("t.csv.gz", {}, TWO.encode(), "t.csv.gz is not gzip; rename it to t.csv"),
        ("t.csv.gz", {}, gzip.compress(TWO.encode() * 99, mtime=0)[:-9], "t.csv.gz cannot be read"),
        ("t.csv", {}, b"PK\x03\x04....", "t.csv is an Excel file or a zip archive; save it as CSV"),
        ("t.csv", {}, b"PAR1....", "t.csv is Parquet; rename it to .parquet"),
    ],
)
def test_another_file_is_refused_with_what_to_write(
    tmp_path: Path, name: str, settings: Any, content: bytes, finding: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(StepError, match=finding) as refused:
        read_table(tmp_path, notation=Notation.of(settings))
    assert len(refused.value.findings) == 1


POWER = [str(power) for power in range(50, 444)]
DAYS = pd.date_range("2020-01-01", periods=394)
LONG = [f"{1000 + 7 * number:,}" for number in range(394)]


@pytest.mark.parametrize(
    ("cells", "settings", "sentence"),
    [
        *(
            (
                [*POWER, *[word] * 6],
                {},
                f"98.5 % of 'x' are numbers; '{word}' in 6 rows is not: write missing = [\"{word}\"] in",
            )
            for word in ("?", "-", " ", "n.a.", "unknown", "0000-00-00")
        ),
        ([*POWER, *["?"] * 4, "-"], {}, "'?' in 4 rows and '-' in 1 row are not: write missing = [\"?\", \"-\"] in"),
        ([*POWER, *["-"] * 6], {"missing": ["?"]}, 'write missing = ["?", "-"] in'),
        *(
            ([*POWER, *[other] * 6], {}, f"98.5 % of 'x' are numbers; '{other}' in 6 rows is not: correct it")
            for other in ("28/02/2024", "$5", "12 %", "12a")
        ),
        (
            [*POWER, *["1.234,5"] * 6],
            {},
            'numbers such as \'1.234,5\': write decimal = "," and thousands = "." in',
        ),
        ([*POWER, *["0,5"] * 6], {}, "All values of 'x' are numbers such as '0,5': write decimal = \",\" in"),
        ([*POWER, "10,000"], {}, 'write thousands = "," in project.toml [data], or decimal = "," if'),
        ([*LONG, "1.5"], {}, 'write thousands = "," in project.toml [data]'),
        ([text.replace(",", " ") for text in LONG], {}, 'write thousands = " " in'),
        ([*LONG, "?"], {}, 'write thousands = "," and missing = ["?"] in'),
        ([f"{number}.5" for number in range(9)], {"decimal": ","}, 'write decimal = "." in'),
        (
            list(DAYS.strftime("%d/%m/%Y")),
            {},
            "are dates such as '01/01/2020': write dates = \"%d/%m/%Y\" in",
        ),
        (list(DAYS.strftime("%m/%d/%Y")), {}, 'write dates = "%m/%d/%Y" in project.toml [data]'),
        (
            list(DAYS[:12].strftime("%d/%m/%Y")),
            {},
            ', or dates = "%m/%d/%Y" if the month comes first',
        ),
        (list(DAYS.strftime("%d.%m.%Y")), {"dates": "%d/%m/%Y"}, 'write dates = ["%d/%m/%Y", "%d.%m.%Y"] in'),
        (list(DAYS.strftime("%d %b %Y %H:%M")), {}, 'write dates = "%d %b %Y %H:%M" in'),
        (
            [*DAYS.strftime("%Y-%m-%d"), *["0000-00-00"] * 6],
            {},
            "are dates; '0000-00-00' in 6 rows is not",
        ),
        ([*DAYS.strftime("%d/%m/%Y"), "?"], {}, 'write dates = "%d/%m/%Y" and missing = ["?"] in'),
        (
            [f"${number}" for number in LONG],
            {},
            "numbers with '$' such as '$1,000', and so is text: remove '$' in",
        ),
        ([f"{power} %" for power in POWER], {}, "numbers with '%' such as '100 %'"),
        ([f"{power} kg" for power in POWER], {}, "numbers with 'kg' such as '100 kg'"),
        ([*POWER[:360], *(f"{power}a" for power in POWER[:34])], {}, "and 31 other texts are not: correct them"),
    ],
)
def test_text_that_is_mostly_numbers_or_dates_is_reported(cells: list[str], settings: Any, sentence: str) -> None:
    notation = Notation.of(settings)

    [found] = doubts(typed(pd.DataFrame({"x": cells}), (), notation), notation, ()).values()

    assert sentence in found


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(["a", "b", "c"], id="text"),
        pytest.param([f"A{power}" for power in POWER], id="codes"),
        pytest.param([f"{power:04}" for power in range(394)], id="numbers that are text on purpose"),
        pytest.param(["1", "2", "three"] * 100, id="few categories"),
        pytest.param([*POWER[:200], *(f"{power}a" for power in POWER[200:])], id="half of them numbers"),
        pytest.param([f"text {power} and more" for power in POWER], id="sentences"),
        pytest.param([f"030 {power} {power}" for power in POWER], id="telephone numbers"),
        pytest.param(list(pd.date_range("2020-01-01", periods=394, freq="7min").strftime("%H:%M")), id="times"),
        pytest.param([None] * 9, id="no values"),
    ],
)
def test_other_text_is_left_alone(cells: list[Any]) -> None:
    assert doubts(typed(pd.DataFrame({"x": pd.Series(cells, dtype=object)})), Notation(), ()) == {}


def test_other_columns_settle_what_a_comma_means() -> None:
    table = typed(pd.DataFrame({"x": LONG, "half": [f"{number},5" for number in range(394)]}))
    assert 'write decimal = ","' in doubts(table, Notation(), ())["x"]

    table = typed(pd.DataFrame({"x": LONG, "half": np.arange(394) + 0.5}))
    assert 'write thousands = "," in project.toml [data]' in doubts(table, Notation(), ())["x"]
    table = typed(pd.DataFrame({"x": [f"{number},5" for number in range(394)], "half": np.arange(394) + 0.5}))
    assert "correct them, because other columns write numbers with '.'" in doubts(table, Notation(), ())["x"]


@pytest.fixture
def cars() -> pd.DataFrame:
    """400 cars, whose fuel consumption depends on the power of the engine, which is ? in 6 rows."""
    random = np.random.default_rng(0)
    power = random.integers(50, 230, 400)
    table = pd.DataFrame({"horsepower": power, "weight": random.integers(1600, 5000, 400)})
    table["mpg"] = (50 - power * 0.15 + random.normal(0, 2, 400)).round(1)
    return table


def with_gaps(cars: pd.DataFrame, word: str = "?") -> pd.DataFrame:
    rows = np.arange(400) % 67 == 1
    return cars.assign(horsepower=cars["horsepower"].astype(str).mask(rows, word))


def score(chain: Chain, table: pd.DataFrame, *arguments: str) -> float:
    assert chain.process(table, "mpg", "regression", *arguments) == 0
    assert chain.train() == 0
    assert chain.evaluate("--gate-metric=r2") == 0
    return float(chain.json("evaluation/evaluation.json")["regression_metrics"]["r2"]["value"])


def test_the_power_of_engines_is_as_good_with_gaps_as_without(chain: Chain, cars: pd.DataFrame) -> None:
    clean = score(chain, cars)
    assert chain.json("summary/summary.json")["warnings"] == []

    assert score(chain, with_gaps(cars)) < 0.2 < clean
    warnings = chain.json("summary/summary.json")["warnings"]
    assert warnings[0] == (
        "98.5 % of 'horsepower' are numbers; '?' in 6 rows is not: write missing = [\"?\"] in project.toml [data]; "
        'if it is text, write "horsepower" = "text" in data/schema.toml.'
    )
    first = (chain.root / "summary" / "schema.toml").read_text(encoding="utf-8")
    assert "horsepower" not in tomllib.loads(first)["columns"]
    assert "# 98.5 % of 'horsepower' are numbers" in first

    (chain.root / "schema.toml").write_text(first, encoding="utf-8")
    assert score(chain, with_gaps(cars), "--missing=?", f"--schema={chain.root / 'schema.toml'}") > clean - 0.05
    model = model_fn(str(chain.root / "model"))
    bodies = {
        CSV: "horsepower,weight\n?,2000\n,2000\n",
        JSON: '[{"horsepower": "?", "weight": 2000}, {"weight": 2000}]',
    }
    given = {json.dumps(json.loads(transform_fn(model, body, kind, "*/*")[0])) for kind, body in bodies.items()}
    [[one, other]] = [json.loads(each)["predictions"] for each in given]
    assert one == other


def test_a_line_in_the_schema_accepts_text(chain: Chain, cars: pd.DataFrame) -> None:
    (chain.root / "schema.toml").write_text('[columns]\nhorsepower = "text"\nweight = "number"\nmpg = "number"\n')

    assert chain.process(with_gaps(cars), "mpg", "regression", f"--schema={chain.root / 'schema.toml'}") == 0

    assert not any("numbers" in each for each in chain.json("summary/summary.json")["warnings"])


@pytest.mark.parametrize(
    ("table", "findings"),
    [
        pytest.param(
            lambda cars: cars.assign(mpg=cars["mpg"].astype(str).mask(cars.index == 3, "?")),
            ["target 'mpg' contains ", "99.7 % of 'mpg' are numbers; '?' in 1 row is not: write missing = [\"?\"]"],
            id="target",
        ),
        pytest.param(
            with_gaps, ["column 'horsepower' contains text such as '?' in 1.5 % of the rows"], id="schema.toml"
        ),
    ],
)
def test_an_error_says_which_setting_helps(
    chain: Chain, cars: pd.DataFrame, table: Any, findings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (chain.root / "schema.toml").write_text('[columns]\nhorsepower = "number"\nweight = "number"\n')

    assert chain.process(table(cars), "mpg", "regression", f"--schema={chain.root / 'schema.toml'}") == 1

    printed = capsys.readouterr().err.splitlines()
    assert [line for line, start in zip(printed, findings, strict=True) if not line.startswith(start)] == []
    assert 'write missing = ["?"] in project.toml [data]' in printed[-1]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--separator=||", "'||' is not one character"),
        ("--encoding=nonsense", "'nonsense' is not an encoding, such as latin-1"),
        ("--dates={", "'{' is neither a format nor a table of formats"),
    ],
)
def test_a_wrong_argument_is_wrong_usage(
    chain: Chain, cars: pd.DataFrame, argument: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        chain.process(cars, "mpg", "regression", argument)
    assert message in capsys.readouterr().err


def kept(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def test_the_schema_is_written_again_for_other_settings_but_edited_lines_stay(
    tmp_path: Path, cars: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["?"] * 300 + ["5"] * 100  # too few numbers for a doubt
    with_gaps(cars).assign(code=cars.index % 7, late=words).to_csv(tmp_path / "t.csv", index=False)
    file = tmp_path / "schema.toml"
    usual = [f"--input-dir={tmp_path / 't.csv'}", "--source=t.csv", f"--output={file}"]
    assert main(usual) == 0
    types = {"weight": "integer", "mpg": "number", "code": "integer", "late": "text"}
    assert kept(file) == {"source": "t.csv", "columns": types}
    file.write_text(file.read_text(encoding="utf-8").replace('"code" = "integer"', '"code" = "text"'), encoding="utf-8")

    assert main([*usual, "--missing=?"]) == 0

    edited = types | {"horsepower": "number", "late": "number", "code": "text"}
    assert kept(file) == {"source": "t.csv", "read_with": {"missing": ["?"]}, "columns": edited}
    assert capsys.readouterr().out.splitlines() == ["'horsepower' is number", "'late' is number (was text)"]


def test_a_schema_for_other_settings_is_reported(chain: Chain, cars: pd.DataFrame) -> None:
    file = chain.root / "schema.toml"
    file.write_text('source = "cars.csv"\n[columns]\nhorsepower = "text"\nweight = "number"\nmpg = "number"\n')

    assert chain.process(with_gaps(cars), "mpg", "regression", f"--schema={file}", "--missing=?") == 0

    [warning] = [each for each in chain.json("summary/summary.json")["warnings"] if each.startswith("schema.toml")]
    assert 'other settings of [data] than { "missing" = ["?"] }' in warning
