"""The steps that run a job here: processing, training and batch transform."""

from __future__ import annotations

from typing import Any

from sagemaker_ops.definition import metrics
from sagemaker_ops.definition.job_names import Job
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.shapes import NAME, NUMBER, TEXT, Shape
from sagemaker_ops.definition.step_type import Properties, StepType


def _processing_outputs(properties: Properties) -> dict[str, str]:
    made = properties.get("ProcessingOutputConfig", {}).get("Outputs", {})
    return {name: each["S3Output"]["S3Uri"] for name, each in made.items() if "S3Output" in each}


def _processing_expected(arguments: Properties) -> dict[str, Any]:
    """Inputs and outputs are lists in the arguments, and maps by name in the properties."""
    inputs = {each["InputName"]: each for each in at(arguments, "ProcessingInputs.*")}
    outputs = {each["OutputName"]: each for each in at(arguments, "ProcessingOutputConfig.Outputs.*")}
    made = dict.fromkeys((*Job("Processing").described, "LastModifiedTime", "ExitMessage"))
    return {**made, **arguments, "ProcessingInputs": inputs, "ProcessingOutputConfig": {"Outputs": outputs}}


def _training_expected(arguments: Properties) -> dict[str, Any]:
    made = dict.fromkeys((*Job("Training").described, "LastModifiedTime", "SecondaryStatus", "TrainingTimeInSeconds"))
    names = at(arguments, f"{metrics.DEFINITIONS}.Name")
    measured = dict.fromkeys(names) if all(isinstance(name, str) for name in names) else None
    return {**made, **arguments, "ModelArtifacts": {"S3ModelArtifacts": None}, metrics.PROPERTY: measured}


def _training_outputs(properties: Properties) -> dict[str, str]:
    if "ModelArtifacts" not in properties:
        return {}
    return {"model": properties["ModelArtifacts"]["S3ModelArtifacts"].rpartition("/")[0] + "/"}


def _transform_outputs(properties: Properties) -> dict[str, str]:
    return {"transform": properties["TransformOutput"]["S3OutputPath"]} if "TransformOutput" in properties else {}


