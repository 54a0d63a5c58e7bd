"""The template's Python is clean as it stands: no Jinja in it, and the project's own rules for it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from conftest import TEMPLATE, Project

FOLDER = TEMPLATE / "{{cookiecutter.project_slug}}"
BIN = Path(sys.executable).parent


def test_python_and_notebooks_hold_no_jinja() -> None:
    files = [*FOLDER.rglob("*.py"), *FOLDER.rglob("*.ipynb")]

    assert [file.name for file in files if re.search(r"{{ *cookiecutter|{%-? ", file.read_text(encoding="utf-8"))] == []


@pytest.mark.slow
@pytest.mark.parametrize("command", [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)], ids=" ".join)
def test_it_is_clean(command: tuple[str, ...], tmp_path: Path) -> None:
    caches = {"RUFF_CACHE_DIR": str(tmp_path), "MYPY_CACHE_DIR": str(tmp_path)}

    done = Project(FOLDER).run(BIN / command[0], *command[1:], **caches)

    assert done.code == 0, done


def test_no_file_says_where_packages_came_from() -> None:
    for file in (TEMPLATE / "constraints.txt", FOLDER / "constraints.txt"):
        assert not re.search(r"https?://|--.*(index|find-links)", file.read_text(encoding="utf-8"))


def test_no_module_of_ops_is_long() -> None:
    lengths = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in FOLDER.glob("ops/**/*.py")}

    assert {name: length for name, length in lengths.items() if length > 300} == {}
