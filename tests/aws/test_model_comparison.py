"""list-models --compare: two versions of a model side by side, on AWS and on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from projects import Project, Result

from aws import executed, gaps
from aws.conftest import ACCOUNT, BUCKET, REGION, ROLE, Aws
from sagemaker_ops.aws import model_details
from sagemaker_ops.aws.models import Version
from sagemaker_ops.local import Execution, StepExecution

pytestmark = pytest.mark.slow

Ops = Callable[..., Result]
GROUP = "customer-flight-delays-dev"
OWN = {"vertical": "customer", "env": "dev", "owner": "ana@example.com"}
RUNS = f"s3://{BUCKET}/customer/flight-delays/dev/runs"
CARD = {"ModelCardContent": "{}", "ModelCardStatus": "Draft"}
DENIED = (400, "AccessDeniedException", "User: x is not authorized to perform: sagemaker:DescribeTrainingJob")
NEVER = "a" * 12  # no commit


def put_group(aws: Aws, name: str = GROUP, tags: dict[str, str] = OWN) -> None:
    aws.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=name, Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
    )


def put_json(aws: Aws, uri: str, content: Any) -> None:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def put_job(aws: Aws, name: str, **hyperparameters: str) -> None:
    aws.client("sagemaker").create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
        HyperParameters={"sagemaker_program": "training.py", **hyperparameters},
    )


def package(number: int, commit: str, **metadata: str) -> dict[str, Any]:
    """What a pipeline registers, except the group."""
    statistics = {
        kind: {"Statistics": {"ContentType": "application/json", "S3Uri": f"{RUNS}/{number}/{file}.json"}}
        for kind, file in (("ModelQuality", "evaluation"), ("ModelDataQuality", "summary"))
    }
    return {
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [
                {"Image": "image", "ModelDataUrl": f"s3://{BUCKET}/models/job-{number}/output/model.tar.gz"}
            ],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        "ModelMetrics": statistics,
        "DriftCheckBaselines": statistics,
        "ModelCard": CARD,
        "CustomerMetadataProperties": {
            "StartedBy": f"user=anna commit={commit} merge-request={number} source=push",
            "PipelineExecutionArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/p/execution/run{number}",
            "DataUri": f"s3://{BUCKET}/customer/flight-delays/dev/raw/hash{number}/",
            "SchemaHash": "e1e2",
            "LibraryVersion": f"0.{number}.0",
            **metadata,
        },
    }


def evaluation(auc: float) -> dict[str, Any]:
    scores = {"accuracy": {"value": 0.9, "standard_deviation": 0.1}, "auc": {"value": auc, "standard_deviation": 0.01}}
    return {"binary_classification_metrics": scores}


def put_versions(aws: Aws, *scores: float, **more: Any) -> None:
    """A group with a version for each score, each with all that a pipeline registers."""
    put_group(aws)
    for number, auc in enumerate(scores, 1):
        put_json(aws, f"{RUNS}/{number}/evaluation.json", evaluation(auc))
        put_json(aws, f"{RUNS}/{number}/summary.json", {"rows": 1000 * number})
        put_job(aws, f"job-{number}", max_iter=str(50 * number), learning_rate="0.1", class_weight='"none"')
        made = package(number, NEVER) | more
        aws.client("sagemaker").create_model_package(ModelPackageGroupName=GROUP, **made)
    gaps.CALLS.clear()


def cells(out: str) -> dict[str, list[str]]:
    """{first cell: the others} of every line; cells are separated by two spaces."""
    found = {}
    for line in out.splitlines():
        first, *others = [each.strip() for each in line.removeprefix("≠ ").split("  ") if each.strip()] or [""]
        found[first] = others
    return found


def marked(out: str) -> list[str]:
    return [line.removeprefix("≠ ").split("  ")[0] for line in out.splitlines() if line.startswith("≠")]


def test_two_versions_are_shown_side_by_side(ops: Ops, aws: Aws) -> None:
    put_versions(aws, 0.7, 0.75)

    done = ops("list-models", "--compare", "1", "2")

    assert done.code == 0, done
    assert done.out.splitlines()[0] == GROUP
    found = cells(done.out)
    assert found["version 1"] == ["version 2"]
    assert found["started by"] == ["anna", "anna"]
    assert found["merge request"] == ["1", "2"]
    assert found["execution"] == ["run1", "run2"]
    assert found["rows"] == ["1,000", "2,000"]
    assert found["schema"] == ["e1e2", "e1e2"]
    assert found["auc (gate)"] == ["0.7 ± 0.01", "0.75 ± 0.01", "+0.05 better"]
    assert found["accuracy"] == ["0.9 ± 0.1", "0.9 ± 0.1", "0 same"]
    assert found["max_iter"] == ["50", "100"]
    assert "2 others are the same" in found
    assert marked(done.out) == ["data", "rows", "library", "max_iter"]
    assert not not_known(done.out)


def not_known(out: str) -> list[str]:
    return [line for line in out.splitlines() if " not known: " in line]


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ((0.7, 0.75), "+0.05 better"),
        ((0.75, 0.7), "-0.05 worse"),
        ((0.7, 0.715), "+0.015 better, within 2 standard deviations"),
        ((0.7, 0.7), "0 same"),
    ],
)
def test_the_second_version_is_better_or_worse_than_the_first(
    ops: Ops, aws: Aws, scores: tuple[float, float], words: str
) -> None:
    put_versions(aws, *scores)

    assert cells(ops("list-models", "--compare", "1", "2").out)["auc (gate)"][2] == words


def test_versions_have_names(ops: Ops, aws: Aws) -> None:
    put_versions(aws, 0.7, 0.72, 0.74)
    arn = aws.client("sagemaker").list_model_packages(ModelPackageGroupName=GROUP, SortBy="CreationTime")
    second = sorted(each["ModelPackageArn"] for each in arn["ModelPackageSummaryList"])[1]
    aws.client("sagemaker").update_model_package(ModelPackageArn=second, ModelApprovalStatus="Approved")

    done = ops("list-models", "--compare", "approved", "latest")

    assert cells(done.out)["version 2"] == ["version 3"], done
    assert cells(done.out)["approval"] == ["Approved", "PendingManualApproval"]


def test_as_json(ops: Ops, aws: Aws) -> None:
    put_versions(aws, 0.7, 0.75)

    found = json.loads(ops("list-models", "--compare", "1", "2", "--output", "json").out)

    assert [each["ModelPackageVersion"] for each in found["ModelPackages"]] == [1, 2]
    assert [each["Rows"] for each in found["ModelPackages"]] == [1000, 2000]
    assert [each["ModelCard"] for each in found["ModelPackages"]] == [CARD, CARD]
    assert found["ModelPackages"][0]["CustomerMetadataProperties"]["LibraryVersion"] == "0.1.0"
    assert found["Metrics"][0] == {
        "Metric": "auc",
        "Values": [0.7, 0.75],
        "StandardDeviations": [0.01, 0.01],
        "Difference": pytest.approx(0.05),
        "Words": "better",
    }
    assert [each["max_iter"] for each in found["HyperParameters"]] == ["50", "100"]
    assert found["Notes"] == [f"changed files: commit {NEVER} is not in this clone: run `git fetch`."]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        pytest.param(["1", "7"], 2, f"'{GROUP}' has no version 7", id="no such version"),
        pytest.param(["0", "1"], 2, f"'{GROUP}' has no version 0", id="zero"),
        pytest.param(["1", "approved"], 2, f"'{GROUP}' has no approved version", id="none is approved"),
        pytest.param(["1", "1"], 2, "1 and 1 are both version 1", id="the same twice"),
        pytest.param(["2", "latest"], 2, "2 and latest are both version 2", id="the same by another name"),
        pytest.param(["1", "newest"], 2, "'newest' is not a version", id="another word"),
        pytest.param(["1", "9" * 5000], 2, "is not a version", id="a long number"),
        pytest.param(["-1", "1"], 2, "", id="a negative number"),
        pytest.param(["1"], 2, "2 arguments", id="one version"),
    ],
)
def test_versions_that_cannot_be_compared(ops: Ops, aws: Aws, arguments: list[str], code: int, sentence: str) -> None:
    put_versions(aws, 0.7, 0.75)

    done = ops("list-models", "--compare", *arguments)

    assert (done.code, done.out) == (code, ""), done
    assert sentence in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("group", "code", "sentence"),
    [
        pytest.param("customer-none-dev", 2, "there is no model package group 'customer-none-dev'", id="no such group"),
        pytest.param("customer-flight-delays-prod", 3, "belongs to environment 'prod'", id="another environment's"),
    ],
)
def test_groups_that_cannot_be_compared(ops: Ops, aws: Aws, group: str, code: int, sentence: str) -> None:
    put_group(aws, "customer-flight-delays-prod", {**OWN, "env": "prod"})

    done = ops("list-models", group, "--compare", "1", "2")

    assert (done.code, done.out) == (code, ""), done
    assert sentence in done.err


@pytest.mark.parametrize("operation", ["describe_model_package_group", "describe_model_package"])
def test_a_missing_permission_is_one_sentence(ops: Ops, aws: Aws, operation: str) -> None:
    put_versions(aws, 0.7, 0.75)
    gaps.FAULTS[operation] = [(400, "AccessDeniedException", "not allowed")] * 5

    done = ops("list-models", "--compare", "1", "2")

    assert (done.code, done.out, len(done.err.splitlines())) == (4, "", 1), done
    assert "your role does not allow" in done.err


def without_evaluation(aws: Aws) -> None:
    aws.client("s3").delete_object(Bucket=BUCKET, Key=f"{RUNS}/1/evaluation.json".partition(f"{BUCKET}/")[2])


def with_a_damaged_summary(aws: Aws) -> None:
    put_json(aws, f"{RUNS}/1/summary.json", b"{")


def with_rows_that_are_a_text(aws: Aws) -> None:
    put_json(aws, f"{RUNS}/1/summary.json", {"rows": "many"})


def without_permission_for_jobs(aws: Aws) -> None:
    gaps.FAULTS["describe_training_job"] = [DENIED]


@pytest.mark.parametrize(
    ("change", "what", "shown", "why"),
    [
        pytest.param(
            without_evaluation, "auc (gate)", "-", f"metrics of version 1 not known: there is nothing at {RUNS}/1/",
            id="no evaluation.json",
        ),
        pytest.param(
            with_a_damaged_summary, "rows", "-", f"rows of version 1 not known: {RUNS}/1/summary.json is not JSON.",
            id="a damaged summary.json",
        ),
        pytest.param(
            with_rows_that_are_a_text, "rows", "-",
            f"rows of version 1 not known: {RUNS}/1/summary.json has no number of rows.", id="another summary.json",
        ),
        pytest.param(
            without_permission_for_jobs, "max_iter", "-",
            "hyperparameters of version 1 not known: your role does not allow sagemaker:DescribeTrainingJob on job-1.",
            id="no permission for training jobs",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_is_a_hyphen_with_a_reason(
    ops: Ops, aws: Aws, change: Callable[[Aws], None], what: str, shown: str, why: str
) -> None:
    put_versions(aws, 0.7, 0.75)
    change(aws)

    done = ops("list-models", "--compare", "1", "2")

    assert done.code == 0, done
    assert cells(done.out)[what][0] == shown
    [said] = not_known(done.out)
    assert said.startswith(why)


def test_a_version_of_an_older_library_has_reasons_for_what_it_lacks(ops: Ops, aws: Aws) -> None:
    put_versions(aws, 0.7, 0.75, CustomerMetadataProperties={"purpose": "demo"}, DriftCheckBaselines={})

    done = ops("list-models", "--compare", "1", "2")

    assert done.code == 0, done
    assert cells(done.out)["library"] == ["-", "-"]
    known = {line.split(" of version")[0] for line in not_known(done.out)}
    assert known == {"execution", "data", "rows", "schema", "library", "started by", "commit"}
    assert "changed files: at least one of the commits is not known." in done.out


def test_without_its_training_job_the_parameters_of_the_execution_are_shown(ops: Ops, aws: Aws) -> None:
    parameters = [{"Name": name, "Type": "Float", "DefaultValue": 0.05} for name in ("LearningRate", "Other")]
    executed.deploy(aws, definition={**executed.DEFINITION, "Parameters": parameters})
    given = [{"Name": "LearningRate", "Value": "0.3"}, {"Name": "Other", "Value": "0.4"}]
    arn = executed.started(aws, PipelineParameters=given)
    metadata = {"PipelineExecutionArn": arn}
    put_group(aws)
    for number in (1, 2):
        aws.client("sagemaker").create_model_package(
            ModelPackageGroupName=GROUP, **package(number, NEVER, **(metadata if number == 2 else {}))
        )

    done = ops("list-models", "--compare", "1", "2")

    assert cells(done.out)["learning_rate"] == ["-", "0.3"], done
    assert "hyperparameters of version 1 not known: training job job-1 no longer exists." in done.out
    assert "Other" not in done.out


def test_models_of_local_runs_are_compared_too(ops: Ops, project: Project) -> None:
    home = project.path / ".local"
    folder = home / "registry" / "customer-compared-local"
    folder.mkdir(parents=True, exist_ok=True)
    for number, auc in ((1, 0.7), (2, 0.75)):
        made = {
            **package(number, NEVER),
            "ModelPackageVersion": number,
            "ModelPackageArn": f"arn/{number}",
            "ModelPackageStatus": "Completed",
            "CreationTime": f"2026-11-2{number}T07:00:00+00:00",
        }
        (folder / f"{number}.json").write_text(json.dumps(made), encoding="utf-8")
        for name, content in (("evaluation", evaluation(auc)), ("summary", {"rows": 500})):
            file = home / "s3" / f"{RUNS}/{number}/{name}.json".removeprefix("s3://")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content), encoding="utf-8")

    arguments = ("list-models", "customer-compared-local", "--env", "local", "--compare")
    done, wrong, none = (
        ops(*arguments, "1", "latest"),
        ops(*arguments, "1", "approved"),
        ops("list-models", "nothing", "--env", "local", "--compare", "1", "2"),
    )

    assert done.code == 0, done
    assert cells(done.out)["auc (gate)"][2] == "+0.05 better"
    assert cells(done.out)["rows"] == ["500", "500"]
    why = "the execution that trained it is no longer on this machine"
    assert f"hyperparameters of version 1 not known: {why}." in done.out
    assert (wrong.code, none.code) == (2, 2)
    assert none.err == "error: there is no version of nothing on this machine: `ops run` registers one.\n"


TOLD = {"sagemaker_program": "training.py", "_tuning_objective_metric": "validation:auc"}
MODEL = f"s3://{BUCKET}/models/job-1/output/model.tar.gz"
TUNING = {
    "TrainingJobDefinition": {"StaticHyperParameters": {**TOLD, "class_weight": '"none"', "max_iter": "1"}},
    "TrainingJobSummaries": [
        {"TrainingJobName": "job-2", "TunedHyperParameters": {"max_iter": "200"}},
        {"TrainingJobName": "job-1", "TunedHyperParameters": {"max_iter": "100"}},
    ],
}


@pytest.mark.parametrize(
    ("kind", "properties", "found"),
    [
        pytest.param(
            "Training",
            {"HyperParameters": {**TOLD, "max_iter": "100"}, "ModelArtifacts": {"S3ModelArtifacts": MODEL}},
            {"max_iter": "100"},
            id="a training job",
        ),
        pytest.param(
            "Training", {"ModelArtifacts": {"S3ModelArtifacts": MODEL}}, {}, id="a training job without hyperparameters"
        ),
        pytest.param("Tuning", TUNING, {"class_weight": "none", "max_iter": "100"}, id="one of a tuning job"),
        pytest.param("Training", {"ModelArtifacts": {"S3ModelArtifacts": f"{MODEL}2"}}, None, id="of another model"),
        pytest.param("Training", {"ModelArtifacts": [], "TrainingJobSummaries": [1]}, None, id="in another form"),
    ],
)
def test_the_hyperparameters_of_a_local_model_are_those_of_the_job_that_made_it(
    tmp_path: Path, kind: str, properties: dict[str, Any], found: dict[str, str] | None
) -> None:
    folder = tmp_path / "runs" / "abc"
    folder.mkdir(parents=True)
    step = StepExecution("Train", kind, status="Succeeded", properties=properties)
    now = datetime.now(UTC)
    Execution("abc", "train", folder, now, {}, {"Train": step}, "Succeeded", now).save()
    version = Version("group", 1, "Completed", "Approved", now, package=package(1, NEVER))

    details = model_details.of_local(tmp_path, version)

    assert details.hyperparameters == (found or {})
    assert ("hyperparameters" in details.unknown) is (found is None)
