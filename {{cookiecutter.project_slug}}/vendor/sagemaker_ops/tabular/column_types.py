"""data/schema.toml: the type of each column, kept with the project so that a change in the data is noticed.

    source = "data/flights.csv"

    [columns]
    "carrier" = "text"
    "distance" = "integer"

As a script, this module writes that file for a table. Processing writes the types it found to its summary folder. The
file may be edited: a number that stands for a category becomes "text". A column of text that is mostly numbers has no
line but a comment, until it is clear what is meant. `read_with` are the settings of [data] that were used.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sagemaker_ops.tabular.doubts import doubts, if_text
from sagemaker_ops.tabular.errors import StepError, did_you_mean, percent, run_step, short
from sagemaker_ops.tabular.headers import is_index
from sagemaker_ops.tabular.notation import STANDARD, Notation, notation_arguments
from sagemaker_ops.tabular.schema import plain_text, read_as
from sagemaker_ops.tabular.summary import KINDS, type_of
from sagemaker_ops.tabular.tables import read_table, tidy

TYPES = ("integer", "number", "boolean", "date", "text")
KEPT = f"""\
# The type of each column ({", ".join(TYPES)}): every run checks the table against it, here and on AWS.
# You can edit it: a number that stands for a category becomes "text". A column without a line is reported as new.
# If project.toml names another source, this file is written again. Without the next line, it applies to any source.
# If settings such as `missing` change there, it is written again too, but lines that you edited stay.
"""


def load_types(path: Path) -> dict[str, str]:
    """The type of each column in the file `path`. Raises StepError with every finding."""
    try:
        columns = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("columns")
    except (ValueError, RecursionError, OSError) as error:
        raise StepError(f"{path.name} is not valid TOML: {error}") from None
    if not isinstance(columns, dict):
        raise StepError(f'{path.name} has no [columns]; add it, with a line for each column such as "age" = "number"')
    wrong = [
        f"{path.name} says '{kind}' for '{name}'; write one of {', '.join(TYPES)}.{did_you_mean(str(kind), TYPES)}"
        for name, kind in columns.items()
        if kind not in TYPES
    ]
    if wrong:
        raise StepError(*wrong)
    return columns


def other_settings(path: Path, notation: Notation) -> list[str]:
    """A warning if the file `path` was written with other settings of [data]; one without a source applies to any."""
    content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    if "source" not in content or content.get("read_with", {}) == notation.settings:
        return []
    return [
        f"{path.name} was written with other settings of [data] than {_table(notation.settings)}: columns that are "
        "text there stay text; `ops run` writes it again, or delete it."
    ]


def save_types(types: Mapping[str, str], folder: Path, unclear: Mapping[str, str] | None = None) -> None:
    """Write `folder`/schema.toml. unclear: {column without a type: why}."""
    text = "# The type of each column: processing.py compares every table with it.\n" + _columns(types, unclear or {})
    (folder / "schema.toml").write_text(text, encoding="utf-8")


def keep(table: Path, source: str, output: Path, exclude: Sequence[str], notation: Notation) -> list[str]:
    """Write the file `output` for the file or folder `table`, the source in project.toml or a copy of it.

    If it was written for the same source in another notation, a line that someone edited stays. Returns what changed.
    """
    types, unclear = _found(table, exclude, notation)
    changes = []
    if old := _written_for(source, output):
        before: dict[str, str] = {}
        with suppress(StepError):
            before, _ = _found(table, exclude, Notation.of(old.get("read_with", {})))
        lines = {name: kind for name, kind in old["columns"].items() if kind != before.get(name)}
        unclear = {name: why for name, why in unclear.items() if name not in lines}
        new = {name: lines.get(name, kind) for name, kind in types.items()} | lines
        changes = [
            f"'{name}' is {kind}{f' (was {was})' if (was := old['columns'].get(name)) else ''}"
            for name, kind in new.items()
            if kind != old["columns"].get(name)
        ]
        types = new
    read_with = f"read_with = {_table(notation.settings)}\n" if notation.settings else ""
    output.parent.mkdir(parents=True, exist_ok=True)
    text = f"{KEPT}source = {_quoted(source)}\n{read_with}\n{_columns(types, unclear)}"
    output.write_text(text, encoding="utf-8")
    return changes


def _found(table: Path, exclude: Sequence[str], notation: Notation) -> tuple[dict[str, str], dict[str, str]]:
    """The type of each column, and for those without a clear one the reason."""
    rows = tidy(read_table(table, exclude, notation=notation))
    unclear = doubts(rows, notation, exclude)
    return types_of(rows, [*exclude, *unclear]), unclear


def _written_for(source: str, file: Path) -> dict[str, Any] | None:
    """The content of a schema.toml for this source; None if there is none."""
    content = tomllib.loads(file.read_text(encoding="utf-8-sig")) if file.is_file() else {}
    return content if content.get("source") == source else None


def texts_of(kept: Mapping[str, str] | None) -> list[str]:
    """The columns whose text must stay unchanged, because 007 is not 7."""
    return [name for name, kind in (kept or {}).items() if kind == "text"]


def types_of(table: pd.DataFrame, exclude: Sequence[str]) -> dict[str, str]:
    """The type of each column of a tidy table except those to `exclude`."""
    return {name: type_of(table[name]) for name in table.columns if name not in exclude}


def apply_types(
    table: pd.DataFrame,
    kept: Mapping[str, str],
    exclude: Sequence[str],
    notation: Notation = STANDARD,
    unclear: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """The tidy `table` with the `kept` types, the findings that prevent it, and warnings about new columns.

    A column that is missing or has other content is an error; an additional one is not, because a model can ignore it.
    unclear: {column that has no type yet, or cannot get it: what is wrong}.
    """
    unclear = unclear or {}
    findings = [
        f"column '{name}' of schema.toml is not in the table; add it, or remove its line."
        + did_you_mean(name, [other for other in table.columns if other not in kept])
        for name in kept
        if name not in table and name not in exclude and not is_index(name)
    ]
    warnings = [
        f"Column '{name}' is new; add it to schema.toml, or exclude it."
        for name in table.columns
        if name not in kept and name not in exclude and name not in unclear
    ]
    columns = {name: table[name] for name in table.columns}
    for name, kind in kept.items():
        if name in columns and name not in exclude and columns[name].notna().any():
            columns[name], finding = converted(columns[name], kind, notation)
            more = f". {unclear[name]}" if name in unclear else ""
            findings += [f"column '{name}' {finding}{more}"] if finding else []
    return pd.DataFrame(columns, copy=False), findings, warnings


def converted(column: pd.Series, kind: str, notation: Notation) -> tuple[pd.Series, str]:
    """`column` as `kind`, or a finding with an example of what it contains instead, and the share of the rows."""
    found = type_of(column)
    if found == kind or (found, kind) == ("number", "integer"):  # one missing value turns integers into numbers
        return column, ""
    if kind == "text":
        return plain_text(column).astype("category"), ""
    values, wrong = read_as(KINDS[kind], column, notation=notation)
    if "date" in (found, kind) and found != "text":  # 20251231 is a number, even if it could be read as a date
        wrong = column.notna()
    if not wrong.any():
        return values.astype("boolean") if kind == "boolean" else values, ""
    return column, (
        f"contains {found} such as '{short(column[wrong].iloc[0])}' in {percent(float(np.mean(wrong)))} of the rows, "
        f'but schema.toml says {kind}; fix the data, or write "{found}"'
    )


def _columns(types: Mapping[str, str], unclear: Mapping[str, str]) -> str:
    lines = [f"{_quoted(name)} = {_quoted(kind)}\n" for name, kind in types.items()]
    lines += [f"# {_one_line(f'{why}; {if_text(name)}.')}\n" for name, why in unclear.items()]
    return "[columns]\n" + "".join(lines)


def _table(settings: Mapping[str, Any]) -> str:
    """A TOML table on one line; JSON's texts and lists are TOML too."""
    pairs = (f"{_quoted(key)} = {_table(v) if isinstance(v, Mapping) else _json(v)}" for key, v in settings.items())
    return f"{{ {', '.join(pairs)} }}"


def _one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _quoted(text: str) -> str:
    return _json(text)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Write the type of each column of a table.", allow_abbrev=False)
    parser.add_argument("--input-dir", required=True, metavar="DIR", help="CSV or Parquet files of one table")
    parser.add_argument("--source", metavar="NAME", help="their name in project.toml (default: DIR)")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="the schema.toml to write")
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="COLUMN", help="a column to leave out; can be repeated"
    )
    notation_arguments(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Write the file, and print each change as a line."""
    given = parser().parse_args(argv)

    def write() -> None:
        table, source = Path(given.input_dir), given.source or given.input_dir
        for change in keep(table, source, given.output, given.exclude, Notation.of(given)):
            print(change)

    return run_step(write)


if __name__ == "__main__":
    sys.exit(main())
