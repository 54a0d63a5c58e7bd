"""An execution on AWS in the form of a local one, so that the same tables can show both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops.aws import lookup
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import aws_call, is_denied, is_not_found, with_quota
from sagemaker_ops.definition import parameters, plan, step_types
from sagemaker_ops.definition.step_type import StepType
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution, StepExecution

RUNNING = ("Executing", "Stopping")  # any other status, even an unknown one, means that it has ended


# By the kind in a job's ARN: https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html
JOBS: Mapping[str, StepType] = {each.job.arn: each for each in step_types.TYPES.values() if each.job}


@dataclass(frozen=True)
class Job:
    """A job of a step."""

    kind: StepType
    name: str

    @property
    def log_group(self) -> str:
        """The log group with its logs and metrics."""
        return f"/aws/sagemaker/{self.kind.job.log_group}" if self.kind.job else ""

    def describe(self, client: Any) -> dict[str, Any]:
        """The answer of DescribeProcessingJob or a similar operation; client: of SageMaker."""
        if self.kind.job is None:
            return {}
        return dict(getattr(client, self.kind.job.describe)(**{self.kind.job.name_key: self.name}))


@dataclass
class AwsStep(StepExecution):
    """One step, as in ListPipelineExecutionSteps."""

    metadata: dict[str, Any] = field(default_factory=dict)
    used: dict[str, float] = field(default_factory=dict)

    @property
    def usage(self) -> dict[str, float]:
        return self.used

    @property
    def facts(self) -> dict[str, Any]:
        return {"Metadata": self.metadata} if self.metadata else {}

    @property
    def is_logged(self) -> bool:
        return self.job is not None

    @property
    def job(self) -> Job | None:
        """The job that did the work; None if there is none, or none yet."""
        for made in self.metadata.values():
            arn = str(made.get("Arn") or made.get("CheckJobArn") or "") if isinstance(made, dict) else ""
            kind, _, name = arn.rpartition(":")[2].partition("/")
            if kind in JOBS and name:
                return Job(JOBS[kind], name)
        return None


@dataclass
class AwsExecution(Execution):
    """One execution, as in DescribePipelineExecution. Its `folder` is empty: nothing of it is on this machine."""

    account: Account = field(kw_only=True)
    arn: str = ""
    display_name: str = ""
    description: str = ""

    @property
    def facts(self) -> dict[str, str]:
        named = {
            "PipelineExecutionArn": self.arn,
            "PipelineExecutionDisplayName": self.display_name,
            "PipelineExecutionDescription": self.description,
        }
        return {key: value for key, value in named.items() if value}

    @property
    def jobs(self) -> Iterator[tuple[AwsStep, Job]]:
        """The steps that have their own job, so not the cached ones."""
        for step in self.steps.values():
            if isinstance(step, AwsStep) and step.job is not None:
                yield step, step.job

    def read_property_file(self, step: str, name: str) -> Any:
        """The JSON of a property file, from S3; UserError if it cannot be read."""
        output, file_path = self.steps[step].property_files[name]
        folder = self.steps[step].outputs.get(output)
        if folder is None:
            raise UserError(f"it is not known where step '{step}' put its output '{output}'.")
        bucket, _, key = f"{folder.rstrip('/')}/{file_path}".removeprefix("s3://").partition("/")
        with aws_call(f"read s3://{bucket}/{key}"):
            content = self.account.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        try:
            return json.loads(content)
        except ValueError as error:
            raise UserError(f"s3://{bucket}/{key} is not JSON: {error}.") from error


@dataclass(frozen=True)
class Unchanging:
    """The parts of an execution that never change after the start: steps and parameters."""

    steps: Mapping[str, plan.Step]
    parameters: Mapping[str, Any]


def listed(account: Account, pipeline: str) -> Iterator[AwsExecution]:
    """The executions of a pipeline, newest first, with what ListPipelineExecutions returns."""
    for each in lookup.summaries(account, pipeline):
        yield AwsExecution(
            id=lookup.id_of(each["PipelineExecutionArn"]),
            pipeline_name=pipeline,
            folder=Path(),
            start_time=each["StartTime"],
            parameters={},
            steps={},
            status=each["PipelineExecutionStatus"],
            failure_reason=with_quota(each.get("PipelineExecutionFailureReason")),
            account=account,
            arn=each["PipelineExecutionArn"],
            display_name=each.get("PipelineExecutionDisplayName") or "",
            description=each.get("PipelineExecutionDescription") or "",
        )


def load(account: Account, arn: str) -> AwsExecution:
    """The current state of the execution, with its steps."""
    return state(account, arn, unchanging(account, arn))


def unchanging(account: Account, arn: str) -> Unchanging:
    """The definition that the execution was started with, and its typed parameters."""
    with aws_call(f"read the definition of execution {lookup.id_of(arn)}"):
        answer = account.sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    # Even with problems, such as a step type that this machine cannot run, the plan has the other steps.
    read, _ = plan.parse(plan.loads(answer["PipelineDefinition"]))
    pages = account.pages("list_pipeline_parameters_for_execution", "PipelineParameters", PipelineExecutionArn=arn)
    given = {each["Name"]: each["Value"] for each in pages}
    typed, _ = parameters.values(read.parameters, given)
    return Unchanging(read.steps, {**typed, **{name: given[name] for name in given.keys() - typed.keys()}})


def state(account: Account, arn: str, known: Unchanging) -> AwsExecution:
    """The current state of the execution."""
    described = lookup.describe(account, arn)
    if described is None:
        raise UserError(f"execution {lookup.id_of(arn)} no longer exists: its pipeline was deleted.")
    pages = account.pages(
        "list_pipeline_execution_steps", "PipelineExecutionSteps", PipelineExecutionArn=arn, SortOrder="Ascending"
    )
    steps: dict[str, StepExecution] = {
        name: AwsStep(name, step.type, property_files=dict(step.property_files)) for name, step in known.steps.items()
    }
    for each in pages:
        reached = _step(each, known.steps.get(each["StepName"]))
        steps[reached.name] = reached
    status = str(described["PipelineExecutionStatus"])
    ended = [each.end_time for each in steps.values() if each.end_time]
    return AwsExecution(
        id=lookup.id_of(arn),
        pipeline_name=lookup.pipeline_of(arn),
        folder=Path(),
        start_time=described["CreationTime"],
        parameters=dict(known.parameters),
        steps=steps,
        status=status,
        end_time=None if status in RUNNING else max(ended, default=described.get("LastModifiedTime")),
        failure_reason=with_quota(described.get("FailureReason")),
        account=account,
        arn=arn,
        display_name=described.get("PipelineExecutionDisplayName") or "",
        description=described.get("PipelineExecutionDescription") or "",
    )


def add_properties(execution: AwsExecution) -> dict[str, dict[str, Any]]:
    """Give the steps their properties, as far as allowed; returns {step: answer of DescribeProcessingJob, …}."""
    described: dict[str, dict[str, Any]] = {}
    client = execution.account.sagemaker
    for step, job in execution.jobs:
        answer = _asked(job.name, partial(job.describe, client))
        if answer:
            described[step.name] = answer
            outputs = answer.get("ProcessingOutputConfig", {}).get("Outputs", [])
            by_name = {"ProcessingOutputConfig": {"Outputs": {each["OutputName"]: each for each in outputs}}}
            step.properties |= {**answer, **(by_name if outputs else {})}
    for each in execution.steps.values():
        if arn := each.properties.get("ModelPackageArn"):
            answer = _asked(arn, partial(client.describe_model_package, ModelPackageName=arn))
            each.properties["ModelApprovalStatus"] = answer.get("ModelApprovalStatus", "unknown")
    return described


def _asked(what: str, describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The answer; empty if the call is not allowed or the resource is gone."""
    with aws_call(f"describe {what}"):
        try:
            return describe()
        except ClientError as error:
            if is_denied(error) or is_not_found(error):
                return {}
            raise


