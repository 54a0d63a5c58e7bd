"""Lists the endpoints of the account: this project's first, then the vertical's, and the names of the others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sagemaker_ops.aws import endpoint_requests, endpoints, guard
from sagemaker_ops.aws.account import Account

AT_ONCE = 8  # parallel requests


@dataclass(frozen=True)
class Listed:
    """One endpoint. project, env, user: from its tags; empty if missing, or if it is not the vertical's."""

    name: str
    status: str = ""
    vertical: str = ""
    project: str = ""
    env: str = ""
    user: str = ""
    runs_on: str = ""
    version: str = ""
    deployed: datetime | None = None

    @property
    def document(self) -> dict[str, Any]:
        return {
            "EndpointName": self.name,
            "EndpointStatus": self.status,
            "Tags": {key: value for key in ("vertical", "project", "env", "user") if (value := getattr(self, key))},
            "RunsOn": self.runs_on or None,
            "ModelPackageVersion": self.version or None,
            "DeployedAt": self.deployed,
        }


def list_endpoints(account: Account, *, everyone: bool) -> list[Listed]:
    """This project's endpoints first, then the vertical's, then, with `everyone`, the names of the others.

    An endpoint with the vertical's name but another's tag belongs to the other.
    """
    prefix = f"{account.vertical}-"
    wanted = {} if everyone else {"NameContains": prefix}
    found = list(account.pages("list_endpoints", "Endpoints", SortBy="Name", SortOrder="Ascending", **wanted))
    named = [each for each in found if each["EndpointName"].startswith(prefix)]
    others = [_other(each) for each in found if not each["EndpointName"].startswith(prefix)]
    _ = account.sagemaker  # created here, because creating clients is not thread-safe
    with ThreadPoolExecutor(AT_ONCE) as pool:
        listed = list(pool.map(lambda each: _look(account, each), named))
    own = [each for each in listed if each.vertical in ("", account.vertical)]
    others += [Listed(each.name, each.status) for each in listed if each.vertical not in ("", account.vertical)]
    project = account.settings.project.slug
    ordered = sorted(own, key=lambda each: (each.project != project, each.name))
    return [*ordered, *(sorted(others, key=lambda each: each.name) if everyone else ())]


def _other(summary: dict[str, Any]) -> Listed:
    return Listed(str(summary["EndpointName"]), str(summary["EndpointStatus"]))


def _look(account: Account, summary: dict[str, Any]) -> Listed:
    """The endpoint with what only other calls return, as far as it still exists."""
    tags = guard.readable_tags(account, summary["EndpointArn"])
    listed = _other(summary)
    if tags.get("vertical", account.vertical) != account.vertical:
        return Listed(listed.name, listed.status, tags["vertical"])
    found = endpoints.looked_at(account, listed.name, tags)
    version = found.package[1] if found else 0
    return Listed(
        name=listed.name,
        status=found.status if found else listed.status,
        vertical=tags.get("vertical", ""),
        project=tags.get("project", ""),
        env=tags.get("env", ""),
        user=tags.get("user", ""),
        runs_on=endpoint_requests.runs_on(found.variant) if found and found.variant else "",
        version=str(version or ""),
        deployed=found.deployed if found else None,
    )
