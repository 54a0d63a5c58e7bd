"""A schedule of EventBridge Scheduler in words: how it differs from another one, and when it runs next.

A schedule here is the answer of GetSchedule, or the request of CreateSchedule.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sagemaker_ops import trace
from sagemaker_ops.guardrails import schedule_expression
from sagemaker_ops.guardrails.schedule_check import moment, zone_of
from sagemaker_ops.project import approved_model

# What ops sets itself; the version of the approved model stands for its addresses.
_HIDDEN = {trace.PARAMETER, approved_model.MODEL, approved_model.EVALUATION}


def change(found: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None) -> str:
    """What changes, as one line of a plan; empty if nothing does."""
    if wanted is None:
        return f"- schedule: {found['ScheduleExpression']}" if found else "- schedule"
    if found is None:
        parts = [text for text in _parts(wanted).values() if text]
        return f"+ schedule: {', '.join(parts)}; {next_words(wanted)}"
    if _essence(found) == _essence(wanted):
        return ""
    old, new = _parts(found), _parts(wanted)
    changed = [f"{old[key] or 'none'} → {new[key] or 'none'}" for key in new if old[key] != new[key]]
    return f"~ schedule: {'; '.join(changed) or 'its description, role or retries'}; {next_words(wanted)}"


def _parts(schedule: Mapping[str, Any]) -> dict[str, str]:
    """What people see of a schedule."""
    window = schedule["FlexibleTimeWindow"].get("MaximumWindowInMinutes")
    return {
        "when": f"{schedule['ScheduleExpression']} {schedule.get('ScheduleExpressionTimezone', 'UTC')}",
        "window": f"within {window} minutes" if window else "",
        "parameters": " ".join(f"{name}={value}" for name, value in _values(schedule) if name not in _HIDDEN),
        "state": "" if schedule.get("State") == "ENABLED" else "paused",
    }


def _values(schedule: Mapping[str, Any]) -> list[tuple[str, str]]:
    listed = schedule["Target"].get("SageMakerPipelineParameters", {}).get("PipelineParameterList", [])
    return sorted((each["Name"], each["Value"]) for each in listed)


def _essence(schedule: Mapping[str, Any]) -> tuple[object, ...]:
    """All that is compared: without what AWS adds, and without the start of a rate."""
    target = schedule["Target"]
    retry = sorted(target.get("RetryPolicy", {}).items())
    return (
        _parts(schedule),
        schedule.get("Description"),
        target["Arn"],
        target["RoleArn"],
        retry,
        _values(schedule),
    )


def next_run(schedule: Mapping[str, Any]) -> datetime | None:
    """When it starts its pipeline next, in its time zone; None if that is never or not known."""
    expression = schedule_expression.read(schedule["ScheduleExpression"])[0]
    zone = zone_of(schedule.get("ScheduleExpressionTimezone", "UTC"))
    if expression is None or zone is None:
        return None
    first = schedule.get("StartDate") or schedule.get("CreationDate")
    return expression.next_run(datetime.now(UTC), zone, first)


def next_words(schedule: Mapping[str, Any]) -> str:
    """`next Mon 2026-12-07 06:00 Europe/Berlin`."""
    run = next_run(schedule)
    return f"next {moment(run)}" if run else "no next run"
