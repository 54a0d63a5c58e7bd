"""The deployment of a pipeline: what it would change on AWS, and the calls that make the changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagemaker_ops.aws import pipelines, upload
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.pipelines import Pipeline
from sagemaker_ops.guardrails import cost
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.project.target import Target
from sagemaker_ops.trace import Trace


@dataclass(frozen=True)
class Deployment:
    """A pipeline, and everything that is not on AWS yet. deployed: the pipeline there with this name, and its ARN.

    changes: a line for each difference in the pipeline. missing: the objects to upload. large: the definition as one of
    them, if it is too large for a request. groups: the model package groups to create.
    """

    new: Pipeline
    deployed: tuple[Pipeline, str] | None
    changes: tuple[str, ...]
    missing: tuple[upload.Item, ...]
    large: tuple[upload.Item, ...]
    groups: tuple[str, ...]
    worst_case: tuple[str, ...]

    @property
    def is_up_to_date(self) -> bool:
        return self.deployed is not None and not self.changes and not self.missing

    @property
    def lines(self) -> list[str]:
        """What will be done, to be confirmed by the user."""
        heading = f"{self._verb} pipeline {self.new.name}"
        return [heading, *self.changes, *upload.line(self.missing), *self.worst_case]

    @property
    def _verb(self) -> str:
        return "Update" if self.deployed else "Create"


def prepare(
    account: Account, pipeline: str, definition: Mapping[str, Any], target: Target, root: Path, rules: Policy
) -> Deployment:
    """Compare the project's pipeline with what is deployed; nothing is changed.

    RefusedError if the pipeline deployed under its name, or a group that it registers models into, is another's.
    """
    name = target.pipeline_name(pipeline)
    deployed = pipelines.find(account, name, pipeline)
    old, new = deployed[0] if deployed else None, pipelines.wanted(target, name, definition)
    changes = pipelines.changes(old, new)
    groups = pipelines.missing_groups(account, new) if changes else []
    large = pipelines.too_large(target, new) if changes else []
    before = cost.worst_case(old.definition, {}, rules, account.region) if old else None
    return Deployment(
        new=new,
        deployed=deployed,
        changes=tuple(changes),
        missing=tuple(upload.missing(account, [*upload.items(definition, target, root), *large])),
        large=tuple(large),
        groups=tuple(groups),
        worst_case=tuple(cost.lines(cost.worst_case(definition, {}, rules, account.region), before)),
    )


def apply(account: Account, deployment: Deployment, deployed_by: Trace) -> str:
    """Upload what is missing and deploy the pipeline last; returns a sentence that says what was done."""
    new = deployment.new
    upload.put(account, deployment.missing)
    if not deployment.changes:
        return f"Uploaded the files that pipeline {new.name} reads; the pipeline itself did not change."
    pipelines.make_groups(account, new, deployment.groups)
    version = pipelines.deploy(account, new, deployment.deployed, deployment.large, deployed_by.tags)
    return f"{deployment._verb}d pipeline {new.name}{f', version {version}' if version else ''}."
