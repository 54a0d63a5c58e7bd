"""Load the table of a project to look at it: what is in each column, and the target in each group of rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.notebooks.groups import LEVEL, Groups, by_group, explained_share, group
from sagemaker_ops.project import source_copy
from sagemaker_ops.project.data import is_remote, schema_file
from sagemaker_ops.project.layout import LOCAL_FOLDER
from sagemaker_ops.project.settings import Data, load
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.preparation import CheckedRows, Prepared, check_rows, describe_parts, read_every_column
from sagemaker_ops.tabular.schema import Problem, Schema
from sagemaker_ops.tabular.splits import PARTS, Options, split_rows, times
from sagemaker_ops.tabular.summary import describe, distinct, type_of

MOST_ROWS = 200_000  # of the table
MOST_TRAIN_ROWS = 50_000  # for the target by column: enough for narrow intervals
OTHER_PROBLEM: dict[str, Problem] = {"classification": "regression", "regression": "classification"}
TIME_WORDS = {"date", "datetime", "epoch", "period", "timestamp", "year"}  # in the names of numbers that are times
YEARLY_WORDS = {"month", "quarter", "week"}  # also, if there is no year
DAILY_WORDS = {"day", "hour", "time"}  # often of a day, month or week: only if the rows are in their order


@dataclass(frozen=True)
class LoadedTable:
    """The table that [data] of project.toml names, or a sample of it, and what the processing step makes of it.

    rows: every column, even excluded ones, in the types of the processing step. total: how many rows the source has
    on this machine. wrong_problem: why [data].problem does not fit the target, or empty; `options` then have the other
    problem.
    """

    data: Data
    options: Options
    rows: pd.DataFrame
    total: int
    checked: CheckedRows
    prepared: Prepared
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    wrong_problem: str = ""

    @property
    def schema(self) -> Schema:
        return self.prepared.schema

    @property
    def target(self) -> str:
        return self.schema.target

    @cached_property
    def train(self) -> pd.DataFrame:
        """Rows of the train part: who chooses columns by the test part has no unseen rows left for a test."""
        places = np.flatnonzero(self.prepared.part == PARTS.index("train"))
        return self.prepared.rows.take(_evenly(places, MOST_TRAIN_ROWS))

    @cached_property
    def features(self) -> pd.DataFrame:
        """The columns that a model can use, in the rows of `train`."""
        return self.schema.frame(self.train)

    @cached_property
    def answers(self) -> pd.DataFrame:
        """The target in the rows of `train`, see `answers`."""
        return answers(self.schema, self.train)

    @cached_property
    def groups(self) -> dict[str, Groups]:
        """{feature: the group of each row of `train`}."""
        return {name: group(self.features[name]) for name in self.features}

    @cached_property
    def explained(self) -> pd.Series:
        """How much each feature alone says about the target, see `explained_share`; the highest share first."""
        values = self.answers.to_numpy()
        shares = {name: explained_share(groups.codes, values) for name, groups in self.groups.items()}
        return pd.Series(shares, name="explained", dtype=float).sort_values(ascending=False, kind="stable")

    def __str__(self) -> str:
        excluded = f", {len(self.data.exclude)} excluded" if self.data.exclude else ""
        size = f"{self.total:,} rows, {len(self.rows.columns):,} columns{excluded}, from {self.data.source}"
        target = f"{len(self.schema.features):,} columns to predict '{self.target}' ({self.schema.problem})"
        return "\n".join([size, target, *self.notes])


def load_table(root: Path, most_rows: int = MOST_ROWS) -> LoadedTable:
    """The table of the project in the folder `root`; of a larger one, `most_rows` rows drawn with a fixed seed.

    An s3:// source is read from the copy that `ops fetch-data` made; UserError if there is none. StepError with
    everything that is wrong with the table, as in the processing step.
    """
    settings = load(root)
    data = settings.data
    options = Options.of(data, schema_file(data.source, root))
    rows = read_every_column(source_copy.source_path(data.source, root), options)
    total, notes = len(rows), []
    copy = source_copy.read(data.source, root / LOCAL_FOLDER) if is_remote(data.source) else None
    if copy is not None and copy.rows is not None:
        notes.append(f"This is the first {copy.rows:,} rows of each file: `ops fetch-data` fetches all of them.")
    if total > most_rows:
        # In the order of the file, which may be the order of time.
        rows = rows.sample(most_rows, random_state=0).sort_index().reset_index(drop=True)
        notes.append(f"The rest of this notebook uses {most_rows:,} of these rows, drawn at random.")
    found = explore(rows, data, options, settings.hyperparameters)
    return replace(found, total=total, notes=(*notes, *found.notes))


def explore(
    rows: pd.DataFrame, data: Data, options: Options, hyperparameters: Mapping[str, Any] | None = None
) -> LoadedTable:
    """`rows` as the processing step sees them. If only [data].problem is wrong, the other one is used."""
    wrong = ""
    try:
        checked, prepared = _process(rows, options)
    except StepError as error:
        other = replace(options, problem=OTHER_PROBLEM[options.problem])
        try:
            checked, prepared = _process(rows, other)
        except StepError:
            raise error from None
        options, wrong = other, str(error)
    notes = (f"[data].problem is wrong: {wrong}.",) if wrong else ()
    return LoadedTable(data, options, rows, len(rows), checked, prepared, hyperparameters or {}, notes, wrong)


def _process(rows: pd.DataFrame, options: Options) -> tuple[CheckedRows, Prepared]:
    checked = check_rows(rows.copy(deep=False), options)  # it takes columns out
    part = split_rows(checked.rows, checked.hashes, options)
    return checked, describe_parts(checked, part, options)


def overview(table: LoadedTable) -> pd.DataFrame:
    """One row for each column: its role, its type, the share of missing values, and what it contains."""
    used = dict.fromkeys(table.schema.names, "feature") | {table.target: "target"}
    used |= {column.name: "excluded" if column.reason == "excluded" else "left out" for column in table.schema.left_out}
    described = [describe(table.rows[name]) for name in table.rows]
    lines = [
        {
            "role": used.get(found["name"], "left out"),
            "type": found["type"],
            "missing": found["missing"],
            "distinct": found["distinct"],
            "content": _content(found),
        }
        for found in described
    ]
    return pd.DataFrame(lines, pd.Index([found["name"] for found in described], name="column"))


def _content(found: Mapping[str, Any]) -> str:
    """The range of numbers or dates, or the most frequent values with their rows."""
    if "mean" in found:
        return f"{found['min']:.10g} to {found['max']:.10g}, {found['mean']:.4g} on average"
    if "min" in found:
        return f"{found['min']} to {found['max']}"
    return ", ".join(f"{str(entry['value'])[:40]} ({entry['rows']:,})" for entry in found["top"][:3])


def target_by_column(table: LoadedTable, column: str, level: float = LEVEL) -> pd.DataFrame:
    """The target in each group of rows by `column`: rows, value, and the limits of its interval; train part only.

    A number or date is divided into ranges with equally many rows, anything else into its most frequent values. The
    value is the share of a class, with one line for each class (with two classes, only the second), or the mean of the
    target. `low` and `high` are missing where a mean has one row. Weights are not used.
    """
    return by_group(table.groups[column], table.answers, table.schema.problem, level)


def time_columns(table: LoadedTable) -> list[str]:
    """The columns with a time, the most likely one first: the split column, dates, numbers with such a name."""
    split = table.options.split_column if table.options.split == "time" else None
    rows = table.checked.rows.drop(columns=[table.target, *(set(table.options.exclude) - {split})], errors="ignore")
    dates = [name for name in rows if type_of(rows[name]) == "date" and distinct(rows[name]) > 1]
    numbers = [name for name in rows if type_of(rows[name]) in ("integer", "number") and distinct(rows[name]) > 1]
    ordered = [name for name in numbers if words(name) & DAILY_WORDS and rows[name].is_monotonic_increasing]
    named = [name for name in numbers if words(name) & TIME_WORDS]
    yearly = [name for name in numbers if words(name) & YEARLY_WORDS and not named]
    return list(dict.fromkeys([*([split] if split else []), *dates, *named, *yearly, *ordered]))


def words(name: object) -> set[str]:
    """The words of a column name in lower case: customerId and CUSTOMER_ID have customer and id."""
    return {word.lower() for word in re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])", str(name))}


def target_over_time(table: LoadedTable, column: str, level: float = LEVEL) -> pd.DataFrame:
    """As `target_by_column`, for ranges of a column with a time, in their order, and with the rows of all parts."""
    groups, answers = over_time(table, column)
    return by_group(groups, answers, table.schema.problem, level)


def over_time(table: LoadedTable, column: str) -> tuple[Groups, pd.DataFrame]:
    """The range of time of each usable row, and the target as in `answers`."""
    rows = table.checked.rows
    rows = rows.take(_evenly(np.flatnonzero(rows[column].notna()), MOST_TRAIN_ROWS))
    moments = times(rows[column])
    if getattr(moments.dtype, "tz", None) is not None:
        moments = moments.dt.tz_localize(None)
    return group(moments), answers(table.schema, rows)


def answers(schema: Schema, rows: pd.DataFrame) -> pd.DataFrame:
    """The target: numbers, or a column of ones and zeros for each class; of two classes, only the second."""
    truth = schema.truth(rows)
    if schema.problem == "regression":
        return pd.DataFrame({schema.target: truth}, index=rows.index)
    ones = pd.DataFrame(np.eye(len(schema.classes))[truth], rows.index, [str(label) for label in schema.classes])
    return ones.iloc[:, 1:] if len(schema.classes) == 2 else ones


def _evenly(places: npt.NDArray[np.intp], most: int) -> npt.NDArray[np.intp]:
    """At most `most` of the places, equally far apart."""
    return places[np.linspace(0, len(places) - 1, min(len(places), most)).astype(np.intp)] if len(places) else places
