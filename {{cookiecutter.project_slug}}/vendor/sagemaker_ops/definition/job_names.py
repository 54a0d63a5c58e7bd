"""The names that SageMaker uses for each kind of job: in ARNs, logs, metrics and requests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """The names that SageMaker uses for one kind of job, all of which follow from its name.

    numbered_hosts: whether the hosts in its metrics are named <job>/algo-1, or can be found only by a search.
    """

    name: str
    numbered_hosts: bool = True

    @property
    def arn(self) -> str:
        """The kind of resource in its ARN."""
        return f"{self.name.lower()}-job"

    @property
    def metadata(self) -> str:
        """Its key in the metadata of a step of an execution."""
        return f"{self.name}Job"

    @property
    def log_group(self) -> str:
        """The end of /aws/sagemaker/<…>, the place of its logs and metrics."""
        return f"{self.name}Jobs"

    @property
    def describe(self) -> str:
        """The client method that describes it."""
        return f"describe_{self.name.lower()}_job"

    @property
    def name_key(self) -> str:
        return f"{self.name}JobName"

    @property
    def described(self) -> tuple[str, ...]:
        """The keys of its description once it has ended well: its name, ARN, status, and three times."""
        own = (self.name_key, f"{self.name}JobArn", f"{self.name}JobStatus")
        return (*own, "CreationTime", self.started_key, f"{self.name}EndTime")

    @property
    def started_key(self) -> str:
        """The key of the start time in its description."""
        return f"{self.name}StartTime"
