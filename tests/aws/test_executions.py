"""Executions on AWS: started, listed, described, watched, stopped, retried and updated, and what speaks against it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from projects import Project, Result, clean_environment

from aws import gaps
from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE, Aws
from ops import local
from ops.aws import changes, executions, logs, lookup, starting, usage, watch
from ops.aws.account import Account
from ops.aws.errors import AwsError
from ops.errors import RefusedError, UserError
from ops.local import Selection
from ops.settings import Environment, Settings, parse

Ops = Callable[..., Result]

TRAIN = "customer-flight-delays-train-dev"
TAGS = {"vertical": "customer", "project": "flight-delays", "env": "dev", "owner": "data-team@example.com"}
DATA = f"s3://{BUCKET}/customer/flight-delays/dev/raw/abc/"
ARCHIVE = f"s3://{BUCKET}/customer/flight-delays/dev/code/def/sourcedir.tar.gz"
RESULTS = f"s3://{BUCKET}/customer/flight-delays/dev/runs/1/evaluation/evaluation"
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
FAST = {"OPS_POLL_SECONDS": "0.05"}
QUOTA = (
    "ResourceLimitExceeded: The account-level service limit 'ml.m5.large for processing job usage' is 0 Instances, "
    "with current utilization of 0 Instances and a request delta of 1 Instances."
)

DEFINITION: dict[str, Any] = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "InputDataUrl", "Type": "String", "DefaultValue": DATA},
        {"Name": "TrainingInstanceType", "Type": "String", "DefaultValue": "ml.m5.xlarge"},
        {"Name": "TrainingInstances", "Type": "Integer", "DefaultValue": 1},
        {"Name": "QualityGate", "Type": "Float", "DefaultValue": 0.65},
        {"Name": "Approval", "Type": "String", "DefaultValue": "Pending", "EnumValues": ["Pending", "Approved"]},
    ],
    "Steps": [
        {
            "Name": "Processing",
            "Type": "Processing",
            "Arguments": {
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
                },
                "AppSpecification": {"ImageUri": "image", "ContainerArguments": ["s3://not-an-input/x"]},
                "RoleArn": ROLE,
                "ProcessingInputs": [
                    {
                        "InputName": "data",
                        "S3Input": {
                            "S3Uri": {"Get": "Parameters.InputDataUrl"},
                            "LocalPath": "/opt/ml/processing/data",
                            "S3DataType": "S3Prefix",
                        },
                    }
                ],
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": "train",
                            "S3Output": {
                                "S3Uri": f"s3://{BUCKET}/not/there/yet",
                                "LocalPath": "/opt/ml/processing/train",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                    ]
                },
                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            },
        },
        {
            "Name": "Training",
            "Type": "Training",
            "Arguments": {
                "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
                "HyperParameters": {"sagemaker_program": "training.py", "sagemaker_submit_directory": ARCHIVE},
                "RoleArn": ROLE,
                "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/not/there/yet"},
                "InputDataConfig": [
                    {
                        "ChannelName": "train",
                        "DataSource": {
                            "S3DataSource": {
                                "S3DataType": "S3Prefix",
                                "S3Uri": {
                                    "Get": "Steps.Processing.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"
                                },
                            }
                        },
                    }
                ],
                "ResourceConfig": {
                    "InstanceType": {"Get": "Parameters.TrainingInstanceType"},
                    "InstanceCount": {"Get": "Parameters.TrainingInstances"},
                    "VolumeSizeInGB": 30,
                },
                "StoppingCondition": {"MaxRuntimeInSeconds": 7200},
            },
        },
        {
            "Name": "Evaluation",
            "Type": "Processing",
            "DependsOn": ["Training"],
            "Arguments": {
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
                },
                "AppSpecification": {"ImageUri": "image"},
                "RoleArn": ROLE,
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": "evaluation",
                            "S3Output": {
                                "S3Uri": f"s3://{BUCKET}/not/there/yet",
                                "LocalPath": "/opt/ml/processing/evaluation",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                    ]
                },
                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            },
            "PropertyFiles": [
                {"PropertyFileName": "Report", "OutputName": "evaluation", "FilePath": "evaluation.json"}
            ],
        },
    ],
}


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def job(kind: str, name: str) -> dict[str, Any]:
    """The metadata of a step that has a job, such as job("Processing", "p1")."""
    return {f"{kind}Job": {"Arn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind.lower()}-job/{name}"}}


def step(name: str, status: str = "Succeeded", begin: float = 0, end: float | None = 5, **more: Any) -> dict[str, Any]:
    """A step, in the words of ListPipelineExecutionSteps; times are minutes after START."""
    ended = {"EndTime": at(end)} if end is not None else {}
    return {"StepName": name, "StepStatus": status, "StartTime": at(begin), **ended, **more}


def deploy(aws: Aws, name: str = TRAIN, tags: dict[str, str] | None = None, definition: Any = None) -> str:
    """A pipeline on AWS, with the data that it reads; its ARN."""
    for uri in (f"{DATA}part-1.csv", ARCHIVE):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
    created = aws.client("sagemaker").create_pipeline(
        PipelineName=name,
        PipelineDefinition=json.dumps(definition or DEFINITION),
        ClientRequestToken="t" * 32,
        RoleArn=ROLE,
        Tags=[{"Key": key, "Value": value} for key, value in (TAGS if tags is None else tags).items()],
    )
    gaps.CALLS.clear()
    return str(created["PipelineArn"])


def started(aws: Aws, name: str = TRAIN, status: str = "Succeeded", reason: str | None = None, **more: Any) -> str:
    """An execution of a pipeline; its ARN."""
    token = f"{time.time_ns():032d}"
    arn = aws.client("sagemaker").start_pipeline_execution(PipelineName=name, ClientRequestToken=token, **more)
    record = gaps.execution(arn["PipelineExecutionArn"])
    record.pipeline_execution_status, record.pipeline_execution_failure_reason = status, reason
    record.creation_time = START
    gaps.CALLS.clear()
    return str(arn["PipelineExecutionArn"])


def requests(name: str) -> list[dict[str, Any]]:
    return [request for called, request in gaps.CALLS if called == name]


@pytest.fixture(scope="module")
def clients() -> dict[str, Any]:
    """By service. They are shared, for one takes its time to make."""
    return {}


@pytest.fixture
def account(aws: Aws, clients: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Account:
    """The environment dev of a project, in this process."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    make = Account.client

    def client(self: Account, service: str) -> Any:
        if service not in clients:
            clients[service] = make(self, service)
        return clients[service]

    monkeypatch.setattr(Account, "client", client)
    monkeypatch.setattr(watch, "FIRST", 0.01)
    monkeypatch.setattr(watch, "LONGEST", 0.01)
    table = {
        "project": {"name": "x", "slug": "flight-delays", "vertical": "customer", "region": REGION},
        "data": {"source": "data", "target": "late", "problem": "classification"},
        "gate": {"metric": "auc", "minimum": 0.5},
    }
    settings: Settings = replace(parse(table), environments={"dev": Environment(ACCOUNT, ROLE, BUCKET)})
    return Account(settings, "dev")


