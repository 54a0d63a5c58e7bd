"""Get, Join, JsonGet, conditions and parameters: the value, or the message."""

from __future__ import annotations

from typing import Any

import pytest

from sagemaker_ops.definition.expressions import Scope, parse_path, resolve
from sagemaker_ops.errors import UserError

REPORT = {"gate": {"value": 0.9, "a.b": "dotted"}, "list": [1, {"x": True}], "none": None}
SCOPE = Scope(
    parameters={"Rate": 0.5, "Count": 3, "Flag": True, "Name": "abc"},
    execution={"PipelineExecutionId": "id0123456789"},
    properties={"S": {"ProcessingOutputConfig": {"Outputs": {"out": {"S3Output": {"S3Uri": "s3://bucket/out"}}}}}},
    property_files={("S", "Report"): ("out", "report.json")},
    read_json={"s3://bucket/out/report.json": REPORT}.__getitem__,
)


def get(target: str) -> dict[str, str]:
    return {"Get": target}


def report(path: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": get("Steps.S.PropertyFiles.Report"), "Path": path}}


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ("a['b.c'].d", ("a", "b.c", "d")),
        ('a["b"]', ("a", "b")),
        ("a[0][12].b", ("a", 0, 12, "b")),
        ("[0].a", (0, "a")),
    ],
)
def test_paths(path: str, keys: tuple[str | int, ...]) -> None:
    assert parse_path(path) == keys


@pytest.mark.parametrize("path", ["a..b", "a[", "a[x]", "a['b]", "a.", "a[0]b"])
def test_an_invalid_path(path: str) -> None:
    with pytest.raises(ValueError, match="is not a path"):
        parse_path(path)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        (
            report("gate.valu"),
            r"report.json \(property file 'Report' of step 'S'\) has no 'gate.valu': 'valu' is missing. ",
        ),
        (report("list[7]"), "has no 'list\\[7\\]': '7' is missing"),
        (report("gate"), "must have a single value at 'gate'"),
        (report("none"), "must have a single value at 'none'"),
        (get("Steps.S.ModelArtifacts"), "step 'S' has no 'ModelArtifacts'"),
    ],
)
def test_a_missing_path_names_path_and_file(expression: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        resolve(expression, SCOPE)


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ({"Name": "A", "Type": "Int"}, "parameter 'A' has the type 'Int': use String, Integer, Float or Boolean."),
        (
            {"Name": "A", "Type": "Integer", "DefaultValue": "1"},
            "parameter 'A' has the value '1', which is not of type Integer",
        ),
        ({"Name": "A", "Type": "String", "DefaultValue": "c", "EnumValues": ["a"]}, "which is not in its EnumValues"),
        ({"Type": "String"}, "a parameter needs a 'Name'"),
    ],
)
def test_a_malformed_declaration_is_refused(local: Any, declared: Any, sentence: str) -> None:
    assert sentence in local.problems(local.fail("F", "x"), parameters=[declared])
