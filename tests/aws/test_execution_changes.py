"""Executions on AWS stopped, retried and updated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from projects import Result

from aws.conftest import Aws
from aws.executed import (
    deploy,
    requests,
    started,
)
from sagemaker_ops.aws import lookup

pytestmark = pytest.mark.slow

Ops = Callable[..., Result]


@pytest.mark.parametrize(
    ("command", "status", "message", "sent"),
    [
        (("stop",), "Executing", "is being stopped.", {}),
        (("retry",), "Failed", "continues.", {}),
        (("retry",), "Stopped", "continues.", {}),
        (("update", "--name", "b"), "Executing", "is updated.", {"PipelineExecutionDisplayName": "b"}),
        (("update", "--description", "ä"), "Failed", "is updated.", {"PipelineExecutionDescription": "ä"}),
        (
            ("update", "--parallelism", "3"),
            "Executing",
            "is updated.",
            {"ParallelismConfiguration": {"MaxParallelExecutionSteps": 3}},
        ),
    ],
)
def test_an_execution_is_changed(
    aws: Aws, ops: Ops, command: tuple[str, ...], status: str, message: str, sent: dict[str, Any]
) -> None:
    deploy(aws)
    arn = started(aws, status=status)
    verb, *more = command

    tried = ops(f"{verb}-pipeline-execution", "latest", *more, "--dry-run")
    assert tried.code == 0, tried
    assert aws.calls(f"{verb}_pipeline_execution") == []
    done = ops(f"{verb}-pipeline-execution", "latest", *more, "--yes")

    assert done.code == 0, done
    assert f"Execution {lookup.id_of(arn)} {message}" in done.out
    [request] = requests(f"{verb}_pipeline_execution")
    token = request.pop("ClientRequestToken", None)
    assert request == {"PipelineExecutionArn": arn, **sent}
    assert (token is None) == (verb == "update")


@pytest.mark.parametrize(
    ("command", "status", "code", "message"),
    [
        (("stop",), "Succeeded", 0, "has already ended: Succeeded."),
        (("retry",), "Succeeded", 2, "has succeeded, but only one that failed or was stopped can be retried"),
        (("retry",), "Executing", 2, "has not ended yet"),
        (("update",), "Executing", 2, "there is nothing to change: give --name, --description or --parallelism"),
        (("update", "--param", "A=1"), "Executing", 2, "`ops start-pipeline-execution … --param`"),
        (("update", "--name", "a b"), "Executing", 2, "--name: 'a b' is not a valid name"),
        (("update", "--parallelism", "0"), "Executing", 2, "write 1 or more"),
        (("update", "--description", "x" * 3073), "Executing", 2, "write 3072 or fewer"),
    ],
)
def test_a_change_that_is_not_possible_is_reported(
    aws: Aws, ops: Ops, command: tuple[str, ...], status: str, code: int, message: str
) -> None:
    deploy(aws)
    started(aws, status=status)
    verb, *more = command

    done = ops(f"{verb}-pipeline-execution", "latest", *more, "--yes")

    assert done.code == code, done
    assert message in done.out + done.err
    assert aws.calls(f"{verb}_pipeline_execution") == []
