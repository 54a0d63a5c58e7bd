"""The features and the description of the parts of a table on Spark: schema.json and summary.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sagemaker_ops.tabular import splits
from sagemaker_ops.tabular.errors import StepError, raise_any
from sagemaker_ops.tabular.leaks import LEAK_ROWS, leak_warnings
from sagemaker_ops.tabular.schema import MISSING, Feature, LeftOut, Schema
from sagemaker_ops.tabular.spark import findings, order
from sagemaker_ops.tabular.spark.checks import Checked
from sagemaker_ops.tabular.spark.columns import from_arrow
from sagemaker_ops.tabular.spark.counts import USABLE
from sagemaker_ops.tabular.spark.facts import TRAIN, Column
from sagemaker_ops.tabular.spark.inputs import quoted
from sagemaker_ops.tabular.spark.kinds import Kind
from sagemaker_ops.tabular.spark.workers import GROUP, PLACE, ROW
from sagemaker_ops.tabular.splits import EXCLUDED, PARTS, Options
from sagemaker_ops.tabular.summary import HISTOGRAM_BINS, KINDS, plain

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
NAMES = ("min", "25%", "50%", "75%", "max")


def describe(rows: Checked, options: Options) -> tuple[Schema, dict[str, Any], list[Any]]:
    """The schema, the content of summary.json, and the columns to write. StepError if a model cannot be trained."""
    columns = dict(rows.columns)
    columns[options.target] = columns[options.target].labelled(options.problem)
    target = columns[options.target]
    raise_any(findings.part_findings(columns, target.rows, options))
    features, left_out = _features(rows.names, columns, options.not_features)
    if not features:
        reasons = "; ".join(f"'{column.name}': {column.reason}" for column in left_out)
        raise StepError(f"no column is left to predict from ({reasons})")
    classes, naive = _naive(rows, target, options)
    texts = [columns[feature.name] for feature in features if feature.kind == "categorical"]
    words = tuple(text for text in MISSING if any(_contains(rows, column, text) for column in texts))
    described = options.target, options.problem, tuple(features), classes, naive, tuple(left_out)
    schema = Schema(*described, options.weight, options.id, words, options.notation, options.groups)
    warnings = [
        *rows.warnings,
        *(f"Column '{each.name}' is left out: {each.reason}." for each in left_out if each.name not in options.aside),
        *_leaks(rows, columns, schema, options),
        *findings.part_warnings(columns, options),
    ]
    summary = _summary(rows, columns, schema, warnings) | {"split": splits.described(options, rows.names)}
    written = dict.fromkeys([*schema.names, options.target, *options.aside, *options.groups])
    return schema, summary, [_written(columns[name], rows) for name in written]


def _features(
    names: list[str], columns: dict[str, Column], aside: dict[str, str]
) -> tuple[list[Feature], list[LeftOut]]:
    """As summary.choose_features."""
    features, left_out = [], []
    for name in names:
        reason = aside[name] if name in aside else columns[name].unusable() or columns[name].identifier()
        if reason:
            left_out.append(LeftOut(name, reason))
        elif name not in aside:
            features.append(Feature(name, KINDS[columns[name].type]))
    return features, left_out


def _naive(rows: Checked, target: Column, options: Options) -> tuple[tuple[Any, ...], tuple[float, ...]]:
    """As preparation.naive_answer."""
    if options.problem == "regression":
        if not options.weight:
            return (), (target.counts.moments[TRAIN].mean,)
        weight, name = f"`{GROUP}` = {TRAIN}", quoted(target.name)
        largest = float(rows.columns[options.weight].counts.high)
        own = f"({quoted(options.weight)} / {largest!r}D)"
        one = rows.frame.where(weight).selectExpr(f"sum({own} * {name})", f"sum({own})").first()
        return (), (float(one[0] / one[1]),)
    counts = target.values(TRAIN).sort_index()
    if options.weight:
        largest = float(rows.columns[options.weight].counts.high)
        summed = rows.frame.where(f"`{GROUP}` = {TRAIN}").groupBy(quoted(target.name))
        sums = summed.agg({options.weight: "sum"}).collect()
        raw = replaced(rows.columns[target.name], target)
        counts = pd.Series({raw[key(row[0])]: float(row[1]) / largest for row in sums}).sort_index()
    return tuple(plain(label) for label in counts.index), tuple((counts / counts.sum()).tolist())


def key(value: Any) -> Any:
    return np.datetime64(value, "ns") if hasattr(value, "year") else value


def replaced(before: Column, after: Column) -> dict[Any, Any]:
    """{value of the target: its label}."""
    return dict(zip(before.counts.values or [], after.counts.values or [], strict=True))


def _contains(rows: Checked, column: Column, text: str) -> bool:
    if not column.many:
        return text in (column.counts.values or [])
    from pyspark.sql import functions as f

    return bool(rows.frame.where(f.col(quoted(column.name)) == text).limit(1).count())


def _leaks(rows: Checked, columns: dict[str, Column], schema: Schema, options: Options) -> list[str]:
    """The columns that leak the target, judged by the same rows as on one machine: some of train, in order."""
    from pyspark.sql import functions as f

    starts, number = {}, 0
    for place, own in rows.places:
        starts[place] = number
        number += int(own[TRAIN])
    step = -(-number // LEAK_ROWS)
    sampled = rows.frame.where(f"`{GROUP}` = {TRAIN}")
    if step > 1:
        pieces = rows.spark.createDataFrame(list(starts.items()), f"`{PLACE}` bigint, `__begin` bigint")
        sampled = sampled.join(f.broadcast(pieces), PLACE).where((f.col("__begin") + f.col(ROW)) % step == 0)
    names = [*schema.names, schema.target]
    found = sampled.select(*map(quoted, names), PLACE, ROW)._collect_as_arrow()
    if not found:
        return []
    table = pa.Table.from_batches(found).sort_by([(PLACE, "ascending"), (ROW, "ascending")])
    sample = {
        name: from_arrow(table.column(at).combine_chunks(), rows.layout.kept[name]) for at, name in enumerate(names)
    }
    target = sample[schema.target]
    labels = replaced(rows.columns[schema.target], columns[schema.target])
    sample[schema.target] = target.astype(float) if schema.problem == "regression" else target.map(labels)
    return leak_warnings(pd.DataFrame(sample, copy=False), np.arange(table.num_rows), schema)


def _summary(rows: Checked, columns: dict[str, Column], schema: Schema, warnings: list[str]) -> dict[str, Any]:
    """As preparation's summary.json."""
    kinds = {feature.name: feature.kind for feature in schema.features} | {schema.target: "target"}
    reasons = {column.name: column.reason for column in schema.left_out}
    target = columns[schema.target]
    numbers = _numbers(rows, target) if schema.problem == "regression" else _classes(target)
    return {
        "rows": target.usable,
        "columns": [
            ({"name": name} if reasons.get(name) == EXCLUDED else columns[name].describe())
            | ({"role": kinds[name]} if name in kinds else {"role": "left out", "reason": reasons[name]})
            for name in rows.names
        ],
        "target": {"name": schema.target, "problem": schema.problem} | next(numbers),
        "parts": {
            name: {"rows": int(target.rows[at]), "target": next(numbers)} for at, name in enumerate(PARTS, start=1)
        },
        "warnings": warnings,
    }


