"""What works on AWS but not here: refused by name, before anything starts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from sagemaker_ops.container import contract, isolation
from sagemaker_ops.definition import conditions, step_types
from sagemaker_ops.definition.expressions import Scope, resolve_early, scan
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.plan import Plan, Step
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.preflight import functions, programs, transform_limits
from sagemaker_ops.preflight.inputs import will_run
from sagemaker_ops.s3 import endpoint
from sagemaker_ops.store import Store

_DISTRIBUTED = re.compile(r"sagemaker_\w+_enabled")  # the toolkit's switches: MPI, parameter servers, torchrun and more


def refusals(plan: Plan, scope: Scope) -> list[Problem]:
    """A problem for everything that, given this scope, cannot run here."""
    return [
        Problem(sentence, f"step '{step.name}'")
        for each in plan.steps.values()
        if each.stand_in is None
        for step in programs.jobs(each)
        for sentence in _refused(step, scope, plan)
    ]


def _refused(step: Step, scope: Scope, plan: Plan) -> Iterator[str]:
    if step.type in step_types.TYPES and not step_types.of(step.type).runs_here:
        yield (
            f"steps of type {step.type} run only on AWS: write the outputs of this one into a file, and add "
            f"--stub {step.name}=FILE."
        )
    if not step.arguments or not step.runs_here:
        return
    yield from _beyond_limits(step, scope)
    if place := step_types.of(step.type).refuse:
        yield from step_types.function(place)(step, scope, plan)
    yield from programs.missing_program(step, scope)


def missing_models(
    plan: Plan, scope: Scope, read_model: Callable[[str], Mapping[str, Any]], store: Store, install: bool = False
) -> list[Problem]:
    """A problem for every transform step whose model cannot be served, or is not created by any step.

    read_model: returns the local model with a name; UserError if there is none. install: as in missing_inputs.
    """
    problems = []
    for step in plan.steps.values():
        serves = step_types.of(step.type).serves_model and step.stand_in is None
        if not serves or not step.arguments or not will_run(step, plan, scope):
            continue
        name, maker = resolve_early(step.arguments["ModelName"], scope), _maker(step, plan, scope)
        try:
            model = maker.arguments if maker else read_model(name) if name is not None else {}
            sentences = [] if maker or name is None else list(transform_limits.misfits(model))
            sentences += programs.lacking_handlers(model, step, plan, scope, store, install)
        except UserError as error:
            sentences = [problem.message for problem in error.problems]
        problems += [Problem(sentence, f"step '{step.name}'") for sentence in sentences]
    return problems


def _maker(step: Step, plan: Plan, scope: Scope) -> Step | None:
    """The Model step that creates the model of a transform step."""
    name = resolve_early(step.arguments["ModelName"], scope)
    read = {reference.name for reference in scan(step.arguments["ModelName"])[0]}
    for each in plan.steps.values():
        if not step_types.of(each.type).creates_model or not each.arguments:
            continue
        if each.name in read if name is None else name == resolve_early(each.arguments.get("ModelName"), scope):
            return each
    return None


def transform(step: Step, scope: Scope, plan: Plan) -> Iterator[str]:
    """What AWS or this machine would refuse in a transform step."""
    variables = dict.fromkeys(step.arguments.get("Environment", {}), "")
    asked = {**step.arguments, "ModelName": "", "Environment": variables}  # without what another step makes
    asked["TransformInput"] = {**asked["TransformInput"], "DataSource": {}}
    asked["TransformOutput"] = {**asked["TransformOutput"], "S3OutputPath": ""}
    yield from transform_limits.refused(known) if (known := resolve_early(asked, scope)) else []
    if (maker := _maker(step, plan, scope)) is not None:
        yield from transform_limits.misfits(maker.arguments)


def _beyond_limits(step: Step, scope: Scope) -> Iterator[str]:
    for path, allowed in step_types.of(step.type).limits.items():
        if programs.is_replaced(step) and path.endswith(".InstanceCount"):  # it uses this machine, however many
            continue
        for raw in at(step.arguments, path):
            value, what = resolve_early(raw, scope), path.replace(".*", "")
            if not allowed:
                yield f"{what} ({_brief(raw)}) cannot be used here: leave it out."
            elif value is not None and value not in allowed:
                yield f"{what} is {value!r}, but only {' or '.join(map(repr, allowed))} can run here."


def _brief(raw: object) -> str:
    """A short description of a value: the names of the objects and lists inside it, or the value itself."""
    inside = [key for key, value in raw.items() if isinstance(value, dict | list)] if isinstance(raw, dict) else []
    return ", ".join(inside) or str(raw)[:60]


def processing(step: Step, scope: Scope, _: Plan) -> Iterator[str]:
    """What cannot run here in a processing step."""
    arguments = step.arguments
    if not arguments["AppSpecification"].get("ContainerEntrypoint"):
        image = programs.the_image(step, scope)
        yield f"it has no ContainerEntrypoint, and the program in {image} cannot run here: give the script to run."
    names, folders = [], []
    for path, kind in (("ProcessingInputs.*", "S3Input"), ("ProcessingOutputConfig.Outputs.*", "S3Output")):
        for each in at(arguments, path):
            names.append(each[f"{kind[2:]}Name"])
            if kind not in each and not {"DatasetDefinition", "FeatureStoreOutput"} & set(each):
                yield f"{kind[2:].lower()} '{each[f'{kind[2:]}Name']}' has no {kind}."
            local_path = resolve_early(each.get(kind, {}).get("LocalPath"), scope)
            folders += [] if local_path is None else [str(PurePosixPath(local_path))]
            if local_path is not None and not isolation.inside(local_path):
                yield f"LocalPath '{local_path}' is not in /opt/ml/processing, where a container's files must be."
    # AWS: "Input and Output names must be globally unique", and a ValidationException without words for the folders
    # (https://github.com/aws/sagemaker-python-sdk/issues/3484 and /4939).
    yield from (f"two of its inputs and outputs are named '{name}'." for name in _repeated(names))
    yield from (f"two of its inputs and outputs have the LocalPath '{folder}'." for folder in _repeated(folders))


def condition(step: Step, scope: Scope, plan: Plan) -> Iterator[str]:
    """A sentence for the first comparison of values of different types, if it is known and will be made."""
    known = [resolve_early(each, scope) for each in step.arguments["Conditions"]] if will_run(step, plan, scope) else []
    try:
        all(conditions.holds(each, scope) for each in known if not conditions.complaints(each))
    except UserError as error:
        yield error.problems[0].message


def _repeated(names: list[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def training(step: Step, scope: Scope, _: Plan) -> Iterator[str]:
    """What cannot run here in a training step."""
    channels = [each["ChannelName"] for each in step.arguments.get("InputDataConfig", [])]
    yield from (f"two of its channels are named '{name}'." for name in _repeated(channels))
    if functions.runs_a_function(step.arguments):
        yield from [] if endpoint.is_available() else [endpoint.MISSING]
        yield from functions.refused(step.arguments)
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
            f"it is not in script mode, and the algorithm in {programs.the_image(step, scope)} cannot run here: give "
            "the hyperparameters sagemaker_program (a script) and sagemaker_submit_directory (s3://…/sourcedir.tar.gz)."
        )
    for key, value in contract.decoded({key: value for key, value in given.items() if isinstance(value, str)}).items():
        if "=" in key:
            yield f"hyperparameter '{key}' contains '=', but becomes the name of an environment variable: rename it."
        elif _DISTRIBUTED.fullmatch(key) and value:
            yield f"hyperparameter {key} turns on distributed training, which runs only on AWS: leave it out."
        elif key == "sagemaker_submit_directory" and not str(value).startswith("s3://"):
            yield f"{key} is '{value}', but must be an archive in S3 (s3://…/sourcedir.tar.gz)."


def model(step: Step, scope: Scope, plan: Plan) -> Iterator[str]:
    """What cannot run here in a step that creates or registers a model."""
    arguments = step.arguments
    containers = at(arguments, "InferenceSpecification.Containers.*") + at(arguments, "Containers.*")
    for each in containers + at(arguments, "PrimaryContainer"):
        for reference in scan(each.get("ModelDataUrl"))[0]:
            maker = plan.steps.get(reference.name)
            packing = at(maker.arguments, "OutputDataConfig.CompressionType") if maker else []
            if maker and "NONE" in [resolve_early(value, scope) for value in packing]:
                yield (
                    f"ModelDataUrl must be an archive, but step '{maker.name}' does not compress its model: give its "
                    "S3ModelArtifacts as ModelDataSource.S3DataSource.S3Uri, with CompressionType 'None'."
                )
