"""Starts an execution: check everything, set up its folder, run the plan."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import string
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.errors import Problem, UserError
from ops.local import executions, scheduler, steps
from ops.local.definition import Plan, Step, parse
from ops.local.executions import Execution, StepExecution
from ops.local.expressions import Scope
from ops.local.jobs import ACCOUNT, Job
from ops.local.parameters import values as typed_values
from ops.local.process import Stop
from ops.local.refusals import missing_inputs, refusals
from ops.local.store import Store, write_atomically


def check(definition: object) -> Plan:
    """The plan of a definition; UserError with every problem if it is malformed or cannot run here."""
    plan, problems = parse(definition)
    return _raise_or(plan, problems + refusals(plan, Scope()))


def start_pipeline_execution(
    definition: dict[str, Any],
    *,
    pipeline_name: str,
    parameters: Mapping[str, str],
    home: Path,
    region: str = "us-east-1",
    on_change: Callable[[Execution], None] | None = None,
) -> Execution:
    """Run a definition to its end and return the execution: Succeeded, Failed or Stopped.

    parameters: texts, as from `--param NAME=VALUE`. home: the project's .local folder. on_change: called in this
    thread after every change of a status. UserError, before anything starts, with everything that is wrong.
    """
    home, stop = home.resolve(), Stop()
    store = Store(home / "s3")
    plan, problems = parse(definition)
    values, wrong = typed_values(plan.parameters, parameters)
    execution = _execution(plan, pipeline_name, values, home)
    scope = Scope(values, _variables(execution, region))
    problems += wrong + refusals(plan, scope) + missing_inputs(plan, scope, store)
    _raise_or(plan, problems)

    def changed() -> None:
        with suppress(OSError):  # a full disk fails the step that met it; its reason must still be told
            execution.save()
        if on_change is not None:
            on_change(execution)

    def work(step: Step, started: Callable[[], None]) -> dict[str, Any]:
        return _run_step(step, plan, execution, store, region, stop, started)

    lock = _set_up(execution, definition)
    try:
        changed()
        scheduler.run(plan, execution, work, changed, stop)
    finally:
        os.close(lock)
    return execution


def _raise_or(plan: Plan, problems: list[Problem]) -> Plan:
    if problems:
        raise UserError(*dict.fromkeys(problems))
    return plan


def _execution(plan: Plan, pipeline_name: str, values: dict[str, Any], home: Path) -> Execution:
    identifier = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))
    return Execution(
        id=identifier,
        pipeline_name=pipeline_name,
        folder=home / "runs" / identifier,
        start_time=datetime.now(UTC),
        parameters=values,
        steps={step.name: StepExecution(step.name, step.type, step.property_files) for step in plan.steps.values()},
    )


def _set_up(execution: Execution, definition: object) -> int:
    """The execution's folder, with everything that does not change; the lock held on it. UserError if it cannot be."""
    try:
        execution.folder.mkdir(parents=True)
        lock = executions.claim(execution.folder)
        write_atomically(execution.folder / "definition.json", json.dumps(definition, indent=1).encode())
        execution.save()
    except OSError as error:
        home = execution.folder.parent.parent
        raise UserError(
            f"cannot write into {home} ({error.strerror}); make room there or change its rights."
        ) from error
    return lock


def _variables(execution: Execution, region: str, job_name: str = "") -> dict[str, str]:
    """The execution variables, and for a step the name of its job."""
    arn = f"arn:aws:sagemaker:{region}:{ACCOUNT}:pipeline/{execution.pipeline_name.lower()}"
    variables = {
        "StartDateTime": execution.start_time.isoformat(),
        "PipelineName": execution.pipeline_name,
        "PipelineArn": arn,
        "PipelineExecutionId": execution.id,
        "PipelineExecutionArn": f"{arn}/execution/{execution.id}",
    }
    if job_name:
        variables["CurrentDateTime"] = datetime.now(UTC).isoformat()
        variables["TrainingJobName"] = variables["ProcessingJobName"] = job_name
    return variables


def _run_step(
    step: Step, plan: Plan, execution: Execution, store: Store, region: str, stop: Stop, started: Callable[[], None]
) -> dict[str, Any]:
    # as on AWS: at most 63 characters, no two alike in an execution, and here the same for the same step
    digest = hashlib.sha256(step.name.encode()).hexdigest()[:10]
    name = re.sub("-+", "-", f"pipelines-{execution.id}-{step.name[:28].replace('_', '-')}-{digest}")
    scope = Scope(
        execution.parameters,
        _variables(execution, region, name),
        {each.name: each.properties for each in execution.steps.values() if each.status == "Succeeded"},
        {(each.name, file): where for each in plan.steps.values() for file, where in each.property_files.items()},
        store.read_json,
    )
    folder, registry = execution.folder / step.name, execution.folder.parent.parent / "registry"
    arguments = steps.resolved(step, scope)
    return steps.run(Job(step, arguments, name, folder, store, registry, region, scope, stop, started))
