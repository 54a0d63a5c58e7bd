"""The commands for a merge request: what it would change, and one page about it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sagemaker_ops.commands import completion
from sagemaker_ops.commands.arguments import EnvironmentName, choose, load
from sagemaker_ops.errors import Problem
from sagemaker_ops.project.layout import find_root

app = typer.Typer()

Against = Annotated[
    str | None,
    typer.Option(metavar="REF", help="Compare with this branch or commit.", show_default="origin/main, or main"),
]
OUTPUTS = ("text", "json", "markdown")


@app.command()
def diff(
    pipeline: Annotated[
        str | None,
        typer.Argument(
            help="A file in production/pipelines, without .py; all of them by default.",
            autocompletion=completion.pipelines,
        ),
    ] = None,
    against: Against = None,
    env: EnvironmentName = "local",
    output: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Output format: text, json or markdown.",
            autocompletion=completion.words(*OUTPUTS),
        ),
    ] = "text",
) -> None:
    """Show what merging would change in the compiled pipelines, and in their maximum cost.

    Example: ops diff --against origin/main
    """
    choose(output, OUTPUTS, "--output")
    root = find_root()
    from sagemaker_ops.review import change, worktree

    commit = worktree.find(root, against)
    settings = load(root, local=env == "local")
    with worktree.checked_out(root, commit) as tree:
        found = change.compare(root, settings, tree, env, pipeline)
    if output == "text":
        _notes(found.notes)
    shown = {"text": change.text, "json": change.document, "markdown": change.markdown}
    for line in shown[output](found):
        print(line, flush=True)  # flush here: Typer handles the broken pipe of `| head`
    errors = [each.error for each in found.changes if each.error]
    if errors:
        raise type(errors[0])(*(problem for error in errors for problem in error.problems))


def _notes(notes: tuple[str, ...]) -> None:
    for note in notes:
        print(f"note: {Problem(note)}", file=sys.stderr)
