"""The schedules of pipelines: made, changed and removed with their pipeline, and never another's."""

from __future__ import annotations

import json
import sys
import tomllib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from projects import Bake, Project, Result

from aws import deployable, gaps
from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE, Aws
from aws.front import Bad, serving
from sagemaker_ops import trace
from sagemaker_ops.project.settings import parse

pytestmark = pytest.mark.slow

Run = Callable[..., Result]
NAME = "customer-flight-delays-train-dev"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{NAME}"
GROUP = "customer-flight-delays-dev"
CHANGES = ("create_schedule_group", "create_schedule", "update_schedule", "delete_schedule", "add_tags")
MONDAYS = '{ when = "cron(0 6 ? * MON *)", timezone = "Europe/Berlin", window_minutes = 15, environments = ["dev"] }'
WEEKLY = '{ when = "rate(7 days)", environments = ["dev"] }'
UP_TO_DATE = f"Pipeline {NAME} is up to date: nothing changed.\n"


@pytest.fixture
def project(_deployable: Project, tmp_path: Path) -> Project:
    return deployable.copy(_deployable, tmp_path)


def schedule(project: Project, value: str) -> None:
    """Replace the table [schedule] of project.toml by one for `train`; "" for none."""
    path = project.path / "project.toml"
    before, _, after = path.read_text(encoding="utf-8").partition("[schedule]")
    rest = after.partition("\n[")[2]
    table = f"[schedule]\n{f'train = {value}' if value else ''}\n\n["
    path.write_text(before + table + rest, encoding="utf-8")


def on_aws(aws: Aws) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("scheduler").get_schedule(GroupName=GROUP, Name=NAME)
    return found


def names(aws: Aws) -> list[str]:
    return [each["Name"] for each in aws.client("scheduler").list_schedules()["Schedules"]]


def tag(aws: Aws) -> str:
    tags = {each["Key"]: each["Value"] for each in aws.client("sagemaker").list_tags(ResourceArn=ARN)["Tags"]}
    return str(tags.get("schedule", ""))


