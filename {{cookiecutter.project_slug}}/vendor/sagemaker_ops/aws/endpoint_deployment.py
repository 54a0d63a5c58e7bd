"""The deployment of an approved model to an endpoint: the calls, the test, and the way back."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from sagemaker_ops.aws import (
    endpoint_alarm,
    endpoint_deletion,
    endpoint_probe,
    endpoint_requests,
    endpoint_scaling,
    endpoint_wait,
    endpoints,
    pipelines,
)
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.endpoint_plan import Deployment
from sagemaker_ops.aws.endpoint_wait import Say
from sagemaker_ops.aws.endpoints import IN_SERVICE, Endpoint
from sagemaker_ops.aws.errors import AwsError, aws_change, is_lost, is_not_found, with_quota
from sagemaker_ops.errors import UserError
from sagemaker_ops.project.table_rows import Rows
from sagemaker_ops.trace import Trace

Found = TypeVar("Found")


class NotDeployedError(UserError):
    """The new model does not answer, so the old state was restored."""

    exit_code = 1


def begin(account: Account, deployment: Deployment, deployed_by: Trace) -> str:
    """Create the model and its configuration, and let the endpoint change to it; returns the name of both.

    If AWS refuses, what was created is deleted again.
    """
    before = deployment.deployed.config_name if deployment.deployed else ""
    name, target = endpoint_requests.new_name(deployment.name, before), deployment.target
    tags = {**deployment.tags, **deployed_by.tags}
    models: list[str] = []
    configs: list[str] = []
    try:
        with aws_change(f"create model '{name}'"):
            account.sagemaker.create_model(**endpoint_requests.model(target, name, deployment.version.arn, tags))
        models.append(name)
        with aws_change(f"create endpoint configuration '{name}'"):
            account.sagemaker.create_endpoint_config(**endpoint_requests.config(target, name, tags))
        configs.append(name)
        if deployment.deployed is None:
            _create(account, deployment, name, tags)
        else:
            _update(account, deployment, name)
    except AwsError as error:
        if not is_lost(error):  # otherwise the endpoint may use them
            with suppress(AwsError):  # the next deployment removes them
                endpoint_deletion.discard(account, configs, models)
                _restore_scaling(account, deployment)
        raise
    return name


def finish(account: Account, deployment: Deployment, config: str, rows: Rows, say: Say) -> None:
    """Wait until the endpoint serves the new model, and test it with these rows.

    NotDeployedError if it does not: an endpoint that was updated is then back at its old model, and a new one is
    deleted. AwsError if AWS cannot be asked: then the deployment goes on.
    """
    described = endpoint_wait.until_changed(account, deployment.name, say, config)
    reason = _failure(described, config)
    if not reason:
        try:
            say("Testing")
            endpoint_probe.run(account, deployment.name, rows, deployment.target.settings.data.problem)
        except UserError as error:
            reason = f"the test with {rows.count} rows of {rows.source} failed: {str(error).rstrip('.')}"
    if reason:
        raise _rolled_back(account, deployment, config, reason, say)


def complete(account: Account, deployment: Deployment, deployed_by: Trace) -> None:
    """What follows once the endpoint serves the new model: its scaling, and who deployed it."""
    if deployment.target.settings.endpoint.has_steps:
        endpoint_alarm.remove(account, deployment.name)
    set_scaling(account, deployment)
    if deployment.deployed:
        _tag(account, deployment.deployed, {**deployment.tags, **deployed_by.tags})


def set_scaling(account: Account, deployment: Deployment) -> None:
    """Give the endpoint the scaling that project.toml says."""
    if deployment.scaling and (deployment.scaling != deployment.scaled or deployment.loses_scaling):
        endpoint_scaling.put(account, deployment.name, deployment.scaling, deployment.tags)
    elif deployment.scaled and not deployment.scaling:
        endpoint_scaling.remove(account, deployment.name)


def clean(account: Account, deployment: Deployment) -> None:
    """Delete what earlier deployments left, except the configuration that is deployed and the one before it."""
    now = endpoints.find(account, deployment.name)
    if now is None:
        return
    kept = {now.config_name, str(now.variant.get("ModelName"))}
    if before := deployment.deployed:
        kept |= {before.config_name, str(before.variant.get("ModelName"))}
    endpoint_deletion.remove_leftovers(account, now, kept)


def _create(account: Account, deployment: Deployment, config: str, tags: dict[str, str]) -> None:
    with aws_change(f"create endpoint '{deployment.name}'"):
        _once_known(
            lambda: account.sagemaker.create_endpoint(
                EndpointName=deployment.name, EndpointConfigName=config, Tags=endpoint_requests.as_list(tags)
            )
        )


def _update(account: Account, deployment: Deployment, config: str) -> None:
    name, target = deployment.name, deployment.target
    if target.settings.endpoint.has_steps:
        endpoint_alarm.put(account, name, deployment.tags)
    if deployment.loses_scaling:
        endpoint_scaling.remove(account, name)
    retained = deployment.scaled is not None and not deployment.loses_scaling  # as many instances as it has now
    with aws_change(f"update endpoint '{name}'"):
        _once_known(
            lambda: account.sagemaker.update_endpoint(
                EndpointName=name,
                EndpointConfigName=config,
                RetainAllVariantProperties=retained,
                **endpoint_requests.update(target, endpoint_alarm.name_of(name)),
            )
        )


def _failure(described: dict[str, Any] | None, config: str) -> str:
    """Why the endpoint does not serve the new configuration; empty if it does."""
    if described is None:
        return "somebody deleted it in the meantime"
    if described["EndpointStatus"] == IN_SERVICE and described["EndpointConfigName"] == config:
        return ""
    said = (with_quota(described.get("FailureReason")) or "").rstrip(".")
    return f"AWS says '{said}'" if said else f"AWS says only that it is {described['EndpointStatus']}"


def _rolled_back(account: Account, deployment: Deployment, config: str, reason: str, say: Say) -> NotDeployedError:
    """The error that says why, after going back to the state before the deployment, and how far that succeeded."""
    name, old = deployment.name, deployment.deployed
    failed = f"version {deployment.version.number} was not deployed to endpoint '{name}': {reason}"
    try:
        say("Going back")
        if old is None:
            endpoint_deletion.delete_endpoint(account, name, say)
            done = "the endpoint was deleted"
        else:
            _go_back(account, deployment, old, say)
            done = f"the endpoint answers with {_shown(old)} as before"
    except UserError as error:
        env = account.environment_name
        return NotDeployedError(
            f"{failed}; going back failed, too ({str(error).rstrip('.')}): look at it with `ops describe-endpoint "
            f"{name} --env {env}`."
        )
    with suppress(AwsError):  # the next deployment removes them
        if deployment.target.settings.endpoint.has_steps:
            endpoint_alarm.remove(account, name)
        endpoint_deletion.discard(account, [config], [config])
    return NotDeployedError(f"{failed}; {done}.")


def _go_back(account: Account, deployment: Deployment, old: Endpoint, say: Say) -> None:
    """Let the endpoint serve its old configuration again, unless AWS has gone back by itself."""
    now = endpoints.describe(account, old.name)
    if now is None or now["EndpointStatus"] != IN_SERVICE or now["EndpointConfigName"] != old.config_name:
        with aws_change(f"update endpoint '{old.name}'"):
            account.sagemaker.update_endpoint(
                EndpointName=old.name,
                EndpointConfigName=old.config_name,
                RetainAllVariantProperties=deployment.scaled is not None and not deployment.loses_scaling,
            )
        described = endpoint_wait.until_changed(account, old.name, say, old.config_name)
        if reason := _failure(described, old.config_name):
            raise AwsError(reason)
    _restore_scaling(account, deployment)


def _restore_scaling(account: Account, deployment: Deployment) -> None:
    if deployment.scaled and deployment.loses_scaling:
        endpoint_scaling.put(account, deployment.name, deployment.scaled, deployment.tags)


def _shown(endpoint: Endpoint) -> str:
    _, number = endpoint.package
    return f"version {number}" if number else f"configuration {endpoint.config_name}"


def _tag(account: Account, endpoint: Endpoint, tags: dict[str, str]) -> None:
    """Set the tags that have changed, among them who deployed what it serves now."""
    changed = {key: value for key, value in tags.items() if endpoint.tags.get(key) != value}
    if changed:
        with aws_change(f"tag endpoint '{endpoint.name}'"):
            account.sagemaker.add_tags(ResourceArn=endpoint.arn, Tags=endpoint_requests.as_list(changed))


def _once_known(change: Callable[[], Found]) -> Found:
    """The result of a change that needs a new configuration, which AWS may take a moment to show."""
    for _ in range(pipelines.TRIES - 1):
        try:
            return change()
        except ClientError as error:
            if not is_not_found(error):
                raise
        time.sleep(pipelines.PAUSE)
    return change()
