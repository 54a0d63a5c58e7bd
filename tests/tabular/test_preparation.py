"""processing.py: what it refuses, how it splits, and how it describes a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import processing
import pytest

from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.preparation import check_rows, describe_parts, prepare
from sagemaker_ops.tabular.schema import Schema
from sagemaker_ops.tabular.splits import Options
from sagemaker_ops.tabular.tables import read_table

if TYPE_CHECKING:
    from tabular.conftest import Chain

pytestmark = pytest.mark.slow

BUYERS = Options(target="bought", problem="classification", exclude=("spent",))


def assert_same(table: pd.DataFrame, expected: pd.DataFrame) -> None:
    """The same values, whatever their pandas type."""
    plain, others = (one.astype(object).where(one.notna(), "?") for one in (table, expected))
    pd.testing.assert_frame_equal(plain, others, check_dtype=False)


def same(table: pd.DataFrame) -> pd.DataFrame:
    return table


@pytest.mark.parametrize(
    ("options", "change", "finding"),
    [
        pytest.param(
            {"target": "bougth"}, same, "'bougth' is not a column. Did you mean 'bought'?", id="target misspelt"
        ),
        pytest.param({"target": "xyz"}, same, "The columns are 'age', 'member'", id="target unknown"),
        pytest.param({}, lambda t: t.assign(bought="no"), "is 'no' in every row", id="target constant"),
        pytest.param(
            {}, lambda t: t.assign(bought=np.nan), "0 rows (0 %) have a usable 'bought'", id="target missing everywhere"
        ),
        pytest.param({}, lambda t: t.head(20), "20 rows (100 %) have a usable 'bought'; at least", id="too few rows"),
        pytest.param({}, lambda t: t.head(0), "0 rows (0 %) have a usable 'bought'", id="no rows"),
        pytest.param({}, lambda t: t.head(1), "1 row (100 %) has a usable 'bought'", id="one row"),
        pytest.param(
            {"weight": "w"},
            lambda t: t.assign(w=t.index < 30),
            "weight column 'w' is not a number of 0 or more in 300 rows (100 %), such as 'True'",
            id="weight is boolean",
        ),
        pytest.param(
            {"weight": "w"},
            lambda t: t.assign(w=(t.index < 30) * 1.5),
            "30 rows (10 %) have a usable 'bought'",
            id="weights of 0 leave too few rows",
        ),
        pytest.param(
            {"weight": "w"},
            lambda t: t.assign(w=np.where(t.index < 30, 1e20, 1)),
            "weights from 1 to 1e+20",
            id="weights too far apart",
        ),
        pytest.param(
            {"weight": "age", "id": "age"}, lambda t: t.dropna(), "both the weight and the id", id="two roles"
        ),
        pytest.param(
            {},
            lambda t: t.assign(age=t["age"].where(t.index > 2, 1e308)),
            "column 'age' contains numbers such as 1e+308 in 3 rows (1 %), too large to compute with (beyond 1e+300)",
            id="feature too large",
        ),
        pytest.param(
            {"target": "spent", "problem": "regression", "exclude": ()},
            lambda t: t.assign(spent=t["spent"].where(t.index > 2, -1e160)),
            "column 'spent' contains numbers such as -1e+160 in 3 rows (1 %), too large to compute with (beyond 1e+30)",
            id="target too large",
        ),
        pytest.param(
            {"target": "spent", "problem": "regression", "exclude": ()},
            lambda t: t.assign(spent=t["spent"] * 1e-200),
            "too little to compute with; multiply it",
            id="target too small",
        ),
        pytest.param(
            {"target": "spent", "problem": "regression", "exclude": (), "split": "time", "split_column": "day"},
            lambda t: t.assign(day=t.index, spent=t["spent"].where(t.index < 200, 0)),
            "target 'spent' is 0 in every row of test after the time split",
            id="numbers of one value in test",
        ),
        pytest.param(
            {},
            lambda t: t.assign(bought=["maybe", "perhaps", *t["bought"][2:]]),
            "each of the 2 classes 'maybe', 'perhaps' of target 'bought' has only one row (0.67 %)",
            id="classes of one row",
        ),
        pytest.param(
            {},
            lambda t: t.set_axis(["age", "age", "town", "spent", "bought"], axis=1),
            "the table names 'age' more than once",
            id="column twice",
        ),
        pytest.param(
            {},
            lambda t: t.assign(bought=["perhaps", *t["bought"][1:]]),
            "class 'perhaps' of target 'bought' has only one row",
            id="class of one row",
        ),
        pytest.param({"target": "spent", "exclude": ()}, same, "use --problem regression", id="classes are numbers"),
        pytest.param({"problem": "regression"}, same, "not numbers; use --problem classification", id="target is text"),
        pytest.param({"exclude": ("spend",)}, same, "'spend' is not in the table. Did you mean 'spent'?", id="exclude"),
        pytest.param({"exclude": ("bought",)}, same, "is the target and cannot be excluded", id="target excluded"),
        pytest.param({"split": "group"}, same, "--split group needs --split-column", id="no split column"),
        pytest.param(
            {"split": "group", "split_column": "twon"},
            same,
            "'twon' is not in the table. Did you mean 'town'?",
            id="split",
        ),
        pytest.param(
            {"split": "group", "split_column": "town"}, same, "is missing in 24 rows (8 %)", id="split column gaps"
        ),
        pytest.param({"split": "group", "split_column": "bought"}, same, "split by another", id="split by target"),
        pytest.param(
            {"split": "time", "split_column": "town"}, lambda t: t.dropna(), "is not a point in time", id="not dates"
        ),
        pytest.param({"split": "time", "split_column": "member"}, same, "without rows", id="too few moments"),
        pytest.param({"test_share": 0.0}, same, "--test-share is 0; it must be between 0 and 1", id="share of 0"),
        pytest.param({"test_share": 0.6, "validation_share": 0.4}, same, "add up to 1", id="no rows for train"),
        pytest.param({"exclude": ("age", "member", "town", "spent")}, same, "no column is left", id="nothing left"),
    ],
)
def test_refuses(
    customers: pd.DataFrame,
    options: dict[str, Any],
    change: Callable[[pd.DataFrame], pd.DataFrame],
    finding: str,
) -> None:
    with pytest.raises(StepError) as refused:
        prepare(change(customers), replace(BUYERS, **options))
    assert len(refused.value.findings) == 1
    assert finding in refused.value.findings[0]


@pytest.mark.parametrize(
    ("files", "finding"),
    [
        pytest.param({}, "no table in", id="does not exist"),
        pytest.param({"a.xlsx": b"?"}, "(found 'a.xlsx'); files must end in .csv", id="another format"),
        pytest.param({"a.csv": b""}, "a.csv is empty", id="no header"),
        pytest.param({"a.csv": b"x,y\n"}, "has a header but no values", id="no rows"),
        pytest.param({"a.csv": b"x,y,x\n1,2,3\n"}, "a.csv names 'x' more than once", id="column twice"),
        pytest.param(
            {"a.csv": b"x,y\n1,2\n1,2,3\n"},
            "CSV parse error: Row #3: Expected 2 columns, got 3",
            id="ragged",
        ),
        pytest.param(
            {"a.csv": b"x,y\n1,2,3\n"},
            "CSV parse error: Row #2: Expected 2 columns, got 3",
            id="header too short",
        ),
        pytest.param({"a.csv": "x\nKöln\n".encode("latin-1")}, "a.csv is not UTF-8 text", id="encoding"),
        pytest.param({"a.parquet": b"no"}, "a.parquet cannot be read", id="broken Parquet"),
        pytest.param(
            {"a.csv": b"x,y\n1,2\n", "b.csv": b"x,z\n1,2\n"},
            "b.csv lacks 'y' and adds 'z', compared with a.csv",
            id="mixed",
        ),
    ],
)
def test_refuses_files(tmp_path: Path, files: dict[str, bytes], finding: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(StepError) as refused:
        read_table(tmp_path)
    assert finding in str(refused.value)


def test_reports_all_findings_together(
    chain: Chain, customers: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = chain.root / "message"  # what SageMaker shows as the job's ExitMessage
    monkeypatch.setattr(processing, "MESSAGE_FILE", str(message))
    assert chain.process(customers, "bougth", "classification", "--exclude=agee", "--test-share=2") == 1
    stderr = capsys.readouterr().err
    assert [line.split()[0] for line in stderr.splitlines()] == ["--test-share", "target", "excluded"]
    assert message.read_text() == stderr
    assert not (chain.root / "train").exists()


def test_reads_a_folder_of_any_format(tmp_path: Path, customers: pd.DataFrame) -> None:
    customers[:100].to_csv(tmp_path / "a.csv", index=False)
    customers[100:200].to_csv(tmp_path / "b.csv.gz", index=False, sep=";")
    (tmp_path / "older").mkdir()
    customers[200:].to_parquet(tmp_path / "older" / "c.parquet")
    (tmp_path / "README.md").write_text("passed over")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "a-checkpoint.csv").write_text("passed,over\n1,2\n")
    assert_same(read_table(tmp_path), customers)


def test_a_row_keeps_its_part(customers: pd.DataFrame) -> None:
    before = prepare(customers, BUYERS).parts
    more = pd.concat([customers.sample(frac=1, random_state=1), customers.assign(age=30)], ignore_index=True)
    after = prepare(more, BUYERS).parts
    for name in before:
        was, now = ({tuple(map(str, row)) for row in parts[name].to_numpy()} for parts in (before, after))
        assert was
        assert was <= now


@pytest.mark.parametrize(
    "as_given", [list, np.array, pd.array, pd.Categorical, pd.Series], ids=lambda kind: kind.__name__
)
def test_own_parts_can_be_given_in_any_type(customers: pd.DataFrame, as_given: Callable[..., Any]) -> None:
    rows = check_rows(customers, BUYERS)
    names = ["train", "validation", "test", "train"] * (len(rows.rows) // 4)

    parts = describe_parts(rows, as_given(names), BUYERS).parts

    assert [len(part) for part in parts.values()] == [150, 75, 75]
    assert parts["validation"].index.tolist() == rows.rows.index[1::4].tolist()


def test_own_parts_in_another_order_are_matched_by_index(customers: pd.DataFrame) -> None:
    rows = check_rows(customers, BUYERS)
    oldest_last = rows.rows.sort_values("age")

    cut = pd.cut(oldest_last["age"].fillna(0), [-1, 50, 70, 99], labels=["train", "validation", "test"])
    parts = describe_parts(rows, cut, BUYERS).parts

    assert parts["test"]["age"].min() > 70
    assert parts["train"]["age"].max() <= 50


def test_shares_are_met(customers: pd.DataFrame) -> None:
    table = pd.DataFrame({"x": np.arange(10_000) / 2, "bought": np.arange(10_000) % 2})
    parts = prepare(table, replace(BUYERS, exclude=(), test_share=0.1, validation_share=0.3)).parts
    sizes = [len(parts[name]) / len(table) for name in ("train", "validation", "test")]
    assert sizes == pytest.approx([0.6, 0.3, 0.1], abs=0.015)


def test_no_group_is_in_two_parts(customers: pd.DataFrame) -> None:
    table = customers.assign(household=np.arange(300) // 3, copy=np.arange(300) // 3)
    options = replace(BUYERS, split="group", split_column="household")
    parts = prepare(table, options).parts
    households = [set(part["copy"]) for part in parts.values()]
    assert sum(map(len, households)) == 100
    assert set.union(*households) == set(range(100))
    assert all("household" not in part for part in parts.values())


def test_test_is_the_newest(customers: pd.DataFrame) -> None:
    days = pd.date_range("2025-01-01", periods=300).strftime("%Y-%m-%d")
    table = customers.assign(day=days, number=np.arange(300) * 1.0).sample(frac=1, random_state=1)
    table["number"] = table["number"] + 0.5
    parts = prepare(table, replace(BUYERS, split="time", split_column="day")).parts
    assert [(min(part["number"]), max(part["number"])) for part in parts.values()] == [
        (0.5, 179.5),
        (180.5, 239.5),
        (240.5, 299.5),
    ]


def test_columns_that_a_model_cannot_use_are_left_out(customers: pd.DataFrame) -> None:
    table = customers.assign(
        key=[f"c-{number}" for number in range(300)],
        day="2025-01-31",
        empty=np.nan,
        country="DE",
        number=range(300),
        since=pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(300), "D"),
    )
    prepared = prepare(table, replace(BUYERS, exclude=("spent",)))
    assert {column.name: column.reason.split()[0] for column in prepared.schema.left_out} == {
        "spent": "excluded",
        "key": "text",
        "day": "every",
        "empty": "every",
        "country": "every",
        "number": "an",
    }
    assert [(feature.name, feature.kind) for feature in prepared.schema.features] == [
        ("age", "numeric"),
        ("member", "boolean"),
        ("town", "categorical"),
        ("since", "date"),
    ]
    warnings = prepared.summary["warnings"]
    assert "Column 'key' is left out: text that differs in 100 % of its rows: an identifier or free text." in warnings


@pytest.mark.parametrize(
    ("name", "values", "evidence"),
    [
        pytest.param("row", np.arange(300), "300 of the whole numbers from 0 to 299", id="a counter"),
        pytest.param("kunde", 100_000 + np.arange(300) * 3, "300 of the whole numbers from 100000", id="with gaps"),
        pytest.param("customer_id", np.arange(300) ** 3, "by its name", id="the name says so"),
        pytest.param("customerID", np.arange(300) ** 3, "by its name", id="the name says so otherwise"),
        pytest.param("invoice no", np.arange(300) ** 3, "by its name", id="a number by name"),
        pytest.param("price in cents", np.arange(300) ** 3 + 17, "", id="a measure"),
        pytest.param("paid", np.arange(300) ** 2 * 7 % 99_991, "", id="a measure in any order"),
        pytest.param("year", 1801 + np.arange(300), "", id="a year for each row"),
        pytest.param("month_index", np.arange(300) // 2, "", id="not in every row"),
        pytest.param("level", np.arange(300) + 0.5, "", id="not whole numbers"),
    ],
)
def test_leaves_out_identifiers_and_explains_how_to_keep_them(
    customers: pd.DataFrame, name: str, values: Any, evidence: str
) -> None:
    table = customers.assign(**{name: np.random.default_rng(3).permutation(values)})
    prepared = prepare(table, BUYERS)
    assert (name in prepared.schema.names) == (not evidence)
    reported = "".join(warning for warning in prepared.summary["warnings"] if "left out: an identifier" in warning)
    assert bool(reported) == bool(evidence)
    assert evidence in reported
    assert reported.endswith(f'to keep it, write "{name}" = "number" in schema.toml.' if evidence else "")
    kept = {"age": "number", "member": "boolean", "town": "text", "bought": "text", name: "number"}
    assert name in prepare(table, BUYERS, kept).schema.names


def test_warns_about_whole_numbers_that_may_be_an_identifier(customers: pd.DataFrame) -> None:
    warnings = prepare(customers.assign(paid=np.arange(300) ** 3), BUYERS).summary["warnings"]
    assert "Column 'paid' has a different whole number in every row; if it is an identifier, exclude it." in warnings


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_out_of_range_dates_are_treated_as_missing(chain: Chain, customers: pd.DataFrame, suffix: str) -> None:
    days = np.resize(np.array(["2024-05-01", "2024-06-01", "9999-12-31", "0001-01-01", None]), 300)
    source = chain.root / f"table.{suffix}"
    if suffix == "csv":
        customers.assign(until=days).to_csv(source, index=False)
    else:
        customers.assign(until=days.astype("datetime64[us]")).to_parquet(source)
    assert chain.process(source, "bought", "classification", "--exclude=spent") == 0
    summary = chain.json("summary/summary.json")
    expected = "Column 'until' contains dates before 1678 or after 2261 in 120 rows (40 %), treated as missing."
    assert expected in summary["warnings"]
    until = next(column for column in summary["columns"] if column["name"] == "until")
    assert (until["role"], until["missing"], until["distinct"]) == ("date", 0.6, 2)
    assert (until["min"], until["max"]) == ("2024-05-01 00:00:00", "2024-06-01 00:00:00")
    assert chain.train() == 0
    assert chain.evaluate() == 0


def test_rows_of_weight_zero_are_dropped_and_reported(customers: pd.DataFrame) -> None:
    weights = np.where(customers.index % 4 == 0, 0, 2.5)
    prepared = prepare(customers.assign(counts=weights), replace(BUYERS, weight="counts"))
    assert prepared.summary["rows"] == 225
    assert "75 rows (25 %) whose 'counts' is 0 were dropped." in prepared.summary["warnings"]


@pytest.mark.parametrize("target", ["bought", "spent"])
def test_the_naive_answer_is_weighted(customers: pd.DataFrame, target: str) -> None:
    problem: Any = "classification" if target == "bought" else "regression"
    table = customers.assign(counts=1 + (customers["bought"] == "yes") * 2.0)
    prepared = prepare(table, Options(target, problem, exclude=("town",), weight="counts"))
    train = prepared.parts["train"]
    repeated = train.loc[train.index.repeat(train["counts"].astype(int)), target]
    shares = repeated.value_counts(normalize=True).sort_index().tolist()
    expected = shares if target == "bought" else [repeated.mean()]
    assert prepared.schema.naive == pytest.approx(expected)


def test_drops_rows_without_a_target_and_reports_it(customers: pd.DataFrame) -> None:
    customers.loc[:9, "bought"] = None
    prepared = prepare(customers, BUYERS)
    assert sum(map(len, prepared.parts.values())) == 290
    assert prepared.summary["warnings"][0] == "10 rows (3.3 %) without a 'bought' were dropped."


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        pytest.param([0, 1], (0, 1), id="integers"),
        pytest.param([1.0, 2.0, np.nan], (1, 2), id="integers with gaps"),
        pytest.param([True, False], (False, True), id="booleans"),
        pytest.param(["no", "yes"], ("no", "yes"), id="text"),
        pytest.param(["1", "2", "other"], ("1", "2", "other"), id="digits as text"),
        pytest.param([0.5, 1.0, 1.5], (0.5, 1.0, 1.5), id="halves"),
        pytest.param(["🙂", "😀"], ("😀", "🙂"), id="emoji"),
        pytest.param(["2025-01-01", "2026-01-01"], ("2025-01-01", "2026-01-01"), id="dates"),
        pytest.param(
            ["2025-01-01 05:00", "2026-01-01"], ("2025-01-01 05:00:00", "2026-01-01"), id="moments in another form"
        ),
    ],
)
def test_classes_keep_their_type(customers: pd.DataFrame, labels: list[Any], classes: tuple[Any, ...]) -> None:
    schema = prepare(customers.assign(bought=np.resize(np.array(labels, dtype=object), 300)), BUYERS).schema
    assert schema.classes == classes
    assert [type(label) for label in schema.classes] == [type(label) for label in classes]
    assert sum(schema.naive) == pytest.approx(1)


def test_describes_the_sample(flights: Chain) -> None:
    summary = flights.json("summary/summary.json")
    columns = {column["name"]: column for column in summary["columns"]}
    assert summary["rows"] == sum(part["rows"] for part in summary["parts"].values()) == 19_500
    assert columns["origin"]["top"][0]["value"] in ("EWR", "JFK", "LGA")
    assert columns["month"]["min"] == 1
    assert columns["month"]["max"] == 12
    assert 0.05 < columns["pressure"]["missing"] < 0.15
    assert columns["late"]["role"] == "target"
    assert [entry["value"] for entry in summary["target"]["classes"]] == [0, 1]


def test_a_column_without_values_in_train_is_left_out(chain: Chain, customers: pd.DataFrame) -> None:
    customers["day"] = range(len(customers))
    customers["voucher"] = np.where(customers["day"] > 200, customers["day"], np.nan)  # only recently
    options = ("--split=time", "--split-column=day")

    assert chain.process(customers, "bought", "classification", *options) == 0
    assert "voucher" not in chain.part("train")
    assert chain.train() == 0


def test_a_boolean_with_gaps_is_a_number_with_gaps(customers: pd.DataFrame) -> None:
    customers["member"] = customers["member"].astype("boolean").mask(customers.index % 7 == 0)

    prepared = prepare(customers, BUYERS)

    member = prepared.schema.frame(prepared.parts["train"])["member"]
    assert set(member.dropna()) == {0.0, 1.0}
    assert member.isna().any()


def many_types(rows: int) -> pd.DataFrame:
    """Columns whose type becomes clear only further down, text with line breaks and quotes, dates and gaps."""
    number = np.arange(rows)
    return pd.DataFrame(
        {
            "n° 1": number % 997 * 400,
            "late half": np.where(number > rows / 2, number / 2, number),
            "late text": np.where(number == rows - 1, "none", (number % 50).astype(str)),
            "late value": np.where(number > rows - 60, number % 7, np.nan),
            "day": pd.Timestamp("2025-01-01") + pd.to_timedelta(number % 300, "D"),
            'say "hi" 🙂': np.where(number % 3 == 0, 'a\n"b", c', np.array(None)),
            "flag": np.where(number % 5 == 0, None, number % 2 == 0),
            "bought": np.where(number % 9 < 3, "yes", "no"),
        }
    )


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize(
    "split", [(), ("--split=time", "--split-column=day"), ("--id=n° 1", "--exclude=day"), ("--exclude=late text",)]
)
def test_a_file_in_many_blocks_gives_the_same_as_the_table(
    chain: Chain, monkeypatch: pytest.MonkeyPatch, suffix: str, split: tuple[str, ...]
) -> None:
    for size in ("BLOCK_BYTES", "STREAM_BYTES", "BLOCK_ROWS"):
        monkeypatch.setattr(f"sagemaker_ops.tabular.reading.{size}", 1000)
    for size in ("FILE_ROWS", "GROUP_ROWS"):
        monkeypatch.setattr(f"sagemaker_ops.tabular.tables.{size}", 1000)
    table = many_types(4000)
    source = chain.root / f"table.{suffix}"
    if suffix == "parquet":
        table.to_parquet(source)
    else:
        table.to_csv(source, index=False)

    assert chain.process(source, "bought", "classification", *split) == 0

    given = dict(zip((word.split("=")[0][2:].replace("-", "_") for word in split), split, strict=True))
    options: dict[str, Any] = {key: word.split("=")[1] for key, word in given.items()}
    excluded = (options.pop("exclude"),) if "exclude" in options else ()
    prepared = prepare(table, replace(BUYERS, exclude=excluded, **options))
    assert chain.json("summary/summary.json") == prepared.summary
    assert Schema.load(chain.root / "summary") == prepared.schema
    for name, part in prepared.parts.items():
        assert len(list((chain.root / name).iterdir())) > 1
        assert_same(read_table(chain.root / name), part.reset_index(drop=True))


def test_numbers_and_text_take_few_bytes(tmp_path: Path) -> None:
    number = np.arange(1000)
    table = pd.DataFrame(
        {"small": number % 100, "gaps": np.where(number % 2, number, np.nan), "town": "Köln", "π": np.pi}
    )
    table.to_csv(tmp_path / "table.csv", index=False)
    read = read_table(tmp_path)
    assert [str(kind) for kind in read.dtypes] == ["int8", "float32", "category", "float64"]
    assert_same(read, table)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"\xef\xbb\xbfx,y\r\n1,a\r\n2,b\r\n", {"x": [1, 2], "y": ["a", "b"]}, id="from Windows"),
        pytest.param(b'x,,"a\nb"\n1,2,3', {"x": [1], "": [2], "a\nb": [3]}, id="odd names, no last line end"),
        pytest.param(b'x;y\n"1";" 2"\n;\n', {"x": [1, np.nan], "y": [2, np.nan]}, id="quoted numbers and gaps"),
        pytest.param(b"x\n1\n\n2\n", {"x": [1, 2]}, id="blank lines"),
        pytest.param(b"x,y\n1," + b"a" * 2_000_000 + b"\n", {"x": [1], "y": ["a" * 2_000_000]}, id="a long row"),
        pytest.param(b"x,y\n1,true\n2.5,False\n", {"x": [1, 2.5], "y": [True, False]}, id="booleans"),
        pytest.param(b"x\n007\n7a\n", {"x": ["007", "7a"]}, id="text unchanged"),
        pytest.param(
            b"x\n2025-01-01\n2025-01-01T05:00:00+01:00\n",
            {"x": [pd.Timestamp("2025-01-01"), pd.Timestamp("2025-01-01 04:00")]},
            id="dates in UTC",
        ),
    ],
)
def test_reads_csv(tmp_path: Path, content: bytes, expected: dict[str, list[Any]]) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    assert_same(read_table(tmp_path), pd.DataFrame(expected))


def test_id_and_weight_are_kept_but_are_not_features(chain: Chain, customers: pd.DataFrame) -> None:
    table = customers.assign(customer=[f"c-{number}" for number in range(300)], counts=0.5)
    options = ("--id=customer", "--weight=counts", "--exclude=spent")
    assert chain.process(table, "bought", "classification", *options) == 0
    before = {name: set(chain.part(name)["customer"]) for name in ("train", "validation", "test")}
    schema = Schema.load(chain.root / "summary")
    assert schema.names == ["age", "member", "town"]
    assert (schema.id, schema.weight) == ("customer", "counts")
    assert list(chain.part("train")) == ["age", "member", "town", "bought", "counts", "customer"]

    assert chain.process(table.assign(age=1.5), "bought", "classification", *options) == 0
    assert {name: set(chain.part(name)["customer"]) for name in before} == before  # only the id decides


@pytest.mark.parametrize(
    ("weight", "finding"),
    [
        pytest.param(-1, "is not a number of 0 or more in 300 rows .100 %., such as '-1'", id="negative"),
        pytest.param("heavy", "is not a number of 0 or more in 300 rows", id="text"),
        pytest.param(np.nan, "is not a number of 0 or more in 300 rows", id="missing"),
        pytest.param(0, "is 0 in every row", id="all weights are zero"),
    ],
)
def test_refuses_weights(customers: pd.DataFrame, weight: Any, finding: str) -> None:
    with pytest.raises(StepError, match=finding):
        prepare(customers.assign(counts=weight), replace(BUYERS, weight="counts"))


@pytest.mark.parametrize("role", ["id", "weight"])
def test_refuses_roles(customers: pd.DataFrame, role: str) -> None:
    given: dict[str, Any] = {role: "agee"}
    with pytest.raises(StepError, match=f"{role} column 'agee' is not in the table. Did you mean 'age'"):
        prepare(customers, replace(BUYERS, **given))
    given = {role: "bought"}
    with pytest.raises(StepError, match=f"'bought' is the target and cannot also be the {role}"):
        prepare(customers, replace(BUYERS, **given))


def test_refuses_an_id_with_gaps(customers: pd.DataFrame) -> None:
    with pytest.raises(StepError, match="id column 'age' is missing in 28 rows"):
        prepare(customers, replace(BUYERS, id="age"))


@pytest.mark.parametrize(
    ("problem", "column"),
    [
        pytest.param("classification", lambda t: t["bought"].map({"yes": "paid", "no": "left"}), id="category"),
        pytest.param("classification", lambda t: (t["bought"] == "yes") * 7.5, id="number"),
        pytest.param("regression", lambda t: t["spent"] * 2 + 1, id="number for number"),
        pytest.param(
            "classification",
            lambda t: pd.Series(pd.Timestamp("2025-01-01") + pd.to_timedelta(t.index, "D")).where(t["bought"] == "yes"),
            id="a date when it happened",
        ),
    ],
)
def test_reports_a_column_that_leaks_the_target(
    customers: pd.DataFrame, problem: Any, column: Callable[[pd.DataFrame], pd.Series]
) -> None:
    table = pd.concat([customers.assign(spent=customers["spent"] + more) for more in range(5)], ignore_index=True)
    table = table.assign(leak=column(table))
    target, other = ("bought", "spent") if problem == "classification" else ("spent", "bought")
    warnings = prepare(table, Options(target, problem, exclude=(other,))).summary["warnings"]
    leaks = [warning for warning in warnings if "alone explains" in warning]
    assert len(leaks) == 1
    assert leaks[0].startswith("Column 'leak' alone explains ")
    assert leaks[0].endswith('write exclude = ["leak"].')


def test_infinite_numbers_and_duplicates_are_reported(customers: pd.DataFrame) -> None:
    customers.loc[:2, "age"] = np.inf
    table = pd.concat([customers, customers[:30]], ignore_index=True)
    warnings = prepare(table, BUYERS).summary["warnings"]
    assert "Column 'age' contains infinite numbers in 6 rows (1.8 %), treated as missing." in warnings
    assert "30 rows (9.1 %) are duplicates of others; they stay in the same part." in warnings


def test_a_rare_class_is_in_train_and_test(customers: pd.DataFrame) -> None:
    for seed in range(20):
        rare = customers.index.isin(customers.sample(2, random_state=seed).index)
        parts = prepare(customers.assign(bought=customers["bought"].mask(rare, "perhaps")), BUYERS).parts
        held = {name: int((part["bought"] == "perhaps").sum()) for name, part in parts.items()}
        assert held == {"train": 1, "validation": 0, "test": 1}
