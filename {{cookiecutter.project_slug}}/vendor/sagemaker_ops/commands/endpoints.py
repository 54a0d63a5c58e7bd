"""The commands for the endpoint of the model: deploy it, send it requests, describe, list and delete it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project.layout import find_root

if TYPE_CHECKING:
    from sagemaker_ops.aws.account import Account
    from sagemaker_ops.aws.endpoint_plan import Deployment
    from sagemaker_ops.project.table_rows import Rows
    from sagemaker_ops.trace import Trace

app = typer.Typer()

EndpointName = Annotated[
    str,
    typer.Argument(
        metavar="ENDPOINT", help="The full name of an endpoint of your vertical; by default, the project's."
    ),
]
INTERRUPTED = 130  # a shell's exit code for a command that was ended by Ctrl-C


@app.command("deploy-endpoint")
def deploy_endpoint(
    version: Annotated[
        str,
        typer.Argument(metavar="VERSION", help="An approved version of the model; by default, the newest approved."),
    ] = "",
    user: User = "",
    env: AwsEnvironment = "dev",
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait until it is in service, so that nothing tests it.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Deploy an approved model to the project's endpoint, and test it with real rows.

    Example: ops deploy-endpoint --env dev --dry-run
    """
    root = find_root()
    settings = load(root)
    check_user(user, settings)
    from sagemaker_ops import trace
    from sagemaker_ops.aws import endpoint_deployment, endpoint_plan, endpoint_probe, guard
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.guardrails import policy
    from sagemaker_ops.project.target import Target
    from sagemaker_ops.terminal import confirmation

    account = connect(settings, env)
    confirmation.announce(account)
    target = Target(settings, env, code_hash="", data_hash="", user=user)
    chosen = endpoint_plan.chosen(account, target, version)
    prepared = endpoint_plan.prepare(account, target, chosen, policy.load(root))
    if prepared.is_up_to_date:
        print(f"Endpoint {prepared.name} is up to date: nothing changed.")
        return
    rows = endpoint_probe.rows(account, settings, root)
    if not confirmation.confirm(prepared.lines, yes=yes, dry_run=dry_run):
        return
    if prepared.deployed and not prepared.changes:
        endpoint_deployment.set_scaling(account, prepared)
        print(f"Endpoint {prepared.name} has the new scaling.")
        return
    deployed_by = trace.of(root, guard.user_of(account))
    config = endpoint_deployment.begin(account, prepared, deployed_by)
    if no_wait:
        shows = f"`ops describe-endpoint {prepared.name} --env {env}` shows"
        print(
            f"Endpoint {prepared.name} is being deployed. It is not tested, and its scaling is not set: once {shows} "
            "that it is in service, run `ops invoke` and this command again."
        )
        return
    _finish(account, prepared, config, rows, deployed_by)


def _finish(account: Account, prepared: Deployment, config: str, rows: Rows, deployed_by: Trace) -> None:
    from sagemaker_ops.aws import endpoint_deployment
    from sagemaker_ops.aws.errors import AwsError
    from sagemaker_ops.terminal import waiting

    name, env = prepared.name, account.environment_name
    goes_on = (
        f"The deployment continues, without a test: `ops describe-endpoint {name} --env {env}` shows its state, and "
        f"`ops delete-endpoint {name} --env {env}` ends it."
    )
    try:
        with waiting.shown(name) as say:
            endpoint_deployment.finish(account, prepared, config, rows, say)
    except KeyboardInterrupt:
        print(f"\n{goes_on}", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except AwsError:
        print(goes_on, file=sys.stderr)
        raise
    print(
        f"Endpoint {name} answers with version {prepared.version.number}: {rows.count} rows of {rows.source} got "
        f"{rows.count} predictions."
    )
    endpoint_deployment.complete(account, prepared, deployed_by)
    try:
        endpoint_deployment.clean(account, prepared)
    except AwsError as error:
        print(f"warning: earlier deployments were not removed: {error}", file=sys.stderr)


@app.command("invoke")
def invoke(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A file with rows as CSV, JSON or JSON Lines; - is standard input.")
    ] = "-",
    accept: Annotated[
        str, typer.Option(metavar="TYPE", help="The content type of the answer; by default, that of the request.")
    ] = "",
    endpoint: Annotated[
        str, typer.Option(metavar="NAME", help="An endpoint of your vertical; by default, the project's.")
    ] = "",
    user: User = "",
    env: AwsEnvironment = "dev",
) -> None:
    """Send rows to the endpoint, and print its predictions.

    Example: ops invoke rows.csv --env dev --accept application/json
    """
    settings = load(find_root())
    check_user(user, settings)
    body = _body(file)
    from sagemaker_ops.aws import endpoints, invocation
    from sagemaker_ops.aws.account import connect

    account = connect(settings, env)
    found = endpoints.shown(account, endpoints.name_of(account, endpoint, user))
    invocation.check_size(body, is_serverless="ServerlessConfig" in found.variant)
    kind = invocation.content_type(file, body)
    answer = invocation.invoke(account, found.name, body, kind, accept or kind)
    sys.stdout.buffer.write(answer.body if answer.body.endswith(b"\n") else answer.body + b"\n")
    sys.stdout.buffer.flush()


