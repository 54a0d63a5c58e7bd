"""What the examples of a page of the guide assume: data, settings, and what is already on AWS."""

from __future__ import annotations

import csv
from collections.abc import Callable

from projects import Project

from aws import executed, gaps
from aws.conftest import ACCOUNT, BUCKET, ROLE, Aws
from aws.test_models import GROUP, OWN, put_group, put_version

SAMPLE = "data/sample/flights_classification.csv"
NOTIFY = '''
"""A model is trained, and a Lambda function opens a ticket."""

import json


class Pipeline:
    def __init__(self, jobs):
        self.jobs = jobs
'''


def local_runs(project: Project, aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="bucket", Key="raw/lookup.csv", Body=b"a,b\n1,2\n")
    project.edit("tuning", max_jobs="2", max_parallel_jobs="1")
    made = project.ops("new", "pipeline", "tune")
    assert made.code == 0, made


def monitoring(project: Project, aws: Aws) -> None:
    """A model, and new data that are like those of training."""
    project.edit("hyperparameters", max_iter="10")
    with (project.path / SAMPLE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with (project.path / "data" / "march.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([rows[0], *rows[1::4]])
    done = project.ops("run", "train")
    assert done.code == 0, done


def guardrails(project: Project, aws: Aws) -> None:
    project.edit("project", vertical='"Retail"')
    project.edit("instances", endpoint='"ml.t2.medium"')


def schedule(project: Project, aws: Aws) -> None:
    """A pipeline that is deployed to prod, before it had a schedule."""
    role = ROLE.replace(":role/", ":role/")
    project.edit("environments.prod", account=f'"{ACCOUNT}"', role=f'"{role}"', bucket=f'"{BUCKET}"')
    done = project.ops("update-pipeline", "train", "--env", "prod", "--yes", **aws.environment)
    assert done.code == 0, done


def endpoints(project: Project, aws: Aws) -> None:
    """Two versions, the first of which is approved; and the rows to predict."""
    put_group(aws, tags={**OWN, "project": "flight-delays"})
    put_version(aws)
    put_version(aws)
    lines = (project.path / SAMPLE).read_text(encoding="utf-8").splitlines()
    (project.path / "rows.csv").write_text("\n".join(lines[:3]) + "\n", encoding="utf-8")
    answer = "label,probability_0,probability_1\n0,0.83,0.17\n1,0.31,0.69\n"
    gaps.ANSWERS.extend([(200, ""), (200, answer)])


STATES: dict[str, Callable[[Project, Aws], None]] = {
    "endpoints": endpoints,
    "guardrails": guardrails,
    "local-runs": local_runs,
    "monitoring": monitoring,
    "schedule": schedule,
}
