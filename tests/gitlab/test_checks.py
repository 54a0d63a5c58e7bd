"""The jobs of a merge request: each finds what it is for, and the line stops there."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest
from projects import Project

from .line import Line

pytestmark = pytest.mark.slow
LIMIT = "max_instance_hours_per_execution = 1"


@pytest.mark.longest
def test_a_merge_request_runs_every_check(line: Line) -> None:
    line.git("checkout", "--quiet", "-b", "more-iterations")
    line.project.edit("hyperparameters", max_iter="50")
    line.commit()

    ran = line.run_merge_request()

    assert ran.code == 0, str(ran)
    assert ran.jobs == dict.fromkeys(("ready", "guardrails", "lint", "test", "run-locally"), "PASS"), str(ran)
    page = ran.artifact("run-locally", "review.html").read_text(encoding="utf-8")
    assert "MaxIter" in page
    gate = ElementTree.parse(ran.report("run-locally", "gitlab/train/gate.xml")).getroot()
    assert {case.get("name") for case in gate.iter("testcase")} >= {"quality gate", "Training"}
    assert ran.report("test", "coverage.xml").stat().st_size
    assert json.loads(ran.report("guardrails", "code-quality.json").read_text(encoding="utf-8")) == []


def a_broken_step(project: Project) -> None:
    path = project.path / "production" / "steps" / "training.py"
    text = path.read_text(encoding="utf-8")
    broken = re.sub(r"(?m)^(def main\(.*\n)", r'\1    raise ValueError("no")\n', text)
    assert broken != text
    path.write_text(broken, encoding="utf-8")


def a_gate_that_fails(project: Project) -> None:
    project.edit("gate", minimum="0.99")


def a_forbidden_instance(project: Project) -> None:
    project.edit("instances", training='"ml.t2.medium"')


def another_vertical(project: Project) -> None:
    (project.path / "guardrails.toml").write_text('verticals = ["revenue"]\n', encoding="utf-8")


def too_expensive(project: Project) -> None:
    path = project.path / "guardrails.toml"
    text = path.read_text(encoding="utf-8").replace("# max_instance_hours_per_execution = 20", LIMIT)
    assert LIMIT in text
    path.write_text(text, encoding="utf-8")


def a_leaked_key(project: Project) -> None:
    text = "# the old one\nKEY = " + repr("AKIA" + "ABCDEFGH" + "IJKLMNOP") + "\n"
    (project.path / "production" / "steps" / "keys.py").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "jobs", "stopped", "said"),
    [
        (a_broken_step, ("guardrails", "run-locally"), "run-locally", "step 'Training'"),
        (a_gate_that_fails, ("guardrails", "run-locally"), "run-locally", "requires at least 0.99"),
        (a_forbidden_instance, ("guardrails", "run-locally"), "guardrails", "ml.t2.medium"),
        (another_vertical, ("guardrails", "run-locally"), "guardrails", "customer"),
        (too_expensive, ("guardrails", "run-locally"), "run-locally", "instance hours"),
        (a_leaked_key, ("guardrails", "lint"), "lint", "keys.py"),
    ],
)
def test_a_fault_stops_the_line_at_its_job(
    line: Line, change: Callable[[Project], None], jobs: tuple[str, ...], stopped: str, said: str
) -> None:
    change(line.project)
    line.commit()

    ran = line.run_merge_request(*jobs, "--needs")

    assert ran.code != 0, str(ran)
    assert [job for job, outcome in ran.jobs.items() if outcome == "FAIL"] == [stopped], str(ran)
    assert said in ran.out
