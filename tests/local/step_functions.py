"""Compiles a pipeline of functions with @step, and one job of @remote: `python step_functions.py`.

Run with a generated project's Python, and with an S3 to upload to. Prints the definition.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import sagemaker.core.telemetry.telemetry_logging as telemetry
from sagemaker.core.remote_function.job import _Job, _JobSettings
from sagemaker.core.workflow.conditions import ConditionGreaterThan
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.parameters import ParameterBoolean, ParameterInteger
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.function_step import step
from sagemaker.mlops.workflow.pipeline import Pipeline

JOB = {
    "role": "arn:aws:iam::123456789012:role/local",
    "instance_type": "ml.m5.large",
    "image_uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:1",
}
# Neither can work: the test shows that a run does not even try.
LISTED = {"dependencies": "requirements.txt", "pre_execution_commands": ["exit 3"]}


@step(name="make", **JOB, **LISTED)  # type: ignore[untyped-decorator]
def make(count: int, flag: bool, execution: str) -> Any:
    return list(range(count)), {"flag": flag, "execution": execution}


@step(name="total", **JOB)  # type: ignore[untyped-decorator]
def total(numbers: list[int], flag: bool) -> int:
    return sum(numbers) if flag else -1


@step(name="report", **JOB)  # type: ignore[untyped-decorator]
def report(value: int) -> None:
    import boto3

    boto3.client("s3").put_object(Bucket="bucket", Key="report.txt", Body=str(value))


@step(name="broken", **JOB)  # type: ignore[untyped-decorator]
def broken(value: int) -> None:
    raise ValueError(f"no column for {value}")


def remote() -> str:
    return "done"


def main() -> None:
    telemetry._send_telemetry_request = lambda *_, **__: None
    session = PipelineSession(boto_session=boto3.Session(region_name="us-east-1"), default_bucket="bucket")
    Path("requirements.txt").write_text("no-such-package-anywhere==1\n")
    count, flag = ParameterInteger("Count", default_value=4), ParameterBoolean("Flag", default_value=True)
    made = make(count, flag, ExecutionVariables.PIPELINE_EXECUTION_ID)
    summed = total(made[0], made[1]["flag"])
    large = ConditionStep(
        "large",
        conditions=[ConditionGreaterThan(left=summed, right=5)],
        if_steps=[report(summed)],
        else_steps=[broken(summed)],
    )
    pipeline = Pipeline("functions", parameters=[count, flag], steps=[made, summed, large], sagemaker_session=session)
    definition = json.loads(pipeline.definition())
    settings = _JobSettings(sagemaker_session=session, s3_root_uri="s3://bucket", **JOB, **LISTED)
    request = _Job.compile(settings, "remote", "s3://bucket/remote", remote, (), {})
    request = {key: value for key, value in request.items() if key != "TrainingJobName"}
    definition["Steps"].append({"Name": "remote", "Type": "Training", "Arguments": request})
    print(json.dumps(definition))


if __name__ == "__main__":
    main()
