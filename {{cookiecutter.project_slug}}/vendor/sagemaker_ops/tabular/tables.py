"""Read and write tables: CSV, gzipped CSV and Parquet, one file or a folder of them.

A table is read in blocks, each of which is narrowed at once: numbers to the fewest bytes that can store the values,
text to a code for each distinct text (pandas' category). That takes about a tenth of the memory of pandas.read_csv.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sagemaker_ops.tabular.all_files import read_files
from sagemaker_ops.tabular.blocks import Block, join, narrow_numbers
from sagemaker_ops.tabular.dates import is_far_off, to_dates
from sagemaker_ops.tabular.hashing import Hashes
from sagemaker_ops.tabular.notation import STANDARD, Notation
from sagemaker_ops.tabular.rows import Lost
from sagemaker_ops.tabular.schema import Schema, plain_text
from sagemaker_ops.tabular.spelling import Spelling
from sagemaker_ops.tabular.summary import distinct
from sagemaker_ops.tabular.text_values import values_of
from sagemaker_ops.tabular.whole_numbers import numbers_unless_whole, plain_numbers

FILE_ROWS = 1 << 20  # of the table; those of each part become a Parquet file
GROUP_ROWS = 1 << 17  # of the table; those of each part become a row group
MANY_TEXTS = GROUP_ROWS >> 4
SAMPLE = 1 << 14  # rows; where most values of so many differ, Parquet's dictionary of a column does not pay


def read_table(
    path: Path, skip: Collection[str] = (), text: Collection[str] = (), notation: Notation = STANDARD
) -> pd.DataFrame:
    """The rows of the file `path`, or of all files in the folder `path`, as one tidy table.

    Columns in `skip` are present, but their values are not read; text in the columns `text` stays unchanged (007,
    2025-12-31). Raises StepError with every finding: no file, an unreadable one, a duplicate column name, files whose
    columns differ, no rows at all.
    """
    return read_and_hash(path, skip, text, notation=notation).table


def read_part(folder: Path, schema: Schema) -> pd.DataFrame:
    """The rows of a part as written by processing. StepError as for read_table."""
    return read_table(folder, text=schema.texts)


class Read(NamedTuple):
    """A table, the sum that columns without values in it add to the hash of each row, and what each column lost.

    row_hash continues from this sum; None stands for zeros.
    """

    table: pd.DataFrame
    sums: Hashes | None
    lost: dict[str, Lost]


def read_and_hash(
    path: Path,
    skip: Collection[str] = (),
    text: Collection[str] = (),
    only_hashed: Collection[str] = (),
    notation: Notation = STANDARD,
    spelling: Spelling | None = None,
) -> Read:
    """The same table, also without the values of `only_hashed`, and the sum that these add to the hash of each row.

    spelling: looks at the text that is read.
    """
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own pool keeps freed memory
    as_text, maybe_whole = set(text), set[str]()
    hashed = {name for name in only_hashed if name not in dict(notation.dates_of)}
    read = read_files(path, skip, as_text, hashed, notation, spelling)
    # The type of a column is known only after all of it is read. Those that are text, against appearances, are read
    # again; the sum over all hashed columns, too, if it contains one of them.
    while wrong := ((read.mixed() | read.maybe_whole()) - as_text) | ((read.undecided() | read.maybe_whole()) & hashed):
        maybe_whole |= read.maybe_whole()
        as_text |= (read.mixed() | maybe_whole) & wrong
        again = wrong if wrong.isdisjoint(hashed) else wrong | hashed
        hashed -= read.undecided() | maybe_whole
        others = [name for name in read.blocks if name not in again]
        read.replace(read_files(path, others, as_text, hashed & again, notation), again)
    give_back()
    empty = no_values(read.rows)
    # One column after the other, freeing its blocks; without `copy=False`, pandas would keep everything twice.
    columns = {}
    for name in list(read.blocks):
        blocks = read.blocks.pop(name)
        columns[name] = empty
        if blocks:
            columns[name] = _column(blocks, name, name in text, name in maybe_whole, notation)
    give_back()
    lost = read.lost | {name: replace(read.lost[name], whole=True) for name in maybe_whole}
    sums = np.concatenate(read.sums) if hashed else None
    return Read(pd.DataFrame(columns, copy=False), sums, lost)


def no_values(rows: int) -> pd.Series:
    """A column that has only a name."""
    return pd.Series(pd.Categorical.from_codes(np.full(rows, -1, dtype="int8"), []), copy=False)


def _column(blocks: list[Block], name: str, text: bool, whole: bool, notation: Notation) -> pd.Series:
    """whole: whether it may have been read as text only because of large whole numbers."""
    column = join(blocks)
    if whole and not text:
        column = numbers_unless_whole(column)
    column = column.rename(name, copy=False)
    is_text = isinstance(column.dtype, pd.CategoricalDtype) or name in dict(notation.dates_of)
    return _tidy_column(column, text, notation) if is_text else column


def write_parts(table: pd.DataFrame, part: npt.NDArray[np.int8], folders: Sequence[Path]) -> None:
    """Write the rows of `table` whose `part` is n to `folders`[n] as part-0.parquet, part-1.parquet, …, in plain types.

    Files are written in parallel, each from a slice of the table.
    """
    give_back()
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("part-*.parquet"):
            old.unlink()

    def write(rows: pa.Table, here: npt.NDArray[np.bool_], file: Path) -> None:
        schema = _written(rows)
        if here.any():
            with pq.ParquetWriter(file, schema, store_schema=False, use_dictionary=few) as writer:
                for start in range(0, len(here), GROUP_ROWS):
                    group = rows.slice(start, GROUP_ROWS).filter(pa.array(here[start : start + GROUP_ROWS]))
                    writer.write_table(group.cast(schema))

    some = table.head(SAMPLE)
    few = [name for name in table if distinct(some[name]) < max(len(some) / 2, 2)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, start in enumerate(range(0, len(table), FILE_ROWS)):
            rows = slice(start, start + FILE_ROWS)
            arrow = pa.Table.from_pandas(table.iloc[rows], preserve_index=False, nthreads=1)
            parts = [
                pool.submit(write, arrow, part[rows] == position, folder / f"part-{number}.parquet")
                for position, folder in enumerate(folders)
            ]
            for done in parts:
                done.result()


def _written(rows: pa.Table) -> pa.Schema:
    """The schema for writing `rows`: plain types, without pandas' metadata, so that every engine reads the same.

    A row group of text codes contains all the texts; if there are many, each row has its own text instead.
    """
    many = {
        name
        for name, column in zip(rows.column_names, rows.columns, strict=True)
        if pa.types.is_dictionary(column.type) and len(column.chunk(0).dictionary) > MANY_TEXTS
    }
    return pa.schema([field.with_type(pa.string()) if field.name in many else field for field in rows.schema])


def give_back() -> None:
    """Return free memory to the system: nothing large would fit between the small pieces in use."""
    pa.system_memory_pool().release_unused()


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """The same table with one meaning per type: numbers, booleans, dates, and everything else as text categories.

    Numbers are narrowed, dates are in UTC without a time zone, and infinity and empty text are missing.
    """
    return without_infinity(typed(table))[0]


def typed(table: pd.DataFrame, text: Sequence[str] = (), notation: Notation = STANDARD) -> pd.DataFrame:
    """The table with these types, but with infinity; `text` and `notation` as for read_table."""
    columns = {str(name): _tidy_column(table[name], name in text, notation) for name in table.columns}
    return pd.DataFrame(columns, copy=False)


def without_infinity(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """A typed table with infinite numbers and out-of-range dates as missing, and how many there were by column."""
    endless = {name: found for name in table.columns if (found := _infinite(table[name])).any()}
    columns = {name: table[name].mask(endless[name]) if name in endless else table[name] for name in table.columns}
    return pd.DataFrame(columns, copy=False), {name: int(found.sum()) for name, found in endless.items()}


def _infinite(column: pd.Series) -> npt.NDArray[np.bool_]:
    if column.dtype.kind == "f":
        return np.asarray(np.isinf(column))
    return np.asarray(is_far_off(column)) if column.dtype.kind == "M" else np.zeros(0, dtype=bool)


def _tidy_column(column: pd.Series, text: bool = False, notation: Notation = STANDARD) -> pd.Series:
    column = plain_numbers(column)
    kind = column.dtype
    if column.name in dict(notation.dates_of) and pd.api.types.is_numeric_dtype(kind):  # 20251231
        return _tidy_text(plain_text(column), text, notation)
    if pd.api.types.is_bool_dtype(kind) and not isinstance(kind, pd.CategoricalDtype):
        return column
    if pd.api.types.is_numeric_dtype(kind):
        own = isinstance(kind, np.dtype)
        numbers = column.to_numpy() if own or not column.hasnans else column.to_numpy(dtype=float, na_value=np.nan)
        return pd.Series(narrow_numbers(numbers), column.index, name=column.name, copy=False)
    if pd.api.types.is_datetime64_any_dtype(kind):
        return to_dates(column)
    if pd.api.types.is_object_dtype(kind) and {type(value) for value in column.dropna()} == {bool}:
        return column.astype("boolean")
    return _tidy_text(column, text, notation)


def _tidy_text(column: pd.Series, text: bool, notation: Notation) -> pd.Series:
    """Text as categories, without what means no value; as dates or numbers if all are, unless it must stay `text`."""
    if not isinstance(column.dtype, pd.CategoricalDtype) or not _is_text(column.cat.categories):
        column = column.astype(object).map(str, na_action="ignore").astype("category")
    gaps = {"", *notation.missing}.intersection(column.cat.categories)
    if gaps:
        column = column.cat.remove_categories(list(gaps))
    if not column.cat.categories.is_monotonic_increasing:  # the same order, whatever the order of the rows
        column = column.cat.reorder_categories(column.cat.categories.sort_values())
    return column if text else values_of(column, notation, mixed=bool(gaps - {""}))


def _is_text(categories: pd.Index) -> bool:
    return bool(pd.api.types.infer_dtype(categories, skipna=False) in ("string", "empty"))
