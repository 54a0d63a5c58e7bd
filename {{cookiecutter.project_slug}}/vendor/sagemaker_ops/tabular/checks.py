"""Everything that can be wrong with the options and the table of processing: one sentence each, reported together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular import group_columns
from sagemaker_ops.tabular.dates import YEARS
from sagemaker_ops.tabular.errors import StepError, did_you_mean, listed, percent, short
from sagemaker_ops.tabular.hashing import row_hash
from sagemaker_ops.tabular.headers import is_index
from sagemaker_ops.tabular.schema import Problem
from sagemaker_ops.tabular.splits import PARTS, Options, Split, times
from sagemaker_ops.tabular.summary import distinct, identifier, is_unique_integer, pick, type_of

FEWEST_ROWS = 50
MOST_CLASSES = 100  # each class costs one tree per boosting iteration
LARGEST = 1e300  # many numbers up to this one can still be added
LARGEST_TARGET = 1e30  # because boosting keeps gradients in single precision, and metrics square them
SMALLEST_SPREAD = 1e-30  # of a target, for the same reason
SMALLEST_WEIGHT = 1e-15  # of the largest one: a sum has only this many digits


def option_findings(options: Options) -> list[str]:
    """What is wrong with the options, whatever the table contains."""
    findings = []
    shares = {"--test-share": options.test_share, "--validation-share": options.validation_share}
    findings += [
        f"{name} is {share:g}; it must be between 0 and 1" for name, share in shares.items() if not 0 < share < 1
    ]
    if not findings and sum(shares.values()) >= 1:
        findings.append(
            f"--test-share and --validation-share add up to {sum(shares.values()):g}; leave some rows for train"
        )
    if options.split != "random" and not options.split_column:
        findings.append(f"--split {options.split} needs --split-column, the column to split by")
    if options.target in options.exclude:
        findings.append(f"'{options.target}' is the target and cannot be excluded")
    if options.weight and options.weight == options.id:
        findings.append(f"'{options.id}' cannot be both the weight and the id; use another column")
    return findings


def table_findings(table: pd.DataFrame, options: Options) -> list[str]:
    """What is wrong with the table for this target and split."""
    findings = aside_findings(table, options)
    groups = group_columns.table_findings(table, options)
    if options.target in table:
        rows = (
            table[options.target] if findings else pick(table[options.target], np.flatnonzero(counted(table, options)))
        )
        findings += target_findings(rows, len(table), options.problem)
    findings += name_findings(list(table.columns), options)
    if options.split != "random" and options.split_column:
        findings += split_findings(table, options.split, options.split_column, options.target)
    limits = dict.fromkeys(table.columns, LARGEST)
    if options.problem == "regression":
        limits[options.target] = LARGEST_TARGET
    findings += [large(table[name], limits[name]) for name in table.columns if name not in options.exclude]
    return [finding for finding in [*findings, *groups] if finding]


def name_findings(names: list[str], options: Options) -> list[str]:
    """Whether the target and the excluded columns are in a table with these columns."""
    findings = []
    if options.target not in names:
        hint = did_you_mean(options.target, names) or f" The columns are {listed(names)}."
        findings.append(f"target '{options.target}' is not a column.{hint}")
    return findings + [
        f"excluded column '{name}' is not in the table.{did_you_mean(name, names)}"
        for name in options.exclude
        if name not in names and not is_index(name)
    ]


def counted(table: pd.DataFrame, options: Options) -> npt.NDArray[np.bool_]:
    """Which rows can be used: they have a target, and their weight is not 0."""
    known = table[options.target].notna()
    return np.asarray(known & (table[options.weight] > 0) if options.weight else known)


def large(column: pd.Series, limit: float) -> str:
    """The finding if `column` contains numbers beyond `limit`, or an empty string."""
    if column.dtype.kind != "f" or float(np.finfo(column.dtype).max) < limit:
        return ""
    if not max(column.max(), -column.min()) > limit:
        return ""
    wrong = (column.abs() > limit).to_numpy()
    return too_large(str(column.name), column[wrong].iloc[0], int(wrong.sum()), len(wrong), limit)


def too_large(name: str, example: float, number: int, rows: int, limit: float) -> str:
    return (
        f"column '{name}' contains numbers such as {example:g} in {of(number, rows)}, "
        f"too large to compute with (beyond {limit:g}); scale them, or leave them empty if they mean no value"
    )


def aside_findings(table: pd.DataFrame, options: Options) -> list[str]:
    """What is wrong with the columns that are kept in addition to the features."""
    findings = []
    for name, role in ((options.weight, "weight"), (options.id, "id")):
        if name is None:
            continue
        if name not in table:
            findings.append(f"{role} column '{name}' is not in the table.{did_you_mean(name, table.columns)}")
        elif name == options.target:
            findings.append(f"'{name}' is the target and cannot also be the {role}")
        elif role == "id" and table[name].hasnans:
            findings.append(f"id column '{name}' is missing in {of(table[name].isna().sum(), len(table))}; fill it")
        elif role == "weight":
            findings += weight_findings(table[name])
    return findings


def weight_findings(weight: pd.Series) -> list[str]:
    """What is wrong with the weights."""
    numeric = pd.api.types.is_numeric_dtype(weight) and not pd.api.types.is_bool_dtype(weight)
    wrong = (~(weight >= 0)).to_numpy() if numeric else np.ones(len(weight), dtype=bool)
    if wrong.any():
        return [
            f"weight column '{weight.name}' is not a number of 0 or more in {of(int(wrong.sum()), len(wrong))}, "
            f"such as '{short(weight[wrong].iloc[0])}'; fill it, or drop these rows"
        ]
    low, high = weight[weight > 0].min(), weight.max()
    if not high > 0:
        return [f"weight column '{weight.name}' is 0 in every row; give some rows a larger weight"]
    far = f"weight column '{weight.name}' has weights from {low:g} to {high:g}, too far apart to add; correct them"
    return [far] if low / high < SMALLEST_WEIGHT else []


def target_findings(target: pd.Series, given: int, problem: Problem) -> list[str]:
    """What is wrong with the target in the usable rows, out of `given` rows; rows without a target are ignored."""
    name, known = target.name, target.dropna() if target.hasnans else target
    if len(known) < FEWEST_ROWS:
        have = f"{of(len(known), given)} {'has' if len(known) == 1 else 'have'}"
        return [f"{have} a usable '{name}'; at least {FEWEST_ROWS} are needed to train and test a model"]
    number = distinct(known)
    if number == 1:
        return [f"target '{name}' is '{short(known.iloc[0])}' in every row; there is nothing to learn"]
    numeric = pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known)
    if problem == "regression":
        if not numeric:
            return [f"target '{name}' contains '{short(known.iloc[0])}', not numbers; use --problem classification"]
        spread = float(known.max()) - float(known.min())
        small = f"target '{name}' varies by at most {spread:g}, too little to compute with; multiply it"
        return [small] if spread < SMALLEST_SPREAD else []
    rows = known.value_counts()
    single = sorted(rows[rows == 1].index, key=str)
    if number > MOST_CLASSES or (single and numeric and (known % 1 != 0).any()):
        return [
            f"target '{name}' has {number:,} different values such as '{short(known.iloc[0])}', "
            f"which cannot be classes (at most {MOST_CLASSES}, with two or more rows); use --problem regression"
        ]
    if single:
        which = f"class {listed(single)}" if len(single) == 1 else f"each of the {len(single)} classes {listed(single)}"
        share = percent(len(single) / len(known))
        return [f"{which} of target '{name}' has only one row ({share}); add rows, or drop or merge the class"]
    return []


def split_findings(table: pd.DataFrame, split: Split, column: str, target: str) -> list[str]:
    """What is wrong with the column to split by."""
    if column not in table:
        return [f"split column '{column}' is not in the table.{did_you_mean(column, table.columns)}"]
    if column == target:
        return [f"'{column}' is the target; split by another column"]
    missing = table[column].isna().sum()
    if missing:
        return [f"split column '{column}' is missing in {of(missing, len(table))}; fill it, or drop these rows"]
    if split == "time":
        try:
            times(table[column])
        except StepError as error:
            return list(error.findings)
    return []


def infinity_warnings(table: pd.DataFrame, endless: Mapping[str, int], options: Options) -> list[str]:
    """Which values are treated as missing; `endless` has their number by column."""
    kinds = {name: type_of(table[name]) for name in endless}
    return [
        infinity_warning(name, kinds[name], count, len(table))
        for name, count in endless.items()
        if name not in options.exclude
    ]


def infinity_warning(name: str, kind: str, count: int, rows: int) -> str:
    what = {"number": "infinite numbers", "date": f"dates before {YEARS[0]} or after {YEARS[1]}"}
    return f"Column '{name}' contains {what[kind]} in {of(count, rows)}, treated as missing."


def lost_warnings(table: pd.DataFrame, options: Options) -> list[str]:
    """Which rows are dropped."""
    without = table[options.target].isna().to_numpy()
    light = ~without & ~counted(table, options)
    return dropped_warnings(int(without.sum()), int(light.sum()), len(table), options)


def dropped_warnings(without: int, light: int, rows: int, options: Options) -> list[str]:
    """The same for so many rows without a target, and with a weight of 0."""
    warnings = [f"{of(without, rows)} without a '{options.target}' were dropped."] * bool(without)
    warnings += [f"{of(light, rows)} whose '{options.weight}' is 0 were dropped."] * bool(light)
    return warnings


def table_warnings(rows: pd.DataFrame, hashes: npt.NDArray[np.uint64], options: Options) -> list[str]:
    """What is unusual, but not wrong, about the usable rows."""
    used = [name for name in rows.columns if name not in options.exclude]
    aside = {options.target, options.split_column, *options.aside}
    warnings = [
        unique_warning(name)
        for name in used
        if name not in aside and is_unique_integer(rows[name]) and not identifier(rows[name])
    ]
    if not options.whole_row:
        hashes = row_hash(rows, [name for name in used if name != options.id])
    ordered = np.sort(hashes)
    copies = int((ordered[1:] == ordered[:-1]).sum())
    return warnings + copies_warnings(copies, len(rows), options)


def unique_warning(name: str) -> str:
    return f"Column '{name}' has a different whole number in every row; if it is an identifier, exclude it."


def copies_warnings(copies: int, rows: int, options: Options) -> list[str]:
    """That there are so many duplicates."""
    where = "they stay in the same part" if options.whole_row else "they may be in different parts"
    return [f"{of(copies, rows)} are duplicates of others; {where}."] * bool(copies)


def of(rows: int, total: int) -> str:
    """`10 rows (0.5 %)`."""
    return f"{rows:,} row{'' if rows == 1 else 's'} ({percent(rows / max(total, 1))})"


def part_findings(rows: pd.DataFrame, part: npt.NDArray[np.int8], options: Options) -> list[str]:
    """What is wrong with the parts after the split: a part without rows, or without a class that other parts have."""
    few = f"'{options.split_column}' has too few distinct values"
    by = few if options.split != "random" else "the table is too small"
    empty = [name for number, name in enumerate(PARTS) if not (part == number).any()]
    if empty:
        return [f"the {options.split} split leaves {' and '.join(empty)} without rows: {by}, or a share is too small"]
    if options.problem == "regression":
        targets = {
            name: pick(rows[options.target], np.flatnonzero(part == PARTS.index(name))) for name in ("train", "test")
        }
        return [
            f"target '{options.target}' is {target.iloc[0]:g} in every row of {name} after the {options.split} split; "
            "add rows, or change the share"
            for name, target in targets.items()
            if target.max() - target.min() < SMALLEST_SPREAD
        ]
    labels_of = {
        name: set(pick(rows[options.target], np.flatnonzero(part == number)).unique())
        for number, name in enumerate(PARTS)
    }
    findings = [
        f"class '{short(label)}', {of((rows[options.target] == label).sum(), len(rows))}, "
        f"has no row in train after the {options.split} split; add rows, or drop or merge the class"
        for label in sorted(set().union(*labels_of.values()) - labels_of["train"], key=str)
    ]
    if len(labels_of["test"]) == 1:
        only = next(iter(labels_of["test"]))
        findings.append(
            f"test has only class '{short(only)}' after the {options.split} split; add rows or raise --test-share"
        )
    return findings
