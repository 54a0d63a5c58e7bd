"""A change in one script runs the steps again that use it, and no others."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from projects import Bake, Project

from sagemaker_ops.definition import step_types

pytestmark = pytest.mark.slow

QUICK = ("--param", "MaxIter=3", "--param", "QualityGate=0.1")


@pytest.fixture
def project(ready: Bake) -> Project:
    return ready()


def edit(project: Project, name: str) -> None:
    file = project.path / "production" / "steps" / name
    file.write_text(f"{file.read_text(encoding='utf-8')}# edited\n", encoding="utf-8")


def compiled(project: Project) -> dict[str, Any]:
    """{step: its JSON}, and the rest of the definition."""
    definition = json.loads(project.ops("compile", "train").out)
    found = {step["Name"]: step for step in step_types.walk(definition.pop("Steps"))}
    gate = found["QualityGate"]["Arguments"]
    gate["IfSteps"], gate["ElseSteps"] = [], []  # they are in `found` themselves
    return {**found, "": definition}


def test_a_change_moves_the_code_of_the_steps_that_use_it_and_changes_nothing_else(project: Project) -> None:
    before = compiled(project)
    differ = {}
    for name in ("training.py", "evaluation.py", "inference.py", "features.py", "metrics.py", "README.md"):
        edit(project, name)
        after = compiled(project)
        differ[name] = {step for step in after if after[step] != before[step]}
        before = after

    assert differ == {
        "training.py": {"Training"},
        "evaluation.py": {"Evaluation"},
        "inference.py": {"Training"},  # which packs it with the model
        "features.py": {"Training", "Evaluation"},
        "metrics.py": {"Training", "Evaluation"},
        "README.md": set(),
    }


def test_a_change_runs_the_steps_that_use_it_and_the_others_are_cached(project: Project) -> None:
    ran, last = {}, ""
    for name in ("", "training.py", "evaluation.py", "README.md"):
        if name:
            edit(project, name)
        done = project.ops("run", "train", *QUICK)
        assert done.code == 0, done
        last = done.out.splitlines()[-3]
        jobs = re.findall(r"^(\w+) +(?:Processing|Training) +Succeeded +\S+ s(.*)$", done.out, re.MULTILINE)
        ran[name] = {step for step, note in jobs if "cached" not in note}

    assert ran == {
        "": {"Processing", "Training", "Evaluation"},
        "training.py": {"Training"},  # it makes the same model, so that its evaluation is still known
        "evaluation.py": {"Evaluation"},
        "README.md": set(),
    }
    assert last.endswith(
        ": model customer-flight-delays-local is already registered as version 3 (PendingManualApproval)."
    )
