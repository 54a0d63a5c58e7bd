"""Every rule that the project must keep, asked in one pass: hook, `make`, pre-commit, CI and every command ask here.

The rules themselves are beside it: names.py, identifiers.py, instances.py, and policy.py for those of the organisation.
Standard library only, and quick: Cookiecutter's own Python runs it when a project is made.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ops import instances, names, policy
from ops import settings as project_settings
from ops.errors import Problem, RefusedError, UserError
from ops.policy import Policy
from ops.settings import FILE, Environment, Settings

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingStoppingCondition.html: 9 days
MAX_RUNTIME_MINUTES = 12_960
FORMATS = ("text", "json", "gitlab")


def check(settings: Settings, rules: Policy | None = None) -> list[Problem]:
    """What AWS and the policy have against the settings, errors before warnings; by default the policy that holds."""
    rules = rules or policy.load()
    project, place = settings.project, f"{FILE} [project]"
    problems = [
        # What AWS refuses, the policy is not asked about.
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
        *_check_instance_types(settings, rules),
    ]
    for name, environment in settings.environments.items():
        problems += names.check_environment(name, f"{FILE} [environments.{name}]")
        problems += _check_environment(environment, project.region, f"{FILE} [environments.{name}]")
    return sorted(problems, key=lambda problem: problem.level)


def examine(root: Path) -> tuple[Settings | None, list[Problem], int]:
    """The settings in folder `root`, every problem, errors first, and the exit code: 2 unreadable, 3 refused, or 0.

    What of project.toml can be read is checked, even when the rest cannot.
    """
    settings, rules, problems = None, Policy(), []
    try:
        rules = policy.load()
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
        problems += [problem for problem in check(settings, rules) if not reader.is_filled(problem.where)]
    for name in names.pipelines(root):
        problems += names.check_pipeline(name, f"{names.PIPELINES}/{name}.py")
    problems.sort(key=lambda problem: problem.level)
    if problems and problems[0].level == "error":
        code = code or RefusedError.exit_code
    return settings, problems, code


def check_project(root: Path) -> list[Problem]:
    """Every problem of the project in folder `root`."""
    return examine(root)[1]


def load(root: Path) -> tuple[Settings, list[Problem]]:
    """The settings, and the warnings; UserError or RefusedError with every problem when there is an error."""
    settings, problems, code = examine(root)
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
    from ops import identifiers  # a new project names no account yet, and need not wait for the rules

    return identifiers.check_environment(environment, region, where)


def _check_source(source: str) -> list[Problem]:
    if not source.startswith("s3://"):
        return []
    from ops import identifiers

    message = identifiers.bucket(source.removeprefix("s3://").partition("/")[0])
    return [Problem(message, f"{FILE} [data].source")] if message else []


def _check_runtime(minutes: int, rules: Policy) -> list[Problem]:
    where = f"{FILE} [pipeline].max_runtime_minutes"
    if minutes > MAX_RUNTIME_MINUTES:
        return [
            Problem(
                f"AWS lets a processing job run for {MAX_RUNTIME_MINUTES} minutes (9 days): write that or less.",
                where,
            )
        ]
    return policy.check_runtime(minutes, rules, where)


def _check_instance_types(settings: Settings, rules: Policy) -> list[Problem]:
    problems = []
    for use, name in vars(settings.instances).items():
        images = [getattr(settings.images, image) for image in instances.IMAGES.get(use, ())]
        problems += instances.check(name, use, f"{FILE} [instances].{use}", rules, images)
    return problems


def show(problems: list[Problem], style: str, root: Path) -> None:
    """Every problem: as a line of text on standard error, or all of them in one document on standard output."""
    if style == "text":
        for problem in problems:
            print(f"{problem.level}: {problem}", file=sys.stderr)
        return
    from ops import formats  # looks for lines in the files, which a text does without

    print(formats.document(problems, style, root))


def main() -> int:
    """`python -m ops.guardrails`: every problem of project.toml; 2 when something is unreadable, 3 when refused."""
    style = "text"
    if sys.argv[1:]:
        import argparse  # costs as much time as the rules, and make gives no argument

        parser = argparse.ArgumentParser(prog="python -m ops.guardrails", description=main.__doc__)
        parser.add_argument("--format", choices=FORMATS, default="text")
        style = parser.parse_args().format
    root = Path.cwd()
    _, problems, code = examine(root)
    show(problems, style, root)
    return code


if __name__ == "__main__":
    sys.exit(main())
