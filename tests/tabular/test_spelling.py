"""Which text may have numbers that are codes or have many digits."""

from __future__ import annotations

import numpy as np
import pytest

from sagemaker_ops.tabular.spelling import DIGITS, Spelling


def looked_at(*texts: str) -> tuple[bool, bool]:
    spelling = Spelling()
    for text in texts:
        spelling.look(memoryview(text.encode()))
    return spelling.codes, spelling.long


@pytest.mark.parametrize("cell", ["007", "00", '"007"', " 007", "007 ", "1e5", "12E05", "0x1F", "0XA", "A1 007"])
@pytest.mark.parametrize("line", ["{},a\n", "a;{}\n", "a\t{}\r\n", "a|{}", "a,1\n{}\n"])
def test_codes(line: str, cell: str) -> None:
    assert looked_at(line.format(cell)) == (True, False)


@pytest.mark.parametrize(
    "cell", ["0", "7", "100", "0.07", "A007", "007A", "2025-01-07", "09:05:00", "1.5e5", "1e-5", "A1e5", "50x7", "é"]
)
def test_no_codes(cell: str) -> None:
    assert looked_at(f"{cell},a\na,{cell}\n") == (False, False)


@pytest.mark.parametrize(
    ("number", "is_long"),
    [
        ("1" * (DIGITS + 2), True),
        ("1" * (DIGITS + 1), False),
        (f"1.{'5' * DIGITS}", True),
        (f"0.{'0' * 9}1{'0' * DIGITS}5", True),
        (f"0.{'0' * 9}1{'0' * (DIGITS - 2)}5", False),
        (f"-1{'0' * (DIGITS + 1)}", True),
        (f"id{'9' * (DIGITS + 2)}", True),
        (f"0.{'0' * 30}", False),
    ],
)
def test_digits(number: str, is_long: bool) -> None:
    assert looked_at(f"a,{number}\n") == (False, is_long)


def test_what_was_found_stays() -> None:
    assert looked_at("007\n", "1\n", f"{'1' * 20}\n", "1\n") == (True, True)
    assert looked_at(f"{'1' * 20},007\n") == (True, True)
    assert looked_at("") == (False, False)


def test_floats_as_python_writes_them_are_not_long() -> None:
    numbers = np.random.default_rng(7).random(10_000)

    assert looked_at("".join(f"{float(number)!r},{float(number * 1000)!r}\n" for number in numbers)) == (False, False)
