"""The final values of some rows, column by column, once it is decided what each column is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from sagemaker_ops.tabular.blocks import Block, join, meaning
from sagemaker_ops.tabular.column_types import converted
from sagemaker_ops.tabular.dates import to_dates
from sagemaker_ops.tabular.notation import Notation
from sagemaker_ops.tabular.rows import Rows
from sagemaker_ops.tabular.schema import plain_text, read_as, to_numbers
from sagemaker_ops.tabular.spark.kinds import Kind
from sagemaker_ops.tabular.summary import KINDS
from sagemaker_ops.tabular.tables import _infinite

ARROW = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.timestamp("us"),
    "text": pa.string(),
}
SPARK = {"integer": "bigint", "number": "double", "boolean": "boolean", "date": "timestamp_ntz", "text": "string"}
_EMPTY = {"number": "float64", "boolean": "boolean", "date": "datetime64[ns]", "text": "category"}


@dataclass
class Wrong:
    """Values of a column that are not what they should be: how many, and the first of them. infinite: rows."""

    infinite: int = 0
    rows: int = 0
    example: Any = None
    finding: str = ""

    def __add__(self, other: Wrong) -> Wrong:
        example, finding = (self.example, self.finding) if self.rows else (other.example, other.finding)
        return Wrong(self.infinite + other.infinite, self.rows + other.rows, example, finding)


@dataclass(frozen=True)
class Conversion:
    """The columns to convert, and to which kind."""

    kinds: Mapping[str, Kind]
    notation: Notation
    wrong: dict[str, Wrong] = field(default_factory=dict)

    def table(self, rows: Rows) -> pd.DataFrame:
        """The columns of a tidy table, with the types of schema.toml; collects what is wrong with their values."""
        return pd.DataFrame({name: self._column(name, rows.blocks[name]) for name in self.kinds}, copy=False)

    def _column(self, name: str, block: Block) -> pd.Series:
        kind = self.kinds[name]
        column = typed(block, name, kind, self.notation)
        endless = _infinite(column)
        wrong = Wrong()
        if endless.any():
            wrong.infinite = int(endless.sum())
            column = column.mask(endless)
        if kind.kept and column.notna().any():
            column, not_valid, finding = kept(column, kind, self.notation)
            if finding:
                wrong.rows, wrong.finding = int(not_valid.sum()), finding
                wrong.example = column[not_valid].iloc[0]
                column = nothing(len(column), kind.kept, name)  # the table is refused anyway
        elif kind.kept:
            column = nothing(len(column), kind.kept, name)
        self.wrong[name] = self.wrong.get(name, Wrong()) + wrong
        return column


def typed(block: Block, name: str, kind: Kind, notation: Notation) -> pd.Series:
    """The values of a block as the type of its whole column, before schema.toml is applied."""
    said = meaning(block)
    if not said:
        return nothing(len(block), kind.type, name)
    if not kind.text:
        column = join([block])
        if kind.type == "number" and said == "boolean":
            column = column.astype(float)
        if kind.type == "boolean":
            column = column.astype("boolean")
        return column.rename(name, copy=False)
    column = _texts(block, name, notation)
    if not kind.parse:
        return column
    texts, codes = column.cat.categories, column.cat.codes.to_numpy()
    if kind.parse == "dates":
        values = to_dates(pd.Series(texts), notation.formats(name)).array
        return pd.Series(pd.api.extensions.take(values, codes, allow_fill=True), name=name)
    if kind.parse == "plain":
        numbers = read_as("numeric", pd.Series(texts, dtype=object))[0].to_numpy()
    else:
        numbers = to_numbers(texts, notation)
        numbers[np.isin(numbers, notation.numbers)] = np.nan
    values = np.append(numbers, np.nan)[codes]
    return pd.Series(values.astype("int64") if kind.type == "integer" else values, name=name)


def _texts(block: Block, name: str, notation: Notation) -> pd.Series:
    if isinstance(block, np.ndarray) or not pa.types.is_dictionary(block.type):
        column = pd.Series(join([block]))
        column = plain_text(column).astype("category")
    else:
        column = join([block])
    column = column.rename(name, copy=False)
    gaps = {"", *notation.missing}.intersection(column.cat.categories)
    return column.cat.remove_categories(list(gaps)) if gaps else column


def nothing(rows: int, kind: str, name: str) -> pd.Series:
    """A column without values."""
    if kind == "text":
        return pd.Series(pd.Categorical.from_codes(np.full(rows, -1), []), name=name)
    if kind == "integer":
        kind = "number"  # it has values in every row, so this is for a table without rows
    return pd.Series([None] * rows, dtype=_EMPTY[kind], name=name)


def kept(column: pd.Series, kind: Kind, notation: Notation) -> tuple[pd.Series, npt.NDArray[np.bool_], str]:
    """A column in the type of schema.toml, or which of its values cannot be, and the finding."""
    changed, finding = converted(column, kind.kept, notation)
    if not finding:
        return changed, np.zeros(0, bool), ""
    wrong = read_as(KINDS[kind.kept], column, notation=notation)[1]
    if "date" in (kind.type, kind.kept) and kind.type != "text":
        wrong = column.notna()
    return column, wrong.to_numpy(), finding


def to_arrow(column: pd.Series, kind: str) -> pa.Array:
    """A column of a tidy table as Spark receives it."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
        indices = pa.array(codes.astype("int32"), mask=codes < 0)
        return pa.DictionaryArray.from_arrays(indices, pa.array(column.cat.categories, pa.string())).dictionary_decode()
    if kind == "date":
        return pa.array(column, pa.timestamp("ns"), from_pandas=True).cast(pa.timestamp("us"), safe=False)
    return pa.array(column, from_pandas=True).cast(ARROW[kind])


def from_arrow(column: pa.Array, kind: str) -> pd.Series:
    """A column of a tidy table, from what Spark has of it."""
    if kind == "text":
        return column.dictionary_encode().to_pandas()
    if kind == "boolean":
        return pd.Series(column.to_pandas(), dtype="boolean")
    if kind == "date":
        return pd.Series(column.to_numpy(zero_copy_only=False).astype("datetime64[ns]"))
    return pd.Series(column.to_numpy(zero_copy_only=False))
