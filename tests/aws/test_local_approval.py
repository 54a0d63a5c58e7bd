"""approve-model and reject-model with --env local: the versions that local runs registered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sagemaker_ops.aws import local_approval, models
from sagemaker_ops.errors import UserError
from sagemaker_ops.project import approved_model

GROUP = "customer-demo-local"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """.local with two versions."""
    folder = tmp_path / "registry" / GROUP
    folder.mkdir(parents=True)
    for number in (9, 10):
        content = {
            "ModelPackageVersion": number,
            "ModelPackageArn": "arn",
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": "PendingManualApproval",
            "CreationTime": "2026-11-29T10:00:00+00:00",
            "Kept": [number],
        }
        (folder / f"{number}.json").write_text(json.dumps(content))
    return tmp_path


@pytest.mark.parametrize(
    ("named", "number"), [("9", 9), ("10", 10), ("latest", 10), (f"{GROUP}/9", 9), (f"{GROUP}/latest", 10), ("010", 10)]
)
def test_a_version_is_found_by_its_number_or_as_the_latest(home: Path, named: str, number: int) -> None:
    assert local_approval.find(home, named, GROUP).number == number


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ("11", f"'{GROUP}' has no version 11: `ops list-models --env local` shows the existing ones."),
        ("newest", "'newest' is not a version: write its number, such as 3; `ops list-models` shows them."),
        ("", "'' is not a version: write its number, such as 3; `ops list-models` shows them."),
        ("other/1", "there is no version of 'other' on this machine: a run registers one if it passes the gate."),
        ("../x/1", "'../x' is not a valid model package group name: use letters, digits and '-'."),
    ],
)
def test_a_version_that_does_not_exist_is_one_sentence(home: Path, named: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        local_approval.find(home, named, GROUP)

    assert str(caught.value) == sentence


def test_approved_and_rejected_versions_are_what_a_run_compares_with(home: Path) -> None:
    def decide(named: str, approval: str, reason: str = "") -> str:
        local_approval.set_approval(home, local_approval.find(home, named, GROUP), approval, reason)
        return approved_model.find_local(home, GROUP).version

    assert [decide("9", "Approved"), decide("latest", "Approved"), decide("10", "Rejected", "too slow")] == [
        "9",
        "10",
        "9",
    ]
    newest, older = models.list_local_versions(home, GROUP, 2)
    assert (newest.approval, newest.approval_description) == ("Rejected", "too slow")
    assert older.approval_description.startswith("Approved by ")
    assert json.loads((home / "registry" / GROUP / "9.json").read_text())["Kept"] == [9], "the rest is unchanged"


def test_a_registry_that_cannot_be_changed_is_one_sentence(home: Path) -> None:
    found = local_approval.find(home, "9", GROUP)
    (home / "registry" / GROUP / "9.json").unlink()

    with pytest.raises(UserError, match=r"9\.json cannot be changed: No such file or directory\."):
        local_approval.set_approval(home, found, "Approved", "")
