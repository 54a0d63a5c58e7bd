"""Creates .venv: `python3 -m sagemaker_ops.project.environment dev docs` installs the packages of those groups, once.

With --bare, a job that only lints or calls AWS need not install pandas and the other packages of the steps.

The machine's own Python runs this before anything is installed, so it uses only the standard library. It installs with
uv, five times as fast as pip: the machine's own, or one that it first installs into .venv; with pip if there is no uv.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from sagemaker_ops import kept, variables

STATE = "environment.json"
# What uv and pip print after each stage.
STAGES = re.compile(r"(Resolved|Prepared|Installed|Bytecode compiled|Installing collected|Successfully installed)\b")
WIDTH = 100
SPARK = "spark"  # the group, and the engine that needs it
PROJECT, BARE = "(project)", "(bare)"  # what is installed besides groups: no group can have such a name
# Free space in GB: `make setup` writes 1.4. Without the packages of the steps, it is less than 0.5.
NEEDED, NEEDED_BARE = 2.0, 0.5
LIBRARY = re.compile(r"sagemaker[-_.]ops(?:\[([^\]]*)\])?(?![\w.-])", re.IGNORECASE)


def main() -> int:
    parser = argparse.ArgumentParser(description="Install dependency groups of pyproject.toml into .venv.")
    parser.add_argument("groups", nargs="*", help="groups from [dependency-groups]")
    parser.add_argument(
        "--bare", action="store_true", help="not the packages of the steps, only the commands and these groups"
    )
    parser.add_argument("--project", type=Path, default=Path(), help="folder that contains pyproject.toml")
    arguments = parser.parse_args()
    return _install(arguments.project.resolve(), set(arguments.groups), arguments.bare)


def _install(root: Path, groups: set[str], bare: bool) -> int:
    pyproject = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    table = pyproject.get("dependency-groups", {})
    if unknown := groups - table.keys():
        print(f"pyproject.toml has no dependency group {', '.join(sorted(unknown))}.", file=sys.stderr)
        return 2
    needed = pyproject["project"]["dependencies"]
    parts = {PROJECT: needed, BARE: [_without_extras(each) for each in needed if LIBRARY.match(each)], **table}
    groups = groups | {BARE if bare else PROJECT} | _of_engine(root, groups, table)

    constraints, vendored = root / "constraints.txt", root / "vendor" / "pyproject.toml"
    basis = [needed, table, constraints.read_text(encoding="utf-8")]
    basis += [vendored.read_text(encoding="utf-8")] if vendored.is_file() else []
    wanted = hashlib.sha256(json.dumps(basis).encode()).hexdigest()
    venv = (root / ".venv").resolve()  # if it is a link, the programs in it must not refer to the link
    state = kept.read(venv / STATE) or {}
    if not isinstance(state.get("groups"), list) or set(map(str, state["groups"])) - parts.keys():
        state = {}
    if _is_broken(venv, state):
        shutil.rmtree(venv)
        state = {}
    if state.get("hash") == wanted and _python(venv).exists():
        there = {line for name in state["groups"] for line in _lines(parts, name)}
        there |= set(parts[BARE]) if PROJECT in state["groups"] else set()
        if there.issuperset(line for name in groups for line in _lines(parts, name)):
            return 0  # also for a group that another one includes
        groups |= set(state["groups"])

    requirements = list(dict.fromkeys(line for name in sorted(groups) for line in _lines(parts, name)))
    own = ["--editable", str(root)] if "build-system" in pyproject else []  # run the code in the folder, not a copy
    if vendored.is_file():
        requirements, library = _from_folder(requirements, vendored.parent)
        own += ["--editable", library]
    _warn_of_a_full_disk(venv, NEEDED if PROJECT in groups - set(state.get("groups", [])) else NEEDED_BARE)
    print(f"Installing packages into {venv} (once) …", flush=True)
    uv = shutil.which("uv")
    python, settings = _python(venv), _pip_settings()
    # Otherwise Python writes the bytecode itself, and only of the modules that are imported.
    compiled = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    if not python.exists() and not _make_venv(venv, uv):
        print(f"Could not create {venv}: see the output of {'uv' if uv else 'venv'} above.", file=sys.stderr)
        return 1
    (venv / STATE).unlink(missing_ok=True)  # it is not valid until the installation has finished
    uv = uv or _own_uv(python, constraints, variables.of_builds() | _as_variables(settings))
    if uv:
        requirements.append("pip")  # uv's environments have no pip, but scripts written for an image may call it
        command = [uv, "pip", "install", "--python", str(python)]
        command += ["--compile-bytecode"] if compiled and "UV_COMPILE_BYTECODE" not in os.environ else []
        environment = variables.of_builds() | _for_uv(settings)
    else:
        command = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
        command += [] if compiled else ["--no-compile"]
        environment = variables.of_builds() | _as_variables(settings)
    if watched([*command, "--constraint", str(constraints), *requirements, *own], environment):
        print(f"Installation failed: see the output of {'uv' if uv else 'pip'} above.", file=sys.stderr)
        return 1
    state = {"hash": wanted, "groups": sorted(groups), "folder": str(venv)}
    (venv / STATE).write_text(json.dumps(state), encoding="utf-8")
    return 0


def _of_engine(root: Path, groups: set[str], table: dict[str, Any]) -> set[str]:
    """The group of [data].engine, which whatever runs pipelines needs; empty for pandas."""
    if SPARK not in table or "pipelines" not in groups:
        return set()
    with suppress(OSError, ValueError, AttributeError):
        settings = tomllib.loads((root / "project.toml").read_text(encoding="utf-8"))
        return {SPARK} if settings.get("data", {}).get("engine") == SPARK else set()
    return set()


def _warn_of_a_full_disk(venv: Path, needed: float) -> None:
    """Before an installation, which is tried anyway: much of it may be there already."""
    folder = next(each for each in (venv, *venv.parents) if each.exists())
    with suppress(OSError):
        free = shutil.disk_usage(folder).free / 1e9
        if free < needed:
            print(
                f"warning: {folder}: only {free:.1f} GB are free on this disk, "
                f"and the packages may need {needed:.1f} GB. "
                "If the installation fails, run `uv cache clean`, or give the Studio space more storage.",
                file=sys.stderr,
            )


def _lines(parts: dict[str, list[Any]], name: str) -> Iterator[str]:
    """The requirements of a group, and of the groups that it includes (PEP 735)."""
    for each in parts[name]:
        if isinstance(each, dict):
            yield from _lines(parts, each["include-group"])
        else:
            yield each


def _without_extras(requirement: str) -> str:
    return re.sub(r"\[[^\]]*\]", "", requirement)


def _from_folder(requirements: list[str], folder: Path) -> tuple[list[str], str]:
    """The requirements without the library, and the folder to install it from, with the requested extras.

    pip does not install a package from a folder if a requirement also names a version of it.
    """
    asked = {each: found for each in requirements if (found := LIBRARY.match(each))}
    extras = sorted({extra.strip() for found in asked.values() for extra in (found[1] or "").split(",")} - {""})
    return [each for each in requirements if each not in asked], f"{folder}[{','.join(extras)}]" if extras else str(
        folder
    )


def _python(venv: Path) -> Path:
    return venv / "bin" / "python"


def _is_broken(venv: Path, state: dict[str, Any]) -> bool:
    """Whether it was made elsewhere or for another Python, as in a job's cache: its programs name both."""
    version = re.match(r"python3\.\d+", _python(venv).resolve().name)
    other = version is not None and not (venv / "lib" / version[0]).is_dir()
    return venv.is_dir() and (other or state.get("folder", str(venv)) != str(venv))


