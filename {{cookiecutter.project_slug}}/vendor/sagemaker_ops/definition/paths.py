"""Values at a path in the arguments of a step."""

from __future__ import annotations

from typing import Any


def at(value: Any, path: str) -> list[Any]:
    """Every value at a path such as `Outputs.*.S3Output.S3Uri`; none if a part is missing."""
    found = [value]
    for key in path.split("."):
        if key == "*":
            found = [item for each in found if isinstance(each, list) for item in each]
        else:
            found = [each[key] for each in found if isinstance(each, dict) and key in each]
    return found
