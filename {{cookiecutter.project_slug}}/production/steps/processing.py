"""Step 1: check the table, split it, and say what is in it.

Reads CSV or Parquet; writes train, validation and test as Parquet, and summary.json and schema.json about them.
Everything that is wrong with the table is found before any work, and told at once.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pandas as pd
from errors import StepError, did_you_mean, exit_code, listed
from schema import Problem, Schema
from splits import PARTS, SPLITS, Split, split_table, times
from summary import choose_features, describe, describe_target, plain, type_of
from tables import read_table, tidy, write_table

PROBLEMS: tuple[Problem, ...] = get_args(Problem)
FEWEST_ROWS = 50
MOST_CLASSES = 100  # each class costs one tree per boosting iteration
MESSAGE_FILE = "/opt/ml/output/message"


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


@dataclass(frozen=True)
class Prepared:
    """What processing hands on."""

    parts: dict[str, pd.DataFrame]
    schema: Schema
    summary: dict[str, Any]


def prepare(table: pd.DataFrame, options: Options) -> Prepared:
    """Check and split a table. Raises StepError with every finding."""
    table = tidy(table)
    raise_any(option_findings(options) + table_findings(table, options))
    warnings = []
    rows = table[table[options.target].notna()]
    if len(rows) < len(table):
        warnings.append(f"{len(table) - len(rows):,} rows without a '{options.target}' were dropped.")
    rows = rows.assign(**{options.target: labels(rows[options.target], options.problem)})
    warnings += [
        f"Column '{name}' has another whole number in every row; if it is an identifier, exclude it."
        for name in rows.columns.difference([options.target, *options.exclude], sort=False)
        if type_of(rows[name]) == "integer" and rows[name].is_unique
    ]
    copies = int(rows.duplicated().sum())
    if copies:
        warnings.append(f"{copies:,} rows are copies of others; they stay in the same part.")

    aside = dict.fromkeys(options.exclude, "excluded")
    if options.split != "random" and options.split_column is not None:
        aside[options.split_column] = f"the rows are split by it ({options.split})"
    features, left_out = choose_features(rows.drop(columns=options.target), aside)
    warnings += [f"Column '{column.name}' is left out: {column.reason}." for column in left_out]
    if not features:
        raise StepError("no column is left to predict from; " + " ".join(warnings))

    parts = split_table(rows, options.split, options.split_column, options.validation_share, options.test_share)
    raise_any(part_findings(parts, options))
    target = parts["train"][options.target]
    if options.problem == "classification":
        shares = target.value_counts(normalize=True).sort_index()
        classes, naive = tuple(plain(label) for label in shares.index), tuple(shares.tolist())
    else:
        classes, naive = (), (float(target.mean()),)
    schema = Schema(options.target, options.problem, tuple(features), classes, naive, tuple(left_out))
    columns = [*schema.names, options.target]
    return Prepared(
        {name: part[columns] for name, part in parts.items()}, schema, summarise(rows, parts, schema, warnings)
    )


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
    by = f"'{options.split_column}' has too few distinct values" if options.split_column else "the table is too small"
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


def labels(target: pd.Series, problem: Problem) -> pd.Series:
    """The target without missing values, in its final type: float64, or bool, int64 or text for classes."""
    if problem == "regression":
        return target.astype(float)
    if pd.api.types.is_bool_dtype(target):
        return target.astype(bool)
    return target.astype("int64") if pd.api.types.is_numeric_dtype(target) else target


def summarise(
    rows: pd.DataFrame, parts: dict[str, pd.DataFrame], schema: Schema, warnings: list[str]
) -> dict[str, Any]:
    """What summary.json says."""
    kinds = {feature.name: feature.kind for feature in schema.features} | {schema.target: "target"}
    reasons = {column.name: column.reason for column in schema.left_out}
    return {
        "rows": len(rows),
        "columns": [
            describe(rows[name])
            | ({"role": kinds[name]} if name in kinds else {"role": "left out", "reason": reasons[name]})
            for name in rows.columns
        ],
        "target": {"name": schema.target, "problem": schema.problem}
        | describe_target(rows[schema.target], schema.problem),
        "parts": {
            name: {"rows": len(part), "target": describe_target(part[schema.target], schema.problem)}
            for name, part in parts.items()
        },
        "warnings": warnings,
    }


def raise_any(findings: list[str]) -> None:
    if findings:
        raise StepError(*findings)


def process(input_dir: Path, folders: dict[str, Path], summary_dir: Path, options: Options) -> None:
    """Read the table in `input_dir`, and write each part to its folder and the summary and schema to `summary_dir`."""
    try:
        table = read_table(input_dir)
    except StepError as error:
        raise StepError(*option_findings(options), *error.findings) from None
    prepared = prepare(table, options)
    for name, part in prepared.parts.items():
        write_table(part, folders[name])
    prepared.schema.save(summary_dir)
    text = json.dumps(prepared.summary, indent=2, allow_nan=False, ensure_ascii=False)
    (summary_dir / "summary.json").write_text(text + "\n", encoding="utf-8")
    for warning in prepared.summary["warnings"]:
        print(f"warning: {warning}")
    sizes = ", ".join(f"{name} {len(part):,}" for name, part in prepared.parts.items())
    print(f"{len(table):,} rows: {sizes}; {len(prepared.schema.features)} features, target '{options.target}'")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    folders = parser.add_argument_group("folders")
    for name, default, what in (
        ("--input-dir", "/opt/ml/processing/input/data", "CSV or Parquet files of one table, or one file"),
        ("--train-dir", "/opt/ml/processing/train", "rows to fit the model"),
        ("--validation-dir", "/opt/ml/processing/validation", "rows to choose hyperparameters by"),
        ("--test-dir", "/opt/ml/processing/test", "rows to evaluate the model"),
        ("--summary-dir", "/opt/ml/processing/summary", "summary.json and schema.json"),
    ):
        folders.add_argument(name, type=Path, metavar="DIR", default=default, help=f"{what} (default: {default})")
    model = parser.add_argument_group("what to predict")
    model.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    model.add_argument("--problem", required=True, choices=PROBLEMS, help="classes or numbers")
    model.add_argument(
        "--exclude", action="append", default=[], metavar="COLUMN", help="a column to leave out; may be given again"
    )
    split = parser.add_argument_group("how to split")
    split.add_argument("--split", choices=SPLITS, default=Options.split, help="(default: %(default)s)")
    split.add_argument("--split-column", metavar="COLUMN", help="the group, or the time, of --split group and time")
    split.add_argument("--test-share", type=float, default=Options.test_share, help="(default: %(default)s)")
    split.add_argument(
        "--validation-share", type=float, default=Options.validation_share, help="(default: %(default)s)"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    options = Options(
        target=given.target,
        problem=given.problem,
        exclude=tuple(given.exclude),
        split=given.split,
        split_column=given.split_column or None,
        test_share=given.test_share,
        validation_share=given.validation_share,
    )
    folders = {"train": given.train_dir, "validation": given.validation_dir, "test": given.test_dir}
    return exit_code(lambda: process(given.input_dir, folders, given.summary_dir, options), MESSAGE_FILE)


if __name__ == "__main__":
    sys.exit(main())
