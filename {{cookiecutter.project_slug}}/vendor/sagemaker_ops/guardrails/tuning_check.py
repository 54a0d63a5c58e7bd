"""Checks [tuning], and the arguments of a tuning step: what AWS would refuse, and values that the model refuses."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sagemaker_ops import Choice, Number  # as production/steps/model.py does
from sagemaker_ops.errors import Problem, did_you_mean
from sagemaker_ops.guardrails import gate_check, hyperparameter_check
from sagemaker_ops.guardrails.hyperparameter_check import as_text
from sagemaker_ops.project import script_text
from sagemaker_ops.project.layout import PIPELINES
from sagemaker_ops.project.settings import FILE, Settings
from sagemaker_ops.project.tuning import SCALES

GRID = "Grid"
STRATEGIES = ("Bayesian", "Random", "Hyperband", GRID)
# https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-limits.html
MOST_JOBS, MOST_PARALLEL, MOST_RANGES, MOST_VALUES = 750, 100, 30, 30
PART = "validation"  # where a job is measured: it is fitted to train, and test is for the best job only
USER = "tuning_step"
"""The method of Jobs that reads [tuning.ranges] if it is not given others.

A new project has ranges for its model, but may first change the model.
"""
_PLACE = f"{FILE} [tuning]"
_LIST = "{ values = […] }"


def metric_of(settings: Settings) -> str:
    """The metric by which the best job is chosen, as training.py prints it: `validation:auc`."""
    return settings.tuning.metric or f"{PART}:{settings.gate.metric}"


def is_maximized(metric: str, settings: Settings) -> bool:
    """Whether more of the metric is better. Of the team's own ones, only [gate] says so."""
    name, gate = metric.rpartition(":")[2], settings.gate
    known = gate_check.METRICS.get(settings.data.problem, {}).get(name)
    return not known.lower_is_better if known else name != gate.metric or gate.maximum is None


def check(settings: Settings, root: Path) -> list[Problem]:
    """The problems of [tuning]. What the model takes matters only if a pipeline uses these ranges: see USER."""
    tuning, used = settings.tuning, script_text.calls_without(root, PIPELINES, USER, "ranges")
    problems = [Problem(message, f"{_PLACE}.metric") for message in _metric(settings, root)]
    found = conflicts(tuning.ranges, tuning.strategy, tuning.max_jobs, tuning.max_parallel_jobs, _LIST)
    for argument, key, message in found if tuning.ranges else ():
        place = f"{FILE} [tuning.ranges].{key}" if key else f"{_PLACE}.{argument}"
        problems.append(Problem(message, place))
    model = hyperparameter_check.Allowed.of(root) if used else hyperparameter_check.Allowed()
    seen = {problem.where for problem in problems}
    for name, tried in tuning.ranges.items() if used else ():
        place, present = f"{FILE} [tuning.ranges].{name}", settings.hyperparameters.get(name)
        if place in seen:
            continue
        if message := model.no_such(name) or _unfit(name, tried, model.known.get(name), present):
            problems.append(Problem(message, place))
        elif model.is_read and hyperparameter_check.weighs_classes(name, settings):
            problems.append(Problem("a regression has no classes to weight: remove it.", place))
    return problems


def conflicts(
    ranges: Mapping[str, Any], strategy: Any, max_jobs: Any, max_parallel_jobs: Any, listed: str = "a list"
) -> Iterator[tuple[str, str, str]]:
    """(the wrong argument, the hyperparameter or "", a sentence) for each value that AWS would refuse.

    A value that is known only at run time is not checked. listed: how a list of values is written.
    https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-how-it-works.html has the strategies.
    """
    if isinstance(strategy, str) and strategy not in STRATEGIES:
        yield "strategy", "", f"'{strategy}' is not one of {', '.join(STRATEGIES)}.{did_you_mean(strategy, STRATEGIES)}"
    if not ranges:
        yield "ranges", "", "name at least one hyperparameter."
    if len(ranges) > MOST_RANGES:
        yield "ranges", "", f"AWS tunes at most {MOST_RANGES} hyperparameters, and these are {len(ranges)}."
    for key, values in ranges.items():
        if message := _misfit(values, strategy, listed):
            yield "ranges", key, message
    jobs, listed_all = max_jobs, all(isinstance(values, list) for values in ranges.values())
    if strategy == GRID:
        jobs = math.prod(map(len, ranges.values())) if listed_all else 0
        if jobs > MOST_JOBS:
            yield "ranges", "", f"AWS runs at most {MOST_JOBS} jobs, and this grid has {jobs} combinations."
    else:
        yield from _outside("max_jobs", max_jobs, MOST_JOBS)
    yield from _outside("max_parallel_jobs", max_parallel_jobs, MOST_PARALLEL)
    if isinstance(jobs, int) and isinstance(max_parallel_jobs, int) and 0 < jobs < max_parallel_jobs <= MOST_PARALLEL:
        what = f"the {jobs} combinations of this grid" if strategy == GRID else f"max_jobs, {jobs}"
        yield "max_parallel_jobs", "", f"{max_parallel_jobs} is more than {what}: write {jobs} or less."


