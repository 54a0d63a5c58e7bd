"""A pipeline of the project on AWS, with executions in any state that a test needs."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from aws import gaps
from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE, Aws

TRAIN = "customer-flight-delays-train-dev"
TAGS = {"vertical": "customer", "project": "flight-delays", "env": "dev", "owner": "data-team@example.com"}
DATA = f"s3://{BUCKET}/customer/flight-delays/dev/raw/abc/"
ARCHIVE = f"s3://{BUCKET}/customer/flight-delays/dev/code/def/sourcedir.tar.gz"
RESULTS = f"s3://{BUCKET}/customer/flight-delays/dev/runs/1/evaluation/evaluation"
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
FAST = {"OPS_POLL_SECONDS": "0.05"}
QUOTA = (
    "ResourceLimitExceeded: The account-level service limit 'ml.m5.large for processing job usage' is 0 Instances, "
    "with current utilization of 0 Instances and a request delta of 1 Instances."
)

DEFINITION: dict[str, Any] = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "InputDataUrl", "Type": "String", "DefaultValue": DATA},
        {"Name": "TrainingInstanceType", "Type": "String", "DefaultValue": "ml.m5.xlarge"},
        {"Name": "TrainingInstances", "Type": "Integer", "DefaultValue": 1},
        {"Name": "QualityGate", "Type": "Float", "DefaultValue": 0.65},
        {"Name": "Approval", "Type": "String", "DefaultValue": "Pending", "EnumValues": ["Pending", "Approved"]},
    ],
    "Steps": [
        {
            "Name": "Processing",
            "Type": "Processing",
            "Arguments": {
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
                },
                "AppSpecification": {"ImageUri": "image", "ContainerArguments": ["s3://not-an-input/x"]},
                "RoleArn": ROLE,
                "ProcessingInputs": [
                    {
                        "InputName": "data",
                        "S3Input": {
                            "S3Uri": {"Get": "Parameters.InputDataUrl"},
                            "LocalPath": "/opt/ml/processing/data",
                            "S3DataType": "S3Prefix",
                        },
                    }
                ],
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": "train",
                            "S3Output": {
                                "S3Uri": f"s3://{BUCKET}/not/there/yet",
                                "LocalPath": "/opt/ml/processing/train",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                    ]
                },
                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            },
        },
        {
            "Name": "Training",
            "Type": "Training",
            "Arguments": {
                "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
                "HyperParameters": {"sagemaker_program": "training.py", "sagemaker_submit_directory": ARCHIVE},
                "RoleArn": ROLE,
                "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/not/there/yet"},
                "InputDataConfig": [
                    {
                        "ChannelName": "train",
                        "DataSource": {
                            "S3DataSource": {
                                "S3DataType": "S3Prefix",
                                "S3Uri": {
                                    "Get": "Steps.Processing.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"
                                },
                            }
                        },
                    }
                ],
                "ResourceConfig": {
                    "InstanceType": {"Get": "Parameters.TrainingInstanceType"},
                    "InstanceCount": {"Get": "Parameters.TrainingInstances"},
                    "VolumeSizeInGB": 30,
                },
                "StoppingCondition": {"MaxRuntimeInSeconds": 7200},
            },
        },
        {
            "Name": "Evaluation",
            "Type": "Processing",
            "DependsOn": ["Training"],
            "Arguments": {
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
                },
                "AppSpecification": {"ImageUri": "image"},
                "RoleArn": ROLE,
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": "evaluation",
                            "S3Output": {
                                "S3Uri": f"s3://{BUCKET}/not/there/yet",
                                "LocalPath": "/opt/ml/processing/evaluation",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                    ]
                },
                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            },
            "PropertyFiles": [
                {"PropertyFileName": "Report", "OutputName": "evaluation", "FilePath": "evaluation.json"}
            ],
        },
    ],
}


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def job(kind: str, name: str) -> dict[str, Any]:
    """The metadata of a step with a job, such as job("Processing", "p1")."""
    return {f"{kind}Job": {"Arn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind.lower()}-job/{name}"}}


def step(name: str, status: str = "Succeeded", begin: float = 0, end: float | None = 5, **more: Any) -> dict[str, Any]:
    """A step with the keys of ListPipelineExecutionSteps; times are minutes after START."""
    ended = {"EndTime": at(end)} if end is not None else {}
    return {"StepName": name, "StepStatus": status, "StartTime": at(begin), **ended, **more}


def deploy(aws: Aws, name: str = TRAIN, tags: dict[str, str] | None = None, definition: Any = None) -> str:
    """Create a pipeline on AWS, with the data that it reads; returns its ARN."""
    for uri in (f"{DATA}part-1.csv", ARCHIVE):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
    created = aws.client("sagemaker").create_pipeline(
        PipelineName=name,
        PipelineDefinition=json.dumps(definition or DEFINITION),
        ClientRequestToken="t" * 32,
        RoleArn=ROLE,
        Tags=[{"Key": key, "Value": value} for key, value in (TAGS if tags is None else tags).items()],
    )
    gaps.CALLS.clear()
    return str(created["PipelineArn"])


def started(aws: Aws, name: str = TRAIN, status: str = "Succeeded", reason: str | None = None, **more: Any) -> str:
    """Create an execution of a pipeline; returns its ARN."""
    token = f"{time.time_ns():032d}"
    arn = aws.client("sagemaker").start_pipeline_execution(PipelineName=name, ClientRequestToken=token, **more)
    record = gaps.execution(arn["PipelineExecutionArn"])
    record.pipeline_execution_status, record.pipeline_execution_failure_reason = status, reason
    record.creation_time = START
    gaps.CALLS.clear()
    return str(arn["PipelineExecutionArn"])


def evaluated(aws: Aws, name: str, uri: str) -> None:
    """The processing job that wrote evaluation.json into the folder `uri`."""
    instances = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
    output = {"S3Uri": uri, "LocalPath": "/x", "S3UploadMode": "EndOfJob"}
    aws.client("sagemaker").create_processing_job(
        ProcessingJobName=name,
        ProcessingResources={"ClusterConfig": instances},
        AppSpecification={"ImageUri": "image"},
        RoleArn=ROLE,
        ProcessingOutputConfig={"Outputs": [{"OutputName": "evaluation", "S3Output": output}]},
    )


def requests(name: str) -> list[dict[str, Any]]:
    return [request for called, request in gaps.CALLS if called == name]
