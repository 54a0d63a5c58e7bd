"""The command that writes the project's documentation."""

from __future__ import annotations

import typer

from sagemaker_ops.commands.arguments import load
from sagemaker_ops.errors import UserError
from sagemaker_ops.project.layout import find_root, shown

app = typer.Typer()


@app.command()
def docs() -> None:
    """Write the project's documentation: its pipelines and steps, the model card, a runbook.

    Example: ops docs
    """
    root = find_root()
    try:
        from sagemaker_ops.documentation import gathered, site
    except ModuleNotFoundError as error:
        if error.name != "yaml":
            raise
        raise UserError("The packages for the documentation are not installed: run `make docs`.") from None

    folder, count = site.write(gathered.gather(root, load(root, local=True)))
    print(f"Wrote {count} pages to {shown(folder, root)}.", flush=True)
