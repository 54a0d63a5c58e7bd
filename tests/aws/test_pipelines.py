"""Deploying, deleting and listing pipelines: what is printed, what is called, and what is never touched."""

from __future__ import annotations

import copy
import json
import sys
import tomllib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.httpsession
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from projects import LIBRARY, Bake, Project, Result

from aws import deployable, gaps
from aws.conftest import ACCOUNT, BUCKET, ROLE, Aws

pytestmark = pytest.mark.slow

NAME = "customer-flight-delays-train-dev"
ARN = f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:pipeline/{NAME}"
CHANGES = ("create_pipeline", "update_pipeline", "add_tags", "delete_pipeline", "stop_pipeline_execution")
TAGS = {"vertical": "customer", "project": "flight-delays", "env": "dev", "owner": "team@example.com"}
PUBLISHED = [
    "sagemaker_ops/__init__.py",
    *(f"sagemaker_ops/{each.relative_to(LIBRARY)}" for each in LIBRARY.glob("tabular/**/*.py")),
]
"""The files of the library that are uploaded to S3 along with the step scripts."""
Run = Callable[..., Result]


@pytest.fixture
def project(_deployable: Project, tmp_path: Path) -> Project:
    return deployable.copy(_deployable, tmp_path)


@pytest.fixture
def run(aws: Aws, project: Project) -> Run:
    """`run("update-pipeline", "train")` runs the command as in a terminal, in a separate process."""

    def _run(*arguments: str, **environment: str) -> Result:
        variables = {**aws.environment, "OPS_POLL_SECONDS": "0.01", **environment}
        return project.run(sys.executable, "-m", "sagemaker_ops", *arguments, **variables)

    return _run


def deployed(aws: Aws, name: str = NAME) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("sagemaker").describe_pipeline(PipelineName=name)
    del found["ResponseMetadata"]
    return found


def keys(aws: Aws) -> set[str]:
    """The keys in the bucket."""
    listed = aws.client("s3").list_objects_v2(Bucket=BUCKET)
    return {each["Key"] for each in listed.get("Contents", [])}


