"""A tuning step: training jobs with values from ranges, of which a metric chooses the best."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
from sagemaker.core.training.configs import InputData
from sagemaker.core.workflow.parameters import Parameter
from sagemaker.mlops.workflow.steps import CacheConfig, TuningStep
from sagemaker.train import ModelTrainer
from sagemaker.train.tuner import HyperparameterTuner

from sagemaker_ops.errors import UserError, did_you_mean
from sagemaker_ops.pipelines.job_settings import JobSettings, Value, text

Range: TypeAlias = "tuple[Value, Value] | Sequence[Value]"
GRID = "Grid"
STRATEGIES = ("Bayesian", "Random", "Hyperband", GRID)
MOST_VALUES = 30  # of a list


@dataclass(frozen=True)
class Search:
    """What is tried, and how it is judged. ranges: {hyperparameter: (low, high) or a list of values}."""

    ranges: Mapping[str, Range]
    metric: str
    maximize: bool
    max_jobs: Value
    max_parallel_jobs: Value
    strategy: Value

    @property
    def jobs(self) -> Value:
        """The maximum number of jobs; a grid has one for each combination, and AWS accepts no other number."""
        return math.prod(map(len, self.ranges.values())) if self.strategy == GRID else self.max_jobs


class Tuning(TuningStep):  # type: ignore[misc]
    """A tuning step with what the SDK leaves out of its jobs: network isolation, keys and a warm pool."""

    def __init__(self, *, trainer: ModelTrainer, search: Search, settings: JobSettings, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._trainer, self._search, self._settings = trainer, search, settings

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of CreateHyperParameterTuningJob."""
        request: dict[str, Any] = super().arguments
        limits = request["HyperParameterTuningJobConfig"]["ResourceLimits"]
        # The SDK refuses parameters here, but AWS accepts them.
        limits["MaxNumberOfTrainingJobs"] = self._search.jobs
        limits["MaxParallelTrainingJobs"] = self._search.max_parallel_jobs
        job = request["TrainingJobDefinition"]
        if self._settings.network_isolation:
            job["EnableNetworkIsolation"] = True
        if self._settings.kms_key:
            job["ResourceConfig"]["VolumeKmsKeyId"] = self._settings.kms_key
        if keep := self._trainer.compute.keep_alive_period_in_seconds:
            job["ResourceConfig"]["KeepAlivePeriodInSeconds"] = keep
        return request


def step(
    name: str,
    trainer: ModelTrainer,
    search: Search,
    inputs: Sequence[InputData],
    settings: JobSettings,
    cache: CacheConfig,
    depends_on: list[Any] | None,
) -> Tuning:
    """The step; inputs: the channels of each training job. UserError if AWS would refuse it."""
    if problems := [f"step '{name}', {argument}: {message}" for argument, message in _conflicts(search)]:
        raise UserError(*problems)
    tuner = HyperparameterTuner(
        model_trainer=trainer,
        objective_metric_name=search.metric,
        objective_type="Maximize" if search.maximize else "Minimize",
        metric_definitions=[{"Name": search.metric, "Regex": f"{re.escape(search.metric)}=([0-9.eE+-]+);"}],
        hyperparameter_ranges={key: _range(key, values) for key, values in search.ranges.items()},
        strategy=search.strategy,
        max_jobs=1,
        max_parallel_jobs=1,
        tags=settings.tags,
    )
    return Tuning(
        name=name,
        step_args=tuner.tune(inputs=list(inputs), wait=False),
        cache_config=cache,
        depends_on=depends_on,
        trainer=trainer,
        search=search,
        settings=settings,
    )


def _range(key: str, values: Range) -> Any:
    if not isinstance(values, tuple):
        return CategoricalParameter([text(value) for value in values])
    return (IntegerParameter if all(map(_is_whole, values)) else ContinuousParameter)(*values)


def _is_whole(value: Value) -> bool:
    kind = value.parameter_type.python_type if isinstance(value, Parameter) else type(value)
    return kind is int


def _conflicts(search: Search) -> Iterator[tuple[str, str]]:
    """(the argument of tuning_step that is wrong, a sentence) for each value that AWS would refuse.

    https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-how-it-works.html has the strategies,
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CategoricalParameterRange.html how long a list may be.
    """
    strategy = search.strategy
    if isinstance(strategy, str) and strategy not in STRATEGIES:
        yield "strategy", f"'{strategy}' is not one of {', '.join(STRATEGIES)}.{did_you_mean(strategy, STRATEGIES)}"
    if not search.ranges:
        yield "ranges", "name at least one hyperparameter."
    for key, values in search.ranges.items():
        if message := _misfit(values, strategy):
            yield f"ranges['{key}']", message


def _misfit(values: Range, strategy: Value) -> str:
    if not isinstance(values, tuple | list):
        return "write (low, high), or a list of values to choose from."
    if isinstance(values, list):
        size = len(values)
        return "" if 0 < size <= MOST_VALUES else f"a list can have 1 to {MOST_VALUES} values, but this one has {size}."
    if len(values) != 2:
        return "a range is (low, high); to choose from single values, write a list."
    if strategy == GRID:
        return f"{GRID} tries each value of a list, and does not accept a range; write a list."
    low, high = values
    if isinstance(low, int | float) and isinstance(high, int | float) and low >= high:
        return f"{low} is not less than {high}; write (low, high)."
    return ""
