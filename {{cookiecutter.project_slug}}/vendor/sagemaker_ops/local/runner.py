"""Starts an execution: checks everything, sets up its folder, and runs the plan."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import string
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sagemaker_ops.container import process
from sagemaker_ops.definition import step_types
from sagemaker_ops.definition.expressions import Scope
from sagemaker_ops.definition.parameters import values as typed_values
from sagemaker_ops.definition.plan import Plan, Step, parse
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.local import executions, scheduler, steps
from sagemaker_ops.local.cache import Cache
from sagemaker_ops.local.container_job import ACCOUNT, Job
from sagemaker_ops.local.digests import Digests
from sagemaker_ops.local.executions import Execution, StepExecution
from sagemaker_ops.local.machine import Machine, Options, read_model
from sagemaker_ops.local.scheduler import Result
from sagemaker_ops.local.selection import Selection, select
from sagemaker_ops.preflight.refusals import missing_inputs, missing_models, refusals
from sagemaker_ops.store import Store, write_atomically


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
    store: Store | None = None,
    options: Options | None = None,
    selection: Selection | None = None,
    launcher: process.Launcher | None = None,
    on_change: Callable[[Execution], None] | None = None,
) -> Execution:
    """Run a definition until it ends and return the execution: Succeeded, Failed or Stopped.

    parameters: strings, as from `--param NAME=VALUE`. home: the project's .local folder. store: S3, if it is elsewhere.
    launcher: one that is already warming up, created with `options`; the caller closes it.
    on_change: called in this thread after every change of a status. UserError with every problem, before anything
    starts.
    """
    home, options = home.resolve(), options or Options()
    store = store or Store(home / "s3")
    plan, problems = parse(definition)
    chosen, source = set(plan.steps), None
    if selection is not None and not problems:
        chosen, source = select(plan, selection, pipeline_name, home)
    runs = Plan(plan.parameters, {name: step for name, step in plan.steps.items() if name in chosen})
    values, wrong = typed_values(plan.parameters, parameters, source.parameters if source else {})
    execution = new_execution(plan, pipeline_name, values, home)
    scope = Scope(values, variables(execution, region))
    problems += wrong + refusals(runs, scope) + missing_models(runs, scope, partial(read_model, home))
    _raise_or(plan, problems + missing_inputs(runs, scope, store, options.install))

    def changed() -> None:
        with suppress(OSError):  # a full disk fails the affected step; the reason must still be reported
            execution.save()
        if on_change is not None:
            on_change(execution)

    stop = process.Stop()
    with nullcontext(launcher) if launcher else process.launcher(not options.fresh) as launcher:
        machine = Machine(home, store, Digests(home / "digests.json"), region, options, launcher)
        if options.isolation == "namespace":
            _ = machine.private  # raises an error before anything starts if there is none

        def work(step: Step, started: Callable[[], None]) -> Result:
            return _run_step(step, plan, execution, machine, stop, started)

        lock = _set_up(execution, definition)
        try:
            if source is not None:
                _reuse(source, execution, chosen, store)
            changed()
            scheduler.run(runs, execution, work, changed, stop, options.jobs)
        finally:
            machine.digests.save()
            os.close(lock)
    return execution


def _raise_or(plan: Plan, problems: list[Problem]) -> Plan:
    if problems:
        raise UserError(*dict.fromkeys(problems))
    return plan


def new_execution(plan: Plan, pipeline_name: str, values: dict[str, Any], home: Path) -> Execution:
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
    """Create the execution's folder, with everything that does not change; returns the lock on it."""
    try:
        execution.folder.mkdir(parents=True)
        lock = executions.claim(execution.folder)
        write_atomically(execution.folder / "definition.json", json.dumps(definition, indent=1).encode())
        execution.save()
    except OSError as error:
        home = execution.folder.parent.parent
        raise UserError(
            f"cannot write to {home} ({error.strerror}): free some space there, or change its permissions."
        ) from error
    return lock


def _reuse(source: Execution, execution: Execution, chosen: set[str], store: Store) -> None:
    """Copy the results of the steps that are not run again."""
    now = datetime.now(UTC)
    for name, step in source.steps.items():
        if name in execution.steps and name not in chosen and step.status == "Succeeded":
            execution.steps[name] = replace(
                step, start_time=now, end_time=now, source=step.source or source.id, selected=False, log=None
            )
            _link_outputs(execution, name, step.outputs, store)


def _link_outputs(execution: Execution, step: str, outputs: Mapping[str, str], store: Store) -> None:
    """Link outputs/<name> to the folder in the store; by a relative path in the project, so that it can be moved."""
    for name, uri in outputs.items():
        link, target = execution.folder / step / "outputs" / name, store.locate(uri)
        link.parent.mkdir(parents=True, exist_ok=True)
        inside = target.is_relative_to(execution.folder.parent.parent)
        link.symlink_to(os.path.relpath(target, link.parent) if inside else target)


def variables(execution: Execution, region: str, job_name: str = "") -> dict[str, str]:
    """The execution variables, including, for a step, the name of its job."""
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
    step: Step, plan: Plan, execution: Execution, machine: Machine, stop: process.Stop, started: Callable[[], None]
) -> Result:
    # at most 63 characters and unique in an execution, as on AWS; here always the same for the same step
    digest = hashlib.sha256(step.name.encode()).hexdigest()[:10]
    name = re.sub("-+", "-", f"pipelines-{execution.id}-{step.name[:28].replace('_', '-')}-{digest}")
    scope = Scope(
        execution.parameters,
        variables(execution, machine.region, name),
        {each.name: each.properties for each in execution.steps.values() if each.status == "Succeeded"},
        {(each.name, file): where for each in plan.steps.values() for file, where in each.property_files.items()},
        machine.store.read_json,
    )
    arguments = steps.resolved(step, scope)
    cache = Cache(machine, execution.pipeline_name)
    keys = cache.keys(step, arguments) if machine.options.cache else None
    if keys is not None and (found := cache.find(step, keys)) is not None:
        cache.keep_again(keys, execution.id, found)
        _link_outputs(execution, step.name, step_types.of(step.type).outputs(found.properties), machine.store)
        return Result(found.properties, found.execution)
    folder = execution.folder / step.name
    folder.mkdir(exist_ok=True)
    job = Job(step, arguments, name, folder, machine, scope, stop, started)
    properties = _with_retries(job, execution.steps[step.name])
    _link_outputs(execution, step.name, step_types.of(step.type).outputs(properties), machine.store)
    if keys is not None:
        cache.keep(keys, execution.id, step, properties)
    return Result(properties)


def _with_retries(job: Job, state: StepExecution) -> dict[str, Any]:
    """Run the step, and retry if this machine caused the failure and its policy says so: never after an exit code."""
    policy, begin = job.step.retry, time.monotonic()
    while True:
        state.attempts += 1
        try:
            return steps.run(job)
        except OSError:
            pause = policy.pause(state.attempts, time.monotonic() - begin) if policy else None
            if pause is None:
                raise
            if job.stop.wait(pause):
                raise process.StoppedError from None
