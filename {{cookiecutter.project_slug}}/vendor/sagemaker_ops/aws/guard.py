"""Protects other verticals' resources: checked before every change and every start, and cannot be turned off.

A resource is this vertical's if its name starts with `<vertical>-` *and* its tag `vertical` says so. The caller is
known from the Studio user profile or the tag of the role; otherwise only IAM protects, and `ops doctor` says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import DENIED, aws_call, code_of, is_not_found
from sagemaker_ops.errors import RefusedError

# https://docs.aws.amazon.com/sagemaker/latest/dg/notebooks-run-and-manage-metadata.html
STUDIO_METADATA = Path("/opt/ml/metadata/resource-metadata.json")


@dataclass(frozen=True)
class Caller:
    """The caller. vertical: empty if unknown; source: how it is known."""

    vertical: str = ""
    source: str = ""


def check_caller(account: Account) -> None:
    """RefusedError if the caller is known to belong to another vertical than the project."""
    caller = caller_of(account)
    if caller.vertical and caller.vertical != account.vertical:
        raise RefusedError(
            f"you belong to '{caller.vertical}' ({caller.source}), but this project belongs to '{account.vertical}': "
            f"ask {account.settings.project.owner or account.vertical} to do it."
        )


def check_resource(account: Account, name: str, arn: str, kind: str) -> dict[str, str]:
    """The tags of a resource of this vertical; RefusedError with the owner if it belongs to another."""
    tags = account.tags(arn)
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
    return tags


def caller_of(account: Account) -> Caller:
    """The caller, as far as it can be known from here."""
    return _studio_profile() or _role(account) or Caller()


def _studio_profile() -> Caller | None:
    try:
        profile = json.loads(STUDIO_METADATA.read_text(encoding="utf-8"))["UserProfileName"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not in Studio, or in a shared space
    vertical, hyphen, _ = str(profile).partition("-")
    return Caller(vertical, f"Studio profile {profile}") if hyphen else None  # otherwise not <vertical>-<user>


def _role(account: Account) -> Caller | None:
    """The tag `vertical` of the role in `arn:aws:sts::123456789012:assumed-role/<role>/<session>`."""
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
    return Caller(found["vertical"], f"role {role}") if "vertical" in found else None
