"""Every name, place and tag of a deployment, and whether SageMaker accepts them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from sagemaker_ops.errors import UserError
from sagemaker_ops.guardrails import identifiers, names, project_check
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.project.settings import Data, Environment, Gate, Project, Settings
from sagemaker_ops.project.target import Target


def target(
    vertical: str = "customer",
    slug: str = "flight-delays",
    environment: str = "dev",
    owner: str = "data-team@example.com",
    *,
    user: str = "",
    source: str = "data/sample",
    data_hash: str = "0123456789abcdef",
    schema_hash: str = "0f1e2d3c4b5a6978",
    region: str = "eu-central-1",
    role: str = "arn:aws:iam::123456789012:role/jobs",
    bucket: str = "models",
) -> Target:
    settings = Settings(
        Project("Flight delays", slug, vertical, owner=owner, region=region),
        Data(source, "late", "classification"),
        Gate("auc", minimum=0.6),
        environments={environment: Environment("123456789012", role, bucket)},
    )
    return Target(settings, environment, "fedcba9876543210", data_hash, user, schema_hash)


def test_every_name_starts_with_vertical_and_project() -> None:
    assert target().base == "customer-flight-delays"
    assert target().pipeline_name("train") == "customer-flight-delays-train-dev"
    assert target().model_package_group == "customer-flight-delays-dev"


def test_a_personal_deployment_has_its_own_names() -> None:
    annas = target(user="anna")

    assert annas.pipeline_name("train") == "customer-flight-delays-train-dev-anna"
    assert annas.model_package_group == "customer-flight-delays-dev-anna"
    assert annas.root_uri == target().root_uri, "content under a hash is the same for everybody"


@pytest.mark.parametrize(
    ("name", "below"),
    [
        ("root_uri", ""),
        ("code_uri", "/code/fedcba9876543210/steps/"),
        ("sourcedir_uri", "/code/fedcba9876543210/sourcedir.tar.gz"),
        ("data_uri", "/raw/0123456789abcdef/"),
        ("schema_uri", "/code/0f1e2d3c4b5a6978/schema/"),
        ("runs_uri", "/runs"),
    ],
)
def test_everything_is_in_one_folder_of_the_bucket(name: str, below: str) -> None:
    assert getattr(target(), name) == f"s3://models/customer/flight-delays/dev{below}"


def test_data_on_s3_stays_where_it_is() -> None:
    assert target(source="s3://lake/flights/", data_hash="").data_uri == "s3://lake/flights/"


def test_without_a_schema_its_argument_is_missing() -> None:
    assert target(schema_hash="").schema_uri == ""


def test_the_tags_name_the_owner() -> None:
    assert target(environment="prod").tags == {
        "vertical": "customer",
        "project": "flight-delays",
        "env": "prod",
        "owner": "data-team@example.com",
    }


def test_the_region_is_that_of_the_project() -> None:
    assert target().region == "eu-central-1"


def test_two_environments_share_no_names_and_no_places() -> None:
    dev, prod = target(environment="dev"), target(environment="prod")

    assert dev.pipeline_name("train") != prod.pipeline_name("train")
    assert dev.model_package_group != prod.model_package_group
    for name in ("root_uri", "code_uri", "sourcedir_uri", "data_uri", "schema_uri", "runs_uri"):
        assert getattr(dev, name) != getattr(prod, name)


def test_an_environment_that_does_not_exist_has_no_places() -> None:
    unset = Target(target().settings, "prod", code_hash="", data_hash="")

    with pytest.raises(UserError, match=r"no \[environments\.prod\]"):
        _ = unset.root_uri


Shapes = dict[str, Any]


@pytest.fixture(scope="module")
def shapes() -> Shapes:
    """SageMaker's API from botocore: {shape: {type, min, max, pattern, members}}."""
    loaded: Shapes = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    return loaded


def taken(text: str, shapes: Shapes, request: str, member: str) -> bool:
    """Whether the API accepts `text` for a member of one of its requests."""
    shape = shapes[shapes[request]["members"][member]["shape"]]
    # Python's patterns do not support \p{…}; \w and a space match fewer characters.
    pattern = shape["pattern"].replace(r"\p{L}\p{Z}\p{N}", r"\w ")
    return shape["min"] <= len(text) <= shape["max"] and re.fullmatch(pattern, text) is not None


