"""What several pipelines share: the data, and the way from a trained model through the quality gate to the registry."""

from __future__ import annotations

from typing import Any

from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo, ConditionLessThanOrEqualTo
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.steps import ProcessingStep

from sagemaker_ops import APPROVALS, Jobs, is_remote


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
    largest = settings.evaluation.max_group_difference
    allowed = jobs.parameter("MaxGroupDifference", largest) if largest is not None else None
    evaluation = jobs.processing_step(
        "Evaluation",
        "evaluation.py",
        instance_type=settings.instances.steps.get("evaluation", instance),
        inputs={"model": model_data, **{name: jobs.output(processing, name) for name in ("test", "summary")}},
        outputs=["evaluation"],
        arguments=[
            f"--gate-metric={gate.metric}",
            *(["--max-group-difference", allowed] if allowed is not None else []),
        ],
        property_files=[report],
    )
    register = jobs.register_step(
        "Register",
        model_data,
        evaluation=Join(on="/", values=[jobs.output(evaluation, "evaluation"), "evaluation.json"]),
        summary=Join(on="/", values=[jobs.output(processing, "summary"), "summary.json"]),
        data=jobs.parameter("InputDataUrl", jobs.target.data_uri),
        approval_status=jobs.parameter("ModelApprovalStatus", settings.pipeline.approval_status, APPROVALS),
    )
    reached = JsonGet(step_name=evaluation.name, property_file=report, json_path="gate.value")
    joint = "but" if allowed is None else "and"  # the groups may be what failed
    words = f", {joint} the quality gate requires {'at least' if gate.minimum is not None else 'at most'} "
    said = [f"{gate.metric} of the model is ", reached, words, required]
    passes = ConditionGreaterThanOrEqualTo if gate.minimum is not None else ConditionLessThanOrEqualTo
    conditions = [passes(left=reached, right=required)]
    if allowed is not None:  # and the groups are not too far apart
        apart, sentence = (
            JsonGet(step_name=evaluation.name, property_file=report, json_path=f"group_gate.{key}")
            for key in ("value", "message")
        )
        conditions.append(ConditionLessThanOrEqualTo(left=apart, right=allowed))
        said += ["; ", sentence]
    failed = FailStep(name="QualityGateFailed", error_message=Join(on="", values=said))
    quality = ConditionStep(
        name="QualityGate",
        conditions=conditions,
        if_steps=[register],
        else_steps=[failed],
    )
    return evaluation, quality
