"""Checks [schedule]: pipelines, expressions, time zones, windows, environments and parameters, before AWS sees them."""

from __future__ import annotations

import json
import zoneinfo
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sagemaker_ops.errors import Problem, did_you_mean, nearest_word
from sagemaker_ops.guardrails import schedule_expression
from sagemaker_ops.project import layout, script_text
from sagemaker_ops.project.parameter_names import parameter_of
from sagemaker_ops.project.schedule import Schedule, whole
from sagemaker_ops.project.settings import FILE, Settings

# https://docs.aws.amazon.com/scheduler/latest/APIReference/API_FlexibleTimeWindow.html
LONGEST_WINDOW = 1440  # minutes
# https://docs.aws.amazon.com/scheduler/latest/APIReference/API_SageMakerPipelineParameter.html
MAX_PARAMETERS, MAX_VALUE = 200, 1024


def check(settings: Settings, root: Path, now: datetime | None = None) -> list[Problem]:
    """The problems of every schedule; a warning for one that is over, or whose executions overlap."""
    now = now or datetime.now(UTC)
    pipelines = layout.pipelines(root)
    problems = []
    for name, each in whole(settings.schedule).items():
        if pipelines and name not in pipelines:
            hint = did_you_mean(name, pipelines) or f" There is {', '.join(pipelines)}."
            problems.append(Problem(f"there is no pipeline '{name}' in {layout.PIPELINES}.{hint}", _place(name)))
        alone = isinstance(settings.schedule[name], str)
        known = _known_parameters(settings, root) if each.parameters else ()
        found = [*_time(each, settings, now), *_window(each)]
        found += [*_environments(each, settings, alone), *_parameters(each, known)]
        problems += [
            Problem(message, _place(name) if alone else _place(name, key), level)  # type: ignore[arg-type]
            for key, message, level in found
        ]
    return problems


def next_runs(settings: Settings, now: datetime | None = None) -> list[str]:
    """`train starts in prod: next Mon 2026-12-07 06:00 Europe/Berlin` for each schedule; only for valid ones."""
    now, lines = now or datetime.now(UTC), []
    for name, each in whole(settings.schedule).items():
        expression, zone = schedule_expression.read(each.when)[0], zone_of(each.timezone)
        if expression and zone and each.environments and (run := expression.next_run(now, zone)):
            first = f"first {each.when[5:-1]} after its deployment" if expression.rate else f"next {moment(run)}"
            lines.append(f"{name} starts in {', '.join(each.environments)}: {first}")
    return lines


def moment(run: datetime) -> str:
    """`Mon 2026-12-07 06:00 Europe/Berlin`."""
    return f"{run:%a %Y-%m-%d %H:%M} {run.tzinfo}"


def _place(name: str, key: str = "") -> str:
    return f"{FILE} [schedule.{name}].{key}" if key else f"{FILE} [schedule].{name}"


def zone_of(name: str) -> zoneinfo.ZoneInfo | None:
    """The time zone with this name in the IANA database; None if there is none on this machine."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def text_of(value: object) -> str:
    """A value of a parameter as AWS gets it."""
    return value if isinstance(value, str) else json.dumps(value)


Found = Iterator[tuple[str, str, str]]
"""(key of the schedule, a sentence, error or warning)."""


def _time(schedule: Schedule, settings: Settings, now: datetime) -> Found:
    expression, problems = schedule_expression.read(schedule.when)
    yield from (("when", message, "error") for message in problems)
    zone = zone_of(schedule.timezone)
    if zone is None:
        if wrong := _no_zone(schedule.timezone):
            yield "timezone", wrong, "error"
        return
    if expression is None:
        return
    if expression.next_run(now, zone) is None:
        yield "when", f"'{schedule.when}' is over: remove it, or write a later time.", "warning"
    gap, longest = expression.shortest(now, zone), timedelta(minutes=settings.pipeline.max_runtime_minutes)
    if gap is not None and gap < longest:
        message = (
            f"it starts every {gap // timedelta(minutes=1)} minutes, but a job may take "
            f"{settings.pipeline.max_runtime_minutes}, so that executions overlap: write a longer time between them."
        )
        yield "when", message, "warning"


def _no_zone(name: str) -> str:
    known = sorted(zoneinfo.available_timezones())
    if not known:  # as on Windows
        return ""
    same = [each for each in known if each.lower() == name.lower() or each.lower().endswith(f"/{name.lower()}")]
    hint = f" Did you mean '{same[0]}'?" if same else did_you_mean(name, known)
    return f"'{name}' is not a time zone: write one such as 'Europe/Berlin' or 'UTC'.{hint}"


def _window(schedule: Schedule) -> Found:
    minutes = schedule.window_minutes
    if not 0 <= minutes <= LONGEST_WINDOW:
        message = f"{minutes} is not possible: write 1 to {LONGEST_WINDOW} minutes, or 0 to start at once."
        yield "window_minutes", message, "error"


def _environments(schedule: Schedule, settings: Settings, alone: bool) -> Found:
    known = [name for name in settings.environments if name != "local"]
    listed = f"environments = {json.dumps(known)}"
    remedy = f"{{ when = {json.dumps(schedule.when)}, {listed} }}" if alone else listed
    for name in dict.fromkeys(schedule.environments):
        if name == "local":
            yield "environments", f"'local' is this machine, where nothing is scheduled: write {remedy}.", "error"
        elif name not in known:
            yield "environments", f"there is no [environments.{name}], where it would run: write {remedy}.", "error"


def _parameters(schedule: Schedule, known: Collection[str]) -> Found:
    """What is wrong with the parameters. known: the names that the files of the project show; there can be others."""
    given: Mapping[str, object] = schedule.parameters
    if len(given) > MAX_PARAMETERS:
        yield "parameters", f"{len(given)} are too many: AWS accepts {MAX_PARAMETERS}.", "error"
    for name, value in given.items():
        length = len(text_of(value))
        if not 1 <= length <= MAX_VALUE:
            yield "parameters", f"the value of '{name}' has {length} characters: AWS accepts 1 to {MAX_VALUE}.", "error"
        if name in known:
            continue
        if (right := parameter_of(name)) in known or (right := nearest_word(name, known)):
            yield "parameters", f"there is no parameter '{name}': write '{right}'.", "error"


def _known_parameters(settings: Settings, root: Path) -> set[str]:
    made = {parameter_of(key) for table in (settings.hyperparameters, settings.parameters) for key in table}
    return made | script_text.created_parameters(root, layout.PIPELINES)
