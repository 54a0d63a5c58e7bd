"""start-pipeline-execution: the checks before it, what is sent, and the possible answers of AWS."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber
from projects import TEMPLATE_PROJECT, Result

from aws import gaps
from aws.conftest import ACCOUNT, BUCKET, REGION, Aws
from aws.executed import (
    ARCHIVE,
    DEFINITION,
    QUOTA,
    TRAIN,
    deploy,
    requests,
    started,
)
from sagemaker_ops.aws import execution_start, lookup
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError
from sagemaker_ops.errors import RefusedError, UserError
from sagemaker_ops.guardrails import policy
from sagemaker_ops.local import Selection

pytestmark = pytest.mark.slow

Ops = Callable[..., Result]


def prepare(
    account: Account, given: dict[str, str] | None = None, selection: Selection | None = None
) -> execution_start.Start:
    given = given or {}
    described = lookup.describe_pipeline(account, "train")
    return execution_start.prepare(account, described, given, policy.load(TEMPLATE_PROJECT), None, selection)


def test_it_starts_and_shows_account_pipeline_and_maximum_cost(aws: Aws, ops: Ops) -> None:
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


IN_GITLAB = {"CI_PIPELINE_ID": "345", "CI_COMMIT_SHA": "3f2a1b4c5d6e7f8a", "GITLAB_USER_LOGIN": "anna"}
DECLARED = {"Name": "StartedBy", "Type": "String", "DefaultValue": "unknown"}


@pytest.mark.parametrize(
    ("declared", "arguments", "sent"),
    [
        pytest.param(DECLARED, (), "user=anna commit=3f2a1b4c5d6e pipeline=345", id="set by ops"),
        pytest.param(DECLARED, ("--param", "StartedBy=nightly"), "nightly", id="set by the user"),
        pytest.param(None, (), None, id="an older deployment"),
        pytest.param({**DECLARED, "Type": "Integer", "DefaultValue": 1}, (), None, id="a number of someone else"),
        pytest.param({**DECLARED, "EnumValues": ["unknown", "me"]}, (), None, id="a choice of someone else"),
    ],
)
def test_it_says_who_started_the_execution(
    aws: Aws, ops: Ops, declared: dict[str, Any] | None, arguments: tuple[str, ...], sent: str | None
) -> None:
    definition = {**DEFINITION, "Parameters": [*DEFINITION["Parameters"], *([declared] if declared else [])]}
    deploy(aws, definition=definition)

    done = ops("start-pipeline-execution", "train", *arguments, "--yes", **IN_GITLAB)

    assert done.code == 0, done
    [request] = requests("start_pipeline_execution")
    assert request["PipelineParameters"] == ([{"Name": "StartedBy", "Value": sent}] if sent else [])
    assert request["PipelineExecutionDescription"] == "GitLab pipeline 345, started by anna, commit 3f2a1b4c5d6e"
    assert ("StartedBy" in done.out, "commit" in done.out) == (bool(arguments), False)


@pytest.mark.parametrize(("arguments", "code"), [(("--dry-run",), 0), ((), 2)], ids=["dry run", "nobody can confirm"])
def test_it_starts_nothing_without_confirmation(aws: Aws, ops: Ops, arguments: tuple[str, ...], code: int) -> None:
    deploy(aws)

    done = ops("start-pipeline-execution", "train", *arguments)

    assert done.code == code, done
    assert f"Start pipeline {TRAIN}" in done.out
    assert aws.calls("start_pipeline_execution") == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"QualityGat": "1"}, "there is no parameter 'QualityGat'. Did you mean 'QualityGate'?"),
        ({"QualityGate": "high"}, "parameter 'QualityGate' needs a value of type Float, not 'high'."),
        ({"TrainingInstances": "1.5"}, "parameter 'TrainingInstances' needs a value of type Integer, not '1.5'."),
        ({"Approval": "approved"}, "parameter 'Approval' must be one of Pending, Approved, not 'approved'."),
        ({"InputDataUrl": "s3://b/" + "x" * 1018}, "has 1025 characters: AWS accepts 1024"),
        ({f"P{n}": "1" for n in range(201)}, "201 parameters are too many: AWS accepts 200."),
        ({"InputDataUrl": f"s3://{BUCKET}/nowhere/"}, f"there is nothing at s3://{BUCKET}/nowhere/"),
        ({"InputDataUrl": "lake/flights"}, "S3Uri is 'lake/flights', which AWS does not accept: write an S3 URI"),
        ({"TrainingInstances": "-1"}, "ResourceConfig.InstanceCount is -1, but AWS accepts 0 or more."),
        ({"InputDataUrl": "s3://no-such-bucket-here/x"}, "there is no bucket 'no-such-bucket-here'"),
    ],
)
def test_errors_in_a_start_are_reported_before_it(
    aws: Aws, account: Account, given: dict[str, str], message: str
) -> None:
    deploy(aws)

    with pytest.raises(UserError) as raised:
        prepare(account, given)

    assert message in str(raised.value)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"TrainingInstanceType": "m5.xlarge"}, "write 'ml.m5.xlarge'"),
        ({"TrainingInstanceType": "ml.p3.2xlarge"}, "ml.g5.2xlarge"),
        ({"TrainingInstances": "3"}, "allows a job 2 instances, not 3"),
        ({"TrainingInstances": "2"}, "allows 5 instance hours per execution, and this one may take up to 6"),
    ],
)
def test_a_guardrail_refuses_a_start(
    aws: Aws, account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, given: dict[str, str], message: str
) -> None:
    deploy(aws)
    policy = tmp_path / "policy.toml"
    policy.write_text("max_instances = 2\nmax_instance_hours_per_execution = 5\n")
    monkeypatch.setenv("OPS_GUARDRAILS", str(policy))

    with pytest.raises(RefusedError) as raised:
        prepare(account, given)

    assert message in str(raised.value)


def test_all_errors_are_reported_together(aws: Aws, account: Account) -> None:
    deploy(aws)

    with pytest.raises(RefusedError) as raised:
        prepare(account, {"TrainingInstanceType": "m5.xlarge", "InputDataUrl": f"s3://{BUCKET}/nowhere/"})

    assert [problem.where for problem in raised.value.problems] == [
        f"pipeline '{TRAIN}' step 'Training'",
        "step 'Processing'",
    ]


def test_code_that_no_longer_exists_is_reported(aws: Aws, account: Account) -> None:
    deploy(aws)
    bucket, _, key = ARCHIVE.removeprefix("s3://").partition("/")
    aws.client("s3").delete_object(Bucket=bucket, Key=key)

    with pytest.raises(UserError, match=rf"nothing at {ARCHIVE}, which it reads: `ops update-pipeline` uploads it"):
        prepare(account)


def test_if_the_check_is_not_allowed_it_warns_and_starts(aws: Aws, account: Account) -> None:
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
def test_part_of_a_pipeline_starts_with_earlier_results(
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


def test_what_is_only_written_about_a_model_need_not_exist(aws: Aws, account: Account) -> None:
    nowhere = f"s3://{BUCKET}/nowhere/x.json"
    statistics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": nowhere}}}
    register = {
        "Name": "Register",
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": "customer-flight-delays-dev",
            "InferenceSpecification": {"Containers": [{"Image": "image", "ModelDataUrl": ARCHIVE}]},
            "ModelMetrics": statistics,
            "DriftCheckBaselines": statistics,
            "CustomerMetadataProperties": {"DataUri": f"{nowhere} sha256:0123456789abcdef"},
            "ModelCard": {"ModelCardContent": f'{{"a": "{nowhere}"}}', "ModelCardStatus": "Draft"},
        },
    }
    deploy(aws, definition={**DEFINITION, "Steps": [*DEFINITION["Steps"], register]})

    assert prepare(account).warnings == ()


def test_the_input_of_steps_that_do_not_run_may_be_missing(aws: Aws, account: Account) -> None:
    deploy(aws)

    assert prepare(account, {"InputDataUrl": "s3://no-such-bucket-here/x"}, Selection(("Training",))).request


def test_another_pipelines_execution_is_not_a_source(aws: Aws, account: Account) -> None:
    deploy(aws)
    deploy(aws, "customer-flight-delays-predict-dev")
    source = started(aws, "customer-flight-delays-predict-dev")

    with pytest.raises(UserError, match="belongs to pipeline 'customer-flight-delays-predict-dev', not"):
        prepare(account, selection=Selection(("Training",), source=source))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ((400, "ThrottlingException", "Rate exceeded"), "too many requests"),
        ((400, "ExpiredTokenException", "The security token included in the request is expired"), "have expired"),
        ((500, "InternalFailure", ""), "AWS itself failed"),
        ((503, "", "busy"), "AWS itself failed"),
        ((400, "ResourceLimitExceeded", QUOTA), "Service Quotas, Amazon SageMaker, 'ml.m5.large for processing job"),
        (
            (403, "AccessDeniedException", "not authorized to perform: sagemaker:StartPipelineExecution"),
            "your role does not allow",
        ),
        ((400, "InvalidSignatureException", "Signature expired: 1 is now earlier than 2"), "set the clock"),
    ],
)
def test_an_error_at_a_start_is_one_sentence(
    aws: Aws, account: Account, monkeypatch: pytest.MonkeyPatch, fault: tuple[int, str, str], message: str
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    deploy(aws)
    prepared = prepare(account)
    gaps.FAULTS["start_pipeline_execution"] = [fault] * 9

    with pytest.raises(AwsError) as raised:
        execution_start.start(account, prepared)

    assert message in str(raised.value)
    assert str(raised.value).startswith(f"cannot start pipeline '{TRAIN}': ")
    assert raised.value.exit_code == 4


def test_a_call_whose_answer_was_lost_starts_only_one_execution(
    aws: Aws, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    deploy(aws)
    prepared = prepare(account)
    gaps.FAULTS["start_pipeline_execution"] = [(503, "ServiceUnavailable", "busy")] * 2

    first, again = execution_start.start(account, prepared), execution_start.start(account, prepared)

    tokens = {request["ClientRequestToken"] for request in requests("start_pipeline_execution")}
    assert len(tokens) == 1
    assert first == again
    assert len(list(lookup.summaries(account, TRAIN))) == 1


def test_a_missing_network_is_one_sentence(aws: Aws, ops: Ops) -> None:
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
