"""The versions of a model package group: their metrics, and whether they are approved."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_ops import kept, trace
from sagemaker_ops.aws import guard
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError, aws_call, aws_change, is_not_found, sentence
from sagemaker_ops.errors import UserError
from sagemaker_ops.store import Store

Read = Callable[[str], Any]  # the content of the JSON object at an S3 URI
APPROVED, LATEST = "approved", "latest"  # names of versions, besides their numbers
AT_ONCE = 8  # parallel requests
KEPT = (trace.METADATA, "ModelCard", "DriftCheckBaselines")  # what is shown of it unchanged
MOST = 1024  # characters of an ApprovalDescription
NO_NUMBER = "'{}' is not a version: write its number, such as 3; `ops list-models` shows them."
_ARN = re.compile(r"arn:[\w-]+:sagemaker:([\w-]+):(\d{12}):model-package/(.+)")


@dataclass(frozen=True)
class Version:
    """One version of a group. evaluation: the metrics in its evaluation.json; empty if that cannot be read.

    started_by: who and what started the execution that registered it. unread: why the evaluation is empty. package: all
    that DescribeModelPackage says.
    """

    group: str
    number: int
    status: str
    approval: str
    created: datetime
    arn: str = ""
    created_by: str = ""
    approval_description: str = ""
    evaluation: dict[str, Any] = field(default_factory=dict)
    started_by: trace.Trace = field(default_factory=trace.Trace)
    unread: str = ""
    package: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def document(self) -> dict[str, Any]:
        """With the keys of DescribeModelPackage, and the metrics."""
        return {
            "ModelPackageGroupName": self.group,
            "ModelPackageVersion": self.number,
            "ModelPackageArn": self.arn,
            "ModelPackageStatus": self.status,
            "ModelApprovalStatus": self.approval,
            "ApprovalDescription": self.approval_description or None,
            "CreationTime": self.created,
            "CreatedBy": self.created_by or None,
            "StartedBy": self.started_by.document or None,
            **{key: self.package[key] for key in KEPT if self.package.get(key)},
            "Metrics": {key: value for key, value in self.evaluation.items() if key.endswith("_metrics")},
        }

    def value_of(self, metric: str) -> float | None:
        scores: dict[str, Any] = next(
            (scores for key, scores in self.evaluation.items() if key.endswith("_metrics")), {}
        )
        value = scores.get(metric, {}).get("value")
        return float(value) if isinstance(value, int | float) else None


def list_versions(account: Account, group: str, most: int) -> list[Version]:
    """The newest versions, newest first; empty if there is no such group.

    RefusedError if the group belongs to another environment.
    """
    pages = account.pages(
        "list_model_packages",
        "ModelPackageSummaryList",
        ModelPackageGroupName=group,
        SortBy="CreationTime",
        SortOrder="Descending",
    )
    try:
        arns = [each["ModelPackageArn"] for each in islice(pages, most)]
    except AwsError as error:
        if isinstance(error.__cause__, ClientError) and is_not_found(error.__cause__):
            return []
        raise
    if arns:
        group_arn = arns[0].rpartition("/")[0].replace(":model-package/", ":model-package-group/")
        guard.check_shown(account, group, group_arn, "model package group")
    s3 = account.s3  # created here, because creating clients is not thread-safe
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda arn: described(account, s3, group, arn), arns))


def list_local_versions(home: Path, group: str, most: int) -> list[Version]:
    """Like `list_versions`, for the models that local runs registered."""
    store = Store(home / "s3")
    if not re.fullmatch(r"[A-Za-z0-9-]{1,63}", group):
        raise UserError(f"'{group}' is not a valid model package group name: use letters, digits and '-'.")
    files = [file for file in (home / "registry" / group).glob("*.json") if file.stem.isdecimal()]
    found: list[Version] = []
    for file in sorted(files, key=lambda file: int(file.stem), reverse=True):
        content = kept.read(file) if len(found) < most else None
        try:
            found += [_checked(_version(content, group, store.read_json))] if content is not None else []
        except kept.DAMAGED as error:
            kept.report(file, error)
    return found


def _checked(version: Version) -> Version:
    """ValueError if a kept version has another form."""
    texts = [version.status, version.approval, version.arn, version.created_by, version.approval_description]
    if not isinstance(version.number, int) or not all(isinstance(each, str) for each in texts):
        raise ValueError("it has another form")
    if not isinstance(version.created, datetime):
        raise ValueError("CreationTime is not a time")
    return version


def find(account: Account, named: str, own_group: str) -> Version:
    """The version for `3` or `latest` in the project's group, for `group/3`, or for its ARN, checked by the guard."""
    if found := _ARN.fullmatch(named):
        guard.check_place(account, f"model package {found[3]}", found[1], found[2])
        named = found[3]
    group, _, number = named.rpartition("/")
    group = group or own_group
    if number == LATEST:
        newest = list_versions(account, group, 1)
        number = str(newest[0].number) if newest else "0"
    if number == "0":
        raise UserError(f"'{group}' has no versions yet: the pipeline registers one when a model passes the gate.")
    if not number.isdecimal():
        raise UserError(NO_NUMBER.format(named))
    arn = group_arn(account, group)
    guard.check_resource(account, group, arn, "model package group")
    return numbered(account, group, arn, int(number))


