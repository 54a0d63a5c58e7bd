"""list-models, approve-model and reject-model: the metrics of a version, and who may approve it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from projects import Project, Result

from aws import gaps
from aws.conftest import ACCOUNT, BUCKET, REGION, Aws
from sagemaker_ops.aws import models
from sagemaker_ops.aws.account import Account
from sagemaker_ops.project import settings

pytestmark = pytest.mark.slow

Ops = Callable[..., Result]
GROUP = "customer-flight-delays-dev"
OWN = {"vertical": "customer", "env": "dev", "owner": "ana@example.com"}
EVALUATION = {
    "binary_classification_metrics": {
        "auc": {"value": 0.83, "standard_deviation": 0.01},
        "confusion_matrix": {"0": {"0": 9}},
    },
    "baseline": {"auc": {"value": 0.5}},
}


def put_group(aws: Aws, name: str = GROUP, tags: dict[str, str] = OWN) -> None:
    aws.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=name, Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
    )


def put_version(aws: Aws, group: str = GROUP, evaluation: Any = EVALUATION, **more: Any) -> str:
    """Add a version, with its evaluation on S3 if given; returns its ARN."""
    key = f"customer/flight-delays/dev/runs/{group}/evaluation.json"
    if evaluation is not None:
        aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(evaluation).encode())
    arn: str = aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [{"Image": "image"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        ModelMetrics={
            "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": f"s3://{BUCKET}/{key}"}}
        },
        **more,
    )["ModelPackageArn"]
    return arn


def approval(aws: Aws, arn: str) -> tuple[str, str]:
    found = aws.client("sagemaker").describe_model_package(ModelPackageName=arn)
    return found["ModelApprovalStatus"], found.get("ApprovalDescription", "")


def test_the_versions_are_listed_with_the_metric_of_the_gate(ops: Ops, aws: Aws) -> None:
    put_group(aws)
    for _ in range(3):
        put_version(aws)

    done, last = ops("list-models"), ops("list-models", "--last", "1", "--output", "json")

    assert done.code == 0, done
    group, heading, *rows = done.out.splitlines()
    assert (group, heading.split()[:4]) == (GROUP, ["version", "approval", "status", "auc"])
    assert sorted(row.split()[:4] for row in rows) == [
        [str(number), "PendingManualApproval", "Completed", "0.83"] for number in (1, 2, 3)
    ]
    [version] = json.loads(last.out)["ModelPackages"]
    assert version["Metrics"]["binary_classification_metrics"]["auc"]["value"] == 0.83
    assert version["ModelPackageGroupName"] == GROUP


@pytest.mark.parametrize(
    ("metadata", "columns", "document"),
    [
        pytest.param(
            {"StartedBy": "user=anna commit=3f2a1b4c5d6e merge-request=12 pipeline=345 source=push project=g/x"},
            ["3f2a1b4c5d6e", "anna"],
            {
                "User": "anna",
                "Commit": "3f2a1b4c5d6e",
                "MergeRequest": "12",
                "Pipeline": "345",
                "Source": "push",
                "Project": "g/x",
            },
            id="started in GitLab",
        ),
        pytest.param({"StartedBy": "nightly"}, ["-", "nightly"], {"Text": "nightly"}, id="written by hand"),
        pytest.param({"StartedBy": "unknown"}, ["-", "-"], None, id="default"),
        pytest.param({"purpose": "demo"}, ["-", "-"], None, id="other metadata"),
        pytest.param(None, ["-", "-"], None, id="no metadata"),
    ],
)
def test_the_versions_are_listed_with_who_started_them(
    ops: Ops, aws: Aws, metadata: dict[str, str] | None, columns: list[str], document: dict[str, str] | None
) -> None:
    put_group(aws)
    more: dict[str, Any] = {"CustomerMetadataProperties": metadata} if metadata else {}
    put_version(aws, **more)

    table, listed = ops("list-models"), ops("list-models", "--output", "json")

    assert "  commit " in table.out.splitlines()[1], table
    assert "  started by  by" in " ".join(table.out.splitlines()[1].split("   "))
    assert table.out.splitlines()[2].split()[6:8] == columns
    assert json.loads(listed.out)["ModelPackages"][0].get("StartedBy") == document


@pytest.mark.parametrize(
    "evaluation",
    [None, [1], {"auc": 1}, {"binary_classification_metrics": 1, "baseline": 1}, {"x_metrics": {"auc": 1}}],
    ids=["missing", "not an object", "no metrics", "metrics that are a number", "a metric that is a number"],
)
def test_metrics_that_cannot_be_read_are_unknown(ops: Ops, aws: Aws, evaluation: Any) -> None:
    put_group(aws)
    arn = put_version(aws, evaluation=evaluation)

    row = ops("list-models").out.splitlines()[2]
    done = ops("approve-model", "1", "--yes")

    assert row.split()[3] == "-"
    assert (done.code, approval(aws, arn)[0]) == (0, "Approved"), done


@pytest.mark.parametrize("code", ["ResourceNotFound", "ValidationException"])
def test_a_group_that_does_not_exist_yet_has_no_versions(ops: Ops, code: str) -> None:
    gaps.FAULTS["list_model_packages"] = [(400, code, f"ModelPackageGroup {GROUP} does not exist")]

    done = ops("list-models")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"No versions of {GROUP} yet: ")


def test_models_of_local_runs_are_listed_too(ops: Ops, project: Project) -> None:
    folder = project.path / ".local"
    registry = folder / "registry" / "customer-flight-delays-local"
    registry.mkdir(parents=True)
    uri = "s3://local/customer/flight-delays/local/runs/a/evaluation.json"
    (folder / "s3/local/customer/flight-delays/local/runs/a").mkdir(parents=True)
    (folder / "s3" / uri.removeprefix("s3://")).write_text(json.dumps(EVALUATION), encoding="utf-8")
    for number in (2, 10):
        package = {
            "ModelPackageVersion": number,
            "ModelPackageArn": "arn",
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": "Approved",
            "CreationTime": "2026-11-24T07:00:00+00:00",
            "ModelMetrics": {"ModelQuality": {"Statistics": {"S3Uri": uri}}},
            "CustomerMetadataProperties": {"StartedBy": f"user=anna commit={number:012}-dirty source=terminal"},
        }
        (registry / f"{number}.json").write_text(json.dumps(package), encoding="utf-8")

    done = ops("list-models", "--env", "local")

    assert [[*row.split()[:4], *row.split()[6:8]] for row in done.out.splitlines()[2:]] == [
        ["10", "Approved", "Completed", "0.83", "000000000010-dirty", "anna"],
        ["2", "Approved", "Completed", "0.83", "000000000002-dirty", "anna"],
    ]


@pytest.mark.parametrize(("command", "status"), [("approve-model", "Approved"), ("reject-model", "Rejected")])
def test_a_decision_shows_the_metrics_and_keeps_the_reason(ops: Ops, aws: Aws, command: str, status: str) -> None:
    put_group(aws)
    arn = put_version(aws)

    done = ops(command, "1", "--reason", "seen on weekends", "--yes")

    assert done.code == 0, done
    assert approval(aws, arn) == (status, "seen on weekends")
    assert ["auc", "0.83", "0.01", "0.5"] in [line.split() for line in done.out.splitlines()]
    assert f"Version 1 of {GROUP}: PendingManualApproval → {status}" in done.out
    assert f"account {ACCOUNT} · {REGION} · dev" in done.err


def test_without_a_reason_it_records_who_decided(ops: Ops, aws: Aws) -> None:
    put_group(aws)
    arn = put_version(aws)

    assert ops("approve-model", "1", "--yes").code == 0
    assert approval(aws, arn) == ("Approved", "Approved by moto")


def test_an_approved_version_is_not_approved_again(ops: Ops, aws: Aws) -> None:
    put_group(aws)
    put_version(aws)
    assert ops("approve-model", "1", "--yes").code == 0
    gaps.CALLS.clear()

    done = ops("approve-model", "1", "--yes")

    assert (done.code, aws.calls("update_model_package")) == (0, [])
    assert "is already Approved" in done.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["1", "--dry-run"], 0, id="dry run"),
        pytest.param(["1"], 2, id="nobody can confirm"),
        pytest.param(["7", "--yes"], 2, id="no such version"),
        pytest.param(["newest", "--yes"], 2, id="not a number"),
        pytest.param(["1", "--yes", "--reason", "x" * 1025], 2, id="a reason that is too long"),
        pytest.param(["customer-other-dev/1", "--yes"], 2, id="no such group"),
        pytest.param(["revenue-churn-dev/1", "--yes"], 3, id="another vertical's"),
        pytest.param(["customer-untagged-dev/1", "--yes"], 3, id="a group without a tag"),
    ],
)
def test_nothing_is_approved(ops: Ops, aws: Aws, arguments: list[str], code: int) -> None:
    for group, tags in ((GROUP, OWN), ("revenue-churn-dev", {"vertical": "revenue"}), ("customer-untagged-dev", {})):
        put_group(aws, group, tags)
        put_version(aws, group, None)

    done = ops("approve-model", *arguments)

    assert (done.code, aws.calls("update_model_package")) == (code, []), done
    assert "Traceback" not in done.err


def test_another_project_of_the_vertical_needs_the_full_name(ops: Ops, aws: Aws) -> None:
    put_group(aws, "customer-churn-dev")
    arn = put_version(aws, "customer-churn-dev")

    assert ops("approve-model", "customer-churn-dev/1", "--yes").code == 0
    assert approval(aws, arn)[0] == "Approved"


def test_the_request_is_exactly_this(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    client = boto3.client("sagemaker", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(Account, "client", lambda *_: client)
    account = Account(settings.load(project.path), "dev")
    version = models.Version(GROUP, 3, "Completed", "Rejected", None, arn=f"arn:x:{GROUP}/3")  # type: ignore[arg-type]
    request = {
        "ModelPackageArn": f"arn:x:{GROUP}/3",
        "ModelApprovalStatus": "Approved",
        "ApprovalDescription": "better",
    }
    with Stubber(client) as stub:
        stub.add_response("update_model_package", {"ModelPackageArn": f"arn:x:{GROUP}/3"}, request)

        models.set_approval(account, version, "Approved", "better")

        stub.assert_no_pending_responses()
