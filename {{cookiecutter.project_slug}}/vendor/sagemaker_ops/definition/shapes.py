"""The parts of each step's Arguments that the runner needs, as data, and the check for them.

A shape is TEXT, NUMBER, NAME, PATH or ANYTHING, a list with one shape for all its items, or a dict with a shape for
each key ("Key?" may be absent, other keys are allowed, a single "*" is a shape for every value). TEXT and NUMBER may
also be an expression. A NAME or a PATH becomes the name or path of a file here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sagemaker_ops.definition.expressions import is_expression
from sagemaker_ops.definition.parameters import LARGEST, Parameter

TEXT, NUMBER, NAME, PATH, ANYTHING = "text", "number", "name", "path", "anything"
_PATTERNS = {NAME: re.compile(r"\w[\w .-]{0,254}"), PATH: re.compile(r"[\w./ -]+")}
Shape = str | list[Any] | dict[str, Any]

STEP: Shape = {
    "Name": NAME,
    "Type": NAME,
    "Arguments?": {},
    "DependsOn?": [NAME],
    "PropertyFiles?": [{}],
    "CacheConfig?": {},
    "RetryPolicies?": [ANYTHING],
    "OutputParameters?": [{"OutputName": NAME, "OutputType": NAME}],
}
PROPERTY_FILE: Shape = {"PropertyFileName": NAME, "OutputName": NAME, "FilePath": PATH}


def mismatches(value: object, shape: Shape, parameters: Mapping[str, Parameter], path: str = "") -> Iterator[str]:
    """A sentence for each place where `value` does not have the shape.

    That includes a parameter of the wrong type: CreatePipeline refuses it ("Cannot assign property reference
    [Parameters.X] to argument of type [String]").
    """
    if shape in (NAME, PATH):
        if not isinstance(value, str) or not _PATTERNS[str(shape)].fullmatch(value):
            yield f"{path} is {str(value)[:40]!r}: write a {shape} of letters, digits, '-', '_' and '.'."
    elif shape in (TEXT, NUMBER):
        yield from scalar_mismatches(value, str(shape), parameters, path)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{path} must be a list."
            return
        for index, item in enumerate(value):
            yield from mismatches(item, shape[0], parameters, f"{path}[{index}]")
    elif isinstance(shape, dict):
        if not isinstance(value, dict) or is_expression(value):
            yield f"{path or 'it'} must be an object."
            return
        if set(shape) == {"*"}:
            shape = dict.fromkeys(value, shape["*"])
        for key, inner in shape.items():
            name, below = key.removesuffix("?"), f"{path}.{key.removesuffix('?')}".lstrip(".")
            if name in value:
                yield from mismatches(value[name], inner, parameters, below)
            elif name == key:
                yield f"{below} is missing."


def scalar_mismatches(value: object, shape: str, parameters: Mapping[str, Parameter], path: str) -> Iterator[str]:
    """A sentence if `value` is not a TEXT or a NUMBER, or a parameter of another type."""
    if is_expression(value):
        target = value.get("Get")
        name = target.removeprefix("Parameters.") if isinstance(target, str) else ""
        kind = parameters[name].type if name in parameters else None
        if shape == TEXT and kind not in (None, "String"):
            yield f"{path} needs text, but parameter '{name}' has type {kind}: write {name}.to_string()."
        elif shape == NUMBER and kind not in (None, "Integer", "Float"):
            yield f"{path} needs a number, but parameter '{name}' has type {kind}."
    elif shape == TEXT and not isinstance(value, str):
        yield f"{path} must be text, not {str(value)[:40]!r}."
    elif shape == NUMBER and (isinstance(value, bool) or not isinstance(value, int | float)):
        yield f"{path} must be a number, not {str(value)[:40]!r}."
    elif shape == NUMBER and isinstance(value, int | float) and not abs(value) < LARGEST:
        yield f"{path} must be a smaller number."
