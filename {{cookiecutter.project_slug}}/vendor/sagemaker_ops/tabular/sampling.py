"""Some rows of a part that is too large for one machine: evenly spaced, so always the same ones."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.headers import table_files
from sagemaker_ops.tabular.schema import Schema
from sagemaker_ops.tabular.tables import read_part

VARIABLE = "TRAINING_MAX_ROWS"  # [training].max_rows of project.toml
COPIES = 3  # of the features in memory while a model is fitted, with eight bytes for each value


def read_sample(folder: Path, schema: Schema, max_rows: int | None = None) -> pd.DataFrame:
    """The rows of a part, at most `max_rows`, by default as many as the variable says; 0: all. StepError as read_part.

    Prints how many of how many rows it reads, and a warning if all of them hardly fit into memory.
    """
    limit = _limit() if max_rows is None else max_rows
    files = table_files(folder)
    if any(file.suffix.lower() != ".parquet" for file in files):
        table = read_part(folder, schema)
        return table.take(_chosen(0, len(table), len(table), limit)) if 0 < limit < len(table) else table
    rows = sum(pq.read_metadata(file).num_rows for file in files)
    if not 0 < limit < rows:
        _warn(folder.name, rows, len(schema.features))
        return read_part(folder, schema)
    print(f"{folder.name}: {limit:,} of {rows:,} rows, evenly spaced, because [training].max_rows is {limit}")
    with tempfile.TemporaryDirectory() as draft:
        _write_sample(files, rows, limit, Path(draft))
        return read_part(Path(draft), schema)


def _limit() -> int:
    text = os.environ.get(VARIABLE) or "0"
    if not text.isdecimal():
        raise StepError(f"{VARIABLE} is '{text}'; write a number of rows, or 0 for all of them")
    return int(text)


def _chosen(start: int, number: int, rows: int, limit: int) -> npt.NDArray[np.intp]:
    """Which of `number` rows from row `start` of all `rows` are among `limit` evenly spaced ones."""
    steps = np.arange(start, start + number + 1) * limit // rows
    return np.flatnonzero(np.diff(steps))


def _write_sample(files: list[Path], rows: int, limit: int, folder: Path) -> None:
    start = 0
    for number, file in enumerate(files):
        with (
            pq.ParquetFile(file) as opened,
            pq.ParquetWriter(folder / f"{number:06d}.parquet", opened.schema_arrow) as out,
        ):
            for batch in opened.iter_batches():
                out.write_batch(batch.take(pa.array(_chosen(start, batch.num_rows, rows, limit))))
                start += batch.num_rows


def _warn(name: str, rows: int, features: int) -> None:
    needed, there = rows * features * 8 * COPIES, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        fitting = int(rows * there / needed)
        print(
            f"warning: {name} has {rows:,} rows, which take about {needed / 1e9:.1f} GB while a model is fitted, more "
            f"than the {there / 1e9:.1f} GB of this machine: write max_rows = {fitting} in project.toml [training], or "
            "use a larger instance in [instances].training."
        )
