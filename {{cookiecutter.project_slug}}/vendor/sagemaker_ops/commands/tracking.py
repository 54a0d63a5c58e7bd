"""The command that tells MLflow about an execution, which other commands do when an execution ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sagemaker_ops.commands import completion
from sagemaker_ops.commands.arguments import EnvironmentName, load
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project.layout import find_root

if TYPE_CHECKING:
    from sagemaker_ops.local import Execution
    from sagemaker_ops.project.settings import Settings

app = typer.Typer()


@app.command("track-pipeline-execution")
def track_pipeline_execution(
    execution: Annotated[
        str,
        typer.Argument(
            help="The id of an execution, the start of an id, or latest; on AWS also an ARN.",
            autocompletion=completion.executions,
        ),
    ] = "latest",
    env: EnvironmentName = "local",
) -> None:
    """Tell MLflow about an execution that has ended: [tracking] in project.toml says where.

    Example: ops track-pipeline-execution latest --env dev
    """
    root = find_root()
    settings = load(root, local=env == "local")
    if not settings.tracking.uri:
        message = 'it is empty, so there is nothing to track with: write "local", or the address of a server.'
        raise UserError(Problem(message, "project.toml [tracking].uri"))
    from sagemaker_ops.commands import history
    from sagemaker_ops.tracking import record, session

    found = history.find(root, env, execution)
    if found.end_time is None or found.status in ("Executing", "Stopping"):
        raise UserError(f"execution {found.id} has not ended yet: {found.status}.")
    print(session.track(record.of_execution(found, root), settings, root))


def after(execution: Execution, settings: Settings, root: Path) -> None:
    """Tell MLflow about an execution on AWS that has ended, and say where it is there."""
    from sagemaker_ops.tracking import record, session

    for line in told(lambda: session.track(record.of_execution(execution, root), settings, root)):
        print(line)


def told(track: Callable[[], str]) -> Iterator[str]:
    """What `track` says. Whatever happens is a warning: the execution itself has ended."""
    try:
        said = track()
    except Exception as error:  # its files may be damaged, and packages may be missing
        reason = error if isinstance(error, UserError) else f"MLflow did not track the run: {error!r}."
        print(f"warning: {reason}", file=sys.stderr)
    else:
        yield said
