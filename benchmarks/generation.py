"""How long it takes to make a project, beside what Cookiecutter itself takes."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from benchmarks.measure import Contender, side_by_side, table

TEMPLATE = Path(__file__).parents[1]
COOKIECUTTER = str(Path(sys.executable).with_name("cookiecutter"))


def measure(folder: Path, runs: int = 11) -> str:
    """`folder` is empty and may be filled."""
    one_file = folder / "one-file-template"
    (one_file / "{{cookiecutter.project_slug}}").mkdir(parents=True)
    (one_file / "{{cookiecutter.project_slug}}" / "README.md").write_text("{{cookiecutter.project_slug}}\n")
    (one_file / "cookiecutter.json").write_text(json.dumps({"project_slug": "one-file"}))
    made = folder / "made"

    def generate(template: Path) -> list[list[str]]:
        return [[COOKIECUTTER, "--no-input", "--output-dir", str(made), str(template)]]

    def remove() -> None:
        shutil.rmtree(made, ignore_errors=True)

    contenders = [
        Contender("`cookiecutter --version`", [[COOKIECUTTER, "--version"]], folder),
        Contender("a template of one file", generate(one_file), folder, remove),
        Contender("this template, with its hooks", generate(TEMPLATE), folder, remove),
    ]
    return table("Generating a project", side_by_side(contenders, runs), contenders[0].name)
