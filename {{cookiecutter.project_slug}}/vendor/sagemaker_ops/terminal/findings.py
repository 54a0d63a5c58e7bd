"""What `ops doctor` found, for a terminal and as JSON."""

from __future__ import annotations

from sagemaker_ops.guardrails.machine_check import Finding
from sagemaker_ops.terminal import tables


def lines(findings: list[Finding]) -> list[str]:
    """For a terminal: a line each, whatever AWS or the system said."""
    return [line for each in findings for line in [f"{each.level:<8} {each.what:<11} {' '.join(each.message.split())}"]]


def document(findings: list[Finding]) -> str:
    return tables.document({"Checks": [each.document for each in findings]})
