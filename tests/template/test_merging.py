"""What an update does to a file, depending on what the template and the team have done to it.

One update has all cases. Each has its own folder, with different text from the others.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from repositories import Files, Repository, in_project, new_project, new_template

from sagemaker_ops.template.update import Update, update_project

pytestmark = pytest.mark.slow

KEPT = "the template and you changed it: your version is kept"


def text(case: str, first: str = "first", last: str = "last") -> str:
    """A file of a case, long enough for git to recognise it after a rename."""
    return "\n".join([f"{case} {first}", *(f"{case} line {number}" for number in range(20)), f"{case} {last}", ""])


def notebook(case: str, source: str) -> str:
    cells = [{"cell_type": "code", "source": [f"{case}\n", source], "metadata": {}, "outputs": []}]
    return json.dumps({"cells": cells, "nbformat": 4}, indent=1)


@dataclass(frozen=True)
class Case:
    """Files of a folder: as the template had them, what the team and the new version change, and what comes of it."""

    old: Files
    team: Files
    new: Files
    after: Files
    conflicts: dict[str, str]


def case(old: Files, team: Files, new: Files, after: Files, **conflicts: str) -> Case:
    return Case(old, team, new, after, conflicts)


CASES = {
    "changed": case({"a": text("A")}, {}, {"a": text("A", "new")}, {"a": text("A", "new")}),
    "changed by the team": case({"a": text("B")}, {"a": text("B", "own")}, {}, {"a": text("B", "own")}),
    "changed in two places": case(
        {"a": text("C")}, {"a": text("C", "own")}, {"a": text("C", last="new")}, {"a": text("C", "own", "new")}
    ),
    "changed alike": case({"a": text("D")}, {"a": text("D", "x")}, {"a": text("D", "x")}, {"a": text("D", "x")}),
    "changed in one place": case(
        {"a": text("E")},
        {"a": text("E", "own")},
        {"a": text("E", "new")},
        {"a": text("E", "own\n=======\nE new").replace("E own", "<<<<<<< HEAD\nE own")},
        a="the template and you changed the same lines",
    ),
    "added": case({}, {}, {"new/a": text("F")}, {"new/a": text("F")}),
    "added by both": case({}, {"a": "G own\n"}, {"a": "G own\n"}, {"a": "G own\n"}),
    "added by both, differently": case(
        {},
        {"a": b"\0H own"},
        {"a": b"\0H new"},
        {"a": b"\0H own"},
        a="the template and you both added it: your version is kept",
    ),
    "removed": case({"a": text("I"), "b": "I"}, {}, {"a": None}, {"b": "I"}),
    "removed, and changed by the team": case(
        {"a": text("J")},
        {"a": text("J", "own")},
        {"a": None},
        {"a": text("J", "own")},
        a="the template removed it, but you changed it: your version is kept",
    ),
    "removed by the team": case({"a": text("K")}, {"a": None}, {}, {}),
    "removed by the team, and changed": case({"a": text("L")}, {"a": None}, {"a": text("L", "new")}, {}),
    "removed by the team, and renamed": case({"a": text("M")}, {"a": None}, {"a": None, "b": text("M")}, {}),
    "renamed": case({"a": text("N")}, {"a": text("N", "own")}, {"a": None, "b": text("N")}, {"b": text("N", "own")}),
    "renamed by the team": case(
        {"a": text("O")},
        {"a": None, "b": text("O", "own")},
        {"a": text("O", last="new")},
        {"b": text("O", "own", "new")},
    ),
    "renamed by both": case(
        {"a": text("P")},
        {"a": None, "b": text("P")},
        {"a": None, "c": text("P")},
        {"b": text("P"), "c": text("P")},
        b="you moved it here, but the template moved it elsewhere",
        c="the template moved it here, but you moved or removed it",
    ),
    "folder renamed": case(
        {"f/a": text("Q"), "f/b": text("Q2")},
        {"f/own": "Q own\n"},
        {"f/a": None, "f/b": None, "g/a": text("Q"), "g/b": text("Q2")},
        {"g/a": text("Q"), "g/b": text("Q2"), "f/own": "Q own\n"},
    ),
    "binary": case({"a": b"\0R1"}, {}, {"a": b"\0R2"}, {"a": b"\0R2"}),
    "binary, changed by both": case({"a": b"\0S1"}, {"a": b"\0S own"}, {"a": b"\0S2"}, {"a": b"\0S own"}, a=KEPT),
    "notebook": case(
        {"a.ipynb": notebook("T", "1")}, {}, {"a.ipynb": notebook("T", "2")}, {"a.ipynb": notebook("T", "2")}
    ),
    "notebook, changed in two places": case(
        {"a.ipynb": notebook("U", "1")},
        {"a.ipynb": notebook("U", "1").replace('"nbformat": 4', '"nbformat": 5')},
        {"a.ipynb": notebook("U", "2")},
        {"a.ipynb": notebook("U", "1").replace('"nbformat": 4', '"nbformat": 5')},
        **{"a.ipynb": KEPT},
    ),
    "kept by git-lfs": case(
        {"a.dat": "V 1\n"},
        {".gitattributes": "*.dat filter=lfs diff=lfs merge=lfs -text\n", "a.dat": "version https://git-lfs V\n"},
        {"a.dat": "V 2\n"},
        {".gitattributes": "*.dat filter=lfs diff=lfs merge=lfs -text\n", "a.dat": "version https://git-lfs V\n"},
        **{"a.dat": KEPT},
    ),
    "odd names": case(
        {"ü [a] *": text("W")},
        {"ü [a] *": text("W", "own")},
        {"ü [a] *": None},
        {"ü [a] *": text("W", "own")},
        **{"ü [a] *": "the template removed it, but you changed it: your version is kept"},
    ),
    "skipped": case({"a": "X 1\n"}, {}, {"a": "X 2\n"}, {"a": "X 1\n"}),
}


def files(version: str) -> Files:
    """All files of a version, each in the folder of its case."""
    return {
        f"{name}/{path}": content for name, case in CASES.items() for path, content in getattr(case, version).items()
    }


@pytest.fixture(scope="module")
def updated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Repository, Update]:
    folder = tmp_path_factory.mktemp("merging")
    template = new_template(folder / "template", files("old"))
    project = new_project(template, folder)
    record = json.loads(project.text(".cruft.json")) | {"skip": ["skipped/"]}
    project.commit({**files("team"), ".cruft.json": json.dumps(record)})
    template.commit(in_project(files("new")))
    return project, update_project(project.folder)


@pytest.mark.parametrize("name", CASES)
def test_a_file_that_is(name: str, updated: tuple[Repository, Update]) -> None:
    project, update = updated
    folder = project.folder / name
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    conflicts = {conflict.path: conflict.reason for conflict in update.conflicts}
    expected = {
        path: content.encode() if isinstance(content, str) else content for path, content in CASES[name].after.items()
    }

    assert {path: without_end_of_conflict(content) for path, content in found.items()} == expected
    assert {
        path.removeprefix(f"{name}/"): reason for path, reason in conflicts.items() if path.startswith(f"{name}/")
    } == CASES[name].conflicts


def without_end_of_conflict(content: bytes) -> bytes:
    """The marker with the new version's hash left out."""
    return b"".join(line for line in content.splitlines(keepends=True) if not line.startswith(b">>>>>>> "))


def test_git_has_the_conflicts_and_everything_else_is_staged(updated: tuple[Repository, Update]) -> None:
    project, update = updated

    conflicts = {conflict.path for conflict in update.conflicts}
    unmerged = {line.partition("\t")[2] for line in project.git("ls-files", "-z", "--unmerged").split("\0") if line}
    unstaged = {*project.git("diff", "-z", "--name-only").split("\0")} - {""}

    assert unmerged == conflicts
    assert unstaged <= conflicts
    assert project.git("ls-files", "--others") == ""
