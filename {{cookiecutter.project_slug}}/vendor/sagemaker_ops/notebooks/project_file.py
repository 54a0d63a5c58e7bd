"""Writes the hyperparameters chosen in a notebook into project.toml, where nothing else changes."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project.settings import FILE, Settings
from sagemaker_ops.store import write_atomically
from sagemaker_ops.tabular.errors import raise_any
from sagemaker_ops.tabular.hyperparameters import Choice, Hyperparameters, Number, Value, read_hyperparameters

TABLE = "hyperparameters"
DIGITS = 4  # significant ones; a search is never more precise
BOM = "\ufeff"  # of editors on Windows


def present_hyperparameters(settings: Settings, known: Hyperparameters) -> dict[str, Value]:
    """Every hyperparameter of the model: its value in project.toml, or its default. StepError if one is not allowed.

    known: HYPERPARAMETERS of production/steps/model.py.
    """
    given = {name: _text(value) for name, value in settings.hyperparameters.items()}
    values, findings = read_hyperparameters(given, known)
    raise_any(findings)
    return values


def write_hyperparameters(
    root: Path, values: Mapping[str, Any], known: Hyperparameters, *, dry_run: bool = False
) -> str:
    """Set `values` in [hyperparameters] of project.toml in the folder `root`; return the difference, as of `git diff`.

    Comments, order and layout stay. A value that the file has already is not touched; the difference is empty if it has
    all of them. Numbers are rounded to DIGITS. UserError if a name is unknown or a value is not allowed, and then
    nothing is written.

    known: HYPERPARAMETERS of production/steps/model.py. dry_run: do not write.
    """
    file = (root / FILE).resolve()  # the file itself, if this is a link to it
    wanted = _allowed(values, known)
    try:
        before = file.read_bytes().decode()
        after = _edited(before, wanted)
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise UserError(Problem(f"it cannot be read: {str(error).rstrip('.')}.", FILE)) from error
    if after != before and not dry_run:
        write_atomically(file, after.encode())
    return _difference(before, after)


def rounded(value: float, digits: int = DIGITS) -> float:
    """`value` with this many significant digits."""
    return float(f"{value:.{digits}g}")


def _allowed(values: Mapping[str, Any], known: Hyperparameters) -> dict[str, Value]:
    """The values in their final type; UserError with every one that is unknown or not allowed."""
    read, findings = read_hyperparameters({name: _text(value) for name, value in values.items()}, known)
    if findings:
        ended = (finding if finding[-1] in ".?" else f"{finding}." for finding in findings)
        raise UserError(*(Problem(finding, f"{FILE} [{TABLE}]") for finding in ended))
    return {name: _short(read[name], known[name]) for name in values}


def _short(value: Value, known: Number | Choice) -> Value:
    """A number with few digits, unless that is no longer allowed."""
    short = rounded(value) if isinstance(value, float) else value
    return value if known.read(_text(short)) is None else short


def _text(value: Any) -> str:
    """A value of TOML or Python as read_hyperparameters expects it."""
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _edited(text: str, wanted: Mapping[str, Value]) -> str:
    """The text of project.toml with these values. tomlkit keeps comments as long as only single values are set."""
    windows = text.count("\r\n") == text.count("\n") > 0  # tomlkit would end new lines in another way
    mark = BOM if text.startswith(BOM) else ""
    document = tomlkit.parse((text.replace("\r\n", "\n") if windows else text).removeprefix(mark))
    table: Any = document.get(TABLE, {})
    new = {}
    for name, value in wanted.items():
        if name not in table:
            new[name] = value
        elif _text(table[name]) != _text(value) and table[name] != value:
            table[name] = value == "true" if isinstance(table[name], bool) and value in ("true", "false") else value
    lines = [f"{tomlkit.key(name).as_string()} = {tomlkit.item(value).as_string()}\n" for name, value in new.items()]
    after = ""
    if lines and TABLE not in document:
        after = f"\n[{TABLE}]\n{''.join(lines)}"
    elif lines and isinstance(table, Table) and not table.is_super_table():
        _add(table, lines)
    else:
        for name, value in new.items():
            table[name] = value
    result: str = tomlkit.dumps(document)
    result += "\n" if after and result and not result.endswith("\n") else ""
    result += after if result else after.lstrip("\n")
    return mark + (result.replace("\n", "\r\n") if windows else result)


def _add(table: Table, lines: list[str]) -> None:
    """Add lines after the last value, or the header. tomlkit would add them after a comment on the next table."""
    values = [item for key, item in table.value.body if key is not None and not isinstance(item, Table)]
    trivia = (values[-1] if values else table).trivia
    added = "".join(lines)
    trivia.trail = trivia.trail + added if trivia.trail.endswith("\n") else f"\n{added.removesuffix(chr(10))}"


def _difference(before: str, after: str) -> str:
    names = f"a/{FILE}", f"b/{FILE}"
    return "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm=""))
