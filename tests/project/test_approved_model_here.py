"""The parameters of a start that say which approved model the new one is compared with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sagemaker_ops.errors import UserError
from sagemaker_ops.project import approved_model
from sagemaker_ops.project.approved_model import Package, find_local

DECLARED = [*({"Name": name, "Type": "String", "DefaultValue": "x"} for name in approved_model.PARAMETERS)]
TOLERANCE = {"Name": "GateTolerance", "Type": "Float", "DefaultValue": 0.0}
FOUND = Package("3", "s3://b/model.tar.gz", "s3://b/evaluation.json")
NAMED = {
    "ApprovedModelVersion": "3",
    "ApprovedModelDataUrl": "s3://b/model.tar.gz",
    "ApprovedEvaluationUrl": "s3://b/evaluation.json",
}


def started(
    given: dict[str, str], found: Package = FOUND, declared: Any = DECLARED
) -> tuple[dict[str, str], list[str]]:
    """The parameters of the start, and the versions that were looked for."""
    looked: list[str] = []

    def find(version: str) -> Package:
        looked.append(version)
        return found

    return approved_model.parameters({"Parameters": declared}, given, find), looked


@pytest.mark.parametrize(
    ("given", "found", "expected", "looked"),
    [
        pytest.param({}, FOUND, NAMED, [""], id="the newest"),
        pytest.param({"MaxIter": "5"}, FOUND, {"MaxIter": "5", **NAMED}, [""], id="with another parameter"),
        pytest.param({}, Package(), {"ApprovedModelVersion": "none"}, [""], id="none"),
        pytest.param({}, Package("3"), {"ApprovedModelVersion": "3"}, [""], id="one whose archive is gone"),
        pytest.param({"ApprovedModelVersion": "3"}, FOUND, NAMED, ["3"], id="a chosen one"),
        pytest.param(
            {"ApprovedModelVersion": "none"}, FOUND, {"ApprovedModelVersion": "none"}, [], id="none, on purpose"
        ),
        pytest.param(
            {"ApprovedModelDataUrl": "s3://c/m"},
            FOUND,
            {"ApprovedModelVersion": "given", "ApprovedModelDataUrl": "s3://c/m"},
            [],
            id="an archive",
        ),
        pytest.param(
            {"ApprovedEvaluationUrl": "s3://c/e"},
            FOUND,
            {**NAMED, "ApprovedEvaluationUrl": "s3://c/e"},
            [""],
            id="an evaluation",
        ),
    ],
)
def test_a_start_names_the_approved_model_unless_it_is_given(
    given: dict[str, str], found: Package, expected: dict[str, str], looked: list[str]
) -> None:
    assert started(given, found) == (expected, looked)


@pytest.mark.parametrize(
    "declared",
    [None, [], DECLARED[:2], [{**each, "Type": "Integer"} for each in DECLARED]],
    ids=["none", "empty", "some", "numbers of someone else"],
)
def test_a_pipeline_without_these_parameters_looks_for_nothing(declared: Any) -> None:
    assert started({"QualityGate": "0.8"}, declared=declared) == ({"QualityGate": "0.8"}, [])


PREDICTS = [{**DECLARED[0], "DefaultValue": approved_model.REQUIRED}, *DECLARED[1:]]


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            Package(),
            "no model is approved, and this pipeline predicts with the approved one: `ops approve-model latest`",
        ),
        (Package("3"), "the archive of the approved version 3 is gone: train again; `ops approve-model latest`"),
    ],
)
def test_a_pipeline_that_predicts_needs_an_approved_model(found: Package, sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        started({}, found, PREDICTS)

    assert str(refused.value).startswith(sentence)


def test_a_pipeline_that_predicts_gets_the_approved_model_or_the_given_one() -> None:
    assert started({}, declared=PREDICTS) == (NAMED, [""])
    assert started({"ApprovedModelVersion": "3"}, declared=PREDICTS) == (NAMED, ["3"])
    given = {"ApprovedModelDataUrl": "s3://c/m"}
    assert started(given, declared=PREDICTS) == ({"ApprovedModelVersion": "given", **given}, [])


@pytest.mark.parametrize("value", ["-1", "-0.01", "-1e-3", "-.5"])
def test_a_tolerance_below_0_is_refused(value: str) -> None:
    with pytest.raises(UserError, match=f"^--param: GateTolerance is {value}: write 0 or more"):
        started({"GateTolerance": value}, declared=[*DECLARED, TOLERANCE])


@pytest.mark.parametrize("value", ["0", "-0.0", "0.5", "much"])
def test_another_tolerance_is_left_to_the_check_of_types(value: str) -> None:
    assert started({"GateTolerance": value}, declared=[*DECLARED, TOLERANCE])[0]["GateTolerance"] == value


def put(home: Path, number: int, approval: str, content: Any = None, files: bool = True) -> None:
    """Register a version on this machine."""
    uris = {name: f"s3://local/{number}/{name}" for name in ("model.tar.gz", "evaluation.json")}
    package = {
        "ModelApprovalStatus": approval,
        "InferenceSpecification": {"Containers": [{"ModelDataUrl": uris["model.tar.gz"]}]},
        "ModelMetrics": {"ModelQuality": {"Statistics": {"S3Uri": uris["evaluation.json"]}}},
    }
    file = home / "registry/group" / f"{number}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(package if content is None else content))
    for name in uris if files else ():
        place = home / "s3/local" / str(number) / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()


def found(number: int) -> Package:
    return Package(str(number), f"s3://local/{number}/model.tar.gz", f"s3://local/{number}/evaluation.json")


@pytest.mark.slow
def test_steps_and_commands_use_the_same_words() -> None:
    from sagemaker_ops.tabular import comparison  # it needs pandas and scikit-learn

    assert (comparison.NONE, comparison.UNKNOWN) == (approved_model.NONE, approved_model.UNKNOWN)


def test_the_newest_approved_version_here_is_found(tmp_path: Path) -> None:
    nothing = find_local(tmp_path, "group")
    for number, approval in enumerate(("Approved", "Approved", "Rejected", "PendingManualApproval"), 9):
        put(tmp_path, number, approval)
    put(tmp_path, 13, "", content=[])

    assert (nothing, find_local(tmp_path, "group"), find_local(tmp_path, "other")) == (Package(), found(10), Package())
    assert find_local(tmp_path, "group", "11") == found(11), "a chosen one need not be approved"


@pytest.mark.parametrize(
    ("content", "files", "expected"),
    [
        (None, False, Package("1")),
        ({"ModelApprovalStatus": "Approved"}, True, Package("1")),
        (
            {"ModelApprovalStatus": "Approved", "InferenceSpecification": {"Containers": []}, "ModelMetrics": 5},
            True,
            Package("1"),
        ),
        (
            {
                "ModelApprovalStatus": "Approved",
                "InferenceSpecification": {
                    "Containers": [{"ModelDataSource": {"S3DataSource": {"S3Uri": "s3://local/1/"}}}]
                },
            },
            True,
            Package("1", "s3://local/1/"),
        ),
    ],
    ids=["files are gone", "no archive", "another form", "an archive that is not compressed"],
)
def test_a_version_without_its_files_is_still_the_one_to_compare_with(
    tmp_path: Path, content: Any, files: bool, expected: Package
) -> None:
    put(tmp_path, 1, "Approved", content, files)

    assert find_local(tmp_path, "group") == expected


@pytest.mark.parametrize("version", ["2", "abc", "../1"])
def test_a_chosen_version_must_exist(tmp_path: Path, version: str) -> None:
    put(tmp_path, 1, "Approved")

    with pytest.raises(UserError, match=f"'group' has no version {version}: `ops list-models"):
        find_local(tmp_path, "group", version)
