"""Runs git commands in a repository, and checks that the project's own repository can be updated."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sagemaker_ops.errors import UserError

# If a git hook or alias runs this, these variables are set, and point to another repository than the folder.
OF_ANOTHER = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_WORK_TREE",
)  # fmt: skip


class GitError(Exception):
    """git failed; the message is the line with its reason."""


@dataclass(frozen=True)
class Repository:
    """A folder in which git runs, with additional environment variables."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def git(self, *arguments: str, given: str = "") -> str:
        """The output of `git <arguments>`; `given` is its standard input. GitError if it fails."""
        kept = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER}
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=self.folder,
                env={**kept, "LC_ALL": "C.UTF-8", **self.variables},
                input=given,
                capture_output=True,
                encoding="utf-8",
                errors="surrogateescape",  # a path can be any bytes
                check=False,
            )
        except FileNotFoundError:
            raise UserError("git is not installed, and this command needs it.") from None
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith(("fatal:", "error:"))]
            raise GitError((lines or done.stderr.splitlines() or [f"git {arguments[0]} failed"])[0])
        return done.stdout.removesuffix("\n")

    def answer(self, *arguments: str) -> str | None:
        """The same, or None if git fails."""
        try:
            return self.git(*arguments)
        except GitError:
            return None

    def paths(self, *arguments: str) -> list[str]:
        """What git lists with `-z`."""
        return [path for path in self.git(*arguments).split("\0") if path]


def check_ready(project: Repository) -> None:
    """UserError unless everything in the project's folder is committed, so that an update can be undone."""
    top = project.answer("rev-parse", "--show-toplevel")
    if top is None:
        raise UserError(
            f"{project.folder} is not a git repository, so an update could not be undone: "
            "run `git init`, `git add .` and `git commit`."
        )
    if Path(top).resolve() != project.folder.resolve():
        raise UserError(
            f"{project.folder} is only a part of the repository {top}: move the project to its own repository."
        )
    if project.answer("rev-parse", "--verify", "HEAD^{commit}") is None:
        raise UserError("Nothing is committed yet, so an update could not be undone: run `git add .` and `git commit`.")
    if changed := project.paths("status", "--porcelain", "--untracked-files=normal", "-z"):
        names = ", ".join(line[3:] for line in changed[:3]) + (", …" if len(changed) > 3 else "")
        raise UserError(f"There are uncommitted changes ({names}): commit them, or run `git stash -u`.")
