"""The table that [data].source names: its files, their hash, and what can be checked without reading all of it.

Also data/schema.toml, which records the type of each column: schema_file.py writes it.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sagemaker_ops.errors import Problem, UserError, did_you_mean
from sagemaker_ops.project import step_code
from sagemaker_ops.project.settings import FILE, Data

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
    return step_code.replaces(root, READER)


def files(source: str, root: Path) -> list[Path]:
    """The tables at or below a local source, sorted, as the processing step finds them; UserError if there are none.

    Files of any kind, if the project's steps read them without read_source.
    """
    path, suffixes = root / source, "" if has_own_reading(root) else SUFFIXES
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
        digest.update(f"{name}\0{content}\0".encode())
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
    made = step_code.words(root)
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
        if name not in columns and name not in made
    ]
    kept = (_schema(data.source, root) or {"columns": {}})["columns"]
    new = [name for name in columns if name not in kept]
    problems += [
        Problem(
            f"'{data.source}' has no column '{name}': remove its line, or fix the data.{did_you_mean(name, new)}",
            f"{SCHEMA} [columns]",
        )
        for name in kept
        if name not in columns and name not in data.exclude and name not in made
    ]
    return problems


def _schema(source: str, root: Path) -> dict[str, Any] | None:
    """The content of data/schema.toml for `source`, or None."""
    try:
        schema = tomllib.loads((root / SCHEMA).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}.", SCHEMA)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(Problem(f"not valid TOML: {error}.", SCHEMA)) from None
    if not isinstance(schema.get("columns"), dict):
        raise UserError(
            Problem('missing [columns]: add it, with a line for each column, such as "age" = "number".', SCHEMA)
        )
    return schema if schema.get("source", source) == source else None


def columns(data: Data, root: Path, first: Path | None = None) -> list[str]:
    """The column names of the first file."""
    return _head(first or files(data.source, root)[0])[0]


def values(path: Path, column: str, limit: int) -> tuple[list[str], bool]:
    """The first values of a column as text, empty for a missing one, and whether these are all values of the file."""
    with _reading(path):
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq

            batch = next(pq.ParquetFile(path).iter_batches(limit, columns=[column]), None)
            found = batch.column(0).to_pylist() if batch is not None else []
            return ["" if each is None else str(each) for each in found], len(found) < limit
        with _opened(path) as (lines, separator):
            rows = csv.reader(lines, delimiter=separator)
            place = next(rows).index(column)
            found = [row[place] for row in islice(rows, limit) if len(row) > place]
            return found, len(found) < limit


def _head(path: Path) -> tuple[list[str], bool]:
    """The column names, and whether there are any rows."""
    with _reading(path):
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq  # takes 0.1 s

            parquet = pq.ParquetFile(path)
            return parquet.schema_arrow.names, parquet.metadata.num_rows > 0
        with _opened(path) as (lines, separator):
            return next(csv.reader(lines, delimiter=separator), []), any(line.strip() for line in lines)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """UserError if the file cannot be read."""
    try:
        yield
    except (OSError, EOFError, ValueError, csv.Error, zlib.error) as error:  # pyarrow's own errors are ValueErrors
        raise UserError(Problem(f"'{path.name}' cannot be read: {error}.", _SOURCE)) from None


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Iterator[str], str]]:
    """The lines of a CSV file, and what separates its columns."""
    open_text = gzip.open if path.suffix.lower() == ".gz" else open
    with open_text(path, "rt", encoding="utf-8-sig", newline="") as text:
        header = text.readline()
        unquoted = re.sub(r'"[^"]*"', "", header)
        # The separator as tabular/reading.py finds it; a quoted name may continue on the next line.
        yield chain([header], text), max(SEPARATORS, key=unquoted.count)


def _neighbours(path: Path) -> list[Path]:
    return list(path.parent.iterdir()) if path.parent.is_dir() else []


def _some(columns: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in columns[:8])
    return f" It has {shown}{' …' if len(columns) > 8 else ''}."
