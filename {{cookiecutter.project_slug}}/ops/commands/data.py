"""The command that brings data on S3 to this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.commands.arguments import AwsEnvironment, load, project_root
from ops.errors import Problem, UserError

app = typer.Typer()


@app.command("fetch-data")
def fetch_data(
    rows: Annotated[
        int | None, typer.Option(metavar="N", help="The first N rows of each file, without fetching the rest.")
    ] = None,
    env: AwsEnvironment = "dev",
) -> None:
    """Fetch an s3:// [data].source, for runs on this machine: what is new or has changed.

    Example: ops fetch-data --rows 10000
    """
    if rows is not None and rows < 1:
        raise UserError(Problem(f"{rows} rows are no table: write 1 or more.", "--rows"))
    root = project_root()
    settings = load(root)
    from ops import data, runs
    from ops.settings import FILE

    source = settings.data.source
    if not data.is_remote(source):
        raise UserError(
            Problem(f"'{source}' is on this machine already: `ops run` takes it as it is.", f"{FILE} [data].source")
        )
    from ops.aws import fetch
    from ops.aws.account import connect

    print(fetch.fetch(connect(settings, env), source, root / runs.HOME, rows))
