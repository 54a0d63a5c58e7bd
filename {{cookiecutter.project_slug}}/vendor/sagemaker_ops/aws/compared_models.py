"""Finds the versions of a model that are to be compared, on AWS or on this machine."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from sagemaker_ops.aws import guard, models
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.models import APPROVED, LATEST, Version
from sagemaker_ops.errors import Problem, UserError


def chosen(account: Account, group: str, names: Sequence[str]) -> list[Version]:
    """The versions with these names: a number, `latest` or `approved` (the newest approved one).

    UserError if there is no such version, or two names mean the same one; RefusedError if the group belongs to another
    environment.
    """
    _check_names(names)
    arn = models.group_arn(account, group)
    guard.check_shown(account, group, arn, "model package group")
    listed = {"ModelPackageGroupName": group, "SortBy": "CreationTime", "SortOrder": "Descending"}

    def named(name: str) -> Version:
        if name not in (APPROVED, LATEST):
            return models.numbered(account, group, arn, int(name))
        status = {"ModelApprovalStatus": "Approved"} if name == APPROVED else {}
        newest = next(account.pages("list_model_packages", "ModelPackageSummaryList", **listed, **status), None)
        if newest is None:
            raise models.no_version(group, name)
        return models.described(account, account.s3, group, newest["ModelPackageArn"])

    return _distinct(names, [named(name) for name in names])


def chosen_local(home: Path, group: str, names: Sequence[str]) -> list[Version]:
    """Like `chosen`, for the models that local runs registered."""
    _check_names(names)
    every = models.list_local_versions(home, group, sys.maxsize)
    if not every:
        raise UserError(f"there is no version of {group} on this machine: `ops run` registers one.")

    def named(name: str) -> Version:
        for each in every:
            if name == LATEST or (name == APPROVED and each.approval == "Approved"):
                return each
            if name not in (APPROVED, LATEST) and each.number == int(name):
                return each
        raise models.no_version(group, name)

    return _distinct(names, [named(name) for name in names])


def _check_names(names: Sequence[str]) -> None:
    problems = [
        f"'{name}' is not a version: write its number, {LATEST} or {APPROVED}."
        for name in names
        if not re.fullmatch(f"[0-9]{{1,9}}|{APPROVED}|{LATEST}", name)
    ]
    if problems:
        raise UserError(*(Problem(each, "--compare") for each in problems))


def _distinct(names: Sequence[str], found: list[Version]) -> list[Version]:
    if len({each.number for each in found}) < len(found):
        raise UserError(
            Problem(f"{' and '.join(names)} are both version {found[0].number}: write two versions.", "--compare")
        )
    return found
