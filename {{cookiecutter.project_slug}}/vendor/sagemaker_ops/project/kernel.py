"""Registers .venv as a Jupyter kernel under the project's name, for the JupyterLab of Studio, which is not in .venv.

`make setup` runs this with the machine's own Python, so it uses only the standard library. Jupyter of .venv says where
kernels are, and ipykernel of .venv writes the files. Everything else works without a kernel, so no error ends it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from sagemaker_ops import variables

# Jupyter's names for its own Python. Every notebook that names them would use this project's packages.
RESERVED = ("python", "python2", "python3")


def main() -> int:
    parser = argparse.ArgumentParser(description="Register .venv as a Jupyter kernel under the project's name.")
    parser.add_argument("--project", type=Path, default=Path(), help="folder that contains project.toml")
    if said := register(parser.parse_args().project.resolve()):
        print(said)
    return 0


def register(root: Path) -> str:
    """Register the project's kernel; returns the sentence to show, or "" if it is registered already."""
    try:
        project = tomllib.loads((root / "project.toml").read_text(encoding="utf-8"))["project"]
        name, title = str(project["slug"]), str(project["name"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        return f"No Jupyter kernel was registered: project.toml cannot be read ({error})."
    if name in RESERVED:
        return f"No Jupyter kernel was registered: '{name}' is the name of Jupyter's own kernel."

    venv = root / ".venv"
    python = str(venv / "bin" / "python")
    data = _run([python, "-I", "-m", "jupyter_core", "--data-dir"])
    if data.returncode:
        return f"No Jupyter kernel was registered: {_reason(data)}"
    file = Path(data.stdout.strip()) / "kernels" / name / "kernel.json"
    # What a notebook starts with `!` also runs in .venv: `!pip install` must not change Studio's own packages.
    env = {"PATH": f"{venv / 'bin'}:${{PATH}}", "VIRTUAL_ENV": str(venv)}
    before = _read(file)
    owner = _owner(before)
    if owner == python and before.get("display_name") == title and before.get("env") == env:
        return ""

    command = [python, "-I", "-m", "ipykernel", "install", "--user", "--name", name, "--display-name", title]
    done = _run([*command, *(part for variable in env.items() for part in ("--env", *variable))])
    if done.returncode or _owner(_read(file)) != python:
        return f"No Jupyter kernel was registered in {file.parent}: {_reason(done)}"
    if owner in (None, python):
        return f"In Jupyter, choose the kernel '{title}'. It is registered as {name}."
    return f"The Jupyter kernel '{name}' now belongs to {root}. {_former(owner)}"


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["ipykernel wrote nothing"]
    if "No module named" in lines[-1]:
        return "ipykernel is not installed. Add it to [dependency-groups].explore of pyproject.toml."
    return lines[-1]


def _former(owner: str) -> str:
    folder = Path(owner).parents[2] if owner.endswith("/.venv/bin/python") else Path(owner)
    if Path(owner).exists():
        return f"It belonged to {folder}: to give it back, run `make setup` there."
    return f"It belonged to {folder}, which is no longer there."


def _owner(spec: dict[str, Any]) -> str | None:
    """The Python that a kernel starts; None if there is no kernel."""
    argv = spec.get("argv")
    return str(argv[0]) if isinstance(argv, list) and argv else None


def _read(file: Path) -> dict[str, Any]:
    """The content of kernel.json; empty if it is missing or damaged, because then it is written again."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, env=variables.without_credentials(), capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:  # .venv has no Python
        return subprocess.CompletedProcess(command, 1, "", str(error))


if __name__ == "__main__":
    sys.exit(main())
