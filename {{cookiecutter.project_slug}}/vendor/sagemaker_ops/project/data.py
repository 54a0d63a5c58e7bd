"""The table that [data].source names: its files, their hash, and what can be checked without reading all of it.

Also data/schema.toml, which records the type of each column: schema_file.py writes it.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sagemaker_ops.errors import Problem, UserError, did_you_mean
from sagemaker_ops.project import csv_files, script_text
from sagemaker_ops.project.settings import FILE, Data
from sagemaker_ops.project.typed import read_toml

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".tsv", ".tsv.gz")
SCHEMA = "data/schema.toml"
READER = "read_source"
"""The library's function that reads the table in a step."""
_SOURCE = f"{FILE} [data].source"
_LEVEL = re.compile(r"__index_level_\d+__")  # of an index without a name, as pandas writes it
_UNNAMED = re.compile(r"(Unnamed: \d+(\.\d+)?)?")


def is_remote(source: str) -> bool:
    return source.startswith("s3://")


def has_own_reading(root: Path) -> bool:
    """Whether the steps read the table without read_source, so that its format and columns are unknown here."""
    return script_text.replaces(root, READER)


def files(source: str, root: Path, place: str = "") -> list[Path]:
    """The tables at or below a local source, sorted, as the processing step finds them; UserError if there are none.

    place: the setting that names the source, if it is not [data].source.

    Files of any kind, if the project's steps read them without read_source.
    """
    path, suffixes = root / source, "" if has_own_reading(root) else SUFFIXES
    try:
        path.stat()
    except (OSError, ValueError) as error:  # a name that no file can have
        if not isinstance(error, FileNotFoundError):
            reason = getattr(error, "strerror", None) or error
            raise UserError(Problem(f"'{source[:80]}' cannot be read: {reason}.", place or _SOURCE)) from None
    if path.is_dir():
        found = sorted(
            file
            for file in path.rglob("*")
            if file.is_file()
            and file != root / SCHEMA
            and file.name.lower().endswith(suffixes)
            and not is_hidden(file.relative_to(path).parts)
        )
        if not found:
            wanted = f"tables ({', '.join(suffixes)})" if suffixes else "files"
            raise UserError(Problem(f"the folder '{source}' has no {wanted}.", place or _SOURCE))
        return found
    if not path.is_file():
        near = did_you_mean(os.path.relpath(path, root), _neighbours(path, root))
        raise UserError(Problem(f"there is no file or folder '{source}' in {root}.{near}", place or _SOURCE))
    if not path.name.lower().endswith(suffixes):
        rename = f" If it is CSV, rename it to '{path.stem}.csv'." if path.suffix.lower() == ".txt" else ""
        raise UserError(
            Problem(f"'{source}' is not a table: use a file of type {', '.join(SUFFIXES)}.{rename}", place or _SOURCE)
        )
    return [path]


def is_hidden(parts: Iterable[str]) -> bool:
    """Whether a file below the source is hidden or one of Spark's own, as tabular/headers.py decides."""
    return any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in parts)


def named_files(source: str, root: Path, place: str = "") -> dict[str, Path]:
    """`files` as {name relative to the source: file}."""
    path = root / source
    base = path if path.is_dir() else path.parent
    return {file.relative_to(base).as_posix(): file for file in files(source, root, place)}


def file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_hash(named: Mapping[str, Path], hash_of: Callable[[Path], str] = file_hash) -> str:
    """16 hex digits that change when the name or the content of a file changes."""
    digest = hashlib.sha256()
    for name, path in named.items():
        try:
            digest.update(f"{name}\0{hash_of(path)}\0".encode())
        except UnicodeEncodeError:
            raise UserError(f"the name of the file '{path}' is not valid UTF-8: rename it.") from None
    return digest.hexdigest()[:16]


def schema_file(source: str, root: Path) -> Path | None:
    """data/schema.toml, if it exists and does not name another source than `source`."""
    return root / SCHEMA if schema(source, root) is not None else None


def check(data: Data, root: Path, copy: Mapping[str, Path] | None = None) -> list[Problem]:
    """Problems with the columns that [data] and data/schema.toml name, found by reading the first file's header.

    copy: `named_files` of a source that is not on this machine. A column named in a step's script may be made by it.
    """
    if has_own_reading(root):
        if copy is None:
            files(data.source, root)  # there are some
        return []
    name, first = next(iter((copy or named_files(data.source, root)).items()))
    columns, nested, rows = _head(first, data)
    if not columns or not rows:
        return [Problem(f"'{data.source}' is empty: it needs a line of column names, and rows.", _SOURCE)]
    columns += [column for column in _folder_columns(name) if column not in columns]
    made = script_text.words(root)
    named = [("target", data.target), *(("exclude", name) for name in data.exclude)]
    if data.split != "random":
        named.append(("split_column", data.split_column))
    named += [(key, name) for key, name in (("weight", data.weight), ("id", data.id)) if name]
    named += [("dates", name) for name in data.dates] if isinstance(data.dates, Mapping) else []
    named += [("groups", name) for name in data.groups]
    problems = [
        Problem(
            f"'{data.source}' has no column '{name}'.{did_you_mean(name, columns) or _some(columns)}",
            f"{FILE} [{'evaluation' if key == 'groups' else 'data'}].{key}",
        )
        for key, name in named
        if name not in columns and name not in made and not (key == "exclude" and _is_index(name))
    ]
    problems += [
        Problem(
            f"column '{name}' of '{data.source}' contains {what}, not single values: make columns of single values "
            "from it, or add it here.",
            f"{FILE} [data].exclude",
        )
        for name, what in nested.items()
        if name not in data.exclude
    ]
    problems += [
        Problem(
            f"column '{name}' of '{data.source}' contains {what}, not single values: remove it here.",
            f"{FILE} [evaluation].groups",
        )
        for name, what in nested.items()
        if name in data.exclude and name in data.groups
    ]
    kept = (schema(data.source, root) or {"columns": {}})["columns"]
    new = [name for name in columns if name not in kept]
    problems += [
        Problem(
            f"'{data.source}' has no column '{name}': remove its line, or fix the data.{did_you_mean(name, new)}",
            f"{SCHEMA} [columns]",
        )
        for name in kept
        if name not in [*columns, *data.exclude] and name not in made and not _is_index(name)
    ]
    return problems


