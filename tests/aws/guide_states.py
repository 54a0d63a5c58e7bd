"""What the examples of a page of the guide assume: data, settings, and what is already on AWS."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from projects import Project
from repositories import new_repository

from aws import executed, gaps, guide_states_aws, test_tuning_jobs
from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE, Aws
from aws.test_models import OWN, put_group, put_version
from aws.test_studio import put_app
from sagemaker_ops.aws import endpoint_probe

SAMPLE = "data/sample/flights_classification.csv"
NOTIFY = """
from sagemaker.core.lambda_helper import Lambda
from sagemaker.mlops.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep

from production.pipelines._common import prepare
from sagemaker_ops import Jobs


def get_pipeline(target, session):
    jobs = Jobs(target, session)
    processing = prepare(jobs)
    function = Lambda(function_arn="arn:aws:lambda:eu-west-1:123456789012:function:ticket", session=session)
    outputs = [LambdaOutput("ticket", LambdaOutputTypeEnum.String), LambdaOutput("count", LambdaOutputTypeEnum.Integer)]
    notify = LambdaStep("Notify", function, inputs={}, outputs=outputs, depends_on=[processing])
    report = jobs.processing_step(
        "Report",
        "report.py",
        inputs={"data": target.data_uri},
        outputs=["report"],
        arguments=["--ticket", notify.properties.Outputs["ticket"]],
    )
    return jobs.pipeline("notify", [processing, notify, report])
"""
STUB = '{"properties": {"OutputParameters": {"ticket": "T-1", "count": 3}}}'
FUNCTIONS = """
import boto3
import sagemaker.core.telemetry.telemetry_logging as telemetry
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.function_step import step
from sagemaker.mlops.workflow.pipeline import Pipeline

telemetry._send_telemetry_request = lambda *_, **__: None


@step(name="total", role="arn:aws:iam::123456789012:role/x", instance_type="ml.m5.large", image_uri="image:1")
def total(count: int) -> int:
    return sum(range(count))


session = PipelineSession(boto_session=boto3.Session(region_name="eu-west-1"), default_bucket="bucket")
print(Pipeline("functions", steps=[total(4)], sagemaker_session=session).definition())
"""

PRICES = """
[prices]
region = "eu-west-1"
date = "2026-11-01"
currency = "USD"
processing = { "ml.m5.large" = 0.115 }
training = { "ml.m5.xlarge" = 0.23, "ml.m5.2xlarge" = 0.46 }
"""
INSTANCE = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
ABALONE: dict[str, Any] = {
    "Version": "2020-12-01",
    "Metadata": {},
    "Parameters": [],
    "Steps": [
        {
            "Name": "Preprocess",
            "Type": "Processing",
            "Arguments": {
                "ProcessingResources": {"ClusterConfig": INSTANCE},
                "AppSpecification": {
                    "ImageUri": "image",
                    "ContainerEntrypoint": ["cp", "-r", "/opt/ml/processing/input", "/opt/ml/processing/train"],
                },
                "RoleArn": ROLE,
                "ProcessingInputs": [
                    {
                        "InputName": "raw",
                        "S3Input": {
                            "S3Uri": "s3://abalone/raw/",
                            "LocalPath": "/opt/ml/processing/input",
                            "S3DataType": "S3Prefix",
                        },
                    }
                ],
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": "train",
                            "S3Output": {
                                "S3Uri": "s3://abalone/train",
                                "LocalPath": "/opt/ml/processing/train",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                    ]
                },
            },
        },
        {
            "Name": "Train",
            "Type": "Training",
            "Arguments": {
                "AlgorithmSpecification": {
                    "TrainingImage": "image",
                    "TrainingInputMode": "File",
                    "ContainerEntrypoint": ["cp", "-r", "/opt/ml/input/data/train", "/opt/ml/model/"],
                },
                "RoleArn": ROLE,
                "OutputDataConfig": {"S3OutputPath": "s3://abalone/models"},
                "InputDataConfig": [
                    {
                        "ChannelName": "train",
                        "DataSource": {
                            "S3DataSource": {
                                "S3DataType": "S3Prefix",
                                "S3Uri": {
                                    "Get": "Steps.Preprocess.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"
                                },
                            }
                        },
                    }
                ],
                "ResourceConfig": INSTANCE,
                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            },
        },
        {
            "Name": "Notify",
            "Type": "Lambda",
            "DependsOn": ["Train"],
            "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:notify",
            "Arguments": {},
        },
    ],
}


def local_runs(project: Project, aws: Aws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="bucket", Key="raw/lookup.csv", Body=b"a,b\n1,2\n")
    project.edit("tuning", max_jobs="2", max_parallel_jobs="1")
    project.edit("tuning.ranges", max_iter="[5, 20]")
    project.edit("hyperparameters", max_iter="20")
    for name, text in {
        "production/pipelines/notify.py": NOTIFY,
        "production/steps/report.py": "",
        "stubs/notify.json": STUB,
        "my_pipeline.py": FUNCTIONS,
    }.items():
        path = project.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
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


def _prod(project: Project) -> None:
    project.edit("environments.prod", account=f'"{ACCOUNT}"', role=f'"{ROLE}"', bucket=f'"{BUCKET}"')


def _versions(aws: Aws, environment: str, count: int) -> list[str]:
    """The ARNs of versions of the project's model, which wait for an approval."""
    group = f"customer-flight-delays-{environment}"
    put_group(aws, group, {**OWN, "project": "flight-delays", "env": environment})
    return [put_version(aws, group) for _ in range(count)]


