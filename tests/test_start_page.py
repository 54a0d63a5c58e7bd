"""A newcomer follows the page *Start* word by word, in a clone of the template and with an empty home."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from guide import blocks, compare
from projects import TEMPLATE, Project, clean_environment
from repositories import Repository

pytestmark = pytest.mark.slow

PAGE = TEMPLATE / "docs" / "index.md"
# Not followed: `make test` is this test, and the template's own environment has Cookiecutter.
LEFT_OUT = re.compile(r"^(make test .*|pip install .*)\n", re.MULTILINE)
ASKED = re.compile(r"^ *(?:\[\d+/10\] .*|Choose from .*)\): ?", re.MULTILINE)


class Newcomer:
    """A shell whose folder stays from block to block."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir()
        left_out = shutil.ignore_patterns(".git", ".venv", "build", "site", "__pycache__", ".*_cache", ".local")
        self.here = Path(shutil.copytree(TEMPLATE, folder / "cookiecutter-sagemaker", ignore=left_out))
        self.template = Repository(self.here)
        self.template.git("init", "--quiet")
        self.template.commit()

    def run(self, script: str, typed: str = "") -> str:
        script = LEFT_OUT.sub("", script).replace("path/to/cookiecutter-sagemaker", str(self.template.folder))
        script = f"exec 2>&1\ntrap 'pwd > {self.folder}/here' EXIT\n{script}"
        programs = Path(sys.executable).parent
        variables = {
            "HOME": str(self.home),
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHON": sys.executable,
            "COLUMNS": "400",  # Cookiecutter's questions are not broken into lines
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
        }
        if (self.here / "project.toml").is_file():  # its environment is activated, and has the library of another one
            variables["PATH"] = f"{self.here / '.venv' / 'bin'}:{variables['PATH']}"
            variables["PYTHONPATH"] = str(self.here / "vendor")
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.here,
            env=clean_environment() | variables,
            input=typed,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        self.here = Path((self.folder / "here").read_text().strip())
        printed = re.sub(r'"\S+/site-packages/', '"…/', done.stdout)
        return printed.replace(str(self.template.folder), "path/to/cookiecutter-sagemaker")

    def make_project(self, script: str, quoted: str) -> str:
        """The answers follow the questions on the page; an empty one accepts the default."""
        questions = [(found[0].rstrip(), quoted[found.end() :].partition("\n")[0]) for found in ASKED.finditer(quoted)]
        printed = self.run(script, "".join(f"{answer}\n" for _, answer in questions))
        for question, answer in questions:
            printed = printed.replace(f"{question} ", f"{question} {answer}\n", 1)
        return printed


def test_what_the_start_page_says_is_what_happens(tmp_path: Path, environment: Path) -> None:
    newcomer = Newcomer(tmp_path)
    page = blocks(PAGE.read_text(encoding="utf-8"))
    wrong, printed = [], ""
    for block, after in zip(page, [*page[1:], None], strict=True):
        try:
            if block.language == "bash":
                quoted = after.text if after else ""
                ask = "[1/10]" in quoted
                printed = newcomer.make_project(block.text, quoted) if ask else newcomer.run(block.text)
                if ask:  # the packages are those of the demo
                    (newcomer.here / "wine-cultivars" / ".venv").symlink_to(environment)
            elif block.language == "toml":
                _set(newcomer.here, dict(re.findall(r"^(\w+) = (.*)$", block.text, re.MULTILINE)))
            elif block.lead.startswith("A typo"):
                _set(newcomer.here, {"target": '"cultivr"'})
                compare(block.text, newcomer.run("ops check"))
            else:
                compare(block.text, printed)
        except AssertionError as error:
            wrong.append(f"index.md line {block.line}: {error}")
    assert not wrong, "\n\n".join(wrong)


def _set(folder: Path, values: dict[str, str]) -> None:
    for table, keys in (("data", ("source", "target", "problem")), ("gate", ("metric", "minimum"))):
        Project(folder).edit(table, **{key: values[key] for key in keys if key in values})
