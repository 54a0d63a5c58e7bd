"""The command that compares new data with what a model was trained with."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from sagemaker_ops.commands import completion
from sagemaker_ops.commands.arguments import load
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project.layout import find_root, shown

app = typer.Typer()


@app.command()
def monitor(
    table: Annotated[
        str | None,
        typer.Argument(
            help="New rows: a CSV or Parquet file, or a folder of them.", show_default="[data].source of project.toml"
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="latest, approved, the id of an execution on this machine, or the folder of a model.tar.gz.",
            autocompletion=completion.models,
        ),
    ] = "latest",
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write the page.", show_default=".local/monitoring/monitoring.html"),
    ] = None,
    result: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Where to write the result.",
            show_default=".local/monitoring/monitoring.json",
        ),
    ] = None,
) -> None:
    """Compare new data with what a model was trained with: columns, predictions and, if the target is there, metrics.

    Example: ops monitor data/march.csv --model approved
    """
    root = find_root()
    settings = load(root, local=True)
    from sagemaker_ops.monitoring import models, run
    from sagemaker_ops.report import monitoring as pages
    from sagemaker_ops.store import write_atomically
    from sagemaker_ops.terminal import monitoring, progress

    monitored, path = models.find(model, settings, root), run.table_path(table, settings, root)
    name = str(shown(path, root)) if table is not None else settings.data.source
    with progress.shown("Comparing …"):
        found = run.compare(path, monitored, settings, root)
    for line in monitoring.lines(found, name):
        print(line)
    page, result = page or root / run.FOLDER / run.PAGE, result or root / run.FOLDER / run.RESULT
    texts = {
        result: json.dumps(found, indent=2, ensure_ascii=False) + "\n",
        page: pages.page(found, name),
    }
    for file, text in texts.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, text.encode())
        except OSError as error:
            raise UserError(Problem(f"cannot be written: {error.strerror or error}.", str(file))) from None
    print(f"Open {shown(page, root)}", flush=True)
    sys.exit(1 if found["verdict"]["exceeded"] else 0)
