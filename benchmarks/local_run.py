"""How long the pipeline takes on this machine, beside its three scripts run by hand one after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.generation import COOKIECUTTER, TEMPLATE
from benchmarks.measure import Contender, side_by_side, table

STEPS = "production/steps"
SAMPLE = "data/sample/flights_classification.csv"


def measure(folder: Path, runs: int = 5) -> str:
    """`folder` is empty and may be filled: with a project and its environment."""
    subprocess.run([COOKIECUTTER, "--no-input", "--output-dir", folder, TEMPLATE], check=True, capture_output=True)
    [project] = folder.iterdir()
    subprocess.run(["make", "setup", f"PYTHON={sys.executable}"], cwd=project, check=True, capture_output=True)
    python, out = str(project / ".venv/bin/python"), ".local/by-hand"
    by_hand = [
        [python, f"{STEPS}/processing.py", f"--input-dir={SAMPLE}", "--target=late", "--problem=classification"]
        + [f"--{part}-dir={out}/{part}" for part in ("train", "validation", "test", "summary")],
        [python, f"{STEPS}/training.py"]
        + [f"--{part}-dir={out}/{part}" for part in ("train", "validation", "summary", "model")],
        [python, f"{STEPS}/evaluation.py", "--gate-metric=auc"]
        + [f"--{name}-dir={out}/{name}" for name in ("model", "test")]
        + [f"--output-dir={out}/evaluation"],
    ]
    ops = str(project / ".venv/bin/ops")
    run = table(
        "Running the pipeline `train` on the sample",
        side_by_side(
            [
                Contender("the three scripts by hand", by_hand, project),
                Contender("`ops run train`, already compiled", [[ops, "run", "train"]], project),
            ],
            runs,
        ),
        "the three scripts by hand",
    )
    commands = table(
        "Commands",
        side_by_side(
            [
                Contender("`python -c pass`", [[python, "-c", "pass"]], project),
                Contender("`ops --help`", [[ops, "--help"]], project),
                Contender("`ops check`", [[ops, "check"]], project),
                Contender("`make check`", [["make", "check", f"PYTHON={sys.executable}"]], project),
                Contender("`ops compile train`, unchanged", [[ops, "compile", "train"]], project),
            ],
            runs * 2,
        ),
        "`python -c pass`",
    )
    return f"{run}\n{commands}"
