"""data/schema.toml: what each column holds, kept with the project, so that a change in the data does not pass unseen.

    [columns]
    "carrier" = "text"
    "distance" = "integer"

Processing writes the file to its summary folder as it found the table. Whoever keeps it may edit it: a number that
stands for a category becomes "text".
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from errors import StepError, did_you_mean, percent
from summary import type_of

TYPES = ("integer", "number", "boolean", "date", "text")
NUMBERS = ("integer", "number", "boolean")


def load_types(path: Path) -> dict[str, str]:
    """The type of each column in the file `path`. Raises StepError with every finding."""
    try:
        columns = tomllib.loads(path.read_text(encoding="utf-8")).get("columns")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StepError(f"{path.name} is not valid TOML: {error}") from None
    if not isinstance(columns, dict):
        raise StepError(f'{path.name} lacks [columns], with one line for each column such as "age" = "number"')
    wrong = [
        f"{path.name} says that '{name}' holds '{kind}'; write {', '.join(TYPES)}.{did_you_mean(str(kind), TYPES)}"
        for name, kind in columns.items()
        if kind not in TYPES
    ]
    if wrong:
        raise StepError(*wrong)
    return columns


def save_types(types: Mapping[str, str], folder: Path) -> None:
    """Write `folder`/schema.toml."""
    lines = [f"{_quoted(name)} = {_quoted(kind)}" for name, kind in types.items()]
    text = "# What each column holds: processing.py compares every table with it.\n[columns]\n" + "\n".join(lines)
    (folder / "schema.toml").write_text(text + "\n", encoding="utf-8")


def types_of(table: pd.DataFrame, exclude: Sequence[str]) -> dict[str, str]:
    """The type of each column of a tidy table but those to `exclude`."""
    return {name: type_of(table[name]) for name in table.columns if name not in exclude}


def apply_types(
    table: pd.DataFrame, kept: Mapping[str, str], exclude: Sequence[str]
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """The tidy `table` with the types that are `kept`, what makes that impossible, and what is new.

    A column that is gone or holds something else is an error; one more column is not, for a model can do without it.
    """
    findings = [
        f"column '{name}' of schema.toml is not in the table; add it, or take its line out."
        + did_you_mean(name, [other for other in table.columns if other not in kept])
        for name in kept
        if name not in table and name not in exclude
    ]
    warnings = [
        f"Column '{name}' is new; add it to schema.toml, or exclude it."
        for name in table.columns
        if name not in kept and name not in exclude
    ]
    columns = {name: table[name] for name in table.columns}
    for name, kind in kept.items():
        if name in columns and name not in exclude and columns[name].notna().any():
            columns[name], finding = _convert(columns[name], kind)
            findings += [f"column '{name}' {finding}"] if finding else []
    return pd.DataFrame(columns, copy=False), findings, warnings


def _convert(column: pd.Series, kind: str) -> tuple[pd.Series, str]:
    found = type_of(column)
    if found == kind or {found, kind} == {"integer", "number"}:  # one missing value makes numbers of integers
        return column, ""
    if kind == "text":
        if found == "number" and (column.dropna() % 1 == 0).all():
            column = column.astype("Int64")  # 5, not 5.0
        return column.map(str, na_action="ignore").astype("category"), ""
    if kind in NUMBERS and found in NUMBERS:
        if kind != "boolean":
            return column.astype("float32"), ""
        if column.dropna().isin([0, 1]).all():
            return column.astype("boolean"), ""
    return column, _difference(column, found, kind)


def _difference(column: pd.Series, found: str, kind: str) -> str:
    """What `column` holds instead of `kind`: an example, and the share of the rows."""
    wrong = column.notna()
    if kind in ("integer", "number") and found == "text":
        wrong &= pd.to_numeric(column.astype(object), errors="coerce").isna()
    elif kind == "date" and found == "text":
        wrong &= pd.to_datetime(column.astype(object), format="ISO8601", errors="coerce", utc=True).isna()
    elif kind == "boolean" and found in NUMBERS:
        wrong &= ~column.isin([0, 1])
    return (
        f"holds {found} such as '{column[wrong].iloc[0]}' in {percent(float(np.mean(wrong)))} of the rows, "
        f'where schema.toml says {kind}; mend the data, or write "{found}"'
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
