"""How long the pipeline takes on this machine, compared with its three scripts run by hand one after the other.

It also measures the runner itself, with a step that does nothing and with a step that has a large input.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.generation import COOKIECUTTER, TEMPLATE
from benchmarks.measure import Contender, side_by_side, table

STEPS = "production/steps"
SAMPLE = "data/sample/flights_classification.csv"
STEPS_IN_A_ROW = 41


def measure(folder: Path, runs: int = 5) -> str:
    """`folder` must be empty. A project and its environment are created in it."""
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
        + [f"--{name}-dir={out}/{name}" for name in ("model", "test", "summary")]
        + [f"--output-dir={out}/evaluation"],
    ]
    ops = str(project / ".venv/bin/ops")
    run = table(
        "Running the pipeline `train` on the sample",
        side_by_side(
            [
                Contender("the three scripts by hand", by_hand, project),
                Contender("`ops run train --no-cache`", [[ops, "run", "train", "--no-cache"]], project),
                Contender("`ops run train`, unchanged", [[ops, "run", "train"]], project),
            ],
            runs,
        ),
        "the three scripts by hand",
    )
    runner = _runner(ops, project, folder, runs)
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
    return f"{run}\n{runner}\n{commands}"


def _runner(ops: str, project: Path, folder: Path, runs: int) -> str:
    """Run definitions of steps that do nothing: one step, many in a row, and one with a large input."""
    bucket = folder / "s3" / "bucket"
    (bucket / "large").mkdir(parents=True)
    (bucket / "small").mkdir()
    (bucket / "small" / "data.bin").write_bytes(b"0")
    with (bucket / "large" / "data.bin").open("wb") as file:
        for _ in range(1024):
            file.write(os.urandom(1 << 20))

    def contender(name: str, steps: int, data: str) -> Contender:
        definition = folder / f"{name.replace(' ', '-')}.json"
        definition.write_text(json.dumps({"Version": "2020-12-01", "Steps": [_step(n, data) for n in range(steps)]}))
        return Contender(name, [[ops, "run", "--definition", str(definition), "--s3", str(folder / "s3")]], project)

    contenders = [
        contender("one step", 1, "small"),
        contender(f"{STEPS_IN_A_ROW} steps in a row", STEPS_IN_A_ROW, "small"),
        contender("one step, 1 GB of input", 1, "large"),
    ]
    seconds = side_by_side(contenders, runs)
    one, many, large = (statistics.median(values) for values in seconds.values())
    return table("The runner's own work: steps that run `true`", seconds, "one step") + (
        f"\nTime per step: {1000 * (many - one) / (STEPS_IN_A_ROW - 1):.1f} ms, including the start of `true`; "
        f"1 GB of input: {1000 * (large - one):.0f} ms.\n"
    )


def _step(number: int, data: str) -> dict[str, object]:
    """A step that does nothing, and runs after the previous one."""
    source = {"S3Uri": f"s3://bucket/{data}/", "LocalPath": "/opt/ml/processing/data"}
    return {
        "Name": f"Step{number}",
        "Type": "Processing",
        "DependsOn": [f"Step{number - 1}"] if number else [],
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large"}},
            "AppSpecification": {"ImageUri": "image", "ContainerEntrypoint": ["true"]},
            "ProcessingInputs": [{"InputName": "data", "S3Input": source}],
        },
    }