def others_group(aws: Aws, **tags: str) -> None:
    """The group that the project's schedule would be in, made by somebody else."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    aws.client("scheduler").create_schedule_group(Name=GROUP, Tags=listed)
    gaps.CALLS.clear()


def test_a_schedule_is_made_with_its_pipeline(here: Run, aws: Aws, project: Project) -> None:
    schedule(project, MONDAYS.replace(" }", ', parameters = { ProcessingInstanceType = "ml.m5.xlarge" } }'))

    done = here("update-pipeline", "train", "--yes")

    assert done.code == 0, done
    [line] = [line for line in done.out.splitlines() if line.startswith("+ schedule")]
    parts = "cron(0 6 ? * MON *) Europe/Berlin, within 15 minutes, ProcessingInstanceType=ml.m5.xlarge; next Mon "
    assert line.startswith(f"+ schedule: {parts}")
    assert line.endswith(" 06:00 Europe/Berlin")
    *_, pipeline, last = done.out.splitlines()
    assert pipeline == f"Created pipeline {NAME}."
    assert last.startswith(f"Created the schedule of pipeline {NAME}: next Mon ")
    made = on_aws(aws)
    assert made["ScheduleExpression"] == "cron(0 6 ? * MON *)"
    assert made["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert made["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    assert made["Target"] == {
        "Arn": ARN,
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/customer-scheduler-dev",
        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 5},
        "SageMakerPipelineParameters": {
            "PipelineParameterList": [{"Name": "ProcessingInstanceType", "Value": "ml.m5.xlarge"}]
        },
    }
    group = aws.client("scheduler").get_schedule_group(Name=GROUP)["Arn"]
    tags = aws.client("scheduler").list_tags_for_resource(ResourceArn=group)["Tags"]
    assert {each["Key"]: each["Value"] for each in tags} == {
        "vertical": "customer", "project": "flight-delays", "env": "dev", "owner": "team@example.com"
    }  # fmt: skip
    assert tag(aws) == made["Arn"]
    assert here("update-pipeline", "train").out == UP_TO_DATE


def test_history_says_that_a_schedule_started_it(here: Run, aws: Aws, project: Project) -> None:
    pipeline = project.path / "production" / "pipelines" / "train.py"
    text = pipeline.read_text(encoding="utf-8")
    declared = '+ [{"Name": "StartedBy", "Type": "String", "DefaultValue": "unknown"}],\n            "Steps": ['
    pipeline.write_text(text.replace(',\n            "Steps": [', declared), encoding="utf-8")
    schedule(project, WEEKLY)

    assert here("update-pipeline", "train", "--yes").code == 0

    [parameter] = on_aws(aws)["Target"]["SageMakerPipelineParameters"]["PipelineParameterList"]
    assert parameter["Name"] == "StartedBy"
    started = trace.parse(parameter["Value"])
    assert (started.who, started.source, started.description) == ("schedule", "aws-schedule", "Schedule of AWS")
    assert here("update-pipeline", "train").out == UP_TO_DATE


def test_a_rate_does_not_start_at_once_and_keeps_its_rhythm(here: Run, aws: Aws, project: Project) -> None:
    """AWS starts a rate when it is created, unless it has a start."""
    schedule(project, WEEKLY)
    here("update-pipeline", "train", "--yes")
    start = on_aws(aws)["StartDate"]
    week = datetime.now(UTC) + timedelta(days=7)
    assert abs(start - week) < timedelta(minutes=5)

    schedule(project, WEEKLY.replace("environments", "window_minutes = 60, environments"))
    changed = here("update-pipeline", "train", "--yes")

    assert "~ schedule: none → within 60 minutes; next " in changed.out
    assert on_aws(aws)["StartDate"] == start


def test_only_the_schedule_changes(here: Run, aws: Aws, project: Project) -> None:
    schedule(project, WEEKLY)
    here("update-pipeline", "train", "--yes")
    schedule(project, MONDAYS)
    gaps.CALLS.clear()

    shown = here("update-pipeline", "train", "--dry-run")
    assert aws.calls(*CHANGES) == []
    done = here("update-pipeline", "train", "--yes")

    assert shown.code == done.code == 0, done
    line = "~ schedule: rate(7 days) UTC → cron(0 6 ? * MON *) Europe/Berlin; none → within 15 minutes; next Mon "
    assert line in shown.out
    assert aws.calls("update_pipeline", *CHANGES) == ["update_schedule"]
    assert f"Updated the schedule of pipeline {NAME}: next Mon " in done.out
    assert "Uploaded" not in done.out
    assert here("update-pipeline", "train").out == UP_TO_DATE


def test_a_schedule_that_somebody_paused_is_shown_and_goes_on(here: Run, aws: Aws, project: Project) -> None:
    schedule(project, MONDAYS)
    here("update-pipeline", "train", "--yes")
    found = on_aws(aws)
    keys = ("Name", "GroupName", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target")
    aws.client("scheduler").update_schedule(**{key: found[key] for key in keys}, State="DISABLED")

    assert "~ schedule: paused → none; next Mon " in here("update-pipeline", "train", "--yes").out
    assert on_aws(aws)["State"] == "ENABLED"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="no schedule"),
        pytest.param(WEEKLY.replace('["dev"]', "[]"), id="nowhere"),
        pytest.param(WEEKLY.replace('["dev"]', '["prod"]'), id="elsewhere"),
        pytest.param('"rate(7 days)"', id="in prod, as by default"),
        pytest.param(WEEKLY.replace("rate(7 days)", "at(2026-01-01T00:00:00)"), id="over"),
    ],
)
def test_what_is_no_longer_scheduled_is_removed(here: Run, aws: Aws, project: Project, value: str) -> None:
    schedule(project, WEEKLY)
    here("update-pipeline", "train", "--yes")
    schedule(project, value)

    done = here("update-pipeline", "train", "--yes")

    assert done.code == 0, done
    assert "- schedule: rate(7 days)" in done.out.splitlines()
    assert done.out.endswith(f"Removed the schedule of pipeline {NAME}.\n")
    assert names(aws) == []
    assert tag(aws) == "none"
    gaps.CALLS.clear()
    assert here("update-pipeline", "train").out == UP_TO_DATE
    assert aws.calls("get_schedule", "get_schedule_group") == []


def test_without_a_schedule_nothing_is_asked_of_eventbridge(here: Run, aws: Aws) -> None:
    here("update-pipeline", "train", "--yes")

    assert [name for name in aws.calls() if "schedule" in name] == []


def test_a_personal_deployment_is_never_scheduled(here: Run, aws: Aws, project: Project) -> None:
    schedule(project, WEEKLY)

    done = here("update-pipeline", "train", "--as", "anna", "--yes")

    assert done.code == 0, done
    assert "schedule" not in done.out
    assert names(aws) == []


def test_a_deleted_pipeline_takes_its_schedule_along(here: Run, aws: Aws, project: Project) -> None:
    schedule(project, WEEKLY)
    here("update-pipeline", "train", "--yes")
    gaps.CALLS.clear()

    done = here("delete-pipeline", "train", "--yes")

    assert done.code == 0, done
    assert "Delete its schedule." in done.out.splitlines()
    assert aws.calls("delete_schedule", "delete_pipeline") == ["delete_schedule", "delete_pipeline"]
    assert names(aws) == []


def test_a_rollback_keeps_the_schedule(here: Run, aws: Aws, project: Project) -> None:
    schedule(project, WEEKLY)
    here("update-pipeline", "train", "--yes")
    old = json.loads(aws.client("sagemaker").describe_pipeline(PipelineName=NAME)["PipelineDefinition"])
    old["Steps"] = old["Steps"][:1]
    gaps.VERSIONS[NAME] = [
        {"PipelineArn": ARN, "PipelineVersionId": 2},
        {"PipelineArn": ARN, "PipelineVersionId": 1, "PipelineDefinition": json.dumps(old)},
    ]
    before = on_aws(aws)
    gaps.CALLS.clear()

    done = here("rollback-pipeline", "train", "--yes")

    assert done.code == 0, done
    assert aws.calls(*CHANGES) == []
    assert on_aws(aws) | {"ResponseMetadata": 0} == before | {"ResponseMetadata": 0}
    assert tag(aws) == before["Arn"]


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("create_schedule_group", f"cannot create schedule group '{GROUP}'"),
        ("create_schedule", f"cannot create schedule '{NAME}'"),
    ],
)
def test_a_schedule_that_cannot_be_made_does_not_undo_the_pipeline(
    here: Run, aws: Aws, project: Project, operation: str, words: str
) -> None:
    schedule(project, WEEKLY)
    action = f"scheduler:{''.join(part.capitalize() for part in operation.split('_'))}"
    message = f"User: x is not authorized to perform: {action} on resource: y"
    gaps.FAULTS[operation] = [(403, "AccessDeniedException", message)]

    done = here("update-pipeline", "train", "--yes")

    assert done.code == 4, done
    assert f"Created pipeline {NAME}." in done.out
    [error] = done.err.splitlines()[1:]
    reason = f"{words}: your role does not allow {action}"
    assert error.startswith(f"error: pipeline {NAME} is deployed, but its schedule was not changed: {reason}")
    assert error.endswith(" Then run the command again.")
    again = here("update-pipeline", "train", "--yes")
    assert again.code == 0, again
    assert names(aws) == [NAME]


def test_a_schedule_whose_answer_is_lost_is_made_by_the_next_command(aws: Aws, project: Project) -> None:
    schedule(project, WEEKLY)
    command = (sys.executable, "-m", "sagemaker_ops", "update-pipeline", "train", "--yes")
    with serving(aws.endpoint) as front:
        front.bad["POST"] = Bad(ending="drop", passed_on=True)
        variables = {**aws.environment, "AWS_ENDPOINT_URL": front.url, "OPS_POLL_SECONDS": "0.01"}
        lost = project.run(*command, **variables)
        front.bad.clear()
        again = project.run(*command, **variables)

    assert lost.code == 4, lost
    assert lost.err.endswith("It is not known whether AWS did it: run the command again, which is safe.\n")
    assert again.code == 0, again
    assert names(aws) == [NAME]


def test_who_may_not_read_schedules_learns_it_before_anything_changes(here: Run, aws: Aws, project: Project) -> None:
    schedule(project, WEEKLY)
    gaps.FAULTS["get_schedule_group"] = [(403, "AccessDeniedException", "no")]

    done = here("update-pipeline", "train", "--yes")

    assert done.code == 4, done
    assert f"cannot describe the schedule of pipeline '{NAME}'" in done.err
    assert aws.calls("create_pipeline", *CHANGES) == []


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"vertical": "revenue", "env": "dev", "owner": "bob"}, "belongs to 'revenue' (owner bob)"),
        ({"vertical": "customer", "env": "prod"}, "belongs to environment 'prod'"),
        ({}, "has no tag 'vertical'"),
    ],
)
def test_another_ones_group_is_not_touched(
    here: Run, aws: Aws, project: Project, tags: dict[str, str], words: str
) -> None:
    others_group(aws, **tags)
    schedule(project, WEEKLY)

    done = here("update-pipeline", "train", "--yes")

    assert done.code == 3, done
    assert f"schedule group '{GROUP}' {words}" in done.err
    assert aws.calls("create_pipeline", *CHANGES) == []


def test_a_group_that_another_pipeline_of_the_project_made_is_used(here: Run, aws: Aws, project: Project) -> None:
    others_group(aws, vertical="customer", project="flight-delays", env="dev")
    schedule(project, WEEKLY)

    assert here("update-pipeline", "train", "--yes").code == 0
    assert aws.calls("create_schedule_group", "create_schedule") == ["create_schedule"]


@pytest.mark.parametrize(
    ("parameters", "code", "words"),
    [
        ("{ Threshold = 0.5 }", 2, "[schedule.train].parameters: there is no parameter 'Threshold'."),
        ("{ ProcessingInstanceType = \"ml.p4d.24xlarge\" }", 3, "'ml.p4d.24xlarge'"),
    ],
)  # fmt: skip
def test_a_schedule_starts_only_what_a_command_may_start(
    here: Run, aws: Aws, project: Project, parameters: str, code: int, words: str
) -> None:
    schedule(project, WEEKLY.replace(" }", f", parameters = {parameters} }}"))

    done = here("update-pipeline", "train", "--yes")

    assert done.code == code, done
    assert words in done.err
    assert aws.calls("create_pipeline", *CHANGES) == []


def test_the_role_can_have_another_name(here: Run, aws: Aws, project: Project) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/ml/starts-pipelines"
    project.edit("environments.dev", scheduler_role=f'"{role}"')
    schedule(project, WEEKLY)

    assert here("update-pipeline", "train", "--yes").code == 0
    assert on_aws(aws)["Target"]["RoleArn"] == role


def test_list_running_shows_what_starts_next(here: Run, aws: Aws, project: Project, ops: Run) -> None:
    schedule(project, MONDAYS)
    here("update-pipeline", "train", "--yes")
    target = {
        "Arn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/revenue-x-train-dev",
        "RoleArn": "arn:aws:iam::1:role/r",
    }
    common: dict[str, Any] = {"FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target, "GroupName": GROUP}
    for name, state in (("revenue-x-train-dev", "ENABLED"), ("customer-x-train-dev", "DISABLED")):
        aws.client("scheduler").create_schedule(Name=name, ScheduleExpression="rate(1 day)", State=state, **common)
    lambda_target = {**target, "Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:customer-x"}
    aws.client("scheduler").create_schedule(
        Name="customer-lambda", ScheduleExpression="rate(1 day)", **{**common, "Target": lambda_target}
    )

    table = ops("list-running")
    document = json.loads(ops("list-running", "--output", "json").out)

    assert table.code == 0, table
    [own, paused] = [line for line in table.out.splitlines() if "train-dev" in line]
    assert paused.split() == ["customer-x-train-dev", "rate(1", "day)", "disabled", "never"]
    assert own.startswith(f"{NAME}  cron(0 6 ? * MON *)")
    assert own.endswith("06:00 Europe/Berlin")
    assert [each["Name"] for each in document["Schedules"]] == [NAME, "customer-x-train-dev"]
    assert document["Schedules"][0]["NextRun"].endswith(("05:00:00+00:00", "06:00:00+01:00", "06:00:00+02:00"))


def test_list_running_does_without_schedules_that_it_must_not_read(ops: Run, aws: Aws) -> None:
    gaps.FAULTS["list_schedules"] = [(403, "AccessDeniedException", "no")]

    done = ops("list-running")

    assert (done.code, done.err) == (0, ""), done


def test_the_settings_of_the_test_are_read(project: Project) -> None:
    schedule(project, MONDAYS)

    read = parse(tomllib.loads((project.path / "project.toml").read_text(encoding="utf-8")))

    assert list(read.schedule) == ["train"]


COMPARED = ("ApprovedModelVersion", "ApprovedModelDataUrl", "ApprovedEvaluationUrl")


def version_of_model(aws: Aws, status: str) -> None:
    """A registered version whose archive is on S3."""
    key = f"models/{uuid.uuid4().hex}/model.tar.gz"
    aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"x")
    containers = [{"Image": "image", "ModelDataUrl": f"s3://{BUCKET}/{key}"}]
    aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=GROUP,
        ModelApprovalStatus=status,
        InferenceSpecification={
            "Containers": containers, "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]
        },
    )  # fmt: skip


def compared(aws: Aws) -> dict[str, str]:
    listed = on_aws(aws)["Target"]["SageMakerPipelineParameters"]["PipelineParameterList"]
    return {each["Name"]: each["Value"] for each in listed}


@pytest.fixture
def comparing(project: Project) -> Project:
    """Its pipeline has the parameters of the approved model."""
    pipeline = project.path / "production" / "pipelines" / "train.py"
    text = pipeline.read_text(encoding="utf-8")
    entry = '{{"Name": "{}", "Type": "String", "DefaultValue": "unknown"}}'
    declared = f"+ [{', '.join(map(entry.format, COMPARED))}]"
    pipeline.write_text(
        text.replace(',\n            "Steps": [', f'{declared},\n            "Steps": ['), encoding="utf-8"
    )
    return project


def test_a_schedule_knows_the_approved_model(here: Run, aws: Aws, comparing: Project) -> None:
    schedule(comparing, WEEKLY)
    made = here("update-pipeline", "train", "--yes")
    assert made.code == 0, made
    assert "ApprovedModelVersion=none; next " in made.out
    for status in ("Approved", "PendingManualApproval"):
        version_of_model(aws, status)

    changed = here("update-pipeline", "train", "--yes")

    assert "~ schedule: ApprovedModelVersion=none → ApprovedModelVersion=1; next " in changed.out
    assert compared(aws)["ApprovedModelVersion"] == "1"
    start = on_aws(aws)["StartDate"]
    approved = here("approve-model", "2", "--yes")
    assert approved.code == 0, approved
    assert approved.out.endswith(f"The schedule of pipeline {NAME} uses version 2.\n")
    assert compared(aws)["ApprovedModelVersion"] == "2"
    assert on_aws(aws)["StartDate"] == start
    assert here("update-pipeline", "train").out == UP_TO_DATE
    assert here("reject-model", "2", "--yes").out.endswith(f"The schedule of pipeline {NAME} uses version 1.\n")


def test_a_schedule_that_predicts_needs_an_approved_model(here: Run, aws: Aws, comparing: Project) -> None:
    pipeline = comparing.path / "production" / "pipelines" / "train.py"
    text = pipeline.read_text(encoding="utf-8")
    pipeline.write_text(text.replace('"DefaultValue": "unknown"', '"DefaultValue": "required"', 1), encoding="utf-8")
    deployed = here("update-pipeline", "train", "--yes")
    schedule(comparing, WEEKLY)

    refused = here("update-pipeline", "train", "--yes")
    version_of_model(aws, "Approved")
    made = here("update-pipeline", "train", "--yes")
    rejected = here("reject-model", "1", "--yes")

    assert (deployed.code, refused.code, made.code, rejected.code) == (0, 2, 0, 0), (refused, made, rejected)
    assert "no model is approved" in refused.err
    assert (
        f"warning: the schedule of pipeline {NAME} still has the version before: no model is approved" in rejected.out
    )
    assert compared(aws)["ApprovedModelVersion"] == "1"


def test_a_version_that_project_toml_names_stays(here: Run, aws: Aws, comparing: Project) -> None:
    here("update-pipeline", "train", "--yes")
    version_of_model(aws, "Approved")
    version_of_model(aws, "PendingManualApproval")
    schedule(comparing, WEEKLY.replace(" }", ', parameters = { ApprovedModelVersion = "1" } }'))
    assert here("update-pipeline", "train", "--yes").code == 0

    approved = here("approve-model", "2", "--yes")

    assert approved.code == 0, approved
    assert "schedule" not in approved.out
    assert compared(aws)["ApprovedModelVersion"] == "1"


def test_an_approval_is_made_even_if_the_schedule_cannot_be_changed(here: Run, aws: Aws, comparing: Project) -> None:
    schedule(comparing, WEEKLY)
    here("update-pipeline", "train", "--yes")
    version_of_model(aws, "PendingManualApproval")
    gaps.FAULTS["update_schedule"] = [(403, "AccessDeniedException", "no")]

    done = here("approve-model", "1", "--yes")

    assert done.code == 4, done
    assert "Version 1 of customer-flight-delays-dev is Approved." in done.out
    [error] = done.err.splitlines()[1:]
    assert error.startswith(f"error: the schedule of pipeline {NAME} still has the version before: cannot update ")
    assert error.endswith(" Then deploy it with `ops update-pipeline train`.")


def test_the_pipeline_of_a_new_project_is_scheduled(ready: Bake, aws: Aws) -> None:
    project = ready()
    project.edit("environments.dev", account=f'"{ACCOUNT}"', role=f'"{ROLE}"', bucket=f'"{BUCKET}"')
    project.edit("gate", against='"approved"')
    schedule(project, WEEKLY.replace(" }", ", parameters = { QualityGate = 0.7, MaxIter = 200 } }"))

    done = project.ops("update-pipeline", "train", "--yes", **aws.environment)

    assert done.code == 0, done
    assert compared(aws) == {
        "ApprovedModelVersion": "none",
        "MaxIter": "200",
        "QualityGate": "0.7",
        "StartedBy": "source=aws-schedule",
    }
    assert project.ops("update-pipeline", "train", **aws.environment).out == UP_TO_DATE
    assert project.ops("check").out.endswith("\ntrain starts in dev: first 7 days after its deployment\n")
