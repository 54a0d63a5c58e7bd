"""The commands that start or change an execution on AWS."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sagemaker_ops.commands import completion, tracking
from sagemaker_ops.commands.arguments import (
    AwsEnvironment,
    DryRun,
    GitLabFolder,
    Only,
    OnwardFrom,
    Parameters,
    SourceExecution,
    User,
    Yes,
    check_user,
    key_values,
    load,
    selection,
)
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project.layout import find_root

if TYPE_CHECKING:
    from pathlib import Path

    from sagemaker_ops.aws.account import Account
    from sagemaker_ops.aws.executions import AwsExecution
    from sagemaker_ops.terminal.gitlab_reports import Reports

app = typer.Typer()

PipelineName = Annotated[
    str,
    typer.Argument(
        metavar="PIPELINE",
        help="A file in production/pipelines, without .py, or a full pipeline name.",
        autocompletion=completion.pipelines,
    ),
]
ExecutionId = Annotated[
    str, typer.Argument(metavar="EXECUTION", help="The id of an execution, the start of an id, an ARN, or latest.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Show progress until it ends; the exit code is the outcome.")]
Timeout = Annotated[
    float | None,
    typer.Option(metavar="MINUTES", help="With --wait: stop waiting after this time. The execution goes on."),
]
INTERRUPTED = 130  # a shell's exit code for a command that was ended by Ctrl-C


@app.command("start-pipeline-execution")
def start_pipeline_execution(
    pipeline: PipelineName,
    user: User = "",
    env: AwsEnvironment = "dev",
    param: Parameters = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="Display name of the execution.")] = None,
    onward_from: OnwardFrom = None,
    only: Only = None,
    source_execution: SourceExecution = None,
    wait: Wait = False,
    timeout: Timeout = None,
    gitlab: GitLabFolder = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Start a pipeline on AWS.

    Example: ops start-pipeline-execution train --env dev --param QualityGate=0.8 --wait
    """
    root = find_root()
    reports = None
    if gitlab is not None:
        from sagemaker_ops.terminal import gitlab_reports

        reports = gitlab_reports.prepare(gitlab, pipeline)
    check_timeout(timeout, wait)
    parameters, chosen = key_values(param), selection(onward_from, only, source_execution)
    settings = load(root)
    check_user(user, settings)
    from sagemaker_ops import trace
    from sagemaker_ops.aws import approved_model, execution_start, guard, lookup
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.guardrails import policy
    from sagemaker_ops.terminal import confirmation

    account = connect(settings, env)
    confirmation.announce(account)
    described = lookup.describe_pipeline(account, pipeline, user)
    tags = lookup.check_own(account, described["PipelineName"], described["PipelineArn"], pipeline)
    parameters = approved_model.with_approved(account, described, tags, parameters)
    started_by = trace.of(root, guard.user_of(account))
    prepared = execution_start.prepare(account, described, parameters, policy.load(root), name, chosen, started_by)
    for warning in prepared.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if not confirmation.confirm(prepared.lines, yes=yes, dry_run=dry_run):
        return
    arn = execution_start.start(account, prepared)
    print(f"Started {arn}", flush=True)
    if reports:
        reports.started(account, arn)
    _wait_or_say_how(account, arn, wait, timeout, root, reports)


@app.command("stop-pipeline-execution")
def stop_pipeline_execution(
    execution: ExecutionId, env: AwsEnvironment = "dev", dry_run: DryRun = False, yes: Yes = False
) -> None:
    """Stop an execution on AWS and the jobs that it runs.

    Example: ops stop-pipeline-execution latest --env dev
    """
    settings = load(find_root())
    from sagemaker_ops.aws import execution_changes
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.terminal import confirmation

    account = connect(settings, env)
    confirmation.announce(account)
    found = execution_changes.own(account, execution)
    if not found.running:
        print(f"Execution {found.id} has already ended: {found.status}.")
        return
    if confirmation.confirm([f"Stop {found.line}"], yes=yes, dry_run=dry_run):
        execution_changes.stop(account, found)
        print(f"Execution {found.id} is being stopped.")


