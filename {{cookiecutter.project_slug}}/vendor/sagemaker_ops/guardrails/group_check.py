"""Checks the limit of [evaluation] on the difference between groups: one that a difference of the metric can exceed."""

from __future__ import annotations

from pathlib import Path

from sagemaker_ops.errors import Problem
from sagemaker_ops.guardrails.gate_check import METRICS, SHARE, has_own_metric
from sagemaker_ops.project.settings import FILE, Settings


def check(settings: Settings, root: Path) -> list[Problem]:
    """The problems of the limit; none for a metric of the team's own, whose values can be any numbers."""
    limit, metric = settings.evaluation.max_group_difference, settings.gate.metric
    if limit is None or limit <= 1 or has_own_metric(metric, root):
        return []
    if METRICS.get(settings.data.problem, {}).get(metric) != SHARE:
        return []
    remedy = f"{limit / 100:.15g}" if limit <= 100 else "a number above 0 and up to 1"
    message = f"{limit:.15g} is above 1, the largest possible difference of {metric}: write {remedy}."
    return [Problem(message, f"{FILE} [evaluation].max_group_difference")]
