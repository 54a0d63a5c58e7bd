"""Read and write tables: CSV, gzipped CSV and Parquet, one file or a folder of them.

A table is read in blocks, and each is narrowed at once: numbers to the fewest bytes that hold the same values, text to
a number for each distinct text (pandas' category). That takes about a tenth of the memory of pandas.read_csv.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from numbers import Number
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from errors import StepError, listed, raise_any

FORMATS = (".csv", ".csv.gz", ".parquet")
SEPARATORS = ",;\t|"
MISSING = [
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-NaN",
    "-nan",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "None",
    "n/a",
    "nan",
    "null",
]
BLOCK_BYTES = 1 << 19
BLOCK_ROWS = 1 << 16
FILE_ROWS = 1 << 20  # rows of one Parquet file

Block: TypeAlias = npt.NDArray[Any] | pa.Array  # numbers and dates, or text and whatever has gaps


def read_table(path: Path, skip: Sequence[str] = ()) -> pd.DataFrame:
    """The rows of the file `path`, or of all files below the folder `path`, as one tidy table.

    Columns in `skip` are there, but their values are not read. Raises StepError with every finding: no file, an
    unreadable one, a column name that occurs twice, files whose columns differ, no row at all.
    """
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own keeps what it has freed
    findings: list[str] = []
    blocks: dict[str, list[Block]] = {}
    rows = 0
    first: tuple[Path, list[str]] | None = None
    for file in table_files(path):
        try:
            names = column_names(file)
            if first is None and names:
                first = file, names
                blocks = {name: [] for name in names}
            wrong = _header_findings(file, names, *(first or (file, names)))
            findings += wrong
            if not wrong:
                wanted = [name for name in names if name not in skip]
                for batch in _read_parquet(file, wanted) if _is_parquet(file) else _read_csv(file, wanted):
                    rows += len(next(iter(batch.values()), ()))
                    for name, block in batch.items():
                        blocks[name].append(block)
        except UnicodeError:
            findings.append(f"{file.name} is not UTF-8 text; save it again in that encoding")
        except (pd.errors.ParserError, pa.ArrowException, OSError) as error:
            findings.append(f"{file.name} cannot be read: {' '.join(str(error).split())}")
    raise_any(findings)
    if not rows:
        raise StepError(f"{path} has a header but no values; give a table that holds data")
    unread = np.full(rows, np.nan, dtype="float16")
    # One column after the other, each giving its blocks free; without `copy=False` pandas would hold all of it twice.
    columns = {name: pd.Series(unread) if name in skip else _join(blocks.pop(name)) for name in list(blocks)}
    return pd.DataFrame(columns, copy=False)


def write_parts(table: pd.DataFrame, part: npt.NDArray[np.int8], folders: Sequence[Path]) -> None:
    """Write the rows of `table` whose `part` is n to `folders`[n], as part-0.parquet, part-1.parquet, …: plain types.

    Files are written side by side, each from a slice of the table.
    """
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("part-*.parquet"):
            old.unlink()

    def write(start: int, number: int) -> None:
        rows = slice(start, start + FILE_ROWS)
        chosen = np.flatnonzero(part[rows] == number)
        if len(chosen):
            # Without the pandas metadata: every engine reads the same types.
            arrow = pa.Table.from_pandas(table.iloc[rows].take(chosen), preserve_index=False)
            file = folders[number] / f"part-{start // FILE_ROWS}.parquet"
            pq.write_table(arrow.replace_schema_metadata(None), file, store_schema=False)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        starts = range(0, len(table), FILE_ROWS)
        for done in [pool.submit(write, start, number) for start in starts for number in range(len(folders))]:
            done.result()


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
    if _is_parquet(file):
        return [str(name) for name in pq.read_schema(file).names if name != "__index_level_0__"]
    try:
        first = pd.read_csv(file, header=None, nrows=1, dtype=str, sep=_separator(file), encoding="utf-8-sig")
    except pd.errors.EmptyDataError:
        return []
    return [str(name) for name in first.iloc[0].fillna("")]


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """The same table with one meaning per type: numbers, booleans, dates, and all else as text, kept as categories.

    Numbers are narrowed, dates are in UTC without saying so, and infinity and empty text are missing.
    """
    return pd.DataFrame({str(name): _tidy_column(table[name]) for name in table.columns}, copy=False)


def infinite(column: pd.Series) -> int:
    """How many values are infinite."""
    return int(np.isinf(column.to_numpy()).sum()) if column.dtype.kind == "f" else 0


def _tidy_column(column: pd.Series) -> pd.Series:
    kind = column.dtype
    if pd.api.types.is_bool_dtype(kind) and not isinstance(kind, pd.CategoricalDtype):
        return column
    if pd.api.types.is_numeric_dtype(kind):
        own = isinstance(kind, np.dtype)
        numbers = column.to_numpy() if own or not column.hasnans else column.to_numpy(dtype=float, na_value=np.nan)
        if infinite(column):
            numbers = np.where(np.isinf(numbers), np.nan, numbers)
        return pd.Series(_narrow_numbers(numbers), column.index, name=column.name, copy=False)
    if pd.api.types.is_datetime64_any_dtype(kind):
        return pd.to_datetime(column, utc=True).dt.tz_convert(None).astype("datetime64[ns]")
    if not isinstance(kind, pd.CategoricalDtype):
        types = {type(value) for value in column.dropna()}
        if types == {bool}:
            return column.astype("boolean")
        if types and all(issubclass(kind, Number) for kind in types):  # Decimal, or numbers here and booleans there
            return _tidy_column(column.astype(float))
    return _tidy_text(column)


ISO_DATE = r"\d{4}-\d{2}-\d{2}(?!\d)"


def _tidy_text(column: pd.Series) -> pd.Series:
    """Text as categories, without the empty one; text that is a date in every row as dates."""
    if not isinstance(column.dtype, pd.CategoricalDtype) or not _is_text(column.cat.categories):
        column = column.astype(object).map(str, na_action="ignore").astype("category")
    if "" in column.cat.categories:
        column = column.cat.remove_categories("")
    if not column.cat.categories.is_monotonic_increasing:  # one order, whatever the order of the rows
        column = column.cat.reorder_categories(column.cat.categories.sort_values())
    texts = column.cat.categories
    if len(texts) and texts[:100].str.match(ISO_DATE).all():
        moments = pd.to_datetime(pd.Series(texts), format="ISO8601", errors="coerce", utc=True)
        if moments.notna().all():
            naive = moments.dt.tz_convert(None).astype("datetime64[ns]").array
            dates = pd.api.extensions.take(naive, column.cat.codes.to_numpy(), allow_fill=True)
            return pd.Series(dates, column.index, name=column.name)
    return column


def _is_text(categories: pd.Index) -> bool:
    return bool(pd.api.types.infer_dtype(categories, skipna=False) in ("string", "empty"))


def _is_parquet(file: Path) -> bool:
    return file.suffix.lower() == ".parquet"


def _read_parquet(file: Path, names: list[str]) -> Iterator[dict[str, Block]]:
    schema = pq.read_schema(file)
    texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    with pq.ParquetFile(file, read_dictionary=texts) as opened:
        for batch in opened.iter_batches(BLOCK_ROWS, columns=names):
            yield _narrow_batch(batch)


def _read_csv(file: Path, names: list[str]) -> list[dict[str, Block]]:
    """The blocks of `file`. Types follow from its first one; a value further down that does not fit widens the type."""
    types: dict[str, pa.DataType] = {}
    block = BLOCK_BYTES
    while True:
        try:
            with pa.input_stream(file, compression="detect") as stream:
                reader = pa.csv.open_csv(
                    stream,
                    pa.csv.ReadOptions(block_size=block, use_threads=False),
                    pa.csv.ParseOptions(delimiter=_separator(file), newlines_in_values=True),
                    pa.csv.ConvertOptions(
                        include_columns=names, column_types=types, null_values=MISSING, strings_can_be_null=True
                    ),
                )
                types = {field.name: field.type for field in reader.schema}
                if pa.binary() in types.values():
                    raise UnicodeError
                return [_narrow_batch(batch) for batch in reader]
        except pa.ArrowInvalid as error:
            found = re.search(r"CSV column #(\d+)[^']*invalid value '(.*)'", str(error), re.DOTALL)
            if "invalid UTF8" in str(error):
                raise UnicodeError from None
            if "Empty CSV" in str(error):
                return []
            if "straddling" in str(error) and block < 1 << 30:  # a row is longer than a block
                block *= 16
                continue
            if not found or not types:
                raise
            name = names[int(found[1])]
            types[name] = _wider(types[name], found[2])


def _wider(kind: pa.DataType, value: str) -> pa.DataType:
    """The narrowest type that holds what `kind` holds and `value` too."""
    steps = {
        "null": (pa.int64(), pa.bool_(), pa.float64(), pa.timestamp("ns")),
        "int64": (pa.float64(),),
        "date32[day]": (pa.timestamp("ns"),),
        "timestamp[s]": (pa.timestamp("ns"),),
    }
    for wider in steps.get(str(kind), ()):
        try:
            pa.scalar(value).cast(wider)
        except pa.ArrowInvalid:
            continue
        return wider
    return pa.string()


def _narrow_batch(batch: pa.RecordBatch) -> dict[str, Block]:
    return {name: _narrow(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}


def _narrow(column: pa.Array) -> Block:
    kind = column.type
    if pa.types.is_decimal(kind):
        column, kind = column.cast(pa.float64()), pa.float64()
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _narrow_numbers(column.to_numpy(zero_copy_only=False))
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):  # Arrow keeps moments in UTC, whatever their zone
        return column.cast(pa.timestamp("ns", getattr(kind, "tz", None))).to_numpy(zero_copy_only=False)
    if pa.types.is_dictionary(kind) and (pa.types.is_string(kind.value_type)):
        return column
    if pa.types.is_string(kind):
        return column.dictionary_encode()
    return pa.array(
        [None if value is None else str(value) for value in column.to_pylist()], pa.string()
    ).dictionary_encode()


def _narrow_numbers(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same numbers in as few bytes as hold them exactly."""
    if numbers.dtype.kind in "iu":
        low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, 0)
        fitting = [kind for kind in ("int8", "int16", "int32", "int64") if _holds(kind, low, high)]
        return numbers.astype(fitting[0], copy=False) if fitting else numbers.astype(float)
    if numbers.dtype == np.float32:
        return numbers
    with np.errstate(over="ignore"):
        narrow = numbers.astype("float32", copy=False)
    return narrow if np.array_equal(narrow, numbers, equal_nan=True) else numbers.astype("float64", copy=False)


