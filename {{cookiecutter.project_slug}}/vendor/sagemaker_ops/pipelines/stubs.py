"""Stubs: files with the outputs of steps that do not run here, so that everything around these steps can run."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from sagemaker_ops.definition import step_types
from sagemaker_ops.definition.expressions import OUTPUT_PARAMETERS, OUTPUTS, Keys, look_up, scan, uri_of
from sagemaker_ops.definition.plan import Plan, StandIn, Step, is_too_deep, loads, odd_text, parse
from sagemaker_ops.definition.step_type import StepType
from sagemaker_ops.errors import Problem, UserError, did_you_mean
from sagemaker_ops.local.selection import Selection, chosen_steps
from sagemaker_ops.store import Store

KEYS = ("properties", "files")
_MARK = re.compile(r"<fill in: .+")
_TYPES: dict[str, tuple[type, ...]] = {"String": (str,), "Integer": (int,), "Float": (int, float), "Boolean": (bool,)}
Reads = list[tuple[Keys, str]]


def read(
    definition: object,
    given: Mapping[str, Path],
    usual: Mapping[str, Path],
    store: Store,
    selection: Selection | None = None,
) -> tuple[dict[str, StandIn], list[Problem]]:
    """The stand-ins for the steps of a run, and a problem for everything that is wrong with their stubs.

    given: {step: its stub}, as from --stub. usual: those of project.toml, where each pipeline needs only some.
    """
    stand_ins: dict[str, StandIn] = {}
    problems: list[Problem] = []
    if not given and not usual:
        return stand_ins, problems
    plan, _ = parse(definition)  # the runner reports its problems
    chosen = chosen_steps(plan, selection) if selection else set(plan.steps)
    for name in (name for name in given if name not in chosen):
        hint = did_you_mean(name, plan.steps) or f" Available: {', '.join(plan.steps)}."
        sentence = "this run does not include the step." if name in plan.steps else f"there is no such step.{hint}"
        problems.append(Problem(sentence, f"--stub {name}"))
    for name, file in {**usual, **given}.items():
        if name in chosen:
            try:
                stand_ins[name] = StandIn(str(file))
                stand_ins[name] = _stand_in(plan.steps[name], file)
                sentences = list(_misfits(plan.steps[name], stand_ins[name], reads(plan, name, chosen), store))
            except UserError as error:
                sentences = [problem.message for problem in error.problems]
            problems += [Problem(sentence, f"step '{name}'") for sentence in sentences]
    return stand_ins, problems


def makes_sense(kind: StepType) -> bool:
    """Whether a step of this type may not be able to run here: all but those that start no program."""
    return not kind.runs_here or kind.cost != "none"


def skeleton(plan: Plan, name: str) -> dict[str, Any]:
    """A stub to fill in: a placeholder for every property that other steps read, with its declared type."""
    found = reads(plan, name, plan.steps)
    marks = {path: _mark(plan.steps[name], path) for path, _ in found}
    files = {f"{marks[path]}/{file}": f"<fill in: {file}>" for path, file in found if file}
    return {"properties": _tree(marks), **({"files": files} if files else {})}


def reads(plan: Plan, name: str, readers: Collection[str]) -> Reads:
    """(path, file) of each property of a step that others read; file: the property file in the folder there, or ""."""
    files = plan.steps[name].property_files
    found: dict[tuple[Keys, str], None] = {}
    for step in plan.steps.values():
        for each in scan(step.arguments)[0] if step.name in readers and name in step.waits_for else ():
            if each.name == name and each.kind == "Steps":
                found[each.path, ""] = None
            elif each.name == name and each.kind == "PropertyFiles" and each.path[0] in files:
                output, file = files[str(each.path[0])]
                found[uri_of(output), file] = None
    return list(found)


def _stand_in(step: Step, file: Path) -> StandIn:
    """The stand-in of a step from its stub; UserError if that cannot be read or has another form."""
    what = f"its stub {file}"
    if not makes_sense(step_types.of(step.type)):
        raise UserError(f"{what} is not needed: steps of type {step.type} always run here.")
    try:
        if not file.is_file():
            raise UserError(f"there is no file {file}, which must contain its outputs: `ops plan` shows what to write.")
        content = loads(file.read_bytes(), what)
        properties, listed = _parts(content, what)
        return StandIn(str(file), properties, _objects(listed, file.parent, what))
    except OSError as error:
        where = "" if str(error.filename) == str(file) else f" ({error.filename})"
        raise UserError(f"{what} cannot be read: {error.strerror}{where}.") from error


def _parts(content: dict[str, Any], what: str) -> list[dict[str, Any]]:
    """The properties and the files in a stub; UserError if it has another form or is not filled in."""
    if is_too_deep(content) or odd_text(content) is not None:
        raise UserError(f"{what} is nested too deeply, or contains a character that AWS cannot store.")
    if other := [key for key in content if key not in KEYS]:
        raise UserError(f"""{what} has the key '{other[0]}': write the step's outputs into "properties".""")
    parts = [content.get(key, {}) for key in KEYS]
    if not all(isinstance(part, dict) for part in parts):
        raise UserError(f'{what} needs objects as "properties" and "files", such as {{"properties": {{}}}}.')
    if left := sorted(set(filter(_MARK.fullmatch, _texts(content)))):
        raise UserError(f"{what} still has placeholders: replace {', '.join(map(repr, left))}.")
    return parts


