"""The rules for names and instance types: hook, `make setup`, pre-commit, CI and every command ask here.

Standard library only, and quick: Cookiecutter's own Python runs it when a project is made.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from ops import settings as project_settings
from ops.errors import Problem, RefusedError, UserError, did_you_mean
from ops.settings import FILE, Settings

# No hyphen in a vertical: it separates the vertical from the rest, as in a Studio profile <vertical>-<user>.
VERTICAL = re.compile(r"[a-z][a-z0-9]{1,11}")
# 26 characters leave room for vertical, environment and user in the 63 that SageMaker gives a name.
SLUG = re.compile(r"(?=.{2,26}\Z)[a-z](?:-?[a-z0-9])*")
PIPELINE = re.compile(r"[a-z][a-z0-9]{1,15}")
ENVIRONMENT = re.compile(r"[a-z][a-z0-9]{1,7}")
REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+){1,3}-\d")
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Tag.html
TAG_VALUE = re.compile(r"[\w .:/=+\-@]{0,256}", re.ASCII)
# From the sixth generation on a letter for the processor follows the number: ml.m8.xlarge cannot come any more.
# Accelerators go without: ml.g7.xlarge, ml.p6-b300.48xlarge.
NEW_ACCELERATOR = re.compile(r"ml\.((?:dl|g|inf|p|trn))(\d+)(?:-[a-z0-9]+)?\.\d*xlarge")
NEW_INSTANCE_TYPE = re.compile(r"ml\.[a-z]+\d+[a-z][a-z0-9-]*\.(?:\d*xlarge|large|medium|small)")

USUAL = ("ml.t3.medium", "ml.m5.large", "ml.m5.xlarge")


def check(settings: Settings) -> list[Problem]:
    """Every problem of names and instance types in the settings, errors before warnings."""
    project = settings.project
    problems = [
        *check_vertical(project.vertical),
        *check_slug(project.slug),
        *_check_tag(project.owner, "owner"),
        *_check_region(project.region),
    ]
    for name in settings.environments:
        if not ENVIRONMENT.fullmatch(name):
            problems.append(
                Problem(
                    f"'{name}' is no name for an environment: write 2 to 8 lower-case letters and digits, "
                    "such as 'test'.",
                    f"{FILE} [environments.{name}]",
                )
            )
    for use in ("studio", "processing", "training", "transform", "endpoint"):
        problems += check_instance_type(getattr(settings.instances, use), use, f"{FILE} [instances].{use}")
    return sorted(problems, key=lambda problem: problem.level)


def check_project(root: Path) -> list[Problem]:
    """Every problem in the project.toml of folder `root`: unreadable keys, or else what the rules say."""
    try:
        return check(project_settings.load(root))
    except UserError as error:
        return error.problems


def require(settings: Settings) -> list[Problem]:
    """The warnings; RefusedError when there are errors."""
    problems = check(settings)
    errors = [problem for problem in problems if problem.level == "error"]
    if errors:
        raise RefusedError(*errors)
    return problems


def check_vertical(name: str, where: str = f"{FILE} [project].vertical") -> list[Problem]:
    """The vertical starts every name, so that IAM policies and people can tell by it whose a resource is."""
    if VERTICAL.fullmatch(name):
        return []
    better = re.sub(r"[^a-z0-9]", "", name.lower()).lstrip("0123456789")[:12]
    return [
        Problem(
            f"'{name}' is no name for a vertical: write 2 to 12 lower-case letters and digits, a letter first"
            f"{_example(better, VERTICAL, 'customer')}.",
            where,
        )
    ]


def check_slug(name: str, where: str = f"{FILE} [project].slug") -> list[Problem]:
    """The project's slug: its folder, and the middle part of every name on AWS."""
    if SLUG.fullmatch(name):
        return []
    better = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-").lstrip("-0123456789")[:26].rstrip("-")
    over = f"; these are {len(name)}" if len(name) > 26 else ""
    return [
        Problem(
            f"'{name}' is no name for a project: write 2 to 26 lower-case letters, digits and single hyphens "
            f"between them, a letter first{over}{_example(better, SLUG, 'churn-model')}.",
            where,
        )
    ]


