"""Repositories whose jobs run on this machine, and the account that they deploy to."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from aws.conftest import ACCOUNT, BUCKET, ROLE, Aws, _server, aws  # noqa: F401 - fixtures
from projects import Bake

from . import line as lines
from .line import Line

DEPLOYS = f"arn:aws:iam::{ACCOUNT}:role/customer-gitlab"


@pytest.fixture(scope="session")
def _installed() -> Path:
    return lines.install()


@pytest.fixture
def line(bake: Bake, tmp_path: Path, _installed: Path) -> Line:
    """The project of the default answers, on main."""
    return lines.repository(bake(), tmp_path)


@pytest.fixture
def deploying(bake: Bake, tmp_path: Path, aws: Aws, _installed: Path) -> Line:  # noqa: F811
    """The same with environments dev and prod in the account of the server, and the role that GitLab's jobs get."""
    project = bake()
    for env in ("dev", "prod"):
        bucket = BUCKET.replace("dev", env)
        project.edit(f"environments.{env}", account=f'"{ACCOUNT}"', role=f'"{ROLE}"', bucket=f'"{bucket}"')
        if env == "prod":
            region = {"LocationConstraint": "eu-west-1"}
            aws.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
    aws.client("iam").create_role(
        RoleName="customer-gitlab", AssumeRolePolicyDocument="{}", Tags=[{"Key": "vertical", "Value": "customer"}]
    )
    return lines.repository(
        project,
        tmp_path,
        AWS_ENDPOINT_URL=aws.endpoint,
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE="/dev/null",
        AWS_SHARED_CREDENTIALS_FILE="/dev/null",
        AWS_ROLE_ARN=DEPLOYS,
        GITLAB_OIDC_TOKEN=token(),
        GITLAB_CI="true",
        CI_COMMIT_REF_PROTECTED="true",
        CI_PROJECT_PATH="group/flight-delays",
        OPS_POLL_SECONDS="0.05",
    )


def token(**claims: Any) -> str:
    """A token with the claims that GitLab sets, and no signature."""
    content = {
        "iss": "https://gitlab.com",
        "aud": "https://gitlab.com",
        "sub": "project_path:group/flight-delays:ref_type:branch:ref:main",
        **claims,
    }
    parts = ({"alg": "RS256", "typ": "JWT"}, content)
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts), "none"])
