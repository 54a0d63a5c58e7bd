"""The pipeline `train`: processing, training, evaluation, and registration of a model that passes the gate.

`ops run train` runs it on this machine, `ops compile train` prints the definition that AWS gets.
"""

from __future__ import annotations

from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo, ConditionLessThanOrEqualTo
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.pipeline import Pipeline

from sagemaker_ops import APPROVALS, Jobs, Target, is_remote


def get_pipeline(target: Target, session: PipelineSession) -> Pipeline:
    """The pipeline for one environment; `ops` calls this and knows the pipeline by the name of this file."""
    jobs, settings = Jobs(target, session), target.settings
    data, gate, instances = settings.data, settings.gate, settings.instances

    # Parameters that each execution can set: `ops run train --param QualityGate=0.8`
    input_data = ParameterString("InputDataUrl", default_value=target.data_uri)
    processing_instance = ParameterString("ProcessingInstanceType", default_value=instances.processing)
    training_instance = ParameterString("TrainingInstanceType", default_value=instances.training)
    quality_gate = ParameterFloat("QualityGate", default_value=gate.value)
    approval_status = ParameterString(
        "ModelApprovalStatus", default_value=settings.pipeline.approval_status, enum_values=list(APPROVALS)
    )
    parameters = [input_data, processing_instance, training_instance, quality_gate, approval_status]

    # data/schema.toml, if it exists: the type that each column must have.
    schema = {"schema": target.schema_uri} if target.schema_uri else {}
    processing = jobs.processing_step(
        "Processing",
        "processing.py",
        instance_type=processing_instance,
        inputs={"data": input_data, **schema},
        outputs=["train", "validation", "test", "summary"],
        arguments=[
            "--input-dir=/opt/ml/processing/data",
            *data.arguments,
            *(["--schema=/opt/ml/processing/schema/schema.toml"] if schema else []),
        ],
        # AWS's cache compares only the URI, but the content of an s3:// source can change.
        cached=not is_remote(data.source),
    )
    training = jobs.training_step(
        "Training",
        "training.py",
        instance_type=training_instance,
        channels={name: jobs.output(processing, name) for name in ("train", "validation", "summary")},
        hyperparameters=jobs.hyperparameters,
    )
    model_data = training.properties.ModelArtifacts.S3ModelArtifacts
    report = PropertyFile(name="EvaluationReport", output_name="evaluation", path="evaluation.json")
    evaluation = jobs.processing_step(
        "Evaluation",
        "evaluation.py",
        instance_type=instances.steps.get("evaluation", processing_instance),
        inputs={"model": model_data, **{name: jobs.output(processing, name) for name in ("test", "summary")}},
        outputs=["evaluation"],
        arguments=[f"--gate-metric={gate.metric}"],
        property_files=[report],
    )
    register = jobs.register_step(
        "Register",
        model_data,
        evaluation=Join(on="/", values=[jobs.output(evaluation, "evaluation"), "evaluation.json"]),
        approval_status=approval_status,
    )
    reached = JsonGet(step_name=evaluation.name, property_file=report, json_path="gate.value")
    required = f", but the quality gate requires {'at least' if gate.minimum is not None else 'at most'} "
    message = Join(on="", values=[f"{gate.metric} of the model is ", reached, required, quality_gate])
    failed = FailStep(name="QualityGateFailed", error_message=message)
    passes = ConditionGreaterThanOrEqualTo if gate.minimum is not None else ConditionLessThanOrEqualTo
    quality = ConditionStep(
        name="QualityGate",
        conditions=[passes(left=reached, right=quality_gate)],
        if_steps=[register],
        else_steps=[failed],
    )
    steps = [processing, training, evaluation, quality]
    return jobs.pipeline("train", steps, [*parameters, *jobs.hyperparameters.values()])
