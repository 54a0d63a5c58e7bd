"""What several pipelines share: the data, and the way from a trained model through the quality gate to the registry."""

from __future__ import annotations

from typing import Any

from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo, ConditionLessThanOrEqualTo
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.steps import ProcessingStep

from sagemaker_ops import APPROVALS, Jobs, approved_model_of, is_remote


def prepare(jobs: Jobs) -> ProcessingStep:
    """The step that checks the data and splits them into the parts train, validation and test."""
    target, data = jobs.target, jobs.target.settings.data
    # data/schema.toml, if it exists: the type that each column must have.
    schema = {"schema": target.schema_uri} if target.schema_uri else {}
    on_spark = data.engine == "spark"
    step, script = (jobs.spark_step, "processing_spark.py") if on_spark else (jobs.processing_step, "processing.py")
    return step(
        "Processing",
        script,
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
    apart = None if largest is None else jobs.parameter("MaxGroupDifference", largest)
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
        arguments=[
            f"--gate-metric={gate.metric}",
            *([] if apart is None else ["--max-group-difference", apart]),
            *approved.arguments,
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

    def found(path: str) -> JsonGet:
        return JsonGet(step_name=evaluation.name, property_file=report, json_path=path)

    # All must hold: AWS allows no condition step in a branch of another. Any of them may be what failed.
    passes = ConditionGreaterThanOrEqualTo if gate.minimum is not None else ConditionLessThanOrEqualTo
    conditions = [passes(left=found("gate.value"), right=required)]
    others: list[Any] = []
    if apart is not None:
        conditions.append(ConditionLessThanOrEqualTo(left=found("group_gate.value"), right=apart))
        others += ["; ", found("group_gate.message")]
    if gate.against:
        tolerance = jobs.parameter("GateTolerance", gate.tolerance or 0.0)
        conditions.append(ConditionLessThanOrEqualTo(left=found("approved.worse_by"), right=tolerance))
        others += ["; ", found("approved.sentence"), " It may be worse by at most ", tolerance, "."]
    at = "at least" if gate.minimum is not None else "at most"
    words = f", {'and' if others else 'but'} the quality gate requires {at} "
    message = [f"{gate.metric} of the model is ", found("gate.value"), words, required, *others]
    quality = ConditionStep(
        name="QualityGate",
        conditions=conditions,
        if_steps=[register],
        else_steps=[FailStep(name="QualityGateFailed", error_message=Join(on="", values=message))],
    )
    return evaluation, quality