def no_version(group: str, name: str) -> UserError:
    """The error for a number, or for another name of a version, such as approved."""
    if name.isdecimal():
        return UserError(f"'{group}' has no version {int(name)}: `ops list-models` shows the existing ones.")
    how = "`ops approve-model` approves one" if name == APPROVED else "the pipeline registers one"
    return UserError(f"'{group}' has no {name} version: {how}.")


def group_arn(account: Account, group: str) -> str:
    """The ARN of a group; UserError if there is no such group."""
    with aws_call(f"describe model package group {group}"):
        try:
            answer = account.sagemaker.describe_model_package_group(ModelPackageGroupName=group)
        except ClientError as error:
            if is_not_found(error):
                raise UserError(
                    f"there is no model package group '{group}' in account {account.id}, {account.region}: the "
                    "pipeline creates it when its first model passes the quality gate."
                ) from None
            raise
    return str(answer["ModelPackageGroupArn"])


def numbered(account: Account, group: str, arn_of_group: str, number: int) -> Version:
    """A version of a group; UserError if there is none with this number."""
    arn = f"{arn_of_group.replace(':model-package-group/', ':model-package/')}/{number}"
    try:
        return described(account, account.s3, group, arn)
    except AwsError as error:
        if isinstance(error.__cause__, ClientError) and is_not_found(error.__cause__):
            raise no_version(group, str(number)) from None
        raise


def set_approval(account: Account, version: Version, approval: str, reason: str) -> None:
    """Set Approved or Rejected, and the reason; without a reason, who decided."""
    said = reason or f"{approval} by {account.caller.rpartition('/')[2] or account.caller}"
    with aws_change(f"update version {version.number} of {version.group}"):
        account.sagemaker.update_model_package(
            ModelPackageArn=version.arn, ModelApprovalStatus=approval, ApprovalDescription=said
        )


def described(account: Account, s3: Any, group: str, arn: str) -> Version:
    """The version with this ARN; s3: the client, which only one thread may create."""
    with aws_call(f"describe {arn.rpartition(':')[2]}"):
        found = account.sagemaker.describe_model_package(ModelPackageName=arn)
    return _version(found, group, partial(read_json, s3))


def evaluation_uri(package: dict[str, Any]) -> str:
    """The S3 URI of the evaluation.json of a package, as in DescribeModelPackage; empty if it has none."""
    return str(package.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {}).get("S3Uri", ""))


def content_at(uri: str, read: Read) -> tuple[Any, str]:
    """The content of a JSON object, or None and why it cannot be read."""
    try:
        return read(uri), ""
    except UserError as error:
        return None, str(error).rstrip(".")
    except ClientError as error:
        return None, f"there is nothing at {uri}" if is_not_found(error) else f"{uri}: {sentence(error)}"
    except BotoCoreError as error:
        return None, f"{uri}: {sentence(error)}"
    except ValueError:
        return None, f"{uri} is not JSON"


def _version(found: dict[str, Any], group: str, read: Read) -> Version:
    uri = evaluation_uri(found)
    content, unread = content_at(uri, read) if uri else (None, "it was registered without an evaluation.json")
    evaluation = _scores(content)
    created = found["CreationTime"]
    return Version(
        group=group,
        number=found.get("ModelPackageVersion", 0),
        status=found["ModelPackageStatus"],
        approval=found.get("ModelApprovalStatus", ""),
        created=datetime.fromisoformat(created) if isinstance(created, str) else created,
        arn=found["ModelPackageArn"],
        created_by=found.get("CreatedBy", {}).get("UserProfileName", ""),
        approval_description=found.get("ApprovalDescription", ""),
        evaluation=evaluation,
        started_by=trace.parse(found.get(trace.METADATA, {}).get(trace.PARAMETER)),
        unread=unread or ("" if evaluation else f"{uri} has no metrics"),
        package=found,
    )


def _scores(content: Any) -> dict[str, Any]:
    """The metrics and those of the baseline, each {name: {value, …}}, if any."""
    return {
        key: {name: score for name, score in scores.items() if isinstance(score, dict)}
        for key, scores in (content.items() if isinstance(content, dict) else ())
        if isinstance(scores, dict) and (key.endswith("_metrics") or key == "baseline")
    }


def read_json(s3: Any, uri: str) -> Any:
    """The content of a JSON object on S3; ClientError, BotoCoreError or ValueError if it cannot be read."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
