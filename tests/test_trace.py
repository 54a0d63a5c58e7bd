"""Who and what started an execution: what is read from GitLab and from a terminal, and what becomes of odd names."""

from __future__ import annotations

import getpass
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sagemaker_ops import trace
from sagemaker_ops.definition import request_limits
from sagemaker_ops.trace import Trace

SHA = "3f2a1b4c5d6e7f8091a2b3c4d5e6f708192a3b4c"
URL = "https://gitlab.example.com/group/name/-/pipelines/345"
GITLAB = {
    "GITLAB_CI": "true",
    "CI_COMMIT_SHA": SHA,
    "CI_PIPELINE_ID": "345",
    "CI_PIPELINE_SOURCE": "push",
    "CI_PIPELINE_URL": URL,
    "CI_PROJECT_PATH": "group/name",
    "GITLAB_USER_LOGIN": "anna",
}
MERGED = "Merge branch 'x' into 'main'\n\nA title\n\nSee merge request group/name!12"


def in_gitlab(**more: str) -> Trace:
    return trace.of(Path(os.devnull), "nobody", {**GITLAB, **more})


def test_in_gitlab_all_facts_are_known() -> None:
    found = in_gitlab(CI_COMMIT_MESSAGE=MERGED)

    assert found.text == ("user=anna commit=3f2a1b4c5d6e merge-request=12 pipeline=345 source=push project=group/name")
    assert found.description == (
        f"GitLab pipeline 345 (push) of group/name, started by anna, commit 3f2a1b4c5d6e, merge request !12, {URL}"
    )
    assert found.tags == {"commit": "3f2a1b4c5d6e", "deployed-by": found.text}
    assert found.document == {
        "User": "anna", "Commit": "3f2a1b4c5d6e", "MergeRequest": "12", "Pipeline": "345", "Source": "push",
        "Project": "group/name",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("variables", "merge_request"),
    [
        pytest.param({"CI_MERGE_REQUEST_IID": "7"}, "7", id="of the merge request itself"),
        pytest.param({"CI_MERGE_REQUEST_IID": "7", "CI_COMMIT_MESSAGE": MERGED}, "7", id="both"),
        pytest.param({"CI_COMMIT_MESSAGE": MERGED}, "12", id="merged"),
        pytest.param({"CI_COMMIT_MESSAGE": f"{MERGED}\r\n"}, "12", id="with another line end"),
        pytest.param({"CI_COMMIT_MESSAGE": "Title\n\nSee merge request !12"}, "12", id="without the project"),
        pytest.param({"CI_COMMIT_MESSAGE": MERGED, "CI_PROJECT_PATH": "Group/Name"}, "12", id="in capitals"),
        pytest.param({"CI_COMMIT_MESSAGE": MERGED, "CI_PROJECT_PATH": ""}, "12", id="of an unknown project"),
        pytest.param(
            {"CI_COMMIT_MESSAGE": f"{MERGED}\n\nSee merge request group/name!13"}, "13", id="the last one of two"
        ),
        pytest.param({"CI_COMMIT_MESSAGE": "See merge request other/project!12"}, "", id="of another project"),
        pytest.param({"CI_COMMIT_MESSAGE": "As in See merge request group/name!12"}, "", id="in a sentence"),
        pytest.param({"CI_COMMIT_MESSAGE": "This reverts merge request !12"}, "", id="reverted"),
        pytest.param({"CI_COMMIT_MESSAGE": "See merge request group/name!x"}, "", id="not a number"),
        pytest.param({"CI_MERGE_REQUEST_IID": "1; rm"}, "", id="a variable that is not a number"),
        pytest.param({"CI_MERGE_REQUEST_IID": "9" * 19}, "", id="a number that is too long"),
        pytest.param({}, "", id="no merge request"),
    ],
)
def test_the_merge_request_is_that_of_the_merge_commit(variables: dict[str, str], merge_request: str) -> None:
    assert in_gitlab(**variables).merge_request == merge_request


