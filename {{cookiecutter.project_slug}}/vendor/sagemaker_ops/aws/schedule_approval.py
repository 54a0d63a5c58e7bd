"""Lets the schedules of a project use the model version that was just approved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_ops.aws import approved_model, lookup, schedule_words, schedules
from sagemaker_ops.aws.account import Account
from sagemaker_ops.aws.errors import AwsError, aws_change
from sagemaker_ops.definition.plan import loads
from sagemaker_ops.errors import UserError
from sagemaker_ops.project.approved_model import PARAMETERS, VERSION
from sagemaker_ops.project.schedule import whole
from sagemaker_ops.project.target import Target

# Of the answer of GetSchedule; what UpdateSchedule does not get is set to AWS's default.
_KEPT = (
    *("Name", "GroupName", "Description", "State", "Target", "EndDate", "KmsKeyArn", "ActionAfterCompletion"),
    *("ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow"),
)


def use_approved(account: Account) -> list[str]:
    """Give each schedule of this project in the environment the newest approved version; a sentence for each change.

    AwsError if that fails: the approval is made all the same.
    """
    target = Target(account.settings, account.environment_name, code_hash="", data_hash="")
    done = []
    for pipeline, schedule in whole(account.settings.schedule).items():
        if account.environment_name not in schedule.environments:
            continue
        name = target.pipeline_name(pipeline)
        try:
            version = _update(account, target, name, schedule.parameters)
        except AwsError as error:
            sentence = f"the schedule of pipeline {name} still has the version before: {error}"
            raise AwsError(f"{sentence} Then deploy it with `ops update-pipeline {pipeline}`.") from error.__cause__
        except UserError as error:  # it needs an approved model, and there is none any more
            done.append(f"warning: the schedule of pipeline {name} still has the version before: {error}")
            continue
        if version:
            done.append(f"The schedule of pipeline {name} uses version {version}.")
    return done


def _update(account: Account, target: Target, name: str, fixed: Mapping[str, object]) -> str:
    """The version that the schedule has now, if it was changed; fixed: the parameters that project.toml sets."""
    _, found = schedules.find(account, schedules.group_of(target), name)
    if found is None:
        return ""
    definition = loads(lookup.describe_pipeline(account, name)["PipelineDefinition"])
    parameters = found["Target"].get("SageMakerPipelineParameters", {}).get("PipelineParameterList", [])
    before = {each["Name"]: each["Value"] for each in parameters}
    given = {key: value for key, value in before.items() if key not in PARAMETERS or key in fixed}
    values = approved_model.of_definition(account, definition, account.settings.project.slug, given)
    if values == before:
        return ""
    request: dict[str, Any] = {key: found[key] for key in _KEPT if found.get(key) is not None}
    request["Target"] = {
        **found["Target"],
        "SageMakerPipelineParameters": {"PipelineParameterList": schedules.listed(values)},
    }
    if "StartDate" in found and (run := schedule_words.next_run(found)):
        request["StartDate"] = run  # AWS takes none from the past
    with aws_change(f"update schedule '{name}'"):
        account.client("scheduler").update_schedule(**request)
    return values.get(VERSION, "none")
