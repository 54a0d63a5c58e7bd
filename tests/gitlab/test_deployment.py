"""The jobs that use AWS, against a server: what they call, what is deployed, and what their artifacts hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws import gaps
from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE, Aws
from aws.executed import evaluated, job, step

from .conftest import DEPLOYS, token
from .line import Line

pytestmark = pytest.mark.slow

EVALUATION = {
    "binary_classification_metrics": {"auc": {"value": 0.83, "standard_deviation": 0.01}},
    "baseline": {"auc": {"value": 0.5}},
    "gate": {"metric": "auc", "value": 0.83},
}
PIPELINE = "customer-flight-delays-train-{}"


def succeeds(aws: Aws, env: str) -> str:
    """The next execution succeeds, and registers this version of the model."""
    bucket, key = BUCKET.replace("dev", env), f"customer/flight-delays/{env}/runs/1/evaluation"
    aws.client("s3").put_object(Bucket=bucket, Key=f"{key}/evaluation.json", Body=json.dumps(EVALUATION))
    evaluated(aws, f"evaluation-{env}", f"s3://{bucket}/{key}")
    version: str = aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=f"customer-flight-delays-{env}",
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [{"Image": "image"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        ModelMetrics={
            "ModelQuality": {
                "Statistics": {"ContentType": "application/json", "S3Uri": f"s3://{bucket}/{key}/evaluation.json"}
            }
        },
    )["ModelPackageArn"]
    gaps.COURSE += [
        ("Executing", []),
        (
            "Succeeded",
            [
                step("Processing", Metadata=job("Processing", "p")),
                step("Training", begin=5, end=9, Metadata=job("Training", "t")),
                step("Evaluation", begin=9, end=12, Metadata=job("Processing", f"evaluation-{env}")),
                step("QualityGate", begin=12, end=12, Metadata={"Condition": {"Outcome": "True"}}),
                step("Register", begin=12, end=12, Metadata={"RegisterModel": {"Arn": version}}),
            ],
        ),
    ]
    gaps.CALLS.clear()
    return version


def deployed(aws: Aws, env: str) -> dict[str, Any]:
    answer: dict[str, Any] = aws.client("sagemaker").describe_pipeline(PipelineName=PIPELINE.format(env))
    return answer


def iterations(aws: Aws, env: str) -> int:
    parameters = json.loads(deployed(aws, env)["PipelineDefinition"])["Parameters"]
    return int(next(each["DefaultValue"] for each in parameters if each["Name"] == "MaxIter"))


def requests(name: str) -> list[dict[str, Any]]:
    return [request for called, request in gaps.CALLS if called == name]


@pytest.mark.longest
def test_from_a_commit_on_main_to_an_approved_model_in_prod_and_back(deploying: Line, aws: Aws) -> None:
    commit = deploying.git("rev-parse", "HEAD")
    who = {"GITLAB_USER_LOGIN": "ana", "CI_COMMIT_SHA": commit, "CI_PIPELINE_ID": "345"}

    # main → dev
    ran = deploying.run("ready-dev", "deploy-dev", **who)
    assert (ran.code, ran.jobs) == (0, {"ready-dev": "PASS", "deploy-dev": "PASS"}), str(ran)
    assert deployed(aws, "dev")["RoleArn"] == ROLE
    assert iterations(aws, "dev") == 150
    assert token() not in ran.out
    created = {"PipelineVersionId": 1, "PipelineDefinition": deployed(aws, "dev")["PipelineDefinition"]}
    gaps.VERSIONS[PIPELINE.format("dev")] = [created]  # which moto does not keep

    version = succeeds(aws, "dev")
    ran = deploying.run("start-dev", **who)
    assert (ran.code, ran.jobs) == (0, {"start-dev": "PASS"}), str(ran)
    (started,) = requests("start_pipeline_execution")
    assert started["PipelineName"] == PIPELINE.format("dev")
    assert commit[:8] in started["PipelineExecutionDescription"]
    assert "ana" in started["PipelineExecutionDescription"]
    (link,) = json.loads(ran.artifact("start-dev", "gitlab/train/annotations.json").read_text("utf-8"))["Execution"]
    assert link["external_link"]["url"].startswith(f"https://{REGION}.console.aws.amazon.com/")
    assert "auc 0.83" in ran.artifact("start-dev", "gitlab/train/metrics.txt").read_text("utf-8").replace("train_", "")
    handed_on = ran.artifact("start-dev", "gitlab/execution.env").read_text("utf-8")
    assert f"MODEL_PACKAGE_ARN={version}" in handed_on

    # The model of this execution, which the job before hands on
    ran = deploying.run("approve-model-dev", **who)
    assert (ran.code, ran.jobs) == (0, {"approve-model-dev": "PASS"}), str(ran)
    assert "0.83" in ran.log("approve-model-dev")
    approved = aws.client("sagemaker").describe_model_package(ModelPackageName=version)
    assert approved["ModelApprovalStatus"] == "Approved"

    # … answers requests
    ran = deploying.run("deploy-endpoint-dev", **who)
    assert (ran.code, ran.jobs) == (0, {"deploy-endpoint-dev": "PASS"}), str(ran)
    assert "answers with version 1: 10 rows" in ran.log("deploy-endpoint-dev")
    endpoint = aws.client("sagemaker").describe_endpoint(EndpointName="customer-flight-delays-dev")
    tags = aws.client("sagemaker").list_tags(ResourceArn=endpoint["EndpointArn"])["Tags"]
    assert "user=ana" in {each["Key"]: each["Value"] for each in tags}["deployed-by"]

    # A change, and back to what was deployed before
    deploying.project.edit("hyperparameters", max_iter="99")
    deploying.commit("fewer iterations")
    assert deploying.run("deploy-dev").code == 0
    assert iterations(aws, "dev") == 99
    ran = deploying.run("rollback-dev", **who)
    assert (ran.code, ran.jobs) == (0, {"rollback-dev": "PASS"}), str(ran)
    assert "MaxIter: 99 → 150" in ran.log("rollback-dev")
    assert iterations(aws, "dev") == 150

    # The commit to prod, and training on a schedule
    ran = deploying.run("deploy-prod", **who)
    assert (ran.code, ran.jobs) == (0, {"deploy-prod": "PASS"}), str(ran)
    assert iterations(aws, "prod") == 99
    gaps.COURSE.clear()
    version = succeeds(aws, "prod")
    ran = deploying.run(CI_PIPELINE_SOURCE="schedule")
    assert (ran.code, ran.jobs) == (0, {"retrain": "PASS"}), str(ran)
    assert [each["PipelineName"] for each in requests("start_pipeline_execution")] == [PIPELINE.format("prod")]

    # The jobs for prod do the same as those for dev
    gaps.COURSE.clear()
    second = deployed(aws, "prod")["PipelineDefinition"]
    first = json.dumps(json.loads(second), indent=1).replace('"DefaultValue": 99', '"DefaultValue": 98')
    gaps.VERSIONS[PIPELINE.format("prod")] = [
        {"PipelineVersionId": 2, "PipelineDefinition": second},
        {"PipelineVersionId": 1, "PipelineDefinition": first},
    ]
    gaps.COURSE.append(("Succeeded", [step("Register", Metadata={"RegisterModel": {"Arn": version}})]))
    ran = deploying.run("start-prod", "approve-model-prod", **who)
    assert (ran.code, ran.jobs) == (0, {"start-prod": "PASS", "approve-model-prod": "PASS"}), str(ran)
    assert aws.client("sagemaker").describe_model_package(ModelPackageName=version)["ModelApprovalStatus"] == "Approved"
    gaps.ANSWERS.append((400, "no such column"))
    ran = deploying.run("deploy-endpoint-prod", **who, VERSION="1")
    assert ran.jobs == {"deploy-endpoint-prod": "WARN"}, str(ran)  # the line does not wait for it
    assert "the model refused the request: no such column; the endpoint was deleted" in ran.log("deploy-endpoint-prod")
    ran = deploying.run("deploy-endpoint-prod", **who, VERSION="1")
    assert ran.jobs == {"deploy-endpoint-prod": "PASS"}, str(ran)
    ran = deploying.run("rollback-prod", **who, VERSION="1")
    assert ran.jobs == {"rollback-prod": "PASS"}, str(ran)
    assert iterations(aws, "prod") == 98


def test_an_execution_that_takes_longer_than_the_job_waits_goes_on(deploying: Line, aws: Aws) -> None:
    assert deploying.run("deploy-dev").code == 0
    gaps.COURSE.append(("Executing", [step("Processing", "Executing", end=None, Metadata=job("Processing", "p"))]))

    ran = deploying.run("start-dev", WAIT_MINUTES="0.02")

    assert (ran.code, ran.jobs) == (0, {"start-dev": "WARN"}), str(ran)
    assert not requests("stop_pipeline_execution")
    assert ran.artifact("start-dev", "gitlab/train/annotations.json").is_file()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({"GITLAB_OIDC_TOKEN": ""}, "GITLAB_OIDC_TOKEN", id="no token"),
        pytest.param({"AWS_ROLE_ARN": ""}, "AWS_ROLE_ARN", id="no role"),
        pytest.param({"AWS_ROLE_ARN": DEPLOYS.replace(ACCOUNT, "111122223333")}, "111122223333", id="another account"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_installed(
    deploying: Line, given: dict[str, str], said: str
) -> None:
    ran = deploying.run("deploy-dev", **given)

    assert ran.code != 0
    assert said in ran.log("deploy-dev")
    assert "Installing" not in ran.out


def test_the_role_of_another_vertical_deploys_nothing(deploying: Line, aws: Aws) -> None:
    tags = [{"Key": "vertical", "Value": "revenue"}]
    aws.client("iam").create_role(RoleName="revenue-gitlab", AssumeRolePolicyDocument="{}", Tags=tags)

    ran = deploying.run("deploy-dev", AWS_ROLE_ARN=DEPLOYS.replace("customer", "revenue"))

    assert ran.jobs == {"deploy-dev": "FAIL"}, str(ran)
    assert "you belong to 'revenue'" in ran.log("deploy-dev")
    assert not requests("create_pipeline")


def test_a_pipeline_above_the_cost_ceiling_is_not_deployed(deploying: Line, aws: Aws) -> None:
    path = deploying.project.path / "guardrails.toml"
    text = path.read_text("utf-8").replace(
        "# max_instance_hours_per_execution = 20", "max_instance_hours_per_execution = 1"
    )
    path.write_text(text, encoding="utf-8")
    deploying.commit()

    ran = deploying.run("deploy-dev")

    assert ran.jobs == {"deploy-dev": "FAIL"}, str(ran)
    assert "instance hours" in ran.log("deploy-dev")
    assert not requests("create_pipeline")
