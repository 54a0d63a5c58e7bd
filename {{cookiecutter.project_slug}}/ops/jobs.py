"""What every SageMaker job of this project carries, as objects of the SageMaker SDK v3.

Role, image, encryption, network, time limit and tags come from project.toml here, once, so that a pipeline file says
only what runs on what. Code and data are S3 URIs throughout: given a local folder, the SDK would upload it under a
timestamp, and no step would ever be found in the cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from sagemaker.core import image_uris
from sagemaker.core.helper.pipeline_variable import PipelineVariable
from sagemaker.core.network import NetworkConfig
from sagemaker.core.processing import Processor
from sagemaker.core.shapes import (
    OutputDataConfig,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
    StoppingCondition,
    Tag,
)
from sagemaker.core.training.configs import Compute, InputData, Networking
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.core.workflow.parameters import (
    Parameter,
    ParameterBoolean,
    ParameterFloat,
    ParameterInteger,
    ParameterString,
)
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer

from ops.target import Target

CODE = "/opt/ml/processing/input/code"
Uri: TypeAlias = "str | PipelineVariable"


class Jobs:
    """Makes the steps of one pipeline for one target."""

    def __init__(self, target: Target, session: PipelineSession) -> None:
        self.target = target
        self.session = session
        self.settings = target.settings
        self.environment = target.environment
        self.max_runtime = self.settings.pipeline.max_runtime_minutes * 60

    def image(self, step: str) -> str:
        """The image URI of a step: of AWS's scikit-learn image for a version, or what [images] names in full."""
        wanted: str = getattr(self.settings.images, step)
        if "/" in wanted:
            return wanted
        return str(
            image_uris.retrieve(
                "sklearn",
                region=self.target.region,
                version=wanted,
                py_version="py3",
                instance_type="ml.m5.xlarge",  # tells CPU from GPU, and this framework has one image
                image_scope="inference" if step == "inference" else "training",
            )
        )

    def run_uri(self, *parts: str) -> Join:
        """A folder of the running execution: `…/runs/<execution>/<parts>`."""
        return Join(on="/", values=[self.target.runs_uri, ExecutionVariables.PIPELINE_EXECUTION_ID, *parts])

    def processing_step(
        self,
        name: str,
        script: str,
        *,
        instance_type: Uri,
        inputs: Mapping[str, Uri],
        outputs: Sequence[str],
        arguments: Sequence[str | PipelineVariable],
        property_files: Sequence[PropertyFile] = (),
        cached: bool = True,
    ) -> ProcessingStep:
        """Runs `python3 <script>` with each input at /opt/ml/processing/<name> and each output likewise."""
        processor = Processor(
            role=self.environment.role,
            image_uri=self.image(name.lower()),
            entrypoint=["python3", f"{CODE}/{script}"],
            instance_type=instance_type,
            instance_count=1,
            volume_size_in_gb=self.settings.pipeline.volume_size_gb,
            volume_kms_key=self.environment.kms_key or None,
            output_kms_key=self.environment.kms_key or None,
            max_runtime_in_seconds=self.max_runtime,
            network_config=self._network(),
            tags=[{"Key": key, "Value": value} for key, value in self._tags()],
            sagemaker_session=self.session,
        )
        mounts = {name: f"/opt/ml/processing/{name}" for name in inputs} | {"code": CODE}
        arguments_of_job = processor.run(
            inputs=[
                ProcessingInput(
                    input_name=input_name,
                    s3_input=ProcessingS3Input(
                        s3_uri=uri,
                        local_path=mounts[input_name],
                        s3_data_type="S3Prefix",
                        s3_input_mode="File",
                    ),
                )
                for input_name, uri in {**inputs, "code": self.target.code_uri}.items()
            ],
            outputs=[
                ProcessingOutput(
                    output_name=output,
                    s3_output=ProcessingS3Output(
                        s3_uri=self.run_uri(name.lower(), output),
                        local_path=f"/opt/ml/processing/{output}",
                        s3_upload_mode="EndOfJob",
                    ),
                )
                for output in outputs
            ],
            arguments=list(arguments),
        )
        return ProcessingStep(
            name=name,
            step_args=arguments_of_job,
            property_files=list(property_files),
            cache_config=self._cache(cached),
        )

    def training_step(
        self,
        name: str,
        script: str,
        *,
        instance_type: Uri,
        channels: Mapping[str, Uri],
        hyperparameters: Mapping[str, Parameter],
    ) -> TrainingStep:
        """Runs the script with each channel at /opt/ml/input/data/<channel> and `--<hyperparameter> <value>`."""
        networking = None
        if self._network() is not None:
            networking = Networking(
                subnets=self.environment.subnets or None,
                security_group_ids=self.environment.security_groups or None,
                enable_network_isolation=self.environment.network_isolation,
            )
        trainer = ModelTrainer(
            role=self.environment.role,
            training_image=self.image(name.lower()),
            compute=Compute(
                instance_type=instance_type,
                instance_count=1,
                volume_size_in_gb=self.settings.pipeline.volume_size_gb,
                volume_kms_key_id=self.environment.kms_key or None,
            ),
            networking=networking,
            stopping_condition=StoppingCondition(max_runtime_in_seconds=self.max_runtime),
            hyperparameters={
                **{key: value.to_string() for key, value in hyperparameters.items()},
                # The two that tell the image's training toolkit which script of which archive to run.
                "sagemaker_program": script,
                "sagemaker_submit_directory": self.target.sourcedir_uri,
            },
            input_data_config=[InputData(channel_name=channel, data_source=uri) for channel, uri in channels.items()],
            output_data_config=OutputDataConfig(
                s3_output_path=f"{self.target.root_uri}/models", kms_key_id=self.environment.kms_key or None
            ),
            tags=[Tag(key=key, value=value) for key, value in self._tags()],
            sagemaker_session=self.session,
        )
        return TrainingStep(name=name, step_args=trainer.train(), cache_config=self._cache(True))

    def model_builder(self, model_data: Uri) -> ModelBuilder:
        """The model in the archive `model_data`, served by production/steps/inference.py, which lies in it."""
        return ModelBuilder(
            role_arn=self.environment.role,
            image_uri=self.image("inference"),
            s3_model_data_url=model_data,
            env_vars={
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            },
            sagemaker_session=self.session,
        )

    def _network(self) -> NetworkConfig | None:
        environment = self.environment
        if not (environment.subnets or environment.security_groups or environment.network_isolation):
            return None
        return NetworkConfig(
            enable_network_isolation=environment.network_isolation,
            subnets=environment.subnets or None,
            security_group_ids=environment.security_groups or None,
        )

    def _cache(self, cached: bool) -> CacheConfig:
        days = self.settings.pipeline.cache_days
        return CacheConfig(
            enable_caching=cached and days > 0, expire_after=f"P{days}D" if cached and days > 0 else None
        )

    def _tags(self) -> list[tuple[str, str]]:
        return [(key, value) for key, value in self.target.tags.items() if value]


def hyperparameters(target: Target) -> dict[str, Parameter]:
    """{hyperparameter: pipeline parameter} of [hyperparameters]; `max_iter` becomes the parameter `MaxIter`."""
    kinds: dict[type, type[Parameter]] = {
        bool: ParameterBoolean,
        int: ParameterInteger,
        float: ParameterFloat,
        str: ParameterString,
    }
    return {
        name: kinds[type(value)]("".join(word.capitalize() for word in name.split("_")), default_value=value)
        for name, value in target.settings.hyperparameters.items()
    }
