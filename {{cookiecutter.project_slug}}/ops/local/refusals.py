"""What a definition may ask of AWS and cannot have here: refused by name, before anything starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ops.errors import Problem, UserError
from ops.local import contract, isolation
from ops.local.definition import Plan, Step
from ops.local.expressions import Scope, resolve_early
from ops.local.store import Store

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
        "AlgorithmSpecification.ContainerEntrypoint": (),
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
}


def refusals(plan: Plan, scope: Scope) -> list[Problem]:
    """A problem for everything that is known, with this scope, not to run here."""
    return [
        Problem(sentence, f"step '{step.name}'")
        for step in plan.steps.values()
        if step.arguments
        for check in (_beyond_limits, _processing, _training)
        for sentence in check(step, scope)
    ]


def missing_inputs(plan: Plan, scope: Scope, store: Store) -> list[Problem]:
    """A problem for every input that is neither in the store nor made by a step.

    Steps in a branch are left out: they may never run.
    """
    made = [uri for step in plan.steps.values() for uri in _uris(step, scope, outputs=True)]
    problems = []
    for step in plan.steps.values():
        for uri in _uris(step, scope, outputs=False) if step.branch is None else []:
            try:
                here = bool(store.find(uri)) or any(uri.startswith(out) or out.startswith(uri) for out in made)
                if not here:
                    where = store.locate(uri)
                    problems.append(Problem(f"there is nothing at {uri}; put it into {where}.", f"step '{step.name}'"))
            except UserError as error:
                problems += [Problem(problem.message, f"step '{step.name}'") for problem in error.problems]
    return problems


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
        yield "it has no ContainerEntrypoint, and the image's own program cannot run here: name the script to run."
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
    hyperparameters = step.arguments.get("HyperParameters", {})
    if step.type != "Training":
        return
    if not {"sagemaker_program", "sagemaker_submit_directory"} <= set(hyperparameters):
        yield (
            "it is not in script mode, and the image's own algorithm cannot run here: give the hyperparameters "
            "sagemaker_program (a script) and sagemaker_submit_directory (s3://…/sourcedir.tar.gz)."
        )
    source = _source(step, scope)
    if source is not None and not source.startswith("s3://"):
        yield f"sagemaker_submit_directory is '{source}'; it must be an archive in S3 (s3://…/sourcedir.tar.gz)."
    for each in step.arguments.get("InputDataConfig", []):
        if not {"S3DataSource", "FileSystemDataSource"} & set(each["DataSource"]):
            yield f"channel '{each['ChannelName']}' has no S3DataSource."


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
