"""The commands that call AWS, compared with the AWS CLI, both with a moto server on this machine."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.measure import Contender, side_by_side
from benchmarks.results import Result, Table
from benchmarks.workplace import TEMPLATE, Project, Workplace

AWS_CLI = "1.46.3"  # in its own environment: it needs older packages than the tools of the template
ACCOUNT, REGION, BUCKET = "123456789012", "eu-west-1", "customer-ml-dev"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/customer-pipelines"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",  # pragma: allowlist secret
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_PAGER": "",
}
# Other pipelines: two of the same vertical, and one of another.
OTHERS = {
    "customer-churn-train-dev": "customer",
    "customer-basket-train-dev": "customer",
    "revenue-sales-train-dev": "revenue",
}
LISTING = "Listing four pipelines, three of them with owner and last execution"
CLI, LIST = "`aws sagemaker list-pipelines`", "`ops list-pipelines`"
UPDATING, UPDATE = "Updating an unchanged pipeline", "`ops update-pipeline train`, nothing changed"


def measure(place: Workplace) -> Result:
    from moto.server import ThreadedMotoServer

    sys.path.insert(0, str(TEMPLATE / "tests"))
    from aws import gaps

    gaps.register()
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # it logs every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with patch.dict(os.environ, {**ENVIRONMENT, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}):
            return _measured(place)
    finally:
        server.stop()


def _measured(place: Workplace) -> Result:
    import boto3

    project = place.project()
    place.use(project.versions("boto3"))
    project.set(account=f'"{ACCOUNT}"', role=f'"{ROLE}"', bucket=f'"{BUCKET}"')  # of dev, which comes first
    boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    deploy = [project.ops, "update-pipeline", "train", "--yes"]
    project.run(*deploy)
    _others(boto3.client("sagemaker"))
    ours = _contender(project, LIST, [project.ops, "list-pipelines"])
    listing = [ours]
    if not place.quick:
        place.use({"awscli": AWS_CLI})
        listing.insert(0, _contender(project, CLI, [_aws_cli(place.folder), "sagemaker", "list-pipelines"]))
    updating = [
        _contender(project, "`python -c 'import boto3'`", [project.python, "-c", "import boto3"]),
        _contender(project, UPDATE, deploy),
    ]
    runs, warm = place.runs(11), not place.quick
    return Result(
        "aws",
        "Commands that call AWS",
        "A moto server in another thread answers both. So this is the time of the commands without the network.",
        [
            Table(LISTING, side_by_side(listing, runs, warm_up=warm), listing[0].name),
            Table(UPDATING, side_by_side(updating, runs, warm_up=warm), updating[0].name),
        ],
        notes=[f"Updating imports the SageMaker SDK: {'yes' if _imports_sdk(deploy, project) else 'no'}."],
    )


def _contender(project: Project, name: str, command: list[str]) -> Contender:
    return Contender(name, [command], project.path, environment=project.variables)


def _aws_cli(folder: Path) -> str:
    """The AWS CLI from PyPI, with its bytecode."""
    environment = folder / "aws-cli"
    uv = str(Path(sys.executable).with_name("uv"))
    python = environment / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", f"--python={python}", f"awscli=={AWS_CLI}"]
    for command in ([uv, "venv", "--quiet", f"--python={sys.executable}", str(environment)], install):
        subprocess.run(command, check=True, capture_output=True)
    return str(python.with_name("aws"))


def _others(client: Any) -> None:
    definition = json.dumps({"Version": "2020-12-01", "Steps": []})
    for name, vertical in OTHERS.items():
        tags = {"vertical": vertical, "project": name.split("-")[1], "env": "dev"}
        client.create_pipeline(
            PipelineName=name,
            PipelineDefinition=definition,
            RoleArn=ROLE,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
    for each in client.list_pipelines()["PipelineSummaries"]:
        client.start_pipeline_execution(PipelineName=each["PipelineName"])


def _imports_sdk(command: list[str], project: Project) -> bool:
    environment = os.environ | project.variables | {"PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(command, cwd=project.path, env=environment, check=True, capture_output=True, text=True)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    return "sagemaker" in imported
