"""The library's instance_types.json, which `make instance-types` writes, compared with botocore and moto."""

from __future__ import annotations

import json
import os
import runpy
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from sagemaker_ops.guardrails import instance_types
from sagemaker_ops.guardrails.policy import USES
from sagemaker_ops.project.step_settings import Instances

TEMPLATE = Path(__file__).parents[2]
LIST = TEMPLATE / "{{cookiecutter.project_slug}}" / "vendor" / "sagemaker_ops" / "guardrails" / "instance_types.json"
Types = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def derived() -> Types:
    """What the script derives from the installed botocore and moto."""
    types: Types = runpy.run_path(str(TEMPLATE / "scripts" / "make_instance_types.py"))["instance_types"]()
    return types


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """The file: {made, from: {package: version}, types}."""
    content: dict[str, Any] = json.loads(LIST.read_bytes())
    return content


def test_sagemaker_accepts_every_type_of_the_list_for_each_of_its_uses(written: dict[str, Any], derived: Types) -> None:
    gone = {
        (name, use)
        for name, size in written["types"].items()
        for use in size["uses"]
        if use not in derived.get(name, {"uses": ()})["uses"]
    }

    assert gone == set()


def test_the_list_is_what_the_script_writes(
    written: dict[str, Any], derived: Types, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exactly equal with the versions it was made from; a difference from newer versions fails only a release."""
    installed = {package: metadata.version(package) for package in written["from"]}
    newer = {name for name, size in derived.items() if written["types"].get(name) != size}
    a_release = "CI_COMMIT_TAG" in os.environ  # GitLab sets it for a tag

    if newer and installed != written["from"] and not a_release:
        with capfd.disabled():
            print(f"\nwarning: {installed} differ in {len(newer)} instance types: run `make instance-types`.")
        newer = set()

    assert newer == set()


def test_each_type_has_its_own_line_in_order(written: dict[str, Any]) -> None:
    lines = [line.split('"')[1] for line in LIST.read_text(encoding="utf-8").splitlines() if '"ml.' in line]

    assert lines == sorted(written["types"])


def test_the_date_of_the_list_is_a_date() -> None:
    assert date(2026, 1, 1) <= date.fromisoformat(instance_types.data()["made"])


# From AWS's pages on EC2 instance types: botocore has no enum with the sizes.
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("ml.t3.medium", {"vcpu": 2, "memory": 4, "gpus": 0, "arm64": False}),
        ("ml.m5.xlarge", {"vcpu": 4, "memory": 16, "gpus": 0, "arm64": False}),
        ("ml.c5d.large", {"vcpu": 2, "memory": 4, "gpus": 0, "arm64": False, "storage": 50}),
        ("ml.c7g.large", {"vcpu": 2, "memory": 4, "gpus": 0, "arm64": True}),
        ("ml.g5.12xlarge", {"vcpu": 48, "memory": 192, "gpus": 4, "arm64": False, "storage": 3800}),
        ("ml.p4d.24xlarge", {"vcpu": 96, "memory": 1152, "gpus": 8, "arm64": False, "storage": 8000}),
    ],
)
def test_a_type_has_the_size_that_aws_documents(name: str, size: dict[str, object]) -> None:
    known = instance_types.types()[name]

    assert known == size | {"uses": known["uses"]}


def test_the_defaults_are_in_the_list(written: dict[str, Any]) -> None:
    for use in USES:
        name = getattr(Instances(), use, None)  # a notebook instance has no key
        assert name is None or use in written["types"][name]["uses"]
