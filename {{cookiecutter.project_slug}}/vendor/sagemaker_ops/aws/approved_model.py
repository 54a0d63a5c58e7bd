"""The approved model that an execution on AWS compares the new one with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops.aws import guard, models
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError, aws_call, is_denied, is_not_found
from sagemaker_ops.definition.plan import loads
from sagemaker_ops.errors import Problem, RefusedError
from sagemaker_ops.project import approved_model
from sagemaker_ops.project.approved_model import APPROVED, Package


def with_approved(
    account: Account, described: Mapping[str, Any], tags: Mapping[str, str], given: Mapping[str, str]
) -> dict[str, str]:
    """The parameters of a start, with those of the approved model if the pipeline compares with it.

    described, tags: of the pipeline. The model package group is the shared one of the pipeline's project, also for a
    personal deployment. AwsError if AWS cannot be asked: that is not the same as no approved model.
    """
    project = tags.get("project", account.settings.project.slug)
    return of_definition(account, loads(described["PipelineDefinition"]), project, given)


def of_definition(
    account: Account, definition: Mapping[str, Any], project: str, given: Mapping[str, str]
) -> dict[str, str]:
    """The same for the definition of a pipeline of a project, such as one that is not deployed yet."""
    group = f"{account.vertical}-{project}-{account.environment_name}"
    own = f"s3://{account.settings.environment(account.environment_name).bucket}/{account.vertical}/{project}/"
    if approved_model.MODEL in given and not given[approved_model.MODEL].startswith(own):
        message = f"'{given[approved_model.MODEL]}' is not below {own}, and loading a model runs the code in it."
        raise RefusedError(Problem(message, "--param"))
    return approved_model.parameters(definition, given, lambda version: _find(account, group, version))


def _find(account: Account, group: str, version: str) -> Package:
    if version:
        arn = models.find(account, version, group).arn
    elif not (arn := _newest(account, group)):
        return Package()
    with aws_call(f"describe {arn.rpartition(':')[2]}"):
        package = account.sagemaker.describe_model_package(ModelPackageName=arn)
    there = (uri if _is_there(account, uri) else "" for uri in approved_model.uris(package))
    return Package(arn.rpartition("/")[2], *there)


def _newest(account: Account, group: str) -> str:
    """The ARN of the newest approved version; empty if there is none, or no such group."""
    pages = account.pages(
        "list_model_packages",
        "ModelPackageSummaryList",
        ModelPackageGroupName=group,
        ModelApprovalStatus=APPROVED,
        SortBy="CreationTime",
        SortOrder="Descending",
    )
    try:
        arn = next((str(each["ModelPackageArn"]) for each in pages), "")
    except AwsError as error:
        if isinstance(error.__cause__, ClientError) and is_not_found(error.__cause__):
            return ""
        raise
    if arn:
        group_arn = arn.rpartition("/")[0].replace(":model-package/", ":model-package-group/")
        guard.check_shown(account, group, group_arn, "model package group")
    return arn


def _is_there(account: Account, uri: str) -> bool:
    """Whether S3 has the object; also if you must not look, for the job's role may read it."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    with aws_call(f"check whether {uri} exists"):
        try:
            return bool(uri) and bool(account.s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("KeyCount"))
        except ClientError as error:
            if is_denied(error):
                return True
            if is_not_found(error) or error.response["Error"]["Code"] == "NoSuchBucket":
                return False
            raise
