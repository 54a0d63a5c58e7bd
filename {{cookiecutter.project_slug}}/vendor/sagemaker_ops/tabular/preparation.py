"""Processing of a table in four steps, each of which can be replaced: read, check, split, describe.

`read_source` returns a Table, `check_rows` the usable rows, `split_rows` the part of each row, and `describe_parts`
what is saved. A pandas table can replace a Table, and an array of names in PARTS the result of `split_rows`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Before pandas loads both: Arrow's own allocator keeps freed memory, and nothing here uses BLAS and its threads.
os.environ.update(ARROW_DEFAULT_MEMORY_POOL="system", OPENBLAS_NUM_THREADS="1")

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular import group_columns, splits
from sagemaker_ops.tabular.checks import (
    counted,
    infinity_warnings,
    lost_warnings,
    option_findings,
    part_findings,
    table_findings,
    table_warnings,
)
from sagemaker_ops.tabular.column_types import apply_types, load_types, other_settings, save_types, texts_of, types_of
from sagemaker_ops.tabular.dates import date_text
from sagemaker_ops.tabular.doubts import doubts, if_text
from sagemaker_ops.tabular.errors import StepError, listed, raise_any
from sagemaker_ops.tabular.hashing import Hashes, row_hash
from sagemaker_ops.tabular.leaks import leak_warnings
from sagemaker_ops.tabular.losses import lost_findings, reading_warnings, several_findings
from sagemaker_ops.tabular.schema import MISSING, Label, Problem, Schema
from sagemaker_ops.tabular.spelling import Spelling
from sagemaker_ops.tabular.splits import EXCLUDED, PARTS, Options, hashed, numbers_of
from sagemaker_ops.tabular.summary import choose_features, describe, describe_target, pick, plain
from sagemaker_ops.tabular.tables import (
    give_back,
    no_values,
    read_and_hash,
    read_table,
    tidy,
    typed,
    without_infinity,
    write_parts,
)
from sagemaker_ops.tabular.whole_numbers import numbers_of_whole


class Table:
    """Rows as they were read, in narrow types: numbers, booleans, dates, and everything else as text categories.

    sums: what columns whose values were not kept add to the hash of each row; None if there are none. warnings: what
    was lost on reading.
    """

    def __init__(self, rows: pd.DataFrame, sums: Hashes | None = None, warnings: Sequence[str] = ()) -> None:
        self._rows: pd.DataFrame | None = rows
        self.sums = sums
        self.warnings = warnings

    @property
    def rows(self) -> pd.DataFrame:
        """The rows; RuntimeError after `check_rows` has taken them, because a large table does not fit twice."""
        if self._rows is None:
            raise RuntimeError("check_rows has taken the rows out of this table: use the rows that it returns")
        return self._rows

    def take(self) -> pd.DataFrame:
        rows, self._rows = self.rows, None
        return rows


@dataclass(frozen=True)
class CheckedRows:
    """The usable rows: with a target, in its final type, and a weight above 0; without columns that are not used.

    hashes: (rows,), the same for the same values on every machine. types: {column: its type in schema.toml}, without
    those that are in doubt.
    """

    rows: pd.DataFrame
    hashes: Hashes
    types: dict[str, str]
    warnings: list[str]
    unclear: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """The result of processing: the columns for the model, the part of each row, and their description.

    part: (rows,), positions in PARTS. types: of the columns that are not excluded, without the `unclear` ones.
    """

    rows: pd.DataFrame
    part: npt.NDArray[np.int8]
    schema: Schema
    summary: dict[str, Any]
    types: dict[str, str]
    unclear: dict[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, pd.DataFrame]:
        """{name of the part: its rows}."""
        return {name: self.rows[self.part == number] for number, name in enumerate(PARTS)}

    def save(self, folders: Sequence[Path], summary_dir: Path) -> None:
        """Write each part to its folder (in the order of PARTS), and schema and summary to `summary_dir`."""
        write_parts(self.rows, self.part, folders)
        self.schema.save(summary_dir)
        save_types(self.types, summary_dir, self.unclear)
        text = json.dumps(self.summary, indent=2, allow_nan=False, ensure_ascii=False)
        (summary_dir / "summary.json").write_text(text + "\n", encoding="utf-8")

    def print_summary(self) -> None:
        """Print the warnings, and how many rows each part has."""
        for warning in self.summary["warnings"]:
            print(f"warning: {warning}")
        sizes = ", ".join(f"{name} {part['rows']:,}" for name, part in self.summary["parts"].items())
        features = len(self.schema.features)
        print(f"{self.summary['rows']:,} rows: {sizes}; {features} features, target '{self.schema.target}'")


def read_source(path: Path, options: Options) -> Table:
    """The table in the file or folder `path`, CSV or Parquet. StepError with everything that is wrong with it."""
    types, read, spelling, findings = None, None, Spelling(), list[str]()
    try:
        types = _kept_types(options)
    except StepError as error:
        findings += error.findings
    try:
        read = read_and_hash(path, options.unread, texts_of(types), options.only_hashed, options.notation, spelling)
        findings += lost_findings(read.lost, options.ignored)
    except StepError as error:
        findings += error.findings
    if read is None or findings:
        raise StepError(*option_findings(options), *findings)
    return Table(read.table, read.sums, reading_warnings(path, read, spelling, options, types))


def read_every_column(path: Path, options: Options) -> pd.DataFrame:
    """The table in the file or folder `path` with all columns, even excluded ones. StepError as for read_source."""
    return tidy(read_table(path, text=texts_of(_kept_types(options)), notation=options.notation))


def check_rows(table: Table | pd.DataFrame, options: Options, types: Mapping[str, str] | None = None) -> CheckedRows:
    """The usable rows. StepError with everything that is wrong with the table for these options.

    types: {column: its type}, instead of the file that the options name.
    """
    sums, warnings = (table.sums, [*table.warnings]) if isinstance(table, Table) else (None, [])
    rows = table.take() if isinstance(table, Table) else table
    given, types = types is not None, _kept_types(options) if types is None else types
    duplicate = rows.columns.map(str).duplicated()
    if duplicate.any():
        raise StepError(f"the table names {listed(sorted(set(rows.columns[duplicate])))} more than once")
    findings = several_findings(rows, options.ignored)
    rows = typed(rows, texts_of(types), options.notation)
    for name in set(options.measures) & set(rows):
        rows[name] = numbers_of_whole(rows[name])
    rows, endless = without_infinity(rows)
    unclear = doubts(rows, options.notation, [*options.text_by_choice, *texts_of(types)])
    warnings += infinity_warnings(rows, endless, options)
    warnings += [f"{why}; {if_text(name)}." for name, why in unclear.items()]
    if types is not None:
        rows, wrong, new = apply_types(rows, types, options.exclude, options.notation, unclear)
        findings += wrong
        warnings += new if given else [*new, *other_settings(Path(str(options.schema)), options.notation)]
    findings = option_findings(options) + table_findings(rows, options) + findings
    named = [name for name in (options.target, options.weight, options.split_column) if name in unclear]
    raise_any(findings and [*findings, *(unclear[name] for name in named)])
    types = types_of(rows, [*options.exclude, *unclear])
    warnings += lost_warnings(rows, options)
    hashes = row_hash(rows, hashed(options, list(rows.columns)), sums)[counted(rows, options)]
    del sums
    rows = _counting(rows, options)
    give_back()
    return CheckedRows(rows, hashes, types, warnings + table_warnings(rows, hashes, options), unclear)


def split_rows(rows: CheckedRows, options: Options) -> npt.NDArray[np.int8]:
    """The part of each row, (rows,), as a position in PARTS; splits.py explains how rows are split."""
    return splits.split_rows(rows.rows, rows.hashes, options)


def describe_parts(
    checked: CheckedRows, part: Sequence[str] | npt.NDArray[Any] | pd.Series, options: Options
) -> Prepared:
    """Choose the features, and describe them and the parts.

    part: for each row the name of its part, or its position in PARTS; a Series goes by its index. StepError if a model
    cannot be trained and tested on these parts.
    """
    rows, number = checked.rows, numbers_of(part, checked.rows.index)
    raise_any([*part_findings(rows, number, options), *group_columns.part_findings(rows, number, options)])
    # What train does not contain cannot be learned, even if validation or test contain it.
    train = np.flatnonzero(number == PARTS.index("train"))
    features, left_out = choose_features(rows, train, options.not_features)
    if not features:
        reasons = "; ".join(f"'{column.name}': {column.reason}" for column in left_out)
        raise StepError(f"no column is left to predict from ({reasons})")
    weights = pick(rows[options.weight], train) if options.weight else None
    classes, naive = naive_answer(pick(rows[options.target], train), options.problem, weights)
    texts = [rows[feature.name].cat.categories for feature in features if feature.kind == "categorical"]
    words = tuple(text for text in MISSING if any(text in known for known in texts))
    described = options.target, options.problem, tuple(features), classes, naive, tuple(left_out)
    schema = Schema(*described, options.weight, options.id, words, options.notation, options.groups)
    warnings = [
        *checked.warnings,
        *(f"Column '{each.name}' is left out: {each.reason}." for each in left_out if each.name not in options.aside),
        *leak_warnings(rows, train, schema),
        *group_columns.part_warnings(rows, number, options),
    ]
    columns = [*schema.names, options.target, *options.aside, *options.groups]
    summary = _summary(rows, number, schema, warnings) | {"split": splits.described(options, rows.columns)}
    table = pd.DataFrame({name: rows[name] for name in columns}, copy=False)
    return Prepared(table, number, schema, summary, checked.types, checked.unclear)


def prepare(table: Table | pd.DataFrame, options: Options, types: Mapping[str, str] | None = None) -> Prepared:
    """Everything except reading; types: as in `check_rows`. StepError with everything that is wrong."""
    checked = check_rows(table, options, types)
    return describe_parts(checked, split_rows(checked, options), options)


def labels(target: pd.Series, problem: Problem) -> pd.Series:
    """The target without missing values, in its final type: float64; for classes bool, int64, float64 or text."""
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
    """The classes, and the answer of a model without features: the share of each class, or the mean target."""
    if weights is not None:
        weights = weights / weights.max()  # so that sums of them, times the target, stay finite
    if problem == "regression":
        return (), (float(np.average(target, weights=weights)),)
    numbers, classes = pd.factorize(target, sort=True)
    counts = np.bincount(numbers, weights)
    return tuple(plain(label) for label in classes), tuple((counts / counts.sum()).tolist())


def _kept_types(options: Options) -> Mapping[str, str] | None:
    """The types of schema.toml, if there is one."""
    return load_types(options.schema) if options.schema and options.schema.is_file() else None


def _counting(table: pd.DataFrame, options: Options) -> pd.DataFrame:
    """The usable rows, with the target in its final type; removes the columns from `table` in the process."""
    known = np.flatnonzero(counted(table, options))
    columns = dict.fromkeys(table.columns, no_values(len(known)))  # empty for those that are no longer needed
    for name in table.columns.difference([*options.unread, *options.only_hashed], sort=False):
        columns[name] = pick(table.pop(name), known)  # one column at a time
    columns[options.target] = labels(columns[options.target], options.problem)
    return pd.DataFrame(columns, copy=False)


def _summary(rows: pd.DataFrame, part: npt.NDArray[np.int8], schema: Schema, warnings: list[str]) -> dict[str, Any]:
    """The content of summary.json."""
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
