"""processing.py: what it refuses, how it splits, and what it says of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import processing
from checks import Options
from errors import StepError
from processing import prepare
from tables import read_table

if TYPE_CHECKING:
    from tests.steps.conftest import Chain

BUYERS = Options(target="bought", problem="classification", exclude=("spent",))


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
        pytest.param({}, lambda t: t.assign(bought=np.nan), "0 rows have a 'bought'", id="target missing everywhere"),
        pytest.param({}, lambda t: t.head(20), "20 rows have a 'bought'; at least 50", id="too few rows"),
        pytest.param(
            {},
            lambda t: t.assign(bought=["perhaps", *t["bought"][1:]]),
            "class 'perhaps' of target 'bought' has a single row",
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
        pytest.param({"split": "group", "split_column": "town"}, same, "is missing in 24 rows", id="split column gaps"),
        pytest.param({"split": "group", "split_column": "bought"}, same, "split by another", id="split by target"),
        pytest.param(
            {"split": "time", "split_column": "town"}, lambda t: t.dropna(), "has no place in time", id="no dates"
        ),
        pytest.param({"split": "time", "split_column": "member"}, same, "without rows", id="too few moments"),
        pytest.param({"test_share": 0.0}, same, "--test-share is 0; it must lie between 0 and 1", id="share of 0"),
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
        pytest.param({}, "no table in", id="nothing there"),
        pytest.param({"a.xlsx": b"?"}, "(found 'a.xlsx'); files must end in .csv", id="another format"),
        pytest.param({"a.csv": b""}, "a.csv is empty", id="no header"),
        pytest.param({"a.csv": b"x,y\n"}, "has a header but no values", id="no rows"),
        pytest.param({"a.csv": b"x,y,x\n1,2,3\n"}, "a.csv names 'x' more than once", id="column twice"),
        pytest.param({"a.csv": b"x,y\n1,2\n1,2,3\n"}, "a.csv cannot be read: Error tokenizing", id="ragged"),
        pytest.param({"a.csv": b"x,y\n1,2,3\n"}, "its rows have more values than its header", id="header too short"),
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


def test_tells_all_findings_at_once(
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
    pd.testing.assert_frame_equal(read_table(tmp_path).fillna("?"), customers.fillna("?"), check_dtype=False)


def test_a_row_keeps_its_part(customers: pd.DataFrame) -> None:
    before = prepare(customers, BUYERS).parts
    more = pd.concat([customers.sample(frac=1, random_state=1), customers.assign(age=30)], ignore_index=True)
    after = prepare(more, BUYERS).parts
    for name in before:
        was, now = ({tuple(map(str, row)) for row in parts[name].to_numpy()} for parts in (before, after))
        assert was
        assert was <= now


def test_shares_are_met(customers: pd.DataFrame) -> None:
    table = pd.DataFrame({"x": range(10_000), "bought": np.arange(10_000) % 2})
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
    table = customers.assign(day=days, number=range(300)).sample(frac=1, random_state=1)
    parts = prepare(table, replace(BUYERS, split="time", split_column="day")).parts
    assert [(min(part["number"]), max(part["number"])) for part in parts.values()] == [(0, 179), (180, 239), (240, 299)]


def test_leaves_out_what_a_model_cannot_use(customers: pd.DataFrame) -> None:
    table = customers.assign(
        key=[f"c-{number}" for number in range(300)], day="2025-01-31", empty=np.nan, country="DE", number=range(300)
    )
    prepared = prepare(table, replace(BUYERS, exclude=("spent",)))
    assert {column.name: column.reason.split()[0] for column in prepared.schema.left_out} == {
        "spent": "excluded",
        "key": "text",
        "day": "every",
        "empty": "every",
        "country": "every",
    }
    assert [(feature.name, feature.kind) for feature in prepared.schema.features] == [
        ("age", "numeric"),
        ("member", "boolean"),
        ("town", "categorical"),
        ("number", "numeric"),
    ]
    assert any("'number' has another whole number in every row" in warning for warning in prepared.summary["warnings"])


def test_drops_rows_without_a_target_and_says_so(customers: pd.DataFrame) -> None:
    customers.loc[:9, "bought"] = None
    prepared = prepare(customers, BUYERS)
    assert sum(map(len, prepared.parts.values())) == 290
    assert prepared.summary["warnings"][0] == "10 rows without a 'bought' were dropped."


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        pytest.param([0, 1], (0, 1), id="integers"),
        pytest.param([1.0, 2.0, np.nan], (1, 2), id="integers with gaps"),
        pytest.param([True, False], (False, True), id="booleans"),
        pytest.param(["no", "yes"], ("no", "yes"), id="text"),
        pytest.param(["1", "2", "other"], ("1", "2", "other"), id="digits as text"),
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


def test_a_column_that_train_does_not_hold_is_left_out(chain: Chain, customers: pd.DataFrame) -> None:
    customers["day"] = range(len(customers))
    customers["voucher"] = np.where(customers["day"] > 200, customers["day"], np.nan)  # since recently
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
