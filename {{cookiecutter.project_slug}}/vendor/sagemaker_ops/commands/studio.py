"""The commands for Studio apps, and for everything that currently costs money."""

from __future__ import annotations

from typing import Annotated

import typer

from sagemaker_ops.commands.arguments import OUTPUTS, AwsEnvironment, DryRun, Output, Yes, choose, load
from sagemaker_ops.project.layout import find_root

app = typer.Typer()

Everyone = Annotated[bool, typer.Option("--all", help="Also list those of other verticals.")]
_TO_KEEP = "its volume and the files on it are kept"


@app.command("list-apps")
def list_apps(everyone: Everyone = False, env: AwsEnvironment = "dev", output: Output = "table") -> None:
    """List the Studio apps of your vertical, longest unused first.

    Example: ops list-apps --env dev
    """
    choose(output, OUTPUTS, "--output")
    settings = load(find_root())
    from sagemaker_ops.aws import studio
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.terminal import tables

    account = connect(settings, env)
    found = studio.list_apps(account, everyone=everyone)
    if output == "json":
        print(tables.document({"Apps": [each.document for each in found]}))
    elif not found:
        whose = "" if everyone else f" of '{account.vertical}'"
        print(f"No apps{whose} in account {account.id}, {account.region}.")
    else:
        heading = ("app", "owner", "domain", "instance type", "status", "unused for", "created")
        rows = [
            (a.path, a.owner, a.domain, a.instance_type, a.status, tables.age(a.used), tables.age(a.created))
            for a in found
        ]
        for line in tables.lines(heading, rows):
            print(line)


@app.command("delete-app")
def delete_app(
    name: Annotated[
        str,
        typer.Argument(metavar="APP", help="An app as list-apps shows it, or its first part if that is unambiguous."),
    ],
    domain: Annotated[
        str | None, typer.Option(metavar="ID", help="The Studio domain, if the app exists in several.")
    ] = None,
    env: AwsEnvironment = "dev",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Delete a Studio app of your vertical, so that its instance costs nothing; its volume is kept.

    Example: ops delete-app my-space/JupyterLab/default --env dev
    """
    settings = load(find_root())
    from sagemaker_ops.aws import studio
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.terminal import confirmation, tables

    account = connect(settings, env)
    confirmation.announce(account)
    found = studio.described(account, studio.find(studio.all_apps(account), name, domain))
    studio.check_own(account, found)
    if found.status in studio.ENDING:
        print(f"App {found.path} is already being deleted: {_TO_KEEP}.")
        return
    lines = [
        f"Delete app {found.path} of {found.owner or 'nobody'} in domain {found.domain}, "
        f"{found.instance_type or 'no instance'}, unused for {tables.age(found.used)}.",
        f"Unsaved work and whatever runs in it will be lost; {_TO_KEEP}.",
    ]
    if confirmation.confirm(lines, yes=yes, dry_run=dry_run):
        studio.delete_app(account, found)
        print(f"App {found.path} is being deleted: {_TO_KEEP}.")


@app.command("list-running")
def list_running(everyone: Everyone = False, env: AwsEnvironment = "dev", output: Output = "table") -> None:
    """List everything of your vertical that currently costs money, and how to stop it.

    Example: ops list-running --env dev
    """
    choose(output, OUTPUTS, "--output")
    root = find_root()
    settings = load(root)
    from sagemaker_ops.aws import running, schedule_list
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.aws.errors import AwsError
    from sagemaker_ops.guardrails import policy
    from sagemaker_ops.terminal import running_table, tables

    account = connect(settings, env)
    found, denied = running.list_running(account, everyone=everyone)
    scheduled, unread = schedule_list.listed(account, everyone=everyone)
    denied += unread
    if output == "json":
        schedules = [each.document for each in scheduled]
        print(tables.document({"Running": [each.document for each in found], "Schedules": schedules}))
    else:
        for line in running_table.lines(account, found, policy.load(root)):
            print(line)
        for line in running_table.schedule_lines(scheduled):
            print(line)
    if denied:
        raise AwsError(*(problem for error in denied for problem in error.problems))
