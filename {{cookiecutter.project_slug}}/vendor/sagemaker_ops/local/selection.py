"""Running part of a pipeline with the results of an earlier execution (AWS calls this selective execution)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sagemaker_ops.definition.plan import Plan
from sagemaker_ops.errors import Problem, UserError, did_you_mean
from sagemaker_ops.local import executions
from sagemaker_ops.local.executions import Execution


@dataclass(frozen=True)
class Selection:
    """The steps to run. onward: also those that depend on them. source: an execution; None: the newest suitable one."""

    steps: tuple[str, ...]
    onward: bool = False
    source: str | None = None


def select(plan: Plan, selection: Selection, pipeline_name: str, home: Path) -> tuple[set[str], Execution]:
    """The steps to run, and the execution with the results of the others; UserError with all reasons if none fits."""
    chosen = chosen_steps(plan, selection)
    if selection.source is not None:
        candidates = [executions.find(home, selection.source)]
    else:
        listed = executions.list_pipeline_executions(home)
        candidates = [each for each in listed if each.pipeline_name == pipeline_name and each.end_time]
    if not candidates:
        raise UserError(
            f"no execution of {pipeline_name} on this machine has results to reuse: run the whole pipeline first."
        )
    lacking = {each.id: _lacking(plan, chosen, each) for each in candidates}
    for each in candidates:
        if not lacking[each.id]:
            return chosen, each
    raise UserError(*lacking[candidates[0].id])


def chosen_steps(plan: Plan, selection: Selection) -> set[str]:
    """The steps to run; UserError if a named one does not exist."""
    unknown = [name for name in selection.steps if name not in plan.steps]
    if unknown:
        names = ", ".join(plan.steps)
        raise UserError(
            *(
                f"there is no step '{name}'.{did_you_mean(name, plan.steps) or f' Available: {names}.'}"
                for name in unknown
            )
        )
    chosen = set(selection.steps)
    for step in plan.steps.values() if selection.onward else ():  # in an order in which they could run
        if step.waits_for & chosen:
            chosen.add(step.name)
    return chosen


def _lacking(plan: Plan, chosen: set[str], source: Execution) -> list[Problem]:
    """A problem for every result that the chosen steps need but the execution does not have."""
    problems = []
    for name in sorted(chosen):
        step = plan.steps[name]
        for needed in sorted(step.waits_for - chosen):
            earlier = source.steps.get(needed)
            status = earlier.status if earlier else "unknown"
            if earlier is None or not earlier.has_result:
                problems.append(
                    Problem(f"it needs '{needed}', which is {status} in execution {source.id}.", f"step '{name}'")
                )
            elif step.branch == (needed, earlier.properties.get("Outcome") != "True"):
                problems.append(
                    Problem(
                        f"it is in the branch of '{needed}' that execution {source.id} did not take.", f"step '{name}'"
                    )
                )
    return problems
