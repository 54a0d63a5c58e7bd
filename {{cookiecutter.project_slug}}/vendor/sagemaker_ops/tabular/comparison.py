"""Compares a new model with the approved one on the same test rows: `approved` in evaluation.json.

Both models predict the same rows, and each resample of these rows scores both. So the interval is that of the
difference, which is much narrower than the two spreads suggest. Rows are resampled one by one, also if they belong to
groups: then the interval is too narrow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular.approved_model import ApprovedModel, NotComparableError, predicted
from sagemaker_ops.tabular.estimator import predict, row_weights
from sagemaker_ops.tabular.hashing import row_hash
from sagemaker_ops.tabular.metrics import BOOTSTRAP_CELLS, INTERVAL, NO_METRICS, Metrics, is_lower_better, measure
from sagemaker_ops.tabular.model_archive import Model

NONE, UNKNOWN = "none", "unknown"
"""No version is approved yet; nobody looked for one."""
NOTHING_YET = "There is no approved model to compare with yet."
NOBODY_LOOKED = "nobody looked for one, because the execution was not started with `ops`"
ALONE = "The fixed limit alone decides."
MOST, LEAST = 500, 20  # resamples; there are fewer than MOST above 40,000 rows, because of BOOTSTRAP_CELLS
NORMAL = 1.96  # standard deviations around the mean contain 95 % of a normal distribution
DIGITS = 12  # 0.73 - 0.72 is 0.01, not 0.010000000000000009
Floats = npt.NDArray[np.float64]


class _Rows:
    """The test rows that count, and how the new model predicts them.

    counts: which rows of the part have a weight above 0. sign: -1 if less is better.
    """

    def __init__(self, model: Model, table: pd.DataFrame, metric: str, own: Metrics) -> None:
        weights = row_weights(model.schema, table)
        self.model, self.metric, self.counts = model, metric, weights > 0
        self.weights, table = weights[self.counts], table[self.counts]
        self.truth = model.schema.truth(table)
        self.prediction = predict(model.pipeline, model.schema.frame(table))
        self.sign = -1.0 if is_lower_better(metric, own) else 1.0
        self._own: Metrics = {metric: own[metric]} if metric in own else NO_METRICS

    def measured(self, prediction: Floats, counts: Floats) -> Floats:
        """The metric for each set of row counts, (sets, rows)."""
        return measure(self.truth, prediction, counts * self.weights, self._own)[self.metric]


def describe_test(table: pd.DataFrame, summary_dir: Path) -> dict[str, Any]:
    """`test` in evaluation.json: the number of rows, and hashes of their content and of what split them off.

    The order of rows and columns does not matter. split: empty if processing did not describe it.
    """
    hashes = np.sort(row_hash(table, list(table.columns)))
    names = "\n".join(sorted(map(str, table.columns)))
    try:
        split = json.loads((summary_dir / "summary.json").read_bytes()).get("split")
    except (OSError, ValueError, AttributeError):
        split = None
    return {
        "rows": len(table),
        "hash": hashlib.sha256(names.encode() + hashes.tobytes()).hexdigest()[:16],
        "split": hashlib.sha256(json.dumps(split, sort_keys=True).encode()).hexdigest()[:16] if split else "",
    }


def compare_with_approved(
    evaluation: dict[str, Any], approved: ApprovedModel, model: Model, table: pd.DataFrame, test_dir: Path, own: Metrics
) -> None:
    """Add `approved` to the content of evaluation.json, and to its warnings whatever puts the comparison in doubt.

    evaluation: of `model` on the rows of `table`, which were read from `test_dir`; with `test`. own: your own metrics.

    improvement, low and high are above 0 if the new model is better, whatever the metric; worse_by is the opposite of
    improvement, or 0 without a comparison, because a condition needs a number.
    """
    metric, new_value = evaluation["gate"]["metric"], evaluation["gate"]["value"]
    found: dict[str, Any] = {
        "version": None if approved.version in (NONE, UNKNOWN) else approved.version,
        "metric": metric,
        **dict.fromkeys(("value", "improvement", "low", "high")),
        "new_value": new_value,
        "rows": evaluation["rows"],
        "comparable": False,
        "reason": "",
        "worse_by": 0.0,
    }
    evaluation["approved"] = found
    if approved.version == NONE:
        found["reason"] = found["sentence"] = NOTHING_YET
        return
    doubt = ""
    try:
        if approved.version == UNKNOWN:
            raise NotComparableError(NOBODY_LOOKED)
        rows = _Rows(model, table, metric, own)
        try:
            prediction, value = _scored(approved, rows, test_dir)
            found["low"], found["high"] = _interval(rows, prediction)
        except NotComparableError as error:
            value = _registered(approved, metric, evaluation, error)
            found["reason"] = str(error)
        improvement = _rounded(rows.sign * (new_value - value))
        found |= {"value": value, "improvement": improvement, "comparable": True, "worse_by": 0.0 - improvement}
        doubt = _doubt(approved, evaluation["test"])
        found["sentence"] = " ".join(filter(None, [_sentence(found, approved.name), doubt]))
    except NotComparableError as error:
        found["reason"] = str(error)
        whom = "an approved model" if approved.version == UNKNOWN else approved.name
        found["sentence"] = f"Not compared with {whom}: {error}. {ALONE}"
    if not found["comparable"] or doubt:
        evaluation["warnings"] = [found["sentence"], *evaluation.get("warnings", ())]


def _scored(approved: ApprovedModel, rows: _Rows, test_dir: Path) -> tuple[Floats, float]:
    """The approved model's prediction for the rows, and its score; NotComparableError if there is none."""
    truth, prediction = predicted(approved.model_dir, rows.model.schema, test_dir)
    if len(truth) != len(rows.counts) or not np.array_equal(truth[rows.counts], rows.truth):
        raise NotComparableError("its own code reads other rows or targets from the test part")
    prediction = prediction[rows.counts]
    if prediction.shape != rows.prediction.shape:
        raise NotComparableError("its predictions have another form")
    value = rows.measured(prediction, np.ones((1, len(rows.truth))))[0]
    if not np.isfinite(value):
        raise NotComparableError(f"its {rows.metric} is undefined on these rows")
    return prediction, float(value)


