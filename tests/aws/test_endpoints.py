"""deploy-endpoint, invoke, describe-endpoint, list-endpoints and delete-endpoint."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from projects import MINIMAL, Project, Result

from aws import deployable, gaps
from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE, Aws
from aws.test_models import GROUP, OWN, put_group, put_version
from sagemaker_ops.aws import endpoint_probe, endpoint_requests, invocation
from sagemaker_ops.errors import UserError
from sagemaker_ops.project.settings import Environment, parse
from sagemaker_ops.project.target import Target

pytestmark = pytest.mark.slow

NAME = "customer-flight-delays-dev"
TAGS = {"vertical": "customer", "project": "flight-delays", "env": "dev"}
Ops = Callable[..., Result]


@pytest.fixture
def ops(aws: Aws, _project: Project) -> Ops:
    """Polls quickly."""

    def run(*arguments: str, **environment: str) -> Result:
        given = {**aws.environment, "OPS_POLL_SECONDS": "0.01", **environment}
        return _project.run(sys.executable, "-m", "sagemaker_ops", *arguments, **given)

    return run


@pytest.fixture
def edited(aws: Aws, _project: Project, tmp_path: Path) -> Callable[..., Ops]:
    """`edited(serverless="true")` is `ops` in a copy of the project with these values in [endpoint]."""
    copy = deployable.copy(_project, tmp_path)

    def with_settings(**values: str) -> Ops:
        path = copy.path / "project.toml"
        text = re.sub(r"\n\[endpoint\].*?(?=\n\[|\Z)", "", path.read_text("utf-8"), flags=re.DOTALL)
        lines = "".join(f"{key} = {value}\n" for key, value in values.items())
        path.write_text(f"{text}\n[endpoint]\n{lines}", encoding="utf-8")

        def run(*arguments: str) -> Result:
            given = {**aws.environment, "OPS_POLL_SECONDS": "0.01"}
            return copy.run(sys.executable, "-m", "sagemaker_ops", *arguments, **given)

        return run

    return with_settings


@pytest.fixture
def approved(aws: Aws) -> list[str]:
    """The ARNs of two approved versions."""
    put_group(aws, tags={**OWN, "project": "flight-delays"})
    return [approve(aws, put_version(aws)) for _ in range(2)]


def approve(aws: Aws, arn: str) -> str:
    aws.client("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    return arn


def endpoint(aws: Aws, name: str = NAME) -> Any:
    return aws.client("sagemaker").describe_endpoint(EndpointName=name)


def config(aws: Aws, name: str = NAME) -> Any:
    return aws.client("sagemaker").describe_endpoint_config(
        EndpointConfigName=endpoint(aws, name)["EndpointConfigName"]
    )


def served(aws: Aws, name: str = NAME) -> str:
    """The ARN of the model package that the endpoint serves."""
    [variant] = config(aws, name)["ProductionVariants"]
    model = aws.client("sagemaker").describe_model(ModelName=variant["ModelName"])
    return str(model["PrimaryContainer"]["ModelPackageName"])


def tags(aws: Aws, arn: str) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in aws.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]}


def left(aws: Aws) -> tuple[int, int, int]:
    """The numbers of endpoints, configurations and models."""
    sagemaker = aws.client("sagemaker")
    return (
        len(sagemaker.list_endpoints()["Endpoints"]),
        len(sagemaker.list_endpoint_configs()["EndpointConfigs"]),
        len(sagemaker.list_models()["Models"]),
    )


def requests(name: str) -> list[dict[str, Any]]:
    return [request for called, request in gaps.CALLS if called == name]


# Deploying


@pytest.mark.usefixtures("approved")
def test_the_newest_approved_version_is_deployed_and_tested(ops: Ops, aws: Aws, approved: list[str]) -> None:
    put_version(aws)  # which nobody has approved

    tried = ops("deploy-endpoint", "--dry-run")
    assert tried.code == 0, tried
    assert left(aws) == (0, 0, 0)
    done = ops("deploy-endpoint", "--yes")

    assert done.code == 0, done
    assert f"Create endpoint {NAME}" in done.out
    assert f"+ model: {GROUP} version 2" in done.out
    assert "+ runs on: 1 x ml.c5.large" in done.out
    assert "answers with version 2: 10 rows of data/sample/flights_classification.csv got 10 predictions." in done.out
    assert served(aws) == approved[1]
    [sent] = requests("invoke_endpoint")
    assert (sent["ContentType"], sent["Accept"]) == ("text/csv", "text/csv")
    assert sent["Body"].startswith("month,day,weekday,")
    assert len(sent["Body"].splitlines()) == 11


def test_everything_has_the_tags_of_the_project_and_who_deployed_it(ops: Ops, aws: Aws, approved: list[str]) -> None:
    assert ops("deploy-endpoint", "1", "--yes").code == 0

    found, kept = endpoint(aws), config(aws)
    model_arn = aws.client("sagemaker").list_models()["Models"][0]["ModelArn"]
    for arn in (found["EndpointArn"], kept["EndpointConfigArn"], model_arn):
        assert TAGS.items() <= tags(aws, arn).items()
        assert "source=terminal" in tags(aws, arn)["deployed-by"]
    assert served(aws) == approved[0]
    [created] = requests("create_model")
    assert created["ExecutionRoleArn"] == ROLE
    assert re.fullmatch(rf"{NAME}-[0-9a-z]{{6}}", created["ModelName"])


@pytest.mark.usefixtures("approved")
def test_nothing_changes_if_it_is_up_to_date(ops: Ops, aws: Aws) -> None:
    assert ops("deploy-endpoint", "--yes").code == 0
    before = left(aws)

    done = ops("deploy-endpoint", "--yes")

    assert (done.code, done.out) == (0, f"Endpoint {NAME} is up to date: nothing changed.\n")
    assert left(aws) == before


def test_an_update_keeps_the_deployment_before_it_and_removes_older_ones(
    ops: Ops, aws: Aws, approved: list[str]
) -> None:
    names = []
    for version in ("1", "2", "1", "2"):
        names.append(_deployed(ops, aws, version))

    configs = {
        each["EndpointConfigName"] for each in aws.client("sagemaker").list_endpoint_configs()["EndpointConfigs"]
    }
    assert configs == set(names[-2:])
    assert left(aws) == (1, 2, 2)
    assert served(aws) == approved[1]
    [*_, sent] = requests("update_endpoint")
    assert sent == {"EndpointName": NAME, "EndpointConfigName": names[-1], "RetainAllVariantProperties": False}


def _deployed(ops: Ops, aws: Aws, version: str) -> str:
    """Deploy, and return the name of the configuration."""
    done = ops("deploy-endpoint", version, "--yes")
    assert done.code == 0, done
    return str(endpoint(aws)["EndpointConfigName"])


@pytest.mark.parametrize(
    ("version", "code", "message"),
    [
        (
            "3",
            3,
            f"version 3 of {GROUP} is PendingManualApproval: approve it first with `ops approve-model 3 --env dev`.",
        ),
        ("9", 2, "has no version 9"),
        ("customer-churn-dev/1", 3, "is not a model of this project"),
        ("revenue-churn-dev/1", 3, "belongs to 'revenue'"),
    ],
)
@pytest.mark.usefixtures("approved")
def test_only_an_approved_model_of_the_project_is_deployed(
    ops: Ops, aws: Aws, version: str, code: int, message: str
) -> None:
    put_version(aws)
    for group, vertical in (("customer-churn-dev", "customer"), ("revenue-churn-dev", "revenue")):
        put_group(aws, group, {**OWN, "vertical": vertical})
        approve(aws, put_version(aws, group))

    done = ops("deploy-endpoint", version, "--yes")

    assert done.code == code, done
    assert message in done.err
    assert left(aws) == (0, 0, 0)


def test_without_an_approved_version_it_says_how_to_approve_one(ops: Ops, aws: Aws) -> None:
    none = ops("deploy-endpoint", "--yes")
    put_group(aws)
    put_version(aws)
    pending = ops("deploy-endpoint", "--yes")

    assert (none.code, pending.code) == (2, 2)
    assert f"there is no model package group '{GROUP}'" in none.err
    assert f"'{GROUP}' has no approved version: `ops approve-model` approves one." in pending.err


def test_this_machine_has_no_endpoints(ops: Ops) -> None:
    done = ops("deploy-endpoint", "--env", "local")

    assert done.code == 2
    assert done.err == (
        "error: 'local' is this machine: choose an environment in project.toml with --env, such as --env dev.\n"
    )


@pytest.mark.parametrize("owner", [{"vertical": "revenue", "env": "dev"}, {"vertical": "customer", "env": "prod"}, {}])
@pytest.mark.usefixtures("approved")
def test_an_endpoint_of_others_is_not_touched(ops: Ops, aws: Aws, owner: dict[str, str]) -> None:
    put_endpoint(aws, NAME, owner)

    codes = [ops(command, "--yes").code for command in ("deploy-endpoint", "delete-endpoint")]

    assert codes == [3, 3]
    assert left(aws) == (1, 1, 1)


def put_endpoint(aws: Aws, name: str, owner: dict[str, str], variant: str = "AllTraffic") -> None:
    """An endpoint that was made by other means."""
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image"})
    variants = [{"VariantName": variant, "ModelName": name, "InstanceType": "ml.c5.large", "InitialInstanceCount": 2}]
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    sagemaker.create_endpoint(
        EndpointName=name,
        EndpointConfigName=name,
        Tags=[{"Key": key, "Value": value} for key, value in owner.items()],
    )


@pytest.mark.usefixtures("approved")
def test_a_personal_endpoint_has_its_own_name_and_may_serve_the_model_of_all(ops: Ops, aws: Aws) -> None:
    done = ops("deploy-endpoint", f"{GROUP}/2", "--as", "anna", "--yes")

    assert done.code == 0, done
    assert tags(aws, endpoint(aws, f"{NAME}-anna")["EndpointArn"])["user"] == "anna"
    assert ops("describe-endpoint", "--as", "anna").out.startswith(f"{NAME}-anna\n")
    assert ops("delete-endpoint", "--as", "anna", "--yes").code == 0
    assert left(aws) == (0, 0, 0)


# When it fails


@pytest.mark.usefixtures("approved")
def test_a_new_endpoint_that_does_not_start_is_deleted(ops: Ops, aws: Aws) -> None:
    gaps.DEFECTS.append("The container did not pass the ping health check.")

    done = ops("deploy-endpoint", "--yes")

    assert done.code == 1, done
    assert done.err.splitlines()[-1] == (
        f"error: version 2 was not deployed to endpoint '{NAME}': AWS says 'The container did not pass the ping health "
        "check'; the endpoint was deleted."
    )
    assert left(aws) == (0, 0, 0)


ANSWERS = {
    "a prediction is missing": ("label,probability_0\n0,0.5\n", "10 rows got 1 predictions"),
    "not finite": ("value\n" + 9 * "0,1.0\n" + "0,nan\n", "the prediction for row 10 is 'nan', not a finite number"),
}


@pytest.mark.parametrize(("body", "reason"), ANSWERS.values(), ids=ANSWERS)
@pytest.mark.usefixtures("approved")
def test_a_wrong_answer_takes_the_endpoint_back(ops: Ops, aws: Aws, body: str, reason: str) -> None:
    before = _deployed(ops, aws, "1")
    gaps.ANSWERS.append((200, body))

    done = ops("deploy-endpoint", "2", "--yes")

    assert done.code == 1, done
    assert done.err.splitlines()[-1] == (
        f"error: version 2 was not deployed to endpoint '{NAME}': the test with 10 rows of "
        f"data/sample/flights_classification.csv failed: {reason}; the endpoint answers with version 1 as before."
    )
    assert endpoint(aws)["EndpointConfigName"] == before
    assert left(aws) == (1, 1, 1)


@pytest.mark.parametrize(
    ("status", "said", "message"),
    [
        (400, "the request has no column 'month'", "the model refused the request: the request has no column 'month'"),
        (500, "boom", f"the model failed with status 500: boom; its log is /aws/sagemaker/Endpoints/{NAME}"),
    ],
)
@pytest.mark.usefixtures("approved")
def test_a_model_that_fails_in_the_test_is_not_kept(ops: Ops, aws: Aws, status: int, said: str, message: str) -> None:
    gaps.ANSWERS.extend([(status, said)] * endpoint_probe.TRIES)

    done = ops("deploy-endpoint", "--yes")

    assert done.code == 1, done
    assert message in done.err
    assert left(aws) == (0, 0, 0)


@pytest.mark.usefixtures("approved")
def test_a_model_that_answers_at_the_second_try_is_kept(ops: Ops, aws: Aws) -> None:
    gaps.ANSWERS.append((500, "loading"))

    assert ops("deploy-endpoint", "--yes").code == 0
    assert left(aws) == (1, 1, 1)


@pytest.mark.usefixtures("approved")
def test_an_update_that_aws_takes_back_itself_is_reported(ops: Ops, aws: Aws) -> None:
    before = _deployed(ops, aws, "1")
    gaps.DEFECTS.append("One or more alarms went off.")

    done = ops("deploy-endpoint", "2", "--yes")

    assert done.code == 1, done
    assert ": AWS says 'One or more alarms went off'; the endpoint answers with version 1 as before." in done.err
    assert len(requests("update_endpoint")) == 1
    assert endpoint(aws)["EndpointConfigName"] == before
    assert left(aws) == (1, 1, 1)


@pytest.mark.usefixtures("approved")
def test_a_way_back_that_fails_says_where_to_look(ops: Ops, aws: Aws) -> None:
    _deployed(ops, aws, "1")
    gaps.ANSWERS.append((200, "nothing"))
    gaps.DEFECTS.extend(["", "no capacity"])

    done = ops("deploy-endpoint", "2", "--yes")

    assert done.code == 1, done
    assert (
        f"; going back failed, too (AWS says 'no capacity'): look at it with `ops describe-endpoint {NAME} --env dev`."
        in done.err
    )


@pytest.mark.usefixtures("approved")
def test_what_aws_refuses_at_the_start_leaves_nothing(ops: Ops, aws: Aws) -> None:
    message = "The account-level service limit 'ml.c5.large for endpoint usage' is 0 Instances"
    gaps.FAULTS["create_endpoint"] = [(400, "ResourceLimitExceeded", message)]

    done = ops("deploy-endpoint", "--yes")

    assert done.code == 4, done
    assert "request an increase under Service Quotas" in done.err
    assert left(aws) == (0, 0, 0)


@pytest.mark.usefixtures("approved")
def test_a_configuration_that_aws_does_not_show_yet_is_waited_for(ops: Ops, aws: Aws) -> None:
    gaps.FAULTS["create_endpoint"] = [(400, "ValidationException", "Could not find endpoint configuration 'x'.")]

    assert ops("deploy-endpoint", "--yes").code == 0
    assert left(aws) == (1, 1, 1)


@pytest.mark.usefixtures("approved")
def test_if_aws_cannot_be_asked_the_deployment_goes_on(ops: Ops, aws: Aws) -> None:
    gaps.FAULTS["describe_endpoint"] = [
        (400, "ValidationException", "Could not find endpoint"),
        (400, "AccessDeniedException", "not authorized to perform: sagemaker:DescribeEndpoint"),
    ]

    done = ops("deploy-endpoint", "--yes")

    assert done.code == 4, done
    assert f"The deployment continues, without a test: `ops describe-endpoint {NAME} --env dev` shows" in done.err
    assert left(aws) == (1, 1, 1)


@pytest.mark.usefixtures("approved")
def test_leftovers_that_cannot_be_removed_are_a_warning(ops: Ops, aws: Aws) -> None:
    _deployed(ops, aws, "1")
    _deployed(ops, aws, "2")
    gaps.FAULTS["delete_endpoint_config"] = [(400, "AccessDeniedException", "no")]

    done = ops("deploy-endpoint", "1", "--yes")

    assert done.code == 0, done
    assert "warning: earlier deployments were not removed: cannot delete endpoint configuration" in done.err
    assert left(aws) == (1, 3, 3)


@pytest.mark.usefixtures("approved")
def test_it_waits_and_shows_what_the_endpoint_does(ops: Ops) -> None:
    gaps.STATES.extend([{"EndpointStatus": "Creating"}, {"EndpointStatus": "Creating"}])

    done = ops("deploy-endpoint", "--yes")

    assert done.code == 0, done
    states = [line.split()[1] for line in done.out.splitlines() if line.startswith(NAME)]
    assert states == ["Creating", "InService", "Testing"]


@pytest.mark.usefixtures("approved")
def test_without_waiting_nothing_is_tested(ops: Ops) -> None:
    done = ops("deploy-endpoint", "--yes", "--no-wait")

    assert done.code == 0, done
    assert f"Endpoint {NAME} is being deployed. It is not tested" in done.out
    assert requests("invoke_endpoint") == []


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"EndpointStatus": "Updating"}, "is Updating: wait until it is in service"),
        ({"EndpointStatus": "Failed", "FailureReason": "no"}, "is Failed (no), and AWS does not update it: delete it"),
    ],
)
@pytest.mark.usefixtures("approved")
def test_an_endpoint_that_cannot_be_updated_is_left_alone(
    ops: Ops, aws: Aws, state: dict[str, str], message: str
) -> None:
    _deployed(ops, aws, "1")
    gaps.STATES.append(state)

    done = ops("deploy-endpoint", "2", "--yes")

    assert done.code == 2, done
    assert message in done.err
    assert requests("update_endpoint") == []


@pytest.mark.usefixtures("approved")
def test_an_endpoint_with_another_variant_is_left_alone(ops: Ops, aws: Aws) -> None:
    put_endpoint(aws, NAME, TAGS, variant="blue")

    done = ops("deploy-endpoint", "--yes")

    assert done.code == 2, done
    assert "was not made by `ops deploy-endpoint`" in done.err


# Settings


@pytest.mark.usefixtures("approved")
def test_a_serverless_endpoint_has_memory_instead_of_instances(edited: Callable[..., Ops], aws: Aws) -> None:
    ops = edited(serverless="true", memory_mb="3072", max_concurrency="7")

    done = ops("deploy-endpoint", "--yes")

    assert done.code == 0, done
    assert "+ runs on: serverless, 3072 MB, 7 requests at a time" in done.out
    [variant] = config(aws)["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 3072, "MaxConcurrency": 7}
    assert "InstanceType" not in variant
    assert "serverless" in ops("list-endpoints").out
    refused = edited()("deploy-endpoint", "--yes")
    assert refused.code == 2
    assert "is serverless, and AWS cannot make it with instances and back: delete it" in refused.err


@pytest.mark.usefixtures("approved")
def test_requests_are_captured_below_the_project(edited: Callable[..., Ops], aws: Aws) -> None:
    assert edited(capture_percent="20")("deploy-endpoint", "--yes").code == 0

    found = config(aws)["DataCaptureConfig"]
    assert found["InitialSamplingPercentage"] == 20
    assert found["DestinationS3Uri"] == f"s3://{BUCKET}/customer/flight-delays/dev/capture"
    assert [each["CaptureMode"] for each in found["CaptureOptions"]] == ["Input", "Output"]


@pytest.mark.usefixtures("approved")
def test_the_number_of_instances_follows_the_requests(edited: Callable[..., Ops], aws: Aws) -> None:
    done = edited(max_instances="4", invocations_per_instance="500")("deploy-endpoint", "--yes")

    assert done.code == 0, done
    assert "~ scaling: none → 1 to 4 instances, 500 requests per minute and instance" in done.out
    assert scaling(aws) == [(1, 4)]
    changed = edited(max_instances="6", invocations_per_instance="500")("deploy-endpoint", "--yes")
    assert f"Endpoint {NAME} has the new scaling." in changed.out, changed
    assert scaling(aws) == [(1, 6)]
    assert requests("update_endpoint") == []
    removed = edited()("deploy-endpoint", "--yes")
    assert removed.code == 0, removed
    assert scaling(aws) == []


def scaling(aws: Aws) -> list[tuple[int, int]]:
    found = aws.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
    return [(each["MinCapacity"], each["MaxCapacity"]) for each in found["ScalableTargets"]]


@pytest.mark.usefixtures("approved")
def test_the_scaling_is_back_after_a_failed_update_of_the_type(
    edited: Callable[..., Ops], aws: Aws, tmp_path: Path
) -> None:
    assert edited(max_instances="4")("deploy-endpoint", "1", "--yes").code == 0
    gaps.ANSWERS.append((200, "nothing"))
    project = Project(tmp_path / "flight-delays")
    project.edit("instances", endpoint='"ml.m5.large"')

    done = edited(max_instances="4")("deploy-endpoint", "2", "--yes")

    assert done.code == 1, done
    assert "the endpoint answers with version 1 as before" in done.err
    assert scaling(aws) == [(1, 4)]
    assert [request["RetainAllVariantProperties"] for request in requests("update_endpoint")] == [False, False]


@pytest.mark.usefixtures("approved")
def test_traffic_moves_in_steps_under_an_alarm(edited: Callable[..., Ops], aws: Aws) -> None:
    ops = edited(instances="4", traffic='"canary"', step_percent="25", step_minutes="3")
    assert ops("deploy-endpoint", "1", "--yes").code == 0
    assert ops("deploy-endpoint", "2", "--yes").code == 0

    [sent] = requests("update_endpoint")
    policy = sent["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"] == {
        "Type": "CANARY",
        "WaitIntervalInSeconds": 180,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 25},
    }
    assert sent["DeploymentConfig"]["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": f"{NAME}-errors"}]}
    assert aws.client("cloudwatch").describe_alarms()["MetricAlarms"] == []  # it was there only for the update


@pytest.mark.usefixtures("approved")
def test_network_and_key_are_those_of_the_environment(edited: Callable[..., Ops], aws: Aws, tmp_path: Path) -> None:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    Project(tmp_path / "flight-delays").edit(
        "environments.dev",
        kms_key=f'"{key}"',
        subnets='["subnet-0a1b2c3d"]',
        security_groups='["sg-0a1b2c3d"]',
        network_isolation="true",
    )
    done = edited(capture_percent="1")("deploy-endpoint", "--yes")

    assert done.code == 0, done
    [model] = requests("create_model")
    assert model["VpcConfig"] == {"Subnets": ["subnet-0a1b2c3d"], "SecurityGroupIds": ["sg-0a1b2c3d"]}
    assert model["EnableNetworkIsolation"] is True
    [made] = requests("create_endpoint_config")
    assert (made["KmsKeyId"], made["DataCaptureConfig"]["KmsKeyId"]) == (key, key)
    again = edited(capture_percent="1")("deploy-endpoint", "--yes")
    assert again.out == f"Endpoint {NAME} is up to date: nothing changed.\n"


@pytest.mark.usefixtures("approved")
def test_other_rows_can_be_sent_in_the_test(edited: Callable[..., Ops], tmp_path: Path) -> None:
    (tmp_path / "flight-delays" / "rows.csv").write_text("a,b\n1,2\n3,4\n", encoding="utf-8")

    done = edited(test_rows='"rows.csv"')("deploy-endpoint", "--yes")

    assert done.code == 0, done
    assert requests("invoke_endpoint")[0]["Body"] == "a,b\n1,2\n3,4\n"


@pytest.mark.usefixtures("approved")
def test_the_rows_of_a_table_on_s3_are_read_there(edited: Callable[..., Ops], aws: Aws, tmp_path: Path) -> None:
    project = Project(tmp_path / "flight-delays")
    table = "month;late\n" + 50 * "1;0\n"
    aws.client("s3").put_object(Bucket=BUCKET, Key="customer/lake/origin=JFK/part-0.csv", Body=table.encode())
    project.edit("data", source=f'"s3://{BUCKET}/customer/lake/"')

    done = edited()("deploy-endpoint", "--yes")

    assert done.code == 0, done
    assert requests("invoke_endpoint")[0]["Body"] == "month,late,origin\n" + 10 * "1,0,JFK\n"


# Requests


@pytest.mark.usefixtures("approved")
def test_rows_of_a_file_or_of_standard_input_get_predictions(ops: Ops, tmp_path: Path, aws: Aws) -> None:
    assert ops("deploy-endpoint", "--yes").code == 0
    csv, lines = tmp_path / "rows.csv", tmp_path / "rows.jsonl"
    csv.write_text("month\n1\n2\n", encoding="utf-8")
    lines.write_text('{"month": 1}\n', encoding="utf-8")
    gaps.CALLS.clear()

    done = ops("invoke", str(csv))
    other = ops("invoke", str(lines), "--accept", "application/json")

    assert done.out == "label,probability_0,probability_1\n0,0.9,0.1\n0,0.9,0.1\n", done
    assert json.loads(other.out) == {"predictions": [{"label": 0}]}
    assert [(each["ContentType"], each["Accept"]) for each in requests("invoke_endpoint")] == [
        ("text/csv", "text/csv"),
        ("application/jsonlines", "application/json"),
    ]


@pytest.mark.usefixtures("approved")
def test_what_the_model_says_about_a_request_is_shown(ops: Ops, tmp_path: Path) -> None:
    assert ops("deploy-endpoint", "--yes").code == 0
    file = tmp_path / "rows"
    file.write_text("x\n1\n", encoding="utf-8")
    gaps.ANSWERS.append((400, "the request has no column 'month'"))

    done = ops("invoke", str(file))

    assert (done.code, done.err) == (2, "error: the model refused the request: the request has no column 'month'.\n")


@pytest.mark.usefixtures("approved")
def test_a_request_that_is_too_large_is_not_sent(ops: Ops, tmp_path: Path) -> None:
    assert ops("deploy-endpoint", "--yes").code == 0
    gaps.CALLS.clear()
    large = tmp_path / "rows.csv"
    large.write_bytes(b"a\n" + b"1\n" * (invocation.LARGEST // 2))

    done = ops("invoke", str(large))
    missing = ops("invoke", str(tmp_path / "no.csv"))

    assert done.code == 2
    assert "the request has 6.0 MB, but an endpoint accepts 6 MB: send fewer rows at a time" in done.err
    assert (missing.code, missing.err) == (2, f"error: {tmp_path}/no.csv: cannot be read: No such file or directory.\n")
    assert requests("invoke_endpoint") == []


def test_without_an_endpoint_it_says_how_to_make_one(ops: Ops, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a\n1\n", encoding="utf-8")

    for command in (("invoke", str(file)), ("describe-endpoint",), ("delete-endpoint", "--yes")):
        done = ops(*command)
        assert done.code == 2, done
        assert (
            f"there is no endpoint '{NAME}' in account {ACCOUNT}, {REGION}: `ops deploy-endpoint --env dev`" in done.err
        )


@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [
        ("rows.csv", b"{", "text/csv"),
        ("rows.ndjson", b"", "application/jsonlines"),
        ("-", b"a,b\n1,2\n", "text/csv"),
        ("-", b'\xef\xbb\xbf [{"a": 1}]', "application/json"),
        ("-", b'{"a": 1}\n{"a": 2}\n', "application/jsonlines"),
        ("-", b'{"columns": ["a"],\n "data": [[1]]}', "application/json"),
    ],
)
def test_the_content_type_is_found(name: str, body: bytes, kind: str) -> None:
    assert invocation.content_type(name, body) == kind


def test_a_serverless_endpoint_accepts_less() -> None:
    with pytest.raises(UserError, match="a serverless endpoint accepts 4 MB"):
        invocation.check_size(b"1" * (5 * 1024 * 1024), is_serverless=True)
    invocation.check_size(b"1" * (5 * 1024 * 1024), is_serverless=False)


@pytest.mark.parametrize(
    ("body", "count", "problem", "fault"),
    [
        ("value\n1.5\n", 1, "regression", ""),
        ("1.5\n", 1, "regression", ""),
        ("yes,0.1,0.9\nno,0.9,0.1\n", 2, "classification", ""),
        ("label\nyes\n", 1, "classification", ""),
        ("value\ninf\n", 1, "regression", "the prediction for row 1 is 'inf', not a finite number"),
        ("value\n1\n2\n", 1, "regression", "1 rows got 2 predictions"),
        ('label,p\n"",0.5\n', 1, "classification", "the prediction for row 1 is '', not a finite number"),
    ],
)
def test_an_answer_has_one_finite_prediction_for_each_row(body: str, count: int, problem: str, fault: str) -> None:
    assert endpoint_probe.fault(body.encode(), count, problem) == fault


@pytest.mark.parametrize(("instance", "key"), [("ml.m5.large", True), ("ml.c5d.large", False)])
def test_a_disk_that_aws_encrypts_itself_gets_no_key(instance: str, key: bool) -> None:
    table = {**tomllib.loads(MINIMAL), "instances": {"endpoint": instance}, "endpoint": {"capture_percent": 5}}
    environment = Environment(ACCOUNT, ROLE, BUCKET, kms_key="alias/customer")
    settings = replace(parse(table), environments={"dev": environment})

    request = endpoint_requests.config(Target(settings, "dev", "", ""), "x", {})

    assert request.get("KmsKeyId") == ("alias/customer" if key else None)
    assert request["DataCaptureConfig"]["KmsKeyId"] == "alias/customer"


def test_names_of_deployments_sort_by_time() -> None:
    names = [endpoint_requests.new_name("x", now=moment) for moment in (1.79e9, 1.79e9 + 1, 2.1e9)]

    assert names == sorted(names)
    assert all(re.fullmatch("x-[0-9a-z]{6}", each) for each in names)
    assert endpoint_requests.new_name("x", names[0], 1.79e9) == names[1]  # two deployments within a second


# Showing and deleting


@pytest.mark.usefixtures("approved")
def test_an_endpoint_is_described_with_its_model_and_its_cost(
    ops: Ops, aws: Aws, tmp_path: Path, project: Project
) -> None:
    assert ops("deploy-endpoint", "--yes").code == 0
    priced = tmp_path / "policy.toml"
    text = (project.path / "guardrails.toml").read_text(encoding="utf-8").partition("[prices")[0]
    table = f'[prices]\nregion = "{REGION}"\ndate = "2026-11-01"\ncurrency = "USD"\n'
    priced.write_text(f'{text}\n{table}[prices.endpoint]\n"ml.c5.large" = 0.1\n', encoding="utf-8")

    shown = ops("describe-endpoint", OPS_GUARDRAILS=str(priced))
    document = json.loads(ops("describe-endpoint", NAME, "--output", "json", OPS_GUARDRAILS=str(priced)).out)

    facts = dict(re.findall(r"^  (\w[\w ]*?)  +(.*)$", shown.out, re.MULTILINE))
    assert shown.code == 0, shown
    assert facts["status"] == "InService"
    assert facts["model"] == f"{GROUP} version 2, Approved"
    assert facts["runs on"] == "1 x ml.c5.large"
    assert facts["cost"] == "0.1 USD per hour, 73 per month, at the prices of 2026-11-01"
    assert " by " in facts["deployed"]
    assert "auc" in shown.out
    assert document["CostPerMonth"] == pytest.approx(73)
    assert document["ModelPackage"]["ModelPackageVersion"] == 2
    assert document["Tags"]["project"] == "flight-delays"
    assert "cost unknown" not in shown.out


def test_an_endpoint_of_other_means_is_described_as_far_as_it_is_known(ops: Ops, aws: Aws) -> None:
    put_endpoint(aws, NAME, TAGS)
    aws.client("sagemaker").delete_endpoint_config(EndpointConfigName=NAME)
    put_endpoint(aws, "customer-churn-dev", TAGS)

    known, unknown = ops("describe-endpoint", "customer-churn-dev"), ops("describe-endpoint", "--output", "json")

    assert known.code == unknown.code == 0, known
    assert "  model          unknown\n" in known.out
    assert "  runs on        2 x ml.c5.large\n" in known.out
    assert json.loads(unknown.out)["EndpointStatus"] == "InService"


@pytest.mark.usefixtures("approved")
def test_the_endpoints_are_listed_those_of_the_project_first(ops: Ops, aws: Aws) -> None:
    assert ops("deploy-endpoint", "--yes").code == 0
    put_endpoint(aws, "customer-churn-dev", {**TAGS, "project": "churn"})
    put_endpoint(aws, "customer-spy-dev", {**TAGS, "vertical": "revenue"})
    put_endpoint(aws, "revenue-churn-dev", {**TAGS, "vertical": "revenue"})

    own, everyone = ops("list-endpoints"), ops("list-endpoints", "--all", "--output", "json")

    assert own.code == 0, own
    names = [line.split()[0] for line in own.out.splitlines()]
    assert names == ["endpoint", NAME, "customer-churn-dev"]
    assert f"{NAME}  flight-delays  dev  -     InService  2        1 x ml.c5.large" in own.out
    listed = [each["EndpointName"] for each in json.loads(everyone.out)["Endpoints"]]
    assert listed == [NAME, "customer-churn-dev", "customer-spy-dev", "revenue-churn-dev"]


def test_no_endpoints_are_said_to_be_none(ops: Ops) -> None:
    assert ops("list-endpoints").out == f"No endpoints of 'customer' in account {ACCOUNT}, {REGION}.\n"


@pytest.mark.usefixtures("approved")
def test_deleting_removes_all_that_deployments_made(edited: Callable[..., Ops], aws: Aws) -> None:
    ops = edited(max_instances="2")
    _deployed(ops, aws, "1")
    _deployed(ops, aws, "2")
    aws.client("sagemaker").create_model(
        ModelName=f"{NAME}-abcdef", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image"}
    )  # of somebody else: it has no tags

    tried = ops("delete-endpoint", "--dry-run")
    assert "This also deletes 2 configurations, 2 models, the scaling." in tried.out, tried
    assert left(aws) == (1, 2, 3)
    done = ops("delete-endpoint", "--yes")

    assert done.code == 0, done
    assert done.out.splitlines()[-1] == f"Deleted endpoint {NAME}."
    assert left(aws) == (0, 0, 1)
    assert scaling(aws) == []


@pytest.mark.usefixtures("approved")
def test_deleting_needs_the_name_of_the_endpoint(ops: Ops, aws: Aws) -> None:
    assert ops("deploy-endpoint", "--yes").code == 0

    done = ops("delete-endpoint")

    assert done.code == 2
    assert "use --yes to go ahead" in done.err
    assert left(aws) == (1, 1, 1)


@pytest.mark.usefixtures("approved")
def test_what_is_running_names_the_command_that_deletes_it(ops: Ops) -> None:
    assert ops("deploy-endpoint", "--yes").code == 0

    [running] = json.loads(ops("list-running", "--output", "json").out)["Running"]

    assert running["StopWith"] == f"ops delete-endpoint {NAME} --env dev"
