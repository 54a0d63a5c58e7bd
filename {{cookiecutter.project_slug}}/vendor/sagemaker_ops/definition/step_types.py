"""Every step type of SageMaker Pipelines, described once.

The shape of a step's arguments, what runs it locally, what its cache compares, what it reads and writes, what its
instances are for: all code that depends on the step type looks it up here. A new type is one more entry, plus a
function for everything that it does differently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

from sagemaker_ops.definition.job_types import CONTAINER, MODEL_FOLDER, PROCESSING, TRAINING, TRANSFORM
from sagemaker_ops.definition.shapes import ANYTHING, TEXT, Shape
from sagemaker_ops.definition.step_type import Properties, StepType
from sagemaker_ops.definition.tuning_type import TUNING


def _package(arguments: Properties) -> dict[str, Any]:
    """The properties of a model package: in a group it has a version and a status, without one only a name."""
    of_version, alone = ("ModelPackageVersion", "ModelApprovalStatus"), ("ModelPackageName",)
    own = of_version if "ModelPackageGroupName" in arguments else alone
    return {**dict.fromkeys((*own, "ModelPackageArn", "ModelPackageStatus", "CreationTime")), **arguments}


_DRIVER: Shape = {"sparkSubmit?": {"entryPoint": TEXT, "entryPointArguments?": [TEXT], "sparkSubmitParameters?": TEXT}}
PROGRAMS = {"smspark-submit": "spark.submit"}
"""The programs of AWS's images that something else replaces here, and the module for it."""
TYPES: dict[str, StepType] = {
    each.name: each
    for each in (
        PROCESSING,
        TRAINING,
        TRANSFORM,
        TUNING,
        StepType(
            "Condition",
            shape={"Conditions": [ANYTHING], "IfSteps?": [ANYTHING], "ElseSteps?": [ANYTHING]},
            run="local.steps:condition",
            refuse="preflight.refusals:condition",
            cost="none",
            expected=lambda _: {"Outcome": None},
            branches={"IfSteps": True, "ElseSteps": False},
        ),
        StepType("Fail", shape={"ErrorMessage": TEXT}, run="local.steps:fail", cost="none", always_fails=True),
        StepType(
            "Model",
            shape={"PrimaryContainer?": CONTAINER, "Containers?": [CONTAINER]},
            requests=("CreateModelInput",),
            run="local.steps:model",
            refuse="preflight.refusals:model",
            expected=lambda arguments: {**dict.fromkeys(("ModelName", "ModelArn", "CreationTime")), **arguments},
            cost="none",
            reads=(f"PrimaryContainer.{MODEL_FOLDER}", f"Containers.*.{MODEL_FOLDER}"),
            reads_files=("PrimaryContainer.ModelDataUrl", "Containers.*.ModelDataUrl"),
            creates_model=True,
        ),
        StepType(
            "RegisterModel",
            shape={
                "ModelPackageGroupName?": TEXT,
                "ModelPackageName?": TEXT,
                "ModelApprovalStatus?": TEXT,
                "InferenceSpecification": {"Containers": [CONTAINER]},
            },
            requests=("CreateModelPackageInput",),
            run="local.steps:register_model",
            refuse="preflight.refusals:model",
            expected=_package,
            cost="none",
            reads=tuple(f"InferenceSpecification.Containers.*.{each}" for each in ("ModelDataUrl", MODEL_FOLDER)),
            registers_model=True,
        ),
        StepType(
            "EMRServerless",
            shape={"ApplicationId": TEXT, "ExecutionRoleArn": TEXT, "JobConfig": {"jobDriver": _DRIVER}},
            run="spark.serverless:run",
            refuse="spark.serverless:refused",
            may_write=("JobConfig.jobDriver.sparkSubmit.entryPointArguments.*",),
        ),
        # Types that run only on AWS.
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
        StepType("ForEach", repeated=("ForEachBody", "Selector")),
    )
}
HERE = tuple(name for name, each in TYPES.items() if each.runs_here)
"""The types that run on this machine."""


def of(name: object) -> StepType:
    """The type with that name; for an unknown name, a type without any details."""
    return TYPES.get(str(name)) or StepType(str(name))


def function(place: str) -> Callable[..., Any]:
    """The function at `module:function` in sagemaker_ops."""
    module, _, name = place.partition(":")
    found: Callable[..., Any] = getattr(import_module(f"sagemaker_ops.{module}"), name)
    return found


def replaced(argv: list[str], store: object) -> list[str]:
    """The command of a job, as this machine runs it."""
    return function(f"{PROGRAMS[argv[0]]}:replaced")(argv, store) if argv[0] in PROGRAMS else argv


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
