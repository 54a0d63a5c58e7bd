"""What a new project's .cruft.json says about the template, depending on what Cookiecutter gives the hook."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sagemaker_ops.template import origin, record

ONE, TWO = "1" * 40, "2" * 40
CONFIG = '[core]\n\tbare = false\n[remote "upstream"]\n\turl = wrong\n[remote "origin"]\n\tfetch = +x\n\turl = {}\n'


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def context(template: str, repo_dir: str | None = None, checkout: str | None = None) -> dict[str, Any]:
    """The context as Cookiecutter 2.7 gives it."""
    return {
        "project_slug": "p",
        "_extensions": [],
        "_template": template,
        "_output_dir": "/nowhere",
        "_repo_dir": repo_dir or template,
        "_checkout": checkout,
    }


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template in a clone, with the commit ONE."""
    files = {"cookiecutter.json": "{}", ".git/HEAD": ONE, ".git/config": CONFIG.format("https://example.com/t.git")}
    return write(tmp_path / "template", files)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({".git/HEAD": f"{ONE}\n"}, id="detached"),
        pytest.param({".git/HEAD": "ref: refs/heads/a/b\n", ".git/refs/heads/a/b": f"{ONE}\n"}, id="loose"),
        pytest.param(
            {
                ".git/HEAD": "ref: refs/heads/main\n",
                ".git/packed-refs": f"# pack-refs with: peeled\n{TWO} refs/heads/x/refs/heads/main\n{ONE} "
                f"refs/heads/main\n^{TWO}\n",
            },
            id="packed",
        ),
        pytest.param(
            {
                ".git/HEAD": "ref: refs/heads/main\n",
                ".git/refs/heads/main": ONE,
                ".git/packed-refs": f"{TWO} refs/heads/main\n",
            },
            id="the loose one counts",
        ),
        pytest.param(
            {
                ".git": "gitdir: ../main/.git/worktrees/w\n",
                "../main/.git/worktrees/w/HEAD": "ref: refs/heads/w\n",
                "../main/.git/worktrees/w/commondir": "../..\n",
                "../main/.git/refs/heads/w": f"{ONE}\n",
            },
            id="worktree",
        ),
        pytest.param(
            {
                ".git": "gitdir: ../main/.git/worktrees/w\n",
                "../main/.git/worktrees/w/HEAD": "ref: refs/heads/w\n",
                "../main/.git/worktrees/w/commondir": "../..\n",
                "../main/.git/packed-refs": f"{ONE} refs/heads/w\n",
            },
            id="worktree, packed",
        ),
    ],
)
def test_the_commit_is_read_from_gits_files(tmp_path: Path, files: Mapping[str, str]) -> None:
    (tmp_path / "r").mkdir()

    assert origin.find_commit(write(tmp_path / "r", files)) == ONE


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="empty folder"),
        pytest.param({".git/HEAD": "ref: refs/heads/main\n"}, id="nothing committed"),
        pytest.param({".git": "gitdir: ../gone\n"}, id="worktree whose repository is gone"),
    ],
)
def test_without_a_commit_there_is_none(tmp_path: Path, files: Mapping[str, str]) -> None:
    (tmp_path / "r").mkdir()

    assert origin.find_commit(write(tmp_path / "r", files)) is None


def test_git_is_asked_if_it_stores_commits_in_another_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {".git/HEAD": "ref: refs/heads/.invalid\n", "bin/git": f"#!/bin/sh\necho {ONE}\n"})  # a reftable
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")

    assert origin.find_commit(tmp_path) == ONE


@pytest.mark.parametrize("path", ["template", "./template/", "other/../template", "{tmp_path}/template"])
def test_a_path_becomes_absolute_wherever_cookiecutter_was_started(tmp_path: Path, template: Path, path: str) -> None:
    path = path.format(tmp_path=tmp_path)

    found = origin.find_record(context(path, checkout="v1"), ["", "/nowhere", str(tmp_path)])

    assert found is not None
    assert (found.template, found.commit, found.directory) == (str(template), ONE, None)
    assert found.checkout is None, "Cookiecutter takes a path as it is"


@pytest.mark.parametrize(
    ("typed", "url", "address"),
    [
        pytest.param("https://example.com/t.git", "https://example.com/t.git", "https://example.com/t.git", id="URL"),
        pytest.param("gl:group/t", "https://example.com/t.git", "https://example.com/t.git", id="abbreviation"),
        pytest.param("git@example.com:t.git", "git@example.com:t.git", "git@example.com:t.git", id="ssh"),
        pytest.param(
            "https://ci:secret@example.com/t", "https://ci:secret@example.com/t", "https://example.com/t", id="token"
        ),
    ],
)
def test_what_was_cloned_is_recorded_by_its_url_without_a_token(
    template: Path, typed: str, url: str, address: str
) -> None:
    (template / ".git" / "config").write_text(CONFIG.format(url), encoding="utf-8")

    found = origin.find_record(context(typed, str(template), "v1"), ["/nowhere"])

    assert found is not None
    assert (found.template, found.checkout) == (address, "v1")
    assert "secret" not in found.to_json()


def test_a_template_in_a_folder_of_a_repository(template: Path) -> None:
    write(template, {"ml/cookiecutter.json": "{}", ".git/index": "DIRC…ml/cookiecutter.json\0…"})

    found = origin.find_record(context("https://example.com/t.git", str(template / "ml")), ["/nowhere"])

    assert found is not None
    assert (found.template, found.directory) == ("https://example.com/t.git", "ml")


@pytest.mark.parametrize("inside", [False, True], ids=["anywhere", "inside another repository"])
def test_a_template_that_is_not_in_git_has_no_record(tmp_path: Path, inside: bool) -> None:
    files = {"unpacked/cookiecutter.json": "{}"} | ({".git/HEAD": ONE, ".git/index": "DIRC…"} if inside else {})
    write(tmp_path, files)

    assert origin.write_record(tmp_path, context("t.zip", str(tmp_path / "unpacked"))) is False
    assert not (tmp_path / record.FILE).exists()


def test_cruft_is_left_to_write_its_own(tmp_path: Path) -> None:
    assert origin.write_record(tmp_path, {"project_slug": "p", "_template": "t", "_commit": ONE}) is True
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_what_cruft_writes(tmp_path: Path, template: Path) -> None:
    origin.write_record(tmp_path, context(str(template)) | {"project_name": 'Ünï "🚀"'})

    text = (tmp_path / record.FILE).read_text(encoding="utf-8")
    assert list(json.loads(text).items()) == [
        ("template", str(template)),
        ("commit", ONE),
        ("checkout", None),
        (
            "context",
            {
                "cookiecutter": {
                    "project_slug": "p",
                    "_extensions": [],
                    "project_name": 'Ünï "🚀"',
                    "_template": str(template),
                    "_commit": ONE,
                }
            },
        ),
        ("directory", None),
    ]
    assert 'Ünï \\"🚀\\"' in text
    assert text.endswith("}\n")
