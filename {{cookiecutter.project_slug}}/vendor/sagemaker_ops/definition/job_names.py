"""What SageMaker calls things of each kind of job: in ARNs, logs, metrics and requests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """What SageMaker calls things of one kind of job, all of which follow from its name.

    numbered_hosts: whether its metrics have hosts named <job>/algo-1, or ones that only a search finds.
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
        """The end of /aws/sagemaker/<…>, where its logs and metrics are."""
        return f"{self.name}Jobs"

    @property
    def describe(self) -> str:
        """The method of a client that describes it."""
        return f"describe_{self.name.lower()}_job"

    @property
    def name_key(self) -> str:
        return f"{self.name}JobName"

    @property
    def started_key(self) -> str:
        """When it began, in its description."""
        return f"{self.name}StartTime"
