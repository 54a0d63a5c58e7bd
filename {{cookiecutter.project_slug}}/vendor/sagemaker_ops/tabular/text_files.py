"""The text of a CSV file: compression, encoding and separator, and what to write if they are not as expected."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa

from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.notation import Notation

SEPARATORS = ",;\t|"
GZIP = b"\x1f\x8b"
# How a file of another kind starts.
OTHERS = {
    b"PK\x03\x04": "is an Excel file or a zip archive; save it as CSV",
    b"PAR1": "is Parquet; rename it to .parquet",
}
MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # in this order
HERE = "in project.toml [data]"


def column_names(file: Path, notation: Notation) -> list[str]:
    """The column names as written in the header of `file`."""
    with _text(file, notation) as text:
        names = next(filter(None, csv.reader(text, delimiter=separator(file, notation))), [])
    if any("\0" in name for name in names):
        raise UnicodeError
    if len(names) == 1 and (better := max(SEPARATORS + ":", key=names[0].count)) in names[0]:
        raise StepError(f"{file.name} has one column '{names[0]}'; write separator = {json.dumps(better)} {HERE}")
    return names


def separator(file: Path, notation: Notation) -> str:
    """The separator of the notation; otherwise the tab of .tsv, or what the header uses most, outside quotes."""
    if notation.separator:
        return notation.separator
    if file.name.lower().endswith((".tsv", ".tsv.gz")):
        return "\t"
    with _text(file, notation) as text:
        header = re.sub(r'"[^"]*"', "", next(filter(str.strip, text), ""))
    return max(SEPARATORS, key=header.count)


def stream(file: Path, notation: Notation) -> pa.NativeFile:
    """The content of `file` as UTF-8."""
    content = pa.input_stream(file, compression="gzip" if _is_gzip(file, notation) else None)
    encoding = _codec(notation)
    return content if encoding == "utf-8-sig" else pa.transcoding_input_stream(content, encoding, "utf-8")


class QuotesError(Exception):
    """It is not clear where a row ends."""


def pieces(stream: pa.NativeFile, size: int, separator: str) -> Iterator[memoryview]:
    """The content of `stream` in pieces of about `size` bytes that end at ends of rows."""
    rest = b""
    while read := stream.read(size):
        piece = rest + read
        end = _end_of_row(piece, separator) if b'"' in piece else piece.rfind(b"\n") + 1
        if not end:
            raise QuotesError
        yield memoryview(piece)[:end]
        rest = piece[end:]
    if rest:
        if b'"' in rest and _end_of_row(rest + b"\n", separator) <= len(rest):
            raise QuotesError
        yield memoryview(rest)


def _end_of_row(piece: bytes, separator: str) -> int:
    """Where the last whole row ends in a piece with quotes that starts with a row; 0 if it has none.

    Raises QuotesError unless each quote opens a value at its start, closes it at its end, or is doubled within it.
    """
    signs = np.frombuffer(piece, np.uint8)
    quotes = np.flatnonzero(signs == ord('"'))
    end = piece.rfind(b"\n") + 1
    while (number := int(np.searchsorted(quotes, end))) % 2:  # within a value
        end = piece.rfind(b"\n", 0, quotes[number - 1]) + 1
    opening, closing = quotes[0:number:2], quotes[1:number:2]
    edges = np.frombuffer(f"{separator}\r\n".encode(), np.uint8)
    doubled = opening[1:] == closing[:-1] + 1
    first = len(codecs.BOM_UTF8) if piece.startswith(codecs.BOM_UTF8) else 0
    opens = (opening == first) | np.isin(signs[opening - 1], edges) | np.append(False, doubled)
    closes = np.isin(signs[closing + 1], edges) | np.append(doubled, False)
    if not (opens[: number // 2].all() and closes.all()):
        raise QuotesError
    return end


def undecodable(file: Path, notation: Notation) -> str:
    """What is wrong with the encoding of `file`, and the one to write."""
    encoding = _codec(notation)
    if encoding != "utf-8-sig":
        return f"{file.name} is not {notation.encoding} text; write another encoding {HERE}, or none if it is UTF-8"
    with _bytes(file, notation) as lines:
        for number, line in enumerate(lines, start=1):
            if (byte := _wrong(line)) is not None:
                where = f"byte 0x{byte:02X} in line {number}"
                return f'{file.name} is not UTF-8 text ({where}); write encoding = "{_likely(line, lines)}" {HERE}'
    return f'{file.name} is not UTF-8 text; write its encoding, such as encoding = "latin-1", {HERE}'


def _wrong(line: bytes) -> int | None:
    """The first byte that is not UTF-8 text, if any."""
    try:
        return 0 if "\0" in line.decode("utf-8") else None
    except UnicodeDecodeError as error:
        return line[error.start]


def _likely(line: bytes, others: Iterable[bytes]) -> str:
    """The encoding of a file, given the first line that is not UTF-8, and those after it."""
    for mark, encoding in MARKS.items():
        if line.startswith(mark):
            return encoding
    if b"\0" in line:
        return "utf-16-le" if line[1:2] == b"\0" else "utf-16-be"
    windows = re.compile(b"[\x80-\x9f]")  # letters and signs such as € on Windows, nothing in Latin-1
    return "cp1252" if any(map(windows.search, chain([line], others))) else "latin-1"


def _codec(notation: Notation) -> str:
    name = codecs.lookup(notation.encoding).name
    return "utf-8-sig" if name == "utf-8" else name


def _text(file: Path, notation: Notation) -> TextIO:
    opener: Any = gzip.open if _is_gzip(file, notation) else open
    opened: TextIO = opener(file, "rt", encoding=_codec(notation), newline="")
    return opened


def _bytes(file: Path, notation: Notation) -> Any:
    return gzip.open(file) if _is_gzip(file, notation) else file.open("rb")


def _is_gzip(file: Path, notation: Notation) -> bool:
    """Whether the content is gzip, whatever the name. StepError if it is something else than the name says."""
    with file.open("rb") as opened:
        start = opened.read(4)
    for mark, problem in OTHERS.items():
        if start.startswith(mark):
            raise StepError(f"{file.name} {problem}")
    if file.suffix.lower() == ".gz" and start and not start.startswith(GZIP):
        raise StepError(f"{file.name} is not gzip; rename it to {file.stem}")
    return start.startswith(GZIP)
