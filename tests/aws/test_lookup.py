"""Which pipeline and which execution is meant, and whose it is."""

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

Ops = Callable[..., Result]


# Whose it is

OTHERS = [
    pytest.param(
        "revenue-x-train-dev", {**TAGS, "vertical": "revenue", "owner": "ann"}, 3, "(owner ann)", id="vertical"
    ),
    pytest.param("customer-x-train-dev", {**TAGS, "vertical": "revenue"}, 3, "belongs to 'revenue'", id="tag"),
    pytest.param("revenue-y-train-dev", TAGS, 3, "starts with 'customer-'", id="name"),
    pytest.param("customer-z-train-dev", {}, 3, "has no tag 'vertical'", id="no tag"),
    pytest.param("customer-z-train-prod", {**TAGS, "env": "prod"}, 2, "write --env prod", id="environment"),
]


@pytest.mark.parametrize(("name", "tags", "code", "said"), OTHERS)
def test_what_is_not_ones_own_is_refused(
    aws: Aws, account: Account, name: str, tags: dict[str, str], code: int, said: str
) -> None:
    deploy(aws, name, tags)

    with pytest.raises(UserError) as raised:
        execution_changes.own(account, started(aws, name, status="Failed"))

    assert raised.value.exit_code == code
    assert said in str(raised.value)


@pytest.mark.parametrize("command", ["start", "stop", "retry", "update"])
def test_no_command_touches_what_is_another_verticals(aws: Aws, ops: Ops, command: str) -> None:
    name = "revenue-x-train-dev"
    deploy(aws, name, {**TAGS, "vertical": "revenue", "owner": "ann@example.com"})
    target = name if command == "start" else started(aws, name, status="Failed")
    more = ("--name", "mine") if command == "update" else ()

    done = ops(f"{command}-pipeline-execution", target, *more, "--yes")

    assert done.code == 3, done
    assert "belongs to 'revenue' (owner ann@example.com), and you work for 'customer'" in done.err
    assert done.out == ""
    assert aws.calls(f"{command}_pipeline_execution") == []


def test_another_project_of_the_vertical_is_named_in_full(aws: Aws, ops: Ops) -> None:
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
        pytest.param(("train", "--as", "Anna"), 3, "'Anna' is not a valid user name", id="no name"),
        pytest.param((TRAIN, "--as", "anna"), 2, "a name in full says whose it is", id="beside a name in full"),
        pytest.param(("train", "--as", "bob"), 2, f"there is no pipeline '{TRAIN}-bob'", id="not deployed"),
    ],
)
def test_whose_personal_deployment_starts_is_said_right(
    aws: Aws, ops: Ops, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    deploy(aws)

    done = ops("start-pipeline-execution", *arguments, "--yes")

    assert (done.code, aws.calls("start_pipeline_execution")) == (code, []), done
    assert sentence in done.err


def test_two_projects_that_come_to_one_name_are_told_apart(aws: Aws, ops: Ops) -> None:
    deploy(aws, TRAIN, {**TAGS, "project": "flight"})

    done = ops("start-pipeline-execution", "train", "--yes")

    assert done.code == 3, done
    assert aws.calls("start_pipeline_execution") == []


# Which is meant


def test_an_id_is_found_in_whichever_pipeline_of_the_project_it_is(aws: Aws, account: Account) -> None:
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
    with pytest.raises(UserError, match="another project's is named by its ARN"):
        lookup.execution_arn(account, lookup.id_of(foreign))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("latest", "no execution has run in dev"),
        ("abcdefghijkl", "no execution is called 'abcdefghijkl'"),
        ("abc", "no execution is called 'abc'"),
        ("no such thing", "'no such thing' is no execution: write its id"),
        (
            "arn:aws:s3:::x",
            "is no ARN of an execution: it looks like arn:aws:sagemaker:eu-west-1:123456789012:pipeline/",
        ),
        (f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:pipeline/{TRAIN}/execution/abcdefghijkl", "us-east-1"),
        (f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{TRAIN}/execution/abcdefghijkl", "there is no execution"),
    ],
)
def test_what_is_no_execution_is_told(aws: Aws, account: Account, written: str, said: str) -> None:
    deploy(aws)

    with pytest.raises(UserError) as raised:
        lookup.execution_arn(account, written)

    assert said in str(raised.value)
    assert raised.value.exit_code == 2


def test_the_beginning_of_two_ids_is_too_little(aws: Aws, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(aws)
    arns = [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{TRAIN}/execution/abc{end}" for end in ("d", "e")]
    monkeypatch.setattr(lookup, "summaries", lambda *_: iter({"PipelineExecutionArn": arn} for arn in arns))

    assert lookup.execution_arn(account, "abcd") == arns[0]
    with pytest.raises(UserError, match="'abc' is the beginning of abcd, abce: write more of it"):
        lookup.execution_arn(account, "abc")


@pytest.mark.parametrize("code", ["ResourceNotFound", "ValidationException"])
def test_a_pipeline_that_is_not_there_is_told_with_those_that_are(aws: Aws, account: Account, code: str) -> None:
    deploy(aws)
    gaps.FAULTS["describe_pipeline"] = [(400, code, "Pipeline 'arn:…' does not exist.")]

    with pytest.raises(UserError, match=f"there is no pipeline 'customer-flight-delays-trian-dev'.*{TRAIN}"):
        lookup.describe_pipeline(account, "trian")
