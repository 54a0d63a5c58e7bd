"""The command that serves a model on this machine."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from sagemaker_ops.commands import completion
from sagemaker_ops.commands.arguments import load
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project.layout import find_root

app = typer.Typer()


@app.command()
def serve(
    execution: Annotated[
        str | None,
        typer.Argument(
            help="An execution on this machine: its id, the start of it, or latest.",
            show_default="latest",
            autocompletion=completion.executions,
        ),
    ] = None,
    approved: Annotated[bool, typer.Option("--approved", help="Serve the newest approved version.")] = False,
    latest: Annotated[bool, typer.Option("--latest", help="Serve the model of the newest execution with one.")] = False,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen. Anyone who reaches the address can use the model.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="The port; 0 takes a free one.")] = 8080,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Processes that answer.", show_default="one per core")
    ] = None,
) -> None:
    """Serve a model like an endpoint: GET /ping, POST /invocations, and a page to try it.

    Example: ops serve --approved --port 8081
    """
    if sum([execution is not None, approved, latest]) > 1:
        raise UserError(Problem("choose one of an execution, --approved and --latest.", "ops serve"))
    if not 0 <= port <= 65535:
        raise UserError(Problem(f"{port} is not a port: write a number from 0 to 65535.", "--port"))
    if workers is None:
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if workers < 1:
        raise UserError(Problem(f"{workers} processes cannot answer: write 1 or more.", "--workers"))
    root = find_root()
    settings = load(root, local=True)
    from sagemaker_ops.project.target import Target
    from sagemaker_ops.serving import archives, server

    if approved:
        served = archives.of_approved(root, Target(settings, "local", "", "").model_package_group)
    else:
        served = archives.of_execution(root, execution or "latest")
    code = server.serve(served, settings, root, host=host, port=port, workers=workers)
    if code:
        raise typer.Exit(code)
