"""list-apps, delete-app and list-running: whose apps they are, which are forgotten, and what costs money."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from projects import Project, Result

from aws import gaps
from aws.conftest import ACCOUNT, REGION, Aws

pytestmark = pytest.mark.slow

Ops = Callable[..., Result]
DOMAIN = "d-abc"
OWN = {"vertical": "customer", "owner": "ana@example.com"}
FOREIGN = {"vertical": "revenue", "owner": "bob@example.com"}


def arn(kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{DOMAIN}/{name}"


def put_app(
    owner: str,
    space: str = "",
    *,
    kind: str = "JupyterLab",
    idle: float = 0,
    age: float = 100,
    status: str = "InService",
    domain: str = DOMAIN,
    tags: dict[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """An app as on AWS, in a space of `owner` or directly in its profile; times in hours."""
    now = datetime.now(UTC).replace(microsecond=0)
    place = {"SpaceName": space} if space else {"UserProfileName": owner}
    path = f"{owner}/{kind}/default" if not space else f"{space}/{kind}/default"
    app = {
        "DomainId": domain,
        "AppType": kind,
        "AppName": "default",
        "AppArn": arn("app", path),
        "Status": status,
        "CreationTime": (now - timedelta(hours=age)).timestamp(),
        "LastUserActivityTimestamp": (now - timedelta(hours=idle)).timestamp(),
        "ResourceSpec": {"InstanceType": "ml.t3.medium"},
        **place,
        **more,
    }
    gaps.APPS.append(app)
    if space:
        summary = {"OwnerUserProfileName": owner} if owner else {}
        gaps.SPACES.append({"DomainId": domain, "SpaceName": space, "OwnershipSettingsSummary": summary})
    gaps.TAGS[arn("user-profile", owner)] = OWN if tags is None else tags
    return app


def apps(done: Result) -> list[str]:
    """The apps of a table, in order."""
    assert done.code == 0, done
    return [line.split()[0] for line in done.out.splitlines()[1:]]


def deleting() -> list[str]:
    return [app.get("SpaceName") or app["UserProfileName"] for app in gaps.APPS if app["Status"] == "Deleting"]


def test_the_longest_unused_app_comes_first(ops: Ops) -> None:
    put_app("customer-ana", "fresh", idle=1)
    put_app("customer-ben", "forgotten", idle=90)
    put_app("customer-eve", idle=10)
    put_app("customer-eve", "failed", idle=95, status="Failed")

    done = ops("list-apps")

    assert apps(done) == [
        "forgotten/JupyterLab/default",
        "customer-eve/JupyterLab/default",
        "fresh/JupyterLab/default",
        "failed/JupyterLab/default",
    ]
    [line] = [line for line in done.out.splitlines() if line.startswith("forgotten")]
    assert line.split()[1:] == ["customer-ben", DOMAIN, "ml.t3.medium", "InService", "3", "d", "4", "d"]


@pytest.mark.parametrize(
    ("owner", "space", "own"),
    [
        pytest.param("customer-ana", "lab", True, id="a space of ours"),
        pytest.param("customer-ana", "", True, id="a profile of ours"),
        pytest.param("revenue-bob", "customer-lab", False, id="a space named like ours"),
        pytest.param("customers-bob", "", False, id="a vertical that starts like ours"),
        pytest.param("", "customer-shared", True, id="a shared space of ours"),
        pytest.param("", "shared", False, id="a shared space without an owner"),
    ],
)
def test_other_verticals_apps_are_listed_only_with_all(ops: Ops, owner: str, space: str, own: bool) -> None:
    put_app(owner, space)

    shown, everyones = ops("list-apps"), ops("list-apps", "--all")

    name = space or owner
    assert (name in shown.out) is own
    assert apps(everyones) == [f"{name}/JupyterLab/default"]


def test_a_thousand_apps_are_read_in_pages(ops: Ops, aws: Aws) -> None:
    for number in range(1000):
        put_app("revenue-bob" if number else "customer-ana", f"space{number}")
    gaps.APPS.reverse()

    assert apps(ops("list-apps")) == ["space0/JupyterLab/default"]
    assert len(aws.calls("list_apps")) == 10
    assert len(aws.calls("describe_app")) == 1, "only ours"


def test_deleted_apps_are_left_out_and_an_empty_list_is_reported(ops: Ops) -> None:
    put_app("customer-ana", "gone", status="Deleted")

    assert ops("list-apps").out == f"No apps of 'customer' in account {ACCOUNT}, {REGION}.\n"


def test_as_json_it_has_the_keys_of_aws(ops: Ops) -> None:
    put = put_app("customer-ana", "lab", idle=5)

    [app] = json.loads(ops("list-apps", "--output", "json").out)["Apps"]

    assert {key: app[key] for key in ("SpaceName", "OwnerUserProfileName", "ResourceSpec", "Status")} == {
        "SpaceName": "lab",
        "OwnerUserProfileName": "customer-ana",
        "ResourceSpec": {"InstanceType": "ml.t3.medium"},
        "Status": "InService",
    }
    assert datetime.fromisoformat(app["LastUserActivityTimestamp"]).timestamp() == put["LastUserActivityTimestamp"]
    assert "UserProfileName" not in app


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        pytest.param("ResourceNotFound", True, id="gone since it was listed"),
        pytest.param("AccessDeniedException", True, id="not allowed to describe"),
        pytest.param("InvalidParameter", False, id="any other error"),
    ],
)
def test_an_app_that_cannot_be_described_is_still_listed(ops: Ops, code: str, shown: bool) -> None:
    put_app("customer-ana", "lab")
    gaps.FAULTS["describe_app"] = [(400, code, "no")]

    done = ops("list-apps")

    assert (done.code, "lab/JupyterLab/default" in done.out) == ((0, True) if shown else (4, False))


@pytest.mark.parametrize("command", ["list-apps", "list-running", "delete-app"])
@pytest.mark.parametrize(
    ("fault", "variables", "sentence"),
    [
        pytest.param((400, "ExpiredTokenException", "x"), {}, "your AWS credentials have expired", id="expired"),
        pytest.param(None, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "AWS cannot be reached", id="no network"),
    ],
)
def test_an_error_is_one_sentence(
    ops: Ops,
    aws: Aws,
    command: str,
    fault: tuple[int, str, str] | None,
    variables: dict[str, str],
    sentence: str,
) -> None:
    put_app("customer-ana", "lab")
    gaps.FAULTS["list_apps"] = [fault] if fault else []

    done = ops(command, *(["lab", "--yes"] if command == "delete-app" else []), **variables)

    assert (done.code, done.out) == (4, ""), done
    assert sentence in done.err
    assert "Traceback" not in done.err
    assert aws.calls("delete_app") == []


@pytest.mark.parametrize(
    "name", ["lab/JupyterLab/default", "lab/JupyterLab", "lab", "lab/"], ids=["path", "type", "space", "slash"]
)
def test_an_app_is_deleted_and_its_volume_is_kept(ops: Ops, name: str) -> None:
    put_app("customer-ana", "lab", idle=48)
    put_app("customer-ana", "laboratory")

    done = ops("delete-app", name, "--yes")

    assert done.code == 0, done
    assert deleting() == ["lab"]
    assert [request["SpaceName"] for call, request in gaps.CALLS if call == "describe_app"] == ["lab"]
    assert (
        "Delete app lab/JupyterLab/default of customer-ana in domain d-abc, ml.t3.medium, unused for 2 d." in done.out
    )
    assert "its volume and the files on it are kept" in done.out
    assert f"account {ACCOUNT} · {REGION} · dev" in done.err
    [(_, request)] = [call for call in gaps.CALLS if call[0] == "delete_app"]
    assert request == {"DomainId": DOMAIN, "AppType": "JupyterLab", "AppName": "default", "SpaceName": "lab"}


def test_an_app_in_a_user_profile_is_deleted_by_the_profile(ops: Ops) -> None:
    put_app("customer-ana", kind="JupyterServer")

    assert ops("delete-app", "customer-ana", "--yes").code == 0
    [(_, request)] = [call for call in gaps.CALLS if call[0] == "delete_app"]
    assert (request["UserProfileName"], "SpaceName" in request) == ("customer-ana", False)


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--dry-run"], 0), ([], 2)], ids=["dry run", "nobody can confirm, and no --yes"]
)
def test_nothing_is_deleted_without_confirmation(ops: Ops, aws: Aws, arguments: list[str], code: int) -> None:
    put_app("customer-ana", "lab")

    assert ops("delete-app", "lab", *arguments).code == code
    assert aws.calls("delete_app") == []


def test_an_app_that_is_being_deleted_is_not_deleted_again(ops: Ops, aws: Aws) -> None:
    put_app("customer-ana", "lab", status="Deleting")

    done = ops("delete-app", "lab", "--yes")

    assert (done.code, aws.calls("delete_app")) == (0, [])
    assert "is already being deleted" in done.out


@pytest.mark.parametrize(
    ("owner", "space", "tags", "sentence"),
    [
        pytest.param("revenue-bob", "lab", FOREIGN, "belongs to 'revenue-bob'", id="another vertical's profile"),
        pytest.param("customer-ana", "lab", FOREIGN, "belongs to 'revenue' (owner bob@example.com)", id="its tag"),
        pytest.param("customer-ana", "lab", {}, "set vertical = customer on the user profile", id="no tag"),
        pytest.param("", "lab", OWN, "has no owner", id="a shared space"),
    ],
)
def test_another_owners_app_is_refused(
    ops: Ops, aws: Aws, owner: str, space: str, tags: dict[str, str], sentence: str
) -> None:
    put_app(owner, space, tags=tags)

    done = ops("delete-app", "lab", "--yes")

    assert (done.code, aws.calls("delete_app")) == (3, []), done
    assert sentence in done.err


def test_if_tags_must_not_be_read_nothing_is_deleted(ops: Ops) -> None:
    put_app("customer-ana", "lab")
    gaps.FAULTS["list_tags"] = [(400, "AccessDeniedException", "no")] * 3

    done = ops("delete-app", "lab", "--yes")

    assert (done.code, deleting()) == (3, []), done
    assert "you may not read the tags of app 'lab/JupyterLab/default', so it is not clear whose it is" in done.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(["labb"], "Did you mean 'lab'?", id="misspelled"),
        pytest.param(["la"], "there is no app 'la'", id="part of a name"),
        pytest.param(["lab"], "add --domain with one of d-abc, d-other", id="in two domains"),
        pytest.param(["two"], "one of two/CodeEditor/default, two/JupyterLab/default", id="two apps in a space"),
    ],
)
def test_a_name_that_does_not_match_one_app_is_reported(
    ops: Ops, aws: Aws, arguments: list[str], sentence: str
) -> None:
    put_app("customer-ana", "lab")
    put_app("customer-ana", "lab", domain="d-other")
    put_app("customer-ana", "two")
    put_app("customer-ana", "two", kind="CodeEditor")

    done = ops("delete-app", *arguments, "--yes")

    assert (done.code, aws.calls("delete_app")) == (2, []), done
    assert sentence in done.err


def test_the_same_name_in_two_domains_is_distinguished_by_domain(ops: Ops) -> None:
    put_app("customer-ana", "lab")
    put_app("customer-ana", "lab", domain="d-other")

    done = ops("delete-app", "lab", "--domain", DOMAIN, "--yes")

    assert done.code == 0, done
    assert [app["DomainId"] for app in gaps.APPS if app["Status"] == "Deleting"] == [DOMAIN]


def test_an_app_that_is_already_gone_counts_as_deleted(ops: Ops) -> None:
    put_app("customer-ana", "lab")
    gaps.FAULTS["delete_app"] = [(400, "ValidationException", "App does not exist")]

    assert ops("delete-app", "lab", "--yes").code == 0


# What is running


def put_endpoint(aws: Aws, name: str) -> None:
    sagemaker = aws.client("sagemaker")
    role = f"arn:aws:iam::{ACCOUNT}:role/customer-pipelines"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "image"})
    variant = {"VariantName": "all", "ModelName": name, "InstanceType": "ml.c5.large", "InitialInstanceCount": 2}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def put_execution(aws: Aws, pipeline: str, status: str = "Executing") -> str:
    """An execution with one training job that is running and one that has ended."""
    sagemaker = aws.client("sagemaker")
    role = f"arn:aws:iam::{ACCOUNT}:role/customer-pipelines"
    sagemaker.create_pipeline(PipelineName=pipeline, PipelineDefinition="{}", RoleArn=role, ClientRequestToken="a" * 32)
    execution: str = sagemaker.start_pipeline_execution(PipelineName=pipeline)["PipelineExecutionArn"]
    gaps.execution(execution).pipeline_execution_status = status
    steps = []
    for step, step_status in (("Training", "Executing"), ("Earlier", "Succeeded")):
        job = f"{pipeline}-{step}"
        sagemaker.create_training_job(
            TrainingJobName=job,
            RoleArn=role,
            AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
            OutputDataConfig={"S3OutputPath": "s3://customer-ml-dev/models"},
            ResourceConfig={"InstanceCount": 3, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30},
            StoppingCondition={"MaxRuntimeInSeconds": 3600},
        )
        metadata = {"TrainingJob": {"Arn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/{job}"}}
        steps.append({"StepName": step, "StepStatus": step_status, "Metadata": metadata})
    gaps.STEPS[execution] = steps
    return execution


def put_everything(aws: Aws, vertical: str) -> str:
    put_app(f"{vertical}-ana", f"{vertical}lab", age=10)
    put_endpoint(aws, f"{vertical}-churn-dev")
    aws.client("sagemaker").create_notebook_instance(
        NotebookInstanceName=f"{vertical}-notes",
        InstanceType="ml.t3.medium",
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/customer-pipelines",
    )
    return put_execution(aws, f"{vertical}-churn-train-dev")


def test_everything_that_costs_money_is_listed_with_the_command_that_stops_it(ops: Ops, aws: Aws) -> None:
    execution = put_everything(aws, "customer")

    done = ops("list-running", "--output", "json")

    assert done.code == 0, done
    running = json.loads(done.out)["Running"]
    assert [
        (each["Kind"], each.get("InstanceType"), each.get("InstanceCount"), each.get("StopWith")) for each in running
    ] == [
        ("app", "ml.t3.medium", 1, "ops delete-app customerlab/JupyterLab/default --env dev"),
        (
            "endpoint",
            "ml.c5.large",
            2,
            f"aws sagemaker delete-endpoint --endpoint-name customer-churn-dev --region {REGION}",
        ),
        (
            "notebook instance",
            "ml.t3.medium",
            1,
            f"aws sagemaker stop-notebook-instance --notebook-instance-name customer-notes --region {REGION}",
        ),
        ("execution", None, None, f"ops stop-pipeline-execution {execution} --env dev"),
        ("job", "ml.m5.large", 3, None),
    ]
    assert running[0]["InstanceHours"] == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize("everyone", [False, True], ids=["own", "all"])
def test_what_others_run_is_listed_only_with_all(ops: Ops, aws: Aws, everyone: bool) -> None:
    put_everything(aws, "revenue")

    done = ops("list-running", *(["--all"] if everyone else []))

    assert done.code == 0, done
    if everyone:
        assert len([line for line in done.out.splitlines() if "revenue" in line]) == 4
    else:
        assert done.out == f"Nothing of 'customer' is running in account {ACCOUNT}, {REGION}.\n"


def test_what_has_ended_costs_nothing(ops: Ops, aws: Aws) -> None:
    put_app("customer-ana", "lab", status="Failed")
    put_app("customer-ana", kind="JupyterServer", ResourceSpec={"InstanceType": "system"})
    put_execution(aws, "customer-churn-train-dev", "Succeeded")
    name = "customer-notes"
    role = f"arn:aws:iam::{ACCOUNT}:role/customer-pipelines"
    aws.client("sagemaker").create_notebook_instance(
        NotebookInstanceName=name, InstanceType="ml.t3.medium", RoleArn=role
    )
    aws.client("sagemaker").stop_notebook_instance(NotebookInstanceName=name)

    assert ops("list-running").out.startswith("Nothing of 'customer' is running")


def test_the_cost_is_shown_only_if_there_are_prices(ops: Ops, aws: Aws, tmp_path: Any, project: Project) -> None:
    put_app("customer-ana", "lab", age=10)
    policy = (project.path / "guardrails.toml").read_text(encoding="utf-8").partition("[prices")[0]
    priced = tmp_path / "policy.toml"
    table = f'[prices]\nregion = "{REGION}"\ndate = "2026-11-01"\ncurrency = "USD"\n'
    priced.write_text(f'{policy}\n{table}[prices.studio]\n"ml.t3.medium" = 0.5\n', encoding="utf-8")

    unknown, known = ops("list-running"), ops("list-running", OPS_GUARDRAILS=str(priced))

    assert "unknown" in unknown.out
    assert "USD" not in unknown.out
    assert "5.00 USD" in known.out, known
    assert known.out.splitlines()[-1] == "So far 10.0 instance hours; 5.00 USD, at the prices of 2026-11-01."


def test_what_must_not_be_read_is_reported_after_the_rest(ops: Ops) -> None:
    put_app("customer-ana", "lab")
    message = "User: x is not authorized to perform: sagemaker:ListNotebookInstances"
    gaps.FAULTS["list_notebook_instances"] = [(400, "AccessDeniedException", message)]

    done = ops("list-running")

    assert done.code == 4
    assert "lab/JupyterLab/default" in done.out
    assert "your role does not allow sagemaker:ListNotebookInstances" in done.err


def test_a_job_that_must_not_be_described_is_still_listed(ops: Ops, aws: Aws) -> None:
    put_execution(aws, "customer-churn-train-dev")
    gaps.FAULTS["describe_training_job"] = [(400, "AccessDeniedException", "no")]

    done = ops("list-running")

    assert done.code == 0, done
    assert [line.split()[:2] for line in done.out.splitlines()[1:3]] == [
        ["execution", "customer-churn-train-dev"],
        ["job", "step"],
    ]
    assert "ml.m5.large" not in done.out
