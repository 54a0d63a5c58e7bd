"""Checks the instances in a compiled definition: a pipeline file can set types and counts without project.toml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagemaker_ops.definition import step_types
from sagemaker_ops.errors import Problem
from sagemaker_ops.guardrails import instance_check, policy, volume_check
from sagemaker_ops.guardrails.policy import Policy


def check(definition: dict[str, Any], rules: Policy, file: str) -> list[Problem]:
    """The instances of each step that the guardrails refuse; `file` is the pipeline's file."""
    defaults = {f"Parameters.{each['Name']}": each.get("DefaultValue") for each in definition.get("Parameters", [])}
    problems = []
    for step in step_types.walk(definition["Steps"]):
        use, where = step_types.of(step["Type"]).use, f"{file} step '{step['Name']}'"
        if not use:
            continue
        for resources in _resources(step["Arguments"]):
            name, count = (
                defaults.get(value["Get"]) if isinstance(value, dict) and "Get" in value else value
                for value in (resources["InstanceType"], resources.get("InstanceCount"))
            )
            if isinstance(name, str):
                problems += instance_check.check(name, use, where, rules)
                keys = ["`kms_key`"] if resources.get("VolumeKmsKeyId") else []
                problems += volume_check.check_key(name, use, keys, rules, where)
                if isinstance(size := resources.get("VolumeSizeInGB"), int):
                    problems += volume_check.check_size(name, size, where)
            if isinstance(count, int):
                problems += policy.check_instance_count(count, rules, where)
    return [problem for problem in problems if problem.level == "error"]


def _resources(arguments: Any) -> Iterator[dict[str, Any]]:
    """Every ResourceConfig, ClusterConfig … in the arguments of a step: every table with an instance type."""
    if isinstance(arguments, dict):
        if "InstanceType" in arguments:
            yield arguments
        for value in arguments.values():
            yield from _resources(value)
