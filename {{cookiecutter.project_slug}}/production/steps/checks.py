"""What processing is asked to do, and everything that can be wrong with it: one sentence each, told together."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from errors import StepError, did_you_mean, listed
from schema import Problem
from splits import PARTS, Split, times

FEWEST_ROWS = 50
MOST_CLASSES = 100  # each class costs one tree per boosting iteration


@dataclass(frozen=True)
class Options:
    """What to predict from which columns, and how to split the rows."""

    target: str
    problem: Problem
    exclude: tuple[str, ...] = ()
    split: Split = "random"
    split_column: str | None = None
    test_share: float = 0.2
    validation_share: float = 0.2


def option_findings(options: Options) -> list[str]:
    """What is wrong with the options, whatever the table holds."""
    findings = []
    shares = {"--test-share": options.test_share, "--validation-share": options.validation_share}
    findings += [
        f"{name} is {share:g}; it must lie between 0 and 1" for name, share in shares.items() if not 0 < share < 1
    ]
    if not findings and sum(shares.values()) >= 1:
        findings.append(
            f"--test-share and --validation-share add up to {sum(shares.values()):g}; leave some rows for train"
        )
    if options.split != "random" and not options.split_column:
        findings.append(f"--split {options.split} needs --split-column, the column to split by")
    if options.target in options.exclude:
        findings.append(f"'{options.target}' is the target and cannot be excluded")
    return findings


def table_findings(table: pd.DataFrame, options: Options) -> list[str]:
    """What is wrong with the table for this target and this split."""
    findings = []
    if options.target in table:
        findings += target_findings(table[options.target], options.problem)
    else:
        hint = did_you_mean(options.target, table.columns) or f" The columns are {listed(list(table.columns))}."
        findings.append(f"target '{options.target}' is not a column.{hint}")
    findings += [
        f"excluded column '{name}' is not in the table.{did_you_mean(name, table.columns)}"
        for name in options.exclude
        if name not in table
    ]
    if options.split != "random" and options.split_column:
        findings += split_findings(table, options.split, options.split_column, options.target)
    return findings


def target_findings(target: pd.Series, problem: Problem) -> list[str]:
    """What is wrong with the target; rows where it is missing do not count."""
    name, known = target.name, target.dropna()
    distinct = known.nunique()
    if len(known) < FEWEST_ROWS:
        return [f"{len(known)} rows have a '{name}'; at least {FEWEST_ROWS} are needed to train and test a model"]
    if distinct == 1:
        return [f"target '{name}' is '{known.iloc[0]}' in every row; there is nothing to learn"]
    numeric = pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known)
    if problem == "regression":
        example = known.iloc[0]
        return [] if numeric else [f"target '{name}' holds '{example}', not numbers; use --problem classification"]
    if distinct > MOST_CLASSES or (numeric and (known % 1 != 0).any()):
        return [
            f"target '{name}' has {distinct:,} different values such as '{known.iloc[0]}', "
            f"which are no classes (at most {MOST_CLASSES}); use --problem regression"
        ]
    rows = known.value_counts()
    return [
        f"class '{label}' of target '{name}' has a single row; add rows, or drop or merge the class"
        for label in sorted(rows[rows == 1].index, key=str)
    ]


def split_findings(table: pd.DataFrame, split: Split, column: str, target: str) -> list[str]:
    """What is wrong with the column to split by."""
    if column not in table:
        return [f"split column '{column}' is not in the table.{did_you_mean(column, table.columns)}"]
    if column == target:
        return [f"'{column}' is the target; split by another column"]
    missing = int(table[column].isna().sum())
    if missing:
        return [f"split column '{column}' is missing in {missing:,} rows; fill it or drop them"]
    if split == "time":
        try:
            times(table[column])
        except StepError as error:
            return list(error.findings)
    return []


def part_findings(parts: dict[str, pd.DataFrame], options: Options) -> list[str]:
    """What is wrong with the parts once split: a part without rows, or without a class that others hold."""
    few = f"'{options.split_column}' has too few distinct values"
    by = few if options.split != "random" else "the table is too small"
    empty = [name for name in PARTS if parts[name].empty]
    if empty:
        return [f"the {options.split} split leaves {' and '.join(empty)} without rows: {by}, or a share is too small"]
    if options.problem == "regression":
        return []
    labels_of = {name: set(part[options.target]) for name, part in parts.items()}
    findings = [
        f"class '{label}' has no row in train after the {options.split} split; add rows, or drop or merge the class"
        for label in sorted(set().union(*labels_of.values()) - labels_of["train"], key=str)
    ]
    if len(labels_of["test"]) == 1:
        only = next(iter(labels_of["test"]))
        findings.append(
            f"test holds class '{only}' alone after the {options.split} split; add rows or raise --test-share"
        )
    return findings
