"""The command that writes the best hyperparameters of a tuning step into project.toml, which `ops run` also does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sagemaker_ops.commands import completion
from sagemaker_ops.commands.arguments import EnvironmentName, load
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project.layout import LOCAL_FOLDER, find_root
from sagemaker_ops.project.settings import FILE

if TYPE_CHECKING:
    from sagemaker_ops.local import Execution
    from sagemaker_ops.project.settings import Settings

app = typer.Typer()


@app.command("write-hyperparameters")
def write_hyperparameters(
    execution: Annotated[
        str,
        typer.Argument(
            help="The id of an execution, the start of an id, or latest; on AWS also an ARN.",
            autocompletion=completion.executions,
        ),
    ] = "latest",
    env: EnvironmentName = "local",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the changes, without making them.")] = False,
) -> None:
    """Write the best hyperparameters that a tuning step has found into project.toml.

    Example: ops write-hyperparameters latest --env dev
    """
    root = find_root()
    settings = load(root, local=env == "local")
    if env == "local":
        from sagemaker_ops import local

        found = local.find(root / LOCAL_FOLDER, execution)
    else:
        from sagemaker_ops.aws import executions, lookup, tuning_jobs
        from sagemaker_ops.aws.account import connect

        account = connect(settings, env)
        on_aws = executions.load(account, lookup.shown_execution(account, execution))
        tuning_jobs.add(account, on_aws)
        found = on_aws
    for line in written(found, settings, root, dry_run=dry_run):
        print(line)


def check_tunes(pipeline: str, settings: Settings, root: Path) -> None:
    """UserError if the pipeline has no tuning step, from which `--write` could take anything."""
    from sagemaker_ops.definition import step_types
    from sagemaker_ops.definition.tuning_type import TUNING
    from sagemaker_ops.pipelines import local_run

    definition = local_run.compile_pipeline(pipeline, settings, root)
    if not any(step["Type"] == TUNING.name for step in step_types.walk(definition["Steps"])):
        tune = "`ops new pipeline tune` writes a pipeline that has one."
        raise UserError(Problem(f"pipeline '{pipeline}' has no tuning step: {tune}", "--write"))


def after_run(execution: Execution, settings: Settings, root: Path) -> Iterator[str]:
    """As `written`, but an execution that has failed before that is no mistake of the command's user."""
    from sagemaker_ops.terminal import trials

    if execution.status != "Succeeded" and trials.of(execution) is None:
        yield f"{FILE} is unchanged, because no tuning step has ended."
    else:
        yield from written(execution, settings, root)


def written(execution: Execution, settings: Settings, root: Path, *, dry_run: bool = False) -> Iterator[str]:
    """Write the best values, and say what has changed. UserError if the execution has none."""
    from sagemaker_ops.project import hyperparameter_file
    from sagemaker_ops.terminal import trials

    found = trials.of(execution)
    if found is None:
        raise UserError(f"no step of execution {execution.id} has tuned hyperparameters to the end: nothing to write.")
    same = {name: value for name, value in found.fixed.items() if name in settings.hyperparameters}
    values = _typed({**same, **found.best.values}, settings, root)
    difference = hyperparameter_file.write(root, values, dry_run=dry_run, context=0).splitlines()[2:]
    changes = [line for line in difference if not line.startswith("@@")]
    heading = f"{FILE} [{hyperparameter_file.TABLE}]"
    if not changes:
        yield f"{heading} has the best values already."
        return
    yield f"{heading} {'would change' if dry_run else 'is changed'}:"
    yield from changes


def _typed(texts: Mapping[str, str], settings: Settings, root: Path) -> dict[str, Any]:
    """The values in the type that the model gives them, otherwise in that of the value in project.toml."""
    from sagemaker_ops.guardrails import hyperparameter_check

    declared, values = hyperparameter_check.declared(root), {}
    for name, text in texts.items():
        known, present = declared.get(name), settings.hyperparameters.get(name)
        value: Any = known.read(text) if known else _like(text, present)
        if value is None:
            allowed = known.expected if known else f"a value such as {present!r}"
            place = f"{FILE} [hyperparameters].{name}"
            raise UserError(Problem(f"the best value, {text}, is no longer allowed: it must be {allowed}.", place))
        values[name] = value
    return values


def _like(text: str, present: object) -> Any:
    """The text as a value of the same type, None if it is none; without a present value, of the first that fits."""
    if isinstance(present, bool):
        return {"true": True, "false": False}.get(text)
    kinds: tuple[Any, ...] = (int, float, str) if present is None else (type(present),)
    for kind in kinds:
        with suppress(ValueError):
            return kind(text)
    return None