@app.command("retry-pipeline-execution")
def retry_pipeline_execution(
    execution: ExecutionId,
    env: AwsEnvironment = "dev",
    wait: Wait = False,
    timeout: Timeout = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Continue an execution that failed or was stopped, without repeating the steps that succeeded.

    Example: ops retry-pipeline-execution latest --env dev --wait
    """
    check_timeout(timeout, wait)
    root = find_root()
    settings = load(root)
    from sagemaker_ops.aws import execution_changes
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.terminal import confirmation

    account = connect(settings, env)
    confirmation.announce(account)
    found = execution_changes.own(account, execution)
    execution_changes.check_retry(found)
    if confirmation.confirm([f"Retry {found.line}"], yes=yes, dry_run=dry_run):
        execution_changes.retry(account, found)
        print(f"Execution {found.id} continues.", flush=True)
        _wait_or_say_how(account, found.arn, wait, timeout, root)


@app.command("update-pipeline-execution")
def update_pipeline_execution(
    execution: ExecutionId,
    env: AwsEnvironment = "dev",
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="New display name.")] = None,
    description: Annotated[str | None, typer.Option(metavar="TEXT", help="New description.")] = None,
    parallelism: Annotated[
        int | None, typer.Option(metavar="N", help="New maximum number of steps to run in parallel.")
    ] = None,
    param: Annotated[list[str] | None, typer.Option(hidden=True)] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Change the name, description or parallelism of an execution on AWS; nothing else can be changed.

    Example: ops update-pipeline-execution latest --env dev --name before-easter
    """
    from sagemaker_ops.aws import execution_changes
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.terminal import confirmation

    if param:
        raise UserError(
            "the parameters of an execution cannot be changed: start another one with "
            "`ops start-pipeline-execution … --param`."
        )
    wanted = execution_changes.wanted(name, description, parallelism)
    account = connect(load(find_root()), env)
    confirmation.announce(account)
    found = execution_changes.own(account, execution)
    lines = [f"Update {found.line}", *(f"  {key} = {value}" for key, value in wanted.lines)]
    if confirmation.confirm(lines, yes=yes, dry_run=dry_run):
        execution_changes.update(account, found, wanted)
        print(f"Execution {found.id} is updated.")


def check_timeout(minutes: float | None, wait: bool) -> None:
    """UserError unless it is a time to wait."""
    if minutes is None:
        return
    if not wait:
        raise UserError(Problem("works only with --wait: add it.", "--timeout"))
    if not minutes > 0:  # nor is nan
        raise UserError(Problem(f"cannot wait for {minutes:g} minutes: write a number above 0.", "--timeout"))


def _wait_or_say_how(
    account: Account, arn: str, wait: bool, timeout: float | None, root: Path, reports: Reports | None = None
) -> None:
    """Say how to follow the execution; with --wait, wait for it and exit with its outcome."""
    from sagemaker_ops.aws import lookup
    from sagemaker_ops.terminal import summary

    again = f"{lookup.id_of(arn)} --env {account.environment_name}"
    if not wait:
        print(f"To follow it: `ops describe-pipeline-execution {again} --watch`")
        return
    ended = _wait(account, arn, again, timeout)
    for line in summary.ended(ended):
        print(line)
    print(f"For details: `ops describe-pipeline-execution {again}`")
    if reports:
        reports.ended(ended, root)
    if account.settings.tracking.is_shared:
        tracking.after(ended, account.settings, root)
    sys.exit(0 if ended.status == "Succeeded" else 1)


def _wait(account: Account, arn: str, again: str, timeout: float | None) -> AwsExecution:
    from sagemaker_ops.aws import executions, watch
    from sagemaker_ops.terminal import progress

    goes_on = (
        f"The execution continues: `ops describe-pipeline-execution {again} --watch` shows it again, "
        f"`ops stop-pipeline-execution {again}` stops it."
    )
    try:
        with progress.shown("Waiting for AWS …") as on_change:
            ended = watch.until_ended(account, arn, on_change, just_begun=True, minutes=timeout)
    except KeyboardInterrupt:
        print(f"\n{goes_on}", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except UserError:
        print(goes_on, file=sys.stderr)
        raise
    executions.add_properties(ended)
    return ended
