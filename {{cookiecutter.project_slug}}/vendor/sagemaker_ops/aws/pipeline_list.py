"""Lists the pipelines of the account: this project's, the vertical's, and the names of the others."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import aws_call, is_not_found

THREADS = 8


@dataclass(frozen=True)
class Listed:
    """One pipeline. project, env, user: from its tags; empty if missing, or if it is not the vertical's."""

    name: str
    vertical: str = ""
    project: str = ""
    env: str = ""
    user: str = ""
    last_start: datetime | None = None
    last_status: str = ""

    @property
    def document(self) -> dict[str, Any]:
        return {
            "PipelineName": self.name,
            "Tags": {key: value for key in ("vertical", "project", "env", "user") if (value := getattr(self, key))},
            "LastExecutionTime": self.last_start,
            "LastExecutionStatus": self.last_status or None,
        }


def list_pipelines(account: Account, *, everyone: bool) -> list[Listed]:
    """This project's pipelines first, then the vertical's, then, with `everyone`, the names of the others.

    A pipeline with the vertical's name but another's tag belongs to the other.
    """
    prefix = f"{account.vertical}-"
    # What AWS returns for a prefix is checked again below.
    wanted = {} if everyone else {"PipelineNamePrefix": prefix}
    found = list(account.pages("list_pipelines", "PipelineSummaries", SortBy="Name", **wanted))
    named = [each for each in found if each["PipelineName"].startswith(prefix)]
    others = [Listed(each["PipelineName"]) for each in found if not each["PipelineName"].startswith(prefix)]
    with ThreadPoolExecutor(THREADS) as pool:
        listed = list(pool.map(lambda each: _look(account, each), named))
    own = [each for each in filter(None, listed) if each.vertical in ("", account.vertical)]
    others += [Listed(each.name) for each in filter(None, listed) if each.vertical not in ("", account.vertical)]
    project = account.settings.project.slug
    ordered = sorted(own, key=lambda each: (each.project != project, each.name))
    return [*ordered, *(sorted(others, key=lambda each: each.name) if everyone else ())]


def _look(account: Account, summary: dict[str, Any]) -> Listed | None:
    """The pipeline with what only other calls return; None if it was deleted in the meantime."""
    name, started = summary["PipelineName"], summary.get("LastExecutionTime")
    with aws_call(f"describe pipeline '{name}'"):
        try:
            tags = _tags(account, summary["PipelineArn"])
            last = _last_execution(account, name) if started and tags.get("vertical") == account.vertical else {}
        except ClientError as error:
            if is_not_found(error):
                return None
            raise
    return Listed(
        name=name,
        vertical=tags.get("vertical", ""),
        project=tags.get("project", ""),
        env=tags.get("env", ""),
        user=tags.get("user", ""),
        last_start=last.get("StartTime", started),
        last_status=last.get("PipelineExecutionStatus", ""),
    )


def _tags(account: Account, arn: str) -> dict[str, str]:
    pages: Iterator[dict[str, Any]] = account.sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def _last_execution(account: Account, name: str) -> dict[str, Any]:
    answer = account.sagemaker.list_pipeline_executions(
        PipelineName=name, SortBy="CreationTime", SortOrder="Descending", MaxResults=1
    )
    return dict(max(answer["PipelineExecutionSummaries"], key=lambda each: each["StartTime"], default={}))
