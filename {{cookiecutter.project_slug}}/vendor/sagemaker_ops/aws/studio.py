"""Studio apps: whose they are, how long they have been unused, and how to delete one."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops.aws import guard
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import DENIED, aws_call, aws_change, code_of, is_not_found
from sagemaker_ops.errors import RefusedError, UserError, did_you_mean
from sagemaker_ops.guardrails.identifiers import partition

AT_ONCE = 8  # parallel requests
ENDING = ("Deleting", "Deleted")


@dataclass(frozen=True)
class App:
    """One app. owner: the user profile that it or its space belongs to; empty for a space without one."""

    domain: str
    profile: str
    space: str
    type: str
    name: str
    status: str
    owner: str
    created: datetime
    instance_type: str = ""
    last_activity: datetime | None = None
    arn: str = ""

    @property
    def path(self) -> str:
        """The name in `list-apps` and for `delete-app`."""
        return f"{self.space or self.profile}/{self.type}/{self.name}"

    @property
    def keys(self) -> dict[str, str]:
        """The keys that identify it on AWS: either the user profile or the space."""
        place = {"SpaceName": self.space} if self.space else {"UserProfileName": self.profile}
        return {"DomainId": self.domain, "AppType": self.type, "AppName": self.name, **place}

    @property
    def used(self) -> datetime:
        return self.last_activity or self.created

    def belongs_to(self, vertical: str) -> bool:
        """Whether the profile `<vertical>-<user>` says so, or the name of a space without an owner."""
        return (self.owner or self.space).startswith(f"{vertical}-")

    @property
    def document(self) -> dict[str, Any]:
        """With the keys of ListApps and DescribeApp, and its owner."""
        return {
            **self.keys,
            "Status": self.status,
            "OwnerUserProfileName": self.owner or None,
            "ResourceSpec": {"InstanceType": self.instance_type or None},
            "CreationTime": self.created,
            "LastUserActivityTimestamp": self.last_activity,
            "AppArn": self.arn or None,
        }


def list_apps(account: Account, *, everyone: bool = False) -> list[App]:
    """The apps of the vertical, or of everyone, that are not deleted; longest unused first."""
    chosen = [app for app in all_apps(account) if everyone or app.belongs_to(account.vertical)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda app: described(account, app), chosen))
    return sorted(found, key=lambda app: (app.status != "InService", app.used))


def all_apps(account: Account) -> list[App]:
    """Everyone's apps, with only what the list returns."""
    listed = [each for each in account.pages("list_apps", "Apps") if each["Status"] != "Deleted"]
    owners = _space_owners(account) if any(each.get("SpaceName") for each in listed) else {}
    return [_app(each, owners) for each in listed]


def find(apps: Iterable[App], name: str, domain: str | None) -> App:
    """The app with this path in `list-apps`, or the only one whose path starts with this name."""
    candidates = [app for app in apps if domain in (None, app.domain)]
    meant = [app for app in candidates if app.path == name] or [
        app for app in candidates if app.path.startswith(f"{name.rstrip('/')}/")
    ]
    if len(meant) == 1:
        return meant[0]
    if not meant:
        near = did_you_mean(name, {each for app in candidates for each in (app.path, app.path.split("/")[0])})
        raise UserError(f"there is no app '{name}'.{near} `ops list-apps` shows the existing ones.")
    paths = sorted({app.path for app in meant})
    if len(paths) == 1:
        domains = ", ".join(sorted(app.domain for app in meant))
        raise UserError(f"'{name}' is in more than one domain: add --domain with one of {domains}.")
    raise UserError(f"'{name}' matches more than one app: write one of {', '.join(paths)}.")


