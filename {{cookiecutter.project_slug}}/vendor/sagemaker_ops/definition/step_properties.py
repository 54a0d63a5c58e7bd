"""The properties of a step that others can read: what AWS's Describe call returns, as far as it exists here.

https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps.html#build-and-manage-properties has the rule.
property_shapes.json has the fields; scripts/make_request_shapes.py of the template makes it from botocore.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from sagemaker_ops.definition import metrics
from sagemaker_ops.definition.expressions import Keys, dotted, is_expression
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.step_type import StepType
from sagemaker_ops.errors import did_you_mean

FILE = Path(__file__).with_name("property_shapes.json")


def misread(name: str, kind: StepType, arguments: Mapping[str, Any], path: Keys) -> str | None:
    """A sentence if the step with this name and these arguments has no such property, or has it only on AWS."""
    whole, shapes = dotted(path), data()["shapes"]
    shape: Mapping[str, Any] | None = data()["types"].get(kind.name)
    if shape is None:
        return None  # AWS does not say which properties it has
    for number, key in enumerate(path):
        place, what = kind.named.get(dotted(path[:number]), ("", ""))
        names, members = at(arguments, place) if place else [], shape.get("members", {})
        if place and key not in names and all(isinstance(each, str) for each in names):
            hint = did_you_mean(str(key), names) or (f" Available: {', '.join(names)}." if names else "")
            return f"it reads '{key}', which is not {what} of step '{name}'.{hint}"
        if not ("value" in shape or key in members or ("member" in shape and bool(place) == isinstance(key, str))):
            hint = did_you_mean(str(key), members)
            return f"it reads '{whole}' of step '{name}', but a {kind.name} step has no '{key}'.{hint}"
        shape = shapes.get(shape.get("value") or shape.get("member") or members[key], {})
    if path[0] == metrics.PROPERTY and path[1:] and (wrong := metrics.complaint(arguments, str(path[1]))):
        return f"it reads the metric '{path[1]}' of step '{name}', but {wrong}"
    found: Any = kind.expected(arguments) if kind.runs_here else None
    for number, key in enumerate(path):
        if is_expression(found) or not isinstance(found, dict | list):
            return None
        if key not in (given := found if isinstance(found, dict) else range(len(found))):
            only = "is not in its arguments." + did_you_mean(str(key), map(str, given))
            why = only if number else "only AWS fills in: leave it out here."
            return f"it reads '{whole}' of step '{name}', which {why}"
        found = found[key]  # type: ignore[index]
    return None


@lru_cache(maxsize=1)
def data() -> dict[str, Any]:
    """The file: {made, from, types: {step type: {members}}, shapes: {name: {members, member or value}}}."""
    content: dict[str, Any] = json.loads(FILE.read_bytes())
    return content
