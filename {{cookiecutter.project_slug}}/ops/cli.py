"""The terminal commands, in the words of the AWS API: `ops --help`.

Exit codes: 0 done, 1 the execution failed, 2 wrong usage or input, 3 refused by a guardrail, 4 AWS said no.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops import guardrails, policy
from ops.commands import completion, data, doctor, executions, looking, models, pipelines, studio
from ops.commands.arguments import (
    EnvironmentName,
    Only,
    OnwardFrom,
    Parameters,
    S3Folder,
    SourceExecution,
    choose,
    key_values,
    load,
    project_root,
    selection,
)
from ops.errors import UserError
from ops.settings import FILE

if TYPE_CHECKING:
    from ops import local

app = typer.Typer(
    help="Run, compile and look after this project's SageMaker pipelines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would cost as much time as all the rest of --help
    context_settings={"help_option_names": ["-h", "--help"]},
)

PipelineName = Annotated[
    str, typer.Argument(help="A file in production/pipelines, without .py.", autocompletion=completion.pipelines)
]


def main() -> None:
    """The command `ops`; every mistake of the user's is a sentence on standard error and an exit code."""
    try:
        app()
    except UserError as error:
        for problem in error.problems:
            print(f"{problem.level}: {problem}", file=sys.stderr)
        sys.exit(error.exit_code)


def bare() -> None:
    """A command under its own name: `update-pipeline train` is `ops update-pipeline train`."""
    sys.argv = ["ops", Path(sys.argv[0]).stem, *sys.argv[1:]]
    main()


@app.command()
def run(
    pipeline: Annotated[
        str | None,
        typer.Argument(help="A file in production/pipelines, without .py.", autocompletion=completion.pipelines),
    ] = None,
    param: Parameters = None,
    definition: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Run this definition (JSON), not a pipeline of the project.")
    ] = None,
    s3: S3Folder = None,
    onward_from: OnwardFrom = None,
    only: Only = None,
    source_execution: SourceExecution = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Run steps whose results are known, too.")] = False,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="How many steps run at once.")] = None,
    isolation: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="How a step gets its /opt/ml: auto, namespace or rewrite.",
            autocompletion=completion.words("auto", "namespace", "rewrite"),
        ),
    ] = "auto",
    fresh: Annotated[bool, typer.Option("--fresh", help="A new Python for each step, which is slower.")] = False,
    install: Annotated[
        bool, typer.Option("--install", help="Install the requirements.txt of a step, for it alone.")
    ] = False,
) -> None:
    """Run a pipeline on this machine.

    Example: ops run train --param QualityGate=0.8
    """
    root = project_root()
    if (pipeline is None) == (definition is None):
        raise UserError("Name a pipeline, such as `ops run train`, or a file with --definition: one of them.")
    if s3 is not None and definition is None:
        raise UserError("--s3 is for --definition: a pipeline of the project has its data in .local/s3.")
    with ExitStack() as stack:
        launcher = None
        if pipeline is not None:
            from ops import warm  # first of all: what it starts has most to do
            from ops.container.process import FRESH

            launcher = stack.enter_context(warm.launcher(root, not no_cache, fresh or FRESH))
        from ops import fetched, progress, report, runs, schema, settings

        on_change = stack.enter_context(progress.shown())
        chosen = selection(onward_from, only, source_execution)
        parameters, options = key_values(param), _options(jobs, isolation, not no_cache, fresh, install)
        kept: list[str] = []
        if pipeline is None and definition is not None:
            region = settings.load(root).project.region
            execution = runs.run_definition(definition, parameters, region, root, s3, on_change, options, chosen)
        elif pipeline is not None:
            loaded = load(root)
            guardrails.show(fetched.warnings(loaded, root / runs.HOME), "text", root)
            kept = schema.keep(loaded.data, root, root / runs.HOME)
            execution = runs.run(pipeline, parameters, loaded, root, on_change, None, options, chosen, launcher)
    for line in [*kept, *report.lines(execution, root)]:
        print(line)
    sys.exit(0 if execution.status == "Succeeded" else 1)


@app.command()
def plan(
    pipeline: Annotated[
        str,
        typer.Argument(
            help="A file in production/pipelines, without .py; or a definition.json.",
            autocompletion=completion.pipelines,
        ),
    ],
    param: Parameters = None,
    s3: S3Folder = None,
    format: Annotated[
        str, typer.Option(metavar="NAME", help="text or json.", autocompletion=completion.words("text", "json"))
    ] = "text",
) -> None:
    """Show what a run would do: which steps, in which order, what is cached, what cannot run here.

    Example: ops plan train --param MaxIter=50
    """
    import gc

    from ops import plan

    choose(format, plan.FORMATS, "--format")
    root = project_root()
    from ops import runs, settings

    parameters = key_values(param)
    gc.disable()  # a large plan is many small objects, none of which is garbage before the end
    if "." in pipeline or "/" in pipeline:
        name, found = runs.plan_definition(Path(pipeline), parameters, settings.load(root).project.region, root, s3)
    elif s3 is not None:
        raise UserError("--s3 is for a definition in a file: a pipeline of the project has its data in .local/s3.")
    else:
        name, found = runs.plan(pipeline, parameters, load(root), root)
    for line in plan.lines(name, found) if format == "text" else [plan.document(name, found)]:
        print(line, flush=True)  # here Typer still sees that `| head` wants no more
    if found.problems:
        raise UserError(*found.problems)
    sys.exit(0 if found.can_run else UserError.exit_code)


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
    format: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="text, json or gitlab (a code-quality report).",
            autocompletion=completion.words(*guardrails.FORMATS),
        ),
    ] = "text",
) -> None:
    """Check project.toml: names, instance types, environments, columns.

    Example: ops check --format json
    """
    choose(format, guardrails.FORMATS, "--format")
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
    use: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="USE",
            help=f"One of {', '.join(policy.USES)}.",
            autocompletion=completion.words(*policy.USES),
        ),
    ],
    min_memory: Annotated[float, typer.Option(metavar="GIB", help="Leave out what has less memory.")] = 0,
) -> None:
    """List the instance types for a use, those that one may take first.

    Example: ops instance-types --for training --min-memory 64
    """
    choose(use, policy.USES, "--for")
    project_root()
    from ops import advice, instances

    for line in advice.table(use, policy.load(), min_memory):
        print(line)
    print(f"\n{advice.origin()}\n{instances.QUOTAS}")


app.add_typer(looking.app)
app.add_typer(executions.app)
app.add_typer(pipelines.app)
app.add_typer(studio.app)
app.add_typer(models.app)
app.add_typer(doctor.app)
app.add_typer(data.app)


def _options(jobs: int | None, isolation: str, cache: bool, fresh: bool, install: bool) -> local.Options:
    from ops.container.isolation import MODES
    from ops.local import Options

    choose(isolation, MODES, "--isolation")
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs: {jobs} steps at once cannot run: write 1 or more.")
    usual = Options()
    return Options(jobs or usual.jobs, cache, isolation, fresh or usual.fresh, install)