def schema(source: str, root: Path) -> dict[str, Any] | None:
    """The content of data/schema.toml for `source`, or None."""
    try:
        found = read_toml(root / SCHEMA)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}.", SCHEMA)) from None
    except ValueError as error:
        raise UserError(Problem(f"not valid TOML: {error}.", SCHEMA)) from None
    if not isinstance(found.get("columns"), dict):
        raise UserError(
            Problem('missing [columns]: add it, with a line for each column, such as "age" = "number".', SCHEMA)
        )
    return found if found.get("source", source) == source else None


def columns(data: Data, root: Path, copy: Mapping[str, Path] | None = None) -> list[str]:
    """The column names of the first file and of its folders; copy: as for `check`."""
    name, first = next(iter((copy or named_files(data.source, root)).items()))
    return list(dict.fromkeys([*_head(first, data)[0], *_folder_columns(name)]))


def values(path: Path, column: str, limit: int, data: Data) -> tuple[list[str], bool]:
    """The first values of a column as text, empty for a missing one, and whether these are all values of the file.

    None of a column that the file does not have, because it is in the names of its folders.
    """
    with reading(path, data):
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq

            parquet = pq.ParquetFile(path)
            if column not in parquet.schema_arrow.names:
                return [], False
            batch = next(parquet.iter_batches(limit, columns=[column]), None)
            found = batch.column(0).to_pylist() if batch is not None else []
            return ["" if each is None else str(each) for each in found], len(found) < limit
        with opened(path, data) as (lines, separator):
            rows = csv.reader(lines, delimiter=separator)
            header = next(rows)
            if column not in header:
                return [], False
            place = header.index(column)
            found = [row[place] for row in islice(rows, limit) if len(row) > place]
            return found, len(found) < limit


def _head(path: Path, data: Data) -> tuple[list[str], dict[str, str], bool]:
    """The columns, those whose values are not single ones (and what they are), and whether there are any rows.

    Unnamed levels of an index are left out, as in tabular/headers.py.
    """
    with reading(path, data):
        if path.suffix.lower() == ".parquet":
            import pyarrow as pa  # takes 0.1 s
            import pyarrow.parquet as pq

            parquet = pq.ParquetFile(path)
            schema = [field for field in parquet.schema_arrow if not _LEVEL.fullmatch(field.name)]
            what = ("maps", pa.types.is_map), ("structs", pa.types.is_struct), ("lists", pa.types.is_nested)
            types = {field.name: getattr(field.type, "storage_type", field.type) for field in schema}
            found = {column: [name for name, is_it in what if is_it(kind)] for column, kind in types.items()}
            nested = {name: kinds[0] for name, kinds in found.items() if kinds}
            return [field.name for field in schema], nested, parquet.metadata.num_rows > 0
        with opened(path, data) as (lines, separator):
            names = next(csv.reader(lines, delimiter=separator), [])
            if any("\0" in name for name in names):
                raise UnicodeError
            if problem := csv_files.wrong_separator(names):
                raise UserError(Problem(f"'{path.name}' {problem}", _SOURCE))
            first = next((number for number, name in enumerate(names) if not _UNNAMED.fullmatch(name)), 0)
            return names[first:], {}, any(line.strip() for line in lines)


@contextmanager
def reading(path: Path, data: Data) -> Iterator[None]:
    """UserError if the file cannot be read."""
    try:
        yield
    except UnicodeError:
        raise UserError(Problem(f"'{path.name}' {csv_files.undecodable(path, data.encoding)}", _SOURCE)) from None
    except (OSError, EOFError, ValueError, csv.Error, zlib.error) as error:  # pyarrow's own errors are ValueErrors
        raise UserError(Problem(f"'{path.name}' cannot be read: {error}.", _SOURCE)) from None


def _folder_columns(name: str) -> list[str]:
    """The columns in the folders of a file, such as region in region=eu/part-0.parquet, as in tabular/headers.py."""
    pairs = (folder.partition("=") for folder in name.split("/")[:-1])
    return [_decoded(key) for key, equals, _ in pairs if key and equals]


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _is_index(name: str) -> bool:
    return bool(_LEVEL.fullmatch(name) or _UNNAMED.fullmatch(name))


@contextmanager
def opened(path: Path, data: Data) -> Iterator[tuple[Iterator[str], str]]:
    """The lines of a CSV file, and what separates its columns."""
    with csv_files.open_text(path, data.encoding) as text:
        header = text.readline()
        # A quoted name may continue on the next line.
        yield chain([header], text), csv_files.separator(path.name, header, data.separator)


def _neighbours(path: Path, root: Path) -> list[str]:
    """What is next to a path that does not exist, or in data/ if its folder does not exist; relative to `root`."""
    folder = path.parent if path.parent.is_dir() else root / Path(SCHEMA).parent
    found = [other for other in folder.iterdir() if other != root / SCHEMA] if folder.is_dir() else []
    return [os.path.relpath(other, root) for other in found]


def _some(columns: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in columns[:8])
    return f" It has {shown}{' …' if len(columns) > 8 else ''}."
