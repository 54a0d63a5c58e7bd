"""The parts of evaluation.json other than metrics: curves, confusion, residuals, importance, slices.

`weights` (rows,) are positive and say how much each row counts; plain row counts ignore them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from sagemaker_ops.tabular.group_columns import quarters
from sagemaker_ops.tabular.metrics import NO_METRICS, Array, Floats, Metrics, is_lower_better, measure
from sagemaker_ops.tabular.schema import Schema

CURVE_POINTS = 101
CALIBRATION_BINS = 10
RESIDUAL_BINS = 30
SCATTER_POINTS = 500
SCORE_BINS = 20
IMPORTANCE_ROWS = 2_000
IMPORTANCE_REPEATS = 3
IMPORTANCE_BATCH = 20_000  # rows to predict in one call, because most of a small call's cost is its start
IMPORTANCE_BUDGET = 40_000  # rows to predict in total: a count, not a clock, so that two runs give the same
SLICES = 10
SLICE_ROWS = 50  # at least this many and this share: fewer mean little
SLICE_SHARE = 0.01

Predict = Callable[[pd.DataFrame], Floats]


def curves(truth: Array, prediction: Floats, weights: Floats, schema: Schema) -> dict[str, Any]:
    """Points to draw: ROC, precision-recall and calibration for each class (only the positive one of two)."""
    if schema.problem == "regression":
        return {"calibration": [_calibration(truth, prediction, weights)]}
    chosen = [1] if len(schema.classes) == 2 else range(len(schema.classes))
    found: dict[str, Any] = {"roc": [], "precision_recall": [], "calibration": []}
    for number in chosen:
        actual, score = truth == number, prediction[:, number]
        if actual.all() or not actual.any():
            continue  # a class without test rows has no curve
        label = {"class": schema.classes[number]}
        false_positive_rate, true_positive_rate, _ = roc_curve(actual, score, sample_weight=weights)
        precision, recall, _ = precision_recall_curve(actual, score, sample_weight=weights)
        found["roc"].append(
            label | _thin(false_positive_rate=false_positive_rate, true_positive_rate=true_positive_rate)
        )
        found["precision_recall"].append(label | _thin(recall=recall, precision=precision))
        found["calibration"].append(label | _calibration(actual, score, weights))
    return found


def calibration_error(curves: dict[str, Any]) -> float | None:
    """The average distance between predicted probability and actual share (expected calibration error)."""
    errors = [
        np.average(np.abs(np.subtract(line["predicted"], line["actual"])), weights=line["weight"])
        for line in curves["calibration"]
    ]
    return float(np.mean(errors)) if errors else None


def confusion(truth: Array, prediction: Floats, schema: Schema) -> dict[str, Any]:
    """Row counts by actual class (down) and predicted class (across)."""
    counts = confusion_matrix(truth, prediction.argmax(axis=1), labels=range(len(schema.classes)))
    return {"classes": list(schema.classes), "counts": counts.tolist()}


def thresholds(truth: Array, prediction: Floats) -> dict[str, Any]:
    """For two classes: row counts above each threshold of the positive class's probability, and of each score.

    A row is predicted as positive above the threshold, so that 0.5 gives the same counts as `confusion`.
    """
    score = prediction[:, 1]
    quantiles = np.quantile(score, np.linspace(0, 1, CURVE_POINTS))
    levels = np.unique([float(f"{each:.4g}") for each in (0.0, 0.5, *quantiles)])
    parts = {name: np.sort(score[truth == number]) for name, number in (("positives", 1), ("negatives", 0))}
    above = {name: (len(part) - np.searchsorted(part, levels, side="right")).tolist() for name, part in parts.items()}
    bins = np.linspace(0, 1, SCORE_BINS + 1)
    return {
        "threshold": levels.tolist(),
        "true_positives": above["positives"],
        "false_positives": above["negatives"],
        "scores": {
            "edges": bins.round(4).tolist(),
            **{name: np.histogram(part, bins=bins)[0].tolist() for name, part in parts.items()},
        },
    }


def residuals(truth: Array, prediction: Floats) -> dict[str, Any]:
    """Prediction minus truth: quantiles, a histogram, and some rows for a scatter plot."""
    errors = prediction - truth
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    rows, edges = np.histogram(errors, bins=RESIDUAL_BINS)
    some = np.linspace(0, len(truth) - 1, min(len(truth), SCATTER_POINTS)).astype(int)
    return {
        "quantiles": {
            f"{level:.0%}": value for level, value in zip(levels, np.quantile(errors, levels).tolist(), strict=True)
        },
        "histogram": {"edges": edges.tolist(), "rows": rows.tolist()},
        "points": {"actual": truth[some].tolist(), "predicted": prediction[some].tolist()},
    }


def importance(
    frame: pd.DataFrame, truth: Array, weights: Floats, predict: Predict, metric: str, own: Metrics = NO_METRICS
) -> list[dict[str, Any]]:
    """How much worse `metric` gets when a column is shuffled (permutation importance), most important first."""
    columns = frame.shape[1]
    rows = min(len(frame), IMPORTANCE_ROWS, max(200, IMPORTANCE_BUDGET // columns))
    repeats = max(1, min(IMPORTANCE_REPEATS, IMPORTANCE_BUDGET // (rows * columns)))
    random = np.random.default_rng(0)
    some = np.sort(random.choice(len(frame), rows, replace=False))
    frame, truth, weights = frame.iloc[some].reset_index(drop=True), truth[some], weights[some][None]
    sign = -1 if is_lower_better(metric, own) else 1
    intact = measure(truth, predict(frame), weights, own)[metric][0]
    if not np.isfinite(intact):  # the drawn rows have only one class
        return []
    found = []
    at_once = max(1, IMPORTANCE_BATCH // (rows * repeats))
    for first in range(0, columns, at_once):
        names = frame.columns[first : first + at_once]
        shuffled = []
        for name in names:
            for _ in range(repeats):
                shuffled.append(frame.copy(deep=False))
                shuffled[-1][name] = frame[name].to_numpy()[random.permutation(rows)]
        parts = np.split(predict(pd.concat(shuffled, ignore_index=True)), len(shuffled))
        losses = sign * (intact - np.array([measure(truth, part, weights, own)[metric][0] for part in parts]))
        for name, lost in zip(names, losses.reshape(-1, repeats), strict=True):
            found.append({"feature": name, "value": float(lost.mean()), "standard_deviation": float(lost.std())})
    return sorted(found, key=lambda entry: -float(entry["value"]))


def slices(
    frame: pd.DataFrame,
    truth: Array,
    prediction: Floats,
    weights: Floats,
    schema: Schema,
    metric: str,
    own: Metrics = NO_METRICS,
) -> list[dict[str, Any]]:
    """Where `metric` is worst: rows of one category, or of one quarter of a range, worst first."""
    fewest = max(SLICE_ROWS, int(SLICE_SHARE * len(frame)))
    found = []
    for name in frame.columns:
        groups = _groups(frame[name], schema)
        groups = groups.where(groups.notna(), "missing")
        for label, rows in groups.value_counts().items():
            if not fewest <= rows < len(frame):
                continue
            chosen = (groups == label).to_numpy()
            value = float(measure(truth[chosen], prediction[chosen], weights[None, chosen], own)[metric][0])
            if np.isfinite(value):  # a slice of one class has no AUC
                found.append({"feature": name, "slice": label, "rows": int(rows), "value": value})
    return sorted(found, key=lambda entry: entry["value"], reverse=is_lower_better(metric, own))[:SLICES]


def _groups(column: pd.Series, schema: Schema) -> pd.Series:
    """The slice of each row, as text; missing stays missing."""
    if column.name in schema.of_kind("categorical"):
        return column
    if column.name in schema.of_kind("boolean"):
        return column.map({0.0: "false", 1.0: "true"})
    return quarters(column)


def _calibration(actual: Array, predicted: Floats, weights: Floats) -> dict[str, Any]:
    """Mean prediction and mean truth, in groups of equal size ordered by prediction."""
    bins = np.array_split(np.argsort(predicted, kind="stable"), min(CALIBRATION_BINS, len(predicted)))
    return {
        "predicted": [float(np.average(predicted[rows], weights=weights[rows])) for rows in bins],
        "actual": [float(np.average(actual[rows], weights=weights[rows])) for rows in bins],
        "rows": [len(rows) for rows in bins],
        "weight": [float(weights[rows].sum()) for rows in bins],
    }


def _thin(**lines: Floats) -> dict[str, list[float]]:
    length = len(next(iter(lines.values())))
    some = np.unique(np.linspace(0, length - 1, min(length, CURVE_POINTS)).astype(int))
    return {name: line[some].tolist() for name, line in lines.items()}
