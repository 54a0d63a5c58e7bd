"""Finds the pipeline or execution that a user means by what they typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops.aws import guard
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import aws_call, is_not_found
from sagemaker_ops.errors import RefusedError, UserError, did_you_mean
from sagemaker_ops.project.target import Target

_ID = re.compile(r"[a-z0-9]{1,12}")
_WHOLE_ID = 12  # characters
_ARN = re.compile(r"arn:[\w-]+:sagemaker:([\w-]+):(\d{12}):pipeline/([A-Za-z0-9-]+)/execution/([a-z0-9]+)")


def pipeline_name(account: Account, pipeline: str, user: str = "") -> str:
    """The name on AWS: `train` is this project's in the environment; a name with a hyphen is already a full name.

    user: the owner of a personal deployment.
    """
    if "-" in pipeline:
        if user:
            raise UserError("--as works only with a pipeline of this project: a full name already says whose it is.")
        return pipeline
    target = Target(account.settings, account.environment_name, code_hash="", data_hash="", user=user)
    return target.pipeline_name(pipeline)


def describe_pipeline(account: Account, pipeline: str, user: str = "") -> dict[str, Any]:
    """The answer of DescribePipeline; UserError with the existing pipelines if there is no such pipeline."""
    name = pipeline_name(account, pipeline, user)
    with aws_call(f"describe pipeline '{name}'"):
        try:
            described: dict[str, Any] = account.sagemaker.describe_pipeline(PipelineName=name)
            return described
        except ClientError as error:
            if not is_not_found(error):
                raise
    raise unknown(account, name)


def unknown(account: Account, name: str) -> UserError:
    """The error for a name that no pipeline has, with the existing ones."""
    known = own_pipelines(account)
    hint = did_you_mean(name, known) or (f" Existing ones: {', '.join(known)}." if known else "")
    where = f"account {account.id}, {account.region}"
    return UserError(
        f"there is no pipeline '{name}' in {where}: deploy one of this project with `ops update-pipeline`, or give the "
        f"full name of another project's.{hint}"
    )


def check_own(account: Account, pipeline: str, arn: str, typed: str = "") -> dict[str, str]:
    """The tags of a pipeline, after checking that it may be changed.

    RefusedError if it is not this vertical's or not in this environment, or if `typed`, a short name, leads to another
    project's: the names of two projects can coincide.
    """
    tags = guard.check_resource(account, pipeline, arn, "pipeline")
    project = account.settings.project.slug
    if typed and typed != pipeline and tags.get("project") != project:
        whose = f"belongs to project '{tags['project']}'" if "project" in tags else "has no tag 'project'"
        raise RefusedError(
            f"pipeline '{pipeline}' {whose}, but this is '{project}': write its full name if you mean it."
        )
    return tags


def own_pipelines(account: Account) -> list[str]:
    """The names of this project's pipelines in the environment by their tags, including personal deployments."""
    project = account.settings.project
    prefix = f"{project.vertical}-{project.slug}-"
    own = {"vertical": project.vertical, "project": project.slug, "env": account.environment_name}
    found = []
    for each in account.pages("list_pipelines", "PipelineSummaries", PipelineNamePrefix=prefix):
        if own.items() <= account.tags(each["PipelineArn"]).items():
            found.append(each["PipelineName"])
    return found


def summaries(account: Account, pipeline: str) -> Iterator[dict[str, Any]]:
    """The executions of a pipeline (its full name) from ListPipelineExecutions, newest first, page by page."""
    yield from account.pages(
        "list_pipeline_executions",
        "PipelineExecutionSummaries",
        PipelineName=pipeline,
        SortBy="CreationTime",
        SortOrder="Descending",
    )


def execution_arn(account: Account, execution: str) -> str:
    """The ARN for an ARN, an id, the start of one, or `latest`; UserError if there is no such execution.

    An id is searched for in this project's pipelines of the environment.
    """
    if execution.startswith("arn:"):
        return _checked(account, execution)
    if execution != "latest" and not _ID.fullmatch(execution):
        raise UserError(f"'{execution}' is not an execution: write an id (12 letters and digits), an ARN, or latest.")
    pipelines = own_pipelines(account)
    if execution == "latest":
        newest = [next(summaries(account, name), None) for name in pipelines]
        found = sorted(filter(None, newest), key=lambda each: each["StartTime"], reverse=True)[:1]
        arns = [each["PipelineExecutionArn"] for each in found]
    elif len(execution) == _WHOLE_ID:
        arns = [arn for arn in (_arn(account, name, execution) for name in pipelines) if describe(account, arn)]
    else:
        listed = [each["PipelineExecutionArn"] for name in pipelines for each in summaries(account, name)]
        arns = [arn for arn in listed if id_of(arn).startswith(execution)]
    if len(arns) == 1:
        return str(arns[0])
    if arns:
        raise UserError(f"'{execution}' is the start of {', '.join(map(id_of, arns))}: write more of the id.")
    where = f"in {account.environment_name} for this project's pipelines ({', '.join(pipelines) or 'none'})"
    what = "was found" if execution == "latest" else f"'{execution}' was found"
    raise UserError(
        f"no execution {what} {where}: `ops list-pipeline-executions --env {account.environment_name}` lists them; for "
        "another project's, give its ARN."
    )


def shown_execution(account: Account, execution: str) -> str:
    """Like `execution_arn`, for what is only shown; RefusedError for the ARN of another environment's."""
    arn = execution_arn(account, execution)
    if execution.startswith("arn:"):
        guard.check_shown(account, pipeline_of(arn), arn.partition("/execution/")[0], "pipeline")
    return arn


def describe(account: Account, arn: str) -> dict[str, Any] | None:
    """The answer of DescribePipelineExecution; None if there is no such execution."""
    with aws_call(f"describe execution {id_of(arn)}"):
        try:
            described: dict[str, Any] = account.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
            return described
        except ClientError as error:
            if is_not_found(error):
                return None
            raise


def id_of(arn: str) -> str:
    return arn.rpartition("/")[2]


def pipeline_of(arn: str) -> str:
    """The name of the pipeline in the ARN of an execution or a pipeline."""
    return arn.partition(":pipeline/")[2].partition("/")[0]


def _arn(account: Account, pipeline: str, execution: str) -> str:
    partition = account.sagemaker.meta.partition
    return f"arn:{partition}:sagemaker:{account.region}:{account.id}:pipeline/{pipeline}/execution/{execution}"


def _checked(account: Account, arn: str) -> str:
    found = _ARN.fullmatch(arn)
    if found is None:
        example = _arn(account, "<pipeline>", "<id>")
        raise UserError(f"'{arn}' is not the ARN of an execution: write it like {example}.")
    guard.check_place(account, f"execution {found[4]}", found[1], found[2])
    if describe(account, arn) is None:
        raise UserError(f"execution {found[4]} of pipeline '{found[3]}' does not exist.")
    return arn
