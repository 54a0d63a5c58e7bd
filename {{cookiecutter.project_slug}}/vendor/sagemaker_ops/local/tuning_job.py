"""Tuning jobs: training jobs with values from ranges, several at a time, and the one with the best objective."""

from __future__ import annotations

import itertools
import math
import re
import shutil
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sagemaker_ops.container.process import Stop, StoppedError
from sagemaker_ops.definition import metrics
from sagemaker_ops.definition.job_types import TRAINING
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.tuning_type import trainings
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import tuning_values
from sagemaker_ops.local.container_job import run_training
from sagemaker_ops.local.job import Job
from sagemaker_ops.preflight import tuning_limits

GIVE_UP = 5  # as AWS: "No training job succeeded after 5 attempts"
IMPROVEMENT = 0.01  # of the best objective: less is none for MaxNumberOfTrainingJobsNotImproving
POLL = 0.5  # seconds between two looks at the log of a job that may be stopped early
LISTED = 50  # the length of TrainingJobSummaries on AWS
_FINAL = "FinalHyperParameterTuningJobObjectiveMetric"


def run_tuning(job: Job) -> dict[str, Any]:
    """Run a tuning job; returns its properties, with the summaries of its training jobs, the best one first.

    A training job that fails does not fail it. Values are random unless the strategy is Grid, and the same in each
    execution: they follow from RandomSeed, otherwise from the step's name.
    """
    if wrong := list(tuning_limits.refused(job.arguments)):
        raise UserError(*wrong)
    if said := tuning_limits.differs(job.arguments):
        job.log(f"{said[0].upper()}{said[1:]}.")
    short, digest = job.step.name[:7].replace("_", "-"), job.name.rpartition("-")[2]
    name = re.sub("-+", "-", f"{job.scope.execution['PipelineExecutionId']}-{short}-{digest}")  # at most 32 characters
    with job.stop.part() as stop:
        results = _run(job, name, stop)
    if job.stop.requests:
        raise StoppedError
    return {
        **job.arguments,
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobArn": job.arn(f"hyper-parameter-tuning-job/{name.lower()}"),
        "HyperParameterTuningJobStatus": "Completed",
        "CreationTime": job.created,
        **dict.fromkeys(("HyperParameterTuningEndTime", "LastModifiedTime"), datetime.now(UTC).isoformat()),
        **results.properties(),
    }


def _run(job: Job, name: str, stop: Stop) -> _Results:
    """Run training jobs until there are no more, their results are enough, or the job is asked to stop."""
    limits, began = job.arguments["HyperParameterTuningJobConfig"]["ResourceLimits"], time.monotonic()
    results, running = _Results(job.arguments), set[Future[Any]]()
    early = job.arguments["HyperParameterTuningJobConfig"].get("TrainingJobEarlyStoppingType") == "Auto"
    courses: list[list[float]] | None = [] if early else None
    most, seconds = limits.get("MaxNumberOfTrainingJobs"), limits.get("MaxRuntimeInSeconds")
    at_once = int(min(limits["MaxParallelTrainingJobs"], job.machine.options.jobs))
    waiting = itertools.islice(_training_jobs(job, name, stop), None if most is None else int(most))
    with ThreadPoolExecutor(at_once) as pool:
        try:
            while not (job.stop.requests or results.are_enough()):
                while len(running) < at_once and (training := next(waiting, None)):
                    job.log(f"{training.folder.name} starts: {_text(training.arguments)}{results}")
                    running.add(pool.submit(_train, training, courses))
                left = None if seconds is None else max(0, began + seconds - time.monotonic())
                ended, running = wait(running, left, FIRST_COMPLETED)
                for future in ended:
                    job.log(results.add(future.result()))
                if not ended:  # there are no more, or the time is over
                    break
        finally:
            if not stop.requests:  # a second request would kill them at once
                stop.ask()
    for future in running:
        job.log(results.add(future.result()))
    return results


