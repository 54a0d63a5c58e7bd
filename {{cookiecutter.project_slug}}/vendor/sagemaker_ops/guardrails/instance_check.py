"""Checks an instance type for a use, with a sentence for each rule that it breaks."""

from __future__ import annotations

from collections.abc import Sequence

from sagemaker_ops.errors import Problem
from sagemaker_ops.guardrails import instance_types
from sagemaker_ops.guardrails.policy import Policy

JOB_USES = ("processing", "training", "transform")


def check(name: str, use: str, where: str, policy: Policy, images: Sequence[str] = ()) -> list[Problem]:
    """A problem for each rule that `name` breaks for `use`; `images` are the values of its IMAGES."""
    broken = instance_types.broken_rules(name, use, policy, images)
    if not broken:
        return []
    from sagemaker_ops.guardrails import (
        instance_advice,  # goes through every type, and is needed only when something is wrong
    )

    return [
        Problem(
            instance_advice.sentence(rule, name, use, policy),
            where,
            "error" if instance_types.RULES[rule] == "error" else "warning",
        )
        for rule in broken
    ]


def check_job(name: str, where: str, policy: Policy) -> list[Problem]:
    """The same for a job whose kind is not known yet: a type that passes for one of JOB_USES passes."""
    found = [check(name, use, where, policy) for use in JOB_USES]
    return min(found, key=lambda problems: any(problem.level == "error" for problem in problems))
