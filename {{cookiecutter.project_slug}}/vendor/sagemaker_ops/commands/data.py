"""The command that brings data on S3 to this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from sagemaker_ops.commands.arguments import AwsEnvironment, load
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project.layout import LOCAL_FOLDER, find_root

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
    root = find_root()
    settings = load(root)
    from sagemaker_ops.project import data
    from sagemaker_ops.project.settings import FILE

    source = settings.data.source
    if not data.is_remote(source):
        raise UserError(
            Problem(f"'{source}' is on this machine already: `ops run` takes it as it is.", f"{FILE} [data].source")
        )
    from sagemaker_ops.aws import download
    from sagemaker_ops.aws.account import connect

    print(download.fetch(connect(settings, env), source, root / LOCAL_FOLDER, rows))