def _training_jobs(job: Job, name: str, stop: Stop) -> Iterator[Job]:
    """The training jobs in the order in which they start, from each training job definition in turn."""
    config = job.arguments["HyperParameterTuningJobConfig"]
    seed, grid = config.get("RandomSeed", job.step.name), config["Strategy"] == tuning_limits.GRID
    series = []
    for place, each in enumerate(trainings(job.arguments)):
        ranges = each["HyperParameterRanges"]
        tried = tuning_values.grid(ranges) if grid else tuning_values.at_random(ranges, f"{seed} {place}")
        series.append(zip(itertools.repeat(each), tried, strict=False))
    pairs = filter(None, itertools.chain.from_iterable(itertools.zip_longest(*series)))
    for number, (training, values) in enumerate(pairs, 1):
        given = {**training["HyperParameters"], **values}
        given["_tuning_objective_metric"] = training["TuningObjective"]["MetricName"]
        arguments = {**training, "HyperParameters": given, "TunedHyperParameters": values}
        folder = job.folder / f"{number:03}"
        step = replace(job.step, type=TRAINING.name)
        yield replace(job, step=step, arguments=arguments, name=f"{name}-{folder.name}", folder=folder, stop=stop)


def _train(job: Job, courses: list[list[float]] | None) -> dict[str, Any]:
    """Run one training job in its own folder; returns its summary, also if it fails or is stopped.

    courses: the objectives of those that have completed, by which this one may be stopped early; None: it may not.
    """
    shutil.rmtree(job.folder, ignore_errors=True)  # left from an earlier attempt
    job.folder.mkdir(parents=True)
    name_of_objective = job.arguments["TuningObjective"]["MetricName"]
    named = {"TrainingJobDefinitionName": name} if (name := job.arguments.get("DefinitionName")) else {}
    summary: dict[str, Any] = {
        **named,
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn(f"training-job/{job.name}"),
        "TunedHyperParameters": job.arguments["TunedHyperParameters"],
        "CreationTime": datetime.now(UTC).isoformat(),
        "ObjectiveStatus": "Failed",
    }
    try:
        with job.stop.part() as own, _watched(job, own, courses):
            found = run_training(replace(job, stop=own))[metrics.PROPERTY].get(name_of_objective)
        summary["TrainingJobStatus"] = "Completed"
        if courses is not None:
            courses.append(metrics.values(job.arguments, name_of_objective, job.folder / "log.txt"))
        if found:
            summary |= {_FINAL: {key: found[key] for key in ("MetricName", "Value")}, "ObjectiveStatus": "Succeeded"}
    except UserError as error:
        summary |= {"TrainingJobStatus": "Failed", "FailureReason": str(error)}
    except StoppedError:
        why = "it was stopped." if job.stop.requests else "it was stopped early: others were better at this point."
        summary |= {"TrainingJobStatus": "Stopped", "FailureReason": why}
    return summary | {"TrainingEndTime": datetime.now(UTC).isoformat()}


@contextmanager
def _watched(job: Job, stop: Stop, courses: list[list[float]] | None) -> Iterator[None]:
    """Meanwhile, stop the job as soon as its objective is worse than the median of the others' at the same point.

    The value of another job is the average of its values up to that point:
    https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-early-stopping.html
    """
    objective, log, ended = job.arguments["TuningObjective"], job.folder / "log.txt", threading.Event()
    sign = -1 if objective["Type"] == "Minimize" else 1

    def watch() -> None:
        while not ended.wait(POLL):
            so_far = metrics.values(job.arguments, objective["MetricName"], log) if log.is_file() else []
            for number, value in enumerate(so_far, 1):
                others = [sum(each[:number]) / number for each in courses or () if len(each) >= number]
                if others and sign * value < sign * statistics.median(others):
                    stop.ask()
                    return

    watcher = threading.Thread(target=watch, daemon=True)
    if courses is not None:
        watcher.start()
    try:
        yield
    finally:
        ended.set()


