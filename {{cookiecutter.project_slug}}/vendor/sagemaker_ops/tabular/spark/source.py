"""A table that Spark reads: its files, and the first look at all of its rows, after which the type of each is known."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sagemaker_ops.tabular.errors import StepError, raise_any
from sagemaker_ops.tabular.losses import Spellings
from sagemaker_ops.tabular.notation import Notation
from sagemaker_ops.tabular.spark.files import PARQUET, WHOLE, TableFile, files_of
from sagemaker_ops.tabular.spark.inputs import Batches, Reading, frames, rows_at_once
from sagemaker_ops.tabular.spark.kinds import Found, read_again, together
from sagemaker_ops.tabular.spark.storage import Storage, is_remote, location
from sagemaker_ops.tabular.spark.workers import Failed, look, spell

Work = Callable[[Reading], Callable[[Batches], Batches]]


@dataclass
class Source:
    """The files of a table, or a DataFrame of one's own. path: as the user gave it."""

    spark: Any
    path: str
    files: list[TableFile]
    notation: Notation
    own: Any = None
    text: set[str] = field(default_factory=set)
    """The columns that are read as unchanged text."""

    @classmethod
    def at(cls, spark: Any, path: Path, notation: Notation, folder: Path) -> Source:
        """The table in a file or folder; folder: for what describes remote files. StepError with every finding."""
        storage, place = Storage(spark), location(path)
        root = storage.mirror(place, folder) if is_remote(place) else Path(place)
        if is_remote(place) and not root.exists():
            raise StepError(f"there is nothing at {place}; give a CSV or Parquet file, or a folder of them")
        return cls(spark, str(path), files_of(root, place, storage, notation), notation)

    @classmethod
    def of(cls, frame: Any, notation: Notation) -> Source:
        """A DataFrame of one's own."""
        names = tuple(frame.columns)
        table = TableFile(0, "the table", Path(), "", names, (), PARQUET)
        return cls(frame.sparkSession, "the table", [table], notation, frame)

    @property
    def names(self) -> list[str]:
        return list(self.files[0].names)

    def work(self, work: Work, wanted: Iterable[str], schema: str, text: Iterable[str] | None = None) -> Iterator[Any]:
        """A DataFrame of what the workers make of the rows, for each way to read the files."""
        wanted = list(wanted)
        as_text = tuple(sorted(self.text if text is None else text))
        for frame, group in self._frames(wanted):
            reading = Reading(group, tuple(wanted), as_text, self.notation)
            way = next(iter(group.values())).way
            self.spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", rows_at_once(way))
            yield frame.mapInArrow(work(reading), schema)

    def _frames(self, wanted: list[str]) -> Iterator[tuple[Any, Mapping[int, TableFile]]]:
        if self.own is None:
            yield from frames(self.spark, self.files, wanted, Storage(self.spark).known_as)
            return
        from pyspark.sql import functions

        place = functions.spark_partition_id().cast("bigint").alias("start")
        columns = [functions.col(f"`{name.replace('`', '``')}`") for name in wanted]
        key = functions.lit(0).cast("bigint").alias("file")
        yield self.own.select(*columns, key, place), {0: self.files[0]}

    def look(self, wanted: Iterable[str], settled: Iterable[str]) -> tuple[dict[str, Found], tuple[bool, bool]]:
        """What the columns contain, and whether there are codes or long numbers in the text (losses.special)."""
        wanted = list(wanted)
        results = [
            pickle.loads(row[0])
            for frame in self.work(lambda reading: look(reading, frozenset(settled)), wanted, "found binary")
            for row in frame.collect()
        ]
        failed = [each for each in results if isinstance(each, Failed)]
        spanning = {name for each in failed if each.spans for name in each.findings}
        raise_any(list(dict.fromkeys(f for each in failed if not each.spans for f in each.findings)))
        if spanning:  # rows of several lines: the file is read by one task
            self.files = [replace(each, way=WHOLE) if each.name in spanning else each for each in self.files]
            return self.look(wanted, settled)
        flags = [flags for _, flags in results]
        return together([found for found, _ in results]), (any(a for a, _ in flags), any(b for _, b in flags))

    def settle(self, wanted: list[str], text: list[str]) -> tuple[dict[str, Found], set[str], tuple[bool, bool]]:
        """The same when all columns have one type, and those that were read as text for their large whole numbers."""
        self.text = set(text)
        found, flags = self.look(wanted, text)
        maybe_whole: set[str] = set()
        while True:
            again, whole = read_again(found, self.text)
            maybe_whole |= whole
            if not again:
                break
            self.text |= again
            found |= self.look([name for name in wanted if name in again], text)[0]
        for name in maybe_whole:
            found[name] = replace(found[name], lost=replace(found[name].lost, whole=True))
        return {name: found[name] for name in wanted if name in found}, maybe_whole, flags

    def spellings(self, few: set[str], numbers: set[str], gaps: set[str]) -> Spellings:
        """How the numbers in these columns are written, read once more as text."""
        total = Spellings()
        wanted = [name for name in self.names if name in numbers | gaps]
        files = self.files
        self.files = [each for each in files if each.way != PARQUET]
        try:
            work: Work = lambda reading: spell(reading, frozenset(few), frozenset(numbers))  # noqa: E731
            for frame in self.work(work, wanted, "found binary", wanted) if self.files and wanted else ():
                for row in frame.collect():
                    found: Spellings = pickle.loads(row[0])
                    total.words |= found.words
                    for name, texts in found.texts.items():
                        total.texts[name] = total.texts.get(name, type(texts)()) + texts
                        total.plain[name] = total.plain.get(name, set()) | found.plain[name]
        finally:
            self.files = files
        return total
