"""The commands that show executions, on this machine or on AWS, and the one that removes local ones."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sagemaker_ops.commands import completion
from sagemaker_ops.commands.arguments import OUTPUTS, EnvironmentName, Output, choose, load
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project.layout import LOCAL_FOLDER, find_root

if TYPE_CHECKING:
    from sagemaker_ops.aws.account import Account
    from sagemaker_ops.local import Execution

app = typer.Typer()

LOCAL = "local"
ExecutionId = Annotated[
    str,
    typer.Argument(
        help="The id of an execution, the start of an id, or latest; on AWS also an ARN.",
        autocompletion=completion.executions,
    ),
]
INTERRUPTED = 130  # a shell's exit code for a command that was ended by Ctrl-C
_POLL_SECONDS = 0.5


@app.command("list-pipeline-executions")
def list_pipeline_executions(
    pipeline: Annotated[
        str | None,
        typer.Argument(
            help="Only this pipeline: a file in production/pipelines, or a full pipeline name.",
            autocompletion=completion.pipelines,
        ),
    ] = None,
    env: EnvironmentName = LOCAL,
    max_results: Annotated[int, typer.Option(metavar="N", help="Maximum number of executions to list.")] = 100,
    output: Output = "table",
) -> None:
    """List executions, newest first, on this machine or in an environment.

    Example: ops list-pipeline-executions train --env dev
    """
    choose(output, OUTPUTS, "--output")
    if max_results < 1:
        raise UserError(Problem(f"cannot list {max_results} executions: write 1 or more.", "--max-results"))
    root = find_root()
    from sagemaker_ops.terminal import details, summary

    found = _local_list(root, pipeline) if env == LOCAL else _aws_list(root, env, pipeline, max_results)
    for line in summary.table(found[:max_results]) if output == "table" else [details.summaries(found[:max_results])]:
        print(line)
    if len(found) > max_results:
        print(f"Only the newest {max_results} are listed: to see more, raise --max-results.", file=sys.stderr)


@app.command("describe-pipeline-execution")
def describe_pipeline_execution(
    execution: ExecutionId,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="EXECUTION",
            help="Another execution to compare with: `local:ID` or `prod:ID` for one elsewhere.",
        ),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="First show progress until it ends.")] = False,
    env: EnvironmentName = LOCAL,
    output: Output = "table",
) -> None:
    """Show one execution: parameters, steps, metrics, warnings, and on AWS how much of their instances the jobs used.

    Example: ops describe-pipeline-execution latest --env dev --against local:latest
    """
    choose(output, OUTPUTS, "--output")
    root = find_root()
    from sagemaker_ops.terminal import details

    if watch:
        execution = _watch(root, env, execution, quiet=output != "table")
        print(end="\n" if output == "table" else "")
    found = find(root, env, execution)
    other = find(root, *_place(root, env, against)) if against is not None else None
    for line in details.lines(found, other) if output == "table" else [details.document(found, other)]:
        print(line)


@app.command()
def logs(
    execution: ExecutionId = "latest",
    step: Annotated[
        str | None, typer.Argument(help="Name of a step; by default the one that failed, or that started last.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Keep printing until the step ends.")] = False,
    env: EnvironmentName = LOCAL,
) -> None:
    """Print what a step printed: by default the one of the latest execution that failed or started last.

    Example: ops logs latest Training --env dev --follow
    """
    root = find_root()
    try:
        if env == LOCAL:
            from sagemaker_ops.terminal import step_log

            step_log.show(root / LOCAL_FOLDER, execution, step, follow)
        else:
            from sagemaker_ops.aws import logs as aws_logs
            from sagemaker_ops.aws import lookup

            account = _connect(root, env)
            aws_logs.show(account, lookup.shown_execution(account, execution), step, follow)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


@app.command()
def clean(
    keep: Annotated[int, typer.Option(metavar="N", help="How many of the newest executions to keep.")],
) -> None:
    """Remove old executions from this machine, and the data that only they use.

    Example: ops clean --keep 5
    """
    root = find_root()
    if keep < 0:
        raise UserError(Problem(f"cannot keep {keep} executions: write 0 or more.", "--keep"))
    from sagemaker_ops.local import cleaning

    print(cleaning.clean(root / LOCAL_FOLDER, keep))


def _connect(root: Path, env: str) -> Account:
    from sagemaker_ops.aws.account import connect

    return connect(load(root), env)


def _local_list(root: Path, pipeline: str | None) -> list[Execution]:
    from sagemaker_ops.pipelines import local_run
    from sagemaker_ops.project.target import Target

    found = local_run.executions(root)
    if pipeline is None:
        return found
    target = Target(load(root, local=True), LOCAL, code_hash="", data_hash="")
    name = pipeline if "-" in pipeline else target.pipeline_name(pipeline)
    return [each for each in found if each.pipeline_name == name]


def _aws_list(root: Path, env: str, pipeline: str | None, most: int) -> list[Execution]:
    """The executions, newest first: `most` of them, and one more if there are more."""
    from itertools import islice

    from sagemaker_ops.aws import executions, guard, lookup

    account = _connect(root, env)
    if pipeline is None:
        names = lookup.own_pipelines(account)
    else:
        described = lookup.describe_pipeline(account, pipeline)
        names = [described["PipelineName"]]
        guard.check_shown(account, names[0], described["PipelineArn"], "pipeline")
    found = [each for name in names for each in islice(executions.listed(account, name), most + 1)]
    return sorted(found, key=lambda each: each.start_time, reverse=True)


def _place(root: Path, env: str, execution: str) -> tuple[str, str]:
    """Environment and id of `prod:ID`; without an environment, that of the first execution."""
    before, colon, after = execution.partition(":")
    if not colon or before == "arn":
        return env, execution
    if before != LOCAL:
        load(root).environment(before)
    return before, after


def find(root: Path, env: str, execution: str) -> Execution:
    """The execution with all its details."""
    if env == LOCAL:
        from sagemaker_ops import local

        return local.find(root / LOCAL_FOLDER, execution)
    from sagemaker_ops.aws import executions, lookup, usage

    account = _connect(root, env)
    found = executions.load(account, lookup.shown_execution(account, execution))
    if warning := usage.add(found, executions.add_properties(found)):
        print(f"warning: {warning}", file=sys.stderr)
    return found


def _watch(root: Path, env: str, execution: str, quiet: bool) -> str:
    """Show progress until the execution ends, and return its id or ARN."""
    from sagemaker_ops.terminal import progress

    try:
        with nullcontext(lambda _: None) if quiet else progress.shown("Looking …") as on_change:
            if env == LOCAL:
                return _watch_local(root, execution, on_change)
            from sagemaker_ops.aws import lookup, watch

            account = _connect(root, env)
            return watch.until_ended(account, lookup.shown_execution(account, execution), on_change).arn
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _watch_local(root: Path, execution: str, on_change: Callable[[Execution], None]) -> str:
    from time import sleep

    from sagemaker_ops import local

    while True:
        found = local.find(root / LOCAL_FOLDER, execution)
        on_change(found)
        if found.status not in ("Executing", "Stopping"):
            return found.id
        execution = found.id
        sleep(_POLL_SECONDS)
