"""Checks [gate]: a metric for the project's problem, and a limit on the right side that a model can reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sagemaker_ops.errors import Problem, did_you_mean
from sagemaker_ops.project import script_text
from sagemaker_ops.project.layout import PIPELINES
from sagemaker_ops.project.settings import FILE, PROBLEMS, Gate, Settings

MEASURE = "evaluate"
"""The library's function that measures a model in a step."""
COMPARED = "approved_model_of"
"""The library's function that gives a step the approved model, in a pipeline."""
_PLACE = f"{FILE} [gate]"


@dataclass(frozen=True)
class Scale:
    """The values that a metric can have, and which of them are good; None: no bound."""

    lowest: float | None
    highest: float | None
    lower_is_better: bool = False

    @property
    def values(self) -> str:
        if self.lowest is None:
            return f"a value of {self.highest:g} or less"
        return f"a value of {self.lowest:g} or more" if self.highest is None else f"a value from {self.lowest:g} to 1"


SHARE, MISTAKE = Scale(0, 1), Scale(0, None, lower_is_better=True)
BINARY = dict.fromkeys(("accuracy", "precision", "recall", "f1", "auc"), SHARE)
MULTICLASS = dict.fromkeys(("accuracy", "weighted_precision", "weighted_recall", "weighted_f1", "auc"), SHARE)
REGRESSION = {**dict.fromkeys(("mae", "mse", "rmse"), MISTAKE), "r2": Scale(None, 1)}
METRICS = {"classification": BINARY | MULTICLASS, "regression": REGRESSION}
"""The metrics of tabular/metrics.py, which cannot be imported here because it needs NumPy; a test compares them."""


def check(settings: Settings, root: Path) -> list[Problem]:
    """The problems of the gate."""
    return [*_comparison(settings.gate, root), *_metric(settings, root)]


def _metric(settings: Settings, root: Path) -> list[Problem]:
    """The problems of metric and limit; none for a metric of the team's own, which a script of the steps names."""
    gate, problem = settings.gate, settings.data.problem
    if problem not in METRICS or has_own_metric(gate.metric, root):
        return []
    if gate.metric not in METRICS[problem]:
        return [Problem(no_metric(gate.metric, problem), f"{_PLACE}.metric")]
    return _limit(gate, METRICS[problem][gate.metric])


def _comparison(gate: Gate, root: Path) -> list[Problem]:
    """What is wrong with the comparison with the approved model."""
    given, place = gate.tolerance, f"{_PLACE}.tolerance"
    problems = []
    if given is not None and not gate.against:
        problems.append(Problem('it is only for a comparison: add `against = "approved"`, or remove it.', place))
    if given is not None and given < 0:
        message = f"{given:.15g} is below 0: write how much worse than the approved model a new one may be, or 0."
        problems.append(Problem(message, place))
    spread = next((scales[gate.metric] for scales in METRICS.values() if gate.metric in scales), None)
    if given is not None and spread == SHARE and given >= 1 and not has_own_metric(gate.metric, root):
        better = f"write {given / 100:.15g}" if given < 100 else "write less"
        problems.append(Problem(f"{gate.metric} is from 0 to 1, so every model would pass: {better}.", place))
    if gate.against and script_text.scripts(root, PIPELINES) and not script_text.calls(root, PIPELINES, COMPARED):
        message = f"no pipeline calls `{COMPARED}`, so nothing is compared: add it as in a new project, or remove it."
        problems.append(Problem(message, f"{_PLACE}.against"))
    return problems


def has_own_metric(metric: str, root: Path) -> bool:
    """Whether the steps define this metric themselves, or measure models without the library."""
    return script_text.replaces(root, MEASURE) or metric in script_text.words(root)


def check_classes(metric: str, classes: int, complete: bool, where: str) -> list[Problem]:
    """Whether the metric exists for this number of classes; `complete`: there are no more of them."""
    known, other = (MULTICLASS, BINARY) if classes > 2 else (BINARY, MULTICLASS)
    if metric in known or metric not in other or not (classes > 2 or (complete and classes == 2)):
        return []
    better = f"weighted_{metric}" if classes > 2 else metric.removeprefix("weighted_")
    have = f"{classes} classes" if complete else f"at least {classes} classes"
    kind = "two classes" if classes > 2 else "three or more classes"
    return [Problem(f"'{metric}' is for {kind}, but the target has {have}: write '{better}'.", where)]


def no_metric(metric: str, problem: str) -> str:
    """A sentence for a metric that neither the problem has nor a script defines."""
    known = METRICS[problem]
    listed = ", ".join(known)
    if other := next((each for each in PROBLEMS if metric in METRICS[each]), ""):
        return f"'{metric}' is for {other}, but [data].problem is '{problem}': write one of {listed}."
    meant = did_you_mean(metric.lower(), known) or f" Write one of {listed}."
    return f"'{metric}' is not a metric for {problem}, and no script in production/steps defines it.{meant}"


def _limit(gate: Gate, scale: Scale) -> list[Problem]:
    """A limit on the wrong side, or one that every model or no model reaches."""
    key = "minimum" if gate.minimum is not None else "maximum"
    right = "maximum" if scale.lower_is_better else "minimum"
    if (gate.minimum is None) == (gate.maximum is None):
        return []  # which the settings report
    value, problems = gate.value, []
    below = scale.lowest is not None and value < scale.lowest
    if below or (scale.highest is not None and value > scale.highest):
        bound = f"below {scale.lowest:g}, the lowest" if below else f"above {scale.highest:g}, the highest"
        percent = scale == SHARE and 1 < value <= 100
        remedy = f"{value / 100:.15g}" if percent else scale.values
        problems.append(f"{value:.15g} is {bound} possible {gate.metric}: write {remedy}.")
    passed_by_all = scale.lowest if scale.lower_is_better else scale.highest
    if key != right and value != passed_by_all:  # a gate that is open on purpose
        better = "lower" if scale.lower_is_better else "higher"
        limit = f"`{right} = {value:.15g}`" if not problems else f"`{right}`"
        problems.append(f"a {better} {gate.metric} is better, so this would let only bad models pass: write {limit}.")
    return [Problem(message, f"{_PLACE}.{key}") for message in problems]
