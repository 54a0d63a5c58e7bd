"""Step 1: check the table, split it, and say what is in it.

Reads CSV or Parquet; writes train, validation and test as Parquet, and summary.json, schema.json and
schema.toml about them.
Everything that is wrong with the table is found before any work, and told at once.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

# Before pandas loads both: Arrow's own allocator keeps what it has freed, and nothing here uses BLAS and its threads.
os.environ.update(ARROW_DEFAULT_MEMORY_POOL="system", OPENBLAS_NUM_THREADS="1")

import numpy as np
import numpy.typing as npt
import pandas as pd

from checks import (
    Options,
    counted,
    infinity_warnings,
    leak_warnings,
    lost_warnings,
    option_findings,
    part_findings,
    table_findings,
    table_warnings,
)
from dates import date_text
from errors import StepError, exit_code, listed, raise_any
from hashing import Hashes, row_hash
from kept_schema import apply_types, load_types, save_types, texts_of, types_of
from schema import Label, Problem, Schema
from splits import PARTS, SPLITS, hashed, split_rows
from summary import choose_features, describe, describe_target, pick, plain
from tables import give_back, no_values, read_and_hash, typed, without_infinity, write_parts

PROBLEMS: tuple[Problem, ...] = get_args(Problem)
EXCLUDED = "excluded"
MESSAGE_FILE = "/opt/ml/output/message"


@dataclass(frozen=True)
class Prepared:
    """What processing hands on: the rows with the columns for the model, the part of each, and what is said of them."""

    rows: pd.DataFrame
    part: npt.NDArray[np.int8]  # position in PARTS
    schema: Schema
    summary: dict[str, Any]
    types: dict[str, str]  # of the columns that are not excluded

    @property
    def parts(self) -> dict[str, pd.DataFrame]:
        return {name: self.rows[self.part == number] for number, name in enumerate(PARTS)}


def prepare(
    table: pd.DataFrame, options: Options, kept: Mapping[str, str] | None = None, begun: Hashes | None = None
) -> Prepared:
    """Check and split a table; `kept` are the types of schema.toml. Raises StepError with every finding.

    `begun` is the sum that row_hash goes on from, over columns whose values are not in `table` any more.
    """
    duplicate = table.columns.map(str).duplicated()
    if duplicate.any():
        raise StepError(f"the table names {listed(sorted(set(table.columns[duplicate])))} more than once")
    table, endless = without_infinity(typed(table, texts_of(kept)))
    findings: list[str] = []
    warnings = infinity_warnings(table, endless, options)
    if kept is not None:
        table, findings, new = apply_types(table, kept, options.exclude)
        warnings += new
    raise_any(option_findings(options) + table_findings(table, options) + findings)
    types = types_of(table, options.exclude)
    warnings += lost_warnings(table, options)
    hashes = row_hash(table, hashed(options, list(table.columns)), begun)[counted(table, options)]
    rows = with_labels(table, options)
    del table, begun  # a large one does not fit twice
    give_back()
    warnings += table_warnings(rows, hashes, options)
    part = split_rows(rows, hashes, options)
    raise_any(part_findings(rows, part, options))
    del hashes

    aside = dict.fromkeys(options.exclude, EXCLUDED)
    aside |= {name: f"kept beside the features: the {role}" for name, role in options.aside.items()}
    if options.split != "random" and options.split_column is not None:
        aside[options.split_column] = f"the rows are split by it ({options.split})"
    # What train does not hold cannot be learned, even if validation or test do.
    train = np.flatnonzero(part == PARTS.index("train"))
    features, left_out = choose_features(rows, train, aside | {options.target: ""})
    warnings += [
        f"Column '{column.name}' is left out: {column.reason}."
        for column in left_out
        if column.name not in options.aside
    ]
    if not features:
        reasons = "; ".join(f"'{column.name}': {column.reason}" for column in left_out)
        raise StepError(f"no column is left to predict from ({reasons})")

    weights = pick(rows[options.weight], train) if options.weight else None
    classes, naive = naive_answer(pick(rows[options.target], train), options.problem, weights)
    schema = Schema(
        options.target, options.problem, tuple(features), classes, naive, tuple(left_out), options.weight, options.id
    )
    columns = [*schema.names, options.target, *options.aside]
    warnings += leak_warnings(rows, train, schema)
    summary = summarise(rows, part, schema, warnings)
    return Prepared(pd.DataFrame({name: rows[name] for name in columns}, copy=False), part, schema, summary, types)


def with_labels(table: pd.DataFrame, options: Options) -> pd.DataFrame:
    """The rows that count, their target in its final type; takes the columns out of `table` on the way."""
    known = np.flatnonzero(counted(table, options))
    columns = dict.fromkeys(table.columns, no_values(len(known)))  # none of those that decide nothing any more
    for name in table.columns.difference([*options.unread, *options.only_hashed], sort=False):
        columns[name] = pick(table.pop(name), known)  # a column at a time
    columns[options.target] = labels(columns[options.target], options.problem)
    return pd.DataFrame(columns, copy=False)


def labels(target: pd.Series, problem: Problem) -> pd.Series:
    """The target without missing values, in its final type: float64; or for classes bool, int64, float64 or text."""
    if problem == "regression":
        return target.astype(float)
    if pd.api.types.is_bool_dtype(target):
        return target.astype(bool)
    if pd.api.types.is_numeric_dtype(target):
        whole = target.dtype.kind in "iu" or ((target % 1 == 0) & (target.abs() < 2**53)).all()
        return target.astype("int64" if whole else float)
    return date_text(target) if pd.api.types.is_datetime64_any_dtype(target) else target.astype(object)


def naive_answer(
    target: pd.Series, problem: Problem, weights: pd.Series | None
) -> tuple[tuple[Label, ...], tuple[float, ...]]:
    """The classes, and what a model that looks at no feature would say: the share of each, or the mean target."""
    if weights is not None:
        weights = weights / weights.max()  # of which many have a sum, times the target
    if problem == "regression":
        return (), (float(np.average(target, weights=weights)),)
    numbers, classes = pd.factorize(target, sort=True)
    counts = np.bincount(numbers, weights)
    return tuple(plain(label) for label in classes), tuple((counts / counts.sum()).tolist())


def summarise(rows: pd.DataFrame, part: npt.NDArray[np.int8], schema: Schema, warnings: list[str]) -> dict[str, Any]:
    """What summary.json says."""
    kinds = {feature.name: feature.kind for feature in schema.features} | {schema.target: "target"}
    reasons = {column.name: column.reason for column in schema.left_out}
    excluded = [column.name for column in schema.left_out if column.reason == EXCLUDED]
    target = rows[schema.target]
    parts = {name: np.flatnonzero(part == number) for number, name in enumerate(PARTS)}
    return {
        "rows": len(rows),
        "columns": [
            ({"name": name} if name in excluded else describe(rows[name]))
            | ({"role": kinds[name]} if name in kinds else {"role": "left out", "reason": reasons[name]})
            for name in rows.columns
        ],
        "target": {"name": schema.target, "problem": schema.problem} | describe_target(target, schema.problem),
        "parts": {
            name: {"rows": len(own), "target": describe_target(pick(target, own), schema.problem)}
            for name, own in parts.items()
        },
        "warnings": warnings,
    }


def read_and_prepare(input_dir: Path, options: Options, schema_file: Path | None = None) -> Prepared:
    """The table in `input_dir`, checked and split; it must hold what `schema_file` says, where there is such a file."""
    findings: list[str] = []
    kept = table = None
    try:
        kept = load_types(schema_file) if schema_file and schema_file.is_file() else None
    except StepError as error:
        findings += error.findings
    try:
        table, begun = read_and_hash(input_dir, options.unread, texts_of(kept), options.only_hashed)
    except StepError as error:
        findings += error.findings
    if table is None or findings:
        raise StepError(*option_findings(options), *findings)
    read = [begun, table]
    del begun, table  # so that `prepare` has the only reference, and what it drops is free
    return prepare(read.pop(), options, kept, read.pop())


def process(
    input_dir: Path, folders: dict[str, Path], summary_dir: Path, options: Options, schema_file: Path | None = None
) -> None:
    """Read the table in `input_dir`, and write each part to its folder and the summary and schema to `summary_dir`.

    While there is no `schema_file`, the one in `summary_dir` can become it.
    """
    prepared = read_and_prepare(input_dir, options, schema_file)
    write_parts(prepared.rows, prepared.part, [folders[name] for name in PARTS])
    prepared.schema.save(summary_dir)
    save_types(prepared.types, summary_dir)
    text = json.dumps(prepared.summary, indent=2, allow_nan=False, ensure_ascii=False)
    (summary_dir / "summary.json").write_text(text + "\n", encoding="utf-8")
    for warning in prepared.summary["warnings"]:
        print(f"warning: {warning}")
    rows, features = prepared.summary["rows"], len(prepared.schema.features)
    sizes = ", ".join(f"{name} {part['rows']:,}" for name, part in prepared.summary["parts"].items())
    print(f"{rows:,} rows: {sizes}; {features} features, target '{options.target}'")


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
        ("--summary-dir", "/opt/ml/processing/summary", "summary.json, schema.json and schema.toml"),
    ):
        folders.add_argument(name, type=Path, metavar="DIR", default=default, help=f"{what} (default: {default})")
    model = parser.add_argument_group("what to predict")
    model.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    model.add_argument("--problem", required=True, choices=PROBLEMS, help="classes or numbers")
    model.add_argument(
        "--exclude", action="append", default=[], metavar="COLUMN", help="a column to leave out; may be given again"
    )
    model.add_argument("--weight", metavar="COLUMN", help="how much each row counts: kept beside the features")
    model.add_argument("--id", metavar="COLUMN", help="which row it is: kept beside the features")
    model.add_argument("--schema", type=Path, metavar="FILE", help="schema.toml: the type that each column must have")
    split = parser.add_argument_group("how to split")
    split.add_argument("--split", choices=SPLITS, default=Options.split, help="(default: %(default)s)")
    split.add_argument("--split-column", metavar="COLUMN", help="the group, or the time, of --split group and time")
    for part in ("test", "validation"):
        default = getattr(Options, f"{part}_share")
        split.add_argument(f"--{part}-share", type=float, metavar="N", default=default, help="(default: %(default)s)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    gc.freeze()  # What is imported stays. So no collection looks through it, and the end comes sooner.
    given = parser().parse_args(argv)
    options = Options.of(given)
    folders = {"train": given.train_dir, "validation": given.validation_dir, "test": given.test_dir}
    return exit_code(lambda: process(given.input_dir, folders, given.summary_dir, options, given.schema), MESSAGE_FILE)


if __name__ == "__main__":
    sys.exit(main())
