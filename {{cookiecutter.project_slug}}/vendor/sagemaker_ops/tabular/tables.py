"""Read and write tables: CSV, gzipped CSV and Parquet, one file or a folder of them.

A table is read in blocks, each of which is narrowed at once: numbers to the fewest bytes that can store the values,
text to a code for each distinct text (pandas' category). That takes about a tenth of the memory of pandas.read_csv.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from numbers import Number
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sagemaker_ops.tabular.blocks import Block, join, narrow_numbers
from sagemaker_ops.tabular.dates import is_far_off, to_dates
from sagemaker_ops.tabular.errors import StepError, listed, raise_any
from sagemaker_ops.tabular.hashing import Hashes
from sagemaker_ops.tabular.notation import STANDARD, Notation
from sagemaker_ops.tabular.reading import MAYBE_MORE, Rows, column_names, read_rows
from sagemaker_ops.tabular.schema import Schema, plain_text
from sagemaker_ops.tabular.text_files import undecodable
from sagemaker_ops.tabular.text_values import values_of

FORMATS = (".csv", ".csv.gz", ".parquet", ".tsv", ".tsv.gz")
FILE_ROWS = 1 << 20  # of the table; those of each part become a Parquet file
GROUP_ROWS = 1 << 17  # of the table; those of each part become a row group
MANY_TEXTS = GROUP_ROWS >> 4


def read_table(
    path: Path, skip: Collection[str] = (), text: Collection[str] = (), notation: Notation = STANDARD
) -> pd.DataFrame:
    """The rows of the file `path`, or of all files in the folder `path`, as one tidy table.

    Columns in `skip` are present, but their values are not read; text in the columns `text` stays unchanged (007,
    2025-12-31). Raises StepError with every finding: no file, an unreadable one, a duplicate column name, files whose
    columns differ, no rows at all.
    """
    return read_and_hash(path, skip, text, notation=notation)[0]


def read_part(folder: Path, schema: Schema) -> pd.DataFrame:
    """The rows of a part as written by processing. StepError as for read_table."""
    return read_table(folder, text=schema.texts)


def read_and_hash(
    path: Path,
    skip: Collection[str] = (),
    text: Collection[str] = (),
    only_hashed: Collection[str] = (),
    notation: Notation = STANDARD,
) -> tuple[pd.DataFrame, Hashes | None]:
    """The same table, also without the values of `only_hashed`, and the sum that these add to the hash of each row.

    row_hash continues from this sum; None stands for zeros.
    """
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own pool keeps freed memory
    as_text = set(text)
    only_hashed = [name for name in only_hashed if name not in dict(notation.dates_of)]
    while True:  # The type of a column is known only after all of it is read.
        read = _read(path, skip, as_text, only_hashed, notation)
        again = read.mixed() - as_text, read.undecided() & set(only_hashed)
        if not any(again):
            break
        as_text |= again[0]
        only_hashed = [name for name in only_hashed if name not in again[1]]
    give_back()
    empty = no_values(read.rows)
    # One column after the other, freeing its blocks; without `copy=False`, pandas would keep everything twice.
    columns = {}
    for name in list(read.blocks):
        blocks = read.blocks.pop(name)
        columns[name] = _column(blocks, name, name in text, notation) if blocks else empty
    give_back()
    return pd.DataFrame(columns, copy=False), np.concatenate(read.sums) if only_hashed else None


def no_values(rows: int) -> pd.Series:
    """A column that has only a name."""
    return pd.Series(pd.Categorical.from_codes(np.full(rows, -1, dtype="int8"), []), copy=False)


@dataclass
class _Read:
    """The rows of all files read so far."""

    rows: int
    blocks: dict[str, list[Block]]
    meanings: dict[str, set[str]]  # what each column has in some block
    sums: list[Hashes]

    def add(self, rows: Rows) -> None:
        self.rows += rows.number
        self.sums.append(rows.sums)
        for name, block in rows.blocks.items():
            self.blocks[name].append(block)
        for name, meaning in rows.meanings.items():
            self.meanings[name] |= {meaning} - {""}

    def mixed(self) -> set[str]:
        """The columns that are text because of mixed content: they must be read as unchanged text."""
        alike = ({"number", "boolean"}, {"text", MAYBE_MORE})
        return {name for name, found in self.meanings.items() if len(found) > 1 and found not in alike}

    def undecided(self) -> set[str]:
        """The columns whose texts may all be dates or numbers: they can be hashed only after all of them are read."""
        return {name for name, found in self.meanings.items() if found == {MAYBE_MORE}}


def _read(
    path: Path, skip: Collection[str], text: Collection[str], only_hashed: Collection[str], notation: Notation
) -> _Read:
    findings: list[str] = []
    read = _Read(0, {}, {}, [])
    first: tuple[Path, list[str]] | None = None
    for file in table_files(path):
        try:
            names = column_names(file, notation)
            if first is None and names:
                first = file, names
                read.blocks, read.meanings = {name: [] for name in names}, {name: set() for name in names}
            wrong = _header_findings(file, names, *(first or (file, names)))
            findings += wrong
            if not wrong:
                for rows in read_rows(file, names, skip, text, only_hashed, notation):
                    read.add(rows)
        except StepError as error:
            findings += error.findings
        except UnicodeError:
            findings.append(undecodable(file, notation))
        except (csv.Error, pa.ArrowException, OSError, EOFError) as error:
            findings.append(f"{file.name} cannot be read: {' '.join(str(error).split())}")
    raise_any(findings)
    if not read.rows:
        raise StepError(f"{path} has a header but no values; give a table with data")
    return read


def _column(blocks: list[Block], name: str, text: bool, notation: Notation) -> pd.Series:
    column = join(blocks).rename(name, copy=False)
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
            with pq.ParquetWriter(file, schema, store_schema=False) as writer:
                for start in range(0, len(here), GROUP_ROWS):
                    group = rows.slice(start, GROUP_ROWS).filter(pa.array(here[start : start + GROUP_ROWS]))
                    writer.write_table(group.cast(schema))

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


def table_files(path: Path) -> list[Path]:
    """The tables at or below `path`, sorted by name; hidden files and other formats are ignored."""
    if not path.exists():
        raise StepError(f"{path} does not exist; give a CSV or Parquet file, or a folder of them")
    if path.is_file():
        files = [path]
    else:
        hidden = (".", "_")  # JupyterLab keeps copies in a hidden folder
        files = [p for p in sorted(path.rglob("*")) if p.is_file()]
        files = [p for p in files if not any(part.startswith(hidden) for part in p.relative_to(path).parts)]
    tables = [p for p in files if p.name.lower().endswith(FORMATS)]
    if not tables:
        found = f" (found {listed([p.name for p in files], 3)})" if files else ""
        raise StepError(f"no table in {path}{found}; files must end in {', '.join(FORMATS)}")
    return tables


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
    if not isinstance(kind, pd.CategoricalDtype):
        types = {type(value) for value in column.dropna()}
        if types == {bool}:
            return column.astype("boolean")
        if types and all(issubclass(kind, Number) for kind in types):  # Decimal, or a mixture of numbers and booleans
            return _tidy_column(column.astype(float))
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


def _header_findings(file: Path, names: list[str], first: Path, expected: list[str]) -> list[str]:
    if not names:
        return [f"{file.name} is empty; give a table with a header and rows"]
    findings = []
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        findings.append(f"{file.name} names {listed(twice)} more than once; give each column its own name")
    if set(names) != set(expected):
        missing = [name for name in expected if name not in names]
        extra = [name for name in names if name not in expected]
        differences = [f"lacks {listed(missing, 3)}"] * bool(missing) + [f"adds {listed(extra, 3)}"] * bool(extra)
        findings.append(
            f"{file.name} {' and '.join(differences)}, compared with {first.name}; "
            "give files with the same columns, or the path of one file"
        )
    return findings
