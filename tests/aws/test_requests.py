"""The exact requests of each command, in order, and how it handles refusals; the answers come from stubs."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.stub import ANY, Stubber

from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE, Aws
from sagemaker_ops import trace
from sagemaker_ops.aws import guard, pipeline_deletion, pipelines, upload
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import LOG_IN, AwsError
from sagemaker_ops.commands import executions, models, studio
from sagemaker_ops.commands import pipelines as pipeline_commands
from sagemaker_ops.errors import RefusedError, UserError
from sagemaker_ops.pipelines import compiler, publishing
from sagemaker_ops.project.settings import Data, Environment, Gate, Project, Settings
from sagemaker_ops.project.target import Target
from sagemaker_ops.trace import TERMINAL, Trace

SETTINGS = Settings(
    Project("Flight delays", "flight-delays", "customer", "Late or not", "data-team@example.com", REGION),
    Data("s3://lake/flights/", "late", "classification"),
    Gate("auc", minimum=0.5),
    environments={"dev": Environment(ACCOUNT, ROLE, BUCKET)},
)
TARGET = Target(SETTINGS, "dev", code_hash="abc", data_hash="")
NOW = datetime.now(UTC)
BASE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
NAME, ARN = "customer-flight-delays-train-dev", f"{BASE}:pipeline/customer-flight-delays-train-dev"
GROUP, GROUP_ARN = "customer-flight-delays-dev", f"{BASE}:model-package-group/customer-flight-delays-dev"
EXECUTION, VERSION = f"{ARN}/execution/abcdefghijkl", f"{BASE}:model-package/{GROUP}/3"
CODE = "customer/flight-delays/dev/code/abc"
STARTED_BY = Trace(user="ana", source=TERMINAL)
MARKS = {"commit": "unknown", "deployed-by": "user=ana source=terminal"}
OWN = {"vertical": "customer", "project": "flight-delays", "env": "dev", "owner": "data-team@example.com"}
INPUT = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": {"Get": "Parameters.Input"}}}
TRAINING = {
    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
    "InputDataConfig": [{"ChannelName": "train", "DataSource": INPUT}],
    "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/runs"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
}
MODEL = {"ModelPackageGroupName": GROUP, "InferenceSpecification": {"Containers": [{"Image": "image"}]}}
GATE = {"Conditions": [], "IfSteps": [{"Name": "Model", "Type": "RegisterModel", "Arguments": MODEL}], "ElseSteps": []}
DEFINITION: dict[str, Any] = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Input", "Type": "String", "DefaultValue": "s3://lake/flights/"}],
    "Steps": [
        {"Name": "Training", "Type": "Training", "Arguments": TRAINING},
        {"Name": "Gate", "Type": "Condition", "Arguments": GATE},
    ],
}
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Fault:
    """An error as the answer of AWS."""

    code: str
    message: str = ""
    status: int = 400


@dataclass(frozen=True)
class Call:
    """An expected request, and the answer of AWS."""

    operation: str
    request: dict[str, Any]
    answer: dict[str, Any] | Fault = field(default_factory=dict)
    service: str = "sagemaker"


def until(calls: list[Call], operation: str, answer: dict[str, Any] | Fault) -> list[Call]:
    """The calls up to the first one of this operation, which gets another answer."""
    end = [call.operation for call in calls].index(operation)
    return [*calls[:end], replace(calls[end], answer=answer)]


def tags(**values: str) -> dict[str, Any]:
    return {"Tags": [{"Key": key, "Value": value} for key, value in values.items()]}


@contextmanager
def answered(account: Account, calls: list[Call]) -> Iterator[None]:
    """Answer these calls; exactly these must arrive, in this order across all services, each with its own token.

    Requests are compared here, not by the Stubber: it compares before botocore has added a token, and raises an
    error of botocore's, which the code may take for a network error.
    """
    sent: list[tuple[str, dict[str, Any]]] = []

    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        request = {**params, "Body": params["Body"].read()} if "Body" in params else params
        sent.append((xform_name(model.name), request))

    with ExitStack() as stack:
        stubs = {}
        for service in ("iam", "s3", "sagemaker", "sts"):
            client = account.client(service)
            client.meta.events.register_first("before-parameter-build.*.*", record)  # before the Stubber refuses it
            stack.callback(client.meta.events.unregister, "before-parameter-build.*.*", record)
            stubs[service] = stack.enter_context(Stubber(client))
        for call in calls:
            if isinstance(fault := call.answer, Fault):
                stubs[call.service].add_client_error(call.operation, fault.code, fault.message, fault.status)
            else:
                stubs[call.service].add_response(call.operation, call.answer)
        yield
        assert sent == [(call.operation, call.request) for call in calls]
        tokens = [request["ClientRequestToken"] for _, request in sent if "ClientRequestToken" in request]
        assert all(map(UUID.fullmatch, tokens))
        assert len(set(tokens)) == len(tokens)
        for stub in stubs.values():
            stub.assert_no_pending_responses()


@pytest.fixture(scope="module")
def clients() -> dict[str, Any]:
    """The clients by service, shared because creating one takes time."""
    return {}


@pytest.fixture
def account(clients: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Account:
    """The environment dev, for functions and commands in this process; the stubs never call AWS."""
    for name, value in Aws("http://127.0.0.1:9").environment.items():
        monkeypatch.setenv(name, value)
    make = Account.client

    def client(self: Account, service: str) -> Any:
        if service not in clients:
            clients[service] = make(self, service)
        return clients[service]

    monkeypatch.setattr(Account, "client", client)
    (tmp_path / "guardrails.toml").touch()
    for commands in (executions, models, pipeline_commands, studio):
        monkeypatch.setattr(commands, "find_root", lambda: tmp_path)
        monkeypatch.setattr(commands, "load", lambda _: SETTINGS)
    monkeypatch.setattr(compiler, "definition", lambda *_: DEFINITION)
    monkeypatch.setattr(publishing, "target", lambda *_: TARGET)
    monkeypatch.setattr(upload, "items", lambda *_: [upload.Item(TARGET.sourcedir_uri, lambda: b"code")])
    monkeypatch.setattr(trace, "of", lambda _, user: replace(STARTED_BY, user=user))
    monkeypatch.setattr(guard, "STUDIO_METADATA", tmp_path / "not in Studio")
    monkeypatch.setattr("gc.disable", lambda: None)  # only useful in a separate process
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return Account(SETTINGS, "dev")


# Requests

NOT_FOUND = Fault("ResourceNotFound", f"Pipeline '{ARN}' does not exist.")
NOT_FOUND_EITHER = Fault("ValidationException", f"ModelPackageGroup {GROUP_ARN} does not exist.")
WHO = [
    Call("get_caller_identity", {}, {"Account": ACCOUNT, "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/r/ana"}, "sts"),
    Call("list_role_tags", {"RoleName": "r"}, tags(vertical="customer"), "iam"),
]
CONTENT = {
    "PipelineName": NAME,
    "PipelineDisplayName": NAME,
    "PipelineDescription": "Late or not",
    "PipelineDefinition": json.dumps(DEFINITION, separators=(",", ":")),
    "RoleArn": ROLE,
}
FIND = Call("describe_pipeline", {"PipelineName": NAME}, {**CONTENT, "PipelineArn": ARN, "PipelineDescription": "Old"})
PAGE = {"MaxResults": 100}  # AWS's maximum: fewer calls
WHOSE = Call("list_tags", {"ResourceArn": ARN, **PAGE}, tags(**{**OWN, "owner": "old@example.com"}))
PIPELINE = [*WHO, FIND, WHOSE]
FOLDER = {"Bucket": BUCKET, "Prefix": f"{CODE}/", "ExpectedBucketOwner": ACCOUNT, "EncodingType": "url"}
PLACE = {"Bucket": BUCKET, "Key": f"{CODE}/sourcedir.tar.gz", "ExpectedBucketOwner": ACCOUNT}
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
ENCRYPTED = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KEY}
CHECKED = {**PLACE, "ChecksumAlgorithm": "CRC32"}
PART_OF = {**CHECKED, "UploadId": "u"}
IN_GROUP = {"ModelPackageGroupName": GROUP}
STATUS = {"ModelPackageGroupStatus": "Completed", "CreationTime": NOW, "CreatedBy": {}}
FIND_GROUP = Call("describe_model_package_group", IN_GROUP, {**IN_GROUP, **STATUS, "ModelPackageGroupArn": GROUP_ARN})
CREATE = Call("create_pipeline", {**CONTENT, **tags(**OWN), "ClientRequestToken": ANY}, {"PipelineArn": ARN})
NEWEST = {"PipelineName": NAME, "SortOrder": "Descending", "MaxResults": 1}
VERSIONS = Call("list_pipeline_versions", NEWEST, {"PipelineVersionSummaries": [{"PipelineVersionId": 7}]})
EARLIER = [{"PipelineVersionId": number, "CreationTime": NOW, "PipelineArn": ARN} for number in (8, 7)]
SHORTER = json.dumps({**DEFINITION, "Steps": DEFINITION["Steps"][:1]}, separators=(",", ":"))
MADE, BACK = {"PipelineVersionId": 9}, "Rollback to version 7"
VERSION_STATE = {
    "ModelPackageName": GROUP,
    "ModelPackageArn": VERSION,
    "ModelPackageVersion": 3,
    "ModelPackageStatus": "Completed",
    "ModelPackageStatusDetails": {"ValidationStatuses": []},
    "CreationTime": NOW,
}
APPROVAL = {"ModelApprovalStatus": "Approved", "ApprovalDescription": "Approved by ana"}
APP = {"DomainId": "d-abc", "AppType": "JupyterLab", "AppName": "default", "UserProfileName": "customer-ana"}
APP_STATE = {**APP, "Status": "InService", "CreationTime": NOW}
APP_ARN = f"{BASE}:app/d-abc/customer-ana/JupyterLab/default"
PART = {"SourcePipelineExecutionArn": EXECUTION, "SelectedSteps": [{"StepName": "Training"}]}
CHANGE = {
    "PipelineExecutionDisplayName": "easter",
    "PipelineExecutionDescription": "again",
    "ParallelismConfiguration": {"MaxParallelExecutionSteps": 2},
}


def look(status: str) -> Call:
    answer = {"PipelineExecutionArn": EXECUTION, "PipelineExecutionStatus": status, "CreationTime": NOW}
    return Call("describe_pipeline_execution", {"PipelineExecutionArn": EXECUTION}, answer)


def own(status: str) -> list[Call]:
    return [*WHO, look(status), WHOSE, look(status)]


def history(status: str) -> Call:
    summary = {"PipelineExecutionArn": EXECUTION, "PipelineExecutionStatus": status, "StartTime": NOW}
    request = {"PipelineName": NAME, "SortBy": "CreationTime", "SortOrder": "Descending", **PAGE}
    return Call("list_pipeline_executions", request, {"PipelineExecutionSummaries": [summary]})


def with_token(operation: str) -> Call:
    return Call(operation, {"PipelineExecutionArn": EXECUTION, "ClientRequestToken": ANY})


def reads(prefix: str) -> Call:
    request = {"Bucket": "lake", "Prefix": prefix, "MaxKeys": 1, "EncodingType": "url"}
    return Call("list_objects_v2", request, {"KeyCount": 1}, "s3")


def starts(values: dict[str, str], **more: Any) -> Call:
    parameters = [{"Name": key, "Value": value} for key, value in values.items()]
    request = {"PipelineName": NAME, "PipelineParameters": parameters, "ClientRequestToken": ANY, **more}
    request["PipelineExecutionDescription"] = STARTED_BY.description
    return Call("start_pipeline_execution", request, {"PipelineExecutionArn": EXECUTION})


def deploy() -> None:
    pipeline_commands.update_pipeline("train", yes=True)


COMMANDS: dict[str, tuple[Callable[[], None], list[Call]]] = {
    "create": (
        deploy,
        [
            *WHO,
            replace(FIND, answer=NOT_FOUND),
            replace(FIND_GROUP, answer=NOT_FOUND_EITHER),
            Call("list_objects_v2", FOLDER, {}, "s3"),
            Call("put_object", {**CHECKED, "Body": b"code"}, {}, "s3"),
            Call("create_model_package_group", {**IN_GROUP, **tags(**OWN)}, {"ModelPackageGroupArn": GROUP_ARN}),
            replace(CREATE, request={**CREATE.request, **tags(**OWN, **MARKS)}),
            replace(FIND, answer=NOT_FOUND),
            FIND,
            VERSIONS,
        ],
    ),
    "update": (
        deploy,
        [
            *PIPELINE,
            FIND_GROUP,
            Call("list_tags", {"ResourceArn": GROUP_ARN, **PAGE}, tags(**OWN)),
            Call("list_objects_v2", FOLDER, {"Contents": [{"Key": PLACE["Key"], "Size": 4}]}, "s3"),
            Call("update_pipeline", CONTENT, {"PipelineVersionId": 8}),
            Call("add_tags", {"ResourceArn": ARN, **tags(owner="data-team@example.com", **MARKS)}),
        ],
    ),
    "roll back": (
        lambda: pipeline_commands.rollback_pipeline("train", yes=True),
        [
            *PIPELINE,
            Call("list_pipeline_versions", {"PipelineName": NAME, **PAGE}, {"PipelineVersionSummaries": EARLIER}),
            Call("describe_pipeline", {"PipelineName": NAME, "PipelineVersionId": 7}, {"PipelineDefinition": SHORTER}),
            reads("flights/"),
            Call("update_pipeline", {**CONTENT, "PipelineDescription": "Old", "PipelineDefinition": SHORTER}, MADE),
            Call("update_pipeline_version", {"PipelineArn": ARN, **MADE, "PipelineVersionDescription": BACK}),
        ],
    ),
    "delete": (
        lambda: pipeline_commands.delete_pipeline("train", stop_first=True, yes=True),
        [
            *PIPELINE,
            history("Executing"),
            history("Executing"),
            with_token("stop_pipeline_execution"),
            history("Stopping"),
            history("Stopped"),
            Call("delete_pipeline", {"PipelineName": NAME, "ClientRequestToken": ANY}),
        ],
    ),
    "start": (
        lambda: executions.start_pipeline_execution("train", param=["Input=s3://lake/new/"], name="easter", yes=True),
        [*PIPELINE, reads("new/"), starts({"Input": "s3://lake/new/"}, PipelineExecutionDisplayName="easter")],
    ),
    "start a part": (
        lambda: executions.start_pipeline_execution("train", only=["Training"], source_execution=EXECUTION, yes=True),
        [*PIPELINE, reads("flights/"), look("Succeeded"), starts({}, SelectiveExecutionConfig=PART)],
    ),
    "stop": (
        lambda: executions.stop_pipeline_execution(EXECUTION, yes=True),
        [*own("Executing"), with_token("stop_pipeline_execution")],
    ),
    "retry": (
        lambda: executions.retry_pipeline_execution(EXECUTION, yes=True),
        [*own("Failed"), with_token("retry_pipeline_execution")],
    ),
    "update an execution": (
        lambda: executions.update_pipeline_execution(EXECUTION, "dev", "easter", "again", 2, yes=True),
        [*own("Executing"), Call("update_pipeline_execution", {"PipelineExecutionArn": EXECUTION, **CHANGE})],
    ),
    "approve": (
        lambda: models.approve_model("3", yes=True),
        [
            *WHO,
            FIND_GROUP,
            Call("list_tags", {"ResourceArn": GROUP_ARN, **PAGE}, tags(**OWN)),
            Call("describe_model_package", {"ModelPackageName": VERSION}, VERSION_STATE),
            Call("update_model_package", {"ModelPackageArn": VERSION, **APPROVAL}, {"ModelPackageArn": VERSION}),
        ],
    ),
    "delete an app": (
        lambda: studio.delete_app("customer-ana", yes=True),
        [
            *WHO,
            Call("list_apps", PAGE, {"Apps": [APP_STATE]}),
            Call("describe_app", APP, {**APP_STATE, "AppArn": APP_ARN}),
            Call("list_tags", {"ResourceArn": APP_ARN}, tags(**OWN)),
            Call("delete_app", APP),
        ],
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_sends_exactly_these_requests(account: Account, command: str) -> None:
    run, calls = COMMANDS[command]
    with answered(account, calls):
        run()


@pytest.mark.parametrize("command", ["create", "start", "stop", "retry"])
def test_a_second_command_is_not_a_repetition_to_aws(account: Account, command: str) -> None:
    run, calls = COMMANDS[command]
    with answered(account, calls * 2):
        run()
        run()


def test_a_definition_too_large_for_a_request_is_read_from_s3(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines, "LARGEST", 10)
    new = pipelines.wanted(TARGET, NAME, DEFINITION)
    [large] = pipelines.too_large(TARGET, new)
    bucket, key = upload.place(large.uri)
    request = {**CREATE.request, "PipelineDefinitionS3Location": {"Bucket": bucket, "ObjectKey": key}}
    del request["PipelineDefinition"]
    with answered(account, [replace(CREATE, request=request), FIND, VERSIONS]):
        pipelines.deploy(account, new, None, [large])

    assert re.fullmatch(rf"s3://{BUCKET}/customer/flight-delays/dev/definitions/[0-9a-f]{{16}}\.json", large.uri)


def test_an_empty_description_is_left_out_and_an_unreadable_version_is_none(account: Account) -> None:
    new = replace(pipelines.wanted(TARGET, NAME, DEFINITION), description="")
    request = {key: value for key, value in CREATE.request.items() if key != "PipelineDescription"}
    denied = replace(VERSIONS, answer=Fault("AccessDeniedException"))
    with answered(account, [replace(CREATE, request=request), FIND, denied]):
        assert pipelines.deploy(account, new, None, []) == ""


PARTS = {"Parts": [{"ETag": "1", "PartNumber": 1}, {"ETag": "2", "PartNumber": 2}]}
LARGE = 8 * 1024**2  # bytes; a larger file is sent in parts
IN_PARTS = [
    Call("create_multipart_upload", {**CHECKED, **ENCRYPTED}, {"UploadId": "u"}, "s3"),
    Call("upload_part", {**PART_OF, "PartNumber": 1, "Body": b"x" * LARGE}, {"ETag": "1"}, "s3"),
    Call("upload_part", {**PART_OF, "PartNumber": 2, "Body": b"x"}, {"ETag": "2"}, "s3"),
    Call("complete_multipart_upload", {**PLACE, "UploadId": "u", "MultipartUpload": PARTS}, {}, "s3"),
]


@pytest.mark.parametrize(
    ("size", "calls"),
    [
        pytest.param(1, [Call("put_object", {**CHECKED, "Body": b"x", **ENCRYPTED}, {}, "s3")], id="in one"),
        pytest.param(LARGE + 1, IN_PARTS, id="in parts"),
    ],
)
def test_a_file_is_sent_encrypted_to_the_accounts_own_bucket(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int, calls: list[Call]
) -> None:
    environment = Environment(ACCOUNT, ROLE, BUCKET, kms_key=KEY)
    encrypted = replace(account, settings=replace(SETTINGS, environments={"dev": environment}))
    monkeypatch.setattr(upload, "THREADS", 1)  # one part at a time
    (tmp_path / "file").write_bytes(b"x" * size)
    with answered(encrypted, calls):
        upload.put(encrypted, [upload.Item(TARGET.sourcedir_uri, tmp_path / "file")])


# Faults

QUOTA = "ml.m5.large for processing job usage"
USED_UP = f"The account-level service limit '{QUOTA}' is 0 Instances, with current utilization of 0 Instances."
DENIED = "User: x is not authorized to perform: sagemaker:Act on resource: arn:y because no policy allows it"
LATER = "try again in a minute"
FAULTS = [
    (Fault("ThrottlingException", "Rate"), f"AWS has received too many requests from this account: {LATER}"),
    (Fault("ExpiredTokenException", "Old"), f"your AWS credentials have expired: {LOG_IN}"),
    (
        Fault("AccessDeniedException", DENIED),
        f"your role does not allow sagemaker:Act on arn:y: ask your platform team for it ({DENIED})",
    ),
    (NOT_FOUND, f"AWS says 'Pipeline '{ARN}' does not exist' (ResourceNotFound)"),
    (NOT_FOUND_EITHER, f"AWS says 'ModelPackageGroup {GROUP_ARN} does not exist' (ValidationException)"),
    (Fault("ValidationException", "1 wrong"), "AWS says '1 wrong' (ValidationException)"),
    (
        Fault("ResourceLimitExceeded", USED_UP),
        f"the quota '{QUOTA}' is 0 in this account: request an increase under Service Quotas, "
        f"Amazon SageMaker, '{QUOTA}'",
    ),
    (Fault("ConflictException", "It is in use."), "AWS says 'It is in use' (ConflictException)"),
    (
        Fault("InternalFailure", "", 500),
        f"AWS itself failed: {LATER}, and check https://health.aws.amazon.com if it keeps failing",
    ),
]
CHANGES = [
    ("create", "put_object", "upload to S3"),
    ("create", "create_model_package_group", f"create model package group '{GROUP}'"),
    ("create", "create_pipeline", f"create pipeline '{NAME}'"),
    ("update", "update_pipeline", f"update pipeline '{NAME}'"),
    ("update", "add_tags", f"tag pipeline '{NAME}'"),
    ("delete", "delete_pipeline", f"delete pipeline '{NAME}'"),
    ("start", "start_pipeline_execution", f"start pipeline '{NAME}'"),
    ("stop", "stop_pipeline_execution", "stop execution abcdefghijkl"),
    ("retry", "retry_pipeline_execution", "retry execution abcdefghijkl"),
    ("update an execution", "update_pipeline_execution", "update execution abcdefghijkl"),
    ("approve", "update_model_package", f"update version 3 of {GROUP}"),
    ("delete an app", "delete_app", "delete app customer-ana/JupyterLab/default"),
]


@pytest.mark.parametrize(
    ("change", "fault", "sentence"),
    [
        pytest.param(change, fault, sentence, id=f"{change[1]}-{fault.code}")
        for change, (fault, sentence) in itertools.product(CHANGES, FAULTS)
        if not (change[1] == "delete_app" and fault in (NOT_FOUND, NOT_FOUND_EITHER))
    ],
)
def test_a_change_that_aws_refuses_is_one_sentence_and_ends_the_command(
    account: Account, change: tuple[str, str, str], fault: Fault, sentence: str
) -> None:
    command, operation, doing = change
    run, calls = COMMANDS[command]
    with answered(account, until(calls, operation, fault)), pytest.raises(AwsError) as raised:
        run()

    assert (str(raised.value), raised.value.exit_code) == (f"cannot {doing}: {sentence}.", 4)


@pytest.mark.parametrize("fault", [NOT_FOUND, NOT_FOUND_EITHER], ids=["ResourceNotFound", "ValidationException"])
def test_an_app_that_is_gone_counts_as_deleted(account: Account, fault: Fault) -> None:
    run, calls = COMMANDS["delete an app"]
    with answered(account, until(calls, "delete_app", fault)):
        run()


@pytest.mark.parametrize(
    ("fault", "after"),
    [
        pytest.param(NOT_FOUND, [], id="it is gone"),
        pytest.param(Fault("ConflictException"), [look("Stopping")], id="it is already stopping"),
        pytest.param(Fault("ValidationException", "no"), [look("Succeeded")], id="it has ended in the meantime"),
    ],
)
def test_an_execution_that_ends_by_itself_does_not_block_the_deletion(
    account: Account, fault: Fault, after: list[Call]
) -> None:
    calls = [history("Executing"), replace(with_token("stop_pipeline_execution"), answer=fault), *after]
    with answered(account, [*calls, history("Stopped")]):
        pipeline_deletion.stop(account, NAME, print)


def test_an_execution_that_cannot_be_stopped_blocks_the_deletion(account: Account) -> None:
    run, calls = COMMANDS["delete"]
    fault = Fault("AccessDeniedException", DENIED)
    expected = [*until(calls, "stop_pipeline_execution", fault), look("Executing")]
    with answered(account, expected), pytest.raises(AwsError, match=f"^cannot stop execution .*{re.escape(DENIED)}"):
        run()


# Ownership

ASKING = [name for name, (_, calls) in COMMANDS.items() if any(call.operation == "list_tags" for call in calls)]


@pytest.mark.parametrize("command", ASKING)
def test_another_verticals_resource_is_not_touched(account: Account, command: str) -> None:
    run, calls = COMMANDS[command]
    asked = until(calls, "list_tags", tags(vertical="revenue", owner="bob@example.com"))
    with answered(account, asked), pytest.raises(RefusedError, match=r"belongs to 'revenue' \(owner bob@") as raised:
        run()

    assert raised.value.exit_code == 3


@pytest.mark.parametrize("command", ASKING)
def test_another_environments_resource_is_not_touched(account: Account, command: str) -> None:
    run, calls = COMMANDS[command]
    asked = until(calls, "list_tags", tags(**{**OWN, "env": "prod"}))
    with answered(account, asked), pytest.raises(RefusedError, match=r"belongs to environment 'prod'.*use --env prod"):
        run()


@pytest.mark.parametrize("command", [name for name in ASKING if name != "delete an app"])
@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        pytest.param(tags(owner="bob"), RefusedError, r"no tag 'vertical', .* its owner \(bob\), or", id="no vertical"),
        pytest.param(tags(), RefusedError, r"no tag 'vertical', .* its owner, or your platform team", id="no tags"),
        pytest.param(Fault("AccessDeniedException"), AwsError, "your role does not allow ListTags", id="not readable"),
    ],
)
def test_a_resource_that_may_belong_to_another_vertical_is_not_touched(
    account: Account, command: str, answer: dict[str, Any] | Fault, error: type[UserError], message: str
) -> None:
    run, calls = COMMANDS[command]
    with answered(account, until(calls, "list_tags", answer)), pytest.raises(error, match=message) as raised:
        run()

    assert raised.value.exit_code == error.exit_code


def test_an_app_without_the_tag_is_left_alone_and_the_message_names_its_owner(account: Account) -> None:
    run, calls = COMMANDS["delete an app"]
    profile = Call("list_tags", {"ResourceArn": f"{BASE}:user-profile/d-abc/customer-ana"}, tags())
    asked = [*until(calls, "list_tags", tags()), profile]
    with answered(account, asked), pytest.raises(RefusedError, match="on the user profile 'customer-ana'"):
        run()


def test_the_tag_may_be_on_the_second_page(account: Account) -> None:
    run, calls = COMMANDS["stop"]
    first = until(calls, "list_tags", {**tags(owner="bob"), "NextToken": "more"})
    second = Call("list_tags", {"ResourceArn": ARN, "NextToken": "more", **PAGE}, tags(vertical="revenue"))
    with answered(account, [*first, second]), pytest.raises(RefusedError, match=r"belongs to 'revenue' \(owner bob"):
        run()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_member_of_another_vertical_changes_nothing(account: Account, command: str) -> None:
    run, calls = COMMANDS[command]
    asked = until(calls, "list_role_tags", tags(vertical="revenue"))
    with answered(account, asked), pytest.raises(RefusedError, match=r"ask data-team@example\.com to do it"):
        run()
