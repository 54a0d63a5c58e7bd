"""Updates a project to a newer version of the template: finds out what changes, and applies it as the last step."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sagemaker_ops.errors import UserError
from sagemaker_ops.template import record as records
from sagemaker_ops.template.merge import Conflict, Merged, MergeRepository
from sagemaker_ops.template.record import Record
from sagemaker_ops.template.rendering import clone, find_newest, find_recorded, render
from sagemaker_ops.template.repository import GitError, Repository, check_ready

VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)
LIBRARY_VERSION = "vendor/sagemaker_ops/__init__.py"


@dataclass(frozen=True)
class Change:
    """A file that an update changes: `what` is updated, added, removed or renamed."""

    what: str
    path: str
    before: str = ""
    """The old path, if it is renamed."""


@dataclass(frozen=True)
class Update:
    """What an update does, or would do; without a new tree, nothing."""

    old: str
    """The template's version before the update, for people: a tag or short hash, and a date."""
    new: str
    follows: str | None
    """The branch or tag that the project follows; None is the default branch."""
    tree: str = ""
    notes: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    replaced: dict[str, int] = field(default_factory=dict)
    """{a folder of the template: how many of its files change}."""
    overwritten: list[str] = field(default_factory=list)
    """The files in these folders that the team had changed, and that are replaced anyway."""
    conflicts: list[Conflict] = field(default_factory=list)


def update_project(
    root: Path, *, checkout: str | None = None, address: str | None = None, apply: bool = True
) -> Update:
    """Updates the project to the newest version of its template, or to `checkout`, from `address` if it has moved.

    The project's folder does not change before the last step; without `apply`, that step is left out. UserError if
    the project cannot be updated.
    """
    project = Repository(root)
    check_ready(project)
    recorded = records.read(root)
    wanted = replace(
        recorded,
        template=records.without_credentials(address or recorded.template),
        checkout=checkout or recorded.checkout,
    )
    with tempfile.TemporaryDirectory(prefix="ops-update-") as name, _explained():
        folder = Path(name)
        template = clone(address or recorded.template, folder / "template")
        old, new = find_recorded(template, recorded), find_newest(template, wanted.checkout)
        versions = _describe(template, old), _describe(template, new)
        not_newer = template.answer("merge-base", "--is-ancestor", new, old) is not None
        if not_newer and checkout is None and wanted == recorded:
            return Update(versions[0], versions[0], wanted.checkout)
        before = render(template, old, recorded, folder / "old")
        after = render(template, new, wanted, folder / "new")
        merging = MergeRepository(project, folder / "merge")
        trees = merging.tree(before.folder), merging.tree(after.folder)
        if trees[0] == trees[1] and not after.notes and wanted == recorded:
            return Update(*versions, wanted.checkout)
        head = project.git("rev-parse", "HEAD^{tree}")
        text = replace(wanted, commit=new, context=after.context).to_json()
        merged = merging.merge(trees[0], head, trees[1], f"template {versions[1]}", (records.FILE, text))
        update = _summarize(merging, Update(*versions, wanted.checkout), (trees[0], head, trees[1]), merged)
        update.notes[:0] = [*_record_notes(recorded, wanted), *after.notes]
        if apply:
            _apply(project, head, update)
    return update


def _describe(template: Repository, commit: str) -> str:
    """`v1.2 (2026-11-20)`, or the short hash if there is no tag."""
    name = template.answer("describe", "--tags", "--exact-match", commit) or commit[:7]
    date = template.git("-c", "log.showSignature=false", "log", "-1", "--format=%cs", commit)
    return f"{name} ({date})"


def _record_notes(recorded: Record, wanted: Record) -> Iterator[str]:
    if wanted.template != recorded.template:
        yield f"The address of the template is now {wanted.template}, as in .cruft.json."
    if wanted.checkout != recorded.checkout:
        yield f"From now on, the project follows '{wanted.checkout}' of the template."


