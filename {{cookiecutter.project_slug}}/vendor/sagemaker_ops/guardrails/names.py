"""The rules for names, tags and regions, and a sentence for what breaks one."""

from __future__ import annotations

import re

from sagemaker_ops.errors import Problem

# The longest name of a resource, <vertical>-<slug>-<environment>-<user>, leaves seven of the 63 characters that
# SageMaker gives a name: an endpoint configuration needs them to be another one at each deployment.
# No hyphen in a vertical: it separates the vertical from the rest, as in a Studio profile <vertical>-<user>.
VERTICAL = re.compile(r"[a-z][a-z0-9]{1,11}")
SLUG = re.compile(r"(?=.{2,26}\Z)[a-z](?:-?[a-z0-9])*")
PIPELINE = re.compile(r"[a-z][a-z0-9]{1,15}")
ENVIRONMENT = re.compile(r"[a-z][a-z0-9]{1,6}")
USER = re.compile(r"[a-z][a-z0-9]{1,7}")
# https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file: on Windows nobody could clone the project.
WINDOWS_DEVICE = re.compile(r"con|prn|aux|nul|(?:com|lpt)[1-9]")
REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+){1,3}-\d")
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Tag.html
TAG_VALUE = re.compile(r"[\w .:/=+\-@]{0,256}", re.ASCII)


def check_vertical(name: str, where: str) -> list[Problem]:
    """The vertical starts every name, so that IAM policies and people can tell by it whose a resource is."""
    return _check_word(name, VERTICAL, 12, "a vertical", "customer", where)


def check_slug(name: str, where: str) -> list[Problem]:
    """The project's slug: its folder, and the middle part of every name on AWS."""
    if WINDOWS_DEVICE.fullmatch(name):
        return [Problem(f"'{name}' cannot name a folder on Windows: write such as '{name}-model'.", where)]
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
    return _check_word(name, PIPELINE, 16, "a pipeline", "train", where)


def check_environment(name: str, where: str) -> list[Problem]:
    """An environment ends the names of what is deployed there."""
    return _check_word(name, ENVIRONMENT, 7, "an environment", "test", where)


def check_user(name: str, where: str) -> list[Problem]:
    """The user ends the names of a personal deployment; of an e-mail address, what stands before the @ is meant."""
    return _check_word(name, USER, 8, "a user", "anna", where)


def check_tag(value: str, where: str) -> list[Problem]:
    """A text that becomes the value of a tag."""
    if TAG_VALUE.fullmatch(value):
        return []
    wrong = "".join(sorted(set(re.sub(r"[\w .:/=+\-@]", "", value, flags=re.ASCII))))
    reason = f"AWS tags do not take {wrong!r}" if wrong else f"AWS tags hold 256 characters, these are {len(value)}"
    return [Problem(f"{reason}: write ASCII letters, digits, spaces and . : / = + - @ _ only.", where)]


def check_region(name: str, where: str) -> list[Problem]:
    """Whether it is written as AWS writes a region; which ones there are changes too often for a list."""
    if REGION.fullmatch(name):
        return []
    return [Problem(f"'{name}' is no AWS region: write one such as 'eu-west-1'.", where)]


def _check_word(name: str, pattern: re.Pattern[str], most: int, what: str, example: str, where: str) -> list[Problem]:
    """What names one word and no more: a letter, then letters and digits."""
    if pattern.fullmatch(name):
        return []
    better = re.sub(r"[^a-z0-9]", "", name.partition("@")[0].lower()).lstrip("0123456789")[:most]
    return [
        Problem(
            f"'{name}' is no name for {what}: write 2 to {most} lower-case letters and digits, a letter first"
            f"{_example(better, pattern, example)}.",
            where,
        )
    ]


def _example(better: str, pattern: re.Pattern[str], otherwise: str) -> str:
    return f", such as '{better if pattern.fullmatch(better) else otherwise}'"