def create(aws: Aws, name: str, **tags: str) -> None:
    """A pipeline that somebody else deployed."""
    aws.client("sagemaker").create_pipeline(
        PipelineName=name,
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": []}),
        ClientRequestToken="t" * 32,
        RoleArn=ROLE,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    gaps.CALLS.clear()


def start(aws: Aws, name: str = NAME, status: str = "Succeeded") -> str:
    """Start an execution with this status."""
    answer = aws.client("sagemaker").start_pipeline_execution(PipelineName=name, ClientRequestToken=uuid.uuid4().hex)
    arn = str(answer["PipelineExecutionArn"])
    gaps.execution(arn).pipeline_execution_status = status
    gaps.CALLS.clear()
    return arn


def test_a_dry_run_shows_what_would_be_done_and_changes_nothing(run: Run, aws: Aws) -> None:
    done = run("update-pipeline", "train", "--dry-run")

    assert done.code == 0, done
    assert done.err.startswith(f"account {ACCOUNT} · eu-west-1 · dev · as arn:aws:sts::")
    lines = done.out.splitlines()
    assert lines[0] == f"Create pipeline {NAME}"
    assert "+ parameter ProcessingInstanceType (String) = ml.m5.large" in lines
    assert "+ step Training (Training) on 1 x ml.m5.xlarge" in lines
    assert f"upload: {4 + len(PUBLISHED)} files" in done.out
    assert lines[-2] == "worst case: 2 instance hours; cost unknown: guardrails.toml has no [prices]"
    assert lines[-1] == "Nothing was changed (--dry-run)."
    assert aws.calls(*CHANGES) == []
    assert keys(aws) == set()


def test_a_new_pipeline_is_created_with_everything_that_it_reads(run: Run, aws: Aws, project: Project) -> None:
    gaps.VERSIONS[NAME] = [{"PipelineArn": ARN, "PipelineVersionId": 1}]

    done = run("update-pipeline", "train", "--yes")

    assert done.code == 0, done
    assert done.out.endswith(f"Created pipeline {NAME}, version 1.\n")
    [(_, request)] = [call for call in gaps.CALLS if call[0] == "create_pipeline"]
    assert len(request["ClientRequestToken"]) == 36
    assert {tag["Key"]: tag["Value"] for tag in request["Tags"]}.items() >= TAGS.items()
    assert request["RoleArn"] == ROLE
    group = aws.client("sagemaker").describe_model_package_group(ModelPackageGroupName="customer-flight-delays-dev")
    tags = aws.client("sagemaker").list_tags(ResourceArn=group["ModelPackageGroupArn"])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == TAGS  # otherwise nobody could approve a model in it
    definition = json.loads(deployed(aws)["PipelineDefinition"])
    code = definition["Steps"][0]["Arguments"]["ProcessingInputs"][1]["S3Input"]["S3Uri"]
    archive = definition["Steps"][1]["Arguments"]["HyperParameters"]["sagemaker_submit_directory"]
    data = definition["Parameters"][0]["DefaultValue"]
    assert {f"s3://{BUCKET}/{key}" for key in keys(aws)} == {
        f"{code}processing.py", f"{code}training.py", archive, f"{data}table.csv", *(code + name for name in PUBLISHED)
    }  # fmt: skip
    sent = aws.client("s3").get_object(Bucket=BUCKET, Key=f"{data}table.csv".removeprefix(f"s3://{BUCKET}/"))
    assert sent["Body"].read() == (project.path / "data" / "table.csv").read_bytes()


def test_a_deleted_pipeline_is_created_again(here: Run, aws: Aws) -> None:
    for _ in range(2):
        assert here("update-pipeline", "train", "--yes").code == 0
        aws.client("sagemaker").delete_pipeline(PipelineName=NAME, ClientRequestToken="d" * 32)

    first, second = [request["ClientRequestToken"] for name, request in gaps.CALLS if name == "create_pipeline"]
    assert first != second  # otherwise AWS may take the second creation for a repetition of the first, and do nothing


def test_a_pipeline_that_is_up_to_date_is_left_alone(run: Run, aws: Aws) -> None:
    run("update-pipeline", "train", "--yes")
    before = keys(aws)
    gaps.CALLS.clear()

    done = run("update-pipeline", "train")  # no confirmation, because there is nothing to do

    assert (done.code, done.out) == (0, f"Pipeline {NAME} is up to date: nothing changed.\n")
    assert set(aws.calls()) == {"describe_pipeline", "list_tags"}
    assert keys(aws) == before


def test_the_real_pipeline_is_deployed_and_the_sdk_is_not_used_again(ready: Bake, aws: Aws) -> None:
    project = ready()
    project.edit("environments.dev", account=f'"{ACCOUNT}"', role=f'"{ROLE}"', bucket=f'"{BUCKET}"')
    created = project.ops("update-pipeline", "train", "--yes", **aws.environment)
    assert created.code == 0, created
    assert "+ step QualityGate (Condition)" in created.out
    assert "worst case: 3 instance hours;" in created.out

    command = [".venv/bin/python", "-X", "importtime", "-m", "sagemaker_ops", "update-pipeline", "train"]
    done = project.run(*command, **aws.environment)

    assert done.out == f"Pipeline {NAME} is up to date: nothing changed.\n", done
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.err.splitlines() if "|" in line}
    assert "botocore" in imported
    assert "sagemaker" not in imported


def test_changes_are_shown_and_applied_once(run: Run, aws: Aws, project: Project) -> None:
    run("update-pipeline", "train", "--yes")
    project.edit("instances", training='"ml.m5.2xlarge"', processing='"ml.m5.xlarge"')
    project.edit("pipeline", max_runtime_minutes="90")
    project.edit("environments.dev", role=f'"{ROLE}-new"')
    project.edit("project", owner='"others@example.com"')
    (project.path / "production" / "steps" / "training.py").write_text("print('new')\n", encoding="utf-8")
    gaps.CALLS.clear()

    done = run("update-pipeline", "train", "--yes")

    assert done.code == 0, done
    assert done.out.startswith(f"Update pipeline {NAME}\n")
    for line in (
        "~ parameter ProcessingInstanceType: ml.m5.large → ml.m5.xlarge",
        "~ step Training: InstanceType ml.m5.xlarge → ml.m5.2xlarge",
        "~ step Processing: MaxRuntimeInSeconds 3600 → 5400",
        f"~ role: {ROLE} → {ROLE}-new",
        "~ tag owner: team@example.com → others@example.com",
        "worst case: 3 instance hours (before: 2); cost unknown: guardrails.toml has no [prices]",
    ):
        assert line in done.out.splitlines()
    assert "~ code of Training: " in done.out
    assert "~ data" not in done.out
    assert f"upload: {3 + len(PUBLISHED)} files" in done.out  # everything except the data, under the new hash
    assert aws.calls(*CHANGES) == ["update_pipeline", "add_tags"]
    assert run("update-pipeline", "train").out == f"Pipeline {NAME} is up to date: nothing changed.\n"


