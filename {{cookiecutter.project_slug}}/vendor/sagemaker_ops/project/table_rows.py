"""The first rows of the project's table as a CSV request: a header, commas and UTF-8, with values as in the file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project import data
from sagemaker_ops.project.settings import FILE, Data

WHERE = f"{FILE} [endpoint].test_rows"
_UNNAMED = re.compile(r"(Unnamed: \d+(\.\d+)?)?|__index_level_\d+__")  # an index that pandas or R wrote


@dataclass(frozen=True)
class Rows:
    """A CSV request. count: of its rows, without the header; source: where they come from."""

    text: str
    count: int
    source: str


def of_file(path: Path, shown: str, most: int) -> Rows:
    """The first rows of a CSV file that is a request already; UserError if it has none."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            table = [row for row in islice(csv.reader(lines), 10 * most) if row][: most + 1]
    except (OSError, UnicodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(Problem(f"'{shown}' cannot be read: {why}.", WHERE)) from None
    if len(table) < 2:
        raise UserError(Problem(f"'{shown}' needs a line of column names, and rows.", WHERE))
    return _rows(table[0], table[1:], shown)


def of_table(path: Path, name: str, settings: Data, most: int) -> Rows:
    """The first rows of a file of the table; name: relative to the source, whose folders may contain columns."""
    with data.reading(path, settings):
        if path.suffix.lower() == ".parquet":
            pq = parquet()
            batch = next(pq.ParquetFile(path).iter_batches(most), None)
            columns = list(batch.schema.names) if batch is not None else []
            found = [[_text(row[column]) for column in columns] for row in (batch.to_pylist() if batch else ())]
        else:
            with data.opened(path, settings) as (lines, separator):
                reader = csv.reader(lines, delimiter=separator)
                columns = next(reader, [])
                whole = (row for row in reader if len(row) == len(columns))
                found = list(islice(whole, most))
    if not found:
        raise UserError(Problem(f"'{name}' has no rows.", f"{FILE} [data].source"))
    kept = [number for number, column in enumerate(columns) if not _UNNAMED.fullmatch(column)]
    pairs = [folder.partition("=") for folder in name.split("/")[:-1] if "=" in folder]
    folders = {unquote(key): unquote(value) for key, _, value in pairs if key and unquote(key) not in columns}
    rows = [[*(row[number] for number in kept), *map(_missing, folders.values())] for row in found]
    return _rows([*(columns[number] for number in kept), *folders], rows, settings.source)


def parquet() -> Any:
    """pyarrow.parquet; UserError if it is not installed."""
    try:
        import pyarrow.parquet as pq  # takes 0.1 s
    except ImportError:  # only the commands are installed, as in most jobs of GitLab
        message = (
            "rows of Parquet files cannot be read without pyarrow: name a CSV file with rows, or run `make setup`."
        )
        raise UserError(Problem(message, WHERE)) from None
    return pq


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]], source: str) -> Rows:
    to = io.StringIO(newline="")
    csv.writer(to, lineterminator="\n").writerows([header, *rows])
    return Rows(to.getvalue(), len(rows), source)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _missing(value: str) -> str:
    return "" if value == "__HIVE_DEFAULT_PARTITION__" else value
