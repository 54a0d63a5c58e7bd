"""Finds the address and commit of the template that a new project is made from, for the hook.

The hook runs this with Cookiecutter's Python, so it uses the standard library only. It reads git's files if it can,
because starting a process would take longer than everything else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagemaker_ops.template.record import FILE, Record, without_credentials


def write_record(project: Path, context: Mapping[str, Any]) -> bool:
    """Writes the record of a new project; False if its template is not a git repository.

    cruft writes its own record.
    """
    if "_commit" in context:  # cruft is generating the project
        return True
    record = find_record(context, [os.environ.get("PWD", ""), str(context["_output_dir"])])
    if record is not None:
        (project / FILE).write_text(record.to_json(), encoding="utf-8", errors="replace")
    return record is not None


def find_record(context: Mapping[str, Any], started_in: list[str]) -> Record | None:
    """The record for Cookiecutter's context, or None if the template is not in a git repository.

    A relative path is relative to the folder where Cookiecutter was started. Cookiecutter does not pass this folder on,
    so it is the first of `started_in` that leads to the template.
    """
    candidates = [Path(os.path.abspath(os.path.join(folder, context["_repo_dir"]))) for folder in started_in if folder]
    template = next((folder for folder in candidates if (folder / "cookiecutter.json").is_file()), None)
    repository = next((folder for folder in _with_parents(template) if (folder / ".git").exists()), None)
    if template is None or repository is None or (commit := find_commit(repository)) is None:
        return None
    directory = template.relative_to(repository).as_posix()
    if directory != "." and not _tracks(repository, f"{directory}/cookiecutter.json"):
        return None  # the template was unpacked in another project's repository
    # Cookiecutter uses a local folder as it is, and clones everything else.
    local = os.path.normpath(context["_repo_dir"]).startswith(os.path.normpath(context["_template"]))
    address = str(repository) if local else find_address(repository) or str(context["_template"])
    return Record(
        template=without_credentials(address),
        commit=commit,
        context=context,
        checkout=None if local else context["_checkout"],
        directory=None if directory == "." else directory,
    )


def find_address(repository: Path) -> str | None:
    """The URL of the remote `origin`."""
    config = _read(_git_folders(repository)[-1] / "config")
    found = re.search(r'^\[remote "origin"\](?:\n\s.*)*?\n\s*url\s*=\s*(.+)$', config, re.MULTILINE)
    return found[1].strip() if found else None


def find_commit(repository: Path) -> str | None:
    """The commit that is checked out in the repository; None if there is none."""
    folders = _git_folders(repository)
    text = _read(folders[0] / "HEAD")
    if text.startswith("ref: "):
        name = text.removeprefix("ref: ")
        packed = (line.partition(" ") for line in _read(folders[-1] / "packed-refs").splitlines())
        loose = [_read(folder / name) for folder in folders]
        text = next(filter(None, loose), "") or next((commit for commit, _, ref in packed if ref == name), "")
    return text if re.fullmatch("[0-9a-f]{40,64}", text) else _ask_git(repository)


def _ask_git(repository: Path) -> str | None:
    """The same, if git stores it in another way, such as a reftable."""
    import subprocess

    try:
        command = ["git", "rev-parse", "--verify", "--quiet", "HEAD"]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    except OSError:  # git is not installed
        return None
    return done.stdout.strip() or None


def _tracks(repository: Path, path: str) -> bool:
    """Whether git's index contains the file. Only the rare index version 4 shortens names."""
    try:
        return os.fsencode(path) + b"\0" in (_git_folders(repository)[0] / "index").read_bytes()
    except OSError:
        return False


def _git_folders(repository: Path) -> list[Path]:
    """The folder with the state of this checkout, then the one that all worktrees share, if it is different."""
    git = repository / ".git"
    if git.is_file():  # of a worktree or a submodule: one line, `gitdir: <path>`
        git = repository / _read(git).removeprefix("gitdir: ")
    common = _read(git / "commondir")
    return [git, git / common] if common else [git]


def _with_parents(folder: Path | None) -> list[Path]:
    return [folder, *folder.parents] if folder else []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").strip()
    except OSError:
        return ""
