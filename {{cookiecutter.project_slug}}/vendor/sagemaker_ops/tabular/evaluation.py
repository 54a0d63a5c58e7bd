"""Measures a model on unseen rows and compares it with a naive one: the content of evaluation.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from sagemaker_ops.tabular import diagnostics
from sagemaker_ops.tabular.errors import StepError, did_you_mean
from sagemaker_ops.tabular.estimator import predict, row_weights
from sagemaker_ops.tabular.group_metrics import groups_of
from sagemaker_ops.tabular.metrics import (
    NO_METRICS,
    Metrics,
    Scores,
    bootstrap,
    is_lower_better,
    naive_prediction,
    report_key,
)
from sagemaker_ops.tabular.schema import Schema

DEFAULT_METRIC = {"classification": "auc", "regression": "r2"}
NAIVE = {
    "classification": "which always predicts the most frequent class",
    "regression": "which always predicts the mean",
}


def evaluate(
    model: Pipeline,
    schema: Schema,
    table: pd.DataFrame,
    gate_metric: str | None = None,
    own: Metrics = NO_METRICS,
    max_group_difference: float | None = None,
) -> dict[str, Any]:
    """The content of evaluation.json for `model` on the rows of `table`; the gate metric ranks importance and slices.

    own: your own metrics by name, in addition to SageMaker's. max_group_difference: of the gate metric, between the
    groups of a column. StepError if there is no such gate metric.
    """
    weights = row_weights(schema, table)
    table, weights = table[weights > 0], weights[weights > 0]  # a row with weight 0 does not count
    frame, truth = schema.frame(table), schema.truth(table)
    prediction = predict(model, frame)
    metrics = bootstrap(truth, prediction, weights, own)
    baseline = bootstrap(truth, naive_prediction(schema.naive, len(truth)), weights, own)
    metric = gate_metric or DEFAULT_METRIC[schema.problem]
    if metric not in metrics:
        known = ", ".join(metrics)
        raise StepError(
            f"gate metric '{metric}' is not one of this model's metrics: {known}.{did_you_mean(metric, metrics)}"
        )
    curves = diagnostics.curves(truth, prediction, weights, schema)
    if schema.problem == "classification":
        details = {
            "calibration_error": diagnostics.calibration_error(curves),
            "confusion": diagnostics.confusion(truth, prediction, schema),
        }
        if len(schema.classes) == 2:
            details["thresholds"] = diagnostics.thresholds(truth, prediction)
    else:
        details = {"residuals": diagnostics.residuals(truth, prediction)}
    return {
        report_key(prediction): metrics,
        "gate": {"metric": metric, "value": metrics[metric]["value"]},
        "baseline": baseline,
        "verdict": verdict(metrics, baseline, metric, schema.problem, own),
        "target": schema.target,
        "problem": schema.problem,
        "classes": list(schema.classes),
        "rows": len(truth),
        "curves": curves,
        **details,
        "importance": diagnostics.importance(frame, truth, weights, lambda rows: predict(model, rows), metric, own),
        "slices": diagnostics.slices(frame, truth, prediction, weights, schema, metric, own),
        **groups_of(table, truth, prediction, weights, schema, metric, own, max_group_difference),
    }


def verdict(metrics: Scores, baseline: Scores, metric: str, problem: str, own: Metrics = NO_METRICS) -> str:
    """One sentence: whether the model is better than a naive one by more than the spread of its score."""
    value, spread, naive = metrics[metric]["value"], metrics[metric]["standard_deviation"], baseline[metric]["value"]
    gain = naive - value if is_lower_better(metric, own) else value - naive
    word = "better" if gain > 2 * spread else "no better"
    return f"{metric} {value:.4g} ± {spread:.2g}: {word} than a naive model ({naive:.4g}), {NAIVE[problem]}."


def read_warnings(summary_dir: Path) -> list[str]:
    """What processing warned of, one sentence each; empty if `summary_dir` has no summary.json."""
    file = summary_dir / "summary.json"
    if not file.is_file():
        return []
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return [str(warning) for warning in content.get("warnings", [])]


def save_evaluation(evaluation: dict[str, Any], folder: Path) -> None:
    """Write evaluation.json to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(evaluation, indent=2, allow_nan=False, ensure_ascii=False)
    (folder / "evaluation.json").write_text(text + "\n", encoding="utf-8")


def print_evaluation(evaluation: dict[str, Any], schema: Schema) -> None:
    """Print the metrics next to those of the naive model, and the verdict."""
    metrics: Scores = next(scores for key, scores in evaluation.items() if key.endswith("_metrics"))
    baseline = evaluation["baseline"]
    print(f"{'metric':<20}{'model':>12}{'±':>10}{'naive':>12}")
    for name, score in metrics.items():
        naive = f"{baseline[name]['value']:.4g}" if name in baseline else ""
        print(f"{name:<20}{score['value']:>12.4g}{score['standard_deviation']:>10.2g}{naive:>12}")
    if schema.weight:
        print(f"Each row is weighted by its '{schema.weight}', also for the naive model.")
    print(evaluation["verdict"])
    for group in evaluation.get("groups", {}).values():
        print(group["verdict"])
