"""The maximum cost of one pipeline execution: always in instance hours, and in money where prices are known.

The worst case: every job runs until its time limit, every retry happens, every condition takes the costlier branch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from sagemaker_ops.definition import step_types
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.step_type import StepType
from sagemaker_ops.definition.tuning_type import CATEGORICAL
from sagemaker_ops.errors import Problem
from sagemaker_ops.guardrails.policy import Policy, Prices

# Without a StoppingCondition, AWS lets a processing or training job run for a day.
DAY = 86_400
# https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html: the default of MaxAttempts.
RETRIES = 5
# After these, no job was started: a quota of instances is exhausted, or AWS received too many requests.
UNPAID = {"SageMaker.RESOURCE_LIMIT", "Step.THROTTLING"}
Step = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """The instances of one step. hours: None if the definition sets no bound; `why` gives the reason.

    mendable: whether the author could add the bound to the definition.
    """

    step: str
    use: str
    instance_type: str = ""
    hours: float | None = None
    why: str = ""
    mendable: bool = True


@dataclass(frozen=True)
class WorstCase:
    """hours: of all instances together. money: None if unknown. unknown: why hours or money are incomplete."""

    hours: float
    money: float | None
    currency: str
    date: str
    unknown: tuple[str, ...]


def worst_case(
    definition: Mapping[str, Any], parameters: Mapping[str, Any], policy: Policy, region: str = ""
) -> WorstCase:
    """The maximum cost of an execution with these parameters; the others have their defaults.

    region: where it runs; prices of another region do not apply.
    """
    values, prices = _values(definition, parameters), policy.prices
    jobs = [job for step in step_types.walk(_steps(definition)) for job in _jobs(step, values)]
    unbounded = [f"step '{job.step}': {job.why}" for job in jobs if job.hours is None]
    unpriced = _unpriced(jobs, policy, region)
    money = None if unbounded or unpriced else _money(definition, values, prices)
    return WorstCase(_hours(definition, values), money, prices.currency, prices.date, (*unbounded, *unpriced))


def check(
    definition: Mapping[str, Any], parameters: Mapping[str, Any], policy: Policy, region: str = ""
) -> list[Problem]:
    """The problems of an execution with these parameters under the policy's limits; an error refuses it.

    Where the author could have set a bound, its absence is an error; for a transform job, which has none, a warning.
    """
    limits = (policy.max_instance_hours_per_execution, policy.max_cost_per_execution)
    if limits == (None, None):
        return []
    values = _values(definition, parameters)
    jobs = [job for step in step_types.walk(_steps(definition)) for job in _jobs(step, values)]
    problems = [
        Problem(
            f"{job.why}, so it cannot be checked against the limits of {policy.source}.",
            f"step '{job.step}'",
            "error" if job.mendable else "warning",
        )
        for job in jobs
        if job.hours is None
    ]
    most_hours, most_money = limits
    hours = _hours(definition, values)
    if most_hours is not None and hours > most_hours:
        problems.append(Problem(_over(f"{most_hours:g} instance hours", f"{hours:.4g}", policy)))
    if most_money is not None:
        unpriced, currency = _unpriced(jobs, policy, region), policy.prices.currency
        problems += [
            Problem(f"{reason}, so max_cost_per_execution cannot be checked: ask for the price to be added.")
            for reason in unpriced
        ]
        # Even the part that is known may be too much.
        if not unpriced and (money := _money(definition, values, policy.prices)) > most_money:
            problems.append(Problem(_over(f"{most_money:g} {currency}", f"{money:.2f} {currency}", policy)))
    return problems


def lines(worst: WorstCase, before: WorstCase | None = None) -> list[str]:
    """The worst case as text, compared with that of what is deployed."""
    was = f" (before: {before.hours:.4g})" if before and f"{before.hours:.4g}" != f"{worst.hours:.4g}" else ""
    if worst.money is None:
        cost = f"cost unknown: {worst.unknown[0]}" if worst.unknown else "cost unknown"
    else:
        cost = f"{worst.money:.2f} {worst.currency} for the instances, at the prices of {worst.date}"
    least = "at least " if any(reason.startswith("step ") for reason in worst.unknown) else ""
    return [f"worst case: {least}{worst.hours:.4g} instance hours{was}; {cost}"]


def _over(limit: str, found: str, policy: Policy) -> str:
    return (
        f"{policy.source} allows {limit} per execution, and this one may take up to {found}: lower "
        "[pipeline].max_runtime_minutes in project.toml, or use fewer or smaller instances."
    )


def _unpriced(jobs: list[Job], policy: Policy, region: str) -> list[str]:
    """Why instances have no price, one sentence per reason; empty if all have one."""
    prices, used = policy.prices, {(job.use, job.instance_type) for job in jobs if job.instance_type}
    if used and not prices.region:
        return [f"{policy.source} has no [prices]"]
    if used and region and region != prices.region:
        return [f"the prices in {policy.source} are for {prices.region}, not for {region}"]
    missing = sorted((use, name) for use, name in used if name not in getattr(prices, use))
    return [f"{policy.source} [prices.{use}] has no price for {name}" for use, name in missing]


def _hours(definition: Mapping[str, Any], values: Mapping[str, Any]) -> float:
    """The hours of all bounded jobs."""
    return _most(_steps(definition), values, lambda job: job.hours or 0)


def _money(definition: Mapping[str, Any], values: Mapping[str, Any], prices: Prices) -> float:
    """The cost of all bounded jobs; every instance type must have a price."""
    return _most(_steps(definition), values, lambda job: job.hours * _price(job, prices) if job.hours else 0)


def _price(job: Job, prices: Prices) -> float:
    """The price per instance hour, which must exist."""
    price: float = getattr(prices, job.use)[job.instance_type]
    return price


def _steps(definition: Mapping[str, Any]) -> list[Step]:
    return definition.get("Steps") or []


def _values(definition: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {each["Name"]: each.get("DefaultValue") for each in definition.get("Parameters") or []}
    return {**defaults, **parameters}


def _most(steps: list[Step], values: Mapping[str, Any], measure: Callable[[Job], float]) -> float:
    """The sum of `measure` over the steps, taking the larger branch of each condition."""
    total = 0.0
    for step in (each for each in steps if isinstance(each, Mapping)):
        total += sum(measure(job) for job in _jobs(step, values))
        total += max((_most(inner, values, measure) for _, _, inner in step_types.branches(step)), default=0)
    return total


def _jobs(step: Step, values: Mapping[str, Any]) -> Iterator[Job]:
    """The jobs of a step: one for each kind of instance."""
    name, kind, arguments = str(step.get("Name")), step_types.of(step.get("Type")), _part(step, "Arguments")
    if kind.cost == "none":
        return
    if kind.cost == "unknown":
        yield Job(name, "", why=f"a definition does not say how long a step of type {kind.name} takes", mendable=False)
        return
    use, most = kind.use, 1.0
    for part in _trainings(arguments) if kind.trainings else [arguments]:
        if kind.trainings:
            config = _part(arguments, "HyperParameterTuningJobConfig")
            most = _number(_part(config, "ResourceLimits").get("MaxNumberOfTrainingJobs"), values) or 0
            most = most or (_combinations(config, part) if _value(config.get("Strategy"), values) == "Grid" else 0)
        seconds = _seconds(part, step.get("RetryPolicies") or [], values)
        for resources in _resources(kind, part):
            instance_type = _value(resources.get("InstanceType"), values)
            count = _number(resources.get("InstanceCount", 1), values)
            if kind.cost == "unbounded":
                yield Job(name, use, str(instance_type or ""), why="a transform job has no time limit", mendable=False)
            elif not isinstance(instance_type, str) or count is None or seconds is None or not most:
                yield Job(name, use, why="the definition does not fix its instance type, count or time limit")
            else:
                yield Job(name, use, instance_type, most * count * seconds / 3600)


def _trainings(arguments: Mapping[str, Any]) -> list[Any]:
    """The training jobs that a tuning job chooses from; each is counted as if it took all the attempts."""
    return at(arguments, "TrainingJobDefinitions.*") or [_part(arguments, "TrainingJobDefinition")]


def _combinations(config: Mapping[str, Any], training: Mapping[str, Any]) -> int:
    """How many a grid search tries: it needs no MaxNumberOfTrainingJobs."""
    lists = at(training, f"HyperParameterRanges.{CATEGORICAL}.*.Values")
    lists = lists or at(config, f"ParameterRanges.{CATEGORICAL}.*.Values")
    return prod(len(each) if isinstance(each, list) else 0 for each in lists) if lists else 0


def _resources(kind: StepType, arguments: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The table with the instance type and count, or several of them for a mixed cluster."""
    found = _part(arguments, "HyperParameterTuningResourceConfig") or _part(arguments, ".".join(kind.resources))
    groups = at(found, "InstanceGroups.*") or at(found, "InstanceConfigs.*")
    return [each for each in groups if isinstance(each, Mapping)] or [found]


