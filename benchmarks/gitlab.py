"""GitLab's jobs for a merge request, compared with the four jobs that there were before they deployed.

gitlab-ci-local runs them. As in a runner's container, each job has only the cache that its file names.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from cookiecutter.main import cookiecutter

from benchmarks.results import Result, Row, Table
from benchmarks.workplace import TEMPLATE, Workplace

sys.path.insert(0, str(TEMPLATE / "tests"))  # where the jobs are also run

from gitlab import line as lines
from projects import Project

EARLIER = "b6d14b8"  # the last commit with these four jobs alone
JOBS = ("guardrails", "lint", "test", "run-locally")
BEFORE, NOW = "before", "now"
_FINISHED = re.compile(r"^(\S+) +finished in ([\d.]+) (ms|s|min)", re.MULTILINE)
_SECONDS = {"ms": 0.001, "s": 1, "min": 60}


def measure(place: Workplace) -> Result:
    """The first round fills the caches and is not counted. quick: one job that installs nothing, once."""
    lines.install()
    if place.quick:
        taken = {NOW: [_jobs(_repository(place.folder / "now", TEMPLATE), "guardrails")]}
        return _result([Table("guardrails", [Row(NOW, [each["guardrails"] for each in taken[NOW]])])])
    earlier = _earlier(place.folder)
    sides = {BEFORE: _repository(place.folder / "before", earlier), NOW: _repository(place.folder / "now", TEMPLATE)}
    taken = {side: [] for side in sides}
    for round_number in range(place.runs(2) + 1):
        for side, line in sides.items():
            jobs = _jobs(line, CACHE_POLICY="pull" if round_number else "pull-push")
            taken[side] += [jobs] if round_number else []
    tables = []
    for job in [*taken[NOW][0], "the four together", "all together"]:
        rows = [Row(side, [_of(job, each) for each in taken[side]]) for side in sides]
        shown = [row for row in rows if all(row.seconds)]
        tables.append(Table(f"`{job}`" if job in taken[NOW][0] else job, shown, BEFORE if len(shown) == 2 else ""))
    return _result(tables)


def _result(tables: list[Table]) -> Result:
    return Result(
        "gitlab",
        "GitLab's jobs for a merge request",
        "gitlab-ci-local runs the jobs of a new project one after another. Before are the four jobs that there were "
        "before GitLab deployed anything.",
        tables,
    )


def _jobs(line: lines.Line, *jobs: str, **variables: str) -> dict[str, float]:
    """The seconds of each job."""
    ran = line.run_merge_request(*jobs, **variables)
    if ran.code:
        raise RuntimeError(str(ran))
    found = _FINISHED.findall(ran.out)
    return {job: float(number) * _SECONDS[unit] for job, number, unit in found if job in ran.jobs}


def _earlier(folder: Path) -> Path:
    """The template at that commit."""
    archive = subprocess.run(["git", "archive", EARLIER], cwd=TEMPLATE, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder / "template", filter="data")
    return folder / "template"


def _repository(folder: Path, template: Path) -> lines.Line:
    folder.mkdir()
    made = Path(cookiecutter(str(template), no_input=True, output_dir=str(folder)))
    line = lines.repository(Project(made), folder)
    variables = {name: value for name, value in line.variables.items() if name != "UV_CACHE_DIR"}
    (folder / "home").mkdir()
    caches = f"{folder}/caches/$CI_JOB_ID"
    return lines.Line(line.project, {**variables, "HOME": str(folder / "home"), "XDG_CACHE_HOME": caches})


def _of(job: str, seconds: dict[str, float]) -> float:
    if job == "the four together":
        return sum(seconds[each] for each in JOBS)
    return sum(seconds.values()) if job == "all together" else seconds.get(job, 0)
