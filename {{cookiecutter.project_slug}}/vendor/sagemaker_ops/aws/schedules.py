"""Schedules of EventBridge Scheduler, which start pipelines by [schedule] of project.toml.

A schedule has the name of its pipeline and no tags; its group, one for each project and environment, has them. The
pipeline's tag `schedule` says that it has one, so that nothing is asked of EventBridge for the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_ops import trace
from sagemaker_ops.aws import approved_model, execution_start, guard, schedule_words
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError, aws_call, aws_change, code_of, is_not_found
from sagemaker_ops.aws.pipelines import Pipeline
from sagemaker_ops.definition import parameters, plan
from sagemaker_ops.errors import Problem, RefusedError, UserError
from sagemaker_ops.guardrails import cost, identifiers, resources, schedule_expression
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.guardrails.schedule_check import text_of, zone_of
from sagemaker_ops.project.schedule import Schedule, role_of, whole
from sagemaker_ops.project.settings import FILE
from sagemaker_ops.project.target import Target

TAG, NONE = "schedule", "none"
DESCRIPTION = "From [schedule] of project.toml, by ops update-pipeline"
# Without this, AWS tries for a day, 185 times: the next run may then come first.
RETRY: Mapping[str, int] = {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 5}


@dataclass(frozen=True)
class Plan:
    """What is to be done with the schedule of a pipeline; `line` is empty if nothing is.

    wanted: the schedule as it should be; None: none. found: the one on AWS. has_group: whether its group exists.
    """

    name: str
    group: str
    tags: Mapping[str, str] = field(default_factory=dict)
    tag: str = NONE
    wanted: Mapping[str, Any] | None = None
    found: Mapping[str, Any] | None = None
    has_group: bool = False
    line: str = ""


def prepare(
    account: Account,
    pipeline: str,
    definition: Mapping[str, Any],
    target: Target,
    deployed: tuple[Pipeline, str] | None,
    rules: Policy,
) -> Plan:
    """Compare the pipeline's schedule in project.toml with the one on AWS; nothing is changed.

    deployed: from pipelines.find. UserError for parameters that the pipeline does not have or take; RefusedError if a
    guardrail refuses what they start, or if the group of the schedule is another's.
    """
    name, tags = target.pipeline_name(pipeline), {key: value for key, value in target.tags.items() if value}
    nothing = Plan(name, group_of(target), tags)
    schedule = scheduled(pipeline, target)
    if deployed:
        nothing = replace(nothing, tag=deployed[0].tags.get(TAG, NONE))
    if target.user or (schedule is None and nothing.tag == NONE):
        return nothing
    values = _values(pipeline, schedule, definition, rules, account.region) if schedule else {}
    has_group, found = find(account, nothing.group, name)
    now = datetime.now(UTC)
    wanted = _request(account, nothing, schedule, values, definition, found, now) if schedule else None
    done = replace(nothing, wanted=wanted, found=found, has_group=has_group)
    return replace(done, line=schedule_words.change(found, wanted))


def apply(account: Account, done: Plan) -> str:
    """Make the schedule as planned, after the pipeline was deployed; returns a sentence that says what was done.

    AwsError if that fails: the pipeline is deployed all the same.
    """
    try:
        if done.wanted is None:
            remove(account, done.name, done.group)
            _mark(account, done, NONE)
            return f"Removed the schedule of pipeline {done.name}."
        # First the tag: a schedule without one would never be found again.
        _mark(account, done, _arn(account, "scheduler", f"schedule/{done.group}/{done.name}"))
        _make_group(account, done)
        scheduler = account.client("scheduler")
        change = scheduler.update_schedule if done.found else scheduler.create_schedule
        with aws_change(f"{'update' if done.found else 'create'} schedule '{done.name}'"):
            change(**done.wanted)
    except AwsError as error:
        sentence = f"pipeline {done.name} is deployed, but its schedule was not changed: {error}"
        again = "" if "run the command again" in str(error) else " Then run the command again."
        raise AwsError(f"{sentence}{again}") from error.__cause__
    verb, after = "Updated" if done.found else "Created", schedule_words.next_words(done.wanted)
    return f"{verb} the schedule of pipeline {done.name}: {after}."


def group_of(target: Target) -> str:
    """The group with the schedules of the project in the environment."""
    return f"{target.base}-{target.environment_name}"


def own(account: Account, pipeline: Pipeline) -> str:
    """The group of the pipeline's schedule, after checking whose it is; empty if it has none."""
    group, _, name = pipeline.tags.get(TAG, NONE).partition(":schedule/")[2].partition("/")
    return group if name == pipeline.name and find(account, group, name)[1] else ""


def remove(account: Account, name: str, group: str) -> None:
    with aws_change(f"delete schedule '{name}'"):
        try:
            account.client("scheduler").delete_schedule(GroupName=group, Name=name)
        except ClientError as error:
            if not is_not_found(error):
                raise


