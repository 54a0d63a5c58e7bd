"""Runs one step of an execution: from the cache, or as a job that is retried if its retry policy says so."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagemaker_ops.container import process
from sagemaker_ops.definition import step_types
from sagemaker_ops.definition.expressions import Scope
from sagemaker_ops.definition.plan import Plan, StandIn, Step
from sagemaker_ops.local import steps
from sagemaker_ops.local.cache import Cache
from sagemaker_ops.local.execution_folder import link_outputs
from sagemaker_ops.local.executions import Execution, StepExecution
from sagemaker_ops.local.job import ACCOUNT, Job
from sagemaker_ops.local.machine import Machine
from sagemaker_ops.local.scheduler import Result
from sagemaker_ops.preflight import programs
from sagemaker_ops.store import Store


def run_step(
    step: Step, plan: Plan, execution: Execution, machine: Machine, stop: process.Stop, started: Callable[[], None]
) -> Result:
    """Run the step; returns its properties. The scheduler turns what it raises into a failed or stopped step."""
    # at most 63 characters and unique in an execution, as on AWS; here always the same for the same step
    digest = hashlib.sha256(step.name.encode()).hexdigest()[:10]
    name = re.sub("-+", "-", f"pipelines-{execution.id}-{step.name[:28].replace('_', '-')}-{digest}")
    scope = Scope(
        execution.parameters,
        variables(execution, machine.region, name),
        {each: execution.steps[each].properties for each in step.waits_for},  # what it refers to, it also waits for
        {(each, file): at for each in step.waits_for for file, at in plan.steps[each].property_files.items()},
        machine.store.read_json,
    )
    arguments = steps.resolved(step, scope)
    folder = execution.folder / step.name
    if step.stand_in is not None:
        folder.mkdir(exist_ok=True)
        _stand_in(step.stand_in, arguments, folder / "log.txt", machine.store)
        properties = step.stand_in.properties
        link_outputs(execution, step.name, step_types.of(step.type).outputs(properties), machine.store)
        return Result(properties, stand_in=step.stand_in.source)
    cache = Cache(machine, execution.pipeline_name)
    uses_s3 = programs.uses_s3(replace(step, arguments=arguments), scope, machine.store)  # what it reads is unknown
    keys = cache.keys(step, arguments) if machine.options.cache and not uses_s3 else None
    before = plan.before(step) if step_types.of(step.type).registers_model else []
    if unreal := [each.name for each in before if execution.steps[each.name].stand_in]:
        keys, arguments = None, {**arguments, "ApprovalDescription": f"with stand-ins for {', '.join(unreal)}"}
    may_reuse = not step_types.of(step.type).registers_model or _nothing_ran(before, execution)
    if keys is not None and may_reuse and (found := cache.find(step, keys)) is not None:
        cache.keep_again(keys, execution.id, found)
        link_outputs(execution, step.name, step_types.of(step.type).outputs(found.properties), machine.store)
        return Result(found.properties, found.execution)
    folder.mkdir(exist_ok=True)
    job = Job(step, arguments, name, folder, machine, scope, stop, started, uses_s3)
    properties = _with_retries(job, execution.steps[step.name])
    link_outputs(execution, step.name, step_types.of(step.type).outputs(properties), machine.store)
    if keys is not None:
        cache.keep(keys, execution.id, step, properties)
    return Result(properties)


def _stand_in(stand_in: StandIn, arguments: dict[str, Any], log: Path, store: Store) -> None:
    """What happens instead of running a step: its arguments are logged, and its files put into the store."""
    said = f"This step did not run: its outputs are those in {stand_in.source}. Its arguments were:\n"
    log.write_text(f"{said}{json.dumps(arguments, indent=1)}\n", encoding="utf-8")
    for uri, file in stand_in.files.items():
        store.put_file(uri, file)


def _nothing_ran(before: list[Step], execution: Execution) -> bool:
    """Whether there are jobs among the steps before a step, and each of them reused the result of another execution."""
    jobs = [execution.steps[each.name] for each in before if step_types.of(each.type).is_cached]
    return bool(jobs) and all(job.source for job in jobs)


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
