"""An endpoint as a terminal shows it: what it runs, what that costs, and who deployed it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagemaker_ops.aws import endpoint_requests
from sagemaker_ops.aws.endpoint_scaling import Scaling
from sagemaker_ops.aws.endpoints import Endpoint
from sagemaker_ops.aws.models import Version
from sagemaker_ops.guardrails import endpoint_cost
from sagemaker_ops.guardrails.endpoint_cost import Cost
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.terminal import summary, tables

_UNUSUAL = ("subnets", "security groups", "network isolation", "KMS key")  # shown if the endpoint has them


def lines(
    endpoint: Endpoint, version: Version | None, scaling: Scaling | None, rules: Policy, region: str
) -> Iterator[str]:
    """A line for each fact, and the metrics of the model. version: None if it cannot be found."""
    facts = endpoint_requests.facts(endpoint.config, endpoint.model)
    who = endpoint.deployed_by
    by = f" by {who.who}" if who.who else ""
    serverless = "ServerlessConfig" in endpoint.variant
    shown = {
        "status": f"{endpoint.status}{f': {endpoint.reason}' if endpoint.reason else ''}",
        "model": f"{facts['model'] or 'unknown'}{f', {version.approval}' if version else ''}",
        "runs on": facts["runs on"] if serverless else f"{endpoint.count} x {_type(endpoint)}",
        "scaling": "by itself" if serverless else str(scaling or "none"),
        "data capture": facts["data capture"],
        "cost": str(cost(endpoint, rules, region)),
        "deployed": f"{tables.moment(endpoint.deployed)}{by}{f', commit {who.commit}' if who.commit else ''}",
        "configuration": endpoint.config_name,
        "role": facts["role"],
        **{key: facts[key] for key in _UNUSUAL if facts[key] not in ("none", "no")},
    }
    yield endpoint.name
    width = max(map(len, shown))
    yield from (f"  {key:<{width}}  {value}" for key, value in shown.items())
    if version and version.evaluation:
        yield ""
        yield from summary.metrics(version.evaluation)


def document(
    endpoint: Endpoint, version: Version | None, scaling: Scaling | None, rules: Policy, region: str
) -> dict[str, Any]:
    """The same, with the keys of the API where it has them."""
    price = cost(endpoint, rules, region)
    return {
        **{key: value for key, value in endpoint.described.items() if key != "ResponseMetadata"},
        "Configuration": {key: value for key, value in endpoint.config.items() if key != "ResponseMetadata"} or None,
        "Scaling": vars(scaling) if scaling else None,
        "CostPerHour": price.per_hour,
        "CostPerMonth": price.per_month,
        "Currency": price.currency or None,
        "DeployedBy": endpoint.deployed_by.document or None,
        "ModelPackage": version.document if version else None,
        "Tags": dict(endpoint.tags),
    }


def cost(endpoint: Endpoint, rules: Policy, region: str) -> Cost:
    """The cost of the instances that it has now."""
    serverless = "ServerlessConfig" in endpoint.variant
    return endpoint_cost.of("" if serverless else _type(endpoint), endpoint.count, rules, region)


def _type(endpoint: Endpoint) -> str:
    return str(endpoint.variant.get("InstanceType", "unknown"))
