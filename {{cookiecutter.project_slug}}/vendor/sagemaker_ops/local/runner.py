"""Starts an execution: checks everything, sets up its folder, and runs the plan."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sagemaker_ops.container import process
from sagemaker_ops.definition.expressions import Scope
from sagemaker_ops.definition.parameters import values as typed_values
from sagemaker_ops.definition.plan import Plan, StandIn, Step, parse
from sagemaker_ops.digests import Digests
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.local import execution_folder, scheduler
from sagemaker_ops.local.executions import Execution
from sagemaker_ops.local.machine import Machine, Options, read_model
from sagemaker_ops.local.scheduler import Result
from sagemaker_ops.local.selection import Selection, select
from sagemaker_ops.local.step_run import run_step, variables
from sagemaker_ops.preflight.inputs import missing_inputs
from sagemaker_ops.preflight.refusals import missing_models, refusals
from sagemaker_ops.store import Store


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
    stand_ins: Mapping[str, StandIn] | None = None,
    launcher: process.Launcher | None = None,
    on_change: Callable[[Execution], None] | None = None,
    known: Sequence[Problem] = (),
) -> Execution:
    """Run a definition until it ends and return the execution: Succeeded, Failed or Stopped.

    parameters: strings, as from `--param NAME=VALUE`. home: the project's .local folder. store: S3, if it is elsewhere.
    stand_ins: for steps that do not run here.
    launcher: one that is already warming up, created with `options`; the caller closes it.
    on_change: called in this thread after every change of a status. known: problems found before. UserError
    with every problem, before anything starts.
    """
    home, options = Path(os.path.realpath(home)), options or Options()
    store = store or Store(home / "s3")
    plan, problems = parse(definition)
    chosen, source = set(plan.steps), None
    if selection is not None and not problems:
        chosen, source = select(plan, selection, pipeline_name, home)
    plan = plan.with_stand_ins(stand_ins or {})
    runs = Plan(plan.parameters, {name: step for name, step in plan.steps.items() if name in chosen})
    values, wrong = typed_values(plan.parameters, parameters, source.parameters if source else {})
    execution = execution_folder.new_execution(plan, pipeline_name, values, home)
    scope = Scope(values, variables(execution, region))
    problems += wrong + list(known) + refusals(runs, scope)
    problems += missing_models(runs, scope, partial(read_model, home), store, options.install)
    _raise_or(plan, problems + missing_inputs(runs, scope, store, options.install))

    saving = _Saving(execution)

    def changed() -> None:
        saving.changed()
        if on_change is not None:
            on_change(execution)

    stop = process.Stop()
    with nullcontext(launcher) if launcher else process.launcher(not options.fresh) as launcher:
        machine = Machine(home, store, Digests(home / "digests.json"), region, options, launcher)
        if options.isolation == "namespace":
            _ = machine.private  # raises an error before anything starts if there is none

        def work(step: Step, started: Callable[[], None]) -> Result:
            return run_step(step, plan, execution, machine, stop, started)

        lock = execution_folder.set_up(execution, definition)
        try:
            if source is not None:
                execution_folder.reuse(source, execution, chosen, store)
            changed()
            scheduler.run(runs, execution, work, changed, stop, options.jobs, saving.save)
        finally:
            machine.s3.close()
            machine.digests.save()
            os.close(lock)
    return execution


class _Saving:
    """Saves the execution after changes, for at most a tenth of the time: with many steps its file is large."""

    def __init__(self, execution: Execution) -> None:
        self._execution, self._pending, self._due = execution, False, 0.0

    def changed(self) -> None:
        self._pending = True
        if self._execution.end_time:
            self._due = 0.0
        self.save()

    def save(self) -> float | None:
        """Save what has changed if it is time for it; otherwise the seconds until then."""
        before = time.monotonic()
        if not self._pending or before < self._due:
            return self._due - before if self._pending else None
        with suppress(OSError):  # a full disk fails the affected step; the reason must still be reported
            self._execution.save()
        after = time.monotonic()
        self._pending, self._due = False, after + 10 * (after - before)
        return None


def _raise_or(plan: Plan, problems: list[Problem]) -> Plan:
    if problems:
        raise UserError(*dict.fromkeys(problems))
    return plan
