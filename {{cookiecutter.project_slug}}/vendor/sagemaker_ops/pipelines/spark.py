"""The processing step on Spark: a SageMaker processing job with an image for Spark, or a step of EMR Serverless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagemaker.core.workflow.functions import Join
from sagemaker.mlops.workflow.emr_serverless_step import EMRServerlessJobConfig, EMRServerlessStep

from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.guardrails import image_check
from sagemaker_ops.pipelines.job_settings import Uri, Value, text
from sagemaker_ops.pipelines.processing import folder_of, shortened
from sagemaker_ops.project.settings import FILE, LOCAL, PLAIN
from sagemaker_ops.project.spark import SERVERLESS
from sagemaker_ops.project.target import Target

COMMAND = "smspark-submit"
PLACEHOLDER = "spark"  # the image of a run on this machine, which uses none
_PYTHON = "./environment/bin/python"
_SUMMARY = "summary"  # the output that the driver writes


def step(
    jobs: Any,
    name: str,
    script: str,
    inputs: Mapping[str, Uri],
    outputs: Sequence[str],
    arguments: Sequence[Value],
    others: Mapping[str, Any],
) -> tuple[Any, dict[str, Any]]:
    """The step, and {output: its URI} if the step itself does not know. jobs: the Jobs that
    make it; others: of Jobs.processing_step."""
    settings = jobs.target.settings.spark
    uris = {each: jobs.run_uri(name.lower(), each) for each in outputs}
    if settings.runs_on == SERVERLESS:
        return _serverless_step(jobs.target, name, script, inputs, uris, arguments, others.get("depends_on", ())), uris
    given, inputs = shortened([text(each) for each in arguments], inputs, jobs.target, shell=True)
    _check_words(name, given)
    more = _on_s3(uris, summary=False) if settings.instance_count > 1 else []
    made = jobs.processing_step(
        name,
        script,
        inputs=inputs,
        outputs=outputs,
        arguments=[*given, *more],
        instance_count=settings.instance_count,
        image=_image(jobs.target),
        command=(COMMAND,),
        **{**others, "cached": others.get("cached", True) and not more},
    )
    return made, {}


def _image(target: Target) -> str:
    """[spark].image; UserError if there is none, for AWS's own Spark image lacks pyarrow."""
    found = target.settings.spark.image
    if not found and target.environment != LOCAL:
        raise UserError(Problem(image_check.NO_SPARK_IMAGE, f"{FILE} [spark].image"))
    return found or PLACEHOLDER


def _check_words(step: str, arguments: Sequence[Any]) -> None:
    """UserError for an argument that the shell of the image would take apart."""
    wrong = [each for each in arguments if isinstance(each, str) and not PLAIN.fullmatch(each)]
    if wrong:
        raise UserError(
            f"step '{step}': the Spark image passes its arguments through a shell, which would take {wrong[0]!r} "
            "apart: pass it in a file, as @/opt/ml/processing/<input>/<file>."
        )


def _on_s3(uris: Mapping[str, Uri], summary: bool) -> list[Value]:
    """The arguments that let the workers write to S3 themselves; summary: the driver, too."""
    named = [each for each in uris if summary or each != _SUMMARY]
    return [word for each in named for word in (f"--{each}-dir", uris[each])]


def _serverless_step(
    target: Target,
    name: str,
    script: str,
    inputs: Mapping[str, Uri],
    outputs: Mapping[str, Uri],
    arguments: Sequence[Value],
    depends_on: Sequence[Any],
) -> EMRServerlessStep:
    """The script as a job of EMR Serverless; where an argument names the folder of an input, it gets its S3 URI.

    It is never cached: the URIs of its outputs are those of the execution.
    """
    given = [_with_uris(each, inputs) for each in arguments] + _on_s3(outputs, summary=True)
    driver = {
        "entryPoint": f"{target.code_uri_of(script)}{script}",
        "entryPointArguments": given,
        "sparkSubmitParameters": _parameters(target, script),
    }
    config = EMRServerlessJobConfig(
        execution_role_arn=target.environment.emr_role,
        execution_timeout_minutes=target.settings.pipeline.max_runtime_minutes,
        job_driver={"sparkSubmit": driver},
    )
    return EMRServerlessStep(
        name=name,
        display_name=name,
        description=f"{script} on EMR Serverless",
        application_id=target.environment.emr_application,
        job_config=config,
        depends_on=list(depends_on) or None,
    )


def _with_uris(argument: Value, inputs: Mapping[str, Uri]) -> Value:
    for name, uri in inputs.items():
        if isinstance(argument, str) and folder_of(name) in argument:
            before, _, after = argument.partition(folder_of(name))
            after = after.lstrip("/") if isinstance(uri, str) and uri.endswith("/") else after
            values = [each for each in (before, uri, after) if each != ""]
            return "".join(map(str, values)) if isinstance(uri, str) else Join(on="", values=values)
    return argument


def _parameters(target: Target, script: str) -> str:
    """What spark-submit gets."""
    spark = target.settings.spark
    settings = {
        "spark.executor.instances": spark.executors,
        "spark.dynamicAllocation.maxExecutors": spark.executors,
        "spark.executor.cores": spark.executor_cores,
        "spark.executor.memory": f"{spark.executor_memory_gb}g",
        "spark.driver.memory": f"{spark.driver_memory_gb}g",
    }
    if spark.packages:
        settings |= {
            "spark.archives": f"{spark.packages}#environment",
            "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": _PYTHON,
            "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": _PYTHON,
            "spark.executorEnv.PYSPARK_PYTHON": _PYTHON,
        }
    words = [
        f"--py-files {target.archive_uri_of(script)}",
        *(f"--conf {key}={value}" for key, value in settings.items()),
    ]
    return " ".join(words)
