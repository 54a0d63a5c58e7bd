"""The guide's chapter "Change it": make every change, run every command, and compare its output with the page."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from guide import compare, follow, patched, run
from projects import TEMPLATE, Bake, Project
from repositories import Repository

CHAPTER = TEMPLATE / "docs" / "change"
BIN = Path(sys.executable).parent
PAGES = {  # page: the fixture with what it changes
    "setting": "project",
    "feature": "project",
    "estimator": "project_with_its_own_environment",
    "package": "project_with_its_own_environment",
    "metric": "project",
    "step": "project",
    "pipeline": "project",
    "tune": "project",
    "predict": "project",
    "gitlab-job": "project",
    "question": "template",
}


@pytest.fixture
def project(ready: Bake) -> Project:
    return ready()


@pytest.fixture
def project_with_its_own_environment(project: Project) -> Project:
    """The page installs packages into a copy of the shared environment."""
    environment, shared = project.path / ".venv", (project.path / ".venv").resolve()
    environment.unlink()
    shutil.copytree(shared, environment, symlinks=True, copy_function=_link)
    for script in (environment / "bin").iterdir():
        if not script.is_symlink() and (content := script.read_bytes()).startswith(b"#!%b/" % bytes(shared)):
            script.unlink()
            script.write_bytes(content.replace(bytes(shared), bytes(environment), 1))
            script.chmod(0o755)
    return project


def _link(source: str, target: str) -> None:
    """A second name for the file, which takes no time; an installer replaces files and does not write to them."""
    try:
        os.link(source, target)
    except OSError:  # on another disk
        shutil.copy2(source, target)


@pytest.fixture
def template(tmp_path: Path) -> Project:
    """A copy of the template as a git repository, after its `make setup`."""
    left_out = shutil.ignore_patterns(".git", ".venv", "build", "site", "__pycache__", ".*_cache", ".local")
    copy = Project(Path(shutil.copytree(TEMPLATE, tmp_path / "template", ignore=left_out)))
    repository = Repository(copy.path)
    repository.git("init", "--quiet")
    repository.commit()
    (copy.path / ".venv").symlink_to(BIN.parent)
    return copy


def test_each_page_is_followed_and_in_the_index() -> None:
    linked = re.findall(r"\]\(([a-z-]+)\.md\)", (CHAPTER / "index.md").read_text(encoding="utf-8"))

    assert {path.stem for path in CHAPTER.glob("*.md")} == {"index", *PAGES}
    assert linked == list(PAGES)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_change_on_the_page_does_what_it_says(page: str, request: pytest.FixtureRequest) -> None:
    project: Project = request.getfixturevalue(PAGES[page])

    follow(CHAPTER / f"{page}.md", project, BIN / "check-jsonschema")

    for check in (["check", "."], ["format", "--check", "."]):
        done = project.run(BIN / "ruff", *check, "--no-cache")
        assert done.code == 0, done


TEXT = "a = 1\nb = 2\nb = 3\nc = 4\n"


@pytest.mark.parametrize(
    ("diff", "result"),
    [
        pytest.param("-b = 2\n+b = 5\n", "a = 1\nb = 5\nb = 3\nc = 4\n", id="a replaced line"),
        pytest.param(" c = 4\n+d = 5\n", f"{TEXT}d = 5\n", id="a line below another"),
        pytest.param("-a = 1\n@@\n-c = 4\n", "b = 2\nb = 3\n", id="two places"),
        pytest.param("-a = 1\n-…\n-c = 4\n+x = 0\n", "x = 0\n", id="any lines removed"),
        pytest.param("-a = 2\n+a = 5\n", None, id="a line that is not there"),
        pytest.param("-b = \n+b = 5\n", None, id="a part of a line"),
        pytest.param(" a = 1\n", None, id="no change"),
        pytest.param("a = 1\n+d = 5\n", None, id="no sign"),
    ],
)
def test_a_diff_changes_the_one_place_that_it_fits(diff: str, result: str | None) -> None:
    if result is None:
        with pytest.raises(AssertionError):
            patched(TEXT, diff)
    else:
        assert patched(TEXT, diff) == result


PRINTED = "Training  Succeeded  3.2 s  cached (execution 1v8yk63dohm2)\nauc   0.729 0.01\nexit code 1\n"


@pytest.mark.parametrize(
    ("quoted", "same"),
    [
        pytest.param(PRINTED, True, id="the same"),
        pytest.param("…\nauc 0.731 0.0102\nexit code 1\n", True, id="other digits, and a gap"),
        pytest.param("Training Succeeded 11 s cached (execution aaaaaaaaaaaa)\n…\n", True, id="other time and id"),
        pytest.param("…\nauc 0.629 0.01\n…\n", False, id="another score"),
        pytest.param("…\nexit code 0\n", False, id="another code"),
        pytest.param("…\nf1 0.729 0.01\n…\n", False, id="another word"),
        pytest.param("…\nexit code 1\n…\nauc 0.729 0.01\n", False, id="another order"),
        pytest.param(
            "Training Succeeded 3.2 s cached (execution 1v8yk63dohm2)\nexit code 1\n", False, id="a line too few"
        ),
        pytest.param(f"{PRINTED}done\n", False, id="a line too many"),
    ],
)
def test_what_is_quoted_is_what_is_printed(quoted: str, same: bool) -> None:
    if same:
        compare(quoted, PRINTED)
    else:
        with pytest.raises(AssertionError):
            compare(quoted, PRINTED)


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        pytest.param("```bash\necho 1\n```\n\n```text\n2\n```\n", "line 5: not printed here: '2'", id="output"),
        pytest.param("```bash\nfalse\n```\n", "line 1: `false` failed", id="exit code"),
        pytest.param("```bash\nfalse\ntrue\n```\n", "failed", id="exit code of any command"),
        pytest.param("```text\n1\n```\n", "no command was run", id="output of nothing"),
        pytest.param("In `a.txt`:\n\n```diff\n-2\n+3\n```\n", "are in the file 0 times", id="diff"),
        pytest.param("In `b.txt`:\n\n```diff\n-1\n+3\n```\n", "there is no b.txt", id="file"),
        pytest.param("Like this:\n\n```toml\na = 1\n```\n", "does not say which file", id="a block for no file"),
        pytest.param("In `a.txt`:\n\n```toml\na = 1\n```\n", "is a diff", id="not a diff"),
    ],
)
def test_a_mistake_on_a_page_is_found(tmp_path: Path, page: str, complaint: str) -> None:
    (tmp_path / "a.txt").write_text("1\n", encoding="utf-8")
    (tmp_path / "page.md").write_text(page, encoding="utf-8")

    with pytest.raises(AssertionError) as error:
        follow(tmp_path / "page.md", Project(tmp_path))

    assert complaint in str(error.value)


def test_what_follows_a_question_on_the_page_is_typed(tmp_path: Path) -> None:
    script = "test -t 0; printf 'Continue? [y/N] '; read -r answer; echo \"got $answer\""

    assert run(script, Project(tmp_path), quoted="Continue? [y/N] y\n") == "Continue? [y/N] y\ngot y\n"


def test_the_blocks_of_a_page_are_applied_in_order(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Write `a.py`:\n\n```python\na = 1\n```\n\nIn `a.py`, change:\n\n```diff\n-a = 1\n+a = 2\n```\n\n"
        "At the end of `a.py`:\n\n```python\nb = 3\n```\n\n```bash\ncat a.py\n```\n\n```text\na = 2\n\n\nb = 3\n```\n",
        encoding="utf-8",
    )

    follow(page, Project(tmp_path))

    assert (tmp_path / "a.py").read_text(encoding="utf-8") == "a = 2\n\n\nb = 3\n"
