"""How the values of a table are written: words for a missing value, the parts of a number, dates.

[data] of project.toml says it, the arguments of processing.py pass it on, and schema.json keeps it for requests, whose
texts mean the same. Numbers and dates in JSON, and in Parquet, are what they are.
"""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Block: TypeAlias = npt.NDArray[Any] | pa.Array
# Each setting with the help of its argument.
SETTINGS = {
    "separator": "what separates the values of a CSV file (default: found in its header)",
    "decimal": "the decimal separator of numbers (default: .)",
    "thousands": "the thousands separator of numbers (default: none)",
    "encoding": "the encoding of CSV files (default: utf-8)",
    "missing": "a text that means no value, besides the usual ones such as NA; can be repeated",
    "dates": 'how dates are written, such as %%d/%%m/%%Y, or {"column": "%%d/%%m/%%Y"}; can be repeated',
}
REPEATED = ("missing", "dates")
ALIKE = {" ": " \u00a0\u202f", "'": "'\u2019"}  # thousands separators that look the same


@dataclass(frozen=True)
class Notation:
    """The settings, see SETTINGS.

    dates: formats of strptime for any column of text, besides ISO 8601; dates_of: (column, its format).
    """

    separator: str = ""
    decimal: str = "."
    thousands: str = ""
    encoding: str = "utf-8"
    missing: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    dates_of: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, given: Any) -> Notation:
        """From the arguments of a step, from [data] of project.toml, or from a table of these settings."""
        table = given if isinstance(given, Mapping) else {name: getattr(given, name, None) for name in SETTINGS}
        values = {name: value for name, value in table.items() if name in SETTINGS and value}
        dates = values.pop("dates", ())
        if isinstance(dates, Mapping):
            return cls(**_tuples(values), dates_of=tuple(dates.items()))
        texts = [dates] if isinstance(dates, str) else list(dates)
        own = [pair for text in texts if text.startswith("{") for pair in json.loads(text).items()]
        return cls(**_tuples(values), dates=tuple(t for t in texts if not t.startswith("{")), dates_of=tuple(own))

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that differ from the defaults, as [data] of project.toml has them."""
        known = {each.name: getattr(self, each.name) for each in fields(self) if each.name in SETTINGS}
        changed = {name: value for name, value in known.items() if value != getattr(Notation, name)}
        changed = {name: list(value) if isinstance(value, tuple) else value for name, value in changed.items()}
        return changed | ({"dates": dict(self.dates_of)} if self.dates_of else {})

    @cached_property
    def numbers(self) -> list[float]:
        """The numbers among the words for a missing value, such as -99."""
        values = []
        for text in self.standard(self.missing):
            with suppress(ValueError):
                values.append(float(text))
        return [value for value in values if np.isfinite(value)]

    @property
    def is_standard(self) -> bool:
        """Whether numbers are written as in Python."""
        return self.decimal == "." and not self.thousands

    def formats(self, column: object) -> tuple[str, ...]:
        """The formats of the dates in `column`, besides ISO 8601."""
        own = dict(self.dates_of).get(str(column))
        return (own,) if own else self.dates

    def standard(self, texts: Iterable[str]) -> list[str]:
        """Numbers as Python writes them, `1234.5` for `1.234,5`; empty for a text that is no number in this notation.

        A group after a thousands separator has three digits, or two in India. A text without either separator, such as
        `inf`, is unchanged.
        """
        return list(texts) if self.is_standard else [self._standard(text) for text in texts]

    def may_be_numbers(self, texts: Sequence[str]) -> bool:
        """Whether one of them has a thousands separator or a decimal separator of its own."""
        return not self.is_standard and any(self.is_number(text) and not text.isdigit() for text in texts)

    def is_number(self, text: str) -> bool:
        """Whether these are the digits of a number."""
        return bool(self._pattern.fullmatch(text))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        whole = r"\d+"
        if self.thousands:
            group = f"[{re.escape(ALIKE.get(self.thousands, self.thousands))}]"
            whole = rf"(?:[1-9]\d{{0,2}}(?:{group}\d{{2,3}})*{group}\d{{3}}|\d+)"
        point = re.escape(self.decimal)
        return re.compile(rf"\s*([+-]?)({whole}(?:{point}\d*)?|{point}\d+)([eE][+-]?\d+)?\s*")

    def _standard(self, text: str) -> str:
        if found := self._pattern.fullmatch(text):
            digits = re.sub(rf"[^\d{re.escape(self.decimal)}]", "", found[2])
            return found[1] + digits.replace(self.decimal, ".") + (found[3] or "")
        return "" if {".", self.decimal} & set(text) else text


STANDARD = Notation()


def notation_arguments(parser: ArgumentParser) -> None:
    """Add an argument for each setting."""
    group = parser.add_argument_group("how the values are written")
    for name, what in SETTINGS.items():
        more: dict[str, Any] = {"action": "append", "default": []} if name in REPEATED else {}
        group.add_argument(f"--{name}", metavar="TEXT", help=what, type=VALID.get(name, str), **more)


def _encoding(text: str) -> str:
    try:
        "".encode(text)
    except LookupError:
        raise ArgumentTypeError(f"'{text}' is not an encoding, such as latin-1") from None
    return text


def _one_character(text: str) -> str:
    if len(text) != 1:
        raise ArgumentTypeError(f"'{text}' is not one character")
    return text


def _dates(text: str) -> str:
    with suppress(ValueError):
        if not text.startswith("{") or isinstance(json.loads(text), dict):
            return text
    raise ArgumentTypeError(f"'{text}' is neither a format nor a table of formats")


VALID = {
    "separator": _one_character,
    "decimal": _one_character,
    "thousands": _one_character,
    "encoding": _encoding,
    "dates": _dates,
}


def without_missing(block: Block, notation: Notation) -> Block:
    """The numbers of a block (see blocks.py) without those that mean no value; other blocks unchanged."""
    if not notation.numbers or not isinstance(block, np.ndarray) or block.dtype.kind not in "iuf":
        return block
    numbers = np.array(notation.numbers)
    missing = np.isin(block, numbers.astype(block.dtype) if block.dtype.kind == "f" else numbers)
    return np.where(missing, np.nan, block) if missing.any() else block


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    as_tuple: Callable[[Any], Any] = tuple
    return {name: as_tuple(value) if isinstance(value, list) else value for name, value in values.items()}
