"""Endpoints on AWS: found by name, checked by the guard, and what each runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops import trace
from sagemaker_ops.aws import guard
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import aws_call, is_not_found, with_quota
from sagemaker_ops.errors import RefusedError, UserError
from sagemaker_ops.project.target import Target

KIND = "endpoint"
IN_SERVICE = "InService"
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
# The name of a configuration and a model: that of the endpoint, and when it was deployed.
_OWN = re.compile(r"-[0-9a-z]{6}")
_PACKAGE = re.compile(r".+:model-package/(.+)/(\d+)")


@dataclass(frozen=True)
class Endpoint:
    """An endpoint, with the answers of DescribeEndpoint, DescribeEndpointConfig and DescribeModel.

    config, model: empty if they were deleted. tags: of the endpoint; config_tags: of its configuration.
    """

    name: str
    arn: str
    described: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    config_tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> str:
        return str(self.described["EndpointStatus"])

    @property
    def reason(self) -> str:
        """Why it failed; empty if AWS does not say."""
        return with_quota(self.described.get("FailureReason")) or ""

    @property
    def config_name(self) -> str:
        return str(self.described["EndpointConfigName"])

    @property
    def variant(self) -> Mapping[str, Any]:
        """The first variant of the configuration; those of the library have only one."""
        variants = self.config.get("ProductionVariants") or [{}]
        return dict(variants[0])

    @property
    def count(self) -> int:
        """The number of instances that it has now; 0 for a serverless one."""
        if "ServerlessConfig" in self.variant:
            return 0
        now = (self.described.get("ProductionVariants") or [{}])[0]
        return int(now.get("CurrentInstanceCount") or self.variant.get("InitialInstanceCount", 0))

    @property
    def package(self) -> tuple[str, int]:
        """The model package group and the version that it serves; ("", 0) if the model comes from elsewhere."""
        found = _PACKAGE.fullmatch(package_of(self.model))
        return (found[1], int(found[2])) if found else ("", 0)

    @property
    def deployed_by(self) -> trace.Trace:
        return trace.parse(self.config_tags.get("deployed-by"))

    @property
    def deployed(self) -> datetime | None:
        """When its configuration was made."""
        return self.config.get("CreationTime")


def package_of(model: Mapping[str, Any]) -> str:
    """The ARN of the model package in a request for CreateModel, or in the answer of DescribeModel."""
    containers = [model.get("PrimaryContainer") or {}, *(model.get("Containers") or ())]
    return next((str(each["ModelPackageName"]) for each in containers if each.get("ModelPackageName")), "")


def name_of(account: Account, typed: str, user: str) -> str:
    """The name that was typed, or that of this project; user: the owner of a personal deployment."""
    if typed and user:
        raise UserError("--as works only with the endpoint of this project: a full name already says whose it is.")
    return typed or Target(account.settings, account.environment_name, "", "", user).endpoint_name


def find(account: Account, name: str, typed: str = "") -> Endpoint | None:
    """The endpoint with this name, after checking that it may be changed; None if there is none.

    RefusedError if it is not this vertical's or not in this environment, or if the name that was not typed is another
    project's: the names of two projects can coincide.
    """
    described = describe(account, name)
    if described is None:
        return None
    tags = guard.check_resource(account, name, described["EndpointArn"], KIND)
    project = account.settings.project.slug
    if not typed and tags.get("project") != project:
        whose = f"belongs to project '{tags['project']}'" if "project" in tags else "has no tag 'project'"
        raise RefusedError(f"{KIND} '{name}' {whose}, but this is '{project}': write its full name if you mean it.")
    return _whole(account, described, tags)


def shown(account: Account, name: str) -> Endpoint:
    """The endpoint with this name, for what is only shown; RefusedError if it is another environment's."""
    described = describe(account, name)
    if described is None:
        raise unknown(account, name)
    guard.check_shown(account, name, described["EndpointArn"], KIND)
    return _whole(account, described, guard.readable_tags(account, described["EndpointArn"]))


def looked_at(account: Account, name: str, tags: Mapping[str, str]) -> Endpoint | None:
    """The endpoint with this name and these tags, not checked by the guard; None if it is gone."""
    described = describe(account, name)
    return _whole(account, described, tags) if described is not None else None


def unknown(account: Account, name: str) -> UserError:
    """The error for a name that no endpoint has."""
    env = account.environment_name
    return UserError(
        f"there is no endpoint '{name}' in account {account.id}, {account.region}: `ops deploy-endpoint --env {env}` "
        f"makes that of this project, and `ops list-endpoints --env {env}` lists the existing ones."
    )


def describe(account: Account, name: str) -> dict[str, Any] | None:
    """The answer of DescribeEndpoint; None if there is no such endpoint."""
    return _described(account, "describe_endpoint", f"endpoint '{name}'", EndpointName=name)


def own_names(account: Account, name: str, tags: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The configurations and the models that deployments of this endpoint made, oldest first."""
    wanted = {key: tags[key] for key in ("vertical", "project", "env") if key in tags}
    return (
        list(_own(account, name, wanted, "list_endpoint_configs", "EndpointConfigs")),
        list(_own(account, name, wanted, "list_models", "Models")),
    )


def _own(account: Account, name: str, wanted: Mapping[str, str], operation: str, key: str) -> Iterator[str]:
    listed = account.pages(operation, key, NameContains=f"{name}-", SortBy="CreationTime", SortOrder="Ascending")
    kind = key.removesuffix("s")
    for each in list(listed):
        found = str(each[f"{kind}Name"])
        is_named = found.startswith(name) and _OWN.fullmatch(found[len(name) :])
        if is_named and wanted.items() <= guard.readable_tags(account, each[f"{kind}Arn"]).items():
            yield found


def _whole(account: Account, described: Mapping[str, Any], tags: Mapping[str, str]) -> Endpoint:
    name, config_name = str(described["EndpointName"]), str(described["EndpointConfigName"])
    config = _described(
        account, "describe_endpoint_config", f"configuration '{config_name}'", EndpointConfigName=config_name
    )
    found = Endpoint(name, str(described["EndpointArn"]), described, config or {}, {}, tags)
    if config is None:
        return found
    model_name = found.variant.get("ModelName")
    model = _described(account, "describe_model", f"model '{model_name}'", ModelName=model_name) if model_name else None
    config_tags = guard.readable_tags(account, str(config["EndpointConfigArn"]))
    return Endpoint(name, found.arn, described, config, model or {}, tags, config_tags)


def _described(account: Account, operation: str, what: str, **name: str) -> dict[str, Any] | None:
    with aws_call(f"describe {what}"):
        try:
            answer: dict[str, Any] = getattr(account.sagemaker, operation)(**name)
            str(answer[next(iter(name))])  # an answer without it is none of AWS's
        except ClientError as error:
            if is_not_found(error):
                return None
            raise
    return answer
