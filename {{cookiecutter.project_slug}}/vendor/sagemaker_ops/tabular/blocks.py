"""Blocks: some values of one column in few bytes, as they are read. A column is made by joining its blocks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sagemaker_ops.tabular.dates import nanoseconds
from sagemaker_ops.tabular.hashing import Hashes, add_texts, add_values
from sagemaker_ops.tabular.whole_numbers import EXACT

Block: TypeAlias = npt.NDArray[Any] | pa.Array  # numbers and dates, or text and anything with gaps

PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
INTEGERS = [(kind, int(np.iinfo(kind).min), int(np.iinfo(kind).max)) for kind in ("int8", "int16", "int32", "int64")]


def to_block(column: pa.Array) -> Block:
    """The values of `column`: numbers and dates, otherwise booleans, text as codes, or only gaps.

    Whole numbers are text if some are beyond EXACT, because different ones would become the same number. A duration
    is a number of seconds.
    """
    column = _storage(column)
    if pa.types.is_decimal(column.type):
        column = _decimals(column)
    kind = column.type
    if pa.types.is_integer(kind) and is_beyond(column):
        column, kind = column.cast(pa.string()), pa.string()
    if pa.types.is_duration(kind):
        column, kind = pc.divide(column.cast(pa.int64()).cast(pa.float64()), PER_SECOND[kind.unit]), pa.float64()
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return column.to_numpy(zero_copy_only=False)
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):  # Arrow stores times in UTC, whatever their zone
        return nanoseconds(column.to_numpy(zero_copy_only=False))
    if pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type):
        return column
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        column, kind = column.cast(pa.binary()).cast(pa.string()), pa.string()  # text, without Parquet's mark for it
    if not pa.types.is_string(kind):
        column = pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    return column.dictionary_encode()


def several_values(kind: pa.DataType) -> str:
    """What a value of this type consists of, if it is not a single value: `lists`, for example."""
    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    if not pa.types.is_nested(kind):
        return ""
    return "maps" if pa.types.is_map(kind) else "structs" if pa.types.is_struct(kind) else "lists"


def is_beyond(column: pa.Array) -> bool:
    """Whether a column of numbers contains one beyond EXACT."""
    if pa.types.is_integer(column.type) and column.type.bit_width < 64:
        return False
    ends = pc.min_max(column).as_py()
    return ends["min"] is not None and (ends["min"] < -EXACT or ends["max"] > EXACT)


def is_whole(column: pa.Array) -> bool:
    """Whether all numbers of a column are whole."""
    return bool(pc.all(pc.equal(pc.trunc(column), column)).as_py())


def without_words(texts: pa.DictionaryArray, words: pa.Array) -> tuple[pa.DictionaryArray, dict[str, int]]:
    """The texts, with `words` as gaps, and how often each of these occurs, except the empty one."""
    found = pc.is_in(texts.dictionary, words).to_numpy(zero_copy_only=False)
    if not found.any():
        return texts, {}
    codes = texts.indices.fill_null(-1).to_numpy()
    rows = np.bincount(codes[codes >= 0], minlength=len(found))
    counts = {texts.dictionary[int(code)].as_py(): int(rows[code]) for code in np.flatnonzero(found)}
    kept = np.append(np.where(found, -1, np.cumsum(~found) - 1), -1)[codes].astype("int32")
    dictionary = texts.dictionary.filter(pa.array(~found))
    return (
        pa.DictionaryArray.from_arrays(pa.array(kept, mask=kept < 0), dictionary),
        {word: count for word, count in counts.items() if word and count},
    )


def _storage(column: pa.Array) -> pa.Array:
    """The column without a type that Arrow only adds a name to, except for UUIDs, whose text is not that of bytes."""
    own = isinstance(column, pa.ExtensionArray) and column.type.extension_name != "arrow.uuid"
    return column.storage if own else column


def _decimals(column: pa.Array) -> pa.Array:
    """Decimals as float64; as text if they are whole and beyond EXACT."""
    numbers = column.cast(pa.string()).cast(pa.float64())  # a direct cast multiplies, and 0.03 becomes another number
    if is_beyond(numbers):
        wide = pa.decimal256(76, 0) if column.type.bit_width > 128 else pa.decimal128(38, 0)
        with suppress(pa.ArrowInvalid):  # some are not whole
            return column.cast(wide).cast(pa.string())
    return numbers


def narrow(block: Block) -> Block:
    """The same values in as few bytes as possible."""
    if isinstance(block, np.ndarray):
        return block if block.dtype.kind == "M" else narrow_numbers(block)
    return _few(block) if pa.types.is_dictionary(block.type) else block


def _few(texts: pa.DictionaryArray) -> pa.DictionaryArray:
    kind = next(kind for kind, _, most in INTEGERS if len(texts.dictionary) <= most)
    return pa.DictionaryArray.from_arrays(texts.indices.cast(kind), texts.dictionary)


def narrow_numbers(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same numbers in as few bytes as can store them exactly."""
    if numbers.dtype.kind in "iu":
        low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, 0)
        fitting = (kind for kind, least, most in INTEGERS if least <= low and high <= most)
        return numbers.astype(next(fitting, "float64"), copy=False)
    if numbers.dtype == np.float32:
        return numbers
    with np.errstate(over="ignore"):
        single = numbers.astype("float32", copy=False)
    return single if np.array_equal(single, numbers, equal_nan=True) else numbers.astype("float64", copy=False)


