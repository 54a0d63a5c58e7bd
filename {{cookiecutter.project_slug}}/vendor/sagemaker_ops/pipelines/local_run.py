"""Runs pipelines on this machine: the same definition and the same step code as on AWS, published to .local."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagemaker_ops import local, trace
from sagemaker_ops.definition import request_limits
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.guardrails import table_check
from sagemaker_ops.local import cleaning
from sagemaker_ops.pipelines import compiler, publishing, warm_launcher
from sagemaker_ops.pipelines import stubs as stub_files
from sagemaker_ops.project import approved_model, data, source_copy
from sagemaker_ops.project.layout import LOCAL_FOLDER
from sagemaker_ops.project.settings import Settings
from sagemaker_ops.project.target import ARGUMENTS, Target
from sagemaker_ops.store import Store

if TYPE_CHECKING:
    from sagemaker_ops.local.preview import Preview

OnChange = Callable[[local.Execution], None]


def run(
    pipeline: str,
    parameters: Mapping[str, str],
    settings: Settings,
    root: Path,
    on_change: OnChange | None = None,
    home: Path | None = None,
    options: local.Options | None = None,
    selection: local.Selection | None = None,
    launcher: local.Launcher | None = None,
    stubs: Mapping[str, Path] | None = None,
) -> local.Execution:
    """Start an execution and wait until it ends. UserError if it cannot start; then nothing has run.

    `home` is the folder for S3, state and logs: by default, .local of the project. launcher: one that was created with
    the same options, and that the caller closes. stubs: {step: the file with its outputs}, more than [local.stubs] has.
    """
    home, options = home or root / LOCAL_FOLDER, options or local.Options()
    with (
        nullcontext(launcher)
        if launcher
        else warm_launcher.launcher(root, options.cache, options.fresh, home) as launcher,
        cleaning.held_off(home) as begun,
    ):
        definition, pipeline_name = _published(pipeline, settings, root, home)
        parameters = _with_approved(definition, parameters, settings, home)
        parameters = trace.parameters(definition, parameters, trace.of(root, trace.login))
        stand_ins, wrong = stub_files.read(
            definition, stubs or {}, _usual_stubs(settings, root), Store(home / "s3"), selection
        )
        return local.start_pipeline_execution(
            definition,
            pipeline_name=pipeline_name,
            parameters=parameters,
            home=home,
            region=settings.project.region,
            options=options,
            selection=selection,
            stand_ins=stand_ins,
            launcher=launcher,
            on_change=_reporting(begun, on_change),
            known=[*request_limits.check(definition, parameters), *wrong],
        )


def run_definition(
    file: Path,
    parameters: Mapping[str, str],
    region: str,
    root: Path,
    s3: Path | None = None,
    on_change: OnChange | None = None,
    options: local.Options | None = None,
    selection: local.Selection | None = None,
    stubs: Mapping[str, Path] | None = None,
) -> local.Execution:
    """Like `run`, for a definition in a file; s3: the folder in which s3://bucket/key is bucket/key."""
    home, definition = root / LOCAL_FOLDER, _definition(file)
    store = _store(s3)
    stand_ins, wrong = stub_files.read(definition, stubs or {}, {}, store or Store(home / "s3"), selection)
    with cleaning.held_off(home) as begun:
        return local.start_pipeline_execution(
            definition,
            pipeline_name=pipeline_name(file),
            parameters=parameters,
            home=home,
            region=region,
            store=store,
            options=options,
            selection=selection,
            stand_ins=stand_ins,
            on_change=_reporting(begun, on_change),
            known=[*request_limits.check(definition, parameters, whole=False), *wrong],
        )


def plan(
    pipeline: str,
    parameters: Mapping[str, str],
    settings: Settings,
    root: Path,
    stubs: Mapping[str, Path] | None = None,
) -> tuple[str, Preview]:
    """The pipeline's name, and what `run` would do; publishes code and data, as `run` would."""
    from sagemaker_ops.local.preview import preview

    home = root / LOCAL_FOLDER
    with cleaning.held_off(home):
        definition, name = _published(pipeline, settings, root, home)
        parameters = _with_approved(definition, parameters, settings, home)
        region = settings.project.region
        stand_ins, wrong = stub_files.read(definition, stubs or {}, _usual_stubs(settings, root), Store(home / "s3"))
        return name, preview(
            definition,
            pipeline_name=name,
            parameters=parameters,
            home=home,
            region=region,
            stand_ins=stand_ins,
            known=[*request_limits.check(definition, parameters), *wrong],
        )


