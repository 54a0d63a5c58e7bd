"""A project and the template change independently, and `ops update-project` merges the changes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter
from projects import TEMPLATE, TEMPLATE_PROJECT, Bake, Project, Result, cookiecutter_command
from repositories import PROJECT, Repository, in_project, new_repository

from sagemaker_ops.template import origin, record

pytestmark = pytest.mark.slow

LIBRARY = "vendor/sagemaker_ops"
NOTEBOOK = "eda/look_at_the_data.ipynb"


def copy_of_the_template(folder: Path) -> Repository:
    """This template as a separate repository, with one more question: `editor`."""
    template = new_repository(folder)
    for name in ("hooks", "templates", PROJECT):
        shutil.copytree(TEMPLATE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    ask(template, editor=["vscode", "emacs"])
    append(template, f"{PROJECT}/docs/index.md", "\nEditor: {{ cookiecutter.editor }}\n")
    template.commit()
    return template


def ask(template: Repository, **questions: object) -> None:
    asked = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8")) | questions
    template.write({"cookiecutter.json": json.dumps(asked)})


def edit(repository: Repository, path: str, old: str, new: str) -> None:
    text = repository.text(path)
    assert text.count(old) == 1, (path, old)
    repository.write({path: text.replace(old, new)})


def append(repository: Repository, path: str, text: str) -> None:
    repository.write({path: repository.text(path) + text})


def work_of_the_team(project: Repository) -> None:
    project.write(
        {
            "production/steps/scoring.py": '"""A step of the team."""\n',
            "production/pipelines/nightly.py": '"""A pipeline of the team."""\n',
            "develop/README.md": None,
        }
    )
    edit(project, "project.toml", "minimum = 0.65", "minimum = 0.7")
    edit(project, "README.md", "# Flight delays", "# Late flights")
    edit(project, "Makefile", "## Build the documentation into site/", "## Build our documentation")
    append(project, "production/steps/features.py", "\n# of the team\n")
    append(project, "guardrails.toml", "\n# of the team\n")
    append(project, NOTEBOOK, "\n")
    append(project, f"{LIBRARY}/errors.py", "\n# of the team\n")
    project.commit()


def work_on_the_template(template: Repository) -> None:
    ask(template, editor=["vscode", "zed"], licence="MIT")
    edit(template, f"{PROJECT}/project.toml", "volume_size_gb = 30", "volume_size_gb = 50")
    edit(template, f"{PROJECT}/README.md", "## Commands", "Licence: {{ cookiecutter.licence }}\n\n## Commands")
    edit(template, f"{PROJECT}/Makefile", "## Build the documentation into site/", "## Build the guide into site/")
    for path in ("develop/README.md", "docs/index.md", "data/sample/README.md"):
        append(template, f"{PROJECT}/{path}", "\nOf the template.\n")
    features = f"{PROJECT}/production/steps/features.py"
    edit(template, f"{PROJECT}/{NOTEBOOK}", '"cells": [', '"cells":  [')
    edit(template, f"{PROJECT}/{LIBRARY}/__init__.py", '__version__ = "', '__version__ = "9.')
    moved = f"{PROJECT}/production/steps/columns.py"
    renamed = {moved: template.text(features), features: None}
    added = in_project({"docs/operations.md": "# Operations\n", f"{LIBRARY}/new.py": "", f"{LIBRARY}/store.py": None})
    removed = in_project({"eda/README.md": None, "guardrails.toml": None})
    template.commit({**renamed, **added, **removed})


def update(project: Repository, *options: str) -> Result:
    """The command, with the project's own library."""
    return Project(project.folder).run(sys.executable, "-m", "sagemaker_ops", "update-project", *options)