def _type_of(metadata: str) -> str:
    """The step type for a metadata key of ListPipelineExecutionSteps: `Training` for `TrainingJob`."""
    named = (each.name for each in step_types.TYPES.values() if each.job and each.job.metadata == metadata)
    return next(named, metadata.removesuffix("Job"))


def _step(answer: dict[str, Any], planned: plan.Step | None) -> AwsStep:
    metadata = answer.get("Metadata") or {}
    kind = next(iter(metadata), "")
    name = answer["StepName"]
    if iteration := answer.get("IterationContext"):
        name = f"{name}[{iteration.get('Index', '')}]"
    reused = answer.get("CacheHitResult") or answer.get("SelectiveExecutionResult") or {}
    properties: dict[str, Any] = {}
    if step_types.of(kind).branches:
        properties["Outcome"] = metadata[kind].get("Outcome")
    if step_types.of(kind).registers_model:
        properties["ModelPackageArn"] = metadata[kind].get("Arn")
    return AwsStep(
        name=name,
        type=planned.type if planned else _type_of(kind),
        property_files=dict(planned.property_files) if planned else {},
        status=answer.get("StepStatus", "NotStarted"),
        start_time=answer.get("StartTime"),
        end_time=answer.get("EndTime"),
        failure_reason=with_quota(answer.get("FailureReason")),
        properties=properties,
        attempts=answer.get("AttemptCount") or 0,
        source=lookup.id_of(reused.get("SourcePipelineExecutionArn", "")) or None,
        selected="SelectiveExecutionResult" not in answer,
        metadata=metadata,
    )
