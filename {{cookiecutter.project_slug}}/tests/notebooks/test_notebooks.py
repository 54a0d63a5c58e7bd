"""Every notebook in eda/ and develop/ still runs after a change to a step or to project.toml.

Notebooks in subfolders, such as eda/archive/, are not run.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from sagemaker_ops import UserError, load_settings, missing_for_spark, source_path

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path for folder in ("eda", "develop") for path in (ROOT / folder).glob("*.ipynb"))
SECONDS_PER_CELL = 300


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_runs_from_top_to_bottom(path: Path) -> None:
    try:
        source_path(load_settings(ROOT).data.source, ROOT)
    except UserError as error:  # the table is on S3, and `ops fetch-data` has not copied it
        pytest.skip(str(error))
    if "start_spark" in path.read_text(encoding="utf-8") and (why := missing_for_spark()):
        pytest.skip(why)
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:  # a search ends after a second
        cell.source = re.sub(r"(?m)^SECONDS = \d+", "SECONDS = 1", cell.source)
    client = NotebookClient(
        notebook,
        kernel_name="python3",  # of this environment, whichever kernel the notebook was last saved with
        timeout=SECONDS_PER_CELL,
        resources={"metadata": {"path": str(path.parent)}},  # the working directory, as in Jupyter
    )
    try:
        client.execute()
    except CellExecutionError as error:
        # Show the notebook's own traceback: nbclient's is of no help.
        raise pytest.fail.Exception(str(error), pytrace=False) from None
