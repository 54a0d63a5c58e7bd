"""data/schema.toml: the type of each column, kept with the project so that a change in the data is noticed.

    source = "data/flights.csv"

    [columns]
    "carrier" = "text"
    "distance" = "integer"

As a script, this module writes that file for a table. Processing writes the types it found to its summary folder. The
file may be edited: a number that stands for a category becomes "text".
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sagemaker_ops.tabular.errors import StepError, did_you_mean, percent, run_step, short
from sagemaker_ops.tabular.headers import is_index
from sagemaker_ops.tabular.schema import plain_text, read_as
from sagemaker_ops.tabular.summary import KINDS, type_of
from sagemaker_ops.tabular.tables import read_table, tidy

TYPES = ("integer", "number", "boolean", "date", "text")
KEPT = f"""\
# The type of each column ({", ".join(TYPES)}): every run checks the table against it, here and on AWS.
# You can edit it: a number that stands for a category becomes "text". A column without a line is reported as new.
# If project.toml names another source, this file is written again. Without the next line, it applies to any source.
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


def save_types(types: Mapping[str, str], folder: Path) -> None:
    """Write `folder`/schema.toml."""
    text = "# The type of each column: processing.py compares every table with it.\n" + _columns(types)
    (folder / "schema.toml").write_text(text, encoding="utf-8")


def keep(table: Path, source: str, output: Path, exclude: Sequence[str]) -> None:
    """Write the file `output` for the file or folder `table`, the source in project.toml or a copy of it."""
    types = types_of(tidy(read_table(table, exclude)), exclude)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(f"{KEPT}source = {_quoted(source)}\n\n{_columns(types)}", encoding="utf-8")


def texts_of(kept: Mapping[str, str] | None) -> list[str]:
    """The columns whose text must stay unchanged, because 007 is not 7."""
    return [name for name, kind in (kept or {}).items() if kind == "text"]


def types_of(table: pd.DataFrame, exclude: Sequence[str]) -> dict[str, str]:
    """The type of each column of a tidy table except those to `exclude`."""
    return {name: type_of(table[name]) for name in table.columns if name not in exclude}


def apply_types(
    table: pd.DataFrame, kept: Mapping[str, str], exclude: Sequence[str]
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """The tidy `table` with the `kept` types, the findings that prevent it, and warnings about new columns.

    A column that is missing or has other content is an error; an additional one is not, because a model can ignore it.
    """
    findings = [
        f"column '{name}' of schema.toml is not in the table; add it, or remove its line."
        + did_you_mean(name, [other for other in table.columns if other not in kept])
        for name in kept
        if name not in table and name not in exclude and not is_index(name)
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
    """`column` as `kind`, or a finding with an example of what it contains instead, and the share of the rows."""
    found = type_of(column)
    if found == kind or (found, kind) == ("number", "integer"):  # one missing value turns integers into numbers
        return column, ""
    if kind == "text":
        return plain_text(column).astype("category"), ""
    values, wrong = read_as(KINDS[kind], column)
    if "date" in (found, kind) and found != "text":  # 20251231 is a number, even if it could be read as a date
        wrong = column.notna()
    if not wrong.any():
        return values.astype("boolean") if kind == "boolean" else values, ""
    return column, (
        f"contains {found} such as '{short(column[wrong].iloc[0])}' in {percent(float(np.mean(wrong)))} of the rows, "
        f'but schema.toml says {kind}; fix the data, or write "{found}"'
    )


def _columns(types: Mapping[str, str]) -> str:
    return "[columns]\n" + "".join(f"{_quoted(name)} = {_quoted(kind)}\n" for name, kind in types.items())


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Write the type of each column of a table.", allow_abbrev=False)
    parser.add_argument("--input-dir", required=True, metavar="DIR", help="CSV or Parquet files of one table")
    parser.add_argument("--source", metavar="NAME", help="their name in project.toml (default: DIR)")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="the schema.toml to write")
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="COLUMN", help="a column to leave out; can be repeated"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return run_step(lambda: keep(Path(given.input_dir), given.source or given.input_dir, given.output, given.exclude))


if __name__ == "__main__":
    sys.exit(main())
