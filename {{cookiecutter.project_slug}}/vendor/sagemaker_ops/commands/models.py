"""The commands for the model package group: list its versions, approve or reject one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sagemaker_ops.commands.arguments import OUTPUTS, AwsEnvironment, DryRun, Output, Yes, choose, load
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project.layout import LOCAL_FOLDER, find_root
from sagemaker_ops.project.settings import Settings

if TYPE_CHECKING:
    from sagemaker_ops.aws.model_details import Details
    from sagemaker_ops.aws.models import Version
    from sagemaker_ops.review import model_versions

app = typer.Typer()

VersionName = Annotated[
    str,
    typer.Argument(metavar="VERSION", help="A number, latest, or group/number for another project of your vertical."),
]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Reason, stored with the version; by default, who decided.")]
Compare = Annotated[
    tuple[str, str] | None,
    typer.Option(metavar="A B", help="Show two versions side by side: numbers, latest or approved."),
]


@app.command("list-models")
def list_models(
    group: Annotated[str | None, typer.Argument(help="A model package group; by default, the project's.")] = None,
    last: Annotated[int, typer.Option(metavar="N", help="How many of the newest versions to list.")] = 20,
    compare: Compare = None,
    env: AwsEnvironment = "dev",
    output: Output = "table",
) -> None:
    """List the versions of the model, newest first; with --env local, those of local runs.

    Example: ops list-models --env dev --compare approved latest
    """
    choose(output, OUTPUTS, "--output")
    if last < 1:
        raise UserError(Problem(f"cannot list {last} versions: write 1 or more.", "--last"))
    root = find_root()
    settings = load(root)
    from sagemaker_ops.aws import models
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.project.target import Target
    from sagemaker_ops.terminal import tables

    group = group or Target(settings, env, "", "").model_package_group
    if compare:
        _compare(group, compare, settings, root, env, output)
        return
    if env == "local":
        found = models.list_local_versions(root / LOCAL_FOLDER, group, last)
    else:
        found = models.list_versions(connect(settings, env), group, last)
    if output == "json":
        print(tables.document({"ModelPackages": [each.document for each in found]}))
    elif not found:
        print(f"No versions of {group} yet: the pipeline registers one when a model passes the quality gate.")
    else:
        metric = settings.gate.metric
        heading = ("version", "approval", "status", metric, "created", "commit", "started by", "by", "reason")
        rows = [
            (
                each.number,
                each.approval,
                each.status,
                each.value_of(metric),
                tables.moment(each.created),
                each.started_by.commit,
                each.started_by.who,
                each.created_by,
                each.approval_description,
            )
            for each in found
        ]
        print(group)
        for line in tables.lines(heading, rows):
            print(line)


def _compare(group: str, names: tuple[str, str], settings: Settings, root: Path, env: str, output: str) -> None:
    from sagemaker_ops.aws import compared_models, model_details
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.review import changed_files, model_versions

    if env == "local":
        home = root / LOCAL_FOLDER
        versions = compared_models.chosen_local(home, group, names)
        details = [model_details.of_local(home, each) for each in versions]
    else:
        account = connect(settings, env)
        versions = compared_models.chosen(account, group, names)
        details = [model_details.of(account, each) for each in versions]
    before, after = map(_side, versions, details)
    files, note = changed_files.between(root, *(each.started_by.commit for each in versions))
    found = model_versions.Comparison(group, (before, after), settings.gate, files, note)
    if output == "json":
        print(model_versions.document(found))
    else:
        for line in model_versions.lines(found):
            print(line)


def _side(version: Version, details: Details) -> model_versions.Side:
    from sagemaker_ops.review import model_versions
    from sagemaker_ops.terminal import tables

    facts = {
        "approval": version.approval,
        "created": tables.moment(version.created),
        "started by": version.started_by.who,
        "commit": version.started_by.commit,
        "merge request": version.started_by.merge_request,
        "execution": details.execution.rpartition("/")[2],
        "data": details.data,
        "rows": details.rows,
        "schema": details.schema,
        "library": details.library,
    }
    return model_versions.Side(
        version.number, version.evaluation, facts, details.hyperparameters, details.unknown, version.document
    )


@app.command("approve-model")
def approve_model(
    version: VersionName,
    reason: Reason = "",
    env: AwsEnvironment = "dev",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Show the metrics of a model version, and approve it; with --env local, one of local runs.

    Example: ops approve-model 3 --env dev --reason "better on weekends"
    """
    _decide(version, "Approved", reason, env, dry_run, yes)


@app.command("reject-model")
def reject_model(
    version: VersionName,
    reason: Reason = "",
    env: AwsEnvironment = "dev",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Show the metrics of a model version, and reject it; with --env local, one of local runs.

    Example: ops reject-model 3 --env dev --reason "worse on weekends"
    """
    _decide(version, "Rejected", reason, env, dry_run, yes)


def _decide(named: str, approval: str, reason: str, env: str, dry_run: bool, yes: bool) -> None:
    root = find_root()
    settings = load(root)
    from sagemaker_ops.aws import local_approval, models
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.project.target import Target
    from sagemaker_ops.terminal import confirmation, summary

    if len(reason) > models.MOST:
        raise UserError(Problem(f"{len(reason)} characters are too many: AWS allows {models.MOST}.", "--reason"))
    group, account = Target(settings, env, "", "").model_package_group, None
    if env == "local":
        found = local_approval.find(root / LOCAL_FOLDER, named, group)
    else:
        account = connect(settings, env)
        confirmation.announce(account)
        found = models.find(account, named, group)
    if found.approval == approval and found.approval_description == (reason or found.approval_description):
        print(f"Version {found.number} of {found.group} is already {approval}.")
        return
    if found.status != "Completed" and approval == "Approved":
        raise UserError(
            f"version {found.number} of {found.group} is {found.status}: only a Completed version can be approved."
        )
    metrics = (
        list(summary.metrics(found.evaluation)) if found.evaluation else ["The metrics of this version cannot be read."]
    )
    lines = [*metrics, f"Version {found.number} of {found.group}: {found.approval} → {approval}"]
    if confirmation.confirm(lines, yes=yes, dry_run=dry_run):
        if account is None:
            local_approval.set_approval(root / LOCAL_FOLDER, found, approval, reason)
        else:
            models.set_approval(account, found, approval, reason)
        print(f"Version {found.number} of {found.group} is {approval}.", flush=True)
        if account is not None and found.group == group:
            from sagemaker_ops.aws import schedule_approval

            for line in schedule_approval.use_approved(account):
                print(line)
