"""Processing of a table on Spark in the same four steps, each of which can be replaced: read, check, split, describe.

A DataFrame of one's own can replace what `read_source` returns, and a Column expression of names in PARTS the result of
`split_rows`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagemaker_ops.tabular.checks import option_findings
from sagemaker_ops.tabular.column_types import load_types, other_settings, save_types, texts_of
from sagemaker_ops.tabular.errors import StepError, raise_any
from sagemaker_ops.tabular.losses import lost_findings
from sagemaker_ops.tabular.schema import Schema
from sagemaker_ops.tabular.spark import description, parts
from sagemaker_ops.tabular.spark.checks import Checked, checked
from sagemaker_ops.tabular.spark.kinds import Found
from sagemaker_ops.tabular.spark.source import Source
from sagemaker_ops.tabular.spark.storage import Storage, is_remote, location, uri_of
from sagemaker_ops.tabular.spark.workers import GROUP
from sagemaker_ops.tabular.splits import Options


@dataclass(frozen=True)
class Table:
    """A table, and what each of its columns contains.

    whole: those that are text for their large whole numbers. types: those of schema.toml, and notes: what to say of it.
    """

    source: Source
    found: dict[str, Found]
    whole: set[str]
    flags: tuple[bool, bool]
    types: dict[str, str] | None
    notes: list[str]


@dataclass(frozen=True)
class Prepared:
    """The result of processing. frame: the usable rows, with the columns for the model and the part of each row."""

    spark: Any
    frame: Any
    columns: Sequence[Any]
    schema: Schema
    summary: dict[str, Any]
    types: dict[str, str]
    unclear: dict[str, str]

    def save(self, folders: Sequence[Path], summary_dir: Path) -> None:
        """Write each part to its folder (in the order of PARTS), and schema and summary to `summary_dir`."""
        storage = Storage(self.spark)
        for number, folder in enumerate(folders, start=1):
            place = location(folder)
            storage.clear(place)
            rows = self.frame.where(f"`{GROUP}` = {number}").select(*self.columns)
            rows.write.mode("append").parquet(uri_of(place))
        place = location(summary_dir)
        with tempfile.TemporaryDirectory() as draft:
            folder = Path(draft) if is_remote(place) else Path(place)
            self.schema.save(folder)
            save_types(self.types, folder, self.unclear)
            text = json.dumps(self.summary, indent=2, allow_nan=False, ensure_ascii=False)
            (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
            for file in sorted(folder.iterdir()) if is_remote(place) else ():
                storage.write(f"{place.rstrip('/')}/{file.name}", file.read_bytes())

    def print_summary(self) -> None:
        """Print the warnings, and how many rows each part has."""
        description.print_summary(self.summary, self.schema)


def read_source(spark: Any, path: Path, options: Options) -> Table:
    """The table in the file or folder `path`, CSV or Parquet. StepError with everything that is wrong with it."""
    findings: list[str] = []
    types, notes = None, list[str]()
    with tempfile.TemporaryDirectory() as folder:
        try:
            types, notes = _kept_types(spark, options, Path(folder))
        except StepError as error:
            findings += error.findings
        try:
            source = Source.at(spark, path, options.notation, Path(folder, "table"))
            table = _table(source, options, types, notes)
            findings += lost_findings({name: each.lost for name, each in table.found.items()}, options.ignored)
        except StepError as error:
            raise StepError(*option_findings(options), *findings, *error.findings) from None
    if findings:
        raise StepError(*option_findings(options), *findings)
    return table


def _table(source: Source, options: Options, types: dict[str, str] | None, notes: list[str]) -> Table:
    wanted = [name for name in source.names if name not in options.unread]
    found, whole, flags = source.settle(wanted, texts_of(types))
    if not any(each.rows for each in found.values()):
        raise StepError(f"{source.path} has a header but no values; give a table with data")
    return Table(source, found, whole, flags, types, notes)


def check_rows(table: Any, options: Options) -> Checked:
    """The usable rows of a Table, or of a DataFrame. StepError with everything that is wrong with it."""
    if not isinstance(table, Table):
        with tempfile.TemporaryDirectory() as folder:
            types, notes = _kept_types(table.sparkSession, options, Path(folder))
        table = _table(Source.of(table, options.notation), options, types, notes)
        lost = {name: each.lost for name, each in table.found.items()}
        raise_any([*option_findings(options), *lost_findings(lost, options.ignored)])
    return checked(table.source, table.found, table.whole, table.flags, table.types, table.notes, options)


def split_rows(rows: Checked, options: Options) -> Any:
    """What decides the part of each row; splits.py explains how rows are split."""
    return parts.split(rows, options)


def describe_parts(rows: Checked, given: Any, options: Options) -> Prepared:
    """Choose the features, and describe them and the parts.

    given: the result of `split_rows`, or a Column expression of names in PARTS. StepError if a model cannot be trained
    and tested on these parts.
    """
    done = parts.described_parts(rows, given, options)
    schema, summary, columns = description.describe(done, options)
    return Prepared(rows.spark, done.frame, columns, schema, summary, rows.types, rows.unclear)


def _kept_types(spark: Any, options: Options, folder: Path) -> tuple[dict[str, str] | None, list[str]]:
    """The types of schema.toml, None if there is no such file; and a warning if it has other settings."""
    if not options.schema:
        return None, []
    place = location(options.schema)
    file = Storage(spark).mirror(place, folder) if is_remote(place) else Path(place)
    return (load_types(file), other_settings(file, options.notation)) if file.is_file() else (None, [])
