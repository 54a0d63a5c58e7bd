"""The terminal commands, in the words of the AWS API: `ops --help`.

Exit codes: 0 done, 1 the execution failed, 2 wrong usage or input, 3 refused by a guardrail, 4 AWS said no.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ops import guardrails, policy
from ops.errors import Problem, UserError, did_you_mean
from ops.settings import FILE, Settings

app = typer.Typer(
    help="Run, compile and look after this project's SageMaker pipelines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would cost as much time as all the rest of --help
    context_settings={"help_option_names": ["-h", "--help"]},
)

PipelineName = Annotated[str, typer.Argument(help="A file in production/pipelines, without .py.")]
EnvironmentName = Annotated[
    str, typer.Option("--env", help="local, or an environment of project.toml.", metavar="NAME")
]


def main() -> None:
    """The command `ops`; every mistake of the user's is a sentence on standard error and an exit code."""
    try:
        app()
    except UserError as error:
        for problem in error.problems:
            print(f"{problem.level}: {problem}", file=sys.stderr)
        sys.exit(error.exit_code)


@app.command()
def run(
    pipeline: PipelineName,
    param: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A pipeline parameter; may be given again.")
    ] = None,
) -> None:
    """Run a pipeline on this machine.

    Example: ops run train --param QualityGate=0.8
    """
    root = project_root()
    from ops import progress, report, runs

    with progress.shown() as on_change:
        execution = runs.run(pipeline, _key_values(param or []), load(root), root, on_change)
    for line in report.lines(execution, root):
        print(line)
    sys.exit(0 if execution.status == "Succeeded" else 1)


@app.command("compile")
def compile_pipeline(pipeline: PipelineName, env: EnvironmentName = "local") -> None:
    """Print the definition that SageMaker gets.

    Example: ops compile train --env dev > definition.json
    """
    root = project_root()
    import json

    from ops import compiler, publish

    definition = compiler.definition(pipeline, publish.target(load(root), env, root), root)
    print(json.dumps(definition, indent=2), flush=True)  # here Typer still sees that `| head` wants no more


@app.command()
def check(
    format: Annotated[str, typer.Option(metavar="NAME", help="text, json or gitlab (a code-quality report).")] = "text",
) -> None:
    """Check project.toml: names, instance types, environments, columns.

    Example: ops check --format json
    """
    _choice(format, guardrails.FORMATS, "--format")
    root = project_root()
    from ops import data

    loaded, problems, code = guardrails.examine(root)
    if loaded is not None and code != UserError.exit_code and not data.is_remote(loaded.data.source):
        found = data.check(loaded.data, root)
        problems = sorted([*problems, *found], key=lambda problem: problem.level)
        code = code or (UserError.exit_code if found else 0)
    guardrails.show(problems, format, root)
    if not code and format == "text":
        print(f"{FILE}: names, instance types, environments and columns are in order.")
    sys.exit(code)


@app.command("instance-types")
def instance_types(
    use: Annotated[str, typer.Option("--for", metavar="USE", help=f"One of {', '.join(policy.USES)}.")],
    min_memory: Annotated[float, typer.Option(metavar="GIB", help="Leave out what has less memory.")] = 0,
) -> None:
    """List the instance types for a use, those that one may take first.

    Example: ops instance-types --for training --min-memory 64
    """
    _choice(use, policy.USES, "--for")
    project_root()
    from ops import advice, instances

    for line in advice.table(use, policy.load(), min_memory):
        print(line)
    print(f"\n{advice.origin()}\n{instances.QUOTAS}")


@app.command("list-pipeline-executions")
def list_pipeline_executions(env: EnvironmentName = "local") -> None:
    """List what ran, the newest first.

    Example: ops list-pipeline-executions --env local
    """
    root = project_root()
    if env != "local":
        raise UserError(f"Only the executions on this machine can be listed: write --env local, not '{env}'.")
    from ops import report, runs

    for line in report.table(runs.executions(root)):
        print(line)


def project_root() -> Path:
    """The folder of the project that one stands in, which must be the one that this `ops` belongs to."""
    own = Path(__file__).resolve().parents[1]
    here = Path.cwd().resolve()
    found = next((folder for folder in (here, *here.parents) if (folder / FILE).is_file()), None)
    if found is None:
        raise UserError(f"There is no {FILE} in {here} or above it: go to the project's folder.")
    if found != own:
        raise UserError(f"This is the `ops` of {own}, and you stand in {found}: use the one in its .venv.")
    return found


def load(root: Path) -> Settings:
    """The project's settings, once the guardrails have nothing against them; warnings go to standard error."""
    loaded, warnings = guardrails.load(root)
    guardrails.show(warnings, "text", root)
    return loaded


def _choice(value: str, known: Sequence[str], option: str) -> None:
    if value not in known:
        hint = did_you_mean(value, known) or f" Write one of {', '.join(known)}."
        raise UserError(Problem(f"'{value}' is not known.{hint}", option))


def _key_values(texts: list[str]) -> dict[str, str]:
    """`["a=1"]` as `{"a": "1"}`."""
    if wrong := [text for text in texts if "=" not in text]:
        raise UserError(*(Problem(f"'{text}' is not NAME=VALUE.", "--param") for text in wrong))
    return {name: value for name, _, value in (text.partition("=") for text in texts)}
