"""How long GitLab's jobs take for a merge request, compared with the four jobs that there were before they deployed.

gitlab-ci-local runs them. As in a runner's container, each job has only the cache that its file names.
"""

from __future__ import annotations

import io
import re
import statistics
import subprocess
import sys
import tarfile
from pathlib import Path

from cookiecutter.main import cookiecutter

TEMPLATE = Path(__file__).parents[1]
sys.path.insert(0, str(TEMPLATE / "tests"))  # where the jobs are also run

from gitlab import line as lines  # noqa: E402
from projects import Project  # noqa: E402

BEFORE = "b6d14b8"  # the last commit with these four jobs alone
JOBS = ("guardrails", "lint", "test", "run-locally")
_FINISHED = re.compile(r"^(\S+) +finished in ([\d.]+) (ms|s|min)", re.MULTILINE)
_SECONDS = {"ms": 0.001, "s": 1, "min": 60}


def measure(folder: Path, runs: int = 2) -> str:
    """`folder` must be empty. The first round fills the caches and is not counted."""
    lines.install()
    sides = {"before": _repository(folder / "before", _old(folder)), "now": _repository(folder / "now", TEMPLATE)}
    taken: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for round_number in range(runs + 1):
        for side, line in sides.items():
            ran = line.run_merge_request(CACHE_POLICY="pull" if round_number else "pull-push")
            if ran.code:
                raise RuntimeError(str(ran))
            if round_number:
                found = _FINISHED.findall(ran.out)
                jobs = {job: float(number) * _SECONDS[unit] for job, number, unit in found if job in ran.jobs}
                taken[side].append(jobs)
    return _table(taken)


def _old(folder: Path) -> Path:
    """The template at that commit."""
    archive = subprocess.run(["git", "archive", BEFORE], cwd=TEMPLATE, check=True, capture_output=True).stdout
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


def _table(taken: dict[str, list[dict[str, float]]]) -> str:
    rows = ["### GitLab's jobs for a merge request", "", "| job | now | before | ratio |", "|---|---:|---:|---:|"]
    for job in [*taken["now"][0], "the four together", "all together"]:
        now, before = ([_of(job, each) for each in taken[side]] for side in ("now", "before"))
        shown = f"{statistics.median(now):.1f} s"
        if not all(before):
            rows.append(f"| {job} | {shown} | | |")
            continue
        ratio = statistics.median(a / b for a, b in zip(now, before, strict=True))
        rows.append(f"| {job} | {shown} | {statistics.median(before):.1f} s | {ratio:.2f} |")
    return "\n".join(rows) + "\n"


def _of(job: str, seconds: dict[str, float]) -> float:
    if job == "the four together":
        return sum(seconds[each] for each in JOBS)
    return sum(seconds.values()) if job == "all together" else seconds.get(job, 0)
