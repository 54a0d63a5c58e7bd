"""Everything that is the same in all projects: guardrails, local runner, AWS commands and the machinery of the steps.

A project's own code imports only from here, never from a submodule: see `__all__`. Each name is loaded on first use,
because the SageMaker SDK, pandas and scikit-learn take seconds to import and are rarely all needed.
"""

import sys
from typing import TYPE_CHECKING, Any

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    # No f-string: the oldest Python versions must be able to show this message.
    NEEDED = "Python 3.11 to 3.13 is needed, but this is {}.{}: choose another, as in `make setup PYTHON=python3.12`."
    sys.exit(NEEDED.format(*sys.version_info))

__version__ = "0.2.0"

# {submodule: {public name: its name in the submodule}}; an empty name means the same name. The local runner also reads
# this table, to know which libraries a step will import.
EXPORTS = {
    # For pipelines, notebooks and tests.
    "errors": {"UserError": ""},
    "project.data": {"is_remote": "", "schema_file": "", "source_files": "files"},
    "project.settings": {"APPROVALS": "", "Settings": "", "load_settings": "load"},
    "project.source_copy": {"source_path": ""},
    "project.target": {"Target": ""},
    "pipelines.approved_model": {"approved_model_of": "", "model_in_use": ""},
    "pipelines.jobs": {"Jobs": ""},
    "pipelines.local_run": {"compile_pipeline": "", "list_executions": "executions", "run_pipeline": "run"},
    "local.executions": {"Execution": ""},
    # For eda/ and develop/.
    "notebooks.exploration": {
        "load_table": "", "overview": "", "target_by_column": "", "target_over_time": "", "time_columns": "",
    },
    "notebooks.figures": {
        "draw_correlations": "", "draw_distributions": "", "draw_missing": "", "draw_target": "",
        "draw_target_by_column": "", "draw_target_over_time": "",
    },
    "notebooks.findings": {"Finding": "", "find_settings": "", "print_findings": ""},
    "notebooks.interactive": {"plot_rows": ""},
    "notebooks.candidates": {"candidates": ""},
    "notebooks.folds": {"trial_rows": ""},
    "notebooks.project_file": {"present_hyperparameters": "", "write_hyperparameters": ""},
    "notebooks.spark_session": {"missing_for_spark": "", "start_spark": ""},
    "notebooks.trial_figures": {"compare_models": "", "show_trials": ""},
    "notebooks.trials": {"cross_validate": ""},
    "notebooks.tuning": {"search_ranges": "", "tune": ""},
    "tracking.notebook": {"track_model": ""},
    # For step scripts, notebooks and tests; this part is copied into the container.
    "tabular.approved_model": {"ApprovedModel": ""},
    "tabular.baseline": {"read_baseline": "", "write_baseline": ""},
    "tabular.comparison": {"compare_with_approved": "", "describe_test": ""},
    "tabular.dates": {"date_numbers": ""},
    "tabular.errors": {"StepError": "", "missing_folders": "", "raise_any": "", "run_step": ""},
    "tabular.estimator": {"fit": "", "predict": "", "print_scores": "", "row_weights": ""},
    "tabular.evaluation": {"evaluate": "", "print_evaluation": "", "read_warnings": "", "save_evaluation": ""},
    "tabular.hyperparameters": {
        "Choice": "", "Number": "", "parse_hyperparameters": "", "read_hyperparameters": "",
    },
    "tabular.metrics": {"Metric": ""},
    "tabular.model_archive": {"Model": "", "gaps": "", "load_model": "", "save_model": ""},
    "tabular.monitoring": {
        "Thresholds": "", "compare_with_baseline": "", "print_monitoring": "", "save_monitoring": "",
        "threshold_arguments": "",
    },
    "tabular.new_rows": {
        "identify": "", "predict_new_rows": "", "predict_with_archive": "", "read_evaluation": "",
        "read_new_rows": "", "read_predictions": "", "save_predictions": "",
    },
    "tabular.preparation": {
        "check_rows": "", "describe_parts": "", "prepare": "", "read_every_column": "", "read_source": "",
        "split_rows": "",
    },
    "tabular.notation": {"notation_arguments": ""},
    "tabular.requests": {"predict_rows": "", "read_request": "", "refuse": "", "write_answer": ""},
    "tabular.sampling": {"read_sample": ""},
    "tabular.schema": {"PROBLEMS": "", "Schema": ""},
    "tabular.spark.preparation": {
        "check_with_spark": "check_rows", "describe_with_spark": "describe_parts", "read_with_spark": "read_source",
        "split_with_spark": "split_rows",
    },
    "tabular.spark.session": {"spark_session": ""},
    "tabular.splits": {"Options": "", "SPLITS": ""},
    "tabular.summary": {"describe": ""},
    "tabular.tables": {"read_part": "", "read_table": ""},
}  # fmt: skip
_HOME = {name: (module, there or name) for module, names in EXPORTS.items() for name, there in names.items()}