def _summarize(merging: MergeRepository, update: Update, trees: tuple[str, str, str], merged: Merged) -> Update:
    old, head, new = trees
    replaced, overwritten = {}, []
    for name in merged.replaced:
        differing = merging.changes(f"{head}:{name}", f"{new}:{name}", "--name-only")
        edited = {*merging.changes(f"{old}:{name}", f"{head}:{name}", "--name-only")} & {*differing}
        replaced[name] = len(differing)
        overwritten += sorted(f"{name}/{path}" for path in edited)
    return replace(
        update,
        tree=merged.tree,
        notes=[*_library_note(merging, trees, merged)],
        changes=[*_changes(merging, head, merged)],
        replaced=replaced,
        overwritten=overwritten,
        conflicts=merged.conflicts,
    )


def _changes(merging: MergeRepository, head: str, merged: Merged) -> Iterator[Change]:
    """The files outside the template's own folders."""
    listed = iter(merging.changes(head, merged.tree, "--name-status", "--find-renames"))
    others = {records.FILE, *(conflict.path for conflict in merged.conflicts)}
    for status in listed:
        paths = [next(listed) for _ in range(2 if status[0] == "R" else 1)]
        if paths[-1] not in others and paths[-1].partition("/")[0] not in merged.replaced:
            what = {"A": "added", "D": "removed", "R": "renamed"}.get(status[0], "updated")
            yield Change(what, paths[-1], paths[0] if len(paths) > 1 else "")


def _library_note(merging: MergeRepository, trees: tuple[str, str, str], merged: Merged) -> Iterator[str]:
    """A sentence if the version of the library changes."""
    found = (VERSION.search(merging.text(tree, LIBRARY_VERSION)) for tree in (trees[0], trees[2]))
    old, new = (each[1] if each else "" for each in found)
    if not new or old == new:
        return
    if "vendor" in merged.replaced:
        yield f"The library sagemaker-ops changes from {old} to {new}: vendor/CHANGELOG.md says what is new."
        return
    pin = re.search(rf"sagemaker-ops(\[[^]]*\])?=={re.escape(new)}", merging.text(merged.tree, "pyproject.toml"))
    if pin and all(conflict.path != "pyproject.toml" for conflict in merged.conflicts):
        yield f"pyproject.toml now pins the library sagemaker-ops {new}: your package index must have it."
    else:
        yield f"The library sagemaker-ops changes from {old} to {new}: pin this version in pyproject.toml."


def _apply(project: Repository, head: str, update: Update) -> None:
    """Brings the project's folder and index to the new tree; both stay as they were if that fails."""
    added = project.paths("diff-tree", "-r", "-z", "--name-only", "--diff-filter=A", head, update.tree)
    if blocked := _in_the_way(project, head, added):
        raise UserError(
            f"git ignores {blocked}, but the template now has a file with this name: move yours, and update again."
        )
    stages = [f"0 {'0' * len(head)}\t{conflict.path}" for conflict in update.conflicts]
    entries = [entry for conflict in update.conflicts for entry in conflict.entries]
    stages += [f"{entry.mode} {entry.object} {entry.stage}\t{entry.path}" for entry in entries]
    with _uninterrupted():
        try:
            project.git("read-tree", "-m", "-u", head, update.tree)
            project.git("update-index", "-z", "--index-info", given="".join(f"{line}\0" for line in stages))
        except GitError:
            for path in added:
                (project.folder / path).unlink(missing_ok=True)
            project.git("read-tree", "--reset", "-u", head)
            raise


def _in_the_way(project: Repository, head: str, added: list[str]) -> str:
    """The first file that git does not track, in a place where the update adds a file or a folder."""
    tracked = {*project.paths("ls-tree", "-r", "-z", "--name-only", head)}
    for path in map(Path, added):
        for place in (path, *path.parents[:-1]):
            there = project.folder / place
            is_folder = there.is_dir() and not there.is_symlink() and place != path
            if os.path.lexists(there) and not is_folder and place.as_posix() not in tracked:
                return str(place)
    return ""


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except GitError as error:
        raise UserError(f"git failed ({error}); the project was not changed.") from error


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Delays Ctrl-C until the last step is complete, so that it is not left half done."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(each, signal.SIG_IGN) for each in signals]
    try:
        yield
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)
