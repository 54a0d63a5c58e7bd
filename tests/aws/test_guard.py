"""The caller, known by the role's tag or the Studio profile: from another vertical, it changes and starts nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import Project, Result

from aws import gaps
from aws.conftest import ACCOUNT, BUCKET, Aws
from sagemaker_ops.aws import guard
from sagemaker_ops.aws.account import Account
from sagemaker_ops.errors import RefusedError

pytestmark = pytest.mark.slow

Ops = Callable[..., Result]
CHANGES = ("add", "approve", "create", "delete", "retry", "start", "stop", "update")


@pytest.fixture
def ops(aws: Aws, _deployable: Project) -> Ops:
    """Like the shared fixture, in a project that compiles."""

    def run(*arguments: str, **environment: str) -> Result:
        return _deployable.run(sys.executable, "-m", "sagemaker_ops", *arguments, **{**aws.environment, **environment})

    return run


def credentials_of(aws: Aws, **tags: str) -> dict[str, str]:
    """The environment variables of a session of a role with these tags."""
    made = aws.client("iam").create_role(
        RoleName="data-science",
        AssumeRolePolicyDocument="{}",
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    session = aws.client("sts").assume_role(RoleArn=made["Role"]["Arn"], RoleSessionName="ana")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
    }


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("update-pipeline", "train"), id="update-pipeline"),
        pytest.param(("delete-pipeline", "train"), id="delete-pipeline"),
        pytest.param(("start-pipeline-execution", "train"), id="start"),
        pytest.param(("stop-pipeline-execution", "latest"), id="stop"),
        pytest.param(("retry-pipeline-execution", "latest"), id="retry"),
        pytest.param(("update-pipeline-execution", "latest", "--name", "mine"), id="update-pipeline-execution"),
        pytest.param(("approve-model", "1"), id="approve-model"),
        pytest.param(("reject-model", "1"), id="reject-model"),
        pytest.param(("delete-app", "lab"), id="delete-app"),
        pytest.param(("deploy-endpoint",), id="deploy-endpoint"),
        pytest.param(("delete-endpoint",), id="delete-endpoint"),
    ],
)
def test_a_role_of_another_vertical_changes_nothing(aws: Aws, ops: Ops, command: tuple[str, ...]) -> None:
    done = ops(*command, "--yes", **credentials_of(aws, vertical="revenue"))

    assert done.code == 3, done
    assert "you belong to 'revenue' (role data-science), but this project belongs to 'customer': ask " in done.err
    assert done.out == ""
    assert [name for name, _ in gaps.CALLS if name.startswith(CHANGES)] == []
    assert aws.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


@pytest.mark.parametrize(
    "tags",
    [pytest.param({"vertical": "customer"}, id="the same vertical"), pytest.param({"team": "x"}, id="no vertical")],
)
def test_a_role_of_the_vertical_or_without_one_may_continue(aws: Aws, ops: Ops, tags: dict[str, str]) -> None:
    done = ops("update-pipeline", "train", "--dry-run", **credentials_of(aws, **tags))

    assert done.code == 0, done
    assert "assumed-role/data-science/ana" in done.err


@pytest.mark.parametrize(
    ("metadata", "caller"),
    [
        pytest.param({"UserProfileName": "revenue-bob"}, "revenue", id="another vertical's profile"),
        pytest.param({"UserProfileName": "customer-ana-lu"}, "customer", id="the same vertical"),
        pytest.param({"UserProfileName": "ana"}, "", id="a profile without a vertical"),
        pytest.param({"SpaceName": "shared"}, "", id="a shared space"),
        pytest.param([], "", id="another form"),
        pytest.param(None, "", id="not in Studio"),
    ],
)
def test_in_studio_the_profile_gives_the_vertical(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metadata: object, caller: str
) -> None:
    file = tmp_path / "resource-metadata.json"
    if metadata is not None:
        file.write_text(json.dumps(metadata), encoding="utf-8")
    monkeypatch.setattr(guard, "STUDIO_METADATA", file)

    assert guard.caller_of(account).vertical == caller
    if caller == "revenue":
        with pytest.raises(RefusedError, match=r"you belong to 'revenue' \(Studio profile revenue-bob\)"):
            guard.check_caller(account)
    else:
        guard.check_caller(account)


def test_the_profile_takes_precedence_over_the_role(
    aws: Aws, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "resource-metadata.json"
    file.write_text('{"UserProfileName": "customer-ana"}', encoding="utf-8")
    monkeypatch.setattr(guard, "STUDIO_METADATA", file)
    credentials_of(aws, vertical="revenue")
    monkeypatch.setattr(Account, "caller", f"arn:aws:sts::{ACCOUNT}:assumed-role/data-science/ana")

    assert guard.caller_of(account) == guard.Caller("customer", "Studio profile customer-ana")


@pytest.mark.parametrize(
    ("caller", "profile", "user"),
    [
        pytest.param(f"arn:aws:sts::{ACCOUNT}:assumed-role/data-science/ana", None, "ana", id="session"),
        pytest.param(f"arn:aws:sts::{ACCOUNT}:assumed-role/r/ana@example.com", None, "ana@example.com", id="address"),
        pytest.param(f"arn:aws:iam::{ACCOUNT}:user/people/ana", None, "ana", id="user in IAM"),
        pytest.param(f"arn:aws:iam::{ACCOUNT}:root", None, "root", id="root"),
        pytest.param(f"arn:aws:sts::{ACCOUNT}:assumed-role/r/SageMaker", "customer-bo", "bo", id="in Studio"),
        pytest.param(f"arn:aws:sts::{ACCOUNT}:assumed-role/r/SageMaker", "bo", "SageMaker", id="another profile"),
    ],
)
def test_the_user_is_known_by_the_profile_or_the_session(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caller: str, profile: str | None, user: str
) -> None:
    file = tmp_path / "resource-metadata.json"
    if profile:
        file.write_text(json.dumps({"UserProfileName": profile}), encoding="utf-8")
    monkeypatch.setattr(guard, "STUDIO_METADATA", file)
    vars(account)["caller"] = caller

    assert guard.user_of(account) == user
