"""Checks of what [environments] names on AWS: accounts, ARNs, buckets and networks, well-formed and consistent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sagemaker_ops.errors import Problem
from sagemaker_ops.project.settings import Environment

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html; a region's prefix gives its partition.
PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "eusc-": "aws-eusc",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
}
ACCOUNT = re.compile(r"[0-9]{12}")
ROLE = re.compile(r"arn:(aws[a-z-]*):iam::([0-9]{12}):role/((?:[A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64})")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BUCKET = re.compile(r"(?=.{3,63}\Z)[a-z0-9](?:[a-z0-9-]|\.(?!\.))*[a-z0-9]")
IP_ADDRESS = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")
RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
# https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id
KEY = r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})"
ALIAS = r"alias/[a-zA-Z0-9/_-]{1,250}"
KMS_KEY = re.compile(rf"(?:{KEY}|{ALIAS})")
KMS_ARN = re.compile(rf"arn:(aws[a-z-]*):kms:([a-z0-9-]+):([0-9]{{12}}):((?:key/{KEY}|{ALIAS}))")
SUBNET = re.compile(r"subnet-(?:[0-9a-f]{8}|[0-9a-f]{17})")
SECURITY_GROUP = re.compile(r"sg-(?:[0-9a-f]{8}|[0-9a-f]{17})")
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_VpcConfig.html
MOST = {"subnets": 16, "security_groups": 5}
EXAMPLE_ACCOUNT = "123456789012"


def partition(region: str) -> str:
    """The AWS partition of a region; accounts, roles and keys belong to one partition only."""
    return next((name for prefix, name in PARTITIONS.items() if region.startswith(prefix)), "aws")


def check_environment(environment: Environment, region: str, where: str) -> list[Problem]:
    """Every problem of one [environments.<name>], located at `where`; an empty value is not set yet."""
    checks: dict[str, Callable[[], str]] = {
        "account": lambda: _account(environment.account),
        "role": lambda: _role(environment.role, region, environment.account),
        "scheduler_role": lambda: _role(environment.scheduler_role, region, environment.account),
        "emr_role": lambda: _role(environment.emr_role, region, environment.account),
        "bucket": lambda: bucket(environment.bucket),
        "kms_key": lambda: _kms_key(environment.kms_key, region),
        "subnets": lambda: _ids(environment.subnets, "subnets", SUBNET, "subnet"),
        "security_groups": lambda: _ids(environment.security_groups, "security_groups", SECURITY_GROUP, "sg"),
    }
    problems = [
        Problem(message, f"{where}.{key}")
        for key, check in checks.items()
        if getattr(environment, key) and (message := check())
    ]
    for given, missing, example in (
        ("subnets", "security_groups", "sg-0a1b2c3d4e5f67890"),
        ("security_groups", "subnets", "subnet-0a1b2c3d4e5f67890"),
    ):
        if getattr(environment, given) and not getattr(environment, missing):
            message = f'missing, but SageMaker needs it with `{given}`: add it, for example ["{example}"].'
            problems.append(Problem(message, f"{where}.{missing}"))
    key = KMS_ARN.fullmatch(environment.kms_key)
    if key and ACCOUNT.fullmatch(environment.account) and key[3] != environment.account:
        problems.append(
            Problem(
                f"the key belongs to account {key[3]}: make sure that its policy lets {environment.account} use it, "
                "or write a key of that account.",
                f"{where}.kms_key",
                "warning",
            )
        )
    return problems


def check_together(environments: Mapping[str, Environment], place: str) -> list[Problem]:
    """Warnings about values that look copied from another environment; place: `project.toml`."""
    owners = {each.account: name for name, each in environments.items() if ACCOUNT.fullmatch(each.account)}
    first: dict[str, str] = {}
    problems = []
    for name, each in environments.items():
        if not each.bucket or not ACCOUNT.fullmatch(each.account):
            continue
        other = first.setdefault(each.bucket, name)
        named = re.findall(r"(?<![0-9])[0-9]{12}(?![0-9])", each.bucket)
        there = next((owners[number] for number in named if number in owners), name)
        if environments[other].account != each.account:
            message = f"'{each.bucket}' is also the bucket of '{other}', which has another account"
        elif environments[there].account != each.account:
            message = f"'{each.bucket}' contains the account of '{there}'"
        else:
            continue
        where = f"{place} [environments.{name}].bucket"
        problems.append(Problem(f"{message}: write a bucket of account {each.account}.", where, "warning"))
    return problems


def _account(number: str) -> str:
    if ACCOUNT.fullmatch(number):
        return ""
    digits = re.sub(r"[\s-]", "", number)
    example = digits if ACCOUNT.fullmatch(digits) else EXAMPLE_ACCOUNT
    count = f" (it has {len(digits)}; a leading 0 counts)" if re.fullmatch("[0-9]+", digits) else ""
    count = "" if example == digits else count
    return f"'{number}' is not an AWS account: write its 12 digits{count}, such as '{example}'."


def _role(arn: str, region: str, account: str) -> str:
    account = account if ACCOUNT.fullmatch(account) else ""
    found = ROLE.fullmatch(arn)
    wanted = partition(region)
    if found is None:
        # sts::123456789012:assumed-role/<role>/<session> is what `aws sts get-caller-identity` prints.
        parts = re.sub(r"^.*:(?:assumed-role/([^/]+)/.*)$", r"\1", arn).split("/")
        name = re.sub(r"[^A-Za-z0-9_+=,.@-]", "", parts[-1].rpartition(":")[2])[:64] or "customer-pipelines"
        better = f"arn:{wanted}:iam::{account or EXAMPLE_ACCOUNT}:role/{name}"
        return f"'{arn}' is not the ARN of a role: write it like '{better}'."
    if found[1] != wanted:
        better = f"arn:{wanted}:iam::{account or found[2]}:role/{found[3]}"
        return f"the role is in partition '{found[1]}', but {region} is in '{wanted}': write it like '{better}'."
    if account and found[2] != account:
        better = f"arn:{wanted}:iam::{account}:role/{found[3]}"
        return f"the role belongs to account {found[2]}, but `account` is {account}: write it like '{better}'."
    return ""


def bucket(name: str) -> str:
    """Why S3 rejects this bucket name, or an empty string."""
    better = re.sub(
        r"\.{2,}", ".", re.sub(r"[^a-z0-9.-]+", "-", name.strip().removeprefix("s3://").split("/")[0].lower())
    )
    for prefix in RESERVED_PREFIXES:
        better = better.removeprefix(prefix)
    for suffix in RESERVED_SUFFIXES:
        better = better.removesuffix(suffix)
    better = better.strip(".-")[:63].rstrip(".-")
    if not BUCKET.fullmatch(better) or IP_ADDRESS.fullmatch(better):
        better = "customer-ml-dev"
    if affix := next((each for each in RESERVED_PREFIXES if name.startswith(each)), ""):
        return f"'{name}' starts with '{affix}', which S3 reserves: use a name such as '{better}'."
    if affix := next((each for each in RESERVED_SUFFIXES if name.endswith(each)), ""):
        return f"'{name}' ends with '{affix}', which S3 reserves: use a name such as '{better}'."
    if IP_ADDRESS.fullmatch(name):
        return f"'{name}' looks like an IP address, which S3 rejects: use a name such as '{better}'."
    if BUCKET.fullmatch(name):
        return ""
    return (
        f"'{name}' is not a valid S3 bucket name: use 3 to 63 lower-case letters, digits, hyphens and single dots, "
        f"starting and ending with a letter or digit, such as '{better}'."
    )


def _kms_key(key: str, region: str) -> str:
    wanted = partition(region)
    if KMS_KEY.fullmatch(key):
        return ""
    found = KMS_ARN.fullmatch(key)
    if found is None:
        example = f"arn:{wanted}:kms:{region}:{EXAMPLE_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        return f"'{key}' is not a KMS key: write its ARN, its ID or an alias, such as '{example}' or 'alias/customer'."
    if found[1] != wanted or found[2] != region:
        there, here = (found[2], region) if found[2] != region else (f"'{found[1]}'", f"'{wanted}'")
        better = f"arn:{wanted}:kms:{region}:{found[3]}:{found[4]}"
        return f"the key is in {there}, but the project is in {here}: write a key from {here}, such as '{better}'."
    return ""


def _ids(ids: list[str], key: str, pattern: re.Pattern[str], prefix: str) -> str:
    wrong = [name for name in ids if not pattern.fullmatch(name)]
    if wrong:
        listed = ", ".join(f"'{name}'" for name in wrong)
        return (
            f"{listed} {'is not a valid ID' if len(wrong) == 1 else 'are not valid IDs'} of {key.replace('_', ' ')}: "
            f"write '{prefix}-' and 8 or 17 of the characters 0-9 and a-f, such as '{prefix}-0a1b2c3d4e5f67890'."
        )
    if len(ids) > MOST[key]:
        return f"SageMaker accepts at most {MOST[key]}, but there are {len(ids)}: remove {len(ids) - MOST[key]}."
    return ""
