"""What a run of a definition would do here, step by step, and where AWS's cache would behave differently."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from sagemaker_ops.container import process
from sagemaker_ops.container.packages import packages_digest
from sagemaker_ops.definition import conditions, step_types
from sagemaker_ops.definition.expressions import Scope, resolve, resolve_known, scan
from sagemaker_ops.definition.parameters import values as typed_values
from sagemaker_ops.definition.plan import Plan, StandIn, Step, parse
from sagemaker_ops.digests import Digests
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.local import executions
from sagemaker_ops.local.cache import Cache, Keys, compared_arguments
from sagemaker_ops.local.execution_folder import new_execution
from sagemaker_ops.local.machine import Machine, Options, read_model
from sagemaker_ops.local.step_run import variables
from sagemaker_ops.preflight import programs
from sagemaker_ops.preflight.inputs import missing_inputs
from sagemaker_ops.preflight.refusals import missing_models, refusals
from sagemaker_ops.store import Store, Unchanging

CACHED, RUNS, PERHAPS, FAILS = "cached", "runs", "runs unless unchanged", "fails the execution"
SKIPPED, REFUSED, STAND_IN = "does not start", "cannot run here", "stand-in"
# These differ in each execution, so steps that use them are never found in a cache.
NEW_EACH_TIME = {"StartDateTime", "CurrentDateTime", "PipelineExecutionId", "PipelineExecutionArn", "TrainingJobName",
                 "ProcessingJobName"}  # fmt: skip


@dataclass(frozen=True)
class Forecast:
    """What a step will do: one of the seven above, and why. source: the execution whose result is reused.

    problems: why it cannot run here. aws: what AWS would do instead, if that differs. lacks: why it would fail, if a
    condition chooses its branch.
    """

    does: str = RUNS
    because: str = ""
    source: str | None = None
    problems: tuple[str, ...] = ()
    aws: str = ""
    lacks: tuple[str, ...] = ()


@dataclass
class Preview:
    """A plan and the forecast of each of its steps. problems: of the definition as a whole."""

    plan: Plan
    problems: list[Problem]
    steps: dict[str, Forecast] = field(default_factory=dict)

    @property
    def can_run(self) -> bool:
        return not self.problems and not any(each.problems for each in self.steps.values())


def preview(
    definition: object,
    *,
    pipeline_name: str,
    parameters: Mapping[str, str],
    home: Path,
    region: str = "us-east-1",
    store: Store | None = None,
    stand_ins: Mapping[str, StandIn] | None = None,
    known: Sequence[Problem] = (),
) -> Preview:
    """What start_pipeline_execution would do with the same arguments; it contains every problem and raises none."""
    home = Path(os.path.realpath(home))
    store = Unchanging(store.root if store else home / "s3")
    plan, problems = parse(definition)
    plan = plan.with_stand_ins(stand_ins or {})
    given, wrong = typed_values(plan.parameters, parameters)
    execution = new_execution(plan, pipeline_name, given, home)
    scope = Scope(given, variables(execution, region))
    problems += wrong + list(known) + refusals(plan, scope)
    problems += missing_models(plan, scope, partial(read_model, home), store) + missing_inputs(plan, scope, store)
    perhaps = missing_inputs(plan, scope, store, certain=False)
    of_steps = {f"step '{name}'": name for name in plan.steps}
    refused: dict[str, list[str]] = {}
    for problem in dict.fromkeys(problems):
        if problem.where in of_steps:
            refused.setdefault(of_steps[problem.where], []).append(problem.message)
    found = Preview(plan, [each for each in dict.fromkeys(problems) if each.where not in of_steps])
    digests = Digests(home / "digests.json")
    machine = Machine(home, store, digests, region, Options(), process.Launcher())
    files = {(step.name, file): at for step in plan.steps.values() for file, at in step.property_files.items()}
    scope = replace(
        scope, execution=variables(execution, region, "job"), property_files=files, read_json=store.read_json
    )
    forecasts = _Forecasts(plan, scope, store, Cache(machine, pipeline_name), pipeline_name, home)
    for step in plan.steps.values():
        reasons = tuple(refused.get(step.name, ()))
        if reasons or wrong or not (step.arguments or step.stand_in):
            found.steps[step.name] = Forecast(REFUSED, problems=reasons) if reasons else Forecast()
        else:
            forecast = forecasts.of(step, found.steps)
            lacks = [each.message for each in perhaps if of_steps[each.where] == step.name]
            found.steps[step.name] = replace(forecast, lacks=tuple(lacks)) if forecast.does != SKIPPED else forecast
    digests.save()
    return found


class _Forecasts:
    """Follows two caches through the plan: this machine's, by content, and AWS's, by URIs."""

    def __init__(self, plan: Plan, scope: Scope, store: Store, cache: Cache, pipeline_name: str, home: Path) -> None:
        self._plan, self._scope, self._store, self._cache = plan, scope, store, cache
        self._here: dict[str, Any] = {}  # properties of the steps whose result is already known
        self._aws: dict[str, Any] = {}
        self._earlier = (each for each in executions.newest_first(home) if each.pipeline_name == pipeline_name)
        self._before: dict[str, dict[str, Any]] = {}

    def of(self, step: Step, earlier: Mapping[str, Forecast]) -> Forecast:
        """The forecast of a step, after those of all the steps it waits for."""
        if step.branch and self._here.get(step.branch[0], {}).get("Outcome") == str(not step.branch[1]):
            return Forecast(SKIPPED, f"'{step.branch[0]}' is {not step.branch[1]}")
        for kind, words in ((SKIPPED, "does not start"), (REFUSED, "cannot run here")):
            waits_for = [name for name in sorted(step.waits_for) if name in earlier]  # not all, if they are in a circle
            if lost := next((name for name in waits_for if earlier[name].does == kind), None):
                return Forecast(SKIPPED, f"it needs '{lost}', which {words}")
        if step.stand_in is not None:
            if not step.stand_in.files:  # otherwise what is in the store now may change
                self._here[step.name] = step.stand_in.properties
            return Forecast(STAND_IN, f"its outputs are those in {step.stand_in.source}")
        read = {each.name for each in scan(step.arguments)[0] if each.kind in ("Steps", "PropertyFiles")}
        arguments = self._resolved(step, read, self._here)
        alike = all(self._here.get(name) == self._aws.get(name) for name in read)
        there = self._on_aws(step, arguments if alike else self._resolved(step, read, self._aws))
        forecast = self._registered(step, arguments, earlier) or self._on_this(step, arguments)
        if forecast.aws or not read <= self._aws.keys():  # nobody knows what AWS has instead of a stand-in
            return forecast
        if forecast.does == CACHED:
            aws = "" if there else "on AWS it would run, because its inputs have other URIs"
        elif there:
            aws = f"on AWS it would reuse the result of {there}, because its inputs have the same URIs"
        else:
            aws = "on AWS it runs in any case" if forecast.does == PERHAPS else ""
        if (differs := step_types.of(step.type).differs) and forecast.does in (RUNS, PERHAPS):
            said = step_types.function(differs)(resolve_known(step.arguments, self._scope))
            aws = "; ".join(filter(None, (aws, said)))
        return replace(forecast, aws=aws)

    def _resolved(self, step: Step, read: set[str], properties: dict[str, Any]) -> Any:
        """The step's arguments, or the reason why they fail; None while a step that they refer to has no properties."""
        if not read <= properties.keys():
            return None
        scope = replace(self._scope, properties=properties)
        try:
            if step_types.of(step.type).branches:
                return {"Outcome": str(all(conditions.holds(each, scope) for each in step.arguments["Conditions"]))}
            return resolve(step.arguments, scope)
        except UserError as error:
            return str(error)

    def _on_this(self, step: Step, arguments: Any) -> Forecast:
        if isinstance(arguments, str):
            return Forecast(RUNS, arguments)
        kind = step_types.of(step.type)
        if kind.branches and arguments is not None:
            self._here[step.name] = arguments
            return Forecast(RUNS, f"it will be {arguments['Outcome']}")
        if not kind.is_cached:
            return Forecast(FAILS if kind.always_fails else RUNS)
        if step.cache_for is None:
            return Forecast(RUNS, "it has no CacheConfig")
        if programs.uses_s3(step, self._scope, self._store):
            return Forecast(RUNS, "it uses S3 itself, so its result is not reused")
        if arguments is None:
            return Forecast(PERHAPS, "its inputs come from a step that runs")
        keys = self._cache.keys(step, arguments)
        if keys is None:
            return Forecast(RUNS, "an input does not exist yet")
        if found := self._cache.find(step, keys):
            self._here[step.name] = found.properties
            return Forecast(CACHED, source=found.execution)
        return Forecast(RUNS, self._why(step, arguments, keys))

    def _registered(self, step: Step, arguments: Any, earlier: Mapping[str, Forecast]) -> Forecast | None:
        """The forecast of a step whose model is already registered; None for any other step."""
        if not step_types.of(step.type).registers_model or not isinstance(arguments, dict):
            return None
        before = self._plan.before(step)
        jobs = [each.name for each in before if step_types.of(each.type).is_cached]
        real = jobs and all(each.stand_in is None for each in before)
        keys = self._cache.keys(step, arguments) if real else None
        found = self._cache.find(step, keys) if keys and all(earlier[name].does == CACHED for name in jobs) else None
        if found is None:
            return None
        self._here[step.name] = found.properties
        version = found.properties.get("ModelPackageVersion")
        said = f"already registered{f' as version {version}' if version else ''}"
        return Forecast(CACHED, said, found.execution, aws="on AWS it registers another version")

    def _on_aws(self, step: Step, arguments: Any) -> str | None:
        """The execution in which AWS's cache would find the step."""
        if not isinstance(arguments, dict):
            return None
        found = self._cache.find_by_addresses(step, arguments) if step_types.of(step.type).is_cached else None
        self._aws[step.name] = found.properties if found else _made_by(step, arguments, self._scope)
        return found.execution if found else None

    def _why(self, step: Step, arguments: dict[str, Any], keys: Keys) -> str:
        """Why there is no result to reuse, as far as there is a simple reason."""
        compared = compared_arguments(step, step.arguments)
        if new := {each.name for each in scan(compared)[0] if each.kind == "Execution"} & NEW_EACH_TIME:
            return f"Execution.{min(new)} is different in each execution"
        if kept := self._cache.read(keys):
            return f"the result of {kept.execution} is " + (
                "no longer unchanged" if kept.is_fresh(step) else "older than CacheConfig allows"
            )
        while step.name not in self._before and (execution := next(self._earlier, None)):
            for each in execution.steps.values():
                if each.status == "Succeeded":
                    self._before.setdefault(each.name, each.properties)
        if step.name not in self._before:
            return "it has no result yet"
        both = [dict(_flat(compared_arguments(step, each))) for each in (self._before[step.name], arguments)]
        changes = list(self._changes(*both))
        if not changes:
            newest = self._cache.newest(step, arguments)
            moved = newest is not None and newest.packages != packages_digest()
            return "other packages are installed" if moved else "its inputs or the outputs it makes have changed"
        return "; ".join(changes[:2]) + (f"; and {len(changes) - 2} more" if changes[2:] else "")

    def _changes(self, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
        for path in dict.fromkeys([*new, *old]):
            before, now = old.get(path), new.get(path)
            if before == now:
                continue
            if str(before).startswith("s3://") and str(now).startswith("s3://"):
                with suppress(UserError, OSError):  # the earlier content may be gone
                    if self._cache.content_at(str(before)) == self._cache.content_at(str(now)):
                        continue
                yield f"the content of {path} has changed"
            else:
                yield f"{path} is {_short(now)}, was {_short(before)}"


def _made_by(step: Step, arguments: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """The properties of a step that will run, as far as others read them and they are known in advance."""
    expected = step_types.of(step.type).expected(arguments)
    new = f"{scope.execution['PipelineExecutionId']}-{step.name}"
    return {**expected, "ModelName": new, "ModelArtifacts": {"S3ModelArtifacts": f"s3://{new}/model.tar.gz"}}


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value inside, with its path of names; the path of a URI ends at the input that it belongs to."""
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        value = {str(each.get("InputName") or each.get("ChannelName") or i): each for i, each in enumerate(value)}
    if isinstance(value, dict):
        for key, inner in value.items():
            here = path if key in ("S3Input", "S3Uri", "DataSource", "S3DataSource") else f"{path}.{key}".lstrip(".")
            yield from _flat(inner, here)
    elif value is not None:
        yield path, value


def _short(value: Any) -> str:
    text = json.dumps(value) if value is not None else "not set"
    return text if len(text) <= 40 else f"{text[:37]}…"
