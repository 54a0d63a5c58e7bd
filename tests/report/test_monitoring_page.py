"""The page and the lines of a terminal about monitoring.json."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from browser import look

from sagemaker_ops.report import monitoring as pages
from sagemaker_ops.terminal import monitoring as terminal

AGE: dict[str, Any] = {
    "kind": "numeric",
    "rows": 900,
    "missing": {"baseline": 0.05, "now": 0.1, "change": 0.05},
    "psi": 0.41,
    "psi_by_chance": 0.03,
    "ks": 0.2,
    "p_value": 0.0,
    "bins": ["up to 20", "20 to 30", "above 30"],
    "baseline": [0.3, 0.3, 0.4],
    "now": [0.1, 0.2, 0.7],
    "findings": ["The distribution of column 'age' has changed: PSI 0.41, more than 0.2."],
}
TOWN: dict[str, Any] = {
    "kind": "categorical",
    "rows": 1000,
    "missing": {"baseline": 0.0, "now": 0.0, "change": 0.0},
    "psi": 0.01,
    "psi_by_chance": 0.03,
    "ks": None,
    "p_value": None,
    "bins": ["<b>Bonn</b>, whose name is far too long for a chart", "other"],
    "baseline": [1.0, 0.0],
    "now": [0.98, 0.02],
    "new_categories": {"baseline": 0.0, "now": 0.02},
    "findings": [],
}
NOTHING = {**AGE, "psi": None, "psi_by_chance": None, "ks": None, "p_value": None, "now": [], "findings": []}


def found(**changed: Any) -> dict[str, Any]:
    """The content of monitoring.json, and the name of the model."""
    metrics = {"accuracy": 0.8, "auc": 0.7}
    return {
        "verdict": {"exceeded": 1, "sentence": "1 finding: the data differ.", "findings": AGE["findings"]},
        "model": "version 3 of customer-demo-local",
        "rows": 1000,
        "baseline_rows": {"train": 2000, "validation": 500},
        "target": "bought",
        "problem": "classification",
        "schema": {"problems": [], "other_columns": ["note"]},
        "quality": {
            "rows": 400,
            "source": "test",
            "metric": "auc",
            "worse_by": 0.02,
            "metrics": {
                name: {"baseline": value, "value": value - 0.02, "standard_deviation": 0.01, "interval": [0, 1]}
                for name, value in metrics.items()
            },
            "findings": [],
        },
        "predictions": {"psi": 0.02, "scores": {"yes": {**AGE, "psi": 0.02, "findings": []}}, "findings": []},
        "columns": {"age": AGE, "town": TOWN, "empty": NOTHING},
        "notes": [],
        "thresholds": {"max_psi": 0.2, "max_prediction_psi": 0.2},
    } | changed


def texts(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_verdict_comes_first_and_each_section_has_its_place() -> None:
    page = pages.page(found(), "data/new.csv")

    said = texts(page)
    order = [said.index(each) for each in ("Changed. 1 finding", "PSI 0.41", "0.68 ± 0.01", "Probability of yes", "KS")]
    assert order == sorted(order)
    assert "1,000 rows of data/new.csv, compared with version 3 of customer-demo-local." in said
    assert (
        "PSI 0.410 (limit 0.2). KS 0.200, p-value below 0.001. Missing in 10.0% of the rows, 5.0% in training." in said
    )
    assert "Training did not have the category of 2.0% of the rows." in said
    assert "The model does not use note." in said
    assert "<b>Bonn" not in page


def test_without_a_finding_it_is_good() -> None:
    good = {"exceeded": 0, "sentence": "No threshold is exceeded.", "findings": []}

    page = pages.page(found(verdict=good, quality=None, predictions=None), "new.csv")

    assert "No change. No threshold is exceeded." in texts(page)
    assert 'class="verdict good"' in page
    assert "The new rows were not predicted, because their columns do not fit the model." in texts(page)
    assert 'id="metrics"' not in page


def test_a_part_of_another_form_is_left_out() -> None:
    page = pages.page(found(quality={"mine": 1}, predictions=[1]), "new.csv")

    assert 'id="metrics"' not in page
    assert 'id="columns"' in page


def test_only_the_first_columns_are_drawn() -> None:
    page = pages.page(found(columns={f"c{number}": TOWN for number in range(70)}), "new.csv")

    assert page.count("<figure") == 60 + 1
    assert "The first 60 of 70 columns are drawn." in page


def test_a_terminal_shows_what_changed_first() -> None:
    lines = list(terminal.lines(found(), "new.csv"))

    assert lines[0] == "1,000 rows of new.csv, compared with version 3 of customer-demo-local (2,000 rows of training)"
    assert [line.split() for line in lines[2:7]] == [
        ["column", "PSI", "KS", "missing", "was", "new", "values"],
        ["≠", "age", "0.410", "0.200", "10.0%", "5.0%", "-"],
        ["town", "0.010", "-", "0", "0", "2.0%"],
        ["empty", "-", "-", "10.0%", "5.0%", "-"],
        ["probability", "of", "yes", "0.020", "0.200", "10.0%", "5.0%", "-"],
    ]
    assert lines[9].split() == ["accuracy", "0.8", "0.78", "0.01"]
    assert lines[-2:] == [f"≠ {AGE['findings'][0]}", "1 finding: the data differ."]


def test_a_terminal_shows_all_columns_that_changed_but_not_all_others() -> None:
    columns = {f"a{number}": AGE for number in range(12)} | {f"t{number}": TOWN for number in range(5)}

    lines = list(terminal.lines(found(columns=columns), "new.csv"))

    assert sum(line.startswith("≠ a") for line in lines) == 12
    assert "  and 5 more columns, in the page" in lines


@pytest.mark.slow
@pytest.mark.parametrize("changed", [{}, {"quality": None, "predictions": None}], ids=["whole", "without predictions"])
def test_the_page_opens_without_faults(tmp_path: Path, changed: dict[str, Any]) -> None:
    file = tmp_path / "monitoring.html"
    file.write_text(pages.page(found(**changed), "data/new.csv"), encoding="utf-8")

    seen = look(file)

    assert {key: each.faults for key, each in seen.items()} == {key: {} for key in seen}
