"""Every step type of SageMaker Pipelines, described once.

The shape of a step's arguments, what runs it locally, what its cache compares, what it reads and writes, what its
instances are for: all code that depends on the step type looks it up here. A new type is one more entry, plus a
function for everything that it does differently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from sagemaker_ops.definition.job_names import Job
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.shapes import ANYTHING, NAME, NUMBER, TEXT, Shape

Properties = Mapping[str, Any]
Cost = Literal["none", "bounded", "unbounded", "unknown"]
"""none: no instance to pay for. bounded: the arguments limit the time. unbounded: they cannot. unknown: not known."""


@dataclass(frozen=True)
class StepType:
    """One step type.

    shape: the part of its Arguments that the runner needs; None: it runs only on AWS.
    requests: the shapes of its Arguments in request_shapes.json, of which one applies; empty: they can be anything.
    run: the function of the local runner that runs it, and refuse: the preflight function that yields a sentence for
    everything that cannot run here; as `module:function` in sagemaker_ops.
    use, cost: of its instances; resources: where they are in its arguments or those of its job.
    compared: the arguments that AWS's cache compares; empty for a step that is never cached.
    reads, writes: paths of S3 URIs in its arguments; "*" is each item of a list.
    limits: {path: values that can run here}; empty: the path must be absent.
    outputs: from its properties to {name: S3 folder} of its outputs. expected: its properties before it runs, as far as
    they follow from its arguments.
    """

    name: str
    shape: Shape | None = None
    requests: tuple[str, ...] = ()
    run: str = ""
    refuse: str = ""
    use: str = ""
    cost: Cost = "unknown"
    resources: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    limits: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    outputs: Callable[[Properties], dict[str, str]] = lambda _: {}
    expected: Callable[[Properties], dict[str, Any]] = dict
    job: Job | None = None
    branches: Mapping[str, bool] = field(default_factory=dict)
    """The arguments that contain steps, and the outcome for which these run."""
    trains_many: bool = False
    """Whether it contains several training jobs, and not the arguments of one job."""
    always_fails: bool = False
    creates_model: bool = False
    serves_model: bool = False
    registers_model: bool = False

    @property
    def runs_here(self) -> bool:
        return self.shape is not None

    @property
    def is_cached(self) -> bool:
        return bool(self.compared)


def of(name: object) -> StepType:
    """The type with that name; for an unknown name, a type without any details."""
    return TYPES.get(str(name)) or StepType(str(name))


def function(place: str) -> Callable[..., Any]:
    """The function at `module:function` in sagemaker_ops."""
    module, _, name = place.partition(":")
    found: Callable[..., Any] = getattr(import_module(f"sagemaker_ops.{module}"), name)
    return found


def branches(step: Mapping[str, Any]) -> Iterator[tuple[str, bool, list[Any]]]:
    """(key, outcome, steps) of each branch that a step chooses from."""
    arguments = step.get("Arguments") or {}
    for key, outcome in of(step.get("Type")).branches.items() if isinstance(arguments, Mapping) else ():
        inner = arguments.get(key)
        yield key, outcome, inner if isinstance(inner, list) else []


def walk(steps: Iterable[Mapping[str, Any]] | None) -> Iterator[Mapping[str, Any]]:
    """The steps of a definition, including those in the branches of its conditions, without what is not an object."""
    for step in (each for each in steps or () if isinstance(each, Mapping)):
        yield step
        for _, _, inner in branches(step):
            yield from walk(inner)


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
_CONTAINER: Shape = {"ModelDataUrl?": TEXT, "Environment?": _ENVIRONMENT, "Mode?": TEXT}
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
_TUNE = ("CreateHyperParameterTuningJobRequest",)
TYPES: dict[str, StepType] = {
    each.name: each
    for each in (
        PROCESSING,
        TRAINING,
        TRANSFORM,
        StepType(
            "Condition",
            shape={"Conditions": [ANYTHING], "IfSteps?": [ANYTHING], "ElseSteps?": [ANYTHING]},
            run="local.steps:condition",
            cost="none",
            branches={"IfSteps": True, "ElseSteps": False},
        ),
        StepType("Fail", shape={"ErrorMessage": TEXT}, run="local.steps:fail", cost="none", always_fails=True),
        StepType(
            "Model",
            shape={"PrimaryContainer?": _CONTAINER, "Containers?": [_CONTAINER]},
            requests=("CreateModelInput",),
            run="local.steps:model",
            cost="none",
            creates_model=True,
        ),
        StepType(
            "RegisterModel",
            shape={
                "ModelPackageGroupName": TEXT,
                "ModelApprovalStatus?": TEXT,
                "InferenceSpecification": {"Containers": [{"ModelDataUrl?": TEXT}]},
            },
            requests=("CreateModelPackageInput",),
            run="local.steps:register_model",
            cost="none",
            registers_model=True,
        ),
        # Types that run only on AWS.
        StepType("Tuning", None, _TUNE, use="training", cost="bounded", resources=TRAINING.resources, trains_many=True),
        *(
            StepType(
                name, requests=PROCESSING.requests, use="processing", cost="bounded", resources=PROCESSING.resources
            )
            for name in ("QualityCheck", "ClarifyCheck")
        ),
        *(StepType(name, cost="none") for name in ("Callback", "Lambda", "Lineage", "Cleanup")),
        StepType("EndpointConfig", requests=("CreateEndpointConfigInput",), cost="none"),
        StepType("Endpoint", requests=("CreateEndpointInput",)),
        StepType("InferenceComponent", requests=("CreateInferenceComponentInput",)),
        StepType("AutoML", requests=("CreateAutoMLJobRequest", "CreateAutoMLJobV2Request")),
        StepType("EMR", requests=("EMRArguments",)),
        StepType("Job", requests=("CreateJobRequest",)),
        *(StepType(name) for name in ("EMRServerless", "ForEach")),
    )
}
HERE = tuple(name for name, each in TYPES.items() if each.runs_here)
"""The types that run on this machine."""
