"""The project as of another commit: its files in a folder of .local, and commands that run there with its own library.

git's own worktrees are not used: they would be listed in the repository, and stay there if this process is killed.
Only the folder of the newest commit is kept, so that the next command finds what was compiled and run there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagemaker_ops.definition import plan
from sagemaker_ops.errors import UserError
from sagemaker_ops.project import data, layout
from sagemaker_ops.project.settings import FILE
from sagemaker_ops.template.repository import OF_ANOTHER, GitError, Repository

FOLDER = Path(layout.LOCAL_FOLDER) / "review"
DEFAULTS = ("origin/main", "main")


@dataclass(frozen=True)
class Commit:
    """A commit of the project's repository. ref: its name as the user wrote it; prefix: the project's folder in it."""

    ref: str
    id: str
    prefix: str

    def __str__(self) -> str:
        return f"{self.ref} ({self.id[:8]})" if self.name == self.ref else self.name

    @property
    def name(self) -> str:
        """Short enough for the heading of a column."""
        return self.id[:8] if self.id.startswith(self.ref) else self.ref


@dataclass(frozen=True)
class Worktree:
    """The project's files as of a commit; the folder is empty if it has no project there."""

    commit: Commit
    folder: Path

    @property
    def missing(self) -> str:
        """Why nothing can be compiled there, as a sentence; empty if it can."""
        if not (self.folder / FILE).is_file():
            where = f" in {self.commit.prefix.rstrip('/')}" if self.commit.prefix else ""
            return f"{self.commit} has no {FILE}{where}, so everything is new."
        if not (self._library / "sagemaker_ops").is_dir() and layout.vendored_in() is not None:
            return f"{self.commit} has no library in vendor/, so its pipelines cannot be compiled."
        return ""

    @property
    def pipelines(self) -> list[str]:
        return layout.pipelines(self.folder)

    def definition(self, pipeline: str, env: str) -> dict[str, Any]:
        """The definition that this commit's own library compiles; UserError if it cannot."""
        if self.missing:
            raise UserError(self.missing)
        done = self.ops("compile", pipeline, "--env", env)
        try:
            if not done.returncode:
                return plan.loads(done.stdout)
            reason = failure(done)
        except UserError as error:
            reason = str(error)
        raise UserError(f"at {self.commit}, '{pipeline}' cannot be compiled: {reason}")

    def ops(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of this commit's own library in its folder, with the packages of this environment."""
        kept = {name: value for name, value in os.environ.items() if name not in (*OF_ANOTHER, "PYTHONPATH")}
        with subprocess.Popen(
            [sys.executable, "-m", "sagemaker_ops", *arguments],
            cwd=self.folder,
            env={**kept, "PYTHONPATH": str(self._library)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process:
            try:
                out, err = process.communicate()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                process.communicate()  # it stops its steps first
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def run(self, pipeline: str) -> str:
        """Run a pipeline there; the reason if it cannot start. The runner's cache makes a second run quick."""
        if self.missing:
            return self.missing
        schema = self.folder / data.SCHEMA
        has_schema = schema.exists()
        done = self.ops("run", pipeline)
        if not has_schema:  # the run writes it, but it is no part of this commit
            schema.unlink(missing_ok=True)
        return "" if done.returncode in (0, 1) else f"at {self.commit}, '{pipeline}' cannot run: {failure(done)}"

    @property
    def _library(self) -> Path:
        return self.folder / "vendor"


def failure(done: subprocess.CompletedProcess[str]) -> str:
    """The first error of a command that failed."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return (errors or lines[-1:] or [f"exit code {done.returncode}."])[0] + more


def find(root: Path, ref: str | None) -> Commit:
    """The commit that a name means, by default that of origin/main or main; UserError if there is none."""
    repository = Repository(root)
    try:
        prefix = repository.git("rev-parse", "--show-prefix")
    except GitError as error:
        if "not a git repository" not in str(error):
            raise UserError(f"git cannot read the repository of {root}: {error}.") from None
        raise UserError(
            f"{root} is not in a git repository, so there is nothing to compare with: "
            "clone the project with git, or run `git init`."
        ) from None
    for name in DEFAULTS if ref is None else (ref,):
        found = (
            None
            if name.startswith("-")
            else repository.answer("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        )
        if found:
            return Commit(name, found, prefix)
    if ref is None:
        raise UserError(
            "there is neither a branch origin/main nor main to compare with: "
            "run `git fetch origin main`, or name another one with --against."
        )
    branch = ref.removeprefix("origin/") or "main"
    raise UserError(f"--against: git knows no '{ref}' here: run `git fetch origin {branch}`, or name another one.")


def here(root: Path) -> str:
    """The branch or commit that this folder is at, and whether it has been changed."""
    repository = Repository(root)
    branch, commit = (repository.answer("rev-parse", *how, "HEAD") for how in (["--abbrev-ref"], ["--short=8"]))
    changed = ", with changes that are not committed" if repository.answer("status", "--porcelain", "--", ".") else ""
    named = f"{branch} ({commit})" if branch != "HEAD" else str(commit)
    return f"{named if commit else 'no commit yet'}{changed}"


def missing_commits(root: Path, commit: Commit) -> int:
    """How many of its commits that change the project this branch does not have; 0 if that cannot be known here."""
    repository = Repository(root)
    if repository.answer("merge-base", "HEAD", commit.id) is None:  # the rest of the history is not in this clone
        return 0
    return int(repository.answer("rev-list", "--count", f"HEAD..{commit.id}", "--", ".") or 0)


def is_untracked(root: Path, file: str) -> bool:
    """Whether the file exists but is not in git."""
    return (root / file).is_file() and Repository(root).answer("ls-files", "--error-unmatch", "--", file) is None


@contextmanager
def checked_out(root: Path, commit: Commit) -> Iterator[Worktree]:
    """The project as of the commit, in .local/review/<commit>; no other process changes the folder meanwhile."""
    base = root / FOLDER
    base.mkdir(parents=True, exist_ok=True)
    with (base / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = base / commit.id
        for other in base.iterdir():
            if other.is_dir() and other.name != folder.name:
                shutil.rmtree(other)
        if not folder.is_dir():
            _check_out(root, commit, folder)
        _share_data(root, folder)
        yield Worktree(commit, folder)


def _check_out(root: Path, commit: Commit, folder: Path) -> None:
    """Write the files: complete, or not at all."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        files = Path(name) / "files"
        files.mkdir()
        tree = f"{commit.id}:{commit.prefix.rstrip('/')}"
        if Repository(root).answer("rev-parse", "--verify", "--quiet", tree):
            # An index and a work tree of its own: those of the user stay as they are.
            variables = {"GIT_INDEX_FILE": f"{name}/index", "GIT_WORK_TREE": str(files)}
            settings = ("-c", "core.splitIndex=false", "-c", "core.fsmonitor=false", "-c", "submodule.recurse=false")
            try:
                Repository(root, variables).git(*settings, "read-tree", "--reset", "-u", "--no-sparse-checkout", tree)
            except GitError as error:
                raise UserError(f"git cannot check out {commit}: {error}.") from None
        files.rename(folder)


def _share_data(root: Path, folder: Path) -> None:
    """Link to data that is not in git: what was fetched from S3, a table that only this folder has, and its types."""
    wanted = [Path(layout.LOCAL_FOLDER) / "source", *([Path(data.SCHEMA)] if is_untracked(root, data.SCHEMA) else [])]
    with suppress(OSError, ValueError, LookupError, TypeError):  # its own library reports what is wrong in the file
        source = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))["data"]["source"]
        if not data.is_remote(source) and ".." not in Path(source).parts:
            wanted.append(Path(source))
    for path in [Path(data.SCHEMA), *wanted]:
        there = folder / path
        if there.is_symlink() and os.readlink(there) == str(root / path):  # made before, and perhaps not needed now
            there.unlink()
        if path in wanted and (root / path).exists() and not there.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            there.symlink_to(root / path)
