"""What project.toml sets for every job: role, image, encryption, network, limits, tags and cache."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sagemaker.core import image_uris
from sagemaker.core.helper.pipeline_variable import PipelineVariable
from sagemaker.core.network import NetworkConfig
from sagemaker.core.shapes import OutputDataConfig, StoppingCondition, Tag
from sagemaker.core.training.configs import Compute, InputData, Networking
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.steps import CacheConfig
from sagemaker.train import ModelTrainer

from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.guardrails import image_check, training_capacity
from sagemaker_ops.project.settings import FILE, LOCAL, Project
from sagemaker_ops.project.target import Target

Uri: TypeAlias = "str | PipelineVariable"
Value: TypeAlias = "str | int | float | bool | PipelineVariable"
MAX_ROWS = "TRAINING_MAX_ROWS"  # as tabular/sampling.py reads it
SERVING = "inference"  # the key in [images] of the image that serves a model


@dataclass(frozen=True)
class TrainingJob:
    """What a pipeline file sets for a training job; None: the value in project.toml."""

    name: str
    script: str
    hyperparameters: Mapping[str, Value] = field(default_factory=dict)
    instance_type: Uri | None = None
    image: str | None = None
    environment: Mapping[str, Value] | None = None
    spot: bool | None = None
    max_wait_minutes: int | None = None
    keep_alive_minutes: int | None = None


class JobSettings:
    """The settings of the jobs of one target."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._settings = target.settings
        self._environment = target.environment
        self._seconds = self._settings.pipeline.max_runtime_minutes * 60

    def image(self, step: str) -> str:
        """The image URI of a step: AWS's scikit-learn image for a version, or the full URI in [images]."""
        return self._uri(self._settings.images.of(step), "inference" if step == SERVING else "training")

    def serving_image(self, step: str) -> str:
        """The image of the model that a step creates or registers: its own in [images], otherwise `inference`."""
        images = self._settings.images
        return self._uri(images.of(step if images.has(step) else SERVING), "inference")

    def _uri(self, wanted: str, scope: str) -> str:
        if not image_check.is_version(wanted):
            return wanted
        region = self._target.region
        if not image_check.has_image(region):
            if self._environment != LOCAL:
                raise UserError(
                    Problem(image_check.no_image(wanted, region, self._environment.account), f"{FILE} [images]")
                )
            region = Project.region  # a run on this machine uses no image: any region that has it will do
        return str(
            image_uris.retrieve(
                "sklearn",
                region=region,
                version=wanted,
                py_version="py3",
                instance_type="ml.m5.xlarge",  # selects CPU or GPU, but this framework has only one image
                image_scope=scope,
            )
        )

    def processor(self, image: str) -> dict[str, Any]:
        """Arguments of a Processor."""
        return {
            "role": self.role,
            "image_uri": image,
            "volume_size_in_gb": self._settings.pipeline.volume_size_gb,
            "volume_kms_key": self.kms_key,
            "output_kms_key": self.kms_key,
            "max_runtime_in_seconds": self._seconds,
            "network_config": self._network(),
            "tags": self.tags,
        }

    def trainer(
        self, job: TrainingJob, session: PipelineSession, channels: Mapping[str, Uri] | None = None
    ) -> ModelTrainer:
        """The training job: its script from the code archive, started by the image's training toolkit."""
        spot, wait, keep = self._capacity(job)
        return ModelTrainer(
            role=self.role,
            training_image=job.image or self.image(job.name),
            compute=Compute(
                instance_type=job.instance_type or self._settings.instances.of(job.name, "training"),
                instance_count=1,
                volume_size_in_gb=self._settings.pipeline.volume_size_gb,
                volume_kms_key_id=self.kms_key,
                keep_alive_period_in_seconds=keep * 60 or None,
                enable_managed_spot_training=spot or None,
            ),
            networking=self.networking(),
            stopping_condition=StoppingCondition(max_runtime_in_seconds=self._seconds, max_wait_time_in_seconds=wait),
            environment=texts(self._variables(job)),
            hyperparameters={
                **(texts(job.hyperparameters) or {}),
                # These two tell the image's training toolkit which script to run from which archive.
                "sagemaker_program": job.script,
                "sagemaker_submit_directory": self._target.sourcedir_uri_of(
                    own_script(job.script, environment=job.environment)
                ),
            },
            input_data_config=channels_of(channels) if channels is not None else None,
            output_data_config=OutputDataConfig(s3_output_path=self._target.models_uri, kms_key_id=self.kms_key),
            tags=[Tag(key=each["Key"], value=each["Value"]) for each in self.tags],
            sagemaker_session=session,
        )

    def cache(self, cached: bool) -> CacheConfig:
        """The cache configuration for [pipeline].cache_days."""
        days = self._settings.pipeline.cache_days
        on = cached and days > 0
        return CacheConfig(enable_caching=on, expire_after=f"P{days}D" if on else None)

    @property
    def role(self) -> str:
        return self._environment.role

    @property
    def kms_key(self) -> str | None:
        return self._environment.kms_key or None

    @property
    def network_isolation(self) -> bool:
        return self._environment.network_isolation

    @property
    def tags(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self._target.tags.items() if value]

    def _capacity(self, job: TrainingJob) -> tuple[bool, int | None, int]:
        """Whether it is a spot job, its maximum wait in seconds, and how many minutes its instances are kept.

        A spot job takes no keep_alive_minutes from [training], and another no max_wait_minutes. UserError for what AWS
        would refuse.
        """
        given = self._settings.training
        spot = given.spot if job.spot is None else job.spot
        wait, keep = job.max_wait_minutes, job.keep_alive_minutes
        wait = given.max_wait_minutes if wait is None and spot else wait
        keep = 0 if keep is None and spot else given.keep_alive_minutes if keep is None else keep
        conflicts = training_capacity.conflicts(spot, wait, keep, self._settings.pipeline.max_runtime_minutes)
        if problems := [f"step '{job.name}', {argument}: {message}" for argument, message in conflicts]:
            raise UserError(*problems)
        longest = None if not spot else self._seconds * 2 if wait is None else wait * 60
        return spot, longest, keep

    def _variables(self, job: TrainingJob) -> dict[str, Value]:
        """Those of a training job; the limit of its rows is one of them."""
        limit = self._settings.training.max_rows
        return {**({MAX_ROWS: limit} if limit else {}), **(job.environment or {})}

    def _network(self) -> NetworkConfig | None:
        environment = self._environment
        if not (environment.subnets or environment.security_groups or environment.network_isolation):
            return None
        return NetworkConfig(
            enable_network_isolation=environment.network_isolation,
            subnets=environment.subnets or None,
            security_group_ids=environment.security_groups or None,
        )

    def networking(self) -> Networking | None:
        if self._network() is None:
            return None
        return Networking(
            subnets=self._environment.subnets or None,
            security_group_ids=self._environment.security_groups or None,
            enable_network_isolation=self._environment.network_isolation,
        )


def own_script(script: str, command: Sequence[str] = (), environment: Mapping[str, Value] | None = None) -> str:
    """The script whose code the step needs; empty for all code, if the step itself says that it may need more."""
    more = any(word in ("-c", "-m") or ".py" in word for word in command) or "PYTHONPATH" in (environment or {})
    return "" if more else script


def channels_of(channels: Mapping[str, Uri]) -> list[InputData]:
    return [InputData(channel_name=name, data_source=uri) for name, uri in channels.items()]


def text(value: Value) -> Any:
    """A value as text such as `true`, as AWS expects arguments, variables and hyperparameters.

    A value known only at run time is converted there.
    """
    if isinstance(value, PipelineVariable):
        return value.to_string()
    return value if isinstance(value, str) else json.dumps(value)


def texts(values: Mapping[str, Value] | None) -> dict[str, Any] | None:
    """Each value of a table as text; None for an empty table."""
    return {key: text(value) for key, value in values.items()} if values else None