def prepare(
    account: Account, given: dict[str, str] | None = None, selection: Selection | None = None
) -> starting.Start:
    given = given or {}
    return starting.prepare(account, lookup.describe_pipeline(account, "train"), given, None, selection)


# start-pipeline-execution


def test_it_starts_and_says_where_what_and_for_how_much_at_most(aws: Aws, ops: Ops) -> None:
    deploy(aws)

    done = ops(
        "start-pipeline-execution", "train", "--param", "QualityGate=0.8", "--name", "before-easter", "--yes"
    )  # fmt: skip

    assert done.code == 0, done
    [request] = requests("start_pipeline_execution")
    assert request["PipelineName"] == TRAIN
    assert request["PipelineParameters"] == [{"Name": "QualityGate", "Value": "0.8"}]
    assert request["PipelineExecutionDisplayName"] == "before-easter"
    assert len(request["ClientRequestToken"]) >= 32
    assert f"account {ACCOUNT} · {REGION} · dev · as arn:aws:" in done.err
    assert "worst case: 4 instance hours" in done.out
    [arn] = [line for line in done.out.splitlines() if line.startswith("Started ")]
    execution = arn.rpartition("/")[2]
    assert f"ops describe-pipeline-execution {execution} --env dev --watch" in done.out


@pytest.mark.parametrize(("arguments", "code"), [(("--dry-run",), 0), ((), 2)], ids=["dry run", "nobody can be asked"])
def test_it_starts_nothing_that_nobody_agreed_to(aws: Aws, ops: Ops, arguments: tuple[str, ...], code: int) -> None:
    deploy(aws)

    done = ops("start-pipeline-execution", "train", *arguments)

    assert done.code == code, done
    assert f"Start pipeline {TRAIN}" in done.out
    assert aws.calls("start_pipeline_execution") == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"QualityGat": "1"}, "there is no parameter 'QualityGat'. Did you mean 'QualityGate'?"),
        ({"QualityGate": "high"}, "parameter 'QualityGate' needs a value of type Float, not 'high'."),
        ({"TrainingInstances": "1.5"}, "parameter 'TrainingInstances' needs a value of type Integer, not '1.5'."),
        ({"Approval": "approved"}, "parameter 'Approval' is one of Pending, Approved, not 'approved'."),
        ({"InputDataUrl": "s3://b/" + "x" * 1018}, "has 1025 characters: AWS takes 1024"),
        ({f"P{n}": "1" for n in range(201)}, "201 parameters are too many: AWS takes 200."),
        ({"InputDataUrl": f"s3://{BUCKET}/nowhere/"}, f"there is nothing at s3://{BUCKET}/nowhere/"),
        ({"InputDataUrl": "s3://no-such-bucket-here/x"}, "there is no bucket 'no-such-bucket-here'"),
    ],
)
def test_what_is_wrong_with_a_start_is_said_before(
    aws: Aws, account: Account, given: dict[str, str], said: str
) -> None:
    deploy(aws)

    with pytest.raises(UserError) as raised:
        prepare(account, given)

    assert said in str(raised.value)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"TrainingInstanceType": "m5.xlarge"}, "write 'ml.m5.xlarge'"),
        ({"TrainingInstanceType": "ml.p3.2xlarge"}, "ml.g5.2xlarge"),
        ({"TrainingInstances": "3"}, "allows a job 2 instances, not 3"),
        ({"TrainingInstances": "2"}, "allows an execution 5 instance hours, and this one takes up to 6"),
    ],
)
def test_a_guardrail_refuses_a_start(
    aws: Aws, account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, given: dict[str, str], said: str
) -> None:
    deploy(aws)
    policy = tmp_path / "policy.toml"
    policy.write_text("max_instances = 2\nmax_instance_hours_per_execution = 5\n")
    monkeypatch.setenv("OPS_GUARDRAILS", str(policy))

    with pytest.raises(RefusedError) as raised:
        prepare(account, given)

    assert said in str(raised.value)


