"""Every rule for a project, checked in one pass: the hook, `make`, pre-commit, CI and every command call this module.

The rules are in the modules beside it: names.py, identifiers.py, instance_check.py, and policy.py for the
organisation's. Standard library only, and fast: Cookiecutter's own Python runs it when it generates a project.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sagemaker_ops.errors import Problem, RefusedError, UserError
from sagemaker_ops.guardrails import (
    endpoint_check,
    gate_check,
    group_check,
    hyperparameter_check,
    image_check,
    instance_check,
    instance_types,
    names,
    policy,
    step_name_check,
    training_capacity,
    tuning_check,
    volume_check,
)
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.project import layout, parameter_names, script_text
from sagemaker_ops.project import settings as project_settings
from sagemaker_ops.project.settings import FILE, Data, Environment, Settings

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingStoppingCondition.html: 9 days
MAX_RUNTIME_MINUTES = 12_960
FORMATS = ("text", "json", "gitlab")
USUAL_TEXT = 256  # characters of a hyperparameter: AWS accepts more


def check(settings: Settings, rules: Policy) -> list[Problem]:
    """The problems that AWS or the policy would have with the settings, errors before warnings."""
    project, place = settings.project, f"{FILE} [project]"
    problems = [
        # The policy is checked only for what AWS accepts.
        *(
            names.check_vertical(project.vertical, f"{place}.vertical")
            or policy.check_vertical(project.vertical, rules, f"{place}.vertical")
        ),
        *names.check_slug(project.slug, f"{place}.slug"),
        *names.check_tag(project.owner, f"{place}.owner"),
        *policy.check_owner(project.owner, rules, f"{place}.owner"),
        *(
            names.check_region(project.region, f"{place}.region")
            or policy.check_region(project.region, rules, f"{place}.region")
        ),
        *_check_source(settings.data.source),
        *_check_runtime(settings.pipeline.max_runtime_minutes, rules),
        *_check_requests(settings),
        *_check_training(settings),
        *_check_split(settings.data),
        *_check_instance_types(settings, rules),
        *volume_check.check(settings, rules),
        *endpoint_check.check(settings, rules),
    ]
    for name, environment in settings.environments.items():
        problems += names.check_environment(name, f"{FILE} [environments.{name}]")
        problems += _check_environment(environment, project.region, f"{FILE} [environments.{name}]")
    problems += _check_environments(settings)
    return sorted(problems, key=lambda problem: problem.level)


def examine(root: Path, *, local: bool = False) -> tuple[Settings | None, list[Problem], int]:
    """The settings in folder `root`, every problem with errors first, and the exit code: 2 unreadable, 3 refused, or 0.

    The readable part of project.toml is checked even if the rest cannot be read. local: before a run on this machine,
    which needs no image.
    """
    settings, rules, problems = None, Policy(), []
    try:
        rules = policy.load(root)
    except UserError as error:
        problems += error.problems
    try:
        settings, reader = project_settings.read(root)
    except UserError as error:
        problems += error.problems
    else:
        problems += reader.problems
    code = UserError.exit_code if problems else 0
    if settings is not None:
        found = [
            *check(settings, rules),
            *gate_check.check(settings, root),
            *group_check.check(settings, root),
            *hyperparameter_check.check(settings, root),
            *tuning_check.check(settings, root),
            *image_check.check(settings, local),
            *_check_isolation(settings, root),
            *_check_parameters(settings, root),
            *step_name_check.check(settings, root),
            *_check_schedule(settings, root),
        ]
        problems += [problem for problem in found if not reader.is_filled(problem.where)]
    for name in layout.pipelines(root):
        problems += names.check_pipeline(name, f"{layout.PIPELINES}/{name}.py")
    problems.sort(key=lambda problem: problem.level)
    if problems and problems[0].level == "error":
        code = code or RefusedError.exit_code
    return settings, problems, code


def check_project(root: Path) -> list[Problem]:
    """Every problem of the project in folder `root`."""
    return examine(root)[1]


def load(root: Path, *, local: bool = False) -> tuple[Settings, list[Problem]]:
    """The settings and the warnings; UserError or RefusedError with every problem if there is an error."""
    settings, problems, code = examine(root, local=local)
    if code or settings is None:
        raise (RefusedError if code == RefusedError.exit_code else UserError)(*problems)
    return settings, problems


def check_pipeline(name: str, where: str) -> list[Problem]:
    return names.check_pipeline(name, where)


def check_user(name: str, where: str) -> list[Problem]:
    return names.check_user(name, where)


def _check_environment(environment: Environment, region: str, where: str) -> list[Problem]:
    if environment in (project_settings.LOCAL, Environment()):
        return []
    from sagemaker_ops.guardrails import (
        identifiers,  # a new project names no account yet, so it does not need these rules
    )

    return identifiers.check_environment(environment, region, where)


def _check_environments(settings: Settings) -> list[Problem]:
    given = {name: each for name, each in settings.environments.items() if each != project_settings.LOCAL}
    if len([each for each in given.values() if each != Environment()]) < 2:
        return []
    from sagemaker_ops.guardrails import identifiers

    return identifiers.check_together(given, FILE)


def _check_isolation(settings: Settings, root: Path) -> list[Problem]:
    """A warning for jobs without a network whose image would first download packages."""
    if not (root / layout.STEPS / "requirements.txt").is_file():
        return []
    message = (
        f"AWS's image installs {layout.STEPS}/requirements.txt, which needs a network: write false, or remove the file "
        "and use an image with its packages."
    )
    return [
        Problem(message, f"{FILE} [environments.{name}].network_isolation", "warning")
        for name, environment in settings.environments.items()
        if environment.network_isolation
    ]


def _check_parameters(settings: Settings, root: Path) -> list[Problem]:
    """Each key of [parameters] becomes a parameter of every pipeline, so none of them can have one with its name."""
    taken = script_text.created_parameters(root, layout.PIPELINES) if settings.parameters else set()
    return [
        Problem(
            f"becomes the parameter {name}, which the pipeline already has; rename it.", f"{FILE} [parameters].{key}"
        )
        for key in settings.parameters
        if (name := parameter_names.parameter_of(key)) in taken
    ]


def _check_schedule(settings: Settings, root: Path) -> list[Problem]:
    if not settings.schedule:
        return []
    from sagemaker_ops.guardrails import schedule_check  # a new project has no schedule

    return schedule_check.check(settings, root)


def _check_split(data: Data) -> list[Problem]:
    if data.split != "random" or not data.split_column:
        return []
    message = 'split = \'random\' does not use it: write "group" or "time" in [data].split, or remove it.'
    return [Problem(message, f"{FILE} [data].split_column", "warning")]


def _check_source(source: str) -> list[Problem]:
    if not source.startswith("s3://"):
        return []
    from sagemaker_ops.guardrails import identifiers

    message = identifiers.bucket(source.removeprefix("s3://").partition("/")[0])
    return [Problem(message, f"{FILE} [data].source")] if message else []


def _check_runtime(minutes: int, rules: Policy) -> list[Problem]:
    where = f"{FILE} [pipeline].max_runtime_minutes"
    if minutes > MAX_RUNTIME_MINUTES:
        return [
            Problem(
                f"AWS allows a processing job {MAX_RUNTIME_MINUTES} minutes (9 days): write that or less.",
                where,
            )
        ]
    return policy.check_runtime(minutes, rules, where)


def _check_requests(settings: Settings) -> list[Problem]:
    """The problems that AWS would have with values that become fields of a request."""
    volume, images = settings.pipeline.volume_size_gb, settings.images
    values: list[tuple[Any, str, str]] = [
        (image, "ImageUri", f"[images].{key}")
        for key, image in {"default": images.default, **images.steps}.items()
        if "/" in image  # otherwise it is a version
    ]
    if volume != project_settings.Pipeline.volume_size_gb:
        values.append((volume, "ProcessingVolumeSizeInGB", "[pipeline].volume_size_gb"))
    values += [
        (text, "HyperParameterValue", f"[hyperparameters].{key}")
        for key, text in settings.hyperparameters.items()
        if isinstance(text, str) and (len(text) > USUAL_TEXT or not text.isprintable())
    ]
    if not values:
        return []
    from sagemaker_ops.definition import request_limits  # a new project has none of these

    return [
        Problem(sentence, f"{FILE} {where}")
        for value, shape, where in values
        for sentence in request_limits.check_value(value, shape, "the value")
    ]


def _check_training(settings: Settings) -> list[Problem]:
    training = settings.training
    conflicts = training_capacity.conflicts(
        training.spot, training.max_wait_minutes, training.keep_alive_minutes, settings.pipeline.max_runtime_minutes
    )
    return [Problem(message, f"{FILE} [training].{key}") for key, message in conflicts]


def _check_instance_types(settings: Settings, rules: Policy) -> list[Problem]:
    given, images, table = settings.instances, settings.images, f"{FILE} [instances]"
    problems = []
    for use in policy.USES:
        if (name := getattr(given, use, None)) is not None:
            used = [images.of(image) for image in instance_types.IMAGES.get(use, ())]
            problems += instance_check.check(name, use, f"{table}.{use}", rules, used)
    for key, name in given.steps.items():
        problems += instance_check.check_job(name, f"{table}.{key}", rules)
    return problems


def show(problems: list[Problem], style: str, root: Path) -> None:
    """Print each problem as a line on standard error, or all of them as one document on standard output."""
    if style == "text":
        for problem in problems:
            print(f"{problem.level}: {problem}", file=sys.stderr)
        return
    from sagemaker_ops.guardrails import formats  # finds line numbers, which text output does not need

    print(formats.document(problems, style, root))
