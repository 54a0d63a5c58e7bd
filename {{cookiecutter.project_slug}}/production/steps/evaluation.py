"""Step 3: measure the model on rows it has never seen, and compare it with a naive one.

Writes evaluation.json: what the quality gate reads (`gate.value`), what the model registry shows, and what plots are
drawn from.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from sklearn.pipeline import Pipeline

import report
from errors import StepError, did_you_mean, exit_code
from metrics import LOWER_IS_BETTER, Scores, bootstrap, naive_prediction, report_key
from model import predict
from schema import Schema
from tables import read_table

DEFAULT_METRIC = {"classification": "auc", "regression": "r2"}
NAIVE = {"classification": "which always says the most frequent class", "regression": "which always says the mean"}
MESSAGE_FILE = "/opt/ml/output/message"


def evaluate(model: Pipeline, schema: Schema, table: pd.DataFrame, gate_metric: str | None = None) -> dict[str, Any]:
    """What evaluation.json says of `model` on the rows of `table`; the gate metric also ranks importance and slices."""
    frame, truth = schema.frame(table), schema.truth(table)
    prediction = predict(model, frame)
    metrics = bootstrap(truth, prediction)
    metric = gate_metric or DEFAULT_METRIC[schema.problem]
    if metric not in metrics:
        known = ", ".join(metrics)
        raise StepError(
            f"gate metric '{metric}' is not among those of this model: {known}.{did_you_mean(metric, metrics)}"
        )
    classification = schema.problem == "classification"
    errors = (
        {"confusion": report.confusion(truth, prediction, schema)}
        if classification
        else {"residuals": report.residuals(truth, prediction)}
    )
    return {
        report_key(prediction): metrics,
        "gate": {"metric": metric, "value": metrics[metric]["value"]},
        "baseline": bootstrap(truth, naive_prediction(schema.naive, len(truth))),
        "target": schema.target,
        "problem": schema.problem,
        "classes": list(schema.classes),
        "rows": len(truth),
        "curves": report.curves(truth, prediction, schema),
        **errors,
        "importance": report.importance(frame, truth, lambda rows: predict(model, rows), metric),
        "slices": report.slices(frame, truth, prediction, schema, metric),
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


def load_model(folder: Path) -> tuple[Pipeline, Schema]:
    """The model and its schema from `folder`, which holds model.tar.gz or what is in it."""
    if (folder / "model.tar.gz").is_file():
        with tempfile.TemporaryDirectory() as unpacked, tarfile.open(folder / "model.tar.gz") as archive:
            archive.extractall(unpacked, filter="data")
            return load_model(Path(unpacked))
    if not (folder / "model.joblib").is_file():
        raise StepError(f"{folder} holds neither model.tar.gz nor model.joblib; give the model folder of training.py")
    return joblib.load(folder / "model.joblib"), Schema.load(folder)


def run(model_dir: Path, test_dir: Path, output_dir: Path, gate_metric: str | None) -> None:
    """Evaluate the model in `model_dir` on the rows in `test_dir`, and write evaluation.json to `output_dir`."""
    model, schema = load_model(model_dir)
    evaluation = evaluate(model, schema, read_table(test_dir), gate_metric)
    output_dir.mkdir(parents=True, exist_ok=True)
    text = json.dumps(evaluation, indent=2, allow_nan=False, ensure_ascii=False)
    (output_dir / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    metrics = next(scores for key, scores in evaluation.items() if key.endswith("_metrics"))
    baseline = evaluation["baseline"]
    print_scores(metrics, baseline)
    print(verdict(metrics, baseline, evaluation["gate"]["metric"], schema.problem))


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
