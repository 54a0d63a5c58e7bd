"""How good a prediction is: SageMaker's metrics, each with the spread caused by the choice of test rows.

A prediction is an array of numbers (rows,), or of class probabilities (rows, classes). Every metric takes a matrix of
weights (sets, rows), and gives one value per set: all ones for the score itself, row counts for a bootstrap. So
hundreds of scores need only a few matrix products. The names are SageMaker's:
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]
Scores = dict[str, dict[str, Any]]  # by metric: value, standard_deviation, interval


@dataclass(frozen=True)
class Metric:
    """Your own metric: `function(truth, prediction, weights)` returns a number.

    truth: (rows,), class numbers or the target. prediction: (rows, classes) or (rows,). weights: (rows,), from 0.
    """

    function: Callable[[Array, Floats, Floats], float]
    lower_is_better: bool = False


Metrics = Mapping[str, Metric]
REPORT_KEYS = {"binary": "binary_classification_metrics", "multiclass": "multiclass_classification_metrics"}
LOWER_IS_BETTER = {"mae", "mse", "rmse"}
NO_METRICS: Metrics = {}
RESAMPLES = 200
INTERVAL = [0.025, 0.975]  # contains 95 % of the resamples
BOOTSTRAP_CELLS = 20_000_000  # resamples times rows: a large test set needs fewer, because its spread is small


def report_key(prediction: Floats) -> str:
    """The key under which SageMaker expects the metrics of such a prediction."""
    if prediction.ndim == 1:
        return "regression_metrics"
    return REPORT_KEYS["binary" if prediction.shape[1] == 2 else "multiclass"]


def is_lower_better(metric: str, own: Metrics) -> bool:
    """Whether a smaller value is better."""
    return own[metric].lower_is_better if metric in own else metric in LOWER_IS_BETTER


def measure(
    truth: Array, prediction: Floats, weights: Floats | None = None, own: Metrics = NO_METRICS
) -> dict[str, Floats]:
    """Every metric by name, one value per set of weights; NaN where it is undefined (AUC of a single class)."""
    weights = np.ones((1, len(truth))) if weights is None else weights
    kinds = {1: _regression, 2: _binary}
    kind = kinds.get(prediction.ndim if prediction.ndim == 1 else prediction.shape[1], _multiclass)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scores = kind(truth, prediction, weights)
        for name, metric in own.items():
            scores[name] = np.array([metric.function(truth, prediction, each) for each in weights], dtype=np.float64)
    return scores


def bootstrap(truth: Array, prediction: Floats, weights: Floats | None = None, own: Metrics = NO_METRICS) -> Scores:
    """Each metric's `value`, its `standard_deviation` over resamples of the rows, and their 95 % `interval`.

    `weights` (rows,) say how much each row counts. Metrics that are undefined on these rows are left out.
    """
    rows = len(truth)
    weights = np.ones(rows) if weights is None else weights
    random = np.random.default_rng(0)
    resamples = max(20, min(RESAMPLES, BOOTSTRAP_CELLS // rows))
    values = measure(truth, prediction, weights[None], own)
    spread: dict[str, list[float]] = {name: [] for name in values}
    block = max(1, BOOTSTRAP_CELLS // 10 // rows)  # resamples at a time, to limit memory
    for start in range(0, resamples, block):
        drawn = [random.integers(rows, size=rows) for _ in range(min(block, resamples - start))]
        counts = np.stack([np.bincount(d, minlength=rows) for d in drawn])
        for name, resampled in measure(truth, prediction, counts * weights, own).items():
            spread[name] += resampled[np.isfinite(resampled)].tolist()
    return {
        name: {
            "value": float(value[0]),
            "standard_deviation": float(np.std(spread[name])),
            "interval": np.quantile(spread[name], INTERVAL).tolist(),
        }
        for name, value in values.items()
        if np.isfinite(value[0]) and spread[name]
    }


def naive_prediction(naive: tuple[float, ...], rows: int) -> Floats:
    """The prediction of a model without features: for every row, the class shares or the mean of train."""
    return np.tile(np.array(naive), (rows, 1)) if len(naive) > 1 else np.full(rows, naive[0])


def _binary(truth: Array, probability: Floats, weights: Floats) -> dict[str, Floats]:
    actual, said = truth == 1, probability.argmax(axis=1) == 1
    hits = weights @ (actual & said)
    return {
        "accuracy": weights @ (actual == said) / weights.sum(axis=1),
        "precision": _ratio(hits, weights @ said),
        "recall": _ratio(hits, weights @ actual),
        "f1": _ratio(2 * hits, weights @ said + weights @ actual),
        "auc": _auc(actual, probability[:, 1], weights),
    }


def _multiclass(truth: Array, probability: Floats, weights: Floats) -> dict[str, Floats]:
    numbers = np.arange(probability.shape[1])
    actual = truth[:, None] == numbers
    said = probability.argmax(axis=1)[:, None] == numbers
    hits, support, claims = weights @ (actual & said), weights @ actual, weights @ said
    total = weights.sum(axis=1)

    def weighted(score: Floats) -> Floats:
        return np.asarray((score * support).sum(axis=1) / total)

    areas = np.stack([_auc(actual[:, number], probability[:, number], weights) for number in numbers])
    defined = np.isfinite(areas)
    return {
        "accuracy": hits.sum(axis=1) / total,
        "weighted_precision": weighted(_ratio(hits, claims)),
        "weighted_recall": weighted(_ratio(hits, support)),
        "weighted_f1": weighted(_ratio(2 * hits, claims + support)),
        "auc": np.where(defined, areas, 0).sum(axis=0) / defined.sum(axis=0),  # each class against the rest, averaged
    }


def _regression(truth: Array, prediction: Floats, weights: Floats) -> dict[str, Floats]:
    total, error = weights.sum(axis=1), prediction - truth
    centred = truth - truth.mean()  # or the difference below would lose digits
    mse = weights @ error**2 / total
    variance = weights @ centred**2 / total - (weights @ centred / total) ** 2
    return {
        "mae": weights @ np.abs(error) / total,
        "mse": mse,
        "rmse": np.sqrt(mse),
        "r2": np.where(variance > 0, 1 - mse / variance, np.nan),
    }


def _auc(positive: Array, score: Floats, weights: Floats) -> Floats:
    """The area under the ROC curve: how often a positive row outranks a negative one, a tie counting half."""
    order = np.argsort(score, kind="stable")
    ties = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])  # where each run of equal scores begins
    positives = np.add.reduceat((weights * positive)[:, order], ties, axis=1)
    negatives = np.add.reduceat((weights * ~positive)[:, order], ties, axis=1)
    outranked = negatives.cumsum(axis=1) - negatives / 2
    return np.asarray((positives * outranked).sum(axis=1) / (positives.sum(axis=1) * negatives.sum(axis=1)))


def _ratio(part: Floats, whole: Floats) -> Floats:
    """`part` / `whole`, or 0 if `whole` is 0, as with scikit-learn's zero_division=0."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), 0.0)
