"""What a GitLab job lacks: a line for each thing, where in GitLab to set it, and never a secret."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from projects import VENDOR

from sagemaker_ops.guardrails import ci_check, machine_check
from sagemaker_ops.guardrails.machine_check import Finding

ACCOUNT, OTHER = "123456789012", "111122223333"
JOB = {
    "GITLAB_CI": "true",
    "CI_SERVER_URL": "https://gitlab.example.com",
    "CI_PROJECT_PATH": "ml/churn",
    "CI_PROJECT_DIR": "/builds/ml/churn",
    "CI_DEFAULT_BRANCH": "main",
    "CI_COMMIT_REF_NAME": "main",
    "CI_COMMIT_REF_PROTECTED": "true",
    "CI_PIPELINE_SOURCE": "push",
}
MERGE_REQUEST = {
    **JOB,
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_COMMIT_REF_NAME": "feature",
    "CI_COMMIT_REF_PROTECTED": "false",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/customer-gitlab-dev"
CLAIMS = {
    "aud": "https://gitlab.example.com",
    "sub": "project_path:ml/churn:ref_type:branch:ref:main",
    "exp": time.time() + 86_400,  # the tests may take long
}
PROJECT = f"""
[project]
name = "Churn"
slug = "churn"
vertical = "customer"
region = "eu-west-1"
[data]
source = "data/x.csv"
target = "churned"
problem = "classification"
[gate]
metric = "auc"
minimum = 0.6
[environments.dev]
account = "{ACCOUNT}"
role = "arn:aws:iam::{ACCOUNT}:role/customer-pipelines"
bucket = "customer-ml-dev"
[environments.prod]
account = ""
role = ""
bucket = ""
"""
SECRET = "c2lnbmF0dXJlLXRoYXQtbXVzdC1zdGF5LXNlY3JldA"  # pragma: allowlist secret


def token(**changed: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({**CLAIMS, **changed}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJSUzI1NiJ9.{payload}.{SECRET}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "project.toml").write_text(PROJECT, encoding="utf-8")
    return tmp_path


@pytest.fixture
def deployment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a job that has everything."""
    file = tmp_path_factory.mktemp("elsewhere") / "token"
    file.write_text(token())
    return {**JOB, "AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(file), "GITLAB_OIDC_TOKEN": token()}


def levels(findings: list[Finding]) -> dict[str, str]:
    assert SECRET not in "".join(each.message for each in findings)
    return {each.what: each.level for each in findings}


def wrong(findings: list[Finding]) -> list[tuple[str, str, str]]:
    levels(findings)
    return [(each.what, each.level, each.message) for each in findings if each.level != "ok"]


def test_a_job_that_has_everything(root: Path, deployment: dict[str, str]) -> None:
    findings = ci_check.of_job(root, "dev", deployment)

    assert wrong(findings) == []
    assert [each.what for each in findings] == [
        "gitlab", "python", "git", "make", "environment", "branch", "AWS_ROLE_ARN", "token"
    ]  # fmt: skip
    assert machine_check.exit_code(findings) == 0


@pytest.mark.parametrize(
    ("change", "what", "sentence"),
    [
        ({"AWS_ROLE_ARN": ""}, "AWS_ROLE_ARN", "Settings → CI/CD → Variables with the environment scope 'dev'"),
        ({"AWS_ROLE_ARN": "customer-gitlab-dev"}, "AWS_ROLE_ARN", "is not the ARN of a role"),
        ({"AWS_ROLE_ARN": ROLE.replace(ACCOUNT, OTHER)}, "AWS_ROLE_ARN", f"is of account {OTHER}, but project.toml"),
        ({"AWS_ROLE_ARN": ROLE.replace("gitlab-dev", "pipelines")}, "AWS_ROLE_ARN", "is the role of the jobs"),
        ({"CI_COMMIT_REF_PROTECTED": "false"}, "branch", "Settings → Repository → Protected branches"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": ""}, "AWS_WEB_IDENTITY_TOKEN_FILE", "is not set"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/no/where"}, "AWS_WEB_IDENTITY_TOKEN_FILE", "names a file that is not there"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "", "GITLAB_OIDC_TOKEN": ""}, "token", "the job has none: add `id_tokens: {"),
    ],
)
@pytest.mark.parametrize("kind", ["deployment", "merge request"])
def test_what_a_deployment_lacks(
    root: Path, deployment: dict[str, str], change: dict[str, str], what: str, sentence: str, kind: str
) -> None:
    source = {"CI_PIPELINE_SOURCE": "merge_request_event" if kind == "merge request" else "push"}
    findings = ci_check.of_job(root, "dev", {**deployment, **change, **source})

    [(where, level, message)] = wrong(findings)
    assert (where, sentence in message) == (what, True), message
    assert level == ("warning" if kind == "merge request" else "problem")
    assert machine_check.exit_code(findings) == (0 if kind == "merge request" else 2)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (token(aud="sts.amazonaws.com"), "its audience is 'sts.amazonaws.com', but the role trusts 'https://gitlab."),
        (token(aud=["a", "https://gitlab.example.com"]), ""),
        (token(sub="project_path:ml/other:ref_type:branch:ref:main"), "its subject is 'project_path:ml/other:"),
        (token(sub="project_path:ml/churn:ref_type:branch:ref:feature"), "run the job for the branch main"),
        (token(exp=1), "it has expired"),
        ("not a token", "is not a token of GitLab"),
        ("a.b.c", "is not a token of GitLab"),
        ("a.W10.c", "is not a token of GitLab"),
        ("a.bnVsbA.c", "is not a token of GitLab"),
        ("$GITLAB_OIDC_TOKEN", "is not a token of GitLab"),
        ("", "the job has none"),
    ],
)
def test_the_token(root: Path, deployment: dict[str, str], content: str, sentence: str) -> None:
    Path(deployment["AWS_WEB_IDENTITY_TOKEN_FILE"]).write_text(f"{content}\n")

    found = wrong(ci_check.of_job(root, "dev", deployment))

    assert [what for what, *_ in found] == ["token"] * bool(sentence)
    assert all(sentence in message for *_, message in found)


