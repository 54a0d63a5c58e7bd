"""When a project can be updated, to which version, and that it is not damaged when something fails."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from repositories import Repository, in_project, new_project, new_repository, new_template

from sagemaker_ops.errors import UserError
from sagemaker_ops.template import summary
from sagemaker_ops.template.merge import MergeRepository
from sagemaker_ops.template.update import Update, update_project


@pytest.fixture
def template(tmp_path: Path) -> Repository:
    return new_template(
        tmp_path / "template", {"a": "1\n", "{{cookiecutter.project_slug}}.txt": "1\n", "vendor/l": "1\n"}
    )


@pytest.fixture
def project(tmp_path: Path, template: Repository) -> Repository:
    return new_project(template, tmp_path)


def record(project: Repository) -> dict[str, object]:
    return dict(json.loads(project.text(".cruft.json")))


def rewrite(project: Repository, **keys: object) -> None:
    """Commits .cruft.json with other values."""
    project.commit({".cruft.json": json.dumps(record(project) | keys)})


def said(update: Update) -> list[str]:
    return summary.lines(update, applied=True)


# {what is wrong: (how to cause it, the message)}
REFUSED: dict[str, tuple[Callable[[Repository], object], str]] = {
    "a file that is not committed": (
        lambda p: p.write({"a": "2\n"}),
        r"uncommitted changes \(a\): commit them, or",
    ),
    "a file that git does not know": (lambda p: p.write({"new": ""}), r"uncommitted changes \(new\)"),
    "no repository": (lambda p: (p.folder / ".git").rename(p.folder.parent / "git"), "is not a git repository"),
    "no record": (lambda p: p.commit({".cruft.json": None}), r"\.cruft\.json: .* does not have this file.*`cruft link"),
    "a record that is not JSON": (lambda p: p.commit({".cruft.json": "<<<<<<<"}), r"\.cruft\.json: not valid JSON"),
    "a record without a commit": (
        lambda p: p.commit({".cruft.json": "{}"}),
        r"\.cruft\.json: template, commit or context\.cookiecutter is missing",
    ),
    "a commit that is not a hash": (lambda p: rewrite(p, commit="--main"), "'--main' is not a commit"),
    "a template that is gone": (
        lambda p: rewrite(p, template="/nowhere/t"),
        "The template at /nowhere/t cannot be cloned .*--template ADDRESS",
    ),
    "a commit that the template does not have": (
        lambda p: rewrite(p, commit="1" * 40),
        f"does not have the commit {'1' * 40} in .cruft.json",
    ),
    "a branch that the template does not have": (lambda p: rewrite(p, checkout="v9"), "no branch, tag or commit 'v9'"),
    "a folder that the template does not have": (
        lambda p: rewrite(p, directory="ml", checkout="main"),
        "version .* cannot be rendered: .*No such file",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", REFUSED)
def test_a_project_is_not_updated_with(what: str, project: Repository, template: Repository) -> None:
    template.commit(in_project({"a": "2\n"}))
    make, sentence = REFUSED[what]
    make(project)
    before = files(project)

    with pytest.raises(UserError, match=sentence):
        update_project(project.folder)

    assert files(project) == before


def files(project: Repository) -> dict[str, bytes]:
    paths = (path for path in project.folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(project.folder).as_posix(): path.read_bytes() for path in paths}


def test_a_project_without_a_commit_is_not_updated(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Nothing is committed yet"):
        update_project(new_repository(tmp_path / "p").folder)


def test_a_folder_of_a_repository_is_not_updated(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "p")
    repository.commit({"inner/.cruft.json": "{}"})

    with pytest.raises(UserError, match=f"is only a part of the repository {tmp_path}/p"):
        update_project(tmp_path / "p" / "inner")


@pytest.mark.slow
def test_with_the_newest_version_there_is_nothing_to_do(project: Repository) -> None:
    before = project.git("rev-parse", "HEAD")

    [line] = said(update_project(project.folder))

    assert line.startswith("Already up to date")
    assert (project.status(), project.git("rev-parse", "HEAD")) == ({}, before)


@pytest.mark.slow
def test_a_version_that_changes_nothing_in_the_project_is_nothing_to_do(
    project: Repository, template: Repository
) -> None:
    template.commit({"README.md": "of the template\n"})

    [line] = said(update_project(project.folder))

    assert line.startswith("Already up to date")
    assert f"and {template.git('rev-parse', 'HEAD')[:7]} " in line
    assert project.status() == {}


@pytest.mark.slow
def test_a_project_that_is_ahead_of_the_default_branch_is_not_moved_back(tmp_path: Path, template: Repository) -> None:
    template.git("checkout", "--quiet", "-b", "next")
    template.commit(in_project({"a": "2\n"}))
    project = new_project(template, tmp_path)
    template.git("checkout", "--quiet", "main")

    assert said(update_project(project.folder))[0].startswith("Already up to date")
    assert project.text("a") == "2\n"


@pytest.mark.slow
def test_a_recorded_branch_is_followed_and_checkout_changes_it(project: Repository, template: Repository) -> None:
    template.git("tag", "v1")
    template.commit(in_project({"a": "2\n"}))
    template.git("tag", "v2")
    template.git("checkout", "--quiet", "-b", "stable")
    stable = template.commit(in_project({"a": "3\n"}))
    rewrite(project, checkout="v1")

    date = template.git("log", "-1", "--format=%cs")
    assert said(update_project(project.folder)) == [
        f"Already up to date: the project has version v1 ({date}) of the template. "
        "It follows 'v1'; choose another with `--checkout`."
    ]
    done = update_project(project.folder, checkout="stable")

    assert "From now on, the project follows 'stable' of the template." in done.notes
    assert project.text("a") == "3\n"
    assert (record(project)["checkout"], record(project)["commit"]) == ("stable", stable)
    project.commit()
    update_project(project.folder, checkout="v2")
    assert project.text("a") == "2\n", "and back"


@pytest.mark.slow
def test_a_template_that_has_moved_is_recorded_at_its_new_address(
    project: Repository, template: Repository, tmp_path: Path
) -> None:
    template.folder.rename(tmp_path / "moved")

    done = update_project(project.folder, address=str(tmp_path / "moved"))

    assert done.notes == [f"The address of the template is now {tmp_path}/moved, as in .cruft.json."]
    assert project.status() == {".cruft.json": "M"}
    assert record(project)["template"] == str(tmp_path / "moved")


@pytest.mark.slow
def test_a_commit_on_no_branch_is_found(project: Repository, template: Repository) -> None:
    template.git("commit", "--quiet", "--amend", "--message=another hash")
    template.commit(in_project({"a": "2\n"}))

    update_project(project.folder)

    assert project.text("a") == "2\n"


@pytest.mark.slow
def test_answers_with_any_text_are_kept(tmp_path: Path) -> None:
    """Cookiecutter renders the answers that it is given, although they were already rendered."""
    answer = "{{ 7*7 }} {% raw %} {# '\"\\ \n\U0001f680 #}\n"
    template = new_template(
        tmp_path / "t", {"a": "{{ cookiecutter.name }}"}, '{"project_slug": "p", "name": "x", "kind": ["k", "l"]}'
    )
    project = new_project(template, tmp_path)
    context = {"cookiecutter": {"project_slug": "p", "name": answer, "kind": "l", "_commit": "x"}}
    rewrite(project, context=context)
    project.commit({"a": answer})
    template.commit(in_project({"a": "{{ cookiecutter.name }} {{ cookiecutter.kind }}"}))

    done = update_project(project.folder)

    assert (done.notes, done.conflicts) == ([], [])
    assert project.text("a") == f"{answer} l"
    assert record(project)["context"]["cookiecutter"]["name"] == answer  # type: ignore[index]


@pytest.mark.slow
def test_the_librarys_own_changes_are_listed_and_replaced(project: Repository, template: Repository) -> None:
    project.commit({"vendor/l": "own\n", "vendor/added": "own\n"})
    template.commit(in_project({"vendor/l": "2\n", "vendor/new": "2\n"}))

    done = update_project(project.folder)

    assert done.overwritten == ["vendor/added", "vendor/l"]
    assert {name for name in files(project) if name.startswith("vendor/")} == {"vendor/l", "vendor/new"}
    assert project.git("show", "HEAD:vendor/l") == "own"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pin", "note"),
    [
        pytest.param("1.0", "pyproject.toml now pins the library sagemaker-ops 1.1: your", id="that of the template"),
        pytest.param("1.0.post1", "sagemaker-ops changes from 1.0 to 1.1: pin this version", id="the team's own"),
    ],
)
def test_a_deleted_vendor_stays_deleted_and_the_version_to_pin_is_named(tmp_path: Path, pin: str, note: str) -> None:
    def version(number: str) -> dict[str, str]:
        return {
            "vendor/sagemaker_ops/__init__.py": f'__version__ = "{number}"\n',
            "pyproject.toml": f'dependencies = ["sagemaker-ops[steps]=={number}"]\n',
        }

    template = new_template(tmp_path / "t", version("1.0"))
    project = new_project(template, tmp_path)
    pinned = version(pin)["pyproject.toml"]
    project.commit({"vendor/sagemaker_ops/__init__.py": None, "pyproject.toml": pinned})
    template.commit(in_project(version("1.1")))

    done = update_project(project.folder)

    [line] = done.notes
    assert note in line
    assert not (project.folder / "vendor" / "sagemaker_ops" / "__init__.py").exists()
    assert [conflict.path for conflict in done.conflicts] == ([] if pin == "1.0" else ["pyproject.toml"])


@pytest.mark.slow
def test_a_dry_run_lists_the_same_and_changes_nothing(project: Repository, template: Repository) -> None:
    project.commit({"a": "own\n"})
    template.commit(in_project({"a": "2\n", "p.txt": "2\n"}))
    before = files(project)

    shown = update_project(project.folder, apply=False)

    assert (project.status(), files(project)) == ({}, before)
    assert shown == update_project(project.folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["new", "new/er"], ids=["a file", "a file where a folder is to be"])
def test_a_file_that_git_ignores_is_not_overwritten(project: Repository, template: Repository, name: str) -> None:
    project.commit({".gitignore": "new\n"})
    project.write({"new": "own\n"})
    template.commit(in_project({name: "2\n", "a": "2\n"}))

    with pytest.raises(UserError, match="git ignores new, but the template now has a file with this name"):
        update_project(project.folder)

    assert (project.text("new"), project.text("a"), project.status()) == ("own\n", "1\n", {})


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_ctrl_c_changes_nothing_and_leaves_nothing(
    project: Repository, template: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    template.commit(in_project({"a": "2\n"}))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(MergeRepository, "merge", interrupt)

    with pytest.raises(KeyboardInterrupt):
        update_project(project.folder)

    assert (project.text("a"), project.status()) == ("1\n", {})
    assert list((tmp_path / "tmp").iterdir()) == []


def with_filter(project: Repository, command: str) -> None:
    """Make git run the command while it writes the file `b`."""
    project.commit({".gitattributes": "b filter=test\n"})
    project.git("config", "filter.test.clean", "cat")
    project.git("config", "filter.test.smudge", command)
    project.git("config", "filter.test.required", "true")


@pytest.mark.slow
def test_a_failure_in_the_last_step_is_undone(project: Repository, template: Repository) -> None:
    with_filter(project, "false")
    template.commit(in_project({"a": "2\n", "b": "2\n", "c": "2\n", "{{cookiecutter.project_slug}}.txt": None}))
    before = files(project)

    with pytest.raises(UserError, match=r"git failed .* the project was not changed"):
        update_project(project.folder)

    assert (project.status(), files(project)) == ({}, before)


@pytest.mark.slow
def test_ctrl_c_in_the_last_step_waits_for_it(project: Repository, template: Repository) -> None:
    with_filter(project, f"kill -INT {os.getpid()}; cat")
    template.commit(in_project({"a": "2\n", "b": "2\n", "c": "2\n"}))

    update_project(project.folder)

    assert project.status() == {".cruft.json": "M", "a": "M", "b": "A", "c": "A"}