def check_own(account: Account, app: App) -> None:
    """RefusedError unless both the owner's name and the tag say that it is the vertical's.

    People are not part of an environment, but an app with the tag of another one is refused.
    """
    if not app.belongs_to(account.vertical):
        whose = f"belongs to '{app.owner}'" if app.owner else "has no owner"
        raise RefusedError(f"app '{app.path}' {whose}, but you work for '{account.vertical}': ask them.")
    tags = _tags(account, app)
    if tags is None:
        raise RefusedError(
            f"you may not read the tags of app '{app.path}', so it is not clear whose it is: ask your platform team "
            "for sagemaker:ListTags."
        )
    vertical, owner = tags.get("vertical"), tags.get("owner", "")
    if vertical is None:
        raise RefusedError(
            f"neither app '{app.path}' nor its space or user profile has a tag 'vertical': your platform team must "
            f"set vertical = {account.vertical} on the user profile '{app.owner}' first."
        )
    if vertical != account.vertical:
        whose = f"'{vertical}'{f' (owner {owner})' if owner else ''}"
        raise RefusedError(f"app '{app.path}' belongs to {whose}, but you work for '{account.vertical}': ask them.")
    guard.check_environment(account, app.path, tags, "app")


def delete_app(account: Account, app: App) -> None:
    """Ask AWS to delete it, which takes a minute; an app that is already gone is fine."""
    with aws_change(f"delete app {app.path}"):
        try:
            account.sagemaker.delete_app(**app.keys)
        except ClientError as error:
            if not is_not_found(error):
                raise


def _space_owners(account: Account) -> dict[tuple[str, str], str]:
    """{(domain, space): user profile}."""
    return {
        (each["DomainId"], each["SpaceName"]): each.get("OwnershipSettingsSummary", {}).get("OwnerUserProfileName", "")
        for each in account.pages("list_spaces", "Spaces")
    }


def _app(listed: dict[str, Any], owners: dict[tuple[str, str], str]) -> App:
    profile, space = listed.get("UserProfileName", ""), listed.get("SpaceName", "")
    return App(
        domain=listed["DomainId"],
        profile=profile,
        space=space,
        type=listed["AppType"],
        name=listed["AppName"],
        status=listed["Status"],
        owner=owners.get((listed["DomainId"], space), "") if space else profile,
        created=listed["CreationTime"],
        instance_type=listed.get("ResourceSpec", {}).get("InstanceType", ""),
    )


def described(account: Account, app: App) -> App:
    """The app with what only DescribeApp returns; unchanged if it is gone or must not be described."""
    with aws_call(f"describe app {app.path}"):
        try:
            found = account.sagemaker.describe_app(**app.keys)
        except ClientError as error:
            if is_not_found(error) or code_of(error) in DENIED:
                return app
            raise
    return App(
        **{
            **vars(app),
            "status": found["Status"],
            "instance_type": found.get("ResourceSpec", {}).get("InstanceType", app.instance_type),
            "last_activity": found.get("LastUserActivityTimestamp"),
            "arn": found.get("AppArn", ""),
        }
    )


def _tags(account: Account, app: App) -> dict[str, str] | None:
    """The tags of the app, its space and the owner's profile; the first of them that has a tag decides.

    None if none of them may be read.
    """
    readable, found = False, dict[str, str]()
    for arn in _arns(account, app):
        with aws_call(f"read the tags of app {app.path}"):
            try:
                pages = account.sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
                tags = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
            except ClientError as error:
                if code_of(error) in DENIED:
                    continue
                if not is_not_found(error):
                    raise
                tags = {}
        readable, found = True, {**tags, **found}
        if found.keys() >= {"vertical", "env"} or found.get("vertical", account.vertical) != account.vertical:
            break
    return found if readable else None


def _arns(account: Account, app: App) -> list[str]:
    """The ARNs of the app, its space and its user profile."""
    base = f"arn:{partition(account.region)}:sagemaker:{account.region}:{account.id}"
    space = [f"{base}:space/{app.domain}/{app.space}"] if app.space else []
    profile = [f"{base}:user-profile/{app.domain}/{app.owner}"] if app.owner else []
    return [*([app.arn] if app.arn else []), *space, *profile]