def _make_venv(venv: Path, uv: str | None) -> bool:
    """Create a new virtual environment with the Python that runs this; returns whether it worked."""
    shutil.rmtree(venv, ignore_errors=True)  # its Python no longer exists
    # Without pip, which takes longer than all else: uv does not need it.
    alone = [sys.executable, "-m", "venv", "--without-pip"]
    maker = [uv, "venv", "--quiet", "--python", sys.executable] if uv else alone
    return subprocess.run([*maker, str(venv)], env=variables.of_builds(), check=False).returncode == 0


def _own_uv(python: Path, constraints: Path, environment: dict[str, str]) -> str | None:
    """The uv in the environment, installed from the index if it is not there yet; None if that is not possible.

    The machine's pip installs it. If there is none, or it cannot, then the environment gets pip, which the caller uses.
    """
    uv = python.with_name("uv")
    options = ["install", "--quiet", "--disable-pip-version-check", "--only-binary", "uv"]
    options += ["--constraint", str(constraints), "uv"]
    attempts = [[sys.executable, "-m", "pip", "--python", str(python)], [str(python), "-m", "pip"]]
    for pip in [] if uv.is_file() else attempts:
        if pip[0] == str(python):
            _quietly([str(python), "-m", "ensurepip"], environment)
        _quietly([*pip, *options], environment)
        if uv.is_file():
            break
    return str(uv) if uv.is_file() else None


