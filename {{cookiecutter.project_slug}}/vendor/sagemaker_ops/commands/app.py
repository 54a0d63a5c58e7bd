"""The command `ops` and its exit codes: `ops --help` lists the commands, which are named after the AWS API.

Exit codes: 0 done, 1 the execution failed, 2 wrong usage or input, 3 refused by a guardrail, 4 AWS refused,
124 a wait reached its --timeout.
"""

from __future__ import annotations

import atexit
import gc
import io
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

import sagemaker_ops
from sagemaker_ops.commands import (
    checks,
    data,
    docs,
    doctor,
    endpoints,
    executions,
    history,
    models,
    monitor,
    new,
    pipelines,
    report,
    review,
    run,
    serve,
    studio,
    template,
    tracking,
    tuning,
)
from sagemaker_ops.errors import Problem, UserError

app = typer.Typer(
    help="Run, compile and manage this project's SageMaker pipelines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would take as long as the rest of --help
    # Click itself uses at most 80 columns.
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": shutil.get_terminal_size().columns,
    },
)


def main() -> None:
    """Run the command `ops`; every user error becomes a sentence on standard error and an exit code."""
    atexit.register(gc.freeze)  # otherwise Python would search everything for garbage at the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error: a name may be no valid text
    try:
        if any("\0" in argument for argument in sys.argv):
            raise UserError("an argument contains a NUL character, which no name and no path can have: remove it.")
        app()
    except UserError as error:
        for problem in error.problems:
            print(f"{problem.level}: {problem}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception as error:
        if "botocore" in sys.modules:
            from sagemaker_ops.aws.call_failures import is_foreign
            from sagemaker_ops.aws.errors import AwsError, sentence

            if is_foreign(error):
                print(f"error: {sentence(error)}.", file=sys.stderr)
                sys.exit(AwsError.exit_code)
        if not isinstance(error, OSError):
            raise
        # A disk that is full or read-only, or a path that no file can have.
        where = f"{error.filename}: " if error.filename is not None else ""
        print(f"error: {Problem(f'{where}{error.strerror or error}.')}", file=sys.stderr)
        sys.exit(UserError.exit_code)


def bare() -> None:
    """Run a command under its own name: `update-pipeline train` is `ops update-pipeline train`."""
    sys.argv = ["ops", Path(sys.argv[0]).stem, *sys.argv[1:]]
    main()


def _version(wanted: bool) -> None:
    if wanted:
        print(f"sagemaker-ops {sagemaker_ops.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Run, compile and manage this project's SageMaker pipelines."""


families = (
    run, checks, review, report, docs, serve, monitor, history, tuning, tracking, executions, pipelines, studio,
    models, endpoints, doctor, data, template,
)  # fmt: skip
for family in families:
    app.registered_commands += family.app.registered_commands
app.add_typer(new.app, name="new")
