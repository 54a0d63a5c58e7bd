"""The steps of a pipeline as objects of the SageMaker SDK v3: `jobs.processing_step(…)` and others.

Role, image, encryption, network, time limit, cache and tags come from project.toml, so that a pipeline file says only
what runs on what. Code and data are always S3 URIs: the SDK would upload a local folder under a timestamp, and no step
would ever be found in the cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagemaker.core.processing import Processor
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep, TransformStep

from sagemaker_ops.errors import UserError
from sagemaker_ops.pipelines import models, registration, spark, tuning
from sagemaker_ops.pipelines.job_settings import (
    JobSettings,
    TrainingJob,
    Uri,
    Value,
    channels_of,
    own_script,
    text,
    texts,
)
from sagemaker_ops.pipelines.processing import Folders, entrypoint, shortened
from sagemaker_ops.pipelines.whole import Whole
from sagemaker_ops.project.target import Target

DependsOn = Sequence[Any]


class Jobs(Whole):
    """Creates the steps of one pipeline for one target, and the pipeline."""

    def __init__(self, target: Target, session: PipelineSession) -> None:
        super().__init__(target, session)
        self._settings = JobSettings(target)
        self._uris: dict[str, dict[str, Any]] = {}

    def image(self, step: str) -> str:
        """The image URI of a step: AWS's scikit-learn image for a version, or the full URI in [images]."""
        return self._settings.image(step)

    def instance_type(self, step: str, use: str) -> str:
        """The instance type of a step in [instances]: its own, or that of the use (processing, training, transform)."""
        return self.target.settings.instances.of(step, use)

    def run_uri(self, *parts: str) -> Join:
        """A folder of the running execution: `…/runs/<execution>/<parts>`."""
        return Join(on="/", values=[self.target.runs_uri, ExecutionVariables.PIPELINE_EXECUTION_ID, *parts])

    def output(self, step: ProcessingStep, name: str) -> Any:
        """The S3 folder of an output of a processing or Spark step.

        Read from a property, not built from this execution's folder: a cached step's output is in an earlier one's.
        """
        if uris := self._uris.get(step.name):  # of EMR Serverless, whose steps have no properties
            return uris[name]
        return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri

    def processing_step(
        self,
        name: str,
        script: str,
        *,
        inputs: Mapping[str, Uri],
        outputs: Sequence[str],
        arguments: Sequence[Value] = (),
        instance_type: Uri | None = None,
        instance_count: int = 1,
        image: str | None = None,
        environment: Mapping[str, Value] | None = None,
        property_files: Sequence[PropertyFile] = (),
        cached: bool = True,
        depends_on: DependsOn = (),
        command: Sequence[str] = ("python3",),
    ) -> ProcessingStep:
        """Runs `python3 <script>` with each input and each output at /opt/ml/processing/<its name>.

        If production/steps has a requirements.txt, it is installed first, as in a training job.

        arguments: those of [data], if they are too long for AWS, become one such as @/folder/file, for argparse's
        fromfile_prefix_chars="@".
        image: a URI that replaces the one in [images]. environment: variables of the script. cached: whether AWS may
        reuse the result of an earlier execution with the same arguments and URIs.
        """
        given, inputs = shortened([text(each) for each in arguments], inputs, self.target)
        code_uri = self.target.code_uri_of(own_script(script, command, environment))
        folders = Folders(name, inputs, code_uri, {each: self.run_uri(name.lower(), each) for each in outputs})
        processor = Processor(
            **self._settings.processor(self.image(name) if image is None else image),
            entrypoint=entrypoint(command, script, self.target),
            instance_type=instance_type or self.instance_type(name, "processing"),
            instance_count=instance_count,
            env=texts(environment),
            sagemaker_session=self.session,
        )
        step_args = processor.run(inputs=folders.inputs, outputs=folders.outputs, arguments=given or None)
        return ProcessingStep(
            name=name,
            step_args=step_args,
            property_files=list(property_files),
            cache_config=self._settings.cache(cached),
            depends_on=list(depends_on) or None,
        )

    def spark_step(
        self,
        name: str,
        script: str,
        *,
        inputs: Mapping[str, Uri],
        outputs: Sequence[str],
        arguments: Sequence[Value] = (),
        **others: Any,
    ) -> Any:
        """Runs the script with Spark, where [spark] says; all arguments as for processing_step.

        The script takes the folder of each output as `--<output>-dir`, which may be an S3 URI.
        """
        made, self._uris[name] = spark.step(self, name, script, inputs, outputs, arguments, others)
        return made

    def training_step(
        self,
        name: str,
        script: str,
        *,
        channels: Mapping[str, Uri],
        hyperparameters: Mapping[str, Value] | None = None,
        instance_type: Uri | None = None,
        image: str | None = None,
        environment: Mapping[str, Value] | None = None,
        spot: bool | None = None,
        max_wait_minutes: int | None = None,
        keep_alive_minutes: int | None = None,
        cached: bool = True,
        depends_on: DependsOn = (),
    ) -> TrainingStep:
        """Runs the script with each channel at /opt/ml/input/data/<channel> and `--<hyperparameter> <value>`.

        spot, max_wait_minutes, keep_alive_minutes: replace those in [training]. The others are as for processing_step.
        """
        job = TrainingJob(
            name, script, hyperparameters or {}, instance_type, image, environment, spot, max_wait_minutes,
            keep_alive_minutes,
        )  # fmt: skip
        return TrainingStep(
            name=name,
            step_args=self._settings.trainer(job, self.session, channels).train(),
            cache_config=self._settings.cache(cached),
            depends_on=list(depends_on) or None,
        )

    def tuning_step(
        self,
        name: str,
        script: str,
        *,
        channels: Mapping[str, Uri],
        ranges: Mapping[str, tuning.Range] | None = None,
        metric: str | None = None,
        maximize: bool | None = None,
        max_jobs: Value | None = None,
        max_parallel_jobs: Value | None = None,
        strategy: Value | None = None,
        seed: Value | None = None,
        hyperparameters: Mapping[str, Value] | None = None,
        instance_type: Uri | None = None,
        image: str | None = None,
        environment: Mapping[str, Value] | None = None,
        spot: bool | None = None,
        max_wait_minutes: int | None = None,
        cached: bool = True,
        depends_on: DependsOn = (),
    ) -> tuning.Tuning:
        """Runs training jobs with values from ranges; the model of the best one is `jobs.best_model(step)`.

        ranges, metric, max_jobs, max_parallel_jobs, strategy: replace those in [tuning]. A range is (low, high),
        (low, high, scale) or a list of values. The script prints the metric `validation:auc` as `validation:auc=0.7;`.
        seed: the same one tries the same values at random. The others as for training_step.
        """
        search = tuning.Search.of(
            self.target.settings, ranges, metric, maximize, max_jobs, max_parallel_jobs, strategy, seed
        )
        fixed = {key: value for key, value in (hyperparameters or {}).items() if key not in search.ranges}
        job = TrainingJob(name, script, fixed, instance_type, image, environment, spot, max_wait_minutes)
        return tuning.step(
            name,
            self._settings.trainer(job, self.session),
            search,
            channels_of(channels),
            self._settings,
            self._settings.cache(cached),
            list(depends_on) or None,
        )

    def best_model(self, step: tuning.Tuning) -> Any:
        """The S3 URI of the model archive of the best job of a tuning step."""
        bucket, _, prefix = self.target.models_uri.removeprefix("s3://").partition("/")
        return step.get_top_model_s3_uri(top_k=0, s3_bucket=bucket, prefix=prefix)

    def create_model_step(
        self, name: str, *, model_data: Uri | None = None, model_package: Uri | None = None, image: str | None = None
    ) -> ModelStep:
        """Creates the model for a transform step: from a model archive, or from a version in the model registry."""
        if (model_data is None) == (model_package is None):
            raise UserError(f"step '{name}': give create_model_step either model_data or model_package.")
        if model_package is not None:
            model = models.of_package(model_package, self._settings, self.session)
        else:
            model = self._model(name, model_data, image)
        return models.create(name, model, self._settings)

    def transform_step(
        self,
        name: str,
        model: ModelStep,
        *,
        data: Uri,
        content_type: str = "text/csv",
        accept: str = "text/csv",
        instance_type: Uri | None = None,
        instance_count: int = 1,
        join_source: str = "None",
        input_filter: str | None = None,
        output_filter: str | None = None,
        environment: Mapping[str, Value] | None = None,
        cached: bool = True,
        depends_on: DependsOn = (),
    ) -> TransformStep:
        """Predicts for each line of the objects at `data`; the answers are at `jobs.run_uri(<name in lower case>)`.

        join_source, the filters: https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html.
        """
        transformer = models.transformer(
            self._settings, model, instance_type or self.instance_type(name, "transform"), instance_count,
            self.run_uri(name.lower()), accept, environment, self.session,
        )  # fmt: skip
        step_args = transformer.transform(
            data=data,
            content_type=content_type,
            split_type="Line",
            join_source=join_source,
            input_filter=input_filter,
            output_filter=output_filter,
            wait=False,
            logs=False,
        )
        return TransformStep(
            name=name,
            step_args=step_args,
            cache_config=self._settings.cache(cached),
            depends_on=list(depends_on) or None,
        )

    def register_step(
        self,
        name: str,
        model_data: Uri,
        *,
        evaluation: Uri | None = None,
        summary: Uri | None = None,
        data: Uri | None = None,
        approval_status: Uri | None = None,
        content_types: Sequence[str] = models.CONTENT_TYPES,
        image: str | None = None,
    ) -> ModelStep:
        """Registers the model archive as the next version of the project's model package group.

        evaluation, summary: the S3 URIs of its evaluation.json, and of the summary.json of its data, if there are any.
        data: that of the data, if not [data].source. approval_status: replaces [pipeline].approval_status.
        """
        data, execution = data or self.target.data_uri, ExecutionVariables.PIPELINE_EXECUTION_ARN
        origin = registration.Origin(evaluation, summary, data, self._started_by, execution)
        status = approval_status or self.target.settings.pipeline.approval_status
        model = self._model(name, model_data, image)
        return models.register(name, model, self.target, origin, status, content_types)

    def _model(self, name: str, model_data: Uri | None, image: str | None) -> Any:
        return models.builder(model_data, image or self._settings.serving_image(name), self._settings, self.session)
