"""A pipeline as a whole: its name, its parameters, and where it is tracked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagemaker.core.shapes import MlflowConfig
from sagemaker.core.workflow.parameters import (
    Parameter,
    ParameterBoolean,
    ParameterFloat,
    ParameterInteger,
    ParameterString,
)
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.emr_serverless_step import EMRServerlessStep
from sagemaker.mlops.workflow.pipeline import Pipeline

from sagemaker_ops import trace
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.project.parameter_names import parameter_of
from sagemaker_ops.project.settings import FILE
from sagemaker_ops.project.target import Target

Default = bool | int | float | str
KINDS: dict[type, type[Parameter]] = {
    bool: ParameterBoolean,
    int: ParameterInteger,
    float: ParameterFloat,
    str: ParameterString,
}


class Whole:
    """One pipeline for one target."""

    def __init__(self, target: Target, session: PipelineSession) -> None:
        self.target = target
        self.session = session
        self.parameters: dict[str, Parameter] = _of_table(target.settings.parameters)
        """{key of [parameters]: pipeline parameter}."""
        self.hyperparameters: dict[str, Parameter] = _of_table(target.settings.hyperparameters)
        """{key of [hyperparameters]: pipeline parameter}; `max_iter` is the parameter `MaxIter`."""
        self._own: dict[str, Parameter] = {}
        self._started_by = ParameterString(trace.PARAMETER, default_value=trace.DEFAULT)

    def parameter(self, name: str, default: Default, choices: Sequence[str] = ()) -> Parameter:
        """A parameter of the pipeline that has the default's type; asked for again, the same one.

        choices: the texts it may have, if not any.
        """
        return self._own.setdefault(name, _of_type(name, default, choices))

    def pipeline(self, name: str, steps: Sequence[Any], parameters: Sequence[Parameter] = ()) -> Pipeline:
        """The pipeline of the file production/pipelines/<name>.py, with all of [parameters] and of `jobs.parameter`.

        It also has the parameter StartedBy, which `ops` sets at each start: see trace.py.
        UserError if two parameters have the same name.
        """
        given = (*self._own.values(), *parameters, *self.parameters.values(), self._started_by)
        every = list({id(each): each for each in given}.values())
        _refuse_doubles(every, {"hyperparameters": self.hyperparameters, "parameters": self.parameters})
        _follow_serverless(steps)
        return Pipeline(
            name=self.target.pipeline_name(name),
            parameters=every,
            steps=list(steps),
            mlflow_config=_tracked(self.target),
            sagemaker_session=self.session,
        )


def _follow_serverless(steps: Sequence[Any]) -> None:
    """Let each step after one of EMR Serverless wait for it: it reads its outputs by URI, which says nothing of it."""
    before: list[Any] = []
    for step in steps:
        if before:
            step.add_depends_on([each for each in before if each not in (step.depends_on or [])])
        if isinstance(step, EMRServerlessStep):
            before.append(step)


def _of_table(table: Mapping[str, Default]) -> dict[str, Parameter]:
    return {key: _of_type(parameter_of(key), value) for key, value in table.items()}


def _of_type(name: str, default: Default, choices: Sequence[str] = ()) -> Parameter:
    allowed = {"enum_values": list(choices)} if choices else {}
    return KINDS[type(default)](name, default_value=default, **allowed)


def _refuse_doubles(given: Sequence[Parameter], tables: Mapping[str, Mapping[str, Parameter]]) -> None:
    """UserError if two parameters of a pipeline have one name.

    tables: those made of tables of project.toml, which some of them are.
    """
    keys = {id(each): f"[{table}].{key}" for table, own in tables.items() for key, each in own.items()}
    names = [each.name for each in given]
    problems: list[Problem | str] = []
    for name in dict.fromkeys(each for each in names if names.count(each) > 1):
        places = [f"{FILE} {keys[id(each)]}" for each in given if each.name == name and id(each) in keys]
        message = f"becomes the parameter {name}, which the pipeline already has; rename it."
        problems += [Problem(message, place) for place in places] or [
            f"two parameters of the pipeline are named '{name}'; rename one of them."
        ]
    if problems:
        raise UserError(*problems)


def _tracked(target: Target) -> MlflowConfig | None:
    """SageMaker's managed MLflow for executions on AWS, if [tracking] names it."""
    tracking = target.settings.tracking
    if not tracking.arn or target.environment_name == "local":
        return None
    return MlflowConfig(mlflow_resource_arn=tracking.arn, mlflow_experiment_name=tracking.experiment or target.base)