def _outside(argument: str, value: Any, most: int) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, int) and not 1 <= value <= most:
        yield argument, "", f"{value} is not allowed: write 1 to {most}."


def _misfit(values: Any, strategy: Any, listed: str) -> str:
    if not isinstance(values, tuple | list):
        return "write (low, high), or a list of values to choose from."
    if isinstance(values, list):
        size = len(values)
        return "" if 0 < size <= MOST_VALUES else f"a list can have 1 to {MOST_VALUES} values, but this one has {size}."
    if not 2 <= len(values) <= 3 or (len(values) == 3 and not isinstance(values[2], str)):
        return "a range is (low, high); to choose from single values, write a list."
    if strategy == GRID:
        return f"{GRID} tries each value of a list, and does not accept a range; write {listed}."
    low, high, scale = (*values, "Auto")[:3]
    if scale not in SCALES:
        return f"'{scale}' is not one of {', '.join(SCALES)}.{did_you_mean(scale, SCALES)}"
    if isinstance(low, int | float) and isinstance(high, int | float):
        return _wrong_ends(low, high, scale)
    return ""


def _wrong_ends(low: float, high: float, scale: str) -> str:
    if low >= high:
        return f"{low} is not less than {high}: write the lower number first."
    if scale == "Logarithmic" and low <= 0:
        return f"the scale {scale} needs numbers above 0, but this range starts at {low}."
    if scale == "ReverseLogarithmic" and not (isinstance(low, float) and low >= 0 and high < 1):
        return f"the scale {scale} needs numbers with decimals, from 0 to below 1, and this range has {low} to {high}."
    return ""


def _metric(settings: Settings, root: Path) -> Iterator[str]:
    given, problem, gate = settings.tuning.metric, settings.data.problem, settings.gate
    if not given or problem not in gate_check.METRICS:
        return
    part, colon, name = given.partition(":")
    name = name if colon else part
    if name not in gate_check.METRICS[problem]:
        if not gate_check.has_own_metric(name, root):
            yield gate_check.no_metric(name, problem)
            return
        if name != gate.metric:
            yield f"only [gate] says whether more of your own metric '{name}' is better: use it there, too."
    if not colon:
        yield f"name the part on which it is measured, too: write '{PART}:{name}'."
    elif part != PART:
        yield f"training.py chooses hyperparameters on the part {PART}, not on '{part}': write '{PART}:{name}'."


def _unfit(name: str, tried: Any, allowed: Number | Choice | None, present: Any) -> str:
    """Why the model cannot take these values, if it is known what it takes; empty if it can."""
    values = list(tried[:2]) if isinstance(tried, tuple) else list(tried)
    kind = type(present) if allowed is None else str if isinstance(allowed, Choice) else type(allowed.default)
    if present is None and allowed is None:
        return ""
    if isinstance(tried, tuple):
        if kind in (str, bool):
            return f"'{name}' is not a number, so it has no range: list its values."
        if kind is int and any(isinstance(each, float) for each in values):
            return f"'{name}' takes whole numbers: write them without decimals, such as {round(values[1])}."
        if kind is float and all(isinstance(each, int) for each in values):
            return f"'{name}' is not a whole number: write [{float(values[0])}, {float(values[1])}]."
    elif len(values) == 1:
        return f"this is one value, so nothing can be tuned: add another, or set {name} in [hyperparameters]."
    elif twice := [each for at, each in enumerate(values) if as_text(each) in map(as_text, values[:at])]:
        return f"{json.dumps(twice[0])} is listed twice: remove one of them."
    for value in values:
        if allowed is not None and allowed.read(as_text(value)) is None:
            return f"{json.dumps(value)} is not allowed: write {allowed.expected}."
        if allowed is None and not _is_like(value, kind):
            return f"{json.dumps(value)} has another type than [hyperparameters].{name}, {json.dumps(present)}."
    return ""


def _is_like(value: object, kind: type) -> bool:
    """Whether it has this type; a whole number is also a number."""
    return type(value) is kind or (kind is float and type(value) is int)
