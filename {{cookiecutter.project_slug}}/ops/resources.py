"""The instances that a compiled definition takes: a pipeline's file can name types and counts past project.toml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ops import instances, policy
from ops.errors import Problem

# The type of a step -> the use of its instances.
USES = {"Processing": "processing", "Training": "training", "Tuning": "training", "Transform": "transform"}
Step = dict[str, Any]


def check(definition: dict[str, Any], file: str) -> list[Problem]:
    """What the guardrails refuse of the instances of each step; `file` is the pipeline's."""
    rules = policy.load()
    defaults = {f"Parameters.{each['Name']}": each.get("DefaultValue") for each in definition.get("Parameters", [])}
    problems = []
    for step in _steps(definition["Steps"]):
        if step["Type"] not in USES:
            continue
        use, where = USES[step["Type"]], f"{file} step '{step['Name']}'"
        for resources in _resources(step["Arguments"]):
            name, count = (
                defaults.get(value["Get"]) if isinstance(value, dict) and "Get" in value else value
                for value in (resources["InstanceType"], resources.get("InstanceCount"))
            )
            if isinstance(name, str):
                problems += instances.check(name, use, where, rules)
            if isinstance(count, int):
                problems += policy.check_instance_count(count, rules, where)
    return [problem for problem in problems if problem.level == "error"]


def _steps(steps: list[Step]) -> Iterator[Step]:
    """The steps, and those that a condition chooses from."""
    for step in steps:
        yield step
        if step["Type"] == "Condition":
            yield from _steps([*step["Arguments"].get("IfSteps", []), *step["Arguments"].get("ElseSteps", [])])


def _resources(arguments: Any) -> Iterator[dict[str, Any]]:
    """Every ResourceConfig, ClusterConfig … in the arguments of a step: whatever has an instance type."""
    if isinstance(arguments, dict):
        if "InstanceType" in arguments:
            yield arguments
        for value in arguments.values():
            yield from _resources(value)
