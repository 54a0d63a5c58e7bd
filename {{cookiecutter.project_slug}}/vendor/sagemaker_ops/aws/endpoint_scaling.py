"""The number of instances of an endpoint, which Application Auto Scaling adapts to the requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.endpoint_requests import VARIANT
from sagemaker_ops.aws.errors import aws_call, aws_change, code_of
from sagemaker_ops.project.endpoint import Endpoint

POLICY = "requests"
METRIC = "SageMakerVariantInvocationsPerInstance"


@dataclass(frozen=True)
class Scaling:
    """From `least` to `most` instances, so that each gets `invocations` requests per minute."""

    least: int
    most: int
    invocations: float

    def __str__(self) -> str:
        return f"{self.least} to {self.most} instances, {self.invocations:g} requests per minute and instance"


def wanted(endpoint: Endpoint) -> Scaling | None:
    """What project.toml says; None: no scaling."""
    if endpoint.max_instances is None or endpoint.serverless:
        return None
    return Scaling(endpoint.instances, endpoint.max_instances, float(endpoint.invocations_per_instance))


def deployed(account: Account, name: str) -> Scaling | None:
    """The scaling of an endpoint on AWS; None if it has none."""
    with aws_call(f"describe the scaling of endpoint '{name}'"):
        client, where = account.client("application-autoscaling"), _where(name)
        targets = client.describe_scalable_targets(
            ServiceNamespace="sagemaker",
            ResourceIds=[where["ResourceId"]],
            ScalableDimension=where["ScalableDimension"],
        )["ScalableTargets"]
        if not targets:
            return None
        policies = client.describe_scaling_policies(**where)["ScalingPolicies"]
    values = [each.get("TargetTrackingScalingPolicyConfiguration", {}).get("TargetValue", 0.0) for each in policies]
    return Scaling(targets[0]["MinCapacity"], targets[0]["MaxCapacity"], float(values[0]) if values else 0.0)


def put(account: Account, name: str, scaling: Scaling, tags: Mapping[str, str]) -> None:
    """Let the endpoint, which must be in service, scale like this from now on; tags: of a new scalable target."""
    where = _where(name)
    exists = deployed(account, name) is not None
    with aws_change(f"set the scaling of endpoint '{name}'"):
        client = account.client("application-autoscaling")
        client.register_scalable_target(
            **where,
            MinCapacity=scaling.least,
            MaxCapacity=scaling.most,
            # Of one that exists, they cannot be set here.
            **({} if exists else {"Tags": dict(tags)}),
        )
        client.put_scaling_policy(
            **where,
            PolicyName=POLICY,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": scaling.invocations,
                "PredefinedMetricSpecification": {"PredefinedMetricType": METRIC},
            },
        )


def remove(account: Account, name: str) -> None:
    """Leave the number of instances as it is from now on; this also removes the policy and its alarms."""
    with aws_change(f"remove the scaling of endpoint '{name}'"):
        try:
            account.client("application-autoscaling").deregister_scalable_target(**_where(name))
        except ClientError as error:
            if code_of(error) != "ObjectNotFoundException":
                raise


def _where(name: str) -> dict[str, Any]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{name}/variant/{VARIANT}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
