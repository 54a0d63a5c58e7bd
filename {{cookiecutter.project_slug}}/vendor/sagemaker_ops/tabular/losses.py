"""What a table does not show of how its values were written: a sentence for each column that may have lost something.

Most of it is noticed while reading. The spelling of numbers is not, so files in which it matters are read once more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sagemaker_ops.tabular import text_files
from sagemaker_ops.tabular.checks import of
from sagemaker_ops.tabular.errors import listed, short
from sagemaker_ops.tabular.headers import folder_columns, name_below, table_files
from sagemaker_ops.tabular.notation import Notation
from sagemaker_ops.tabular.reading import column_names, is_parquet, read_rows
from sagemaker_ops.tabular.rows import Lost
from sagemaker_ops.tabular.schema import read_as
from sagemaker_ops.tabular.spelling import DIGITS, LONGEST, Spelling
from sagemaker_ops.tabular.splits import Options
from sagemaker_ops.tabular.summary import distinct, type_of
from sagemaker_ops.tabular.tables import Read
from sagemaker_ops.tabular.whole_numbers import EXACT, WHOLE, beyond

ZEROS = re.compile(r"\s*[+-]?0\d")
CODE = re.compile(r"\s*(\d+[eE]\d+|0[xX][0-9a-fA-F]+)\s*")
SPECIAL = r"^\s*[+-]?0\d|^\s*\d+[eE]\d+\s*$|^\s*0[xX]|[1-9][0-9.]{17}"
TRAILING = re.compile(r"(\.\d*[1-9])0+$")
SLICE = 1 << 16  # numbers that are looked at together
MOST = 100_000  # whole numbers of a column that are compared with codes
FEW = 100  # numbers with fractions, such as 1.1 and 1.10, may be versions, but not if there are more
MOST_CATEGORIES = 1000  # that are compared; a column with more is free text
SEVERAL = {list: "lists", tuple: "lists", set: "lists", np.ndarray: "lists", dict: "structs"}
CHUNK = 1 << 20


def lost_findings(lost: Mapping[str, Lost], exclude: Collection[str]) -> list[str]:
    """Which columns contain values that are not single ones."""
    return [
        several_finding(name, found.several) for name, found in lost.items() if found.several and name not in exclude
    ]


def several_findings(rows: pd.DataFrame, exclude: Collection[str]) -> list[str]:
    """The same for a pandas table."""
    objects = [name for name in rows.columns if rows[name].dtype == object and name not in exclude]
    types = {name: {type(value) for value in rows[name]} & SEVERAL.keys() for name in objects}
    return [several_finding(name, SEVERAL[min(found, key=str)]) for name, found in types.items() if found]


def several_finding(name: str, what: str) -> str:
    return (
        f"column '{name}' contains {what}, not single values; make columns of single values from it, or write "
        f'exclude = ["{name}"]'
    )


def reading_warnings(
    path: Path, read: Read, spelling: Spelling, options: Options, types: Mapping[str, str] | None
) -> list[str]:
    """What the columns of the table in `path` lost when they were `read`; types: those of schema.toml.

    spelling: what has looked at the text that was read.
    """
    used = [name for name in read.table if name not in options.exclude]
    kinds = {name: type_of(read.table[name]) for name in used if read.table[name].notna().any()}
    lost = {name: read.lost[name] for name in kinds}
    spellings = _spellings(path, read, spelling, kinds, lost, options.notation)
    warnings = []
    for name, kind in kinds.items():
        column = read.table[name]
        if kind == "text":
            kept = (types or {}).get(name, "")
            texts = column.cat.categories
            if lost[name].whole and name not in options.measures:
                many = int(np.append(beyond(texts), False)[column.cat.codes].sum())
                warnings += whole_warnings(name, texts, many, len(column), kept)
            warnings += word_warnings(name, lost[name].words.keys() - spellings.words, lost[name], len(column))
            warnings += alike_warnings(name, texts)
        elif kind == "date":
            warnings += offset_warnings(name, lost[name].offsets, len(column))
        elif name in spellings.texts:
            is_whole = _is_whole(column)
            warnings += spelling_warnings(name, spellings.texts[name], spellings.plain[name], is_whole, len(column))
    return warnings


def whole_warnings(name: str, texts: pd.Index, many: int, rows: int, kept: str) -> list[str]:
    """many: rows with a number that is too large; kept: the type in schema.toml; empty if there is none."""
    if not many or kept == "text":
        return []
    what = f"Column '{name}' has whole numbers beyond {EXACT:,} in {of(many, rows)}"
    if not kept:
        return [
            f"{what}, which a model cannot store exactly as numbers, so they are text; if they are a measure, write "
            f'"{name}" = "number" in schema.toml.'
        ]
    numbers = read_as("numeric", pd.Series(texts, dtype=object))[0].nunique()
    if numbers == len(texts):
        return []
    return [
        f"{what}, and {len(texts):,} different ones become {numbers:,} because schema.toml says {kept}; if they are "
        f'identifiers, write "{name}" = "text".'
    ]


def word_warnings(name: str, words: Collection[str], lost: Lost, rows: int) -> list[str]:
    if not words:
        return []
    many = sum(lost.words[word] for word in words)
    return [
        f"Column '{name}' has {listed(sorted(words))} in {of(many, rows)}, which counts as missing; if "
        "it is a value, write it differently, or save the table as Parquet; if it is not, add it to missing in "
        "project.toml [data]."
    ]


def alike_warnings(name: str, texts: pd.Index) -> list[str]:
    if len(texts) > MOST_CATEGORIES:
        return []
    alike: dict[str, str] = {}
    for text in texts:
        other = alike.setdefault(text.strip().casefold(), text)
        if other != text:
            return [
                f"Column '{name}' has texts that differ only in blanks or in upper and lower case, such as "
                f"'{short(other)}' and '{short(text)}'; they are different categories, so write them alike if they "
                "mean the same."
            ]
    return []


def offset_warnings(name: str, offsets: Counter[bool], rows: int) -> list[str]:
    if not (offsets[True] and offsets[False]):
        return []
    return [
        f"Column '{name}' has dates with a UTC offset in {of(offsets[True], rows)} and without one in "
        f"{of(offsets[False], rows)}, which are read as UTC; write all of them with an offset."
    ]


def spelling_warnings(name: str, texts: Counter[str], plain: Collection[str], is_whole: bool, rows: int) -> list[str]:
    """What is lost when these texts, with their rows, become numbers; plain: other texts that they may equal."""
    as_text = f'if they are codes, write "{name}" = "text" in schema.toml.'
    whole = texts if is_whole else {}
    zeros = [text for text in whole if ZEROS.match(text)]
    merged = next((text.strip() for text in zeros if _without_zeros(text) in plain), "")
    warnings = []
    if merged or any(len(text.strip()) > 2 for text in zeros):  # 01 to 12 are months
        example = merged or zeros[0].strip()
        same = f", and '{short(_without_zeros(merged))}' is the same number" if merged else ""
        warnings.append(
            f"Column '{name}' loses leading zeros in {of(sum(texts[text] for text in zeros), rows)}, such as those of "
            f"'{short(example)}'{same}; {as_text}"
        )
    if codes := [text for text in whole if CODE.fullmatch(text)]:
        number = read_as("numeric", pd.Series(codes[:1], dtype=object))[0].iloc[0]
        warnings.append(
            f"Column '{name}' has texts such as '{short(codes[0].strip())}', read as {number:g}, in "
            f"{of(sum(texts[text] for text in codes), rows)}; {as_text}"
        )
    for text in sorted(plain):
        if (shorter := TRAILING.sub(r"\1", text)) != text and shorter in plain:
            warnings.append(f"Column '{name}' has '{shorter}' and '{text}', which become the same number; {as_text}")
            break
    values: dict[float, str] = {}
    for text in sorted(text.strip() for text in texts if len(_digits(text)) > DIGITS):
        other = values.setdefault(float(text), text)
        if _digits(other) != _digits(text):
            return [
                *warnings,
                f"Column '{name}' has numbers of more than {DIGITS} digits, of which '{short(other)}' and "
                f"'{short(text)}' become the same; {as_text}",
            ]
    return warnings


def _without_zeros(text: str) -> str:
    return re.sub(r"^([+-]?)0+(?=\d)", r"\1", text.strip())


def _digits(text: str) -> str:
    """The significant digits of a number."""
    if not re.fullmatch(r"\s*[+-]?\d*\.?\d*([eE][+-]?\d+)?\s*", text):
        return ""
    return re.sub(r"[eE].*|\D", "", text.rstrip("0 ") if "." in text else text).lstrip("0")


class Spellings:
    """How the numbers of some columns are written, and which words for a missing value stand among numbers and dates.

    texts: those that may lose something, with their rows; plain: some of the others.
    """

    def __init__(self) -> None:
        self.texts: dict[str, Counter[str]] = {}
        self.plain: dict[str, set[str]] = {}
        self.words: set[str] = set()

    def add(self, name: str, block: pa.DictionaryArray, pattern: str) -> None:
        """pattern: of the plain texts."""
        texts, plain = self.texts.setdefault(name, Counter()), self.plain.setdefault(name, set())
        special = pc.match_substring_regex(block.dictionary, SPECIAL).to_numpy(zero_copy_only=False)
        rows = np.bincount(block.indices.drop_null().to_numpy(), minlength=len(special))
        for code in np.flatnonzero(special):
            texts[block.dictionary[int(code)].as_py()] += int(rows[code])
        if len(plain) < MOST:
            kept = block.dictionary.filter(pc.match_substring_regex(block.dictionary, pattern))
            plain.update(text.strip() for text in kept.to_pylist())


def _spellings(
    path: Path,
    read: Read,
    spelling: Spelling,
    kinds: Mapping[str, str],
    lost: Mapping[str, Lost],
    notation: Notation,
) -> Spellings:
    """Read again what is necessary."""
    found = Spellings()
    files = [(file, name_below(file, path)) for file in table_files(path)]
    look_at_rest(spelling, files, notation)
    whole = {name: _is_whole(read.table[name]) for name in kinds if kinds[name] in ("integer", "number")}
    few = {name for name, is_whole in whole.items() if not is_whole and distinct(read.table[name]) <= FEW}
    numbers = few | {name for name, is_whole in whole.items() if (spelling.codes if is_whole else spelling.long)}
    # A word that also means missing among numbers is no value, such as NA in files from R.
    gaps = {name for name, kind in kinds.items() if kind != "text" and read.table[name].hasnans}
    words = {word for name in kinds if kinds[name] == "text" for word in lost[name].words}
    found.words = {word for name in gaps for word in lost[name].words}
    gaps = gaps if words - found.words else set()
    for file, name in files:
        folders = dict(folder_columns(name))
        names = column_names(file, notation)
        names += [column for column in folders if column not in names]
        wanted = {each for each in names if each in (numbers | gaps)}
        if is_parquet(file):
            wanted &= folders.keys()
        if not wanted:
            continue
        for rows in read_rows(file, names, set(names) - wanted, wanted, (), folders, notation):
            for each in wanted & gaps:
                found.words |= rows.lost[each].words.keys()
            for each in wanted & numbers:
                block = rows.blocks[each]
                if isinstance(block, pa.DictionaryArray):
                    found.add(each, block, "" if each in few else rf"^{WHOLE}$")
            if not numbers and words <= found.words:
                return found
    return found


def _is_whole(column: pd.Series) -> bool:
    """Whether all numbers are whole: only those may be codes."""
    if column.dtype.kind in "iu":
        return True
    values = column.to_numpy()
    parts = (values[start : start + SLICE] for start in range(0, len(values), SLICE))
    return all(bool(((part == np.trunc(part)) | np.isnan(part)).all()) for part in parts)


def special(file: Path, name: str, notation: Notation) -> tuple[bool, bool]:
    """Whether the file, or a folder of it, may contain numbers with leading zeros or unsigned exponents; long ones."""
    spelling = Spelling()
    spelling.others = [] if is_parquet(file) else [file]
    look_at_rest(spelling, [(file, name)], notation)
    return spelling.codes, spelling.long


def look_at_rest(spelling: Spelling, files: Iterable[tuple[Path, str]], notation: Notation) -> None:
    """Look at the names of folders, and at the files that `spelling` has not looked at while they were read."""
    for file, name in files:
        spelling.look("".join(f"{value or ''}\n" for _, value in folder_columns(name)).encode())
        if file in spelling.others:
            with text_files.stream(file, notation) as stream:
                for chunk in _chunks(stream):
                    spelling.look(chunk)


def _chunks(stream: pa.NativeFile) -> Iterable[bytes]:
    """The content in pieces, each of which begins with the end of the one before, so that no number is cut."""
    rest = b""
    while read := stream.read(CHUNK):
        yield rest + read
        rest = (rest + read)[-LONGEST:]
