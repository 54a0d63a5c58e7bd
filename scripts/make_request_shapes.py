"""Write request_shapes.json of the library: what AWS accepts in each field of the requests that the steps stand for.

And property_shapes.json: the fields of what AWS describes their jobs with, which other steps can read.

Everything comes from botocore's models of SageMaker and EMR, except what OPTIONAL, PATTERNS, LEAST and LEFT_OUT change,
each for the reason given there. Run `make request-shapes` after raising botocore's version in constraints.txt.
"""

from __future__ import annotations

import datetime
import json
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import botocore.loaders

TEMPLATE = Path(__file__).parents[1]
sys.path.insert(0, str(TEMPLATE / "{{cookiecutter.project_slug}}" / "vendor"))

from sagemaker_ops.definition import step_types  # noqa: E402

TARGET = Path(step_types.__file__).with_name("request_shapes.json")
PROPERTIES = TARGET.with_name("property_shapes.json")
# Fields of a definition that are not in a request, with the shapes that they have in answers of the API.
OF_DEFINITIONS = {
    "Step": {"DisplayName": "StepDisplayName", "Description": "StepDescription"},
    "PipelineParameter": {"Name": "PipelineParameterName"},
    "EMRArguments": {"StepConfig": "EMR.StepConfig", "ClusterConfig": "EMR.RunJobFlowInput"},
}
# Properties that are not in what describes a step's job (in the SDK: sagemaker-mlops, workflow/).
_REPORTS = {"ModelInsightsJsonReportPath": "String", "ExplainabilityJsonReportPath": "String"}
_BASELINES = ("CalculatedBaselineConstraints", "BaselineUsedForDriftCheckConstraints")
_STATISTICS = ("CalculatedBaselineStatistics", "BaselineUsedForDriftCheckStatistics")
MORE_PROPERTIES = {
    "Condition": {"Outcome": "String"},
    "AutoML": {"BestCandidateProperties": "BestCandidateProperties"},
    "Tuning": {"TrainingJobSummaries": "HyperParameterTrainingJobSummaries"},
    "QualityCheck": dict.fromkeys((*_BASELINES, *_STATISTICS), "String"),
    "ClarifyCheck": dict.fromkeys(_BASELINES, "String"),
}
CHECKS = ("QualityCheck", "ClarifyCheck")  # their jobs are not among their properties
LIMITS = ("min", "max", "pattern", "enum")
NUMBERS = ("integer", "long", "float", "double")
DOT = r"[^\n\r\x85\u2028\u2029]"  # a dot in Java matches no line terminator

# Fields that an API call requires and a definition does not: {shape: {field: reason}}.
NAMED = "Pipelines names what a step creates."
ROLE = "A step without a role has that of its pipeline."  # dg/build-and-manage-access.html, Pipeline Step Permissions
OPTIONAL = {
    "CreateProcessingJobRequest": {"ProcessingJobName": NAMED, "RoleArn": ROLE},
    "CreateTrainingJobRequest": {"TrainingJobName": NAMED, "RoleArn": ROLE},
    "CreateTransformJobRequest": {"TransformJobName": NAMED},
    "CreateHyperParameterTuningJobRequest": {"HyperParameterTuningJobName": NAMED},
    "HyperParameterTrainingJobDefinition": {"RoleArn": ROLE},
    "CreateAutoMLJobRequest": {"AutoMLJobName": NAMED, "RoleArn": ROLE},
    "CreateAutoMLJobV2Request": {"AutoMLJobName": NAMED, "RoleArn": ROLE},
    "CreateModelInput": {"ModelName": NAMED},
    "CreateEndpointInput": {"EndpointName": NAMED},
    "CreateEndpointConfigInput": {"EndpointConfigName": NAMED},
    "CreateInferenceComponentInput": {"InferenceComponentName": NAMED},
    "CreateJobRequest": {"JobName": NAMED, "RoleArn": ROLE},
    "EMR.StepConfig": {"Name": NAMED},
    "EMR.RunJobFlowInput": {"Name": NAMED},
}

# Where botocore's pattern allows everything: what an image may be called (https://pkg.go.dev/github.com/distribution/reference).
_HOST = r"[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_VERSION = r"(?::\w[\w.-]{0,127})?(?:@[A-Za-z][\w.+-]*:[0-9a-fA-F]{32,})?"
IMAGE = rf"(?a:(?:{_HOST}(?:\.{_HOST})*(?::[0-9]+)?/)?{_PART}(?:/{_PART})*{_VERSION})"
PATTERNS = dict.fromkeys(("ImageUri", "AlgorithmImage", "ContainerImage"), IMAGE)

# "ContainerArguments and ContainerEntrypoint may not contain null or empty strings", says AWS,
# although its documentation has a minimum of 0: https://github.com/aws/sagemaker-python-sdk/issues/3758
LEAST = dict.fromkeys(("ContainerArgument", "ContainerEntrypointString"), 1)

# Limits that are not checked: {shape: reason}.
GUARDED = "The guardrails check instance types, and warn about those that are newer than the list."
LEFT_OUT = dict.fromkeys(
    ("ProcessingInstanceType", "TrainingInstanceType", "TransformInstanceType", "ProductionVariantInstanceType"),
    GUARDED,
)

