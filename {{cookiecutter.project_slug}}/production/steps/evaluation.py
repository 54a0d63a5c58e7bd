"""Step 3: measure the model on rows it has never seen, and compare it with a naive one.

Writes evaluation.json: what the quality gate reads (`gate.value`), what the model registry shows, and what plots are
drawn from.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

import report
from archive import load_model
from errors import StepError, did_you_mean, exit_code
from metrics import LOWER_IS_BETTER, Scores, bootstrap, naive_prediction, report_key
from model import predict, row_weights
from schema import Schema
from tables import read_table

DEFAULT_METRIC = {"classification": "auc", "regression": "r2"}
NAIVE = {"classification": "which always says the most frequent class", "regression": "which always says the mean"}
MESSAGE_FILE = "/opt/ml/output/message"


def evaluate(model: Pipeline, schema: Schema, table: pd.DataFrame, gate_metric: str | None = None) -> dict[str, Any]:
    """What evaluation.json says of `model` on the rows of `table`; the gate metric also ranks importance and slices."""
    weights = row_weights(schema, table)
    table, weights = table[weights > 0], weights[weights > 0]  # a row of weight 0 counts for nothing
    frame, truth = schema.frame(table), schema.truth(table)
    prediction = predict(model, frame)
    metrics = bootstrap(truth, prediction, weights)
    baseline = bootstrap(truth, naive_prediction(schema.naive, len(truth)), weights)
    metric = gate_metric or DEFAULT_METRIC[schema.problem]
    if metric not in metrics:
        known = ", ".join(metrics)
        raise StepError(
            f"gate metric '{metric}' is not among those of this model: {known}.{did_you_mean(metric, metrics)}"
        )
    curves = report.curves(truth, prediction, weights, schema)
    if schema.problem == "classification":
        details = {
            "calibration_error": report.calibration_error(curves),
            "confusion": report.confusion(truth, prediction, schema),
        }
    else:
        details = {"residuals": report.residuals(truth, prediction)}
    return {
        report_key(prediction): metrics,
        "gate": {"metric": metric, "value": metrics[metric]["value"]},
        "baseline": baseline,
        "verdict": verdict(metrics, baseline, metric, schema.problem),
        "target": schema.target,
        "problem": schema.problem,
        "classes": list(schema.classes),
        "rows": len(truth),
        "curves": curves,
        **details,
        "importance": report.importance(frame, truth, weights, lambda rows: predict(model, rows), metric),
        "slices": report.slices(frame, truth, prediction, weights, schema, metric),
    }


def verdict(metrics: Scores, baseline: Scores, metric: str, problem: str) -> str:
    """One sentence: is the model better than a naive one, by more than the spread of its score?"""
    value, spread, naive = metrics[metric]["value"], metrics[metric]["standard_deviation"], baseline[metric]["value"]
    gain = naive - value if metric in LOWER_IS_BETTER else value - naive
    word = "better" if gain > 2 * spread else "no better"
    return f"{metric} {value:.4g} ± {spread:.2g}: {word} than a naive model ({naive:.4g}), {NAIVE[problem]}."


def print_scores(metrics: Scores, baseline: Scores) -> None:
    print(f"{'metric':<20}{'model':>12}{'±':>10}{'naive':>12}")
    for name, score in metrics.items():
        naive = f"{baseline[name]['value']:.4g}" if name in baseline else ""
        print(f"{name:<20}{score['value']:>12.4g}{score['standard_deviation']:>10.2g}{naive:>12}")


def run(model_dir: Path, test_dir: Path, output_dir: Path, gate_metric: str | None) -> None:
    """Evaluate the model in `model_dir` on the rows in `test_dir`, and write evaluation.json to `output_dir`."""
    model = load_model(model_dir)
    evaluation = evaluate(model.pipeline, model.schema, read_table(test_dir, text=model.schema.texts), gate_metric)
    output_dir.mkdir(parents=True, exist_ok=True)
    text = json.dumps(evaluation, indent=2, allow_nan=False, ensure_ascii=False)
    (output_dir / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    metrics = next(scores for key, scores in evaluation.items() if key.endswith("_metrics"))
    baseline = evaluation["baseline"]
    print_scores(metrics, baseline)
    if model.schema.weight:
        print(f"Each row counts by its '{model.schema.weight}', for the naive model too.")
    print(evaluation["verdict"])


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    for name, default in (
        ("--model-dir", "/opt/ml/processing/model"),
        ("--test-dir", "/opt/ml/processing/test"),
        ("--output-dir", "/opt/ml/processing/evaluation"),
    ):
        parser.add_argument(name, type=Path, metavar="DIR", default=default, help="(default: %(default)s)")
    parser.add_argument("--gate-metric", metavar="NAME", help="the metric to gate on (default: auc, or r2)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return exit_code(
        lambda: run(given.model_dir, given.test_dir, given.output_dir, given.gate_metric or None), MESSAGE_FILE
    )


if __name__ == "__main__":
    sys.exit(main())
