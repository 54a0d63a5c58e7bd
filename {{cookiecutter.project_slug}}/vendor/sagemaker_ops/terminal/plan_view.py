"""Draws a plan: each step below those it waits for, indented by branch, and what a run here does with it."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sagemaker_ops.definition import step_types
from sagemaker_ops.definition.plan import Plan, Step
from sagemaker_ops.local import preview
from sagemaker_ops.local.preview import Preview
from sagemaker_ops.pipelines import stubs

FORMATS = ("text", "json")
_MOST_NAMES = 3  # of the steps that a step waits for; the JSON has all of them
_WIDEST = 44


def document(pipeline_name: str, found: Preview) -> str:
    """The plan as a JSON object."""
    rank = _rank(found.plan)
    steps = [
        {
            "name": step.name,
            "type": step.type,
            "after": sorted(step.waits_for, key=lambda name: rank[name]),
            "branch": {"condition": step.branch[0], "outcome": step.branch[1]} if step.branch else None,
            "here": found.steps[step.name].does,
            "because": found.steps[step.name].because,
            "source": found.steps[step.name].source,
            "aws": found.steps[step.name].aws,
            "problems": list(found.steps[step.name].problems),
            "lacks": list(found.steps[step.name].lacks),
            "stub": _stub(step, found),
        }
        for step in in_order(found.plan)
    ]
    problems = [str(problem) for problem in found.problems]
    whole = {"pipeline_name": pipeline_name, "can_run": found.can_run, "problems": problems, "steps": steps}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def lines(pipeline_name: str, found: Preview) -> Iterator[str]:
    """The plan for a terminal: a line for each step, more for one with several problems."""
    yield f"{pipeline_name}\n"
    rows, rank = [("step", "type", "after", ["here"])], _rank(found.plan)
    for step in in_order(found.plan):
        name = "  " * _depth(step, found.plan) + step.name
        rows.append((name, step.type, _after(step, rank), _here(found.steps[step.name])))
    first, second, third = (min(_WIDEST, max(len(str(row[column])) for row in rows)) for column in range(3))
    for name, kind, after, here in rows:
        yield f"{name:<{first}}  {kind:<{second}}  {after:<{third}}  {here[0]}".rstrip()
        yield from (f"{'':<{first + second + third + 4}}  {more}" for more in here[1:])
    yield f"\n{_summary(found)}"
    for step in in_order(found.plan):
        if (stub := _stub(step, found)) is not None:
            file = step.stand_in.source if step.stand_in else f"{step.name}.json"
            to_do = "fill in what other steps read" if stub["properties"] else "no other step reads its outputs"
            yield f"\n--stub {step.name}={file} needs this file: {to_do}."
            yield json.dumps(stub, indent=2, ensure_ascii=False)


def in_order(plan: Plan) -> list[Step]:
    """Each step after all it waits for, and the steps of a branch directly below their condition if possible."""
    inside: dict[str | None, list[Step]] = {}
    for step in plan.steps.values():
        inside.setdefault(step.branch[0] if step.branch else None, []).append(step)
    try:
        ordered = _ordered(inside.get(None, []), inside)
    except CycleError:  # a branch waits for something that waits for the other branch: use the plan's own order
        ordered = []
    return ordered if len(ordered) == len(plan.steps) else list(plan.steps.values())


def _ordered(members: list[Step], inside: dict[str | None, list[Step]]) -> list[Step]:
    """The members with everything in their branches; CycleError if a branch cannot stay together."""
    blocks = {member.name: _block(member, inside) for member in members}
    owner = {step.name: name for name, block in blocks.items() for step in block}
    sorter = TopologicalSorter(
        {
            name: {owner[other] for step in block for other in step.waits_for if other in owner} - {name}
            for name, block in blocks.items()
        }
    )
    sorter.prepare()
    ordered: list[Step] = []
    # the True branch first, otherwise in the order of the plan
    rank = {step.name: (step.branch is not None and not step.branch[1], at) for at, step in enumerate(members)}
    ready: list[tuple[tuple[bool, int], str]] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(ready, (rank[name], name))
        name = heapq.heappop(ready)[1]
        ordered += [blocks[name][0], *_ordered(inside.get(name, []), inside)]
        sorter.done(name)
    return ordered


def _block(step: Step, inside: dict[str | None, list[Step]]) -> list[Step]:
    return [step, *(deeper for member in inside.get(step.name, []) for deeper in _block(member, inside))]


def _rank(plan: Plan) -> dict[str, int]:
    """{step: its position in the plan}."""
    return {name: at for at, name in enumerate(plan.steps)}


def _depth(step: Step, plan: Plan) -> int:
    depth = 0
    while step.branch and step.branch[0] in plan.steps:  # not if the condition is malformed
        depth, step = depth + 1, plan.steps[step.branch[0]]
    return depth


def _after(step: Step, rank: Mapping[str, int]) -> str:
    """`QualityGate=True, Training`: its branch, and the other steps it waits for."""
    condition, outcome = step.branch or ("", False)
    names = [f"{condition}={outcome}"] if step.branch else []
    names += sorted(step.waits_for - {condition}, key=lambda name: rank[name])
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _here(forecast: preview.Forecast) -> list[str]:
    if forecast.problems:
        return [f"{preview.REFUSED}: {problem}" for problem in forecast.problems]
    said = {
        preview.CACHED: f"cached: {forecast.because or f'result of {forecast.source}'}",
        preview.PERHAPS: "runs unless its inputs turn out to be unchanged",
    }.get(forecast.does, ": ".join(filter(None, (forecast.does, forecast.because))))
    return ["; ".join(filter(None, (said, forecast.aws))), *(f"but if it runs: {each}" for each in forecast.lacks)]


def _stub(step: Step, found: Preview) -> dict[str, Any] | None:
    """The stub to fill in, if the step runs only on AWS or its stub is not usable."""
    needed = step.stand_in or (step.type in step_types.TYPES and not step_types.of(step.type).runs_here)
    return stubs.skeleton(found.plan, step.name) if needed and found.steps[step.name].problems else None


def _summary(found: Preview) -> str:
    does = [forecast.does for forecast in found.steps.values()]
    refused = sum(bool(forecast.problems) for forecast in found.steps.values())
    if refused:
        return f"{refused} of {len(does)} steps cannot run here." if len(does) > 1 else "The step cannot run here."
    does = [preview.RUNS if kind == preview.FAILS else kind for kind in does]
    kinds = (preview.CACHED, preview.RUNS, preview.PERHAPS, preview.STAND_IN, preview.SKIPPED)
    counts = {kind: does.count(kind) for kind in kinds}
    words = {
        preview.RUNS: "to run",
        preview.PERHAPS: "to run unless their inputs turn out to be unchanged",
        preview.STAND_IN: "with a stand-in",
        preview.SKIPPED: "skipped",
    }
    said = ", ".join(f"{n} {words.get(kind, kind)}" for kind, n in counts.items() if n)
    return f"{len(does)} step{'s' if len(does) > 1 else ''}: {said}."
