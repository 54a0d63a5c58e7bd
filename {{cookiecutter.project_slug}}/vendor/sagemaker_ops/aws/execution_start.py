"""The checks before an execution is started, and the start."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops import trace
from sagemaker_ops.aws import lookup
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError, aws_call, is_denied, is_lost, is_not_found
from sagemaker_ops.definition import parameters, request_limits, step_types
from sagemaker_ops.definition.expressions import Scope, as_text, is_expression, resolve_early, scan
from sagemaker_ops.definition.plan import Plan, loads, parse
from sagemaker_ops.errors import Problem, RefusedError, UserError
from sagemaker_ops.guardrails import cost, resources
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.local.selection import Selection, chosen_steps

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StartPipelineExecution.html
MAX_PARAMETERS = 200
MAX_VALUE = 1024
MAX_DESCRIPTION = 3072
_CLOCKS_DIFFER = timedelta(minutes=1)
_DISPLAY_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,81}")
# Keys of a step's arguments that say what it writes, and keys whose text is for the script.
_NOT_READ = {"ProcessingOutputConfig", "OutputDataConfig", "TransformOutput", "CheckpointConfig", "ModelMetrics"}
_NOT_READ |= {"TensorBoardOutputConfig", "DebugHookConfig", "ProfilerConfig", "DriftCheckBaselines", "Tags"}
_NOT_READ.add(trace.METADATA)
_TEXTS = {"HyperParameters", "Environment", "ContainerArguments", "ContainerEntrypoint"}
# The archive with the code of a training job or of a model.
_ARCHIVES = ("sagemaker_submit_directory", "SAGEMAKER_SUBMIT_DIRECTORY")


@dataclass(frozen=True)
class Start:
    """A start that passed every check. request: for StartPipelineExecution; warnings: to be shown first."""

    request: dict[str, Any]
    lines: tuple[str, ...]
    warnings: tuple[Problem, ...] = ()


def prepare(
    account: Account,
    described: Mapping[str, Any],
    given: Mapping[str, str],
    rules: Policy,
    display_name: str | None = None,
    selection: Selection | None = None,
    started_by: trace.Trace | None = None,
) -> Start:
    """Check everything that can be wrong with a start before calling AWS; `described`: from DescribePipeline.

    UserError with every problem; RefusedError if a guardrail is among them.
    """
    name = str(described["PipelineName"])
    definition = loads(described["PipelineDefinition"])
    plan, _ = parse(definition)
    values, problems = parameters.values(plan.parameters, given)
    problems += [*_limits(given), *check_display_name(display_name)]
    if problems:
        raise UserError(*problems)
    chosen = chosen_steps(plan, selection) if selection else set(plan.steps)
    reads = list(missing(account, plan, values, chosen))
    runs = {**definition, "Steps": _only(definition["Steps"], chosen)}
    refused = resources.check(with_values(runs, values), rules, f"pipeline '{name}'")
    costs = cost.check(runs, values, rules, account.region)
    refused += [each for each in costs if each.level == "error"]
    wrong = [*request_limits.check(runs, given, whole=False), *(each for each in reads if each.level == "error")]
    if refused:
        raise RefusedError(*refused, *wrong)
    if wrong:
        raise UserError(*wrong)
    warnings = [each for each in (*reads, *costs) if each.level == "warning"]
    request: dict[str, Any] = {
        "PipelineName": name,
        "PipelineParameters": [{"Name": key, "Value": as_text(values[key])} for key in given],
        "ClientRequestToken": str(uuid.uuid4()),  # a repeated call with the same token starts only one execution
    }
    if display_name is not None:
        request["PipelineExecutionDisplayName"] = display_name
    shown_parameters = "".join(f"\n  {each['Name']} = {each['Value']}" for each in request["PipelineParameters"])
    lines = [f"Start pipeline {name}{shown_parameters}"]
    if started_by is not None:
        added = trace.parameters(definition, given, started_by).items() - given.items()
        request["PipelineParameters"] += [{"Name": key, "Value": value} for key, value in added]
        request["PipelineExecutionDescription"] = started_by.description
    if selection:
        request["SelectiveExecutionConfig"] = _selective(
            account, name, selection, [s for s in plan.steps if s in chosen]
        )
        of = f"execution {selection.source}" if selection.source else "the newest execution"
        lines.append(
            f"Steps: {', '.join(s for s in plan.steps if s in chosen)}; the results of the others come from {of}"
        )
    lines += cost.lines(cost.worst_case(runs, values, rules, account.region))
    return Start(request, tuple(lines), tuple(warnings))


def start(account: Account, prepared: Start) -> str:
    """Start it, and return the ARN of the new execution; an AwsError says whether it started in spite of the error."""
    name, began = prepared.request["PipelineName"], datetime.now(UTC)
    try:
        with aws_call(f"start pipeline '{name}'"):
            answer = account.sagemaker.start_pipeline_execution(**prepared.request)
            return str(answer["PipelineExecutionArn"])
    except AwsError as error:
        if not is_lost(error):
            raise
        raise AwsError(f"{error} {_whether_started(account, name, began)}") from error.__cause__


def _whether_started(account: Account, name: str, began: datetime) -> str:
    """What AWS shows after a start without an answer: a second one would be another execution."""
    env = f"--env {account.environment_name}"
    try:
        newest = next(lookup.summaries(account, name), None)
    except AwsError:
        return (
            "It is not known whether the execution started: before you start it again, look at "
            f"`ops list-pipeline-executions {name} {env}`."
        )
    if newest is None or newest["StartTime"] < began - _CLOCKS_DIFFER:
        return "AWS lists no execution of it that began since, so it has not started: run the command again."
    execution = lookup.id_of(newest["PipelineExecutionArn"])
    return (
        f"Execution {execution} began at {newest['StartTime'].astimezone():%H:%M:%S}, so it probably started: "
        f"`ops describe-pipeline-execution {execution} {env}` shows it."
    )


def check_display_name(name: str | None) -> list[Problem]:
    """The problem if AWS would refuse this name of an execution."""
    if name is None or _DISPLAY_NAME.fullmatch(name):
        return []
    return [
        Problem(f"'{name}' is not a valid name: use 1 to 82 letters, digits and '-', no '-' first or last.", "--name")
    ]


def check_description(text: str | None) -> list[Problem]:
    """The problem if AWS would refuse this description of an execution."""
    if text is None or len(text) <= MAX_DESCRIPTION:
        return []
    return [Problem(f"{len(text)} characters are too many: write {MAX_DESCRIPTION} or fewer.", "--description")]


def check_parallelism(steps: int | None) -> list[Problem]:
    """The problem if AWS would refuse this number of parallel steps."""
    if steps is None or steps >= 1:
        return []
    return [Problem(f"cannot run {steps} steps in parallel: write 1 or more.", "--parallelism")]


def _limits(given: Mapping[str, str]) -> Iterator[Problem]:
    if len(given) > MAX_PARAMETERS:
        yield Problem(f"{len(given)} parameters are too many: AWS accepts {MAX_PARAMETERS}.", "--param")
    for name, value in given.items():
        if len(value) > MAX_VALUE:
            yield Problem(
                f"parameter '{name}' has {len(value)} characters: AWS accepts {MAX_VALUE}, so put it in a file on S3.",
                "--param",
            )


def _only(steps: list[dict[str, Any]], chosen: set[str]) -> list[dict[str, Any]]:
    """The steps of the definition that run, including those in the branches of a condition."""
    kept = []
    for step in steps:
        if branches := {key: _only(inner, chosen) for key, _, inner in step_types.branches(step)}:
            kept.append({**step, "Arguments": {**(step.get("Arguments") or {}), **branches}})
        elif step["Name"] in chosen:
            kept.append(step)
    return kept


def with_values(definition: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The definition with the values of this execution as defaults."""
    declared = definition.get("Parameters") or []
    return {**definition, "Parameters": [{**each, "DefaultValue": values.get(each["Name"])} for each in declared]}


