"""schema.toml: what processing writes of a table, and what it says of the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from checks import Options
from errors import StepError
from kept_schema import load_types
from processing import prepare
from schema import Schema

if TYPE_CHECKING:
    from tests.steps.conftest import Chain

BUYERS = Options(target="bought", problem="classification", exclude=("spent",))
KEPT = {"age": "number", "member": "boolean", "town": "text", "bought": "text"}


def test_the_first_run_writes_what_the_second_one_keeps(chain: Chain, customers: pd.DataFrame) -> None:
    table = customers.assign(**{'a "b" = \\ 🙂': 1.5, "day": "2025-12-31"})
    file = chain.root / "schema.toml"
    arguments = ("--exclude=spent", f"--schema={file}")
    assert chain.process(table, "bought", "classification", *arguments) == 0  # there is none yet
    (chain.root / "summary" / "schema.toml").rename(file)
    assert load_types(file) == KEPT | {'a "b" = \\ 🙂': "number", "day": "date"}
    before = chain.json("summary/summary.json")

    assert chain.process(table, "bought", "classification", *arguments) == 0
    assert chain.json("summary/summary.json") == before


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        pytest.param(
            lambda t: t.assign(age=["old", *t["age"][1:].astype(object)]),
            "column 'age' holds text such as 'old' in 0.33 % of the rows, where schema.toml says number",
            id="one text among numbers",
        ),
        pytest.param(
            lambda t: t.assign(member=2), "column 'member' holds integer such as '2' in 100 %", id="no boolean"
        ),
        pytest.param(
            lambda t: t.rename(columns={"town": "twon"}),
            "column 'town' of schema.toml is not in the table; add it, or take its line out. Did you mean 'twon'?",
            id="gone",
        ),
    ],
)
def test_refuses_what_changed(
    customers: pd.DataFrame, change: Callable[[pd.DataFrame], pd.DataFrame], finding: str
) -> None:
    with pytest.raises(StepError) as refused:
        prepare(change(customers), BUYERS, KEPT)
    assert len(refused.value.findings) == 1
    assert finding in refused.value.findings[0]


def test_a_new_column_is_a_warning(customers: pd.DataFrame) -> None:
    warnings = prepare(customers.assign(colour="red"), BUYERS, KEPT).summary["warnings"]
    assert "Column 'colour' is new; add it to schema.toml, or exclude it." in warnings


@pytest.mark.parametrize(
    ("kept", "values", "kind"),
    [
        pytest.param("text", np.arange(300) % 7, "categorical", id="a number that is a category"),
        pytest.param("boolean", np.arange(300) % 2, "boolean", id="0 and 1"),
        pytest.param("number", np.arange(300) % 2 == 0, "numeric", id="true and false"),
        pytest.param("integer", np.arange(300) + 0.5, "numeric", id="integers and numbers are one"),
    ],
)
def test_an_edited_type_is_applied(customers: pd.DataFrame, kept: str, values: object, kind: str) -> None:
    schema: Schema = prepare(customers.assign(more=values), BUYERS, KEPT | {"more": kept}).schema
    assert {feature.name: feature.kind for feature in schema.features}["more"] == kind


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        pytest.param("[columns", "schema.toml is not valid TOML", id="no TOML"),
        pytest.param("age = 1", "schema.toml lacks [columns]", id="no columns"),
        pytest.param('[columns]\nage = "numbr"', "write integer, number, boolean, date, text. Did you mean", id="type"),
    ],
)
def test_refuses_the_file(
    chain: Chain, customers: pd.DataFrame, capsys: pytest.CaptureFixture[str], text: str, finding: str
) -> None:
    (chain.root / "schema.toml").write_text(text)
    assert chain.process(customers, "bought", "classification", f"--schema={chain.root / 'schema.toml'}") == 1
    assert finding in capsys.readouterr().err