def _objects(listed: Mapping[str, Any], folder: Path, what: str) -> dict[str, Path]:
    """{S3 URI: file} of the files and folders in a stub; UserError with every problem."""
    found: dict[str, Path] = {}
    problems = []
    for uri, each in listed.items():
        path = folder / str(each)
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if file.is_file()]
            found |= {f"{uri.rstrip('/')}/{file.relative_to(path)}": file for file in inside}
        elif not path.exists():
            problems.append(f"{what} puts {path} at {uri}, but there is no such file.")
        elif uri.startswith("s3://") and uri.count("/") == 2:
            problems.append(f"{what} puts {path} at {uri}, which is a bucket: write {uri}/{path.name}.")
        else:
            found[uri + path.name if uri.endswith("/") else uri] = path
    if problems:
        raise UserError(*problems)
    return found


def _misfits(step: Step, stand_in: StandIn, read: Reads, store: Store) -> Iterator[str]:
    """A sentence for each property that others read but is missing, and for each that has another form."""
    what, declared = f"its stub {stand_in.source}", step.output_types
    given = stand_in.properties.get(OUTPUT_PARAMETERS)
    for name, value in given.items() if isinstance(given, dict) and declared else ():
        kind = declared.get(name, "")
        if not kind:
            yield f"{what} has the output '{name}', which the step does not declare.{did_you_mean(name, declared)}"
        elif not isinstance(value, _TYPES.get(kind, (object,))) or isinstance(value, bool) != (kind == "Boolean"):
            yield f"{what} has {json.dumps(value)[:40]} as '{name}', which the step declares as {kind}."
    for path, file in read:
        try:
            uri = f"{str(look_up(stand_in.properties, path, what)).rstrip('/')}/{file}"
            if file and uri not in stand_in.files and not store.find(uri):
                yield f'{what} has no file for {uri}: add it to "files", as {{"{uri}": "path of a file"}}.'
        except UserError as error:
            yield str(error)
    try:
        for uri in (*step_types.of(step.type).outputs(stand_in.properties).values(), *stand_in.files):
            store.locate(uri)
    except UserError as error:
        yield f"{what}: {error}"
    except (LookupError, TypeError, AttributeError):
        yield f"{what} has outputs in another form than a {step.type} step."


def _mark(step: Step, path: Keys) -> str:
    if path[: len(OUTPUTS)] == OUTPUTS and len(path) > len(OUTPUTS):
        return f"<fill in: {path[-1]} of {path[len(OUTPUTS)]}>"
    return f"<fill in: {step.output_types.get(str(path[-1]), path[-1])}>"


def _tree(marks: Mapping[Keys, str]) -> Any:
    """{(a, b): mark} as {a: {b: mark}}; numbers become positions in a list."""
    below: dict[str | int, dict[Keys, str]] = {}
    for path, mark in marks.items():
        if path:
            below.setdefault(path[0], {})[path[1:]] = mark
    if not below:
        return marks.get((), {})
    if positions := [key for key in below if isinstance(key, int)]:
        return [_tree(below.get(position, {})) for position in range(max(positions) + 1)]
    return {str(key): _tree(inner) for key, inner in below.items()}


def _texts(value: Any) -> Iterator[str]:
    """Every text inside, keys included."""
    if isinstance(value, str):
        yield value
    for each in (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(each)
