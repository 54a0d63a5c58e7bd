"""Which row of a table on Spark goes into which part: the same parts as on one machine, see splits.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sagemaker_ops.tabular.errors import StepError, listed
from sagemaker_ops.tabular.spark.checks import Checked, facts
from sagemaker_ops.tabular.spark.inputs import quoted
from sagemaker_ops.tabular.spark.order import at_ranks
from sagemaker_ops.tabular.spark.workers import GROUP, HASH, STATS, TIME, Moved, regroup
from sagemaker_ops.tabular.splits import PARTS, RARE, Options, cuts, part_at


@dataclass(frozen=True)
class Parts:
    """What else than its hash decides the part of a row. moved: the rows of rare classes; moments: where validation and
    test begin."""

    moved: Moved | None = None
    moments: Sequence[float] | None = None


def split(rows: Checked, options: Options) -> Parts:
    """The parts of the usable rows."""
    if options.split == "time":
        return Parts(moments=[_moment(rows, cut, options) for cut in cuts(options)])
    if options.split == "random" and options.problem == "classification":
        return Parts(moved=_moved(rows, options))
    return Parts()


def _moved(rows: Checked, options: Options) -> Moved | None:
    """The part of each row of a rare class, in the order of their hashes."""
    numbers = rows.columns[options.target].values()
    rare = [label for label, number in numbers.items() if 1 < number < RARE]
    if not rare:
        return None
    from pyspark.sql import functions as f

    target, moved = f.col(quoted(options.target)), {}
    values = [pd.Timestamp(label).to_pydatetime() if isinstance(label, np.datetime64) else label for label in rare]
    usable = rows.frame.where(f.col(GROUP) > 0)
    for label, value in zip(rare, values, strict=True):
        found = np.array([row[0] for row in usable.where(target == f.lit(value)).select(HASH).collect()], np.int64)
        position = found.view(np.uint64) / 2.0**64
        place = (pd.Series(position).rank(method="min") - 1) / (len(found) - 1)
        moved[label] = dict(zip(found.tolist(), part_at(place.to_numpy(), options).tolist(), strict=True))
    return moved


def _moment(rows: Checked, cut: float, options: Options) -> float:
    """The first moment with at least this share of the rows before it; infinity if there is none."""
    from pyspark.sql import functions as f

    usable = rows.frame.where(f"`{GROUP}` > 0").select(TIME, GROUP)
    if not rows.columns[str(options.split_column)].many:
        found = sorted(tuple(row) for row in usable.groupBy(TIME).count().collect())
        numbers = np.array([number for _, number in found])
        place = (np.cumsum(numbers) - numbers) / numbers.sum()
        return next((moment for (moment, _), at in zip(found, place, strict=True) if at >= cut), math.inf)
    number = rows.columns[options.target].usable
    rank = math.ceil(cut * number)
    while rank and (rank - 1) / number >= cut:
        rank -= 1
    while rank / number < cut:
        rank += 1
    if not 0 < rank < number:
        return -math.inf if not rank else math.inf
    low, high = usable.agg(f.min(TIME), f.max(TIME)).first()
    [before, here], _ = at_ranks(usable, TIME, [((1, 2, 3), rank - 1), ((1, 2, 3), rank)], low, high)
    if before < here:
        return here
    later = usable.where(f.col(TIME) > here).agg(f.min(TIME)).first()[0]
    return math.inf if later is None else float(later)


def described_parts(rows: Checked, given: Any, options: Options) -> Checked:
    """The rows with their parts, counted again if other than the hash decides.

    given: Parts, or a Column expression with the name of the part of each row.
    """
    frame = rows.frame
    if not isinstance(given, Parts):
        frame, given = _named(frame, given), Parts()
    elif given == Parts():
        return rows
    layout = rows.layout
    moved = frame.where(f"`{STATS}` is null").mapInArrow(regroup(layout, given.moved, given.moments), layout.ddl)
    moved = moved.persist()
    columns, places, _ = facts(moved, layout, rows.spark)
    rows.frame.unpersist()
    return replace(rows, frame=moved, columns=columns, places=places)


def _named(frame: Any, part: Any) -> Any:
    from pyspark.sql import functions as f

    number = f.lit(None).cast("tinyint")
    for at, name in enumerate(PARTS, start=1):
        number = f.when(part == name, f.lit(at).cast("tinyint")).otherwise(number)
    named = frame.withColumn(GROUP, f.when(f.col(GROUP) > 0, number).otherwise(f.col(GROUP)))
    wrong = named.where(f.col(GROUP).isNull() & f.col(STATS).isNull()).select(part).distinct().limit(10).collect()
    if wrong:
        unknown = [row[0] for row in wrong]
        raise StepError(f"the split names {listed(unknown)}; give one of {listed(PARTS)} for each row")
    return named
