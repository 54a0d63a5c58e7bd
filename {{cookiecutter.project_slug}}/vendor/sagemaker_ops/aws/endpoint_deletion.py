"""Deletes an endpoint with all that its deployments made, or only what earlier ones left."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from botocore.exceptions import ClientError

from sagemaker_ops.aws import endpoint_alarm, endpoint_scaling, endpoint_wait, endpoints
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.endpoint_scaling import Scaling
from sagemaker_ops.aws.endpoint_wait import Say
from sagemaker_ops.aws.endpoints import Endpoint
from sagemaker_ops.aws.errors import aws_change, is_not_found


@dataclass(frozen=True)
class Deletion:
    """What goes with an endpoint."""

    endpoint: Endpoint
    configs: Sequence[str]
    models: Sequence[str]
    scaling: Scaling | None

    @property
    def lines(self) -> list[str]:
        """What will be deleted, to be confirmed by the user."""
        also = [
            _counted(len(self.configs), "configuration"),
            _counted(len(self.models), "model"),
            "the scaling" if self.scaling else "",
        ]
        return [
            f"Delete endpoint {self.endpoint.name}, which nobody can then send requests to.",
            f"This also deletes {', '.join(filter(None, also))}.",
            "The versions in the model package group and the captured data on S3 are kept.",
        ]


def prepare(account: Account, endpoint: Endpoint) -> Deletion:
    configs, models = endpoints.own_names(account, endpoint.name, endpoint.tags)
    return Deletion(endpoint, configs, models, endpoint_scaling.deployed(account, endpoint.name))


def apply(account: Account, deletion: Deletion, say: Say) -> None:
    """Delete it, wait until it is gone, and delete the rest."""
    name = deletion.endpoint.name
    if deletion.scaling:
        endpoint_scaling.remove(account, name)
    delete_endpoint(account, name, say)
    endpoint_alarm.remove(account, name)
    discard(account, deletion.configs, deletion.models)


def delete_endpoint(account: Account, name: str, say: Say) -> None:
    """Delete only the endpoint, and wait until it is gone."""
    with aws_change(f"delete endpoint '{name}'"):
        try:
            account.sagemaker.delete_endpoint(EndpointName=name)
        except ClientError as error:
            if not is_not_found(error):
                raise
    endpoint_wait.until_changed(account, name, say)


def remove_leftovers(account: Account, endpoint: Endpoint, kept: Collection[str]) -> None:
    """Delete the configurations and models of earlier deployments, except those with these names."""
    configs, models = endpoints.own_names(account, endpoint.name, endpoint.tags)
    discard(account, [each for each in configs if each not in kept], [each for each in models if each not in kept])


def discard(account: Account, configs: Sequence[str], models: Sequence[str]) -> None:
    """Delete these configurations and models; one that is gone is fine."""
    for name in configs:
        with aws_change(f"delete endpoint configuration '{name}'"):
            try:
                account.sagemaker.delete_endpoint_config(EndpointConfigName=name)
            except ClientError as error:
                if not is_not_found(error):
                    raise
    for name in models:
        with aws_change(f"delete model '{name}'"):
            try:
                account.sagemaker.delete_model(ModelName=name)
            except ClientError as error:
                if not is_not_found(error):
                    raise


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}" if number else ""
