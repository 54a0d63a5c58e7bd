"""schema.toml: what processing writes for a table, and what it reports for the next one."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from sagemaker_ops.tabular.column_types import load_types, main, save_types
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.model_archive import load_model
from sagemaker_ops.tabular.preparation import prepare
from sagemaker_ops.tabular.schema import Schema
from sagemaker_ops.tabular.splits import Options

if TYPE_CHECKING:
    from tabular.conftest import Chain

pytestmark = pytest.mark.slow

BUYERS = Options(target="bought", problem="classification", exclude=("spent",))
KEPT = {"age": "number", "member": "boolean", "town": "text", "bought": "text"}


def test_the_second_run_keeps_what_the_first_one_writes(chain: Chain, customers: pd.DataFrame) -> None:
    table = customers.assign(**{'a "b" = \\ 🙂': 1.5, "day": "2025-12-31"})
    file = chain.root / "schema.toml"
    arguments = ("--exclude=spent", f"--schema={file}")
    assert chain.process(table, "bought", "classification", *arguments) == 0  # there is no file yet
    (chain.root / "summary" / "schema.toml").rename(file)
    assert load_types(file) == KEPT | {'a "b" = \\ 🙂': "number", "day": "date"}
    before = chain.json("summary/summary.json")

    assert chain.process(table, "bought", "classification", *arguments) == 0
    assert chain.json("summary/summary.json") == before


def test_the_script_writes_what_processing_finds(chain: Chain, customers: pd.DataFrame) -> None:
    table = customers.assign(**{'a "b" = \\ 🙂': 1.5, "day": "2025-12-31"})
    assert chain.process(table, "bought", "classification", "--exclude=spent") == 0
    file = chain.root / "new" / "schema.toml"

    assert main([f"--input-dir={chain.root / 'table.csv'}", f"--output={file}", "--exclude=spent"]) == 0
    assert load_types(file) == load_types(chain.root / "summary" / "schema.toml")
    assert tomllib.loads(file.read_text(encoding="utf-8"))["source"] == str(chain.root / "table.csv")

    assert main([f"--input-dir={chain.root / 'table.csv'}", "--source=s3://lake/a.csv", f"--output={file}"]) == 0
    assert tomllib.loads(file.read_text(encoding="utf-8"))["source"] == "s3://lake/a.csv"


def test_the_script_writes_nothing_for_an_unreadable_table(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    (chain.root / "table.csv").write_text("age,age\n1,2\n")

    assert main([f"--input-dir={chain.root / 'table.csv'}", f"--output={chain.root / 'schema.toml'}"]) == 1
    assert "names 'age' more than once" in capsys.readouterr().err
    assert not (chain.root / "schema.toml").exists()


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        pytest.param(
            lambda t: t.assign(age=["old", *t["age"][1:].astype(object)]),
            "column 'age' contains text such as 'old' in 0.33 % of the rows, but schema.toml says number",
            id="text among numbers",
        ),
        pytest.param(
            lambda t: t.assign(member=2), "column 'member' contains integer such as '2' in 100 %", id="not a boolean"
        ),
        pytest.param(
            lambda t: t.assign(age=pd.Timestamp("2025-12-31")),
            "column 'age' contains date such as '2025-12-31' in 100 % of the rows, but schema.toml says number",
            id="a date among numbers",
        ),
        pytest.param(
            lambda t: t.assign(member=["perhaps", *t["member"][1:].astype(object)]),
            "column 'member' contains text such as 'perhaps' in 0.33 % of the rows, but schema.toml says boolean",
            id="text among booleans",
        ),
        pytest.param(
            lambda t: t.rename(columns={"town": "twon"}),
            "column 'town' of schema.toml is not in the table; add it, or remove its line. Did you mean 'twon'?",
            id="gone",
        ),
    ],
)
def test_refuses_changed_columns(
    customers: pd.DataFrame, change: Callable[[pd.DataFrame], pd.DataFrame], finding: str
) -> None:
    with pytest.raises(StepError) as refused:
        prepare(change(customers), BUYERS, KEPT)
    assert len(refused.value.findings) == 1
    assert finding in refused.value.findings[0]


@pytest.mark.parametrize(
    ("values", "finding"),
    [
        pytest.param(["2025-12-31", "soon"], "contains text such as 'soon' in 50 % of the rows", id="text"),
        pytest.param([20251231, 20260101], "contains integer such as '20251231' in 100 % of the rows", id="numbers"),
    ],
)
def test_a_date_stays_a_date(customers: pd.DataFrame, values: list[Any], finding: str) -> None:
    with pytest.raises(StepError, match=finding):
        prepare(customers.assign(day=np.resize(values, 300)), BUYERS, KEPT | {"day": "date"})


@pytest.mark.parametrize("odd", [None, "9999-12-31", "2025-12-31T05:00:00+01:00"])
def test_an_unusual_date_is_a_date(customers: pd.DataFrame, odd: str | None) -> None:
    days = np.resize(np.array(["2025-12-31", "2026-01-01", odd], dtype=object), 300)
    prepared = prepare(customers.assign(day=days), BUYERS, KEPT | {"day": "date"})
    assert prepared.schema.of_kind("date") == ["day"]


def test_text_stays_unchanged(chain: Chain, customers: pd.DataFrame) -> None:
    """A postcode keeps its zeros, and text that looks like a date or true stays text, from the file to the answer."""
    words = {"code": ["007", "7", "070"], "day": ["2025-12-31", "2026-01-01T00:00"], "sure": ["true", "TRUE", "false"]}
    table = customers[["age", "bought"]].assign(**{name: np.resize(values, 300) for name, values in words.items()})
    save_types({"age": "number", "bought": "text"} | dict.fromkeys(words, "text"), chain.root)
    assert chain.process(table, "bought", "classification", f"--schema={chain.root / 'schema.toml'}") == 0
    for name, values in words.items():
        assert set(chain.part("train")[name]) == set(values)
    assert chain.train() == 0
    encoder = load_model(chain.root / "model").pipeline[1].named_transformers_["ordinalencoder"]
    assert [set(seen) for seen in encoder.categories_] == [set(values) for values in words.values()]


def test_numbers_written_as_text_become_numbers(customers: pd.DataFrame) -> None:
    table = customers.assign(age=customers["age"].map(str, na_action="ignore"), member=customers["member"].map(str))
    kinds = {feature.name: feature.kind for feature in prepare(table, BUYERS, KEPT).schema.features}
    assert kinds == {"age": "numeric", "member": "boolean", "town": "categorical"}


def test_a_broken_file_and_a_broken_table_are_reported_together(
    chain: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    (chain.root / "schema.toml").write_text("[columns")
    (chain.root / "table.csv").write_text("age,age\n1,2\n")
    arguments = ("y", "regression", f"--schema={chain.root / 'schema.toml'}", "--test-share=2")
    assert chain.process(chain.root / "table.csv", *arguments) == 1
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == [
        "--test-share",
        "schema.toml",
        "table.csv",
    ]


def test_a_new_column_is_a_warning(customers: pd.DataFrame) -> None:
    warnings = prepare(customers.assign(colour="red"), BUYERS, KEPT).summary["warnings"]
    assert "Column 'colour' is new; add it to schema.toml, or exclude it." in warnings


@pytest.mark.parametrize(
    ("kept", "values", "kind"),
    [
        pytest.param("text", np.arange(300) % 7, "categorical", id="a number that is a category"),
        pytest.param("text", np.where(np.arange(300) % 7, 0.5, np.inf), "categorical", id="infinity among categories"),
        pytest.param("boolean", np.arange(300) % 2, "boolean", id="0 and 1"),
        pytest.param("number", np.arange(300) % 2 == 0, "numeric", id="true and false"),
        pytest.param("integer", np.arange(300) + 0.5, "numeric", id="integers and numbers are the same"),
    ],
)
def test_an_edited_type_is_applied(customers: pd.DataFrame, kept: str, values: object, kind: str) -> None:
    schema: Schema = prepare(customers.assign(more=values), BUYERS, KEPT | {"more": kept}).schema
    assert {feature.name: feature.kind for feature in schema.features}["more"] == kind


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        pytest.param("[columns", "schema.toml is not valid TOML", id="not TOML"),
        pytest.param("age = 1", "schema.toml has no [columns]; add it", id="no columns"),
        pytest.param(
            '[columns]\nage = "numbr"', "one of integer, number, boolean, date, text. Did you mean", id="type"
        ),
    ],
)
def test_refuses_the_file(
    chain: Chain, customers: pd.DataFrame, capsys: pytest.CaptureFixture[str], text: str, finding: str
) -> None:
    (chain.root / "schema.toml").write_text(text)
    assert chain.process(customers, "bought", "classification", f"--schema={chain.root / 'schema.toml'}") == 1
    assert finding in capsys.readouterr().err
