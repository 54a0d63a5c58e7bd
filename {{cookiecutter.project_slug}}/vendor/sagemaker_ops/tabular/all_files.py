"""The rows of all files of a table as blocks, and which columns must be read again as text."""

from __future__ import annotations

import csv
import os
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from sagemaker_ops.tabular.blocks import Block
from sagemaker_ops.tabular.errors import StepError, raise_any
from sagemaker_ops.tabular.hashing import Hashes
from sagemaker_ops.tabular.headers import folder_columns, header_findings, name_below, table_files
from sagemaker_ops.tabular.notation import Notation
from sagemaker_ops.tabular.reading import column_names, read_rows
from sagemaker_ops.tabular.rows import MAYBE_MORE, MAYBE_WHOLE, Lost, Rows
from sagemaker_ops.tabular.spelling import Spelling
from sagemaker_ops.tabular.text_files import undecodable

READ_ERRORS = (StepError, UnicodeError, csv.Error, pa.ArrowException, OSError, EOFError)


@dataclass
class FileRows:
    """The rows of all files read so far."""

    rows: int
    blocks: dict[str, list[Block]]
    meanings: dict[str, set[str]]  # what each column has in some block
    sums: list[Hashes]
    lost: dict[str, Lost]

    def add(self, rows: Rows) -> None:
        self.rows += rows.number
        self.sums.append(rows.sums)
        for name, block in rows.blocks.items():
            self.blocks[name].append(block)
        for name, meaning in rows.meanings.items():
            self.meanings[name] |= {meaning} - {""}
            self.lost[name] += rows.lost[name]

    def replace(self, other: FileRows, names: Collection[str]) -> None:
        """Take the columns `names` of `other`, which has read them again, and its sums if it has any."""
        for name in names:
            self.blocks[name], self.meanings[name] = other.blocks[name], other.meanings[name]
            self.lost[name] = other.lost[name]
        if any(map(len, other.sums)):
            self.sums = other.sums

    def mixed(self) -> set[str]:
        """The columns that are text because of mixed content: they must be read as unchanged text."""
        alike = ({"number", "boolean"}, {"text", MAYBE_MORE})
        return {name for name, found in self.meanings.items() if len(found) > 1 and found not in alike}

    def maybe_whole(self) -> set[str]:
        """The columns that contain whole numbers which must be read as text, unless other values are not whole."""
        return {name for name, found in self.meanings.items() if MAYBE_WHOLE in found}

    def undecided(self) -> set[str]:
        """The columns whose texts may all be dates or numbers: they can be hashed only after all of them are read."""
        return {name for name, found in self.meanings.items() if found == {MAYBE_MORE}}


def read_files(
    path: Path,
    skip: Collection[str],
    text: Collection[str],
    only_hashed: Collection[str],
    notation: Notation,
    spelling: Spelling | None = None,
) -> FileRows:
    """The rows of all files, several of which are read in parallel."""
    files = {name_below(file, path): file for file in table_files(path)}
    findings: dict[str, list[str]] = {name: [] for name in files}
    waiting: dict[str, Future[list[Rows]]] = {}
    first: tuple[str, list[str]] | None = None

    def rows_of(file: Path, names: list[str], folders: dict[str, str | None]) -> list[Rows]:
        threads = None if len(files) == 1 else 1
        return list(read_rows(file, names, skip, text, only_hashed, folders, notation, spelling, threads))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, file in files.items():
            folders = folder_columns(name)
            try:
                names = column_names(file, notation)
            except READ_ERRORS as error:
                findings[name] = _wrong(error, file, name, notation)
                continue
            names += [column for column, _ in folders if column not in set(names)] if names else []
            first = first or ((name, names) if names else None)
            findings[name] = header_findings(name, names, *(first or (name, names)))
            if not findings[name]:
                waiting[name] = pool.submit(rows_of, file, names, dict(folders))
        every = first[1] if first else []
        read = FileRows(
            0, {each: [] for each in every}, {each: set() for each in every}, [], dict.fromkeys(every, Lost())
        )
        for name, done in waiting.items():
            try:
                for rows in done.result():
                    read.add(rows)
            except READ_ERRORS as error:
                findings[name] = _wrong(error, files[name], name, notation)
    raise_any([each for some in findings.values() for each in some])
    if not read.rows:
        raise StepError(f"{path} has a header but no values; give a table with data")
    return read


def _wrong(error: Exception, file: Path, name: str, notation: Notation) -> list[str]:
    if isinstance(error, StepError):
        return [each if file.name in each else f"{name}: {each}" for each in error.findings]
    if isinstance(error, UnicodeError):
        return [undecodable(file, notation)]
    return [f"{name} cannot be read: {' '.join(str(error).split())}"]