def _seconds(arguments: Mapping[str, Any], retries: list[Any], values: Mapping[str, Any]) -> float | None:
    """How long an instance is paid for: time limit, retries, and how long a warm pool is kept."""
    once = _number(_part(arguments, "StoppingCondition").get("MaxRuntimeInSeconds", DAY), values)
    warm = _number(_part(arguments, "ResourceConfig").get("KeepAlivePeriodInSeconds", 0), values)
    if once is None or warm is None:
        return None
    return once + warm + sum(_retried(once, policy) for policy in retries)


def _retried(once: float, policy: Mapping[str, Any]) -> float:
    """The seconds that one retry policy adds: the last attempt starts before it expires and may take its full time."""
    kinds = policy.get("ExceptionType")
    if isinstance(kinds, list) and kinds and all(kind in UNPAID for kind in kinds):
        return 0
    bounds: list[float] = []
    if "ExpireAfterMin" in policy:
        bounds.append(60 * float(policy["ExpireAfterMin"]))
    if "MaxAttempts" in policy or not bounds:
        bounds.append(once * float(policy.get("MaxAttempts", RETRIES)))
    return min(bounds)


def _part(value: Any, path: str) -> Mapping[str, Any]:
    """The object at a path, or an empty one."""
    return next((each for each in at(value, path) if isinstance(each, Mapping)), {})


def _value(value: Any, values: Mapping[str, Any]) -> Any:
    """A literal, or the value of the named parameter; None for a value known only at run time."""
    if isinstance(value, dict):
        return values.get(str(value.get("Get", "")).removeprefix("Parameters."))
    return value


def _number(value: Any, values: Mapping[str, Any]) -> float | None:
    try:
        return float(_value(value, values))
    except (TypeError, ValueError):
        return None
