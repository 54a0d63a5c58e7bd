"""What `ops doctor` checks on this machine: Python, packages, project.toml, git hooks and disk."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from sagemaker_ops import __version__
from sagemaker_ops.errors import UserError
from sagemaker_ops.guardrails import library_check, project_check
from sagemaker_ops.project import environment
from sagemaker_ops.project.settings import FILE, Settings

IMAGE_PYTHON = (3, 12)  # of AWS's scikit-learn image 1.9-0
SUPPORTED = ((3, 11), (3, 13))
GB = 1e9
LITTLE, LITTLE_ENOUGH = 1 * GB, 5 * GB  # free space on a disk: too little for any run, and enough for only a few
# The worst one is the exit code of `ops doctor`: refused by a guardrail, then wrong here, then refused by AWS.
EXIT_CODES = (0, 4, 2, 3)


@dataclass(frozen=True)
class Finding:
    """One line. level: ok, warning or problem; exit_code: the kind of problem."""

    what: str
    level: str
    message: str
    exit_code: int = 0

    @property
    def document(self) -> dict[str, str]:
        return {"Check": self.what, "Status": self.level, "Message": self.message}


def ok(what: str, message: str) -> Finding:
    return Finding(what, "ok", message)


def warning(what: str, message: str) -> Finding:
    return Finding(what, "warning", message)


def problem(what: str, message: str, exit_code: int = UserError.exit_code) -> Finding:
    return Finding(what, "problem", message, exit_code)


def exit_code(findings: Iterable[Finding]) -> int:
    """The exit code of the worst problem; 0 if there is none."""
    return max((each.exit_code for each in findings), key=EXIT_CODES.index, default=0)


def lines(findings: Iterable[Finding]) -> list[str]:
    """For a terminal: one line per finding, even if a message of AWS or the system has several."""
    found = list(findings)
    width = max([11, *(len(each.what) for each in found)])
    return [f"{each.level:<8} {each.what:<{width}} {' '.join(each.message.split())}" for each in found]


def of_machine(root: Path) -> tuple[list[Finding], Settings | None]:
    """The findings about this machine and the project's folder, and the settings if they can be used."""
    settings, project = _project(root)
    return [_python(), _packages(root), *_library(root), project, _hooks(root), *_disks(root)], settings


def _python(version: tuple[int, int] | None = None) -> Finding:
    version = version or sys.version_info[:2]
    here, image = ".".join(map(str, version)), ".".join(map(str, IMAGE_PYTHON))
    change = f"remove .venv and run `make setup PYTHON=python{image}`"
    if not SUPPORTED[0] <= version <= SUPPORTED[1]:
        return problem("python", f"{here} is not supported, the image has {image}: {change}.")
    if version != IMAGE_PYTHON:
        return warning("python", f"{here}, but the image has {image}: to use the same version, {change}.")
    return ok("python", f"{here}, as in the image")


