"""What several pipelines share: the data, and the way from a trained model through the quality gate to the registry."""

from __future__ import annotations

from typing import Any

from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo, ConditionLessThanOrEqualTo
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.steps import ProcessingStep

from sagemaker_ops import APPROVALS, Jobs, approved_model_of, is_remote


def prepare(jobs: Jobs) -> ProcessingStep:
    """The step that checks the data and splits them into the parts train, validation and test."""
    target, data = jobs.target, jobs.target.settings.data
    # data/schema.toml, if it exists: the type that each column must have.
    schema = {"schema": target.schema_uri} if target.schema_uri else {}
    return jobs.processing_step(
        "Processing",
        "processing.py",
        instance_type=jobs.parameter("ProcessingInstanceType", target.settings.instances.processing),
        inputs={"data": jobs.parameter("InputDataUrl", target.data_uri), **schema},
        outputs=["train", "validation", "test", "summary"],
        arguments=[
            "--input-dir=/opt/ml/processing/data",
            *data.arguments,
            *(["--schema=/opt/ml/processing/schema/schema.toml"] if schema else []),
        ],
        # AWS's cache compares only the URI, but the content of an s3:// source can change.
        cached=not is_remote(data.source),
    )


def judge(jobs: Jobs, model_data: Any, processing: ProcessingStep) -> tuple[ProcessingStep, ConditionStep]:
    """The steps that measure the model on the test part, and register it if it passes the quality gate.

    model_data: the S3 URI of its archive.
    """
    settings, gate = jobs.target.settings, jobs.target.settings.gate
    instance = jobs.parameter("ProcessingInstanceType", settings.instances.processing)
    required = jobs.parameter("QualityGate", gate.value)
    report = PropertyFile(name="EvaluationReport", output_name="evaluation", path="evaluation.json")
    approved = approved_model_of(jobs, "evaluation.py")  # nothing without [gate].against
    evaluation = jobs.processing_step(
        "Evaluation",
        "evaluation.py",
        instance_type=settings.instances.steps.get("evaluation", instance),
        inputs={
            "model": model_data,
            **{name: jobs.output(processing, name) for name in ("test", "summary")},
            **approved.inputs,
        },
        outputs=["evaluation"],
        arguments=[f"--gate-metric={gate.metric}", *approved.arguments],
        property_files=[report],
    )
    register = jobs.register_step(
        "Register",
        model_data,
        evaluation=Join(on="/", values=[jobs.output(evaluation, "evaluation"), "evaluation.json"]),
        approval_status=jobs.parameter("ModelApprovalStatus", settings.pipeline.approval_status, APPROVALS),
    )
    reached = JsonGet(step_name=evaluation.name, property_file=report, json_path="gate.value")
    words = f", but the quality gate requires {'at least' if gate.minimum is not None else 'at most'} "
    message = Join(on="", values=[f"{gate.metric} of the model is ", reached, words, required])
    failed = FailStep(name="QualityGateFailed", error_message=message)
    passes = ConditionGreaterThanOrEqualTo if gate.minimum is not None else ConditionLessThanOrEqualTo
    quality = ConditionStep(
        name="QualityGate",
        conditions=[passes(left=reached, right=required)],
        if_steps=[_compare(jobs, report, register) if gate.against else register],
        else_steps=[failed],
    )
    return evaluation, quality


def _compare(jobs: Jobs, report: PropertyFile, register: ModelStep) -> ConditionStep:
    """Registers a model that is not worse than the approved one by more than the tolerance."""
    allowed = jobs.parameter("GateTolerance", jobs.target.settings.gate.tolerance or 0.0)
    worse_by, sentence = (
        JsonGet(step_name="Evaluation", property_file=report, json_path=f"approved.{key}")
        for key in ("worse_by", "sentence")
    )
    message = Join(on="", values=[sentence, " It may be worse by at most ", allowed, "."])
    return ConditionStep(
        name="ApprovedModelGate",
        conditions=[ConditionLessThanOrEqualTo(left=worse_by, right=allowed)],
        if_steps=[register],
        else_steps=[FailStep(name="WorseThanApprovedModel", error_message=message)],
    )
