"""The conditions of a Condition step: compared, negated, combined."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from sagemaker_ops.definition.expressions import Scope, resolve
from sagemaker_ops.errors import UserError, did_you_mean

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
# The required keys of each type; a trailing "[]" marks a list.
_KEYS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(COMPARISONS, ("LeftValue", "RightValue")),
    "In": ("QueryValue", "Values[]"),
    "Or": ("Conditions[]",),
    "Not": ("Condition",),
}


def complaints(condition: object) -> list[str]:
    """A sentence for each error in a condition and in the conditions inside it."""
    if not isinstance(condition, dict) or not isinstance(condition.get("Type"), str):
        return ["a condition must be an object with a 'Type'."]
    kind = condition["Type"]
    if kind not in _KEYS:
        return [f"'{kind}' is not a condition type.{did_you_mean(kind, _KEYS)} Available: {', '.join(_KEYS)}."]
    missing = [key for key in _KEYS[kind] if key.removesuffix("[]") not in condition]
    missing += [key for key in _KEYS[kind] if key.endswith("[]") and not isinstance(condition.get(key[:-2]), list)]
    if missing:
        return [f"the condition {kind} needs {' and '.join(dict.fromkeys(missing))}."]
    inner = condition["Conditions"] if kind == "Or" else [condition["Condition"]] if kind == "Not" else []
    return [sentence for each in inner for sentence in complaints(each)]


def holds(condition: dict[str, Any], scope: Scope) -> bool:
    """Whether the condition is true; UserError if it compares values of different types."""
    kind = condition["Type"]
    if kind == "Not":
        return not holds(condition["Condition"], scope)
    if kind == "Or":
        return any(holds(each, scope) for each in condition["Conditions"])
    if kind == "In":
        query = resolve(condition["QueryValue"], scope)
        return any(_compare("Equals", query, resolve(each, scope)) for each in condition["Values"])
    return _compare(kind, resolve(condition["LeftValue"], scope), resolve(condition["RightValue"], scope))


def _compare(kind: str, left: Any, right: Any) -> bool:
    if _type(left) != _type(right):
        raise UserError(
            f"{kind} compares the {_type(left)} {left!r} with the {_type(right)} {right!r}: "
            "both sides must have the same type."
        )
    return COMPARISONS[kind](left, right)


def _type(value: object) -> str:
    # bool first: it is a number in Python, but not for AWS
    names = {bool: "boolean", int: "number", float: "number", str: "string"}
    return next((name for type_, name in names.items() if isinstance(value, type_)), type(value).__name__)
