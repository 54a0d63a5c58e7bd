"""Stops, retries and updates an execution, after checking whose it is."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sagemaker_ops.aws import execution_start, guard, lookup
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import aws_change
from sagemaker_ops.aws.executions import RUNNING
from sagemaker_ops.errors import RefusedError, UserError

_RETRIED = ("Failed", "Stopped", "CompletedWithFailures")


@dataclass(frozen=True)
class Found:
    """An execution of this vertical."""

    arn: str
    status: str
    start_time: datetime

    @property
    def id(self) -> str:
        return lookup.id_of(self.arn)

    @property
    def running(self) -> bool:
        return self.status in RUNNING

    @property
    def line(self) -> str:
        started = self.start_time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return f"execution {self.id} of pipeline {lookup.pipeline_of(self.arn)}: {self.status}, started {started}"


@dataclass(frozen=True)
class Wanted:
    """The changes for UpdatePipelineExecution."""

    request: dict[str, Any] = field(default_factory=dict)

    @property
    def lines(self) -> Iterator[tuple[str, object]]:
        for key, value in self.request.items():
            yield from value.items() if isinstance(value, dict) else ((key, value),)


def own(account: Account, execution: str) -> Found:
    """The execution; UserError if it does not exist.

    RefusedError if its pipeline is not this vertical's or not in this environment, or if `latest` leads to a personal
    deployment that is not known to be the caller's.
    """
    arn = lookup.execution_arn(account, execution)
    tags = lookup.check_own(account, lookup.pipeline_of(arn), arn.partition("/execution/")[0])
    if execution == "latest" and guard.is_of_another_user(tags):
        raise RefusedError(
            f"the newest execution, {lookup.id_of(arn)}, belongs to the personal deployment of '{tags['user']}': write "
            "its id instead of latest if you mean it."
        )
    described = lookup.describe(account, arn)
    if described is None:
        raise UserError(f"execution {lookup.id_of(arn)} no longer exists.")
    return Found(arn, described["PipelineExecutionStatus"], described["CreationTime"])


def stop(account: Account, found: Found) -> None:
    with aws_change(f"stop execution {found.id}"):
        account.sagemaker.stop_pipeline_execution(PipelineExecutionArn=found.arn, ClientRequestToken=_token())


def check_retry(found: Found) -> None:
    """UserError if the execution cannot be retried."""
    if found.status not in _RETRIED:
        what = "has not ended yet" if found.running else f"has {found.status.lower()}"
        raise UserError(
            f"execution {found.id} {what}, but only one that failed or was stopped can be retried: start another one "
            "with `ops start-pipeline-execution`."
        )


def retry(account: Account, found: Found) -> None:
    with aws_change(f"retry execution {found.id}"):
        account.sagemaker.retry_pipeline_execution(PipelineExecutionArn=found.arn, ClientRequestToken=_token())


def wanted(name: str | None, description: str | None, parallelism: int | None) -> Wanted:
    """The change; UserError if there is none, or if AWS would refuse it."""
    problems = [
        *execution_start.check_display_name(name),
        *execution_start.check_description(description),
        *execution_start.check_parallelism(parallelism),
    ]
    if problems:
        raise UserError(*problems)
    request: dict[str, Any] = {}
    if name is not None:
        request["PipelineExecutionDisplayName"] = name
    if description is not None:
        request["PipelineExecutionDescription"] = description
    if parallelism is not None:
        request["ParallelismConfiguration"] = {"MaxParallelExecutionSteps": parallelism}
    if not request:
        raise UserError(
            "there is nothing to change: give --name, --description or --parallelism. Nothing else of an execution, "
            "such as its parameters, can be changed: start another one with `ops start-pipeline-execution`."
        )
    return Wanted(request)


def update(account: Account, found: Found, change: Wanted) -> None:
    with aws_change(f"update execution {found.id}"):
        account.sagemaker.update_pipeline_execution(PipelineExecutionArn=found.arn, **change.request)


def _token() -> str:
    """A token that makes AWS act only once when boto3 repeats a call after a lost answer."""
    return str(uuid.uuid4())
