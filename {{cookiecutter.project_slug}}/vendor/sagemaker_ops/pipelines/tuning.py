"""A tuning step: training jobs with values from ranges, of which a metric chooses the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
from sagemaker.core.training.configs import InputData
from sagemaker.mlops.workflow.steps import CacheConfig, TuningStep
from sagemaker.train import ModelTrainer
from sagemaker.train.tuner import HyperparameterTuner

from sagemaker_ops.pipelines.job_settings import JobSettings, Value

Range: TypeAlias = "tuple[Value, Value] | Sequence[Value]"


@dataclass(frozen=True)
class Search:
    """What is tried, and how it is judged. ranges: {hyperparameter: (low, high) or a list of values}."""

    ranges: Mapping[str, Range]
    metric: str
    maximize: bool
    max_jobs: Value
    max_parallel_jobs: Value
    strategy: Value


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
        limits["MaxNumberOfTrainingJobs"] = self._search.max_jobs
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
    """The step; inputs: the channels of each training job."""
    tuner = HyperparameterTuner(
        model_trainer=trainer,
        objective_metric_name=search.metric,
        objective_type="Maximize" if search.maximize else "Minimize",
        metric_definitions=[{"Name": search.metric, "Regex": f"{search.metric}=([0-9.eE+-]+);"}],
        hyperparameter_ranges={key: _range(key, values) for key, values in search.ranges.items()},
        strategy=search.strategy,
        max_jobs=1,
        max_parallel_jobs=1,
        tags=[{"Key": key, "Value": value} for key, value in settings.tags],
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
        return CategoricalParameter([str(value) for value in values])
    if len(values) != 2:
        raise ValueError(f"the range of '{key}' must be (low, high); to choose from single values, write a list")
    low, high = values
    whole = all(isinstance(each, int) and not isinstance(each, bool) for each in values)
    return (IntegerParameter if whole else ContinuousParameter)(low, high)
