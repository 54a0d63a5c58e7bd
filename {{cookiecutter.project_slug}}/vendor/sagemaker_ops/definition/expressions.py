"""The small language inside a definition: Get, Std:Join and Std:JsonGet."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeGuard

from sagemaker_ops.errors import UserError, did_you_mean

Keys = tuple[str | int, ...]

# https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-access.html; the SDK adds the two job names.
EXECUTION_VARIABLES = (
    "StartDateTime",
    "CurrentDateTime",
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "TrainingJobName",
    "ProcessingJobName",
)
OUTPUTS: Keys = ("ProcessingOutputConfig", "Outputs")
OUTPUT_PARAMETERS = "OutputParameters"
_KEY = re.compile(r"""(?:^|\.)([^.\[\]'"]+)|\[(\d+)\]|\[(['"])(.+?)\3\]""", re.DOTALL)
_STEP = re.compile(r"Steps\.([A-Za-z0-9_-]+)(.+)", re.DOTALL)


@dataclass(frozen=True)
class Reference:
    """What an expression refers to.

    kind "Parameters" or "Execution": name. "Steps": a step's name and a path into its properties.
    "PropertyFiles": a step's name and, as path, the property file's name. "S3Object": JSON read from a URI.
    """

    kind: str
    name: str
    path: Keys = ()


@dataclass(frozen=True)
class Scope:
    """What expressions can refer to: parameter values, execution variables, properties of finished steps.

    property_files: {(step, property file): (output name, file path)}; read_json: the JSON at an S3 URI.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    execution: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    property_files: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    read_json: Callable[[str], Any] | None = None


def is_expression(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether this is `{"Get": …}` or `{"Std:…": …}` and not plain data."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    (key,) = value
    return isinstance(key, str) and (key == "Get" or key.startswith("Std:"))


def parse_path(text: str) -> Keys:
    """`a.b`, `a['b.c']` and `a[0]` as keys; ValueError for anything else."""
    keys: list[str | int] = []
    position = 0
    while position < len(text):
        found = _KEY.match(text, position)
        if found is None:
            raise ValueError(f"'{text}' is not a path: write it like a.b, a['b.c'] or a[0]")
        keys.append(int(found[2]) if found[2] is not None else found[1] or found[4])
        position = found.end()
    return tuple(keys)


def parse_reference(text: object) -> Reference:
    """The target of a Get; ValueError if it does not have the right form."""
    if isinstance(text, str) and (reference := _reference(text)) is not None:
        return reference
    raise ValueError(f"Get {text!r} must be 'Parameters.X', 'Execution.X' or 'Steps.<name>.<property>'")


@lru_cache(maxsize=4096)  # the same few appear in many places and are looked up again and again
def _reference(text: str) -> Reference | None:
    kind, _, name = text.partition(".")
    if kind in ("Parameters", "Execution") and name:
        return Reference(kind, name)
    found = _STEP.fullmatch(text)
    return Reference("Steps", found[1], parse_path(found[2])) if found else None


def scan(value: object) -> tuple[list[Reference], list[str]]:
    """Every reference anywhere inside `value`, and a sentence for each malformed expression."""
    references: list[Reference] = []
    complaints: list[str] = []
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack += reversed(node)
        elif isinstance(node, dict) and not is_expression(node):
            stack += reversed(node.values())
        elif isinstance(node, dict):
            ((kind, body),) = node.items()
            try:
                reference, inside = _parts(kind, body)
            except ValueError as error:
                complaints.append(f"{error}.")
            else:
                references += reference
                stack += reversed(inside)
    return references, complaints


def _parts(kind: str, body: object) -> tuple[list[Reference], list[object]]:
    """One expression's own references, and the values inside it that may contain more; ValueError if malformed."""
    if kind == "Get":
        reference = parse_reference(body)
        if reference.path[:1] == ("PropertyFiles",):
            raise ValueError(f"'{body}' can only be read with Std:JsonGet")
        return [reference], []
    if kind == "Std:Join":
        if not isinstance(body, dict) or not isinstance(body.get("Values"), list):
            raise ValueError('Std:Join needs {"On": "text", "Values": [a list]}')
        if not isinstance(body.get("On", ""), str):
            raise ValueError("Std:Join needs a string as 'On'")
        return [], body["Values"]
    if kind == "Std:JsonGet":
        if not isinstance(body, dict) or not isinstance(body.get("Path"), str) or not body["Path"]:
            raise ValueError("Std:JsonGet needs a 'Path' such as \"metrics.auc.value\"")
        parse_path(body["Path"])
        if "S3Uri" in body:
            return [Reference("S3Object", body["Path"])], [body["S3Uri"]]
        target = body.get("PropertyFile")
        reference = parse_reference(target.get("Get") if is_expression(target) else target)
        if reference.path[:1] != ("PropertyFiles",) or len(reference.path) != 2:
            raise ValueError(
                "Std:JsonGet needs an 'S3Uri', or a 'PropertyFile' {\"Get\": \"Steps.<step>.PropertyFiles.<name>\"}"
            )
        return [Reference("PropertyFiles", reference.name, reference.path[1:])], []
    raise ValueError(f"'{kind}' is not a function of pipeline definitions: use Std:Join or Std:JsonGet")


def resolve(value: Any, scope: Scope) -> Any:
    """`value` with every expression in it replaced. A Get keeps its type, a Join is text.

    UserError with one sentence if a path leads nowhere.
    """
    if isinstance(value, list):
        return [resolve(item, scope) for item in value]
    if not isinstance(value, dict):
        return value
    if not is_expression(value):
        return {key: resolve(item, scope) for key, item in value.items()}
    ((kind, body),) = value.items()
    if kind == "Std:Join":
        return body.get("On", "").join(as_text(resolve(item, scope)) for item in body["Values"])
    if kind == "Std:JsonGet":
        return _json_get(body, scope)
    reference = parse_reference(body)
    if reference.kind == "Parameters":
        return scope.parameters[reference.name]
    if reference.kind == "Execution":
        return scope.execution[reference.name]
    found, (first, *keys) = scope.properties[reference.name], reference.path
    if first == "FinalMetricDataList" and keys and keys[0] not in found.get(first, ()):
        raise UserError(
            f"the log of step '{reference.name}' has no number for the metric '{keys[0]}': print one that its Regex in "
            "MetricDefinitions matches."
        )
    return look_up(found, reference.path, f"step '{reference.name}'")


def resolve_early(value: Any, scope: Scope) -> Any:
    """The value if it is known before anything runs; None if it depends on a step or an unknown parameter."""
    if not isinstance(value, dict | list):
        return value
    references, complaints = scan(value)
    known = {"Parameters": scope.parameters, "Execution": scope.execution}
    if complaints or not all(ref.kind in known and ref.name in known[ref.kind] for ref in references):
        return None
    return resolve(value, scope)


def resolve_known(value: Any, scope: Scope) -> Any:
    """The value with every expression replaced that is known before anything runs; the others stay."""
    if isinstance(value, list):
        return [resolve_known(item, scope) for item in value]
    if isinstance(value, dict) and not is_expression(value):
        return {key: resolve_known(item, scope) for key, item in value.items()}
    known = resolve_early(value, scope)
    return value if known is None else known


def as_text(value: object) -> str:
    """A value as part of a text: a string unchanged, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def dotted(path: Iterable[str | int]) -> str:
    """The path in one text, for messages."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")


