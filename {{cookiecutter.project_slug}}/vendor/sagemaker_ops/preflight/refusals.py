"""What works on AWS but not here: refused by name, before anything starts."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sagemaker_ops.container import contract, isolation
from sagemaker_ops.definition import step_types
from sagemaker_ops.definition.expressions import Scope, resolve_early, scan
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.plan import Plan, Step
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.preflight import functions, programs, transform_limits
from sagemaker_ops.s3 import endpoint
from sagemaker_ops.store import Store, Unchanging

_DISTRIBUTED = re.compile(r"sagemaker_\w+_enabled")  # the toolkit's switches: MPI, parameter servers, torchrun and more


def refusals(plan: Plan, scope: Scope) -> list[Problem]:
    """A problem for everything that, given this scope, cannot run here."""
    return [
        Problem(sentence, f"step '{step.name}'")
        for step in plan.steps.values()
        if step.arguments
        for sentence in _refused(step, scope, plan)
    ]


def _refused(step: Step, scope: Scope, plan: Plan) -> Iterator[str]:
    yield from _beyond_limits(step, scope)
    if place := step_types.of(step.type).refuse:
        yield from step_types.function(place)(step, scope, plan)
    yield from programs.missing_program(step, scope)


def missing_inputs(plan: Plan, scope: Scope, store: Store, install: bool = False) -> list[Problem]:
    """A problem for every input that is neither in the store nor made by a step, and for what a script lacks here.

    Steps in a branch are skipped: they may never run. Steps after one that uses S3 itself are, too: it may make their
    inputs. install: whether a requirements.txt will be installed.
    """
    made = sorted(uri for step in plan.steps.values() for uri in _uris(step, scope, outputs=True))
    store = store if isinstance(store, Unchanging) else Unchanging(store.root)
    problems = []
    writers = {name for name, step in plan.steps.items() if step.arguments and programs.uses_s3(step, scope, store)}
    for step in plan.steps.values():
        known = step.branch is None and writers.isdisjoint(each.name for each in plan.before(step) if writers)
        for uri in _uris(step, scope, outputs=False) if known else []:
            try:
                at = bisect_left(made, uri)  # the position of any that start with it
                if not (store.find(uri) or uri.startswith(tuple(made)) or "".join(made[at : at + 1]).startswith(uri)):
                    where = store.locate(uri)
                    problems.append(Problem(f"there is nothing at {uri}: put it into {where}.", f"step '{step.name}'"))
            except UserError as error:
                problems += [Problem(problem.message, f"step '{step.name}'") for problem in error.problems]
        lacking = programs.lacking(step, scope, store, install) if step.branch is None else []
        problems += [Problem(sentence, f"step '{step.name}'") for sentence in lacking]
    return problems


def missing_models(plan: Plan, scope: Scope, read_model: Callable[[str], Mapping[str, Any]]) -> list[Problem]:
    """A problem for every transform step whose model cannot be served, or is not created by any step.

    read_model: returns the local model with a name; UserError if there is none.
    """
    problems = []
    for step in plan.steps.values():
        name = resolve_early(step.arguments.get("ModelName"), scope)
        serves = step_types.of(step.type).serves_model
        if serves and step.branch is None and name is not None and not _maker(step, plan, scope):
            try:
                sentences = list(transform_limits.misfits(read_model(name)))
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
        for raw in at(step.arguments, path):
            value, what = resolve_early(raw, scope), path.replace(".*", "")
            if not allowed:
                yield f"{what} ({_brief(raw)}) cannot be used here: leave it out."
            elif value is not None and value not in allowed:
                yield f"{what} is {value!r}, but only {' or '.join(map(repr, allowed))} can run here."


def _brief(raw: object) -> str:
    """A short description of a value: the names of the objects inside it, or the value itself."""
    inside = [key for key, value in raw.items() if isinstance(value, dict)] if isinstance(raw, dict) else []
    return ", ".join(inside) or str(raw)[:60]


def processing(step: Step, scope: Scope, _: Plan) -> Iterator[str]:
    """What cannot run here in a processing step."""
    arguments = step.arguments
    if not arguments["AppSpecification"].get("ContainerEntrypoint"):
        image = programs.the_image(step, scope)
        yield f"it has no ContainerEntrypoint, and the program in {image} cannot run here: give the script to run."
    for path, kind in (("ProcessingInputs.*", "S3Input"), ("ProcessingOutputConfig.Outputs.*", "S3Output")):
        names = [each[f"{kind[2:]}Name"] for each in at(arguments, path)]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"two of its {kind[2:].lower()}s are named '{name}'."
        for each in at(arguments, path):
            if kind not in each and not {"DatasetDefinition", "FeatureStoreOutput"} & set(each):
                yield f"{kind[2:].lower()} '{each[f'{kind[2:]}Name']}' has no {kind}."
            local_path = resolve_early(each.get(kind, {}).get("LocalPath"), scope)
            if local_path is not None and not isolation.inside(local_path):
                yield f"LocalPath '{local_path}' is not in /opt/ml/processing, where a container's files must be."


def training(step: Step, scope: Scope, _: Plan) -> Iterator[str]:
    """What cannot run here in a training step."""
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


def _uris(step: Step, scope: Scope, *, outputs: bool) -> list[str]:
    """The S3 URIs that a step reads or writes, as far as they are known."""
    kind = step_types.of(step.type)
    paths = kind.writes if outputs else kind.reads
    found = (resolve_early(raw, scope) for path in paths for raw in at(step.arguments, path))
    # A hyperparameter may be JSON: the toolkit decodes it.
    return [str(contract.decoded({"uri": uri})["uri"]) for uri in found if isinstance(uri, str)]
