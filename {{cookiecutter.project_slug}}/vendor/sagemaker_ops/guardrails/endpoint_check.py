"""Checks [endpoint]: values and combinations that AWS refuses, before anything is deployed."""

from __future__ import annotations

from collections.abc import Iterator

from sagemaker_ops.errors import Problem
from sagemaker_ops.guardrails import instance_types
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.project.endpoint import CANARY, LINEAR, Endpoint
from sagemaker_ops.project.settings import FILE, Settings

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantServerlessConfig.html
MEMORY_MB = range(1024, 6144 + 1, 1024)
MOST_CONCURRENT = 200
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrafficRoutingConfig.html
SMALLEST_STEP, LARGEST_STEP = {CANARY: 1, LINEAR: 10}, 50  # percent
MOST_STEP_MINUTES = 60
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_BlueGreenUpdatePolicy.html: 8 hours, the waits included;
# one of them is left to start the new instances.
MOST_SHIFTING_MINUTES = 7 * 60
# https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html
NO_SCALING = "t2"


def check(settings: Settings, rules: Policy) -> list[Problem]:
    """The problems of [endpoint], also with what the endpoint takes from other sections."""
    endpoint = settings.endpoint
    found = [*_ranges(endpoint), *_serverless(settings), *_scaling(settings, rules), *_traffic(endpoint)]
    return [Problem(message, f"{FILE} [endpoint].{key}") for key, message in found]


def _ranges(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    bounds = {
        "instances": (1, None),
        "invocations_per_instance": (1, None),
        "max_concurrency": (1, MOST_CONCURRENT),
        "capture_percent": (0, 100),
        "step_minutes": (0, MOST_STEP_MINUTES),
    }
    for key, (least, most) in bounds.items():
        value = getattr(endpoint, key)
        if value < least or (most is not None and value > most):
            wanted = f"{least} or more" if most is None else f"{least} to {most}"
            yield key, f"{value} is not possible: write {wanted}."
    if endpoint.memory_mb not in MEMORY_MB:
        yield "memory_mb", f"{endpoint.memory_mb} is not possible: write {', '.join(map(str, MEMORY_MB))}."


def _serverless(settings: Settings) -> Iterator[tuple[str, str]]:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html, "Feature exclusions".

    And for the traffic https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html, which are for
    endpoints with instances.
    """
    endpoint = settings.endpoint
    if not endpoint.serverless:
        return
    if endpoint.capture_percent:
        yield "capture_percent", "a serverless endpoint cannot capture data: write 0, or turn serverless off."
    if endpoint.max_instances is not None:
        yield "max_instances", "a serverless endpoint scales by itself: remove it, and see max_concurrency."
    if endpoint.instances != Endpoint.instances:
        yield "instances", "a serverless endpoint has no instances: remove it, and see max_concurrency."
    if endpoint.has_steps:
        yield "traffic", 'a serverless endpoint is updated all at once: write "all_at_once", or turn serverless off.'
    for name, each in settings.environments.items():
        for key, given in (("subnets", each.subnets), ("network_isolation", each.network_isolation)):
            if given:
                yield (
                    "serverless",
                    f"a serverless endpoint cannot have the {key.replace('_', ' ')} of [environments.{name}]: write "
                    f"false, or remove them there.",
                )


def _scaling(settings: Settings, rules: Policy) -> Iterator[tuple[str, str]]:
    endpoint, name = settings.endpoint, settings.instances.endpoint
    most = endpoint.max_instances
    if most is not None and most < endpoint.instances:
        yield "max_instances", f"{most} is less than instances = {endpoint.instances}: write that or more."
    if most is not None and name in instance_types.types() and instance_types.family(name) == NO_SCALING:
        yield (
            "max_instances",
            f"AWS does not scale burstable types such as '{name}': remove it, or use another [instances].endpoint.",
        )
    limit = rules.max_instances
    if limit is not None and endpoint.most_instances > limit and not endpoint.serverless:
        key = "max_instances" if (most or 0) > limit else "instances"
        yield key, f"{rules.source} allows {limit} instances, not {endpoint.most_instances}: write {limit} or less."


def _traffic(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    if not endpoint.has_steps or endpoint.serverless:
        return
    least = SMALLEST_STEP[endpoint.traffic]
    if not least <= endpoint.step_percent <= LARGEST_STEP:
        yield (
            "step_percent",
            f"AWS accepts {least} to {LARGEST_STEP} for a {endpoint.traffic} deployment, not {endpoint.step_percent}.",
        )
    elif endpoint.shifting_minutes > MOST_SHIFTING_MINUTES:
        yield (
            "step_minutes",
            f"the traffic would move for {endpoint.shifting_minutes:g} minutes, and AWS ends an update after 8 hours: "
            "write less, or a larger step_percent.",
        )
    if endpoint.instances == 1:
        yield (
            "traffic",
            'a step is at most half of the instances, so it needs two: write instances = 2, or "all_at_once".',
        )
