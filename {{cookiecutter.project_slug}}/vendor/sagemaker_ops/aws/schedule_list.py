"""Lists the schedules that start pipelines of the vertical, and when they run next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sagemaker_ops.aws import schedule_words
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError, aws_call
from sagemaker_ops.guardrails.schedule_check import moment


@dataclass(frozen=True)
class Listed:
    """A schedule on AWS, and when it starts its pipeline next."""

    name: str
    when: str
    state: str
    next_run: datetime | None
    timezone: str

    @property
    def shown_next(self) -> str:
        return moment(self.next_run) if self.next_run and self.state == "ENABLED" else "never"

    @property
    def document(self) -> dict[str, Any]:
        return {
            "Name": self.name,
            "ScheduleExpression": self.when,
            "ScheduleExpressionTimezone": self.timezone,
            "State": self.state,
            "NextRun": self.next_run if self.state == "ENABLED" else None,
        }


def listed(account: Account, *, everyone: bool = False) -> tuple[list[Listed], list[AwsError]]:
    """The schedules of the vertical's pipelines, and the error if they cannot be read.

    Without [schedule] in project.toml, they are left out if AWS does not answer or refuse: not every account uses them.
    """
    own = bool(account.settings.schedule)
    account = account if own else replace(account, attempts=1)
    prefix = {} if everyone else {"NamePrefix": f"{account.vertical}-"}
    try:
        client = account.client("scheduler")
        with aws_call("list the schedules"):
            names = [
                (each["GroupName"], each["Name"])
                for page in client.get_paginator("list_schedules").paginate(**prefix)
                for each in page["Schedules"]
                if ":pipeline/" in each["Target"]["Arn"]
                and (everyone or each["Name"].startswith(f"{account.vertical}-"))
            ]
            found = [client.get_schedule(GroupName=group, Name=name) for group, name in sorted(names)]
    except AwsError as error:
        return [], [error] if own else []
    return [_listed(each) for each in found], []


def _listed(found: Mapping[str, Any]) -> Listed:
    zone = found.get("ScheduleExpressionTimezone", "UTC")
    return Listed(
        found["Name"], found["ScheduleExpression"], found.get("State", ""), schedule_words.next_run(found), zone
    )
