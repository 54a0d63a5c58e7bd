"""The commands that start an execution on AWS, and that change one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from sagemaker_ops.commands import completion
from sagemaker_ops.commands.arguments import (
    AwsEnvironment,
    DryRun,
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
from sagemaker_ops.errors import UserError
from sagemaker_ops.project.layout import find_root

if TYPE_CHECKING:
    from sagemaker_ops.aws.account import Account

app = typer.Typer()

PipelineName = Annotated[
    str,
    typer.Argument(
        metavar="PIPELINE",
        help="A file in production/pipelines, without .py; or a name in full.",
        autocompletion=completion.pipelines,
    ),
]
ExecutionId = Annotated[
    str, typer.Argument(metavar="EXECUTION", help="An execution's id, its beginning, its ARN, or latest.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Show the steps until it has ended; the exit code is its outcome.")]
INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended


@app.command("start-pipeline-execution")
def start_pipeline_execution(
    pipeline: PipelineName,
    user: User = "",
    env: AwsEnvironment = "dev",
    param: Parameters = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="What the execution is called.")] = None,
    onward_from: OnwardFrom = None,
    only: Only = None,
    source_execution: SourceExecution = None,
    wait: Wait = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Start a pipeline on AWS.

    Example: ops start-pipeline-execution train --env dev --param QualityGate=0.8 --wait
    """
    parameters, chosen = key_values(param), selection(onward_from, only, source_execution)
    root = find_root()
    settings = load(root)
    check_user(user)
    from sagemaker_ops.aws import execution_start, lookup
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.guardrails import policy
    from sagemaker_ops.terminal import confirmation

    account = connect(settings, env)
    confirmation.announce(account)
    described = lookup.describe_pipeline(account, pipeline, user)
    lookup.check_own(account, described["PipelineName"], described["PipelineArn"], pipeline)
    prepared = execution_start.prepare(account, described, parameters, policy.load(root), name, chosen)
    for warning in prepared.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if not confirmation.confirm(prepared.lines, yes=yes, dry_run=dry_run):
        return
    arn = execution_start.start(account, prepared)
    print(f"Started {arn}", flush=True)
    _wait_or_say_how(account, arn, wait)


@app.command("stop-pipeline-execution")
def stop_pipeline_execution(
    execution: ExecutionId, env: AwsEnvironment = "dev", dry_run: DryRun = False, yes: Yes = False
) -> None:
    """Stop an execution on AWS, and the jobs that it runs.

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
        print(f"Execution {found.id} has ended already: {found.status}.")
        return
    if confirmation.confirm([f"Stop {found.line}"], yes=yes, dry_run=dry_run):
        execution_changes.stop(account, found)
        print(f"Execution {found.id} is being stopped.")


@app.command("retry-pipeline-execution")
def retry_pipeline_execution(
    execution: ExecutionId, env: AwsEnvironment = "dev", wait: Wait = False, dry_run: DryRun = False, yes: Yes = False
) -> None:
    """Go on with an execution that failed or was stopped: the steps that succeeded are not run again.

    Example: ops retry-pipeline-execution latest --env dev --wait
    """
    settings = load(find_root())
    from sagemaker_ops.aws import execution_changes
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.terminal import confirmation

    account = connect(settings, env)
    confirmation.announce(account)
    found = execution_changes.own(account, execution)
    execution_changes.check_retry(found)
    if confirmation.confirm([f"Retry {found.line}"], yes=yes, dry_run=dry_run):
        execution_changes.retry(account, found)
        print(f"Execution {found.id} goes on.", flush=True)
        _wait_or_say_how(account, found.arn, wait)


@app.command("update-pipeline-execution")
def update_pipeline_execution(
    execution: ExecutionId,
    env: AwsEnvironment = "dev",
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="What it is called from now on.")] = None,
    description: Annotated[str | None, typer.Option(metavar="TEXT", help="What is said of it from now on.")] = None,
    parallelism: Annotated[
        int | None, typer.Option(metavar="N", help="How many of its steps run at once from now on.")
    ] = None,
    param: Annotated[list[str] | None, typer.Option(hidden=True)] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Change the name, the description or the parallelism of an execution on AWS; nothing else of it can change.

    Example: ops update-pipeline-execution latest --env dev --name before-easter
    """
    from sagemaker_ops.aws import execution_changes
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.terminal import confirmation

    if param:
        raise UserError(
            "the parameters of an execution stay as they were at its start: start another one with "
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


def _wait_or_say_how(account: Account, arn: str, wait: bool) -> None:
    """With --wait the process ends here, by the outcome."""
    from sagemaker_ops.aws import lookup

    again = f"{lookup.id_of(arn)} --env {account.environment_name}"
    if not wait:
        print(f"Look at it with `ops describe-pipeline-execution {again} --watch`")
        return
    _wait(account, arn, again)


def _wait(account: Account, arn: str, again: str) -> NoReturn:
    from sagemaker_ops.aws import executions, watch
    from sagemaker_ops.terminal import progress, summary

    goes_on = (
        f"The execution goes on: `ops describe-pipeline-execution {again} --watch` looks at it again, "
        f"`ops stop-pipeline-execution {again}` stops it."
    )
    try:
        with progress.shown("Waiting for AWS …") as on_change:
            ended = watch.until_ended(account, arn, on_change, just_begun=True)
    except KeyboardInterrupt:
        print(f"\n{goes_on}", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except UserError:
        print(goes_on, file=sys.stderr)
        raise
    executions.add_properties(ended)
    for line in summary.ended(ended):
        print(line)
    print(f"Look at it with `ops describe-pipeline-execution {again}`")
    sys.exit(0 if ended.status == "Succeeded" else 1)
