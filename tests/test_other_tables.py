"""Tables that are not the sample go through after editing project.toml alone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from projects import Bake

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Table:
    loader: str
    problem: str
    gate: dict[str, str]


TABLES = [
    pytest.param(Table("load_wine", "classification", {"metric": '"accuracy"', "minimum": "0.8"}), id="wine"),
    pytest.param(Table("load_breast_cancer", "classification", {"minimum": "0.9"}), id="breast cancer"),
    pytest.param(Table("load_diabetes", "regression", {"metric": '"mae"', "minimum": "0"}), id="diabetes"),
]


@pytest.mark.parametrize("table", TABLES)
def test_it_goes_through(ready: Bake, table: Table) -> None:
    project = ready(problem=table.problem)
    script = f"from sklearn.datasets import {table.loader} as load\n"
    script += "load(as_frame=True).frame.to_csv('data/t.csv', index=False)"
    assert project.run(".venv/bin/python", "-c", script).code == 0
    project.edit("data", source='"data/t.csv"', target='"target"')
    project.edit("gate", **table.gate)

    done = project.make("run")

    assert done.code == 0, done
    assert "registered model" in done.out
