"""doctor: a line for everything that a project needs, what to do if it is missing, and never a traceback."""

from __future__ import annotations

import json
import subprocess
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import boto3
import pytest
from projects import Bake, Project, Result

from aws import gaps
from aws.conftest import ACCOUNT, BUCKET, ROLE, Aws
from sagemaker_ops.aws import guard
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.account_check import of_account
from sagemaker_ops.guardrails import machine_check
from sagemaker_ops.guardrails.machine_check import Finding
from sagemaker_ops.project import settings
from sagemaker_ops.project.schedule import Schedule

Ops = Callable[..., Result]
Usage = namedtuple("Usage", "total used free")
GB = 10**9
TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}}]}
QUOTAS = {
    "ml.m5.large for processing job usage": 4.0,
    "ml.m5.xlarge for training job usage": 2.0,
    "ml.m5.large for transform job usage": 4.0,
    "ml.c5.large for endpoint usage": 1.0,
    "Studio JupyterLab Apps running on ml.t3.medium instances": 5.0,
    "ml.m5.large for training job usage": 0.0,
}


@pytest.fixture
def account(aws: Aws, project: Project, monkeypatch: pytest.MonkeyPatch) -> Account:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    return Account(settings.load(project.path), "dev", attempts=1)


def put_everything(aws: Aws, trust: dict[str, Any] = TRUST) -> None:
    """Put everything into the account that a project needs."""
    aws.client("iam").create_role(RoleName="customer-pipelines", AssumeRolePolicyDocument=json.dumps(trust))
    gaps.PASSABLE.add(ROLE)
    gaps.QUOTAS.update(QUOTAS)
    kind = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    aws.client("s3").put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [kind]})


def found(findings: list[Finding], what: str) -> list[tuple[str, int]]:
    return [(each.level, each.exit_code) for each in findings if each.what == what]


@pytest.mark.parametrize(
    ("service", "passable", "expected"),
    [
        ("scheduler.amazonaws.com", True, ["ok", "ok"]),
        ("sagemaker.amazonaws.com", True, ["problem", "ok"]),
        ("scheduler.amazonaws.com", False, ["ok", "problem"]),
        ("", False, ["problem"]),
    ],
)
def test_the_role_of_schedules(account: Account, aws: Aws, service: str, passable: bool, expected: list[str]) -> None:
    put_everything(aws)
    name = "customer-scheduler-dev"
    if service:
        trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": service}}]}
        aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    if passable:
        gaps.PASSABLE.add(f"arn:aws:iam::{ACCOUNT}:role/{name}")
    scheduled = replace(account.settings, schedule={"train": Schedule("rate(7 days)", environments=["dev"])})

    findings = of_account(replace(account, settings=scheduled))

    roles = [each for each in findings if each.what in ("role", "pass role")]
    assert [each.level for each in roles] == ["ok", "ok", *expected]
    assert all("EventBridge Scheduler" in each.message or name in each.message for each in roles[2:])


