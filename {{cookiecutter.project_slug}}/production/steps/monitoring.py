"""Compare new rows with what the model learned from: columns, predictions and, once the target is known, metrics.

Reads the rows as processing.py or a pipeline prepared them, and the archive of the model, whose baseline.json says what
the data were like. Writes monitoring.json, whose `verdict.exceeded` a condition can read: the number of findings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from metrics import METRICS
from sagemaker_ops import (
    Thresholds,
    compare_with_baseline,
    predict_new_rows,
    print_monitoring,
    read_baseline,
    read_evaluation,
    read_new_rows,
    read_predictions,
    run_step,
    save_monitoring,
    threshold_arguments,
)

MESSAGE_FILE = "/opt/ml/output/message"  # where SageMaker looks for the reason of a failure


def monitor(arguments: argparse.Namespace) -> None:
    """Compare the new rows with the baseline of the model, and write monitoring.json."""
    baseline = read_baseline(arguments.model_dir)
    rows = read_new_rows(arguments.input_dir, baseline)
    given = arguments.predictions_dir
    prediction = read_predictions(given, baseline) if given else predict_new_rows(arguments.model_dir, baseline, rows)
    evaluation = read_evaluation(arguments.evaluation_dir)
    found = compare_with_baseline(
        baseline, rows, prediction, Thresholds.of(arguments), evaluation, METRICS, arguments.metric
    )
    save_monitoring(found, arguments.output_dir)
    print_monitoring(found)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    for name, default, what in (
        ("--input-dir", "/opt/ml/processing/data", "new rows: a CSV or Parquet file, or a folder of them"),
        ("--model-dir", "/opt/ml/processing/model", "model.tar.gz, or its content"),
        ("--evaluation-dir", "/opt/ml/processing/evaluation", "evaluation.json of the model, if there is one"),
        ("--output-dir", "/opt/ml/processing/monitoring", "for monitoring.json"),
    ):
        parser.add_argument(name, type=Path, metavar="DIR", default=default, help=f"{what} (default: {default})")
    predictions = "predictions for these rows, if they exist: a table with the columns probability_<class>, or value"
    parser.add_argument("--predictions-dir", type=Path, metavar="DIR", help=predictions)
    metric = "what --max-metric-drop is about (default: the metric of the evaluation's gate, or auc, or r2)"
    parser.add_argument("--metric", metavar="NAME", help=metric)
    threshold_arguments(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    return run_step(lambda: monitor(arguments), MESSAGE_FILE)


if __name__ == "__main__":
    sys.exit(main())
