"""`ops write-hyperparameters --env dev`: the best values of a tuning job on AWS reach project.toml."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from projects import Project, Result

from aws import gaps
from aws.conftest import ACCOUNT, REGION, Aws
from aws.executed import DEFINITION, deploy, started, step
from sagemaker_ops.aws import lookup

pytestmark = pytest.mark.slow

TUNE = "customer-flight-delays-tune-dev"
JOB = "abc-Tuning-def"
METADATA = {"TuningJob": {"Arn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:hyper-parameter-tuning-job/{JOB}"}}
DESCRIBED: dict[str, Any] = {
    "HyperParameterTuningJobName": JOB,
    "HyperParameterTuningJobStatus": "Completed",
    "TrainingJobDefinition": {"StaticHyperParameters": {"sagemaker_program": "training.py", "max_iter": "90"}},
    "ObjectiveStatusCounters": {"Succeeded": 20, "Pending": 0, "Failed": 0},
    "BestTrainingJob": {
        "TrainingJobName": f"{JOB}-017-1a2b3c4d",
        "TunedHyperParameters": {"learning_rate": "0.1031", "max_leaf_nodes": "17"},
        "FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "validation:auc", "Value": 0.74},
    },
}


@pytest.fixture
def own(project: Project, tmp_path: Path) -> Project:
    """A copy of the shared project, which the command changes."""
    return Project(shutil.copytree(project.path, tmp_path / "own", symlinks=True))


def write(aws: Aws, project: Project, *arguments: str) -> Result:
    command = (sys.executable, "-m", "sagemaker_ops", "write-hyperparameters", *arguments, "--env", "dev")
    return project.run(*command, **aws.environment)


def settings(project: Project) -> str:
    return (project.path / "project.toml").read_text(encoding="utf-8")


def tuned(aws: Aws, **of_step: Any) -> str:
    """The ARN of an execution with a tuning step."""
    steps = [{**DEFINITION["Steps"][1], "Name": "Tuning", "Type": "Tuning", "Arguments": {}}]
    deploy(aws, TUNE, definition={**DEFINITION, "Steps": steps})
    arn = started(aws, TUNE)
    gaps.STEPS[arn] = [step("Tuning", **of_step)]
    gaps.TUNING[JOB] = DESCRIBED
    return arn


def test_the_best_values_on_aws_are_written(aws: Aws, own: Project) -> None:
    arn = tuned(aws, Metadata=METADATA)
    before = settings(own)

    planned = write(aws, own, lookup.id_of(arn), "--dry-run")
    assert settings(own) == before
    done = write(aws, own, lookup.id_of(arn))

    assert (planned.code, done.code) == (0, 0), (planned, done)
    assert done.out.splitlines()[1:] == planned.out.splitlines()[1:] == [
        "-learning_rate = 0.05",
        "-max_iter = 150",
        "-max_leaf_nodes = 31",
        "+learning_rate = 0.1031",
        "+max_iter = 90",
        "+max_leaf_nodes = 17",
    ]  # fmt: skip
    after = before.replace("learning_rate = 0.05", "learning_rate = 0.1031").replace("max_iter = 150", "max_iter = 90")
    assert settings(own) == after.replace("nodes = 31", "nodes = 17")


@pytest.mark.parametrize(
    ("of_step", "sentence"),
    [
        ({"status": "Failed", "Metadata": METADATA}, "has tuned hyperparameters to the end: nothing to write."),
        ({"status": "Executing"}, "has tuned hyperparameters to the end: nothing to write."),
        (
            {
                "CacheHitResult": {
                    "SourcePipelineExecutionArn": f"arn:aws:sagemaker:{REGION}:1:pipeline/x/execution/old"
                }
            },
            "step 'Tuning' has its result from execution old: give that one.",
        ),
    ],
)
def test_nothing_is_written_unless_the_tuning_has_ended_there(
    aws: Aws, own: Project, of_step: dict[str, Any], sentence: str
) -> None:
    arn = tuned(aws, **of_step)
    before = settings(own)

    done = write(aws, own, arn)

    assert (done.code, done.out) == (2, ""), done
    assert sentence in done.err
    assert settings(own) == before
