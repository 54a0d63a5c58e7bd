"""What the driver knows of each column of the usable rows: the same facts that pandas would take from the column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular.dates import date_text
from sagemaker_ops.tabular.spark.counts import USABLE, Counts, Moments
from sagemaker_ops.tabular.spark.distinct import Many
from sagemaker_ops.tabular.summary import TOP_VALUES, identifier_by, plain, unusable_by

TRAIN = 1


@dataclass(frozen=True)
class Column:
    """One column. rows: by group, of the table. many: if it has too many different values to count each."""

    name: str
    type: str
    rows: npt.NDArray[np.int64]
    counts: Counts
    many: Many | None = None
    is_label: bool = False
    """Whether it is the target in its final type, whose texts are not categories."""

    @property
    def usable(self) -> int:
        return int(self.rows[USABLE].sum())

    @property
    def known(self) -> int:
        """Usable rows with a value."""
        return int(self.counts.known[USABLE].sum())

    @property
    def missing_in_all(self) -> int:
        return int(self.rows.sum() - self.counts.known.sum())

    @property
    def distinct(self) -> int:
        return self.many.distinct[1] if self.many else int((self.counts.counts[:, USABLE].sum(axis=1) > 0).sum())

    @property
    def distinct_in_train(self) -> int:
        return self.many.distinct[2] if self.many else int((self.counts.counts[:, TRAIN] > 0).sum())

    @property
    def distinct_in_all(self) -> int:
        return self.many.distinct[0] if self.many else len(self.counts.counts)

    @property
    def is_unique_integer(self) -> bool:
        return self.type == "integer" and self.distinct == self.usable

    @property
    def moments(self) -> Moments:
        return self.counts.moments[1] + self.counts.moments[2] + self.counts.moments[3]

    def values(self, groups: slice | int = USABLE, absent: bool = False) -> pd.Series:
        """The rows of each value in these groups, by value: texts sorted, others in order of their first rows.

        absent: also values that are only in other groups.
        """
        rows = self.counts.counts[:, groups]
        rows = rows.sum(axis=1) if rows.ndim == 2 else rows
        index = pd.Index(self.counts.values or [], dtype=object)
        found = pd.Series(rows, index=index)
        if self.type == "text" and not self.is_label:
            found = found.sort_index()
        return found if absent else found[found > 0]

    def labelled(self, problem: str) -> Column:
        """The target in its final type, as preparation.labels makes it."""
        if problem == "regression":
            ends: dict[str, Any] = {end: float(getattr(self.counts, end)) for end in ("low", "high")}
            return replace(self, type="number", counts=replace(self.counts, **ends))
        if self.type in ("integer", "number"):
            values = [float(value) for value in self.counts.values or []]
            whole = all(value % 1 == 0 and abs(value) < 2**53 for value in values)
            kind: Any = int if whole else float
            ends = {end: kind(getattr(self.counts, end)) for end in ("low", "high")}
            counts = replace(self.counts, values=[kind(value) for value in values], **ends)
            return replace(self, type="integer" if whole else "number", counts=counts, is_label=True)
        if self.type == "date":
            texts = date_text(pd.Series(self.counts.values, dtype="datetime64[ns]"))
            return replace(self, type="text", counts=replace(self.counts, values=texts.tolist()), is_label=True)
        return replace(self, is_label=True)

    def identifier(self) -> str:
        if not self.is_unique_integer:
            return ""
        return identifier_by(self.name, int(self.counts.low), int(self.counts.high), self.usable)

    def unusable(self) -> str:
        """Why a model cannot use it, judged by the rows of train."""
        known = int(self.counts.known[TRAIN])
        only = self.values(TRAIN).index if not self.many else []
        first = self._plain(only[0]) if len(only) else None
        return unusable_by(self.type, self.distinct_in_train, known, int(self.rows[TRAIN]), first)

    def _plain(self, value: Any) -> Any:
        return pd.Timestamp(value) if self.type == "date" else value

    def describe(self) -> dict[str, Any]:
        """As summary.describe."""
        found: dict[str, Any] = {
            "name": self.name,
            "type": self.type,
            "missing": round(1 - self.known / self.usable, 4) if self.known < self.usable else 0.0,
            "distinct": self.distinct,
        }
        if self.type in ("integer", "number") and self.known:
            low, high = plain(self.counts.low), plain(self.counts.high)
            return found | {"min": low, "max": high, "mean": self.moments.mean}
        if self.type == "date" and self.known:
            return found | {"min": str(pd.Timestamp(self.counts.low)), "max": str(pd.Timestamp(self.counts.high))}
        return found | {"top": [{"value": plain(value), "rows": rows} for value, rows in self.top()]}

    def top(self) -> list[tuple[Any, int]]:
        if self.many:
            return list(self.many.top)
        is_category = self.type == "text" and not self.is_label  # pandas sorts all categories
        counts = self.values(absent=is_category).sort_values(ascending=False).head(TOP_VALUES)
        return [(value, int(rows)) for value, rows in counts.items() if rows]


def expanded(column: Column, groups: slice | int = slice(None)) -> pd.Series:
    """A column with the same values as in these groups, sorted by their first rows, and gaps at the end.

    Only to say what is wrong with it: it has as many rows as the table. If there are too many values to count, the
    column has as many different ones.
    """
    rows = column.rows[groups]
    total = int(rows.sum()) if rows.ndim else int(rows)
    if column.many:
        example = column.counts.first if column.counts.first is not None else 0
        ends = [example, column.counts.low, column.counts.high]
        some = [value for value, _ in column.many.some] or ends
        filler = (
            [f"{at}" for at in range(column.distinct)]
            if column.type == "text"
            else list(np.linspace(float(ends[1] or 0), float(ends[2] or 0), max(2, column.distinct)))
        )
        return pd.Series([*some[:1], *filler], name=column.name)
    counts = column.counts.counts[:, groups]
    counts = counts.sum(axis=1) if counts.ndim == 2 else counts
    gaps = total - int(counts.sum())
    codes = np.append(np.repeat(np.arange(len(counts)), counts), np.full(gaps, -1))
    values = column.counts.values or []
    if column.type == "text":
        return pd.Series(pd.Categorical.from_codes(codes, values), name=column.name)
    kind = {"integer": "int64", "number": "float64", "boolean": "boolean", "date": "datetime64[ns]"}[column.type]
    kind = "float64" if kind == "int64" and gaps else kind
    return pd.Series(values, dtype=kind, name=column.name).reindex(codes).reset_index(drop=True)
