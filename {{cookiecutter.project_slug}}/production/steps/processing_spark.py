"""Step 1 on Spark, for a table that is too large for one machine: [data].engine = "spark" uses it.

Takes the arguments of processing.py, and writes the same outputs; those of a part are the files that Spark writes. Each
line of `process` can be replaced: for example by `spark.read.parquet` or by your own split.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from processing import MESSAGE_FILE, parser
from sagemaker_ops import (
    Options,
    check_with_spark,
    describe_with_spark,
    read_with_spark,
    run_step,
    spark_session,
    split_with_spark,
)


def process(arguments: argparse.Namespace) -> None:
    """Process the table. All problems with it are reported together, as a StepError."""
    options = Options.of(arguments)
    with spark_session() as spark:
        table = read_with_spark(spark, arguments.input_dir, options)  # or a DataFrame
        rows = check_with_spark(table, options)  # the rows with a target; rows.rows is a DataFrame
        parts = split_with_spark(rows, options)  # or a Column of "train", "validation" and "test"
        prepared = describe_with_spark(rows, parts, options)
        prepared.save([arguments.train_dir, arguments.validation_dir, arguments.test_dir], arguments.summary_dir)
        prepared.print_summary()


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    return run_step(lambda: process(arguments), MESSAGE_FILE)


if __name__ == "__main__":
    sys.exit(main())
