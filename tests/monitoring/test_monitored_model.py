"""Which model new data are compared with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from projects import MINIMAL
from report import evaluations

from sagemaker_ops.errors import RefusedError, UserError
from sagemaker_ops.monitoring import models, run
from sagemaker_ops.project import settings
from sagemaker_ops.project.layout import LOCAL_FOLDER
from sagemaker_ops.project.settings import Settings
from sagemaker_ops.store import Store

ARCHIVE = "s3://local/models/{}/output/model.tar.gz"
EVALUATION = {"binary_classification_metrics": {"auc": {"value": 0.7}}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project.toml").write_text(MINIMAL, encoding="utf-8")
    return tmp_path


def loaded(root: Path) -> Settings:
    return settings.load(root)


def executed(root: Path, name: str, *, age: int, trained: bool = True, kept: bool = True) -> None:
    """An execution whose first step trained a model; kept: whether the archive is still there."""
    found = evaluations.execution(root / LOCAL_FOLDER, EVALUATION, name, age=age)
    if trained:
        uri = ARCHIVE.format(name)
        found.steps["Measure"].properties = {"ModelArtifacts": {"S3ModelArtifacts": uri}}
        found.save()
        if kept:
            Store(root / LOCAL_FOLDER / "s3").put(uri, b"archive")


def approved(root: Path, *, kept: bool = True) -> None:
    """Version 4, approved, with its archive and evaluation."""
    uris = {"model": ARCHIVE.format("four"), "evaluation": "s3://local/runs/evaluation.json"}
    package = {
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": {"Containers": [{"ModelDataUrl": uris["model"]}]},
        "ModelMetrics": {"ModelQuality": {"Statistics": {"S3Uri": uris["evaluation"]}}},
    }
    folder = root / LOCAL_FOLDER / "registry" / "customer-churn-local"
    folder.mkdir(parents=True)
    (folder / "4.json").write_text(json.dumps(package), encoding="utf-8")
    store = Store(root / LOCAL_FOLDER / "s3")
    store.put(uris["evaluation"], json.dumps(EVALUATION).encode())
    if kept:
        store.put(uris["model"], b"archive")


def test_the_latest_is_the_newest_that_trained_a_model(project: Path) -> None:
    executed(project, "old", age=9)
    executed(project, "trained", age=5)
    executed(project, "gone", age=3, kept=False)
    executed(project, "scored", age=1, trained=False)

    latest, chosen = (models.find(name, loaded(project), project) for name in ("latest", "old"))

    store = Store(project / LOCAL_FOLDER / "s3")
    assert latest.name == "the model of execution trained"
    assert latest.folder == store.get_file(ARCHIVE.format("trained")).parent
    assert latest.evaluation == EVALUATION
    assert chosen.folder == store.get_file(ARCHIVE.format("old")).parent


def test_the_approved_one_has_the_evaluation_that_it_was_registered_with(project: Path) -> None:
    approved(project)

    found = models.find("approved", loaded(project), project)

    assert (found.name, found.evaluation) == ("version 4 of customer-churn-local", EVALUATION)
    assert (found.folder / "model.tar.gz").read_bytes() == b"archive"


def test_a_model_outside_the_project_is_not_loaded(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "schema.json").write_text("{}")
    (project / "linked").symlink_to(elsewhere)

    for given in (elsewhere, project / "linked"):
        with pytest.raises(RefusedError, match="is outside the project: loading a model runs the code in it"):
            models.find(str(given), loaded(project), project)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("latest", "--model: no execution on this machine has trained a model: run `make run` first."),
        ("scored", "--model: execution scored has no model: give one that trained a model."),
        ("sored", "there is no execution 'sored' on this machine. Did you mean 'scored'?"),
        (
            "approved",
            "--model: the archive of version 4 of customer-churn-local is no longer on this machine: "
            "run `make run` again.",
        ),
        ("model.tar.gz", "--model: 'model.tar.gz' has no model.tar.gz: give the folder of a model's archive."),
    ],
)
def test_a_model_that_is_not_there_is_one_sentence(
    project: Path, wanted: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    executed(project, "scored", age=1, trained=False)
    approved(project, kept=False)

    with pytest.raises(UserError) as caught:
        models.find(wanted, loaded(project), project)

    assert str(caught.value) == sentence


def test_the_rows_are_those_of_the_source_unless_others_are_given(project: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file or folder 'data\.csv'"):
        run.table_path(None, loaded(project), project)
    (project / "data.csv").write_text("late\n1\n", encoding="utf-8")

    assert run.table_path(None, loaded(project), project) == project / "data.csv"
    assert run.table_path(str(project), loaded(project), project) == project
    with pytest.raises(UserError, match="'s3://there/is/none' is on S3, and a local run needs a copy"):
        run.table_path("s3://there/is/none", loaded(project), project)
