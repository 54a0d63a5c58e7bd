"""Putting back an earlier definition of a pipeline: which one, what is checked first, and what is called."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projects import Result

from aws import gaps
from aws.conftest import ACCOUNT, BUCKET, Aws
from aws.executed import DEFINITION, TAGS, TRAIN, deploy
from sagemaker_ops.aws import pipelines, rollback
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError
from sagemaker_ops.errors import RefusedError, UserError
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.project.target import Target

pytestmark = pytest.mark.slow

Ops = Callable[..., Result]


def definition(gate: float, **more: Any) -> dict[str, Any]:
    """A definition that differs from others by its gate."""
    made = copy.deepcopy(DEFINITION)
    made["Parameters"][3]["DefaultValue"] = gate
    for name, value in more.items():
        made["Parameters"].append({"Name": name, "Type": "String", "DefaultValue": value})
    return made


def history(aws: Aws, *gates: float | dict[str, Any], tags: dict[str, str] | None = None) -> None:
    """Deploy one version after the other; the last one is deployed."""
    definitions = [each if isinstance(each, dict) else definition(each) for each in gates]
    deploy(aws, definition=definitions[-1], tags=tags)
    gaps.VERSIONS[TRAIN] = [
        {"PipelineVersionId": number, "PipelineDefinition": json.dumps(each)}
        for number, each in enumerate(definitions, 1)
    ][::-1]


def deployed(aws: Aws) -> float:
    """The gate of the deployed definition."""
    answer = aws.client("sagemaker").describe_pipeline(PipelineName=TRAIN)
    return float(json.loads(answer["PipelineDefinition"])["Parameters"][3]["DefaultValue"])


def back(account: Account, version: int | None = None, rules: Policy | None = None) -> str:
    """Roll back like the command, without its questions."""
    found = pipelines.find(account, TRAIN, "train")
    assert found is not None
    target = Target(account.settings, "dev", code_hash="", data_hash="")
    return rollback.apply(account, rollback.prepare(account, found, target, version, rules or Policy()))


def test_the_command_shows_the_changes_and_deploys_the_definition_before(aws: Aws, ops: Ops) -> None:
    history(aws, 0.5, 0.6, 0.7)

    done = ops("rollback-pipeline", "train", "--env", "dev", "--yes")

    assert done.code == 0, done
    assert done.out.splitlines() == [
        f"Roll back pipeline {TRAIN} to version 2",
        "~ parameter QualityGate: 0.7 → 0.6",
        "worst case: 4 instance hours; cost unknown: guardrails.toml has no [prices]",
        f"Pipeline {TRAIN} has the definition of version 2 again, as version 4.",
    ]
    assert deployed(aws) == 0.6
    assert gaps.VERSIONS[TRAIN][0]["PipelineVersionDescription"] == "Rollback to version 2"


@pytest.mark.parametrize(
    ("versions", "steps", "gates"),
    [
        pytest.param([0.5, 0.6, 0.7], [None, None], [0.6, 0.5], id="repeated, it goes further back"),
        pytest.param([0.5, 0.6, 0.6, 0.6], [None], [0.5], id="versions with the same definition are skipped"),
        pytest.param([0.5, 0.6, 0.5], [None], [0.6], id="a definition that was deployed again is a new version"),
        pytest.param([0.5, 0.6, 0.7], [1], [0.5], id="by number"),
        pytest.param([0.5, 0.6, 0.7], [1, 3], [0.5, 0.7], id="forward again by number"),
        pytest.param([0.4, 0.5, 0.6, 0.7], [2, None], [0.5, 0.4], id="goes on from the version that was put back"),
        pytest.param([0.4, 0.5, 0.6], [None, 4, None], [0.5, 0.5, 0.4], id="a rollback to a rollback"),
    ],
)
def test_the_version(
    aws: Aws, account: Account, versions: list[float], steps: list[int | None], gates: list[float]
) -> None:
    history(aws, *versions)

    seen = []
    for step in steps:
        back(account, step)
        seen.append(deployed(aws))

    assert seen == gates


def test_after_an_update_the_rollback_before_it_is_the_version_before(aws: Aws, account: Account) -> None:
    history(aws, 0.5, 0.6)
    back(account)
    aws.client("sagemaker").update_pipeline(PipelineName=TRAIN, PipelineDefinition=json.dumps(definition(0.9)))

    back(account)

    assert deployed(aws) == 0.5


@pytest.mark.parametrize(
    ("versions", "options", "code", "sentence"),
    [
        ([0.5], [], 2, f"error: pipeline '{TRAIN}' has no earlier version with another definition in dev: check out"),
        ([0.5, 0.5], [], 2, f"error: pipeline '{TRAIN}' has no earlier version with another definition in dev: "),
        (
            [0.5, 0.6],
            ["--version", "9"],
            2,
            f"'{TRAIN}' has no version 9 in dev: the newest are 2, 1.",
        ),
        (
            [0.5, 0.6],
            ["--version", "0"],
            2,
            f"'{TRAIN}' has no version 0 in dev: the newest are 2, 1.",
        ),
        ([0.5, 0.6], ["--version", "2"], 0, f"Pipeline {TRAIN} has the definition of version 2: nothing changed."),
        ([0.5, 0.6], ["--dry-run"], 0, "Nothing was changed (--dry-run)."),
        ([0.5, 0.6], [], 2, "This is not a terminal, so nobody can confirm"),
    ],
)
def test_nothing_is_changed(
    aws: Aws, ops: Ops, versions: list[float], options: list[str], code: int, sentence: str
) -> None:
    history(aws, *versions)

    done = ops("rollback-pipeline", "train", *options)

    assert done.code == code, done
    assert sentence in done.out + done.err
    assert aws.calls("update_pipeline", "update_pipeline_version", "create_model_package_group") == []


GPU = copy.deepcopy(DEFINITION)
GPU["Steps"][0]["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceType"] = "ml.p4d.24xlarge"
M5_ONLY, ONE_HOUR = Policy(instance_types={"processing": ["ml.m5.*"]}), Policy(max_instance_hours_per_execution=1)
GONE = definition(0.5)
GONE["Parameters"][0]["DefaultValue"] = f"s3://{BUCKET}/customer/flight-delays/dev/raw/gone/"
NO_BUCKET = definition(0.5)
NO_BUCKET["Steps"][1]["Arguments"]["HyperParameters"]["sagemaker_submit_directory"] = "s3://not-there/x.tar.gz"


@pytest.mark.parametrize(
    ("before", "rules", "error", "sentence"),
    [
        pytest.param(
            GPU, Policy(instance_types={"processing": ["ml.m5.*"]}), RefusedError, "ml.p4d.24xlarge", id="instance type"
        ),
        pytest.param(
            definition(0.5), Policy(max_instance_hours_per_execution=1), RefusedError, "instance hours", id="cost"
        ),
        pytest.param(
            GONE,
            Policy(),
            UserError,
            f"version 1 of pipeline '{TRAIN}', step 'Processing': there is nothing at s3://{BUCKET}/customer/"
            "flight-delays/dev/raw/gone/, which it reads: check out the commit",
            id="data is gone",
        ),
        pytest.param(NO_BUCKET, Policy(), UserError, "there is no bucket 'not-there'", id="code is gone"),
    ],
)
def test_a_definition_that_cannot_run_now_is_refused(
    aws: Aws, account: Account, before: dict[str, Any], rules: Policy, error: type[UserError], sentence: str
) -> None:
    history(aws, before, 0.9)

    with pytest.raises(error) as raised:
        back(account, rules=rules)

    assert sentence in str(raised.value)
    assert type(raised.value) is error
    assert aws.calls("update_pipeline") == []


@pytest.mark.parametrize(
    ("tags", "sentence"),
    [
        ({**TAGS, "vertical": "revenue"}, "belongs to 'revenue'"),
        ({**TAGS, "env": "prod"}, "belongs to environment 'prod'"),
        ({**TAGS, "project": "churn"}, "belongs to project 'churn'"),
        ({}, "has no tag 'vertical'"),
    ],
)
def test_a_pipeline_of_others_is_refused(aws: Aws, ops: Ops, tags: dict[str, str], sentence: str) -> None:
    history(aws, 0.5, 0.6, tags=tags)

    done = ops("rollback-pipeline", "train", "--yes")

    assert (done.code, sentence in done.err) == (3, True), done
    assert aws.calls("list_pipeline_versions", "update_pipeline") == []


def test_a_personal_deployment_and_one_that_does_not_exist(aws: Aws, ops: Ops) -> None:
    deploy(aws)

    done = ops("rollback-pipeline", "train", "--as", "ana", "--yes")

    assert done.code == 2
    assert f"there is no pipeline '{TRAIN}-ana'" in done.err


@pytest.mark.parametrize(
    "fault",
    [
        (400, "AccessDeniedException", "x is not authorized to perform: sagemaker:ListPipelineVersions on resource: y"),
        (400, "UnknownOperationException", "no such operation"),
    ],
    ids=["denied", "an API without versions"],
)
def test_without_the_versions_it_says_what_to_do_instead(
    aws: Aws, account: Account, fault: tuple[int, str, str]
) -> None:
    history(aws, 0.5, 0.6)
    gaps.FAULTS["list_pipeline_versions"] = [fault]

    with pytest.raises(AwsError, match=r"\. Without the versions of the pipeline, check out the commit that you want"):
        back(account)


def test_a_version_that_cannot_be_marked_is_deployed_all_the_same(aws: Aws, account: Account) -> None:
    history(aws, 0.5, 0.6)
    gaps.FAULTS["update_pipeline_version"] = [(400, "AccessDeniedException", "no")]

    said = back(account)

    assert deployed(aws) == 0.5
    assert "Give --version at the next rollback" in said


def test_a_large_definition_is_put_on_s3(aws: Aws, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines, "LARGEST", 1000)
    history(aws, 0.5, 0.6)

    back(account)

    [(_, request)] = [call for call in gaps.CALLS if call[0] == "update_pipeline"]
    assert "PipelineDefinition" not in request
    place = request["PipelineDefinitionS3Location"]
    assert place["ObjectKey"].startswith("customer/flight-delays/dev/definitions/")
    stored = aws.client("s3").get_object(Bucket=place["Bucket"], Key=place["ObjectKey"])["Body"].read()
    assert json.loads(stored) == definition(0.5)


def test_role_and_tags_stay_as_they_are(aws: Aws, account: Account, tmp_path: Path) -> None:
    history(aws, 0.5, 0.6)
    client = aws.client("sagemaker")
    client.update_pipeline(PipelineName=TRAIN, RoleArn=f"arn:aws:iam::{ACCOUNT}:role/customer-other")
    gaps.VERSIONS[TRAIN].pop(0)

    back(account)

    answer = client.describe_pipeline(PipelineName=TRAIN)
    assert answer["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/customer-other"
    assert {tag["Key"]: tag["Value"] for tag in client.list_tags(ResourceArn=answer["PipelineArn"])["Tags"]} == TAGS
