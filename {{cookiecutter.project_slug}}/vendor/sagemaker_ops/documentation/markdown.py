"""Markdown as text: whatever is put into a page is escaped here, unless it is Markdown already."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence

# Markdown, HTML or an extension may give these a meaning; as numbers they have none, also inside a table.
_SPECIAL = "".join(sorted({*string.punctuation} - {*",;()%/?."}))
_MEANINGFUL = re.compile(rf"[{re.escape(_SPECIAL)}]|^ +|^\d+[.)](?= |$)|\.(?=\.)")
_PUNCTUATION = re.compile(rf"[{re.escape(string.punctuation)}]+")
_PLACEHOLDERS = re.compile("[\u0002\u0003]")  # with which Python-Markdown marks what it has converted


class Markdown(str):
    """Text that is Markdown already; only this module makes it."""

    __slots__ = ()


def text(content: str) -> Markdown:
    """The text on one line; characters that cannot be seen, such as those that turn text around, are numbers."""
    shown = " ".join(content.split()) if not content.isprintable() else content
    shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in shown)
    return Markdown(_MEANINGFUL.sub(lambda found: _as_numbers(found[0]), shown))


def prose(sentence: str) -> Markdown:
    """A sentence whose `words in backticks` are code."""
    parts = " ".join(sentence.split()).split("`")
    if len(parts) % 2 == 0:  # a backtick without its pair
        return text(sentence)
    return joined("", (code(part) if number % 2 else text(part) for number, part in enumerate(parts)))


def code(content: object) -> Markdown:
    """Code within a line; nothing if it is empty."""
    shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in str(content))
    escaped = _PUNCTUATION.sub(lambda found: _as_numbers(found[0]), shown)
    return Markdown(f"<code>{escaped}</code>" if escaped else "")


def link(label: str, target: str) -> Markdown:
    """A link to another page, which MkDocs checks."""
    return Markdown(f"[{_of(label)}]({target})")


def joined(between: str, parts: Iterable[str]) -> Markdown:
    """The parts that are not empty, each escaped if it is not Markdown; between: Markdown."""
    return Markdown(between.join(_of(each) for each in parts if each))


def heading(level: int, title: str) -> Markdown:
    return Markdown(f"{'#' * level} {_of(title)}")


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Markdown:
    """A table with these columns; nothing without rows."""
    lines = [" | ".join(_of(cell) or " " for cell in row) for row in rows]
    if not lines:
        return Markdown()
    above = [" | ".join(map(_of, names)), " | ".join("---" for _ in names)]
    return Markdown("\n".join(f"| {line} |" for line in [*above, *lines]))


def listed(items: Iterable[str]) -> Markdown:
    return Markdown("\n".join(f"- {_of(each)}" for each in items))


def fence(content: str, language: str = "text") -> Markdown:
    """A block of code, as it is."""
    shown = _PLACEHOLDERS.sub("\ufffd", content).strip("\n")
    ticks = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", shown))])
    return Markdown(f"{ticks}{language}\n{shown}\n{ticks}")


def page(*blocks: str) -> str:
    """The blocks of a page that are not empty, each escaped if it is not Markdown."""
    return joined("\n\n", blocks) + "\n"


def raw(markup: str) -> Markdown:
    """HTML on one line, which is Markdown, too; it must be escaped already."""
    return Markdown(markup.replace("\n", " "))


def _of(content: str) -> str:
    return content if isinstance(content, Markdown) else text(content)


def _as_numbers(characters: str) -> str:
    return "".join(each if each.isdigit() else f"&#{ord(each)};" for each in characters)