def test_everything_that_is_wrong_is_said_at_once(aws: Aws, account: Account) -> None:
    deploy(aws)

    with pytest.raises(RefusedError) as raised:
        prepare(account, {"TrainingInstanceType": "m5.xlarge", "InputDataUrl": f"s3://{BUCKET}/nowhere/"})

    assert [problem.where for problem in raised.value.problems] == [
        f"pipeline '{TRAIN}' step 'Training'",
        "step 'Processing'",
    ]


def test_code_that_is_not_there_any_more_is_told(aws: Aws, account: Account) -> None:
    deploy(aws)
    bucket, _, key = ARCHIVE.removeprefix("s3://").partition("/")
    aws.client("s3").delete_object(Bucket=bucket, Key=key)

    with pytest.raises(UserError, match=rf"nothing at {ARCHIVE}, which it reads: `ops update-pipeline` puts it there"):
        prepare(account)


def test_where_one_may_not_look_it_warns_and_starts(aws: Aws, account: Account) -> None:
    deploy(aws)
    with Stubber(account.s3) as stub:
        for _ in range(2):
            stub.add_client_error("list_objects_v2", "AccessDenied", http_status_code=403)
        prepared = prepare(account)

    assert [problem.where for problem in prepared.warnings] == ["step 'Processing'", "step 'Training'"]


