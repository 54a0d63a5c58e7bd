"""[schedule] of project.toml: when AWS starts a pipeline by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PROD = "prod"


@dataclass(frozen=True)
class Schedule:
    """When a pipeline is started, where, and with which parameters."""

    when: str
    """An expression of EventBridge Scheduler: `cron(0 6 ? * MON *)`, `rate(7 days)` or `at(2027-01-31T06:00:00)`."""
    timezone: str = "UTC"
    """The IANA time zone of cron and at, such as `Europe/Berlin`."""
    window_minutes: int = 0
    """It starts at any time within so many minutes; 0: at once."""
    environments: list[str] = field(default_factory=lambda: [PROD])
    """Where it is started; [] for nowhere."""
    parameters: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    """{pipeline parameter: its value}; the others have their defaults."""


def whole(given: Mapping[str, str | Schedule]) -> dict[str, Schedule]:
    """{pipeline: its schedule}; a text is `when`, with the defaults for everything else."""
    return {name: Schedule(each) if isinstance(each, str) else each for name, each in given.items()}


def is_used(settings: Any, environment: str) -> bool:
    """Whether a pipeline is scheduled in this environment; settings: as in settings.py."""
    return any(environment in each.environments for each in whole(settings.schedule).values())


def role_of(settings: Any, environment: str) -> str:
    """The ARN of the role that starts pipelines; by default the one that infra/vertical.yaml makes."""
    there = settings.environment(environment)
    partition = there.role.split(":")[1]
    name = f"{settings.project.vertical}-scheduler-{environment}"
    return str(there.scheduler_role) or f"arn:{partition}:iam::{there.account}:role/{name}"
