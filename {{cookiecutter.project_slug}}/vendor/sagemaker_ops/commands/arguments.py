"""What the terminal commands have in common: the project one stands in, and the arguments of several of them."""

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
        help="local, or an environment of project.toml.",
        metavar="NAME",
        autocompletion=completion.environments,
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="A pipeline parameter; may be given again."),
]
S3Folder = Annotated[
    Path | None, typer.Option("--s3", metavar="FOLDER", help="Where s3://bucket/key is bucket/key, for a definition.")
]
# A part of a pipeline, on the results of an earlier execution.
OnwardFrom = Annotated[
    list[str] | None,
    typer.Option("--from", metavar="STEP", help="Run this step and all that depend on it, on earlier results."),
]
Only = Annotated[
    list[str] | None,
    typer.Option(metavar="STEP", help="Run this step alone, on earlier results; may be given again."),
]
SourceExecution = Annotated[
    str | None, typer.Option(metavar="ID", help="Whose results --from and --only go on with, not the newest's.")
]
# Of the commands that operate on AWS.
AwsEnvironment = Annotated[
    str,
    typer.Option(
        "--env",
        envvar="OPS_ENV",
        help="An environment of project.toml.",
        metavar="NAME",
        autocompletion=completion.aws_environments,
    ),
]
OUTPUTS = ("table", "json")
Output = Annotated[str, typer.Option(metavar="NAME", help="table or json.", autocompletion=completion.words(*OUTPUTS))]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
User = Annotated[
    str, typer.Option("--as", metavar="USER", help="The personal deployment of USER, beside the shared one.")
]


def load(root: Path) -> Settings:
    """The project's settings, once the guardrails have nothing against them; warnings go to standard error."""
    loaded, warnings = project_check.load(root)
    project_check.show(warnings, "text", root)
    return loaded


def check_user(user: str) -> None:
    """Refused if nobody may be called so."""
    if user and (problems := project_check.check_user(user, "--as")):
        raise RefusedError(*problems)


def choose(value: str, known: Sequence[str], option: str) -> None:
    """UserError if the value is not one of those that are known."""
    if value not in known:
        hint = did_you_mean(value, known) or f" Write one of {', '.join(known)}."
        raise UserError(Problem(f"'{value}' is not known.{hint}", option))


def selection(onward_from: list[str] | None, only: list[str] | None, source: str | None) -> Selection | None:
    """What --from, --only and --source-execution choose; None for all of a pipeline."""
    if onward_from and only:
        raise UserError("--from and --only exclude each other: give one of them.")
    if source is not None and not (onward_from or only):
        raise UserError("--source-execution says whose results --from or --only go on with: give one of these, too.")
    if not (onward_from or only):
        return None
    from sagemaker_ops.local import Selection

    return Selection(tuple(onward_from or only or ()), bool(onward_from), source)


def key_values(texts: Sequence[str] | None) -> dict[str, str]:
    """`["a=1"]` as `{"a": "1"}`."""
    if wrong := [text for text in texts or () if "=" not in text]:
        raise UserError(*(Problem(f"'{text}' is not NAME=VALUE.", "--param") for text in wrong))
    return {name: value for name, _, value in (text.partition("=") for text in texts or ())}
