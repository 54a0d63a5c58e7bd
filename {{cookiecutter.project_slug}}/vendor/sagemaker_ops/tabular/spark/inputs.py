"""Files as DataFrames, and what a worker receives of them as rows: the same blocks as on one machine.

A worker gets lines of text, whole files, or columns of Parquet. It puts text back into a small file with the header,
and reads that as any other file. Each piece has a place: the number of its file, where in it Spark began, a counter.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.notation import Notation
from sagemaker_ops.tabular.reading import BLOCK_ROWS, _constant, read_rows
from sagemaker_ops.tabular.rows import Rows
from sagemaker_ops.tabular.spark.files import LINES, PARQUET, WHOLE, TableFile
from sagemaker_ops.tabular.spark.session import BATCH_ROWS
from sagemaker_ops.tabular.text_files import undecodable

PIECE_BYTES = 1 << 26  # of text that a worker reads at once
Batches = Iterator[pa.RecordBatch]


class Place(NamedTuple):
    """Where a piece of the table is, so that pieces can be put in order."""

    file: int
    start: int
    part: int


class Piece(NamedTuple):
    """Some rows of a table. file: with their text; None for Parquet. name: of their file in the table."""

    place: Place
    rows: Iterator[Rows]
    file: Path | None
    name: str


class UnreadableError(Exception):
    """What is wrong with a piece, as sentences."""

    def __init__(self, *findings: str) -> None:
        super().__init__(*findings)
        self.findings = findings


class SpansLinesError(Exception):
    """A row goes over several lines, so that the file cannot be cut at any of them."""


@dataclass(frozen=True)
class Reading:
    """How to read some files. files: {hash of what Spark calls it: the file}; wanted: the columns to read."""

    files: Mapping[int, TableFile]
    wanted: tuple[str, ...]
    text: tuple[str, ...]
    notation: Notation

    def pieces(self, batches: Batches) -> Iterator[Piece]:
        """The pieces that a worker receives, in order within a file."""
        way = next(iter(self.files.values())).way
        return {LINES: self._lines, WHOLE: self._whole, PARQUET: self._parquet}[way](batches)

    def _lines(self, batches: Batches) -> Iterator[Piece]:
        with tempfile.TemporaryDirectory() as folder:
            where, count, content, size = (0, 0), 0, list[memoryview](), 0
            for key, start, rows in _runs(batches):
                if (key, start) != where or size > PIECE_BYTES:
                    if content:
                        yield self._text(Path(folder), Place(*where, count), content)
                    count = count + 1 if (key, start) == where else 0
                    where, content, size = (key, start), [], 0
                lines = rows.column(0)
                text = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines), "\n")
                piece = memoryview(text[0].as_buffer())
                if b'"' in bytes(piece) and pc.any(pc.equal(_odd(lines), 1)).as_py():
                    raise SpansLinesError(self.files[key].name)
                content += [piece, memoryview(b"\n")]
                size += len(piece)
            if content:
                yield self._text(Path(folder), Place(*where, count), content)

    def _text(self, folder: Path, place: Place, content: list[memoryview]) -> Piece:
        info = self.files[place.file]
        file = folder / Path(info.name).name
        with file.open("wb") as opened:
            if place.start or place.part:
                opened.write(info.header)
            opened.writelines(content)
        return Piece(place._replace(file=info.number), self._of_file(file, info), file, info.name)

    def _whole(self, batches: Batches) -> Iterator[Piece]:
        with tempfile.TemporaryDirectory() as folder:
            for batch in batches:
                for key, content in zip(batch.column(1).to_pylist(), batch.column(0), strict=True):
                    info = self.files[key]
                    file = Path(folder, Path(info.name).name)
                    file.write_bytes(content.as_buffer())
                    yield Piece(Place(info.number, 0, 0), self._of_file(file, info), file, info.name)

    def _of_file(self, file: Path, info: TableFile) -> Iterator[Rows]:
        skip = set(info.names) - set(self.wanted)
        try:
            yield from read_rows(file, list(info.names), skip, self.text, (), dict(info.folders), self.notation)
        except StepError as error:
            raise UnreadableError(*(f if file.name in f else f"{info.name}: {f}" for f in error.findings)) from None
        except UnicodeError:
            raise UnreadableError(undecodable(file, self.notation)) from None
        except (csv.Error, pa.ArrowException, OSError, EOFError) as error:
            raise UnreadableError(f"{info.name} cannot be read: {' '.join(str(error).split())}") from None

    def _parquet(self, batches: Batches) -> Iterator[Piece]:
        where, count = (0, 0), 0
        for key, start, rows in _runs(batches):
            count = count + 1 if (key, start) == where else 0
            where = (key, start)
            info = self.files[key]
            yield Piece(Place(info.number, start, count), self._of_batch(rows, info), None, info.name)

    def _of_batch(self, batch: pa.RecordBatch, info: TableFile) -> Iterator[Rows]:
        own = [name for name in self.wanted if info.schema is None or name in info.schema.names]
        columns = [
            column if info.schema is None else restored(column, info.schema.field(name).type)
            for name, column in zip(own, batch.columns, strict=False)
        ]
        folders = dict(info.folders)
        constants = {
            name: _constant(folders[name], name in self.text, self.notation)
            for name in self.wanted
            if name not in own and name in folders
        }
        repeated = {name: value for name, value in folders.items() if name in own}
        given = pa.RecordBatch.from_arrays(columns, own)
        for start in range(0, batch.num_rows, BLOCK_ROWS):
            some = given.slice(start, BLOCK_ROWS)
            if not own:
                some = pa.RecordBatch.from_arrays([pa.nulls(min(BLOCK_ROWS, batch.num_rows - start))], [""])
            try:
                rows = Rows.of(some, (), constants, repeated, False, self.notation)
            except StepError as error:
                raise UnreadableError(*(f"{info.name}: {each}" for each in error.findings)) from None
            except pa.ArrowException as error:
                raise UnreadableError(f"{info.name} cannot be read: {' '.join(str(error).split())}") from None
            for part in (rows.blocks, rows.meanings, rows.lost):
                part.pop("", None)
            yield rows


def _runs(batches: Batches) -> Iterator[tuple[int, int, pa.RecordBatch]]:
    """(key of the file, start, rows) for rows of one piece; the last two columns of a batch name it."""
    for batch in batches:
        keys, starts = (batch.column(at).to_numpy() for at in (batch.num_columns - 2, batch.num_columns - 1))
        changes = np.flatnonzero((np.diff(keys) != 0) | (np.diff(starts) != 0)) + 1
        for begin, end in zip([0, *changes.tolist()], [*changes.tolist(), batch.num_rows], strict=True):
            if end > begin:
                yield int(keys[begin]), int(starts[begin]), batch.slice(begin, end - begin)


def _odd(lines: pa.Array) -> pa.Array:
    return pc.bit_wise_and(pc.count_substring(lines, '"'), 1)


def restored(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """A column as Arrow would have read it, from the type that Spark has instead."""
    different = (pa.types.is_timestamp, pa.types.is_duration, pa.types.is_unsigned_integer)
    if column.type == kind or not any(of(kind) for of in different):
        return column
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:  # a date beyond the years of nanoseconds
        return column


def frames(spark: Any, files: list[TableFile], wanted: list[str], known_as: Callable[[str], str]) -> Iterator[Any]:
    """(DataFrame, {hash: file}) of the files, by the way to read them: value, file, start; or columns, file, start."""
    from pyspark.sql import functions

    key = functions.xxhash64("_metadata.file_path").alias("file")
    start = functions.col("_metadata.file_block_start").alias("start")
    keys = spark.range(1).select([functions.xxhash64(functions.lit(known_as(file.uri))) for file in files]).first()
    groups: dict[Any, dict[int, TableFile]] = {}
    for number, file in zip(keys, files, strict=True):
        kind = str(file.schema), file.int96
        groups.setdefault((file.way, kind), {})[number] = file
    for (way, _), group in groups.items():
        reader = spark.read.option("__globPaths__", "false").option("recursiveFileLookup", "true")
        places = [file.uri for file in group.values()]
        if way == LINES:
            frame = reader.option("lineSep", "\n").format("text").load(places).select("value", key, start)
        elif way == WHOLE:
            frame = reader.format("binaryFile").load(places).select("content", key)
        else:
            example = next(iter(group.values()))
            schema = {
                name: spark_type(example, name) for name in wanted if example.schema and name in example.schema.names
            }
            if None in schema.values():
                group = {number: replace(file, way=WHOLE) for number, file in group.items()}
                frame = reader.format("binaryFile").load(places)
                yield frame.select("content", key), group
                continue
            ddl = ", ".join(f"{quoted(name)} {kind}" for name, kind in schema.items())
            read = reader.schema(ddl or "`_none` int").format("parquet").load(places)
            frame = read.select(*(quoted(name) for name in schema), key, start)
        yield frame, group


def rows_at_once(way: str) -> str:
    return "1" if way == WHOLE else str(BATCH_ROWS)


def quoted(name: str) -> str:
    """A column name in Spark's SQL."""
    return f"`{name.replace('`', '``')}`"


def spark_type(file: TableFile, name: str) -> str | None:
    """The type to ask Spark for; None if it has none for this column."""
    assert file.schema is not None
    kind = file.schema.field(name).type
    if name in file.int96:
        return "timestamp"
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_timestamp(kind):
        return "bigint" if kind.unit == "ns" else "timestamp" if kind.tz else "timestamp_ntz"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})" if kind.precision <= 38 else None
    return _SAME.get(str(kind))


_SAME = {
    "bool": "boolean", "int8": "tinyint", "int16": "smallint", "int32": "int", "int64": "bigint", "uint8": "smallint",
    "uint16": "int", "uint32": "bigint", "uint64": "decimal(20,0)", "float": "float", "double": "double",
    "string": "string", "large_string": "string", "binary": "binary", "large_binary": "binary", "date32[day]": "date",
    "duration[ns]": "bigint", "duration[us]": "bigint", "duration[ms]": "bigint", "duration[s]": "bigint",
}  # fmt: skip
