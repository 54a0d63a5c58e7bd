"""The usable rows of a table on Spark, and all that is wrong or unusual with it, in the sentences of one machine."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular.checks import (
    copies_warnings,
    dropped_warnings,
    infinity_warning,
    option_findings,
    unique_warning,
)
from sagemaker_ops.tabular.column_types import apply_types, texts_of
from sagemaker_ops.tabular.doubts import Texts, doubts_of, has_fractions, if_text
from sagemaker_ops.tabular.errors import raise_any
from sagemaker_ops.tabular.losses import (
    FEW,
    alike_warnings,
    offset_warnings,
    spelling_warnings,
    whole_warnings,
    word_warnings,
)
from sagemaker_ops.tabular.spark import findings as problems
from sagemaker_ops.tabular.spark.columns import Wrong
from sagemaker_ops.tabular.spark.counts import USABLE, Counts
from sagemaker_ops.tabular.spark.distinct import many
from sagemaker_ops.tabular.spark.facts import Column, expanded
from sagemaker_ops.tabular.spark.inputs import quoted
from sagemaker_ops.tabular.spark.kinds import Found, Kind, kind_of
from sagemaker_ops.tabular.spark.source import Source
from sagemaker_ops.tabular.spark.workers import COPY, HASH, STATS, Layout, convert, merge, unpack
from sagemaker_ops.tabular.splits import Options, hashed
from sagemaker_ops.tabular.whole_numbers import beyond

EXPANDED = 5_000_000  # rows of a column that is looked at in full, to choose between two signs for decimals


@dataclass(frozen=True)
class Checked:
    """The usable rows. frame: all rows, with what workers.OWN describes; it is kept. places: (place, rows by group), in
    order. names: of all columns, also of those that are no longer in the frame."""

    spark: Any
    frame: Any
    layout: Layout
    columns: Mapping[str, Column]
    places: list[tuple[int, npt.NDArray[np.int64]]]
    names: list[str]
    types: dict[str, str]
    warnings: list[str]
    unclear: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> Any:
        """The usable rows and their columns, for a split of one's own."""
        return self.frame.where("`__group` > 0").select(*map(quoted, self.layout.kept))


def checked(
    source: Source,
    found: Mapping[str, Found],
    whole: set[str],
    flags: tuple[bool, bool],
    types: Mapping[str, str] | None,
    notes: list[str],
    options: Options,
) -> Checked:
    """The usable rows; notes: warnings about schema.toml. StepError with everything that is wrong with the table."""
    text = texts_of(types)
    read_as = {
        name: kind_of(name, each, name in text, name in whole, name in options.measures, options.notation)
        for name, each in found.items()
    }
    kinds = {name: _kept(name, kind, found[name], types or {}, options) for name, kind in read_as.items()}
    layout = _layout(source, kinds, options)
    frame, columns, places, no_times = finished(source, layout)
    rows = sum((each for _, each in places), np.zeros(4, np.int64))
    total, usable = int(rows.sum()), int(rows[USABLE].sum())
    wrong = {name: each.counts.wrong for name, each in columns.items() if each.counts.wrong.rows}
    unclear = _unclear(source, layout, columns, read_as, wrong, [*options.text_by_choice, *text], options)
    misfits, new = _type_findings(source, types, wrong, unclear, total, options)
    findings = option_findings(options) + problems.table_findings(source.names, columns, rows, no_times, options)
    findings += misfits
    named = [name for name in (options.target, options.weight, options.split_column) if name in unclear]
    raise_any(findings and [*findings, *(unclear[name] for name in named)])

    without = columns[options.target].missing_in_all
    warnings = [
        *_reading_warnings(source, found, read_as, columns, flags, types, options, total),
        *(
            infinity_warning(name, kinds[name].type, each.counts.wrong.infinite, total)
            for name, each in columns.items()
            if each.counts.wrong.infinite and name not in options.exclude
        ),
        *(f"{why}; {if_text(name)}." for name, why in unclear.items()),
        *new,
        *notes,
        *dropped_warnings(without, int(rows[0]) - without, total, options),
        *_table_warnings(source, frame, columns, usable, options),
    ]
    final = {name: kinds[name].kept or kinds[name].type if name in kinds else "text" for name in source.names}
    types_found = {name: kind for name, kind in final.items() if name not in options.exclude and name not in unclear}
    return Checked(source.spark, frame, layout, columns, places, source.names, types_found, warnings, unclear)