def test_a_token_in_the_project_could_become_an_artifact(root: Path, deployment: dict[str, str]) -> None:
    (root / "token").write_text(token())
    variables = {**deployment, "AWS_WEB_IDENTITY_TOKEN_FILE": str(root / "token"), "CI_PROJECT_DIR": str(root)}

    assert [each[:2] for each in wrong(ci_check.of_job(root, "dev", variables))] == [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "warning")
    ]


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ("prod", "project.toml [environments.prod] lacks account, role, bucket: ask your platform team"),
        ("staging", "staging"),
    ],
)
def test_the_environment(root: Path, deployment: dict[str, str], env: str, sentence: str) -> None:
    [(what, level, message), *_] = wrong(ci_check.of_job(root, env, deployment))

    assert (what, level, sentence in message) == ("environment", "problem", True), message


@pytest.mark.parametrize("text", ["[project", "", "[project]\nname = 1\n"])
def test_a_project_file_that_cannot_be_read(root: Path, deployment: dict[str, str], text: str) -> None:
    (root / "project.toml").write_text(text)

    [(what, level, _), *_] = wrong(ci_check.of_job(root, "dev", deployment))

    assert (what, level) == ("environment", "problem")


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PIP_INDEX_URL", "https://user:SECRET@mirror.example.com/simple", ""),
        ("PIP_INDEX_URL", "mirror.example.com/simple", "names neither an https:// address nor a folder"),
        ("PIP_INDEX_URL", "htps://user:SECRET@x/simple", "is not an address"),
        ("PIP_INDEX_URL", "https://[SECRET", "is not an address"),
        ("PIP_EXTRA_INDEX_URL", "https://a.example.com/simple https://b.example.com/simple", ""),
        ("UV_DEFAULT_INDEX", "mirror=https://mirror.example.com/simple", ""),
        ("UV_DEFAULT_INDEX", "file:///no/such/folder", "names neither"),
        ("UV_DEFAULT_INDEX", "/tmp", ""),
        ("SSL_CERT_FILE", "/no/such/ca.pem", "there is no file '/no/such/ca.pem' in this job: change the type"),
        ("REQUESTS_CA_BUNDLE", "-----BEGIN CERTIFICATE-----\nSECRET", "contains a certificate, but must be the path"),
        ("PIP_CONFIG_FILE", "/dev/null", ""),
        ("AWS_CA_BUNDLE", "\0", "there is no file"),
        ("SSL_CERT_FILE", "x" * 5000, "there is no file"),
    ],
)
@pytest.mark.parametrize("job", [JOB, MERGE_REQUEST], ids=["push", "merge request"])
def test_mirrors_and_certificates(root: Path, job: dict[str, str], variable: str, value: str, sentence: str) -> None:
    findings = ci_check.of_job(root, "", {**job, variable: value})

    [found] = [each for each in findings if each.what == variable]
    assert found.level == ("problem" if sentence else "ok")
    assert sentence in found.message
    assert "SECRET" not in found.message
    assert "Settings → CI/CD → Variables" in found.message or not sentence


