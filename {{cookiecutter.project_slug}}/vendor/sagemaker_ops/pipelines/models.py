"""Models of a pipeline as objects of the SageMaker SDK: created, registered, and used for batch predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagemaker.core.drift_check_baselines import DriftCheckBaselines
from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.resources import Model
from sagemaker.core.shapes import ContainerDefinition, ModelPackageModelCard
from sagemaker.core.transformer import Transformer
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.serve.model_builder import ModelBuilder

from sagemaker_ops.pipelines import registration
from sagemaker_ops.pipelines.job_settings import JobSettings, Uri, Value, texts
from sagemaker_ops.project.target import Target

CONTENT_TYPES = ("text/csv", "application/json", "application/jsonlines")  # what inference.py accepts and returns


def builder(model_data: Uri, image: str, settings: JobSettings, session: PipelineSession) -> ModelBuilder:
    """The model in the archive `model_data`, served by its inference.py."""
    return ModelBuilder(
        role_arn=settings.role,
        image_uri=image,
        s3_model_data_url=model_data,
        env_vars={"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
        network=settings.networking(),
        sagemaker_session=session,
    )


def of_package(package: Uri, settings: JobSettings, session: PipelineSession) -> ModelBuilder:
    """The model of a version in the registry, given its ARN."""
    # A list of one: the SDK treats a model outside a list as a framework's model, and fails.
    model = Model(model_name="unused", primary_container=ContainerDefinition(model_package_name=package))
    return ModelBuilder(model=[model], role_arn=settings.role, network=settings.networking(), sagemaker_session=session)


def create(name: str, model: ModelBuilder, settings: JobSettings) -> ModelStep:
    """A step that creates the model, in the network that its transform jobs then run in."""
    model.add_tags(settings.tags)
    return ModelStep(name=name, step_args=model.build())


def register(
    name: str,
    model: ModelBuilder,
    target: Target,
    origin: registration.Origin,
    approval_status: Uri,
    content_types: Sequence[str],
) -> ModelStep:
    """A step that registers the model in the project's model package group, with its metrics, card and origin."""
    measured = {
        "model_statistics": _json_at(origin.evaluation),
        "model_data_statistics": _json_at(origin.summary),
    }
    known = any(measured.values())
    instances = target.settings.instances
    step_args = model.register(
        model_package_group_name=target.model_package_group,
        content_types=list(content_types),
        response_types=list(content_types),
        inference_instances=[instances.endpoint],
        transform_instances=[instances.transform],
        approval_status=approval_status,
        model_metrics=ModelMetrics(**measured) if known else None,
        # What later data and models are compared with.
        drift_check_baselines=DriftCheckBaselines(**measured) if known else None,
        customer_metadata_properties=registration.metadata(target, origin),
        model_card=ModelPackageModelCard(model_card_content=registration.card(target), model_card_status="Draft"),
    )
    return ModelStep(name=name, step_args=step_args)


def _json_at(uri: Uri | None) -> MetricsSource | None:
    return None if uri is None else MetricsSource(s3_uri=uri, content_type="application/json")


def transformer(
    settings: JobSettings,
    model: ModelStep,
    instance_type: Uri,
    instance_count: int,
    output: Any,
    accept: str,
    environment: Mapping[str, Value] | None,
    session: PipelineSession,
) -> Transformer:
    """Predicts for each line, with as many lines as fit into a request."""
    return Transformer(
        model_name=model.properties.ModelName,
        instance_count=instance_count,
        instance_type=instance_type,
        strategy="MultiRecord",
        assemble_with="Line",
        accept=accept,
        output_path=output,
        output_kms_key=settings.kms_key,
        volume_kms_key=settings.kms_key,
        env=texts(environment),
        tags=settings.tags,
        sagemaker_session=session,
    )
