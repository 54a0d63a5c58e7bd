"""The library's two files of shapes, which `make request-shapes` writes, compared with botocore."""

from __future__ import annotations

import json
import os
import re
import runpy
from datetime import date
from importlib import metadata
from typing import Any

import pytest
from botocore.loaders import Loader
from projects import TEMPLATE

from sagemaker_ops.definition import request_limits, step_properties, step_types

Shapes = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    """The names in scripts/make_request_shapes.py."""
    return runpy.run_path(str(TEMPLATE / "scripts" / "make_request_shapes.py"))


@pytest.fixture(scope="module")
def derived(script: dict[str, Any]) -> Shapes:
    """What the script derives from the installed botocore."""
    shapes: Shapes = script["request_shapes"]()
    return shapes


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """The file: {made, from: {package: version}, shapes}."""
    content: dict[str, Any] = json.loads(request_limits.FILE.read_bytes())
    return content


@pytest.fixture(scope="module")
def models() -> Shapes:
    """The shapes of botocore, under the names that the file gives them."""
    loaded = {
        prefix: Loader().load_service_model(name, "service-2") for prefix, name in (("", "sagemaker"), ("EMR.", "emr"))
    }
    return {prefix + name: shape for prefix, model in loaded.items() for name, shape in model["shapes"].items()}


def test_the_file_is_what_the_script_writes(
    written: dict[str, Any], derived: Shapes, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exactly equal with the version it was made from; a difference from a newer version fails only a release."""
    installed = {package: metadata.version(package) for package in written["from"]}
    different = {
        name for name in derived.keys() | written["shapes"].keys() if derived.get(name) != written["shapes"].get(name)
    }
    a_release = "CI_COMMIT_TAG" in os.environ  # GitLab sets it for a tag

    if different and installed != written["from"] and not a_release:
        with capfd.disabled():
            print(f"\nwarning: {installed} differs in {len(different)} shapes: run `make request-shapes`.")
        different = set()

    assert different == set()


def test_the_file_of_properties_is_what_the_script_writes(
    script: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """As for the other file."""
    written = json.loads(step_properties.FILE.read_bytes())
    types, shapes = script["property_shapes"]()
    different = (written["types"], written["shapes"]) != (types, shapes)
    installed = {package: metadata.version(package) for package in written["from"]}

    if different and installed != written["from"] and "CI_COMMIT_TAG" not in os.environ:
        with capfd.disabled():
            print(f"\nwarning: the properties differ with {installed}: run `make request-shapes`.")
        different = False

    assert not different


def test_every_property_comes_from_botocore_or_has_a_reason(script: dict[str, Any], models: Shapes) -> None:
    """Each name in the script's tables is still needed: a Describe call does not return it."""
    for name, more in script["MORE_PROPERTIES"].items():
        asked = [] if name in script["CHECKS"] else step_types.TYPES[name].requests
        answers = [each.replace("Create", "Describe").replace("Request", "Response") for each in asked]
        described = {field for each in answers for field in models[each]["members"]}

        assert more.keys() & described == set()


def test_each_shape_has_its_own_line_in_order(written: dict[str, Any]) -> None:
    lines = request_limits.FILE.read_text(encoding="utf-8").splitlines()

    assert [line.split('"')[1] for line in lines if '{"type"' in line] == sorted(written["shapes"])


def test_the_date_of_the_file_is_a_date(written: dict[str, Any]) -> None:
    assert date(2026, 1, 1) <= date.fromisoformat(written["made"])


def test_every_request_of_a_step_type_is_in_the_file(written: dict[str, Any]) -> None:
    requests = {request for each in step_types.TYPES.values() for request in each.requests}

    assert requests <= written["shapes"].keys()


def test_python_can_use_every_pattern(written: dict[str, Any]) -> None:
    for shape in written["shapes"].values():
        re.compile(shape.get("pattern", ""))


@pytest.mark.parametrize(
    ("pattern", "accepted", "refused"),
    [
        pytest.param(r".*", ["", "a b", "é"], ["a\nb", "a\u2028b", "a\r"], id="a dot matches no line terminator"),
        pytest.param(r"a\.b", ["a.b"], ["axb"], id="an escaped dot"),
        pytest.param(r"[.]+", ["..."], ["a"], id="a dot in a class"),
        pytest.param(r"[\S\s]*", ["a\nb"], [], id="everything"),
        pytest.param(r"\d{2}", ["12"], ["١٢", "1"], id="digits are ASCII"),
        pytest.param(r"[-\w]+\/.+", ["a/b"], ["é/b"], id="word characters are ASCII"),
        pytest.param(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", ["Ärzte 3-a@b.c", "", "数"], ["a&b", "a#b", "a\tb"], id="tags"),
        pytest.param(r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,256}", ["é/1"], ["a&b"], id="a repeated end"),
        pytest.param(r"[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}]*", ["a+b, ü: €"], ["a\nb", "\x00"], id="no control characters"),
        pytest.param(r"[\p{L}\p{M}\p{Z}\p{N}\p{P}]{0,9}", ["a, b!", "ü"], ["a+b", "a=b", "a\nb"], id="no symbols"),
        pytest.param(r"arn:[\p{Alnum}\-]+:.*", ["arn:aws-cn:x"], ["arn:ä:x"], id="Alnum"),
    ],
)  # fmt: skip
def test_a_pattern_means_the_same_in_python(
    script: dict[str, Any], pattern: str, accepted: list[str], refused: list[str]
) -> None:
    python = re.compile(script["python_pattern"](pattern))

    assert [text for text in accepted if not python.fullmatch(text)] == []
    assert [text for text in refused if python.fullmatch(text)] == []


def test_a_pattern_that_python_cannot_have_is_not_left_out_silently(script: dict[str, Any]) -> None:
    with pytest.raises(re.error):
        script["python_pattern"](r"[\p{Greek}]*")


def test_every_exception_is_still_needed(script: dict[str, Any], models: Shapes) -> None:
    """Of the fields that need not be there, and the limits that the script changes or leaves out."""
    optional = {(shape, field) for shape, fields in script["OPTIONAL"].items() for field in fields}

    assert {(shape, field) for shape, field in optional if field not in models[shape]["required"]} == set()
    assert {shape for shape in script["LEAST"] if models[shape].get("min", 0) >= script["LEAST"][shape]} == set()
    assert {shape for shape in script["PATTERNS"] if models[shape]["pattern"] not in (".*", r"[\S]+")} == set()
    assert {shape for shape in script["LEFT_OUT"] if "enum" not in models[shape]} == set()
