"""The command that writes the report on an execution."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sagemaker_ops.commands import completion
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project.layout import find_root, shown

app = typer.Typer()


@app.command()
def report(
    execution: Annotated[
        str,
        typer.Argument(
            help="An execution on this machine: its id, the start of it, or latest.",
            autocompletion=completion.executions,
        ),
    ] = "latest",
    against: Annotated[
        str | None,
        typer.Option(
            metavar="EXECUTION",
            help="Compare with this execution.",
            show_default="the one before, with the same target",
            autocompletion=completion.executions,
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write the page.", show_default="the folder of the execution"),
    ] = None,
) -> None:
    """Write one page about an execution: verdict, metrics, charts, the data, and the pipeline.

    Example: ops report latest --against abcd1234
    """
    root = find_root()
    from sagemaker_ops.report import document
    from sagemaker_ops.report import page as pages

    found = document.gather(root, execution, against)
    try:
        written = pages.write(found, page)
    except OSError as error:
        raise UserError(Problem(f"cannot be written: {error.strerror or error}.", str(page or "report.html"))) from None
    print(f"Open {shown(written, root)}", flush=True)
