"""GitLab's jobs for a merge request, run by gitlab-ci-local, with the caches that their files name."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from benchmarks.results import Result, Row, Table
from benchmarks.workplace import TEMPLATE, Workplace, generate

sys.path.insert(0, str(TEMPLATE / "tests"))  # where the jobs are also run

from gitlab import line as lines
from projects import Project

_FINISHED = re.compile(r"^(\S+) +finished in ([\d.]+) (ms|s|min)", re.MULTILINE)
_SECONDS = {"ms": 0.001, "s": 1, "min": 60}


def measure(place: Workplace) -> Result:
    """The first round fills the caches and is not counted. quick: one job that installs nothing, once."""
    lines.install()
    line = _repository(place.folder / "project")
    if place.quick:
        rounds = [_jobs(line, "guardrails")]
    else:
        _jobs(line, CACHE_POLICY="pull-push")
        rounds = [_jobs(line, CACHE_POLICY="pull") for _ in range(place.runs(2))]
    rows = [Row(f"`{job}`", [each[job] for each in rounds]) for job in rounds[0]]
    rows.append(Row("all together", [sum(each.values()) for each in rounds]))
    return Result(
        "gitlab",
        "GitLab's jobs for a merge request",
        "gitlab-ci-local runs the jobs of a new project one after another, each with only the cache that its file "
        "names, filled by an earlier pipeline.",
        [Table("A merge request", rows)],
    )


def _jobs(line: lines.Line, *jobs: str, **variables: str) -> dict[str, float]:
    """The seconds of each job."""
    ran = line.run_merge_request(*jobs, **variables)
    if ran.code:
        raise RuntimeError(str(ran))
    found = _FINISHED.findall(ran.out)
    return {job: float(number) * _SECONDS[unit] for job, number, unit in found if job in ran.jobs}


def _repository(folder: Path) -> lines.Line:
    """A new project with a home folder of its own, and one for the caches of each job, as in a container."""
    line = lines.repository(Project(generate(folder / "made")), folder)
    variables = {name: value for name, value in line.variables.items() if name != "UV_CACHE_DIR"}
    (folder / "home").mkdir()
    caches = f"{folder}/caches/$CI_JOB_ID"
    return lines.Line(line.project, {**variables, "HOME": str(folder / "home"), "XDG_CACHE_HOME": caches})
