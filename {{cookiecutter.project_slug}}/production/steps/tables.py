"""Read and write tables: CSV, gzipped CSV and Parquet, one file or a folder of them."""

from __future__ import annotations

import gzip
import re
from numbers import Number
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from errors import StepError, listed, raise_any

FORMATS = (".csv", ".csv.gz", ".parquet")
SEPARATORS = ",;\t|"


def read_table(path: Path) -> pd.DataFrame:
    """The rows of the file `path`, or of all files below the folder `path`, as one table.

    Raises StepError with every finding: no file, an unreadable one, a column name that occurs twice, files whose
    columns differ, no row at all.
    """
    findings: list[str] = []
    tables: list[pd.DataFrame] = []
    first: tuple[Path, list[str]] | None = None
    for file in table_files(path):
        try:
            names = column_names(file)
            if first is None and names:
                first = file, names
            wrong = _header_findings(file, names, *(first or (file, names)))
            findings += wrong
            if not wrong:
                tables.append(_read_file(file))
        except UnicodeError:
            findings.append(f"{file.name} is not UTF-8 text; save it again in that encoding")
        except (pd.errors.ParserError, pa.ArrowInvalid, OSError) as error:
            findings.append(f"{file.name} cannot be read: {' '.join(str(error).split())}")
    raise_any(findings)
    # A column without values must not decide the type that it has in the other files.
    table = pd.concat([one.dropna(axis="columns", how="all") for one in tables], ignore_index=True)
    if table.empty:
        raise StepError(f"{path} has a header but no values; give a table that holds data")
    return table.reindex(columns=tables[0].columns)


def write_table(table: pd.DataFrame, folder: Path) -> None:
    """Write `table` as `folder`/part-0.parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / "part-0.parquet", index=False)


def table_files(path: Path) -> list[Path]:
    """The tables at or below `path`, sorted by name; hidden files and other formats are passed over."""
    if not path.exists():
        raise StepError(f"{path} does not exist; give a CSV or Parquet file, or a folder of them")
    if path.is_file():
        files = [path]
    else:
        files = [p for p in sorted(path.rglob("*")) if p.is_file() and not p.name.startswith((".", "_"))]
    tables = [p for p in files if p.name.lower().endswith(FORMATS)]
    if not tables:
        found = f" (found {listed([p.name for p in files], 3)})" if files else ""
        raise StepError(f"no table in {path}{found}; files must end in {', '.join(FORMATS)}")
    return tables


def column_names(file: Path) -> list[str]:
    """The column names as they stand in `file`; pandas would rename one that occurs twice."""
    if file.suffix.lower() == ".parquet":
        return [str(name) for name in pq.read_schema(file).names]
    try:
        first = pd.read_csv(file, header=None, nrows=1, dtype=str, sep=_separator(file), encoding="utf-8-sig")
    except pd.errors.EmptyDataError:
        return []
    return [str(name) for name in first.iloc[0].fillna("")]


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """The same table with one meaning per type: numbers, booleans, dates, and all else as text; infinity is missing."""
    return pd.DataFrame({str(name): _tidy_column(table[name]) for name in table.columns})


def _tidy_column(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    if pd.api.types.is_numeric_dtype(column):
        return column if column.dtype.kind in "iu" else column.astype(float).replace([np.inf, -np.inf], np.nan)
    types = {type(value) for value in column.dropna()}
    if types == {bool}:
        return column.astype("boolean")
    if types and all(issubclass(kind, Number) for kind in types):  # Decimal, or numbers here and booleans there
        return _tidy_column(column.astype(float))
    return column.map(str, na_action="ignore").astype(object)


def _read_file(file: Path) -> pd.DataFrame:
    if file.suffix.lower() == ".parquet":
        table = pq.read_table(file).to_pandas(ignore_metadata=True)  # pandas' own index becomes a column again
        return table.drop(columns="__index_level_0__", errors="ignore")
    table = pd.read_csv(file, sep=_separator(file), encoding="utf-8-sig", low_memory=False)
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much for an index
        raise pd.errors.ParserError("its rows have more values than its header has names")
    return table


def _separator(file: Path) -> str:
    """The separator that the header uses most, outside quotes."""
    opener = gzip.open if file.suffix.lower() == ".gz" else open
    with opener(file, "rt", encoding="utf-8-sig") as text:
        header = re.sub(r'"[^"]*"', "", text.readline())
    return max(SEPARATORS, key=header.count)


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
