"""Pipeline parameters: what a definition declares, and the values that an execution starts with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sagemaker_ops.errors import Problem, did_you_mean

LARGEST = 1e300  # JSON has no nan and no inf
TYPES = ("String", "Integer", "Float", "Boolean")


ODD = re.compile("[\\0\ud800-\udfff]")
"""What no text for AWS can contain: NUL, and halves of a character, such as bytes that are not UTF-8."""


@dataclass(frozen=True)
class Parameter:
    """One declared parameter. default: None if a value must be given. choices: empty if any value is valid."""

    name: str
    type: str
    default: Any = None
    choices: tuple[Any, ...] = ()


def parse(raw: object) -> tuple[Parameter | None, list[str]]:
    """A parameter from its definition, and a sentence for each error in it."""
    if not isinstance(raw, dict) or not isinstance(raw.get("Name"), str) or not raw["Name"]:
        return None, [f"a parameter needs a 'Name': {str(raw)[:60]}."]
    name, kind = raw["Name"], raw.get("Type")
    if kind not in TYPES:
        return None, [f"parameter '{name}' has the type {kind!r}: use {', '.join(TYPES[:-1])} or {TYPES[-1]}."]
    listed = raw.get("EnumValues") or []
    if not isinstance(listed, list):
        return None, [f"parameter '{name}' needs a list as EnumValues."]
    values = [_typed(kind, each) for each in listed]
    default = raw.get("DefaultValue")
    wrong = [each for each, value in zip(listed, values, strict=True) if value is None]
    if default is not None and _typed(kind, default) is None:
        wrong.append(default)
    complaints = [f"parameter '{name}' has the value {each!r}, which is not of type {kind}." for each in wrong]
    parameter = Parameter(name, kind, None if default is None else _typed(kind, default), tuple(values))
    if not complaints and default is not None and values and parameter.default not in values:
        complaints.append(f"parameter '{name}' has the default {default!r}, which is not in its EnumValues.")
    return parameter, complaints


def values(
    declared: Mapping[str, Parameter], given: Mapping[str, str], before: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[Problem]]:
    """Typed values for an execution, and every problem with them.

    They come from `KEY=VALUE` strings, then from an earlier execution `before` that this one continues, then from the
    defaults.
    """
    declared = {
        name: replace(each, default=value)
        if (value := _typed(each.type, (before or {}).get(name))) is not None
        else each
        for name, each in declared.items()
    }
    listing = f" Available: {', '.join(declared)}." if declared else " The pipeline has none."
    problems = [
        Problem(f"there is no parameter '{name}'.{did_you_mean(name, declared) or listing}")
        for name in given
        if name not in declared
    ]
    found: dict[str, Any] = {}
    for name, parameter in declared.items():
        value = _from_text(parameter.type, given[name]) if name in given else parameter.default
        if value is None and name in given:
            problems.append(Problem(f"parameter '{name}' needs a value of type {parameter.type}, not '{given[name]}'."))
        elif value is None:
            problems.append(Problem(f"parameter '{name}' ({parameter.type}) has no default: give it a value."))
        elif parameter.choices and value not in parameter.choices:
            choices = ", ".join(str(choice) for choice in parameter.choices)
            hint = did_you_mean(str(value), map(str, parameter.choices))
            problems.append(Problem(f"parameter '{name}' must be one of {choices}, not '{value}'.{hint}"))
        else:
            found[name] = value
    return found, problems


def _typed(kind: str, value: object) -> Any:
    """A JSON value as the parameter's type; None if it has another type."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "String": isinstance(value, str),
        "Integer": number and isinstance(value, int) and abs(value) < 2**63,
        "Float": number and abs(value) < LARGEST,  # type: ignore[arg-type]
        "Boolean": isinstance(value, bool),
    }
    if not fits[kind]:
        return None
    return float(value) if kind == "Float" else value  # type: ignore[arg-type]


def _from_text(kind: str, text: str) -> Any:
    """A string from the command line as the parameter's type; None if it does not have the right form."""
    if kind == "String":
        return None if ODD.search(text) else text
    if kind == "Boolean":
        return {"true": True, "false": False}.get(text.lower())
    if kind == "Integer":
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else None
    try:
        return None if "_" in text else _typed("Float", float(text))
    except ValueError:
        return None
