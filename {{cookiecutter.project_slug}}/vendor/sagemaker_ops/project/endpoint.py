"""[endpoint] in project.toml: how the model answers requests on AWS, and how a new model takes over."""

from __future__ import annotations

from dataclasses import dataclass

from sagemaker_ops.project.typed import choice

ALL_AT_ONCE, CANARY, LINEAR = "all_at_once", "canary", "linear"
TRAFFIC = (ALL_AT_ONCE, CANARY, LINEAR)


@dataclass(frozen=True)
class Endpoint:
    """The endpoint of the project in every environment."""

    instances: int = 1
    max_instances: int | None = None
    """More of them under load, up to this number; not set: always `instances`."""
    invocations_per_instance: int = 1000
    """How many requests per minute an instance gets before another one is started."""
    serverless: bool = False
    memory_mb: int = 2048
    max_concurrency: int = 5
    """How many requests a serverless endpoint answers at the same time."""
    capture_percent: int = 0
    """The share of the requests that is kept on S3 with their answers; 0: none."""
    traffic: str = choice(*TRAFFIC, default=ALL_AT_ONCE)
    step_percent: int = 25
    """The share of the traffic that goes to the new model first (canary), or in each step (linear)."""
    step_minutes: int = 5
    test_rows: str = ""
    """A CSV file with rows for the test after a deployment; empty: the first rows of [data].source."""

    @property
    def most_instances(self) -> int:
        return max(self.instances, self.max_instances or 0)

    @property
    def has_steps(self) -> bool:
        """Whether the traffic moves to a new model in steps."""
        return self.traffic != ALL_AT_ONCE

    @property
    def shifting_minutes(self) -> float:
        """How long the traffic takes to move to a new model."""
        steps = {CANARY: 1.0, LINEAR: 100 / max(self.step_percent, 1)}
        return steps.get(self.traffic, 0.0) * self.step_minutes