__all__ = [
    "APPROVALS",
    "EXPORTS",
    "PROBLEMS",
    "SPLITS",
    "ApprovedModel",
    "Choice",
    "Execution",
    "Finding",
    "Jobs",
    "Metric",
    "Model",
    "Number",
    "Options",
    "Schema",
    "Settings",
    "StepError",
    "Target",
    "Thresholds",
    "UserError",
    "__version__",
    "approved_model_of",
    "candidates",
    "check_rows",
    "check_with_spark",
    "compare_models",
    "compare_with_approved",
    "compare_with_baseline",
    "compile_pipeline",
    "cross_validate",
    "date_numbers",
    "describe",
    "describe_parts",
    "describe_test",
    "describe_with_spark",
    "draw_correlations",
    "draw_distributions",
    "draw_missing",
    "draw_target",
    "draw_target_by_column",
    "draw_target_over_time",
    "evaluate",
    "find_settings",
    "fit",
    "gaps",
    "identify",
    "is_remote",
    "list_executions",
    "load_model",
    "load_settings",
    "load_table",
    "missing_folders",
    "missing_for_spark",
    "model_in_use",
    "notation_arguments",
    "overview",
    "parse_hyperparameters",
    "plot_rows",
    "predict",
    "predict_new_rows",
    "predict_rows",
    "predict_with_archive",
    "prepare",
    "present_hyperparameters",
    "print_evaluation",
    "print_findings",
    "print_monitoring",
    "print_scores",
    "raise_any",
    "read_baseline",
    "read_evaluation",
    "read_every_column",
    "read_hyperparameters",
    "read_new_rows",
    "read_part",
    "read_predictions",
    "read_request",
    "read_sample",
    "read_source",
    "read_table",
    "read_warnings",
    "read_with_spark",
    "refuse",
    "row_weights",
    "run_pipeline",
    "run_step",
    "save_evaluation",
    "save_model",
    "save_monitoring",
    "save_predictions",
    "schema_file",
    "search_ranges",
    "show_trials",
    "source_files",
    "source_path",
    "spark_session",
    "split_rows",
    "split_with_spark",
    "start_spark",
    "target_by_column",
    "target_over_time",
    "threshold_arguments",
    "time_columns",
    "track_model",
    "trial_rows",
    "tune",
    "write_answer",
    "write_baseline",
    "write_hyperparameters",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use: https://peps.python.org/pep-0562/."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, there = _HOME[name]
    found = getattr(import_module(f"{__name__}.{module}"), there)
    globals()[name] = found  # found directly the next time
    return found


def __dir__() -> list[str]:
    return __all__


if TYPE_CHECKING:  # the same table for editors and type checkers
    from sagemaker_ops.errors import UserError
    from sagemaker_ops.local.executions import Execution
    from sagemaker_ops.notebooks.candidates import candidates
    from sagemaker_ops.notebooks.exploration import (
        load_table,
        overview,
        target_by_column,
        target_over_time,
        time_columns,
    )
    from sagemaker_ops.notebooks.figures import (
        draw_correlations,
        draw_distributions,
        draw_missing,
        draw_target,
        draw_target_by_column,
        draw_target_over_time,
    )
    from sagemaker_ops.notebooks.findings import Finding, find_settings, print_findings
    from sagemaker_ops.notebooks.folds import trial_rows
    from sagemaker_ops.notebooks.interactive import plot_rows
    from sagemaker_ops.notebooks.project_file import present_hyperparameters, write_hyperparameters
    from sagemaker_ops.notebooks.spark_session import missing_for_spark, start_spark
    from sagemaker_ops.notebooks.trial_figures import compare_models, show_trials
    from sagemaker_ops.notebooks.trials import cross_validate
    from sagemaker_ops.notebooks.tuning import search_ranges, tune
    from sagemaker_ops.pipelines.approved_model import approved_model_of, model_in_use
    from sagemaker_ops.pipelines.jobs import Jobs
    from sagemaker_ops.pipelines.local_run import compile_pipeline
    from sagemaker_ops.pipelines.local_run import executions as list_executions
    from sagemaker_ops.pipelines.local_run import run as run_pipeline
    from sagemaker_ops.project.data import files as source_files
    from sagemaker_ops.project.data import is_remote, schema_file
    from sagemaker_ops.project.settings import APPROVALS, Settings
    from sagemaker_ops.project.settings import load as load_settings
    from sagemaker_ops.project.source_copy import source_path
    from sagemaker_ops.project.target import Target
    from sagemaker_ops.tabular.approved_model import ApprovedModel
    from sagemaker_ops.tabular.baseline import read_baseline, write_baseline
    from sagemaker_ops.tabular.comparison import compare_with_approved, describe_test
    from sagemaker_ops.tabular.dates import date_numbers
    from sagemaker_ops.tabular.errors import StepError, missing_folders, raise_any, run_step
    from sagemaker_ops.tabular.estimator import fit, predict, print_scores, row_weights
    from sagemaker_ops.tabular.evaluation import evaluate, print_evaluation, read_warnings, save_evaluation
    from sagemaker_ops.tabular.hyperparameters import Choice, Number, parse_hyperparameters, read_hyperparameters
    from sagemaker_ops.tabular.metrics import Metric
    from sagemaker_ops.tabular.model_archive import Model, gaps, load_model, save_model
    from sagemaker_ops.tabular.monitoring import (
        Thresholds,
        compare_with_baseline,
        print_monitoring,
        save_monitoring,
        threshold_arguments,
    )
    from sagemaker_ops.tabular.new_rows import (
        identify,
        predict_new_rows,
        predict_with_archive,
        read_evaluation,
        read_new_rows,
        read_predictions,
        save_predictions,
    )
    from sagemaker_ops.tabular.notation import notation_arguments
    from sagemaker_ops.tabular.preparation import (
        check_rows,
        describe_parts,
        prepare,
        read_every_column,
        read_source,
        split_rows,
    )
    from sagemaker_ops.tabular.requests import predict_rows, read_request, refuse, write_answer
    from sagemaker_ops.tabular.sampling import read_sample
    from sagemaker_ops.tabular.schema import PROBLEMS, Schema
    from sagemaker_ops.tabular.spark.preparation import check_rows as check_with_spark
    from sagemaker_ops.tabular.spark.preparation import describe_parts as describe_with_spark
    from sagemaker_ops.tabular.spark.preparation import read_source as read_with_spark
    from sagemaker_ops.tabular.spark.preparation import split_rows as split_with_spark
    from sagemaker_ops.tabular.spark.session import spark_session
    from sagemaker_ops.tabular.splits import SPLITS, Options
    from sagemaker_ops.tabular.summary import describe
    from sagemaker_ops.tabular.tables import read_part, read_table
    from sagemaker_ops.tracking.notebook import track_model as track_model
