"""The files of a table, and their columns: in the header, and in the names of folders, as Spark, Athena and Glue write.

A file region=eu/part-0.parquet has the column region with the value eu in every row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from sagemaker_ops.tabular.errors import StepError, listed

FORMATS = (".csv", ".csv.gz", ".parquet", ".tsv", ".tsv.gz")
MISSING_FOLDER = "__HIVE_DEFAULT_PARTITION__"
UNNAMED_LEVEL = re.compile(r"__index_level_\d+__")
UNNAMED_FIRST = re.compile(r"(Unnamed: \d+(\.\d+)?)?")


def table_files(path: Path) -> list[Path]:
    """The tables at or below `path`, sorted by name; hidden files and other formats are ignored."""
    if not path.exists():
        raise StepError(f"{path} does not exist; give a CSV or Parquet file, or a folder of them")
    if path.is_file():
        files = [path]
    else:
        files = [p for p in sorted(path.rglob("*")) if p.is_file() and not is_hidden(p.relative_to(path).parts)]
    tables = [p for p in files if p.name.lower().endswith(FORMATS)]
    if not tables:
        found = f" (found {listed([p.name for p in files], 3)})" if files else ""
        raise StepError(f"no table in {path}{found}; files must end in {', '.join(FORMATS)}")
    return tables


def folder_columns(name: str) -> list[tuple[str, str | None]]:
    """The columns in the folders of `name`, a path below the source: each with its value as text, None if missing.

    A folder is one if it is called `column=value`; special characters are percent-encoded, as in Hive.
    """
    pairs = (folder.partition("=") for folder in name.split("/")[:-1])
    return [(_decoded(key), _value(value)) for key, equals, value in pairs if key and equals]


def _value(text: str) -> str | None:
    return None if text in ("", MISSING_FOLDER) else _decoded(text)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def without_index(names: Iterable[str], leading: bool) -> list[str]:
    """The column names without the unnamed levels of an index, which pandas and R write as columns.

    leading: they are the first columns, with an empty name or that of pandas for one (CSV); otherwise any columns that
    are called __index_level_0__ (Parquet).
    """
    names = list(names)
    if not leading:
        return [name for name in names if not UNNAMED_LEVEL.fullmatch(name)]
    first = next((number for number, name in enumerate(names) if not UNNAMED_FIRST.fullmatch(name)), 0)
    return names[first:]


def is_index(name: str) -> bool:
    """Whether a column of this name may be an unnamed level of an index, which is not read."""
    return bool(UNNAMED_LEVEL.fullmatch(name) or UNNAMED_FIRST.fullmatch(name))


def is_hidden(parts: Iterable[str]) -> bool:
    """Whether a file whose path has these parts is hidden: a marker such as _SUCCESS, or JupyterLab's copy.

    A folder whose name is that of a column is not, even if that starts with an underscore.
    """
    return any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in parts)


def name_below(file: Path, path: Path) -> str:
    """The name of `file` below the folder `path`, or the name of the file `path`."""
    return file.name if file == path else file.relative_to(path).as_posix()


def header_findings(name: str, columns: list[str], first: str, expected: list[str]) -> list[str]:
    """What is wrong with the columns of the file `name`, compared with those of the `first` file."""
    if not columns:
        return [f"{name} is empty; give a table with a header and rows"]
    findings = []
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        findings.append(f"{name} names {listed(twice)} more than once; give each column its own name")
    if set(columns) != set(expected):
        missing = [column for column in expected if column not in columns]
        extra = [column for column in columns if column not in expected]
        differences = [f"lacks {listed(missing, 3)}"] * bool(missing) + [f"adds {listed(extra, 3)}"] * bool(extra)
        findings.append(
            f"{name} {' and '.join(differences)}, compared with {first}; "
            "give files with the same columns, or the path of one file"
        )
    return findings
