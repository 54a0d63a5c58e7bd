"""What is wrong with a table on Spark. The sentences are those of one machine, about columns with the same values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular import checks, group_columns
from sagemaker_ops.tabular.checks import LARGEST, LARGEST_TARGET, MOST_CLASSES, SMALLEST_SPREAD, SMALLEST_WEIGHT
from sagemaker_ops.tabular.errors import percent, short
from sagemaker_ops.tabular.spark.columns import Wrong
from sagemaker_ops.tabular.spark.counts import USABLE
from sagemaker_ops.tabular.spark.facts import Column, expanded
from sagemaker_ops.tabular.splits import Options

NUMBERS = ("integer", "number")


def limits(kept: Mapping[str, str], options: Options) -> dict[str, float]:
    """{column: the largest number that can be computed with}, without excluded columns."""
    found = {name: LARGEST for name, kind in kept.items() if kind in NUMBERS and name not in options.exclude}
    if options.problem == "regression" and options.target in found:
        found[options.target] = LARGEST_TARGET
    return found


def not_of_type(wrong: Wrong, total: int) -> str:
    """The finding of a column with values of another type than schema.toml says, with the share of all rows."""
    start, middle, end = wrong.finding.rpartition(" of the rows, but schema.toml says ")
    return f"{start.rpartition(' in ')[0]} in {percent(wrong.rows / total)}{middle}{end}"


def table_findings(
    names: Sequence[str],
    columns: Mapping[str, Column],
    rows: npt.NDArray[np.int64],
    no_times: tuple[int, Any],
    options: Options,
) -> list[str]:
    """As checks.table_findings; no_times: how many values of the split column are no points in time, and one."""
    findings = _aside(names, columns, options)
    groups = _groups(names, columns, options)
    target = columns.get(options.target)
    if target is not None:
        findings += _target(target, bool(findings), rows, options)
    findings += checks.name_findings(list(names), options)
    findings += _split(names, columns, no_times, options)
    for name, column in columns.items():
        if name not in options.exclude and (far := column.counts.far).rows:
            limit = limits({name: column.type}, options)[name]
            findings.append(checks.too_large(name, far.example, far.rows, int(rows.sum()), limit))
    return [each for each in [*findings, *groups] if each]


def _stand_in(names: Sequence[str], columns: Mapping[str, Column], looked_at: Sequence[str | None]) -> pd.DataFrame:
    """A table with these columns, of which only those looked at have their values, each in an order of its own."""
    total = max((int(each.rows.sum()) for each in columns.values()), default=0)
    nothing = np.zeros(total, np.int8)
    made = {
        n: expanded(columns[n]) if n in looked_at and n in columns else pd.Series(nothing, copy=False) for n in names
    }
    return pd.DataFrame(made, copy=False)


def _aside(names: Sequence[str], columns: Mapping[str, Column], options: Options) -> list[str]:
    suspicious = False
    for name, role in ((options.weight, "weight"), (options.id, "id")):
        if name is None:
            continue
        column = columns.get(name)
        suspicious |= column is None or name == options.target or bool(column.missing_in_all)
        if column is not None and role == "weight":
            low, high, lowest = column.counts.low, column.counts.highest, column.counts.lowest
            suspicious |= column.type not in NUMBERS or lowest is None or lowest < 0 or not high > 0
            suspicious = suspicious or bool(low is None or low / high < SMALLEST_WEIGHT)
    if not suspicious:
        return []
    return checks.aside_findings(_stand_in(names, columns, [options.weight, options.id]), options)


def _groups(names: Sequence[str], columns: Mapping[str, Column], options: Options) -> list[str]:
    most = group_columns.MOST_TEXTS
    roles = (options.id, options.weight, options.target)
    suspicious = len(set(options.groups)) < len(options.groups) or any(
        name not in columns or name in roles or (columns[name].type == "text" and columns[name].distinct_in_all > most)
        for name in options.groups
    )
    return group_columns.table_findings(_stand_in(names, columns, options.groups), options) if suspicious else []


def _target(target: Column, whole: bool, rows: npt.NDArray[np.int64], options: Options) -> list[str]:
    number = target.distinct
    if options.problem == "regression":
        low, high = target.counts.low, target.counts.high
        fine = target.type in NUMBERS and number > 1 and float(high) - float(low) >= SMALLEST_SPREAD
    else:
        fine = 1 < number <= MOST_CLASSES and not target.many and not (target.values() == 1).any()
    if fine and target.known >= checks.FEWEST_ROWS and not whole:
        return []
    return checks.target_findings(expanded(target, slice(None) if whole else USABLE), int(rows.sum()), options.problem)


def _split(
    names: Sequence[str], columns: Mapping[str, Column], no_times: tuple[int, Any], options: Options
) -> list[str]:
    name = options.split_column
    if options.split == "random" or not name:
        return []
    column = columns.get(name)
    if column is not None and name != options.target and not column.missing_in_all:
        if not no_times[0]:
            return []
        share = percent(no_times[0] / int(column.rows.sum()))
        return [
            f"split column '{name}' has '{short(no_times[1])}' in {share} of the rows, "
            "which is not a point in time; use numbers or dates such as 2025-12-31"
        ]
    return checks.split_findings(_stand_in(names, columns, [name]), options.split, name, options.target)


def part_findings(columns: Mapping[str, Column], rows: npt.NDArray[np.int64], options: Options) -> list[str]:
    """As checks.part_findings and group_columns.part_findings."""
    target = columns[options.target]
    parts = [expanded_ends(target, group) for group in range(1, 4)]
    found = checks.part_findings(
        pd.DataFrame({options.target: pd.concat([part for part, _ in parts], ignore_index=True)}),
        np.repeat(np.arange(3, dtype=np.int8), [len(part) for part, _ in parts]),
        options,
    )
    if any("has no row in train" in each for each in found):  # with the rows of the class
        every = [expanded(target, slice(group, group + 1)) for group in range(1, 4)]
        numbers = np.repeat(np.arange(3, dtype=np.int8), [len(each) for each in every])
        found = checks.part_findings(
            pd.DataFrame({options.target: pd.concat(every, ignore_index=True)}), numbers, options
        )
    for name in options.groups:
        table, numbers = _by_part(columns[name])
        found += group_columns.part_findings(table, numbers, replace(options, groups=(name,))) if len(table) else []
    return found


def expanded_ends(column: Column, group: int) -> tuple[pd.Series, int]:
    """Each value of a part once; of too many numbers only the ends."""
    if column.many:
        values = [column.counts.low, column.counts.high][: int(column.rows[group])]
    else:
        values = list(column.values(group).index)
    return pd.Series(values, dtype=object if column.type in ("text", "boolean", "date") else float), group


def part_warnings(columns: Mapping[str, Column], options: Options) -> list[str]:
    """As group_columns.part_warnings."""
    found = []
    for name in options.groups:
        table, numbers = _by_part(columns[name])
        found += group_columns.part_warnings(table, numbers, replace(options, groups=(name,))) if len(table) else []
    return found


def _by_part(column: Column) -> tuple[pd.DataFrame, npt.NDArray[np.int8]]:
    """Each value of a column once for each part that has it, and its part; empty if there are too many."""
    if column.many:
        return pd.DataFrame(), np.zeros(0, np.int8)
    counts = (column.counts.counts > 0).astype(np.int64)
    rows = np.array([0, *(int(counts[:, g].sum()) for g in range(1, 4))])
    rows[1:] += (column.rows[1:] > column.counts.known[1:]).astype(np.int64)
    once = replace(column, counts=replace(column.counts, counts=counts), rows=rows)
    parts = [expanded(once, slice(group, group + 1)) for group in range(1, 4)]
    numbers = np.repeat(np.arange(3, dtype=np.int8), [len(part) for part in parts])
    return pd.DataFrame({column.name: pd.concat(parts, ignore_index=True)}), numbers
