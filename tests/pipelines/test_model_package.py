"""What a model package says about its model: the card in the form that AWS checks, and metadata that AWS accepts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

import sagemaker_ops
from sagemaker_ops.definition import request_limits
from sagemaker_ops.pipelines import registration
from sagemaker_ops.pipelines.registration import Origin
from sagemaker_ops.project.settings import LOCAL, Data, Gate, Project, Settings
from sagemaker_ops.project.target import Target

PROJECT = Project("Flight delays", "flight-delays", "customer", "Predicts late flights", "team@example.com")
SETTINGS = Settings(
    PROJECT,
    Data("data/flights.csv", "late", "classification"),
    Gate("auc", minimum=0.65),
    environments={"local": LOCAL},
)
DATA_URI = "s3://local/customer/flight-delays/local/raw/d1d2/"
# The form of a model package's card, which allows fewer keys than other model cards: {key: its form}; a number is the
# maximum length of a text, and "*" any key. https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html
FORM: dict[str, Any] = {
    "model_overview": {"model_creator": 1024, "model_artifact": [1024]},
    "intended_uses": {
        "purpose_of_model": 2048,
        "intended_uses": 2048,
        "factors_affecting_model_efficiency": 2048,
        "risk_rating": ("High", "Medium", "Low", "Unknown"),
        "explanations_for_risk_rating": 2048,
    },
    "business_details": {"business_problem": 2048, "business_stakeholders": 2048, "line_of_business": 2048},
    "training_details": {
        "training_observations": 1024,
        "training_job_details": {"training_arn": 1024, "training_datasets": [1024]},
    },
    "evaluation_details": [{"name": 63, "evaluation_observation": 2096, "datasets": [1024], "metadata": {"*": 1024}}],
    "additional_information": {
        "ethical_considerations": 2048,
        "caveats_and_recommendations": 2048,
        "custom_details": {"*": 1024},
    },
}


@dataclass(frozen=True)
class Parameter:
    """What a parameter of the SDK has."""

    default_value: str


def target(**settings: Any) -> Target:
    return Target(replace(SETTINGS, **settings), "local", "c1c2", "d1d2", schema_hash="e1e2")


def project(**more: str) -> Target:
    return target(project=replace(PROJECT, **more))


def misfits(value: Any, form: Any, place: str = "") -> Iterator[str]:
    """The places in a card that do not have the form."""
    if isinstance(form, dict):
        inner = value.items() if isinstance(value, dict) else [(place, value)]
        for key, each in inner:
            known = form.get(key, form.get("*"))
            yield from misfits(each, known, f"{place}.{key}") if known is not None else [f"{place}.{key}"]
    elif isinstance(form, list):
        for each in value if isinstance(value, list) else [value]:
            yield from misfits(each, form[0], place)
    elif isinstance(form, int):
        yield from [] if isinstance(value, str) and 1 <= len(value) <= form else [place]
    else:
        yield from [] if value in form else [place]


def test_the_card_has_what_project_toml_says() -> None:
    card = json.loads(registration.card(target()))

    assert card["model_overview"] == {"model_creator": "team@example.com"}
    assert card["intended_uses"] == {
        "purpose_of_model": "Predicts late flights",
        "intended_uses": "Predicts late flights",
        "risk_rating": "Unknown",
    }
    assert card["training_details"]["training_job_details"] == {"training_datasets": [DATA_URI]}
    assert card["evaluation_details"][0]["evaluation_observation"].endswith("auc on the test part is at least 0.65.")
    assert card["additional_information"]["custom_details"] == {
        "name": "Flight delays",
        "project": "flight-delays",
        "owner": "team@example.com",
        "problem": "classification",
        "target": "late",
        "data source": "data/flights.csv",
        "quality gate": "auc at least 0.65",
        "library": f"sagemaker-ops {sagemaker_ops.__version__}",
    }


@pytest.mark.parametrize(
    "made_for",
    [
        pytest.param(target(), id="usual"),
        pytest.param(project(description="", owner=""), id="without a description and an owner"),
        pytest.param(project(description="x" * 5000, owner="y" * 5000, name="z" * 5000), id="long"),
        pytest.param(project(description='two\nlines\u2028and "quotes" \\ é 日本 \x85'), id="odd characters"),
        pytest.param(target(gate=Gate("mae", maximum=3)), id="a maximum"),
        pytest.param(target(gate=Gate("m" * 5000, minimum=0)), id="a long metric"),
        pytest.param(target(data=Data("s3://bucket/" + "a" * 1000, "t" * 2000, "regression")), id="long data"),
    ],
)
def test_the_card_has_the_form_that_aws_checks(made_for: Target) -> None:
    card = registration.card(made_for)

    assert list(misfits(json.loads(card), FORM)) == []
    assert request_limits.check_value(card, "ModelCardContent", "it") == []
    assert registration.card(made_for) == card


@pytest.mark.parametrize(
    ("card", "places"),
    [
        ({"model_overview": {"model_owner": "x"}}, [".model_overview.model_owner"]),
        ({"intended_uses": {"risk_rating": "None"}}, [".intended_uses.risk_rating"]),
        ({"business_details": {"line_of_business": ""}}, [".business_details.line_of_business"]),
    ],
)
def test_a_card_of_another_form_would_be_found(card: dict[str, Any], places: list[str]) -> None:
    assert list(misfits(card, FORM)) == places


def metadata(made_for: Target, data: Any) -> dict[str, Any]:
    return registration.metadata(made_for, Origin(None, None, data, "<started by>", "<execution>"))


def test_the_metadata_names_the_execution_and_what_it_used() -> None:
    data = Parameter(DATA_URI)

    assert metadata(target(), data) == {
        "StartedBy": "<started by>",
        "PipelineExecutionArn": "<execution>",
        "DataUri": data,
        "SchemaHash": "e1e2",
        "LibraryVersion": sagemaker_ops.__version__,
    }


def test_without_a_schema_there_is_no_hash_of_one() -> None:
    assert "SchemaHash" not in metadata(replace(target(), schema_hash=""), DATA_URI)


LONG = "s3://bucket/" + "a" * 300


@pytest.mark.parametrize(
    ("uri", "kept"),
    [
        pytest.param("s3://bucket/folder/x_1.csv", True, id="usual"),
        pytest.param("s3://bucket/date=2026-01-01/a+b@c:d", True, id="all the signs that AWS accepts"),
        pytest.param("s3://bucket/a b/", True, id="a space"),
        pytest.param("s3://bucket/Größe/日本/", True, id="letters of other languages"),
        pytest.param(LONG[:256], True, id="256 characters"),
        pytest.param(LONG[:257], False, id="257 characters"),
        pytest.param("s3://bucket/a (1)/", False, id="brackets"),
        pytest.param("s3://bucket/a,b;c'd!*&$%~#/", False, id="other signs"),
        pytest.param("s3://bucket/a\tb\nc/", False, id="control characters"),
        pytest.param("s3://bucket/\N{SNOWMAN}", False, id="a symbol"),
        pytest.param("s3://bucket/e\u0301", False, id="an accent of its own"),
        pytest.param("(" * 2000, False, id="long and odd"),
    ],
)
def test_a_uri_in_the_metadata_is_one_that_aws_accepts(uri: str, kept: bool) -> None:
    # As a text, and as a parameter, which can have another value in each execution.
    text, parameter = (metadata(target(), each)["DataUri"] for each in (uri, Parameter(uri)))

    assert request_limits.check_value(text, "CustomerMetadataValue", "it") == []
    assert (text == uri) is kept
    assert parameter == (Parameter(uri) if kept else text)


@pytest.mark.parametrize("uri", ["", None])
def test_a_uri_that_is_not_known_is_left_out(uri: str | None) -> None:
    assert "DataUri" not in metadata(target(), uri)


def test_different_uris_stay_different() -> None:
    uris = ["s3://b/(1)", "s3://b/[1]", "s3://b/-1-", LONG, f"{LONG}a", "", "s3://b/ 1 "]

    assert len({registration.accepted(uri) for uri in uris}) == len(uris)


def test_an_expression_of_the_sdk_stays() -> None:
    joined = {"Std:Join": {"On": "/", "Values": ["a", "b"]}}

    assert metadata(target(), joined)["DataUri"] == joined
