"""How long tuning with 20 jobs takes, compared with 20 runs of the whole pipeline one after another."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import defaultdict
from datetime import datetime
from json import loads
from pathlib import Path
from statistics import median

from benchmarks.generation import COOKIECUTTER, TEMPLATE
from benchmarks.measure import Contender, side_by_side, table

JOBS = 20
# As in [tuning.ranges], so that the runs train models of about the same size.
INTEGERS = {"MaxLeafNodes": (7, 127), "MaxIter": (50, 300), "MinSamplesLeaf": (5, 100)}


def measure(folder: Path, runs: int = 3) -> str:
    """`folder` must be empty. A project and its environment are created in it."""
    subprocess.run([COOKIECUTTER, "--no-input", "--output-dir", folder, TEMPLATE], check=True, capture_output=True)
    [project] = folder.iterdir()
    subprocess.run(["make", "setup", f"PYTHON={sys.executable}"], cwd=project, check=True, capture_output=True)
    return _measured(project, runs)


def _measured(project: Path, runs: int) -> str:
    ops = str(project / ".venv/bin/ops")
    subprocess.run([ops, "new", "pipeline", "tune"], cwd=project, check=True, capture_output=True)
    chance = random.Random(0)
    one = [ops, "run", "train", "--no-cache"]
    values = [
        [
            f"LearningRate={chance.uniform(0.01, 0.3):.4f}",
            *(f"{name}={chance.randint(*ends)}" for name, ends in INTEGERS.items()),
        ]
        for _ in range(JOBS)
    ]
    singles = [[*one, *(word for value in each for word in ("--param", value))] for each in values]
    tuned = [ops, "run", "tune", "--no-cache", "--param", f"MaxJobs={JOBS}"]
    contenders = [
        Contender(f"{JOBS} runs of `train`, one after another", singles, project),
        Contender(f"`ops run tune` with {JOBS} jobs", [tuned], project),
        Contender("one run of `train`", singles[:1], project),
    ]
    found = table(f"Tuning with {JOBS} jobs on the sample", side_by_side(contenders, runs), contenders[0].name)
    shares = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in _steps(project).items())
    return f"{found}\nSteps of `tune`: {shares}; the rest is the start of the command, compiling and the report.\n"


def _steps(project: Path) -> dict[str, float]:
    """The median seconds of each step of the pipeline `tune`."""
    found: dict[str, list[float]] = defaultdict(list)
    for file in project.glob(".local/runs/*/execution.json"):
        execution = loads(file.read_bytes())
        for step in execution["steps"] if execution["pipeline_name"].endswith("-tune-local") else ():
            if step["end_time"] and step["start_time"]:
                began, ended = (datetime.fromisoformat(step[key]) for key in ("start_time", "end_time"))
                found[step["name"]].append((ended - began).total_seconds())
    return {name: median(seconds) for name, seconds in found.items()}
