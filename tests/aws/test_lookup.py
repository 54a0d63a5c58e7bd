"""Finding the pipeline or execution that a user means, and whose it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from projects import Result

from aws import gaps
from aws.conftest import ACCOUNT, REGION, Aws
from aws.executed import (
    TAGS,
    TRAIN,
    deploy,
    requests,
    started,
)
from sagemaker_ops.aws import execution_changes, lookup
from sagemaker_ops.aws.account import Account
from sagemaker_ops.errors import UserError

pytestmark = pytest.mark.slow

Ops = Callable[..., Result]


# Whose it is

OTHERS = [
    pytest.param(
        "revenue-x-train-dev", {**TAGS, "vertical": "revenue", "owner": "ann"}, 3, "(owner ann)", id="vertical"
    ),
    pytest.param("customer-x-train-dev", {**TAGS, "vertical": "revenue"}, 3, "belongs to 'revenue'", id="tag"),
    pytest.param("revenue-y-train-dev", TAGS, 3, "does not start with 'customer-'", id="name"),
    pytest.param("customer-z-train-dev", {}, 3, "has no tag 'vertical'", id="no tag"),
    pytest.param("customer-z-train-prod", {**TAGS, "env": "prod"}, 3, "use --env prod", id="environment"),
]


@pytest.mark.parametrize(("name", "tags", "code", "message"), OTHERS)
def test_another_owners_pipeline_is_refused(
    aws: Aws, account: Account, name: str, tags: dict[str, str], code: int, message: str
) -> None:
    deploy(aws, name, tags)

    with pytest.raises(UserError) as raised:
        execution_changes.own(account, started(aws, name, status="Failed"))

    assert raised.value.exit_code == code
    assert message in str(raised.value)


@pytest.mark.parametrize("command", ["start", "stop", "retry", "update"])
def test_no_command_touches_another_verticals_resources(aws: Aws, ops: Ops, command: str) -> None:
    name = "revenue-x-train-dev"
    deploy(aws, name, {**TAGS, "vertical": "revenue", "owner": "ann@example.com"})
    target = name if command == "start" else started(aws, name, status="Failed")
    more = ("--name", "mine") if command == "update" else ()

    done = ops(f"{command}-pipeline-execution", target, *more, "--yes")

    assert done.code == 3, done
    assert "belongs to 'revenue' (owner ann@example.com), but you work for 'customer'" in done.err
    assert done.out == ""
    assert aws.calls(f"{command}_pipeline_execution") == []


def test_another_project_of_the_vertical_needs_the_full_name(aws: Aws, ops: Ops) -> None:
    deploy(aws, "customer-churn-train-dev", {**TAGS, "project": "churn"})

    assert ops("start-pipeline-execution", "customer-churn-train-dev", "--yes").code == 0
    assert len(requests("start_pipeline_execution")) == 1


def test_a_personal_deployment_is_started_alone(aws: Aws, ops: Ops) -> None:
    deploy(aws)
    deploy(aws, f"{TRAIN}-anna", {**TAGS, "user": "anna"})

    done = ops("start-pipeline-execution", "train", "--as", "anna", "--yes")

    assert done.code == 0, done
    assert [request["PipelineName"] for request in requests("start_pipeline_execution")] == [f"{TRAIN}-anna"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        pytest.param(("train", "--as", "Anna"), 3, "'Anna' is not a valid user name", id="invalid name"),
        pytest.param((TRAIN, "--as", "anna"), 2, "a full name already says whose it is", id="with a full name"),
        pytest.param(("train", "--as", "bob"), 2, f"there is no pipeline '{TRAIN}-bob'", id="not deployed"),
    ],
)
def test_errors_in_the_user_of_a_personal_deployment_are_reported(
    aws: Aws, ops: Ops, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    deploy(aws)

    done = ops("start-pipeline-execution", *arguments, "--yes")

    assert (done.code, aws.calls("start_pipeline_execution")) == (code, []), done
    assert sentence in done.err


def test_two_projects_with_the_same_pipeline_name_are_distinguished(aws: Aws, ops: Ops) -> None:
    deploy(aws, TRAIN, {**TAGS, "project": "flight"})

    done = ops("start-pipeline-execution", "train", "--yes")

    assert done.code == 3, done
    assert aws.calls("start_pipeline_execution") == []


# Which one is meant


def test_an_id_is_found_in_any_pipeline_of_the_project(aws: Aws, account: Account) -> None:
    for name in (TRAIN, "customer-flight-delays-predict-dev"):
        deploy(aws, name)
    deploy(aws, "customer-flight-delays-two-train-dev", {**TAGS, "project": "flight-delays-two"})
    first = started(aws, "customer-flight-delays-predict-dev")
    newest = started(aws, TRAIN)
    foreign = started(aws, "customer-flight-delays-two-train-dev")

    assert set(lookup.own_pipelines(account)) == {TRAIN, "customer-flight-delays-predict-dev"}
    assert lookup.execution_arn(account, lookup.id_of(first)) == first
    assert lookup.execution_arn(account, lookup.id_of(first)[:11]) == first
    assert lookup.execution_arn(account, "latest") == newest
    assert lookup.execution_arn(account, foreign) == foreign
    with pytest.raises(UserError, match="for another project's, give its ARN"):
        lookup.execution_arn(account, lookup.id_of(foreign))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("latest", "no execution was found in dev"),
        ("abcdefghijkl", "no execution 'abcdefghijkl' was found in dev"),
        ("abc", "no execution 'abc' was found in dev"),
        ("no such thing", "'no such thing' is not an execution: write an id"),
        (
            "arn:aws:s3:::x",
            "is not the ARN of an execution: write it like arn:aws:sagemaker:eu-west-1:123456789012:pipeline/",
        ),
        (f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:pipeline/{TRAIN}/execution/abcdefghijkl", "us-east-1"),
        (f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{TRAIN}/execution/abcdefghijkl", "does not exist"),
    ],
)
def test_an_unknown_execution_is_reported(aws: Aws, account: Account, written: str, message: str) -> None:
    deploy(aws)

    with pytest.raises(UserError) as raised:
        lookup.execution_arn(account, written)

    assert message in str(raised.value)
    assert raised.value.exit_code == 2


def test_the_start_of_two_ids_is_ambiguous(aws: Aws, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(aws)
    arns = [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{TRAIN}/execution/abc{end}" for end in ("d", "e")]
    monkeypatch.setattr(lookup, "summaries", lambda *_: iter({"PipelineExecutionArn": arn} for arn in arns))

    assert lookup.execution_arn(account, "abcd") == arns[0]
    with pytest.raises(UserError, match="'abc' is the start of abcd, abce: write more of the id"):
        lookup.execution_arn(account, "abc")


@pytest.mark.parametrize("code", ["ResourceNotFound", "ValidationException"])
def test_an_unknown_pipeline_is_reported_with_the_existing_ones(aws: Aws, account: Account, code: str) -> None:
    deploy(aws)
    gaps.FAULTS["describe_pipeline"] = [(400, code, "Pipeline 'arn:…' does not exist.")]

    with pytest.raises(UserError, match=f"there is no pipeline 'customer-flight-delays-trian-dev'.*{TRAIN}"):
        lookup.describe_pipeline(account, "trian")
