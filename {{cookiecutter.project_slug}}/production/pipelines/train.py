"""The pipeline `train`: processing, training, evaluation, and registration of a model that passes the gate.

`ops run train` runs it on this machine, `ops compile train` prints the definition that AWS gets.
"""

from __future__ import annotations

from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline

from production.pipelines._common import judge, prepare
from sagemaker_ops import Jobs, Target


def get_pipeline(target: Target, session: PipelineSession) -> Pipeline:
    """The pipeline for one environment; `ops` calls this and knows the pipeline by the name of this file."""
    jobs = Jobs(target, session)
    processing = prepare(jobs)
    training = jobs.training_step(
        "Training",
        "training.py",
        # A parameter can be set for each execution: `ops run train --param TrainingInstanceType=ml.m5.2xlarge`
        instance_type=jobs.parameter("TrainingInstanceType", target.settings.instances.training),
        channels={name: jobs.output(processing, name) for name in ("train", "validation", "summary")},
        hyperparameters=jobs.hyperparameters,
    )
    model_data = training.properties.ModelArtifacts.S3ModelArtifacts
    evaluation, quality = judge(jobs, model_data, processing)
    steps = [processing, training, evaluation, quality]
    return jobs.pipeline("train", steps, list(jobs.hyperparameters.values()))
