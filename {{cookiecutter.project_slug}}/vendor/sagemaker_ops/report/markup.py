"""HTML and SVG as text: whatever is put into an element is escaped here, unless it is an element itself."""

from __future__ import annotations

import html


class Markup(str):
    """Text that is HTML already; only `element` makes it."""

    __slots__ = ()


VOID = ("circle", "input", "line", "link", "meta", "path", "polyline", "rect")  # elements without an end tag


def element(tag: str, /, *content: str, **attributes: object) -> Markup:
    """`<tag attributes>content</tag>`; `class_` is class, `aria_label` is aria-label, None leaves an attribute out."""
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    start = "".join(f' {key}="{escaped(str(value))}"' for key, value in given.items())
    if tag in VOID:
        return Markup(f"<{tag}{start}/>")
    return Markup(f"<{tag}{start}>{joined(*content)}</{tag}>")


def joined(*content: str) -> Markup:
    """Elements and texts one after the other."""
    return Markup("".join(each if isinstance(each, Markup) else escaped(each) for each in content))


def prose(text: str) -> Markup:
    """A sentence whose `words in backticks` are code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without its pair
        return joined(text)
    return joined(*(element("code", part) if number % 2 else part for number, part in enumerate(parts)))


def escaped(text: str) -> str:
    """The text for HTML; characters that cannot be seen, such as those that turn text around, are shown as numbers."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
    return html.escape(shown)
