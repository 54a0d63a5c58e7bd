"""Protects other verticals' and environments' resources: checked before every change and every start, always.

A resource is this vertical's if its name starts with `<vertical>-` *and* its tag `vertical` says so. It is in this
environment if its tag `env` says so *and* its name ends with `-<env>`, or `-<env>-<user>` for a personal deployment.
The caller is known from the Studio user profile or the tags of the role; otherwise only IAM protects, and `ops doctor`
says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import ClientError

from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import DENIED, AwsError, aws_call, code_of, is_denied, is_not_found
from sagemaker_ops.errors import RefusedError, UserError
from sagemaker_ops.guardrails import names

# https://docs.aws.amazon.com/sagemaker/latest/dg/notebooks-run-and-manage-metadata.html
STUDIO_METADATA = Path("/opt/ml/metadata/resource-metadata.json")


@dataclass(frozen=True)
class Caller:
    """The caller. vertical, env, user: empty if unknown; source: how they are known."""

    vertical: str = ""
    source: str = ""
    env: str = ""
    user: str = field(default="", compare=False)


def check_caller(account: Account) -> None:
    """RefusedError if the caller is known to belong to another vertical than the project, or another environment."""
    caller = caller_of(account)
    if caller.vertical and caller.vertical != account.vertical:
        raise RefusedError(
            f"you belong to '{caller.vertical}' ({caller.source}), but this project belongs to '{account.vertical}': "
            f"ask {account.settings.project.owner or account.vertical} to do it."
        )
    # The tag `env` of a role may also mean something else.
    if caller.env != account.environment_name and caller.env in account.settings.environments:
        raise RefusedError(
            f"you work in environment '{caller.env}' ({caller.source}), but --env is '{account.environment_name}': use "
            f"--env {caller.env}, or log in with a role of '{account.environment_name}'."
        )


def check_resource(account: Account, name: str, arn: str, kind: str) -> dict[str, str]:
    """The tags of a resource of this vertical and environment; RefusedError with the owner if it is another's."""
    tags = account.tags(arn)
    check_tags(account, name, tags, kind)
    return tags


def check_tags(account: Account, name: str, tags: Mapping[str, str], kind: str) -> None:
    """RefusedError with the owner if a resource with these tags is not of this vertical and environment."""
    owner, vertical = tags.get("owner", ""), tags.get("vertical")
    whose = f"'{vertical}'{f' (owner {owner})' if owner else ''}"
    if vertical is None:
        raise RefusedError(
            f"{kind} '{name}' has no tag 'vertical', so it is not clear whose it is: its owner"
            f"{f' ({owner})' if owner else ''}, or your platform team, must set vertical = {account.vertical} first."
        )
    if vertical != account.vertical:
        raise RefusedError(f"{kind} '{name}' belongs to {whose}, but you work for '{account.vertical}': ask them.")
    if not name.startswith(f"{account.vertical}-"):
        raise RefusedError(
            f"{kind} '{name}' has the tag of '{vertical}', but its name does not start with '{account.vertical}-': "
            "ask your platform team whose it is."
        )
    env = account.environment_name
    if "env" not in tags:
        raise RefusedError(
            f"{kind} '{name}' has no tag 'env', so it is not clear which environment it belongs to: your platform team "
            f"must set env = {env} first."
        )
    check_environment(account, name, tags, kind)
    if not _ends_with_environment(account, name):
        raise RefusedError(
            f"{kind} '{name}' has the tag of environment '{env}', but its name does not end with '-{env}' or "
            f"'-{env}-<user>': ask your platform team whose it is."
        )


def check_new_name(account: Account, name: str, kind: str) -> None:
    """RefusedError if a resource with this name would not be this vertical's in this environment."""
    env = account.environment_name
    if not (name.startswith(f"{account.vertical}-") and _ends_with_environment(account, name)):
        raise RefusedError(
            f"{kind} '{name}' cannot be created: its name must start with '{account.vertical}-' and end with '-{env}' "
            f"or '-{env}-<user>'."
        )


def check_shown(account: Account, name: str, arn: str, kind: str) -> None:
    """RefusedError if what is to be shown is another environment's, as far as its tags can be read."""
    check_environment(account, name, readable_tags(account, arn), kind)


def readable_tags(account: Account, arn: str) -> dict[str, str]:
    """The tags of a resource; none if they must not be read, or if there is no such resource."""
    try:
        return account.tags(arn)
    except AwsError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and (is_denied(cause) or is_not_found(cause)):
            return {}
        raise


def check_place(account: Account, what: str, region: str, account_id: str) -> None:
    """UserError if an ARN is of another account or region; RefusedError if that is another environment's."""
    if (region, account_id) == (account.region, account.id):
        return
    env = account.environment_name
    where = f"{what} is in account {account_id}, {region}, but environment '{env}' is account {account.id}, "
    for other, each in account.settings.environments.items():
        if (region, account_id) == (account.region, each.account):
            raise RefusedError(f"{where}{account.region}: it belongs to environment '{other}', so use --env {other}.")
    raise UserError(f"{where}{account.region}: use the --env that it belongs to.")


def is_of_another_user(tags: Mapping[str, str]) -> bool:
    """Whether it is a personal deployment, and not known to be the caller's."""
    return "user" in tags and tags["user"] != (_studio_profile() or Caller()).user


def check_environment(account: Account, name: str, tags: Mapping[str, str], kind: str) -> None:
    """RefusedError if the tags name another environment."""
    env, wanted = tags.get("env", account.environment_name), account.environment_name
    if env != wanted:
        owner = f" (owner {tags['owner']})" if tags.get("owner") else ""
        raise RefusedError(
            f"{kind} '{name}' belongs to environment '{env}'{owner}, but --env is '{wanted}': use --env {env}."
        )


def _ends_with_environment(account: Account, name: str) -> bool:
    return re.fullmatch(rf".+-{account.environment_name}(-{names.USER.pattern})?", name) is not None


def caller_of(account: Account) -> Caller:
    """The caller, as far as it can be known from here."""
    return _studio_profile() or _role(account) or Caller()


def user_of(account: Account) -> str:
    """The name of the caller: of the Studio user profile, otherwise of the session, or of the user in IAM."""
    return (_studio_profile() or Caller()).user or re.split("[/:]", account.caller)[-1]


def _studio_profile() -> Caller | None:
    try:
        profile = json.loads(STUDIO_METADATA.read_text(encoding="utf-8"))["UserProfileName"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not in Studio, or in a shared space
    vertical, hyphen, user = str(profile).partition("-")
    # Otherwise it is not <vertical>-<user>.
    return Caller(vertical, f"Studio profile {profile}", user=user) if hyphen else None


def _role(account: Account) -> Caller | None:
    """The tags of the role in `arn:aws:sts::123456789012:assumed-role/<role>/<session>`."""
    kind, _, rest = account.caller.rpartition(":")[2].partition("/")
    if kind != "assumed-role":
        return None
    role = rest.partition("/")[0]
    with aws_call(f"read the tags of role {role}"):
        try:
            tags = account.client("iam").list_role_tags(RoleName=role)["Tags"]
        except ClientError as error:
            if code_of(error) in DENIED or is_not_found(error):
                return None
            raise
        found = {tag["Key"]: tag["Value"] for tag in tags}
    return Caller(found["vertical"], f"role {role}", found.get("env", "")) if "vertical" in found else None
