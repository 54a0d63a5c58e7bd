"""The metrics of each group of rows, and how far the groups of a column are apart.

A group is a value of a column, see group_columns.py. The terms are those of fairlearn's MetricFrame: a metric *by
group*, and the *difference between groups*, the largest value minus the smallest; for two classes also the selection
rate (demographic parity) and the true- and false-positive rates (equalised odds):
https://fairlearn.org/main/api_reference/generated/fairlearn.metrics.MetricFrame.html

The spread of a metric is that of resamples of the group's rows, as in metrics.py. The interval of a difference is that
of the same two groups in all resamples, which were drawn independently for each group (a stratified percentile
bootstrap: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13). These two are chosen by
their values, so with many small groups the largest difference is above zero even if the model treats all alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sagemaker_ops.tabular.errors import StepError, raise_any, short
from sagemaker_ops.tabular.group_columns import labels
from sagemaker_ops.tabular.metrics import (
    BOOTSTRAP_CELLS,
    INTERVAL,
    NO_METRICS,
    RESAMPLES,
    Array,
    Floats,
    Metric,
    Metrics,
    Scores,
    measure,
)
from sagemaker_ops.tabular.schema import Schema

FEWEST_ROWS = 50  # of a group whose metrics count, as for slices
FEWEST_RESAMPLES = 20

Samples = dict[str, Floats]  # by metric: its value in each resample, NaN where it is undefined


def groups_of(
    table: pd.DataFrame,
    truth: Array,
    prediction: Floats,
    weights: Floats,
    schema: Schema,
    metric: str,
    own: Metrics = NO_METRICS,
    limit: float | None = None,
) -> dict[str, Any]:
    """`groups` and `group_gate` of evaluation.json for the group columns of the schema; empty if it has none.

    metric: that of the gate. limit: the most that it may differ between two groups of a column; None if that is not a
    gate. StepError if a column is missing, or cannot be compared although there is a limit.
    """
    raise_any(
        [
            f"group column '{name}' is missing in the test part; give the parts that processing.py wrote for this model"
            for name in schema.groups
            if name not in table
        ]
    )
    if limit is not None and not schema.groups:
        raise StepError("--max-group-difference needs groups to compare; give processing.py their columns as --group")
    found = {}
    resamples = max(FEWEST_RESAMPLES, min(RESAMPLES, BOOTSTRAP_CELLS // (len(truth) * max(1, len(schema.groups)))))
    for name in schema.groups:
        groups, samples = [], []
        random = np.random.default_rng(0)
        of_row = labels(table[name]).to_numpy()
        for label, rows in _by_size(of_row):
            chosen = of_row == label
            part = truth[chosen], prediction[chosen], weights[chosen]
            scores, drawn = _scores(*part, own, resamples, random) if rows >= FEWEST_ROWS else ({}, {})
            groups.append({"value": label, "rows": rows, "metrics": scores})
            samples.append(drawn)
        differences = _differences(groups, samples)
        found[name] = {
            "groups": groups,
            "differences": differences,
            "verdict": _verdict(name, metric, groups, differences.get(metric)),
        }
    return {"groups": found, **_gate(found, metric, limit)} if found else {}


def rates(truth: Array, prediction: Floats, weights: Floats) -> dict[str, Floats]:
    """For two classes: metrics that need rows of a class, or predictions of it, are NaN without them, not 0."""
    if prediction.ndim == 1 or prediction.shape[1] != 2:
        return {}
    actual, said = truth == 1, prediction.argmax(axis=1) == 1
    hits, positives, claims = weights @ (actual & said), weights @ actual, weights @ said
    total = weights.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "precision": hits / claims,
            "recall": hits / positives,
            "f1": 2 * hits / (claims + positives),
            "selection_rate": claims / total,
            "true_positive_rate": hits / positives,
            "false_positive_rate": (claims - hits) / (total - positives),
        }


def _by_size(of_row: Array) -> list[tuple[str, int]]:
    """Each group and its number of rows, the largest first."""
    found, counts = np.unique(of_row.astype(str), return_counts=True)
    return sorted(zip(found.tolist(), counts.tolist(), strict=True), key=lambda each: (-each[1], each[0]))


def _scores(
    truth: Array, prediction: Floats, weights: Floats, own: Metrics, resamples: int, random: np.random.Generator
) -> tuple[Scores, Samples]:
    """The metrics of one group as in metrics.bootstrap, without those that are undefined, and their resamples."""
    rows, own = len(truth), {name: _tolerant(metric) for name, metric in own.items()}

    def measured(sets: Floats) -> dict[str, Floats]:
        more = {name: values for name, values in rates(truth, prediction, sets).items() if name not in own}
        return measure(truth, prediction, sets, own) | more

    drawn = [measured(counts * weights) for counts in _draws(rows, resamples, random)]
    samples = {name: np.concatenate([block[name] for block in drawn]) for name in drawn[0]}
    scores = {
        name: {"value": float(value[0]), **spread}
        for name, value in measured(weights[None]).items()
        if np.isfinite(value[0]) and (spread := _spread(samples[name]))
    }
    return scores, samples


def _tolerant(metric: Metric) -> Metric:
    """The same, but undefined where the function fails, for example because a group has rows of one class only."""

    def function(truth: Array, prediction: Floats, weights: Floats) -> float:
        try:
            return metric.function(truth, prediction, weights)
        except (ValueError, ArithmeticError):
            return np.nan

    return replace(metric, function=function)


def _draws(rows: int, resamples: int, random: np.random.Generator) -> Iterator[Floats]:
    """How often each row occurs in each resample, some resamples at a time to limit memory."""
    block = max(1, BOOTSTRAP_CELLS // 10 // rows)
    for start in range(0, resamples, block):
        drawn = [random.integers(rows, size=rows) for _ in range(min(block, resamples - start))]
        yield np.stack([np.bincount(each, minlength=rows) for each in drawn])


def _spread(values: Floats) -> dict[str, Any]:
    """Standard deviation and interval of the values that are defined; empty if there are none."""
    known = values[np.isfinite(values)]
    if not len(known):
        return {}
    return {"standard_deviation": float(np.std(known)), "interval": np.quantile(known, INTERVAL).tolist()}


def _differences(groups: list[dict[str, Any]], samples: list[Samples]) -> dict[str, Any]:
    """By metric: how much higher it is in the group where it is highest than in the one where it is lowest."""
    found = {}
    for metric in dict.fromkeys(name for group in groups for name in group["metrics"]):
        numbers = [number for number, group in enumerate(groups) if metric in group["metrics"]]
        values = {number: groups[number]["metrics"][metric]["value"] for number in numbers}
        high, low = max(numbers, key=values.__getitem__), min(numbers, key=values.__getitem__)
        if len(numbers) > 1 and high == low:  # all the same
            high, low = numbers[:2]
        if high != low and (spread := _spread(samples[high][metric] - samples[low][metric])):
            ends = {"highest": groups[high]["value"], "lowest": groups[low]["value"]}
            found[metric] = {"value": values[high] - values[low], **spread, **ends}
    return found


def _verdict(name: str, metric: str, groups: list[dict[str, Any]], difference: Mapping[str, Any] | None) -> str:
    """One sentence on the metric of the gate in the groups of a column."""
    if difference is None:
        return (
            f"{metric} cannot be compared between the groups of '{short(name)}': fewer than two have {FEWEST_ROWS} "
            "rows and a value."
        )
    value = {group["value"]: group["metrics"].get(metric, {}).get("value") for group in groups}
    high, low = difference["highest"], difference["lowest"]
    return (
        f"'{short(name)}': {metric} is {difference['value']:.3g} higher for '{short(high)}' ({value[high]:.4g}) than "
        f"for '{short(low)}' ({value[low]:.4g}), 95 % interval {_range(difference)}."
    )


def _gate(found: Mapping[str, Any], metric: str, limit: float | None) -> dict[str, Any]:
    """The largest difference of the metric in any column: what the gate of the groups compares with the limit."""
    largest = {name: each["differences"][metric] for name, each in found.items() if metric in each["differences"]}
    if limit is not None and len(largest) < len(found):
        raise StepError(*(each["verdict"].rstrip(".") for name, each in found.items() if name not in largest))
    if not largest:
        return {}
    name = max(largest, key=lambda each: largest[each]["value"])
    gate = {"metric": metric, "column": name, **largest[name]}
    if limit is None:
        return {"group_gate": gate}
    passed = gate["value"] <= limit
    low, high = gate["interval"]
    allowed = f"within the {limit:g} that is allowed" if passed else f"but at most {limit:g} is allowed"
    between = f"between '{short(gate['highest'])}' and '{short(gate['lowest'])}' of '{short(name)}'"
    return {
        "group_gate": {
            **gate,
            "limit": limit,
            "passed": passed,
            "message": f"{metric} differs by {_apart(gate['value'], limit)} {between}, {allowed}",
            "doubt": f"The difference of {metric} {between} is {gate['value']:.3g}, but its interval, {_range(gate)}, "
            f"contains the limit of {limit:g}: with other test rows, it might {'fail' if passed else 'pass'}."
            if low <= limit <= high
            else "",
        }
    }


def _range(difference: Mapping[str, Any]) -> str:
    low, high = difference["interval"]
    return f"{low:.2g} to {high:.2g}"


def _apart(value: float, limit: float) -> str:
    """The value with as many digits as it takes to see that it is not the limit."""
    text = f"{value:.4g}"
    return repr(value) if float(text) == limit != value else text
