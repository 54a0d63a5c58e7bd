"""Pipelines on AWS: what is deployed, what would change, and the calls that create and update them."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops.aws import guard, lookup, upload
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError, aws_call, aws_change, is_not_found
from sagemaker_ops.definition import difference, plan, step_types
from sagemaker_ops.project.target import Target

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreatePipeline.html: a longer one is read from S3.
LARGEST = 1_048_576  # bytes
# After a pipeline was created, it takes AWS a moment to show it.
PAUSE = float(os.environ.get("OPS_POLL_SECONDS", "2"))
TRIES = 6


@dataclass(frozen=True)
class Pipeline:
    """A pipeline, as deployed or as it should be."""

    name: str
    definition: Mapping[str, Any]
    role: str
    display_name: str
    description: str
    tags: Mapping[str, str]

    @property
    def text(self) -> str:
        """The definition as sent to AWS."""
        return json.dumps(self.definition, separators=(",", ":"), ensure_ascii=False)


def wanted(target: Target, name: str, definition: Mapping[str, Any]) -> Pipeline:
    """The pipeline that project.toml and production/ describe."""
    description = " ".join(target.settings.project.description.split())[:3072]
    tags = {key: value for key, value in target.tags.items() if value}
    return Pipeline(name, definition, target.environment.role, name, description, tags)


def find(account: Account, name: str, typed: str) -> tuple[Pipeline, str] | None:
    """The pipeline deployed under this name, and its ARN; None if there is none; RefusedError if it is off limits.

    typed: the name as the user wrote it.
    """
    with aws_call(f"describe pipeline '{name}'"):
        try:
            found = account.sagemaker.describe_pipeline(PipelineName=name)
        except ClientError as error:
            if is_not_found(error):
                return None
            raise
    tags = lookup.check_own(account, name, found["PipelineArn"], typed)
    return Pipeline(
        name=name,
        definition=plan.loads(found["PipelineDefinition"]),
        role=found["RoleArn"],
        display_name=found.get("PipelineDisplayName") or "",
        description=found.get("PipelineDescription") or "",
        tags=tags,
    ), found["PipelineArn"]


def changes(deployed: Pipeline | None, new: Pipeline) -> list[str]:
    """A line for every difference that is not deployed yet."""
    if deployed is None:
        return difference.lines(None, new.definition)
    found = difference.lines(deployed.definition, new.definition)
    for what, old, now in (
        ("role", deployed.role, new.role),
        ("display name", deployed.display_name, new.display_name),
        ("description", deployed.description, new.description or deployed.description),
    ):
        if old != now:
            found.append(f"~ {what}: {old or 'none'} → {now}")
    added = _tag_changes(deployed, new).items()
    return [*found, *(f"~ tag {key}: {deployed.tags.get(key, 'none')} → {value}" for key, value in added)]


def too_large(target: Target, new: Pipeline) -> list[upload.Item]:
    """The definition as an object on S3, if it is too large for a request."""
    content = new.text.encode()
    if len(content) <= LARGEST:
        return []
    return [
        upload.Item(f"{target.root_uri}/definitions/{_hash(new.text)[:16]}.json", lambda: content, len(content)),
    ]


def deploy(
    account: Account,
    new: Pipeline,
    deployed: tuple[Pipeline, str] | None,
    large: Sequence[upload.Item],
    marks: Mapping[str, str] = {},
) -> str:
    """Create it, or update it and then its tags: each call leaves a pipeline that runs. Returns AWS's version.

    marks: tags that say who deployed it, and that are no change by themselves.
    """
    request: dict[str, Any] = {
        "PipelineName": new.name,
        "PipelineDisplayName": new.display_name,
        "RoleArn": new.role,
        **({"PipelineDescription": new.description} if new.description else {}),
        **_definition(new, large),
    }
    if deployed is None:
        # The token is botocore's, a new one each time. One made from the content would be the same after a deletion,
        # and AWS might take the creation for a repetition.
        with aws_change(f"create pipeline '{new.name}'"):
            account.sagemaker.create_pipeline(**request, Tags=_tags({**new.tags, **marks}))
        _wait_until_known(account, new.name)
        return _newest_version(account, new.name)
    old, arn = deployed
    version = ""
    if changes(replace(old, tags=new.tags), new):
        with aws_change(f"update pipeline '{new.name}'"):
            version = str(account.sagemaker.update_pipeline(**request).get("PipelineVersionId") or "")
    if tags := _tag_changes(old, replace(new, tags={**new.tags, **marks})):
        with aws_change(f"tag pipeline '{new.name}'"):
            account.sagemaker.add_tags(ResourceArn=arn, Tags=_tags(tags))
    return version or _newest_version(account, new.name)


def missing_groups(account: Account, new: Pipeline) -> list[str]:
    """The model package groups that the pipeline registers into and that do not exist yet.

    RefusedError if one of them is another's, or would be by its name.
    """
    missing = []
    for group in sorted(set(_groups(new.definition["Steps"]))):
        arn = ""
        with aws_call(f"describe model package group '{group}'"):
            try:
                found = account.sagemaker.describe_model_package_group(ModelPackageGroupName=group)
                arn = found["ModelPackageGroupArn"]
            except ClientError as error:
                if not is_not_found(error):
                    raise
        if arn:
            guard.check_resource(account, group, arn, "model package group")
        else:
            guard.check_new_name(account, group, "model package group")
            missing.append(group)
    return missing


def make_groups(account: Account, new: Pipeline, groups: Sequence[str]) -> None:
    """Create these model package groups, because those that AWS creates have no tags.

    Without the tag of the vertical, nobody could approve a model in them.
    """
    for group in groups:
        with aws_change(f"create model package group '{group}'"):
            account.sagemaker.create_model_package_group(ModelPackageGroupName=group, Tags=_tags(new.tags))


def _groups(steps: list[dict[str, Any]]) -> Iterator[str]:
    for step in step_types.walk(steps):
        name = step.get("Arguments", {}).get("ModelPackageGroupName")
        if step_types.of(step["Type"]).registers_model and isinstance(name, str):
            yield name


def _definition(new: Pipeline, large: Sequence[upload.Item]) -> dict[str, Any]:
    if not large:
        return {"PipelineDefinition": new.text}
    bucket, key = upload.place(large[0].uri)
    return {"PipelineDefinitionS3Location": {"Bucket": bucket, "ObjectKey": key}}


def _wait_until_known(account: Account, name: str) -> None:
    for _ in range(TRIES):
        with aws_call(f"describe pipeline '{name}', which was created"):
            try:
                account.sagemaker.describe_pipeline(PipelineName=name)
                return
            except ClientError as error:
                if not is_not_found(error):
                    raise
        time.sleep(PAUSE)
    raise AwsError(f"pipeline '{name}' was created, but AWS does not show it yet: try again in a minute.")


def _newest_version(account: Account, name: str) -> str:
    """The newest version; empty if AWS has none or the call is not allowed: the pipeline is deployed anyway."""
    try:
        with aws_call("list the versions"):
            answer = account.sagemaker.list_pipeline_versions(PipelineName=name, SortOrder="Descending", MaxResults=1)
            return "".join(str(each["PipelineVersionId"]) for each in answer["PipelineVersionSummaries"][:1])
    except AwsError:
        return ""


def _tag_changes(old: Pipeline, new: Pipeline) -> dict[str, str]:
    return {key: value for key, value in new.tags.items() if old.tags.get(key) != value}


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