def plan_definition(
    file: Path,
    parameters: Mapping[str, str],
    region: str,
    root: Path,
    s3: Path | None = None,
    stubs: Mapping[str, Path] | None = None,
) -> tuple[str, Preview]:
    """Like `plan`, for a definition in a file."""
    from sagemaker_ops.local.preview import preview

    name, store, home = pipeline_name(file), _store(s3), root / LOCAL_FOLDER
    definition = _definition(file)
    stand_ins, wrong = stub_files.read(definition, stubs or {}, {}, store or Store(home / "s3"))
    found = preview(
        definition,
        pipeline_name=name,
        parameters=parameters,
        home=home,
        region=region,
        store=store,
        stand_ins=stand_ins,
        known=[*request_limits.check(definition, parameters, whole=False), *wrong],
    )
    return name, found


def _with_approved(
    definition: Mapping[str, Any], parameters: Mapping[str, str], settings: Settings, home: Path
) -> dict[str, str]:
    """The parameters, with those of the approved model that local runs registered in `home`."""
    group = Target(settings, "local", "", "").model_package_group
    return approved_model.parameters(
        definition, parameters, lambda version: approved_model.find_local(home, group, version)
    )


def pipeline_name(file: Path) -> str:
    """A valid pipeline name from the file's name: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreatePipeline.html."""
    return re.sub(r"[^A-Za-z0-9]+", "-", file.name.removesuffix(".json")).strip("-")[:256].rstrip("-") or "definition"


def _usual_stubs(settings: Settings, root: Path) -> dict[str, Path]:
    """The stubs of project.toml, as paths from the current folder, which read well in messages."""
    return {step: Path(os.path.relpath(root / file)) for step, file in settings.local.stubs.items()}


def _store(s3: Path | None) -> Store | None:
    """The folder of --s3 as a store; UserError if there is no such folder."""
    try:
        if s3 is not None and not s3.is_dir():
            raise UserError(Problem(f"there is no folder '{s3}'.", "--s3"))
        return Store(s3.resolve()) if s3 else None
    except OSError as error:
        raise UserError(Problem(f"the folder cannot be read: {error.strerror}.", "--s3")) from None


def _definition(file: Path) -> dict[str, Any]:
    try:
        return local.loads(file.read_bytes())
    except (OSError, ValueError) as error:  # a path with NUL is a ValueError
        raise UserError(f"{file} cannot be read: {getattr(error, 'strerror', error)}.") from None
    except UserError as error:
        raise UserError(*(Problem(problem.message, str(file)) for problem in error.problems)) from None


def _published(pipeline: str, settings: Settings, root: Path, home: Path) -> tuple[dict[str, Any], str]:
    """The definition and the name of the pipeline, after publishing code and data to where it expects them."""
    target = publishing.target(settings, "local", root)
    source, copied = settings.data.source, None
    if data.is_remote(source):
        copied = source_copy.named_files(source_copy.get(source, home), home)
    if problems := table_check.check(settings, root, copied):
        raise UserError(*problems)
    definition = compiler.definition(pipeline, target, root)
    store = Store(home / "s3")
    publishing.publish_local(definition, target, root, store)
    if target.arguments_uri and not store.find(target.arguments_uri):
        store.put(target.arguments_uri + ARGUMENTS, settings.data.arguments_file.encode())
    return definition, target.pipeline_name(pipeline)


def _reporting(begun: Callable[[], None], on_change: OnChange | None) -> OnChange:
    """`on_change`, whose first call also lets `clean` continue."""

    def tell(execution: local.Execution) -> None:
        begun()
        if on_change is not None:
            on_change(execution)

    return tell


def compile_pipeline(pipeline: str, settings: Settings, root: Path, environment: str = "local") -> dict[str, Any]:
    """The definition that SageMaker gets for a pipeline of the project in folder `root`; UserError if there is none."""
    return compiler.definition(pipeline, publishing.target(settings, environment, root), root)


def executions(root: Path) -> list[local.Execution]:
    """The executions on this machine, newest first."""
    return local.list_pipeline_executions(root / LOCAL_FOLDER)
