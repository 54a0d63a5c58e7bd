"""From nothing to a trained model, `make setup && make run`, compared with installing the SageMaker SDK alone.

Each starts with an empty cache, so packages are downloaded: the speed of the network is part of every figure.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Contender, side_by_side
from benchmarks.results import Aim, Result, Table
from benchmarks.workplace import TEMPLATE, Project, Workplace, generate, own_versions

PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
UV = str(Path(sys.executable).with_name("uv"))
SDK, PINNED = "`uv pip install sagemaker`", "the same with `--constraint constraints.txt`"
COMPILED, BEFORE = "with `UV_COMPILE_BYTECODE=1`", {"UV_COMPILE_BYTECODE": "1"}
BOTH, SETUP, RUN = "`make setup && make run`", "`make setup` alone", "`make run` alone, after it"


def measure(place: Workplace) -> Result:
    """quick: both targets in a project whose environment is there, so that nothing is downloaded."""
    if place.quick:
        project = place.project()
        commands = [_make(target) for target in ("setup", "run")]
        contender = Contender(BOTH, commands, project.path, environment=project.variables)
        return _result(place, [Table("quick", side_by_side([contender], 1, warm_up=False))], [])
    place.use(own_versions("uv"))
    cache, venv, folder = place.folder / "cache", place.folder / "venv", place.folder / "made"

    def emptied(*folders: Path) -> Callable[[], None]:
        def prepare() -> None:
            for each in (cache, *folders):
                shutil.rmtree(each, ignore_errors=True)
            if folder in folders:
                generate(folder)

        return prepare

    path = folder / "flight-delays"
    variables = {"UV_CACHE_DIR": str(cache), "PATH": f"{Path(UV).parent}:/usr/local/bin:/usr/bin:/bin"}
    variables |= {"JUPYTER_DATA_DIR": str(place.folder / "jupyter")}
    new = [UV, "venv", "--quiet", "--python", sys.executable, str(venv)]
    install = [UV, "pip", "install", "--python", str(venv / "bin" / "python")]
    pins = ["--constraint", str(PROJECT / "constraints.txt")]
    sides = [
        Contender(SDK, [new, [*install, "sagemaker"]], place.folder, emptied(venv), variables),
        Contender(PINNED, [new, [*install, *pins, "sagemaker"]], place.folder, emptied(venv), variables),
        Contender(BOTH, [_make("setup"), _make("run")], path, emptied(folder), variables),
    ]
    rows = side_by_side(sides, place.runs(3), warm_up=False)
    table = Table("Installing with an empty cache", rows, SDK)
    project = Project(path)
    place.use(project.versions("sagemaker"))
    parts = [
        Contender(SETUP, [_make("setup")], path, emptied(folder), variables),
        Contender(RUN, [_make("run")], path, environment=variables),
        Contender(f"{SETUP}, {COMPILED}", [_make("setup")], path, emptied(folder), variables | BEFORE),
        Contender(f"{RUN}, {COMPILED}", [_make("run")], path, environment=variables),
    ]
    alone = Table("Where the time goes", side_by_side(parts, place.runs(2), warm_up=False))
    aim = Aim("`make setup && make run`, / `uv pip install sagemaker`", "at most", 1.25, table.ratio(BOTH, "seconds"))
    return _result(place, [table, alone], [aim])


def _make(target: str) -> list[str]:
    return ["make", target, f"PYTHON={sys.executable}"]


def _result(place: Workplace, tables: list[Table], aims: list[Aim]) -> Result:
    return Result(
        "setup",
        "From nothing to a trained model",
        "A new project: `make setup` installs everything and registers a kernel; `make run` compiles the pipeline, "
        "trains, and registers a model. The SDK alone can do nothing of that yet.",
        tables,
        aims,
        [
            "The network is part of it. `uv pip install sagemaker` first looks for versions that fit together; the "
            "project's `constraints.txt` saves that.",
            "Nothing is compiled in advance, as with the SDK alone: in the first `make run`, Python writes the "
            "bytecode of the modules that it imports, which are few of those installed.",
        ],
    )
