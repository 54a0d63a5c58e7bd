"""The commands that deploy, delete and list pipelines on AWS."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sagemaker_ops.commands import completion
from sagemaker_ops.commands.arguments import (
    OUTPUTS,
    AwsEnvironment,
    DryRun,
    Output,
    User,
    Yes,
    check_user,
    choose,
    load,
)
from sagemaker_ops.errors import RefusedError, UserError
from sagemaker_ops.project.layout import find_root

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from sagemaker_ops.project.settings import Settings

app = typer.Typer()


@app.command("update-pipeline")
def update_pipeline(
    pipeline: Annotated[
        str, typer.Argument(help="A file in production/pipelines, without .py.", autocompletion=completion.pipelines)
    ],
    user: User = "",
    env: AwsEnvironment = "dev",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Deploy a pipeline: create it on AWS, or update it there.

    Example: ops update-pipeline train --env dev --dry-run
    """
    gc.disable()  # botocore loads many small objects, none of which becomes garbage before the end
    root = find_root()
    settings = load(root)
    check_user(user, settings)
    _check_columns(settings, root)
    from sagemaker_ops import trace
    from sagemaker_ops.aws import deployment, guard, schedules
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.guardrails import cost, policy
    from sagemaker_ops.pipelines import compiler, publishing
    from sagemaker_ops.terminal import confirmation

    account = connect(settings, env)
    target = publishing.target(settings, env, root, user)
    definition = compiler.definition(pipeline, target, root)
    rules = policy.load(root)
    _check_cost(cost.check(definition, {}, rules, account.region))

    confirmation.announce(account)
    prepared = deployment.prepare(account, pipeline, definition, target, root, rules)
    planned = schedules.prepare(account, pipeline, definition, target, prepared.deployed, rules)
    if prepared.is_up_to_date and not planned.line:
        print(f"Pipeline {prepared.new.name} is up to date: nothing changed.")
    elif confirmation.confirm([*prepared.lines, *filter(None, [planned.line])], yes=yes, dry_run=dry_run):
        gc.enable()
        if not prepared.is_up_to_date:
            print(deployment.apply(account, prepared, trace.of(root, guard.user_of(account))), flush=True)
        if planned.line:
            print(schedules.apply(account, planned))


@app.command("rollback-pipeline")
def rollback_pipeline(
    pipeline: Annotated[
        str,
        typer.Argument(
            help="A file in production/pipelines, without .py, or a full pipeline name.",
            autocompletion=completion.pipelines,
        ),
    ],
    user: User = "",
    version: Annotated[
        int | None, typer.Option(metavar="N", help="The version to put back, not the one before the deployed one.")
    ] = None,
    env: AwsEnvironment = "dev",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Put back the definition of a pipeline that was deployed before; repeated, it goes further back.

    Example: ops rollback-pipeline train --env prod --dry-run
    """
    root = find_root()
    settings = load(root)
    check_user(user, settings)
    from sagemaker_ops.aws import lookup, pipelines, rollback
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.guardrails import policy
    from sagemaker_ops.project.target import Target
    from sagemaker_ops.terminal import confirmation

    account = connect(settings, env)
    confirmation.announce(account)
    name = lookup.pipeline_name(account, pipeline, user)
    found = pipelines.find(account, name, pipeline)
    if found is None:
        raise lookup.unknown(account, name)
    target = Target(settings, env, code_hash="", data_hash="", user=user)
    prepared = rollback.prepare(account, found, target, version, policy.load(root))
    if prepared.is_deployed:
        print(f"Pipeline {name} has the definition of version {prepared.version.number}: nothing changed.")
        return
    for warning in prepared.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if confirmation.confirm(prepared.lines, yes=yes, dry_run=dry_run):
        print(rollback.apply(account, prepared))


@app.command("delete-pipeline")
def delete_pipeline(
    name: Annotated[
        str,
        typer.Argument(
            metavar="PIPELINE",
            help="A pipeline of this project, or the full name of one of your vertical.",
            autocompletion=completion.pipelines,
        ),
    ],
    user: User = "",
    stop_first: Annotated[bool, typer.Option("--stop-first", help="Stop running executions before deleting.")] = False,
    env: AwsEnvironment = "dev",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Delete a pipeline of your vertical from AWS, with the history of its executions.

    Example: ops delete-pipeline train --as anna --env dev
    """
    root = find_root()
    settings = load(root)
    check_user(user, settings)
    from sagemaker_ops.aws import lookup, pipeline_deletion, pipelines, schedules
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.terminal import confirmation

    account = connect(settings, env)
    confirmation.announce(account)
    full = lookup.pipeline_name(account, name, user)
    found = pipelines.find(account, full, name)
    if found is None:
        raise lookup.unknown(account, full)
    history = pipeline_deletion.history(account, full)
    pipeline_deletion.check_idle(full, history, stop_first)
    group = schedules.own(account, found[0])
    lines = [f"Delete pipeline {full}. {history.line}", "Models and data on S3 are kept."]
    if group:
        lines.insert(0, "Delete its schedule.")
    if history.running:
        running = ", ".join(map(lookup.id_of, history.running))
        lines.insert(0, f"Stop {running}, then wait until nothing is running.")
    if not confirmation.confirm(lines, yes=yes, dry_run=dry_run, type_name=full):
        return
    kept = pipeline_deletion.keep(found[0], root)
    if group:
        schedules.remove(account, full, group)
    if stop_first:
        pipeline_deletion.stop(account, full, lambda line: print(line, flush=True))
    pipeline_deletion.delete(account, full)
    print(f"Deleted pipeline {full}; its definition is in {kept}.")


@app.command("list-pipelines")
def list_pipelines(
    everyone: Annotated[bool, typer.Option("--all", help="Also list the names of other verticals' pipelines.")] = False,
    env: AwsEnvironment = "dev",
    output: Output = "table",
) -> None:
    """List the pipelines on AWS: this project's first, then the others of your vertical.

    Example: ops list-pipelines --env dev
    """
    gc.disable()  # as above
    choose(output, OUTPUTS, "--output")
    root = find_root()
    from sagemaker_ops.aws import pipeline_list
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.project import settings
    from sagemaker_ops.terminal import tables

    account = connect(settings.load(root), env)
    found = pipeline_list.list_pipelines(account, everyone=everyone)
    if output == "json":
        print(tables.document({"PipelineSummaries": [each.document for each in found]}), flush=True)
        return
    if not found:
        print(f"No pipelines of '{account.vertical}' in account {account.id}, {account.region}.")
        return
    heading = ("pipeline", "project", "env", "user", "last execution", "started")
    rows = [
        (each.name, each.project, each.env, each.user, each.last_status, tables.moment(each.last_start))
        for each in found
    ]
    for line in tables.lines(heading, rows):
        print(line, flush=True)  # flush here: Typer handles the broken pipe of `| head`


def _check_columns(settings: Settings, root: Path) -> None:
    """UserError if the table is on this machine and lacks a column that project.toml names."""
    from sagemaker_ops.project import data

    if not data.is_remote(settings.data.source) and (problems := data.check(settings.data, root)):
        raise UserError(*problems)


def _check_cost(problems: list[Any]) -> None:
    """RefusedError above a limit; print a warning for what no definition can bound."""
    if errors := [problem for problem in problems if problem.level == "error"]:
        raise RefusedError(*errors)
    for problem in problems:
        print(f"warning: {problem}", file=sys.stderr)
