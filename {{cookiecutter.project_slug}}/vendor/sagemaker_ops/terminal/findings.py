"""Shows the findings of `ops doctor` in a terminal and as JSON."""

from __future__ import annotations

from sagemaker_ops.guardrails.machine_check import Finding
from sagemaker_ops.terminal import tables


def lines(findings: list[Finding]) -> list[str]:
    """For a terminal: one line per finding, even if a message of AWS or the system has several."""
    return [line for each in findings for line in [f"{each.level:<8} {each.what:<11} {' '.join(each.message.split())}"]]


def document(findings: list[Finding]) -> str:
    return tables.document({"Checks": [each.document for each in findings]})
