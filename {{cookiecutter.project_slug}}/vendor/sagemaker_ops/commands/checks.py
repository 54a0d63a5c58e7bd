"""The commands that check project.toml and list the available instance types."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sagemaker_ops.commands import completion
from sagemaker_ops.commands.arguments import choose
from sagemaker_ops.errors import RefusedError
from sagemaker_ops.guardrails import policy, project_check
from sagemaker_ops.project.layout import find_root
from sagemaker_ops.project.settings import FILE

app = typer.Typer()


@app.command()
def check(
    format: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Output format: text, json or gitlab (a code-quality report).",
            autocompletion=completion.words(*project_check.FORMATS),
        ),
    ] = "text",
) -> None:
    """Check project.toml: names, instance types, environments, columns.

    Example: ops check --format json
    """
    choose(format, project_check.FORMATS, "--format")
    root = find_root()
    from sagemaker_ops.guardrails import table_check
    from sagemaker_ops.pipelines import model_check

    loaded, problems, code = table_check.examine(root, needed=True)
    if loaded is not None:
        found = model_check.check(loaded, root, {problem.where for problem in problems})
        problems = sorted([*problems, *found], key=lambda problem: problem.level)
        code = code or (RefusedError.exit_code if found else 0)
    project_check.show(problems, format, root)
    if not code and format == "text":
        print(f"{FILE}: no problems found in names, instance types, environments and columns.")
        if loaded is not None and loaded.schedule:
            from sagemaker_ops.guardrails import schedule_check

            for line in schedule_check.next_runs(loaded):
                print(line)
    sys.exit(code)


@app.command("instance-types")
def list_instance_types(
    use: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="USE",
            help=f"What the instances are for: {', '.join(policy.USES)}.",
            autocompletion=completion.words(*policy.USES),
        ),
    ],
    min_memory: Annotated[float, typer.Option(metavar="GIB", help="Leave out types with less memory.")] = 0,
) -> None:
    """List the instance types for a use, allowed ones first.

    Example: ops instance-types --for training --min-memory 64
    """
    choose(use, policy.USES, "--for")
    root = find_root()
    from sagemaker_ops.guardrails import instance_advice, instance_types

    for line in instance_advice.table(use, policy.load(root), min_memory):
        print(line)
    print(f"\n{instance_advice.origin()}\n{instance_types.QUOTAS}")
