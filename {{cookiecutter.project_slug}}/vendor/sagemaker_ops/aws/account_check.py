"""What `ops doctor` checks on AWS; a check that is not allowed is a warning, never the end of the command."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from sagemaker_ops.aws import guard
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import DENIED, AwsError, aws_call, code_of, is_not_found
from sagemaker_ops.errors import RefusedError, UserError
from sagemaker_ops.guardrails.identifiers import partition
from sagemaker_ops.guardrails.machine_check import Finding, ok, problem, warning
from sagemaker_ops.project import schedule

SERVICES = ("sts", "iam", "s3", "service-quotas")
SAGEMAKER, SCHEDULER = "SageMaker", "EventBridge Scheduler"
ADDRESSES = {SAGEMAKER: "sagemaker.amazonaws.com", SCHEDULER: "scheduler.amazonaws.com"}
# Names of service quotas: https://docs.aws.amazon.com/general/latest/gr/sagemaker.html
QUOTAS: Mapping[str, str] = {
    "processing": r"{type} for processing job usage",
    "training": r"{type} for training job usage",
    "transform": r"{type} for transform job usage",
    "endpoint": r"{type} for endpoint usage",
    "studio": r"Studio JupyterLab Apps running on {type} instances?",
}
NEEDED = ("processing", "training")  # without these no pipeline runs


def of_account(account: Account) -> list[Finding]:
    """Credentials first, because nothing else can be checked without them; then the rest in parallel."""
    for service in SERVICES:
        try:
            account.client(service)  # created here, because creating clients is not thread-safe
        except UserError as error:
            return [problem("credentials", f"{error}", error.exit_code)]
    first = _tolerant("credentials", _credentials)(account)
    if any(each.level != "ok" for each in first):
        return first
    with ThreadPoolExecutor(len(CHECKS)) as pool:
        found = list(pool.map(lambda check: _tolerant(*check)(account), CHECKS.items()))
    return [*first, *(each for findings in found for each in findings)]


def _tolerant(what: str, check: Callable[[Account], Iterator[Finding]]) -> Callable[[Account], list[Finding]]:
    def asked(account: Account) -> list[Finding]:
        found: list[Finding] = []
        try:
            found += check(account)
        except RefusedError as error:
            found.append(problem(what, str(error), error.exit_code))
        except AwsError as error:
            if what == "credentials":
                found.append(problem(what, str(error), error.exit_code))
            else:
                found.append(warning(what, f"unknown: {error}"))
        return found

    return asked


def _credentials(account: Account) -> Iterator[Finding]:
    yield ok("credentials", f"account {account.id}, as {account.caller}")


def _region(account: Account) -> Iterator[Finding]:
    other = next((value for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if (value := os.environ.get(name))), "")
    if other and other != account.region:
        yield warning(
            "region", f"{account.region}, but this shell has {other}: `ops` uses the former, and `aws` the latter."
        )
    else:
        yield ok("region", account.region)


def _vertical(account: Account) -> Iterator[Finding]:
    caller = guard.caller_of(account)
    guard.check_caller(account)
    if caller.vertical:
        yield ok("vertical", f"you belong to '{caller.vertical}' ({caller.source})")
    else:
        yield warning(
            "vertical",
            f"cannot tell whether you belong to '{account.vertical}', so only IAM protects what belongs to other "
            "verticals: work in Studio, or ask your platform team to tag your role with vertical.",
        )


def _roles(account: Account) -> Iterator[Finding]:
    yield from _role(account, account.settings.environment(account.environment_name).role, SAGEMAKER)
    if schedule.is_used(account.settings, account.environment_name):
        yield from _role(account, schedule.role_of(account.settings, account.environment_name), SCHEDULER)


def _role(account: Account, arn: str, service: str) -> Iterator[Finding]:
    iam, name = account.client("iam"), arn.rpartition("/")[2]
    with aws_call(f"read role {name}"):
        try:
            role = iam.get_role(RoleName=name)["Role"]
        except ClientError as error:
            if not is_not_found(error):
                raise
            yield problem("role", f"there is no role '{name}': write an existing one, or ask your platform team.", 4)
            return
    address = ADDRESSES[service]
    if address not in json.dumps(role["AssumeRolePolicyDocument"]):
        yield problem(
            "role", f"'{name}' cannot be assumed by {address}: ask your platform team to add it to the trust policy.", 4
        )
    else:
        yield ok("role", f"'{name}' exists, and {service} can assume it")
    yield from _pass_role(account, arn, service)


def _pass_role(account: Account, role: str, service: str) -> Iterator[Finding]:
    kind, _, rest = account.caller.rpartition(":")[2].partition("/")
    who = account.caller
    if kind == "assumed-role":
        who = f"arn:{partition(account.region)}:iam::{account.id}:role/{rest.partition('/')[0]}"
    context = {"ContextKeyName": "iam:PassedToService", "ContextKeyValues": [ADDRESSES[service]]}
    context["ContextKeyType"] = "string"
    with aws_call("check whether you may pass the role"):
        found = account.client("iam").simulate_principal_policy(
            PolicySourceArn=who, ActionNames=["iam:PassRole"], ResourceArns=[role], ContextEntries=[context]
        )
    if all(each["EvalDecision"] == "allowed" for each in found["EvaluationResults"]):
        yield ok("pass role", f"you may pass the role to {service}")
    else:
        yield problem(
            "pass role", f"you may not pass the role to {service}: ask your platform team for iam:PassRole.", 4
        )


def _bucket(account: Account) -> Iterator[Finding]:
    name = account.settings.environment(account.environment_name).bucket
    with aws_call(f"read bucket {name}"):
        try:
            head = account.s3.head_bucket(Bucket=name, ExpectedBucketOwner=account.id)
        except ClientError as error:
            if is_not_found(error):
                yield problem(
                    "bucket", f"there is no bucket '{name}': write an existing one, or ask your platform team.", 4
                )
            elif code_of(error) in DENIED:
                yield problem(
                    "bucket",
                    f"you cannot read '{name}', or it is not in account {account.id}: ask your platform team.",
                    4,
                )
            else:
                raise
            return
    headers = head["ResponseMetadata"]["HTTPHeaders"]
    region = head.get("BucketRegion") or headers.get("x-amz-bucket-region") or account.region
    if region != account.region:
        yield problem(
            "bucket", f"'{name}' is in {region}, but the jobs run in {account.region}: use a bucket there.", 2
        )
    else:
        yield ok("bucket", f"'{name}' can be reached, and is in {region} and this account")
    yield from _encryption(account, name)


def _encryption(account: Account, bucket: str) -> Iterator[Finding]:
    with aws_call(f"read the encryption of bucket {bucket}"):
        try:
            rules = account.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        except ClientError as error:
            if code_of(error) != "ServerSideEncryptionConfigurationNotFoundError":
                raise
            rules = []
    kinds = {rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] for rule in rules}
    if kinds:
        yield ok("encryption", f"'{bucket}' is encrypted ({', '.join(sorted(kinds))})")
    else:
        yield problem("encryption", f"'{bucket}' is not encrypted by default: ask your platform team to enable it.", 4)


def _quotas(account: Account) -> Iterator[Finding]:
    """How many instances of the project's types may run at once, for each use."""
    wanted = {
        use: re.compile(pattern.format(type=re.escape(getattr(account.settings.instances, use))))
        for use, pattern in QUOTAS.items()
    }
    found: dict[str, float] = {}
    with aws_call("list the quotas"):
        pages = account.client("service-quotas").get_paginator("list_service_quotas")
        for page in pages.paginate(ServiceCode="sagemaker", PaginationConfig={"PageSize": 100}):
            for quota in page["Quotas"]:
                found |= {use: quota["Value"] for use, name in wanted.items() if name.fullmatch(quota["QuotaName"])}
            if len(found) == len(wanted):
                break
    types = vars(account.settings.instances)
    for use, value in found.items():
        if not value:
            message = f"{use}: 0 of {types[use]}: request an increase under Service Quotas, Amazon SageMaker."
            yield problem("quotas", message, 4) if use in NEEDED else warning("quotas", message)
    if enough := [f"{use} {value:.0f} of {types[use]}" for use, value in found.items() if value]:
        yield ok("quotas", ", ".join(enough))
    if unknown := [use for use in wanted if use not in found]:
        yield warning("quotas", f"Service Quotas has no quotas for the instance types of {', '.join(unknown)}.")


CHECKS: Mapping[str, Callable[[Account], Iterator[Finding]]] = {
    "region": _region,
    "vertical": _vertical,
    "role": _roles,
    "bucket": _bucket,
    "quotas": _quotas,
}
