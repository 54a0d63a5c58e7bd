"""The report on an execution: what is on the page for each kind of model, and for files of other forms."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from report import evaluations
from report.evaluations import NOW
from sagemaker_ops import local
from sagemaker_ops.commands import run
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import executions
from sagemaker_ops.project.layout import LOCAL_FOLDER
from sagemaker_ops.report import document, model, page
from sagemaker_ops.report.results import Gate, Result

pytestmark = pytest.mark.slow

EVIL = "</style></title></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&--> `b` \u202e"
HEADINGS = re.compile(r"<h[23][^>]*>([^<]*)")


@pytest.fixture(scope="module")
def known() -> dict[int, dict[str, Any]]:
    """{number of classes: an evaluation}."""
    return {classes: evaluations.evaluation(classes) for classes in (0, 2, 3, 12)}


def written(home: Path, name: str = "latest", against: str | None = None) -> str:
    return page.page(document.gather(home.parent, name, against), NOW)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / LOCAL_FOLDER


@pytest.mark.parametrize(
    ("classes", "charts"),
    [
        pytest.param(2, ["ROC", "Precision and recall", "Calibration", "Threshold and confusion"], id="two classes"),
        pytest.param(3, ["ROC", "Precision and recall", "Calibration", "Confusion"], id="three classes"),
        pytest.param(0, ["Predicted and actual", "Residuals", "Calibration"], id="regression"),
    ],
)
def test_each_kind_of_model_has_its_charts(
    home: Path, known: dict[int, dict[str, Any]], classes: int, charts: list[str]
) -> None:
    evaluations.execution(home, known[classes])

    text = written(home)

    headings = [each.strip() for each in HEADINGS.findall(text)]
    assert headings == [
        *["Warnings", "Metrics", "How it predicts", *charts],
        *["What the model looks at", "Where it is worst", "The data", "The pipeline", "Steps"],
        *["Parameters", "Versions"],
    ]
    assert "Passed. " in text
    assert "has two spellings" in text
    assert len(text) < 200_000


def test_with_many_classes_only_some_curves_are_drawn(home: Path, known: dict[int, dict[str, Any]]) -> None:
    evaluations.execution(home, known[12])

    text = written(home)

    assert text.count("The first 8 of 12 classes are drawn.") == 3
    assert text.count(">class h</th>") > 20, "each line that is drawn is also in a table"
    assert 'aria-label="Confusion matrix"' in text


def test_the_confusion_at_one_half_is_that_of_the_evaluation(known: dict[int, dict[str, Any]]) -> None:
    found = known[2]["thresholds"]
    half = found["threshold"].index(0.5)

    (tn, fp), (fn, tp) = known[2]["confusion"]["counts"]
    assert (found["true_positives"][half], found["false_positives"][half]) == (tp, fp)
    assert (sum(found["scores"]["positives"]), sum(found["scores"]["negatives"])) == (tp + fn, tn + fp)
    assert found["threshold"] == sorted(set(found["threshold"]))
    assert found["true_positives"] == sorted(found["true_positives"], reverse=True)


def test_a_failed_execution_says_why(home: Path) -> None:
    evaluations.execution(home, None)

    text = written(home)

    assert "Failed. " in text
    assert "no such file." in text
    assert [each.strip() for each in HEADINGS.findall(text)] == ["The pipeline", "Steps", "Parameters", "Versions"]


def test_it_is_compared_with_the_execution_before_on_the_same_target(
    home: Path, known: dict[int, dict[str, Any]]
) -> None:
    evaluations.execution(home, known[2], "new", parameters={"Depth": 4})
    evaluations.execution(home, {**known[2], "target": "z"}, "another", age=1)
    evaluations.execution(home, {**known[2], "rows": 7}, "old", age=2)
    evaluations.execution(home, known[2], "first", age=3)
    evaluations.execution(home, None, "broken", age=4)

    assert "Execution old</th>" in written(home, "new")
    assert "It was measured on 7 rows, this one on 400" in written(home, "new")
    assert "parameter Depth: 3 → 4</li>" in written(home, "new")
    assert "Execution first</th>" in written(home, "new", "first")
    assert "Code, data and parameters are the same." in written(home, "old")
    assert not re.search(r"Execution \w+</th>", written(home, "first"))


@pytest.mark.parametrize(("number", "folded"), [(10, False), (11, True)])
def test_many_differences_are_folded(
    home: Path, known: dict[int, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, number: int, folded: bool
) -> None:
    evaluations.execution(home, known[2], "new")
    evaluations.execution(home, known[2], "old", age=1)
    monkeypatch.setattr(document, "differences", lambda _: [f"+ parameter P{n}" for n in range(number)])

    assert (f"<summary>{number} differences</summary>" in written(home, "new")) is folded


@pytest.mark.parametrize(
    ("classes", "change", "lines"),
    [
        pytest.param(2, {}, 3, id="the same classes"),
        pytest.param(0, {}, 1, id="a regression"),
        pytest.param(2, {"target": "z"}, 0, id="another target"),
        pytest.param(2, {"curves": None}, 0, id="no curves"),
        pytest.param(3, {}, 0, id="one line per class already"),
    ],
)
def test_the_curves_of_both_are_drawn(
    home: Path, known: dict[int, dict[str, Any]], classes: int, change: dict[str, Any], lines: int
) -> None:
    evaluations.execution(home, known[classes], "new")
    evaluations.execution(home, {**known[classes], **change}, "old", age=1)

    text = written(home, "new", "old")

    assert text.count('class="data c1" data-name="Execution old"') == lines
    assert text.count(">this model</li>") == lines


@pytest.mark.parametrize("name", ["nothing", "", "../abc"])
def test_an_unknown_execution_is_one_sentence(home: Path, known: dict[int, dict[str, Any]], name: str) -> None:
    evaluations.execution(home, known[2])

    with pytest.raises(UserError, match="there is no execution"):
        written(home, name)


Change = Callable[[dict[str, Any]], object]
ODD: dict[str, Change] = {
    "no curves": lambda e: e.pop("curves"),
    "curves are a list": lambda e: e.update(curves=[1, 2]),
    "a curve without points": lambda e: e["curves"].update(roc=[{"class": 1}]),
    "no class has a curve": lambda e: e["curves"].update(roc=[], precision_recall=[], calibration=[]),
    "lines of different lengths": lambda e: e["curves"]["roc"][0]["false_positive_rate"].pop(),
    "text instead of numbers": lambda e: e["curves"]["roc"][0].update(false_positive_rate=["a", "b"]),
    "not a number": lambda e: e["curves"]["calibration"][0].update(predicted=[math.nan] * 10),
    "infinite": lambda e: e["curves"]["calibration"][0].update(predicted=[math.inf] * 10),
    "no thresholds": lambda e: e.pop("thresholds"),
    "one threshold": lambda e: e["thresholds"].update(threshold=[0.5], true_positives=[1], false_positives=[2]),
    "no importance": lambda e: e.pop("importance"),
    "importance of nothing": lambda e: e.update(importance=[]),
    "importance below zero": lambda e: e.update(importance=[{"feature": "x", "value": -1.0}]),
    "no slices": lambda e: e.update(slices=[]),
    "a slice of another form": lambda e: e.update(slices=["x"]),
    "no gate": lambda e: e.pop("gate"),
    "groups are a list": lambda e: e.update(groups=["town"]),
    "a group without metrics": lambda e: e.update(groups={"town": {"groups": [{"value": "a", "rows": 3}]}}),
    "groups that are null": lambda e: e.update(groups=None, group_gate=None),
    "no baseline": lambda e: e.update(baseline=None),
    "no interval": lambda e: e["binary_classification_metrics"]["auc"].pop("interval"),
    "a metric alone": lambda e: [e.pop(key) for key in [*e] if not key.endswith("_metrics")],
    "classes of numbers": lambda e: e.update(classes=[0, 1]),
    "one class": lambda e: e.update(classes=["a"]),
    "no probabilities": lambda e: e["thresholds"]["scores"].update(positives=[0], negatives=[0]),
    "a nested list as a value": lambda e: e["confusion"].update(counts=[[[1]]]),
}


@pytest.mark.parametrize("name", ODD)
def test_a_part_of_another_form_is_left_out(home: Path, known: dict[int, dict[str, Any]], name: str) -> None:
    """A team's own evaluation step may write other things: the page is still written, and has the metrics."""
    content = copy.deepcopy(known[2])
    ODD[name](content)
    evaluations.execution(home, content)

    text = written(home)

    assert ">auc" in text
    assert not re.search(r"\b(nan|inf)\b", text)


