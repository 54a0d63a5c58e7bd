"""Whether the text of a table has numbers whose spelling says more than their value: 007, 1e5, 0x1F, many digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SLICE = 1 << 17  # bytes; all that is computed about so many fits into the processor's cache
LONGEST = 64  # digits of a number
WORD = 8  # bytes that are compared at once
_EDGE = np.zeros(256, bool)
_EDGE[[9, 10, 13, 32, 34, 44, 59, 124]] = True  # what may precede a number: separators, blanks, quotes


class Spelling:
    """What the text that it has looked at may contain.

    codes: numbers with leading zeros, an exponent without sign, or hexadecimal ones; long: numbers of many digits.
    others: the files that it has not looked at.
    """

    def __init__(self) -> None:
        self.codes = self.long = False
        self.others: list[Path] = []

    def look(self, content: bytes | memoryview) -> None:
        """Look at some lines, in slices that begin with the end of the one before, so that no number is missed."""
        for start in range(0, len(content), SLICE):
            if self.codes and self.long:
                return
            end = b"__" if start + SLICE < len(content) else b"\n__"  # a number that goes on is not judged
            lines = b"".join([b"\n", content[max(start - LONGEST, 0) : start + SLICE], end])
            every = np.frombuffer(lines, np.uint8)
            digit = (every - np.uint8(48)) < 10
            self.codes = self.codes or _has_codes(every, digit)
            self.long = self.long or _has_long(every, digit)


def _has_codes(every: np.ndarray, digit: np.ndarray) -> bool:
    before, here = every[:-2], every[1:-1]
    if (starts := (here == 48) & digit[2:] & ~digit[:-2]).any():
        at = np.flatnonzero(starts)
        at = at[_EDGE[before[at]]] + 1
        while len(inside := at[digit[at]]):  # to the end of each number
            at = np.concatenate([at[~digit[at]], inside + 1])
        if _EDGE[every[at]].any():
            return True
    letter = here | 32
    if (exponents := (letter == 101) & digit[2:] & digit[:-2]).any():
        marks = np.flatnonzero(exponents)  # where every[marks] is the digit before e
        while len(inside := marks[digit[marks] & (marks > 0)]):  # to the start of each number, which may be in a word
            marks = np.concatenate([marks[~digit[marks] | (marks == 0)], inside - 1])
        if _EDGE[every[marks]].any():
            return True
    hexadecimal = (letter[1:] == 120) & (here[:-1] == 48)
    return bool(hexadecimal.any() and (hexadecimal & _EDGE[before[:-1]]).any())


def _has_long(every: np.ndarray, digit: np.ndarray) -> bool:
    run = digit | (every == 46)  # with the point, DIGITS + 2 in a row
    words = run[: len(run) // WORD * WORD].view(np.uint64)
    if not (words == np.uint64(0x0101010101010101)).any():  # a long run contains a whole word
        return False
    for step in (1, 2, 4, 8, 3):
        run = run[:-step] & run[step:]
    return bool((run & digit[: len(run)] & (every[: len(run)] != 48)).any())
