"""Puts back an earlier definition of a pipeline, from the versions that SageMaker keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sagemaker_ops.aws import execution_start, pipelines, upload
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError, aws_call, aws_change
from sagemaker_ops.aws.pipelines import Pipeline
from sagemaker_ops.definition import difference, parameters, plan
from sagemaker_ops.errors import Problem, RefusedError, UserError
from sagemaker_ops.guardrails import cost, resources
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.project.target import Target

INSTEAD = "check out the commit that you want, and deploy it with `ops update-pipeline`"
# The description of a version that a rollback made: the next rollback goes on from the version that it put back.
_MARK = re.compile(r"Rollback to version (\d+)")


@dataclass(frozen=True)
class Version:
    """One version of a pipeline, as in ListPipelineVersions."""

    number: int
    created: datetime | None
    description: str

    @property
    def place(self) -> int:
        """Its place in the history: that of the version that it put back, if a rollback made it."""
        mark = _MARK.fullmatch(self.description)
        return int(mark[1]) if mark else self.number


@dataclass(frozen=True)
class Rollback:
    """A rollback that passed every check. warnings: to be shown first."""

    new: Pipeline
    deployed: tuple[Pipeline, str]
    version: Version
    lines: tuple[str, ...]
    large: tuple[upload.Item, ...]
    groups: tuple[str, ...]
    warnings: tuple[Problem, ...]

    @property
    def is_deployed(self) -> bool:
        return difference.canonical(self.new.definition) == difference.canonical(self.deployed[0].definition)


def prepare(
    account: Account, deployed: tuple[Pipeline, str], target: Target, number: int | None, rules: Policy
) -> Rollback:
    """Find the definition to put back, and check it; `deployed`: from pipelines.find; number: None for the one before.

    UserError if there is none, or if something that it reads is gone; RefusedError if a guardrail refuses it now.
    """
    old = deployed[0]
    version, definition = _wanted(account, old, number)
    new = replace(old, definition=definition, display_name=old.display_name or old.name)
    where = f"version {version.number} of pipeline '{old.name}'"
    costs = cost.check(definition, {}, rules, account.region)
    refused = [*resources.check(dict(definition), rules, where), *(each for each in costs if each.level == "error")]
    read, _ = plan.parse(definition)
    values, _ = parameters.values(read.parameters, {})
    missing = list(execution_start.missing(account, read, values, set(read.steps), INSTEAD))
    wrong = [each for each in missing if each.level == "error"]
    if refused:
        raise RefusedError(*refused, *wrong)
    if wrong:
        raise UserError(*(replace(each, where=f"{where}, {each.where}") for each in wrong))
    of = f", deployed {version.created.astimezone():%Y-%m-%d %H:%M}" if version.created else ""
    worst, before = (cost.worst_case(each, {}, rules, account.region) for each in (definition, old.definition))
    lines = [
        f"Roll back pipeline {old.name} to version {version.number}{of}",
        *difference.lines(old.definition, definition),
        *cost.lines(worst, before),
    ]
    return Rollback(
        new=new,
        deployed=deployed,
        version=version,
        lines=tuple(lines),
        large=tuple(pipelines.too_large(target, new)),
        groups=tuple(pipelines.missing_groups(account, new)),
        warnings=tuple(each for each in (*missing, *costs) if each.level == "warning"),
    )


def apply(account: Account, rollback: Rollback) -> str:
    """Deploy the definition as a new version, and note there where it is from; returns a sentence about it."""
    new, arn, number = rollback.new, rollback.deployed[1], rollback.version.number
    upload.put(account, rollback.large)
    pipelines.make_groups(account, new, rollback.groups)
    made = pipelines.deploy(account, new, rollback.deployed, rollback.large)
    done = f"Pipeline {new.name} has the definition of version {number} again"
    if not made:
        return f"{done}."
    try:
        with aws_change(f"describe version {made} of pipeline '{new.name}'"):
            account.sagemaker.update_pipeline_version(
                PipelineArn=arn,
                PipelineVersionId=int(made),
                PipelineVersionDescription=f"Rollback to version {rollback.version.place}",
            )
    except AwsError as error:
        return f"{done}, as version {made}. Give --version at the next rollback, because it could not be noted: {error}"
    return f"{done}, as version {made}."


def _wanted(account: Account, deployed: Pipeline, number: int | None) -> tuple[Version, dict[str, Any]]:
    """The version with this number, or the newest one before the deployed one that has another definition."""
    name, env = deployed.name, account.environment_name
    listed = _versions(account, name)
    if number is not None:
        found = [each for each in listed if each.number == number]
        if not found:
            known = ", ".join(str(each.number) for each in listed[:10])
            raise UserError(
                Problem(f"pipeline '{name}' has no version {number} in {env}: the newest are {known}.", "--version")
                if listed
                else f"AWS lists no versions of pipeline '{name}': {INSTEAD}."
            )
        return found[0], _definition(account, name, number)
    now = difference.canonical(deployed.definition)
    for version in listed[1:]:
        if version.number < listed[0].place:
            definition = _definition(account, name, version.number)
            if difference.canonical(definition) != now:
                return version, definition
    raise UserError(f"pipeline '{name}' has no earlier version with another definition in {env}: {INSTEAD}.")


def _versions(account: Account, name: str) -> list[Version]:
    """All versions, newest first."""
    try:
        found = list(_listed(account, name))
    except AwsError as error:
        raise AwsError(f"{error} Without the versions of the pipeline, {INSTEAD}.") from error.__cause__
    return sorted(found, key=lambda each: each.number, reverse=True)


def _listed(account: Account, name: str) -> Iterator[Version]:
    for each in account.pages("list_pipeline_versions", "PipelineVersionSummaries", PipelineName=name):
        description = str(each.get("PipelineVersionDescription") or "")
        yield Version(int(each["PipelineVersionId"]), each.get("CreationTime"), description)


def _definition(account: Account, name: str, number: int) -> dict[str, Any]:
    with aws_call(f"describe version {number} of pipeline '{name}'"):
        answer = account.sagemaker.describe_pipeline(PipelineName=name, PipelineVersionId=number)
    return dict(plan.loads(answer["PipelineDefinition"]))