def refused(a: Target, pipeline: str, shapes: Shapes) -> list[str]:
    """The names and tags of a target that SageMaker would refuse."""
    names = [
        (a.pipeline_name(pipeline), "CreatePipelineRequest", "PipelineName"),
        (a.model_package_group, "CreateModelPackageGroupInput", "ModelPackageGroupName"),
        (a.environment.role, "CreatePipelineRequest", "RoleArn"),
        (a.code_uri, "ProcessingS3Input", "S3Uri"),
        (a.sourcedir_uri, "S3DataSource", "S3Uri"),
        (a.data_uri, "ProcessingS3Input", "S3Uri"),
        (a.schema_uri, "ProcessingS3Input", "S3Uri"),
        # The execution's ID has 12 characters; the names of a step and of an output have at most 64.
        (f"{a.runs_uri}/{'x' * 12}/{'x' * 64}/{'x' * 64}", "ProcessingS3Output", "S3Uri"),
        *((key, "Tag", "Key") for key in a.tags),
        *((value, "Tag", "Value") for value in a.tags.values()),
    ]
    return [text for text, request, member in names if not taken(text, shapes, request, member)]


def test_the_longest_names_fit(shapes: Shapes) -> None:
    longest = target("a" * 12, "b" * 26, "d" * 7, user="e" * 8)
    pipeline = "c" * 16

    assert project_check.check(longest.settings, Policy()) == project_check.check_pipeline(pipeline, "") == []
    assert project_check.check_user(longest.user, "") == []
    assert refused(longest, pipeline, shapes) == []
    assert refused(longest, pipeline * 20, shapes) == [longest.pipeline_name(pipeline * 20)], (
        "otherwise this proves nothing"
    )
    assert refused(target("a" * 12, "b" * 34, "d" * 7, user="e" * 8), pipeline, shapes) != [], (
        "otherwise this proves nothing"
    )


REGIONS = [
    region
    for partition in Loader().load_data("partitions")["partitions"]
    for region in partition["regions"]
    if not region.endswith("-global")
]
SLUGS = (
    st.lists(st.text("abyz059", min_size=1, max_size=26), min_size=1, max_size=13)
    .map(lambda words: f"s{'-'.join(words)}"[:26])
    .filter(names.SLUG.fullmatch)
)


@pytest.mark.slow
@given(
    vertical=st.from_regex(names.VERTICAL, fullmatch=True),
    slug=SLUGS,
    environment=st.from_regex(names.ENVIRONMENT, fullmatch=True),
    pipeline=st.from_regex(names.PIPELINE, fullmatch=True),
    user=st.from_regex(names.USER, fullmatch=True) | st.just(""),
    region=st.sampled_from(REGIONS),
    role=st.from_regex(r"[\w+=,.@-]{1,64}", fullmatch=True, alphabet=st.characters(codec="ascii")),
    bucket=st.from_regex(identifiers.BUCKET, fullmatch=True).filter(lambda name: not identifiers.bucket(name)),
    owner=st.from_regex(names.TAG_VALUE, fullmatch=True),
)
def test_sagemaker_accepts_every_name_and_tag_that_the_guardrails_accept(
    shapes: Shapes,
    vertical: str,
    slug: str,
    environment: str,
    pipeline: str,
    owner: str,
    user: str,
    region: str,
    role: str,
    bucket: str,
) -> None:
    arn = f"arn:{identifiers.partition(region)}:iam::123456789012:role/{role}"
    made = target(vertical, slug, environment, owner, user=user, region=region, role=arn, bucket=bucket)

    assert project_check.check(made.settings, Policy()) == project_check.check_pipeline(pipeline, "") == []
    assert user == "" or project_check.check_user(user, "") == []
    assert refused(made, pipeline, shapes) == []


@pytest.mark.parametrize(
    ("data", "in_a_file"),
    [
        pytest.param({}, False, id="none"),
        pytest.param({"exclude": [f"c{i}" for i in range(45)]}, False, id="a few"),
        pytest.param({"exclude": [f"c{i}" for i in range(46)]}, True, id="too many with those of a step"),
        pytest.param({"exclude": ["c" * 246]}, False, id="as long as an argument"),
        pytest.param({"exclude": ["c" * 247]}, True, id="too long"),
        pytest.param({"target": "ü" * 300, "id": "@", "split_column": "a b"}, True, id="another long name"),
        pytest.param({"exclude": ["c" * 247, "two\nlines"]}, False, id="a line break, which AWS refuses anyway"),
    ],
)
def test_the_arguments_for_the_data_are_in_a_file_if_they_are_too_long(data: dict[str, Any], in_a_file: bool) -> None:
    before = target()
    settings = replace(before.settings, data=replace(before.settings.data, **data))
    after = replace(before, settings=settings)

    assert settings.data.arguments_file.splitlines() == (settings.data.arguments if in_a_file else [])
    assert bool(after.arguments_uri) == in_a_file
    assert after.arguments_uri.startswith(f"{after.root_uri}/code/" if in_a_file else "")


def test_the_file_of_arguments_has_its_own_hash() -> None:
    def uri(first: str) -> str:
        before = target()
        data = replace(before.settings.data, exclude=[first, *(f"c{i}" for i in range(99))])
        return replace(before, settings=replace(before.settings, data=data)).arguments_uri

    assert uri("a") == uri("a") != uri("b")
