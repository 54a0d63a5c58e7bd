"""The training jobs of a tuning step: the best one, and how much better it is than the others."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sagemaker_ops.local import Execution, StepExecution

_SCORE = "FinalHyperParameterTuningJobObjectiveMetric"
_OF_SAGEMAKER = ("sagemaker_", "_")  # how hyperparameters start that are not the model's


@dataclass(frozen=True)
class Trial:
    """One training job. values: the hyperparameters that were tuned, as text."""

    job: str
    score: float
    values: Mapping[str, str]


@dataclass(frozen=True)
class Trials:
    """The training jobs of a step that have a score.

    listed: the best first; a local run lists at most 50, and AWS only the best. count: how many there are. without:
    how many others have none. fixed: the hyperparameters that were the same for all, as text.
    """

    step: str
    metric: str
    listed: tuple[Trial, ...]
    count: int
    without: int
    fixed: Mapping[str, str]

    @property
    def best(self) -> Trial:
        return self.listed[0]


def of(execution: Execution) -> Trials | None:
    """Those of the first step that has tuned something; None if none has."""
    for step in execution.steps.values():
        with suppress(LookupError, TypeError, ValueError, AttributeError):  # its record is damaged
            if found := _of(step):
                return found
    return None


def _of(step: StepExecution) -> Trials | None:
    told = step.properties
    best = told.get("BestTrainingJob")
    if step.status != "Succeeded" or not isinstance(best, dict) or _SCORE not in best:
        return None
    job = told.get("TrainingJobDefinition") or {}
    given: dict[str, Any] = job.get("StaticHyperParameters") or {}
    count: dict[str, int] = told.get("ObjectiveStatusCounters") or {}
    return Trials(
        step.name,
        str(best[_SCORE]["MetricName"]),
        tuple(map(_trial, told.get("TrainingJobSummaries") or [best])),
        count.get("Succeeded", 1),
        count.get("Failed", 0),
        {key: str(value) for key, value in given.items() if not key.startswith(_OF_SAGEMAKER)},
    )


def _trial(summary: Mapping[str, Any]) -> Trial:
    values = {key: str(value) for key, value in summary["TunedHyperParameters"].items()}
    return Trial(summary["TrainingJobName"], float(summary[_SCORE]["Value"]), values)


def lines(trials: Trials) -> Iterator[str]:
    """What came out, for the end of a run."""
    best, scores = trials.best, [each.score for each in trials.listed]
    line = f"Best of {trials.count} training jobs: {short_name(best)}, with {trials.metric} {best.score:.4g}"
    if len(scores) > 1:
        among = "" if len(scores) == trials.count else f" of the best {len(scores)}"
        line += f" (median{among} {statistics.median(scores):.4g}, worst{among} {scores[-1]:.4g})"
    yield f"{line}, and {trials.without} without a score" if trials.without else line
    yield "  " + " ".join(f"{key}={short(value)}" for key, value in best.values.items())


def short_name(trial: Trial) -> str:
    """The number of a training job, which on this machine is also the name of its folder."""
    return trial.job.rpartition("-")[2]


def short(value: str) -> str:
    """A value with few digits; whole numbers and words as they are."""
    try:
        return value if value.lstrip("-").isdigit() else f"{float(value):.4g}"
    except ValueError:
        return value
