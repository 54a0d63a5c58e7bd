"""Generating a project: this template compared with Cookiecutter itself, other templates, and `kedro new`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from benchmarks.measure import Contender, side_by_side
from benchmarks.results import Result, Table
from benchmarks.workplace import COOKIECUTTER, TEMPLATE, Workplace, installed, own_versions

KEDRO = str(Path(sys.executable).with_name("kedro"))
COOKIECUTTER_UV = "cookiecutter-uv==0.2.0"
ALONE, OURS = "`cookiecutter --version`", "this template, with its hooks and `git init`"
UV_TEMPLATE, KEDRO_NEW = "`cookiecutter-uv` 0.2.0, with its hooks", "`kedro new`"


def measure(place: Workplace) -> Result:
    folder = place.folder
    one_file = folder / "one-file-template"
    (one_file / "{{cookiecutter.project_slug}}").mkdir(parents=True)
    (one_file / "{{cookiecutter.project_slug}}" / "README.md").write_text("{{cookiecutter.project_slug}}\n")
    (one_file / "cookiecutter.json").write_text(json.dumps({"project_slug": "one-file"}))
    made = folder / "made"
    made.mkdir()

    def generate(template: Path) -> list[list[str]]:
        return [[COOKIECUTTER, "--no-input", "--output-dir", str(made), str(template)]]

    def remove() -> None:
        shutil.rmtree(made)
        made.mkdir()

    contenders = [
        Contender(ALONE, [[COOKIECUTTER, "--version"]], folder),
        Contender("a template of one file", generate(one_file), folder, remove),
        Contender(OURS, generate(TEMPLATE), folder, remove),
    ]
    place.use(own_versions("cookiecutter"))
    if not place.quick:
        contenders.append(Contender(UV_TEMPLATE, generate(_cookiecutter_uv(folder)), folder, remove))
    if installed("kedro"):
        place.use(own_versions("kedro"))
        options = ["--name=Flight delays", "--tools=none", "--example=n", "--telemetry=no"]  # works offline
        contenders.append(Contender(KEDRO_NEW, [[KEDRO, "new", *options]], made, remove))
    rows = side_by_side(contenders, place.runs(11), warm_up=not place.quick)
    return Result(
        "generation",
        "Generating a project",
        "The default answers, from a folder on this machine. `cookiecutter --version` is the least that it can take.",
        [Table("Generating a project", rows, ALONE)],
    )


def _cookiecutter_uv(folder: Path) -> Path:
    """The template's folder, from the source archive on PyPI."""
    source_alone = ["--no-deps", "--no-binary=cookiecutter-uv", f"--dest={folder}"]
    download = [sys.executable, "-m", "pip", "download", *source_alone, COOKIECUTTER_UV]
    subprocess.run(download, check=True, capture_output=True)
    [archive] = folder.glob("cookiecutter_uv-*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    return archive.with_name(archive.name.removesuffix(".tar.gz"))
