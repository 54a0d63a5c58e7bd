"""--wait and --watch: an execution followed to its end."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from projects import Project, Result, clean_environment

from aws import gaps
from aws.conftest import Aws
from aws.executed import (
    FAST,
    QUOTA,
    TRAIN,
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


def test_polls_become_rarer_and_two_waits_do_not_poll_together() -> None:
    one, other = (list(islice(watch.pauses(), 12)) for _ in range(2))

    assert one != other
    for pauses in (one, other):
        assert 0.8 * watch.FIRST <= pauses[0] <= watch.FIRST
        assert 0.8 * watch.LONGEST <= pauses[-1] <= watch.LONGEST


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


LONG = [*RUNS, ("Executing", [step("Processing", "Executing", end=None, Metadata=P)])]


@pytest.mark.parametrize("command", ["start", "retry"])
def test_a_wait_ends_at_its_timeout_and_the_execution_goes_on(aws: Aws, ops: Ops, command: str) -> None:
    deploy(aws)
    if command == "retry":
        started(aws, status="Failed")
    given = ["start-pipeline-execution", "train"] if command == "start" else ["retry-pipeline-execution", "latest"]
    if command == "start":
        gaps.COURSE += LONG
    else:
        gaps.COURSE += [("Failed", []), ("Failed", []), *LONG]
    begin = time.monotonic()

    done = ops(*given, "--yes", "--wait", "--timeout", "0.02", **FAST)

    assert done.code == 124, done
    assert time.monotonic() - begin > 1.2
    goes_on, error = done.err.splitlines()[-2:]
    assert goes_on.startswith("The execution continues: `ops describe-pipeline-execution ")
    assert error == "error: the execution has not ended within the time of --timeout."
    assert aws.calls("stop_pipeline_execution") == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--wait", "--timeout", "0"], "error: --timeout: cannot wait for 0 minutes: write a number above 0.\n"),
        (["--wait", "--timeout", "-1.5"], "error: --timeout: cannot wait for -1.5 minutes: write a number above 0.\n"),
        (["--wait", "--timeout", "nan"], "error: --timeout: cannot wait for nan minutes: write a number above 0.\n"),
        (["--timeout", "5"], "error: --timeout: works only with --wait: add it.\n"),
    ],
)
@pytest.mark.parametrize("command", ["start-pipeline-execution", "retry-pipeline-execution"])
def test_a_timeout_that_makes_no_sense(ops: Ops, command: str, options: list[str], sentence: str) -> None:
    done = ops(command, "train", "--yes", *options)

    assert (done.code, done.err) == (2, sentence)


def test_an_execution_that_ends_in_time_is_not_affected(aws: Aws, account: Account) -> None:
    deploy(aws)
    arn = started(aws)
    gaps.COURSE += SUCCEEDS

    for minutes in (5, math.inf, 1e300):
        assert watch.until_ended(account, arn, lambda _: None, minutes=minutes).status == "Succeeded"


def test_the_timeout_also_ends_a_wait_while_aws_is_not_reachable(aws: Aws, account: Account) -> None:
    deploy(aws)
    arn = started(aws, status="Executing")
    gaps.FAULTS["list_pipeline_execution_steps"] = [(400, "ThrottlingException", "Rate exceeded")] * 99

    with pytest.raises(watch.NotEndedError):
        watch.until_ended(account, arn, lambda _: None, minutes=0.001)


def link_in(folder: Path) -> dict[str, str]:
    [link] = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))["Execution"]
    return dict(link["external_link"])


@pytest.mark.parametrize(
    ("options", "course", "code", "files"),
    [
        pytest.param([], RUNS, 0, {"annotations.json", "execution.env"}, id="started"),
        pytest.param(
            ["--wait", "--timeout", "0.01"], LONG, 124, {"annotations.json", "execution.env"}, id="not ended in time"
        ),
        pytest.param(
            ["--wait"],
            SUCCEEDS,
            0,
            {"annotations.json", "execution.env", "metrics.txt", "gate.xml", "warnings.json"},
            id="succeeded",
        ),
        pytest.param(
            ["--wait"],
            FAILS,
            1,
            {"annotations.json", "execution.env", "metrics.txt", "gate.xml", "warnings.json"},
            id="failed",
        ),
        pytest.param(["--dry-run"], RUNS, 0, set(), id="dry run"),
        pytest.param(["--param", "Unknown=1"], RUNS, 2, set(), id="refused before the start"),
    ],
)
def test_reports_for_gitlab(
    aws: Aws, ops: Ops, tmp_path: Path, options: list[str], course: list[Any], code: int, files: set[str]
) -> None:
    deploy(aws)
    gaps.COURSE += course
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "metrics.txt").write_text("of an earlier execution")

    done = ops("start-pipeline-execution", "train", "--yes", *options, "--gitlab", str(tmp_path), **FAST)

    assert done.code == code, done
    assert {file.name for file in tmp_path.rglob("*") if file.is_file()} == files
    if files:
        arn = done.out.split("Started ")[1].split()[0]
        assert (tmp_path / "execution.env").read_text() == f"EXECUTION_ARN={arn}\n"
        landing = "https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/studio-landing"
        assert link_in(folder) == {"label": "train in SageMaker", "url": landing}
    if "gate.xml" in files:
        failed = [each.get("name") for each in ElementTree.parse(folder / "gate.xml").iterfind(".//failure/..")]
        assert failed == (["Training"] if code else [])


@pytest.mark.parametrize("domains", [1, 2])
def test_the_link_leads_to_the_only_domain(aws: Aws, ops: Ops, tmp_path: Path, domains: int) -> None:
    deploy(aws)
    client = aws.client("sagemaker")
    for number in range(domains):
        made = client.create_domain(
            DomainName=f"domain-{number}",
            AuthMode="IAM",
            DefaultUserSettings={"ExecutionRole": "arn:aws:iam::123456789012:role/x"},
            SubnetIds=["subnet-1"],
            VpcId="vpc-1",
        )
    domain = made["DomainArn"].rpartition("/")[2]

    done = ops("start-pipeline-execution", "train", "--yes", "--gitlab", str(tmp_path))

    execution = done.out.split("/execution/")[1].split()[0]
    graph = f"pipelines/view/{TRAIN}/executions/{execution}/graph"
    studio = f"https://studio-{domain}.studio.eu-west-1.sagemaker.aws/{graph}"
    assert (link_in(tmp_path / "train")["url"] == studio) == (domains == 1)
