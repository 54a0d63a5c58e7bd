"""`ops new pipeline tune`: the pipeline that it writes runs here, compiles for AWS, and its best values are kept."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from projects import Bake, Project, Result, bake_into

pytestmark = pytest.mark.slow

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
DEV = {
    "account": '"111122223333"',
    "role": '"arn:aws:iam::111122223333:role/customer-jobs"',
    "bucket": '"customer-data"',
    "kms_key": f'"{KEY}"',
    "subnets": '["subnet-0123456789abcdef0"]',
    "security_groups": '["sg-0123456789abcdef0"]',
    "network_isolation": "true",
}
ROWS = 3000
CHECK = """
import json, sys
from pathlib import Path
sys.path.insert(0, "production/steps")
from sagemaker_ops import load_model
import tarfile, tempfile
with tempfile.TemporaryDirectory() as folder:
    tarfile.open(sys.argv[1]).extractall(folder, filter="data")
    estimator = load_model(Path(folder)).pipeline[-1]
print(json.dumps({name: estimator.get_params()[name] for name in sys.argv[2:]}))
"""


@pytest.fixture(scope="module")
def project(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with the pipeline, a small table and a gate that any model passes."""
    project = bake_into(tmp_path_factory.mktemp("tuned"))
    (project.path / ".venv").symlink_to(environment)
    table = project.path / "data/sample/flights_classification.csv"
    table.write_text("".join(table.read_text(encoding="utf-8").splitlines(True)[:ROWS]), encoding="utf-8")
    project.edit("gate", metric='"auc"', minimum="0.5")
    project.edit("tuning", max_jobs="3", metric='"validation:f1"')
    done = project.ops("new", "pipeline", "tune")
    assert done.code == 0, done
    return project


