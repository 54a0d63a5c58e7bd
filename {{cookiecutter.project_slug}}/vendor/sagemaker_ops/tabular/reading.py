"""The rows of one CSV or Parquet file, in blocks that threads read and narrow in parallel.

A CSV file is cut at ends of rows, and each piece is parsed by itself. The types come from the first piece. If a value
does not fit, its piece is parsed again with a wider type; if that also changes values in the pieces before, this
column, and no other, is read once more.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import TypeAlias, TypeVar

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from sagemaker_ops.tabular import text_files
from sagemaker_ops.tabular.headers import without_index
from sagemaker_ops.tabular.notation import STANDARD, Notation
from sagemaker_ops.tabular.rows import Rows
from sagemaker_ops.tabular.schema import MISSING
from sagemaker_ops.tabular.spelling import Spelling

BLOCK_BYTES = 6 << 20  # in smaller ones, threads wait for Python; larger ones gain little
STREAM_BYTES = 1 << 20  # Arrow reads up to 32 of these ahead
MOST_BYTES = 1 << 30  # of a row
BLOCK_ROWS = 1 << 16
NO_FOLDERS: Mapping[str, str | None] = MappingProxyType({})
TEXT = pa.dictionary(pa.int32(), pa.string())

# (Old type, new type) if the values that have been read as the old one would be equal as the new one.
SAME_VALUES = {("null", "int64"), ("null", "double"), ("int64", "double"), ("date32[day]", "timestamp[ns]"),
               ("timestamp[s]", "timestamp[ns]"), ("null", "timestamp[ns]")}  # fmt: skip

Work: TypeAlias = Callable[[pa.RecordBatch], Rows]
Item = TypeVar("Item")


def read_rows(
    file: Path,
    names: list[str],
    skip: Collection[str],
    text: Collection[str],
    only_hashed: Collection[str],
    folders: Mapping[str, str | None] = NO_FOLDERS,
    notation: Notation = STANDARD,
    spelling: Spelling | None = None,
    threads: int | None = None,
) -> Iterable[Rows]:
    """The rows of `file`, whose columns are `names`, some of them in the names of its `folders`; see read_table.

    spelling: learns how numbers are written in a CSV file. threads: as many as there are processors, if not given.
    """
    header, wanted = _header(file, notation), [name for name in names if name not in skip]
    hashed = [name for name in wanted if name in only_hashed]
    work = partial(
        Rows.of,
        only_hashed=hashed,
        folders={name: _constant(folders[name], name in text, notation) for name in wanted if name not in header},
        repeated={name: value for name, value in folders.items() if name in header},
        is_text=not is_parquet(file),
        notation=notation,
    )
    wanted = [name for name in wanted if name in header]
    if is_parquet(file):
        return _read_parquet(file, wanted, work)
    as_text = {*text, *dict(notation.dates_of)}
    types = {name: pa.string() for name in wanted if name in as_text}
    # Without any column, Arrow would read all of them.
    wanted = wanted or header[-1:]
    return _read_csv(
        _Csv(file, header, wanted, types, notation, spelling, threads or os.cpu_count() or 1), work, hashed
    )


def is_parquet(file: Path) -> bool:
    return file.suffix.lower() == ".parquet"


def column_names(file: Path, notation: Notation = STANDARD) -> list[str]:
    """The column names as written in `file`, without unnamed levels of an index; pandas would rename duplicates."""
    return without_index(_header(file, notation), leading=not is_parquet(file))


def _header(file: Path, notation: Notation) -> list[str]:
    if is_parquet(file):
        return [str(name) for name in pq.read_schema(file).names]
    return text_files.column_names(file, notation)


def _constant(text: str | None, as_text: bool, notation: Notation) -> pa.Scalar:
    """The value in the name of a folder, in the type that it would have in a CSV file."""
    # NA is a name here: Hive has another mark for what is missing. 1.234 may be a thousand, which is decided later.
    if text is None or as_text or text in MISSING or notation.may_be_numbers([text]):
        return pa.scalar(text, pa.null() if text is None else pa.string())
    return pa.scalar(text).cast(_wider(pa.null(), text, "."))


def _read_parquet(file: Path, names: list[str], work: Work) -> Iterator[Rows]:
    schema = pq.read_schema(file)
    texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    with pq.ParquetFile(file, read_dictionary=texts) as opened:
        yield from _side_by_side(work, opened.iter_batches(BLOCK_ROWS, columns=names), 1)


def _read_csv(table: _Csv, work: partial[Rows], hashed: Collection[str]) -> list[Rows]:
    """The rows of a CSV file."""
    read, block, every = table.in_pieces, BLOCK_BYTES, table.wanted
    rows: list[Rows] = []
    while True:
        try:
            with text_files.stream(table.file, table.notation) as stream:
                found = list(read(stream, block, work))
        except text_files.QuotesError:
            read, block = table.as_a_stream, STREAM_BYTES
        except _TimesError:
            pass
        except pa.ArrowInvalid as error:
            if "invalid UTF8" in str(error):
                raise UnicodeError from None
            if not table.widen(str(error), table.types):
                if read == table.in_pieces:
                    read, block = table.as_a_stream, STREAM_BYTES  # which reports the wrong row
                elif "straddling" in str(error) and block < MOST_BYTES:  # a row is longer than a block
                    block = min(16 * block, MOST_BYTES)
                elif "Empty CSV" in str(error):
                    return []
                else:
                    raise
        else:
            for had, new in zip(rows or found, found, strict=True):
                had.replace(new)
            rows, table.spelling = rows or found, None
            if not table.late:
                return rows
            if table.late.isdisjoint(hashed):  # else their wrong values are part of the sums
                table.wanted = [name for name in every if name in table.late]
                table.late, work = set(), partial(work, only_hashed=(), folders={}, repeated={})
                continue
        # From the start.
        table.wanted, table.late, rows = every, set(), []


@dataclass
class _Csv:
    """How to read a CSV file; the types are filled in while reading.

    late: the columns that only turned out to have another type when some pieces had been read.
    """

    file: Path
    names: list[str]
    wanted: list[str]
    types: dict[str, pa.DataType]
    notation: Notation
    spelling: Spelling | None
    threads: int
    late: set[str] = field(default_factory=set)
    lock: Lock = field(default_factory=Lock)

    @cached_property
    def separator(self) -> str:
        return text_files.separator(self.file, self.notation)

    def in_pieces(self, stream: pa.NativeFile, block: int, work: Work) -> Iterator[Rows]:
        """Cut at ends of rows and parsed in parallel."""
        pieces = text_files.pieces(stream, block, self.separator)
        first = self._parse(next(pieces, memoryview(b"")), None)
        self._learn(first.schema)
        yield work(first)
        yield from _side_by_side(lambda piece: work(self._fitting(piece)), pieces, self.threads)

    def as_a_stream(self, stream: pa.NativeFile, block: int, work: Work) -> Iterator[Rows]:
        """Parsed from top to bottom, while another thread does the work."""
        if self.spelling:
            self.spelling.others.append(self.file)
        reader = pa.csv.open_csv(
            stream,
            pa.csv.ReadOptions(block_size=block, use_threads=False),
            pa.csv.ParseOptions(delimiter=self.separator, newlines_in_values=True),
            self._conversion(),
        )
        self._learn(reader.schema)
        return _side_by_side(work, reader, 1)

    def widen(self, error: str, types: Mapping[str, pa.DataType]) -> bool:
        """Use a wider type for the column in Arrow's `error`, which had these `types`; returns whether there is one."""
        column = re.search(r"CSV column #(\d+)", error)
        name = self.names[int(column[1])] if column else ""
        if not column or name not in types:
            return False
        value = re.search("invalid value '(.*)'", error, re.DOTALL)
        with self.lock:
            if self.types[name] == types[name]:  # otherwise, another piece has widened it
                self.types[name] = _wider(types[name], value[1], self.notation.decimal) if value else pa.string()
                if (str(types[name]), str(self.types[name])) not in SAME_VALUES:
                    self.late.add(name)
        return True

    def _fitting(self, piece: memoryview) -> pa.RecordBatch:
        """The rows of a piece in types that fit."""
        while True:
            types = dict(self.types)
            try:
                return self._parse(piece, self.names)
            except pa.ArrowInvalid as error:
                if "invalid UTF8" in str(error) or not self.widen(str(error), types):
                    raise

    def _parse(self, piece: memoryview, names: list[str] | None) -> pa.RecordBatch:
        if self.spelling:
            self.spelling.look(piece)
        options = pa.csv.ReadOptions(use_threads=False, block_size=len(piece) + 1, column_names=names)
        parsing = pa.csv.ParseOptions(delimiter=self.separator, newlines_in_values=True)
        table = pa.csv.read_csv(pa.BufferReader(piece), options, parsing, self._conversion())
        return next(iter(table.to_batches()), pa.RecordBatch.from_pylist([], table.schema))

    def _conversion(self) -> pa.csv.ConvertOptions:
        return pa.csv.ConvertOptions(
            include_columns=self.wanted,
            column_types={name: TEXT if pa.types.is_string(kind) else kind for name, kind in self.types.items()},
            null_values=[*MISSING, *self.notation.missing],
            strings_can_be_null=False,  # Rows counts the words for missing values in texts
            decimal_point=self.notation.decimal,
        )

    def _learn(self, schema: pa.Schema) -> None:
        self.types |= {field.name: field.type for field in schema}
        if pa.binary() in self.types.values():
            raise UnicodeError
        dates = (pa.types.is_date, pa.types.is_timestamp) if self.notation.dates else ()
        if times := [name for name, kind in self.types.items() if any(of(kind) for of in (pa.types.is_time, *dates))]:
            self.types |= dict.fromkeys(times, pa.string())
            raise _TimesError


class _TimesError(Exception):
    """Arrow reads 09:00 as a time, which would become another text, 09:00:00, than the one in the file.

    It also reads 2025-02-01 as 1 February, which may be a date in another format.
    """


def _side_by_side(work: Callable[[Item], Rows], items: Iterable[Item], threads: int) -> Iterator[Rows]:
    """The results of `work` on each of `items`, in order; threads work only as far ahead as necessary."""
    waiting: deque[Future[Rows]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _wider(kind: pa.DataType, value: str, decimal: str) -> pa.DataType:
    """The narrowest type that can hold both `kind` and `value`."""
    value = value.translate(str.maketrans(f".{decimal}", f"{decimal}."))
    steps = {
        "null": (pa.int64(), pa.bool_(), pa.float64(), pa.timestamp("ns")),
        "int64": (pa.float64(), pa.bool_()),  # 0 and 1 may be booleans
        "date32[day]": (pa.timestamp("ns"),),
        "timestamp[s]": (pa.timestamp("ns"),),
    }
    for wider in steps.get(str(kind), ()):
        try:
            pa.scalar(value).cast(wider)
        except pa.ArrowInvalid:
            continue
        return wider
    return pa.string()
