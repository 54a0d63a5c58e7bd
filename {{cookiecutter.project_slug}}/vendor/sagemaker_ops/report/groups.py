"""The metrics of each group of rows, drawn from evaluation.json: how far the groups of a column are apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_ops.report import charts, parts
from sagemaker_ops.report.charts import Dot
from sagemaker_ops.report.curves import Evaluation
from sagemaker_ops.report.figure import figure
from sagemaker_ops.report.markup import Markup, element, joined

DRAWN = 40
TOO_FEW = "too few rows"


def groups(evaluation: Evaluation) -> Markup:
    """A chart and a table for each group column; nothing if there is none."""
    found, gate = evaluation.get("groups") or {}, evaluation["gate"]
    figures = [_figure(name, each, str(gate["metric"]), float(gate["value"])) for name, each in found.items()]
    return element("div", *figures, class_="figures") if figures else Markup()


def interval(evaluation: Evaluation) -> list[float]:
    """Of the largest difference, which the gate compares with its limit."""
    low, high = evaluation["group_gate"]["interval"]
    return [float(low), float(high)]


def _figure(name: str, column: Mapping[str, Any], metric: str, overall: float) -> Markup:
    ordered = sorted(column["groups"], key=lambda each: -_value(each, metric))
    rows = [
        Dot(
            f"{each['value']}",
            each["metrics"][metric]["value"] if metric in each["metrics"] else None,
            each["metrics"][metric]["interval"] if metric in each["metrics"] else (),
            TOO_FEW,
        )
        for each in ordered[:DRAWN]
    ]
    more = f" The first {DRAWN} of {len(ordered)} groups are drawn." if len(ordered) > DRAWN else ""
    drawn = charts.dots(f"{metric} by {name}", metric, rows, overall)
    line = f" The vertical line is {metric} on all rows, {charts.shown(overall)}; a bar is a 95 % interval."
    return figure(name, drawn, f"{column['verdict']}{line}{more}", _table(name, column, ordered, metric))


def _table(name: str, column: Mapping[str, Any], ordered: list[Mapping[str, Any]], metric: str) -> Markup:
    """All metrics of all groups, that of the gate first, and their differences."""
    metrics = sorted(dict.fromkeys(key for each in ordered for key in each["metrics"]), key=lambda key: key != metric)
    body = [
        parts.row(f"{each['value']}", f"{each['rows']:,}", *(_cell(each["metrics"].get(key)) for key in metrics))
        for each in ordered
    ]
    differences = [_cell(column["differences"].get(key), "-") for key in metrics]
    body.append(parts.row("Largest difference", "", *differences, class_="gate"))
    heading = parts.headings(name, "Rows", *(key.replace("_", " ") for key in metrics))
    caption = "Value ± standard deviation in each group of the test rows."
    return parts.table(f"Groups of {name}", caption, heading, body)


def _cell(score: Mapping[str, Any] | None, otherwise: str = TOO_FEW) -> Markup | str:
    if score is None:
        return otherwise
    spread = element("small", f" ± {score['standard_deviation']:.2g}", class_="number")
    return joined(charts.shown(float(score["value"])), spread)


def _value(group: Mapping[str, Any], metric: str) -> float:
    return float(group["metrics"][metric]["value"]) if metric in group["metrics"] else float("-inf")
