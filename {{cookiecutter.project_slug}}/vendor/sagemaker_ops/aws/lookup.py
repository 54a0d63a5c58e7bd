"""Which pipeline, and which execution, someone means by what they typed."""

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
    """The name on AWS: `train` is this project's, in the environment; what has a hyphen is a name in full.

    user: whose personal deployment is meant.
    """
    if "-" in pipeline:
        if user:
            raise UserError("--as is for a pipeline of this project: a name in full says whose it is.")
        return pipeline
    target = Target(account.settings, account.environment_name, code_hash="", data_hash="", user=user)
    return target.pipeline_name(pipeline)


def describe_pipeline(account: Account, pipeline: str, user: str = "") -> dict[str, Any]:
    """What DescribePipeline answers; UserError, with what there is, if there is no such pipeline."""
    name = pipeline_name(account, pipeline, user)
    with aws_call(f"look at pipeline '{name}'"):
        try:
            described: dict[str, Any] = account.sagemaker.describe_pipeline(PipelineName=name)
            return described
        except ClientError as error:
            if not is_not_found(error):
                raise
    raise unknown(account, name)


def unknown(account: Account, name: str) -> UserError:
    """What to say, with what there is, where there is no pipeline of this name."""
    known = own_pipelines(account)
    hint = did_you_mean(name, known) or (f" There is: {', '.join(known)}." if known else "")
    where = f"account {account.id}, {account.region}"
    return UserError(
        f"there is no pipeline '{name}' in {where}: `ops update-pipeline` deploys one of this project, and another "
        f"project's is named in full.{hint}"
    )


def check_own(account: Account, pipeline: str, arn: str, typed: str = "") -> dict[str, str]:
    """The tags of a pipeline, once nothing is against touching it.

    RefusedError if it is not this vertical's, or if `typed`, a name that is not its name in full, leads to another
    project's: two projects can come to one name. UserError if it is of another environment.
    """
    tags = guard.check_resource(account, pipeline, arn, "pipeline")
    project = account.settings.project.slug
    if typed and typed != pipeline and tags.get("project") != project:
        whose = f"belongs to project '{tags['project']}'" if "project" in tags else "has no tag 'project'"
        raise RefusedError(
            f"pipeline '{pipeline}' {whose}, and this is '{project}': write its name in full if you mean it."
        )
    env = tags.get("env", account.environment_name)
    if env != account.environment_name:
        raise UserError(
            f"pipeline '{pipeline}' is of environment '{env}', not of '{account.environment_name}': write --env {env}."
        )
    return tags


def own_pipelines(account: Account) -> list[str]:
    """The names of this project's pipelines in the environment, as their tags say, personal deployments too."""
    project = account.settings.project
    prefix = f"{project.vertical}-{project.slug}-"
    own = {"vertical": project.vertical, "project": project.slug, "env": account.environment_name}
    found = []
    for each in account.pages("list_pipelines", "PipelineSummaries", PipelineNamePrefix=prefix):
        if own.items() <= account.tags(each["PipelineArn"]).items():
            found.append(each["PipelineName"])
    return found


def summaries(account: Account, pipeline: str) -> Iterator[dict[str, Any]]:
    """What ListPipelineExecutions has of a pipeline (its name in full), the newest first, page after page."""
    yield from account.pages(
        "list_pipeline_executions",
        "PipelineExecutionSummaries",
        PipelineName=pipeline,
        SortBy="CreationTime",
        SortOrder="Descending",
    )


def execution_arn(account: Account, execution: str) -> str:
    """The ARN for an ARN, an id, the beginning of one, or `latest`; UserError if there is no such execution.

    An id is looked for in this project's pipelines of the environment.
    """
    if execution.startswith("arn:"):
        return _checked(account, execution)
    if execution != "latest" and not _ID.fullmatch(execution):
        raise UserError(f"'{execution}' is no execution: write its id (12 letters and digits), its ARN, or latest.")
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
        raise UserError(f"'{execution}' is the beginning of {', '.join(map(id_of, arns))}: write more of it.")
    where = f"in {account.environment_name} of this project's pipelines ({', '.join(pipelines) or 'there is none'})"
    what = "has run" if execution == "latest" else f"is called '{execution}'"
    raise UserError(
        f"no execution {what} {where}: `ops list-pipeline-executions --env {account.environment_name}` lists them, and "
        "another project's is named by its ARN."
    )


def describe(account: Account, arn: str) -> dict[str, Any] | None:
    """What DescribePipelineExecution answers; None if there is no such execution."""
    with aws_call(f"look at execution {id_of(arn)}"):
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
    """The name of the pipeline that an execution, or a pipeline, is of."""
    return arn.partition(":pipeline/")[2].partition("/")[0]


def _arn(account: Account, pipeline: str, execution: str) -> str:
    partition = account.sagemaker.meta.partition
    return f"arn:{partition}:sagemaker:{account.region}:{account.id}:pipeline/{pipeline}/execution/{execution}"


def _checked(account: Account, arn: str) -> str:
    found = _ARN.fullmatch(arn)
    if found is None:
        raise UserError(f"'{arn}' is no ARN of an execution: it looks like {_arn(account, '<pipeline>', '<id>')}.")
    region, account_id = found[1], found[2]
    if (region, account_id) != (account.region, account.id):
        raise UserError(
            f"execution {found[4]} is in account {account_id}, {region}, and environment '{account.environment_name}' "
            f"is account {account.id}, {account.region}: take the --env that it is in."
        )
    if describe(account, arn) is None:
        raise UserError(f"there is no execution {found[4]} of pipeline '{found[3]}' any more.")
    return arn