@pytest.mark.parametrize(
    "summary",
    [
        {"columns": []},
        {"columns": [{"name": "x"}], "rows": 0, "parts": {"train": {"rows": 0}}},
        {"columns": ["x"], "rows": "many", "target": {"name": "y"}, "parts": []},
        {"columns": {}, "warnings": 3},
    ],
)
def test_a_summary_of_another_form_is_left_out(
    home: Path, known: dict[int, dict[str, Any]], summary: dict[str, Any]
) -> None:
    made = evaluations.execution(home, known[2])
    file = made.folder / "Measure" / "outputs" / "summary" / "summary.json"
    file.write_text(json.dumps(summary), encoding="utf-8")

    assert "How it predicts" in written(home)


def test_a_column_that_was_not_read_is_listed(home: Path, known: dict[int, dict[str, Any]]) -> None:
    evaluations.execution(home, known[2])

    text = written(home)

    assert "All 5 columns" in text
    assert re.search(r"diagnosis.*?left out.*?excluded.*?<td[^>]*>-</td><td[^>]*>-</td>", text)


def test_texts_of_others_are_only_text(home: Path, known: dict[int, dict[str, Any]]) -> None:
    content = copy.deepcopy(known[2])
    content.update(verdict=EVIL, warnings=[EVIL], target=EVIL, classes=[EVIL, EVIL + "2"])
    content["importance"][0]["feature"] = content["slices"][0]["feature"] = content["slices"][0]["slice"] = EVIL
    content["binary_classification_metrics"][EVIL] = {"value": 1}
    evaluations.execution(home, content, parameters={EVIL: EVIL})

    text = written(home)

    assert text.count("<script") == 1, "our own"
    assert "<img" not in text
    assert "\u202e" not in text
    assert text.count("&lt;script&gt;") > 8


