"""A generated project, and the operations that tests need."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cookiecutter.main import cookiecutter

TEMPLATE = Path(__file__).parents[1]
TEMPLATE_PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
VENDOR = TEMPLATE_PROJECT / "vendor"
NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}
"""For a process that imports the library from VENDOR, whose files are copied into every project."""
LIBRARY = VENDOR / "sagemaker_ops"
MINIMAL = """
[project]
name = "Churn"
slug = "churn"
vertical = "customer"
[data]
source = "data.csv"
target = "late"
problem = "classification"
[gate]
metric = "auc"
minimum = 0.6
"""
"""The smallest project.toml."""


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    def __str__(self) -> str:  # shown by pytest when an assertion fails
        return f"exit code {self.code}\n{self.out}\n{self.err}"


@dataclass(frozen=True)
class Project:
    """A generated project."""

    path: Path

    def run(self, *command: str | Path, **environment: str) -> Result:
        """Run a command in the project's folder, with the environment of a fresh shell.

        PYTHONPATH is needed because all test projects share one environment, which has the library of one project.
        """
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.path,
            env=clean_environment() | {"PYTHONPATH": str(self.path / "vendor")} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def ops(self, *arguments: str, **environment: str) -> Result:
        return self.run(".venv/bin/python", "-m", "sagemaker_ops", *arguments, **environment)

    def make(self, *targets: str, **environment: str) -> Result:
        """Kernels are registered below build/, not in the home folder of whoever runs the tests."""
        command = ["make", "--no-print-directory", f"PYTHON={sys.executable}", *targets]
        return self.run(*command, **{"JUPYTER_DATA_DIR": str(TEMPLATE / "build" / "jupyter"), **environment})

    def edit(self, table: str, **values: str) -> None:
        """Set keys of a [table] in project.toml; values are TOML."""
        path = self.path / "project.toml"
        before, header, rest = path.read_text(encoding="utf-8").partition(f"\n[{table}]")
        body, *after = re.split(r"(?m)^(?=\[)", rest, maxsplit=1)
        first, *lines = body.splitlines()
        kept = [line for line in lines if line.split(" = ")[0] not in values]
        new = [f"{key} = {value}" for key, value in values.items()]
        path.write_text(before + header + "\n".join([first, *new, *kept, ""]) + "".join(after), encoding="utf-8")

    def files(self) -> set[str]:
        """Every file of the project except git's own, as relative paths."""
        paths = (path.relative_to(self.path) for path in self.path.rglob("*") if path.is_file())
        return {path.as_posix() for path in paths if path.parts[0] != ".git"}


def clean_environment() -> dict[str, str]:
    """The environment variables without those of an activated environment, pytest or AWS."""
    left_out = ("AWS_", "OPS_", "PYTEST_", "MAKE", "MFLAGS", "VIRTUAL_ENV", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


Bake = Callable[..., Project]


def bake_into(folder: Path, **answers: str) -> Project:
    """Generate a project like the command `cookiecutter`; raises what Cookiecutter raises."""
    return Project(Path(cookiecutter(str(TEMPLATE), no_input=True, output_dir=str(folder), extra_context=answers)))


def cookiecutter_command(
    folder: Path, *answers: str, options: tuple[str, ...] = (), template: Path = TEMPLATE, **environment: str
) -> Result:
    """Run the command in `folder` as in a terminal; an answer is `key=value`."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("cookiecutter")), "--no-input", *options, str(template), *answers],
        cwd=folder,
        env=clean_environment() | {"HOME": str(folder / "home")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)
