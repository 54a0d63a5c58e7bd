"""`ops diff` in real repositories of git: what it compares with, what it leaves alone, and what it cannot compare."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aws import deployable
from projects import Project, Result, bake_into, clean_environment
from repositories import Files, Repository

pytestmark = pytest.mark.slow  # each compiles pipelines in a real repository
TRAIN = "production/pipelines/train.py"
LIMIT = "max_runtime_minutes = 60"
SHORTER = "~ step Training: MaxRuntimeInSeconds 3600 → 1800"
BROKEN: Files = {TRAIN: "import nothing_of_this_name\n"}


@pytest.fixture(scope="module")
def _committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that compiles quickly, with one commit on main."""
    project = bake_into(tmp_path_factory.mktemp("committed"))
    deployable.prepare(project)
    git = Repository(project.path)
    git.git("init", "--quiet", "--initial-branch=main")
    git.commit()
    git.git("branch", "-M", "main")  # the hook has already made a repository
    return project.path


@pytest.fixture
def project(_committed: Path, tmp_path: Path) -> Project:
    """A copy on a branch, in a folder with spaces."""
    path = shutil.copytree(_committed, tmp_path / "our models" / _committed.name, symlinks=True)
    Repository(path).git("switch", "--quiet", "--create", "change")
    return Project(path)


def diff(project: Project, *arguments: str, **environment: str) -> Result:
    return project.run(sys.executable, "-B", "-m", "sagemaker_ops", "diff", *arguments, **environment)


def shorten(project: Project) -> None:
    """Change project.toml so that jobs have half the time."""
    file = project.path / "project.toml"
    text = file.read_text(encoding="utf-8")
    assert LIMIT in text
    file.write_text(text.replace(LIMIT, LIMIT.replace("60", "30")), encoding="utf-8")


def outcomes(project: Project, *arguments: str) -> dict[str, str]:
    done = diff(project, "--output", "json", *arguments)
    assert done.code == 0, done
    return {each["Pipeline"]: each["Status"] for each in json.loads(done.out)["Pipelines"]}


def test_nothing_changed_is_one_line(project: Project) -> None:
    done = diff(project)

    assert (done.code, done.err) == (0, ""), done
    assert done.out.splitlines()[2:] == ["train: no change"]


def test_a_change_is_shown_in_words_with_the_maximum_cost(project: Project) -> None:
    shorten(project)

    done = diff(project, "train")

    assert (done.code, done.err) == (0, ""), done
    assert done.out.splitlines()[1:] == [
        "",
        "train: 2 changes",
        "  ~ step Processing: MaxRuntimeInSeconds 3600 → 1800",
        f"  {SHORTER}",
        "  maximum cost before: 2 instance hours; cost unknown: guardrails.toml has no [prices]",
        "  maximum cost after: 1 instance hours; cost unknown: guardrails.toml has no [prices]",
    ]


def test_pipelines_that_are_new_or_removed_are_named(project: Project) -> None:
    pipelines = project.path / "production" / "pipelines"
    shutil.copy(project.path / TRAIN, pipelines / "weekly.py")
    (project.path / TRAIN).unlink()

    assert outcomes(project) == {"weekly": "added", "train": "removed"}
    assert "~" not in diff(project, "weekly").out


def _branch(git: Repository) -> str:
    git.git("branch", "other", "main")
    return "other"


def _tag(git: Repository) -> str:
    git.git("tag", "--annotate", "--message=x", "v1", "main")
    return "v1"


def _remote(git: Repository) -> str:
    git.git("update-ref", "refs/remotes/origin/main", "main")
    git.git("branch", "--delete", "--force", "main")
    return ""  # it is the default


def _commit(git: Repository) -> str:
    return git.git("rev-parse", "main")[:10]


def _ancestor(git: Repository) -> str:
    git.commit({"README.md": "x"})
    return "HEAD~1"


@pytest.mark.parametrize("name", [_branch, _tag, _remote, _commit, _ancestor])
def test_it_compares_with_whatever_git_understands(project: Project, name: Callable[[Repository], str]) -> None:
    ref = name(Repository(project.path))
    shorten(project)

    done = diff(project, *(["--against", ref] if ref else []))

    assert (done.code, done.err) == (0, ""), done
    commit = Repository(project.path).git("rev-parse", f"{ref or 'origin/main'}^{{commit}}")[:8]
    shown = commit if name is _commit else f"{ref or 'origin/main'} ({commit})"
    assert done.out.startswith(f"Against {shown}, for local:\n")
    assert SHORTER in done.out