def check_pipeline(name: str, where: str) -> list[Problem]:
    """The name of a pipeline is that of its file in production/pipelines."""
    if PIPELINE.fullmatch(name):
        return []
    return [
        Problem(
            f"'{name}' is no name for a pipeline: write one word of 2 to 16 lower-case letters and digits, "
            "such as 'train'.",
            where,
        )
    ]


def check_instance_type(name: str, use: str, where: str) -> list[Problem]:
    """Whether SageMaker takes the instance type `name` for `use`, one of the keys of [instances]."""
    known = instance_types()
    for_use = [other for other, size in known.items() if use in size["uses"]]
    if name in for_use:
        return []
    if f"ml.{name}" in known:
        message = f"SageMaker's names begin with 'ml.': write 'ml.{name}'."
    elif name in known:
        uses = ", ".join(known[name]["uses"])
        message = f"'{name}' is not available for {use}, only for {uses}.{_near(name, for_use)}"
    elif _may_be_newer(name, known):
        message = f"'{name}' is not in the list of {instance_types_date()}; if it is newer than that, go on."
        return [Problem(message, where, "warning")]
    else:
        message = f"'{name}' is no instance type for {use}.{_near(name, for_use)}"
    return [Problem(message, where)]


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(Path(__file__).with_name("instance_types.json").read_bytes())
    return data


def instance_types() -> dict[str, dict[str, Any]]:
    """{type: {vcpu, memory (GiB), gpus, arm64, uses}} of every type SageMaker knew on instance_types_date()."""
    types: dict[str, dict[str, Any]] = _data()["types"]
    return types


def instance_types_date() -> str:
    """The day the list was made, YYYY-MM-DD."""
    return str(_data()["made"])


def _family(name: str) -> str:
    return name.split(".")[1]


def _may_be_newer(name: str, known: Iterable[str]) -> bool:
    families = {_family(other) for other in known}
    if accelerator := NEW_ACCELERATOR.fullmatch(name):
        generations = [re.fullmatch(rf"{accelerator[1]}(\d+).*", family) for family in families]
        return int(accelerator[2]) > max(int(found[1]) for found in generations if found)
    return NEW_INSTANCE_TYPE.fullmatch(name) is not None and _family(name) not in families


def _near(name: str, allowed: list[str]) -> str:
    """` Did you mean …?`: class (m, c, t …) and size in the newest plain generation, or else the nearest spelling."""
    wanted = re.fullmatch(r"(ml\.[a-z]+)\d.*(\.\w+)", name)
    siblings = [other for other in allowed if wanted and re.fullmatch(rf"{wanted[1]}\d+{re.escape(wanted[2])}", other)]
    if siblings:
        return f" Did you mean '{max(siblings)}'?"
    return did_you_mean(name, allowed) or f" Usual ones are {' and '.join(name for name in USUAL if name in allowed)}."


def _check_tag(value: str, key: str) -> list[Problem]:
    if TAG_VALUE.fullmatch(value):
        return []
    wrong = "".join(sorted(set(re.sub(r"[\w .:/=+\-@]", "", value, flags=re.ASCII))))
    reason = f"AWS tags do not take {wrong!r}" if wrong else f"AWS tags hold 256 characters, these are {len(value)}"
    return [
        Problem(
            f"{reason}: write ASCII letters, digits, spaces and . : / = + - @ _ only.",
            f"{FILE} [project].{key}",
        )
    ]


def _check_region(name: str) -> list[Problem]:
    if REGION.fullmatch(name):
        return []
    return [Problem(f"'{name}' is no AWS region: write one such as 'eu-west-1'.", f"{FILE} [project].region")]


def _example(better: str, pattern: re.Pattern[str], otherwise: str) -> str:
    return f", such as '{better if pattern.fullmatch(better) else otherwise}'"


def main() -> int:
    """`python -m ops.guardrails`: every problem of project.toml, a line each; 2 when unreadable, 3 when refused."""
    try:
        problems = check(project_settings.load(Path.cwd()))
        code = RefusedError.exit_code
    except UserError as error:
        problems, code = error.problems, error.exit_code
    for problem in problems:
        print(f"{problem.level}: {problem}", file=sys.stderr)
    return code if any(problem.level == "error" for problem in problems) else 0


if __name__ == "__main__":
    sys.exit(main())
