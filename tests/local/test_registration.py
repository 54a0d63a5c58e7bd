"""When a run registers a new version of a model, and when it finds the one that an earlier run registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from local.conftest import BUCKET, Local

from sagemaker_ops.local.preview import CACHED, RUNS, preview
from sagemaker_ops.terminal import summary

CACHE: dict[str, Any] = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"}}
FIT = "import pathlib; pathlib.Path('/opt/ml/processing/model/m').write_text('m')"
CHECK = "import pathlib; pathlib.Path('/opt/ml/processing/report/r').write_text('{\"auc\": 0.8}')"
NAME = "customer-demo-train-local"


def steps(
    local: Local, fit: str = FIT, check: str = CHECK, gate: float = 0.7, cached: bool = True, **more: Any
) -> list[dict[str, Any]]:
    """Fit makes a model, Check a report about it, and if that passes the gate, Register registers the model."""
    fitting = local.processing("Fit", fit, outputs=("model",), **(CACHE if cached else {}))
    model = local.output_of("Fit", "model")
    report = {"Report": "report/r"}
    checking = local.processing("Check", check, inputs={"model": model}, outputs=("report",), files=report, **CACHE)
    specification = {"Containers": [{"ModelDataUrl": model}]}
    register = local.register("Register", InferenceSpecification=specification, **more)
    passes = local.compare("GreaterThanOrEqualTo", local.json_get("Check", "Report", "auc"), gate)
    return [fitting, checking, local.condition("Gate", passes, then=[register], otherwise=[local.fail("Low", "low")])]


def versions(local: Local) -> list[str]:
    return sorted(file.stem for file in (local.home / "registry" / "models").glob("*.json"))


def test_a_run_in_which_every_job_is_cached_finds_the_registered_version(local: Local) -> None:
    first = local.run(*steps(local))
    again = [local.run(*steps(local)) for _ in range(2)]

    for execution in again:
        step = execution.steps["Register"]
        assert (execution.status, step.status, step.source) == ("Succeeded", "Succeeded", first.id)
        assert step.properties == first.steps["Register"].properties
    assert versions(local) == ["1"]


def started_by(text: str, **more: str) -> dict[str, Any]:
    return {"CustomerMetadataProperties": {"StartedBy": text, **more}}


EXECUTION = {"CustomerMetadataProperties": {"PipelineExecutionArn": {"Get": "Execution.PipelineExecutionArn"}}}


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(EXECUTION, EXECUTION, id="another execution"),
        pytest.param(started_by("user=anna commit=1"), started_by("user=bo commit=2"), id="somebody else"),
        pytest.param({}, started_by("user=anna"), id="an older definition"),
        pytest.param(started_by("a", use="x"), started_by("b", use="x"), id="with other metadata"),
    ],
)
def test_who_starts_a_run_makes_no_difference_to_its_model(
    local: Local, before: dict[str, Any], now: dict[str, Any]
) -> None:
    first = local.run(*steps(local, **before)).steps["Register"]

    again = local.run(*steps(local, **now)).steps["Register"]

    assert again.properties == first.properties
    assert versions(local) == ["1"]


def remove_the_version(local: Local) -> None:
    (local.home / "registry" / "models" / "1.json").unlink()
    local.run(local.register("Register"))  # another model becomes version 1


@pytest.mark.parametrize(
    ("more", "options", "between"),
    [
        pytest.param({}, {"cache": False}, None, id="without the cache"),
        pytest.param({"fit": f"{FIT}  # edited"}, {}, None, id="a model that was made again"),
        pytest.param({"check": f"{CHECK}  # edited"}, {}, None, id="a model that was checked again"),
        pytest.param({"cached": False}, {}, None, id="a job without a cache"),
        pytest.param({"group": "others"}, {}, None, id="another group"),
        pytest.param({"ModelApprovalStatus": "Approved"}, {}, None, id="another status"),
        pytest.param(started_by("anna", purpose="demo"), {}, None, id="other metadata"),
        pytest.param({}, {}, remove_the_version, id="a version that is gone"),
    ],
)
def test_otherwise_a_run_registers_a_new_version(
    local: Local, more: dict[str, Any], options: dict[str, Any], between: Callable[[Local], None] | None
) -> None:
    before = local.run(*steps(local)).steps["Register"].properties
    if between:
        between(local)

    step = local.run(*steps(local, **more), options=options).steps["Register"]

    assert (step.status, step.source) == ("Succeeded", None)
    assert (step.properties["ModelPackageArn"], step.properties["CreationTime"]) != (
        before["ModelPackageArn"],
        before["CreationTime"],
    )


def test_a_step_without_jobs_before_it_always_registers(local: Local) -> None:
    local.store.put(f"{BUCKET}/m", b"m")
    register = local.register("Register", InferenceSpecification={"Containers": [{"ModelDataUrl": f"{BUCKET}/m"}]})

    assert [local.run(register).steps["Register"].source for _ in range(2)] == [None, None]
    assert versions(local) == ["1", "2"]


def test_the_gate_decides_whether_or_not_the_jobs_are_cached(local: Local) -> None:
    local.run(*steps(local))

    failed = local.run(*steps(local, gate=0.9))
    assert (failed.status, failed.steps["Check"].source is not None) == ("Failed", True)
    assert failed.steps["Register"].status == "NotStarted"
    assert local.run(*steps(local, gate=0.8)).steps["Register"].properties["ModelPackageVersion"] == 1


@pytest.mark.parametrize(
    ("more", "does", "because", "aws"),
    [
        ({}, CACHED, "already registered as version 1", "on AWS it registers another version"),
        (EXECUTION, CACHED, "already registered as version 1", "on AWS it registers another version"),
        ({"group": "others"}, RUNS, "", ""),
        ({"check": f"{CHECK}  # edited"}, RUNS, "", ""),
    ],
)
def test_the_plan_says_so(local: Local, more: dict[str, Any], does: str, because: str, aws: str) -> None:
    local.run(*steps(local))

    found = preview(local.definition(*steps(local, **more)), pipeline_name=NAME, parameters={}, home=local.home)

    register = found.steps["Register"]
    assert (register.does, register.because, register.aws) == (does, because, aws)


# Groups that are named by their ARN, and packages without a group


@pytest.mark.parametrize(
    "group",
    [
        "models",
        "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/models",
        "arn:aws-cn:sagemaker:cn-north-1:123456789012:model-package-group/models",
        {"Get": "Parameters.Group"},
    ],
    ids=str,
)
def test_a_group_is_named_by_its_name_or_its_arn(local: Local, group: Any) -> None:
    parameter = local.parameter(
        "Group", "String", "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/models"
    )
    register = local.register("Register", ModelPackageGroupName=group)
    first, second = (local.run(register, parameters=[parameter]).steps["Register"].properties for _ in range(2))

    assert (first["ModelPackageGroupName"], second["ModelPackageVersion"]) == ("models", 2)
    assert second["ModelPackageArn"] == "arn:aws:sagemaker:us-east-1:123456789012:model-package/models/2"
    assert versions(local) == ["1", "2"]


@pytest.mark.parametrize(
    "group",
    [
        "a b",
        "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/",
        "arn:aws:sagemaker:us-east-1:123456789012:model-package/models",
        "arn:aws:sagemaker:us-east-1:1:model-package-group/models",
    ],
)
def test_another_name_of_a_group_fails_the_step(local: Local, group: str) -> None:
    reason = local.run(local.register("Register", ModelPackageGroupName=group)).steps["Register"].failure_reason

    assert str(reason).endswith(" is not a valid model package group name: use letters, digits and '-'.")


def alone(local: Local, **arguments: Any) -> dict[str, Any]:
    """A step that registers a model without a group."""
    step = local.register("Register", **arguments)
    del step["Arguments"]["ModelPackageGroupName"]
    return step


def test_a_package_without_a_group_has_a_name_and_no_version(local: Local) -> None:
    first, second = (
        local.run(alone(local, ModelApprovalStatus="Approved")).steps["Register"].properties for _ in range(2)
    )

    assert first["ModelPackageName"].startswith("pipelines-")
    assert first["ModelPackageArn"].endswith(f":model-package/{first['ModelPackageName'].lower()}")
    assert first["ModelPackageName"] != second["ModelPackageName"]
    assert not {"ModelPackageVersion", "ModelPackageGroupName", "ModelApprovalStatus"} & first.keys()
    assert len(list((local.home / "registry" / ".unversioned").glob("*.json"))) == 2
    assert local.run(local.register("Register")).steps["Register"].properties["ModelPackageVersion"] == 1


def test_its_name_is_given_once(local: Local) -> None:
    first, second = (local.run(alone(local, ModelPackageName="mine")).steps["Register"] for _ in range(2))

    assert first.properties["ModelPackageArn"] == "arn:aws:sagemaker:us-east-1:123456789012:model-package/mine"
    assert second.failure_reason == "there is already a model package 'mine' on this machine."


def test_it_is_found_again_if_no_job_ran(local: Local) -> None:
    def made() -> list[dict[str, Any]]:
        specification = {"Containers": [{"ModelDataUrl": local.output_of("Fit", "model")}]}
        return [*steps(local)[:2], alone(local, InferenceSpecification=specification)]

    first = local.run(*made())
    found = preview(local.definition(*made()), pipeline_name=NAME, parameters={}, home=local.home).steps["Register"]
    again = local.run(*made())

    assert (found.does, found.because) == (CACHED, "already registered")
    assert again.steps["Register"].source == first.id
    name = first.steps["Register"].properties["ModelPackageName"].lower()  # as in its ARN
    said = [list(summary.ended(each))[-1].partition(": ")[2] for each in (first, again)]
    assert said == [f"{word} model package {name}, which has no versions." for word in ("registered", "found")]
