"""The values in a definition in words: what an expression refers to, and the S3 URI that it becomes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker_ops.definition import difference, step_types
from sagemaker_ops.definition.expressions import Reference, is_expression, scan
from sagemaker_ops.definition.job_types import TRAINING
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.plan import Plan, Step
from sagemaker_ops.definition.step_type import StepType
from sagemaker_ops.project import approved_model
from sagemaker_ops.project.layout import LOCAL_FOLDER
from sagemaker_ops.project.target import Target

EXECUTION, MODEL = "<execution>", "model"
_OF_MODELS = ("ModelArtifacts", "BestTrainingJob", "TrainingJobSummaries")  # properties that lead to a model
_NAMED = {"sagemaker_submit_directory": "code"}
_DEEPEST = 20  # references that lead to each other


@dataclass(frozen=True)
class Place:
    """What a step reads or writes. value: its S3 URI in the definition; folder: in the container, if known."""

    name: str
    value: Any
    folder: str = ""


def reads(step: Step) -> list[Place]:
    """What a step reads from S3; for a tuning step, what each of its training jobs reads."""
    return [each for kind, arguments in jobs(step) for each in _places((*kind.reads, *kind.reads_files), arguments)]


def writes(step: Step) -> list[Place]:
    """What a step writes to S3; below which it writes, in a folder named like its job."""
    found: list[Place] = []
    for kind, arguments in jobs(step):
        found += _places(kind.writes, arguments)
        found += [
            Place(MODEL, {"Std:Join": {"On": "/", "Values": [each.value, "<job>/output"]}}, "/opt/ml/model")
            for each in _places(kind.writes_in_job, arguments)
        ]
    return found


def jobs(step: Step) -> Iterator[tuple[StepType, Mapping[str, Any]]]:
    """The step itself, or the training jobs of a step that tunes."""
    kind = step_types.of(step.type)
    if kind.trainings is None:
        yield kind, step.arguments
    else:
        yield from ((TRAINING, each) for each in kind.trainings(step.arguments))


def _places(paths: tuple[str, ...], arguments: Mapping[str, Any]) -> Iterator[Place]:
    for path in paths:
        folder, star, rest = path.partition(".*.")
        for item in at(arguments, f"{folder}.*" if star else folder):
            for value in at(item, rest) if star else [item]:
                if isinstance(item, dict) and star:
                    yield Place(_name(item, path), value, _folder(item))
                else:
                    yield Place(_own_name(path), value)


def _name(item: Mapping[str, Any], path: str) -> str:
    return next((str(item[key]) for key in difference.NAMES if key in item), _own_name(path))


def _own_name(path: str) -> str:
    """Of something that has no name: the last part of its path that says what it is."""
    *_, folder, last = ["", *(part for part in path.split(".") if part not in ("*", "S3DataSource", "DataSource"))]
    return folder or last if last in ("S3Uri", "S3OutputPath") else _NAMED.get(last, last)


def _folder(item: Mapping[str, Any]) -> str:
    given = [*at(item, "S3Input.LocalPath"), *at(item, "S3Output.LocalPath")]
    given += [f"/opt/ml/input/data/{name}" for name in at(item, "ChannelName")]
    return str(given[0]) if given else ""


def references(value: Any) -> list[Reference]:
    """What a value refers to, each once."""
    return list(dict.fromkeys(scan(value)[0]))


def uri(value: Any, plan: Plan, depth: int = 0) -> str:
    """The S3 URI of an input or output on this machine, with placeholders for what only an execution knows."""
    if not is_expression(value) or depth > _DEEPEST:
        return value if isinstance(value, str) else ""
    if isinstance(join := value.get("Std:Join"), dict):
        return str(join.get("On", "")).join(uri(part, plan, depth + 1) for part in join.get("Values", []))
    if "Get" not in value:
        return ""
    (reference,) = references(value) or [Reference("", "")]
    if reference.kind == "Parameters":
        if reference.name in approved_model.PARAMETERS:  # which `ops` sets at each start
            return f"<{reference.name}>"
        parameter = plan.parameters.get(reference.name)
        default = parameter.default if parameter else None
        return f"<{reference.name}>" if default is None else str(default)
    if reference.kind == "Execution":
        return EXECUTION if reference.name == "PipelineExecutionId" else f"<{reference.name}>"
    step = plan.steps.get(reference.name)
    return _property(step, reference, plan, depth) if step else ""


def _property(step: Step, reference: Reference, plan: Plan, depth: int) -> str:
    """What a step's property will be: given in its arguments, or the place of its model."""
    found: Any = step_types.of(step.type).expected(step.arguments)
    for key in reference.path:
        if not isinstance(found, Mapping) or key not in found:
            return f"<{reference.path[-1]}>"
        found = found[key]
    if found is not None:
        return uri(found, plan, depth + 1)
    made = [each for each in writes(step) if each.name == MODEL]
    return f"{uri(made[0].value, plan, depth + 1)}/model.tar.gz" if made else f"<{reference.path[-1]}>"


def output(reference: Reference, plan: Plan) -> tuple[str, str]:
    """(step, output) that a reference reads: `train`, or `model` for its model; empty if it reads none."""
    keys = [str(key) for key in reference.path]
    if reference.kind == "PropertyFiles" and reference.name in plan.steps:
        return reference.name, plan.steps[reference.name].property_files.get(keys[0], ("", ""))[0]
    if reference.kind != "Steps":
        return "", ""
    if "Outputs" in keys and len(keys) > keys.index("Outputs") + 1:
        return reference.name, keys[keys.index("Outputs") + 1]
    return reference.name, MODEL if keys and keys[0] in _OF_MODELS else ""


def on_aws(address: str, target: Target) -> str:
    """The URI in an environment on AWS: `<bucket>` and `<env>` are in project.toml, `<hash>` follows from content."""
    project, local = target.settings.project, f"{target.root_uri}/"
    if address.startswith(local):
        address = f"s3://<bucket>/{project.vertical}/{project.slug}/<env>/{address.removeprefix(local)}"
    return _without_hashes(address)


def here(address: str) -> str:
    """The file or folder that stands for the URI on this machine, relative to the project."""
    address = _without_hashes(address)
    return f"{LOCAL_FOLDER}/s3/{address.removeprefix('s3://')}" if address.startswith("s3://") else ""


def _without_hashes(address: str) -> str:
    for pattern in difference.HASHED.values():
        for hashed in set(pattern.findall(address)):
            address = address.replace(hashed, "<hash>")
    return address


def shown(value: Any, plan: Plan) -> str:
    """A value as one text: a parameter is `<Name>`, what a step returns is like `<gate.value of Evaluation>`."""
    if isinstance(value, str):
        return value
    if not is_expression(value):
        return json.dumps(value, ensure_ascii=False)
    ((kind, body),) = value.items()
    if kind == "Std:Join" and isinstance(body, dict):
        return str(body.get("On", "")).join(shown(part, plan) for part in body.get("Values", []))
    found = references(value)
    if kind == "Std:JsonGet" and isinstance(body, dict) and found:
        return f"<{body.get('Path', '')} of {found[0].name}>"
    if not found:
        return json.dumps(value, ensure_ascii=False)
    reference = found[0]
    if reference.kind == "Steps":
        return f"<{'.'.join(map(str, reference.path))} of {reference.name}>"
    return EXECUTION if reference.name == "PipelineExecutionId" else f"<{reference.name}>"
