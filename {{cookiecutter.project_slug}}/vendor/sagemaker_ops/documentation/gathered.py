"""Gathers what the pages show: the settings, and each pipeline as it compiles now, with its newest execution here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sagemaker_ops.definition import plan, step_types
from sagemaker_ops.definition.plan import Plan
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.guardrails import policy
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.pipelines import compiler, publishing
from sagemaker_ops.project import approved_model, layout
from sagemaker_ops.project.settings import Environment, Settings
from sagemaker_ops.project.target import Target
from sagemaker_ops.report import results
from sagemaker_ops.report.results import Result


@dataclass(frozen=True)
class Pipeline:
    """One pipeline. raw: {step: as the definition has it}; result: of its newest execution on this machine."""

    name: str
    definition: Mapping[str, Any]
    plan: Plan
    raw: Mapping[str, Mapping[str, Any]]
    result: Result = field(default_factory=Result)


@dataclass(frozen=True)
class Project:
    """Everything that the pages are made from. target: this machine."""

    root: Path
    settings: Settings
    rules: Policy
    target: Target
    code: publishing.Code
    pipelines: tuple[Pipeline, ...]

    @property
    def environments(self) -> dict[str, Environment]:
        """Those on AWS."""
        return {name: each for name, each in self.settings.environments.items() if name != "local"}

    def on_aws(self, environment: str) -> Target:
        """The names and places of the project in an environment."""
        return replace(self.target, environment_name=environment)


def gather(root: Path, settings: Settings) -> Project:
    """Compile every pipeline of the project in folder `root`; UserError with the problems of all of them."""
    rules, target = policy.load(root), publishing.target(settings, "local", root)

    def compiled(name: str) -> Pipeline | UserError:
        try:
            definition = compiler.definition(name, target, root)
            how = f"run `ops approve-model latest --env local`, then `ops run {name}`."
            otherwise = how if approved_model.predicts(definition) else f"run `ops run {name}` first."
            return of(name, definition, results.newest(root, name, definition, otherwise))
        except UserError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # most of it is waiting for processes that compile
        found = list(pool.map(compiled, layout.pipelines(root)))
    if errors := [each for each in found if isinstance(each, UserError)]:
        raise type(errors[0])(*(problem for error in errors for problem in error.problems))
    pipelines = tuple(each for each in found if isinstance(each, Pipeline))
    return Project(root, settings, rules, target, publishing.Code(root), pipelines)


def of(name: str, definition: Mapping[str, Any], result: Result) -> Pipeline:
    """A pipeline from its definition; UserError if that is not one."""
    parsed, problems = plan.parse(definition)
    if problems:
        raise UserError(*(Problem(str(each), f"pipeline '{name}'") for each in problems))
    raw = {str(each["Name"]): each for each in step_types.walk(definition["Steps"])}
    return Pipeline(name, definition, parsed, raw, result)
