"""What a definition may ask of AWS and cannot have here: refused by name, before anything starts."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from ops.container import contract, isolation
from ops.definition.expressions import Scope, resolve_early, scan
from ops.definition.plan import Plan, Step
from ops.errors import Problem, UserError
from ops.preflight import programs, transforms
from ops.store import Store, Unchanging

# Where in the arguments ("*": in each item) → the values that work here; empty: it must not be there at all.
LIMITS: dict[str, dict[str, tuple[Any, ...]]] = {
    "Processing": {
        "ProcessingResources.ClusterConfig.InstanceCount": (1,),
        "ProcessingInputs.*.DatasetDefinition": (),
        "ProcessingInputs.*.S3Input.S3DataType": ("S3Prefix",),
        "ProcessingInputs.*.S3Input.S3InputMode": ("File",),
        "ProcessingInputs.*.S3Input.S3CompressionType": ("None",),
        "ProcessingOutputConfig.Outputs.*.FeatureStoreOutput": (),
    },
    "Training": {
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
    "Transform": {
        "TransformInput.DataSource.S3DataSource.S3DataType": ("S3Prefix",),
        "TransformInput.CompressionType": ("None", "Gzip"),
        "TransformInput.SplitType": ("None", "Line"),
        "TransformOutput.AssembleWith": ("None", "Line"),
        "BatchStrategy": ("MultiRecord", "SingleRecord"),
        "DataProcessing.JoinSource": ("None", "Input"),
        "DataCaptureConfig": (),
    },
}

_DISTRIBUTED = re.compile(r"sagemaker_\w+_enabled")  # the toolkit's switches: MPI, parameter servers, torchrun and more


def refusals(plan: Plan, scope: Scope) -> list[Problem]:
    """A problem for everything that is known, with this scope, not to run here."""
    return [
        Problem(sentence, f"step '{step.name}'")
        for step in plan.steps.values()
        if step.arguments
        for check in (_beyond_limits, _processing, _training, programs.missing_program, partial(_transform, plan=plan))
        for sentence in check(step, scope)
    ]


def missing_inputs(plan: Plan, scope: Scope, store: Store, install: bool = False) -> list[Problem]:
    """A problem for every input that is neither in the store nor made by a step, and for what a script lacks here.

    Steps in a branch are left out: they may never run. install: whether a requirements.txt is going to be installed.
    """
    made = sorted(uri for step in plan.steps.values() for uri in _uris(step, scope, outputs=True))
    store = store if isinstance(store, Unchanging) else Unchanging(store.root)
    problems = []
    for step in plan.steps.values():
        for uri in _uris(step, scope, outputs=False) if step.branch is None else []:
            try:
                at = bisect_left(made, uri)  # where those would stand that begin with it
                if not (store.find(uri) or uri.startswith(tuple(made)) or "".join(made[at : at + 1]).startswith(uri)):
                    where = store.locate(uri)
                    problems.append(Problem(f"there is nothing at {uri}; put it into {where}.", f"step '{step.name}'"))
            except UserError as error:
                problems += [Problem(problem.message, f"step '{step.name}'") for problem in error.problems]
        lacking = programs.lacking(step, scope, store, install) if step.branch is None else []
        problems += [Problem(sentence, f"step '{step.name}'") for sentence in lacking]
    return problems


def missing_models(plan: Plan, scope: Scope, read_model: Callable[[str], Mapping[str, Any]]) -> list[Problem]:
    """A problem for every transform step with a model that cannot be served, or that no step makes or has made.

    read_model: the model of a name on this machine; UserError if there is none.
    """
    problems = []
    for step in plan.steps.values():
        name = resolve_early(step.arguments.get("ModelName"), scope)
        if step.type == "Transform" and step.branch is None and name is not None and not _maker(step, plan, scope):
            try:
                sentences = list(transforms.misfits(read_model(name)))
            except UserError as error:
                sentences = [problem.message for problem in error.problems]
            problems += [Problem(sentence, f"step '{step.name}'") for sentence in sentences]
    return problems


def _maker(step: Step, plan: Plan, scope: Scope) -> Step | None:
    """The Model step that makes the model which a transform step names."""
    name = resolve_early(step.arguments["ModelName"], scope)
    read = {reference.name for reference in scan(step.arguments["ModelName"])[0]}
    for each in plan.steps.values():
        if each.type != "Model" or not each.arguments:
            continue
        if each.name in read if name is None else name == resolve_early(each.arguments.get("ModelName"), scope):
            return each
    return None


def _transform(step: Step, scope: Scope, plan: Plan) -> Iterator[str]:
    if step.type != "Transform":
        return
    variables = dict.fromkeys(step.arguments.get("Environment", {}), "")
    asked = {**step.arguments, "ModelName": "", "Environment": variables}  # without what a step makes
    asked["TransformInput"] = {**asked["TransformInput"], "DataSource": {}}
    asked["TransformOutput"] = {**asked["TransformOutput"], "S3OutputPath": ""}
    yield from transforms.refused(known) if (known := resolve_early(asked, scope)) else []
    if (maker := _maker(step, plan, scope)) is not None:
        yield from transforms.misfits(maker.arguments)


def _beyond_limits(step: Step, scope: Scope) -> Iterator[str]:
    for path, allowed in LIMITS.get(step.type, {}).items():
        for raw in _at(step.arguments, path.split(".")):
            value, what = resolve_early(raw, scope), path.replace(".*", "")
            if not allowed:
                yield f"{what} ({_brief(raw)}) cannot be used here; leave it out."
            elif value is not None and value not in allowed:
                yield f"{what} is {value!r}; here only {' or '.join(map(repr, allowed))} can run."


def _brief(raw: object) -> str:
    """What a value is about: the objects inside it, or itself."""
    inside = [key for key, value in raw.items() if isinstance(value, dict)] if isinstance(raw, dict) else []
    return ", ".join(inside) or str(raw)[:60]


def _processing(step: Step, scope: Scope) -> Iterator[str]:
    arguments = step.arguments
    if step.type != "Processing":
        return
    if not arguments["AppSpecification"].get("ContainerEntrypoint"):
        image = programs.the_image(step, scope)
        yield f"it has no ContainerEntrypoint, and the program of {image} cannot run here: name the script to run."
    for path, kind in (("ProcessingInputs.*", "S3Input"), ("ProcessingOutputConfig.Outputs.*", "S3Output")):
        names = [each[f"{kind[2:]}Name"] for each in _at(arguments, path.split("."))]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"two of its {kind[2:].lower()}s are named '{name}'."
        for each in _at(arguments, path.split(".")):
            if kind not in each and not {"DatasetDefinition", "FeatureStoreOutput"} & set(each):
                yield f"{kind[2:].lower()} '{each[f'{kind[2:]}Name']}' has no {kind}."
            local_path = resolve_early(each.get(kind, {}).get("LocalPath"), scope)
            if local_path is not None and not isolation.inside(local_path):
                yield f"LocalPath '{local_path}' is not below /opt/ml/processing, where a container's files are."


def _training(step: Step, scope: Scope) -> Iterator[str]:
    if step.type != "Training":
        return
    for each in step.arguments.get("InputDataConfig", []):
        if not {"S3DataSource", "FileSystemDataSource"} & set(each["DataSource"]):
            yield f"channel '{each['ChannelName']}' has no S3DataSource."
    if step.arguments["AlgorithmSpecification"].get("ContainerEntrypoint"):
        return
    given = {key: resolve_early(value, scope) for key, value in step.arguments.get("HyperParameters", {}).items()}
    if "sagemaker_submit_directory" not in given or not (
        "sagemaker_program" in given or "SAGEMAKER_PROGRAM" in step.arguments.get("Environment", {})
    ):
        yield (
            f"it is not in script mode, and the algorithm of {programs.the_image(step, scope)} cannot run here: give "
            "the hyperparameters sagemaker_program (a script) and sagemaker_submit_directory (s3://…/sourcedir.tar.gz)."
        )
    for key, value in contract.decoded({key: value for key, value in given.items() if isinstance(value, str)}).items():
        if "=" in key:
            yield f"hyperparameter '{key}' holds '=', and becomes the name of an environment variable: leave it out."
        elif _DISTRIBUTED.fullmatch(key) and value:
            yield f"hyperparameter {key} asks for distributed training, which runs on AWS only; leave it out."
        elif key == "sagemaker_submit_directory" and not str(value).startswith("s3://"):
            yield f"{key} is '{value}'; it must be an archive in S3 (s3://…/sourcedir.tar.gz)."


def _source(step: Step, scope: Scope) -> str | None:
    """The address of a training step's code, if it is known already."""
    raw = step.arguments.get("HyperParameters", {}).get("sagemaker_submit_directory")
    text = resolve_early(raw, scope)
    return str(contract.decoded({"source": text})["source"]) if isinstance(text, str) else None


