"""The step that runs training jobs with values from ranges, and finds the best one."""

from __future__ import annotations

from typing import Any

from sagemaker_ops.definition.job_types import TRAINING
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.shapes import NAME, NUMBER, TEXT, Shape
from sagemaker_ops.definition.step_type import Properties, StepType

RANGES = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")
INTEGER, CONTINUOUS, CATEGORICAL = RANGES
AUTOMATIC = "AutoParameters"  # without ranges: AWS finds them


def trainings(arguments: Properties) -> list[dict[str, Any]]:
    """Each training job definition as the arguments of a training step, with its TuningObjective and its ranges."""
    config = arguments.get("HyperParameterTuningJobConfig") or {}
    objective, ranges = config.get("HyperParameterTuningJobObjective") or {}, config.get("ParameterRanges") or {}
    shared, found = {"TuningObjective": objective, "HyperParameterRanges": ranges}, []
    for each in arguments.get("TrainingJobDefinitions") or filter(None, at(arguments, "TrainingJobDefinition")):
        resources = each.get("HyperParameterTuningResourceConfig") or {}
        first = (resources.get("InstanceConfigs") or [resources])[0]  # the others are for a lack of capacity
        given = each.get("StaticHyperParameters") or {}
        found.append({**shared, "ResourceConfig": first, **each, "HyperParameters": given})
    return found


def _outputs(properties: Properties) -> dict[str, str]:
    """The model of the best job as `model`, and those of the others by the names of their jobs."""
    places = [(each.get("DefinitionName"), at(each, "OutputDataConfig.S3OutputPath")) for each in trainings(properties)]
    folders = {name: str(uri) for name, uris in places for uri in uris}
    found: dict[str, str] = {}
    for each in properties.get("TrainingJobSummaries", ()):
        if (folder := folders.get(each.get("TrainingJobDefinitionName"), "").rstrip("/")) == "":
            continue  # a stand-in need not say where its models are
        found[each["TrainingJobName"] if found else "model"] = f"{folder}/{each['TrainingJobName']}/output/"
    return found


_JOB = TRAINING.shape if isinstance(TRAINING.shape, dict) else {}
_RANGE: Shape = {"Name": TEXT, "MinValue": TEXT, "MaxValue": TEXT, "ScalingType?": TEXT}
_RANGES: Shape = {
    **{f"{kind}?": [_RANGE] for kind in RANGES[:2]},
    f"{CATEGORICAL}?": [{"Name": TEXT, "Values": [TEXT]}],
    f"{AUTOMATIC}?": [{"Name": TEXT}],
}
_OBJECTIVE: Shape = {"Type": TEXT, "MetricName": TEXT}
_DEFINITION: Shape = {
    **{key.replace("ResourceConfig", "ResourceConfig?"): inner for key, inner in _JOB.items()},
    "DefinitionName?": NAME,
    "TuningObjective?": _OBJECTIVE,
    "HyperParameterRanges?": _RANGES,
    "StaticHyperParameters?": _JOB["HyperParameters?"],
    "HyperParameterTuningResourceConfig?": {"InstanceConfigs?": [{}]},
}
_FILLED_IN = (
    "HyperParameterTuningJobName", "HyperParameterTuningJobArn", "HyperParameterTuningJobStatus", "CreationTime",
    "HyperParameterTuningEndTime", "LastModifiedTime", "TrainingJobStatusCounters", "ObjectiveStatusCounters",
    "BestTrainingJob", "TrainingJobSummaries",
)  # fmt: skip
TUNING = StepType(
    "Tuning",
    shape={
        "HyperParameterTuningJobConfig": {
            "Strategy": TEXT,
            "HyperParameterTuningJobObjective?": _OBJECTIVE,
            "ResourceLimits": {"MaxParallelTrainingJobs": NUMBER},
            "ParameterRanges?": _RANGES,
        },
        "TrainingJobDefinition?": _DEFINITION,
        "TrainingJobDefinitions?": [_DEFINITION],
    },
    requests=("CreateHyperParameterTuningJobRequest",),
    run="local.tuning_job:run_tuning",
    refuse="preflight.tuning_limits:tuning",
    differs="preflight.tuning_limits:differs",
    use="training",
    cost="bounded",
    resources=TRAINING.resources,
    # https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html
    compared=(
        "HyperParameterTuningJobConfig", "TrainingJobDefinition.AlgorithmSpecification",
        "TrainingJobDefinition.HyperParameterRanges", "TrainingJobDefinition.InputDataConfig",
        "TrainingJobDefinition.StaticHyperParameters", "TrainingJobDefinition.TuningObjective",
        "TrainingJobDefinitions",
    ),
    # S3OutputPath, because other steps join it with the name of a job.
    compared_here=(
        "TrainingJobDefinition.CheckpointConfig", "TrainingJobDefinition.Environment",
        "TrainingJobDefinition.OutputDataConfig.S3OutputPath",
    ),
    limits={"WarmStartConfig": (), "Autotune.Mode": ()},
    outputs=_outputs,
    expected=lambda arguments: {**arguments, **dict.fromkeys(_FILLED_IN)},
    trainings=trainings,
)  # fmt: skip