def _as_it_is(project: Project) -> Project:
    return project


def _subfolder(project: Project) -> Project:
    """In a repository with other projects."""
    whole = project.path.with_name("everything")
    moved = whole / "models of all" / project.path.name
    shutil.copytree(project.path, moved, ignore=shutil.ignore_patterns(".git"))
    (whole / "other.txt").write_text("x")
    git = Repository(whole)
    git.git("init", "--quiet")
    git.commit()
    git.git("branch", "-M", "main")
    git.git("switch", "--quiet", "--create", "change")
    return Project(moved)


def _shallow(project: Project) -> Project:
    Repository(project.path).commit({"README.md": "x"})
    clone = project.path.with_name("clone")
    Repository(project.path).git(
        "clone", "--quiet", "--depth=1", "--no-single-branch", project.path.as_uri(), str(clone)
    )
    return Project(clone)


def _linked(project: Project) -> Project:
    there = project.path.with_name("second worktree")
    Repository(project.path).git("worktree", "add", "--quiet", "--detach", str(there))
    return Project(there)


def _sparse(project: Project) -> Project:
    Repository(project.path).git("sparse-checkout", "set", "data", "vendor", "production")
    return project


def _export_ignore(project: Project) -> Project:
    Repository(project.path).commit({".gitattributes": "production/** export-ignore\n*.toml text eol=crlf\n"})
    return project


@pytest.mark.parametrize("place", [_as_it_is, _subfolder, _shallow, _linked, _sparse, _export_ignore])
def test_it_changes_nothing_in_any_kind_of_clone(project: Project, place: Callable[[Project], Project]) -> None:
    project = place(project)
    git = Repository(project.path)
    shorten(project)
    git.git("add", "project.toml")
    (project.path / "production" / "steps" / "training.py").write_text("# changed\n", encoding="utf-8")
    (project.path / "production" / "new.txt").write_text("new", encoding="utf-8")
    before = _state(git)

    done = diff(project, "--against", "origin/main" if place is _shallow else "main")

    assert (done.code, done.err) == (0, ""), done
    assert SHORTER in done.out
    assert "~ code of Training: " in done.out
    assert _state(git) == before


def _state(git: Repository) -> tuple[object, ...]:
    index = git.folder / git.git("rev-parse", "--git-path", "index")
    return (
        git.status(),
        index.read_bytes(),
        git.git("worktree", "list"),
        git.git("rev-parse", "HEAD"),
        git.git("reflog"),
    )


def test_the_variables_of_a_git_hook_do_not_mislead_it(project: Project, tmp_path: Path) -> None:
    shorten(project)

    done = diff(project, GIT_DIR=str(tmp_path), GIT_INDEX_FILE=str(tmp_path / "index"), GIT_WORK_TREE="/")

    assert (done.code, done.err) == (0, ""), done
    assert SHORTER in done.out