class _Results:
    """The summaries of the training jobs that have ended, in that order, and what follows from them."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._criteria = arguments["HyperParameterTuningJobConfig"].get("TuningJobCompletionCriteria", {})
        self._training, self._ended, self._judged = trainings(arguments)[0], list[Any](), list[Any]()
        self._sign = -1 if self._training["TuningObjective"]["Type"] == "Minimize" else 1

    def add(self, summary: dict[str, Any]) -> str:
        """Add one; returns the line about it."""
        self._ended.append(summary)
        said = f"{_number(summary)} {summary['TrainingJobStatus']}: {_text(summary)}"
        if _FINAL in summary:
            self._judged.append(summary)
            said += "; {MetricName} {Value}".format(**summary[_FINAL])
        elif summary["TrainingJobStatus"] == "Completed":
            said += "; it did not print its objective"
        return "; ".join([said, *at(summary, "FailureReason")])

    def __str__(self) -> str:
        """How many there are and the best, for the line about a job that starts, often the last line of the log."""
        best = max(self._judged, key=self._worth, default=None)
        found = f", best: {best[_FINAL]['Value']} of {_number(best)}" if best else ""
        return f" ({len(self._ended)} ended{found})" if self._ended else ""

    def are_enough(self) -> bool:
        """Whether no other job should start, and those that run should stop."""
        best, worse = -math.inf, 0
        for worth in map(self._worth, self._judged):
            improves = worth > best and not worth - best < IMPROVEMENT * abs(best)  # for the first, inf < inf
            best, worse = (worth, 0) if improves else (best, worse + 1)
        most = at(self._criteria, "BestObjectiveNotImproving.MaxNumberOfTrainingJobsNotImproving")
        targets = [self._sign * target for target in at(self._criteria, "TargetObjectiveMetricValue")]
        reached = any(self._worth(each) >= target for each in self._judged for target in targets)
        return reached or any(worse >= each for each in most) or (len(self._ended) >= GIVE_UP and not self._judged)

    def properties(self) -> dict[str, Any]:
        """The properties that follow from them; UserError if none of them has an objective."""
        count = Counter(each["TrainingJobStatus"] for each in self._ended)
        if not self._judged and count["Completed"]:
            metric = _objective(self._training)
            where = f"its Regex '{metric['Regex']}' finds no number in their logs"
            raise UserError(f"none of its {count['Completed']} training jobs printed '{metric['Name']}': {where}.")
        if not self._judged:
            reason = f"{_number(self._ended[0])}: {self._ended[0]['FailureReason']}"
            raise UserError(f"none of its {len(self._ended)} training jobs succeeded; {reason}")
        ranked = sorted(self._judged, key=lambda each: (-self._worth(each), each["TrainingJobName"]))
        unknown, statuses = len(self._ended) - len(ranked), ("Completed", "InProgress", "RetryableError", "Stopped")
        return {
            "TrainingJobStatusCounters": {key: count[key] for key in statuses} | {"NonRetryableError": count["Failed"]},
            "ObjectiveStatusCounters": {"Succeeded": len(ranked), "Pending": 0, "Failed": unknown},
            "BestTrainingJob": ranked[0],
            "TrainingJobSummaries": ranked[:LISTED],
        }

    def _worth(self, summary: Mapping[str, Any]) -> float:
        """Its objective as a number of which more is better."""
        return float(self._sign * summary[_FINAL]["Value"])


def _objective(training: Mapping[str, Any]) -> dict[str, str]:
    """The metric definition of its objective."""
    name, listed = training["TuningObjective"]["MetricName"], training["AlgorithmSpecification"]["MetricDefinitions"]
    return next(dict(each) for each in listed if each["Name"] == name)


def _number(summary: Mapping[str, Any]) -> str:
    """The number of a training job, which is the name of its folder."""
    return str(summary["TrainingJobName"]).rpartition("-")[2]


def _text(what: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in what["TunedHyperParameters"].items())
