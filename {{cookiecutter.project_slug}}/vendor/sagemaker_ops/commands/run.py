"""The commands that run a pipeline on this machine, show what a run would do, and compile a pipeline."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sagemaker_ops.commands import completion, tracking, tuning
from sagemaker_ops.commands.arguments import (
    EnvironmentName,
    GitLabFolder,
    Only,
    OnwardFrom,
    Parameters,
    S3Folder,
    SourceExecution,
    Stubs,
    choose,
    key_values,
    load,
    selection,
    stubs,
)
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.guardrails import project_check
from sagemaker_ops.project.layout import LOCAL_FOLDER, find_root, shown

if TYPE_CHECKING:
    from sagemaker_ops import local
    from sagemaker_ops.local import Execution
    from sagemaker_ops.project.source_copy import Copy
    from sagemaker_ops.tracking.session import Session

app = typer.Typer()

PipelineName = Annotated[
    str, typer.Argument(help="A file in production/pipelines, without .py.", autocompletion=completion.pipelines)
]


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
    stub: Stubs = None,
    onward_from: OnwardFrom = None,
    only: Only = None,
    source_execution: SourceExecution = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Run every step, even if its result is cached.")] = False,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", help="Maximum number of processes to run in parallel.")
    ] = None,
    isolation: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="How a step gets its /opt/ml: auto, namespace or rewrite.",
            autocompletion=completion.words("auto", "namespace", "rewrite"),
        ),
    ] = "auto",
    fresh: Annotated[bool, typer.Option("--fresh", help="Start a new Python process for each step (slower).")] = False,
    install: Annotated[
        bool, typer.Option("--install", help="Install the requirements.txt of a step, for that step only.")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Write the best hyperparameters of a tuning step into project.toml.")
    ] = False,
    gitlab: GitLabFolder = None,
) -> None:
    """Run a pipeline on this machine.

    Example: ops run train --param QualityGate=0.8
    """
    began, root = datetime.now(UTC), find_root()
    if (pipeline is None) == (definition is None):
        raise UserError("Give either a pipeline, such as `ops run train`, or a file with --definition.")
    reports = None
    if gitlab is not None:
        from sagemaker_ops.terminal import gitlab_reports

        reports = gitlab_reports.prepare(gitlab, pipeline or Path(definition or "").stem)
    if s3 is not None and definition is None:
        raise UserError("--s3 works only with --definition: the data of a pipeline of the project is in .local/s3.")
    if write and pipeline is None:
        raise UserError("--write works only with a pipeline of the project, whose project.toml it changes.")
    with ExitStack() as after:
        tracker: Session | None = None
        with ExitStack() as stack:
            launcher = None
            if pipeline is not None:
                from sagemaker_ops.container.process import FRESH
                from sagemaker_ops.pipelines import warm_launcher  # first of all, because what it starts takes longest

                launcher = stack.enter_context(warm_launcher.launcher(root, not no_cache, fresh or FRESH))
            from sagemaker_ops.pipelines import compiler, local_run
            from sagemaker_ops.project import schema_file, settings, source_copy
            from sagemaker_ops.terminal import progress, summary

            chosen, files = selection(onward_from, only, source_execution), stubs(stub)
            parameters, options = key_values(param), _options(jobs, isolation, not no_cache, fresh, install)
            loaded = load(root, local=True) if pipeline is not None else None
            if pipeline is not None:
                compiler.check_known(pipeline, root)
            on_change = stack.enter_context(progress.shown(first=f"Running {pipeline} …" if pipeline else ""))
            kept: list[str] = []
            if pipeline is None and definition is not None:
                region = settings.load(root).project.region
                execution = local_run.run_definition(
                    definition, parameters, region, root, s3, on_change, options, chosen, files
                )
            elif pipeline is not None and loaded is not None:

                def has_changed(copy: Copy) -> bool | None:
                    from sagemaker_ops.aws import download  # boto3 takes 0.1 s, and only old copies need it

                    return download.has_changed_by_now(loaded, copy)

                if write:
                    tuning.check_tunes(pipeline, loaded, root)
                if loaded.tracking.uri:
                    from sagemaker_ops.tracking import session

                    tracker = after.enter_context(session.Session(loaded, root))
                warnings = source_copy.warnings(loaded.data.source, root / LOCAL_FOLDER, has_changed)
                project_check.show(warnings, "text", root)
                kept = schema_file.keep(loaded.data, root, root / LOCAL_FOLDER)
                execution = local_run.run(
                    pipeline, parameters, loaded, root, on_change, None, options, chosen, launcher, files
                )
        for line in [
            *kept,
            *summary.lines(execution, root, began),
            *_report(execution, root),
            *_track(execution, root, tracker),
        ]:
            print(line)
        if reports:
            reports.ended(execution, root)
        if write and loaded is not None:
            for line in tuning.after_run(execution, loaded, root):
                print(line)
    sys.exit(0 if execution.status == "Succeeded" else 1)


@app.command()
def plan(
    pipeline: Annotated[
        str,
        typer.Argument(
            help="A file in production/pipelines, without .py, or a definition.json.",
            autocompletion=completion.pipelines,
        ),
    ],
    param: Parameters = None,
    s3: S3Folder = None,
    stub: Stubs = None,
    format: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Output format: text or json.", autocompletion=completion.words("text", "json")
        ),
    ] = "text",
) -> None:
    """Show what a run would do: the order of the steps, what is cached, and what cannot run here.

    Example: ops plan train --param MaxIter=50
    """
    import gc

    from sagemaker_ops.terminal import plan_view

    choose(format, plan_view.FORMATS, "--format")
    root = find_root()
    from sagemaker_ops.pipelines import local_run
    from sagemaker_ops.project import settings

    parameters, files = key_values(param), stubs(stub)
    gc.disable()  # a large plan has many small objects, none of which becomes garbage before the end
    if "." in pipeline or "/" in pipeline:
        region = settings.load(root).project.region
        name, found = local_run.plan_definition(Path(pipeline), parameters, region, root, s3, files)
    elif s3 is not None:
        raise UserError(
            "--s3 works only with a definition file: the data of a pipeline of the project is in .local/s3."
        )
    else:
        name, found = local_run.plan(pipeline, parameters, load(root, local=True), root, files)
    for line in plan_view.lines(name, found) if format == "text" else [plan_view.document(name, found)]:
        print(line, flush=True)  # flush here: Typer handles the broken pipe of `| head`
    if found.problems:
        raise UserError(*found.problems)
    sys.exit(0 if found.can_run else UserError.exit_code)


@app.command("compile")
def compile_pipeline(pipeline: PipelineName, env: EnvironmentName = "local") -> None:
    """Compile a pipeline and print the definition that SageMaker gets.

    Example: ops compile train --env dev > definition.json
    """
    root = find_root()
    import json

    from sagemaker_ops.pipelines import compiler, publishing

    definition = compiler.definition(pipeline, publishing.target(load(root, local=env == "local"), env, root), root)
    print(json.dumps(definition, indent=2), flush=True)  # flush here: Typer handles the broken pipe of `| head`


def _report(execution: Execution, root: Path) -> Iterator[str]:
    """Write the page about the execution, and say where it is. Whatever happens, the execution itself has ended."""
    from sagemaker_ops.report import document, page

    try:
        written = page.write(document.of(execution, root / LOCAL_FOLDER))
    except Exception as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or repr(error)
        print(f"warning: {Problem(f'it cannot be written: {reason}.', document.PAGE)}", file=sys.stderr)
    else:
        yield f"Open {shown(written, root)}"


def _track(execution: Execution, root: Path, tracker: Session | None) -> Iterator[str]:
    """Tell MLflow about the execution, and say where it is there."""
    if tracker is None:
        return
    from sagemaker_ops.tracking import record

    yield from tracking.told(lambda: tracker.track(record.of_execution(execution, root)))


def _options(jobs: int | None, isolation: str, cache: bool, fresh: bool, install: bool) -> local.Options:
    from sagemaker_ops.container.isolation import MODES
    from sagemaker_ops.local import Options

    choose(isolation, MODES, "--isolation")
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs: cannot run {jobs} processes in parallel: write 1 or more.")
    usual = Options()
    return Options(jobs or usual.jobs, cache, isolation, fresh or usual.fresh, install)