def test_it_works_in_a_folder_of_the_project(project: Project) -> None:
    done = Project(project.path / "production").run(
        sys.executable, "-B", "-m", "sagemaker_ops", "diff", PYTHONPATH=f"{project.path}/vendor:{project.path}"
    )

    assert (done.code, done.err) == (0, ""), done


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(
            ["--against", "origin/main"], "git knows no 'origin/main' here: run `git fetch origin main`", id="a remote"
        ),
        pytest.param(["--against", "mian"], "git knows no 'mian' here: run `git fetch origin mian`", id="a typo"),
        pytest.param(["--against", ""], "git knows no '' here", id="nothing"),
        pytest.param(["--against=--all"], "git knows no '--all' here", id="an option of git"),
        pytest.param(["--against", "main:README.md"], "git knows no 'main:README.md' here", id="a file"),
        pytest.param(["trian"], "No pipeline 'trian' in production/pipelines, here or at main", id="a pipeline"),
        pytest.param(["--output", "yaml"], "--output: 'yaml' is not a valid value.", id="a format"),
        pytest.param(["--env", "test"], "project.toml has no [environments.test]", id="an environment"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_remedy(project: Project, arguments: list[str], sentence: str) -> None:
    done = diff(project, *arguments)

    assert (done.code, done.out) == (2, ""), done
    [line] = done.err.splitlines()
    assert sentence in line


def test_without_a_repository_or_main_it_says_what_to_do(project: Project) -> None:
    Repository(project.path).git("branch", "--delete", "--force", "main")
    neither = diff(project)
    shutil.rmtree(project.path / ".git")
    nowhere = diff(project, GIT_CEILING_DIRECTORIES=str(project.path.parent))

    assert (neither.code, nowhere.code) == (2, 2)
    assert neither.err.startswith(
        "error: there is neither a branch origin/main nor main to compare with: run `git fetch"
    )
    assert nowhere.err.endswith("clone the project with git, or run `git init`.\n")


def _without(*names: str) -> Callable[[Repository], None]:
    def remove(git: Repository) -> None:
        git.git("rm", "-r", "--quiet", *names)
        git.commit()

    return remove


def _with(files: Files) -> Callable[[Repository], object]:
    return lambda git: git.commit(files)


@pytest.mark.parametrize(
    ("break_it", "status", "sentence"),
    [
        pytest.param(_without("vendor"), "unknown", "has no library in vendor/", id="no library"),
        pytest.param(_without("project.toml", "production"), "added", "so everything is new.", id="no project"),
        pytest.param(_with({"project.toml": "["}), "unknown", "compiled: project.toml: not valid", id="settings"),
        pytest.param(_with(BROKEN), "unknown", "train.py line 1: ModuleNotFoundError", id="a pipeline"),
        pytest.param(_without("data"), "unchanged", "train: no change", id="data that is not in git"),
    ],
)
def test_the_other_side_that_cannot_be_compiled_is_a_sentence(
    project: Project, break_it: Callable[[Repository], object], status: str, sentence: str
) -> None:
    git = Repository(project.path)
    git.git("switch", "--quiet", "main")
    break_it(git)
    git.git("branch", "broken")
    git.git("switch", "--quiet", "change")

    done = diff(project, "--against", "broken")

    assert done.code == 0, done
    assert sentence in done.out + done.err
    assert outcomes(project, "--against", "broken") == {"train": status}


def test_a_pipeline_that_cannot_be_compiled_here_is_an_error_after_the_rest(project: Project) -> None:
    pipelines = project.path / "production" / "pipelines"
    shutil.copy(project.path / TRAIN, pipelines / "weekly.py")
    Repository(project.path).write(BROKEN)

    done = diff(project)

    assert done.code == 2, done
    assert "train: cannot be compared: it cannot be compiled here: production/pipelines/train.py line 1" in done.out
    assert "weekly: new" in done.out
    assert done.err.startswith("error: production/pipelines/train.py line 1: ModuleNotFoundError")


def test_a_branch_that_is_behind_is_told_so(project: Project) -> None:
    git = Repository(project.path)
    git.git("switch", "--quiet", "main")
    shorten(project)
    git.commit()
    git.git("switch", "--quiet", "change")

    done = diff(project)

    assert "~ step Training: MaxRuntimeInSeconds 1800 → 3600" in done.out
    assert done.err == (
        "note: This branch lacks a commit of main, so changes made there appear here as undone: merge main first.\n"
    )


def test_only_the_newest_commit_is_kept_also_after_ctrl_c(project: Project) -> None:
    git = Repository(project.path)
    git.commit({TRAIN: "import time\ntime.sleep(60)\n"})
    kept = project.path / ".local" / "review"
    process = subprocess.Popen(
        [sys.executable, "-B", "-m", "sagemaker_ops", "diff", "--against", "HEAD"],
        cwd=project.path,
        env=clean_environment() | {"PYTHONPATH": str(project.path / "vendor")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list(kept.glob("*/project.toml")):
        time.sleep(0.05)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)

    assert process.returncode not in (0, 2), err
    assert "Traceback" not in err

    Repository(project.path).git("restore", "--source=main", TRAIN)
    assert diff(project).code == 0
    assert [path.name for path in kept.iterdir() if path.is_dir()] == [
        Repository(project.path).git("rev-parse", "main")
    ]
    assert len(Repository(project.path).git("worktree", "list").splitlines()) == 1