def _approve(aws: Aws, *versions: str) -> None:
    for arn in versions:
        aws.client("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")


def schedule(project: Project, aws: Aws) -> None:
    """A pipeline that is deployed to prod, before it had a schedule, and compares with the approved model."""
    _prod(project)
    project.edit("gate", against='"approved"')
    _approve(aws, *_versions(aws, "prod", 4)[:3])
    done = project.ops("update-pipeline", "train", "--env", "prod", "--yes", **aws.environment)
    assert done.code == 0, done


def endpoints(project: Project, aws: Aws) -> None:
    """Versions in dev, of which the second fails, and two approved ones in prod; and the rows to predict."""
    _prod(project)
    _versions(aws, "dev", 3)
    _approve(aws, *_versions(aws, "prod", 2))
    lines = (project.path / SAMPLE).read_text(encoding="utf-8").splitlines()
    (project.path / "rows.csv").write_text("\n".join(lines[:3]) + "\n", encoding="utf-8")
    answer = "label,probability_0,probability_1\n0,0.83,0.17\n1,0.31,0.69\n"
    gaps.ANSWERS.extend([(200, ""), (200, answer), *[(500, "KeyError: 'carrier'")] * endpoint_probe.TRIES])


def _write(project: Project, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (project.path / name).write_text(text, encoding="utf-8")


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def gitlab(project: Project, aws: Aws) -> None:
    """A clone of the project in GitLab, with a change."""
    new_repository(project.path.parent / "origin.git", bare=True)
    repository = guide_states_aws.repository(project)
    repository.git("remote", "add", "origin", "../origin.git")
    _append(project.path / "README.md", "\nSeasons.\n")


def project_toml(project: Project, aws: Aws) -> None:
    """Gaps in the table, groups, a model with few trees, a table in folders, and an environment that is not set yet."""
    with (project.path / SAMPLE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with (project.path / SAMPLE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(
            {**row, **({"wind_speed": "?"} if number % 68 == 1 else {})} for number, row in enumerate(rows)
        )
    project.edit("evaluation", groups='["origin", "temp"]')
    project.edit("hyperparameters", max_iter="20")
    for folder in ("origin=JFK/month=01", "origin=JFK/month=02", "origin=EWR/month=01"):
        path = project.path / "data" / "flights" / folder / "part-0.parquet"
        path.parent.mkdir(parents=True)
        path.touch()
    project.edit("environments.dev", account='""', role='""', bucket='""')


def nothing(project: Project, aws: Aws) -> None:
    """A new project."""


def versions(project: Project, aws: Aws) -> None:
    _versions(aws, "dev", 2)


def approved(project: Project, aws: Aws) -> None:
    """The endpoint that is made of them is not in service at once."""
    _approve(aws, *_versions(aws, "dev", 2))
    gaps.STATES.append({"EndpointStatus": "Creating"})


def answering(project: Project, aws: Aws) -> None:
    """An endpoint, and what it answers to the rows of the page."""
    endpoints(project, aws)
    _approve(aws, _arn(2))
    done = project.ops("deploy-endpoint", "2", "--env", "dev", "--yes", **aws.environment, **executed.FAST)
    assert done.code == 0, done


def _arn(version: int) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/customer-flight-delays-dev/{version}"


def running(project: Project, aws: Aws) -> None:
    executed.deploy(aws)
    executed.started(aws, status="Executing")


def failed(project: Project, aws: Aws) -> None:
    executed.deploy(aws)
    executed.started(aws, status="Failed", reason="Training failed.")


def personal(project: Project, aws: Aws) -> None:
    """A personal deployment with twelve executions."""
    name = f"{executed.TRAIN}-ana"
    executed.deploy(aws, name, {**executed.TAGS, "user": "ana"})
    for day in (2, *range(5, 15), 23):
        arn = executed.started(aws, name)
        gaps.execution(arn).start_time = datetime(2026, 11, day, 9, tzinfo=UTC)


def deployed(project: Project, aws: Aws) -> None:
    """Two pipelines of the project, the shared one and Ana's, and one of another project."""
    for name, tags, status in (
        (executed.TRAIN, {}, "Succeeded"),
        (f"{executed.TRAIN}-ana", {"user": "ana"}, "Failed"),
        ("customer-churn-train-dev", {"project": "churn"}, ""),
    ):
        executed.deploy(aws, name, {**executed.TAGS, **tags})
        if status:
            executed.started(aws, name, status)


def apps(project: Project, aws: Aws) -> None:
    put_app("customer-ben", "churn-trials", idle=72.1, age=120.1)
    put_app("customer-ana", "flights", idle=0.42, age=7.1)


def changed(project: Project, aws: Aws) -> None:
    """A branch with a change and a run of it, new data, a definition of another project, and an execution on AWS."""
    repository = guide_states_aws.repository(project)
    _append(project.path / "guardrails.toml", PRICES)
    changes = {
        "project.toml": (("max_iter = 150", "max_iter = 60"), ('"ml.m5.xlarge"', '"ml.m5.2xlarge"')),
        "production/steps/training.py": (("def main", "# Fewer trees are enough.\ndef main"),),
    }
    before = {name: (project.path / name).read_text(encoding="utf-8") for name in changes}
    after = dict(before)
    for name, pairs in changes.items():
        for old, new in pairs:
            after[name] = after[name].replace(old, new, 1)
    _write(project, after)
    done = project.ops("run", "train", LOGNAME="ana")
    assert done.code == 0, done
    _write(project, before)  # of the main branch, which has data/schema.toml, too
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    _write(project, after)
    _shifted(project)
    _abalone(project)
    _evaluated(aws)


def _shifted(project: Project) -> None:
    """Every fourth flight, warmer, and often without the humidity."""
    with (project.path / SAMPLE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[::4]
    with (project.path / "data" / "march.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for number, row in enumerate(rows):
            warmer = {"temp": f"{float(row['temp']) + 12:.2f}"} if row["temp"] else {}
            writer.writerow({**row, **warmer, **({"humid": ""} if number % 3 == 0 else {})})


def _abalone(project: Project) -> None:
    """A definition with a step that runs only on AWS, which is replaced, and the data that it reads."""
    raw = project.path.parent / "abalone" / "s3" / "abalone" / "raw"
    raw.mkdir(parents=True)
    (raw / "abalone.csv").write_text("1,2\n", encoding="utf-8")
    for name, content in (("abalone", ABALONE), ("notify", {"properties": {}})):
        (project.path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def _evaluated(aws: Aws) -> None:
    """An execution of `train` on AWS with metrics, and how much of the instances its jobs used."""
    branches = {
        "Conditions": [],
        "IfSteps": [{"Name": "Register", "Type": "RegisterModel", "Arguments": {}}],
        "ElseSteps": [{"Name": "QualityGateFailed", "Type": "Fail", "Arguments": {}}],
    }
    gate = {"Name": "QualityGate", "Type": "Condition", "DependsOn": ["Evaluation"], "Arguments": branches}
    executed.deploy(aws, definition={**executed.DEFINITION, "Steps": [*executed.DEFINITION["Steps"], gate]})
    arn = executed.started(aws)
    executed.evaluated(aws, "processing-1", f"{executed.RESULTS}/train")
    executed.evaluated(aws, "evaluation-1", executed.RESULTS)
    aws.client("sagemaker").create_training_job(
        TrainingJobName="training-1",
        AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": executed.RESULTS},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )
    scores = {"accuracy": 0.8012, "auc": 0.7281}
    report = {"binary_classification_metrics": {name: {"value": value} for name, value in scores.items()}}
    bucket, _, key = executed.RESULTS.removeprefix("s3://").partition("/")
    aws.client("s3").put_object(Bucket=bucket, Key=f"{key}/evaluation.json", Body=json.dumps(report))
    for kind, name, minute, cpu, memory in (  # the CPU of both or all four cores
        ("Processing", "processing-1", 2, 130.0, 34.0),
        ("Training", "training-1", 6, 292.0, 18.0),
        ("Processing", "evaluation-1", 9, 88.0, 22.0),
    ):
        data = [
            {
                "MetricName": f"{metric}Utilization",
                "Dimensions": [{"Name": "Host", "Value": f"{name}/algo-1"}],
                "Timestamp": executed.at(minute),
                "Value": value,
            }
            for metric, value in (("CPU", cpu), ("Memory", memory))
        ]
        aws.client("cloudwatch").put_metric_data(Namespace=f"/aws/sagemaker/{kind}Jobs", MetricData=data)
    gaps.STEPS[arn] = [
        executed.step("Processing", end=4.2, Metadata=executed.job("Processing", "processing-1")),
        executed.step("Training", begin=4.2, end=7.35, Metadata=executed.job("Training", "training-1")),
        executed.step("Evaluation", begin=7.35, end=11.1, Metadata=executed.job("Processing", "evaluation-1")),
        executed.step("QualityGate", begin=11.1, end=11.11),
        executed.step("Register", begin=11.11, end=11.15),
    ]


def tracked(project: Project, aws: Aws) -> None:
    project.edit("tracking", uri='"local"')
    _evaluated(aws)


def tuned(project: Project, aws: Aws) -> None:
    test_tuning_jobs.tuned(aws, Metadata=test_tuning_jobs.METADATA)


# A state may return variables of the environment for the commands of the page.
STATES: dict[str, Callable[[Project, Aws], dict[str, str] | None]] = {
    **guide_states_aws.STATES,
    "commands#ops approve-model": versions,
    "commands#ops delete-app": apps,
    "commands#ops delete-pipeline": personal,
    "commands#ops deploy-endpoint": approved,
    "commands#ops invoke": answering,
    "commands#ops list-apps": apps,
    "commands#ops list-pipelines": deployed,
    "commands#ops new pipeline": nothing,
    "commands#ops new step": nothing,
    "commands#ops reject-model": versions,
    "commands#ops retry-pipeline-execution": failed,
    "commands#ops run to ops clean": changed,
    "commands#ops stop-pipeline-execution": running,
    "commands#ops track-pipeline-execution": tracked,
    "commands#ops update-pipeline-execution": running,
    "commands#ops write-hyperparameters": tuned,
    "endpoints": endpoints,
    "gitlab": gitlab,
    "guardrails": guardrails,
    "local-runs": local_runs,
    "monitoring": monitoring,
    "project-toml": project_toml,
    "schedule": schedule,
}
