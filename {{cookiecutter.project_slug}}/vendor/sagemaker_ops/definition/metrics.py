"""The metrics of a training job: what its MetricDefinitions find in its log.

https://docs.aws.amazon.com/sagemaker/latest/dg/define-train-metrics.html describes them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
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
                if not _compiled(each["Regex"]).groups:
                    return f"its Regex {each['Regex']!r} has no (group) around the number."
            except re.error as error:
                return f"its Regex {each['Regex']!r} is not valid: {error}."
    return ""


def final_values(arguments: Mapping[str, Any], log: Path, ended: str) -> dict[str, dict[str, Any]]:
    """FinalMetricDataList by name: the number in the first group of the last match; without those that have none."""
    given = {each["Name"]: each["Regex"] for each in at(arguments, DEFINITIONS)}
    patterns = {name: _compiled(regex) for name, regex in given.items() if not complaint(arguments, name)}
    found: dict[str, float] = {}
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines if patterns else ():
            for name, pattern in patterns.items():
                for match in pattern.finditer(line):
                    found[name] = _number(match[1])
    numbers = {name: value for name, value in found.items() if math.isfinite(value)}
    return {name: {"MetricName": name, "Value": value, "Timestamp": ended} for name, value in numbers.items()}


def values(arguments: Mapping[str, Any], name: str, log: Path) -> list[float]:
    """Every number that a metric has had so far, in order."""
    [pattern, *_] = [_compiled(each["Regex"]) for each in at(arguments, DEFINITIONS) if each["Name"] == name]
    with log.open(encoding="utf-8", errors="replace") as lines:
        found = [_number(match[1]) for line in lines for match in pattern.finditer(line)]
    return [value for value in found if math.isfinite(value)]


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return math.nan


def _compiled(regex: str) -> re.Pattern[str]:
    return re.compile(_NAMED_GROUP.sub("(?P<", regex))
