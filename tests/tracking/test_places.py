"""Which values [tracking] accepts, and where runs are then kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sagemaker_ops.project import settings
from sagemaker_ops.project.tracking import Tracking, misfits
from sagemaker_ops.tracking.record import metrics, requirements
from sagemaker_ops.tracking.session import place

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/team-1"
SETTINGS = settings.parse(
    {
        "project": {"name": "Flight delays", "slug": "flight-delays", "vertical": "customer"},
        "data": {"source": "data/a.csv", "target": "late", "problem": "classification"},
        "gate": {"metric": "auc", "minimum": 0.5},
    }
)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "local",
        ARN,
        "arn:aws-cn:sagemaker:cn-north-1:123456789012:mlflow-tracking-server/a",
        "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-app/app-AB12",
        "http://127.0.0.1:5000",
        "https://mlflow.example.com/team/a",
    ],
)
def test_places(uri: str) -> None:
    assert misfits(Tracking(uri)) == []
    assert bool(Tracking(uri).arn) is uri.startswith("arn:")


@pytest.mark.parametrize(
    "uri",
    [
        "Local",
        "true",
        ".local/mlflow",
        "sqlite:///mlflow.db",
        "file:///mlflow",
        "databricks",
        "http://",
        "http:///path",
        "mlflow.example.com",
        "https://two words",
        "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/a",
        "arn:aws:sagemaker:eu-west-1:1234:mlflow-tracking-server/a",
        "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/",
        "arn:aws:s3:::bucket",
        f"{ARN}\n",
    ],
)
def test_what_is_no_place(uri: str) -> None:
    [(key, sentence)] = misfits(Tracking(uri))

    assert key == "uri"
    assert sentence.startswith(f"'{uri}' is no place for MLflow: write \"local\", the ARN")
    assert Tracking(uri).arn == ""


def test_a_wrong_place_is_a_problem_of_project_toml() -> None:
    with pytest.raises(settings.UserError) as caught:
        settings.parse(
            {
                "project": {"name": "A", "slug": "aa", "vertical": "customer"},
                "data": {"source": "data/a.csv", "target": "late", "problem": "classification"},
                "gate": {"metric": "auc", "minimum": 0.5},
                "tracking": {"uri": "here"},
            }
        )

    assert [problem.where for problem in caught.value.problems] == ["project.toml [tracking].uri"]


def test_local_runs_are_kept_in_the_folder_of_local_runs(tmp_path: Path) -> None:
    here = place(replace(SETTINGS, tracking=Tracking("local")), tmp_path)
    there = place(replace(SETTINGS, tracking=Tracking("http://127.0.0.1:5000", "mine")), tmp_path)

    assert here == {
        "uri": f"sqlite:///{tmp_path}/.local/mlflow/mlflow.db",
        "experiment": "customer-flight-delays",
        "artifacts": f"file://{tmp_path}/.local/mlflow/artifacts",
    }
    assert there == {"uri": "http://127.0.0.1:5000", "experiment": "mine", "artifacts": ""}


def test_metrics_that_are_no_numbers_are_left_out() -> None:
    scores = {"auc": (0.7, 0.01), "mae": (float("inf"), None), "r2": (float("nan"), float("nan")), "f1": (1, None)}

    assert metrics(scores, {"auc": 0.5, "mae": float("inf")}) == {
        "auc": 0.7, "auc_sd": 0.01, "f1": 1.0, "baseline_auc": 0.5,
    }  # fmt: skip


def test_a_model_needs_the_packages_of_its_steps(tmp_path: Path) -> None:
    (tmp_path / "production" / "steps").mkdir(parents=True)
    own = tmp_path / "production" / "steps" / "requirements.txt"
    own.write_text("# ours\n\nlightgbm==4.7.0\n--no-binary :all:\n", encoding="utf-8")

    found = requirements(tmp_path)

    assert found[-1] == "lightgbm==4.7.0"
    assert [line.partition("==")[0] for line in found[:-1]] == [
        "joblib", "numpy", "pandas", "pyarrow", "scikit-learn", "threadpoolctl",
    ]  # fmt: skip
