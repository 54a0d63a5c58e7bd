"""The pipeline `train`: processing, training, evaluation, and registration of a model that passes the gate.

`ops run train` runs it on this machine, `ops compile train` prints the definition that AWS gets.
"""

from __future__ import annotations

from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.workflow.conditions import (
    ConditionGreaterThanOrEqualTo,
    ConditionLessThanOrEqualTo,
)
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline

from ops.data import is_remote
from ops.jobs import Jobs, hyperparameters
from ops.settings import APPROVALS
from ops.target import Target

CONTENT_TYPES = ["text/csv", "application/json", "application/jsonlines"]


def get_pipeline(target: Target, session: PipelineSession) -> Pipeline:
    """The pipeline for one environment; `ops` calls this and knows the pipeline by the name of this file."""
    jobs = Jobs(target, session)
    settings = target.settings
    data, gate, instances = settings.data, settings.gate, settings.instances

    # What can be set at each start: `ops run train --param QualityGate=0.8`
    input_data = ParameterString("InputDataUrl", default_value=target.data_uri)
    processing_instance = ParameterString("ProcessingInstanceType", default_value=instances.processing)
    training_instance = ParameterString("TrainingInstanceType", default_value=instances.training)
    quality_gate = ParameterFloat("QualityGate", default_value=gate.value)
    approval_status = ParameterString(
        "ModelApprovalStatus",
        default_value=settings.pipeline.approval_status,
        enum_values=list(APPROVALS),
    )
    model_parameters = hyperparameters(target)
    # data/schema.toml, where it is kept: the type that each column must have.
    kept_schema = {"schema": target.schema_uri} if target.schema_uri else {}

    processing = jobs.processing_step(
        "Processing",
        "processing.py",
        instance_type=processing_instance,
        inputs={"data": input_data, **kept_schema},
        outputs=["train", "validation", "test", "summary"],
        arguments=[
            "--input-dir=/opt/ml/processing/data",
            f"--target={data.target}",
            f"--problem={data.problem}",
            *(f"--exclude={column}" for column in data.exclude),
            *([f"--weight={data.weight}"] if data.weight else []),
            *([f"--id={data.id}"] if data.id else []),
            *(["--schema=/opt/ml/processing/schema/schema.toml"] if kept_schema else []),
            f"--split={data.split}",
            *([f"--split-column={data.split_column}"] if data.split_column else []),
            f"--test-share={data.test_share}",
            f"--validation-share={data.validation_share}",
        ],
        # AWS's cache looks at the URI only, and what an s3:// source holds can change under it.
        cached=not is_remote(data.source),
    )
    processed = processing.properties.ProcessingOutputConfig.Outputs

    training = jobs.training_step(
        "Training",
        "training.py",
        instance_type=training_instance,
        channels={name: processed[name].S3Output.S3Uri for name in ("train", "validation", "summary")},
        hyperparameters=model_parameters,
    )
    model_data = training.properties.ModelArtifacts.S3ModelArtifacts

    report = PropertyFile(name="EvaluationReport", output_name="evaluation", path="evaluation.json")
    evaluation = jobs.processing_step(
        "Evaluation",
        "evaluation.py",
        instance_type=processing_instance,
        inputs={"model": model_data, "test": processed["test"].S3Output.S3Uri},
        outputs=["evaluation"],
        arguments=[f"--gate-metric={gate.metric}"],
        property_files=[report],
    )
    evaluated = evaluation.properties.ProcessingOutputConfig.Outputs["evaluation"]
    reached = JsonGet(step_name=evaluation.name, property_file=report, json_path="gate.value")

    register = ModelStep(
        name="Register",
        step_args=jobs.model_builder(model_data).register(
            model_package_group_name=target.model_package_group,
            content_types=CONTENT_TYPES,
            response_types=CONTENT_TYPES,
            inference_instances=[instances.endpoint],
            transform_instances=[instances.transform],
            approval_status=approval_status,
            model_metrics=ModelMetrics(
                model_statistics=MetricsSource(
                    # By property, not by this execution's folder: a cached evaluation lies in an earlier one's.
                    s3_uri=Join(on="/", values=[evaluated.S3Output.S3Uri, "evaluation.json"]),
                    content_type="application/json",
                )
            ),
        ),
    )
    at_least = gate.minimum is not None
    failed = FailStep(
        name="QualityGateFailed",
        error_message=Join(
            on="",
            values=[
                f"{gate.metric} of the model is ",
                reached,
                f", and the quality gate asks for {'at least' if at_least else 'at most'} ",
                quality_gate,
            ],
        ),
    )
    passes = ConditionGreaterThanOrEqualTo if at_least else ConditionLessThanOrEqualTo
    quality = ConditionStep(
        name="QualityGate",
        conditions=[passes(left=reached, right=quality_gate)],
        if_steps=[register],
        else_steps=[failed],
    )
    return Pipeline(
        name=target.pipeline_name("train"),
        parameters=[
            input_data,
            processing_instance,
            training_instance,
            quality_gate,
            approval_status,
            *model_parameters.values(),
        ],
        steps=[processing, training, evaluation, quality],
        sagemaker_session=session,
    )
