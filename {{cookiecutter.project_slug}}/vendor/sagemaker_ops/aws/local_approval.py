"""Approves versions that local runs registered, as on AWS; here because it reads them like those on AWS."""

from __future__ import annotations

import json
from pathlib import Path

from sagemaker_ops import kept, trace
from sagemaker_ops.aws import models
from sagemaker_ops.aws.models import Version
from sagemaker_ops.errors import UserError
from sagemaker_ops.store import write_atomically


def find(home: Path, named: str, own_group: str) -> Version:
    """The version for `3`, `latest` or `group/3` in `home` (.local); UserError if there is none."""
    group, _, number = named.rpartition("/")
    group = group or own_group
    if number != models.LATEST and not number.isdecimal():
        raise UserError(models.NO_NUMBER.format(named))
    found = models.list_local_versions(home, group, 1_000_000 if number != models.LATEST else 1)
    if not found:
        raise UserError(f"there is no version of '{group}' on this machine: a run registers one if it passes the gate.")
    matching = [each for each in found if number == models.LATEST or each.number == int(number)]
    if not matching:
        raise UserError(f"'{group}' has no version {number}: `ops list-models --env local` shows the existing ones.")
    return matching[0]


def set_approval(home: Path, version: Version, approval: str, reason: str) -> None:
    """Set Approved or Rejected, and the reason; without a reason, who decided. UserError if it cannot be written."""
    file = home / "registry" / version.group / f"{version.number}.json"
    try:
        package = kept.load(file)
        said = reason or f"{approval} by {trace.login()}"
        changed = package | {"ModelApprovalStatus": approval, "ApprovalDescription": said}
        write_atomically(file, json.dumps(changed, indent=1).encode())
    except kept.DAMAGED as error:
        raise UserError(f"{file} cannot be changed: {getattr(error, 'strerror', None) or error}.") from None
