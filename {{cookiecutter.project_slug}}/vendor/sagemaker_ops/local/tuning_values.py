"""The hyperparameter values that the training jobs of a tuning job try."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sagemaker_ops.definition.tuning_type import CATEGORICAL, INTEGER, RANGES

Ranges = Mapping[str, list[Mapping[str, Any]]]
# {ScalingType: to a scale on which all parts of a range are equally likely, and back}
SCALES: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "Linear": (float, float),
    "Logarithmic": (math.log, math.exp),
    "ReverseLogarithmic": (lambda value: -math.log1p(-value), lambda value: -math.expm1(-value)),
}
WIDE = 100  # times its start: the scale Auto is Logarithmic for a range that is at least so wide, otherwise Linear


def grid(ranges: Ranges) -> Iterator[dict[str, str]]:
    """Every combination of the categorical values, once."""
    lists = {each["Name"]: dict.fromkeys(each["Values"]) for each in ranges.get(CATEGORICAL, [])}
    return (dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values()))


def at_random(ranges: Ranges, seed: str) -> Iterator[dict[str, str]]:
    """Values without end: the same seed gives the same ones, and a combination returns only if there is no other."""
    chance, seen = random.Random(seed), set[tuple[str, ...]]()
    listed = [(each["Name"], *_range(kind, each, chance)) for kind in RANGES for each in ranges.get(kind, [])]
    possible = math.prod(count for _, count, _ in listed)
    while True:
        values = {name: draw() for name, _, draw in listed}
        if len(seen) >= possible or tuple(values.values()) not in seen:
            seen.add(tuple(values.values()))
            yield values


def _range(kind: str, each: Mapping[str, Any], chance: random.Random) -> tuple[float, Callable[[], str]]:
    """How many values there are, and a function that draws one."""
    if kind == CATEGORICAL:
        return len(set(each["Values"])), lambda: str(chance.choice(each["Values"]))
    low, high = float(each["MinValue"]), float(each["MaxValue"])
    wide = 0 < low * WIDE <= high
    scale = each.get("ScalingType", "Auto")
    there, back = SCALES[("Logarithmic" if wide else "Linear") if scale == "Auto" else scale]
    half = 0.5 if kind == INTEGER else 0  # otherwise the first and the last number would be half as likely

    def draw() -> str:
        value = min(max(back(chance.uniform(there(low - half), there(high + half))), low), high)
        return str(round(value)) if half else repr(value)

    return high - low + 1 if half else math.inf if low < high else 1, draw