@pytest.fixture(scope="module")
def before(project: Project) -> str:
    """project.toml before the run."""
    return (project.path / "project.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def done(project: Project, before: str) -> Result:
    """The run, which also writes its best values; max_iter has a range, l2_regularization a value for this run only."""
    return project.ops("run", "tune", "--param", "L2Regularization=0.5", "--write")


@pytest.fixture(scope="module")
def steps(project: Project, done: Result) -> dict[str, dict[str, Any]]:
    """{step: its properties}."""
    [file] = [file for file in project.path.glob(".local/runs/*/execution.json") if f"{file.parent.name}/" in done.out]
    return {step["name"]: step["properties"] for step in json.loads(file.read_text(encoding="utf-8"))["steps"]}


def hyperparameters(text: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(text)["hyperparameters"]
    return found


def test_the_run_tries_values_and_says_which_are_best(done: Result, steps: dict[str, Any]) -> None:
    assert done.code == 0, done
    jobs = steps["Tuning"]["TrainingJobSummaries"]
    scores = [each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for each in jobs]
    assert len(jobs) == 3
    assert scores == sorted(scores, reverse=True)
    number = jobs[0]["TrainingJobName"].rpartition("-")[2]
    assert (
        f"Best of 3 training jobs: {number}, with validation:f1 {scores[0]:.4g} (median {scores[1]:.4g}, " in done.out
    )


def test_the_best_values_are_written_and_nothing_else_changes(
    project: Project, before: str, done: Result, steps: dict[str, Any]
) -> None:
    text = (project.path / "project.toml").read_text(encoding="utf-8")
    old, new = hyperparameters(before), hyperparameters(text)

    tuned = steps["Tuning"]["BestTrainingJob"]["TunedHyperParameters"]
    assert tuned.keys() == {"learning_rate", "max_iter", "max_leaf_nodes", "min_samples_leaf"}
    assert new == {**old, "l2_regularization": 0.5, **{name: type(old[name])(value) for name, value in tuned.items()}}
    assert {name: type(value) for name, value in new.items()} == {name: type(value) for name, value in old.items()}
    assert re.findall("#.*", text) == re.findall("#.*", before)
    assert {line for line in done.out.splitlines() if line.startswith(("+", "-"))} == {
        f"{sign}{line}"
        for sign, own, other in (("-", before, text), ("+", text, before))
        for line in {*own.splitlines()} - {*other.splitlines()}
    }


def test_the_registered_model_has_the_best_values(project: Project, steps: dict[str, Any]) -> None:
    [container] = steps["Register"]["InferenceSpecification"]["Containers"]
    archive = project.path / ".local/s3" / container["ModelDataUrl"].removeprefix("s3://")
    tuned = steps["Tuning"]["BestTrainingJob"]["TunedHyperParameters"]

    done = project.run(".venv/bin/python", "-c", CHECK, archive, *tuned, "l2_regularization")

    expected = {name: json.loads(value) for name, value in tuned.items()} | {"l2_regularization": 0.5}
    assert json.loads(done.out) == expected, done


def test_train_then_makes_the_same_model_so_that_its_evaluation_is_known(
    project: Project, steps: dict[str, Any]
) -> None:
    done = project.ops("run", "train")

    assert done.code == 0, done
    assert re.search(r"^Training +Training +Succeeded +\S+ s$", done.out, re.MULTILINE), done
    assert re.search(r"^Evaluation +Processing +Succeeded +\S+ s +cached", done.out, re.MULTILINE), done


def test_the_report_has_a_table_of_the_jobs(project: Project, done: Result, steps: dict[str, Any]) -> None:
    [page] = [file for file in project.path.glob(".local/runs/*/report.html") if f"{file.parent.name}/" in done.out]
    text = page.read_text(encoding="utf-8")

    assert '<a href="#trials">Tuning</a>' in text
    table = text.partition('id="trials"')[2].partition("</table>")[0]
    jobs = [each["TrainingJobName"].rpartition("-")[2] for each in steps["Tuning"]["TrainingJobSummaries"]]
    assert re.findall(r'<th scope="row">(\d+)</th>', table) == jobs


def test_a_model_that_fails_the_gate_still_has_the_best_values(project: Project, done: Result) -> None:
    failed = project.ops("run", "tune", "--param", "QualityGate=0.999", "--write")

    assert failed.code == 1, failed
    assert "QualityGateFailed" in failed.out
    assert failed.out.splitlines()[-1] == "project.toml [hyperparameters] has the best values already."


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["run", "train", "--write"], "--write: pipeline 'train' has no tuning step: `ops new pipeline tune` writes"),
        (["run", "--definition", "x.json", "--write"], "--write works only with a pipeline of the project"),
        (["run", "tune", "--param", "MaxJobs=0"], "MaxNumberOfTrainingJobs"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(project: Project, command: list[str], sentence: str) -> None:
    runs = set(project.path.glob(".local/runs/*"))

    done = project.ops(*command)

    assert done.code == 2, done
    assert sentence in done.err
    assert set(project.path.glob(".local/runs/*")) == runs


def test_the_test_that_is_written_passes(project: Project) -> None:
    done = project.run(".venv/bin/python", "-m", "pytest", "tests/pipelines/test_tune.py")

    assert done.code == 0, done


def test_the_written_files_pass_every_check(project: Project) -> None:
    files = ("production/pipelines/tune.py", "tests/pipelines/test_tune.py")

    for command in (["ruff", "check", "--no-cache"], ["ruff", "format", "--check", "--no-cache"], ["mypy"]):
        done = project.run(".venv/bin/python", "-m", *command, *files)
        assert done.code == 0, done
    assert all(len((project.path / file).read_text(encoding="utf-8").splitlines()) <= 45 for file in files)


# What AWS gets


def compiled(ready: Bake, **training: str) -> Mapping[str, Any]:
    """The arguments of CreateHyperParameterTuningJob, with every setting of an environment."""
    project = ready()
    project.edit("environments.dev", **DEV)
    project.edit("training", **training)
    project.edit("tuning.ranges", class_weight='["none", "balanced"]', l2_regularization="[0.0, 10.0]")
    assert project.ops("new", "pipeline", "tune").code == 0
    done = project.ops("compile", "tune", "--env", "dev")
    assert done.code == 0, done
    [step] = [step for step in json.loads(done.out)["Steps"] if step["Type"] == "Tuning"]
    found: Mapping[str, Any] = step["Arguments"]
    return found


def filled(value: Any, given: Mapping[str, Any]) -> Any:
    """The value with each expression replaced: by what is `given` for a parameter, otherwise by a text."""
    if isinstance(value, dict):
        if "Get" in value:
            return given.get(value["Get"].removeprefix("Parameters."), "s3://bucket/key")
        if any(key.startswith("Std:") for key in value):
            return "text"
        return {key: filled(item, given) for key, item in value.items()}
    return [filled(item, given) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("training", "wait", "kept"),
    [
        ({"keep_alive_minutes": "10"}, None, 600),
        ({"spot": "true", "max_wait_minutes": "90", "keep_alive_minutes": "0"}, 5400, None),
    ],
    ids=["a warm pool", "spot"],
)
def test_every_setting_reaches_the_jobs_in_the_form_that_aws_accepts(
    ready: Bake, training: dict[str, str], wait: int | None, kept: int | None
) -> None:
    request = compiled(ready, **training)
    config, job = request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"]

    assert job["EnableNetworkIsolation"] is True
    assert job["VpcConfig"] == {"Subnets": ["subnet-0123456789abcdef0"], "SecurityGroupIds": ["sg-0123456789abcdef0"]}
    assert job["OutputDataConfig"]["KmsKeyId"] == job["ResourceConfig"]["VolumeKmsKeyId"] == KEY
    assert job["ResourceConfig"].get("KeepAlivePeriodInSeconds") == kept
    assert job["StoppingCondition"].get("MaxWaitTimeInSeconds") == wait
    assert job.get("EnableManagedSpotTraining", False) is bool(wait)
    tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    assert (tags["env"], tags["vertical"], tags["project"]) == ("dev", "customer", "flight-delays")

    assert config["RandomSeed"] == {"Get": "Parameters.RandomSeed"}
    assert config["ResourceLimits"] == {
        "MaxNumberOfTrainingJobs": {"Get": "Parameters.MaxJobs"},
        "MaxParallelTrainingJobs": 2,
    }
    objective = {"Type": "Maximize", "MetricName": "validation:auc"}
    assert config["HyperParameterTuningJobObjective"] == objective
    assert [each["Name"] for each in job["AlgorithmSpecification"]["MetricDefinitions"]] == ["validation:auc"]
    assert config["ParameterRanges"] == {
        "ContinuousParameterRanges": [
            {"Name": "l2_regularization", "MinValue": "0.0", "MaxValue": "10.0", "ScalingType": "Auto"},
            {"Name": "learning_rate", "MinValue": "0.01", "MaxValue": "0.3", "ScalingType": "Logarithmic"},
        ],
        "CategoricalParameterRanges": [{"Name": "class_weight", "Values": ["none", "balanced"]}],
        "IntegerParameterRanges": [
            {"Name": "max_iter", "MinValue": "50", "MaxValue": "300", "ScalingType": "Auto"},
            {"Name": "max_leaf_nodes", "MinValue": "7", "MaxValue": "127", "ScalingType": "Logarithmic"},
            {"Name": "min_samples_leaf", "MinValue": "5", "MaxValue": "100", "ScalingType": "Auto"},
        ],
    }
    fixed = {name for name in job["StaticHyperParameters"] if not name.startswith("sagemaker_")}
    assert fixed == {"early_stopping_rounds"}

    api = botocore.session.get_session().get_service_model("sagemaker")
    shape = api.operation_model("CreateHyperParameterTuningJob").input_shape
    given = filled(request, {"MaxJobs": 20, "RandomSeed": 0, "TrainingInstanceType": "ml.m5.xlarge"})
    whole = {"HyperParameterTuningJobName": "name", **given}
    assert ParamValidator().validate(whole, shape).generate_report() == ""
    ends = (number for ranges in config["ParameterRanges"].values() for each in ranges for number in each.values())
    assert all(isinstance(end, str | list) for end in ends)


def test_a_regression_minimizes_its_error(ready: Bake) -> None:
    project = ready(problem="regression")
    project.edit("gate", metric='"rmse"', minimum="", maximum="100")
    text = (project.path / "project.toml").read_text(encoding="utf-8")
    (project.path / "project.toml").write_text(text.replace("minimum = \n", ""), encoding="utf-8")
    assert project.ops("new", "pipeline", "tune").code == 0

    done = project.ops("compile", "tune")

    assert done.code == 0, done
    [step] = [step for step in json.loads(done.out)["Steps"] if step["Type"] == "Tuning"]
    objective = step["Arguments"]["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    assert objective == {"Type": "Minimize", "MetricName": "validation:rmse"}
