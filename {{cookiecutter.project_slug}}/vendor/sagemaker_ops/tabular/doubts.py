"""Columns of text that are mostly numbers or dates: what prevents reading them so, and the setting that helps.

Such a column becomes a category, and the model does not see its numbers.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular.dates import to_dates
from sagemaker_ops.tabular.errors import short
from sagemaker_ops.tabular.notation import Notation
from sagemaker_ops.tabular.text_files import HERE

MOST, NEARLY_ALL = 0.5, 0.9  # of the rows
FEW = 5  # more different words are hardly all words for a missing value
FEWEST = {"numbers": 5, "dates": 2}  # fewer different ones may be categories
SLICE = 1 << 16  # numbers that are looked at together
SAMPLE = 1000  # texts, to choose what to try on all of them
NUMBERS = [(".", ""), (".", ","), (".", " "), (".", "'"), (",", ""), (",", "."), (",", " "), (",", "'")]
DAYS = ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d/%m/%y", "%m/%d/%y",
        "%d.%m.%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"]  # fmt: skip
TIMES = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"]
DATE = r"(?:\d{1,4}|[A-Za-z]{3,9})[-/. ](?:\d{1,2}|[A-Za-z]{3,9})[-/., ]+\d{1,4}(?:[ T].*)?"
AMOUNT = re.compile(r"(\D*?)[+-]?\d(?:[\d.,' \u00a0]*\d)?(\D*)")


@dataclass(frozen=True)
class Texts:
    """The different texts of a column, most frequent first, and how many rows have each."""

    column: str
    texts: pd.Index
    rows: npt.NDArray[np.intp]

    @classmethod
    def of(cls, column: pd.Series) -> Texts:
        codes = column.cat.codes.to_numpy()
        rows = np.bincount(codes[codes >= 0], minlength=len(column.cat.categories))
        order = np.argsort(-rows, kind="stable")[: np.count_nonzero(rows)]
        return cls(str(column.name), column.cat.categories[order], rows[order])

    def some(self, most: int = SAMPLE) -> Texts:
        step = slice(None, None, -(-len(self.texts) // most))
        return Texts(self.column, self.texts[step], self.rows[step])

    def share(self, which: npt.NDArray[np.bool_]) -> float:
        return float(self.rows[which].sum() / self.rows.sum())


@dataclass(frozen=True)
class Reading:
    """A way to read texts: as numbers or dates, with other settings than the given ones. `dates` is the new format."""

    what: str
    notation: Notation
    settings: tuple[tuple[str, str], ...] = ()

    def fits(self, texts: Texts) -> npt.NDArray[np.bool_]:
        """Which of the texts it can read."""
        if self.what == "numbers":
            return np.array([self.notation.is_number(text) for text in texts.texts], bool)
        if not self.settings:
            return np.asarray(to_dates(pd.Series(texts.texts), self.notation.formats(texts.column)).notna())
        return np.asarray(pd.to_datetime(texts.texts, format=self.settings[0][1], errors="coerce", utc=True).notna())


@dataclass(frozen=True)
class Doubt:
    """A column of text that some readings could read, all of them the same `share` of its rows."""

    texts: Texts
    readings: list[Reading]
    share: float

    @property
    def others(self) -> dict[str, int]:
        """{text that the readings cannot read: its rows}."""
        wrong = ~self.readings[0].fits(self.texts)
        return dict(zip(self.texts.texts[wrong], self.texts.rows[wrong].tolist(), strict=True))

    @property
    def words(self) -> list[str]:
        """The texts among them that may mean no value."""
        return [text for text in self.others if not re.search("[1-9]", text)] if len(self.others) <= FEW else []

    @property
    def decimal(self) -> str:
        """The decimal separator of its numbers; empty if they have none, or it may be another one."""
        signs = {each.notation.decimal for each in self.readings if each.what == "numbers"}
        texts = self.texts.texts[self.readings[0].fits(self.texts)]
        return next((sign for sign in signs if len(signs) == 1 and texts.str.contains(sign, regex=False).any()), "")


def doubts(table: pd.DataFrame, notation: Notation, aside: Collection[str]) -> dict[str, str]:
    """{column of text that was probably meant as numbers or dates: a sentence about it}, except those `aside`."""
    columns = [Texts.of(table[n]) for n in table if n not in aside and isinstance(table[n].dtype, pd.CategoricalDtype)]
    return doubts_of(columns, any(has_fractions(column) for _, column in table.items()), notation)


def doubts_of(columns: Sequence[Texts], fractions: bool, notation: Notation) -> dict[str, str]:
    """The same for columns whose texts are counted; fractions: whether other columns have decimal separators."""
    columns = [each for each in columns if len(each.texts)]
    found = [doubt for each in columns if (doubt := _doubt(each, notation))]
    certain = {sign for each in found for sign in each.decimal}
    if fractions:
        certain = {notation.decimal}
    words = list(dict.fromkeys([*notation.missing, *(word for each in found for word in each.words)]))
    sentences = {each.texts.column: _sentence(each, notation, words, certain) for each in found}
    units = {each.column: _unit(each) for each in columns if each.column not in sentences}
    return sentences | {name: sentence for name, sentence in units.items() if sentence}


def has_fractions(column: pd.Series) -> bool:
    """Whether these are numbers with a decimal separator: all of 3.504, 2.130 may be thousands, but not 3.5."""
    if column.dtype.kind != "f":
        return False
    fractions = hundredths = 0
    for start in range(0, len(column), SLICE):
        part = column.to_numpy()[start : start + SLICE]
        values = part[part % 1 > 0].astype(float)
        two, three = (np.isclose(values * power, np.round(values * power), rtol=1e-6) for power in (100, 1000))
        if not three.all():
            return True
        fractions, hundredths = fractions + len(values), hundredths + int(two.sum())
    return bool(fractions and hundredths / fractions > 1 - MOST)


def if_text(column: str) -> str:
    """What to do if such a column is text all the same."""
    return f'if it is text, write {json.dumps(column, ensure_ascii=False)} = "text" in data/schema.toml'


def _doubt(texts: Texts, notation: Notation) -> Doubt | None:
    if texts.share(texts.texts.str.contains(r"\d")) < MOST:
        return None
    some = texts.some()
    shares = {reading: some.share(reading.fits(some)) for reading in _readings(some, notation)}
    best = max(shares.values())
    if best < MOST:
        return None
    shares = {each: texts.share(each.fits(texts)) for each, share in shares.items() if share == best}
    best = max(shares.values())
    readings = [each for each, share in shares.items() if share == best]
    if not readings[0].settings:
        readings = readings[:1]
    found = Doubt(texts, readings, best)
    fitting = len(texts.texts) - len(found.others)
    if not found.others and not readings[0].settings:  # text on purpose, such as 007 in a Parquet file
        return None
    if fitting < FEWEST[readings[0].what] or best < (MOST if len(found.others) <= FEW else NEARLY_ALL):
        return None
    return found


def _readings(texts: Texts, notation: Notation) -> Iterator[Reading]:
    """Each reading to try, the given one first, and those with the same decimal separator before others."""
    yield Reading("numbers", notation)
    for decimal, thousands in sorted(NUMBERS, key=lambda pair: pair[0] != notation.decimal):
        other = replace(notation, decimal=decimal, thousands=thousands)
        new = {name: getattr(other, name) for name in ("decimal", "thousands")}
        yield Reading("numbers", other, tuple(p for p in new.items() if p[1] != getattr(notation, p[0])))
    if texts.share(texts.texts.str.fullmatch(DATE)) >= MOST:
        yield Reading("dates", notation)
        few = texts.some(FEW).texts
        for form in (day + time for day in DAYS for time in TIMES):
            if any(_is_date(text, form) for text in few):
                yield Reading("dates", notation, (("dates", form),))


def _is_date(text: str, form: str) -> bool:
    with suppress(ValueError):
        return bool(datetime.strptime(text, form))
    return False


def _sentence(doubt: Doubt, notation: Notation, words: list[str], certain: Collection[str]) -> str:
    name, readings = doubt.texts.column, doubt.readings
    if readings[0].what == "numbers":
        readings = [each for each in readings if each.notation.decimal in certain] or readings
    reading, others = readings[0], doubt.others
    which = f"{_share(doubt.share)} of '{name}' are {reading.what}"
    if reading.settings:
        new = reading.fits(doubt.texts) & ~Reading(reading.what, notation).fits(doubt.texts)
        which += f" such as '{short(doubt.texts.texts[new][0])}'"
    if others:
        which += f"; {_listed(others)} {'is' if len(others) == 1 else 'are'} not"
    if reading.settings and readings[0].notation.decimal != notation.decimal and notation.decimal in certain:
        return f"{which}: correct them, because other columns write numbers with '{notation.decimal}'"
    remedies = [_setting(key, _with(notation, key, value)) for key, value in reading.settings]
    remedies += [_setting("missing", words)] if doubt.words else []
    remedy = f"write {' and '.join(remedies)} {HERE}" if remedies else ""
    if other := _alternative(reading, readings[1:]):
        remedy += f", or {other}"
    if set(others) - set(doubt.words):
        them = "it" if len(others) == 1 else "the others" if doubt.words else "them"
        remedy += f"{', and ' if remedy else ''}correct {them}"
    return f"{which}: {remedy}"


def _alternative(reading: Reading, others: list[Reading]) -> str:
    """The setting for another meaning of the same texts, such as 1,234 for 1.234 or 1 February for 2 January."""
    for other in others:
        if other.what == "dates":
            return f"{_setting('dates', other.settings[0][1])} if the month comes first"
        if other.notation.decimal == reading.notation.thousands:
            return f"{_setting('decimal', other.notation.decimal)} if it is the decimal separator"
    return ""


def _with(notation: Notation, key: str, value: str) -> Any:
    """The whole setting with the new value."""
    if key != "dates":
        return value
    return [*notation.dates, value] if notation.dates else value


def _setting(key: str, value: Any) -> str:
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"


def _listed(others: Mapping[str, int]) -> str:
    """`'?' in 6 rows, '-' in 1 row and 3 other texts`."""
    shown = [f"'{short(text)}' in {rows:,} row{'' if rows == 1 else 's'}" for text, rows in list(others.items())[:3]]
    rest = len(others) - len(shown)
    *first, last = [*shown, f"{rest} other text{'' if rest == 1 else 's'}"] if rest else shown
    return f"{', '.join(first)} and {last}" if first else last


def _share(share: float) -> str:
    return "All values" if share == 1 else f"{np.floor(share * 1000) / 10:g} %"


def _unit(texts: Texts) -> str:
    """A sentence about numbers that nearly all have the same sign or unit, such as `$5` or `12 %`; otherwise empty."""
    some = texts.some()
    units: Counter[tuple[str, ...]] = Counter()
    examples: dict[tuple[str, ...], str] = {}
    for text, rows in zip(some.texts, some.rows.tolist(), strict=True):
        if match := AMOUNT.fullmatch(text):
            units[match.groups()] += rows
            examples.setdefault(match.groups(), text)
    [(unit, rows)] = units.most_common(1) or [(("", ""), 0)]
    if not _is_unit(*unit) or rows < NEARLY_ALL * some.rows.sum() or len(some.texts) < FEWEST["numbers"]:
        return ""
    sign = "".join(unit).strip()
    return (
        f"'{texts.column}' contains numbers with '{sign}' such as '{short(examples[unit])}', and so is text: "
        f"remove '{sign}' in the data, or in production/steps/processing.py"
    )


def _is_unit(before: str, after: str) -> bool:
    """Whether this is before or after an amount: a currency, a percent sign, or a word after a space."""
    sign = (before + after).strip()
    is_sign = len(sign) == 1 and (unicodedata.category(sign) == "Sc" or sign in "%‰°")
    return is_sign or bool(re.fullmatch(r"0[ \u00a0][^\W\d_]+|[A-Z]{3} 0", f"{before}0{after}"))
