"""What a deployment of an endpoint asks AWS for: a model, a configuration, and how the traffic moves to it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sagemaker_ops.aws.endpoints import package_of
from sagemaker_ops.guardrails import volume_check
from sagemaker_ops.project.endpoint import CANARY, LINEAR
from sagemaker_ops.project.target import Target

# The same in every configuration: https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html
VARIANT = "AllTraffic"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_HOUR, _LONGEST = 3600, 28_800  # seconds


def new_name(endpoint: str, before: str = "", now: float | None = None) -> str:
    """The name of a new configuration and of its model: with the seconds since 1970 in six digits, until 2038.

    before: the name of the one that is deployed, which it differs from.
    """
    seconds = int(time.time() if now is None else now)
    name = f"{endpoint}-{_in_digits(seconds)}"
    return name if name != before else f"{endpoint}-{_in_digits(seconds + 1)}"


def _in_digits(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return f"{digits[-6:]:0>6}"


def model(target: Target, name: str, package: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """The request for CreateModel; package: the ARN of a version in the registry, which names image and archive."""
    environment = target.environment
    vpc = {"Subnets": environment.subnets, "SecurityGroupIds": environment.security_groups}
    return {
        "ModelName": name,
        "ExecutionRoleArn": environment.role,
        "PrimaryContainer": {"ModelPackageName": package},
        **({"VpcConfig": vpc} if environment.subnets else {}),
        **({"EnableNetworkIsolation": True} if environment.network_isolation else {}),
        "Tags": as_list(tags),
    }


def config(target: Target, name: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """The request for CreateEndpointConfig, with the model of the same name."""
    endpoint, instance_type = target.settings.endpoint, target.settings.instances.endpoint
    key = target.environment.kms_key
    variant: dict[str, Any] = {"VariantName": VARIANT, "ModelName": name, "InitialVariantWeight": 1.0}
    if endpoint.serverless:
        variant["ServerlessConfig"] = {
            "MemorySizeInMB": endpoint.memory_mb,
            "MaxConcurrency": endpoint.max_concurrency,
        }
    else:
        variant |= {"InitialInstanceCount": endpoint.instances, "InstanceType": instance_type}
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": endpoint.capture_percent,
        "DestinationS3Uri": target.capture_uri,
        **({"KmsKeyId": key} if key else {}),
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        # Other types are captured in base64.
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
    }
    # AWS encrypts local storage itself, and refuses a key for it:
    # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html, KmsKeyId
    has_volume = not endpoint.serverless and not volume_check.has_local_storage(instance_type)
    return {
        "EndpointConfigName": name,
        "ProductionVariants": [variant],
        **({"DataCaptureConfig": capture} if endpoint.capture_percent else {}),
        **({"KmsKeyId": key} if key and has_volume else {}),
        "Tags": as_list(tags),
    }


def update(target: Target, alarm: str) -> dict[str, Any]:
    """The part of UpdateEndpoint that says how the traffic moves; by default, AWS moves all of it at once.

    Either way, the old instances answer until the new ones do. alarm: the name of the alarm that makes AWS go back.
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html
    """
    endpoint = target.settings.endpoint
    if not endpoint.has_steps:
        return {}
    size = {CANARY: "CanarySize", LINEAR: "LinearStepSize"}[endpoint.traffic]
    policy = {
        "TrafficRoutingConfiguration": {
            "Type": endpoint.traffic.upper(),
            "WaitIntervalInSeconds": 60 * endpoint.step_minutes,
            size: {"Type": "CAPACITY_PERCENT", "Value": endpoint.step_percent},
        },
        "MaximumExecutionTimeoutInSeconds": min(_LONGEST, int(60 * endpoint.shifting_minutes) + _HOUR),
    }
    return {
        "DeploymentConfig": {
            "BlueGreenUpdatePolicy": policy,
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
        }
    }


def facts(config: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, str]:
    """What a configuration and its model say, in words; of requests, or of the answers of Describe… to them."""
    variant = (config.get("ProductionVariants") or [{}])[0]
    capture, vpc = config.get("DataCaptureConfig") or {}, model.get("VpcConfig") or {}
    captured = f"{capture.get('InitialSamplingPercentage')} % of requests to {capture.get('DestinationS3Uri')}"
    return {
        "model": package_of(model).rpartition(":model-package/")[2].replace("/", " version "),
        "runs on": runs_on(variant),
        "data capture": captured if capture.get("EnableCapture", bool(capture)) else "none",
        "role": str(model.get("ExecutionRoleArn", "")).rpartition("/")[2],
        "subnets": ", ".join(vpc.get("Subnets", ())) or "none",
        "security groups": ", ".join(vpc.get("SecurityGroupIds", ())) or "none",
        "network isolation": "yes" if model.get("EnableNetworkIsolation") else "no",
        "KMS key": str(config.get("KmsKeyId") or "none"),
    }


def runs_on(variant: Mapping[str, Any]) -> str:
    """The instances of a variant, or what a serverless one has."""
    if serverless := variant.get("ServerlessConfig"):
        return f"serverless, {serverless['MemorySizeInMB']} MB, {serverless['MaxConcurrency']} requests at a time"
    return f"{variant.get('InitialInstanceCount', 0)} x {variant.get('InstanceType', 'unknown')}"


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as SageMaker takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
