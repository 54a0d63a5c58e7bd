"""Shows the findings of `ops doctor` in a terminal and as JSON."""

from __future__ import annotations

from sagemaker_ops.guardrails.machine_check import Finding, lines
from sagemaker_ops.terminal import tables

__all__ = ["document", "lines"]


def document(findings: list[Finding]) -> str:
    return tables.document({"Checks": [each.document for each in findings]})
