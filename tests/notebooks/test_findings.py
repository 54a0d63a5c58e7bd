"""What a notebook suggests for a table, and the lines that it suggests."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from notebooks.notebook_tables import ROWS, plain, problem_of, random, table

from sagemaker_ops.notebooks.exploration import LoadedTable
from sagemaker_ops.notebooks.findings import Finding, find_settings, print_findings

pytestmark = pytest.mark.slow

Change = Callable[[pd.DataFrame], pd.DataFrame]


def numbers(y: pd.Series) -> Any:
    return y.map({"no": 0.0, "yes": 1.0, "low": 0.0, "middle": 1.0, "high": 2.0}) if y.dtype == object else y


def drifting(rows: pd.DataFrame) -> pd.DataFrame:
    late = np.arange(ROWS) > ROWS / 2
    return rows.assign(
        when=pd.date_range("2024-01-01", periods=ROWS),
        y=np.where(late & (random().random(ROWS) < 0.6), "yes", rows["y"]),
    )


def of_wide_range(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(y=np.exp(3 * rows["y"]), log_y=rows["y"])


CASES = [
    pytest.param(
        "binary", lambda rows: rows.assign(copy=rows["y"] + "!"), "'copy' leaks the target", {"exclude": ["copy"]},
        id="a copy of the target",
    ),
    pytest.param(
        "multiclass", lambda rows: rows.assign(code=numbers(rows["y"])), "'code' leaks the target",
        {"exclude": ["code"]}, id="a copy of several classes",
    ),
    pytest.param(
        "regression", lambda rows: rows.assign(copy=2 * rows["y"]), "'copy' probably leaks the target",
        {"exclude": ["copy"]}, id="a copy of a number",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(filled=numbers(rows["y"]).replace(0, np.nan) * random().random(ROWS)),
        "'filled' leaks the target", {"exclude": ["filled"]}, id="filled in for one class only",
    ),
    pytest.param(
        "regression", of_wide_range, "'log_y' probably leaks the target", {"exclude": ["log_y"]},
        id="in the order of the target",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(z=rows["y"].where(random().random(ROWS) > 0.04, "maybe") + "!"),
        "'z' may leak the target", {"exclude": ["z"]}, id="nearly the target",
    ),
    pytest.param(
        "regression", lambda rows: rows.assign(y_before=rows["y"] + 1.4 * random().permutation(rows["noise"])),
        "'y_before' may leak the target", {"exclude": ["y_before"]}, id="named like the target",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(one=1, empty=np.nan), "'one', 'empty' are empty, or the same in every row",
        {"exclude": ["one", "empty"]}, id="constant and empty",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(order_id=range(ROWS)), "'order_id' is left out: an identifier",
        {"exclude": ["order_id"]}, id="an identifier by name",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(text=[f"text {row}" for row in range(ROWS)]), "'text' is left out: text",
        {"exclude": ["text"]}, id="an identifier of text",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(big=random().permutation(ROWS) * 1_000_003),
        "'big' has a different whole number in every row", {"exclude": ["big"]}, id="whole numbers that all differ",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(colour=rows["color"].str.upper()),
        "'colour' has the same information as 'color'", {"exclude": ["colour"]}, id="a copy of categories",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(minus=-3 * rows["size"]), "'minus' has the same information as 'size'",
        {"exclude": ["minus"]}, id="in another unit",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(price=[f"{n},5" for n in random().integers(0, 99, ROWS)]).drop(
            columns=["size", "noise"]
        ), "All values of 'price' are numbers such as", {"decimal": ","}, id="a decimal comma",
    ),
    pytest.param(
        "binary", drifting, "The target changes over time", {"split": "time", "split_column": "when"}, id="drift",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(customer_id=random().integers(0, 90, ROWS)),
        "Several rows have the same 'customer_id': 600 rows, 90 values",
        {"split": "group", "split_column": "customer_id"}, id="groups",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(y=np.where(rows["size"] > 1.9, "yes", "no")), "Class 'yes' is rare",
        {"class_weight": "balanced"}, id="a rare class",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(y=np.where(rows["size"] > 1.9, "yes", "no")), "in the test part",
        {"test_share": 0.3}, id="few rows in the test part",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(gappy=rows["noise"].where(rows["noise"] > 0.3) * random().random(ROWS)),
        "At least half of the values are missing in 'gappy'", {"exclude": ["gappy"]}, id="mostly missing",
    ),
    pytest.param(
        "regression", lambda rows: rows.assign(y=(rows["y"] > 0) * 2), "'y' has only 2 different values ('0', '2')",
        {"problem": "classification"}, id="classes as numbers",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(y=np.arange(ROWS) % 40), "'y' has 40 different numbers",
        {"problem": "regression"}, id="numbers as classes",
    ),
    pytest.param(
        "binary", lambda rows: pd.concat([rows, rows.head(5)]), "5 rows (0.83 %) are duplicates of others", {},
        id="duplicated rows",
    ),
    pytest.param(
        "binary", lambda rows: rows.assign(size=rows["size"].where(rows.index > 1, np.inf)), "infinite numbers", {},
        id="infinite numbers",
    ),
]  # fmt: skip


def found(seen: LoadedTable, sentence: str) -> Finding:
    findings = [each for each in find_settings(seen) if sentence in each.sentence]
    assert len(findings) == 1, [each.sentence for each in find_settings(seen)]
    return findings[0]


@pytest.mark.parametrize(("kind", "change", "sentence", "settings"), CASES)
def test_a_finding_and_its_line(kind: str, change: Change, sentence: str, settings: dict[str, Any]) -> None:
    rows, problem = change(plain(kind)), problem_of(kind)

    finding = found(table(rows, problem=problem), sentence)

    assert tomllib.loads(finding.line) == settings
    assert finding.sentence.endswith(".")
    if settings and finding.section == "data":
        changed = table(rows, **{"problem": problem} | settings)  # processing accepts it
        assert not [each for each in find_settings(changed) if each.sentence == finding.sentence and each.settings]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_a_plain_table_has_no_findings(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    findings = find_settings(table(plain(kind), problem=problem_of(kind)))

    print_findings(findings)

    assert findings == []
    assert capsys.readouterr().out == "Nothing in this table needs another setting in project.toml.\n"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda rows: rows.assign(when=random().permutation(pd.date_range("2024-01-01", periods=ROWS))),
            id="a time without drift",
        ),
        pytest.param(lambda rows: rows.assign(dest=random().integers(0, 90, ROWS)), id="many values, no entity"),
        pytest.param(lambda rows: rows.assign(year=random().integers(2000, 2020, ROWS)), id="years"),
    ],
)
def test_no_finding(change: Change) -> None:
    assert find_settings(table(change(plain()))) == []


def test_a_target_that_does_not_fit_the_problem() -> None:
    finding = found(table(plain(), problem="regression"), "[data].problem is wrong")

    assert tomllib.loads(finding.line) == {"problem": "classification"}


@pytest.mark.parametrize(
    "name", ["a b", 'quo"te', "back\\slash", "$cost$", "Größe", "日本", "tab\there", "del\x7f", "a.b", "#"]
)
def test_any_name_is_quoted(name: str) -> None:
    finding = found(table(plain().assign(**{name: 1, "old": 2}), exclude=["old"]), "the same in every row")

    assert tomllib.loads(finding.line) == {"exclude": ["old", name]}, "with what is excluded already"


def test_the_exclusions_are_also_printed_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_findings(find_settings(table(plain().assign(one=1, row_id=range(ROWS)))))

    out = capsys.readouterr().out
    assert out.startswith(
        "1. 'one' is empty, or the same in every row, and is left out.\n  In [data] of project.toml:\n"
    )
    assert out.endswith('take out the columns that you keep:\n    exclude = ["one", "row_id"]\n')
