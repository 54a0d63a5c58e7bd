"""Some rows of a file as blocks: the values of each column, what they mean, and what they do not show any more."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sagemaker_ops.tabular.blocks import (
    Block,
    add_block,
    is_beyond,
    is_whole,
    meaning,
    narrow,
    several_values,
    to_block,
    without_words,
)
from sagemaker_ops.tabular.dates import OFFSET
from sagemaker_ops.tabular.errors import raise_any, short
from sagemaker_ops.tabular.hashing import Hashes
from sagemaker_ops.tabular.notation import STANDARD, Notation, without_missing
from sagemaker_ops.tabular.schema import MISSING

ISO_DATE = r"\d{4}-\d{2}-\d{2}(?!\d)"
MAYBE_MORE = "date, number or text"
MAYBE_WHOLE = "number or text"


@dataclass(frozen=True)
class Lost:
    """What the values of a column do not show any more.

    words: texts that count as missing, such as NA, and their rows; offsets: the rows of dates with (True) and without a
    UTC offset; whole: whether there are whole numbers beyond EXACT; several: `lists`, for example, if a value is one.
    """

    words: Counter[str] = field(default_factory=Counter)
    offsets: Counter[bool] = field(default_factory=Counter)
    whole: bool = False
    several: str = ""

    def __add__(self, other: Lost) -> Lost:
        words, offsets = self.words + other.words, self.offsets + other.offsets
        return Lost(words, offsets, self.whole or other.whole, self.several or other.several)


@dataclass(frozen=True)
class Rows:
    """Some rows of a file: a block for each column, and the sum over columns that only affect the row hash."""

    number: int
    blocks: dict[str, Block]
    meanings: dict[str, str]  # number, boolean, date, text, MAYBE_MORE, MAYBE_WHOLE, or empty without values here
    lost: dict[str, Lost]
    sums: Hashes

    @classmethod
    def of(
        cls,
        batch: pa.RecordBatch,
        only_hashed: Collection[str],
        folders: Mapping[str, pa.Scalar],
        repeated: Mapping[str, str | None],
        is_text: bool,
        notation: Notation = STANDARD,
    ) -> Rows:
        """folders: the columns that only the names of the file's folders contain; repeated: those that both contain.

        is_text: whether the file is one of text (CSV).
        """
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        _check_folders(columns, repeated)
        columns |= {name: pa.repeat(value, batch.num_rows) for name, value in folders.items()}
        blocks, meanings, lost = {}, {}, {}
        for name, column in columns.items():
            try:
                block = without_missing(to_block(column), notation)
            except pa.ArrowInvalid as error:
                raise pa.ArrowInvalid(f"column '{name}': {error}") from None
            words: dict[str, int] = {}
            if is_text and name not in folders and isinstance(block, pa.DictionaryArray):
                block, words = without_words(block, pa.array([*MISSING, *notation.missing], pa.string()))
                words = {word: rows for word, rows in words.items() if word not in notation.missing}
            kind, written = column.type, is_text or name in folders
            whole = _is_whole(column, block, written)
            meanings[name] = MAYBE_WHOLE if whole and written else _meaning(block, notation)
            lost[name] = Lost(Counter(words), _offsets(kind, block), whole, several_values(kind))
            blocks[name] = block
        sums = np.zeros(batch.num_rows if only_hashed else 0, np.uint64)
        for name in only_hashed:
            add_block(sums, name, blocks.pop(name))
        return cls(batch.num_rows, {name: narrow(block) for name, block in blocks.items()}, meanings, lost, sums)

    def replace(self, other: Rows) -> None:
        """Take the columns of `other`, which are the same ones of the same rows, read again."""
        self.blocks.update(other.blocks)
        self.meanings.update(other.meanings)
        self.lost.update(other.lost)


def _check_folders(columns: Mapping[str, pa.Array], repeated: Mapping[str, str | None]) -> None:
    """A column that the folder's name repeats must have that value in every row; StepError otherwise."""
    raise_any(
        [
            f"column '{name}' has other values than the folder '{name}={'' if value is None else short(value)}'; "
            "correct one of them, or remove the column from the file"
            for name, value in repeated.items()
            if name in columns and not _agrees(columns[name], value)
        ]
    )


def _agrees(column: pa.Array, value: str | None) -> bool:
    column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    if value is None or column.null_count:
        return value is None and column.null_count == len(column)
    try:
        return bool(pc.all(pc.equal(column, pa.scalar(value).cast(column.type))).as_py())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False


def _is_whole(column: pa.Array, block: Block, written: bool) -> bool:
    """Whether these may be whole numbers beyond EXACT; numbers that are `written` in text may have become float64."""
    if pa.types.is_integer(column.type) or pa.types.is_decimal(column.type):
        return not isinstance(block, np.ndarray)  # to_block has decided
    return written and pa.types.is_floating(column.type) and is_beyond(column) and is_whole(column)


def _meaning(block: Block, notation: Notation) -> str:
    if isinstance(block, np.ndarray) or meaning(block) != "text":
        return meaning(block)
    may_be = notation.dates or not notation.is_standard or _may_be_dates(block)
    if notation.missing and not may_be:  # only in Parquet: Arrow reads a CSV file without them
        may_be = pc.any(pc.is_in(block.dictionary, pa.array(notation.missing, pa.string()))).as_py()
    return MAYBE_MORE if may_be else "text"


def _may_be_dates(block: pa.DictionaryArray) -> bool:
    first = next(filter(None, block.dictionary[:2].to_pylist()), "")
    return bool(re.match(ISO_DATE, first))


def _offsets(kind: pa.DataType, block: Block) -> Counter[bool]:
    """How many dates have a UTC offset, and how many have none."""
    if isinstance(block, np.ndarray):
        known = int((~np.isnat(block)).sum()) if block.dtype.kind == "M" else 0
        return Counter({getattr(kind, "tz", None) is not None: known} if known else {})
    if meaning(block) != "text" or not _may_be_dates(block):
        return Counter()
    has = pc.match_substring_regex(block.dictionary, OFFSET).to_numpy(zero_copy_only=False)
    codes = block.indices.drop_null().to_numpy()
    rows = np.bincount(codes, minlength=len(has))
    return Counter({flag: int(rows[has == flag].sum()) for flag in (True, False)})
