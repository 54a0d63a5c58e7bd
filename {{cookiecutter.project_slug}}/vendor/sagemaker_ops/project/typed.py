"""Reads a TOML table into a dataclass: every key, its type and default, and a message for each invalid value."""

from __future__ import annotations

import errno
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from sagemaker_ops.errors import Problem, did_you_mean

LARGEST = 1e300
LARGEST_INTEGER = 2**63  # TOML's own limit, which Python does not check


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; OSError or ValueError if it cannot be read."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a file")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def choice(*values: str, default: Any = MISSING) -> Any:
    """A string field that must be one of `values`."""
    return field(default=default, metadata={"choices": values})


def others() -> Any:
    """A field of type Mapping for all keys of the table that have no field of their own."""
    return field(default_factory=dict, metadata={"others": True})


def entries_read_by(read: Callable[[object], Any]) -> Any:
    """A field of type Mapping, each of whose values `read` reads; its ValueError has the message."""
    return field(default_factory=dict, metadata={"read": read})


class Reader:
    """Reads the tables of one file and collects every problem; an unreadable value is replaced by its default.

    So the rules can check the rest of the file in the same pass: `is_filled` says which places to skip.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._filled: set[str] = set()

    def is_filled(self, where: str) -> bool:
        """Whether the place `where`, or a table that contains it, was filled with a default."""
        return any(where == place or where.startswith(f"{place}.") for place in self._filled)

    def is_whole(self, where: str) -> bool:
        """Whether nothing in the table of the place `where` was filled with a default."""
        table, *_ = where.partition("]")
        return all(place.partition("]")[0] != table for place in self._filled)

    def table(self, kind: Any, table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Any:
        """Read one TOML table as the dataclass `kind`."""
        rest = next((item for item in fields(kind) if item.metadata.get("others")), None)
        known = {item.name: item for item in fields(kind) if item.metadata.get("key", True) and item is not rest}
        hints = get_type_hints(kind)
        values: dict[str, Any] = {}
        if rest is not None:
            values[rest.name] = self._value(hints[rest.name], {k: v for k, v in table.items() if k not in known}, path)
        for key in table if rest is None else ():
            if key not in known:
                self._say(f"unknown key '{key}'.{did_you_mean(key, known)}", self._place(path, table=True))
        for name, item in known.items():
            here = (*path, name)
            if name not in table:
                if item.default is MISSING and item.default_factory is MISSING:
                    values[name] = self._fill("missing.", hints[name], here, item)
                continue
            choices, value = item.metadata.get("choices"), table[name]
            if choices and isinstance(value, str) and value not in choices:
                options = ", ".join(f"'{option}'" for option in choices)
                values[name] = self._fill(f"'{value}' is not one of {options}.", hints[name], here, item)
            elif (read := item.metadata.get("read")) and isinstance(value, dict):
                values[name] = self._entries(read, value, here)
            else:
                values[name] = self._value(hints[name], value, here, item)
        return kind(**values)

    def _value(self, kind: Any, value: Any, path: tuple[str, ...], item: Field[Any] | None = None) -> Any:
        """`value` as a `kind`, one of the types that the dataclasses use."""
        if is_dataclass(kind) or get_origin(kind) is Mapping:
            if not isinstance(value, dict):
                return self._fill("expected a table, with its keys below.", kind, path, item)
            if is_dataclass(kind):
                return self.table(kind, value, path)
            entry_kind = get_args(kind)[1]
            return {key: self._value(entry_kind, entry, (*path, key)) for key, entry in value.items()}
        if get_origin(kind) is list:
            if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
                return value
            return self._fill('expected a list of strings, such as ["a", "b"].', kind, path, item)
        kinds = get_args(kind) or (kind,)
        if whole := next((each for each in kinds if isinstance(value, _container(each))), None):
            return self._value(whole, value, path, item)
        for option in kinds:
            if _is(value, option):
                return option(value)
        wanted = " or ".join(_WANTED[option] for option in kinds if option in _WANTED)
        wanted += ", or a table" if any(is_dataclass(option) for option in kinds) else ""
        return self._fill(f"expected {wanted}, found {_shown(value)}.", kind, path, item)

    def _entries(self, read: Callable[[object], Any], table: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        """The entries that `read` can read; the others are reported."""
        found = {}
        for key, value in table.items():
            try:
                found[key] = read(value)
            except ValueError as error:
                place = self._place((*path, key))
                self._say(str(error), place)
                self._filled.add(place)
        return found

    def _fill(self, message: str, kind: Any, path: tuple[str, ...], item: Field[Any] | None) -> Any:
        """Record what is wrong at `path`, and return the value to use instead."""
        place = self._place(path, table=is_dataclass(kind) or get_origin(kind) is Mapping)
        self._say(message, place)
        self._filled.add(place)
        return _blank(kind, item)

    def _say(self, message: str, place: str) -> None:
        self.problems.append(Problem(message, place))

    def _place(self, path: tuple[str, ...], *, table: bool = False) -> str:
        """`project.toml [environments.dev].role` for the path ("environments", "dev", "role")."""
        section, key = (path, "") if table else (path[:-1], path[-1])
        if not section:
            return f"{self.file} {key}".strip()
        return f"{self.file} [{'.'.join(section)}]{'.' if key else ''}{key}"


# How messages describe each type.
_WANTED = {
    str: 'a string in quotes, such as "text"',
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def _is(value: object, kind: Any) -> bool:
    """Whether a TOML value is a valid `kind`; unlike in Python, a bool is not a number."""
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float) and abs(value) < LARGEST  # JSON has no nan and no inf
    if kind is int:
        return isinstance(value, int) and abs(value) < LARGEST_INTEGER
    return kind in _WANTED and isinstance(value, kind)


def _container(kind: Any) -> Any:
    """The type of a TOML value that is read as a dataclass, a mapping or a list; nothing is of the empty one."""
    return dict if is_dataclass(kind) else get_origin(kind) or ()


def _shown(value: object) -> str:
    """A value for a sentence."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return "a number that is too large" if isinstance(value, int) and abs(value) >= LARGEST_INTEGER else repr(value)


def _blank(kind: Any, item: Field[Any] | None = None) -> Any:
    """The value of a key that could not be read: its default, otherwise an empty value of its type."""
    if item is not None and item.default is not MISSING:
        return item.default
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        needed = [each for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING]
        return kind(**{each.name: _blank(hints[each.name]) for each in needed})  # type: ignore[operator]
    if get_origin(kind) in (Mapping, list):
        return {} if get_origin(kind) is Mapping else []
    return (get_args(kind) or (kind,))[0]()