def _kept(name: str, kind: Kind, found: Found, types: Mapping[str, str], options: Options) -> Kind:
    """The kind of a column for which schema.toml may say another type; one without values has none."""
    other = types.get(name, kind.type)
    if name in options.exclude or found.gaps == found.rows or (kind.type, other) == ("number", "integer"):
        return kind
    return kind if other == kind.type else replace(kind, kept=other)


def _type_findings(
    source: Source,
    types: Mapping[str, str] | None,
    wrong: Mapping[str, Wrong],
    unclear: Mapping[str, str],
    total: int,
    options: Options,
) -> tuple[list[str], list[str]]:
    """What does not fit schema.toml, and warnings about new columns."""
    if types is None:
        return [], []
    empty = pd.DataFrame({name: pd.Series(dtype="float32") for name in source.names})
    _, findings, warnings = apply_types(empty, types, options.exclude, options.notation, unclear)
    for name, each in wrong.items():
        more = f". {unclear[name]}" if name in unclear else ""
        findings.append(f"column '{name}' {problems.not_of_type(each, total)}{more}")
    return findings, warnings


def _table_warnings(
    source: Source, frame: Any, columns: Mapping[str, Column], usable: int, options: Options
) -> list[str]:
    """As checks.table_warnings."""
    aside = {options.target, options.split_column, *options.aside, *options.exclude}
    warnings = [
        unique_warning(name)
        for name, each in columns.items()
        if name not in aside and each.is_unique_integer and not each.identifier()
    ]
    copy = HASH if options.whole_row else COPY
    distinct = many(frame, {copy: "integer"}, _buckets(source.spark))[copy].distinct[1]
    return warnings + copies_warnings(usable - distinct, usable, options)


def _layout(source: Source, kinds: Mapping[str, Kind], options: Options) -> Layout:
    kept = {name: each.kept or each.type for name, each in kinds.items() if name not in options.only_hashed}
    named = [options.target, options.weight, options.split_column if options.split != "random" else None]
    weight = kept.get(options.weight or "", "number")
    usable = all(name in kept for name in named if name) and weight in ("integer", "number")
    return Layout(kinds, kept, tuple(hashed(options, source.names)), problems.limits(kept, options), options, usable)


def finished(
    source: Source, layout: Layout
) -> tuple[Any, dict[str, Column], list[tuple[int, npt.NDArray[np.int64]]], tuple[int, Any]]:
    """The rows in their final types, which are kept, and what is known of each column."""
    frames: list[Any] = []
    several = len({each.way for each in source.files}) > 1
    for frame in source.work(lambda reading: convert(reading, layout), list(layout.kinds), layout.ddl):
        kept = frame.persist()
        if several:
            kept.count()  # now, with the number of rows at once that this way of reading needs
        frames.append(kept)
    every = reduce(lambda one, other: one.unionAll(other), frames)
    return every, *facts(every, layout, source.spark)


def facts(
    frame: Any, layout: Layout, spark: Any
) -> tuple[dict[str, Column], list[tuple[int, npt.NDArray[np.int64]]], tuple[int, Any]]:
    """What is known of each column of finished rows; the rows of each piece by group; values that are no times."""
    sent = frame.where(f"`{STATS}` is not null").select(f"`{STATS}`")
    sent = sent.mapInArrow(unpack, "name string, place bigint, counts binary")
    buckets = _buckets(spark)
    merged = sent.repartition(buckets, "name").mapInArrow(merge, "found binary").collect()
    found = dict(pickle.loads(row[0]) for row in merged)
    pieces = sorted(found.pop("", []), key=lambda each: each[0])
    places = [(place, rows) for place, (rows, _) in pieces]
    rows = sum((each for _, each in places), np.zeros(4, np.int64))
    wrong = [times for _, (_, times) in pieces if times[0]]
    no_times = sum(number for number, _ in wrong), wrong[0][1] if wrong else None
    large = {name: layout.kept[name] for name, each in found.items() if each.values is None}
    counted = many(frame, large, buckets)
    columns = {
        name: Column(name, kind, rows, found.get(name, Counts()), counted.get(name))
        for name, kind in layout.kept.items()
    }
    return columns, places, no_times


