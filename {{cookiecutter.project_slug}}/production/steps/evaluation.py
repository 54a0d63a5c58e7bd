"""Step 3: measure the model on rows it has never seen, and compare it with a naive model and the approved one.

Writes evaluation.json, which the quality gate (`gate.value`, `approved`), the model registry and charts read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from metrics import METRICS
from sagemaker_ops import (
    ApprovedModel,
    compare_with_approved,
    describe_test,
    evaluate,
    load_model,
    print_evaluation,
    read_part,
    read_warnings,
    run_step,
    save_evaluation,
)

MESSAGE_FILE = "/opt/ml/output/message"  # where SageMaker looks for the reason of a failure


def run(arguments: argparse.Namespace) -> None:
    """Evaluate the model on the rows of test, and write evaluation.json."""
    model = load_model(arguments.model_dir)
    test = read_part(arguments.test_dir, model.schema)
    limit = arguments.max_group_difference
    evaluation = evaluate(model.pipeline, model.schema, test, arguments.gate_metric or None, METRICS, limit)
    evaluation["warnings"] = read_warnings(arguments.summary_dir)  # shown below the metrics at the end of a run
    evaluation["test"] = describe_test(test, arguments.summary_dir)
    if arguments.approved_version:
        approved = ApprovedModel(arguments.approved_version, arguments.approved_dir, arguments.approved_evaluation_dir)
        compare_with_approved(evaluation, approved, model, test, arguments.test_dir, METRICS)
    save_evaluation(evaluation, arguments.output_dir)
    print_evaluation(evaluation, model.schema)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    for name, default in (
        ("--model-dir", "/opt/ml/processing/model"),
        ("--test-dir", "/opt/ml/processing/test"),
        ("--summary-dir", "/opt/ml/processing/summary"),
        ("--approved-dir", "/opt/ml/processing/approved"),
        ("--approved-evaluation-dir", "/opt/ml/processing/approved-evaluation"),
        ("--output-dir", "/opt/ml/processing/evaluation"),
    ):
        parser.add_argument(name, type=Path, metavar="DIR", default=default, help="(default: %(default)s)")
    parser.add_argument("--gate-metric", metavar="NAME", help="the metric of the quality gate (default: auc, or r2)")
    difference = "the most that it may differ between the groups of a column (default: not limited)"
    parser.add_argument("--max-group-difference", type=float, metavar="N", help=difference)
    parser.add_argument("--approved-version", metavar="NUMBER", help="compare with this version; none: there is none")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    return run_step(lambda: run(arguments), MESSAGE_FILE)


if __name__ == "__main__":
    sys.exit(main())
