"""Get, Join, JsonGet, conditions and parameters: which value comes out, or which sentence."""

from __future__ import annotations

from typing import Any

import pytest

from ops.errors import UserError
from ops.local import parameters
from ops.local.conditions import holds
from ops.local.expressions import Scope, parse_path, resolve

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
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(ValueError, match="is no path"):
        parse_path(path)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        pytest.param(get("Parameters.Rate"), 0.5, id="float-stays"),
        pytest.param(get("Parameters.Count"), 3, id="integer-stays"),
        pytest.param(get("Parameters.Flag"), True, id="boolean-stays"),
        pytest.param({"Std:Join": {"On": "", "Values": [get("Parameters.Count")]}}, "3", id="join-is-text"),
        pytest.param(
            {"Std:Join": {"On": "/", "Values": ["s3:/", get("Execution.PipelineExecutionId"), get("Parameters.Rate")]}},
            "s3://id0123456789/0.5",
            id="join-of-all",
        ),
        pytest.param({"Std:Join": {"On": "-", "Values": [get("Parameters.Flag"), None]}}, "true-null", id="join-json"),
        pytest.param(
            get("Steps.S.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"), "s3://bucket/out", id="map-by-name"
        ),
        pytest.param(report("gate.value"), 0.9, id="json-get"),
        pytest.param(report("gate['a.b']"), "dotted", id="json-get-quoted"),
        pytest.param(report("list[1].x"), True, id="json-get-list"),
        pytest.param(
            {"Std:JsonGet": {"S3Uri": "s3://bucket/out/report.json", "Path": "list[0]"}}, 1, id="json-get-uri"
        ),
        pytest.param({"a": [get("Parameters.Name"), {"b": 1}]}, {"a": ["abc", {"b": 1}]}, id="inside-data"),
    ],
)
def test_values(expression: Any, value: Any) -> None:
    resolved = resolve(expression, SCOPE)
    assert resolved == value
    assert type(resolved) is type(value)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        (
            report("gate.valu"),
            r"report.json \(property file 'Report' of step 'S'\) has no 'gate.valu': 'valu' is missing. ",
        ),
        (report("list[7]"), "has no 'list\\[7\\]': '7' is missing"),
        (report("gate"), "has no single value at 'gate'"),
        (report("none"), "has no single value at 'none'"),
        (get("Steps.S.ModelArtifacts"), "step 'S' has no 'ModelArtifacts'"),
    ],
)
def test_a_missing_path_names_path_and_file(expression: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        resolve(expression, SCOPE)


def compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        (compare("Equals", get("Parameters.Count"), 3.0), True),
        (compare("Equals", "a", "b"), False),
        (compare("Equals", True, get("Parameters.Flag")), True),
        (compare("GreaterThan", 3, 3), False),
        (compare("GreaterThanOrEqualTo", report("gate.value"), 0.9), True),
        (compare("LessThan", "a", "b"), True),
        (compare("LessThanOrEqualTo", 4, 3), False),
        ({"Type": "In", "QueryValue": get("Parameters.Name"), "Values": ["x", "abc"]}, True),
        ({"Type": "In", "QueryValue": 1, "Values": []}, False),
        ({"Type": "Not", "Condition": compare("Equals", 1, 1)}, False),
        ({"Type": "Or", "Conditions": [compare("Equals", 1, 2), compare("Equals", 1, 1)]}, True),
        ({"Type": "Or", "Conditions": [compare("Equals", 1, 1), compare("Equals", report("no"), 1)]}, True),
        ({"Type": "Not", "Condition": {"Type": "Or", "Conditions": []}}, True),
    ],
)
def test_conditions(condition: dict[str, Any], outcome: bool) -> None:
    assert holds(condition, SCOPE) is outcome


@pytest.mark.parametrize(("left", "right"), [(1, "1"), (True, 1), ("true", True)])
def test_values_of_different_types_are_not_compared(left: Any, right: Any) -> None:
    with pytest.raises(UserError, match="both sides must be of one type"):
        holds(compare("Equals", left, right), SCOPE)


DECLARED = {
    "Text": parameters.Parameter("Text", "String", "x"),
    "Count": parameters.Parameter("Count", "Integer", 1),
    "Rate": parameters.Parameter("Rate", "Float", 0.1),
    "Flag": parameters.Parameter("Flag", "Boolean", False),
    "Status": parameters.Parameter("Status", "String", "Approved", ("Approved", "Rejected")),
}


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({}, {"Text": "x", "Count": 1, "Rate": 0.1, "Flag": False, "Status": "Approved"}),
        ({"Text": "", "Count": "-3", "Rate": "1e-3"}, {"Text": "", "Count": -3, "Rate": 0.001}),
        ({"Rate": "2", "Flag": "True", "Status": "Rejected"}, {"Rate": 2.0, "Flag": True, "Status": "Rejected"}),
    ],
)
def test_parameters_get_their_type(given: dict[str, str], values: dict[str, Any]) -> None:
    found, problems = parameters.values(DECLARED, given)
    assert not problems
    assert {name: found[name] for name in values} == values
    assert type(found["Rate"]) is float


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"Cuont": "1"}, "there is no parameter 'Cuont'. Did you mean 'Count'?"),
        ({"Zzz": "1"}, "there is no parameter 'Zzz'. There is: Text, Count, Rate, Flag, Status."),
        ({"Count": "1.5"}, "parameter 'Count' needs a value of type Integer, not '1.5'."),
        ({"Count": ""}, "parameter 'Count' needs a value of type Integer, not ''."),
        ({"Rate": "nan"}, "parameter 'Rate' needs a value of type Float, not 'nan'."),
        ({"Flag": "yes"}, "parameter 'Flag' needs a value of type Boolean, not 'yes'."),
        ({"Status": "Aproved"}, "is one of Approved, Rejected, not 'Aproved'. Did you mean 'Approved'?"),
    ],
)
def test_wrong_parameters_are_one_sentence_each(given: dict[str, str], sentence: str) -> None:
    _, [problem] = parameters.values(DECLARED, given)
    assert sentence in str(problem)


def test_every_wrong_parameter_is_reported_at_once(local: Any) -> None:
    declared = [local.parameter("A"), local.parameter("B", "Integer", 1)]
    with pytest.raises(UserError) as caught:
        local.run(local.fail("F", "x"), parameters=declared, given={"B": "x", "C": "y"})
    assert caught.value.exit_code == 2
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ({"Name": "A", "Type": "Int"}, "parameter 'A' is of type 'Int'"),
        ({"Name": "A", "Type": "Integer", "DefaultValue": "1"}, "parameter 'A' has '1', which is no Integer"),
        ({"Name": "A", "Type": "String", "DefaultValue": "c", "EnumValues": ["a"]}, "which is not in its EnumValues"),
        ({"Type": "String"}, "a parameter needs a 'Name'"),
    ],
)
def test_a_malformed_declaration_is_refused(local: Any, declared: Any, sentence: str) -> None:
    assert sentence in local.problems(local.fail("F", "x"), parameters=[declared])
