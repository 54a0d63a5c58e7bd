"""The steps that run a job here: processing, training and batch transform."""

from __future__ import annotations

from typing import Any

from sagemaker_ops.definition.job_names import Job
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.shapes import NAME, NUMBER, TEXT, Shape
from sagemaker_ops.definition.step_type import Properties, StepType


def _processing_outputs(properties: Properties) -> dict[str, str]:
    made = properties.get("ProcessingOutputConfig", {}).get("Outputs", {})
    return {name: each["S3Output"]["S3Uri"] for name, each in made.items() if "S3Output" in each}


def _processing_expected(arguments: Properties) -> dict[str, Any]:
    """Outputs are a list in the arguments, and a map by name in the properties."""
    outputs = {each["OutputName"]: each for each in at(arguments, "ProcessingOutputConfig.Outputs.*")}
    return {**arguments, "ProcessingOutputConfig": {"Outputs": outputs}}


def _training_outputs(properties: Properties) -> dict[str, str]:
    if "ModelArtifacts" not in properties:
        return {}
    return {"model": properties["ModelArtifacts"]["S3ModelArtifacts"].rpartition("/")[0] + "/"}


def _transform_outputs(properties: Properties) -> dict[str, str]:
    return {"transform": properties["TransformOutput"]["S3OutputPath"]} if "TransformOutput" in properties else {}


