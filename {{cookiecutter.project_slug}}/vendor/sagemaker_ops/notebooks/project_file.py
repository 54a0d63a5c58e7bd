"""Writes the hyperparameters chosen in a notebook into project.toml, where nothing else changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project import hyperparameter_file
from sagemaker_ops.project.hyperparameter_file import TABLE
from sagemaker_ops.project.hyperparameter_file import text as _text
from sagemaker_ops.project.settings import FILE, Settings
from sagemaker_ops.tabular.errors import raise_any
from sagemaker_ops.tabular.hyperparameters import Choice, Hyperparameters, Number, Value, read_hyperparameters

DIGITS = 4  # significant ones; a search is never more precise


def present_hyperparameters(settings: Settings, known: Hyperparameters) -> dict[str, Value]:
    """Every hyperparameter of the model: its value in project.toml, or its default. StepError if one is not allowed.

    known: HYPERPARAMETERS of production/steps/model.py.
    """
    given = {name: _text(value) for name, value in settings.hyperparameters.items()}
    values, findings = read_hyperparameters(given, known)
    raise_any(findings)
    return values


def write_hyperparameters(
    root: Path, values: Mapping[str, Any], known: Hyperparameters, *, dry_run: bool = False
) -> str:
    """Set `values` in [hyperparameters] of project.toml in the folder `root`; return the difference, as of `git diff`.

    Comments, order and layout stay. A value that the file has already is not touched; the difference is empty if it has
    all of them. Numbers are rounded to DIGITS. UserError if a name is unknown or a value is not allowed, and then
    nothing is written.

    known: HYPERPARAMETERS of production/steps/model.py. dry_run: do not write.
    """
    return hyperparameter_file.write(root, _allowed(values, known), dry_run=dry_run)


def rounded(value: float, digits: int = DIGITS) -> float:
    """`value` with this many significant digits."""
    return float(f"{value:.{digits}g}")


def _allowed(values: Mapping[str, Any], known: Hyperparameters) -> dict[str, Value]:
    """The values in their final type; UserError with every one that is unknown or not allowed."""
    read, findings = read_hyperparameters({name: _text(value) for name, value in values.items()}, known)
    if findings:
        ended = (finding if finding[-1] in ".?" else f"{finding}." for finding in findings)
        raise UserError(*(Problem(finding, f"{FILE} [{TABLE}]") for finding in ended))
    return {name: _short(read[name], known[name]) for name in values}


def _short(value: Value, known: Number | Choice) -> Value:
    """A number with few digits, unless that is no longer allowed."""
    short = rounded(value) if isinstance(value, float) else value
    return value if known.read(_text(short)) is None else short
