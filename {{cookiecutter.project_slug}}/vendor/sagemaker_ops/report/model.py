"""What a model does, drawn from evaluation.json: metrics, curves, errors, importance, and where it is worst.

A team's own evaluation.json may lack any part, or have another form: then that part of the page is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from sagemaker_ops import kept
from sagemaker_ops.report import charts, groups, parts, results
from sagemaker_ops.report.charts import Series
from sagemaker_ops.report.curves import Drawn, Evaluation, calibration, precision_recall, roc
from sagemaker_ops.report.figure import figure, table
from sagemaker_ops.report.markup import Markup, element, joined
from sagemaker_ops.report.results import Gate, Result

POINTS = 11  # of thresholds, in their table
FEATURES = 20


def gate(result: Result) -> Markup:
    """The metric of the gate on a line, with the limit and the naive model."""
    drawn = (_optional(partial(_gate, gate=each, baseline=result.baseline), result.evaluation) for each in result.gates)
    return joined(*drawn)


def metrics(result: Result, there: Result | None, ref: str, name: str = "Metrics") -> Markup:
    """A table of every metric; ref: what to call the result to compare with; name: of the table."""
    rows = results.rows(result, there or Result())
    if not rows:
        return Markup()
    baseline = result.baseline
    naive = ["Naive model"] if any(row.metric in baseline for row in rows) else []
    heading = parts.headings("Metric", "This model", *naive, *([ref, "Difference"] if there else []))
    body = []
    for row in rows:
        chance = [charts.shown(baseline[row.metric]) if row.metric in baseline else "-"] if naive else []
        words = element("small", f" {row.words}") if row.words else ""
        rest = [_score(row.there), joined(results.signed(row.difference), words)] if there else []
        name = joined(row.metric, element("small", " (gate)") if row.is_gate else "")
        body.append(parts.row(name, _score(row.here), *chance, *rest, class_="gate" if row.is_gate else None))
    caption = "Value ± standard deviation, measured on the test rows."
    return parts.table(name, caption, heading, body)


def sections(evaluation: Evaluation, name: str, there: Drawn | None = None) -> list[tuple[str, str, Markup]]:
    """(id, heading, content) of what the evaluation has numbers for; name: of the pipeline, unique on the page.

    there: whose curves are drawn beside those of this one, if both have one curve of the same class.
    """
    found = [
        ("charts", "How it predicts", _figures(evaluation, name, there)),
        ("groups", "Groups", _optional(groups.groups, evaluation)),
        ("importance", "What the model looks at", _optional(_importance, evaluation)),
        ("slices", "Where it is worst", _optional(_slices, evaluation)),
    ]
    return [(f"{name}-{key}", heading, drawn) for key, heading, drawn in found if drawn]


def _figures(evaluation: Evaluation, name: str, there: Drawn | None) -> Markup:
    compared = [_optional(partial(draw, there=there), evaluation) for draw in (roc, precision_recall, calibration)]
    drawn = [_optional(_scatter, evaluation), _optional(_residuals, evaluation), *compared]
    drawn.append(_optional(partial(_thresholds, name=name), evaluation) or _optional(_confusion, evaluation))
    return element("div", *drawn, class_="figures") if any(drawn) else Markup()


def _optional(draw: Callable[[Evaluation], Markup], evaluation: Evaluation) -> Markup:
    """What `draw` makes; nothing if the numbers for it are missing or have another form."""
    with suppress(*kept.DAMAGED, ArithmeticError):
        return draw(evaluation)
    return Markup()


def _gate(evaluation: Evaluation, gate: Gate, baseline: Mapping[str, float]) -> Markup:
    marks = {"gate": gate.limit}
    if gate.metric in baseline:
        marks["naive model"] = baseline[gate.metric]
    words = ", ".join(f"{name} {charts.shown(mark)}" for name, mark in marks.items())
    title = f"{gate.metric} {charts.shown(gate.value)}: {words}"
    interval = groups.interval(evaluation) if gate.is_of_groups else _interval(evaluation, gate.metric)
    return charts.scale(title, gate.value, interval, marks)


def _score(found: results.Score | None) -> Markup:
    value, _, spread = results.score(found).partition(" ± ")
    return joined(value, element("small", f" ± {spread}", class_="number") if spread else "")


def _interval(evaluation: Evaluation, metric: str) -> list[float]:
    """Empty if there is none: a team's own metric may have no spread."""
    with suppress(*kept.DAMAGED, StopIteration):
        scores = next(value for key, value in evaluation.items() if key.endswith("_metrics"))
        low, high = scores[metric]["interval"]
        return [float(low), float(high)]
    return []


def _scatter(evaluation: Evaluation) -> Markup:
    points = evaluation["residuals"]["points"]
    x, y = charts.span("actual", points["actual"]), charts.span("predicted", points["predicted"])
    drawn = charts.plot(
        "Predicted against actual", x, y, [Series(points["actual"], points["predicted"], is_line=False)], diagonal=True
    )
    said = f"{len(points['actual']):,} of the test rows; on the dotted line, the prediction is exact."
    return figure("Predicted and actual", drawn, said)


def _residuals(evaluation: Evaluation) -> Markup:
    found = evaluation["residuals"]
    drawn = charts.histogram(
        "Residuals", "predicted minus actual", found["histogram"]["edges"], {"": found["histogram"]["rows"]}
    )
    quantiles = found["quantiles"]
    said = f"Half of the predictions are off by {charts.shown(quantiles['25%'])} to {charts.shown(quantiles['75%'])}."
    below = table(["Share of rows below", "Predicted minus actual"], list(quantiles.items()))
    return figure("Residuals", drawn, said, below)


