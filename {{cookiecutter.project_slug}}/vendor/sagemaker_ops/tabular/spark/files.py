"""The files of a table, as the driver knows them before any is read: their columns, and the way to read each."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sagemaker_ops.tabular import text_files
from sagemaker_ops.tabular.errors import StepError, raise_any
from sagemaker_ops.tabular.headers import folder_columns, header_findings, name_below, table_files
from sagemaker_ops.tabular.notation import Notation
from sagemaker_ops.tabular.reading import column_names, is_parquet
from sagemaker_ops.tabular.spark.storage import Storage, uri_of

LINES, WHOLE, PARQUET = "lines", "whole", "parquet"
"""How a file is read: in pieces of lines, by one task, or in row groups."""


@dataclass(frozen=True)
class TableFile:
    """One file. number: its position in the order of names. header: bytes to put before lines of it.

    schema: of a Parquet file; int96: its columns in that old type of dates.
    """

    number: int
    name: str
    path: Path
    uri: str
    names: tuple[str, ...]
    folders: tuple[tuple[str, str | None], ...]
    way: str
    header: bytes = b""
    schema: pa.Schema | None = None
    int96: tuple[str, ...] = ()


def files_of(root: Path, place: str, storage: Storage, notation: Notation) -> list[TableFile]:
    """The files of the table in `place`, whose names and headers are in `root`. StepError with every finding."""
    findings: list[str] = []
    found: list[TableFile] = []
    first: tuple[str, list[str]] | None = None
    for file in table_files(root):
        name = name_below(file, root)
        folders = folder_columns(name)
        try:
            names = column_names(file, notation)
            names += [column for column, _ in folders if column not in set(names)] if names else []
            if first is None and names:
                first = name, names
            wrong = header_findings(name, names, *(first or (name, names)))
            findings += wrong
            if not wrong:
                uri = uri_of(place if file == root else f"{place.rstrip('/')}/{name}")
                found.append(_described(len(found), name, file, uri, tuple(names), tuple(folders), notation))
        except StepError as error:
            findings += [each if file.name in each else f"{name}: {each}" for each in error.findings]
        except UnicodeError:
            findings.append(text_files.undecodable(file, notation))
        except (csv.Error, pa.ArrowException, OSError, EOFError) as error:
            findings.append(f"{name} cannot be read: {' '.join(str(error).split())}")
    raise_any(findings)
    return found


def _described(
    number: int, name: str, file: Path, uri: str, names: tuple[str, ...], folders: Any, notation: Notation
) -> TableFile:
    if is_parquet(file):
        opened = pq.ParquetFile(file)
        schema, columns = opened.schema_arrow, opened.schema
        int96 = tuple(
            columns.column(at).path for at in range(len(columns)) if columns.column(at).physical_type == "INT96"
        )
        return TableFile(number, name, file, uri, names, folders, PARQUET, schema=schema, int96=int96)
    encoding = notation.encoding
    plain = "\n".encode(encoding) == b"\n"
    with file.open("rb") as opened_bytes:
        packed = opened_bytes.read(2) == text_files.GZIP
    text = io.StringIO()
    own = text_files.column_names(file, notation)
    csv.writer(text, delimiter=text_files.separator(file, notation), lineterminator="\n").writerow(own)
    header = text.getvalue()
    lines = plain and not packed and "\n" not in header[:-1] and not file.name.lower().endswith(".gz")
    way = LINES if lines else WHOLE
    return TableFile(number, name, file, uri, names, folders, way, header=header.encode(encoding))
