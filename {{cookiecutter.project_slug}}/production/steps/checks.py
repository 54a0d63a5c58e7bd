"""What processing is asked to do, and everything that can be wrong with it: one sentence each, told together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from errors import StepError, did_you_mean, listed, percent
from schema import Problem, Schema
from splits import PARTS, Options, Split, row_hash, times
from summary import type_of

__all__ = ["Options"]

FEWEST_ROWS = 50
LEAK = 0.97  # of the target explained by one column alone
LEAK_ROWS = 50_000  # enough to see one
MOST_CLASSES = 100  # each class costs one tree per boosting iteration


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
    findings += aside_findings(table, options)
    if options.split != "random" and options.split_column:
        findings += split_findings(table, options.split, options.split_column, options.target)
    return findings


def aside_findings(table: pd.DataFrame, options: Options) -> list[str]:
    """What is wrong with the columns that are kept beside the features."""
    findings = []
    for name, role in options.aside.items():
        if name not in table:
            findings.append(f"{role} column '{name}' is not in the table.{did_you_mean(name, table.columns)}")
        elif name == options.target:
            findings.append(f"'{name}' is the target and cannot be the {role} too")
        elif role == "id" and table[name].hasnans:
            findings.append(
                f"id column '{name}' is missing in {of(int(table[name].isna().sum()), len(table))}; fill it"
            )
        elif role == "weight":
            weight = table[name]
            numeric = pd.api.types.is_numeric_dtype(weight) and not pd.api.types.is_bool_dtype(weight)
            wrong = int((~(weight >= 0)).sum()) if numeric else len(weight)
            if wrong:
                findings.append(f"weight column '{name}' holds no number of 0 or more in {wrong:,} rows")
            elif not weight.sum() > 0:
                findings.append(f"weight column '{name}' is 0 in every row")
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


def table_warnings(
    given: int, endless: Mapping[str, int], rows: pd.DataFrame, hashes: npt.NDArray[np.uint64], options: Options
) -> list[str]:
    """What is odd, without being wrong, about a table of `given` rows, of which `rows` have a target.

    `endless` counts infinite numbers by column, which are missing from tidy rows.
    """
    target, lost = options.target, given - len(rows)
    warnings = [f"{of(lost, given)} without a '{target}' were dropped."] if lost else []
    used = [name for name in rows.columns if name not in options.exclude]
    warnings += [
        f"Column '{name}' holds infinite numbers in {of(endless[name], given)}; they count as missing."
        for name in used
        if name in endless
    ]
    warnings += [
        f"Column '{name}' has another whole number in every row; if it is an identifier, exclude it."
        for name in used
        if name != target and name not in options.aside and type_of(rows[name]) == "integer" and rows[name].is_unique
    ]
    whole_row = options.split == "random" and not options.id
    if not whole_row:
        hashes = row_hash(rows, [name for name in used if name != options.id])
    ordered = np.sort(hashes)
    copies = int((ordered[1:] == ordered[:-1]).sum())
    if copies:
        where = "they stay in the same part" if whole_row else "they may lie in different parts"
        warnings.append(f"{of(copies, len(rows))} are copies of others; {where}.")
    return warnings


def of(rows: int, total: int) -> str:
    """`10 rows (0.5 %)`."""
    return f"{rows:,} rows ({percent(rows / total)})"


def leak_warnings(table: pd.DataFrame, train: npt.NDArray[np.intp], schema: Schema) -> list[str]:
    """The columns that give the answer away: each alone predicts the target almost perfectly."""
    rows = table.take(train[:: -(-len(train) // LEAK_ROWS)])
    truth = schema.truth(rows)
    answers = truth[:, None] if schema.problem == "regression" else np.eye(len(schema.classes))[truth]
    explained = {name: _explained(_groups(rows[name]), answers) for name in schema.names}
    return [
        f"Column '{name}' alone explains {100 * share:.1f} % of '{schema.target}'; if it is known only afterwards, "
        f'write exclude = ["{name}"].'
        for name, share in explained.items()
        if share >= LEAK
    ]


def _groups(column: pd.Series) -> npt.NDArray[np.intp]:
    """A group for each row: its category, or one of 100 ranges of numbers; missing is a group too."""
    if type_of(column) in ("boolean", "text"):
        return np.asarray(pd.factorize(column, use_na_sentinel=False)[0])
    numbers = column.astype("int64").astype(float) if type_of(column) == "date" else column.astype(float)
    cuts = np.unique(numbers.quantile(np.linspace(0, 1, 101)[1:-1]).dropna())
    return np.where(numbers.isna(), len(cuts) + 1, np.searchsorted(cuts, numbers))


def _explained(groups: npt.NDArray[np.intp], answers: npt.NDArray[np.float64]) -> float:
    """The share of the variance of `answers` in every second row that the means of the groups in the others explain."""
    learn, check = slice(0, None, 2), slice(1, None, 2)
    mean = answers[learn].mean(axis=0)
    rows = np.bincount(groups[learn], minlength=groups.max() + 1)
    sums = np.stack([np.bincount(groups[learn], one, len(rows)) for one in (answers[learn] - mean).T], axis=1)
    predicted = mean + (sums / np.maximum(rows, 1)[:, None])[groups[check]]
    variance = ((answers[check] - answers[check].mean(axis=0)) ** 2).sum()
    return float(1 - ((answers[check] - predicted) ** 2).sum() / variance) if variance else 0.0


def part_findings(rows: pd.DataFrame, part: npt.NDArray[np.int8], options: Options) -> list[str]:
    """What is wrong with the parts once split: a part without rows, or without a class that others hold."""
    few = f"'{options.split_column}' has too few distinct values"
    by = few if options.split != "random" else "the table is too small"
    empty = [name for number, name in enumerate(PARTS) if not (part == number).any()]
    if empty:
        return [f"the {options.split} split leaves {' and '.join(empty)} without rows: {by}, or a share is too small"]
    if options.problem == "regression":
        return []
    labels_of = {name: set(rows.loc[part == number, options.target].unique()) for number, name in enumerate(PARTS)}
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
