"""--wait and --watch: an execution followed to its end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from projects import Project, Result, clean_environment

from aws import gaps
from aws.conftest import Aws
from aws.executed import (
    FAST,
    QUOTA,
    at,
    deploy,
    job,
    started,
    step,
)
from sagemaker_ops.aws import watch
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError

pytestmark = pytest.mark.slow

Ops = Callable[..., Result]


P, T = (job("Processing", "p"), job("Training", "t"))
RUNS = [
    ("Executing", []),
    ("Executing", [step("Processing", "Executing", end=None, Metadata=P)]),
    ("Executing", [step("Processing", Metadata=P), step("Training", "Executing", 5, None, Metadata=T)]),
]
SUCCEEDS = [*RUNS, ("Succeeded", [step("Processing", Metadata=P), step("Training", begin=5, end=9, Metadata=T)])]
FAILS = [
    *RUNS,
    ("Failed", [step("Processing", Metadata=P), step("Training", "Failed", 5, 6, Metadata=T, FailureReason=QUOTA)]),
]


@pytest.mark.parametrize(
    ("course", "code"),
    [
        (SUCCEEDS, 0),
        (FAILS, 1),
        ([*RUNS, ("Stopping", []), ("Stopped", [])], 1),
        ([*RUNS, ("CompletedWithFailures", [])], 1),
        ([*RUNS, ("SomethingNew", [])], 1),
    ],
    ids=["succeeded", "failed", "stopped", "with failures", "unknown"],
)
def test_waiting_exits_with_the_outcome(aws: Aws, ops: Ops, course: list[Any], code: int) -> None:
    deploy(aws)
    gaps.COURSE += course

    done = ops("start-pipeline-execution", "train", "--yes", "--wait", **FAST)

    assert done.code == code, done
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    shown = [
        "Processing Processing Executing",
        "Processing Processing Succeeded 5 min 00 s",
        "Training Training Executing",
    ]
    assert [line for line in lines if line in shown] == shown[: len(course)]
    assert any(line.startswith(f"{course[-1][0]} in ") for line in lines)


def test_a_quota_that_stops_a_step_is_named(aws: Aws, ops: Ops) -> None:
    deploy(aws)
    gaps.COURSE += FAILS

    done = ops("start-pipeline-execution", "train", "--yes", "--wait", **FAST)

    assert (
        "request an increase under Service Quotas, Amazon SageMaker, 'ml.m5.large for processing job usage'" in done.out
    )


def test_a_wait_survives_temporary_errors(aws: Aws, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)  # boto3 also sleeps between its own attempts
    deploy(aws)
    arn = started(aws)
    gaps.COURSE += SUCCEEDS
    gaps.FAULTS["list_pipeline_execution_steps"] = [(400, "ThrottlingException", "Rate exceeded")] * 7
    gaps.FAULTS["describe_pipeline_execution"] = [(400, "ResourceNotFound", "does not exist")]

    shown: list[str] = []
    ended = watch.until_ended(account, arn, lambda each: shown.append(each.status), just_begun=True)

    assert ended.status == "Succeeded"
    assert ended.end_time == at(9)
    assert gaps.FAULTS["list_pipeline_execution_steps"] == []


def test_a_wait_for_a_retry_does_not_end_with_the_status_before_it(aws: Aws, account: Account) -> None:
    deploy(aws)
    arn = started(aws)
    gaps.COURSE += [("Failed", []), ("Failed", []), *SUCCEEDS]

    assert watch.until_ended(account, arn, lambda _: None, just_begun=True).status == "Succeeded"


def test_a_wait_for_an_execution_that_ends_at_once_also_ends(aws: Aws, account: Account) -> None:
    deploy(aws)
    gaps.COURSE += [("Failed", [])]

    assert watch.until_ended(account, started(aws), lambda _: None, just_begun=True).status == "Failed"


def test_a_wait_ends_with_a_refusal(aws: Aws, account: Account) -> None:
    deploy(aws)
    arn = started(aws, status="Executing")
    gaps.FAULTS["list_pipeline_execution_steps"] = [(400, "ExpiredTokenException", "expired")] * 9

    with pytest.raises(AwsError, match="your AWS credentials have expired"):
        watch.until_ended(account, arn, lambda _: None)


def test_ctrl_c_leaves_the_execution_running_and_shows_how_to_stop_it(
    aws: Aws,
    _project: Project,  # noqa: PT019 - it is used
) -> None:
    deploy(aws)
    gaps.COURSE += RUNS
    command = [sys.executable, "-m", "sagemaker_ops", "start-pipeline-execution", "train", "--yes", "--wait"]
    with subprocess.Popen(
        command,
        cwd=_project.path,
        env=clean_environment() | {"PYTHONPATH": str(_project.path / "vendor")} | aws.environment | FAST,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Training"):
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "The execution continues" in err
    assert "`ops stop-pipeline-execution " in err
    assert "Traceback" not in err
    assert aws.calls("stop_pipeline_execution") == []


def test_watching_lasts_until_the_end_and_then_shows_all_details(aws: Aws, ops: Ops) -> None:
    deploy(aws)
    started(aws)
    gaps.COURSE += SUCCEEDS

    done = ops("describe-pipeline-execution", "latest", "--env", "dev", "--watch", **FAST)
    described = ops("describe-pipeline-execution", "latest", "--env", "dev", "--watch", "--output", "json", **FAST)

    assert done.code == 0, done
    assert done.out.index("Training             Training       Executing") < done.out.index("parameter")
    assert json.loads(described.out)["PipelineExecutionStatus"] == "Succeeded"
