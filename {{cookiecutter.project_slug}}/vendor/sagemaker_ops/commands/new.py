"""The commands that write a new step or pipeline with its test, ready to be changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sagemaker_ops.errors import RefusedError
from sagemaker_ops.project.layout import PIPELINES, find_root

StepName = Annotated[str, typer.Argument(metavar="NAME", help="What the step does, such as score-customers.")]
PipelineName = Annotated[str, typer.Argument(metavar="NAME", help="One word, such as nightly.")]

app = typer.Typer(help="Write a new step or pipeline, with its test.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def step(name: StepName) -> None:
    """Write a script to production/steps with its test, and print the lines that run it in a pipeline.

    Example: ops new step score-customers
    """
    root = find_root()
    from sagemaker_ops.guardrails import script_names
    from sagemaker_ops.project import scaffold

    if problems := script_names.check_step(name, "NAME"):
        raise RefusedError(*problems)
    file = script_names.step_file(name)
    variable, lines = scaffold.lines_for_pipeline(file, script_names.step_name(file), root)
    _show(scaffold.write_step(file, root))
    print(f"\nTo run it, add these lines to a pipeline in {PIPELINES}, below `processing`,")
    print(f"and `{variable}` to its steps:\n\n{lines}")


@app.command()
def pipeline(name: PipelineName) -> None:
    """Write a pipeline to production/pipelines, with its test: `tune` tunes a model, `predict` predicts new rows.

    Example: ops new pipeline nightly
    """
    root = find_root()
    from sagemaker_ops.guardrails import script_names
    from sagemaker_ops.project import scaffold

    if problems := script_names.check_pipeline(name, "NAME"):
        raise RefusedError(*problems)
    _show(scaffold.write_pipeline(name, root))
    print(f"\nRun it with `ops run {name}`.")


def _show(written: list[Path]) -> None:
    for path in written:
        print(f"Wrote {path}.")
