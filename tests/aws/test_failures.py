"""Every failure of a call of AWS is one sentence with its real cause, and exit code 4; lost changes say what to do."""

from __future__ import annotations

import gc
import json
import math
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from projects import Project, Result

from aws import gaps
from aws.conftest import BUCKET, ROLE, Aws
from aws.executed import DEFINITION, START, TRAIN, deploy, requests, started
from aws.front import Bad, Front, serving
from aws.test_models import OWN, put_group, put_version
from sagemaker_ops.aws import calls, download, lookup, pipeline_list, pipelines
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.calls import Answer
from sagemaker_ops.aws.errors import AwsError, CallError, aws_call
from sagemaker_ops.aws.executions import AwsExecution, AwsStep
from sagemaker_ops.commands import app
from sagemaker_ops.errors import UserError
from sagemaker_ops.pipelines import compiler
from sagemaker_ops.project import layout, settings

pytestmark = pytest.mark.slow

Run = Callable[..., Result]
APP = {
    "DomainId": "d-abc",
    "UserProfileName": "customer-ana",
    "AppType": "JupyterLab",
    "AppName": "default",
    "Status": "InService",
    "CreationTime": datetime(2026, 1, 1, tzinfo=UTC).timestamp(),
}
PAGE = "<!DOCTYPE html><html><head><title>Access\n blocked</title></head><body>no</body></html>"
ERROR = '<?xml version="1.0"?><Error><Code>NoSuchBu'


@pytest.fixture(scope="session")
def _front(_server: str) -> Iterator[Front]:
    with serving(_server) as front:
        yield front


@pytest.fixture(scope="session")
def _clients() -> dict[str, Any]:
    """Not the clients of other tests, because these are connected to the server in front."""
    return {}