def test_a_changed_tag_does_not_change_the_definition(here: Run, aws: Aws, project: Project) -> None:
    here("update-pipeline", "train", "--yes")
    project.edit("project", owner='"others@example.com"')
    gaps.CALLS.clear()

    assert here("update-pipeline", "train", "--yes").code == 0
    assert aws.calls(*CHANGES) == ["add_tags"]


IN_GITLAB = {
    "CI_PIPELINE_ID": "345",
    "CI_PROJECT_PATH": "customer/flight-delays",
    "CI_PIPELINE_SOURCE": "push",
    "GITLAB_USER_LOGIN": "anna",
}


def marks(aws: Aws) -> dict[str, str]:
    """The tags of the pipeline that say who deployed it."""
    listed = aws.client("sagemaker").list_tags(ResourceArn=ARN)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in listed if tag["Key"] not in TAGS}


def test_who_deployed_a_pipeline_changes_only_together_with_something_else(
    here: Run, aws: Aws, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deploy(commit: str) -> str:
        for name, value in {**IN_GITLAB, "CI_COMMIT_SHA": commit * 40}.items():
            monkeypatch.setenv(name, value)
        done = here("update-pipeline", "train", "--yes")
        assert done.code == 0, done
        return done.out

    def said(commit: str) -> dict[str, str]:
        words = f"user=anna commit={commit * 12} pipeline=345 source=push project=customer/flight-delays"
        return {"commit": commit * 12, "deployed-by": words}

    deploy("a")
    assert marks(aws) == said("a")
    assert deploy("b") == f"Pipeline {NAME} is up to date: nothing changed.\n"
    assert marks(aws) == said("a")
    project.edit("environments.dev", role=f'"{ROLE}-new"')
    assert "~ tag" not in deploy("c")
    assert marks(aws) == said("c")
    project.edit("project", owner='"others@example.com"')
    deploy("d")
    assert marks(aws) == said("d")


def test_a_commit_that_is_not_known_replaces_the_one_before(
    here: Run, aws: Aws, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITLAB_CI", *IN_GITLAB):
        monkeypatch.delenv(name, raising=False)
    create(aws, NAME, **TAGS, commit="a" * 12)  # with another definition

    assert here("update-pipeline", "train", "--yes").code == 0
    assert marks(aws) == {"commit": "unknown", "deployed-by": "user=moto source=terminal"}


def test_a_file_removed_from_s3_is_uploaded_again(here: Run, aws: Aws) -> None:
    here("update-pipeline", "train", "--yes")
    [gone] = [key for key in keys(aws) if key.endswith("training.py")]
    aws.client("s3").delete_object(Bucket=BUCKET, Key=gone)

    done = here("update-pipeline", "train", "--yes")

    assert done.code == 0, done
    assert "upload: 1 file" in done.out
    assert gone in keys(aws)
    assert aws.calls("update_pipeline") == []


def test_a_file_changed_on_s3_is_not_overwritten(here: Run, aws: Aws) -> None:
    here("update-pipeline", "train", "--yes")
    [changed] = [key for key in keys(aws) if key.endswith("training.py")]
    aws.client("s3").put_object(Bucket=BUCKET, Key=changed, Body=b"else")

    done = here("update-pipeline", "train", "--yes")

    assert done.code == 4
    assert f"s3://{BUCKET}/{changed} has 4 bytes" in done.err
    assert "somebody changed it on S3. It is not overwritten: delete it, and try again." in done.err


def test_the_schema_is_uploaded_with_the_code(here: Run, aws: Aws, project: Project) -> None:
    schema = '[columns]\nlate = "number"\ndistance = "number"\n'
    (project.path / "data" / "schema.toml").write_text(schema, encoding="utf-8")

    assert here("update-pipeline", "train", "--yes").code == 0
    assert [key for key in keys(aws) if key.endswith("/schema/schema.toml")]


def test_a_long_list_of_columns_is_uploaded_too(here: Run, aws: Aws, project: Project) -> None:
    columns = [f"column {i}" for i in range(150)]
    (project.path / "data" / "table.csv").write_text(f"late,{','.join(columns)}\n1{',1' * 150}\n", encoding="utf-8")
    project.edit("data", exclude=json.dumps(columns))

    assert here("update-pipeline", "train", "--yes").code == 0
    [key] = [key for key in keys(aws) if key.endswith("/arguments/arguments.txt")]
    lines = aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read().decode().splitlines()
    assert [line for line in lines if "--exclude" in line] == [f"--exclude={column}" for column in columns]
    assert here("update-pipeline", "train").out == f"Pipeline {NAME} is up to date: nothing changed.\n"


@pytest.mark.parametrize("command", ["compile", "plan", "run", "update-pipeline"])
def test_what_aws_would_refuse_is_reported_together_before_anything_happens(
    run: Run, aws: Aws, project: Project, command: str
) -> None:
    path = project.path / "production" / "pipelines" / "train.py"
    pipeline = deployable.PIPELINE.replace("image:1", "../x", 1)
    path.write_text(pipeline.replace('[f"--target={settings.data.target}"]', '["x"] * 126'), encoding="utf-8")

    done = run(command, "train")

    place = "error: production/pipelines/train.py step 'Processing': AppSpecification"
    assert done.code == 2, done
    assert f"{place}.ContainerArguments has 126 arguments, but AWS accepts at most 100: put them in a file" in done.err
    assert f"{place}.ImageUri is '../x', which AWS does not accept: write an image such as" in done.err
    assert aws.calls(*CHANGES) == []
    assert done.out == ("Running train …\n" if command == "run" else "")


def test_uploads_are_encrypted_with_the_key_of_the_environment(here: Run, aws: Aws, project: Project) -> None:
    key = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012"
    project.edit("environments.dev", kms_key=f'"{key}"')

    assert here("update-pipeline", "train", "--yes").code == 0
    for name in keys(aws):
        head = aws.client("s3").head_object(Bucket=BUCKET, Key=name)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


def test_nothing_is_uploaded_to_a_bucket_of_another_account(
    here: Run, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []

    def record(self: Any, request: Any) -> Any:
        sent.append(request)
        return _send(self, request)

    monkeypatch.setattr(botocore.httpsession.URLLib3Session, "send", record)

    assert here("update-pipeline", "train", "--yes").code == 0
    to_s3 = [request for request in sent if f"/{BUCKET}" in request.url]
    assert len(to_s3) > 4
    assert {_text(request.headers["x-amz-expected-bucket-owner"]) for request in to_s3} == {ACCOUNT}


def test_a_personal_deployment_is_separate_from_the_shared_one(run: Run, aws: Aws) -> None:
    run("update-pipeline", "train", "--yes")
    shared, before = deployed(aws), keys(aws)

    done = run("update-pipeline", "train", "--as", "anna", "--yes")

    assert done.code == 0, done
    assert done.out.endswith(f"Created pipeline {NAME}-anna.\n")
    own = json.loads(deployed(aws, f"{NAME}-anna")["PipelineDefinition"])
    assert own["Steps"][2]["Arguments"]["ModelPackageGroupName"] == "customer-flight-delays-dev-anna"
    assert keys(aws) == before  # the same code, the same data
    assert deployed(aws) == shared
    tags = aws.client("sagemaker").list_tags(ResourceArn=f"{ARN}-anna")["Tags"]
    assert {"Key": "user", "Value": "anna"} in tags
    assert run("update-pipeline", "train").out == f"Pipeline {NAME} is up to date: nothing changed.\n"


def test_a_definition_too_large_for_a_request_is_sent_via_s3(here: Run, aws: Aws, project: Project) -> None:
    path = project.path / "production" / "pipelines" / "train.py"
    path.write_text(deployable.PIPELINE.replace('"Metadata": {}', '"Metadata": {"pad": "x" * 2**20}'))

    done = here("update-pipeline", "train", "--yes")

    assert done.code == 0, done
    [request] = [request for name, request in gaps.CALLS if name == "create_pipeline"]
    assert "PipelineDefinition" not in request
    place = request["PipelineDefinitionS3Location"]
    sent = aws.client("s3").get_object(Bucket=place["Bucket"], Key=place["ObjectKey"])["Body"].read()
    assert json.loads(sent)["Metadata"]["pad"] == "x" * 2**20


@pytest.mark.parametrize(
    ("tags", "sentence"),
    [
        pytest.param(
            {**TAGS, "vertical": "revenue", "owner": "bo@example.com"},
            f"pipeline '{NAME}' belongs to 'revenue' (owner bo@example.com), but you work for 'customer'",
            id="another vertical's",
        ),
        pytest.param({"project": "flight-delays"}, f"pipeline '{NAME}' has no tag 'vertical'", id="no owner"),
        pytest.param(
            {**TAGS, "project": "flight"},
            f"pipeline '{NAME}' belongs to project 'flight', but this is 'flight-delays': write its full name",
            id="another project with the same pipeline name",
        ),
    ],
)
@pytest.mark.parametrize("command", ["update-pipeline", "delete-pipeline"])
def test_another_owners_pipeline_is_not_touched(
    here: Run, aws: Aws, command: str, tags: dict[str, str], sentence: str
) -> None:
    create(aws, NAME, **tags)

    done = here(command, "train", "--yes")

    assert done.code == 3, done
    assert sentence in done.err
    assert aws.calls(*CHANGES) == []
    assert keys(aws) == set()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        pytest.param(["trian"], 2, "No pipeline 'trian' in production/pipelines. Did you mean 'train'?", id="pipeline"),
        pytest.param(["train", "--env", "test"], 2, "has no [environments.test]", id="environment"),
        pytest.param(["train", "--env", "prod"], 2, "not set yet: write the 12 digits", id="nothing set yet"),
        pytest.param(["train", "--env", "local"], 2, "'local' is this machine", id="this machine"),
        pytest.param(["train", "--as", "Anna.S"], 3, "'Anna.S' is not a valid user name", id="user"),
        pytest.param(["train"], 2, "use --yes to go ahead", id="nobody can confirm"),
    ],
)
def test_wrong_input_changes_nothing(here: Run, aws: Aws, arguments: list[str], code: int, sentence: str) -> None:
    done = here("update-pipeline", *arguments)

    assert (done.code, sentence in done.err) == (code, True), done
    assert aws.calls(*CHANGES) == []
    assert keys(aws) == set()


def test_a_table_without_the_target_is_reported_before_calling_aws(here: Run, aws: Aws, project: Project) -> None:
    project.edit("data", target='"latte"')

    done = here("update-pipeline", "train", "--yes")

    assert done.code == 2
    assert "has no column 'latte'. Did you mean 'late'?" in done.err
    assert aws.calls() == []


PRICES = '[prices]\nregion = "eu-west-1"\ndate = "2026-11-24"\ncurrency = "USD"\n'


@pytest.mark.parametrize(
    ("policy", "code", "sentence"),
    [
        pytest.param("max_instance_hours_per_execution = 2", 0, "worst case: 2 instance hours;", id="just fits"),
        pytest.param(
            "max_instance_hours_per_execution = 1.5",
            3,
            "allows 1.5 instance hours per execution, and this one may take up to 2: lower [pipeline].max_runtime",
            id="too many hours",
        ),
        pytest.param(
            f'{PRICES}processing = {{ "ml.m5.large" = 1.0 }}\ntraining = {{ "ml.m5.xlarge" = 2.5 }}',
            0,
            "worst case: 2 instance hours; 3.50 USD for the instances, at the prices of 2026-11-24",
            id="with prices",
        ),
        pytest.param(
            f"max_cost_per_execution = 3\n{PRICES}"
            'processing = { "ml.m5.large" = 1.0 }\ntraining = { "ml.m5.xlarge" = 2.5 }',
            3,
            "allows 3 USD per execution, and this one may take up to 3.50 USD",
            id="too expensive",
        ),
    ],
)
def test_a_limit_of_the_policy_applies(
    here: Run, aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str, code: int, sentence: str
) -> None:
    (tmp_path / "policy.toml").write_text(policy, encoding="utf-8")
    monkeypatch.setenv("OPS_GUARDRAILS", str(tmp_path / "policy.toml"))

    done = here("update-pipeline", "train", "--yes")

    assert done.code == code, done
    assert sentence in done.out + done.err
    assert bool(aws.calls("create_pipeline")) == (code == 0)


@pytest.mark.parametrize(
    ("operation", "fault", "code", "sentence"),
    [
        pytest.param(
            "describe_pipeline", (400, "ThrottlingException", "Rate exceeded"), 4, "too many requests", id="throttled"
        ),
        pytest.param("describe_pipeline", (400, "ExpiredTokenException", "expired"), 4, "have expired", id="expired"),
        pytest.param("describe_pipeline", (500, "InternalFailure", ""), 4, "AWS itself failed", id="5xx"),
        pytest.param(
            "describe_pipeline",
            (403, "InvalidSignatureException", "Signature not yet current: 20261124T1 is still later than"),
            4,
            "the clock of this machine is wrong",
            id="clock",
        ),
        pytest.param("describe_pipeline", (400, "ResourceNotFound", "not found"), 0, "Created", id="not there"),
        pytest.param(
            "describe_pipeline",
            (400, "ValidationException", f"Pipeline {NAME} does not exist."),
            0,
            "Created",
            id="not there, with another error code",
        ),
        pytest.param(
            "create_pipeline",
            (400, "AccessDeniedException", "x is not authorized to perform: sagemaker:CreatePipeline on resource: y"),
            4,
            "your role does not allow sagemaker:CreatePipeline on y",
            id="denied",
        ),
        pytest.param(
            "list_pipeline_versions", (400, "AccessDeniedException", "no"), 0, "Created", id="version unknown"
        ),
    ],
)
def test_an_answer_of_aws_becomes_a_sentence_and_an_exit_code(
    here: Run, aws: Aws, operation: str, fault: tuple[int, str, str], code: int, sentence: str
) -> None:
    gaps.FAULTS[operation] = [fault]

    done = here("update-pipeline", "train", "--yes")

    assert done.code == code, done
    assert sentence in done.out + done.err
    assert "Traceback" not in done.err


def test_a_missing_network_is_reported(run: Run) -> None:
    done = run("update-pipeline", "train", "--yes", AWS_ENDPOINT_URL="http://127.0.0.1:9")

    assert done.code == 4
    assert "AWS cannot be reached from here" in done.err


def test_credentials_of_another_account_are_refused(here: Run, aws: Aws, project: Project) -> None:
    project.edit("environments.dev", account='"111122223333"', role='"arn:aws:iam::111122223333:role/customer-x"')

    done = here("update-pipeline", "train", "--yes")

    assert done.code == 3
    assert f"these credentials belong to account {ACCOUNT}" in done.err
    assert aws.calls() == []


@pytest.mark.parametrize(("times", "code"), [(2, 0), (50, 4)])
def test_aws_may_take_a_moment_to_show_a_new_pipeline(here: Run, aws: Aws, times: int, code: int) -> None:
    not_found = (400, "ResourceNotFound", "not found")
    gaps.FAULTS["describe_pipeline"] = [not_found] * (1 + times)

    done = here("update-pipeline", "train", "--yes")

    assert done.code == code, done
    assert aws.calls("create_pipeline") == ["create_pipeline"]
    assert ("was created, but AWS does not show it yet" in done.err) == bool(code)


@pytest.mark.parametrize("name", [NAME, "train"], ids=["full name", "file name"])
def test_a_pipeline_is_deleted_and_its_definition_kept(run: Run, aws: Aws, project: Project, name: str) -> None:
    create(aws, NAME, **TAGS)
    for _ in range(2):
        start(aws)

    done = run("delete-pipeline", name, "--yes")

    assert done.code == 0, done
    assert done.out.startswith(f"Delete pipeline {NAME}. This also deletes the history of 2 executions, 20")
    [kept] = (project.path / ".local" / "deleted").iterdir()
    assert json.loads(kept.read_text(encoding="utf-8")) == {"Version": "2020-12-01", "Steps": []}
    assert done.out.endswith(f"Deleted pipeline {NAME}; its definition is in .local/deleted/{kept.name}.\n")
    assert aws.calls(*CHANGES) == ["delete_pipeline"]


def test_a_dry_run_deletes_nothing(here: Run, aws: Aws, project: Project) -> None:
    create(aws, NAME, **TAGS)

    done = here("delete-pipeline", "train", "--dry-run")

    assert done.code == 0
    assert done.out.startswith(f"Delete pipeline {NAME}. It never ran.")
    assert aws.calls(*CHANGES) == []
    assert not (project.path / ".local" / "deleted").exists()


@pytest.mark.parametrize(("typed", "gone"), [(NAME, True), ("y", False), ("", False)])
def test_the_name_must_be_typed(here: Run, aws: Aws, monkeypatch: pytest.MonkeyPatch, typed: str, gone: bool) -> None:
    create(aws, NAME, **TAGS)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: typed)

    done = here("delete-pipeline", "train")

    assert done.code == 0
    assert (aws.calls("delete_pipeline") == ["delete_pipeline"]) == gone
    assert ("Nothing was changed." in done.out) != gone