@pytest.mark.parametrize(
    ("selection", "steps"),
    [
        (Selection(("Training",)), ["Training"]),
        (Selection(("Training",), onward=True), ["Training", "Evaluation"]),
    ],
    ids=["only", "from"],
)
def test_a_part_of_a_pipeline_starts_on_earlier_results(
    aws: Aws, account: Account, selection: Selection, steps: list[str]
) -> None:
    deploy(aws)
    source = started(aws)

    newest = prepare(account, selection=selection)
    named = prepare(account, selection=replace(selection, source=source.rpartition("/")[2]))

    wanted = {"SelectedSteps": [{"StepName": each} for each in steps]}
    assert newest.lines[-1].startswith(f"worst case: {len(steps) + 1} instance hours")  # training takes two of four
    assert newest.request["SelectiveExecutionConfig"] == wanted
    assert named.request["SelectiveExecutionConfig"] == {"SourcePipelineExecutionArn": source, **wanted}


def test_the_input_of_steps_that_do_not_run_may_be_gone(aws: Aws, account: Account) -> None:
    deploy(aws)

    assert prepare(account, {"InputDataUrl": "s3://no-such-bucket-here/x"}, Selection(("Training",))).request


def test_another_pipelines_execution_is_no_source(aws: Aws, account: Account) -> None:
    deploy(aws)
    deploy(aws, "customer-flight-delays-predict-dev")
    source = started(aws, "customer-flight-delays-predict-dev")

    with pytest.raises(UserError, match="is of pipeline 'customer-flight-delays-predict-dev', not"):
        prepare(account, selection=Selection(("Training",), source=source))


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
        changes.own(account, started(aws, name, status="Failed"))

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
        pytest.param(("train", "--as", "Anna"), 3, "'Anna' is no name for a user", id="no name"),
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


# list, describe, logs


def evaluated(aws: Aws) -> str:
    """An execution with jobs, metrics in S3, a cached step, and what the jobs used; its ARN."""
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


def test_an_execution_is_told_like_one_on_this_machine(aws: Aws, ops: Ops) -> None:
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
    assert "Evaluation CPU 50 % memory at most 61 %" in lines
    assert "auc 0.75" in lines


def test_as_json_it_has_the_keys_of_the_api(aws: Aws, ops: Ops) -> None:
    arn = evaluated(aws)

    done = ops("describe-pipeline-execution", arn, "--env", "dev", "--output", "json")

    told = json.loads(done.out)
    assert told["PipelineExecutionArn"] == arn
    assert told["PipelineExecutionStatus"] == "Succeeded"
    assert told["Metrics"] == {"auc": 0.75}
    by_name = {each["StepName"]: each for each in told["PipelineExecutionSteps"]}
    assert by_name["Evaluation"]["Outputs"] == {"evaluation": RESULTS}
    assert by_name["Evaluation"]["Utilization"] == {"CPUUtilization": 50.0, "MemoryUtilization": 61.0}
    assert by_name["Processing"]["CacheHitResult"] == {"SourcePipelineExecutionId": "earlierearli"}


def test_what_is_not_allowed_leaves_the_rest(aws: Aws, account: Account) -> None:
    execution = executions.load(account, evaluated(aws))
    described = executions.add_properties(execution)
    with Stubber(account.client("cloudwatch")) as stub:
        stub.add_client_error(
            "get_metric_data", "AccessDenied", "User x is not authorized to perform: cloudwatch:GetMetricData"
        )
        warning = usage.add(execution, described)

    assert "your role may not do cloudwatch:GetMetricData" in warning
    assert execution.steps["Evaluation"].usage == {}


