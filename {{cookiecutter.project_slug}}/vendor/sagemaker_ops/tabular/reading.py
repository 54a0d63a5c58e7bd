"""The rows of one CSV or Parquet file, in blocks that threads read and narrow in parallel."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from sagemaker_ops.tabular import text_files
from sagemaker_ops.tabular.blocks import Block, add_block, meaning, narrow, to_block
from sagemaker_ops.tabular.hashing import Hashes
from sagemaker_ops.tabular.notation import Notation, without_missing
from sagemaker_ops.tabular.schema import MISSING

BLOCK_BYTES = 3 << 18
STREAM_BYTES = 1 << 18  # Arrow reads up to 32 of these ahead
BLOCK_ROWS = 1 << 14
ISO_DATE = r"\d{4}-\d{2}-\d{2}(?!\d)"
MAYBE_MORE = "date, number or text"


@dataclass(frozen=True)
class Rows:
    """Some rows of a file: a block for each column, and the sum over columns that only affect the row hash."""

    number: int
    blocks: dict[str, Block]
    meanings: dict[str, str]  # number, boolean, date, text, MAYBE_MORE, or empty for a column without values here
    sums: Hashes

    @classmethod
    def of(cls, batch: pa.RecordBatch, only_hashed: Collection[str], notation: Notation) -> Rows:
        blocks = {}
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            try:
                blocks[name] = without_missing(to_block(column), notation)
            except pa.ArrowInvalid as error:
                raise pa.ArrowInvalid(f"column '{name}': {error}") from None
        meanings = {name: _meaning(block, notation) for name, block in blocks.items()}
        sums = np.zeros(batch.num_rows if only_hashed else 0, np.uint64)
        for name in only_hashed:
            add_block(sums, name, blocks.pop(name))
        return cls(batch.num_rows, {name: narrow(block) for name, block in blocks.items()}, meanings, sums)


Work: TypeAlias = Callable[[pa.RecordBatch], Rows]
Item = TypeVar("Item")


def read_rows(
    file: Path,
    names: list[str],
    skip: Collection[str],
    text: Collection[str],
    only_hashed: Collection[str],
    notation: Notation,
) -> Iterable[Rows]:
    """The rows of `file`, whose columns are `names`; see read_table in tables.py."""
    wanted = [name for name in names if name not in skip]
    work = partial(Rows.of, only_hashed=[name for name in wanted if name in only_hashed], notation=notation)
    if is_parquet(file):
        return _read_parquet(file, wanted, work)
    as_text = {*text, *dict(notation.dates_of)}
    return _read_csv(
        _Csv(file, names, wanted, {name: pa.string() for name in wanted if name in as_text}, notation), work
    )


def is_parquet(file: Path) -> bool:
    return file.suffix.lower() == ".parquet"


def column_names(file: Path, notation: Notation) -> list[str]:
    """The column names as written in `file`; pandas would rename duplicates."""
    if is_parquet(file):
        return [str(name) for name in pq.read_schema(file).names if name != "__index_level_0__"]
    return text_files.column_names(file, notation)


def _read_parquet(file: Path, names: list[str], work: Work) -> Iterator[Rows]:
    schema = pq.read_schema(file)
    texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    with pq.ParquetFile(file, read_dictionary=texts) as opened:
        yield from _side_by_side(work, opened.iter_batches(BLOCK_ROWS, columns=names), 1)


def _read_csv(table: _Csv, work: Work) -> list[Rows]:
    """The rows of a CSV file. Types come from its first block; if a value does not fit, reading starts again."""
    read, block = table.in_pieces, BLOCK_BYTES
    while True:
        try:
            with text_files.stream(table.file, table.notation) as stream:
                return list(read(stream, block, work))
        except _QuotesError:
            read, block = table.as_a_stream, STREAM_BYTES
        except _TimesError:
            continue
        except pa.ArrowInvalid as error:
            if "invalid UTF8" in str(error):
                raise UnicodeError from None
            if table.widen(str(error)):
                continue
            if read == table.in_pieces:
                read, block = table.as_a_stream, STREAM_BYTES  # which reports the wrong row
            elif "straddling" in str(error) and block < 1 << 30:  # a row is longer than a block
                block *= 16
            elif "Empty CSV" in str(error):
                return []
            else:
                raise


@dataclass
class _Csv:
    """How to read a CSV file; the types are filled in while reading."""

    file: Path
    names: list[str]
    wanted: list[str]
    types: dict[str, pa.DataType]
    notation: Notation

    @cached_property
    def separator(self) -> str:
        return text_files.separator(self.file, self.notation)

    def in_pieces(self, stream: pa.NativeFile, block: int, work: Work) -> Iterator[Rows]:
        """Cut at line ends and parsed in parallel; not possible with quotes, where a line may end within a row."""
        pieces = _lines(stream, block)
        first = self._parse(next(pieces, memoryview(b"")), None)
        self._learn(first.schema)
        yield work(first)
        yield from _side_by_side(lambda piece: work(self._parse(piece, self.names)), pieces, os.cpu_count() or 1)

    def as_a_stream(self, stream: pa.NativeFile, block: int, work: Work) -> Iterator[Rows]:
        """Parsed from top to bottom, while another thread does the work."""
        reader = pa.csv.open_csv(
            stream,
            pa.csv.ReadOptions(block_size=block, use_threads=False),
            pa.csv.ParseOptions(delimiter=self.separator, newlines_in_values=True),
            self._conversion(),
        )
        self._learn(reader.schema)
        return _side_by_side(work, reader, 1)

    def widen(self, error: str) -> bool:
        """Use a wider type for the column in Arrow's `error`; returns whether there is one."""
        column = re.search(r"CSV column #(\d+)", error)
        name = self.names[int(column[1])] if column else ""
        if not column or name not in self.types:
            return False
        value = re.search("invalid value '(.*)'", error, re.DOTALL)
        self.types[name] = _wider(self.types[name], value[1], self.notation.decimal) if value else pa.string()
        return True

    def _parse(self, piece: memoryview, names: list[str] | None) -> pa.RecordBatch:
        options = pa.csv.ReadOptions(use_threads=False, block_size=len(piece) + 1, column_names=names)
        parsing = pa.csv.ParseOptions(delimiter=self.separator)
        table = pa.csv.read_csv(pa.BufferReader(piece), options, parsing, self._conversion())
        return next(iter(table.to_batches()), pa.RecordBatch.from_pylist([], table.schema))

    def _conversion(self) -> pa.csv.ConvertOptions:
        return pa.csv.ConvertOptions(
            include_columns=self.wanted,
            column_types=self.types,
            null_values=[*MISSING, *self.notation.missing],
            strings_can_be_null=True,
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


class _QuotesError(Exception):
    """A line end may not be the end of a row."""


class _TimesError(Exception):
    """Arrow reads 09:00 as a time, which would become another text, 09:00:00, than the one in the file.

    It also reads 2025-02-01 as 1 February, which may be a date in another format.
    """


def _lines(stream: pa.NativeFile, size: int) -> Iterator[memoryview]:
    """The content of `stream` in pieces of about `size` bytes that end at line ends."""
    rest = b""
    while read := stream.read(size):
        piece = rest + read
        end = piece.rfind(b"\n") + 1
        if not end or b'"' in read:
            raise _QuotesError
        yield memoryview(piece)[:end]
        rest = piece[end:]
    if rest:
        yield memoryview(rest)


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


def _meaning(block: Block, notation: Notation) -> str:
    if isinstance(block, np.ndarray) or meaning(block) != "text":
        return meaning(block)
    first = next(filter(None, block.dictionary[:2].to_pylist()), "")
    may_be = notation.dates or not notation.is_standard or re.match(ISO_DATE, first)
    if notation.missing and not may_be:  # only a CSV file is read without them
        may_be = pc.any(pc.is_in(block.dictionary, pa.array(notation.missing, pa.string()))).as_py()
    return MAYBE_MORE if may_be else "text"