def _confusion(evaluation: Evaluation) -> Markup:
    found = evaluation["confusion"]
    classes, counts = [str(each) for each in found["classes"]], found["counts"]
    if len(classes) > 30:
        raise ValueError("too many classes to show")
    body = []
    for label, row in zip(classes, counts, strict=True):
        shares = [each / (sum(row) or 1) for each in row]
        cells = [
            element("td", f"{each:,}", class_=f"heat h{round(share * 5)}")
            for each, share in zip(row, shares, strict=True)
        ]
        body.append(element("tr", element("th", label, scope="row"), *cells))
    heading = parts.headings("Actual ↓ predicted →", *classes)
    drawn = parts.table("Confusion matrix", "Rows of the test part.", heading, body)
    right = sum(row[number] for number, row in enumerate(counts)) / (sum(map(sum, counts)) or 1)
    return figure(
        "Confusion", drawn, f"{right:.1%} of the rows are predicted right; darker: a larger share of its row."
    )


def _thresholds(evaluation: Evaluation, name: str) -> Markup:
    """The confusion matrix of two classes; page.js moves it with the threshold."""
    found, negative_positive = evaluation["thresholds"], [str(each) for each in evaluation["classes"]]
    levels, edges = found["threshold"], found["scores"]["edges"]
    positives, negatives = sum(found["scores"]["positives"]), sum(found["scores"]["negatives"])
    start = min(range(len(levels)), key=lambda number: abs(levels[number] - 0.5))
    hits, alarms = found["true_positives"][start], found["false_positives"][start]
    numbers = {"threshold": levels, "tp": found["true_positives"], "fp": found["false_positives"]}
    data = json.dumps(numbers | {"positives": positives, "negatives": negatives}, separators=(",", ":"))
    negative, positive = negative_positive
    cells = {"tn": negatives - alarms, "fp": alarms, "fn": positives - hits, "tp": hits}
    td = {key: element("td", f"{value:,}", class_="number", data_cell=key) for key, value in cells.items()}
    body = [
        element("tr", element("th", f"{negative} (actual)", scope="row"), td["tn"], td["fp"]),
        element("tr", element("th", f"{positive} (actual)", scope="row"), td["fn"], td["tp"]),
    ]
    heading = parts.headings("Rows", f"{negative} (predicted)", f"{positive} (predicted)")
    scores = {
        f"{evaluation['target']} = {negative}": found["scores"]["negatives"],
        f"{evaluation['target']} = {positive}": found["scores"]["positives"],
    }
    slider = element(
        "p",
        element("label", "Threshold ", for_=f"{name}-threshold"),
        element(
            "input", type="range", id=f"{name}-threshold", min=0, max=len(levels) - 1, value=start, data_numbers=data
        ),
        class_="slider",
        hidden="hidden",
    )
    said = element("output", _at_threshold(levels[start], hits, alarms, positives), data_cell="words")
    drawn = joined(
        charts.histogram("Predicted probabilities", f"probability of {positive}", edges, scores),
        slider,
        element("p", said),
        element("table", element("caption", "Confusion matrix"), element("thead", heading), element("tbody", *body)),
    )
    step = max(1, len(levels) // POINTS)
    rows = [(levels[i], found["true_positives"][i], found["false_positives"][i]) for i in range(0, len(levels), step)]
    below = table(["Threshold", "True positives", "False positives"], rows)
    sentence = f"Above the threshold, a row is predicted as {positive}. Move it to trade missed rows for false alarms."
    return figure("Threshold and confusion", element("div", drawn, class_="threshold"), sentence, below)


def _at_threshold(level: float, hits: int, alarms: int, positives: int) -> str:
    """The sentence that page.js writes, too."""
    precision = f"{hits / (hits + alarms):.1%}" if hits + alarms else "-"
    recall = f"{hits / positives:.1%}" if positives else "-"
    return f"At {charts.shown(level)}: precision {precision}, recall {recall}."


def _importance(evaluation: Evaluation) -> Markup:
    found = evaluation["importance"]
    if not found:
        return Markup()
    most = max(float(each["value"]) for each in found)
    rows = []
    for each in found[:FEATURES]:
        value, spread = float(each["value"]), float(each.get("standard_deviation") or 0)
        share = value / most if most > 0 else 0.0
        number = joined(charts.shown(value), element("small", f" ± {spread:.2g}") if spread else "")
        rows.append(parts.row(each["feature"], number, charts.bar(share, spread / most if most > 0 else 0.0)))
    metric = evaluation["gate"]["metric"]
    caption = f"How much worse {metric} gets when the column is shuffled, so that the model cannot use it."
    more = f" The first {FEATURES} of {len(found)}." if len(found) > FEATURES else ""
    heading = parts.headings("Column", "Importance", "(Chart)")
    return parts.table("Importance", caption + more, heading, rows)


def _slices(evaluation: Evaluation) -> Markup:
    found, gated = evaluation["slices"], evaluation["gate"]
    if not found:
        return Markup()
    metric, overall = gated["metric"], float(gated["value"])
    rows = [
        parts.row(
            joined(each["feature"], element("small", f" {each['slice']}")),
            f"{each['rows']:,}",
            charts.shown(float(each["value"])),
            results.signed(float(each["value"]) - overall),
        )
        for each in found
    ]
    caption = (
        f"{metric} in one category or one quarter of a column, worst first; on all rows it is {charts.shown(overall)}."
    )
    heading = parts.headings("Rows with", "Rows", metric, "Difference")
    return parts.table("Slices", caption, heading, rows)
