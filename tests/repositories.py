"""Git repositories of a test: a small template with a history, and a project that was made from it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cookiecutter.main import cookiecutter
from projects import clean_environment

from sagemaker_ops.template import record

IDENTITY = {f"GIT_{who}_{what}": "someone" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
PROJECT = "{{cookiecutter.project_slug}}"
Files = Mapping[str, str | bytes | None]
"""{path: its new content}; None removes it."""


@dataclass(frozen=True)
class Repository:
    folder: Path

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=clean_environment() | IDENTITY | {"GIT_CONFIG_GLOBAL": os.devnull},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.rstrip("\n")

    def write(self, files: Files) -> None:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: Files | None = None) -> str:
        """Commits the files and all other changes; returns the commit's hash."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=x")
        return self.git("rev-parse", "HEAD")

    def status(self) -> dict[str, str]:
        """{path: git's two-letter status}; renamed files have their new path."""
        lines = self.git("status", "--porcelain").splitlines()
        return {line[3:].rpartition(" -> ")[2]: line[:2].strip() for line in lines}

    def text(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")


def new_repository(folder: Path, *, bare: bool = False) -> Repository:
    folder.mkdir(parents=True)
    repository = Repository(folder)
    repository.git("init", "--quiet", "--initial-branch=main", *(["--bare"] if bare else []))
    return repository


def new_template(folder: Path, files: Files, questions: str = '{"project_slug": "p"}') -> Repository:
    """A template whose project has these files."""
    template = new_repository(folder)
    template.commit({"cookiecutter.json": questions, **in_project(files)})
    return template


def in_project(files: Files) -> Files:
    """The files at their paths in the template."""
    return {f"{PROJECT}/{name}": content for name, content in files.items()}


def new_project(template: Repository, folder: Path, **answers: str) -> Repository:
    """A project made from the template's newest commit, with everything committed."""
    path = Path(cookiecutter(str(template.folder), no_input=True, output_dir=str(folder), extra_context=answers))
    project = Repository(path)
    project.git("init", "--quiet", "--initial-branch=main")
    known = record.Record(str(template.folder), template.git("rev-parse", "HEAD"), {"project_slug": "p"} | answers)
    project.commit({record.FILE: known.to_json()})
    return project