# Java's character classes for Unicode, which Python's `re` does not have. Those that begin with ^ accept a little more:
# they refuse what is in none of the classes as far as it is ASCII or a control character.
_SPACES = r" \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_ANY = r"^\x00-\x1f\x7f-\x9f"
CLASSES = {
    r"\p{L}\p{Z}\p{N}_": rf"\w{_SPACES}",
    r"\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}": _ANY,
    r"\p{L}\p{M}\p{Z}\p{N}\p{P}": _ANY + "$+<=>^`|~",  # without symbols
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t": r"^\x00-\x08\x0b\x0c\x0e-\x1f",
    r"\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t": r"^\x00-\x08\x0a-\x1f",
}
_REPEATED_END = re.compile(r"\$\{1,\d+\}$")  # of "(…)*${1,256}": where the text must end anyway


def python_pattern(pattern: str) -> str:
    """A pattern of AWS, which are Java's, as one for Python's `re.fullmatch`; re.error if Python cannot have it.

    In Java, classes such as \\d have ASCII characters only.
    """
    is_unicode = r"\p{L}" in pattern
    for java, python in CLASSES.items():
        pattern = pattern.replace(java, python)
    pattern = _REPEATED_END.sub("", pattern)
    pattern = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]|\.", lambda found: DOT if found[0] == "." else found[0], pattern)
    pattern = pattern if is_unicode else f"(?a:{pattern})"
    re.compile(pattern)
    return pattern


def request_shapes() -> dict[str, dict[str, Any]]:
    """{name: shape} of the requests of all step types, and of everything inside them."""
    models = {prefix: _model(service) for prefix, service in (("", "sagemaker"), ("EMR.", "emr"))}
    found: dict[str, dict[str, Any]] = {
        name: {"type": "structure", "members": members} for name, members in OF_DEFINITIONS.items()
    }
    wanted = [name for members in OF_DEFINITIONS.values() for name in members.values()]
    wanted += [name for each in step_types.TYPES.values() for name in each.requests]
    while wanted:
        name = wanted.pop()
        if name not in found:
            prefix = "EMR." if name.startswith("EMR.") else ""
            found[name] = _shape(name, models[prefix][name.removeprefix(prefix)], prefix)
            wanted += _inside(found[name])
    return {name: found[name] for name in sorted(found)}


def property_shapes() -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """{step type: its properties as members}, and {name: members, member or value} of what is inside them.

    A step's properties are what describes the job that its request creates. A plain value has no shape.
    """
    model, types, found = _model("sagemaker"), {}, {"BestCandidateProperties": {"members": _REPORTS}}
    for step_type in step_types.TYPES.values():
        members = dict(MORE_PROPERTIES.get(step_type.name, {}))
        for request in step_type.requests if step_type.name not in CHECKS else ():
            answer = request.replace("Create", "Describe").replace("Request", "Response").replace("Input", "Output")
            described = model.get(answer, {}).get("members", {})
            members |= {field: each["shape"] for field, each in described.items()}
        if members:
            types[step_type.name] = {"members": members}
    wanted = [name for each in types.values() for name in _inside(each)]
    while wanted:
        name = wanted.pop()
        if name not in found:
            shape = _shape(name, model[name], "", limits=())
            found[name] = {key: shape[key] for key in ("members", "member", "value") if key in shape}
            wanted += _inside(found[name])
    return types, {name: found[name] for name in sorted(found) if found[name]}


def _model(service: str) -> dict[str, Any]:
    shapes: dict[str, Any] = botocore.loaders.Loader().load_service_model(service, "service-2")["shapes"]
    return shapes


def _shape(name: str, model: dict[str, Any], prefix: str, limits: tuple[str, ...] = LIMITS) -> dict[str, Any]:
    """The shape with what is checked; `member`, `key`, `value` and the members are names of shapes."""
    shape: dict[str, Any] = {"type": model["type"]}
    if name not in LEFT_OUT:
        shape |= {key: model[key] for key in limits if key in model}
    if name in LEAST and limits:
        shape["min"] = LEAST[name]
    if "pattern" in shape:
        shape["pattern"] = PATTERNS.get(name) or python_pattern(shape["pattern"])
    if not shape.get("min") and shape["type"] not in NUMBERS:
        shape.pop("min", None)  # nothing is shorter
    required = [field for field in model.get("required", ()) if field not in OPTIONAL.get(name, {})]
    shape |= {"required": required} if required else {}
    shape |= {key: prefix + model[key]["shape"] for key in ("member", "key", "value") if key in model}
    if "members" in model:
        shape["members"] = {field: prefix + each["shape"] for field, each in model["members"].items()}
    return shape


def _inside(shape: dict[str, Any]) -> list[str]:
    """The names of the shapes that it consists of."""
    return [*(shape[key] for key in ("member", "key", "value") if key in shape), *shape.get("members", {}).values()]


def _write(target: Path, **tables: dict[str, dict[str, Any]]) -> None:
    content = {"made": datetime.date.today().isoformat(), "from": {"botocore": metadata.version("botocore")}}
    text = json.dumps(content, indent=2).removesuffix("\n}")
    for title, shapes in tables.items():
        # One shape per line, so that a diff shows which have changed.
        lines = [f"    {json.dumps(name)}: {json.dumps(shape)}" for name, shape in shapes.items()]
        text += f',\n  "{title}": {{\n' + ",\n".join(lines) + "\n  }"
    text += "\n}\n"
    json.loads(text)
    target.write_text(text, encoding="utf-8")


def main() -> None:
    _write(TARGET, shapes=request_shapes())
    types, shapes = property_shapes()
    _write(PROPERTIES, types=types, shapes=shapes)


if __name__ == "__main__":
    main()
