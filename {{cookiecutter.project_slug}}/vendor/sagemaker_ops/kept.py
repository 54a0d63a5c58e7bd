"""Files of JSON that this library keeps between runs: a damaged one is reported once, and then counts as missing."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Hashable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from sagemaker_ops.errors import Problem

Kind = TypeVar("Kind")
DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What code that reads a damaged file may raise."""
_reported: set[Path] = set()


def read(path: Path) -> dict[str, Any] | None:
    """The JSON object in the file; None if it is missing or damaged."""
    try:
        return load(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except DAMAGED as error:
        report(path, error)
        return None


def load(path: Path) -> dict[str, Any]:
    """The JSON object in the file; one of DAMAGED if it cannot be read."""
    if not path.is_file() and path.exists():
        raise OSError(errno.EINVAL, "not a file")  # and reading a pipe would never end
    found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def report(path: Path, error: BaseException) -> None:
    """Say once on standard error that a file is not used."""
    if path not in _reported:
        _reported.add(path)
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
        message = f"damaged, so it is ignored ({reason}): you can remove it."
        print(f"warning: {Problem(message, str(path))}", file=sys.stderr)


def build(kind: type[Kind], raw: Mapping[str, Any], **given: Any) -> Kind:
    """A dataclass from its fields in JSON, and those given; TypeError or ValueError if one is missing or differs."""
    hints = _hints(cast(Hashable, kind))
    return kind(**{key: _value(key, value, hints[key]) for key, value in raw.items()}, **given)


def is_future(moment: datetime) -> bool:
    """Whether a kept time is wrong, because the clock has been."""
    return moment > datetime.now(UTC) + timedelta(minutes=1)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(key: str, value: Any, hint: Any) -> Any:
    """The value as the type of a field: one of those that the library's dataclasses use."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return None if value is None else _value(key, value, inner[0])
    if origin is dict and isinstance(value, dict):
        return {name: _value(key, each, inner[1]) for name, each in value.items()}
    if origin is tuple and isinstance(value, list) and len(value) == len(inner):
        return tuple(_value(key, each, kind) for each, kind in zip(value, inner, strict=True))
    if hint is datetime and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment
    elif hint is Any or type(value) is hint:
        return value
    raise ValueError(f"'{key}' has another form")