def _registered(
    approved: ApprovedModel, metric: str, evaluation: Mapping[str, Any], error: NotComparableError
) -> float:
    """The value of the metric that the version was registered with, if that was measured on the same rows."""
    value, test = approved.registered(metric), approved.evaluation.get("test")
    if value is None:
        raise NotComparableError(f"{error}, and it was registered without this metric, {metric}") from error
    if not isinstance(test, dict) or test.get("hash") != evaluation["test"]["hash"]:
        raise NotComparableError(f"{error}, and its registered {metric} was measured on other rows") from error
    return value


def _doubt(approved: ApprovedModel, test: Mapping[str, Any]) -> str:
    """A sentence if the approved model may have been trained on some of these rows, which flatters it."""
    there = approved.evaluation.get("test")
    there = there if isinstance(there, dict) else {}
    if there.get("hash") == test["hash"]:
        return ""
    if there.get("split") and test["split"]:
        if there["split"] == test["split"]:
            return ""
        why = "Its data were split differently"
    else:
        why = "It is not known how its data were split"
    return f"{why}, so it may have been trained on some of these rows, which flatters it."


def _interval(rows: _Rows, prediction: Floats) -> tuple[float | None, float | None]:
    """The 95 % interval of the improvement over resamples of the rows.

    Many rows have few resamples, so that the time is limited: about as much as for the spread of the metrics. Then the
    improvement is as good as normally distributed, and its standard deviation is known better than its quantiles.
    """
    number, random = len(rows.truth), np.random.default_rng(0)
    resamples = max(LEAST, min(MOST, BOOTSTRAP_CELLS // number))
    block = max(1, BOOTSTRAP_CELLS // 10 // number)  # resamples at a time, to limit memory
    found: list[float] = []
    for start in range(0, resamples, block):
        drawn = [random.integers(number, size=number) for _ in range(min(block, resamples - start))]
        counts = np.stack([np.bincount(each, minlength=number) for each in drawn]).astype(np.float64)
        gains = rows.sign * (rows.measured(rows.prediction, counts) - rows.measured(prediction, counts))
        found += gains[np.isfinite(gains)].tolist()
    if not found:
        return None, None
    low, high = np.quantile(found, INTERVAL)
    if resamples < MOST:
        middle, spread = float(np.mean(found)), NORMAL * float(np.std(found))
        low, high = middle - spread, middle + spread
    return _rounded(low), _rounded(high)


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}") + 0.0  # -0 becomes 0


def _shown(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def _sentence(found: Mapping[str, Any], name: str) -> str:
    """What was compared, and by how much the new model is better or worse."""
    gain, low, high, reason = (found[key] for key in ("improvement", "low", "high", "reason"))
    against = f"the {_shown(found['value'])} it was registered with" if reason else _shown(found["value"])
    what = f"{found['metric']} {_shown(found['new_value'])} against {against} on the same {found['rows']:,} rows"
    word = "equally good" if gain == 0 else f"{'better' if gain > 0 else 'worse'} by {abs(gain):.2g}"
    if low is not None:
        low, high = (low, high) if gain >= 0 else (0.0 - high, 0.0 - low)
        word += f" (95 % interval {low:.2g} to {high:.2g})"
    said = f"Compared with {name}: {what}: {word}."
    return f"{said} It was not scored again: {reason}." if reason else said
