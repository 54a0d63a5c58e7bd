"""The type of each column, decided from what all workers found in their pieces; the same rules as in tables.py."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
import pandas as pd
import pyarrow as pa

from sagemaker_ops.tabular.blocks import Block
from sagemaker_ops.tabular.notation import Notation
from sagemaker_ops.tabular.rows import MAYBE_MORE, MAYBE_WHOLE, Lost, Rows
from sagemaker_ops.tabular.schema import plain_text, read_as, to_numbers
from sagemaker_ops.tabular.text_values import dates_of, numbers_of
from sagemaker_ops.tabular.whole_numbers import WHOLE, beyond


@dataclass(frozen=True)
class Texts:
    """What all texts of a column have in common; None: there are none yet.

    dates, numbers: all are, in the notation; whole: they are whole numbers; plain: they are numbers as Python writes
    them. some: a number with separators of its own; words: the notation's words for a missing value are among them;
    beyond: so are whole numbers that a float64 does not store. whole_numbers: as numbers, all are whole.
    """

    dates: bool = True
    numbers: bool = True
    whole: bool = True
    plain: bool = True
    whole_numbers: bool = True
    some: bool = False
    words: bool = False
    beyond: bool = False
    any: bool = False

    def __or__(self, other: Texts) -> Texts:
        every = ("dates", "numbers", "whole", "plain", "whole_numbers")
        some = ("some", "words", "beyond", "any")
        return Texts(
            **{name: getattr(self, name) and getattr(other, name) for name in every},
            **{name: getattr(self, name) or getattr(other, name) for name in some},
        )


@dataclass(frozen=True)
class Found:
    """What is known of a column. low, high: of numbers; gaps: rows without a value; integer, single: all blocks are
    of that type; whole: all numbers are whole."""

    rows: int = 0
    gaps: int = 0
    meanings: frozenset[str] = frozenset()
    lost: Lost = field(default_factory=Lost)
    integer: bool = True
    single: bool = True
    whole: bool = True
    low: float = math.inf
    high: float = -math.inf
    texts: Texts = field(default_factory=Texts)

    def __add__(self, other: Found) -> Found:
        return Found(
            self.rows + other.rows,
            self.gaps + other.gaps,
            self.meanings | other.meanings,
            self.lost + other.lost,
            self.integer and other.integer,
            self.single and other.single,
            self.whole and other.whole,
            min(self.low, other.low),
            max(self.high, other.high),
            self.texts | other.texts,
        )


@dataclass(frozen=True)
class Kind:
    """How a column becomes its final values: type (of summary.py), then what is done to a block to get there.

    parse: "dates", "numbers" or "plain" for texts that are such; text: its blocks as text. kept: the type of
    schema.toml, if that is another one.
    """

    type: str
    text: bool = False
    parse: str = ""
    single: bool = False
    kept: str = ""


def found_in(rows: Rows, name: str, settled: Collection[str], known: Found, notation: Notation) -> Found:
    """What `rows` show of a column. settled: the columns that stay text. known: found so far; spares looking again."""
    block, said = rows.blocks[name], rows.meanings[name]
    gaps, low, high, is_whole = 0, math.inf, -math.inf, True
    integer = isinstance(block, np.ndarray) and block.dtype.kind in "iu"
    single = not isinstance(block, np.ndarray) or block.dtype != np.float64
    if isinstance(block, np.ndarray):
        missing = np.isnat(block) if block.dtype.kind == "M" else np.isnan(block) if block.dtype.kind == "f" else None
        gaps = 0 if missing is None else int(missing.sum())
        if block.dtype.kind in "iuf" and gaps < len(block):
            low, high = float(np.nanmin(block)), float(np.nanmax(block))
            is_whole = integer or bool(known.whole and (np.nan_to_num(block) % 1 == 0).all())
    else:
        gaps = block.null_count
    texts = Texts()
    own = name in dict(notation.dates_of)
    if name not in settled and (own or said in ("text", MAYBE_MORE, MAYBE_WHOLE)) and gaps < len(block):
        texts = _texts_in(_categories(block), name, known.texts, notation)
    meanings = frozenset({said} - {""})
    return Found(rows.number, gaps, meanings, rows.lost[name], integer, single, is_whole, low, high, texts)


def _categories(block: Block) -> pd.Index:
    if isinstance(block, pa.DictionaryArray):
        return pd.Index(block.dictionary.to_numpy(zero_copy_only=False))
    values = pd.Series(block if isinstance(block, np.ndarray) else block.to_pandas()).dropna()
    return pd.Index(plain_text(pd.Series(values.unique())))


def _texts_in(texts: pd.Index, name: str, known: Texts, notation: Notation) -> Texts:
    words = {*notation.missing}.intersection(texts)
    texts = texts.difference([*words, ""], sort=False)
    if not len(texts):
        return Texts(words=bool(words))
    every = pd.Series(texts, dtype=object)
    dates = known.dates and dates_of(texts, notation.formats(name)) is not None
    some = known.some or notation.may_be_numbers(texts)
    numbers = known.numbers and numbers_of(texts, notation) is not None
    whole = known.whole and bool(every.str.fullmatch(WHOLE).all())
    plain = known.plain and not read_as("numeric", every)[1].any()
    values = to_numbers(texts, notation) if numbers else np.array([np.nan])
    values = np.where(np.isin(values, notation.numbers), np.nan, values)
    whole_numbers = numbers and bool((values % 1 == 0).all() and (np.abs(values) < 2**53).all())
    return Texts(
        dates, numbers, whole, plain, whole_numbers, some, bool(words), whole and bool(beyond(texts).any()), any=True
    )


def read_again(found: Mapping[str, Found], text: Collection[str]) -> tuple[set[str], set[str]]:
    """The columns that must be read again as unchanged text, and those of them with whole numbers that may be text."""
    alike = ({"number", "boolean"}, {"text", MAYBE_MORE})
    whole = {name for name, each in found.items() if MAYBE_WHOLE in each.meanings}
    mixed = {name for name, each in found.items() if len(each.meanings) > 1 and each.meanings not in alike}
    return (mixed | whole) - set(text), whole


def kind_of(name: str, found: Found, text: bool, whole: bool, is_measure: bool, notation: Notation) -> Kind:
    """What a column is. text: schema.toml says so; whole: it was read as text for its large whole numbers."""
    meanings, texts = found.meanings, found.texts
    own = name in dict(notation.dates_of)
    if found.gaps == found.rows or not meanings:
        return Kind("number", single=True)
    if own and meanings <= {"number", "boolean"}:
        return _of_texts(replace(found), text, is_measure)
    if meanings <= {"number", "boolean"} and "number" in meanings:
        is_whole = meanings == {"number"} and found.integer
        return Kind("integer" if is_whole else "number", single=found.single)
    if meanings in ({"date"}, {"boolean"}):
        return Kind(next(iter(meanings)))
    if whole and not text and not texts.whole and texts.plain:
        return Kind("number", text=True, parse="plain")
    return _of_texts(found, text, is_measure)


def _of_texts(found: Found, text: bool, is_measure: bool) -> Kind:
    texts = found.texts
    if is_measure and texts.any and texts.whole and texts.beyond:
        return Kind("number", text=True, parse="plain")
    if text or not texts.any:
        return Kind("text", text=True)
    if texts.dates:
        return Kind("date", text=True, parse="dates")
    if (texts.words or texts.some) and texts.numbers:
        whole = texts.whole_numbers and not found.gaps and not texts.words
        return Kind("integer" if whole else "number", text=True, parse="numbers")
    return Kind("text", text=True)


def together(found: list[dict[str, Found]]) -> dict[str, Found]:
    """What all pieces show."""
    names = dict.fromkeys(name for each in found for name in each)
    return {name: reduce(Found.__add__, [each[name] for each in found if name in each], Found()) for name in names}