@pytest.mark.parametrize("name", ci_check.KEYS)
def test_static_keys_are_a_warning(root: Path, deployment: dict[str, str], name: str) -> None:
    findings = ci_check.of_job(root, "dev", {**deployment, name: SECRET})

    [(what, level, message)] = wrong(findings)
    assert (what, level) == ("static keys", "warning")
    assert message.startswith(f"remove {name} from Settings → CI/CD → Variables")


def test_a_merge_request_of_a_new_project_is_green(root: Path) -> None:
    findings = ci_check.of_job(root, "prod", MERGE_REQUEST)

    assert machine_check.exit_code(findings) == 0
    assert {"environment", "AWS_ROLE_ARN", "token", "branch"} <= {what for what, *_ in wrong(findings)}


@pytest.mark.parametrize("variables", [{}, {"GITLAB_CI": "false"}])
def test_outside_of_gitlab_it_says_so(root: Path, variables: dict[str, str]) -> None:
    findings = ci_check.of_job(root, "dev", variables)

    assert wrong(findings)[0][:2] == ("gitlab", "warning")
    assert machine_check.exit_code(findings) == 0


@pytest.mark.parametrize("name", ["git", "make"])
def test_a_program_that_is_missing(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    findings = ci_check.of_job(root, "", MERGE_REQUEST)

    assert levels(findings)[name] == "problem"
    assert machine_check.exit_code(findings) == 2


@pytest.mark.parametrize(("version", "level"), [((3, 10), "problem"), ((3, 12), "ok"), ((3, 14), "problem")])
def test_the_python_of_the_job(version: tuple[int, int], level: str) -> None:
    assert ci_check._python(version).level == level


@pytest.mark.slow
@pytest.mark.parametrize(("options", "code"), [(["--ci"], 0), (["--ci", "--env", "dev"], 2)])
def test_it_runs_before_anything_is_installed(root: Path, options: list[str], code: int) -> None:
    command = [sys.executable, "-I", "-S", "-B", "-c",
               f"import sys; sys.path.insert(0, {str(VENDOR)!r}); import runpy; "
               "runpy.run_module('sagemaker_ops.guardrails', run_name='__main__')", *options]  # fmt: skip
    variables = {**JOB, "PATH": "/usr/bin:/bin:/usr/local/bin"}

    done = subprocess.run(command, cwd=root, env=variables, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (code, ""), done
    assert done.stdout.startswith("ok       gitlab")
