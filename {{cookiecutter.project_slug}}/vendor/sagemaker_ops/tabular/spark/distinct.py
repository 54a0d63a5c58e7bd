"""Columns with very many different values, counted exactly without bringing the values to one machine.

Each worker sends the different values of a batch to the worker that counts these, by their hash.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sagemaker_ops.tabular.spark.counts import GROUPS, MOST
from sagemaker_ops.tabular.spark.inputs import Batches, quoted
from sagemaker_ops.tabular.spark.workers import GROUP
from sagemaker_ops.tabular.summary import TOP_VALUES

ROWS = 1 << 20  # of a column that a worker counts before it sends them on


@dataclass(frozen=True)
class Many:
    """One column: its different values in all, in usable and in train rows; of a text the most frequent ones with
    their usable rows, and some others with all of theirs."""

    distinct: tuple[int, int, int]
    top: tuple[tuple[Any, int], ...] = ()
    some: tuple[tuple[Any, int], ...] = ()

    def __add__(self, other: Many) -> Many:
        top = sorted((*self.top, *other.top), key=lambda each: (-each[1], each[0]))[:TOP_VALUES]
        distinct = tuple(a + b for a, b in zip(self.distinct, other.distinct, strict=True))
        return Many(distinct, tuple(top), (*self.some, *other.some))  # type: ignore[arg-type]


def many(frame: Any, kinds: Mapping[str, str], buckets: int) -> dict[str, Many]:
    """The columns of finished rows; kinds: {column: its type}; HASH, too, which is a number."""
    if not kinds:
        return {}
    names = list(kinds)
    sent = frame.select(*map(quoted, names), quoted(GROUP)).mapInArrow(
        _send(dict(kinds), buckets), "name string, bucket int, content binary"
    )
    counted_there = sent.repartition(buckets, "name", "bucket").mapInArrow(
        _count(dict(kinds), MOST // buckets), "found binary"
    )
    result: dict[str, Many] = {}
    for row in counted_there.collect():
        name, found = pickle.loads(row["found"])
        result[name] = result[name] + found if name in result else found
    return result


def _send(kinds: Mapping[str, str], buckets: int) -> Callable[[Batches], Batches]:
    def work(batches: Batches) -> Batches:
        waiting: dict[str, list[pa.Array]] = {name: [] for name in kinds}
        groups: list[np.ndarray] = []
        rows = 0
        for batch in batches:
            here = batch.column(batch.num_columns - 1)
            if here.null_count:  # a row of statistics
                batch = batch.filter(here.is_valid())
            groups.append(batch.column(batch.num_columns - 1).to_numpy())
            for name, column in zip(kinds, batch.columns, strict=False):
                waiting[name].append(column)
            rows += batch.num_rows
            if rows >= ROWS:
                yield from _parcels(waiting, groups, kinds, buckets)
                waiting, groups, rows = {name: [] for name in kinds}, [], 0
        if rows:
            yield from _parcels(waiting, groups, kinds, buckets)

    return work


def _parcels(
    waiting: Mapping[str, list[pa.Array]], groups: list[np.ndarray], kinds: Mapping[str, str], buckets: int
) -> Iterator[pa.RecordBatch]:
    group = np.concatenate(groups).astype(np.intp)
    for name, parts in waiting.items():
        column = pa.chunked_array(parts).combine_chunks()
        if kinds[name] == "text":
            coded = column.dictionary_encode()
            coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
            codes = coded.indices.fill_null(-1).to_numpy()
            known = codes >= 0
            values = coded.dictionary.to_numpy(zero_copy_only=False)
            counts = np.bincount(codes[known] * GROUPS + group[known], minlength=len(values) * GROUPS)
            keys = pd.util.hash_array(values, categorize=False) if len(values) else np.zeros(0, np.uint64)
            content: list[Any] = [values, counts.reshape(-1, GROUPS)]
        else:
            known = column.is_valid().to_numpy(zero_copy_only=False)
            bits = column.drop_null().cast(pa.float64() if kinds[name] == "number" else pa.int64()).to_numpy()
            bits = bits + 0.0 if kinds[name] == "number" else bits  # -0 becomes 0
            codes, keys = pd.factorize(bits.view(np.uint64))
            masks = np.zeros(len(keys), np.uint8)
            for each in range(GROUPS):
                masks[codes[group[known] == each]] |= 1 << each
            content = [keys, masks]
            keys = _mixed(keys)
        bucket = (keys % np.uint64(buckets)).astype(np.intp)
        order = np.argsort(bucket, kind="stable")
        ends = np.searchsorted(bucket[order], np.arange(buckets + 1))
        found = [
            (number, pickle.dumps([each[order[start:end]] for each in content], protocol=5))
            for number, (start, end) in enumerate(pairwise(ends))
            if end > start
        ]
        if found:
            yield pa.RecordBatch.from_arrays(
                [
                    pa.array([name] * len(found)),
                    pa.array([number for number, _ in found], pa.int32()),
                    pa.array([packed for _, packed in found], pa.binary()),
                ],
                ["name", "bucket", "content"],
            )


def _mixed(keys: np.ndarray) -> np.ndarray:
    """Other numbers: many floats have the same last bits."""
    return (keys * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)


def _count(kinds: Mapping[str, str], most: int) -> Callable[[Batches], Batches]:
    def work(batches: Batches) -> Batches:
        waiting: dict[tuple[str, int], list[list[np.ndarray]]] = {}
        for batch in batches:
            for name, bucket, packed in zip(*(batch.column(at).to_pylist() for at in range(3)), strict=True):
                waiting.setdefault((name, bucket), []).append(pickle.loads(packed))
        for (name, _), parts in waiting.items():
            first, second = (np.concatenate(each) for each in zip(*parts, strict=True))
            codes, values = pd.factorize(first)
            if kinds[name] != "text":
                masks = np.zeros(len(values), np.uint8)
                np.bitwise_or.at(masks, codes, second)
                found = Many((len(values), int((masks & 0b1110 > 0).sum()), int((masks & 0b10 > 0).sum())))
            else:
                counts = np.zeros((len(values), GROUPS), np.int64)
                np.add.at(counts, codes, second)
                usable, every = counts[:, 1:].sum(axis=1), counts.sum(axis=1)
                frequent = np.argsort(-usable, kind="stable")[:TOP_VALUES]
                found = Many(
                    (len(values), int((usable > 0).sum()), int((counts[:, 1] > 0).sum())),
                    tuple((values[at], int(usable[at])) for at in frequent if usable[at]),
                    tuple((values[at], int(every[at])) for at in range(min(most, len(values)))),
                )
            yield pa.RecordBatch.from_arrays([pa.array([pickle.dumps((name, found))], pa.binary())], ["found"])

    return work
