"""The template's Python is clean as it stands: no Jinja in it, and the project's own rules for it."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
from projects import TEMPLATE, TEMPLATE_PROJECT, Project

BIN = Path(sys.executable).parent


def test_python_and_notebooks_hold_no_jinja() -> None:
    files = [*TEMPLATE_PROJECT.rglob("*.py"), *TEMPLATE_PROJECT.rglob("*.ipynb")]

    assert [file.name for file in files if re.search(r"{{ *cookiecutter|{%-? ", file.read_text(encoding="utf-8"))] == []


@pytest.mark.slow
@pytest.mark.parametrize("command", ["ruff check .", "ruff format --check .", "mypy"])
def test_it_is_clean(command: str, tmp_path: Path) -> None:
    caches = {"RUFF_CACHE_DIR": str(tmp_path), "MYPY_CACHE_DIR": str(tmp_path)}
    program, *arguments = command.split()

    done = Project(TEMPLATE_PROJECT).run(BIN / program, *arguments, **caches)

    assert done.code == 0, done


def test_no_file_says_where_packages_came_from() -> None:
    for file in (TEMPLATE / "constraints.txt", TEMPLATE_PROJECT / "constraints.txt"):
        assert not re.search(r"https?://|--.*(index|find-links)", file.read_text(encoding="utf-8"))


def test_no_module_of_ops_is_long() -> None:
    lengths = {
        file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in TEMPLATE_PROJECT.glob("ops/**/*.py")
    }

    assert {name: length for name, length in lengths.items() if length > 300} == {}


# Each part of the local runner, and the parts that it may build on.
PARTS = {
    "definition": {"errors"},
    "container": {"errors"},
    "preflight": {"errors", "store", "definition", "container"},
    "local": {"errors", "store", "definition", "container", "preflight"},
}


@pytest.mark.parametrize("part", PARTS)
def test_the_runner_is_standard_library_alone_and_its_parts_build_on_each_other_one_way(part: str) -> None:
    imported: set[str] = set()
    for file in (TEMPLATE_PROJECT / "ops" / part).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                imported |= {f"ops.{alias.name}" for alias in node.names} if module == "ops" else {module}
    own = {name.split(".")[1] for name in imported if name.startswith("ops.")}
    foreign = {name.split(".")[0] for name in imported} - sys.stdlib_module_names - {"ops"}

    assert own <= PARTS[part] | {part}
    assert foreign == ({"numpy"} if part == "container" else set())  # what a served model's answers are made with


def test_the_runner_can_be_read_in_an_hour() -> None:
    files = (TEMPLATE_PROJECT / "ops" / "local").glob("*.py")

    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) < 1800
