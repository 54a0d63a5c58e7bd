"""Tuning with 20 jobs, compared with 20 runs of the whole pipeline one after another."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime
from json import loads

from benchmarks.measure import Contender, side_by_side
from benchmarks.results import Result, Table, median
from benchmarks.workplace import Project, Workplace

JOBS = 20
# As in [tuning.ranges], so that the runs train models of about the same size.
INTEGERS = {"MaxLeafNodes": (7, 127), "MaxIter": (50, 300), "MinSamplesLeaf": (5, 100)}


def measure(place: Workplace) -> Result:
    project, jobs = place.project(), 2 if place.quick else JOBS
    project.run(project.ops, "new", "pipeline", "tune")
    project.run(project.ops, "run", "train")  # compiles it, and writes data/schema.toml
    chance = random.Random(0)
    one = [project.ops, "run", "train", "--no-cache"]
    values = [
        [
            f"LearningRate={chance.uniform(0.01, 0.3):.4f}",
            *(f"{name}={chance.randint(*ends)}" for name, ends in INTEGERS.items()),
        ]
        for _ in range(jobs)
    ]
    singles = [[*one, *(word for value in each for word in ("--param", value))] for each in values]
    tuned = [project.ops, "run", "tune", "--no-cache", "--param", f"MaxJobs={jobs}"]
    each_for_itself = f"{jobs} runs of `train`, one after another"
    sides = {each_for_itself: singles, f"`ops run tune` with {jobs} jobs": [tuned], "one run of `train`": singles[:1]}
    if place.quick:
        sides = {each_for_itself: singles[:1], f"`ops run tune` with {jobs} jobs": [tuned]}
    contenders = [Contender(name, each, project.path, environment=project.variables) for name, each in sides.items()]
    rows = side_by_side(contenders, place.runs(2), warm_up=not place.quick)
    shares = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in _steps(project).items())
    return Result(
        "tuning",
        "Tuning",
        f"{jobs} sets of hyperparameters on the sample.",
        [Table(f"Tuning with {jobs} jobs on the sample", rows, each_for_itself)],
        notes=[f"Steps of `tune`: {shares}; the rest is the start of the command and the report."],
    )


def _steps(project: Project) -> dict[str, float]:
    """The median seconds of each step of the pipeline `tune`."""
    found: dict[str, list[float]] = defaultdict(list)
    for file in project.path.glob(".local/runs/*/execution.json"):
        execution = loads(file.read_bytes())
        for step in execution["steps"] if execution["pipeline_name"].endswith("-tune-local") else ():
            if step["end_time"] and step["start_time"]:
                began, ended = (datetime.fromisoformat(step[key]) for key in ("start_time", "end_time"))
                found[step["name"]].append((ended - began).total_seconds())
    return {name: median(seconds) for name, seconds in found.items()}
