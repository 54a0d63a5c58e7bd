"""How long it takes to generate a project, compared with Cookiecutter itself, another template, and `kedro new`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from benchmarks.measure import Contender, side_by_side, table

TEMPLATE = Path(__file__).parents[1]
COOKIECUTTER = str(Path(sys.executable).with_name("cookiecutter"))
KEDRO = str(Path(sys.executable).with_name("kedro"))
COOKIECUTTER_UV = "cookiecutter-uv==0.2.0"


def measure(folder: Path, runs: int = 11) -> str:
    """`folder` must be empty. Projects are generated in it."""
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

    kedro = [
        KEDRO,
        "new",
        "--name=Flight delays",
        "--tools=none",
        "--example=n",
        "--telemetry=no",
    ]  # works offline
    contenders = [
        Contender("`cookiecutter --version`", [[COOKIECUTTER, "--version"]], folder),
        Contender("a template of one file", generate(one_file), folder, remove),
        Contender("this template, with its hooks", generate(TEMPLATE), folder, remove),
        Contender(f"{COOKIECUTTER_UV}, with its hooks", generate(_cookiecutter_uv(folder)), folder, remove),
        Contender("`kedro new`", [kedro], made, remove),
    ]
    return table("Generating a project", side_by_side(contenders, runs), contenders[0].name)


def _cookiecutter_uv(folder: Path) -> Path:
    """The template's folder, from the source archive on PyPI."""
    source_alone = ["--no-deps", "--no-binary=cookiecutter-uv", f"--dest={folder}"]
    download = [sys.executable, "-m", "pip", "download", *source_alone, COOKIECUTTER_UV]
    subprocess.run(download, check=True, capture_output=True)
    [archive] = folder.glob("cookiecutter_uv-*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    return archive.with_name(archive.name.removesuffix(".tar.gz"))
