"""A chart with its heading, a sentence, and its numbers in a table."""

from __future__ import annotations

from collections.abc import Sequence

from sagemaker_ops.report import charts, parts
from sagemaker_ops.report.markup import Markup, element, prose


def figure(heading: str, drawn: Markup, sentence: str, table: Markup | str = "") -> Markup:
    more = element("details", element("summary", "The numbers"), table) if table else Markup()
    return element("figure", element("h3", heading), drawn, element("figcaption", prose(sentence)), more)


def table(heading: Sequence[str], rows: Sequence[Sequence[float | str]]) -> Markup:
    body = [parts.row(*(each if isinstance(each, str) else charts.shown(each) for each in row)) for row in rows]
    content = element("thead", parts.headings(*heading)), element("tbody", *body)
    return element("div", element("table", *content), class_="wide", tabindex=0, role="region", aria_label=heading[0])