GROUPS = {"town": ["a", "b", "c", "a"], EVIL: ["x", "y", EVIL, "y", "x", "y"], "rare": ["z"] * 399 + ["w"]}


@pytest.mark.parametrize("classes", [2, 3, 0], ids=["two classes", "three classes", "regression"])
def test_groups_have_a_chart_a_sentence_and_a_table_each(home: Path, classes: int) -> None:
    found = evaluations.evaluation(classes, groups=GROUPS)
    evaluations.execution(home, found)

    text = written(home)

    assert [each.strip() for each in HEADINGS.findall(text)].count("Groups") == 1
    assert text.count('class="chart dots"') == 3
    assert text.count("<script") == 1, "our own"
    assert "town&#x27;: " in text
    metric = found["gate"]["metric"]
    assert f'aria-label="{metric} by town"' in text
    table = text.partition('aria-label="Groups of town"')[2].partition("</table>")[0]
    heads = re.findall(r'scope="col">([^<]*)', table)
    assert heads[:3] == ["town", "Rows", metric], "that of the gate first"
    assert ("false positive rate" in heads) == (classes == 2)
    assert re.findall(r'scope="row">([^<]*)', table)[-1] == "Largest difference"
    assert ">too few rows</text>" in text.partition(f'aria-label="{metric} by rare"')[2].partition("</svg>")[0]
    assert "rare&#x27;: fewer than two have 50 rows and a value." in text


@pytest.mark.parametrize("limit", [0.001, 0.9])
def test_the_limit_on_groups_has_the_interval_of_their_difference(limit: float) -> None:
    found = evaluations.evaluation(2, groups={"town": ["a", "b"]}, limit=limit)
    value = found["group_gate"]["value"]
    gates = Gate("auc", 0.9, "at least", 0.5, True), Gate("difference", value, "at most", limit, value <= limit, True)

    quality, groups = re.findall("<svg.*?</svg>", model.gate(Result(evaluation=found, gates=gates)))

    assert f"gate {limit:g}" in groups
    assert "naive model" in quality
    assert "naive model" not in groups
    assert all("<rect" in each for each in (quality, groups)), "with an interval"


@pytest.mark.parametrize("limit", [0.001, 0.9])
def test_a_limit_that_is_close_is_said_in_the_verdict(home: Path, limit: float) -> None:
    found = evaluations.evaluation(2, groups={"town": ["a", "b"]}, limit=limit)
    evaluations.execution(home, found)

    verdict = written(home).partition('aria-label="Verdict"')[2].partition("</section>")[0]

    assert ("with other test rows, it might pass." in verdict) == (limit == 0.001)


def test_the_page_is_written_beside_the_execution(home: Path, known: dict[int, dict[str, Any]], tmp_path: Path) -> None:
    made = evaluations.execution(home, known[2])
    found = document.gather(home.parent, "latest")

    assert page.write(found) == made.folder / "report.html"
    assert page.write(found, tmp_path / "new" / "r.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_report_that_cannot_be_written_does_not_fail_the_run(
    home: Path, known: dict[int, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    made = evaluations.execution(home, known[2])
    (made.folder / "report.html").mkdir()

    assert list(run._report(made, home.parent)) == []

    assert capsys.readouterr().err.startswith("warning: report.html: it cannot be written: ")


def test_only_some_executions_are_looked_at(
    home: Path, known: dict[int, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run after a thousand others is as quick as the first."""
    monkeypatch.setattr(document, "LOOKED_AT", 3)
    for number in range(6):
        evaluations.execution(home, {**known[2], "target": "z"} if number else known[2], f"e{number}", age=number)
    found = local.find(home, "e0")
    with mock.patch.object(executions, "_load", wraps=executions._load) as load:
        document.of(found, home)

    assert load.call_count == 3