def look_up(document: Any, path: Iterable[str | int], what: str) -> Any:
    """The value at `path`; the UserError names `what` was searched, the path and the missing part."""
    found = document
    for key in path:
        missing = (
            key not in found
            if isinstance(found, dict)
            else not (isinstance(found, list) and isinstance(key, int) and key < len(found))
        )
        if missing:
            names = [str(name) for name in found] if isinstance(found, dict) else []
            hint = did_you_mean(str(key), names) or (f" Available: {', '.join(names[:8])}." if names else "")
            raise UserError(f"{what} has no '{dotted(path)}': '{key}' is missing.{hint}")
        found = found[key]
    return found


def uri_of(output: str) -> Keys:
    """The path of the S3 URI of an output in the properties of a processing step."""
    return (*OUTPUTS, output, "S3Output", "S3Uri")


def _json_get(body: dict[str, Any], scope: Scope) -> Any:
    """The single value a Std:JsonGet refers to, with the type it has in the file."""
    if "S3Uri" in body:
        uri = resolve(body["S3Uri"], scope)
        what = uri
    else:
        reference = parse_reference(body["PropertyFile"]["Get"])
        step, name = reference.name, str(reference.path[1])
        output, file_path = scope.property_files[step, name]
        uri = f"{look_up(scope.properties[step], uri_of(output), f'step {step!r}').rstrip('/')}/{file_path}"
        what = f"{file_path} (property file '{name}' of step '{step}')"
    if scope.read_json is None:
        raise UserError(f"{what} cannot be read yet.")
    found = look_up(scope.read_json(uri), parse_path(body["Path"]), what)
    if isinstance(found, dict | list) or found is None:
        raise UserError(f"{what} must have a single value at '{body['Path']}', not {as_text(found)[:60]}.")
    return found
