"""Writes hyperparameters into project.toml, where nothing else changes."""

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
from sagemaker_ops.project.settings import FILE
from sagemaker_ops.store import write_atomically

TABLE = "hyperparameters"
BOM = "\ufeff"  # of editors on Windows
CONTEXT = 3  # unchanged lines around a change, as in `git diff`


def write(root: Path, values: Mapping[str, Any], *, dry_run: bool = False, context: int = CONTEXT) -> str:
    """Set `values` in [hyperparameters] of project.toml in the folder `root`; return the difference, as of `git diff`.

    Comments, order and layout stay. A value that the file has already is not touched; the difference is empty if it has
    all of them. UserError if the file cannot be read. dry_run: do not write.
    """
    file = (root / FILE).resolve()  # the file itself, if this is a link to it
    try:
        before = file.read_bytes().decode()
        after = _edited(before, values)
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise UserError(Problem(f"it cannot be read: {str(error).rstrip('.')}.", FILE)) from error
    if after != before and not dry_run:
        write_atomically(file, after.encode())
    names = f"a/{FILE}", f"b/{FILE}"
    return "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), *names, n=context, lineterm=""))


def text(value: Any) -> str:
    """A value of TOML or Python as the text that a training script gets."""
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _edited(content: str, wanted: Mapping[str, Any]) -> str:
    """The text of project.toml with these values. tomlkit keeps comments as long as only single values are set."""
    windows = content.count("\r\n") == content.count("\n") > 0  # tomlkit would end new lines in another way
    mark = BOM if content.startswith(BOM) else ""
    document = tomlkit.parse((content.replace("\r\n", "\n") if windows else content).removeprefix(mark))
    table: Any = document.get(TABLE, {})
    new = {}
    for name, value in wanted.items():
        if name not in table:
            new[name] = value
        elif text(table[name]) != text(value) and table[name] != value:
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