@pytest.mark.parametrize(
    ("variables", "text", "description"),
    [
        pytest.param({"CI_PIPELINE_ID": "345"}, "pipeline=345", "GitLab pipeline 345", id="only the pipeline"),
        pytest.param({"GITLAB_CI": "true"}, "unknown", "GitLab pipeline", id="nothing"),
        pytest.param(
            {"CI_PIPELINE_ID": "1000", "GITLAB_CI": "false", "CI_COMMIT_SHA": SHA},
            "commit=3f2a1b4c5d6e pipeline=1000",
            "GitLab pipeline 1000, commit 3f2a1b4c5d6e",
            id="a runner outside GitLab",
        ),
        pytest.param(
            {"GITLAB_CI": "true", "CI_COMMIT_SHA": "main", "GITLAB_USER_LOGIN": "anna", "CI_PIPELINE_SOURCE": "web"},
            "user=anna source=web",
            "GitLab pipeline (web), started by anna",
            id="a commit that is not one",
        ),
    ],
)
def test_what_is_not_known_is_left_out(variables: dict[str, str], text: str, description: str) -> None:
    found = trace.of(Path(os.devnull), "nobody", variables)

    assert (found.text, found.description) == (text, description)


@pytest.mark.parametrize(
    ("name", "user"),
    [
        ("anna", "anna"),
        ("anna.b_c-d", "anna.b_c-d"),
        ("anna@example.com", "anna"),
        ("anna+work@example.com", "anna+work"),
        ("anna\uff20example.com", "anna"),
        ("@anna", "anna"),
        ("Anna Müller", "Anna-Müller"),
        ("CORP\\anna", "CORP-anna"),
        ("Mu\u0308ller", "Müller"),
        ("安娜", "安娜"),
        ("a=b", "a-b"),
        ("user=root commit=0", "user-root-commit-0"),
        ("a\nb\tc\0d", "a-b-c-d"),
        ("'; drop table", "drop-table"),
        ("$(id)", "id"),
        ("a\udcffb", "a-b"),
        ("🙂", ""),
        ("  ", ""),
        ("", ""),
        ("x" * 300, "x" * 40),
    ],
)
@pytest.mark.parametrize("place", ["GitLab", "terminal"])
def test_odd_names_become_names_that_aws_accepts(tmp_path: Path, place: str, name: str, user: str) -> None:
    found = in_gitlab(GITLAB_USER_LOGIN=name) if place == "GitLab" else trace.of(tmp_path, name, {})

    assert found.user == user
    assert trace.parse(found.text).user == user
    assert "@" not in found.text + found.description
    assert request_limits.check_value(found.text, "CustomerMetadataValue", "it") == []
    assert [request_limits.check_value(each, "TagValue", "it") for each in found.tags.values()] == [[], []]
    assert found.description.isprintable()


def test_the_longest_values_fit_and_a_project_keeps_its_end(tmp_path: Path) -> None:
    found = in_gitlab(
        GITLAB_USER_LOGIN="u" * 300,
        CI_MERGE_REQUEST_IID="1" * 18,
        CI_PIPELINE_ID="2" * 18,
        CI_PIPELINE_SOURCE="s" * 300,
        CI_PROJECT_PATH=f"{'g/' * 200}name",
        CI_PIPELINE_URL=f"https://gitlab.example.com/{'g/' * 400}",
    )

    assert request_limits.check_value(found.text, "CustomerMetadataValue", "it") == []
    assert found.project.endswith("/g/name")
    assert len(found.description) <= 3072


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, URL),
        ("https://ci:secret@gitlab.example.com/a/b", "https://gitlab.example.com/a/b"),
        ("https://gitlab.example.com:8443/a?private_token=secret#x", "https://gitlab.example.com:8443/a"),
        ("https://gitlab.example.com/a\nb", ""),
        ("https://gitlab.example.com:port/a", ""),
        ("https:///a", ""),
        ("javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_the_address_of_the_pipeline_contains_nothing_else(url: str, shown: str) -> None:
    found = in_gitlab(CI_PIPELINE_URL=url)

    assert found.url == shown
    assert found.description.endswith(shown or "3f2a1b4c5d6e")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, and a project in a folder of it."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    project = tmp_path / "project"
    project.mkdir()
    (project / "project.toml").write_text("a = 1\n")
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text(".local/\nignored/\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=one")
    return project


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=anna", "-c", "user.email=anna@example.com", "-c", "commit.gpgsign=false")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def edited(project: Path) -> Path:
    (project / "project.toml").write_text("a = 2\n")
    return project


def staged(project: Path) -> Path:
    git(edited(project), "add", ".")
    return project


def with_a_new_file(project: Path) -> Path:
    (project / "new.py").touch()
    return project


def with_ignored_files(project: Path) -> Path:
    (project / ".local").mkdir()
    (project / ".local" / "x").touch()
    return project


def beside_an_edited_project(project: Path) -> Path:
    (project.parent / "other.txt").touch()
    return project


def ignored_by_another_repository(project: Path) -> Path:
    (project.parent / "ignored" / "project").mkdir(parents=True)
    return project.parent / "ignored" / "project"


def new_in_another_repository(project: Path) -> Path:
    (project.parent / "new").mkdir()
    (project.parent / "new" / "project.toml").touch()
    return project.parent / "new"


def without_a_commit(project: Path) -> Path:
    (project.parent / ".git").rename(project.parent / "old")
    git(project, "init", "--quiet")
    git(project, "add", ".")
    return project


def without_a_repository(project: Path) -> Path:
    (project.parent / ".git").rename(project.parent / "old")
    return project


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "ending"),
    [
        pytest.param(lambda project: project, "", id="clean"),
        pytest.param(edited, "-dirty", id="edited"),
        pytest.param(staged, "-dirty", id="staged"),
        pytest.param(with_a_new_file, "-dirty", id="a new file"),
        pytest.param(with_ignored_files, "", id="an ignored file"),
        pytest.param(beside_an_edited_project, "", id="a change outside the project"),
        pytest.param(ignored_by_another_repository, None, id="ignored by another repository"),
        pytest.param(new_in_another_repository, None, id="new in another repository"),
        pytest.param(without_a_commit, None, id="without a commit"),
        pytest.param(without_a_repository, None, id="without a repository"),
    ],
)
def test_from_a_terminal_it_is_the_commit_of_the_project(repository: Path, change: Any, ending: str | None) -> None:
    head = git(repository, "rev-parse", "HEAD")[:12]

    found = trace.of(change(repository), "anna", {})

    assert found.commit == ("" if ending is None else head + ending)
    assert found.text == " ".join(
        filter(None, ["user=anna", found.commit and f"commit={found.commit}", "source=terminal"])
    )
    said = {None: "", "": f", commit {head}", "-dirty": f", commit {head} with uncommitted changes"}[ending]
    assert found.description == f"Personal run from a terminal by anna{said}"


