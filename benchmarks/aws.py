"""How fast the commands that call AWS are, with a moto server on this machine, compared with the AWS CLI."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.generation import COOKIECUTTER, TEMPLATE
from benchmarks.measure import Contender, side_by_side, table

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


def measure(folder: Path, runs: int = 11) -> str:
    """`folder` must be empty. A project, its environment, and another one for the AWS CLI are created in it."""
    from moto.server import ThreadedMotoServer

    sys.path.insert(0, str(Path(TEMPLATE, "tests")))
    from aws import gaps

    gaps.register()
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # it logs every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with patch.dict(os.environ, {**ENVIRONMENT, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}):
            return _measure(*project(folder), aws_cli(folder), runs)
    finally:
        server.stop()


def project(folder: Path) -> tuple[Path, list[str]]:
    """A project whose environment dev is on the server, and its command `ops`."""
    subprocess.run([COOKIECUTTER, "--no-input", "--output-dir", folder, TEMPLATE], check=True, capture_output=True)
    [made] = folder.iterdir()
    subprocess.run(["make", "setup", f"PYTHON={sys.executable}"], cwd=made, check=True, capture_output=True)
    return made, [str(made / ".venv/bin/ops")]


def aws_cli(folder: Path) -> str:
    """The AWS CLI from PyPI, with its bytecode."""
    environment = folder / "aws-cli"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True, capture_output=True)
    pip = [str(environment / "bin" / "pip"), "install", "--quiet", "--compile", "awscli"]
    subprocess.run(pip, check=True, capture_output=True)
    return str(environment / "bin" / "aws")


def _measure(made: Path, ops: list[str], aws: str, runs: int) -> str:
    import boto3

    text = (made / "project.toml").read_text(encoding="utf-8")
    values = {"account": ACCOUNT, "role": ROLE, "bucket": BUCKET}
    for key, value in values.items():
        text = text.replace(f'\n{key} = ""', f'\n{key} = "{value}"', 1)  # of dev, which comes first
    (made / "project.toml").write_text(text, encoding="utf-8")
    boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    deploy = [*ops, "update-pipeline", "train", "--yes"]
    subprocess.run(deploy, cwd=made, check=True, capture_output=True)
    _others(boto3.client("sagemaker"))
    listed = side_by_side(
        [
            Contender("`aws sagemaker list-pipelines`", [[aws, "sagemaker", "list-pipelines"]], made),
            Contender("`ops list-pipelines`", [[*ops, "list-pipelines"]], made),
        ],
        runs,
    )
    update = side_by_side(
        [
            Contender("`python -c 'import boto3'`", [[sys.executable, "-c", "import boto3"]], made),
            Contender("`ops update-pipeline train`, unchanged", [deploy], made),
        ],
        runs,
    )
    return "\n".join(
        [
            table("Listing four pipelines, three of them with owner and last execution", listed, next(iter(listed))),
            table("Updating an unchanged pipeline", update, next(iter(update))),
            f"It imports the SageMaker SDK: {'yes' if _imports_sdk(deploy, made) else 'no'}.\n",
        ]
    )


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


def _imports_sdk(command: list[str], made: Path) -> bool:
    environment = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(command, cwd=made, env=environment, check=True, capture_output=True, text=True)
    return any(line.rpartition("|")[2].strip().startswith("sagemaker") for line in done.stderr.splitlines())
