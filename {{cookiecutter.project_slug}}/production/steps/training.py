"""Step 2: fit the model, and pack it with the code that serves it.

Reads train, validation and schema.json as processing.py wrote them; writes model.joblib, schema.json, training.json,
baseline.json and code/ to the model folder, which SageMaker packs as model.tar.gz. The validation part serves to
compare hyperparameters, and to decide when early stopping ends the training.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from metrics import METRICS
from model import HYPERPARAMETERS, make_model
from sagemaker_ops import (
    Model,
    Schema,
    fit,
    gaps,
    missing_folders,
    parse_hyperparameters,
    print_scores,
    raise_any,
    read_hyperparameters,
    read_sample,
    run_step,
    save_model,
    write_baseline,
)

FAILURE_FILE = "/opt/ml/output/failure"  # where SageMaker looks for the reason of a failure


def train(arguments: argparse.Namespace, given: Mapping[str, str]) -> None:
    """Fit a model with the hyperparameters `given` as text, and write it to the model folder."""
    hyperparameters, findings = read_hyperparameters(given, HYPERPARAMETERS)
    raise_any([*findings, *missing_folders(arguments.train_dir, arguments.validation_dir)])

    schema = Schema.load(arguments.summary_dir)
    train, validation = (read_sample(folder, schema) for folder in (arguments.train_dir, arguments.validation_dir))
    pipeline = make_model(schema, hyperparameters)
    fit(pipeline, schema, train, validation)
    model = Model(pipeline, schema, optional=gaps(schema, train))
    save_model(model, arguments.model_dir, Path(__file__).parent, compared=validation)
    write_baseline(model, train, validation, arguments.model_dir, METRICS)  # what monitoring compares new data with

    print("hyperparameters:", ", ".join(f"{name}={value}" for name, value in hyperparameters.items()))
    if getattr(pipeline[-1], "early_stopping", False):
        print(f"stopped after {pipeline[-1].n_iter_} of {pipeline[-1].max_iter} iterations")
    print_scores("train", pipeline, schema, train, METRICS)
    print_scores("validation", pipeline, schema, validation, METRICS)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    folders = parser.add_argument_group("folders")
    for name, variable, container in (
        ("--train-dir", "SM_CHANNEL_TRAIN", "/opt/ml/input/data/train"),
        ("--validation-dir", "SM_CHANNEL_VALIDATION", "/opt/ml/input/data/validation"),
        ("--summary-dir", "SM_CHANNEL_SUMMARY", "/opt/ml/input/data/summary"),
        ("--model-dir", "SM_MODEL_DIR", "/opt/ml/model"),
    ):
        default = Path(os.environ.get(variable, container))
        folders.add_argument(name, type=Path, metavar="DIR", default=default, help="(default: %(default)s)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments, hyperparameters = parse_hyperparameters(parser(), HYPERPARAMETERS, argv)
    return run_step(lambda: train(arguments, hyperparameters), FAILURE_FILE)


if __name__ == "__main__":
    sys.exit(main())
