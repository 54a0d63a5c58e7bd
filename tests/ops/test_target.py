"""Every name, place and tag of a deployment, and whether SageMaker takes them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from ops import guardrails
from ops.errors import UserError
from ops.settings import Data, Environment, Gate, Project, Settings
from ops.target import Target


def target(
    vertical: str = "customer",
    slug: str = "flight-delays",
    environment: str = "dev",
    owner: str = "data-team@example.com",
    *,
    source: str = "data/sample",
    data_hash: str = "0123456789abcdef",
) -> Target:
    settings = Settings(
        Project("Flight delays", slug, vertical, owner=owner, region="eu-central-1"),
        Data(source, "late", "classification"),
        Gate("auc", minimum=0.6),
        environments={environment: Environment("123456789012", "arn:aws:iam::123456789012:role/jobs", "models")},
    )
    return Target(settings, environment, code_hash="fedcba9876543210", data_hash=data_hash)


def test_every_name_begins_with_vertical_and_project() -> None:
    assert target().base == "customer-flight-delays"
    assert target().pipeline_name("train") == "customer-flight-delays-train-dev"
    assert target().model_package_group == "customer-flight-delays-dev"


@pytest.mark.parametrize(
    ("name", "below"),
    [
        ("root_uri", ""),
        ("code_uri", "/code/fedcba9876543210/steps/"),
        ("sourcedir_uri", "/code/fedcba9876543210/sourcedir.tar.gz"),
        ("data_uri", "/raw/0123456789abcdef/"),
        ("runs_uri", "/runs"),
    ],
)
def test_everything_lies_below_one_place_in_the_bucket(name: str, below: str) -> None:
    assert getattr(target(), name) == f"s3://models/customer/flight-delays/dev{below}"


def test_data_on_s3_stays_where_it_is() -> None:
    assert target(source="s3://lake/flights/", data_hash="").data_uri == "s3://lake/flights/"


def test_the_tags_say_whose_it_is() -> None:
    assert target(environment="prod").tags == {
        "vertical": "customer",
        "project": "flight-delays",
        "env": "prod",
        "owner": "data-team@example.com",
    }


def test_the_region_is_the_project_s() -> None:
    assert target().region == "eu-central-1"


def test_two_environments_share_no_name_and_no_place() -> None:
    dev, prod = target(environment="dev"), target(environment="prod")

    assert dev.pipeline_name("train") != prod.pipeline_name("train")
    assert dev.model_package_group != prod.model_package_group
    for name in ("root_uri", "code_uri", "sourcedir_uri", "data_uri", "runs_uri"):
        assert getattr(dev, name) != getattr(prod, name)


def test_an_environment_that_is_not_set_yet_has_no_places() -> None:
    unset = Target(target().settings, "prod", code_hash="", data_hash="")

    with pytest.raises(UserError, match=r"no \[environments\.prod\]"):
        _ = unset.root_uri


Shapes = dict[str, Any]


@pytest.fixture(scope="module")
def shapes() -> Shapes:
    """SageMaker's own API, as botocore has it: {shape: {type, min, max, pattern, members}}."""
    loaded: Shapes = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    return loaded


def taken(text: str, shapes: Shapes, request: str, member: str) -> bool:
    """Whether the API takes `text` for a member of one of its requests."""
    shape = shapes[shapes[request]["members"][member]["shape"]]
    # Python's patterns know no \p{…}; \w and a space are fewer characters than these.
    pattern = shape["pattern"].replace(r"\p{L}\p{Z}\p{N}", r"\w ")
    return shape["min"] <= len(text) <= shape["max"] and re.fullmatch(pattern, text) is not None


def refused(a: Target, pipeline: str, shapes: Shapes) -> list[str]:
    """What SageMaker would not take of a target's names and tags."""
    names = [
        (a.pipeline_name(pipeline), "CreatePipelineRequest", "PipelineName"),
        (a.model_package_group, "CreateModelPackageGroupInput", "ModelPackageGroupName"),
        (a.model_package_group, "CreateEndpointInput", "EndpointName"),
        (a.model_package_group, "CreateEndpointConfigInput", "EndpointConfigName"),
        (a.code_uri, "ProcessingS3Input", "S3Uri"),
        (a.data_uri, "ProcessingS3Input", "S3Uri"),
        *((key, "Tag", "Key") for key in a.tags),
        *((value, "Tag", "Value") for value in a.tags.values()),
    ]
    return [text for text, request, member in names if not taken(text, shapes, request, member)]


def test_the_longest_names_fit(shapes: Shapes) -> None:
    longest = target("a" * 12, "b" * 26, "d" * 8)
    pipeline = "c" * 16

    assert guardrails.check(longest.settings) == guardrails.check_pipeline(pipeline, "") == []
    assert refused(longest, pipeline, shapes) == []
    assert refused(longest, pipeline * 20, shapes) == [longest.pipeline_name(pipeline * 20)], "else nothing is proved"
    assert refused(target("a" * 12, "b" * 42, "d" * 8), pipeline, shapes) != [], "else nothing is proved"


SLUGS = (
    st.lists(st.text("abyz059", min_size=1, max_size=26), min_size=1, max_size=13)
    .map(lambda words: f"s{'-'.join(words)}"[:26])
    .filter(guardrails.SLUG.fullmatch)
)


@given(
    vertical=st.from_regex(guardrails.VERTICAL, fullmatch=True),
    slug=SLUGS,
    environment=st.from_regex(guardrails.ENVIRONMENT, fullmatch=True),
    pipeline=st.from_regex(guardrails.PIPELINE, fullmatch=True),
    owner=st.from_regex(guardrails.TAG_VALUE, fullmatch=True),
)
def test_sagemaker_takes_every_name_and_tag_that_the_guardrails_let_pass(
    shapes: Shapes, vertical: str, slug: str, environment: str, pipeline: str, owner: str
) -> None:
    made = target(vertical, slug, environment, owner)

    assert guardrails.check(made.settings) == guardrails.check_pipeline(pipeline, "") == []
    assert refused(made, pipeline, shapes) == []
