"""The rules for names, tags and regions, with a sentence for each name that breaks one."""

from __future__ import annotations

import re

from sagemaker_ops.errors import Problem

# SageMaker allows 63 characters for a name. The longest, <vertical>-<slug>-<environment>-<user>, leaves seven of them:
# an endpoint configuration needs those for a new name at each deployment.
# No hyphen in a vertical: it separates the vertical from the rest, as in a Studio profile <vertical>-<user>.
VERTICAL = re.compile(r"[a-z][a-z0-9]{1,11}")
SLUG = re.compile(r"(?=.{2,26}\Z)[a-z](?:-?[a-z0-9])*")
PIPELINE = re.compile(r"[a-z][a-z0-9]{1,15}")
ENVIRONMENT = re.compile(r"[a-z][a-z0-9]{1,6}")
USER = re.compile(r"[a-z][a-z0-9]{1,7}")
# https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file: nobody could clone the project on Windows.
WINDOWS_DEVICE = re.compile(r"con|prn|aux|nul|(?:com|lpt)[1-9]")
REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+){1,3}-\d")
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Tag.html
TAG_VALUE = re.compile(r"[\w .:/=+\-@]{0,256}", re.ASCII)


def check_vertical(name: str, where: str) -> list[Problem]:
    """The vertical starts every name, so that people and IAM policies can tell whose a resource is."""
    return _check_word(name, VERTICAL, 12, "vertical", "customer", where)


def check_slug(name: str, where: str) -> list[Problem]:
    """The project's slug: its folder, and the middle part of every name on AWS."""
    if WINDOWS_DEVICE.fullmatch(name):
        return _windows_device(name, "folder", f"{name}-model", where)
    if SLUG.fullmatch(name):
        return []
    better = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-").lstrip("-0123456789")[:26].rstrip("-")
    over = f" (it has {len(name)} characters)" if len(name) > 26 else ""
    return [
        Problem(
            f"'{name}' is not a valid project name: use 2 to 26 lower-case letters, digits and single hyphens "
            f"between them, starting with a letter{over}{_example(better, SLUG, 'churn-model')}.",
            where,
        )
    ]


def check_pipeline(name: str, where: str) -> list[Problem]:
    """The name of a pipeline is the name of its file in production/pipelines."""
    if WINDOWS_DEVICE.fullmatch(name):
        return _windows_device(name, "file", f"{name}pipeline", where)
    return _check_word(name, PIPELINE, 16, "pipeline", "train", where)


def check_environment(name: str, where: str) -> list[Problem]:
    """The environment ends the name of everything that is deployed there."""
    return _check_word(name, ENVIRONMENT, 7, "environment", "test", where)


def check_user(name: str, where: str) -> list[Problem]:
    """The user ends the names of a personal deployment; of an e-mail address, the part before the @ is suggested."""
    return _check_word(name, USER, 8, "user", "anna", where)


def check_tag(value: str, where: str) -> list[Problem]:
    """Checks text that becomes the value of a tag."""
    if TAG_VALUE.fullmatch(value):
        return []
    wrong = "".join(sorted(set(re.sub(r"[\w .:/=+\-@]", "", value, flags=re.ASCII))))
    reason = f"AWS tags do not allow {wrong!r}" if wrong else f"AWS tags allow 256 characters, this has {len(value)}"
    return [Problem(f"{reason}: use only ASCII letters, digits, spaces and . : / = + - @ _", where)]


def check_region(name: str, where: str) -> list[Problem]:
    """Whether it is written like an AWS region; the regions that exist change too often for a list."""
    if REGION.fullmatch(name):
        return []
    return [Problem(f"'{name}' is not an AWS region: write one such as 'eu-west-1'.", where)]


def _windows_device(name: str, what: str, better: str, where: str) -> list[Problem]:
    return [Problem(f"'{name}' is not a valid {what} name on Windows: use a name such as '{better}'.", where)]


def _check_word(name: str, pattern: re.Pattern[str], most: int, what: str, example: str, where: str) -> list[Problem]:
    """Checks a name that is a single word: a letter, then letters and digits."""
    if pattern.fullmatch(name):
        return []
    better = re.sub(r"[^a-z0-9]", "", name.partition("@")[0].lower()).lstrip("0123456789")[:most]
    return [
        Problem(
            f"'{name}' is not a valid {what} name: use 2 to {most} lower-case letters and digits, "
            f"starting with a letter{_example(better, pattern, example)}.",
            where,
        )
    ]


def _example(better: str, pattern: re.Pattern[str], otherwise: str) -> str:
    return f", such as '{better if pattern.fullmatch(better) else otherwise}'"