def _holds(kind: str, low: int, high: int) -> bool:
    return bool(np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)


def _join(blocks: list[Block]) -> pd.Series:
    """The blocks of one column in the narrowest type that holds them all; text, if nothing else does."""
    rows = sum(map(len, blocks))
    known = [block for block in blocks if isinstance(block, np.ndarray) or block.null_count < len(block)]
    if not known:
        return pd.Series(np.full(rows, np.nan, dtype="float32"))
    kinds = {_meaning(block) for block in known}
    if kinds <= {"number", "boolean"} and "number" in kinds:
        return pd.Series(_narrow_numbers(np.concatenate([_numbers(block) for block in blocks])), copy=False)
    if kinds == {"date"}:
        dates = [block if isinstance(block, np.ndarray) else np.full(len(block), "NaT", "M8[ns]") for block in blocks]
        return pd.Series(np.concatenate(dates), copy=False)
    if kinds == {"boolean"}:
        joined = pd.Series(pa.chunked_array([pa.array(block).cast(pa.bool_()) for block in blocks]).to_pandas())
        return joined.astype("boolean" if joined.hasnans else bool)
    texts = pa.chunked_array([_texts(block) for block in blocks]).unify_dictionaries()
    return _tidy_text(pd.Series(texts.to_pandas()))


def _meaning(block: Block) -> str:
    if isinstance(block, np.ndarray):
        return "date" if block.dtype.kind == "M" else "number"
    return "boolean" if pa.types.is_boolean(block.type) else "text"


def _numbers(block: Block) -> npt.NDArray[Any]:
    if isinstance(block, np.ndarray):
        return block
    return np.asarray(block.cast(pa.float32()).to_numpy(zero_copy_only=False))


def _texts(block: Block) -> pa.Array:
    if isinstance(block, np.ndarray):
        block = pa.array(block, from_pandas=True)
    text = pa.dictionary(pa.int32(), pa.string())
    return block.cast(text) if pa.types.is_dictionary(block.type) else block.cast(pa.string()).dictionary_encode()


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
