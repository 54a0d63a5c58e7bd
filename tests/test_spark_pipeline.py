"""A project with `engine = "spark"`: what it compiles to, what is refused, and a run on this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from projects import Project, bake_into

pytestmark = pytest.mark.slow

IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/spark:3.5"
DEV = {
    "account": '"111122223333"',
    "role": '"arn:aws:iam::111122223333:role/customer-jobs"',
    "bucket": '"customer-data"',
}
EMR = {"emr_application": '"00f1abcdefghij01"', "emr_role": '"arn:aws:iam::111122223333:role/customer-spark"'}
ROWS = 3000


@pytest.fixture(scope="module")
def project(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project on Spark with a small table and a gate that any model passes."""
    project = bake_into(tmp_path_factory.mktemp("on-spark"))
    (project.path / ".venv").symlink_to(environment)
    table = project.path / "data/sample/flights_classification.csv"
    table.write_text("".join(table.read_text(encoding="utf-8").splitlines(True)[:ROWS]), encoding="utf-8")
    project.edit("gate", metric='"auc"', minimum="0.3")
    project.edit("data", engine='"spark"', missing='["a $HOME", "?"]')
    project.edit("environments.dev", **DEV)
    return project


def processing(project: Project, env: str) -> dict[str, Any]:
    """The compiled step."""
    done = project.ops("compile", "train", "--env", env)
    assert done.code == 0, done
    found: dict[str, Any] = next(step for step in json.loads(done.out)["Steps"] if step["Name"] == "Processing")
    return found


def test_on_aws_the_processing_job_needs_an_image(project: Project) -> None:
    project.edit("spark", runs_on='"processing"')

    done = project.ops("compile", "train", "--env", "dev")

    assert done.code == 3
    assert done.err.startswith("error: project.toml [spark].image: not set yet: AWS's Spark image lacks pyarrow")


def test_a_processing_job_starts_the_script_and_keeps_its_arguments_from_the_shell(project: Project) -> None:
    project.edit("spark", runs_on='"processing"', image=f'"{IMAGE}"', instance_count="3")
    (project.path / "data" / "schema.toml").unlink(missing_ok=True)  # that a run in another test may have written

    step = processing(project, "dev")["Arguments"]

    assert step["AppSpecification"]["ImageUri"] == IMAGE
    code = "/opt/ml/processing/input/code"
    assert step["AppSpecification"]["ContainerEntrypoint"] == ["smspark-submit", f"{code}/processing_spark.py"]
    assert step["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 3
    given = step["AppSpecification"]["ContainerArguments"]
    assert given[:2] == ["--input-dir=/opt/ml/processing/data", "@/opt/ml/processing/data-arguments/arguments.txt"]
    assert [each for each in given if isinstance(each, str)][2:] == ["--train-dir", "--validation-dir", "--test-dir"]
    assert "data-arguments" in [each["InputName"] for each in step["ProcessingInputs"]]


def test_emr_serverless_needs_its_application_and_role(project: Project) -> None:
    project.edit("spark", runs_on='"emr-serverless"')

    done = project.ops("compile", "train", "--env", "dev")

    assert done.code == 2
    gaps = {
        "emr_application": "the ID of the EMR Serverless application",
        "emr_role": "the ARN of the role that its jobs run under",
    }
    assert done.err.splitlines() == [
        f"error: project.toml [environments.dev].{key}: not set yet: write {what}." for key, what in gaps.items()
    ]


def test_a_step_of_emr_serverless(project: Project) -> None:
    project.edit("spark", runs_on='"emr-serverless"', executors="8", packages='"s3://customer-data/packages.tar.gz"')
    project.edit("environments.dev", **DEV, **EMR)

    step = processing(project, "dev")

    assert step["Type"] == "EMRServerless"
    assert step["Arguments"]["ApplicationId"] == "00f1abcdefghij01"
    assert step["Arguments"]["ExecutionRoleArn"] == "arn:aws:iam::111122223333:role/customer-spark"
    driver = step["Arguments"]["JobConfig"]["jobDriver"]["sparkSubmit"]
    assert driver["entryPoint"].endswith("/steps/processing_spark.py")
    assert "--missing=a $HOME" in driver["entryPointArguments"]
    words = driver["sparkSubmitParameters"]
    assert words.startswith("--py-files s3://customer-data/customer/")
    assert "--conf spark.dynamicAllocation.maxExecutors=8" in words
    assert "--conf spark.archives=s3://customer-data/packages.tar.gz#environment" in words


def test_without_java_nothing_starts(project: Project, tmp_path: Path) -> None:
    done = project.ops("run", "train", PATH=str(tmp_path), JAVA_HOME="")

    assert done.code == 2
    assert done.err.splitlines() == [
        "error: step 'Processing': Spark needs Java 17, and there is no `java` here: install it, such as the package "
        'openjdk-17-jre-headless, or write engine = "pandas" in project.toml [data].'
    ]


@pytest.mark.skipif(not shutil.which("java"), reason="needs Java")
def test_the_pipeline_runs_here_with_a_step_of_emr_serverless(project: Project) -> None:
    project.edit("spark", runs_on='"emr-serverless"')
    project.edit("training", max_rows="500")

    done = project.ops("run", "train")

    assert done.code == 0, done
    [run] = (project.path / ".local" / "runs").iterdir()
    log = (run / "Processing" / "log.txt").read_text(encoding="utf-8")
    assert log.splitlines()[-1].startswith("2,999 rows: train 1,7")
    assert "WARN" not in log
    log = (run / "Training" / "log.txt").read_text(encoding="utf-8")
    assert "train: 500 of 1,7" in log
