"""Markdown as a reader sees it: the elements and the texts that MkDocs makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

import markdown


@dataclass
class Rendered(HTMLParser):
    """tables: the texts of the cells of each row of each table; tags: of all elements; text: of the whole page."""

    tables: list[list[list[str]]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    text: str = ""
    _in: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    @property
    def rows(self) -> list[list[str]]:
        """Of all tables."""
        return [row for table in self.tables for row in table]

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self._in.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag in ("h1", "h2", "h3"):
            self.headings.append("")
        if tag == "br":
            self.handle_data("\n")

    def handle_endtag(self, tag: str) -> None:
        while self._in and self._in.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"td", "th"} & {*self._in}:
            self.tables[-1][-1][-1] += data
        if {"h1", "h2", "h3"} & {*self._in}:
            self.headings[-1] += data


def rendered(page: str) -> Rendered:
    extensions = ["tables", "toc", "pymdownx.superfences", "attr_list", "smarty", "sane_lists"]
    found = Rendered()
    found.feed(markdown.markdown(page, extensions=extensions))
    found.close()
    return found