def join(blocks: Sequence[Block]) -> pd.Series:
    """The blocks of one column in the narrowest type that fits them all; text if nothing else does."""
    rows = sum(map(len, blocks))
    known = [block for block in blocks if meaning(block)]
    kinds = {meaning(block) for block in known}
    if not kinds:
        return pd.Series(np.full(rows, np.nan, dtype="float32"), copy=False)
    if kinds <= {"number", "boolean"} and "number" in kinds:
        numbers = [_numbers(block) for block in blocks]
        joined = np.concatenate(numbers)
        # Only a type that is wider than that of every block can be too wide.
        return pd.Series(joined if joined.dtype in {n.dtype for n in numbers} else narrow_numbers(joined), copy=False)
    if kinds == {"date"}:
        dates = [block if isinstance(block, np.ndarray) else np.full(len(block), "NaT", "M8[ns]") for block in blocks]
        return pd.Series(np.concatenate(dates), copy=False)
    if kinds == {"boolean"}:
        flags = [pa.array(block).cast(pa.bool_()) for block in blocks]
        values = np.concatenate([flag.fill_null(False).to_numpy(zero_copy_only=False) for flag in flags])
        gaps = np.concatenate([flag.is_null().to_numpy(zero_copy_only=False) for flag in flags])
        return pd.Series(pd.arrays.BooleanArray(values, gaps) if gaps.any() else values, copy=False)
    return _joined_texts([_texts(block) for block in blocks])


def _joined_texts(blocks: list[pa.DictionaryArray]) -> pd.Series:
    """Text categories; only the dictionaries become wider for this, not the codes."""
    texts_of = [block.dictionary for block in blocks]
    own = [pa.DictionaryArray.from_arrays(np.arange(len(texts), dtype="int32"), texts) for texts in texts_of]
    together = pa.chunked_array(own).unify_dictionaries()
    texts = together.chunk(0).dictionary
    kind = next(kind for kind, _, most in INTEGERS if len(texts) <= most)
    # The last one is for -1, a gap.
    numbers = [np.append(chunk.indices.to_numpy(), -1).astype(kind) for chunk in together.chunks]
    codes = [number[block.indices.fill_null(-1).to_numpy()] for number, block in zip(numbers, blocks, strict=True)]
    return pd.Series(pd.Categorical.from_codes(np.concatenate(codes), texts.to_pandas(), validate=False), copy=False)


def meaning(block: Block) -> str:
    """number, boolean, date or text; empty for a block without values, unless its type says more."""
    if isinstance(block, np.ndarray):
        return "date" if block.dtype.kind == "M" else "number"
    if block.null_count == len(block):
        return ""
    return "boolean" if pa.types.is_boolean(block.type) else "text"


def add_block(sums: Hashes, name: str, block: Block) -> None:
    """Add what `block` of the column `name` contributes to the hash of each row."""
    if isinstance(block, np.ndarray) or pa.types.is_boolean(block.type):
        add_values(sums, name, _numbers(block))
    elif pa.types.is_dictionary(block.type):
        texts = block.dictionary.to_numpy(zero_copy_only=False)
        add_texts(sums, name, block.indices.fill_null(-1).to_numpy(), texts)


def _numbers(block: Block) -> npt.NDArray[Any]:
    """Booleans as 1 and 0, gaps as NaN."""
    if isinstance(block, np.ndarray):
        return block
    return np.asarray(block.cast(pa.float32()).to_numpy(zero_copy_only=False))


def _texts(block: Block) -> pa.Array:
    if isinstance(block, np.ndarray):
        block = pa.array(block, from_pandas=True)
    if pa.types.is_dictionary(block.type):
        return (
            block if pa.types.is_string(block.type.value_type) else block.cast(pa.dictionary(pa.int32(), pa.string()))
        )
    return block.cast(pa.string()).dictionary_encode()