def _packages(root: Path) -> Finding:
    """Compares the packages that the steps import with constraints.txt, which has the versions of the image."""
    try:
        dependencies = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
        pinned = (root / "constraints.txt").read_text(encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return problem(
            "packages", f"pyproject.toml or constraints.txt cannot be read ({error}): restore them with git."
        )
    missing, others = [], []
    needed = _needed(dependencies)
    for name in needed:
        wanted = re.findall(rf"^{re.escape(name)}==(\S+)", pinned, re.MULTILINE)  # several if it depends on Python
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
            continue
        if wanted and installed not in wanted:
            others.append(f"{name} {installed} (wanted: {' or '.join(wanted)})")
    if missing:
        return problem("packages", f"{', '.join(missing)} not installed: run `make setup`.")
    if others:
        return warning("packages", f"{', '.join(others)}: remove .venv and run `make setup`.")
    return ok("packages", f"{len(needed)} that the steps and commands need, as pinned in constraints.txt")


def _needed(dependencies: Iterable[str]) -> list[str]:
    """The packages in the project's dependencies, and those that the library needs."""
    names = set()
    for each in dependencies:
        name = re.split(r"[^\w.-]", each)[0]
        names.add(name)
        if library := environment.LIBRARY.match(each):
            extras = set(re.findall(r"[\w-]+", library[1] or ""))
            with suppress(metadata.PackageNotFoundError):  # then it is reported as missing
                for needs in metadata.requires(name) or []:
                    extra = re.search(r"extra == ['\"]([\w-]+)", needs)
                    if extra is None or extra[1] in extras:
                        names.add(re.split(r"[^\w.-]", needs)[0])
    return sorted(names)


def _library(root: Path) -> list[Finding]:
    """Whether vendor/ is as released; nothing if the library comes from a package index."""
    vendor = root / "vendor"
    if not vendor.is_dir():
        return []
    remedy = "the next `make update` replaces them. `git log vendor/` shows who edited them; ask for an extension point"
    try:
        edited = library_check.edited(vendor)
    except ValueError as error:
        return [warning("library", f"vendor/{library_check.LIST} cannot be read ({error}): restore it with git.")]
    if edited:
        return [warning("library", f"edited files in vendor/: {', '.join(edited)}; {remedy} instead.")]
    return [ok("library", f"vendor/ is sagemaker-ops {__version__}, unchanged")]


def _project(root: Path) -> tuple[Settings | None, Finding]:
    try:
        settings, problems, code = project_check.examine(root)
    except UserError as error:
        return None, problem("project", f"{error.problems[0]}", error.exit_code)
    errors = [each for each in problems if each.level == "error"]
    more = f" `ops check` shows {len(problems) - 1} more." if len(problems) > 1 else ""
    if errors:
        usable = settings if code != UserError.exit_code else None
        return usable, problem("project", f"{errors[0]}{more}", code)
    if problems:
        return settings, warning("project", f"{problems[0]}{more}")
    return settings, ok("project", f"{FILE} follows the guardrails")


def _hooks(root: Path) -> Finding:
    """Whether the hooks that check each commit are installed."""
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "--git-path", "hooks/pre-commit"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return warning("git hooks", "git is not installed: install it.")
    if asked.returncode:
        return warning("git hooks", "the project is not in a git repository: run `git init`, then `make setup`.")
    if not (root / asked.stdout.strip()).is_file():
        return warning("git hooks", "not installed, so nothing is checked before a commit: run `make setup`.")
    return ok("git hooks", "installed")


def _disks(root: Path) -> list[Finding]:
    """The free space where runs are kept, and in the home folder if that is on another disk."""
    local = root / ".local"
    used = sum(file.lstat().st_size for file in local.rglob("*") if file.is_file()) if local.is_dir() else 0
    findings = [_disk("disk", root, f"; .local takes {used / GB:.1f} GB, `ops clean --keep 5` frees space")]
    home = Path.home()
    if home.is_dir() and home.stat().st_dev != root.stat().st_dev:
        findings.append(_disk("home", home, ""))
    return findings


def _disk(what: str, folder: Path, remedy: str) -> Finding:
    left = shutil.disk_usage(folder).free
    message = f"{left / GB:.1f} GB free in {folder}"
    if left < LITTLE:
        return problem(what, f"{message}{remedy or ': free some space'}.")
    if left < LITTLE_ENOUGH:
        return warning(what, f"{message}{remedy or ': free some space'}.")
    return ok(what, message)


def volume(metadata_file: Path, home: Path) -> list[Finding]:
    """The finding about the volume of a Studio space, which is the home folder there; empty elsewhere."""
    if not metadata_file.is_file():
        return []
    size: Any = shutil.disk_usage(home)
    if size.total <= 6 * GB:
        advice = "to have more, stop the space and increase its storage in Studio"
        return [
            warning(
                "volume", f"{size.total / GB:.0f} GB, the size of a new space, {size.free / GB:.1f} GB free: {advice}."
            )
        ]
    return [ok("volume", f"{size.total / GB:.0f} GB, {size.free / GB:.1f} GB free")]
