"""What a version of a model was made from: hyperparameters, data, schema, library and execution."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops import local, trace
from sagemaker_ops.aws import models
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError, aws_call, is_denied, is_not_found
from sagemaker_ops.aws.models import Read, Version
from sagemaker_ops.definition import tuning_type
from sagemaker_ops.definition.paths import at
from sagemaker_ops.project.parameter_names import parameter_of
from sagemaker_ops.store import Store

_JOB = re.compile(r"/([A-Za-z0-9][A-Za-z0-9-]*)/output/model(?:\.tar\.gz|/)?$")  # where a training job puts its model
_OLD = "an older library registered it"


@dataclass(frozen=True)
class Details:
    """A text is empty if it is not known. rows: of the data. unknown: {what is not known: why}."""

    hyperparameters: Mapping[str, str]
    data: str
    rows: int | None
    schema: str
    library: str
    execution: str
    unknown: Mapping[str, str]


def of(account: Account, version: Version) -> Details:
    """The details of a version on AWS; AwsError if AWS cannot be asked."""
    found, why = _of_training_job(account, version.package)
    if why and (given := _of_execution(account, version.package)):
        found, why = given, ""
    return _details(version, found, why, partial(models.read_json, account.s3))


def of_local(home: Path, version: Version) -> Details:
    """The same for a version on this machine; home: the project's .local folder."""
    found = next(_of_local_steps(home, version.package), None)
    why = "" if found is not None else "the execution that trained it is no longer on this machine"
    return _details(version, found or {}, why, Store(home / "s3").read_json)


def _details(version: Version, given: Mapping[str, str], why: str, read: Read) -> Details:
    kept = version.package.get(trace.METADATA)
    metadata = {key: value for key, value in kept.items() if isinstance(value, str)} if isinstance(kept, dict) else {}
    rows, uncounted = _rows(version.package, read)
    library = metadata.get(trace.LIBRARY, "")
    schema = metadata.get(trace.SCHEMA, "")
    execution = metadata.get(trace.EXECUTION, "")
    reasons = {
        "metrics": version.unread,
        "hyperparameters": why,
        "execution": "" if execution else _OLD,
        "data": "" if trace.DATA in metadata else _OLD,
        "rows": uncounted,
        "schema": "" if schema else "there was no data/schema.toml" if library else _OLD,
        "library": "" if library else _OLD,
        "started by": "" if version.started_by.who else "nobody is named in its StartedBy",
        "commit": "" if version.started_by.commit else "no commit is named in its StartedBy",
    }
    unknown = {what: reason for what, reason in reasons.items() if reason}
    return Details(user_values(given), metadata.get(trace.DATA, ""), rows, schema, library, execution, unknown)


def user_values(hyperparameters: Mapping[str, Any]) -> dict[str, str]:
    """Those that the script gets, as text; the others tell the training toolkit what to run."""
    own = ("sagemaker_", "_tuning_", "default_user_module_name")
    return {key: _plain(str(value)) for key, value in sorted(hyperparameters.items()) if not key.startswith(own)}


def _plain(value: str) -> str:
    """`none` for `"none"`, as the toolkit reads it."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if isinstance(found, str) else value


def _rows(package: Mapping[str, Any], read: Read) -> tuple[int | None, str]:
    """The rows of the data, from the summary of the processing step, or why they are not known."""
    uri = _text(package, "DriftCheckBaselines.ModelDataQuality.Statistics.S3Uri")
    if not uri:
        return None, "it was registered without a summary.json"
    content, why = models.content_at(uri, read)
    rows = content.get("rows") if isinstance(content, dict) else None
    if isinstance(rows, int) and not isinstance(rows, bool):
        return rows, ""
    return None, why or f"{uri} has no number of rows"


def _model_data(package: Mapping[str, Any]) -> str:
    container = "InferenceSpecification.Containers.*"
    paths = (f"{container}.ModelDataUrl", f"{container}.ModelDataSource.S3DataSource.S3Uri")
    return next(filter(None, (_text(package, path) for path in paths)), "")


def _text(found: Mapping[str, Any], path: str) -> str:
    """The text at a path; empty if there is none."""
    return next((each for each in at(found, path) if isinstance(each, str)), "")


def _of_training_job(account: Account, package: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """Of the training job whose model it is, which may be one of a tuning job."""
    job = _JOB.search(_model_data(package))
    if job is None:
        return {}, "no training job is named in the address of its model data"
    with aws_call(f"describe training job {job[1]}"):
        try:
            return account.sagemaker.describe_training_job(TrainingJobName=job[1]).get("HyperParameters", {}), ""
        except ClientError as error:
            if is_not_found(error):
                return {}, f"training job {job[1]} no longer exists"
            if is_denied(error):
                return {}, f"your role does not allow sagemaker:DescribeTrainingJob on {job[1]}"
            raise


def _of_execution(account: Account, package: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of its execution that [hyperparameters] has become; empty if they are not known."""
    arn = package.get(trace.METADATA, {}).get(trace.EXECUTION, "")
    keys = {parameter_of(key): key for key in account.settings.hyperparameters}
    try:
        pages = account.pages("list_pipeline_parameters_for_execution", "PipelineParameters", PipelineExecutionArn=arn)
        given = {each["Name"]: each["Value"] for each in pages} if arn else {}
    except AwsError as error:
        if isinstance(error.__cause__, ClientError):  # it is gone, or must not be read
            return {}
        raise
    return {keys[name]: value for name, value in given.items() if name in keys}


def _of_local_steps(home: Path, package: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Of each step on this machine that made the model."""
    uri = _model_data(package)
    job = _JOB.search(uri)
    steps = (step for execution in local.list_pipeline_executions(home) for step in execution.steps.values())
    for made in (step.properties for step in steps if uri):
        if uri == _text(made, "ModelArtifacts.S3ModelArtifacts"):
            yield from _tables(made, "HyperParameters")
        for each in at(made, "TrainingJobSummaries.*"):
            if job and _text(each, "TrainingJobName") == job[1]:
                yield {
                    **_fixed(made, each.get("TrainingJobDefinitionName")),
                    **_tables(each, "TunedHyperParameters")[0],
                }


def _tables(found: Any, key: str) -> list[dict[str, Any]]:
    return [each for each in at(found, key) if isinstance(each, dict)] or [{}]


def _fixed(tuning: Mapping[str, Any], definition: str | None) -> dict[str, str]:
    """The hyperparameters that a tuning job does not vary."""
    jobs = tuning_type.trainings(tuning)
    return next((each["HyperParameters"] for each in jobs if each.get("DefinitionName") == definition), {})