def _classes(target: Column) -> Iterator[dict[str, Any]]:
    """The distribution of a target of classes in all usable rows, and in each part."""
    for group in (USABLE, 1, 2, 3):
        counts = target.values(group).sort_index()
        yield {"classes": [{"value": plain(value), "rows": int(number)} for value, number in counts.items()]}


def _numbers(rows: Checked, target: Column) -> Iterator[dict[str, Any]]:
    """The same of a target of numbers."""
    many = _many_numbers(rows, target) if target.many else {}
    for group in (USABLE, 1, 2, 3):
        moments = target.counts.moments[group] if isinstance(group, int) else target.moments
        if target.many:
            quantiles, counts = many[_groups(group)]
        else:
            values = target.values(group)
            numbers = np.repeat(np.array(values.index, dtype=float), values.to_numpy())
            quantiles, counts = np.quantile(numbers, SHARES).tolist(), np.histogram(numbers, HISTOGRAM_BINS)[0]
        edges = np.histogram_bin_edges(np.array([quantiles[0], quantiles[-1]]), HISTOGRAM_BINS)
        yield {
            "mean": moments.mean,
            "standard_deviation": moments.deviation,
            "quantiles": dict(zip(NAMES, quantiles, strict=True)),
            "histogram": {"edges": edges.tolist(), "rows": counts.tolist()},
        }


def _many_numbers(rows: Checked, target: Column) -> dict[order.Groups, tuple[list[float], Any]]:
    """The quantiles and the histogram of all usable rows, and of each part."""
    every = [_groups(group) for group in (USABLE, 1, 2, 3)]
    around = {groups: order.places(SHARES, int(target.rows[list(groups)].sum())) for groups in every}
    ranks = list(dict.fromkeys((g, rank) for g in every for low, high, _ in around[g] for rank in (low, high)))
    frame = rows.frame.where(f"`{GROUP}` > 0").selectExpr(f"cast({quoted(target.name)} as double) as value", GROUP)
    ends = float(target.counts.low), float(target.counts.high)
    values, histograms = order.at_ranks(frame, "value", ranks, *ends, also=HISTOGRAM_BINS)
    known = dict(zip(ranks, values, strict=True))
    return {
        g: (
            [order.between(known[g, low], known[g, high], part) for low, high, part in around[g]],
            histograms[g].rows,
        )
        for g in every
    }


def _groups(group: slice | int) -> order.Groups:
    return (group,) if isinstance(group, int) else (1, 2, 3)


def _written(column: Column, rows: Checked) -> Any:
    """A column as it is written: the target in its final type, whole numbers in few bytes."""
    from pyspark.sql import functions as f

    there, kind = f.col(quoted(column.name)), rows.layout.kept[column.name]
    if column.is_label and kind == "date":
        there = f.regexp_replace(there.cast("string"), " 00:00:00$", "")
    elif column.is_label and column.type in ("integer", "number"):
        there = there.cast("bigint" if column.type == "integer" else "double")
    elif column.type == "integer" and column.counts.lowest is not None:
        low, high = column.counts.lowest, column.counts.highest
        fits = [k for k, bits in (("tinyint", 7), ("smallint", 15), ("int", 31)) if -(2**bits) <= low <= high < 2**bits]
        there = there.cast(fits[0] if fits else "bigint")
    elif column.name == rows.layout.options.target and column.type == "number":
        there = there.cast("double")
    elif column.name in rows.layout.kinds and _is_single(rows.layout.kinds[column.name]):
        there = there.cast("float")
    return there.alias(column.name)


def _is_single(kind: Kind) -> bool:
    """Whether single precision stores its numbers exactly."""
    return kind.type == "number" and kind.single and not (kind.kept or kind.text)


def print_summary(summary: dict[str, Any], schema: Schema) -> None:
    for warning in summary["warnings"]:
        print(f"warning: {warning}")
    sizes = ", ".join(f"{name} {part['rows']:,}" for name, part in summary["parts"].items())
    print(f"{summary['rows']:,} rows: {sizes}; {len(schema.features)} features, target '{schema.target}'")
