"""The sentence on the approved model: once at the end of a run, on both pages, and in GitLab's reports."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from report import evaluations
from report.evaluations import NOW
from sagemaker_ops.local import Execution
from sagemaker_ops.project import approved_model
from sagemaker_ops.report import document, page, results
from sagemaker_ops.review import gathered
from sagemaker_ops.review.change import Change
from sagemaker_ops.review.gathered import Section
from sagemaker_ops.terminal import gitlab_reports, summary

SAID = "Compared with version 3: auc 0.751 against 0.742 on the same 4,000 rows: better by 0.009."
EVALUATION: dict[str, Any] = {
    "binary_classification_metrics": {"auc": {"value": 0.751, "standard_deviation": 0.01}},
    "gate": {"metric": "auc", "value": 0.751},
    "approved": {"version": "3", "metric": "auc", "value": 0.742, "worse_by": -0.009, "sentence": SAID},
    "warnings": [],
}
WARNED = {**EVALUATION, "warnings": ["3 rows were dropped.", SAID]}
FAILED = (
    "step 'QualityGateFailed': auc of the model is 0.751, and the quality gate requires at least 0.65; "
    f"{SAID} It may be worse by at most 0."
)


def ran(tmp_path: Path, content: dict[str, Any], reason: str | None = None) -> Execution:
    """An execution whose second condition compared the models."""
    made = evaluations.execution(tmp_path / ".local", content)
    made.steps["Gate"].status, made.failure_reason = "Succeeded", reason
    definition = copy.deepcopy(evaluations.DEFINITION)
    definition["Parameters"] += [
        {"Name": name, "Type": "String", "DefaultValue": "unknown"} for name in approved_model.PARAMETERS
    ]
    path = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Measure.PropertyFiles.Report"}, "Path": "approved.worse_by"}}
    [gate] = [each for each in definition["Steps"] if each["Name"] == "Gate"]
    gate["Arguments"]["Conditions"] = [{"Type": "LessThanOrEqualTo", "LeftValue": path, "RightValue": 0.0}]
    (made.folder / "definition.json").write_text(json.dumps(definition))
    made.parameters |= dict.fromkeys(approved_model.PARAMETERS, "s3://b/3")
    made.save()
    return made


@pytest.mark.parametrize(
    ("content", "reason", "line"),
    [
        (EVALUATION, None, SAID),
        (WARNED, None, f"warning: {SAID}"),
        (EVALUATION, FAILED, f"Succeeded in 3.0 s: {FAILED}"),
    ],
    ids=["compared", "in doubt", "failed"],
)
def test_the_end_of_a_run_says_it_once(tmp_path: Path, content: dict[str, Any], reason: str | None, line: str) -> None:
    lines = list(summary.ended(ran(tmp_path, content, reason)))

    assert [each for each in lines if SAID in each] == [line]


@pytest.mark.parametrize(
    "approved", [None, 5, {}, {"sentence": None}, {"sentence": ["x"]}], ids=["none", "number", "empty", "null", "list"]
)
def test_an_evaluation_without_a_comparison_says_nothing(tmp_path: Path, approved: Any) -> None:
    content = {key: value for key, value in EVALUATION.items() if key != "approved"}
    content |= {} if approved is None else {"approved": approved}

    assert summary.comparison(content) == []
    assert "train_auc_approved" not in "".join(gitlab_reports.metrics("train", ran(tmp_path, content)))


def test_the_report_and_the_review_show_it_instead_of_the_condition(tmp_path: Path) -> None:
    made = ran(tmp_path, EVALUATION)
    result = results.of(made)

    shown = page.page(document.of(made, tmp_path / ".local"), NOW)
    section = Section(Change("train", {}, {}), result, None)

    assert (result.gates, result.notes) == ((), ()), "the parameters that ops sets are not shown as set by hand"
    assert f"<p>{SAID}</p>" in shown
    assert section.sentences[1] == SAID
    assert gathered.WORDS[section.level] == "Passed"


def test_gitlab_shows_it_with_the_gate_and_the_approved_models_metric(tmp_path: Path) -> None:
    passed, failed = ran(tmp_path / "a", EVALUATION), ran(tmp_path / "b", EVALUATION, FAILED)
    failed.steps["Refuse"].type, failed.steps["Refuse"].status = "Fail", "Failed"
    failed.steps["Refuse"].failure_reason = FAILED

    said, reason = (
        ElementTree.fromstring(gitlab_reports.tests("train", each).encode())[0][0] for each in (passed, failed)
    )

    assert said.findtext("system-out") == SAID
    assert (reason.findtext("failure") or "").splitlines() == [FAILED, "auc: 0.751"]
    assert "train_auc_approved 0.742" in list(gitlab_reports.metrics("train", passed))