def _quietly(command: list[str], environment: dict[str, str]) -> None:
    """Run it; what cannot work is reported by the installation that follows."""
    subprocess.run(command, env=environment, check=False, capture_output=True, text=True)


def watched(command: list[str], environment: dict[str, str]) -> int:
    """Run an installer and return its exit code; show how far it is, or all of its output if it fails."""
    live = sys.stdout.isatty()
    lines = []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            if live:  # one line, which the next one replaces
                print(f"\r\x1b[K  {line.strip()[:WIDTH]}", end="", flush=True)
            elif STAGES.match(line):
                print(f"  {line.strip()[:WIDTH]}", flush=True)
    print("\r\x1b[K" * live, end="", flush=True)
    if process.returncode:
        print(*lines, sep="", end="", file=sys.stderr)
    return process.returncode


def _pip_settings() -> dict[str, str]:
    """What pip is configured to do on this machine, by files and variables: {"index-url": …}."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    # Lines such as global.index-url='https://…'; several values are one string with several lines.
    listing = dict(line.split("=", 1) for line in listed.stdout.splitlines() if "=" in line)
    sections = ("global.", "install.", ":env:.")  # as in pip, the last one wins
    return {
        name.removeprefix(section): " ".join(ast.literal_eval(value).split())
        for section in sections
        for name, value in listing.items()
        if name.startswith(section)
    }


def _as_variables(settings: dict[str, str]) -> dict[str, str]:
    """For pip, instead of its files, which may make it install elsewhere: `user`, `target`, `prefix`.

    Empty if the machine has no pip that could read the files: that of .venv then reads them itself.
    """
    names = {f"PIP_{key.upper().replace('-', '_')}": value for key, value in settings.items()}
    allowed = {name: value for name, value in names.items() if variables.is_for_builds(name)}
    return allowed | {"PIP_CONFIG_FILE": os.devnull} if settings else {}


def _for_uv(settings: dict[str, str]) -> dict[str, str]:
    """The index and CA that pip is configured to use; uv does not read pip's settings."""
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "cert": "SSL_CERT_FILE",
    }
    # https://docs.astral.sh/uv/reference/environment: places are divided by commas, indexes by spaces
    found = {
        name: settings[key].replace(" ", ",") if key == "find-links" else settings[key]
        for key, name in names.items()
        if key in settings and name not in os.environ
    }
    if "UV_INDEX" in found and "UV_INDEX_STRATEGY" not in os.environ:
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pip also looks at all its indexes
    return found


if __name__ == "__main__":
    sys.exit(main())
