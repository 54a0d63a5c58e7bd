"""Executions on AWS listed and described, side by side and with their logs."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from projects import Project, Result

from aws import gaps
from aws.conftest import ROLE, Aws
from aws.executed import (
    DEFINITION,
    QUOTA,
    RESULTS,
    TAGS,
    at,
    deploy,
    job,
    started,
    step,
)
from sagemaker_ops import local
from sagemaker_ops.aws import executions, logs, lookup, usage, watch
from sagemaker_ops.aws.account import Account
from sagemaker_ops.errors import UserError
from sagemaker_ops.local.executions import LOCK
from sagemaker_ops.tracking import record

pytestmark = pytest.mark.slow

Ops = Callable[..., Result]


def evaluated(aws: Aws) -> str:
    """The ARN of an execution with jobs, metrics in S3, a cached step, and the utilisation of its jobs."""
    deploy(aws)
    arn = started(aws, PipelineParameters=[{"Name": "QualityGate", "Value": "0.8"}])
    sagemaker, cloudwatch = aws.client("sagemaker"), aws.client("cloudwatch")
    sagemaker.create_processing_job(
        ProcessingJobName="evaluation-1",
        ProcessingResources={
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
        },
        AppSpecification={"ImageUri": "image"},
        RoleArn=ROLE,
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "evaluation",
                    "S3Output": {"S3Uri": RESULTS, "LocalPath": "/opt/ml/x", "S3UploadMode": "EndOfJob"},
                }
            ]
        },
    )
    report = {"binary_classification_metrics": {"auc": {"value": 0.75, "standard_deviation": 0.01}}}
    bucket, _, key = RESULTS.removeprefix("s3://").partition("/")
    aws.client("s3").put_object(Bucket=bucket, Key=f"{key}/evaluation.json", Body=json.dumps(report))
    for metric, values in (("CPUUtilization", (50.0, 150.0)), ("MemoryUtilization", (20.0, 61.0))):
        for minute, value in enumerate(values, 7):
            cloudwatch.put_metric_data(
                Namespace="/aws/sagemaker/ProcessingJobs",
                MetricData=[
                    {
                        "MetricName": metric,
                        "Dimensions": [{"Name": "Host", "Value": "evaluation-1/algo-1"}],
                        "Timestamp": at(minute),
                        "Value": value,
                    }
                ],
            )
    source = {"SourcePipelineExecutionArn": f"{arn.rpartition('/')[0]}/earlierearli"}
    gaps.STEPS[arn] = [
        step("Processing", CacheHitResult=source, Metadata=job("Processing", "processing-0")),
        step("Training", "Failed", 5, 6, FailureReason=QUOTA, AttemptCount=2, Metadata=job("Training", "training-1")),
        step("Evaluation", begin=6, end=11.5, Metadata=job("Processing", "evaluation-1")),
    ]
    return arn


def test_an_execution_is_described_like_a_local_one(aws: Aws, ops: Ops) -> None:
    arn = evaluated(aws)

    done = ops("describe-pipeline-execution", lookup.id_of(arn), "--env", "dev")

    assert done.code == 0, done
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert f"execution {lookup.id_of(arn)}" in lines
    assert "QualityGate 0.8" in lines
    assert "TrainingInstances 1" in lines
    assert "Processing Succeeded 5 min 00 s cached (execution earlierearli)" in lines
    assert any(
        line.startswith("Training Failed 1 min 00 s attempt 2 The quota 'ml.m5.large for processing job usage' is 0")
        for line in lines
    )
    assert "Evaluation CPU 50 % peak memory 61 %" in lines
    assert "auc 0.75" in lines


def test_as_json_it_has_the_keys_of_the_api(aws: Aws, ops: Ops) -> None:
    arn = evaluated(aws)

    done = ops("describe-pipeline-execution", arn, "--env", "dev", "--output", "json")

    document = json.loads(done.out)
    assert document["PipelineExecutionArn"] == arn
    assert document["PipelineExecutionStatus"] == "Succeeded"
    assert document["Metrics"] == {"auc": 0.75}
    by_name = {each["StepName"]: each for each in document["PipelineExecutionSteps"]}
    assert by_name["Evaluation"]["Outputs"] == {"evaluation": RESULTS}
    assert by_name["Evaluation"]["Utilization"] == {"CPUUtilization": 50.0, "MemoryUtilization": 61.0}
    assert by_name["Processing"]["CacheHitResult"] == {"SourcePipelineExecutionId": "earlierearli"}


def test_mlflow_gets_to_know_parameters_and_metrics(aws: Aws, account: Account) -> None:
    execution = executions.load(account, arn := evaluated(aws))
    executions.add_properties(execution)

    found = record.of_execution(execution, Path())

    assert found.metrics == {"auc": 0.75, "auc_sd": 0.01}
    assert found.parameters.items() >= {"QualityGate": "0.8", "TrainingInstances": "1"}.items()
    assert found.tags["sagemaker.execution"] == lookup.id_of(arn)
    assert found.tags["sagemaker.arn"] == arn
    assert (found.status, found.files, found.model) == ("FINISHED", (), "")


def test_a_call_that_is_not_allowed_does_not_affect_the_rest(aws: Aws, account: Account) -> None:
    execution = executions.load(account, evaluated(aws))
    described = executions.add_properties(execution)
    with Stubber(account.client("cloudwatch")) as stub:
        stub.add_client_error(
            "get_metric_data", "AccessDenied", "User x is not authorized to perform: cloudwatch:GetMetricData"
        )
        warning = usage.add(execution, described)

    assert "your role does not allow cloudwatch:GetMetricData" in warning
    assert execution.steps["Evaluation"].usage == {}


def test_the_utilisation_of_a_transform_job_is_searched_for(aws: Aws, account: Account) -> None:
    deploy(aws)
    arn = started(aws)
    gaps.STEPS[arn] = [step("Training", Metadata=job("Transform", "t-1"))]
    execution = executions.load(account, arn)
    described = {"Training": {"TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1}}}
    with Stubber(account.client("cloudwatch")) as stub:
        search = "SEARCH('{{/aws/sagemaker/TransformJobs,Host}} MetricName=\"{}\" \"t-1\"', '{}', 60)"
        queries = [
            {"Id": "q0", "Expression": search.format("CPUUtilization", "Average")},
            {"Id": "q1", "Expression": search.format("MemoryUtilization", "Maximum")},
        ]
        answer = {"MetricDataResults": [{"Id": "q1", "Values": [30.0, 40.0]}, {"Id": "q1", "Values": [35.0]}]}
        stub.add_response("get_metric_data", answer, {"MetricDataQueries": queries, "StartTime": ANY, "EndTime": ANY})
        usage.add(execution, described)

    assert execution.steps["Training"].usage == {"MemoryUtilization": 40.0}


def test_who_started_it_is_shown_in_place_of_the_parameter(aws: Aws, ops: Ops) -> None:
    declared = {"Name": "StartedBy", "Type": "String", "DefaultValue": "unknown"}
    deploy(aws, definition={**DEFINITION, "Parameters": [*DEFINITION["Parameters"], declared]})
    words = "user=anna commit=3f2a1b4c5d6e pipeline=345 source=schedule project=g/x"
    text = "GitLab pipeline 345 (schedule) of g/x"
    started(
        aws, PipelineParameters=[{"Name": "StartedBy", "Value": words}], PipelineExecutionDescription=text
    )  # fmt: skip

    table = ops("describe-pipeline-execution", "latest", "--env", "dev")
    document = json.loads(ops("describe-pipeline-execution", "latest", "--env", "dev", "--output", "json").out)

    lines = [" ".join(line.split()) for line in table.out.splitlines()]
    assert {
        f"description {text}", "started by anna", "commit 3f2a1b4c5d6e", "GitLab pipeline 345", "source schedule"
    } <= {*lines}  # fmt: skip
    assert "StartedBy" not in table.out
    assert document["StartedBy"] == {
        "User": "anna", "Commit": "3f2a1b4c5d6e", "Pipeline": "345", "Source": "schedule", "Project": "g/x"
    }  # fmt: skip
    assert {"Name": "StartedBy", "Value": words} in document["PipelineParameters"]


def test_two_executions_are_shown_side_by_side(aws: Aws, ops: Ops) -> None:
    first = evaluated(aws)
    second = started(aws, PipelineParameters=[{"Name": "QualityGate", "Value": "0.9"}], status="Failed")

    done = ops("describe-pipeline-execution", "latest", "--env", "dev", "--against", f"dev:{lookup.id_of(first)}")

    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert f"execution {lookup.id_of(second)} {lookup.id_of(first)}" in lines
    assert "≠ status Failed Succeeded" in lines
    assert "≠ QualityGate 0.9 0.8" in lines


@pytest.fixture
def local_runs(_project: Project) -> Iterator[None]:
    """Two local executions of two pipelines; the newer one is of `train`."""
    home = _project.path / ".local"
    for number, (name, pipeline) in enumerate({"aaaaaaaaaaaa": "predict", "bbbbbbbbbbbb": "train"}.items()):
        folder = home / "runs" / name
        folder.mkdir(parents=True)
        (folder / LOCK).touch()
        done = local.StepExecution("Processing", "Processing", status="Succeeded", start_time=at(0), end_time=at(1))
        local.Execution(
            name,
            f"customer-flight-delays-{pipeline}-local",
            folder,
            at(number),
            {"QualityGate": 0.65},
            {"Processing": done},
            status="Succeeded",
            end_time=at(9),
        ).save()
    yield
    shutil.rmtree(home)


@pytest.mark.usefixtures("local_runs")
def test_without_an_environment_local_executions_are_shown(ops: Ops) -> None:
    listed = ops("list-pipeline-executions", "train", "--output", "json")
    watched = ops("describe-pipeline-execution", "latest", "--watch")

    document = json.loads(listed.out)["PipelineExecutionSummaries"]
    assert [each["PipelineExecutionId"] for each in document] == ["bbbbbbbbbbbb"]
    assert watched.code == 0, watched
    assert watched.out.startswith("Processing           Processing     Succeeded  1 min 00 s\n\nexecution")


@pytest.mark.usefixtures("local_runs")
def test_a_local_run_is_shown_next_to_one_on_aws(aws: Aws, ops: Ops) -> None:
    arn = evaluated(aws)

    done = ops("describe-pipeline-execution", "latest", "--env", "dev", "--against", "local:latest")

    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert f"execution {lookup.id_of(arn)} bbbbbbbbbbbb" in lines
    assert "≠ QualityGate 0.8 0.65" in lines
    assert "Evaluation CPU 50 % peak memory 61 % -" in lines


def test_the_newest_are_listed_first_page_by_page(aws: Aws, ops: Ops) -> None:
    deploy(aws)
    arns = [started(aws) for _ in range(23)]
    started(aws, status="Failed", reason=QUOTA)
    deploy(aws, "customer-churn-train-dev", {**TAGS, "project": "churn"})
    started(aws, "customer-churn-train-dev")

    done = ops("list-pipeline-executions", "--env", "dev")
    limited = ops("list-pipeline-executions", "train", "--env", "dev", "--max-results", "3", "--output", "json")

    assert done.code == 0, done
    assert [line.split()[0] for line in done.out.splitlines()[2:]] == [lookup.id_of(arn) for arn in reversed(arns)]
    listed = json.loads(limited.out)["PipelineExecutionSummaries"]
    assert len(listed) == 3
    assert listed[0]["FailureReason"].startswith("The quota 'ml.m5.large for processing job usage' is 0")
    assert "listed: to see more, raise --max-results" in limited.err


def write_log(aws: Aws, group: str, stream: str, *messages: str) -> None:
    client = aws.client("logs")
    if not client.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        client.create_log_group(logGroupName=group)
    if not client.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
        client.create_log_stream(logGroupName=group, logStreamName=stream)
    now = time.time_ns() // 1_000_000
    events = [{"timestamp": now + number, "message": message} for number, message in enumerate(messages)]
    client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def test_a_log_is_read_to_its_end(aws: Aws, ops: Ops) -> None:
    deploy(aws)
    arn = started(aws)
    gaps.STEPS[arn] = [step("Training", Metadata=job("Training", "training-1"))]
    lines = [f"line {number}" for number in range(12_000)]
    for first in range(0, len(lines), 6000):
        write_log(aws, "/aws/sagemaker/TrainingJobs", "training-1/algo-1-17", *lines[first : first + 6000])
    write_log(aws, "/aws/sagemaker/TrainingJobs", "training-10/algo-1-17", "another job's")

    done = ops("logs", "latest", "Training", "--env", "dev")

    assert done.code == 0, done.err
    assert sorted(done.out.splitlines()) == sorted(lines)


def test_several_instances_are_distinguished(aws: Aws, account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    deploy(aws)
    arn = started(aws)
    gaps.STEPS[arn] = [step("Training", Metadata=job("Training", "t"))]
    for number in (1, 2):
        write_log(aws, "/aws/sagemaker/TrainingJobs", f"t/algo-{number}-17", f"from {number}")

    logs.show(account, arn, "Training", follow=False)

    assert capsys.readouterr().out.splitlines() == ["[algo-1] from 1", "[algo-2] from 2"]


def test_a_silent_log_is_asked_for_less_and_less_often(
    aws: Aws, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(aws)
    arn = started(aws, status="Executing")
    running = step("Training", "Executing", end=None, Metadata=job("Training", "t"))
    gaps.COURSE += [("Executing", [running])] * 12 + [("Succeeded", [step("Training", Metadata=job("Training", "t"))])]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 10:
            write_log(aws, "/aws/sagemaker/TrainingJobs", "t/algo-1-17", "at last")

    monkeypatch.setattr(watch, "LONGEST", 10 * watch.FIRST)
    monkeypatch.setattr(time, "sleep", sleep)

    logs.show(account, arn, "Training", follow=True)

    assert waits[9] > 5 * waits[0]
    assert waits[10] <= watch.FIRST  # after a line, soon again
    assert max(waits) <= watch.LONGEST


def test_a_log_is_followed_until_the_step_ends(
    aws: Aws, account: Account, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(aws)
    arn = started(aws, status="Executing")
    running = step("Training", "Executing", end=None, Metadata=job("Training", "t"))
    gaps.COURSE += [
        ("Executing", []),
        ("Executing", [running]),
        ("Executing", [running]),
        ("Executing", [step("Training", Metadata=job("Training", "t"))]),
    ]
    messages = iter(["first", "second", "third"])
    monkeypatch.setattr(
        time, "sleep", lambda _: write_log(aws, "/aws/sagemaker/TrainingJobs", "t/algo-1-17", next(messages))
    )

    logs.show(account, arn, "Training", follow=True)

    assert capsys.readouterr().out.splitlines() == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("steps", "name", "message"),
    [
        ([], "Trainin", "has no step 'Trainin'. Did you mean 'Training'?"),
        ([], "Training", "step 'Training' (Training) has not started"),
        ([step("Gate", Metadata={"Condition": {"Outcome": "True"}})], "Gate", "has no job with a log"),
        ([step("Training", "Failed", FailureReason="no capacity")], "Training", "(no capacity)"),
        ([step("Training", Metadata=job("Training", "t"))], "Training", "CloudWatch has no log lines yet"),
        (
            [step("Training", CacheHitResult={"SourcePipelineExecutionArn": "arn:x/execution/earlierearli"})],
            "Training",
            "`ops logs earlierearli Training --env dev`",
        ),
        (
            [step("Spark", Metadata={"EMRServerless": {"JobRunId": "1", "LogFilePath": "s3://b/log/"}})],
            "Spark",
            "not in CloudWatch, but at s3://b/log/",
        ),
    ],
)
def test_a_missing_log_is_explained(
    aws: Aws, account: Account, steps: list[dict[str, Any]], name: str, message: str
) -> None:
    deploy(aws)
    arn = started(aws)
    gaps.STEPS[arn] = steps

    with pytest.raises(UserError) as raised:
        logs.show(account, arn, name, follow=False)

    assert message in str(raised.value)
