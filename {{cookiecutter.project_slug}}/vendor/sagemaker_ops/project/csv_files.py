"""The header of a CSV file, and what to write in project.toml if it cannot be read.

tabular/text_files.py does the same in a container, where this module does not exist.
"""

from __future__ import annotations

import codecs
import gzip
import json
import re
from pathlib import Path
from typing import Any, TextIO

SEPARATORS = ",;\t|"
GZIP = b"\x1f\x8b"
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def open_text(path: Path, encoding: str) -> TextIO:
    """The text of a file, which may be compressed whatever its name is. OSError if only its name says so."""
    opened: TextIO = _opener(path)(path, "rt", encoding=_codec(encoding), newline="")
    return opened


def separator(name: str, header: str, given: str) -> str:
    """The `given` separator; otherwise the tab of .tsv, or what the header uses most, outside quotes."""
    if given or name.lower().endswith((".tsv", ".tsv.gz")):
        return given or "\t"
    return max(SEPARATORS, key=re.sub(r'"[^"]*"', "", header).count)


def wrong_separator(names: list[str]) -> str:
    """What is wrong if the only name contains separators, or an empty string."""
    if len(names) != 1 or (near := max(SEPARATORS + ":", key=names[0].count)) not in names[0]:
        return ""
    return f"has one column '{names[0]}': write separator = {json.dumps(near)} in [data]."


def undecodable(path: Path, encoding: str) -> str:
    """What is wrong with the encoding of a file, and the one to write."""
    if _codec(encoding) != "utf-8-sig":
        return f"is not {encoding} text: write another encoding in [data], or none if it is UTF-8."
    with _opener(path)(path, "rb") as lines:
        for number, line in enumerate(lines, start=1):
            if (byte := _first_wrong(line)) is not None:
                near = _likely(line + lines.read(1 << 20))
                return f'is not UTF-8 text (byte 0x{byte:02X} in line {number}): write encoding = "{near}" in [data].'
    return 'is not UTF-8 text: write its encoding in [data], such as encoding = "latin-1".'


def _first_wrong(line: bytes) -> int | None:
    try:
        return 0 if "\0" in line.decode("utf-8") else None
    except UnicodeDecodeError as error:
        return line[error.start]


def _likely(text: bytes) -> str:
    if text.startswith(UTF_16):
        return "utf-16"
    if b"\0" in text:
        return "utf-16-le" if text[1:2] == b"\0" else "utf-16-be"
    return "cp1252" if re.search(b"[\x80-\x9f]", text) else "latin-1"  # these are letters only on Windows


def _codec(encoding: str) -> str:
    name = codecs.lookup(encoding).name
    return "utf-8-sig" if name == "utf-8" else name


def _opener(path: Path) -> Any:
    with path.open("rb") as file:
        start = file.read(2)
    if path.suffix.lower() == ".gz" and start and start != GZIP:
        raise OSError(f"it is not gzip; rename it to '{path.stem}'")
    return gzip.open if start == GZIP else open
