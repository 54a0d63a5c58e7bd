"""How long the report on a run takes, compared with the notebook in develop/, and a run with it and without it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.generation import COOKIECUTTER, TEMPLATE
from benchmarks.measure import Contender, side_by_side, table
from benchmarks.processing import EXCLUDED, TARGET, extract_flights

NOTEBOOK = "develop/try_a_model.ipynb"
EXECUTE = f"""
import nbclient, nbformat
notebook = nbformat.read("{NOTEBOOK}", as_version=4)
nbclient.NotebookClient(notebook, kernel_name="python3", resources={{"metadata": {{"path": "develop"}}}}).execute()
"""
WITHOUT = """
import sys
from sagemaker_ops.commands import app, run
run._report = lambda *given: ()
sys.argv = ["ops", "run", "train", "--no-cache"]
app.main()
"""


def measure(folder: Path, runs: int = 5) -> str:
    """`folder` must be empty. A project and its environment are created in it."""
    generate = [COOKIECUTTER, "--no-input", "--output-dir", str(folder), str(TEMPLATE), "problem=regression"]
    subprocess.run(generate, check=True, capture_output=True)
    [project] = folder.iterdir()
    subprocess.run(["make", "setup", f"PYTHON={sys.executable}"], cwd=project, check=True, capture_output=True)
    python, ops = str(project / ".venv/bin/python"), str(project / ".venv/bin/ops")
    sample = table(
        "A run of the pipeline `train` on the sample",
        side_by_side(
            [
                Contender("without the report", [[python, "-c", WITHOUT]], project),
                Contender("`ops run train --no-cache`", [[ops, "run", "train", "--no-cache"]], project),
            ],
            runs * 2,
        ),
        "without the report",
    )
    extract_flights(project / "data")
    settings = project / "project.toml"
    text = settings.read_text(encoding="utf-8")
    text = re.sub(r'^source = "[^"]*"', 'source = "data/flights.csv"', text, flags=re.MULTILINE)
    text = re.sub(r'^target = "[^"]*"', f'target = "{TARGET}"', text, flags=re.MULTILINE)
    text = text.replace("exclude = []", f"exclude = {EXCLUDED}".replace("'", '"'))
    settings.write_text(text, encoding="utf-8")
    (project / "data" / "schema.toml").unlink()
    subprocess.run([ops, "run", "train"], cwd=project, check=True, capture_output=True)
    large = table(
        "The report on a run with 336,776 rows",
        side_by_side(
            [
                Contender(f"`{NOTEBOOK}`, executed", [[python, "-c", EXECUTE]], project),
                Contender("`ops report`", [[ops, "report"]], project),
            ],
            2,
        ),
        f"`{NOTEBOOK}`, executed",
    )
    return f"{sample}\n{large}"
