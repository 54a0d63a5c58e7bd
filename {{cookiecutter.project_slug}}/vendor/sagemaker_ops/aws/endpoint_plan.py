"""What a deployment of an endpoint would change: the version, and the differences from what is there now."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import ClientError

from sagemaker_ops.aws import endpoint_requests, endpoint_scaling, endpoints, guard, models
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.endpoint_scaling import Scaling
from sagemaker_ops.aws.endpoints import IN_SERVICE, Endpoint
from sagemaker_ops.aws.errors import AwsError, is_not_found
from sagemaker_ops.aws.models import APPROVED, Version
from sagemaker_ops.errors import RefusedError, UserError
from sagemaker_ops.guardrails import endpoint_cost
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.project.target import Target


@dataclass(frozen=True)
class Deployment:
    """A version, and the endpoint that is to serve it. deployed: what is there now.

    changes: a line for each difference. scaling: the one wanted; scaled: the one that is there. cost: lines.
    """

    target: Target
    version: Version
    deployed: Endpoint | None
    changes: tuple[str, ...]
    scaling: Scaling | None
    scaled: Scaling | None
    cost: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.target.endpoint_name

    @property
    def is_up_to_date(self) -> bool:
        return self.deployed is not None and not self.changes and self.scaling == self.scaled

    @property
    def lines(self) -> list[str]:
        """What will be done, to be confirmed by the user."""
        scaling = [f"~ scaling: {self.scaled or 'none'} → {self.scaling or 'none'}"]
        return [
            f"{'Update' if self.deployed else 'Create'} endpoint {self.name}",
            *self.changes,
            *(scaling if self.scaling != self.scaled else ()),
            *self.cost,
        ]

    @property
    def tags(self) -> dict[str, str]:
        return {key: value for key, value in self.target.tags.items() if value}

    @property
    def loses_scaling(self) -> bool:
        """Whether the scaling must end first: it is not wanted, or AWS refuses to change a type that scales.

        https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html
        """
        old = self.deployed.variant.get("InstanceType") if self.deployed else None
        return self.scaled is not None and (self.scaling is None or old != self.target.settings.instances.endpoint)


def prepare(account: Account, target: Target, version: Version, rules: Policy) -> Deployment:
    """Compare with what is deployed; nothing is changed. UserError if the endpoint cannot be updated now."""
    name, settings = target.endpoint_name, target.settings.endpoint
    deployed = endpoints.find(account, name)
    if deployed is None:
        guard.check_new_name(account, name, endpoints.KIND)
    else:
        _check_updatable(account, deployed, settings.serverless)
    new = endpoint_requests.facts(
        endpoint_requests.config(target, name, {}), endpoint_requests.model(target, name, version.arn, {})
    )
    old = endpoint_requests.facts(deployed.config, deployed.model) if deployed else {}
    mark = "~" if deployed else "+"
    plain = {"none", "no"}  # not worth a line for a new endpoint
    changes = [
        f"{mark} {key}: {f'{old[key]} → ' if old.get(key) else ''}{value}"
        for key, value in new.items()
        if (old[key] != value if old else value not in plain)
    ]
    instance_type = "" if settings.serverless else target.settings.instances.endpoint
    cost = endpoint_cost.lines(instance_type, settings.instances, settings.most_instances, rules, account.region)
    scaled = endpoint_scaling.deployed(account, name) if deployed else None
    return Deployment(target, version, deployed, tuple(changes), endpoint_scaling.wanted(settings), scaled, tuple(cost))


def served(account: Account, endpoint: Endpoint) -> Version | None:
    """The version that an endpoint serves; None if it is gone, or if the model comes from elsewhere."""
    group, number = endpoint.package
    try:
        return models.described(account, account.s3, group, endpoints.package_of(endpoint.model)) if number else None
    except AwsError as error:
        if isinstance(error.__cause__, ClientError) and is_not_found(error.__cause__):
            return None
        raise


def chosen(account: Account, target: Target, named: str) -> Version:
    """The version with this name (see models.find), by default the newest approved one of the project's group.

    RefusedError if it is not approved, or of another project.
    """
    group = target.model_package_group
    if named in ("", APPROVED):
        arn = models.group_arn(account, group)
        guard.check_resource(account, group, arn, "model package group")
        order = {"SortBy": "CreationTime", "SortOrder": "Descending", "ModelApprovalStatus": "Approved"}
        listed = account.pages("list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=group, **order)
        newest = next(listed, None)
        if newest is None:
            raise models.no_version(group, APPROVED)
        return models.described(account, account.s3, group, newest["ModelPackageArn"])
    found = models.find(account, named, group)
    which = f"version {found.number} of {found.group}"
    if found.group not in (group, f"{target.base}-{target.environment_name}"):
        raise RefusedError(f"{which} is not a model of this project: deploy it from its own project.")
    if found.approval != "Approved":
        raise RefusedError(
            f"{which} is {found.approval}: approve it first with `ops approve-model {found.number} --env "
            f"{account.environment_name}`."
        )
    return found


def _check_updatable(account: Account, deployed: Endpoint, serverless: bool) -> None:
    name, env = deployed.name, account.environment_name
    if deployed.status in endpoints.CHANGING:
        raise UserError(f"endpoint '{name}' is {deployed.status}: wait until it is in service, and run this again.")
    again = f"delete it with `ops delete-endpoint {name} --env {env}`, and deploy it again"
    if deployed.status not in (IN_SERVICE, "UpdateRollbackFailed"):
        why = f" ({deployed.reason.rstrip('.')})" if deployed.reason else ""
        raise UserError(f"endpoint '{name}' is {deployed.status}{why}, and AWS does not update it: {again}.")
    if deployed.variant and deployed.variant.get("VariantName") != endpoint_requests.VARIANT:
        raise UserError(
            f"endpoint '{name}' was not made by `ops deploy-endpoint`: its variant is not called "
            f"'{endpoint_requests.VARIANT}', so AWS does not update it; {again}."
        )
    # https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html: neither can be taken back.
    if deployed.variant and ("ServerlessConfig" in deployed.variant) != serverless:
        kinds = ("with instances", "serverless")
        raise UserError(
            f"endpoint '{name}' is {kinds[not serverless]}, and AWS cannot make it {kinds[serverless]} and back: "
            f"{again}."
        )