def _uris(step: Step, scope: Scope, *, outputs: bool) -> list[str]:
    """The S3 addresses a step reads from, or writes to, as far as they are known."""
    paths = {
        ("Processing", False): "ProcessingInputs.*.S3Input.S3Uri",
        ("Processing", True): "ProcessingOutputConfig.Outputs.*.S3Output.S3Uri",
        ("Training", False): "InputDataConfig.*.DataSource.S3DataSource.S3Uri",
        ("Training", True): "OutputDataConfig.S3OutputPath",
        ("Transform", False): "TransformInput.DataSource.S3DataSource.S3Uri",
        ("Transform", True): "TransformOutput.S3OutputPath",
    }
    path = paths.get((step.type, outputs))
    found = [resolve_early(raw, scope) for raw in _at(step.arguments, path.split("."))] if path else []
    if step.type == "Training" and not outputs:
        found.append(_source(step, scope))
    return [uri for uri in found if isinstance(uri, str)]


def _at(value: Any, path: list[str]) -> list[Any]:
    """Every value at the path; a part that is missing ends it."""
    if not path:
        return [value]
    if path[0] == "*":
        return [found for item in value for found in _at(item, path[1:])] if isinstance(value, list) else []
    return _at(value[path[0]], path[1:]) if isinstance(value, dict) and path[0] in value else []