def test_the_teams_changes_stay_and_the_templates_are_added(tmp_path: Path) -> None:
    template = copy_of_the_template(tmp_path / "template")
    made = cookiecutter(
        str(template.folder), no_input=True, output_dir=str(tmp_path), extra_context={"editor": "emacs"}
    )
    project = Repository(Path(made))
    project.commit()
    work_of_the_team(project)
    work_on_the_template(template)

    # A dry run changes nothing.
    shown = update(project, "--dry-run")
    assert shown.code == 1, shown
    assert project.status() == {}

    # The real update.
    done = update(project)
    assert done.code == 1, done
    first, *lines = done.out.splitlines()
    assert first.startswith(f"Template {template.git('rev-parse', 'HEAD~')[:7]} (")
    version = project.text(f"{LIBRARY}/__init__.py").partition('__version__ = "')[2].partition('"')[0]
    assert version.startswith("9.")
    assert lines == [
        "editor: 'emacs' is no longer a choice; 'vscode' is used instead.",
        "licence: a new question; the default 'MIT' is used.",
        f"The library sagemaker-ops changes from {version[2:]} to {version}: vendor/CHANGELOG.md says what is new.",
        "updated   README.md",
        "updated   data/sample/README.md",
        "updated   docs/index.md",
        "added     docs/operations.md",
        "removed   eda/README.md",
        "renamed   production/steps/features.py -> production/steps/columns.py",
        "updated   project.toml",
        "replaced  vendor/: 4 files",
        "Your changes in the template's folders are replaced. `git show HEAD:<file>` still shows them:",
        f"replaced  {LIBRARY}/errors.py",
        "3 conflicts to resolve: edit each file, `git add` it, and commit. `git reset --hard` undoes the update.",
        "conflict  Makefile: the template and you changed the same lines",
        f"conflict  {NOTEBOOK}: the template and you changed it: your version is kept",
        "conflict  guardrails.toml: the template removed it, but you changed it: your version is kept",
    ]
    assert [line for line in shown.out.splitlines() if "conflict" not in line] == [
        line for line in done.out.splitlines() if "conflict" not in line
    ]
    assert project.status() == {
        ".cruft.json": "M",
        "Makefile": "UU",
        "README.md": "M",
        "data/sample/README.md": "M",
        "docs/index.md": "M",
        "docs/operations.md": "A",
        "eda/README.md": "D",
        NOTEBOOK: "UU",
        "guardrails.toml": "UD",
        "production/steps/columns.py": "R",
        "project.toml": "M",
        f"{LIBRARY}/__init__.py": "M",
        f"{LIBRARY}/errors.py": "M",
        f"{LIBRARY}/new.py": "A",
        f"{LIBRARY}/store.py": "D",
    }

    # The files have the lines of both sides.
    assert "minimum = 0.7 " in project.text("project.toml")
    assert "volume_size_gb = 50" in project.text("project.toml")
    assert project.text("README.md").startswith("# Late flights\n")
    assert "Licence: MIT\n" in project.text("README.md")
    assert "Editor: vscode\n" in project.text("docs/index.md")
    assert project.text("production/steps/columns.py").endswith("\n# of the team\n")
    assert "<<<<<<< HEAD\ndocs: library ## Build our documentation\n" in project.text("Makefile")
    json.loads(project.text(NOTEBOOK))
    assert project.text(f"{LIBRARY}/errors.py") == (TEMPLATE_PROJECT / LIBRARY / "errors.py").read_text("utf-8")

    # The update can be undone and repeated.
    project.git("reset", "--quiet", "--hard")
    assert project.status() == {}
    assert update(project).out == done.out

    # After the conflicts are resolved and committed, there is nothing left to do.
    project.git("checkout", "--theirs", "Makefile")
    project.commit()
    again = update(project)
    assert again.code == 0, again
    assert again.out.startswith("Already up to date")
    answers = json.loads(project.text(".cruft.json"))["context"]["cookiecutter"]
    assert (answers["editor"], answers["licence"]) == ("vscode", "MIT")


def test_make_update_runs_it_with_options(bake: Bake) -> None:
    done = bake().run("make", "--dry-run", "update", "OPTIONS=--checkout v2")

    assert done.code == 0, done
    assert "sagemaker_ops.project.environment update\n" in done.out
    assert "sagemaker_ops update-project --checkout v2\n" in done.out


@pytest.mark.skipif(not (TEMPLATE / ".git").exists(), reason="the template is not in git here")
def test_a_new_project_records_the_templates_commit(tmp_path: Path) -> None:
    done = cookiecutter_command(tmp_path, "project_name=Ünï")
    assert (done.code, done.err) == (0, "")

    found = record.read(tmp_path / "uni")

    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=TEMPLATE, capture_output=True, text=True, check=True)
    assert (found.template, found.commit) == (str(TEMPLATE), head.stdout.strip())
    assert found.answers["project_name"] == "Ünï"
    asked = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    assert list(found.answers) == [name for name in asked if not name.startswith("_")]
    assert origin.find_commit(TEMPLATE) == found.commit


def test_a_template_that_is_not_in_git_is_reported_in_one_line(tmp_path: Path) -> None:
    for name in ("hooks", "templates", PROJECT, "cookiecutter.json"):
        (tmp_path / name).symlink_to(TEMPLATE / name)

    done = cookiecutter_command(tmp_path, template=tmp_path)

    assert done.code == 0, done
    assert done.err == "The template is not a git repository, so `make update` cannot find newer versions of it.\n"
    assert not (tmp_path / "flight-delays" / ".cruft.json").exists()
