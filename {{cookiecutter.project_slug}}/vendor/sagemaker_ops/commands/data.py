"""The command that copies data from S3 to this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from sagemaker_ops.commands.arguments import AwsEnvironment, load
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project.layout import LOCAL_FOLDER, find_root

app = typer.Typer()


@app.command("fetch-data")
def fetch_data(
    rows: Annotated[int | None, typer.Option(metavar="N", help="Fetch only the first N rows of each file.")] = None,
    env: AwsEnvironment = "dev",
) -> None:
    """Fetch new and changed files of an s3:// [data].source, for local runs.

    Example: ops fetch-data --rows 10000
    """
    if rows is not None and rows < 1:
        raise UserError(Problem(f"cannot fetch {rows} rows: write 1 or more.", "--rows"))
    root = find_root()
    settings = load(root)
    from sagemaker_ops.project import data
    from sagemaker_ops.project.settings import FILE

    source = settings.data.source
    if not data.is_remote(source):
        raise UserError(
            Problem(f"'{source}' is already on this machine: `ops run` uses it directly.", f"{FILE} [data].source")
        )
    from sagemaker_ops.aws import download
    from sagemaker_ops.aws.account import connect

    print(download.fetch(connect(settings, env), source, root / LOCAL_FOLDER, rows))
