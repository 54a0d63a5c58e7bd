"""Whether the text of a table has numbers whose spelling says more than their value: 007, 1e5, 0x1F, many digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LONGEST = 64  # digits of a number
DIGITS = 17  # a float64 tells apart numbers with up to 15 digits, and writes up to 17
_EDGE = r'[\t\n\r ",;|]'  # what may precede a number: separators, blanks, quotes
# Arrow's engine, RE2, looks for all of them in one pass. Each pattern needs few of its states, whatever the text.
CODES = rf"(?:\A|{_EDGE})(?:0[0-9]+(?:{_EDGE}|\z)|0[xX]|[0-9]+[eE][0-9])"
LONG = rf"(?:\A|[^0-9.])[0.]*[1-9][0-9.]{{{DIGITS + 1}}}"  # with the point, DIGITS + 2 in a row


class Spelling:
    """What the text that it has looked at may contain.

    codes: numbers with leading zeros, an exponent without sign, or hexadecimal ones; long: numbers of many digits.
    others: the files that it has not looked at.
    """

    def __init__(self) -> None:
        self.codes = self.long = False
        self.others: list[Path] = []

    def look(self, content: bytes | memoryview) -> None:
        """Look at some lines. A number that is cut at an end counts as a whole one."""
        sought = [pattern for pattern, found in ((CODES, self.codes), (LONG, self.long)) if not found]
        ends = pa.py_buffer(np.array([0, len(content)]))
        text = pa.Array.from_buffers(pa.large_binary(), 1, [None, ends, pa.py_buffer(content)])
        if sought and _has(text, "|".join(sought)):
            self.codes = self.codes or _has(text, CODES)
            self.long = self.long or _has(text, LONG)


def _has(text: pa.Array, pattern: str) -> bool:
    return bool(pc.match_substring_regex(text, pattern)[0].as_py())
