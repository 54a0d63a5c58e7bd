"""Builds the project's model in a separate process: `python -m sagemaker_ops.pipelines.model_process JSON`.

scikit-learn takes a second to import. Only this process imports it, and the team's model.py.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from typing import Any

from sagemaker_ops import Schema, StepError, read_hyperparameters
from sagemaker_ops.project.layout import STEPS

Values = Mapping[str, float | str]


def main(problem: str, given: dict[str, str]) -> int:
    """Print {hyperparameter: a sentence} as JSON for each that the model refuses; given: their values as text."""
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(STEPS.absolute()))
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        module = import_module("model")
        classes = ("no", "yes") if problem == "classification" else ()
        schema: Any = Schema(target="target", problem=problem, features=(), classes=classes)  # type: ignore[arg-type]
        found: dict[str, str] = {}
        while blamed := _refused(module, schema, {key: text for key, text in given.items() if key not in found}):
            found |= blamed
    print(json.dumps(found))
    return 0


def _refused(module: Any, schema: Schema, given: dict[str, str]) -> dict[str, str]:
    """The first hyperparameters that the model refuses; other errors have other causes, which the step reports."""
    try:
        values, findings = read_hyperparameters(given, module.HYPERPARAMETERS)
        if not findings:
            _validate(module.make_model(schema, values))
    except StepError as error:
        findings = list(error.findings)
    except (TypeError, ValueError) as error:
        findings = [str(error)]
    named = ((_named(finding, given), finding) for finding in findings)
    return {name: finding if finding.endswith(("?", ".")) else f"{finding}." for name, finding in named if name}


def _validate(model: Any) -> None:
    """Check the parameters of every estimator in the pipeline, as fitting does first.

    https://scikit-learn.org/stable/developers/develop.html describes `_parameter_constraints`.
    """
    for estimator in [each for _, each in getattr(model, "steps", [])] or [model]:
        validate: Callable[[], None] | None = getattr(estimator, "_validate_params", None)
        if validate is not None and hasattr(estimator, "_parameter_constraints"):
            validate()


def _named(finding: str, given: dict[str, str]) -> str:
    """The hyperparameter that a sentence is about: the first one that it names."""
    places = {name: re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", finding) for name in given}
    return min((found.start(), name) for name, found in places.items() if found)[1] if any(places.values()) else ""


if __name__ == "__main__":
    atexit.register(gc.freeze)  # as in compile_process.py
    sys.exit(main(**json.loads(sys.argv[1])))
