"""The commands for a merge request: what it would change, and one page about it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sagemaker_ops.commands import completion
from sagemaker_ops.commands.arguments import EnvironmentName, choose, load
from sagemaker_ops.errors import Problem, RefusedError
from sagemaker_ops.project.layout import find_root

if TYPE_CHECKING:
    from sagemaker_ops.review.change import Change

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
    _check(found.changes)
    errors = [each.error for each in found.changes if each.error]
    if errors:
        raise type(errors[0])(*(problem for error in errors for problem in error.problems))


@app.command()
def review(
    against: Against = None,
    page: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the page.")] = Path("review.html"),
) -> None:
    """Write one page for a merge request: results, metrics beside the other branch's, changes.

    Example: ops review --against origin/main --page review.html
    """
    root = find_root()
    from sagemaker_ops.review import gathered, worktree
    from sagemaker_ops.review import page as pages
    from sagemaker_ops.store import write_atomically

    commit = worktree.find(root, against)
    settings = load(root, local=True)
    with worktree.checked_out(root, commit) as tree:
        found = gathered.gather(
            root, settings, tree, lambda name: print(f"Running {name} at {commit} …", file=sys.stderr, flush=True)
        )
    page.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(page, pages.page(found, datetime.now(UTC)).encode())
    _notes(found.comparison.notes)
    for line in [*gathered.text(found), "", f"Open {page}"]:
        print(line, flush=True)  # flush here: Typer handles the broken pipe of `| head`
    _check(found.comparison.changes)


def _check(changes: Iterable[Change]) -> None:
    """RefusedError if a guardrail would stop the deployment of one of the pipelines."""
    if refused := [problem for each in changes for problem in each.refused]:
        raise RefusedError(*refused)


def _notes(notes: tuple[str, ...]) -> None:
    for note in notes:
        print(f"note: {Problem(note)}", file=sys.stderr)
