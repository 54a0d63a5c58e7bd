"""The rows to choose a model on, and how they are divided into folds: by the rule that split the test part off."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.preparation import CheckedRows, Prepared
from sagemaker_ops.tabular.schema import Schema
from sagemaker_ops.tabular.splits import PARTS, Options, Split, times

MOST_ROWS = 50_000  # more take longer, and rarely change which model is better
SEED = 0
Positions: TypeAlias = npt.NDArray[np.intp]


@dataclass(frozen=True)
class TrialRows:
    """The rows of train and validation. keys: (rows,), rows with the same one stay together; for time, their order."""

    schema: Schema
    table: pd.DataFrame
    keys: npt.NDArray[Any]
    split: Split
    notes: tuple[str, ...] = ()

    def take(self, rows: Positions) -> TrialRows:
        """Some of the rows, by position."""
        return replace(self, table=self.table.iloc[rows], keys=self.keys[rows])

    def folds(self, number: int) -> list[tuple[Positions, Positions]]:
        """At most `number` folds, as positions to train on and to compare on; StepError if there are not two.

        random: every row is compared on once, with about the same share of each class in every fold. group: the same,
        but a group is never in both. time: a fold is newer than everything that is trained on.
        """
        keys, codes = np.unique(self.keys, return_inverse=True)
        number = min(number, len(keys) - (self.split == "time"))
        if number < 2:
            what = {"random": "different rows", "group": "groups", "time": "points in time"}[self.split]
            raise StepError(f"the parts train and validation have too few {what} for cross-validation: {len(keys)}")
        if self.split == "time":
            return _windows(codes, number)
        if self.split == "group":
            return list(GroupKFold(number).split(codes, groups=codes))
        _, first = np.unique(codes, return_index=True)  # one row for all with the same key
        truth = self.schema.truth(self.table)[first]
        splitter: Any = KFold(number, shuffle=True, random_state=SEED)
        if self.schema.problem == "classification" and np.bincount(truth).max() >= number:
            splitter = StratifiedKFold(number, shuffle=True, random_state=SEED)
        with warnings.catch_warnings():  # a class may have fewer rows than there are folds
            warnings.simplefilter("ignore", UserWarning)
            folds = [test for _, test in splitter.split(first, truth)]
        inside = [np.isin(codes, test) for test in folds]
        return [(np.flatnonzero(~each), np.flatnonzero(each)) for each in inside]


def _windows(order: npt.NDArray[np.intp], number: int) -> list[tuple[Positions, Positions]]:
    """Folds in order of time; rows of the same time are together."""
    position = (pd.Series(order).rank(method="min").to_numpy() - 1) / len(order)
    blocks = np.unique(np.floor(position * (number + 1)), return_inverse=True)[1]
    return [(np.flatnonzero(blocks < each), np.flatnonzero(blocks == each)) for each in range(1, blocks.max() + 1)]


def trial_rows(checked: CheckedRows, prepared: Prepared, options: Options, most: int = MOST_ROWS) -> TrialRows:
    """The rows of train and validation; a random sample, which a note mentions, if there are more than `most`."""
    keys = times(checked.rows[str(options.split_column)]) if options.split == "time" else checked.hashes
    chosen = np.flatnonzero(prepared.part != PARTS.index("test"))
    rows = TrialRows(prepared.schema, prepared.rows.iloc[chosen], np.asarray(keys)[chosen], options.split)
    if len(chosen) <= most:
        return rows
    note = f"A random sample of {most:,} of the {len(chosen):,} rows of train and validation is used."
    return replace(rows.take(sample(len(chosen), most)), notes=(note,))


def sample(rows: int, most: int) -> Positions:
    """The positions of at most `most` of the rows, in order; always the same ones."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(SEED).choice(rows, most, replace=False))
