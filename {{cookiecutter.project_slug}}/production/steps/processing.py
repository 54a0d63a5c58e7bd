"""Step 1: read the table, check it, split it, and describe what is in it.

Reads CSV or Parquet files. Writes the parts train, validation and test as Parquet, and schema.json, schema.toml and
summary.json about them. Each line of `process` can be replaced: for example by `pandas.read_csv` or by your own split.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sagemaker_ops import (
    PROBLEMS,
    SPLITS,
    Options,
    check_rows,
    describe_parts,
    notation_arguments,
    read_source,
    run_step,
    split_rows,
)

MESSAGE_FILE = "/opt/ml/output/message"  # where SageMaker looks for the reason of a failure


def process(arguments: argparse.Namespace) -> None:
    """Process the table. All problems with it are reported together, as a StepError."""
    options = Options.of(arguments)
    table = read_source(arguments.input_dir, options)  # or a pandas table
    rows = check_rows(table, options)  # the rows with a target; rows.rows is a pandas table
    parts = split_rows(rows, options)  # or for each row "train", "validation" or "test"
    prepared = describe_parts(rows, parts, options)
    prepared.save([arguments.train_dir, arguments.validation_dir, arguments.test_dir], arguments.summary_dir)
    prepared.print_summary()


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        fromfile_prefix_chars="@",  # @file: one argument per line, for a long list of columns
    )
    folders = parser.add_argument_group("folders")
    for name, default, what in (
        ("--input-dir", "/opt/ml/processing/input/data", "CSV or Parquet files of one table, or one file"),
        ("--train-dir", "/opt/ml/processing/train", "rows to fit the model"),
        ("--validation-dir", "/opt/ml/processing/validation", "rows to choose hyperparameters"),
        ("--test-dir", "/opt/ml/processing/test", "rows to evaluate the model"),
        ("--summary-dir", "/opt/ml/processing/summary", "summary.json, schema.json and schema.toml"),
    ):
        folders.add_argument(name, type=Path, metavar="DIR", default=default, help=f"{what} (default: {default})")
    notation_arguments(parser)  # separator, decimal, thousands, encoding, missing and dates of [data]
    model = parser.add_argument_group("what to predict")
    model.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    model.add_argument("--problem", required=True, choices=PROBLEMS, help="classes or numbers")
    model.add_argument(
        "--exclude", action="append", default=[], metavar="COLUMN", help="a column to leave out; can be repeated"
    )
    model.add_argument("--weight", metavar="COLUMN", help="the column with the weight of each row; it is not a feature")
    model.add_argument("--id", metavar="COLUMN", help="the column that identifies a row; it is not a feature")
    model.add_argument(
        "--group",
        action="append",
        default=[],
        dest="groups",
        metavar="COLUMN",
        help="a column whose values get their own metrics; can be repeated",
    )
    model.add_argument("--schema", type=Path, metavar="FILE", help="schema.toml: the type that each column must have")
    split = parser.add_argument_group("how to split")
    split.add_argument("--split", choices=SPLITS, default=Options.split, help="(default: %(default)s)")
    split.add_argument("--split-column", metavar="COLUMN", help="the group or time column of --split group or time")
    for part in ("test", "validation"):
        default = getattr(Options, f"{part}_share")
        split.add_argument(f"--{part}-share", type=float, metavar="N", default=default, help="(default: %(default)s)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    return run_step(lambda: process(arguments), MESSAGE_FILE)


if __name__ == "__main__":
    sys.exit(main())