def _selective(account: Account, pipeline: str, selection: Selection, steps: list[str]) -> dict[str, Any]:
    """The SelectiveExecutionConfig; without a source, AWS uses the newest execution."""
    source = {}
    if selection.source is not None:
        arn = lookup.execution_arn(account, selection.source)
        if lookup.pipeline_of(arn) != pipeline:
            raise UserError(
                f"execution {lookup.id_of(arn)} belongs to pipeline '{lookup.pipeline_of(arn)}', not '{pipeline}': "
                "give one of the same pipeline with --source-execution."
            )
        source = {"SourcePipelineExecutionArn": arn}
    return {**source, "SelectedSteps": [{"StepName": step} for step in steps]}


def missing(
    account: Account, plan: Plan, values: Mapping[str, Any], chosen: set[str], remedy: str = ""
) -> Iterator[Problem]:
    """A problem for each object on S3 that a step reads and that is missing; a warning if the check is not allowed.

    remedy: what to do instead of another value or another deployment.
    """
    asked: dict[str, Problem | None] = {}
    for step in plan.steps.values():
        if step.name not in chosen:
            continue
        for expression in _read(step.arguments):
            uri = resolve_early(expression, Scope(parameters=values))
            if isinstance(uri, str) and uri.startswith("s3://") and uri not in asked:
                names = [each.name for each in scan(expression)[0] if each.kind == "Parameters"]
                again = f"give another --param {names[0]}=s3://…" if names else "`ops update-pipeline` uploads it"
                asked[uri] = _look(account, uri, step.name, remedy or again)
    yield from filter(None, asked.values())


def _look(account: Account, uri: str, step: str, remedy: str) -> Problem | None:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    with aws_call(f"check whether {uri} exists"):
        try:
            if account.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("KeyCount"):
                return None
            return Problem(f"there is nothing at {uri}, which it reads: {remedy}.", f"step '{step}'")
        except ClientError as error:
            if is_denied(error):
                return Problem(f"you are not allowed to check whether {uri} exists.", f"step '{step}'", "warning")
            if is_not_found(error) or error.response["Error"]["Code"] == "NoSuchBucket":
                return Problem(f"there is no bucket '{bucket}', from which it reads {uri}: {remedy}.", f"step '{step}'")
            raise


def _read(arguments: Any) -> Iterator[Any]:
    """Every string or expression in the arguments that may be a URI that the step reads."""
    if isinstance(arguments, list):
        for each in arguments:
            yield from _read(each)
    elif isinstance(arguments, str) or is_expression(arguments):
        yield arguments
    elif isinstance(arguments, dict):
        for key, value in arguments.items():
            if key in _TEXTS:
                yield from (value[name] for name in _ARCHIVES if isinstance(value, dict) and name in value)
            elif key not in _NOT_READ:
                yield from _read(value)