def test_an_account_that_has_everything(account: Account, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    put_everything(aws)
    monkeypatch.setattr(guard, "caller_of", lambda _: guard.Caller("customer", "Studio profile customer-ana"))

    findings = of_account(account)

    assert [(each.what, each.level) for each in findings] == [
        (what, "ok")
        for what in ("credentials", "region", "vertical", "role", "pass role", "bucket", "encryption", "quotas")
    ]
    assert findings[0].message == f"account {ACCOUNT}, as {account.caller}"
    assert findings[-1].message == (
        "processing 4 of ml.m5.large, training 2 of ml.m5.xlarge, transform 4 of ml.m5.large, "
        "endpoint 1 of ml.c5.large, studio 5 of ml.t3.medium"
    )
    assert machine_check.exit_code(findings) == 0


def no_role(aws: Aws) -> None:
    aws.client("iam").delete_role(RoleName="customer-pipelines")


def other_trust(aws: Aws) -> None:
    no_role(aws)
    document = json.dumps({"Statement": [{"Principal": {"Service": "ec2.amazonaws.com"}}]})
    aws.client("iam").create_role(RoleName="customer-pipelines", AssumeRolePolicyDocument=document)


def no_bucket(aws: Aws) -> None:
    aws.client("s3").delete_bucket(Bucket=BUCKET)


def unencrypted(aws: Aws) -> None:
    aws.client("s3").delete_bucket_encryption(Bucket=BUCKET)


def no_training_quota(_: Aws) -> None:
    gaps.QUOTAS["ml.m5.xlarge for training job usage"] = 0.0


def no_endpoint_quota(_: Aws) -> None:
    gaps.QUOTAS["ml.c5.large for endpoint usage"] = 0.0


def no_quotas(_: Aws) -> None:
    gaps.QUOTAS.clear()


@pytest.mark.parametrize(
    ("change", "what", "level", "sentence"),
    [
        pytest.param(no_role, "role", "problem", "there is no role 'customer-pipelines'", id="no role"),
        pytest.param(other_trust, "role", "problem", "cannot be assumed by sagemaker", id="not for SageMaker"),
        pytest.param(lambda _: gaps.PASSABLE.clear(), "pass role", "problem", "iam:PassRole", id="must not be passed"),
        pytest.param(no_bucket, "bucket", "problem", f"there is no bucket '{BUCKET}'", id="no bucket"),
        pytest.param(unencrypted, "encryption", "problem", "is not encrypted by default", id="not encrypted"),
        pytest.param(
            no_training_quota, "quotas", "problem", "training: 0 of ml.m5.xlarge: request an increase", id="quota 0"
        ),
        pytest.param(no_endpoint_quota, "quotas", "warning", "endpoint: 0 of ml.c5.large", id="not needed yet"),
        pytest.param(no_quotas, "quotas", "warning", "no quotas for the instance types of processing", id="no quotas"),
    ],
)
def test_what_the_account_lacks_is_reported(
    account: Account, aws: Aws, change: Callable[[Aws], None], what: str, level: str, sentence: str
) -> None:
    put_everything(aws)
    change(aws)

    findings = [each for each in of_account(account) if each.what == what]

    assert (level, 4 if level == "problem" else 0) in found(findings, what)
    assert any(sentence in each.message for each in findings)


@pytest.mark.parametrize(
    ("caller", "level", "code"),
    [
        pytest.param(guard.Caller("customer", "role x"), "ok", 0, id="ours"),
        pytest.param(guard.Caller(), "warning", 0, id="unknown: only IAM protects"),
        pytest.param(guard.Caller("revenue", "role x"), "problem", 3, id="another one"),
    ],
)
def test_the_vertical_of_the_caller(
    account: Account, monkeypatch: pytest.MonkeyPatch, caller: guard.Caller, level: str, code: int
) -> None:
    monkeypatch.setattr(guard, "caller_of", lambda _: caller)

    findings = of_account(account)

    assert found(findings, "vertical") == [(level, code)]
    assert machine_check.exit_code(each for each in findings if each.what == "vertical") == code


def test_a_shell_with_another_region_is_reported(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    assert found(of_account(account), "region") == [("warning", 0)]


def test_a_bucket_in_another_region_is_a_problem(account: Account) -> None:
    far = boto3.client("s3", region_name="us-west-2")  # on the moto server, like all clients while `account` is in use
    far.create_bucket(Bucket="far-away", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    dev = replace(account.settings.environments["dev"], bucket="far-away")
    there = replace(account.settings, environments={**account.settings.environments, "dev": dev})

    findings = of_account(Account(there, "dev", attempts=1))

    assert found(findings, "bucket") == [("problem", 2)]
    assert any("'far-away' is in us-west-2" in each.message for each in findings)


def test_a_check_that_is_not_allowed_is_a_warning(account: Account, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError

    put_everything(aws)
    refused = {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    for service in ("iam", "service-quotas"):

        def refuse(model: Any, **_: Any) -> None:
            raise ClientError(refused, model.name)  # type: ignore[arg-type]

        account.client(service).meta.events.register("before-call", refuse)

    findings = of_account(account)

    assert (found(findings, "role"), found(findings, "quotas")) == ([("warning", 0)], [("warning", 0)])
    assert [each.message for each in findings if each.what == "role"] == [
        "unknown: cannot read role customer-pipelines: your role does not allow GetRole: ask your platform team for "
        "it (no)."
    ]
    assert found(findings, "bucket") == [("ok", 0)]


@pytest.mark.parametrize(
    ("variables", "account_id", "sentence", "code"),
    [
        pytest.param({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, ACCOUNT, "AWS cannot be reached", 4, id="no network"),
        pytest.param({"AWS_PROFILE": "nobody"}, ACCOUNT, "unset AWS_PROFILE", 4, id="no such profile"),
        pytest.param({}, "111122223333", "these credentials belong to account", 3, id="another account"),
    ],
)
def test_without_credentials_nothing_else_is_checked(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    account_id: str,
    sentence: str,
    code: int,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    dev = replace(account.settings.environments["dev"], account=account_id)
    there = replace(account.settings, environments={**account.settings.environments, "dev": dev})

    [finding] = of_account(Account(there, "dev", attempts=1))

    assert (finding.what, finding.level, finding.exit_code) == ("credentials", "problem", code)
    assert sentence in finding.message


# This machine


@pytest.mark.parametrize(
    ("version", "level"),
    [((3, 12), "ok"), ((3, 11), "warning"), ((3, 13), "warning"), ((3, 10), "problem"), ((3, 14), "problem")],
)
def test_python_is_compared_with_the_image(version: tuple[int, int], level: str) -> None:
    finding = machine_check._python(version)

    assert finding.level == level
    assert (level == "ok") is ("PYTHON=python3.12" not in finding.message)


def folder(root: Path) -> Path:
    (root / "pyproject.toml").write_text('[project]\ndependencies = ["boto3", "numpy>=2"]\n', encoding="utf-8")
    pinned = "boto3==1.0\nnumpy==2.1 ; python_full_version < '3.12'\nnumpy==2.2 ; python_full_version >= '3.12'\n"
    (root / "constraints.txt").write_text(pinned, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("installed", "level", "sentence"),
    [
        pytest.param({"boto3": "1.0", "numpy": "2.2"}, "ok", "2 that the steps and commands need", id="as pinned"),
        pytest.param({"boto3": "1.0", "numpy": "2.1"}, "ok", "2 that the steps and commands need", id="older Python"),
        pytest.param({"boto3": "1.0", "numpy": "2.3"}, "warning", "numpy 2.3 (wanted: 2.1 or 2.2)", id="another one"),
        pytest.param({"boto3": "1.0"}, "problem", "numpy not installed: run `make setup`", id="missing"),
    ],
)
def test_packages_are_compared_with_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], level: str, sentence: str
) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(metadata, "version", version)

    finding = machine_check._packages(folder(tmp_path))

    assert finding.level == level
    assert sentence in finding.message


def test_git_hooks(tmp_path: Path) -> None:
    assert "run `git init`" in machine_check._hooks(tmp_path).message
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    assert "run `make setup`" in machine_check._hooks(tmp_path).message
    (tmp_path / ".git" / "hooks").mkdir(exist_ok=True)
    (tmp_path / ".git" / "hooks" / "pre-commit").touch()
    assert machine_check._hooks(tmp_path).level == "ok"


@pytest.mark.parametrize(("free", "level"), [(50 * GB, "ok"), (4 * GB, "warning"), (GB // 2, "problem")])
def test_disk_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(100 * GB, 100 * GB - free, free))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)

    [finding] = machine_check._disks(tmp_path)

    assert finding.level == level
    assert (level == "ok") is ("`ops clean --keep 5` frees space" not in finding.message)


@pytest.mark.parametrize(("total", "level"), [(5 * GB, ["warning"]), (100 * GB, ["ok"]), (0, [])])
def test_the_volume_of_a_studio_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total: int, level: list[str]
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(total, 0, total))
    studio = tmp_path / "resource-metadata.json"
    if total:
        studio.touch()

    assert [each.level for each in machine_check.volume(studio, tmp_path)] == level


@pytest.mark.parametrize(
    ("codes", "code"),
    [([], 0), ([0, 0], 0), ([0, 4], 4), ([2, 4], 2), ([4, 3, 2], 3)],
    ids=["nothing", "all well", "AWS", "input before AWS", "a guardrail before everything"],
)
def test_the_worst_problem_decides_the_exit_code(codes: list[int], code: int) -> None:
    assert machine_check.exit_code(Finding("x", "", "", each) for each in codes) == code


# The command


def lines(done: Result) -> dict[str, str]:
    """{what: level} from the table."""
    assert "Traceback" not in done.err, done
    return {line[9:20].strip(): line.split()[0] for line in done.out.splitlines()}


@pytest.mark.slow
def test_an_environment_that_is_not_set_yet_is_one_problem_of_several(ops: Ops) -> None:
    done = ops("doctor", "--env", "prod")

    assert done.code == 2
    assert lines(done)["environment"] == "problem"
    assert "project.toml [environments.prod].bucket: not set yet" in done.out
    assert "credentials" not in lines(done)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "code", "sentence"),
    [
        pytest.param("[project\n", 2, "not valid TOML", id="not TOML"),
        pytest.param("processing = 'm5.large'", 3, "write 'ml.m5.large'", id="refused by a guardrail"),
    ],
)
def test_errors_in_the_project_are_reported_along_with_everything_else(
    bake: Bake, aws: Aws, monkeypatch: pytest.MonkeyPatch, broken: str, code: int, sentence: str
) -> None:
    import sys

    made = bake()
    path = made.path / "project.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('processing = "ml.m5.large"', broken), encoding="utf-8")

    done = made.run(sys.executable, "-m", "sagemaker_ops", "doctor", "--output", "json", **aws.environment)

    checks = {each["Check"]: each for each in json.loads(done.out)["Checks"]}
    assert done.code == code, done
    assert checks["project"]["Status"] == "problem"
    assert sentence in checks["project"]["Message"]
    assert {"python", "packages", "git hooks", "disk"} <= checks.keys()


@pytest.mark.slow
def test_a_project_that_has_everything_exits_with_0(ready: Bake, aws: Aws) -> None:
    made = ready()
    made.edit("environments.dev", account=f'"{ACCOUNT}"', role=f'"{ROLE}"', bucket=f'"{BUCKET}"')
    put_everything(aws)

    done = made.ops("doctor", **aws.environment)

    assert done.code == 0, done
    assert "problem" not in lines(done).values()
    assert lines(done)["bucket"] == "ok"
