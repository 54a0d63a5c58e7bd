"""The files of the project that differ between two commits of its repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sagemaker_ops.errors import UserError
from sagemaker_ops.template.repository import GitError, Repository

DIRTY = "-dirty"
LIBRARY = "vendor/"


@dataclass(frozen=True)
class File:
    """added, removed: lines; None for a file that is not text."""

    path: str
    added: int | None
    removed: int | None

    def __str__(self) -> str:
        return f"{self.path}  " + ("not text" if self.added is None else f"+{self.added} -{self.removed}")


def between(root: Path, before: str, after: str) -> tuple[list[File], str]:
    """The files that differ, those of the library as one, and what to know about the list, such as why it is empty.

    before, after: as in StartedBy, so that `-dirty` says that there were uncommitted changes; empty: not known.
    """
    ids = {commit: commit.removesuffix(DIRTY) for commit in (before, after)}
    if not all(ids.values()):
        return [], "at least one of the commits is not known"
    repository = Repository(root, {"GIT_OPTIONAL_LOCKS": "0"})
    notes = [f"{ids[commit]} had uncommitted changes, which are not shown" for commit in ids if commit.endswith(DIRTY)]
    try:
        if repository.answer("rev-parse", "--git-dir") is None:
            return [], "this folder is not in a git repository"
        for commit in ids.values():
            if repository.answer("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}") is None:
                return [], f"commit {commit} is not in this clone: run `git fetch`"
        options = ("--numstat", "--no-renames", "--no-ext-diff", "--relative", "-z")
        listed = repository.paths("diff", *options, ids[before], ids[after], "--", ".")
    except (GitError, UserError) as error:
        return [], str(error).rstrip(".")
    files = [_file(line) for line in listed]
    own = [each for each in files if not each.path.startswith(LIBRARY)]
    library = [each for each in files if each.path.startswith(LIBRARY)]
    if library:
        added, removed = (sum(getattr(each, name) or 0 for each in library) for name in ("added", "removed"))
        own.append(File(f"{LIBRARY} ({len(library)} file{'' if len(library) == 1 else 's'})", added, removed))
    return own, "; ".join(notes)


def _file(line: str) -> File:
    added, removed, path = line.split("\t", 2)
    return File(path, *(None if each == "-" else int(each) for each in (added, removed)))