def scheduled(pipeline: str, target: Target) -> Schedule | None:
    """The pipeline's schedule in this environment; None if there is none, or none that still runs."""
    found = whole(target.settings.schedule).get(pipeline)
    if found is None or target.environment_name not in found.environments:
        return None
    expression, zone = schedule_expression.read(found.when)[0], zone_of(found.timezone)
    over = expression and zone and expression.next_run(datetime.now(UTC), zone) is None
    return None if over else found


def _values(
    pipeline: str, schedule: Schedule, definition: Mapping[str, Any], rules: Policy, region: str
) -> dict[str, str]:
    """The parameters of the schedule as texts, checked like those of a start."""
    given = {name: text_of(value) for name, value in schedule.parameters.items()}
    values, problems = parameters.values(plan.parse(definition)[0].parameters, given)
    where = f"{FILE} [schedule.{pipeline}].parameters"
    if problems:
        raise UserError(*(replace(each, where=where) for each in problems))
    refused: list[Problem] = resources.check(execution_start.with_values(definition, values), rules, where)
    refused += [each for each in cost.check(definition, values, rules, region) if each.level == "error"]
    if refused:
        raise RefusedError(*refused)
    return given


def _request(
    account: Account,
    nothing: Plan,
    schedule: Schedule,
    given: Mapping[str, str],
    definition: Mapping[str, Any],
    found: Mapping[str, Any] | None,
    now: datetime,
) -> dict[str, Any]:
    """The schedule as CreateSchedule and UpdateSchedule take it; what is left out gets AWS's default again."""
    # A schedule cannot look for the approved model: it gets the newest one now, and the next one with its approval.
    approved = approved_model.of_definition(account, definition, account.settings.project.slug, given)
    values = trace.parameters(definition, approved, trace.Trace(source=trace.SCHEDULE))
    minutes = schedule.window_minutes
    request: dict[str, Any] = {
        "Name": nothing.name,
        "GroupName": nothing.group,
        "Description": DESCRIPTION,
        "ScheduleExpression": schedule.when,
        "ScheduleExpressionTimezone": schedule.timezone,
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes} if minutes else {"Mode": "OFF"},
        "State": "ENABLED",
        "Target": {
            "Arn": _arn(account, "sagemaker", f"pipeline/{nothing.name}"),
            "RoleArn": role_of(account.settings, account.environment_name),
            "RetryPolicy": dict(RETRY),
            "SageMakerPipelineParameters": {"PipelineParameterList": listed(values)},
        },
    }
    expression = schedule_expression.read(schedule.when)[0]
    if expression and expression.rate:
        # Without a start, AWS would start the pipeline at once, also after an update.
        later = (now + expression.rate).replace(microsecond=0)
        same = found if found and found["ScheduleExpression"] == schedule.when else None
        request["StartDate"] = (schedule_words.next_run(same) if same else None) or later
    return request


def listed(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Parameters as a schedule has them."""
    return [{"Name": name, "Value": values[name]} for name in sorted(values)]


def find(account: Account, group: str, name: str) -> tuple[bool, dict[str, Any] | None]:
    """Whether the group exists, and the schedule in it; RefusedError if the group is another's, or would be."""
    client = account.client("scheduler")
    with aws_call(f"describe the schedule of pipeline '{name}'"):
        try:
            arn = client.get_schedule_group(Name=group)["Arn"]
        except ClientError as error:
            if not is_not_found(error):
                raise
            arn = ""
        else:
            tags = {each["Key"]: each["Value"] for each in client.list_tags_for_resource(ResourceArn=arn)["Tags"]}
    if not arn:
        guard.check_new_name(account, group, "schedule group")
        return False, None
    guard.check_tags(account, group, tags, "schedule group")
    with aws_call(f"describe the schedule of pipeline '{name}'"):
        try:
            return True, client.get_schedule(GroupName=group, Name=name)
        except ClientError as error:
            if not is_not_found(error):
                raise
            return True, None


def _make_group(account: Account, done: Plan) -> None:
    if done.has_group:
        return
    with aws_change(f"create schedule group '{done.group}'"):
        try:
            tags = [{"Key": key, "Value": value} for key, value in done.tags.items()]
            account.client("scheduler").create_schedule_group(Name=done.group, Tags=tags)
        except ClientError as error:
            if code_of(error) != "ConflictException":  # somebody deployed another pipeline of the project meanwhile
                raise


def _mark(account: Account, done: Plan, tag: str) -> None:
    if done.tag != tag:
        with aws_change(f"tag pipeline '{done.name}'"):
            arn = _arn(account, "sagemaker", f"pipeline/{done.name}")
            account.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": TAG, "Value": tag}])


def _arn(account: Account, service: str, resource: str) -> str:
    return f"arn:{identifiers.partition(account.region)}:{service}:{account.region}:{account.id}:{resource}"