@pytest.fixture
def front(aws: Aws, _front: Front, _clients: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Front:
    """The server in front of moto, which answers well until a test says otherwise, for the commands of this process."""
    for name, value in {**aws.environment, "AWS_ENDPOINT_URL": _front.url}.items():
        monkeypatch.setenv(name, value)
    make = Account.client

    def client(self: Account, service: str) -> Any:
        if service not in _clients:
            _clients[service] = make(self, service)
        return _clients[service]

    monkeypatch.setattr(Account, "client", client)
    monkeypatch.setattr("time.sleep", lambda _: None)  # botocore waits between two attempts
    _front.bad.clear()
    _front.asked.clear()
    return _front


@pytest.fixture
def run(front: Front, project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("list-pipelines")` is the command `ops list-pipelines` in this process."""
    monkeypatch.chdir(project.path)
    monkeypatch.setattr(layout, "LIBRARY", project.path)
    monkeypatch.setattr(gc, "disable", lambda: None)
    monkeypatch.setattr(compiler, "definition", lambda *_: DEFINITION)

    def _run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["ops", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app.main()
        shown = capsys.readouterr()
        return Result(int(ended.value.code or 0), shown.out, shown.err)

    return _run


def sentence(done: Result) -> str:
    """The only error, which is all that a failed command writes besides the line that says who it is."""
    *before, error = done.err.splitlines()
    assert all(line.startswith("account ") for line in before), done
    assert error.startswith("error: "), done
    assert error.endswith("."), done
    return error


def put_everything(aws: Aws) -> None:
    """What the commands below work on."""
    deploy(aws)
    put_group(aws)
    put_version(aws)
    put_endpoint(aws)
    gaps.APPS.append(dict(APP))
    gaps.TAGS["arn:aws:sagemaker:eu-west-1:123456789012:user-profile/d-abc/customer-ana"] = {"vertical": "customer"}


def put_endpoint(aws: Aws) -> None:
    """An endpoint with an older model, and an approved version that is newer."""
    sagemaker, name = aws.client("sagemaker"), "customer-flight-delays-dev"
    sagemaker.update_model_package(ModelPackageArn=put_version(aws), ModelApprovalStatus="Approved")
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image"})
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    owner = [{"Key": key, "Value": value} for key, value in {**OWN, "project": "flight-delays"}.items()]
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=owner)


# Answers

LISTS = {
    "list-pipelines": "ListPipelines",
    "list-apps": "ListApps",
    "list-models": "ListModelPackages",
    "list-pipeline-executions train --env dev": "DescribePipeline",
    "start-pipeline-execution train --yes": "GetCallerIdentity",
    "update-pipeline train --yes": "GetCallerIdentity",
}
ON_THE_WAY = "something on the way, such as a proxy or a firewall, answered {} instead of AWS"
TYPE = "not as AWS sends it"
ANSWERS = {
    "a page": (Bad(PAGE, kind="text/html"), f"{ON_THE_WAY} (HTTP 200, 'Access blocked')"),
    "a page of another type": (Bad(PAGE), f"{ON_THE_WAY} (HTTP 200, 'Access blocked')"),
    "a refusal by a firewall": (Bad(PAGE, 403, "text/html"), f"{ON_THE_WAY} (HTTP 403, 'Access blocked')"),
    "a refusal in words": (Bad("no", 403, "text/plain"), f"{ON_THE_WAY} (HTTP 403)"),
    "a refusal without words": (Bad("", 403), f"{ON_THE_WAY} (HTTP 403)"),
    "a refusal in JSON": (Bad('{"error": "no"}', 403), f"{ON_THE_WAY} (HTTP 403)"),
    "a page for nothing": (Bad(PAGE, 404, "text/html"), f"{ON_THE_WAY} (HTTP 404, 'Access blocked')"),
    "a log-in": (
        Bad("", 307, headers=(("Location", "http://login.example.com/"),)),
        f"{ON_THE_WAY} (HTTP 307, a redirect to http://login.example.com/)",
    ),
    "a page of a gateway": (Bad(PAGE, 502, "text/html"), "or a proxy in front of it (502 Bad Gateway): try again"),
    "a failure without words": (Bad("", 500), "AWS itself failed"),
    "nothing": (Bad(""), "the answer to {} is empty"),
    "half of it": (Bad('{"Pipel'), "the answer to {} is not complete"),
    "half of it, the connection closed": (Bad('{"Pipel', ending="cut"), "was closed before the whole answer arrived"),
    "no answer, the connection closed": (Bad(ending="drop"), "was closed before the whole answer arrived"),
    "a list": (Bad("[]"), "the answer to {} is not complete"),
    "null": (Bad("null"), "the answer to {} is not complete"),
    "a number": (Bad("5"), "the answer to {} is not complete"),
    "no text": (Bad("\x00\ufffd"), "the answer to {} is not complete"),
    "deep": (Bad("[" * 100_000), "the answer to {} is not complete"),
    "half of XML": (Bad("<ListAllMyBucketsResult><Own", kind="text/xml"), "the answer to {} is not complete"),
    "half of an error": (Bad(ERROR, 404, "application/xml"), f"{ON_THE_WAY} (HTTP 404)"),
}


SOME = ("a page", "a refusal by a firewall", "nothing", "half of it", "no answer, the connection closed")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (command, answer)
        for command in LISTS
        for answer in (ANSWERS if command.startswith(("list-pipelines", "start")) else SOME)
    ],
)
def test_an_answer_that_is_not_of_aws_is_one_sentence(front: Front, run: Run, command: str, answer: str) -> None:
    front.bad["*"], words = ANSWERS[answer]

    done = run(*command.split())

    assert done.code == 4, done
    assert words.format(LISTS[command]) in sentence(done)


WRONG = {
    "{}": "has no 'PipelineSummaries'",
    '{"PipelineSummaries": null}': "has no 'PipelineSummaries'",
    '{"PipelineSummaries": [null]}': "has null as an item of 'PipelineSummaries', not a structure",
    '{"PipelineSummaries": "none"}': "does not have the form that it should have",
    '{"PipelineSummaries": {"a": 1}}': "does not have the form that it should have",
    '{"PipelineSummaries": [{}]}': "has no 'PipelineName'",
    '{"PipelineSummaries": [{"PipelineName": null}]}': "has no 'PipelineName'",
    '{"PipelineSummaries": [{"PipelineName": 5}]}': "has 5 as 'PipelineName', not a string",
    '{"PipelineSummaries": [{"PipelineName": ["a"]}]}': """has ["a"] as 'PipelineName', not a string""",
    '{"PipelineSummaries": [{"PipelineName": "customer-a"}]}': "has no 'PipelineArn'",
    '{"PipelineSummaries": [{"PipelineName": "a", "CreationTime": "never"}]}': "does not have the form",
    '{"PipelineSummaries": [], "NextToken": {}}': "has {} as 'NextToken', not a string",
}


@pytest.mark.parametrize("body", WRONG)
def test_an_answer_with_other_values_than_it_must_have_is_one_sentence(front: Front, run: Run, body: str) -> None:
    front.bad["ListPipelines"] = Bad(body)

    done = run("list-pipelines")

    assert done.code == 4, done
    assert f"the answer to ListPipelines {WRONG[body]}" in sentence(done)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ('{"__type": "ThrottlingException", "message": "Rate exceeded"}', 400, "too many requests"),
        ('{"__type": "InternalFailure"}', 500, "AWS itself failed: try again in a minute"),
        ('{"__type": "NotHeardOf", "message": "Odd."}', 400, "AWS says 'Odd' (NotHeardOf)"),
        ('{"__type": "NotHeardOf", "message": null}', 400, "AWS says 'NotHeardOf' (NotHeardOf)"),
        ('{"__type": 5}', 400, "the answer to ListPipelines does not have the form"),
        ('{"__type": "SignatureDoesNotMatch"}', 403, "the secret access key does not belong to the access key"),
    ],
)
def test_an_error_of_aws_is_one_sentence(front: Front, run: Run, body: str, status: int, words: str) -> None:
    front.bad["ListPipelines"] = Bad(body, status)

    done = run("list-pipelines")

    assert done.code == 4, done
    assert words in sentence(done)


IDENTITY = "the answer to GetCallerIdentity"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (
            "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>",
            200,
            f"{IDENTITY} has no",
        ),
        ("<GetCallerIdentityResponse/>", 200, f"{IDENTITY} does not have the form"),
        ("<a><b></a>", 200, f"{IDENTITY} is not complete XML"),
        ('{"Account": "123456789012"}', 200, f"{IDENTITY} is not complete XML"),
        ("<ErrorResponse><Error/></ErrorResponse>", 403, ON_THE_WAY.format("GetCallerIdentity")),
        ("<ErrorResponse><Error>no</Error><Code/></ErrorResponse>", 403, f"{IDENTITY} does not have the form"),
        (
            "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>x</Message></Error></ErrorResponse>",
            403,
            "your AWS credentials have expired",
        ),
    ],
)
def test_xml_that_is_not_as_it_must_be_is_one_sentence(
    front: Front, run: Run, body: str, status: int, words: str
) -> None:
    front.bad["GetCallerIdentity"] = Bad(body, status, "text/xml")

    done = run("start-pipeline-execution", "train", "--yes")

    assert done.code == 4, done
    assert words in sentence(done)


READ = f"cannot read s3://{BUCKET}/x/report.json: "


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (Bad(PAGE, kind="text/html"), AwsError, f"{READ}{ON_THE_WAY.format('GetObject')} (HTTP 200)"),
        (Bad('{"a":', ending="cut"), AwsError, f"{READ}the connection to AWS was closed"),
        (Bad(ERROR, 403, "application/xml"), AwsError, f"{READ}{ON_THE_WAY.format('GetObject')} (HTTP 403)"),
        (Bad('{"a":'), UserError, f"s3://{BUCKET}/x/report.json is not JSON"),
    ],
)
def test_an_object_that_cannot_be_read_is_one_sentence(
    front: Front, run: Run, bad: Bad, error: type[UserError], words: str
) -> None:
    front.bad["GET"] = bad
    output = {"out": {"S3Output": {"S3Uri": f"s3://{BUCKET}/x"}}}
    step = AwsStep(
        "Evaluation",
        "Processing",
        property_files={"Report": ("out", "report.json")},
        properties={"ProcessingOutputConfig": {"Outputs": output}},
    )
    execution = AwsExecution("a", TRAIN, Path(), START, {}, {"Evaluation": step}, account=account())

    with pytest.raises(error) as raised:
        execution.read_property_file("Evaluation", "Report")

    assert str(raised.value).startswith(words)
    assert raised.value.exit_code == error.exit_code


@pytest.mark.parametrize("key", ["a.csv", "a.csv.gz", "a.parquet"])
def test_a_table_that_is_cut_is_not_a_short_table(front: Front, run: Run, tmp_path: Path, key: str) -> None:
    front.bad["GET"] = Bad("late,distance\n1,100\n", ending="cut")

    with pytest.raises(UserError, match=f"closed before the whole answer|'s3://{BUCKET}/{key}' cannot be read"):
        download._first_rows(account(), BUCKET, [download.Object(key, "1", 500)], tmp_path, 10)


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "text/html", ""])
def test_a_good_answer_of_another_type_is_accepted(front: Front, run: Run, kind: str) -> None:
    front.bad["ListPipelines"] = Bad('{"PipelineSummaries": []}', kind=kind)

    assert run("list-pipelines").code == 0


COMMANDS = {
    "start": "start-pipeline-execution train --yes",
    "stop": "stop-pipeline-execution latest --yes",
    "retry": "retry-pipeline-execution latest --yes",
    "update an execution": "update-pipeline-execution latest --name easter --yes",
    "approve": "approve-model 1 --yes",
    "delete": "delete-pipeline train --yes",
    "delete an app": "delete-app customer-ana --yes",
    "update": "update-pipeline train --yes",
    "list": "list-pipelines",
    "describe": "describe-pipeline-execution latest --env dev",
    "list models": "list-models",
    "deploy an endpoint": "deploy-endpoint --yes",
    "describe an endpoint": "describe-endpoint",
    "list endpoints": "list-endpoints",
    "delete an endpoint": "delete-endpoint --yes",
}
# Operations without which a command is done all the same, and those whose good answers may be as short as `{}`.
OPTIONAL = {"ListPipelineVersions", "GET"}
SHORT = {"ListTags"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_survives_a_bad_answer_to_each_of_its_calls(front: Front, run: Run, aws: Aws, name: str) -> None:
    put_everything(aws)
    started(aws, status=STATUS.get(name, "Succeeded"))
    command = COMMANDS[name].split()
    assert run(*command, *(["--dry-run"] if "--yes" in command else [])).code == 0
    called = dict.fromkeys(front.asked)  # before the change

    for operation in called:
        for body in (PAGE, "{}", '{"Tags": [null]}', "<x/>"):
            front.asked.clear()
            front.bad = {operation: Bad(body)}
            done = run(*command, *(["--dry-run"] if "--yes" in command else []))
            if done.code:
                assert (done.code, "Traceback" in done.err) == (4, False), (operation, body, done)
                assert sentence(done)
            else:
                assert operation in OPTIONAL or (body == "{}" and operation in SHORT) or body == "<x/>", (
                    operation,
                    body,
                )


def test_a_list_that_is_cut_in_the_middle_is_not_a_short_list(front: Front, run: Run, aws: Aws) -> None:
    deploy(aws)
    front.bad["ListTags"] = Bad("<html>")

    done = run("list-pipelines")

    assert done.code == 4, done
    assert ON_THE_WAY.format("ListTags") in sentence(done)


# doctor


def test_doctor_reports_who_did_not_answer(front: Front, run: Run) -> None:
    front.bad["*"] = Bad(PAGE, 403, "text/html")

    done = run("doctor", "--output", "json")

    checks = {each["Check"]: each for each in json.loads(done.out)["Checks"]}
    assert checks["credentials"]["Status"] == "problem"
    assert ON_THE_WAY.format("GetCallerIdentity") in checks["credentials"]["Message"]
    assert checks["project"]["Status"] == "ok"


@pytest.mark.parametrize("answer", SOME)
@pytest.mark.parametrize(
    ("operation", "check"), [("GetRole", "role"), ("GET encryption", "bucket"), ("ListServiceQuotas", "quotas")]
)
def test_doctor_goes_on_after_a_bad_answer(
    front: Front, run: Run, aws: Aws, operation: str, check: str, answer: str
) -> None:
    front.bad[operation] = ANSWERS[answer][0]

    done = run("doctor", "--output", "json")

    checks = {each["Check"]: each for each in json.loads(done.out)["Checks"]}
    assert checks["credentials"]["Status"] == "ok", done
    assert checks[check]["Status"] == "warning"
    assert checks[check]["Message"].startswith("unknown: cannot ")
    assert {"region", "vertical", "role", "bucket", "quotas"} <= checks.keys()


# Time


@pytest.mark.parametrize("command", LISTS)
def test_a_call_that_is_not_answered_is_given_up(
    front: Front, run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(calls, "READ", 0.2)
    monkeypatch.setattr(calls, "PATIENCE", 0.3)
    front.bad["*"] = Bad(ending="hang")

    done = run(*command.split())

    assert done.code == 4, done
    assert "did not answer within" in sentence(done)
    assert front.asked == [LISTS[command]] * 2


def test_a_list_gives_up_after_half_a_minute() -> None:
    assert calls.READ * math.ceil(calls.PATIENCE / calls.READ) == 30


# Changes whose answer is lost

LOSSES = {
    "dropped": Bad(ending="drop", passed_on=True),
    "cut": Bad('{"Pip', ending="cut", passed_on=True),
    "a page": Bad(PAGE, kind="text/html", passed_on=True),
    "empty": Bad("", passed_on=True),
    "a gateway's timeout": Bad(PAGE, 504, "text/html", passed_on=True),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_start_whose_answer_is_lost_says_that_it_started(front: Front, run: Run, aws: Aws, loss: str) -> None:
    deploy(aws)
    front.bad["StartPipelineExecution"] = LOSSES[loss]

    done = run("start-pipeline-execution", "train", "--yes")

    [arn] = [each["PipelineExecutionArn"] for each in executions(aws)]
    execution = lookup.id_of(arn)
    assert done.code == 4, done
    assert f"Execution {execution} began at " in sentence(done)
    assert f"so it probably started: `ops describe-pipeline-execution {execution} --env dev` shows it." in done.err
    assert len({request["ClientRequestToken"] for request in requests("start_pipeline_execution")}) == 1


def executions(aws: Aws) -> list[Any]:
    found: list[Any] = aws.client("sagemaker").list_pipeline_executions(PipelineName=TRAIN)[
        "PipelineExecutionSummaries"
    ]
    return found


def test_a_start_whose_first_answer_is_lost_starts_once(front: Front, run: Run, aws: Aws) -> None:
    deploy(aws)
    front.bad["StartPipelineExecution"] = Bad(ending="drop", passed_on=True, times=2)

    done = run("start-pipeline-execution", "train", "--yes")

    assert done.code == 0, done
    assert len(executions(aws)) == 1


@pytest.mark.parametrize("earlier", [0, 1], ids=["the first ever", "after an older one"])
def test_a_start_that_never_arrived_says_so(front: Front, run: Run, aws: Aws, earlier: int) -> None:
    deploy(aws)
    for _ in range(earlier):
        gaps.execution(started(aws)).start_time = datetime(2026, 1, 1, tzinfo=UTC)
    front.bad["StartPipelineExecution"] = Bad(ending="drop")

    done = run("start-pipeline-execution", "train", "--yes")

    assert done.code == 4, done
    assert "no execution of it that began since, so it has not started: run the command again." in sentence(done)


def test_a_start_of_which_nothing_is_known_says_where_to_look(front: Front, run: Run, aws: Aws) -> None:
    deploy(aws)
    front.bad["StartPipelineExecution"] = front.bad["ListPipelineExecutions"] = Bad(ending="drop")

    done = run("start-pipeline-execution", "train", "--yes")

    assert done.code == 4, done
    assert "It is not known whether the execution started: before you start it again" in sentence(done)
    assert f"`ops list-pipeline-executions {TRAIN} --env dev`" in done.err


def test_a_start_that_is_not_answered_in_time_is_looked_up(
    front: Front, run: Run, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "CHANGE", 0.3)
    monkeypatch.setattr(calls, "PATIENCE", 0.1)
    deploy(aws)
    front.bad["StartPipelineExecution"] = Bad(ending="hang", passed_on=True)

    done = run("start-pipeline-execution", "train", "--yes")

    assert done.code == 4, done
    assert "did not answer within" in sentence(done)
    assert "so it probably started" in done.err


@pytest.mark.parametrize(
    "bad", [Bad(PAGE, 403, "text/html"), Bad('{"__type": "ThrottlingException"}', 400)], ids=["firewall", "refused"]
)
def test_a_start_that_was_refused_is_not_looked_up(front: Front, run: Run, aws: Aws, bad: Bad) -> None:
    deploy(aws)
    front.bad["StartPipelineExecution"] = bad

    done = run("start-pipeline-execution", "train", "--yes")

    assert done.code == 4, done
    assert "started" not in sentence(done)


# {the operation: its command, and what the command says when it is run again}
CHANGES = {
    "StopPipelineExecution": ("stop", "has already ended: Stopped"),
    "RetryPipelineExecution": ("retry", "has not ended yet"),
    "UpdatePipelineExecution": ("update an execution", "is updated"),
    "UpdateModelPackage": ("approve", "is already Approved"),
    "DeletePipeline": ("delete", f"there is no pipeline '{TRAIN}'"),
    "DeleteApp": ("delete an app", "is already being deleted"),
    "UpdatePipeline": ("update", "is up to date"),
    "PUT": ("update", "Updated pipeline"),
    "CreateModel": ("deploy an endpoint", "answers with version 2"),
    "CreateEndpointConfig": ("deploy an endpoint", "answers with version 2"),
    "UpdateEndpoint": ("deploy an endpoint", "is up to date"),
    "DeleteEndpoint": ("delete an endpoint", "there is no endpoint 'customer-flight-delays-dev'"),
}
STATUS = {"stop": "Executing", "update an execution": "Executing", "retry": "Failed"}  # otherwise it succeeded


@pytest.mark.parametrize("loss", ["dropped", "cut", "a page"])
@pytest.mark.parametrize("operation", CHANGES)
def test_a_change_whose_answer_is_lost_can_be_repeated(
    front: Front, run: Run, aws: Aws, operation: str, loss: str
) -> None:
    put_everything(aws)
    name, repeated = CHANGES[operation]
    started(aws, status=STATUS.get(name, "Succeeded"))
    front.bad[operation] = LOSSES[loss]

    done = run(*COMMANDS[name].split())

    assert done.code == 4, done
    assert "It is not known whether AWS did it: run the command again, which is safe." in sentence(done)
    front.bad.clear()
    again = run(*COMMANDS[name].split())
    assert repeated in again.out + again.err, again


def test_a_created_pipeline_that_cannot_be_seen_was_created(front: Front, run: Run, aws: Aws) -> None:
    front.bad["DescribePipeline"] = Bad(PAGE, 403, "text/html")
    connected = account()
    new = pipelines.Pipeline(TRAIN, DEFINITION, "arn:aws:iam::123456789012:role/r", "x", "", {"vertical": "customer"})

    with pytest.raises(AwsError, match=f"^cannot describe pipeline '{TRAIN}', which was created: something on the way"):
        pipelines.deploy(connected, new, None, [])


def test_a_deployment_does_not_fail_for_want_of_a_version(front: Front, run: Run, aws: Aws) -> None:
    deploy(aws)
    front.bad["ListPipelineVersions"] = Bad("{}")

    assert pipelines._newest_version(account(), TRAIN) == ""


def account() -> Account:
    return Account(settings.load(layout.LIBRARY), "dev")


# What is not AWS's fault


def test_an_error_of_boto3_that_nothing_expected_is_a_sentence_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://sts.example.com", error="refused")

    monkeypatch.setattr(pipeline_list, "list_pipelines", fail)

    done = run("list-pipelines")

    assert done.code == 4, done
    assert "AWS cannot be reached from here (sts.example.com refuses connections)" in sentence(done)


def test_another_exception_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_list, "list_pipelines", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run("list-pipelines")


def test_a_mistake_of_the_program_is_not_an_error_of_aws() -> None:
    answer = Answer({}, "ListPipelines", {"PipelineSummaries": None})

    with pytest.raises(CallError, match="the answer to ListPipelines has no 'PipelineSummaries'"):
        answer["PipelineSummaries"]
    with pytest.raises(KeyError):
        answer["PipelineSumaries"]
    with pytest.raises(TypeError), aws_call("do it"):
        raise TypeError
