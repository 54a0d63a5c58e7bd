"""What AWS or this machine would refuse in a tuning job, and what it does differently here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from sagemaker_ops.definition import metrics, request_limits
from sagemaker_ops.definition.expressions import Scope, resolve_known
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.plan import Plan, Step
from sagemaker_ops.definition.tuning_type import AUTOMATIC, CATEGORICAL, CONTINUOUS, INTEGER, RANGES, trainings
from sagemaker_ops.errors import did_you_mean

GRID, HYPERBAND = "Grid", "Hyperband"
_CONFIG = "HyperParameterTuningJobConfig"


def tuning(step: Step, scope: Scope, _: Plan) -> Iterator[str]:
    """What cannot run here in a tuning step, besides what cannot in its training jobs."""
    yield from refused(resolve_known(step.arguments, scope))


def differs(arguments: Mapping[str, Any]) -> str:
    """A clause that says what it does differently here, if anything."""
    config = arguments[_CONFIG]
    converges = at(config, "TuningJobCompletionCriteria.ConvergenceDetected.CompleteOnConvergence") == ["Enabled"]
    strategy = config["Strategy"]
    said = [f"values are drawn at random instead of by the strategy {strategy}"] * (strategy in ("Bayesian", HYPERBAND))
    said += ["convergence is not detected"] * converges
    return f"here {', and '.join(said)}" if said else ""


def refused(arguments: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for everything in a CreateHyperParameterTuningJob call that AWS would refuse, or that never ends here.

    An expression is a value that is not known yet. Most rules are in
    https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-define-ranges.html.
    """
    config, jobs = arguments[_CONFIG], trainings(arguments)
    wrong = request_limits.check_value(arguments, "CreateHyperParameterTuningJobRequest", "", whole=False)
    if not jobs or {"TrainingJobDefinition", "TrainingJobDefinitions"} <= arguments.keys():
        wrong.append("it needs either TrainingJobDefinition or TrainingJobDefinitions.")
    if wrong:
        yield from wrong
        return
    limits, grid, lists = config["ResourceLimits"], config["Strategy"] == GRID, jobs[0]["HyperParameterRanges"]
    most, names = limits.get("MaxNumberOfTrainingJobs"), [each.get("DefinitionName") for each in jobs]
    size = math.prod(len(set(map(str, each["Values"]))) for each in lists.get(CATEGORICAL, []))
    if grid and len(jobs) == 1 and lists.keys() == {CATEGORICAL} and isinstance(most, int) and most != size:
        yield f"MaxNumberOfTrainingJobs is {most}, but its grid has {size} combinations: leave it out."
    if not grid and not {"MaxNumberOfTrainingJobs", "MaxRuntimeInSeconds"} & limits.keys():
        yield "it would never end: give MaxNumberOfTrainingJobs in ResourceLimits."
    if config["Strategy"] == HYPERBAND and config.get("TrainingJobEarlyStoppingType") == "Auto":
        yield f"the strategy {HYPERBAND} needs TrainingJobEarlyStoppingType 'Off'."
    if len(jobs) > 1 and (None in names or len(set(names)) < len(names)):
        yield "each of its TrainingJobDefinitions needs a DefinitionName that is different from the others."
    if len({str(each["TuningObjective"].get("Type")) for each in jobs}) > 1:
        yield "its TrainingJobDefinitions both maximize and minimize, so that no job can be the best."
    for each in jobs:
        yield from _refused_objective(each)
        yield from _refused_ranges(each, grid)


def _refused_objective(job: Mapping[str, Any]) -> Iterator[str]:
    names = [str(each["Name"]) for each in at(job, metrics.DEFINITIONS)]
    metric = job["TuningObjective"].get("MetricName")
    if metric is None:
        yield "it has no objective: give HyperParameterTuningJobObjective."
    elif isinstance(metric, str) and metric not in names:
        yield f"its objective '{metric}' is not one of its MetricDefinitions.{did_you_mean(metric, names)}"
    elif isinstance(metric, str) and (wrong := metrics.complaint(job, metric)):
        yield f"it has the objective '{metric}', but {wrong}"


def _refused_ranges(job: Mapping[str, Any], grid: bool) -> Iterator[str]:
    found = job["HyperParameterRanges"]
    ranges = [(kind, each) for kind in (*RANGES, AUTOMATIC) for each in found.get(kind, [])]
    names = [str(each["Name"]) for _, each in ranges]
    if not names:
        yield "it has no ranges: give at least one hyperparameter in ParameterRanges."
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"hyperparameter '{name}' has two ranges: remove one of them."
        if name in job["HyperParameters"]:
            yield f"hyperparameter '{name}' has a range and also a value in StaticHyperParameters: remove one of them."
    for kind, name, each in ((kind, each["Name"], each) for kind, each in ranges):
        if kind == AUTOMATIC:
            yield f"'{name}' is in {kind}, from which only AWS can make a range: give the range."
        elif kind == CATEGORICAL:
            yield from [] if each["Values"] else [f"hyperparameter '{name}' has no Values: give at least one."]
        elif grid:
            yield f"the strategy {GRID} needs lists of values, but '{name}' is in {kind}: use {CATEGORICAL}."
        else:
            yield from (f"{said} of '{name}' {wrong}." for said, wrong in _wrong_ends(each, whole=kind == INTEGER))


def _wrong_ends(each: Mapping[str, Any], *, whole: bool) -> Iterator[tuple[str, str]]:
    """(the key that is wrong, how) in a range of numbers."""
    ends, scale = {}, each.get("ScalingType")
    for key, end in ((key, each[key]) for key in ("MinValue", "MaxValue") if isinstance(each[key], str)):
        try:
            ends[key] = int(end) if whole else float(end)
        except ValueError:
            yield key, f"is '{end}', which is not a {'whole ' * whole}number"
    if len(ends) < 2:
        return
    low, high = ends.values()
    if not -math.inf < low <= high < math.inf:
        yield "MinValue", f"is {low}, which is more than its MaxValue, {high}"
    elif scale == "Logarithmic" and low <= 0:
        yield "ScalingType", f"is Logarithmic, which needs numbers above 0, but its MinValue is {low}"
    elif scale == "ReverseLogarithmic" and (whole or low < 0 or high >= 1):
        yield "ScalingType", f"is ReverseLogarithmic, which needs a range of {CONTINUOUS} from 0 to below 1"
