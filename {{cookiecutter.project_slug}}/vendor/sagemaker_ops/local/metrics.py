"""The metrics that a training job printed, found in its log by the regular expressions of its MetricDefinitions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def final_metrics(definitions: Iterable[Mapping[str, str]], log: Path) -> list[dict[str, Any]]:
    """The last value of each metric in the log, as in FinalMetricDataList of DescribeTrainingJob.

    A value is what the first group of Regex matches in a line, if that is a finite number: CloudWatch accepts no other.
    Timestamp: when the job last wrote to its log.
    """
    found = {each["Name"]: (re.compile(each["Regex"]), list[float]()) for each in definitions}
    with suppress(FileNotFoundError), log.open(encoding="utf-8", errors="replace") as lines:
        when = datetime.fromtimestamp(log.stat().st_mtime, UTC).isoformat()
        for line, (pattern, last) in ((line, each) for line in lines for each in found.values()):
            for match in pattern.finditer(line):
                with suppress(ValueError, TypeError):  # it is not a number, or the group matched nothing
                    if math.isfinite(value := float(match[min(1, pattern.groups)])):
                        last[:] = [value]
    return [{"MetricName": name, "Value": v, "Timestamp": when} for name, (_, last) in found.items() for v in last]
