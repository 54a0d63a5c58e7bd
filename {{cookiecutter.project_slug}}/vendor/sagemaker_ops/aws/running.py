"""Everything of a vertical that currently costs money: since when, how much so far, and how to stop it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops.aws import guard, studio
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError, aws_call, is_denied, is_not_found
from sagemaker_ops.definition import step_types
from sagemaker_ops.definition.step_type import StepType

LONGEST = timedelta(days=30)  # for an execution: its jobs run for at most 28 days
GOING_ON = ("Executing", "Starting", "Stopping")
# By the kind of job in a step's metadata.
JOBS: Mapping[str, StepType] = {each.job.metadata: each for each in step_types.TYPES.values() if each.job}


@dataclass(frozen=True)
class Running:
    """One kind of instance of one resource. use: as in [prices]; count: None if nothing is paid by the hour.

    stop: the command that ends it; empty if the command of the line above does.
    """

    kind: str
    name: str
    use: str = ""
    instance_type: str = ""
    count: int | None = None
    since: datetime | None = None
    stop: str = ""

    @property
    def hours(self) -> float | None:
        """The instance hours so far, of all its instances together."""
        if self.count is None or self.since is None:
            return None
        return self.count * max(0.0, (datetime.now(UTC) - self.since).total_seconds()) / 3600

    @property
    def document(self) -> dict[str, Any]:
        return {
            "Kind": self.kind,
            "Name": self.name,
            "InstanceType": self.instance_type or None,
            "InstanceCount": self.count,
            "Since": self.since,
            "InstanceHours": None if self.hours is None else round(self.hours, 3),
            "StopWith": self.stop or None,
        }


def list_running(account: Account, *, everyone: bool = False) -> tuple[list[Running], list[AwsError]]:
    """What is running, and the errors for what must not be read; AwsError for any other error."""
    found: list[Running] = []
    denied: list[AwsError] = []
    for kind in (_apps, _endpoints, _notebook_instances, _executions):
        try:
            found += kind(account, everyone)
        except AwsError as error:
            if not _is_denied(error):
                raise
            denied.append(error)
    return found, denied


def _apps(account: Account, everyone: bool) -> Iterator[Running]:
    for app in studio.list_apps(account, everyone=everyone):
        if app.status in ("InService", "Pending") and app.instance_type != "system":
            stop = f"ops delete-app {app.path} --env {account.environment_name}"
            yield Running("app", app.path, "studio", app.instance_type, 1, app.created, stop)


def _endpoints(account: Account, everyone: bool) -> Iterator[Running]:
    wanted = {} if everyone else {"NameContains": f"{account.vertical}-"}
    for listed in account.pages("list_endpoints", "Endpoints", **wanted):
        name = listed["EndpointName"]
        if listed["EndpointStatus"] in ("Failed", "Deleting") or not _is_own(account, name, everyone):
            continue
        endpoint = _or_gone("describe_endpoint", account, EndpointName=name)
        if not endpoint:
            continue
        config = _or_gone("describe_endpoint_config", account, EndpointConfigName=endpoint["EndpointConfigName"])
        stop = _stop_endpoint(account, name, listed["EndpointArn"])
        counts = {
            each["VariantName"]: each.get("CurrentInstanceCount")
            for key in ("ProductionVariants", "ShadowProductionVariants")
            for each in endpoint.get(key, [])
        }
        for key in ("ProductionVariants", "ShadowProductionVariants"):
            for variant in config.get(key, []):
                count = counts.get(variant["VariantName"])
                count = variant.get("InitialInstanceCount", 1) if count is None else count
                serverless = "ServerlessConfig" in variant
                yield Running(
                    "endpoint",
                    name,
                    "endpoint",
                    "serverless" if serverless else variant.get("InstanceType", ""),
                    None if serverless else count,
                    endpoint["CreationTime"],
                    stop,
                )
                stop = ""  # one command deletes all variants


def _stop_endpoint(account: Account, name: str, arn: str) -> str:
    """The command for an endpoint with the tags of a project, which also deletes what belongs to it."""
    tags = guard.readable_tags(account, arn)
    if tags.get("vertical") == account.vertical and "env" in tags:
        return f"ops delete-endpoint {name} --env {tags['env']}"
    return f"aws sagemaker delete-endpoint --endpoint-name {name} --region {account.region}"


def _notebook_instances(account: Account, everyone: bool) -> Iterator[Running]:
    for each in account.pages("list_notebook_instances", "NotebookInstances"):
        name = each["NotebookInstanceName"]
        if each["NotebookInstanceStatus"] in ("InService", "Pending", "Updating") and _is_own(account, name, everyone):
            command = f"aws sagemaker stop-notebook-instance --notebook-instance-name {name} --region {account.region}"
            started = each.get("LastModifiedTime", each["CreationTime"])
            yield Running("notebook instance", name, "notebook", each.get("InstanceType", ""), 1, started, command)


def _executions(account: Account, everyone: bool) -> list[Running]:
    prefix = {} if everyone else {"PipelineNamePrefix": f"{account.vertical}-"}
    oldest = datetime.now(UTC) - LONGEST
    names = [
        each["PipelineName"]
        for each in account.pages("list_pipelines", "PipelineSummaries", **prefix)
        if each.get("LastExecutionTime", oldest) > oldest and _is_own(account, each["PipelineName"], everyone)
    ]
    with ThreadPoolExecutor(studio.AT_ONCE) as pool:
        return [each for found in pool.map(lambda name: _executions_of(account, name, oldest), names) for each in found]


def _executions_of(account: Account, pipeline: str, oldest: datetime) -> list[Running]:
    found: list[Running] = []
    order = {"SortBy": "CreationTime", "SortOrder": "Descending"}
    pages = account.pages(
        "list_pipeline_executions", "PipelineExecutionSummaries", PipelineName=pipeline, **order, CreatedAfter=oldest
    )
    for each in pages:
        if each["PipelineExecutionStatus"] in GOING_ON:
            arn = each["PipelineExecutionArn"]
            env = guard.readable_tags(account, arn.partition("/execution/")[0]).get("env", account.environment_name)
            stop = f"ops stop-pipeline-execution {arn} --env {env}"
            found.append(Running("execution", pipeline, since=each["StartTime"], stop=stop))
            found += _jobs(account, arn)
    return found


def _jobs(account: Account, execution: str) -> Iterator[Running]:
    """The jobs of an execution that are currently running."""
    for step in account.pages(
        "list_pipeline_execution_steps", "PipelineExecutionSteps", PipelineExecutionArn=execution
    ):
        for kind, metadata in step.get("Metadata", {}).items():
            if step["StepStatus"] not in GOING_ON or kind not in JOBS or "Arn" not in metadata:
                continue
            known = JOBS[kind]
            try:
                job = _describe_job(account, known, metadata["Arn"].rpartition("/")[2])
            except AwsError as error:
                if not _is_denied(error):
                    raise
                job = {}  # it is known to be running anyway
            started = job.get(known.job.started_key) if known.job else None
            groups = reduce(lambda found, key: found.get(key, {}), known.resources, job)
            for group in groups.get("InstanceGroups") or [groups]:
                name = f"  step {step['StepName']}"
                yield Running(
                    "job", name, known.use, group.get("InstanceType", ""), group.get("InstanceCount"), started
                )


def _describe_job(account: Account, kind: StepType, name: str) -> dict[str, Any]:
    return _or_gone(kind.job.describe, account, **{kind.job.name_key: name}) if kind.job else {}


def _or_gone(operation: str, account: Account, **arguments: Any) -> dict[str, Any]:
    """The description of a resource; empty if it was deleted after it was listed."""
    with aws_call(f"describe {', '.join(map(str, arguments.values()))}"):
        try:
            found: dict[str, Any] = getattr(account.sagemaker, operation)(**arguments)
        except ClientError as error:
            if is_not_found(error):
                return {}
            raise
    return found


def _is_denied(error: AwsError) -> bool:
    return isinstance(error.__cause__, ClientError) and is_denied(error.__cause__)


def _is_own(account: Account, name: str, everyone: bool) -> bool:
    return everyone or name.startswith(f"{account.vertical}-")
