"""renovate.json of a generated project: what Renovate may propose, and what it must leave alone."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from sagemaker_ops.template.record import Record

TEMPLATE = Path(__file__).parents[2]
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
FILE = PROJECT / "renovate.json"
CONFIG = json.loads(FILE.read_text(encoding="utf-8"))
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def applies(rule: dict[str, Any], file: str, package: str, datasource: str) -> bool:
    """As in Renovate: every condition must hold; a list of names with `!` only means all other names."""
    names = rule.get("matchPackageNames", [])
    excluded = {name.removeprefix("!") for name in names if name.startswith("!")}
    wanted = [name for name in names if not name.startswith("!")]
    return (
        file in rule.get("matchFileNames", [file])
        and datasource in rule.get("matchDatasources", [datasource])
        and package not in excluded
        and (not wanted or package in wanted)
    )


def settings(file: str, package: str, datasource: str = "pypi") -> dict[str, Any]:
    found: dict[str, Any] = {"enabled": True}
    for rule in CONFIG["packageRules"]:
        if applies(rule, file, package, datasource):
            found |= rule
    return found


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w-]", each)[0] for each in requirements}


@pytest.mark.slow
def test_the_file_is_valid() -> None:
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.renovate", str(FILE)]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "package", "enabled"),
    [
        pytest.param("constraints.txt", "ruff", True, id="a tool that pyproject.toml names"),
        pytest.param("constraints.txt", "boto3", False, id="a package of the library"),
        pytest.param("constraints.txt", "pydantic-core", False, id="a package of a package"),
        pytest.param("constraints.txt", "pandas", False, id="a package of AWS's image"),
        pytest.param("pyproject.toml", "pandas", False, id="the same in pyproject.toml"),
        pytest.param("production/steps/requirements.txt", "scikit-learn", False, id="the same for a step"),
        pytest.param("production/steps/requirements.txt", "lightgbm", True, id="a step's own package"),
        pytest.param("pyproject.toml", "lightgbm", True, id="the team's own package"),
        pytest.param("pyproject.toml", "mkdocs-material", True, id="a version in pyproject.toml"),
        pytest.param("pyproject.toml", "sagemaker-ops", False, id="the library"),
    ],
)
def test_packages_that_renovate_updates(file: str, package: str, enabled: bool) -> None:
    assert settings(file, package)["enabled"] == enabled


def test_every_version_of_the_image_is_left_alone() -> None:
    library = tomllib.loads((PROJECT / "vendor" / "pyproject.toml").read_text(encoding="utf-8"))
    image = names(library["project"]["optional-dependencies"]["steps"])
    image |= set(runpy.run_path(str(TEMPLATE / "scripts" / "make_constraints.py"))["IMAGE"])

    assert {name for name in image if settings("pyproject.toml", name)["enabled"]} == set()


def test_in_constraints_the_tools_of_the_project_are_updated_and_nothing_else() -> None:
    text = re.sub(r"{{.*?}}", "x", (PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = tomllib.loads(text)["dependency-groups"].values()
    tools = names([line for group in groups for line in group if isinstance(line, str)]) - {"sagemaker-ops"}
    pinned = re.findall(r"^([\w.-]+)==", (PROJECT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)

    assert {name for name in pinned if settings("constraints.txt", name)["enabled"]} == tools


@pytest.mark.parametrize(
    ("tag", "allowed"), [("3.12.11-bookworm", True), ("3.13.1-bookworm", False), ("4.0.0", False), ("3.1.12", False)]
)
def test_the_image_stays_on_the_python_of_aws(tag: str, allowed: bool) -> None:
    pattern = settings(".gitlab-ci.yml", "python", "docker")["allowedVersions"]

    assert bool(re.search(pattern.strip("/"), tag)) == allowed


def search(manager: dict[str, Any], text: str) -> dict[str, str | None] | None:
    """What a manager with a regular expression finds; Python writes the names of groups in another way."""
    [pattern] = manager["matchStrings"]
    found = re.search(pattern.replace("(?<", "(?P<"), text)
    return found.groupdict() if found else None


@pytest.mark.parametrize(
    ("address", "checkout"),
    [
        ("https://gitlab.example.com/ml/template.git", None),
        ("https://gitlab.example.com/ml/template.git", "stable"),
        ("git@gitlab.example.com:ml/template.git", None),
        ("ssh://git@gitlab.example.com/ml/template.git", "v1.1.0"),
    ],
)
def test_a_newer_commit_of_the_template_is_found(address: str, checkout: str | None) -> None:
    record = Record(template=address, commit=COMMIT, context={"cookiecutter": {}}, checkout=checkout)

    found = search(CONFIG["customManagers"][0], record.to_json())

    assert found == {"packageName": address, "currentDigest": COMMIT, "currentValue": checkout}


def test_a_template_in_a_folder_is_not_looked_up() -> None:
    record = Record(template="/home/ann/template", commit=COMMIT, context={"cookiecutter": {}})

    assert search(CONFIG["customManagers"][0], record.to_json()) is None


def test_a_new_commit_of_the_template_waits_for_a_person() -> None:
    assert settings(".cruft.json", "template", "git-refs")["dependencyDashboardApproval"]


@pytest.mark.parametrize(
    ("line", "tag"),
    [
        ("  image: $IMAGE_PREFIX/python:3.12.11-bookworm", "3.12.11-bookworm"),
        ("  image: ${IMAGE_PREFIX}python:3.12.11-bookworm", "3.12.11-bookworm"),
        ('  image: "${IMAGE_PREFIX}python:3.12.11-bookworm"', "3.12.11-bookworm"),
        pytest.param("  image: python:3.12.11-bookworm", None, id="Renovate's own manager finds it"),
        ("  image: $OTHER/ruby:3.3", None),
    ],
)
def test_images_behind_a_variable(line: str, tag: str | None) -> None:
    found = search(CONFIG["customManagers"][1], line)

    assert (found or {}).get("currentValue") == tag
