"""A pipeline definition, read and checked: its parameters, its steps and what each step waits for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sagemaker_ops.definition import conditions, parameters, retry_and_cache, shapes, step_types
from sagemaker_ops.definition.expressions import EXECUTION_VARIABLES, Reference, scan
from sagemaker_ops.definition.order import ordered
from sagemaker_ops.definition.paths import at
from sagemaker_ops.errors import Problem, UserError, did_you_mean

VERSION = "2020-12-01"
MAX_DEPTH = 100  # far beyond any real definition, and below Python's recursion limit
_STEP_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Step:
    """One step. branch: the Condition step that decides whether it runs, and the outcome it needs.

    property_files: {name: (output name, file path)}. cache_for: how long its result is reused, None for never.
    The arguments of a Condition do not contain its steps: they are in the Plan.
    """

    name: str
    type: str
    arguments: dict[str, Any]
    waits_for: frozenset[str] = frozenset()
    branch: tuple[str, bool] | None = None
    property_files: dict[str, tuple[str, str]] = field(default_factory=dict)
    cache_for: timedelta | None = None
    retry: retry_and_cache.Retry | None = None


@dataclass(frozen=True)
class Plan:
    """A parsed definition. steps: in an order in which they could run one after the other."""

    parameters: dict[str, parameters.Parameter]
    steps: dict[str, Step]

    def before(self, step: Step) -> list[Step]:
        """All in this plan that a step waits for, directly or not."""
        found: dict[str, Step] = {}
        waiting = list(step.waits_for)
        while waiting:
            if (name := waiting.pop()) not in found and name in self.steps:
                found[name] = self.steps[name]
                waiting += found[name].waits_for
        return list(found.values())


def loads(text: str | bytes) -> dict[str, Any]:
    """A definition from JSON text; UserError if it is not JSON."""
    try:
        definition = json.loads(text, parse_constant=_constant, object_pairs_hook=_object)
    except RecursionError as error:
        raise UserError("the definition is not JSON that can be read: it is nested too deeply.") from error
    except ValueError as error:
        raise UserError(f"the definition is not JSON: {error}.") from error
    if not isinstance(definition, dict):
        raise UserError("the definition is not a JSON object.")
    return definition


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(
            f"the key '{next(name for name in names if names.count(name) > 1)}' appears twice in an object"
        )
    return found


def parse(definition: object) -> tuple[Plan, list[Problem]]:
    """The plan, and every problem of form: if there are any, the plan is incomplete and must not be run."""
    if not isinstance(definition, dict) or is_too_deep(definition):
        return Plan({}, {}), [Problem("a definition must be a JSON object with at most 100 levels of nesting.")]
    if (text := _odd_text(definition)) is not None:
        message = "a definition cannot contain a NUL character or a half of a surrogate pair, as in"
        return Plan({}, {}), [Problem(f"{message} {text[:40]!r}.")]
    problems = []
    if definition.get("Version") != VERSION:
        problems.append(Problem(f"Version must be '{VERSION}', not {str(definition.get('Version'))[:40]!r}."))
    declared = _parameters(definition.get("Parameters") or [], problems)
    steps: dict[str, Step] = {}
    for raw, branch in _flatten(definition.get("Steps"), None, problems):
        step, complaints = _step(raw, branch, declared)
        if step is not None and step.name in steps:
            complaints.append("two steps have this name: rename one of them.")
        elif step is not None:
            steps[step.name] = step
        where = f"step '{step.name}'" if step else "a step"
        problems += [Problem(sentence, where) for sentence in complaints]
    linked = {}
    for step in steps.values():
        linked[step.name], complaints = _link(step, steps, declared)
        problems += [Problem(sentence, f"step '{step.name}'") for sentence in complaints]
    order = ordered({name: step.waits_for for name, step in linked.items()}, problems)
    return Plan(declared, {name: linked[name] for name in order}), problems


def is_too_deep(value: object) -> bool:
    """Whether lists and objects are nested more deeply than MAX_DEPTH; found without recursion."""
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth > MAX_DEPTH


def misnamed(name: object) -> str:
    """A sentence if this is not a valid name of a step."""
    valid = isinstance(name, str) and _STEP_NAME.fullmatch(name)
    return "" if valid else f"Name is {str(name)[:80]!r}: use 1 to 64 letters, digits, '-' and '_'."


def _odd_text(value: object) -> str | None:
    """A text in it that AWS cannot store."""
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, str) and parameters.ODD.search(each):
            return each
        stack += [*each, *each.values()] if isinstance(each, dict) else each if isinstance(each, list) else []
    return None


def _parameters(raw: object, problems: list[Problem]) -> dict[str, parameters.Parameter]:
    if not isinstance(raw, list):
        problems.append(Problem("Parameters must be a list."))
        return {}
    declared: dict[str, parameters.Parameter] = {}
    for each in raw:
        parameter, complaints = parameters.parse(each)
        problems += map(Problem, complaints)
        if parameter is not None and parameter.name in declared:
            problems.append(Problem(f"two parameters are named '{parameter.name}'."))
        elif parameter is not None:
            declared[parameter.name] = parameter
    return declared


def _flatten(
    raw: object, branch: tuple[str, bool] | None, problems: list[Problem]
) -> Iterator[tuple[dict[str, Any], tuple[str, bool] | None]]:
    """Every step as written, including those in branches of conditions, each with its branch."""
    if not isinstance(raw, list) or (not raw and branch is None):
        problems.append(Problem("Steps must be a list with at least one step."))
        return
    for each in raw:
        if not isinstance(each, dict):
            problems.append(Problem(f"a step must be an object, not {str(each)[:40]!r}."))
            continue
        step = _without_nulls(each)
        yield step, branch
        arguments = step.get("Arguments")
        for key, outcome in step_types.of(step.get("Type")).branches.items() if isinstance(arguments, dict) else ():
            yield from _flatten(arguments.get(key, []), (str(step.get("Name")), outcome), problems)


def _without_nulls(value: Any) -> Any:
    """The value without keys that are null, which AWS treats as missing."""
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value


def _step(
    raw: dict[str, Any], branch: tuple[str, bool] | None, declared: Mapping[str, parameters.Parameter]
) -> tuple[Step | None, list[str]]:
    """The step by itself, and a sentence for each error in its form; no step if it has no name."""
    name, kind, arguments = raw.get("Name"), str(raw.get("Type")), raw.get("Arguments", {})
    if sentence := misnamed(name):
        return None, [sentence]
    name = str(name)
    malformed = list(shapes.mismatches(raw, shapes.STEP, {}))
    listed = [] if malformed else raw.get("PropertyFiles", [])
    malformed += [each for file in listed for each in shapes.mismatches(file, shapes.PROPERTY_FILE, {})]
    complaints = []
    known = step_types.of(kind)
    if kind in step_types.TYPES and not known.runs_here:
        complaints.append(f"steps of type {kind} run only on AWS: leave it out of the pipeline that runs locally.")
    elif known.shape is None:
        hint = did_you_mean(kind, step_types.HERE)
        complaints.append(f"'{kind[:40]}' is not a step type.{hint} Available here: {', '.join(step_types.HERE)}.")
    else:
        malformed += shapes.mismatches(arguments, known.shape, declared)
    if malformed:
        return Step(name, kind, {}, branch=branch), complaints + malformed
    if known.branches:
        complaints += [sentence for each in arguments["Conditions"] for sentence in conditions.complaints(each)]
        arguments = {key: value for key, value in arguments.items() if key not in known.branches}
    files = {each["PropertyFileName"]: (each["OutputName"], each["FilePath"]) for each in listed}
    cache_for, unreadable = retry_and_cache.cache_for(raw.get("CacheConfig", {}))
    retry, malformed = retry_and_cache.retry(raw.get("RetryPolicies", []))
    step = Step(name, kind, arguments, frozenset(raw.get("DependsOn", [])), branch, files, cache_for, retry)
    return step, complaints + unreadable + malformed


def _link(
    step: Step, steps: Mapping[str, Step], declared: Mapping[str, parameters.Parameter]
) -> tuple[Step, list[str]]:
    """The step with everything it waits for, and a sentence for each reference that leads nowhere."""
    references, complaints = scan(step.arguments)
    for name in sorted(step.waits_for - steps.keys()):
        complaints.append(f"DependsOn names '{name}', which is not a step.{did_you_mean(name, steps)}")
    complaints += filter(None, (_dead_end(reference, steps, declared) for reference in references))
    outputs = _outputs(step)
    for name, (output, _) in step.property_files.items():
        if output not in outputs:
            complaints.append(f"property file '{name}' is in '{output}', not an output.{did_you_mean(output, outputs)}")
    waits_for = {ref.name for ref in references if ref.kind in ("Steps", "PropertyFiles")} | step.waits_for
    if step.branch:
        waits_for.add(step.branch[0])
    return replace(step, waits_for=frozenset(waits_for & steps.keys())), list(dict.fromkeys(complaints))


def _dead_end(
    reference: Reference, steps: Mapping[str, Step], declared: Mapping[str, parameters.Parameter]
) -> str | None:
    """A sentence if the reference leads nowhere."""
    known = {"Parameters": declared, "Execution": EXECUTION_VARIABLES, "Steps": steps, "PropertyFiles": steps}
    if reference.kind not in known:
        return None
    name, names = reference.name, known[reference.kind]
    if name not in names:
        what = {"Parameters": "a parameter", "Execution": "an execution variable"}.get(reference.kind, "a step")
        return f"it reads '{name}', which is not {what} of this pipeline.{did_you_mean(name, names)}"
    if reference.kind in ("Steps", "PropertyFiles") and not steps[name].arguments:
        return None  # that step is malformed, and its own problem is reported
    if reference.kind == "PropertyFiles" and reference.path[0] not in steps[name].property_files:
        hint = did_you_mean(str(reference.path[0]), steps[name].property_files)
        return f"it reads '{reference.path[0]}', which is not a property file of step '{name}'.{hint}"
    if reference.path[:2] == ("ProcessingOutputConfig", "Outputs") and len(reference.path) > 2:
        output, outputs = str(reference.path[2]), _outputs(steps[name])
        if outputs and output not in outputs:
            return f"it reads '{output}', which is not an output of step '{name}'.{did_you_mean(output, outputs)}"
    return None


def _outputs(step: Step) -> list[str]:
    names = at(step.arguments, "ProcessingOutputConfig.Outputs.*.OutputName")
    return [name for name in names if isinstance(name, str)]
