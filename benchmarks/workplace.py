"""Where a benchmark works: an empty folder, generated projects, and the environment that they share."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TEMPLATE = Path(__file__).parents[1]
KEPT = TEMPLATE / "build" / "benchmarks"
COOKIECUTTER = str(Path(sys.executable).with_name("cookiecutter"))
VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""


@dataclass(frozen=True)
class Project:
    """A generated project. Its commands need `variables`, because the environment has the library of another one."""

    path: Path

    @property
    def python(self) -> str:
        return str(self.path / ".venv" / "bin" / "python")

    @property
    def ops(self) -> str:
        return str(self.path / ".venv" / "bin" / "ops")

    @property
    def variables(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.path / "vendor"), "JUPYTER_DATA_DIR": str(KEPT / "jupyter")}

    def run(self, *command: str) -> str:
        """Run a command that is not measured, and return its output. RuntimeError if it fails."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        done = subprocess.run(
            command, cwd=self.path, env=environment | self.variables, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def versions(self, *packages: str) -> dict[str, str]:
        """The installed versions of these packages of its environment."""
        found: dict[str, str] = json.loads(self.run(self.python, "-c", VERSIONS, *packages))
        return found

    def set(self, **values: str) -> None:
        """Set the first key of each name in project.toml; values are TOML."""
        file = self.path / "project.toml"
        lines = file.read_text(encoding="utf-8").splitlines()
        for key, value in values.items():
            at = next(number for number, line in enumerate(lines) if line.startswith(f"{key} = "))
            lines[at] = f"{key} = {value}"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@dataclass
class Workplace:
    """folder: empty. quick: everything at its smallest, once. environment: a .venv of a generated project, or None.

    rounds: at most so many of everything, 0 for as many as each benchmark wants.
    """

    folder: Path
    quick: bool = False
    environment: Path | None = None
    rounds: int = 0
    versions: dict[str, str] = field(default_factory=dict)  # of what was measured, for the page
    started: dict[str, str] = field(default_factory=lambda: machine())

    def runs(self, full: int) -> int:
        return 1 if self.quick else min(full, self.rounds or full)

    def project(self, name: str = "project", **answers: str) -> Project:
        """A new project, which can be changed."""
        made = generate(self.folder / name, **answers)
        self.environment = self.environment or make_environment()
        (made / ".venv").symlink_to(self.environment)
        compiled = self.environment.parents[1] / "compiled"  # the tests keep there what the default answers compile to
        if self.quick and compiled.is_dir() and not answers:
            shutil.copytree(compiled, made / ".local" / "compiled")
        return Project(made)

    def use(self, versions: Mapping[str, str]) -> None:
        """Say the versions of what is measured."""
        self.versions |= versions

    def measured(self) -> dict[str, str]:
        shown = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return self.started | ({"versions": shown} if shown else {})


def generate(folder: Path, **answers: str) -> Path:
    given = [f"{key}={value}" for key, value in answers.items()]
    folder.mkdir(parents=True)
    command = [COOKIECUTTER, "--no-input", "--output-dir", str(folder), str(TEMPLATE), *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    [made] = folder.iterdir()
    return made


def make_environment() -> Path:
    """The environment that all benchmarks use, made by `make setup` of a new project and kept for the next time."""
    folder, aside = KEPT / "environment", KEPT / "aside"
    kept = folder / "flight-delays" / ".venv"
    if kept.is_dir():
        kept.rename(aside)
    shutil.rmtree(folder, ignore_errors=True)
    made = generate(folder)
    if aside.is_dir():
        aside.rename(kept)
    Project(made).run("make", "setup", f"PYTHON={sys.executable}")
    return kept


def own_versions(*packages: str) -> dict[str, str]:
    """Versions in the template's own environment."""
    return {name: importlib.metadata.version(name) for name in packages}


def installed(package: str) -> bool:
    """Whether the template's own environment has it: the group `bench` is not installed everywhere."""
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def machine() -> dict[str, str]:
    """What kind of machine this is, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }
