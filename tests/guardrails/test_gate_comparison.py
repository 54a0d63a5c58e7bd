"""The settings of the comparison with the approved model: what passes, and what `ops check` says of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from projects import TEMPLATE_PROJECT

from sagemaker_ops.errors import UserError
from sagemaker_ops.guardrails import gate_check
from sagemaker_ops.project import settings

CALLS = "approved = approved_model_of(jobs, 'evaluation.py')"


def gate(root: Path, pipeline: str = CALLS, metric: str = "auc", **given: Any) -> list[str]:
    """The problems of a [gate] with these keys, as `place: sentence`."""
    problem = "regression" if metric in gate_check.REGRESSION else "classification"
    limit = {"maximum": 1.0} if metric in ("mae", "mse", "rmse") else {"minimum": 0.5}
    project = {"name": "x", "slug": "demo", "vertical": "customer"}
    data = {"source": "data", "target": "late", "problem": problem}
    loaded = settings.parse({"project": project, "data": data, "gate": {"metric": metric, **limit, **given}})
    file = root / "production/pipelines/_common.py"
    file.parent.mkdir(parents=True)
    file.write_text(pipeline)
    return [str(each) for each in gate_check.check(loaded, root)]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"against": "approved"},
        {"against": "approved", "tolerance": 0},
        {"against": "approved", "tolerance": 0.0},
        {"against": "approved", "tolerance": 0.5},
        {"against": "approved", "tolerance": 30, "metric": "mae"},
        {"against": "approved", "tolerance": 2, "metric": "r2"},
    ],
)
def test_a_comparison_that_is_meant_passes(tmp_path: Path, given: dict[str, Any]) -> None:
    assert gate(tmp_path, **given) == []


@pytest.mark.parametrize(
    ("given", "key", "sentence"),
    [
        ({"tolerance": 0.01}, "tolerance", 'it is only for a comparison: add `against = "approved"`, or remove it.'),
        ({"tolerance": 0.0}, "tolerance", 'it is only for a comparison: add `against = "approved"`, or remove it.'),
        (
            {"against": "approved", "tolerance": -0.01},
            "tolerance",
            "-0.01 is below 0: write how much worse than the approved model a new one may be, or 0.",
        ),
        (
            {"against": "approved", "tolerance": 2},
            "tolerance",
            "auc is from 0 to 1, so every model would pass: write 0.02.",
        ),
        (
            {"against": "approved", "tolerance": 1.0, "metric": "weighted_f1"},
            "tolerance",
            "weighted_f1 is from 0 to 1, so every model would pass: write 0.01.",
        ),
        (
            {"against": "approved", "tolerance": 500},
            "tolerance",
            "auc is from 0 to 1, so every model would pass: write less.",
        ),
        (
            {"against": "approved", "pipeline": "def judge(jobs): ..."},
            "against",
            "no pipeline calls `approved_model_of`, so nothing is compared: add it as in a new project, or remove it.",
        ),
    ],
)
def test_a_comparison_that_cannot_be_meant_is_refused(
    tmp_path: Path, given: dict[str, Any], key: str, sentence: str
) -> None:
    assert gate(tmp_path, **given) == [f"project.toml [gate].{key}: {sentence}"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"against": "best"}, r"\[gate\]\.against: 'best' is not one of 'approved'\."),
        ({"against": ""}, r"\[gate\]\.against: '' is not one of 'approved'\."),
        ({"against": True}, r"\[gate\]\.against: expected a string"),
        ({"against": "approved", "tolerance": "small"}, r"\[gate\]\.tolerance: expected a number"),
        ({"against": "approved", "tolerance": float("nan")}, r"\[gate\]\.tolerance: expected a number"),
    ],
)
def test_a_value_of_another_kind_is_an_error_of_the_file(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        gate(tmp_path, **given)


def test_the_pipelines_of_a_new_project_can_compare() -> None:
    from sagemaker_ops.project import script_text

    assert script_text.calls(TEMPLATE_PROJECT, Path("production/pipelines"), gate_check.COMPARED)
