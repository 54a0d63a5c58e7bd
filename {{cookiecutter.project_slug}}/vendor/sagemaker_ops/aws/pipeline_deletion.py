"""Deletes a pipeline: its history, the executions to stop first, and its definition, which is kept in a file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops.aws import lookup, watch
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import aws_change, is_not_found
from sagemaker_ops.aws.executions import RUNNING
from sagemaker_ops.aws.pipelines import Pipeline
from sagemaker_ops.errors import UserError

KEPT = Path(".local/deleted")


@dataclass(frozen=True)
class History:
    """The executions of a pipeline, newest first."""

    executions: list[dict[str, Any]]

    def having(self, *statuses: str) -> list[str]:
        """The ARNs of the executions with one of these statuses."""
        return [each["PipelineExecutionArn"] for each in self.executions if each["PipelineExecutionStatus"] in statuses]

    @property
    def running(self) -> list[str]:
        """The ARNs of the executions that have not ended."""
        return self.having(*RUNNING)

    @property
    def line(self) -> str:
        """How many executions there are, and from when to when."""
        if not self.executions:
            return "It never ran."
        times = sorted(each["StartTime"] for each in self.executions)
        count = len(times)
        span = " to ".join(dict.fromkeys(f"{when:%Y-%m-%d}" for when in (times[0], times[-1])))
        return f"This also deletes the history of {count} execution{'s' if count > 1 else ''}, {span}."


def history(account: Account, name: str) -> History:
    return History(list(lookup.summaries(account, name)))


def check_idle(name: str, found: History, stop_first: bool) -> None:
    """UserError if an execution is running, unless it is to be stopped."""
    if found.running and not stop_first:
        ids = ", ".join(map(lookup.id_of, found.running))
        raise UserError(
            f"pipeline '{name}' is running ({ids}): wait until it has ended, or stop it first with --stop-first."
        )


def stop(account: Account, name: str, say: Callable[[str], None]) -> None:
    """Stop every execution, and wait until none is running."""
    pause = watch.FIRST
    while (found := watch.patiently(lambda: history(account, name))).running:
        for arn in found.having("Executing"):
            say(f"Stopping execution {lookup.id_of(arn)} …")
            _stop(account, arn)
        time.sleep(pause)
        pause = min(pause * watch.GROWTH, watch.LONGEST)


def keep(pipeline: Pipeline, root: Path, now: datetime | None = None) -> Path:
    """Save the definition in a file and return its path in the project; UserError if it cannot be written."""
    path = KEPT / f"{pipeline.name}-{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    try:
        (root / KEPT).mkdir(parents=True, exist_ok=True)
        (root / path).write_text(json.dumps(pipeline.definition, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"the definition cannot be saved in {path} ({error.strerror}), so nothing was deleted."
        ) from None
    return path


def delete(account: Account, name: str) -> None:
    with aws_change(f"delete pipeline '{name}'"):
        account.sagemaker.delete_pipeline(PipelineName=name)


def _stop(account: Account, arn: str) -> None:
    with aws_change(f"stop execution {lookup.id_of(arn)}"):
        try:
            account.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
        except ClientError as error:
            # It may have ended by itself in the meantime.
            if not is_not_found(error) and _status(account, arn) == "Executing":
                raise


def _status(account: Account, arn: str) -> str:
    described = lookup.describe(account, arn)
    return str(described["PipelineExecutionStatus"]) if described else ""