def _body(file: str) -> bytes:
    if file == "-":
        if sys.stdin.isatty():
            raise UserError("there is nothing to send: give a file, or write the rows to standard input.")
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except (OSError, ValueError) as error:
        raise UserError(Problem(f"cannot be read: {getattr(error, 'strerror', None) or error}.", file)) from None


@app.command("describe-endpoint")
def describe_endpoint(
    name: EndpointName = "", user: User = "", env: AwsEnvironment = "dev", output: Output = "table"
) -> None:
    """Show an endpoint: its status, its model, what it runs on, what it costs, and who deployed it.

    Example: ops describe-endpoint --env dev
    """
    choose(output, OUTPUTS, "--output")
    root = find_root()
    settings = load(root)
    check_user(user, settings)
    from sagemaker_ops.aws import endpoint_plan, endpoint_scaling, endpoints
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.guardrails import policy
    from sagemaker_ops.terminal import endpoint_details, tables

    account = connect(settings, env)
    found = endpoints.shown(account, endpoints.name_of(account, name, user))
    version = endpoint_plan.served(account, found)
    scaling = endpoint_scaling.deployed(account, found.name)
    facts = (found, version, scaling, policy.load(root), account.region)
    if output == "json":
        print(tables.document(endpoint_details.document(*facts)))
        return
    for line in endpoint_details.lines(*facts):
        print(line)


@app.command("list-endpoints")
def list_endpoints(
    everyone: Annotated[bool, typer.Option("--all", help="Also list the names of other verticals' endpoints.")] = False,
    env: AwsEnvironment = "dev",
    output: Output = "table",
) -> None:
    """List the endpoints on AWS: this project's first, then the others of your vertical.

    Example: ops list-endpoints --env dev
    """
    choose(output, OUTPUTS, "--output")
    settings = load(find_root())
    from sagemaker_ops.aws import endpoint_list
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.terminal import tables

    account = connect(settings, env)
    found = endpoint_list.list_endpoints(account, everyone=everyone)
    if output == "json":
        print(tables.document({"Endpoints": [each.document for each in found]}))
    elif not found:
        print(f"No endpoints of '{account.vertical}' in account {account.id}, {account.region}.")
    else:
        heading = ("endpoint", "project", "env", "user", "status", "version", "runs on", "deployed")
        rows = [
            (e.name, e.project, e.env, e.user, e.status, e.version, e.runs_on, tables.moment(e.deployed)) for e in found
        ]
        for line in tables.lines(heading, rows):
            print(line)


@app.command("delete-endpoint")
def delete_endpoint(
    name: EndpointName = "", user: User = "", env: AwsEnvironment = "dev", dry_run: DryRun = False, yes: Yes = False
) -> None:
    """Delete an endpoint of your vertical, with its configurations, models and scaling.

    Example: ops delete-endpoint --as anna --env dev
    """
    settings = load(find_root())
    check_user(user, settings)
    from sagemaker_ops.aws import endpoint_deletion, endpoints
    from sagemaker_ops.aws.account import connect
    from sagemaker_ops.terminal import confirmation, waiting

    account = connect(settings, env)
    confirmation.announce(account)
    full = endpoints.name_of(account, name, user)
    found = endpoints.find(account, full, name)
    if found is None:
        raise endpoints.unknown(account, full)
    prepared = endpoint_deletion.prepare(account, found)
    if confirmation.confirm(prepared.lines, yes=yes, dry_run=dry_run, type_name=full):
        with waiting.shown(full) as say:
            endpoint_deletion.apply(account, prepared, say)
        print(f"Deleted endpoint {full}.")
