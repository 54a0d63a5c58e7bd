"""Which files differ between the commits that two versions of a model were made from."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from sagemaker_ops.review import changed_files

NEVER = "a" * 12  # no commit


def git(folder: Path, *arguments: str) -> str:
    settings = ("-c", "user.name=anna", "-c", "user.email=anna@example.com", "-c", "commit.gpgsign=false")
    command = ["git", *settings, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, files: Mapping[str, bytes | None]) -> str:
    """Write or remove files, and commit; returns the start of the commit's id, as in StartedBy."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=x")
    return git(folder, "rev-parse", "HEAD")[:12]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        pytest.param({"a.py": b"1\n2\n"}, {"a.py": b"1\n3\n4\n"}, ["a.py  +2 -1"], id="changed"),
        pytest.param({}, {"b.py": b"1\n"}, ["b.py  +1 -0"], id="added"),
        pytest.param({"a.py": b"1\n"}, {"a.py": None}, ["a.py  +0 -1"], id="removed"),
        pytest.param({"a.py": b"1\n"}, {"a.py": None, "b.py": b"1\n"}, ["a.py  +0 -1", "b.py  +1 -0"], id="renamed"),
        pytest.param({"a.bin": b"\0"}, {"a.bin": b"\0\1"}, ["a.bin  not text"], id="not text"),
        pytest.param({}, {'ä "b"\t.py': b"1\n"}, ['ä "b"\t.py  +1 -0'], id="an odd name"),
        pytest.param({"a.py": b"1\n"}, {}, [], id="unchanged"),
        pytest.param(
            {"vendor/a.py": b"1\n", "z.py": b""},
            {"vendor/a.py": b"2\n", "vendor/b/c.py": b"1\n2\n", "z.py": b"1\n"},
            ["z.py  +1 -0", "vendor/ (2 files)  +3 -1"],
            id="the library",
        ),
    ],
)
def test_the_files_that_differ_are_listed(
    repository: Path, before: dict[str, bytes | None], after: dict[str, bytes | None], shown: list[str]
) -> None:
    first, second = commit(repository, before), commit(repository, after)

    files, note = changed_files.between(repository, first, second)

    assert (list(map(str, files)), note) == (shown, "")


@pytest.mark.slow
def test_only_files_of_the_project_are_listed(repository: Path) -> None:
    first = commit(repository, {"project/a.py": b"1\n", "other.py": b"1\n"})
    second = commit(repository, {"project/a.py": b"2\n", "other.py": b"2\n"})

    files, _ = changed_files.between(repository / "project", first, second)

    assert list(map(str, files)) == ["a.py  +1 -1"]


@pytest.mark.slow
def test_uncommitted_changes_are_mentioned(repository: Path) -> None:
    first, second = commit(repository, {"a.py": b"1\n"}), commit(repository, {"a.py": b"2\n"})

    files, note = changed_files.between(repository, first, f"{second}-dirty")

    assert list(map(str, files)) == ["a.py  +1 -1"]
    assert note == f"{second} had uncommitted changes, which are not shown"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ends", "note"),
    [
        pytest.param(("", ""), "at least one of the commits is not known", id="neither is known"),
        pytest.param(("HEAD", ""), "at least one of the commits is not known", id="one is not known"),
        pytest.param(("HEAD", NEVER), f"commit {NEVER} is not in this clone: run `git fetch`", id="not in this clone"),
        pytest.param(("HEAD", "--output=x"), "commit --output=x is not in this clone: run `git fetch`", id="an option"),
        pytest.param(("HEAD", "HEAD"), "", id="the same commit"),
    ],
)
def test_without_both_commits_there_is_a_reason(repository: Path, ends: tuple[str, str], note: str) -> None:
    commit(repository, {"a.py": b"1\n"})

    assert changed_files.between(repository, *ends) == ([], note)
    assert not (repository / "x").exists()


@pytest.mark.slow
def test_without_a_repository_there_is_a_reason(tmp_path: Path) -> None:
    assert changed_files.between(tmp_path, NEVER, "b" * 12) == ([], "this folder is not in a git repository")


def test_without_git_there_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    files, note = changed_files.between(tmp_path, NEVER, "b" * 12)

    assert (files, note) == ([], "git is not installed, and this command needs it")
