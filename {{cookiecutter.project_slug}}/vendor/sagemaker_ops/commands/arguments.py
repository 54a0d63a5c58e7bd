"""What the commands share: loading the current project, and arguments that several commands have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sagemaker_ops.commands import completion
from sagemaker_ops.errors import Problem, RefusedError, UserError, did_you_mean
from sagemaker_ops.guardrails import project_check
from sagemaker_ops.project.settings import Settings

if TYPE_CHECKING:
    from sagemaker_ops.local import Selection

EnvironmentName = Annotated[
    str,
    typer.Option(
        "--env",
        help="local, or an environment in project.toml.",
        metavar="NAME",
        autocompletion=completion.environments,
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="Set a pipeline parameter; can be repeated."),
]
Stubs = Annotated[
    list[str] | None,
    typer.Option("--stub", metavar="STEP=FILE", help="Take a step's outputs from a file; can be repeated."),
]
S3Folder = Annotated[
    Path | None,
    typer.Option("--s3", metavar="FOLDER", help="For a definition: folder that holds s3://bucket/key as bucket/key."),
]
# Running part of a pipeline with the results of an earlier execution.
OnwardFrom = Annotated[
    list[str] | None,
    typer.Option("--from", metavar="STEP", help="Run this step and all that depend on it, using earlier results."),
]
Only = Annotated[
    list[str] | None,
    typer.Option(metavar="STEP", help="Run only this step, using earlier results; can be repeated."),
]
SourceExecution = Annotated[
    str | None, typer.Option(metavar="ID", help="The execution whose results --from and --only reuse, not the newest.")
]
GitLabFolder = Annotated[
    Path | None,
    typer.Option(
        "--gitlab", metavar="FOLDER", help="Write GitLab's report files about the execution into this folder."
    ),
]
# For the commands that work on AWS.
AwsEnvironment = Annotated[
    str,
    typer.Option(
        "--env",
        envvar="OPS_ENV",
        help="An environment in project.toml.",
        metavar="NAME",
        autocompletion=completion.aws_environments,
    ),
]
OUTPUTS = ("table", "json")
Output = Annotated[
    str, typer.Option(metavar="NAME", help="Output format: table or json.", autocompletion=completion.words(*OUTPUTS))
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, without doing it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
User = Annotated[
    str, typer.Option("--as", metavar="USER", help="Use the personal deployment of USER, not the shared one.")
]


def load(root: Path, *, local: bool = False) -> Settings:
    """The project's settings, checked by the guardrails; warnings go to standard error. local: for a run here."""
    loaded, warnings = project_check.load(root, local=local)
    project_check.show(warnings, "text", root)
    return loaded


def check_user(user: str, settings: Settings) -> None:
    """RefusedError if this is not a valid user name, or the name of an environment: `-dev` ends names as well."""
    if user and (problems := project_check.check_user(user, "--as")):
        raise RefusedError(*problems)
    if user in settings.environments:
        raise RefusedError(Problem(f"'{user}' is an environment: use another user name.", "--as"))


def choose(value: str, known: Sequence[str], option: str) -> None:
    """UserError if the value is not one of the known ones."""
    if value not in known:
        hint = did_you_mean(value, known) or f" Write one of {', '.join(known)}."
        raise UserError(Problem(f"'{value}' is not a valid value.{hint}", option))


def selection(onward_from: list[str] | None, only: list[str] | None, source: str | None) -> Selection | None:
    """The steps that --from, --only and --source-execution select; None for the whole pipeline."""
    if onward_from and only:
        raise UserError("--from and --only cannot be combined: give one of them.")
    if source is not None and not (onward_from or only):
        raise UserError("--source-execution works only with --from or --only: add one of them.")
    if not (onward_from or only):
        return None
    from sagemaker_ops.local import Selection

    return Selection(tuple(onward_from or only or ()), bool(onward_from), source)


def stubs(texts: Sequence[str] | None) -> dict[str, Path]:
    """`["Notify=notify.json"]` as {step: file}."""
    pairs = [text.partition("=") for text in texts or ()]
    names = [name for name, *_ in pairs]
    problems = [
        *(f"'{''.join(pair)}' does not have the form STEP=FILE." for pair in pairs if not all(pair)),
        *(f"step '{name}' has two files: give one." for name in dict.fromkeys(names) if names.count(name) > 1),
    ]
    if problems:
        raise UserError(*(Problem(sentence, "--stub") for sentence in problems))
    return {name: Path(file) for name, _, file in pairs}


def key_values(texts: Sequence[str] | None) -> dict[str, str]:
    """`["a=1"]` as `{"a": "1"}`."""
    if wrong := [text for text in texts or () if "=" not in text]:
        raise UserError(*(Problem(f"'{text}' does not have the form NAME=VALUE.", "--param") for text in wrong))
    return {name: value for name, _, value in (text.partition("=") for text in texts or ())}