def test_a_running_pipeline_is_kept_unless_it_is_stopped_first(run: Run, aws: Aws, project: Project) -> None:
    create(aws, NAME, **TAGS)
    execution = start(aws, status="Executing").rpartition("/")[2]

    refused = run("delete-pipeline", "train", "--yes")

    assert refused.code == 2
    assert f"pipeline '{NAME}' is running ({execution})" in refused.err
    assert "stop it first with --stop-first" in refused.err
    assert aws.calls(*CHANGES) == []

    done = run("delete-pipeline", "train", "--yes", "--stop-first")

    assert done.code == 0, done
    assert f"Stopping execution {execution} …" in done.out
    assert aws.calls(*CHANGES) == ["stop_pipeline_execution", "delete_pipeline"]


def test_nothing_is_deleted_while_it_is_still_stopping(here: Run, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    create(aws, NAME, **TAGS)
    execution = gaps.execution(start(aws, status="Stopping"))
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        assert aws.calls("delete_pipeline") == []
        if len(pauses) == 3:
            execution.pipeline_execution_status = "Stopped"

    monkeypatch.setattr("sagemaker_ops.aws.pipeline_deletion.time.sleep", sleep)

    done = here("delete-pipeline", "train", "--yes", "--stop-first")

    assert done.code == 0, done
    assert len(pauses) == 3
    assert pauses[0] < pauses[1] < pauses[2]
    assert aws.calls("delete_pipeline") == ["delete_pipeline"]


def test_if_the_definition_cannot_be_saved_nothing_is_deleted(here: Run, aws: Aws, project: Project) -> None:
    create(aws, NAME, **TAGS)
    (project.path / ".local").mkdir(exist_ok=True)
    (project.path / ".local" / "deleted").write_text("", encoding="utf-8")  # a file in place of the folder

    done = here("delete-pipeline", "train", "--yes")

    assert done.code == 2
    assert "so nothing was deleted" in done.err
    assert aws.calls(*CHANGES) == []


def test_a_personal_deployment_is_deleted_alone(here: Run, aws: Aws) -> None:
    create(aws, NAME, **TAGS)
    create(aws, f"{NAME}-anna", **TAGS, user="anna")

    assert here("delete-pipeline", "train", "--as", "anna", "--yes").code == 0
    assert [request["PipelineName"] for name, request in gaps.CALLS if name == "delete_pipeline"] == [f"{NAME}-anna"]


@pytest.mark.parametrize(
    ("name", "tags", "code", "sentence"),
    [
        pytest.param("customer-churn-train-dev", {**TAGS, "project": "churn"}, 0, "Deleted", id="the vertical's"),
        pytest.param(
            "revenue-churn-train-dev",
            {**TAGS, "vertical": "revenue", "owner": "bo@example.com"},
            3,
            "belongs to 'revenue' (owner bo@example.com)",
            id="another vertical's",
        ),
        pytest.param(
            "revenue-churn-train-dev", TAGS, 3, "but its name does not start with", id="our tag on another's name"
        ),
        pytest.param("customer-churn-train-prod", {**TAGS, "env": "prod"}, 3, "use --env prod", id="environment"),
    ],
)
def test_a_full_name_works_only_within_the_vertical(
    here: Run, aws: Aws, name: str, tags: dict[str, str], code: int, sentence: str
) -> None:
    create(aws, name, **tags)

    done = here("delete-pipeline", name, "--yes")

    assert done.code == code, done
    assert sentence in done.out + done.err
    assert bool(aws.calls("delete_pipeline")) == (code == 0)


def test_an_unknown_pipeline_is_reported_with_the_existing_ones(here: Run, aws: Aws) -> None:
    create(aws, NAME, **TAGS)

    done = here("delete-pipeline", "trian", "--yes")

    assert done.code == 2
    assert "there is no pipeline 'customer-flight-delays-trian-dev'" in done.err
    assert f"Did you mean '{NAME}'?" in done.err


def test_the_list_starts_with_the_project_followed_by_the_vertical(run: Run, aws: Aws) -> None:
    create(aws, "customer-churn-train-dev", **TAGS | {"project": "churn"})
    create(aws, NAME, **TAGS)
    create(aws, f"{NAME}-anna", **TAGS, user="anna")
    create(aws, "revenue-sales-train-dev", **TAGS | {"vertical": "revenue"})
    create(aws, "customer-stray-train-dev", **TAGS | {"vertical": "revenue"})
    start(aws, status="Failed")

    done = run("list-pipelines")

    assert done.code == 0, done
    assert [line.split()[:5] for line in done.out.splitlines()] == [
        ["pipeline", "project", "env", "user", "last"],
        [NAME, "flight-delays", "dev", "-", "Failed"],
        [f"{NAME}-anna", "flight-delays", "dev", "anna", "-"],
        ["customer-churn-train-dev", "churn", "dev", "-", "-"],
    ]
    everyone = run("list-pipelines", "--all").out.splitlines()
    assert [line.split() for line in everyone[4:]] == [
        ["customer-stray-train-dev", "-", "-", "-", "-", "-"],
        ["revenue-sales-train-dev", "-", "-", "-", "-", "-"],
    ]
    listed = json.loads(run("list-pipelines", "--output", "json").out)["PipelineSummaries"]
    assert listed[0]["LastExecutionStatus"] == "Failed"
    assert listed[1]["Tags"] == {"vertical": "customer", "project": "flight-delays", "env": "dev", "user": "anna"}


def test_an_empty_list_names_the_account_and_region(here: Run) -> None:
    assert here("list-pipelines").out == f"No pipelines of 'customer' in account {ACCOUNT}, eu-west-1.\n"


def test_a_thousand_pipelines_are_all_listed(here: Run, aws: Aws) -> None:
    backend = gaps.sagemaker_backends[ACCOUNT]["eu-west-1"]
    create(aws, "customer-p0-train-dev", **TAGS)
    [first] = backend.pipelines.values()
    for number in range(1, 1000):
        copied = copy.copy(first)
        copied.pipeline_name = f"customer-p{number}-train-dev"
        backend.pipelines[copied.pipeline_name] = copied

    done = here("list-pipelines")

    assert len(done.out.splitlines()) == 1001
    assert len(aws.calls("list_pipelines")) == 10


def test_a_pipeline_deleted_during_the_listing_is_left_out(here: Run, aws: Aws) -> None:
    create(aws, NAME, **TAGS)
    gaps.FAULTS["list_tags"] = [(400, "ResourceNotFound", "gone")]

    assert here("list-pipelines").out.startswith("No pipelines of 'customer'")


@pytest.mark.parametrize(
    "name",
    ["list-apps", "start-pipeline-execution", "update-pipeline", "update-pipeline-execution", "delete-pipeline"],
)
def test_a_command_also_has_its_own_script(project: Project, tmp_path: Path, name: str) -> None:
    """The console script that pip creates from pyproject.toml."""
    text = (project.path / "vendor" / "pyproject.toml").read_text(encoding="utf-8")
    declared = tomllib.loads(text)["project"]["scripts"]
    module, function = declared[name].split(":")
    script = tmp_path / name
    script.write_text(f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n", encoding="utf-8")

    done = project.run(sys.executable, str(script), "--help", PYTHONPATH=str(project.path / "vendor"))

    assert done.code == 0, done
    assert f"Usage: ops {name} " in done.out


_send = botocore.httpsession.URLLib3Session.send


@pytest.mark.parametrize("answered", [False, True], ids=["before the call", "after it"])
@pytest.mark.parametrize("new", [True, False], ids=["create", "update"])
def test_after_an_interruption_at_any_call_the_deployed_pipeline_runs_and_a_retry_completes_it(
    here: Run, aws: Aws, project: Project, monkeypatch: pytest.MonkeyPatch, new: bool, answered: bool
) -> None:
    """From a certain call on, the network is gone: the call does not arrive, or its answer does not."""
    if not new:
        assert here("update-pipeline", "train", "--yes").code == 0
        project.edit("pipeline", max_runtime_minutes="90")
        project.edit("project", owner='"others@example.com"')
        (project.path / "production" / "steps" / "training.py").write_text("print('new')\n", encoding="utf-8")
    for last in range(100):
        count = 0

        def send(self: Any, request: Any, last: int = last) -> Any:
            nonlocal count
            count += 1
            if count <= last or (answered and count == last + 1):
                answer = _send(self, request)
                if count <= last:
                    return answer
            raise EndpointConnectionError(endpoint_url=request.url)

        with monkeypatch.context() as patch:
            patch.setattr(botocore.httpsession.URLLib3Session, "send", send)
            done = here("update-pipeline", "train", "--yes")
        if count <= last:
            assert done.code == 0, done
            break
        assert "Traceback" not in done.err
        assert done.code in (0, 4), done
        try:
            definition = json.loads(deployed(aws)["PipelineDefinition"])
        except ClientError:
            assert new  # the existing one is still there
            continue
        assert _references(definition) <= {f"s3://{BUCKET}/{key}" for key in keys(aws)}, last
    else:
        pytest.fail("it was never completed")
    assert last >= 6  # the caller, the existing pipeline, the folders on S3, the uploads, the change
    done = here("update-pipeline", "train")
    assert done.out == f"Pipeline {NAME} is up to date: nothing changed.\n", done


def _references(definition: dict[str, Any]) -> set[str]:
    """A file in each folder that the definition reads, and its archive."""
    processing, training = (step["Arguments"] for step in definition["Steps"][:2])
    return {
        processing["ProcessingInputs"][1]["S3Input"]["S3Uri"] + "processing.py",
        processing["ProcessingInputs"][1]["S3Input"]["S3Uri"] + "training.py",
        training["HyperParameters"]["sagemaker_submit_directory"],
        definition["Parameters"][0]["DefaultValue"] + "table.csv",
    }


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
