"""The command that updates a project to a newer version of the template."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from sagemaker_ops.commands.arguments import DryRun
from sagemaker_ops.errors import Problem
from sagemaker_ops.project.layout import find_root

app = typer.Typer()


@app.command("update-project")
def update_project(
    checkout: Annotated[
        str | None, typer.Option(metavar="REF", help="Use this branch, tag or commit, and follow it from now on.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="The new address of the template, if it has moved.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Update the project to the newest version of the template, and keep your changes.

    Example: ops update-project --dry-run
    """
    root = find_root()
    from sagemaker_ops.template import summary, update

    if template is not None and Path(template).is_dir():
        template = os.path.abspath(template)
    done = update.update_project(root, checkout=checkout, address=template, apply=not dry_run)
    for line in summary.lines(done, applied=not dry_run):
        print(Problem(line))  # escapes control characters in file names
    sys.exit(1 if done.conflicts else 0)
