"""The three-way merge of an update, done by git: it applies the template's changes to what the team has committed.

It uses a temporary repository that shares the project's objects, and does not touch the project's folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sagemaker_ops.template.repository import GitError, Repository

OWNED = ("vendor", "ci")
"""The template's own folders, which an update replaces completely."""
# Treat notebooks as binary files: after a merge by line, they may not open any more.
ATTRIBUTES = "*.ipynb -merge\n"
# The user's configuration must not change how trees are made and merged.
ISOLATED = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "template" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    **{f"GIT_{who}_DATE": "@0 +0000" for who in ("AUTHOR", "COMMITTER")},  # so that the same update has the same hashes
}
MERGE = (
    "-c", "merge.renames=true",
    "-c", "merge.directoryRenames=false",  # the team's files stay where they are if the template renames a folder
    "-c", "merge.lfs.driver=false",  # git-lfs files are only pointers here, and must not get conflict markers
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A file in one of a conflict's three versions, which git numbers: 1 the old, 2 the team's, 3 the new."""

    mode: str
    object: str
    stage: int
    path: str


@dataclass(frozen=True)
class Conflict:
    path: str
    reason: str
    entries: list[Entry]


@dataclass(frozen=True)
class Merged:
    tree: str
    """The project's new tree. A file with a conflict has conflict markers, or is the team's version."""
    conflicts: list[Conflict]
    replaced: list[str]
    """The template's own folders, which the tree takes from the new version."""


class MergeRepository:
    """Makes trees of the two renderings and of the project, and merges them."""

    def __init__(self, project: Repository, folder: Path) -> None:
        folder.mkdir()
        objects = (project.folder / project.git("rev-parse", "--git-path", "objects")).resolve()
        variables = {
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_DEFAULT_HASH": project.git("rev-parse", "--show-object-format"),
            "HOME": str(folder),  # git before 2.32 looks for its settings there
        }
        self.repository = Repository(folder, ISOLATED | variables)
        self.repository.git("init", "--quiet")
        (folder / ".git" / "info").mkdir(exist_ok=True)
        (folder / ".git" / "info" / "attributes").write_text(ATTRIBUTES, encoding="utf-8")

    def tree(self, folder: Path) -> str:
        """The tree of all files in a folder."""
        git = self.repository.folder / ".git"
        index = git / f"index-{folder.parent.name}"
        own = {"GIT_DIR": str(git), "GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": str(index)}
        files = Repository(folder, {**self.repository.variables, **own})
        files.git("add", "--all", "--force", ".")
        return files.git("write-tree")

    def text(self, tree: str, path: str) -> str:
        """The text of a file in a tree; empty if there is none."""
        return self.repository.answer("show", f"{tree}:{path}") or ""

    def changes(self, old: str, new: str, *options: str) -> list[str]:
        """What `git diff-tree -r` lists between two trees; a tree that does not exist, as `tree:name` can, is empty."""
        found = [self.repository.answer("rev-parse", "--verify", each) for each in (old, new)]
        return self.repository.paths("diff-tree", "-r", "-z", *options, *(each or self._tree([]) for each in found))

    def merge(self, old: str, ours: str, new: str, label: str, record: tuple[str, str]) -> Merged:
        """Applies the change from `old` to `new`, which are trees, to `ours`; `record` is a path and its new text.

        `label`: the name of the new version in conflict markers.
        """
        replaced = [name for name in OWNED if name in self._folders(old) & self._folders(ours)]
        base, team, theirs = (self._commit(self._without(tree, replaced), label) for tree in (old, ours, new))
        theirs = self._commit(f"{theirs}^{{tree}}", label, base)
        git = self.repository.git
        git("reset", "--quiet", "--hard", team)
        try:
            git(*MERGE, "cherry-pick", "--no-commit", "--allow-empty", theirs)
        except GitError:
            if not git("ls-files", "--unmerged"):
                raise
        conflicts = self._conflicts()
        path, text = record
        written = git("hash-object", "-w", "--stdin", given=text)
        git("update-index", "--add", "--cacheinfo", f"100644,{written},{path}")
        top = self._lines(git("write-tree"))
        top |= {name: line for name, line in self._lines(new).items() if name in replaced}
        return Merged(self._tree(top.values()), conflicts, replaced)

    def _conflicts(self) -> list[Conflict]:
        """What could not be merged. Then adds the files to the index as they are in the folder."""
        git = self.repository.git
        found: dict[str, list[Entry]] = {}
        for line in self.repository.paths("ls-files", "--unmerged", "-z"):
            facts, _, path = line.partition("\t")
            mode, name, stage = facts.split(" ")
            found.setdefault(path, []).append(Entry(mode, name, int(stage), path))
        conflicts = []
        for path, entries in found.items():
            versions = {entry.stage: entry for entry in entries}
            if 1 in versions and 2 not in versions:  # the team has deleted the file, and it stays deleted
                git("update-index", "--force-remove", "--", path)
                continue
            git("--literal-pathspecs", "add", "--all", "--force", "--", path)
            [line] = self.repository.paths("--literal-pathspecs", "ls-files", "--stage", "-z", "--", path) or [""]
            kept = 2 in versions and versions[2].object in line
            conflicts.append(Conflict(path, _reason(set(versions), kept), entries))
        return conflicts

    def _lines(self, tree: str) -> dict[str, str]:
        """{name: its line in git's listing} for everything at the top of a tree."""
        return {line.partition("\t")[2]: line for line in self.repository.paths("ls-tree", "-z", tree)}

    def _folders(self, tree: str) -> set[str]:
        return {name for name, line in self._lines(tree).items() if line.split(" ")[1] == "tree"}

    def _without(self, tree: str, names: Iterable[str]) -> str:
        return self._tree(line for name, line in self._lines(tree).items() if name not in names)

    def _tree(self, lines: Iterable[str]) -> str:
        return self.repository.git("mktree", "-z", given="".join(f"{line}\0" for line in lines))

    def _commit(self, tree: str, message: str, *parents: str) -> str:
        return self.repository.git("commit-tree", tree, *(f"-p{each}" for each in parents), "-m", message)


def _reason(stages: set[int], kept: bool) -> str:
    if stages == {1, 2}:
        return "the template removed it, but you changed it: your version is kept"
    if stages == {2, 3}:
        return "the template and you both added it" + (": your version is kept" if kept else "")
    if stages == {1, 2, 3}:
        return (
            "the template and you changed it: your version is kept"
            if kept
            else "the template and you changed the same lines"
        )
    if 3 in stages:
        return "the template moved it here, but you moved or removed it"
    return "you moved it here, but the template moved it elsewhere"