def test_without_git_the_commit_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert trace.of(tmp_path, "anna", {}).text == "user=anna source=terminal"


@pytest.mark.parametrize("error", [KeyError("uid not found: 1234"), OSError("No username set in the environment")])
def test_a_user_without_a_name_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", fail)

    found = trace.of(tmp_path, trace.login, {})

    assert (found.text, found.description) == ("source=terminal", "Personal run from a terminal")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("user=anna source=terminal", Trace(user="anna", source="terminal")),
        ("source=push user=anna", Trace(user="anna", source="push")),
        ("unknown", Trace()),
        ("", Trace()),
        (None, Trace()),
        (7, Trace()),
        (["user=anna"], Trace()),
        ("nightly run", Trace(note="nightly run")),
        ("user=anna nightly", Trace(note="user=anna nightly")),
        ("user=", Trace(note="user=")),
        ("user=anna  source=push", Trace(note="user=anna  source=push")),
        ("user=anna user=bo", Trace(note="user=anna user=bo")),
        ("url=x note=y", Trace(note="url=x note=y")),
    ],
)
def test_any_started_by_can_be_read(text: object, found: Trace) -> None:
    assert trace.parse(text) == found
    assert trace.parse(found.text) == found


@pytest.mark.parametrize(
    ("definition", "given", "values"),
    [
        pytest.param({}, {"A": "1"}, {"A": "1"}, id="no parameters"),
        pytest.param({"Parameters": None}, {}, {}, id="null"),
        pytest.param({"Parameters": [1, {"Name": "A", "Type": "String"}]}, {}, {}, id="others"),
        pytest.param(
            {"Parameters": [{"Name": "StartedBy", "Type": "String"}]},
            {"A": "1"},
            {"StartedBy": "user=anna", "A": "1"},
            id="declared",
        ),
        pytest.param(
            {"Parameters": [{"Name": "StartedBy", "Type": "String", "DefaultValue": "unknown"}]},
            {"StartedBy": "me"},
            {"StartedBy": "me"},
            id="set by the user",
        ),
        pytest.param(
            {"Parameters": [{"Name": "StartedBy", "Type": "String", "EnumValues": ["a"]}]}, {}, {}, id="a choice"
        ),
        pytest.param({"Parameters": [{"Name": "StartedBy", "Type": "Float"}]}, {}, {}, id="a number"),
        pytest.param({}, {"StartedBy": "me"}, {"StartedBy": "me"}, id="not declared, so an error elsewhere"),
    ],
)
def test_it_is_added_where_the_definition_has_it(
    definition: dict[str, Any], given: dict[str, str], values: dict[str, str]
) -> None:
    assert trace.parameters(definition, given, Trace(user="anna")) == values