def _buckets(spark: Any) -> int:
    return max(2, min(64, int(spark.sparkContext.defaultParallelism)))


def _unclear(
    source: Source,
    layout: Layout,
    columns: Mapping[str, Column],
    read_as: Mapping[str, Kind],
    wrong: Iterable[str],
    aside: Iterable[str],
    options: Options,
) -> dict[str, str]:
    """Columns of text that were probably meant as numbers or dates, and why."""
    aside = set(aside)
    looked = {name: each for name, each in columns.items() if name not in aside and each.type == "text"}
    again = {name: kind for name, kind in read_as.items() if name in set(wrong) and kind.type == "text"}
    if again:  # schema.toml says something else of them, so they are not counted as text
        other = replace(layout, kinds=again, kept=dict.fromkeys(again, "text"), hashed=(), usable=False)
        looked |= finished(source, other)[1]
    texts = [_texts(each) for name, each in sorted(looked.items(), key=lambda pair: source.names.index(pair[0]))]
    fractions = any(_fractions(each) for each in columns.values() if each.type == "number")
    return doubts_of(texts, fractions, options.notation)


def _texts(column: Column) -> Texts:
    if column.many:
        counted = pd.Series(dict(column.many.some), dtype="int64").sort_index()
    else:
        counted = column.values(slice(None))
    rows = counted.to_numpy().astype(np.intp)
    order = np.argsort(-rows, kind="stable")
    return Texts(column.name, pd.Index(counted.index[order], dtype=object), rows[order])


def _fractions(column: Column) -> bool:
    """Whether these are numbers with a decimal separator; so many different ones are."""
    return bool(column.many) or column.rows.sum() > EXPANDED or has_fractions(expanded(column))


def _reading_warnings(
    source: Source,
    found: Mapping[str, Found],
    kinds: Mapping[str, Kind],
    columns: Mapping[str, Column],
    flags: tuple[bool, bool],
    types: Mapping[str, str] | None,
    options: Options,
    total: int,
) -> list[str]:
    """What the columns lost on reading; see losses.py."""
    used = {n: each for n, each in found.items() if n not in options.exclude and each.gaps < each.rows}
    numbers = {name for name in used if kinds[name].type in ("integer", "number")}
    whole = {name for name in numbers if (used[name].whole and not kinds[name].text) or kinds[name].type == "integer"}
    few = {n for n in numbers - whole if n in columns and not columns[n].many and columns[n].distinct_in_all <= FEW}
    spelled = few | {name for name in numbers if flags[0 if name in whole else 1]}
    gaps = {name for name in used if kinds[name].type != "text" and used[name].gaps}
    lost_words = {word for name in gaps for word in used[name].lost.words}
    words = {word for name in used if kinds[name].type == "text" for word in used[name].lost.words}
    spellings = source.spellings(few, spelled, gaps if words - lost_words else set()) if source.own is None else None
    missing = lost_words | (spellings.words if spellings else set())
    warnings = []
    for name in used:
        kind, lost, column = kinds[name].type, used[name].lost, columns.get(name)
        if kind == "text":
            texts = column.values(slice(None)) if column and not column.many and column.type == "text" else pd.Series()
            index = pd.Index(texts.index, dtype=object)
            if lost.whole and name not in options.measures and len(texts):
                large = int(texts[beyond(index)].sum())
                warnings += whole_warnings(name, index, large, total, (types or {}).get(name, ""))
            warnings += word_warnings(name, lost.words.keys() - missing, lost, total)
            warnings += alike_warnings(name, index)
        elif kind == "date":
            warnings += offset_warnings(name, lost.offsets, total)
        elif spellings and name in spellings.texts:
            own = spellings.texts[name], spellings.plain[name]
            warnings += spelling_warnings(name, *own, name in whole, total)
    return warnings