def test_what_a_transform_job_used_is_searched_for(aws: Aws, account: Account) -> None:
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


def test_two_executions_stand_side_by_side(aws: Aws, ops: Ops) -> None:
    first = evaluated(aws)
    second = started(aws, PipelineParameters=[{"Name": "QualityGate", "Value": "0.9"}], status="Failed")

    done = ops("describe-pipeline-execution", "latest", "--env", "dev", "--against", f"dev:{lookup.id_of(first)}")

    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert f"execution {lookup.id_of(second)} {lookup.id_of(first)}" in lines
    assert "≠ status Failed Succeeded" in lines
    assert "≠ QualityGate 0.9 0.8" in lines


@pytest.fixture
def local_runs(_project: Project) -> Iterator[None]:
    """Two executions on this machine, of two pipelines; the newer one is of `train`."""
    home = _project.path / ".local"
    for number, (name, pipeline) in enumerate({"aaaaaaaaaaaa": "predict", "bbbbbbbbbbbb": "train"}.items()):
        folder = home / "runs" / name
        folder.mkdir(parents=True)
        (folder / "lock").touch()
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
def test_what_ran_here_is_still_looked_at_where_no_environment_is_named(ops: Ops) -> None:
    listed = ops("list-pipeline-executions", "train", "--output", "json")
    watched = ops("describe-pipeline-execution", "latest", "--watch")

    told = json.loads(listed.out)["PipelineExecutionSummaries"]
    assert [each["PipelineExecutionId"] for each in told] == ["bbbbbbbbbbbb"]
    assert watched.code == 0, watched
    assert watched.out.startswith("Processing           Processing     Succeeded  1 min 00 s\n\nexecution")


@pytest.mark.usefixtures("local_runs")
def test_a_run_on_this_machine_stands_beside_one_on_aws(aws: Aws, ops: Ops) -> None:
    arn = evaluated(aws)

    done = ops("describe-pipeline-execution", "latest", "--env", "dev", "--against", "local:latest")

    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert f"execution {lookup.id_of(arn)} bbbbbbbbbbbb" in lines
    assert "≠ QualityGate 0.8 0.65" in lines
    assert "Evaluation CPU 50 % memory at most 61 % -" in lines


def test_the_newest_are_listed_first_page_after_page(aws: Aws, ops: Ops) -> None:
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
    assert "There are more" in limited.err


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


