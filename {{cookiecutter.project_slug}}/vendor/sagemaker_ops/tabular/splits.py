"""Which row goes into which part: train, validation or test.

Every split gives each row a position from 0 to 1 and cuts by it: the first rows are train, the last ones test.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular.dates import to_dates
from sagemaker_ops.tabular.errors import StepError, listed, percent, short
from sagemaker_ops.tabular.notation import STANDARD, Notation
from sagemaker_ops.tabular.schema import Problem

Split = Literal["random", "group", "time"]
SPLITS: tuple[Split, ...] = get_args(Split)
PARTS = ("train", "validation", "test")
EXCLUDED = "excluded"
RARE = 30  # with this many rows and shares of 0.2, one class in a thousand would be missing from the test part


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
    weight: str | None = None
    id: str | None = None
    schema: Path | None = None
    """The file schema.toml with the type of each column; it may be missing."""
    notation: Notation = STANDARD
    """How the values of the table are written."""
    groups: tuple[str, ...] = ()
    """The columns whose values get their own metrics; every part keeps them, even if the model does not see them."""

    @classmethod
    def of(cls, given: Any, schema: Path | None = None) -> Options:
        """From the arguments of processing.py, or [data] of project.toml; an empty string means not given."""
        return cls(
            target=given.target,
            problem=given.problem,
            exclude=tuple(given.exclude),
            split=given.split,
            split_column=given.split_column or None,
            test_share=given.test_share,
            validation_share=given.validation_share,
            weight=given.weight or None,
            id=given.id or None,
            schema=schema or getattr(given, "schema", None),
            notation=Notation.of(given),
            groups=tuple(getattr(given, "groups", ())),
        )

    @property
    def aside(self) -> dict[str, str]:
        """The columns that every part keeps but no model sees, with their role."""
        excluded = {name: "group column" for name in self.groups if name in self.exclude}
        return excluded | {name: role for role, name in (("weight", self.weight), ("id", self.id)) if name}

    @property
    def not_features(self) -> dict[str, str]:
        """The columns that are not features, and why; the target needs no reason."""
        aside = dict.fromkeys(self.exclude, EXCLUDED)
        aside |= {name: f"kept as the {role}, not a feature" for name, role in self.aside.items()}
        if self.split != "random" and self.split_column is not None:
            aside[self.split_column] = f"used to split the rows ({self.split})"
        return aside | {self.target: ""}

    @property
    def ignored(self) -> list[str]:
        """The excluded columns whose content does not matter."""
        return [name for name in self.exclude if name not in self.groups]

    @property
    def text_by_choice(self) -> list[str]:
        """The columns that may be text without a doubt: no model needs their numbers."""
        classes = [self.target] * (self.problem == "classification")
        groups = [self.split_column] * (self.split == "group")
        return [name for name in (*self.exclude, self.id, *classes, *groups) if name]

    @property
    def measures(self) -> tuple[str, ...]:
        """The columns whose values are used as numbers, even if they are too large to be exact."""
        used = (
            (self.target, self.problem == "regression"),
            (self.weight, True),
            (self.split_column, self.split == "time"),
        )
        return tuple(name for name, is_number in used if name and is_number)

    @property
    def unread(self) -> tuple[str, ...]:
        """The columns whose values affect neither the model nor the part of a row."""
        return () if self.whole_row else self._dropped

    @property
    def only_hashed(self) -> tuple[str, ...]:
        """The columns whose values affect only the part of a row."""
        return self._dropped if self.whole_row else ()

    @property
    def whole_row(self) -> bool:
        """Whether the whole row decides its part, so that duplicates are in the same one."""
        return self.split == "random" and not self.id

    @property
    def _dropped(self) -> tuple[str, ...]:
        needed = {self.target, self.weight, self.id, self.split_column, *self.groups}
        return tuple(name for name in self.exclude if name not in needed)


def split_rows(rows: pd.DataFrame, hashes: npt.NDArray[np.uint64], options: Options) -> npt.NDArray[np.int8]:
    """The part of each row, as a position in PARTS; `hashes` are of the columns that `hashed` returns.

    random: by a hash of the id, otherwise of the whole row, so that a row keeps its part when rows are added, and
    duplicates stay together; group: by a hash of the group, so that no group is in two parts; time: in order of time,
    the newest in test, rows of the same time together.

    A fixed cut gives each class its share, more precisely the more rows it has. The rows of a RARE class are instead
    cut in the order of their hashes, so that train and test have some; only such rows may move when their class grows.
    """
    if options.split == "time":
        moments = times(rows[str(options.split_column)])
        position = ((moments.rank(method="min") - 1) / len(moments)).to_numpy()
    else:
        position = hashes / 2.0**64
        if options.split == "random" and options.problem == "classification":
            target = rows[options.target]
            for label, number in target.value_counts().items():
                if 1 < number < RARE:
                    own = (target == label).to_numpy()
                    position[own] = (pd.Series(position[own]).rank(method="min") - 1) / (number - 1)
    return part_at(position, options)


def part_at(position: npt.NDArray[np.float64], options: Options) -> npt.NDArray[np.int8]:
    """The part of each row, as a position in PARTS, by its position from 0 to 1."""
    return np.asarray(sum((position >= cut).astype(np.int8) for cut in cuts(options)))


def cuts(options: Options) -> tuple[float, float]:
    """Where validation and test begin. Rounded, because 1 - 0.2 - 0.2 is slightly more than 0.6."""
    shares = (1 - options.test_share - options.validation_share, 1 - options.test_share)
    return round(shares[0], 9), round(shares[1], 9)


def described(options: Options, names: Iterable[str]) -> dict[str, Any]:
    """What decides the part of a row, for summary.json: with the same description, a row that has not changed keeps it.

    names: of all columns.
    """
    by = [options.split_column] if options.split == "time" else hashed(options, sorted(names))
    return {"split": options.split, "by": by, "shares": [options.validation_share, options.test_share]}


def numbers_of(part: Any, index: pd.Index) -> npt.NDArray[np.int8]:
    """The parts, given by name or position, as positions in PARTS; StepError if they are not valid."""
    rows = len(index)
    if isinstance(part, pd.Series) and len(part) == rows and part.index.is_unique and part.index.isin(index).all():
        part = part.reindex(index)  # its order differs after sort_values, for example
    given = np.asarray(part)
    if given.shape != (rows,):
        raise StepError(
            f"the split has {given.size:,} parts for {rows:,} rows; give one of {listed(PARTS)} for each row"
        )
    if given.dtype.kind in "iu" and rows and given.min() >= 0 and given.max() < len(PARTS):
        return given.astype(np.int8, copy=False)
    numbers = pd.Categorical(given, categories=PARTS).codes
    if (numbers < 0).any():
        unknown = pd.unique(pd.Series(given[numbers < 0])).tolist()
        raise StepError(f"the split names {listed(unknown)}; give one of {listed(PARTS)} for each row")
    return np.asarray(numbers, dtype=np.int8)


def hashed(options: Options, names: list[str]) -> list[str]:
    """The columns whose values decide the part of a row in a random or group split.

    The whole row includes excluded columns, so that excluding another one does not move any row.
    """
    column = options.split_column if options.split == "group" else options.id
    return [column] if column else names


def times(column: pd.Series) -> pd.Series:
    """`column` as sortable values: numbers and dates unchanged, text read as ISO 8601 dates."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    moments = to_dates(column)
    if moments.isna().any():
        example = short(column[moments.isna()].iloc[0])
        raise StepError(
            f"split column '{column.name}' has '{example}' in {percent(float(moments.isna().mean()))} of the rows, "
            "which is not a point in time; use numbers or dates such as 2025-12-31"
        )
    return moments
