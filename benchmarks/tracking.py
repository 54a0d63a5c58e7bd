"""How long a run takes that MLflow tracks in .local, compared with one that is not tracked."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.generation import COOKIECUTTER, TEMPLATE
from benchmarks.measure import Contender, side_by_side, table


def measure(folder: Path, runs: int = 8) -> str:
    """`folder` must be empty. Two projects with one environment are created in it."""
    subprocess.run([COOKIECUTTER, "--no-input", "--output-dir", folder, TEMPLATE], check=True, capture_output=True)
    [plain] = folder.iterdir()
    tracked = Path(shutil.copytree(plain, folder / "tracked"))
    subprocess.run(["make", "setup", f"PYTHON={sys.executable}"], cwd=plain, check=True, capture_output=True)
    (tracked / ".venv").symlink_to(plain / ".venv")
    settings = tracked / "project.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace('\nuri = ""', '\nuri = "local"'), encoding="utf-8")
    # `ops` refuses to work on another project than its own.
    python = str(plain / ".venv/bin/python")
    run = [["env", "PYTHONPATH=vendor", python, "-m", "sagemaker_ops", "run", "train", "--no-cache"]]
    subprocess.run(run[0], cwd=tracked, check=True, capture_output=True)  # makes MLflow's tables
    contenders = [Contender("not tracked", run, plain), Contender('`[tracking] uri = "local"`', run, tracked)]
    return table("A run of the pipeline `train` on the sample", side_by_side(contenders, runs), contenders[0].name)
