"""The commands that deploy, delete and list pipelines on AWS."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands import completion
from ops.commands.arguments import (
    OUTPUTS,
    AwsEnvironment,
    DryRun,
    Output,
    User,
    Yes,
    check_user,
    choose,
    load,
    project_root,
)
from ops.errors import RefusedError, UserError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from ops.settings import Settings

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
    """Deploy a pipeline: create it on AWS, or update what is there to what is here.

    Example: ops update-pipeline train --env dev --dry-run
    """
    gc.disable()  # what botocore loads is many small objects, none of which is garbage before the end
    root = project_root()
    settings = load(root)
    check_user(user)
    _check_columns(settings, root)
    from ops import compiler, cost, policy, publish
    from ops.aws import change, pipelines, upload
    from ops.aws.account import connect

    account = connect(settings, env)
    target = publish.target(settings, env, root, user)
    definition = compiler.definition(pipeline, target, root)
    rules = policy.load()
    _check_cost(cost.check(definition, {}, rules, account.region))

    change.announce(account)
    name = target.pipeline_name(pipeline)
    found = pipelines.find(account, name, pipeline)
    deployed, new = found[0] if found else None, pipelines.wanted(target, name, definition)
    changes = pipelines.changes(deployed, new)
    large = pipelines.too_large(target, new) if changes else []
    missing = upload.missing(account, [*upload.items(target, root), *large])
    if deployed and not changes and not missing:
        print(f"Pipeline {name} is up to date: nothing changed.")
        return
    what = "Create" if deployed is None else "Update"
    before = cost.worst_case(deployed.definition, {}, rules, account.region) if deployed else None
    worst = cost.lines(cost.worst_case(definition, {}, rules, account.region), before)
    if not change.confirm(
        [f"{what} pipeline {name}", *changes, *upload.line(missing), *worst], yes=yes, dry_run=dry_run
    ):
        return
    gc.enable()
    upload.put(account, missing)
    if not changes:
        print(f"Uploaded what pipeline {name} reads; the pipeline itself did not change.")
        return
    pipelines.make_groups(account, new)
    version = pipelines.deploy(account, new, found, large)
    print(f"{what}d pipeline {name}{f', version {version}' if version else ''}.")


@app.command("delete-pipeline")
def delete_pipeline(
    name: Annotated[
        str,
        typer.Argument(
            metavar="PIPELINE",
            help="A pipeline of this project, or one of the vertical in full.",
            autocompletion=completion.pipelines,
        ),
    ],
    user: User = "",
    stop_first: Annotated[bool, typer.Option("--stop-first", help="Stop what runs, and then delete.")] = False,
    env: AwsEnvironment = "dev",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Delete a pipeline of your vertical from AWS, with the history of its executions.

    Example: ops delete-pipeline train --as anna --env dev
    """
    root = project_root()
    settings = load(root)
    check_user(user)
    from ops.aws import change, deletion, lookup, pipelines
    from ops.aws.account import connect

    account = connect(settings, env)
    change.announce(account)
    full = lookup.pipeline_name(account, name, user)
    found = pipelines.find(account, full, name)
    if found is None:
        raise lookup.unknown(account, full)
    history = deletion.history(account, full)
    deletion.check_idle(full, history, stop_first)
    lines = [f"Delete pipeline {full}. {history.line}", "Models, and what lies on S3, stay."]
    if history.running:
        running = ", ".join(map(lookup.id_of, history.running))
        lines.insert(0, f"Stop {running}, and wait for the end.")
    if not change.confirm(lines, yes=yes, dry_run=dry_run, type_name=full):
        return
    kept = deletion.keep(found[0], root)
    if stop_first:
        deletion.stop(account, full, lambda line: print(line, flush=True))
    deletion.delete(account, full)
    print(f"Deleted pipeline {full}; its definition is in {kept}.")


@app.command("list-pipelines")
def list_pipelines(
    everyone: Annotated[bool, typer.Option("--all", help="The names of other verticals' pipelines, too.")] = False,
    env: AwsEnvironment = "dev",
    output: Output = "table",
) -> None:
    """List the pipelines on AWS: this project's first, then the others of your vertical.

    Example: ops list-pipelines --env dev
    """
    gc.disable()  # as above
    choose(output, OUTPUTS, "--output")
    root = project_root()
    from ops import settings, tables
    from ops.aws import listing
    from ops.aws.account import connect

    account = connect(settings.load(root), env)
    found = listing.list_pipelines(account, everyone=everyone)
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
        print(line, flush=True)  # here Typer still sees that `| head` wants no more


def _check_columns(settings: Settings, root: Path) -> None:
    """UserError if the table, where it lies on this machine, lacks a column that project.toml names."""
    from ops import data

    if not data.is_remote(settings.data.source) and (problems := data.check(settings.data, root)):
        raise UserError(*problems)


def _check_cost(problems: list[Any]) -> None:
    """Refused above a ceiling; what no definition can bound is a warning."""
    if errors := [problem for problem in problems if problem.level == "error"]:
        raise RefusedError(*errors)
    for problem in problems:
        print(f"warning: {problem}", file=sys.stderr)
