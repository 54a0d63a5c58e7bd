"""The table that [data].source names: its files, their hash, and what can be checked without reading all of it.

Also data/schema.toml, which records the type of each column: schema_file.py writes it.
"""

from __future__ import annotations

import ast
import csv
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from sagemaker_ops.errors import Problem, UserError, did_you_mean
from sagemaker_ops.project.layout import STEPS
from sagemaker_ops.project.settings import FILE, Data
from sagemaker_ops.project.typed import read_toml

SEPARATORS = ",;\t|"
SUFFIXES = (".csv", ".csv.gz", ".parquet")
SCHEMA = "data/schema.toml"
READER = "read_source"
"""The library's function that reads the table in a step."""
_SOURCE = f"{FILE} [data].source"


def is_remote(source: str) -> bool:
    return source.startswith("s3://")


def has_own_reading(root: Path) -> bool:
    """Whether the steps read the table without read_source, so that its format and columns are unknown here."""
    scripts = _scripts(root)
    return bool(scripts) and not any(_calls_reader(script) for script in scripts)


def files(source: str, root: Path) -> list[Path]:
    """The tables at or below a local source, sorted, as the processing step finds them; UserError if there are none.

    Files of any kind, if the project's steps read them without read_source.
    """
    path, suffixes = root / source, "" if has_own_reading(root) else SUFFIXES
    try:
        path.stat()
    except (OSError, ValueError) as error:  # a name that no file can have
        if not isinstance(error, FileNotFoundError):
            reason = getattr(error, "strerror", None) or error
            raise UserError(Problem(f"'{source[:80]}' cannot be read: {reason}.", _SOURCE)) from None
    if path.is_dir():
        found = sorted(
            file
            for file in path.rglob("*")
            if file.is_file()
            and file != root / SCHEMA
            and file.name.lower().endswith(suffixes)
            and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
        )
        if not found:
            wanted = f"tables ({', '.join(suffixes)})" if suffixes else "files"
            raise UserError(Problem(f"the folder '{source}' has no {wanted}.", _SOURCE))
        return found
    if not path.is_file():
        near = did_you_mean(path.name, (other.name for other in _neighbours(path)))
        raise UserError(Problem(f"there is no file or folder '{source}' in {root}.{near}", _SOURCE))
    if not path.name.lower().endswith(suffixes):
        raise UserError(Problem(f"'{source}' is not a table: use a file of type {', '.join(SUFFIXES)}.", _SOURCE))
    return [path]


def named_files(source: str, root: Path) -> dict[str, Path]:
    """`files` as {name relative to the source: file}."""
    path = root / source
    base = path if path.is_dir() else path.parent
    return {file.relative_to(base).as_posix(): file for file in files(source, root)}


def content_hash(named: Mapping[str, Path]) -> str:
    """16 hex digits that change when the name or the content of a file changes."""
    digest = hashlib.sha256()
    for name, path in named.items():
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        try:
            digest.update(f"{name}\0{content}\0".encode())
        except UnicodeEncodeError:
            raise UserError(f"the name of the file '{path}' is not valid UTF-8: rename it.") from None
    return digest.hexdigest()[:16]


def schema_file(source: str, root: Path) -> Path | None:
    """data/schema.toml, if it exists and does not name another source than `source`."""
    return root / SCHEMA if _schema(source, root) is not None else None


def check(data: Data, root: Path, first: Path | None = None) -> list[Problem]:
    """Problems with the columns that [data] and data/schema.toml name, found by reading the first file's header.

    first: that file, if the source is not on this machine. A column named in a step's script may be made by it.
    """
    if has_own_reading(root):
        if first is None:
            files(data.source, root)  # there are some
        return []
    columns, rows = _head(first or files(data.source, root)[0])
    if not columns or not rows:
        return [Problem(f"'{data.source}' is empty: it needs a line of column names, and rows.", _SOURCE)]
    named = [("target", data.target), *(("exclude", name) for name in data.exclude)]
    if data.split != "random":
        named.append(("split_column", data.split_column))
    named += [(key, name) for key, name in (("weight", data.weight), ("id", data.id)) if name]
    problems = [
        Problem(
            f"'{data.source}' has no column '{name}'.{did_you_mean(name, columns) or _some(columns)}",
            f"{FILE} [data].{key}",
        )
        for key, name in named
        if name not in columns and name not in _words_of_steps(root)
    ]
    kept = (_schema(data.source, root) or {"columns": {}})["columns"]
    new = [name for name in columns if name not in kept]
    problems += [
        Problem(
            f"'{data.source}' has no column '{name}': remove its line, or fix the data.{did_you_mean(name, new)}",
            f"{SCHEMA} [columns]",
        )
        for name in kept
        if name not in columns and name not in data.exclude and name not in _words_of_steps(root)
    ]
    return problems


def _scripts(root: Path) -> list[Path]:
    """The scripts of the steps, without JupyterLab's copies."""
    folder = root / STEPS
    return [
        path
        for path in folder.rglob("*.py")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _calls_reader(script: Path) -> bool:
    calls = (node for node in _nodes(script) if isinstance(node, ast.Call))
    return any(READER in (getattr(call.func, "id", ""), getattr(call.func, "attr", "")) for call in calls)


def _words_of_steps(root: Path) -> set[str]:
    """The quoted texts and the argument names in the scripts of the steps."""
    nodes = chain.from_iterable(map(_nodes, _scripts(root)))
    return {str(getattr(node, "value" if isinstance(node, ast.Constant) else "arg", "")) for node in nodes}


def _nodes(script: Path) -> Iterator[ast.AST]:
    """The syntax tree of a script; nothing if it is not valid Python, which the step itself will report."""
    with suppress(OSError, SyntaxError, ValueError):
        yield from ast.walk(ast.parse(script.read_bytes()))


def _schema(source: str, root: Path) -> dict[str, Any] | None:
    """The content of data/schema.toml for `source`, or None."""
    try:
        schema = read_toml(root / SCHEMA)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}.", SCHEMA)) from None
    except ValueError as error:
        raise UserError(Problem(f"not valid TOML: {error}.", SCHEMA)) from None
    if not isinstance(schema.get("columns"), dict):
        raise UserError(
            Problem('missing [columns]: add it, with a line for each column, such as "age" = "number".', SCHEMA)
        )
    return schema if schema.get("source", source) == source else None


def _head(path: Path) -> tuple[list[str], bool]:
    """The column names, and whether there are any rows."""
    try:
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq  # takes 0.1 s

            parquet = pq.ParquetFile(path)
            return parquet.schema_arrow.names, parquet.metadata.num_rows > 0
        open_text = gzip.open if path.suffix.lower() == ".gz" else open
        with open_text(path, "rt", encoding="utf-8-sig", newline="") as text:
            header = text.readline()
            unquoted = re.sub(r'"[^"]*"', "", header)
            separator = max(SEPARATORS, key=unquoted.count)  # as tabular/reading.py does
            lines = chain([header], text)  # a quoted name may continue on the next line
            return next(csv.reader(lines, delimiter=separator), []), any(line.strip() for line in lines)
    except (OSError, EOFError, ValueError, csv.Error, zlib.error) as error:  # pyarrow's own errors are ValueErrors
        raise UserError(Problem(f"'{path.name}' cannot be read: {error}.", _SOURCE)) from None


def _neighbours(path: Path) -> list[Path]:
    return list(path.parent.iterdir()) if path.parent.is_dir() else []


def _some(columns: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in columns[:8])
    return f" It has {shown}{' …' if len(columns) > 8 else ''}."
