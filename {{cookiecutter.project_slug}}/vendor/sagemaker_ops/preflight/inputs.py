"""Inputs that will not be there when a step starts: nothing makes them, or two of them need the same place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Any

from sagemaker_ops.container import contract
from sagemaker_ops.definition import conditions, step_types
from sagemaker_ops.definition.expressions import Scope, resolve_early
from sagemaker_ops.definition.paths import at
from sagemaker_ops.definition.plan import Plan, Step
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.preflight import programs
from sagemaker_ops.store import Store, Unchanging


def missing_inputs(
    plan: Plan, scope: Scope, store: Store, install: bool = False, *, certain: bool = True
) -> list[Problem]:
    """A problem for every input that is neither in the store nor made by a step, and for what a script lacks here.

    install: whether a requirements.txt will be installed. certain: of the steps that will run; otherwise of those in
    branches about which nothing is known yet, and inputs that an earlier step which uses S3 itself may make.
    """
    store = store if isinstance(store, Unchanging) else Unchanging(store.root)
    problems = []
    written = {name: [_written(job, scope) for job in programs.jobs(step)] for name, step in plan.steps.items()}
    writers = {name for name, step in plan.steps.items() if programs.uses_s3(step, scope, store)}
    for step in plan.steps.values():
        runs = will_run(step, plan, scope)
        for job in programs.jobs(step) if step.runs_here else ():
            found: list[str] = []
            missing = list(_missing(job, scope, store)) if runs is not False else []
            before = plan.before(step) if missing else []  # a long way in a long pipeline
            if certain is (bool(runs) and writers.isdisjoint(each.name for each in before)):
                made = [each for earlier in before for each in written[earlier.name]]
                found += [sentence for uri, sentence in missing if not (uri and _is_made(uri, made))]
            if runs is (True if certain else None):
                found += _nowhere(job, scope, store)
                found += [*_overlapping(job, scope, store), *programs.lacking(job, scope, store, install)]
            problems += [Problem(sentence, f"step '{step.name}'") for sentence in found]
    return problems


def will_run(step: Step, plan: Plan, scope: Scope) -> bool | None:
    """Whether the branches that the step is in will be chosen; None if that is not known yet."""
    if step.branch is None or (condition := plan.steps.get(step.branch[0])) is None:
        return True if step.branch is None else None
    outer, known = will_run(condition, plan, scope), resolve_early(condition.arguments.get("Conditions"), scope)
    with suppress(UserError):  # from a comparison: reported when the condition is evaluated
        if outer and known is not None:
            return all(conditions.holds(each, scope) for each in known) == step.branch[1]
    return None if outer else outer


def overlaps(inputs: Iterable[tuple[str, str, Mapping[str, Path]]]) -> Iterator[str]:
    """A sentence for each two inputs with files for one place. An input: its name, LocalPath, {path in it: file}."""
    given = [(name, PurePosixPath(folder), files) for name, folder, files in inputs]
    pairs = combinations([folder for _, folder, _ in given], 2)
    if not any(one.is_relative_to(other) or other.is_relative_to(one) for one, other in pairs):
        return
    placed: dict[str, tuple[str, Path]] = {}
    found: dict[tuple[str, str], str] = {}
    for name, folder, files in given:
        for key, file in files.items():
            other, there = placed.setdefault(path := f"{folder}/{key}", (name, file))
            if there != file:  # otherwise nothing is lost
                found.setdefault((other, name), path)
    seen: set[str] = set()
    for path, (name, _) in placed.items():  # the file of one input may be where another needs a folder
        while (path := path.rpartition("/")[0]) and path not in seen:
            seen.add(path)
            if path in placed:
                found.setdefault((placed[path][0], name), path)
    for (one, other), path in found.items():
        yield f"inputs '{one}' and '{other}' both put something at {path}, so one of them is lost: change a LocalPath."


def _overlapping(step: Step, scope: Scope, store: Store) -> Iterator[str]:
    """The same for the inputs of a step that are in the store."""
    given = [each for each in step.arguments.get("ProcessingInputs", []) if "S3Input" in each]
    known = [(each["InputName"], resolve_early(each["S3Input"], scope)) for each in given]
    with suppress(UserError):  # reported with the input itself
        yield from overlaps([(name, each["LocalPath"], store.find(each["S3Uri"])) for name, each in known if each])


def _missing(step: Step, scope: Scope, store: Store) -> Iterator[tuple[str, str]]:
    """(its URI if an earlier step may still make it, a sentence) for each input that is not in the store."""
    for uri, is_file in _read(step, scope):
        try:
            if store.locate(uri).is_file() if is_file else store.find(uri):
                continue
            if is_file and store.find(uri):
                yield "", f"there is no file {uri}, only others whose addresses start with it: write the whole address."
            elif uri.endswith("/") and store.locate(uri).is_file():
                yield "", f"there is nothing below {uri}, because it is a file: leave out the slash at the end."
            else:
                yield uri, f"there is nothing at {uri}: put it into {store.locate(uri)}."
        except UserError as error:
            yield from (("", problem.message) for problem in error.problems)


def _nowhere(step: Step, scope: Scope, store: Store) -> Iterator[str]:
    """A sentence for each known place of an output that is not an S3 URI."""
    kind = step_types.of(step.type)
    for uri in _known(step, (*kind.writes, *kind.writes_in_job), scope):
        try:
            store.locate(uri)
        except UserError as error:
            yield from (problem.message for problem in error.problems)


def _read(step: Step, scope: Scope) -> Iterator[tuple[str, bool]]:
    """The S3 URIs that a step reads, as far as they are known, each with whether it must be a single object."""
    kind = step_types.of(step.type)
    files = [*_known(step, kind.reads_files, scope), *_json_files(step.arguments, scope)]
    for uri, is_file in [(uri, False) for uri in _known(step, kind.reads, scope)] + [(uri, True) for uri in files]:
        # A hyperparameter may be JSON: the toolkit decodes it.
        yield str(contract.decoded({"uri": uri})["uri"]), is_file


def _known(step: Step, paths: Iterable[str], scope: Scope) -> Iterator[str]:
    for raw in (raw for path in paths for raw in at(step.arguments, path)):
        if isinstance(value := resolve_early(raw, scope), str):
            yield value


def _json_files(value: Any, scope: Scope) -> Iterator[str]:
    """The known S3Uri of each Std:JsonGet."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for body in [value["Std:JsonGet"]] if isinstance(value, dict) and "Std:JsonGet" in value else ():
        if isinstance(uri := resolve_early(body.get("S3Uri"), scope), str):
            yield uri
    for each in inside:
        yield from _json_files(each, scope)


def _written(step: Step, scope: Scope) -> tuple[list[str], list[str]]:
    """The folders below which a step writes, and those in which it writes below the name of its job."""
    if step.stand_in is not None:
        return list(step.stand_in.files), []
    kind = step_types.of(step.type)
    places = [_known(step, paths, scope) for paths in ((*kind.writes, *kind.may_write), kind.writes_in_job)]
    anywhere, in_job = ([f"{_tidy(uri).rstrip('/')}/" for uri in uris] for uris in places)
    return anywhere, in_job


def _is_made(uri: str, by: Iterable[tuple[list[str], list[str]]]) -> bool:
    """Whether an object whose address starts with the URI may be written."""
    wanted = _tidy(uri)
    return any(
        # The name of a job is not known in advance, so no address in its folder can be written down.
        any(each.startswith(wanted) for each in (*anywhere, *in_job)) or wanted.startswith(tuple(anywhere))
        for anywhere, in_job in by
    )


def _tidy(uri: str) -> str:
    """The URI without empty parts of its key, and with a slash after its bucket."""
    tidy = re.sub(r"(?<!:)/+", "/", uri)
    return tidy if tidy.count("/") > 2 else f"{tidy}/"
