"""The metrics of a training job: what its MetricDefinitions find in its log.

https://docs.aws.amazon.com/sagemaker/latest/dg/define-train-metrics.html describes them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sagemaker_ops.definition.paths import at

PROPERTY = "FinalMetricDataList"
DEFINITIONS = "AlgorithmSpecification.MetricDefinitions.*"
_NAMED_GROUP = re.compile(r"\(\?<(?![=!])")  # in Java, whose patterns these are


def complaint(arguments: Mapping[str, Any], name: str) -> str:
    """A sentence if the Regex of this metric of a training job can never give a number."""
    for each in at(arguments, DEFINITIONS):
        if each["Name"] == name and isinstance(each["Regex"], str):
            try:
                groups = _compiled(each["Regex"]).groups
            except re.error as error:
                return f"its Regex {each['Regex']!r} is not valid: {error}."
            return "" if groups else f"its Regex {each['Regex']!r} has no (group) around the number."
    return ""


def last_values(arguments: Mapping[str, Any], log: Iterable[str]) -> dict[str, float]:
    """{name: the number in the first group of the last match}; without those that match nowhere, or not a number."""
    patterns = {
        each["Name"]: each["Regex"] for each in at(arguments, DEFINITIONS) if not complaint(arguments, each["Name"])
    }
    compiled = {name: _compiled(regex) for name, regex in patterns.items()}
    found: dict[str, str] = {}
    for line in log if compiled else ():
        for name, pattern in compiled.items():
            for match in pattern.finditer(line):
                found[name] = match[1]
    return {name: number for name, text in found.items() if math.isfinite(number := _number(text))}


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return math.nan


def _compiled(regex: str) -> re.Pattern[str]:
    return re.compile(_NAMED_GROUP.sub("(?P<", regex))
