"""A project in a git repository with an origin, and gitlab-ci-local, which runs its jobs as they are written."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock
from projects import TEMPLATE, Project, clean_environment

from . import rules

VERSION = "4.73.0"  # the last one for Node 20
FOLDER = TEMPLATE / "build" / "node"
PROGRAM = FOLDER / "node_modules" / ".bin" / "gitlab-ci-local"
GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
MERGE_REQUEST = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_MERGE_REQUEST_IID": "12",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
}
_ENDED = re.compile(r"^ (PASS|WARN|FAIL)  (\S+)", re.MULTILINE)


def install() -> Path:
    """Install it once, with a newer Node if the machine's is too old, and a stand-in for rsync if there is none."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with FileLock(FOLDER / "lock"):
        wanted = [f"gitlab-ci-local@{VERSION}", *([] if _node() >= 20 else ["node@22"])]
        kept = FOLDER / "installed"
        if not kept.is_file() or kept.read_text(encoding="utf-8").split() != wanted:
            subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit", *wanted], cwd=FOLDER, check=True)
            kept.write_text(" ".join(wanted), encoding="utf-8")
        tools = FOLDER / "tools"
        tools.mkdir(exist_ok=True)
        stand_in = tools / "rsync"
        stand_in.unlink(missing_ok=True)
        if not shutil.which("rsync"):
            put_rsync(tools)
    return PROGRAM


def put_rsync(folder: Path) -> None:
    """An rsync that can do what gitlab-ci-local needs."""
    program = folder / "rsync"
    script = Path(__file__).with_name("rsync.py")
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -B "{script}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)


def _node() -> int:
    if not shutil.which("node"):
        return 0
    shown = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(shown.strip().removeprefix("v").partition(".")[0])


@dataclass(frozen=True)
class Ran:
    """What the jobs did. jobs: PASS, WARN or FAIL for each that ran; folder: of the repository."""

    code: int
    out: str
    folder: Path

    @property
    def jobs(self) -> dict[str, str]:
        """The last word on each job, such as {"lint": "PASS"}."""
        found: dict[str, str] = {}
        for outcome, job in _ENDED.findall(self.out):
            found[job] = max(outcome, found.get(job, ""), key=["", "PASS", "WARN", "FAIL"].index)
        return found

    def log(self, job: str) -> str:
        """What the job printed."""
        lines = re.findall(rf"^{re.escape(job)} +[>$] ?(.*)$", self.out, re.MULTILINE)
        return "\n".join(lines)

    def artifact(self, job: str, path: str) -> Path:
        """A file of the job's artifacts."""
        kept = self.folder / ".gitlab-ci-local" / "artifacts" / job
        assert (kept / path).exists(), (
            f"{job} has no {path}: {[str(each.relative_to(kept)) for each in kept.rglob('*')]}"
        )
        return kept / path

    def report(self, job: str, path: str) -> Path:
        """A file that the job declares as a report for GitLab; gitlab-ci-local leaves it where the job wrote it."""
        declared = rules.jobs(rules.load(self.folder))[job]["artifacts"]["reports"].values()
        patterns = [each["path"] if isinstance(each, dict) else each for each in declared]
        assert any(fnmatch.fnmatch(path, pattern) for pattern in patterns), patterns
        return self.folder / ".gitlab-ci-local" / "builds" / job / path

    def __str__(self) -> str:  # for the message of an assertion
        return f"exit code {self.code}\n{self.out}"


@dataclass(frozen=True)
class Line:
    """The repository. variables: those that GitLab has, besides its own."""

    project: Project
    variables: Mapping[str, str] = field(default_factory=dict)

    def commit(self, message: str = "change") -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            [*GIT, *arguments],
            cwd=self.project.path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def push(self) -> None:
        self.git("push", "--quiet", "origin", "HEAD:main")
        self.git("fetch", "--quiet", "origin")

    def run(self, *jobs: str, **variables: str) -> Ran:
        """Run these jobs, or the whole line without those that are started by hand."""
        return self._run([], jobs, variables)

    def run_merge_request(self, *jobs: str, **variables: str) -> Ran:
        """The same for a merge request of the branch to main: GitLab has no CI_COMMIT_BRANCH there."""
        return self._run(["--unset-variable", "CI_COMMIT_BRANCH"], jobs, {**MERGE_REQUEST, **variables})

    def _run(self, options: list[str], jobs: Sequence[str], variables: Mapping[str, str]) -> Ran:
        given = {**self.variables, **variables}
        command = [str(PROGRAM), "--force-shell-executor", "--shell-isolation", "--no-artifacts-to-source"]
        command += ["--home", str(self.project.path.parent / "home"), "--concurrency", "1"]
        command += ["--ignore-predefined-vars", ",".join(name for name in given if name.startswith(("CI_", "GITLAB_")))]
        command += [f"--variable={name}={value}" for name, value in given.items()]
        done = subprocess.run(
            [*command, *options, *jobs],
            cwd=self.project.path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Ran(done.returncode, re.sub(r"\x1b\[[0-9;]*m", "", done.stdout), self.project.path)


def environment() -> dict[str, str]:
    """That of a runner: Node and uv are there, and no colours."""
    path = [FOLDER / "tools", FOLDER / "node_modules" / ".bin", Path(sys.executable).parent]
    return {
        **clean_environment(),
        "PATH": ":".join([*map(str, path), os.environ["PATH"]]),
        "NO_COLOR": "1",
        "FORCE_COLOR": "0",
    }


def repository(project: Project, folder: Path, **variables: str) -> Line:
    """Commit the project on main, and push it to an origin."""
    line = Line(project, {"PYTHON": sys.executable, **installing(), **variables})
    subprocess.run([*GIT, "init", "--quiet", "--bare", str(folder / "origin.git")], check=True)
    if not (project.path / ".git").is_dir():
        line.git("init", "--quiet")
    line.git("checkout", "--quiet", "-B", "main")
    (project.path / ".git" / "info" / "exclude").write_text(".gitlab-ci-local/\n.venv\n", encoding="utf-8")
    line.commit("first")
    line.git("remote", "add", "origin", str(folder / "origin.git"))
    line.push()
    line.git("remote", "set-head", "origin", "main")
    return line


def installing() -> dict[str, str]:
    """uv's cache is the machine's own, so that nothing is downloaded twice."""
    uv = Path(sys.executable).with_name("uv")
    shown = subprocess.run([str(uv), "cache", "dir"], capture_output=True, text=True, check=True).stdout
    return {"UV_CACHE_DIR": shown.strip()}
