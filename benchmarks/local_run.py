"""Running the pipeline on this machine, compared with its three scripts run by hand one after the other.

It also measures the runner itself, with a step that does nothing and with a step that has a large input.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from benchmarks.measure import Contender, side_by_side
from benchmarks.results import Aim, Result, Table, median
from benchmarks.workplace import Project, Workplace

STEPS = "production/steps"
SAMPLE = "data/sample/flights_classification.csv"
STEPS_IN_A_ROW = 41
BY_HAND, FULL, AGAIN = "the three scripts by hand", "`ops run train --no-cache`", "`ops run train`, nothing changed"
FORKS = "the same scripts as forks of one Python, which imports everything once"
RUN, OWN_WORK, COMMANDS = (
    "The pipeline `train` on the sample",
    "The runner's own work: steps that run `true`",
    "Commands",
)

# What a run cannot be faster than as long as it does the work of the scripts.
FORKED = f"""
import importlib, json, os, sys
from pathlib import Path
sys.path.insert(0, {STEPS!r})
commands = [(importlib.import_module(Path(script).stem), rest) for _, script, *rest in json.loads(sys.argv[1])]
for module, arguments in commands:
    process = os.fork()
    if not process:
        sys.stdout = open(os.devnull, "w")
        os._exit(module.main(arguments))
    if os.waitpid(process, 0)[1]:
        sys.exit(1)
"""


def measure(place: Workplace) -> Result:
    project = place.project()
    place.use(project.versions("pandas", "scikit-learn"))
    ops, warm = project.ops, not place.quick
    project.run(ops, "run", "train")  # compiles the pipeline, and writes data/schema.toml
    contenders = [
        _contender(project, BY_HAND, *_by_hand(project)),
        _contender(project, FORKS, [project.python, "-c", FORKED, json.dumps(_by_hand(project))]),
        _contender(project, FULL, [ops, "run", "train", "--no-cache"]),
        _contender(project, AGAIN, [ops, "run", "train"]),
    ]
    run = Table(RUN, side_by_side(contenders, place.runs(7), warm_up=warm, memory=True), BY_HAND)
    runner, notes = _runner(place, project)
    commands = [
        _contender(project, "`python -c pass`", [project.python, "-c", "pass"]),
        _contender(project, "`ops --help`", [ops, "--help"]),
        _contender(project, "`ops check`", [ops, "check"]),
        _contender(project, "`make check`", ["make", "check", f"PYTHON={sys.executable}"]),
        _contender(project, "`ops compile train`, nothing changed", [ops, "compile", "train"]),
    ]
    measured = side_by_side(commands, place.runs(10), warm_up=warm)
    return Result(
        "local_run",
        "Running the pipeline on this machine",
        "The whole pipeline: processing, training, evaluation, quality gate, registration and the report; the scripts "
        "by hand are its first three steps. The definition is already compiled.",
        [run, runner, Table(COMMANDS, measured, "`python -c pass`")],
        [Aim("whole pipeline on the sample, / the three scripts by hand", "at most", 0.45, run.ratio(FULL, "seconds"))],
        [
            "The second row is the limit of a run: one import, and the work of the scripts, which share nothing else.",
            *notes,
        ],
    )


def _contender(project: Project, name: str, *commands: list[str]) -> Contender:
    return Contender(name, commands, project.path, environment=project.variables)


def _by_hand(project: Project) -> list[list[str]]:
    python, out = project.python, ".local/by-hand"
    return [
        [python, f"{STEPS}/processing.py", f"--input-dir={SAMPLE}", "--target=late", "--problem=classification"]
        + [f"--{part}-dir={out}/{part}" for part in ("train", "validation", "test", "summary")],
        [python, f"{STEPS}/training.py"]
        + [f"--{part}-dir={out}/{part}" for part in ("train", "validation", "summary", "model")],
        [python, f"{STEPS}/evaluation.py", "--gate-metric=auc"]
        + [f"--{name}-dir={out}/{name}" for name in ("model", "test", "summary")]
        + [f"--output-dir={out}/evaluation"],
    ]


def _runner(place: Workplace, project: Project) -> tuple[Table, list[str]]:
    """Run definitions of steps that do nothing: one step, many in a row, and one with a large input."""
    folder, megabytes = place.folder, 1 if place.quick else 1024
    bucket = folder / "s3" / "bucket"
    (bucket / "large").mkdir(parents=True)
    (bucket / "small").mkdir()
    (bucket / "small" / "data.bin").write_bytes(b"0")
    with (bucket / "large" / "data.bin").open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1 << 20))

    def contender(name: str, steps: int, data: str) -> Contender:
        definition = folder / f"{name.replace(' ', '-')}.json"
        definition.write_text(json.dumps({"Version": "2020-12-01", "Steps": [_step(n, data) for n in range(steps)]}))
        return _contender(
            project, name, [project.ops, "run", "--definition", str(definition), "--s3", str(folder / "s3")]
        )

    contenders = [
        contender("one step", 1, "small"),
        contender(f"{STEPS_IN_A_ROW} steps in a row", STEPS_IN_A_ROW, "small"),
        contender("one step, 1 GB of input", 1, "large"),
    ]
    rows = side_by_side(contenders, place.runs(5), warm_up=not place.quick)
    Path(bucket / "large" / "data.bin").unlink()
    one, many, large = (median(row.seconds) for row in rows)
    return Table(OWN_WORK, rows, "one step"), [
        f"Time per step: {1000 * (many - one) / (STEPS_IN_A_ROW - 1):.1f} ms, including the start of `true`; "
        f"1 GB of input: {max(0, 1000 * (large - one)):.0f} ms."
    ]


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
