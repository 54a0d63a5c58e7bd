"""What runs on the workers: functions from batches of one DataFrame to batches of another, for mapInArrow.

Statistics travel as rows of their own, with nothing but a pickled object in the last column: so they are exact even if
Spark repeats a task.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from sagemaker_ops.tabular.checks import counted as usable_rows
from sagemaker_ops.tabular.dates import to_dates
from sagemaker_ops.tabular.hashing import row_hash
from sagemaker_ops.tabular.losses import Spellings, special
from sagemaker_ops.tabular.spark import columns
from sagemaker_ops.tabular.spark.columns import Conversion
from sagemaker_ops.tabular.spark.counts import Counts, added, counted
from sagemaker_ops.tabular.spark.inputs import Batches, Place, Reading, SpansLinesError, UnreadableError, quoted
from sagemaker_ops.tabular.spark.kinds import Found, Kind, found_in
from sagemaker_ops.tabular.splits import Options, part_at
from sagemaker_ops.tabular.whole_numbers import WHOLE

PICKLED = "found binary"
HASH, COPY, GROUP, PLACE, ROW, TIME, STATS = (
    f"__{name}" for name in ("hash", "copy", "group", "place", "row", "time", "stats")
)
_INT64 = pa.int64()
OWN = {HASH: _INT64, COPY: _INT64, GROUP: pa.int8(), PLACE: _INT64, ROW: _INT64, TIME: pa.float64(), STATS: pa.binary()}
_SPARK = {"int64": "bigint", "int8": "tinyint", "double": "double", "binary": "binary"}
OWN_SPARK = ", ".join(f"`{name}` {_SPARK[str(kind)]}" for name, kind in OWN.items())
Moved: TypeAlias = Mapping[Any, Mapping[int, int]]  # {class: {hash of a row: its part}}
FILE_BYTES = 1 << 40  # of one file, at most, so that a place is one number


def place_key(place: Place) -> int:
    return place.file * FILE_BYTES + place.start + place.part


@dataclass(frozen=True)
class Failed:
    """A piece that cannot be read; spans: because a row of the named file goes over several lines."""

    findings: tuple[str, ...] = ()
    spans: bool = False


def look(reading: Reading, settled: frozenset[str]) -> Callable[[Batches], Batches]:
    """The first look at the rows: a pickled ({column: Found}, flags) for each piece; flags as of losses.special."""

    def work(batches: Batches) -> Batches:
        flags = (False, False)
        try:
            for piece in reading.pieces(batches):
                found: dict[str, Found] = {}
                if piece.file is not None and not all(flags):
                    codes, long = special(piece.file, piece.name, reading.notation)
                    flags = (flags[0] or codes, flags[1] or long)
                for rows in piece.rows:
                    for name in rows.blocks:
                        known = found.get(name, Found())
                        found[name] = known + found_in(rows, name, settled, known, reading.notation)
                yield pickled((found, flags))
        except UnreadableError as error:
            yield pickled(Failed(tuple(error.findings)))
        except SpansLinesError as error:
            yield pickled(Failed(tuple(error.args), spans=True))

    return work


def spell(reading: Reading, few: frozenset[str], numbers: frozenset[str]) -> Callable[[Batches], Batches]:
    """How numbers are written in text: pickled Spellings of each worker; see losses.py."""

    def work(batches: Batches) -> Batches:
        found = Spellings()
        for piece in reading.pieces(batches):
            for rows in piece.rows:
                for name, block in rows.blocks.items():
                    found.words |= rows.lost[name].words.keys() if name not in numbers else set()
                    if name in numbers and isinstance(block, pa.DictionaryArray):
                        found.add(name, block, "" if name in few else rf"^{WHOLE}$")
        yield pickled(found)

    return work


def pickled(what: object) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([pickle.dumps(what)], pa.binary())], ["found"])


@dataclass(frozen=True)
class Layout:
    """What becomes of the rows. kept: the columns that stay, with their final type. hashed: those that decide the part.

    limits: {column: the largest number}. parts: the part of a hash, if that decides; see `Options`.
    """

    kinds: Mapping[str, Kind]
    kept: Mapping[str, str]
    hashed: tuple[str, ...]
    limits: Mapping[str, float]
    options: Options
    usable: bool = True

    @property
    def target(self) -> str:
        return self.kept[self.options.target]

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([*((name, columns.ARROW[kind]) for name, kind in self.kept.items()), *OWN.items()])

    @property
    def ddl(self) -> str:
        return ", ".join([*(f"{quoted(n)} {columns.SPARK[kind]}" for n, kind in self.kept.items()), OWN_SPARK])


@dataclass
class Statistics:
    """Of one piece: its rows by group, and the counts of its columns. far_times: values that are no points in time."""

    place: int
    rows: npt.NDArray[np.int64]
    columns: dict[str, Counts] = field(default_factory=dict)
    no_times: tuple[int, Any] = (0, None)

    def add(self, table: pd.DataFrame, group: npt.NDArray[np.intp], limits: Mapping[str, float]) -> None:
        self.rows = self.rows + np.bincount(group, minlength=len(self.rows))
        for name in table.columns:
            before = self.columns.get(name)
            more = counted(table[name], group, limits.get(name, np.inf), before)
            self.columns[name] = more if before is None else before + more


def convert(reading: Reading, layout: Layout) -> Callable[[Batches], Batches]:
    """The rows in their final types, with their hash and part, and the statistics of each piece."""

    def work(batches: Batches) -> Batches:
        for piece in reading.pieces(batches):
            conversion = Conversion(layout.kinds, reading.notation)
            place = place_key(piece.place)
            statistics = Statistics(place, np.zeros(4, np.int64))
            for rows in piece.rows:
                table = conversion.table(rows)
                yield _finished(table, place, layout, statistics)
            for name, wrong in conversion.wrong.items():
                statistics.columns.setdefault(name, Counts()).wrong = wrong
            yield from _statistics(layout.schema, statistics)

    return work


def _finished(table: pd.DataFrame, place: int, layout: Layout, statistics: Statistics) -> pa.RecordBatch:
    options = layout.options
    hashes = row_hash(table, [name for name in layout.hashed if name in table])
    usable = np.asarray(usable_rows(table, options), dtype=bool) if layout.usable else np.zeros(len(table), dtype=bool)
    part = part_at(hashes / 2.0**64, options) if options.split != "time" else np.zeros(len(table), np.int8)
    group = np.where(usable, part + 1, 0).astype(np.intp)
    moments = np.full(len(table), np.nan)
    if options.split == "time" and layout.usable:
        moments, statistics.no_times = _times(table[str(options.split_column)], statistics.no_times)
    kept = table[list(layout.kept)]
    copies = None
    if not options.whole_row:
        copies = row_hash(table, [each for each in table if each not in (options.id, *options.exclude)])
    own = _own(hashes, copies, group, place, moments, statistics.rows)
    statistics.add(kept, group, layout.limits)
    arrays = [columns.to_arrow(kept[name], kind) for name, kind in layout.kept.items()]
    return pa.RecordBatch.from_arrays([*arrays, *own], schema=layout.schema)


def _own(
    hashes: npt.NDArray[np.uint64],
    copies: npt.NDArray[np.uint64] | None,
    group: npt.NDArray[np.intp],
    place: int,
    moments: Any,
    before: npt.NDArray[np.int64],
) -> list[pa.Array]:
    rows = np.zeros(len(group), np.int64)
    for each in range(len(before)):
        here = group == each
        rows[here] = before[each] + np.arange(int(here.sum()))
    return [
        pa.array(hashes.view(np.int64)),
        pa.nulls(len(group), pa.int64()) if copies is None else pa.array(copies.view(np.int64)),
        pa.array(group.astype(np.int8)),
        pa.array(np.full(len(group), place, np.int64)),
        pa.array(rows),
        pa.array(moments),
        pa.nulls(len(group), pa.binary()),
    ]


def _times(column: pd.Series, found: tuple[int, Any]) -> tuple[npt.NDArray[np.float64], tuple[int, Any]]:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float, na_value=np.nan), found
    dates = column if column.dtype.kind == "M" else to_dates(column)
    wrong = dates.isna() & column.notna()
    if wrong.any():
        found = found[0] + int(wrong.sum()), column[wrong].iloc[0] if found[1] is None else found[1]
    numbers = dates.to_numpy().astype("datetime64[us]").view(np.int64).astype(float)
    return np.where(dates.isna(), np.nan, numbers), found


def _statistics(schema: pa.Schema, statistics: Statistics) -> Iterator[pa.RecordBatch]:
    arrays = [pa.nulls(1, field.type) for field in schema]
    arrays[-1] = pa.array([pickle.dumps(statistics)], pa.binary())
    yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def regroup(layout: Layout, moved: Moved | None, cuts: Sequence[float] | None) -> Callable[..., Batches]:
    """Finished rows with other parts: those of these classes and hashes, or by time, from each of two moments on."""

    def work(batches: Batches) -> Batches:
        statistics: Statistics | None = None
        for batch in batches:
            batch = batch.filter(pa.compute.is_null(batch.column(batch.num_columns - 1)))
            places = batch.column(batch.schema.get_field_index(PLACE)).to_numpy()
            ends = [*(np.flatnonzero(np.diff(places)) + 1).tolist(), len(places)]
            for begin, end in zip([0, *ends], ends, strict=False):
                if end == begin:
                    continue
                place = int(places[begin])
                if statistics is not None and statistics.place != place:
                    yield from _statistics(layout.schema, statistics)
                    statistics = None
                statistics = statistics or Statistics(place, np.zeros(4, np.int64))
                yield _moved(batch.slice(begin, end - begin), layout, statistics, moved, cuts)
        if statistics is not None:
            yield from _statistics(layout.schema, statistics)

    return work


def _moved(batch: pa.RecordBatch, layout: Layout, statistics: Statistics, moved: Any, cuts: Any) -> pa.RecordBatch:
    own = {name: batch.column(batch.schema.get_field_index(name)).to_numpy(zero_copy_only=False) for name in OWN}
    copies = None if np.isnan(own[COPY][:1].astype(float)).any() else own[COPY].view(np.uint64)
    group = own[GROUP].astype(np.intp)
    if cuts is not None:
        time = own[TIME]
        part = sum((time >= cut).astype(np.intp) for cut in cuts)
        group = np.where(group > 0, part + 1, 0)
    if moved is not None:
        target = columns.from_arrow(batch.column(batch.schema.get_field_index(layout.options.target)), layout.target)
        for label, parts in moved.items():
            index = pd.Series(own[HASH]).map(parts).where((target == label).to_numpy(bool, na_value=False))
            group = np.where((group > 0) & index.notna(), index.fillna(0).to_numpy().astype(np.intp) + 1, group)
    arrays, table = [], {}
    for name, kind in layout.kept.items():
        column = batch.column(batch.schema.get_field_index(name))
        arrays.append(column)
        table[name] = columns.from_arrow(column, kind)
    made = _own(own[HASH].view(np.uint64), copies, group, statistics.place, own[TIME], statistics.rows)
    statistics.add(pd.DataFrame(table, copy=False), group, layout.limits)
    return pa.RecordBatch.from_arrays([*arrays, *made], schema=layout.schema)


def merge(batches: Batches) -> Batches:
    """The statistics of all pieces of some columns, a pickled (column, Counts) for each; for "" the rows of pieces."""
    parts: dict[str, list[tuple[int, Counts]]] = {}
    for batch in batches:
        for name, place, packed in zip(*(batch.column(at).to_pylist() for at in range(3)), strict=True):
            parts.setdefault(name, []).append((place, pickle.loads(packed)))
    for name, found in parts.items():
        if not name:
            yield pickled((name, found))
            continue
        found.sort(key=lambda each: each[0])
        yield pickled((name, added([counts for _, counts in found])))


def unpack(batches: Batches) -> Batches:
    """The statistics of each piece as a row for each column: its name, the place, its counts; first of all the rows."""
    for batch in batches:
        for packed in batch.column(0).to_pylist():
            found: Statistics = pickle.loads(packed)
            names = ["", *found.columns]
            rest = pickle.dumps((found.rows, found.no_times))
            values = [rest, *(pickle.dumps(each) for each in found.columns.values())]
            yield pa.RecordBatch.from_arrays(
                [pa.array(names), pa.array([found.place] * len(names), pa.int64()), pa.array(values, pa.binary())],
                ["name", "place", "counts"],
            )