_ENVIRONMENT: Shape = {"*": TEXT}
_SOURCE: Shape = {"S3DataSource?": {"S3Uri": TEXT, "S3DataType?": TEXT, "CompressionType?": TEXT}}
MODEL_FOLDER = "ModelDataSource.S3DataSource.S3Uri"  # instead of an archive at ModelDataUrl
CONTAINER: Shape = {"ModelDataUrl?": TEXT, "ModelDataSource?": _SOURCE, "Environment?": _ENVIRONMENT, "Mode?": TEXT}
_STOPPING: Shape = {"MaxRuntimeInSeconds?": NUMBER}
_OUTPUT: Shape = {"OutputName": NAME, "S3Output?": {"S3Uri": TEXT, "LocalPath": TEXT}}
PROCESSING = StepType(
    "Processing",
    shape={
        "ProcessingResources": {"ClusterConfig": {"InstanceCount": NUMBER, "InstanceType": TEXT}},
        "AppSpecification": {"ContainerEntrypoint?": [TEXT], "ContainerArguments?": [TEXT]},
        "ProcessingInputs?": [{"InputName": NAME, "S3Input?": {"S3Uri": TEXT, "LocalPath": TEXT}}],
        "ProcessingOutputConfig?": {"Outputs": [_OUTPUT]},
        "Environment?": _ENVIRONMENT, "StoppingCondition?": _STOPPING,
    },
    requests=("CreateProcessingJobRequest",),
    run="local.container_job:run_processing",
    refuse="preflight.refusals:processing",
    use="processing", cost="bounded", resources=("ProcessingResources", "ClusterConfig"),
    # https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html, for the three kinds of jobs
    compared=("AppSpecification", "Environment", "ProcessingInputs"),
    reads=("ProcessingInputs.*.S3Input.S3Uri",),
    writes=("ProcessingOutputConfig.Outputs.*.S3Output.S3Uri",),
    limits={
        "ProcessingResources.ClusterConfig.InstanceCount": (1,), "ProcessingInputs.*.DatasetDefinition": (),
        "ProcessingInputs.*.S3Input.S3DataType": ("S3Prefix",), "ProcessingInputs.*.S3Input.S3InputMode": ("File",),
        "ProcessingInputs.*.S3Input.S3CompressionType": ("None",),
        "ProcessingOutputConfig.Outputs.*.FeatureStoreOutput": (),
    },
    named={
        "ProcessingOutputConfig.Outputs": ("ProcessingOutputConfig.Outputs.*.OutputName", "an output"),
        "ProcessingInputs": ("ProcessingInputs.*.InputName", "an input"),
    },
    outputs=_processing_outputs,
    expected=_processing_expected,
    job=Job("Processing"),
)  # fmt: skip
TRAINING = StepType(
    "Training",
    shape={
        "AlgorithmSpecification": {
            "TrainingImage?": TEXT, "TrainingInputMode?": TEXT, "ContainerEntrypoint?": [TEXT],
            "ContainerArguments?": [TEXT], "MetricDefinitions?": [{"Name": TEXT, "Regex": TEXT}],
        },
        "HyperParameters?": {"*": TEXT}, "Environment?": _ENVIRONMENT,
        "InputDataConfig?": [{"ChannelName": NAME, "DataSource": {"S3DataSource?": {"S3Uri": TEXT}}}],
        "OutputDataConfig": {"S3OutputPath": TEXT}, "StoppingCondition?": _STOPPING,
        "ResourceConfig": {"InstanceCount?": NUMBER, "InstanceType?": TEXT},
    },
    requests=("CreateTrainingJobRequest",),
    run="local.container_job:run_training",
    refuse="preflight.refusals:training",
    use="training", cost="bounded", resources=("ResourceConfig",),
    compared=(
        "AlgorithmSpecification", "CheckpointConfig", "DebugHookConfig", "DebugRuleConfigurations", "Environment",
        "HyperParameters", "InputDataConfig",
    ),
    reads=("InputDataConfig.*.DataSource.S3DataSource.S3Uri",),
    reads_files=("HyperParameters.sagemaker_submit_directory",),
    writes=("CheckpointConfig.S3Uri",),
    writes_in_job=("OutputDataConfig.S3OutputPath",),
    limits={
        "AlgorithmSpecification.AlgorithmName": (), "InputDataConfig.*.DataSource.FileSystemDataSource": (),
        "AlgorithmSpecification.TrainingInputMode": ("File", "FastFile"),
        "InputDataConfig.*.DataSource.S3DataSource.S3DataType": ("S3Prefix",),
        "InputDataConfig.*.InputMode": ("File", "FastFile"), "InputDataConfig.*.CompressionType": ("None",),
        "InputDataConfig.*.RecordWrapperType": ("None",), "OutputDataConfig.CompressionType": ("GZIP", "NONE"),
        "ResourceConfig.InstanceCount": (1,), "ResourceConfig.InstanceGroups": (),
    },
    named={metrics.PROPERTY: (f"{metrics.DEFINITIONS}.Name", "a metric")},
    outputs=_training_outputs,
    expected=_training_expected,
    job=Job("Training"),
)  # fmt: skip
TRANSFORM = StepType(
    "Transform",
    shape={
        "ModelName": TEXT,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType?": TEXT, "S3Uri": TEXT}},
            "ContentType?": TEXT, "CompressionType?": TEXT, "SplitType?": TEXT,
        },
        "TransformOutput": {"S3OutputPath": TEXT, "Accept?": TEXT, "AssembleWith?": TEXT},
        "TransformResources": {"InstanceCount": NUMBER, "InstanceType": TEXT},
        "BatchStrategy?": TEXT, "MaxPayloadInMB?": NUMBER, "MaxConcurrentTransforms?": NUMBER,
        "Environment?": _ENVIRONMENT,
        "DataProcessing?": {"InputFilter?": TEXT, "OutputFilter?": TEXT, "JoinSource?": TEXT},
    },
    requests=("CreateTransformJobRequest",),
    run="local.transform_job:run_transform",
    refuse="preflight.refusals:transform",
    use="transform", cost="unbounded", resources=("TransformResources",),
    compared=(
        "BatchStrategy", "DataProcessing", "Environment", "MaxConcurrentTransforms", "MaxPayloadInMB", "ModelName",
        "TransformInput",
    ),
    reads=("TransformInput.DataSource.S3DataSource.S3Uri",),
    writes=("TransformOutput.S3OutputPath",),
    limits={
        "TransformInput.DataSource.S3DataSource.S3DataType": ("S3Prefix",),
        "TransformInput.CompressionType": ("None", "Gzip"), "TransformInput.SplitType": ("None", "Line"),
        "TransformOutput.AssembleWith": ("None", "Line"), "BatchStrategy": ("MultiRecord", "SingleRecord"),
        "DataProcessing.JoinSource": ("None", "Input"), "DataCaptureConfig": (),
    },
    outputs=_transform_outputs,
    expected=lambda arguments: {**dict.fromkeys(Job("Transform").described), **arguments},
    serves_model=True,
    job=Job("Transform", numbered_hosts=False),
)  # fmt: skip
