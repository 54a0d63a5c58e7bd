"""What each step type does. Every function returns the step's properties, with the names of AWS's Describe call."""

from __future__ import annotations

import json
import re
from typing import Any

from sagemaker_ops.definition import conditions, shapes, step_types
from sagemaker_ops.definition.expressions import Scope, resolve
from sagemaker_ops.definition.plan import Step
from sagemaker_ops.errors import UserError
from sagemaker_ops.local.job import Job
from sagemaker_ops.local.machine import NO_GROUP
from sagemaker_ops.store import name_once, write_atomically

APPROVAL = ("PendingManualApproval", "Approved", "Rejected")
_GROUP_ARN = re.compile(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:\d{12}:model-package-group/(.+)")
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


def resolved(step: Step, scope: Scope) -> dict[str, Any]:
    """The arguments to run a step with. Those of a Condition stay unresolved: an Or may not need all of them."""
    return step.arguments if step_types.of(step.type).branches else resolve(step.arguments, scope)


def run(job: Job) -> dict[str, Any]:
    """Run a step until it ends; UserError with the reason if it fails."""
    kind = step_types.of(job.step.type)
    wrong = list(shapes.mismatches(job.arguments, kind.shape or {}, {}))
    if wrong:
        raise UserError(*wrong)
    properties: dict[str, Any] = step_types.function(kind.run)(job)
    return properties


def condition(job: Job) -> dict[str, Any]:
    # all of them: the list means AND
    outcome = all(conditions.holds(each, job.scope) for each in job.arguments["Conditions"])
    return {"Outcome": str(outcome)}


def fail(job: Job) -> dict[str, Any]:
    raise UserError(job.arguments["ErrorMessage"])


def model(job: Job) -> dict[str, Any]:
    containers = job.arguments.get("Containers") or [job.arguments.get("PrimaryContainer", {})]
    _find_model_data(job, containers)
    name = job.arguments.get("ModelName", job.name)
    if not _NAME.fullmatch(name):
        raise UserError(f"'{name}' is not a valid model name: use letters, digits and '-'.")
    model = {**job.arguments, "ModelName": name, "ModelArn": job.arn(f"model/{name}"), "CreationTime": job.created}
    job.machine.write_model(name, model)
    return model


def register_model(job: Job) -> dict[str, Any]:
    """Write a package to the registry: the next version of its group, or without a group one that has no versions."""
    group, name = job.arguments.get("ModelPackageGroupName", ""), job.arguments.get("ModelPackageName", job.name)
    group = found[1] if (found := _GROUP_ARN.fullmatch(group)) else group
    status = job.arguments.get("ModelApprovalStatus", APPROVAL[0])
    if not _NAME.fullmatch(group or name):
        what = "model package group" if group else "model package"
        raise UserError(f"'{group or name}' is not a valid {what} name: use letters, digits and '-'.")
    if status not in APPROVAL:
        raise UserError(f"ModelApprovalStatus must be one of {', '.join(APPROVAL)}, not '{status}'.")
    _find_model_data(job, job.arguments["InferenceSpecification"]["Containers"])
    folder = job.machine.registry / (group or NO_GROUP)
    folder.mkdir(parents=True, exist_ok=True)
    version = max((int(file.stem) for file in folder.glob("*.json") if file.stem.isdecimal()), default=0)
    draft = folder / f".{job.name}"
    while True:
        version += 1
        own = {"ModelPackageGroupName": group, "ModelApprovalStatus": status, "ModelPackageVersion": version}
        package = {
            **{key: value for key, value in job.arguments.items() if key not in own},
            **(own if group else {"ModelPackageName": name}),
            "ModelPackageArn": job.arn(f"model-package/{f'{group}/{version}' if group else name}".lower()),
            "ModelPackageStatus": "Completed",
            "CreationTime": job.created,
        }
        try:
            write_atomically(draft, json.dumps(package, indent=1).encode())
            name_once(draft, job.machine.package_file(package))
            return package
        except FileExistsError:
            if not group:
                raise UserError(f"there is already a model package '{name}' on this machine.") from None
        finally:
            draft.unlink(missing_ok=True)


def _find_model_data(job: Job, containers: list[dict[str, Any]]) -> None:
    for container in containers:
        uri = container.get("ModelDataUrl") or container.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri")
        if uri is not None and not job.machine.store.find(uri):
            raise UserError(
                f"there is no model data at {uri}, which is {job.machine.store.locate(uri)} on this machine."
            )
