"""The table that a model was trained on, drawn from processing's summary.json."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sagemaker_ops import kept
from sagemaker_ops.report import charts, parts
from sagemaker_ops.report.markup import Markup, element, joined

MOST_COLUMNS = 100
MOST_CLASSES = 30


def section(summary: Mapping[str, Any]) -> Markup:
    """Rows of each part, the target, and every column; nothing if there is no summary."""
    if not summary:
        return Markup()
    drawn = []
    for draw in (_parts, _target, _columns):
        with suppress(*kept.DAMAGED, ArithmeticError):
            drawn.append(draw(summary))
    return joined(element("h2", "The data", id="data"), *drawn)


def _parts(summary: Mapping[str, Any]) -> Markup:
    rows, total = [], summary["rows"]
    for name, part in summary["parts"].items():
        rows.append(parts.row(name, f"{part['rows']:,}", f"{part['rows'] / total:.1%}"))
    caption = f"{total:,} rows, split into parts."
    return parts.table("Parts", caption, parts.headings("Part", "Rows", "Share"), rows)


def _target(summary: Mapping[str, Any]) -> Markup:
    target = summary["target"]
    name = target["name"]
    if "classes" in target:
        total = sum(each["rows"] for each in target["classes"]) or 1
        rows = [
            parts.row(
                str(each["value"]), f"{each['rows']:,}", f"{each['rows'] / total:.1%}", charts.bar(each["rows"] / total)
            )
            for each in target["classes"][:MOST_CLASSES]
        ]
        more = (
            f" The first {MOST_CLASSES} of {len(target['classes'])}." if len(target["classes"]) > MOST_CLASSES else ""
        )
        heading = parts.headings("Class", "Rows", "Share", "(Chart)")
        return parts.table("Target", f"The classes of the target, {name}.{more}", heading, rows)
    histogram = target["histogram"]
    drawn = charts.histogram(f"Distribution of {name}", name, histogram["edges"], {"": histogram["rows"]})
    said = f"The target, {name}: {charts.shown(target['mean'])} on average."
    return element("figure", drawn, element("figcaption", said))


def _columns(summary: Mapping[str, Any]) -> Markup:
    found = summary["columns"]
    rows = [
        parts.row(
            joined(each["name"], element("small", f" {each['type']}") if "type" in each else ""),
            joined(each.get("role", ""), element("small", f" {each['reason']}") if each.get("reason") else ""),
            _share(each["missing"]) if "missing" in each else "-",
            f"{each['distinct']:,}" if "distinct" in each else "-",
            _holds(each),
        )
        for each in found[:MOST_COLUMNS]
    ]
    more = f" The first {MOST_COLUMNS} are shown." if len(found) > MOST_COLUMNS else ""
    heading = parts.headings("Column", "Role", "Missing", "Distinct", "Values")
    content = parts.table("Columns", f"{len(found):,} columns.{more}", heading, rows)
    return element("details", element("summary", f"All {len(found):,} columns"), content)


def _share(share: float) -> str:
    return f"{share:.1%}" if share else "0"


def _holds(column: Mapping[str, Any]) -> str:
    """The range of numbers or dates, or the most frequent values; nothing of a column that was not read."""
    if "mean" in column:
        low, high, mean = (charts.shown(column[key]) for key in ("min", "max", "mean"))
        return f"{low} to {high}, {mean} on average"
    if "min" in column:
        return f"{column['min']} to {column['max']}"
    return ", ".join(f"{each['value']} ({each['rows']:,})" for each in column.get("top", [])[:3])
