"""[tuning] in project.toml: which hyperparameter values a tuning step tries, and how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sagemaker_ops.errors import did_you_mean
from sagemaker_ops.project.typed import LARGEST, choice, entries_read_by

Scalar: TypeAlias = bool | int | float | str
Range: TypeAlias = tuple[int | float, int | float] | tuple[int | float, int | float, str] | list[Scalar]
# https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-define-ranges.html
SCALES = ("Auto", "Linear", "Logarithmic", "ReverseLogarithmic")
# Not Hyperband, which compares jobs while they run: training.py prints its metric once, at the end.
STRATEGIES = ("Bayesian", "Random", "Grid")
_FORMS = 'write [low, high], { low = …, high = …, scale = "Logarithmic" }, or a list of values.'


def range_of(value: object) -> Range:
    """A range as `jobs.tuning_step` takes it: (low, high), (low, high, scale) or a list of values.

    Two numbers are the ends of a range; two numbers to choose from are `{ values = [1, 2] }`. ValueError if it is none.
    """
    if isinstance(value, list):
        return (value[0], value[1]) if len(value) == 2 and all(map(_is_number, value)) else _values(value)
    if not isinstance(value, dict):
        raise ValueError(_FORMS)
    known = ("values",) if "values" in value else ("low", "high", "scale")
    for key in value:
        if key not in known:
            meant = did_you_mean(key, known) or f" It has {', '.join(known)}."
            raise ValueError(f"unknown key '{key}'.{meant}")
    if "values" in value:
        return _values(value["values"])
    for key in ("low", "high"):
        if not _is_number(value.get(key)):
            raise ValueError(f"`{key}` must be a number: {_FORMS}")
    if "scale" not in value:
        return value["low"], value["high"]
    if (scale := value["scale"]) not in SCALES:
        begun = [each for each in SCALES if scale and each.lower().startswith(str(scale).lower())]  # such as `log`
        meant = f" Did you mean '{begun[0]}'?" if begun else did_you_mean(str(scale), SCALES)
        raise ValueError(f"scale: '{scale}' is not one of {', '.join(SCALES)}.{meant}")
    return value["low"], value["high"], scale


def _values(value: Any) -> list[Scalar]:
    if not isinstance(value, list) or not all(isinstance(each, str | bool) or _is_number(each) for each in value):
        raise ValueError(_FORMS)
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


@dataclass(frozen=True)
class Tuning:
    """What a tuning step tries, and how it chooses the best."""

    max_jobs: int = 20
    """Training jobs in total; a grid has one for each combination instead."""
    max_parallel_jobs: int = 2
    strategy: str = choice(*STRATEGIES, default="Bayesian")
    metric: str = ""
    """Such as `validation:auc`; empty: the metric of [gate] on the validation part."""
    ranges: Mapping[str, Range] = entries_read_by(range_of)
    """{hyperparameter: (low, high), (low, high, scale), or a list of values}."""
