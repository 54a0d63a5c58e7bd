"""A start on AWS says which approved model the new one is compared with; a failed search is never "no model"."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from projects import Result

from aws import gaps
from aws.conftest import ACCOUNT, BUCKET, REGION, Aws
from aws.executed import ARCHIVE, DEFINITION, TAGS, TRAIN, deploy, requests
from aws.test_models import GROUP, put_group

pytestmark = pytest.mark.slow

Ops = Callable[..., Result]
NAMES = ("ApprovedModelVersion", "ApprovedModelDataUrl", "ApprovedEvaluationUrl")
DEFAULTS = ("unknown", ARCHIVE, ARCHIVE)
START = ("start-pipeline-execution", "train", "--yes")


def comparing() -> dict[str, Any]:
    """A pipeline whose evaluation gets the approved model."""
    definition = copy.deepcopy(DEFINITION)
    pairs = zip(NAMES, DEFAULTS, strict=True)
    definition["Parameters"] += [{"Name": name, "Type": "String", "DefaultValue": value} for name, value in pairs]
    [evaluation] = [step for step in definition["Steps"] if step["Name"] == "Evaluation"]
    evaluation["Arguments"]["ProcessingInputs"] = [
        {
            "InputName": name,
            "S3Input": {
                "S3Uri": {"Get": f"Parameters.{parameter}"},
                "LocalPath": f"/opt/{name}",
                "S3DataType": "S3Prefix",
            },
        }
        for name, parameter in (("approved", NAMES[1]), ("approved-evaluation", NAMES[2]))
    ]
    return definition


def put(aws: Aws, approval: str, group: str = GROUP, files: tuple[str, ...] = ("model.tar.gz", "evaluation")) -> None:
    """Add a version to a group, with its files on S3."""
    client = aws.client("sagemaker")
    number = len(client.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]) + 1
    for name, uri in (("model.tar.gz", model(number, group)), ("evaluation", evaluation(group))):
        if name in files:
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"{}")
    client.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus=approval,
        InferenceSpecification={
            "Containers": [{"Image": "image", "ModelDataUrl": model(number, group)}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        ModelMetrics={"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": evaluation(group)}}},
    )


def model(number: int, group: str = GROUP) -> str:
    return f"s3://{BUCKET}/customer/{group}/{number}/model.tar.gz"


def evaluation(group: str = GROUP) -> str:
    return f"s3://{BUCKET}/customer/flight-delays/dev/runs/{group}/evaluation.json"


def sent() -> dict[str, str]:
    """The parameters of the one start."""
    [request] = requests("start_pipeline_execution")
    return {each["Name"]: each["Value"] for each in request["PipelineParameters"]}


def named(number: int, group: str = GROUP) -> dict[str, str]:
    return dict(zip(NAMES, (str(number), model(number, group), evaluation(group)), strict=True))


@pytest.mark.parametrize(
    ("approvals", "arguments", "expected"),
    [
        pytest.param(["Approved"], (), named(1), id="one"),
        pytest.param(["Approved", "Approved", "Rejected", "PendingManualApproval"], (), named(2), id="the newest"),
        pytest.param(["Rejected", "PendingManualApproval"], (), {NAMES[0]: "none"}, id="none approved"),
        pytest.param([], (), {NAMES[0]: "none"}, id="an empty group"),
        pytest.param(None, (), {NAMES[0]: "none"}, id="no group"),
        pytest.param(
            ["Approved", "Approved"], ("--param", f"{NAMES[0]}=1"), named(1), id="a version given with --param"
        ),
        pytest.param(["Approved"], ("--param", f"{NAMES[0]}=none"), {NAMES[0]: "none"}, id="none, given with --param"),
        pytest.param(
            ["Approved"],
            ("--param", f"{NAMES[1]}={ARCHIVE}"),
            {NAMES[0]: "given", NAMES[1]: ARCHIVE},
            id="an archive given with --param",
        ),
    ],
)
def test_a_start_names_the_newest_approved_version(
    aws: Aws, ops: Ops, approvals: list[str] | None, arguments: tuple[str, ...], expected: dict[str, str]
) -> None:
    if approvals is not None:
        put_group(aws)
    for approval in approvals or ():
        put(aws, approval)
    deploy(aws, definition=comparing())

    done = ops(*START, *arguments)

    assert done.code == 0, done
    assert sent() == expected
    assert f"{NAMES[0]} = {expected[NAMES[0]]}" in done.out if NAMES[0] in expected else True


@pytest.mark.parametrize(
    ("files", "left"),
    [(("evaluation",), (NAMES[0], NAMES[2])), (("model.tar.gz",), NAMES[:2]), ((), NAMES[:1])],
    ids=["no archive", "no evaluation", "neither"],
)
def test_files_that_are_gone_do_not_stop_the_start(
    aws: Aws, ops: Ops, files: tuple[str, ...], left: tuple[str, ...]
) -> None:
    put_group(aws)
    put(aws, "Approved", files=files)
    deploy(aws, definition=comparing())

    done = ops(*START)

    assert done.code == 0, done
    assert sent() == {name: value for name, value in named(1).items() if name in left}


DENIED = "User: x is not authorized to perform: sagemaker:{}"


@pytest.mark.parametrize(
    ("operation", "fault", "sentence"),
    [
        (
            "list_model_packages",
            (400, "AccessDeniedException", DENIED.format("ListModelPackages")),
            "your role does not allow sagemaker:ListModelPackages",
        ),
        (
            "describe_model_package",
            (400, "AccessDeniedException", DENIED.format("DescribeModelPackage")),
            "your role does not allow sagemaker:DescribeModelPackage",
        ),
        ("list_model_packages", (400, "ExpiredTokenException", "expired"), "your AWS credentials have expired"),
        ("list_model_packages", (400, "ValidationException", "no such sort"), "AWS says 'no such sort'"),
    ],
    ids=["list", "describe", "expired", "invalid"],
)
def test_a_search_that_fails_is_one_sentence_and_no_start(
    aws: Aws, ops: Ops, operation: str, fault: tuple[int, str, str], sentence: str
) -> None:
    put_group(aws)
    put(aws, "Approved")
    deploy(aws, definition=comparing())
    gaps.FAULTS[operation] = [fault] * 9

    done = ops(*START)

    assert done.code == 4, done
    [error] = [line for line in done.err.splitlines() if not line.startswith("account ")]
    assert error.startswith("error: cannot ")
    assert sentence in error
    assert aws.calls("start_pipeline_execution") == []


def test_a_model_from_elsewhere_is_not_loaded(aws: Aws, ops: Ops) -> None:
    deploy(aws, definition=comparing())

    done = ops(*START, "--param", f"{NAMES[1]}=s3://another-bucket/model.tar.gz")

    assert done.code == 3
    own = f"s3://{BUCKET}/customer/"
    assert f"'s3://another-bucket/model.tar.gz' is not below {own}" in done.err
    assert "loading a model runs the code in it" in done.err
    assert requests("start_pipeline_execution") == []


def test_a_pipeline_that_compares_nothing_looks_for_nothing(aws: Aws, ops: Ops) -> None:
    put_group(aws)
    put(aws, "Approved")
    deploy(aws)

    done = ops(*START)

    assert done.code == 0, done
    assert sent() == {}
    assert aws.calls("list_model_packages", "describe_model_package") == []


@pytest.mark.parametrize(
    ("pipeline", "tags", "arguments", "group"),
    [
        ("customer-churn-train-dev", {"project": "churn"}, ("customer-churn-train-dev",), "customer-churn-dev"),
        (f"{TRAIN}-anna", {"user": "anna"}, ("train", "--as", "anna"), GROUP),
    ],
    ids=["another project's", "a personal deployment"],
)
def test_the_group_is_the_shared_one_of_the_pipelines_project(
    aws: Aws, ops: Ops, pipeline: str, tags: dict[str, str], arguments: tuple[str, ...], group: str
) -> None:
    put_group(aws, group)
    put(aws, "Approved", group)
    deploy(aws, pipeline, {**TAGS, **tags}, comparing())

    done = ops("start-pipeline-execution", *arguments, "--yes")

    assert done.code == 0, done
    assert sent() == named(1, group)


def test_the_group_of_another_environment_is_refused(aws: Aws, ops: Ops) -> None:
    put_group(aws, GROUP, {"vertical": "customer", "env": "prod"})
    put(aws, "Approved")
    deploy(aws, definition=comparing())

    done = ops(*START)

    assert done.code == 3, done
    assert f"model package group '{GROUP}' belongs to environment 'prod'" in done.err
    assert aws.calls("start_pipeline_execution") == []


def test_latest_is_the_newest_version_to_approve(aws: Aws, ops: Ops) -> None:
    put_group(aws)
    empty = ops("approve-model", "latest", "--yes")
    for _ in range(2):
        put(aws, "PendingManualApproval")

    done = ops("approve-model", "latest", "--yes")

    assert (empty.code, f"'{GROUP}' has no versions yet" in empty.err) == (2, True), empty
    assert done.code == 0, done
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{GROUP}/2"
    assert aws.client("sagemaker").describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"] == "Approved"
