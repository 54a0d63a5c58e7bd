"""[endpoint]: what AWS refuses is reported before anything is deployed, and what an endpoint costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sagemaker_ops.guardrails import endpoint_cost, project_check
from sagemaker_ops.guardrails.policy import Policy, Prices
from sagemaker_ops.project.endpoint import Endpoint
from sagemaker_ops.project.settings import Data, Environment, Gate, Instances, Project, Settings

SETTINGS = Settings(
    Project("Churn", "churn", "customer"), Data("data.csv", "late", "classification"), Gate("auc", minimum=0.6)
)
OPEN = Policy()
PRICES = Prices("eu-west-1", "2026-11-24", "USD", endpoint={"ml.c5.large": 0.125})


def problems(
    endpoint: dict[str, Any], instance: str = "ml.c5.large", rules: Policy = OPEN, **environment: Any
) -> list[str]:
    settings = replace(
        SETTINGS,
        endpoint=Endpoint(**endpoint),
        instances=Instances(endpoint=instance),
        environments={"dev": Environment(**environment)} if environment else {},
    )
    return [str(each) for each in project_check.check(settings, rules) if "endpoint" in each.where]


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param({}, id="defaults"),
        pytest.param({"instances": 2, "max_instances": 2}, id="as many at most"),
        pytest.param({"serverless": True, "memory_mb": 6144, "max_concurrency": 200}, id="serverless"),
        pytest.param({"capture_percent": 100}, id="capture all"),
        pytest.param({"instances": 2, "traffic": "canary", "step_percent": 1}, id="a small canary"),
        pytest.param({"instances": 2, "traffic": "linear", "step_percent": 50, "step_minutes": 60}, id="two steps"),
        pytest.param({"step_percent": 90}, id="not used"),
    ],
)
def test_what_aws_accepts_has_no_problem(endpoint: dict[str, Any]) -> None:
    assert problems(endpoint) == []


@pytest.mark.parametrize(
    ("endpoint", "key", "message"),
    [
        ({"instances": 0}, "instances", "0 is not possible: write 1 or more."),
        ({"invocations_per_instance": 0}, "invocations_per_instance", "0 is not possible: write 1 or more."),
        ({"memory_mb": 1000}, "memory_mb", "1000 is not possible: write 1024, 2048, 3072, 4096, 5120, 6144."),
        ({"max_concurrency": 201}, "max_concurrency", "201 is not possible: write 1 to 200."),
        ({"capture_percent": 101}, "capture_percent", "101 is not possible: write 0 to 100."),
        ({"step_minutes": 61}, "step_minutes", "61 is not possible: write 0 to 60."),
        ({"instances": 3, "max_instances": 2}, "max_instances", "2 is less than instances = 3: write that or more."),
        (
            {"serverless": True, "capture_percent": 5},
            "capture_percent",
            "a serverless endpoint cannot capture data: write 0, or turn serverless off.",
        ),
        (
            {"serverless": True, "max_instances": 5},
            "max_instances",
            "a serverless endpoint scales by itself: remove it, and see max_concurrency.",
        ),
        (
            {"serverless": True, "instances": 2},
            "instances",
            "a serverless endpoint has no instances: remove it, and see max_concurrency.",
        ),
        (
            {"serverless": True, "traffic": "linear"},
            "traffic",
            'a serverless endpoint is updated all at once: write "all_at_once", or turn serverless off.',
        ),
        (
            {"traffic": "canary"},
            "traffic",
            'a step is at most half of the instances, so it needs two: write instances = 2, or "all_at_once".',
        ),
        (
            {"instances": 2, "traffic": "canary", "step_percent": 51},
            "step_percent",
            "AWS accepts 1 to 50 for a canary deployment, not 51.",
        ),
        (
            {"instances": 2, "traffic": "linear", "step_percent": 9},
            "step_percent",
            "AWS accepts 10 to 50 for a linear deployment, not 9.",
        ),
        (
            {"instances": 2, "traffic": "linear", "step_percent": 10, "step_minutes": 45},
            "step_minutes",
            "the traffic would move for 450 minutes, and AWS ends an update after 8 hours: write less, or a larger "
            "step_percent.",
        ),
    ],
)
def test_what_aws_refuses_is_reported(endpoint: dict[str, Any], key: str, message: str) -> None:
    assert problems(endpoint) == [f"project.toml [endpoint].{key}: {message}"]


@pytest.mark.parametrize(
    ("endpoint", "instance", "environment", "message"),
    [
        pytest.param(
            {"serverless": True},
            "ml.c5.large",
            {"subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"]},
            "[endpoint].serverless: a serverless endpoint cannot have the subnets of [environments.dev]",
            id="serverless in a VPC",
        ),
        pytest.param(
            {"serverless": True},
            "ml.c5.large",
            {"network_isolation": True},
            "[endpoint].serverless: a serverless endpoint cannot have the network isolation of [environments.dev]",
            id="serverless and isolated",
        ),
        pytest.param(
            {"max_instances": 2},
            "ml.t2.medium",
            {},
            "[endpoint].max_instances: AWS does not scale burstable types such as 'ml.t2.medium'",
            id="burstable",
        ),
    ],
)
def test_what_does_not_go_with_other_sections_is_reported(
    endpoint: dict[str, Any], instance: str, environment: dict[str, Any], message: str
) -> None:
    assert any(message in each for each in problems(endpoint, instance, **environment))


def test_the_policy_limits_the_instances() -> None:
    rules = Policy(max_instances=3)

    assert problems({"instances": 3}, rules=rules) == []
    assert problems({"instances": 1, "max_instances": 4}, rules=rules) == [
        "project.toml [endpoint].max_instances: guardrails.toml allows 3 instances, not 4: write 3 or less."
    ]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (("ml.c5.large", 2, 2), "cost: 0.25 USD per hour, 182 per month, at the prices of 2026-11-24"),
        (
            ("ml.c5.large", 1, 4),
            "cost: 0.125 USD per hour, 91 per month, at the prices of 2026-11-24; up to 0.5 per hour",
        ),
        (("ml.m5.large", 1, 1), "cost: unknown: guardrails.toml [prices.endpoint] has no price for ml.m5.large"),
        (("", 1, 1), "cost: paid for each request, nothing while there are none"),
    ],
)
def test_the_cost_is_said_before_a_deployment(given: tuple[str, int, int], line: str) -> None:
    assert list(endpoint_cost.lines(*given, Policy(prices=PRICES), "eu-west-1")) == [line]


def test_prices_of_another_region_are_not_used() -> None:
    cost = endpoint_cost.of("ml.c5.large", 1, Policy(prices=PRICES), "us-east-1")

    assert str(cost) == "unknown: the prices in guardrails.toml are for eu-west-1, not for us-east-1"
    assert str(endpoint_cost.of("ml.c5.large", 1, Policy(), "eu-west-1")) == "unknown: guardrails.toml has no [prices]"
