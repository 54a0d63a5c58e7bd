"""A tuning step: training jobs with values from ranges, of which a metric chooses the best."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
from sagemaker.core.training.configs import InputData
from sagemaker.core.workflow.parameters import Parameter
from sagemaker.mlops.workflow.steps import CacheConfig, TuningStep
from sagemaker.train import ModelTrainer
from sagemaker.train.tuner import HyperparameterTuner

from sagemaker_ops.errors import UserError
from sagemaker_ops.guardrails import tuning_check
from sagemaker_ops.guardrails.tuning_check import GRID
from sagemaker_ops.pipelines.job_settings import JobSettings, Value, text
from sagemaker_ops.project.settings import Settings

Range: TypeAlias = "tuple[Value, Value] | tuple[Value, Value, str] | Sequence[Value]"


@dataclass(frozen=True)
class Search:
    """What is tried, and how it is judged.

    ranges: {hyperparameter: (low, high), (low, high, scale) or a list of values}.
    """

    ranges: Mapping[str, Range]
    metric: str
    maximize: bool
    max_jobs: Value
    max_parallel_jobs: Value
    strategy: Value
    seed: Value | None = None

    @classmethod
    def of(
        cls,
        settings: Settings,
        ranges: Mapping[str, Range] | None,
        metric: str | None,
        maximize: bool | None,
        max_jobs: Value | None,
        max_parallel_jobs: Value | None,
        strategy: Value | None,
        seed: Value | None,
    ) -> Search:
        """What a pipeline file sets; None: what is in [tuning], and what follows from it."""
        tuning, metric = settings.tuning, metric or tuning_check.metric_of(settings)
        return cls(
            tuning.ranges if ranges is None else ranges,
            metric,
            tuning_check.is_maximized(metric, settings) if maximize is None else maximize,
            tuning.max_jobs if max_jobs is None else max_jobs,
            tuning.max_parallel_jobs if max_parallel_jobs is None else max_parallel_jobs,
            strategy or tuning.strategy,
            seed,
        )

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
        config = request["HyperParameterTuningJobConfig"]
        limits = config["ResourceLimits"]
        if self._search.seed is not None:
            config["RandomSeed"] = self._search.seed  # the SDK leaves out 0
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
    found = tuning_check.conflicts(search.ranges, search.strategy, search.max_jobs, search.max_parallel_jobs)
    problems = [(f"{argument}['{key}']" if key else argument, message) for argument, key, message in found]
    if problems:
        raise UserError(*(f"step '{name}', {argument}: {message}" for argument, message in problems))
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
    low, high, *scale = values
    kind = IntegerParameter if _is_whole(low) and _is_whole(high) else ContinuousParameter
    return kind(low, high, *scale)


def _is_whole(value: Value) -> bool:
    kind = value.parameter_type.python_type if isinstance(value, Parameter) else type(value)
    return kind is int