_ENVIRONMENT: Shape = {"*": TEXT}
CONTAINER: Shape = {"ModelDataUrl?": TEXT, "Environment?": _ENVIRONMENT, "Mode?": TEXT}
_STOPPING: Shape = {"MaxRuntimeInSeconds?": NUMBER}
_OUTPUT: Shape = {"OutputName": NAME, "S3Output?": {"S3Uri": TEXT, "LocalPath": TEXT}}
PROCESSING = StepType(
    "Processing",
    shape={
        "ProcessingResources": {"ClusterConfig": {"InstanceCount": NUMBER, "InstanceType": TEXT}},
        "AppSpecification": {"ContainerEntrypoint?": [TEXT], "ContainerArguments?": [TEXT]},
        "Environment?": _ENVIRONMENT,
        "ProcessingInputs?": [{"InputName": NAME, "S3Input?": {"S3Uri": TEXT, "LocalPath": TEXT}}],
        "ProcessingOutputConfig?": {"Outputs": [_OUTPUT]},
        "StoppingCondition?": _STOPPING,
    },
    requests=("CreateProcessingJobRequest",),
    run="local.container_job:run_processing",
    refuse="preflight.refusals:processing",
    use="processing",
    cost="bounded",
    resources=("ProcessingResources", "ClusterConfig"),
    # https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html, for the three kinds of jobs
    compared=("AppSpecification", "Environment", "ProcessingInputs"),
    reads=("ProcessingInputs.*.S3Input.S3Uri",),
    writes=("ProcessingOutputConfig.Outputs.*.S3Output.S3Uri",),
    limits={
        "ProcessingResources.ClusterConfig.InstanceCount": (1,),
        "ProcessingInputs.*.DatasetDefinition": (),
        "ProcessingInputs.*.S3Input.S3DataType": ("S3Prefix",),
        "ProcessingInputs.*.S3Input.S3InputMode": ("File",),
        "ProcessingInputs.*.S3Input.S3CompressionType": ("None",),
        "ProcessingOutputConfig.Outputs.*.FeatureStoreOutput": (),
    },
    outputs=_processing_outputs,
    expected=_processing_expected,
    job=Job("Processing"),
)  # fmt: skip
TRAINING = StepType(
    "Training",
    shape={
        "AlgorithmSpecification": {
            "TrainingImage?": TEXT,
            "TrainingInputMode?": TEXT,
            "ContainerEntrypoint?": [TEXT],
            "ContainerArguments?": [TEXT],
            "MetricDefinitions?": [{"Name": TEXT, "Regex": TEXT}],
        },
        "HyperParameters?": {"*": TEXT},
        "Environment?": _ENVIRONMENT,
        "InputDataConfig?": [{"ChannelName": NAME, "DataSource": {"S3DataSource?": {"S3Uri": TEXT}}}],
        "OutputDataConfig": {"S3OutputPath": TEXT},
        "ResourceConfig": {"InstanceCount?": NUMBER, "InstanceType?": TEXT},
        "StoppingCondition?": _STOPPING,
    },
    requests=("CreateTrainingJobRequest",),
    run="local.container_job:run_training",
    refuse="preflight.refusals:training",
    use="training",
    cost="bounded",
    resources=("ResourceConfig",),
    compared=(
        "AlgorithmSpecification", "CheckpointConfig", "DebugHookConfig", "DebugRuleConfigurations", "Environment",
        "HyperParameters", "InputDataConfig",
    ),
    reads=("InputDataConfig.*.DataSource.S3DataSource.S3Uri", "HyperParameters.sagemaker_submit_directory"),
    writes=("OutputDataConfig.S3OutputPath",),
    limits={
        "AlgorithmSpecification.AlgorithmName": (),
        "AlgorithmSpecification.TrainingInputMode": ("File", "FastFile"),
        "InputDataConfig.*.DataSource.FileSystemDataSource": (),
        "InputDataConfig.*.DataSource.S3DataSource.S3DataType": ("S3Prefix",),
        "InputDataConfig.*.InputMode": ("File", "FastFile"),
        "InputDataConfig.*.CompressionType": ("None",),
        "InputDataConfig.*.RecordWrapperType": ("None",),
        "OutputDataConfig.CompressionType": ("GZIP",),
        "ResourceConfig.InstanceCount": (1,),
        "ResourceConfig.InstanceGroups": (),
    },
    outputs=_training_outputs,
    job=Job("Training"),
)  # fmt: skip
TRANSFORM = StepType(
    "Transform",
    shape={
        "ModelName": TEXT,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType?": TEXT, "S3Uri": TEXT}},
            "ContentType?": TEXT,
            "CompressionType?": TEXT,
            "SplitType?": TEXT,
        },
        "TransformOutput": {"S3OutputPath": TEXT, "Accept?": TEXT, "AssembleWith?": TEXT},
        "TransformResources": {"InstanceCount": NUMBER, "InstanceType": TEXT},
        "BatchStrategy?": TEXT,
        "MaxPayloadInMB?": NUMBER,
        "MaxConcurrentTransforms?": NUMBER,
        "Environment?": _ENVIRONMENT,
        "DataProcessing?": {"InputFilter?": TEXT, "OutputFilter?": TEXT, "JoinSource?": TEXT},
    },
    requests=("CreateTransformJobRequest",),
    run="local.transform_job:run_transform",
    refuse="preflight.refusals:transform",
    use="transform",
    cost="unbounded",
    resources=("TransformResources",),
    compared=(
        "BatchStrategy", "DataProcessing", "Environment", "MaxConcurrentTransforms", "MaxPayloadInMB", "ModelName",
        "TransformInput",
    ),
    reads=("TransformInput.DataSource.S3DataSource.S3Uri",),
    writes=("TransformOutput.S3OutputPath",),
    limits={
        "TransformInput.DataSource.S3DataSource.S3DataType": ("S3Prefix",),
        "TransformInput.CompressionType": ("None", "Gzip"),
        "TransformInput.SplitType": ("None", "Line"),
        "TransformOutput.AssembleWith": ("None", "Line"),
        "BatchStrategy": ("MultiRecord", "SingleRecord"),
        "DataProcessing.JoinSource": ("None", "Input"),
        "DataCaptureConfig": (),
    },
    outputs=_transform_outputs,
    serves_model=True,
    job=Job("Transform", numbered_hosts=False),
)  # fmt: skip
