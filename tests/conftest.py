"""Projects generated from the template, and the one environment that they share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

sys.dont_write_bytecode = True  # of `ops`, which lies in the folder that is generated
TEMPLATE = Path(__file__).parents[1]
SHARED = TEMPLATE / "build" / "tests"


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    def __str__(self) -> str:  # what pytest shows when an assertion on it fails
        return f"exit code {self.code}\n{self.out}\n{self.err}"


@dataclass(frozen=True)
class Project:
    """A generated project."""

    path: Path

    def run(self, *command: str | Path, **environment: str) -> Result:
        """A command in the project's folder; the environment has no more than a fresh shell's."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.path,
            env=clean_environment() | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def ops(self, *arguments: str, **environment: str) -> Result:
        return self.run(".venv/bin/python", "-m", "ops", *arguments, **environment)

    def make(self, *targets: str, **environment: str) -> Result:
        return self.run("make", "--no-print-directory", f"PYTHON={sys.executable}", *targets, **environment)

    def edit(self, **replacements: str) -> None:
        """Replaces lines `key = …` of project.toml; a value is TOML."""
        path = self.path / "project.toml"
        lines = path.read_text(encoding="utf-8").splitlines()
        for key, value in replacements.items():
            [number] = [index for index, line in enumerate(lines) if line.split(" = ")[0] in (key, f"# {key}")]
            lines[number] = f"{key} = {value}"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def files(self) -> set[str]:
        """Every file of the project but git's own, relative."""
        paths = (path.relative_to(self.path) for path in self.path.rglob("*") if path.is_file())
        return {path.as_posix() for path in paths if path.parts[0] != ".git"}


def clean_environment() -> dict[str, str]:
    """Without what an activated environment, pytest or AWS left in this process's environment variables."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PYTEST_", "MAKE", "MFLAGS", "VIRTUAL_ENV", "PYTHON")) or name == "AWS_CA_BUNDLE"
    }


Bake = Callable[..., Project]


def bake_into(folder: Path, **answers: str) -> Project:
    """Generates a project as the command `cookiecutter` does; raises what Cookiecutter raises."""
    return Project(
        Path(cookiecutter(str(TEMPLATE), no_input=True, output_dir=str(folder), extra_context=answers))
    )


@pytest.fixture(scope="session", autouse=True)
def _cookiecutter_keeps_to_itself(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Cookiecutter's replay files and user defaults: none of the developer's own are read or written."""
    home = tmp_path_factory.mktemp("home")
    config = home / "cookiecutter.yaml"
    config.write_text(f"cookiecutters_dir: {home}/templates\nreplay_dir: {home}/replay\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COOKIECUTTER_CONFIG", str(config))
        yield


@pytest.fixture
def bake(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Bake:
    """`bake(vertical="revenue")` generates a project in a folder of the test's own."""

    def _bake(**answers: str) -> Project:
        project = bake_into(tmp_path, **answers)
        capfd.readouterr()  # what the hooks say has tests of its own
        return project

    return _bake


@pytest.fixture(scope="session")
def environment() -> Path:
    """The .venv of a generated project, made by its own `make setup` and kept between test runs."""
    kept = SHARED / "flight-delays" / ".venv"
    aside = SHARED / "environment"
    if kept.is_dir():
        kept.rename(aside)  # the project is generated anew, its environment is brought up to date
    shutil.rmtree(SHARED / "flight-delays", ignore_errors=True)
    project = bake_into(SHARED)
    if aside.is_dir():
        aside.rename(kept)
    done = project.make("setup")
    assert done.code == 0, done
    return kept


@pytest.fixture
def ready(bake: Bake, environment: Path) -> Bake:
    """As `bake`, with the environment in place."""

    def _ready(**answers: str) -> Project:
        return _with(environment, bake(**answers))

    return _ready


@pytest.fixture(scope="session")
def unchanged(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The default project, shared: for tests that change nothing in it but .local."""
    return _with(environment, bake_into(tmp_path_factory.mktemp("unchanged")))


def _with(environment: Path, project: Project) -> Project:
    (project.path / ".venv").symlink_to(environment)
    return project