def test_several_instances_are_told_apart(aws: Aws, account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    deploy(aws)
    arn = started(aws)
    gaps.STEPS[arn] = [step("Training", Metadata=job("Training", "t"))]
    for number in (1, 2):
        write_log(aws, "/aws/sagemaker/TrainingJobs", f"t/algo-{number}-17", f"from {number}")

    logs.show(account, arn, "Training", follow=False)

    assert capsys.readouterr().out.splitlines() == ["[algo-1] from 1", "[algo-2] from 2"]


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
    said = iter(["first", "second", "third"])
    monkeypatch.setattr(
        time, "sleep", lambda _: write_log(aws, "/aws/sagemaker/TrainingJobs", "t/algo-1-17", next(said))
    )

    logs.show(account, arn, "Training", follow=True)

    assert capsys.readouterr().out.splitlines() == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("steps", "name", "said"),
    [
        ([], "Trainin", "has no step 'Trainin'. Did you mean 'Training'?"),
        ([], "Training", "step 'Training' (Training) has not started"),
        ([step("Gate", Metadata={"Condition": {"Outcome": "True"}})], "Gate", "has no job that prints"),
        ([step("Training", "Failed", FailureReason="no capacity")], "Training", "(no capacity)"),
        ([step("Training", Metadata=job("Training", "t"))], "Training", "CloudWatch has no line of it"),
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
def test_where_there_is_no_log_it_says_why(
    aws: Aws, account: Account, steps: list[dict[str, Any]], name: str, said: str
) -> None:
    deploy(aws)
    arn = started(aws)
    gaps.STEPS[arn] = steps

    with pytest.raises(UserError) as raised:
        logs.show(account, arn, name, follow=False)

    assert said in str(raised.value)


# --wait and --watch

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
def test_waiting_ends_by_the_outcome(aws: Aws, ops: Ops, course: list[Any], code: int) -> None:
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

    assert "ask for more under Service Quotas, Amazon SageMaker, 'ml.m5.large for processing job usage'" in done.out


def test_a_wait_outlives_faults_that_pass(aws: Aws, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)  # boto3 sleeps between its own tries, too
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


def test_a_wait_for_a_retry_does_not_end_by_what_was_before_it(aws: Aws, account: Account) -> None:
    deploy(aws)
    arn = started(aws)
    gaps.COURSE += [("Failed", []), ("Failed", []), *SUCCEEDS]

    assert watch.until_ended(account, arn, lambda _: None, just_begun=True).status == "Succeeded"


def test_a_wait_for_what_ends_at_once_ends_too(aws: Aws, account: Account) -> None:
    deploy(aws)
    gaps.COURSE += [("Failed", [])]

    assert watch.until_ended(account, started(aws), lambda _: None, just_begun=True).status == "Failed"


def test_a_wait_does_not_outlive_a_refusal(aws: Aws, account: Account) -> None:
    deploy(aws)
    arn = started(aws, status="Executing")
    gaps.FAULTS["list_pipeline_execution_steps"] = [(400, "ExpiredTokenException", "expired")] * 9

    with pytest.raises(AwsError, match="your AWS credentials have expired"):
        watch.until_ended(account, arn, lambda _: None)


@pytest.mark.slow
def test_ctrl_c_leaves_the_execution_running_and_says_how_to_stop_it(
    aws: Aws,
    _project: Project,  # noqa: PT019 - it is used
) -> None:
    deploy(aws)
    gaps.COURSE += RUNS
    command = [sys.executable, "-m", "ops", "start-pipeline-execution", "train", "--yes", "--wait"]
    with subprocess.Popen(
        command,
        cwd=_project.path,
        env=clean_environment() | aws.environment | FAST,
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
    assert "The execution goes on" in err
    assert "`ops stop-pipeline-execution " in err
    assert "Traceback" not in err
    assert aws.calls("stop_pipeline_execution") == []


def test_watching_goes_on_to_the_end_and_then_tells_all(aws: Aws, ops: Ops) -> None:
    deploy(aws)
    started(aws)
    gaps.COURSE += SUCCEEDS

    done = ops("describe-pipeline-execution", "latest", "--env", "dev", "--watch", **FAST)
    told = ops("describe-pipeline-execution", "latest", "--env", "dev", "--watch", "--output", "json", **FAST)

    assert done.code == 0, done
    assert done.out.index("Training             Training       Executing") < done.out.index("parameter")
    assert json.loads(told.out)["PipelineExecutionStatus"] == "Succeeded"


# stop, retry, update


@pytest.mark.parametrize(
    ("command", "status", "said", "sent"),
    [
        (("stop",), "Executing", "is being stopped.", {}),
        (("retry",), "Failed", "goes on.", {}),
        (("retry",), "Stopped", "goes on.", {}),
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
    aws: Aws, ops: Ops, command: tuple[str, ...], status: str, said: str, sent: dict[str, Any]
) -> None:
    deploy(aws)
    arn = started(aws, status=status)
    verb, *more = command

    tried = ops(f"{verb}-pipeline-execution", "latest", *more, "--dry-run")
    assert tried.code == 0, tried
    assert aws.calls(f"{verb}_pipeline_execution") == []
    done = ops(f"{verb}-pipeline-execution", "latest", *more, "--yes")

    assert done.code == 0, done
    assert f"Execution {lookup.id_of(arn)} {said}" in done.out
    [request] = requests(f"{verb}_pipeline_execution")
    token = request.pop("ClientRequestToken", None)
    assert request == {"PipelineExecutionArn": arn, **sent}
    assert (token is None) == (verb == "update")


@pytest.mark.parametrize(
    ("command", "status", "code", "said"),
    [
        (("stop",), "Succeeded", 0, "has ended already: Succeeded."),
        (("retry",), "Succeeded", 2, "has succeeded, and only one that failed or was stopped can be retried"),
        (("retry",), "Executing", 2, "is not over yet"),
        (("update",), "Executing", 2, "nothing is to be changed: give --name, --description or --parallelism"),
        (("update", "--param", "A=1"), "Executing", 2, "`ops start-pipeline-execution … --param`"),
        (("update", "--name", "a b"), "Executing", 2, "--name: 'a b' is no name"),
        (("update", "--parallelism", "0"), "Executing", 2, "write 1 or more"),
        (("update", "--description", "x" * 3073), "Executing", 2, "write 3072 or fewer"),
    ],
)
def test_what_cannot_be_changed_is_said(
    aws: Aws, ops: Ops, command: tuple[str, ...], status: str, code: int, said: str
) -> None:
    deploy(aws)
    started(aws, status=status)
    verb, *more = command

    done = ops(f"{verb}-pipeline-execution", "latest", *more, "--yes")

    assert done.code == code, done
    assert said in done.out + done.err
    assert aws.calls(f"{verb}_pipeline_execution") == []


# Faults


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ((400, "ThrottlingException", "Rate exceeded"), "too many requests"),
        ((400, "ExpiredTokenException", "The security token included in the request is expired"), "have expired"),
        ((500, "InternalFailure", ""), "AWS itself failed"),
        ((503, "", "busy"), "AWS itself failed"),
        ((400, "ResourceLimitExceeded", QUOTA), "Service Quotas, Amazon SageMaker, 'ml.m5.large for processing job"),
        ((403, "AccessDeniedException", "not authorized to perform: sagemaker:StartPipelineExecution"), "may not do"),
        ((400, "InvalidSignatureException", "Signature expired: 1 is now earlier than 2"), "set the clock"),
    ],
)
def test_a_fault_of_a_start_is_a_sentence(
    aws: Aws, account: Account, monkeypatch: pytest.MonkeyPatch, fault: tuple[int, str, str], said: str
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    deploy(aws)
    prepared = prepare(account)
    gaps.FAULTS["start_pipeline_execution"] = [fault] * 9

    with pytest.raises(AwsError) as raised:
        starting.start(account, prepared)

    assert said in str(raised.value)
    assert str(raised.value).startswith(f"cannot start pipeline '{TRAIN}': ")
    assert raised.value.exit_code == 4


def test_a_call_whose_answer_was_lost_starts_one_execution(
    aws: Aws, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    deploy(aws)
    prepared = prepare(account)
    gaps.FAULTS["start_pipeline_execution"] = [(503, "ServiceUnavailable", "busy")] * 2

    first, again = starting.start(account, prepared), starting.start(account, prepared)

    tokens = {request["ClientRequestToken"] for request in requests("start_pipeline_execution")}
    assert len(tokens) == 1
    assert first == again
    assert len(list(lookup.summaries(account, TRAIN))) == 1


def test_no_network_is_a_sentence(aws: Aws, ops: Ops) -> None:
    done = ops(
        "start-pipeline-execution", "train", "--yes", AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1"
    )

    assert done.code == 4, done
    assert "AWS cannot be reached from here" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", ["start", "stop", "retry", "update"])
def test_the_help_has_an_example(ops: Ops, command: str) -> None:
    done = ops(f"{command}-pipeline-execution", "--help")

    assert f"Example: ops {command}-pipeline-execution " in " ".join(done.out.split())
    assert all(option in done.out for option in ("--env", "--dry-run", "--yes"))
