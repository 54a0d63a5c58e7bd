"""ROC, precision-recall and calibration curves from evaluation.json, also beside those of another evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sagemaker_ops import kept
from sagemaker_ops.report import charts
from sagemaker_ops.report.charts import Axis, Series
from sagemaker_ops.report.figure import figure, table
from sagemaker_ops.report.markup import Markup

MOST_CLASSES = 8  # to draw: as many as there are colours
POINTS = 11  # of a curve, in its table
Evaluation = Mapping[str, Any]


@dataclass(frozen=True)
class Drawn:
    """The evaluation to compare with, and what to call it."""

    evaluation: Evaluation
    name: str


def _curves(evaluation: Evaluation, kind: str) -> tuple[list[Any], str]:
    """The curves to draw, and a sentence if those are not all."""
    found = evaluation["curves"][kind]
    if not found:
        raise ValueError("no class has a curve")
    more = f" The first {MOST_CLASSES} of {len(found)} classes are drawn." if len(found) > MOST_CLASSES else ""
    return found[:MOST_CLASSES], more


def _lines(evaluation: Evaluation, kind: str, keys: tuple[str, str], there: Drawn | None) -> tuple[list[Series], str]:
    """A line for each class, or this model's and the other's; and what to say about them."""
    curves, more = _curves(evaluation, kind)
    has_points = kind == "calibration"
    if len(curves) > 1:
        return [Series(c[keys[0]], c[keys[1]], f"class {c['class']}", has_points=has_points) for c in curves], more
    other = _same(curves[0], evaluation, there, kind) if there else None
    name = "this model" if other else ""
    lines = [Series(curves[0][keys[0]], curves[0][keys[1]], name, has_points=has_points)]
    if other and there:
        lines.append(Series(other[keys[0]], other[keys[1]], there.name, has_points=has_points))
    return lines, more


def _same(curve: Mapping[str, Any], evaluation: Evaluation, there: Drawn, kind: str) -> Mapping[str, Any] | None:
    """The only curve of the other model, if it says the same thing about the same target."""
    with suppress(*kept.DAMAGED):
        (found,) = there.evaluation["curves"][kind]
        of = [
            (each.get("class"), all_of.get("target"))
            for each, all_of in ((curve, evaluation), (found, there.evaluation))
        ]
        if of[0] == of[1]:
            return dict(found)
    return None


def roc(evaluation: Evaluation, there: Drawn | None) -> Markup:
    x, y = Axis("false positive rate"), Axis("true positive rate")
    lines, more = _lines(evaluation, "roc", ("false_positive_rate", "true_positive_rate"), there)
    curves = evaluation["curves"]["roc"]
    positive = f" Positive is {evaluation['target']} = {curves[0]['class']}." if len(curves) == 1 else ""
    said = "The share of wanted rows found, for each share of false alarms; the dotted line is guessing."
    drawn = charts.plot("ROC curve", x, y, lines, diagonal=True)
    return figure("ROC", drawn, f"{said}{positive}{more}", _points(lines, x, y))


def precision_recall(evaluation: Evaluation, there: Drawn | None) -> Markup:
    x, y = Axis("recall"), Axis("precision")
    lines, more = _lines(evaluation, "precision_recall", ("recall", "precision"), there)
    said = f"How many of the rows that it reports are right, against how many of the wanted rows it finds.{more}"
    drawn = charts.plot("Precision-recall curve", x, y, lines)
    return figure("Precision and recall", drawn, said, _points(lines, x, y))


def calibration(evaluation: Evaluation, there: Drawn | None) -> Markup:
    lines, more = _lines(evaluation, "calibration", ("predicted", "actual"), there)
    is_share = evaluation["problem"] == "classification"
    x = Axis("predicted") if is_share else charts.span("predicted", *(each.x for each in lines), *(e.y for e in lines))
    y = Axis("actual share" if is_share else "actual mean", x.low, x.high)
    error = evaluation.get("calibration_error")
    told = f" The average distance is {charts.shown(error)}." if isinstance(error, float) else ""
    said = "Groups of equally many rows, ordered by prediction: on the dotted line, a prediction means what it says."
    drawn = charts.plot("Calibration", x, y, lines, diagonal=True)
    return figure("Calibration", drawn, f"{said}{told}{more}", _points(lines, x, y))


def _points(lines: Sequence[Series], x: Axis, y: Axis) -> Markup:
    """Some points of each line, as a table."""
    names = ["Line"] if len(lines) > 1 else []
    rows: list[tuple[float | str, ...]] = []
    for line in lines:
        step = max(1, (len(line.x) - 1) // (POINTS - 1))
        rows += [(*[line.name][: len(names)], line.x[each], line.y[each]) for each in range(0, len(line.x), step)]
    return table([*names, x.name, y.name], rows)
