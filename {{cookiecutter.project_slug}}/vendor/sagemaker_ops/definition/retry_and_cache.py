"""What a step sets in addition to its arguments: how long its result is reused, and when it is retried."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

# Errors that are not the step's fault. They are retried here if a policy names one of these.
SERVICE_FAULTS = {"Step.SERVICE_FAULT", "SageMaker.JOB_INTERNAL_ERROR"}
_DURATION = re.compile(
    r"P?(?:(?P<years>\d{1,9})Y)?(?:(?P<months>\d{1,9})M)?(?:(?P<weeks>\d{1,9})W)?(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Retry:
    """Retry after `interval` seconds, each time `backoff` times longer, at most `attempts` times and for `minutes`."""

    interval: float
    backoff: float
    attempts: float
    minutes: float

    def pause(self, failures: int, seconds: float) -> float | None:
        """How long to wait after this number of failures in this number of seconds; None: no further retry."""
        pause = min(self.interval * self.backoff ** min(failures - 1, 40), 1e6)
        return pause if failures <= self.attempts and seconds + pause <= self.minutes * 60 else None


def cache_for(config: Mapping[str, Any]) -> tuple[timedelta | None, list[str]]:
    """How long a CacheConfig allows a result to be reused, None for never; and a sentence if it is malformed."""
    if config.get("Enabled") is not True:
        return None, []
    text = config.get("ExpireAfter")
    if text is None:
        return timedelta.max, []
    if (found := duration(str(text))) is None:
        return None, [f"CacheConfig.ExpireAfter is {str(text)[:40]!r}: write a duration such as 'P30D' or 'T12H'."]
    return found, []


def duration(text: str) -> timedelta | None:
    """A duration as AWS and the SDK write it: `30d`, `P30D`, `T12H`, `30dT5h`; None for other text."""
    found = _DURATION.fullmatch(text)
    parts = {name: int(number) for name, number in found.groupdict().items() if number} if found else {}
    if not parts:
        return None
    days = 365 * parts.pop("years", 0) + 30 * parts.pop("months", 0) + parts.pop("days", 0)
    try:
        return timedelta(days=days, **parts)
    except OverflowError:
        return timedelta.max


def retry(policies: list[Any]) -> tuple[Retry | None, list[str]]:
    """The first policy for a service fault, the only errors retried here; and a sentence if it is malformed."""
    for policy in policies:
        given = policy if isinstance(policy, dict) else {}
        kinds, attempts = given.get("ExceptionType"), 1e6 if "ExpireAfterMin" in given else 5
        defaults = {"IntervalSeconds": 1, "BackoffRate": 2.0, "MaxAttempts": attempts, "ExpireAfterMin": 1e6}
        numbers = [given.get(key, default) for key, default in defaults.items()]
        if not isinstance(kinds, list) or not all(
            isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number <= 1e6
            for number in numbers
        ):
            return None, ["a retry policy needs a list as ExceptionType, and numbers for IntervalSeconds and the like."]
        if SERVICE_FAULTS & {kind for kind in kinds if isinstance(kind, str)}:
            return Retry(*numbers), []
    return None, []
