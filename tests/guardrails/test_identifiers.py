"""The values of [environments]: what passes, and the messages for what does not."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from sagemaker_ops.guardrails import identifiers, project_check
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.project.settings import Data, Environment, Gate, Project, Settings

KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
COMPLETE = Environment(
    account="111122223333",
    role="arn:aws:iam::111122223333:role/customer-jobs",
    bucket="customer-data",
    kms_key=f"arn:aws:kms:eu-west-1:111122223333:key/{KEY}",
    subnets=["subnet-0a1b2c3d", "subnet-0a1b2c3d4e5f67890"],
    security_groups=["sg-0a1b2c3d"],
)


def check(changes: dict[str, Any], region: str = "eu-west-1") -> list[str]:
    """The problems of a complete environment with some values changed, as `level key: message`."""
    changed: Environment = replace(COMPLETE, **changes)
    found = identifiers.check_environment(changed, region, "dev")
    return [f"{problem.level} {problem.where.removeprefix('dev.')}: {problem.message}" for problem in found]


def test_an_empty_value_is_not_set_yet() -> None:
    assert identifiers.check_environment(Environment(), "eu-west-1", "dev") == []


def test_each_environment_is_checked() -> None:
    settings = Settings(
        Project("Churn", "churn", "customer"),
        Data("data.csv", "late", "classification"),
        Gate("auc", minimum=0.6),
        environments={"dev": COMPLETE, "prod": replace(COMPLETE, bucket="X"), "qa": Environment(account="1")},
    )

    assert [problem.where for problem in project_check.check(settings, Policy())] == [
        "project.toml [environments.prod].bucket",
        "project.toml [environments.qa].account",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="unchanged"),
        pytest.param({"account": ""}, id="no account"),
        pytest.param({"role": "arn:aws:iam::111122223333:role/a/b/Jobs_1+=,.@-"}, id="role with a path"),
        pytest.param({"role": "arn:aws:iam::111122223333:role/" + "x" * 64}, id="role of 64"),
        pytest.param({"bucket": "a.b-1"}, id="bucket with a dot"),
        pytest.param({"bucket": "123"}, id="bucket of 3 digits"),
        pytest.param({"bucket": "b" * 63}, id="bucket of 63"),
        pytest.param({"kms_key": KEY}, id="ID of a key"),
        pytest.param({"kms_key": "mrk-" + "0a" * 16}, id="ID of a key of several regions"),
        pytest.param({"kms_key": "alias/customer"}, id="alias of a key"),
        pytest.param({"kms_key": "arn:aws:kms:eu-west-1:111122223333:alias/a/b_c-1"}, id="ARN of an alias"),
        pytest.param({"subnets": [], "security_groups": []}, id="no network"),
        pytest.param({"subnets": ["subnet-0a1b2c3d"] * 16, "security_groups": ["sg-0a1b2c3d"] * 5}, id="the most"),
    ],
)
def test_well_formed_and_consistent_values_pass(changes: dict[str, object]) -> None:
    assert check(changes) == []


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "eusc-de-east-1"])
def test_another_partition_passes_if_region_role_and_key_agree(region: str) -> None:
    partition = identifiers.partition(region)

    assert partition != "aws"
    fitting = {
        "role": COMPLETE.role.replace("arn:aws:", f"arn:{partition}:"),
        "kms_key": f"arn:{partition}:kms:{region}:111122223333:key/{KEY}",
    }
    assert check(fitting, region) == []


@pytest.mark.parametrize("partition", Loader().load_data("partitions")["partitions"], ids=lambda each: each["id"])
def test_the_prefix_of_a_region_gives_its_partition(partition: dict[str, Any]) -> None:
    regions = [region for region in partition["regions"] if not region.endswith("-global")]

    assert regions
    assert {identifiers.partition(region) for region in regions} == {partition["id"]}


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        pytest.param("account", "1111-2222-3333", "write its 12 digits, such as '111122223333'.", id="hyphens"),
        pytest.param("account", "11122223333", "(it has 11; a leading 0 counts), such as", id="account of 11"),
        pytest.param("account", "customer-dev", "is not an AWS account: write its 12 digits, such as", id="name"),
        pytest.param("account", "١١١١٢٢٢٢٣٣٣٣", "is not an AWS account", id="digits that are not ASCII"),
        pytest.param(
            "role",
            "customer-jobs",
            "write it like 'arn:aws:iam::111122223333:role/customer-jobs'.",
            id="role by its name",
        ),
        pytest.param(
            "role",
            "arn:aws:sts::111122223333:assumed-role/customer-jobs/anna",
            "write it like 'arn:aws:iam::111122223333:role/customer-jobs'.",
            id="session of a role",
        ),
        pytest.param(
            "role", "arn:aws:iam::111122223333:user/anna", "is not the ARN of a role: write it like", id="user"
        ),
        pytest.param("role", "arn:aws:iam::1111:role/jobs", "role/jobs'.", id="role of a short account"),
        pytest.param("role", "arn:aws:iam::111122223333:role/" + "x" * 65, f"role/{'x' * 64}'.", id="role of 65"),
        pytest.param("role", "arn:aws:iam::111122223333:role/a b", "role/ab'.", id="role with a space"),
        pytest.param(
            "role",
            "arn:aws-cn:iam::111122223333:role/jobs",
            "partition 'aws-cn', but eu-west-1 is in 'aws': write it like 'arn:aws:iam::111122223333:role/jobs'.",
            id="role of another partition",
        ),
        pytest.param(
            "role",
            "arn:aws:iam::123456789012:role/x/jobs",
            "account 123456789012, but `account` is 111122223333: "
            "write it like 'arn:aws:iam::111122223333:role/x/jobs'.",
            id="role of another account",
        ),
        pytest.param("bucket", "My_Bucket", "such as 'my-bucket'.", id="bucket with capitals"),
        pytest.param("bucket", "s3://models/churn", "such as 'models'.", id="bucket as a URI"),
        pytest.param("bucket", "ab", "such as 'customer-ml-dev'.", id="bucket of 2"),
        pytest.param("bucket", "b" * 64, f"such as '{'b' * 63}'.", id="bucket of 64"),
        pytest.param("bucket", "a..b", "such as 'a.b'.", id="two dots"),
        pytest.param("bucket", "-models-", "such as 'models'.", id="hyphens at the ends"),
        pytest.param("bucket", "models\n", "such as 'models'.", id="line end"),
        pytest.param("bucket", "192.168.5.4", "looks like an IP address", id="IP address"),
        pytest.param("bucket", "xn--models", "starts with 'xn--', which S3 reserves", id="xn--"),
        pytest.param("bucket", "sthree-models", "use a name such as 'models'.", id="sthree-"),
        pytest.param("bucket", "amzn-s3-demo-bucket", "starts with 'amzn-s3-demo-'", id="amzn-s3-demo-"),
        pytest.param("bucket", "models-s3alias", "ends with '-s3alias'", id="-s3alias"),
        pytest.param("bucket", "models--ol-s3", "ends with '--ol-s3'", id="--ol-s3"),
        pytest.param("bucket", "models.mrap", "ends with '.mrap'", id=".mrap"),
        pytest.param("bucket", "models--x-s3", "ends with '--x-s3'", id="--x-s3"),
        pytest.param("bucket", "models--table-s3", "ends with '--table-s3'", id="--table-s3"),
        pytest.param("kms_key", "my-key", "is not a KMS key: write its ARN, its ID or an alias", id="name of a key"),
        pytest.param("kms_key", KEY.upper(), "is not a KMS key", id="ID with capitals"),
        pytest.param("kms_key", "alias/my key", "is not a KMS key", id="alias with a space"),
        pytest.param(
            "kms_key",
            f"arn:aws:kms:us-east-1:111122223333:key/{KEY}",
            f"write a key from eu-west-1, such as 'arn:aws:kms:eu-west-1:111122223333:key/{KEY}'.",
            id="key of another region",
        ),
        pytest.param(
            "kms_key",
            f"arn:aws-cn:kms:eu-west-1:111122223333:key/{KEY}",
            "the key is in 'aws-cn', but the project is in 'aws': write a key from 'aws', such as",
            id="key of another partition",
        ),
        pytest.param("subnets", ["subnet-123"], "'subnet-123' is not a valid ID of subnets", id="short subnet"),
        pytest.param(
            "subnets", ["subnet-0a1b2c3d", "sg-0a1b2c3d", "x"], "'sg-0a1b2c3d', 'x' are not valid IDs", id="two"
        ),
        pytest.param(
            "subnets", ["subnet-0A1B2C3D"], "8 or 17 of the characters 0-9 and a-f", id="subnet with capitals"
        ),
        pytest.param(
            "subnets", ["subnet-0a1b2c3d"] * 17, "accepts at most 16, but there are 17", id="too many subnets"
        ),
        pytest.param("security_groups", ["default"], "such as 'sg-0a1b2c3d4e5f67890'.", id="group by its name"),
        pytest.param("security_groups", ["sg-0a1b2c3d"] * 6, "remove 1.", id="too many groups"),
    ],
)
def test_a_value_that_aws_would_refuse_is_reported_with_what_to_write(key: str, value: object, sentence: str) -> None:
    changes = {"role": "", "kms_key": ""} if key == "account" else {}

    [problem] = check(changes | {key: value})

    assert problem.startswith(f"error {key}: ")
    assert sentence in problem


def test_a_key_of_another_account_is_a_warning() -> None:
    [problem] = check({"kms_key": f"arn:aws:kms:eu-west-1:123456789012:key/{KEY}"})

    assert problem.startswith("warning kms_key: the key belongs to account 123456789012")


@pytest.mark.parametrize(
    ("given", "missing", "example"), [("subnets", "security_groups", "sg-"), ("security_groups", "subnets", "subnet-")]
)
def test_subnets_and_security_groups_go_together(given: str, missing: str, example: str) -> None:
    [problem] = check({missing: []})

    assert problem.startswith(f"error {missing}: missing, but SageMaker needs it with `{given}`")
    assert f'["{example}' in problem


def test_the_maximum_numbers_are_those_in_botocore() -> None:
    shapes = Loader().load_service_model("sagemaker", "service-2")["shapes"]

    assert identifiers.MOST["subnets"] == shapes["Subnets"]["max"]
    assert identifiers.MOST["security_groups"] == shapes["VpcSecurityGroupIds"]["max"]


@given(name=st.text("aA0-._ /é", max_size=70))
def test_a_suggested_bucket_passes(name: str) -> None:
    if message := identifiers.bucket(name):
        [better] = re.findall(r"such as '(.*)'\.$", message)
        assert identifiers.bucket(better) == ""


@given(role=st.text(st.characters(codec="ascii"), max_size=90), account=st.sampled_from(["", "111122223333"]))
def test_a_suggested_role_passes(role: str, account: str) -> None:
    for problem in identifiers.check_environment(Environment(account=account, role=role), "cn-north-1", "dev"):
        better = re.findall(r"'(arn:aws-cn:iam::[^']*)'\.$", problem.message)
        assert len(better) == 1, problem
        assert identifiers.check_environment(Environment(account=account, role=better[0]), "cn-north-1", "dev") == []
