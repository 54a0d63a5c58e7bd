"""Predict new rows with a model, and write predictions.parquet.

Reads the rows like the table that the model was trained with, and checks them against its schema before it predicts.
The model predicts with the code in its archive, so the rows are prepared as in its training.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sagemaker_ops import (
    identify,
    predict_with_archive,
    read_baseline,
    read_new_rows,
    run_step,
    save_predictions,
)

MESSAGE_FILE = "/opt/ml/output/message"  # where SageMaker looks for the reason of a failure


def predict(arguments: argparse.Namespace) -> None:
    """Predict the rows, and write one prediction for each."""
    baseline = read_baseline(arguments.model_dir)
    rows = read_new_rows(arguments.input_dir, baseline)
    identifiers, features = identify(rows, baseline), baseline.schema.frame(rows)  # or a sentence for each fault
    prediction = predict_with_archive(arguments.model_dir, features)
    save_predictions(prediction, identifiers, baseline, arguments.output_dir)
    print(f"{len(rows):,} rows predicted")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    for name, default, what in (
        ("--input-dir", "/opt/ml/processing/data", "new rows: a CSV or Parquet file, or a folder of them"),
        ("--model-dir", "/opt/ml/processing/model", "model.tar.gz, or its content"),
        ("--output-dir", "/opt/ml/processing/predictions", "for predictions.parquet"),
    ):
        parser.add_argument(name, type=Path, metavar="DIR", default=default, help=f"{what} (default: {default})")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    return run_step(lambda: predict(arguments), MESSAGE_FILE)


if __name__ == "__main__":
    sys.exit(main())
