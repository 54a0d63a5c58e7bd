"""What is refused before anything starts, and with which message."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagemaker_ops.definition.step_types import TYPES
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import check, loads


def test_a_property_file_in_a_nested_condition_makes_a_dependency(local: Any) -> None:
    condition = local.compare("Equals", 1, local.json_get("A", "Report", "x"))
    nested = local.condition("Inner", {"Type": "Or", "Conditions": [{"Type": "Not", "Condition": condition}]})
    outer = local.condition("Outer", local.compare("Equals", 1, 1), then=[nested])
    plan = check(local.definition(outer, local.processing("A", outputs=("out",), files={"Report": "out/a.json"})))
    assert plan.steps["Inner"].waits_for == {"A", "Outer"}
    assert plan.steps["Inner"].branch == ("Outer", True)


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        pytest.param(
            [{"Name": "X", "Type": "Trainig"}], "'Trainig' is not a step type. Did you mean 'Training'?", id="type"
        ),
        pytest.param([], "Steps must be a list with at least one step", id="no-steps"),
        pytest.param([{"Name": "a b", "Type": "Fail"}], "Name is 'a b': use 1 to 64", id="name"),
        pytest.param([{"Name": "X", "Type": "Fail", "Arguments": {}}], "ErrorMessage is missing", id="missing"),
        pytest.param(
            [{"Name": "X", "Type": "Fail", "Arguments": {"ErrorMessage": 3}}],
            "ErrorMessage must be text, not '3'",
            id="number-for-text",
        ),
        pytest.param(
            [{"Name": "X", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}, "DependsOn": ["Y"]}],
            "DependsOn names 'Y', which is not a step",
            id="depends-on",
        ),
        pytest.param(
            [{"Name": "X", "Type": "Fail", "Arguments": {"ErrorMessage": {"Std:Split": {}}}}],
            "'Std:Split' is not a function of pipeline definitions",
            id="function",
        ),
        pytest.param(
            [{"Name": "X", "Type": "Condition", "Arguments": {"Conditions": [{"Type": "Equal"}]}}],
            "'Equal' is not a condition type. Did you mean 'Equals'?",
            id="condition",
        ),
        pytest.param(
            [{"Name": "X", "Type": "Condition", "Arguments": {"Conditions": [{"Type": "Equals", "LeftValue": 1}]}}],
            "the condition Equals needs RightValue",
            id="half-a-condition",
        ),
    ],
)
def test_malformed_parts_are_named(local: Any, steps: Any, sentence: str) -> None:
    assert sentence in local.problems(*steps)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("Parameters.Rate", "it reads 'Rate', which is not a parameter of this pipeline. Did you mean 'Rates'?"),
        ("Execution.Id", "it reads 'Id', which is not an execution variable"),
        ("Steps.Prep.Status", "it reads 'Prep', which is not a step of this pipeline. Did you mean 'Prepare'?"),
        ("Steps.Prepare.ProcessingOutputConfig.Outputs['trian'].S3Output.S3Uri", "Did you mean 'train'?"),
        ("Steps.Prepare.PropertyFiles.Report", "can only be read with Std:JsonGet"),
        ("Stepps.Prepare.Status", "must be 'Parameters.X', 'Execution.X' or"),
        ("Steps.Prepare.Outputs[", "is not a path: write it like"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(local: Any, target: str, sentence: str) -> None:
    steps = [local.processing("Prepare", outputs=("train",)), local.fail("Stop", local.get(target))]
    assert sentence in local.problems(*steps, parameters=[local.parameter("Rates", default="1")])


def test_an_unknown_property_file_is_refused(local: Any) -> None:
    steps = [
        local.processing("A", outputs=("out",), files={"Report": "out/a.json"}),
        local.fail("B", local.json_get("A", "Repport", "x")),
    ]
    assert "it reads 'Repport', which is not a property file of step 'A'. Did you mean 'Report'?" in local.problems(
        *steps
    )


def test_a_property_file_in_an_unknown_output_is_refused(local: Any) -> None:
    step = local.processing("A", outputs=("report",), files={"Report": "reports/a.json"})
    assert "property file 'Report' is in 'reports', not an output. Did you mean 'report'?" in local.problems(step)


def test_duplicate_names_and_every_circle_are_refused_together(local: Any) -> None:
    steps = [
        local.fail("A", "x", DependsOn=["B"]),
        local.fail("B", "x", DependsOn=["A"]),
        local.fail("C", "x", DependsOn=["C"]),
        local.condition("D", local.compare("Equals", 1, 1), then=[local.fail("D", "x")]),
    ]
    problems = local.problems(*steps)
    assert "step 'D': two steps have this name" in problems
    assert problems.count("in a circle") == 2


def test_a_number_parameter_where_aws_needs_text_is_refused_with_the_remedy(local: Any) -> None:
    step = local.processing("A", "", "--rate", local.get("Parameters.Rate"))
    problems = local.problems(step, parameters=[local.parameter("Rate", "Float", 0.1)])
    assert "ContainerArguments[1] needs text, but parameter 'Rate' has type Float: write Rate.to_string()." in problems


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(
            {"InputDataConfig": [{"S3DataType": "ManifestFile"}]}, "S3DataType is 'ManifestFile'", id="manifest"
        ),
        pytest.param(
            {"ResourceConfig": {"InstanceCount": 2}}, "InstanceCount is 2, but only 1 can run here", id="instances"
        ),
        pytest.param(
            {"AlgorithmSpecification": {"TrainingInputMode": "Pipe"}}, "TrainingInputMode is 'Pipe'", id="pipe"
        ),
        pytest.param({"OutputDataConfig": {"CompressionType": "ZIP"}}, "CompressionType is 'ZIP'", id="compression"),
    ],
)
def test_what_training_cannot_do_here_is_refused_by_name(local: Any, change: Any, sentence: str) -> None:
    step = local.training("Train", channels={"train": "s3://bucket/data/"})
    for key, value in change.items():
        if isinstance(value, list):
            step["Arguments"][key][0]["DataSource"]["S3DataSource"] |= value[0]
        else:
            step["Arguments"][key] |= value
    assert sentence in local.problems(step)


def test_an_image_with_its_own_algorithm_is_refused(local: Any) -> None:
    step = local.training("Train")
    step["Arguments"]["HyperParameters"] = {"max_depth": "5"}
    assert "step 'Train': it is not in script mode" in local.problems(step)


def test_what_processing_cannot_do_here_is_refused_by_name(local: Any) -> None:
    step = local.processing("A", inputs={"data": "s3://bucket/data/"}, outputs=("out",))
    arguments = step["Arguments"]
    arguments["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = 3
    arguments["ProcessingInputs"].append({"InputName": "table", "DatasetDefinition": {"AthenaDatasetDefinition": {}}})
    arguments["ProcessingInputs"][1]["S3Input"] |= {"S3DataType": "ManifestFile", "LocalPath": "/data"}
    arguments["ProcessingOutputConfig"]["Outputs"] *= 2
    del arguments["AppSpecification"]["ContainerEntrypoint"]
    problems = local.problems(step)
    for sentence in (
        "InstanceCount is 3, but only 1 can run here",
        "DatasetDefinition (AthenaDatasetDefinition) cannot be used here",
        "S3DataType is 'ManifestFile'",
        "LocalPath '/data' is not in /opt/ml/processing",
        "two of its inputs and outputs are named 'out'",
        "it has no ContainerEntrypoint",
    ):
        assert sentence in problems


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


def _check(definition: object) -> None:
    with suppress(UserError):
        check(definition)


@given(st.binary(max_size=200))
def test_bytes_that_are_not_a_definition_raise_only_user_errors(content: bytes) -> None:
    with pytest.raises(UserError):
        check(loads(content))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"Steps":' + "[" * 500 + "]" * 500 + "}"])
def test_deep_nesting_raises_only_user_errors(text: str) -> None:
    with pytest.raises(UserError):
        check(loads(text))


@pytest.mark.slow
@given(JSON, st.sampled_from([*TYPES]), JSON, JSON)
def test_json_that_is_not_a_definition_raises_only_user_errors(
    anything: Any, kind: str, arguments: Any, more: Any
) -> None:
    _check(anything)
    step = {"Name": "X", "Type": kind, "Arguments": arguments, "DependsOn": more, "PropertyFiles": more}
    _check({"Version": "2020-12-01", "Parameters": more, "Steps": [step, anything]})


@pytest.mark.slow
@given(st.data())
def test_a_valid_definition_with_any_part_replaced_raises_only_user_errors(data: st.DataObject) -> None:
    definition = json.loads(GOOD)
    node: Any = definition
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.integers(0, 6)) == 0:
            break
        node = node[key]
    node[key] = data.draw(JSON)
    _check(copy.deepcopy(definition))


S3_INPUT = {"S3Uri": {"Get": "Parameters.P"}, "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix"}
S3_OUTPUT = {"S3Uri": {"Std:Join": {"On": "/", "Values": ["s3:/", "bucket"]}}, "LocalPath": "/opt/ml/processing/out"}
REPORT = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.A.PropertyFiles.R"}, "Path": "a.b"}}
GOOD = json.dumps(
    {
        "Version": "2020-12-01",
        "Parameters": [
            {"Name": "P", "Type": "String", "DefaultValue": "s3://bucket/x", "EnumValues": ["s3://bucket/x"]}
        ],
        "Steps": [
            {
                "Name": "A",
                "Type": "Processing",
                "Arguments": {
                    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large"}},
                    "AppSpecification": {"ContainerEntrypoint": ["python3", "/opt/ml/processing/in/a.py"]},
                    "ProcessingInputs": [{"InputName": "in", "S3Input": S3_INPUT}],
                    "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": S3_OUTPUT}]},
                },
                "PropertyFiles": [{"PropertyFileName": "R", "OutputName": "out", "FilePath": "r.json"}],
            },
            {
                "Name": "C",
                "Type": "Condition",
                "Arguments": {
                    "Conditions": [
                        {
                            "Type": "Or",
                            "Conditions": [
                                {"Type": "Equals", "LeftValue": REPORT, "RightValue": 1},
                                {"Type": "In", "QueryValue": "a", "Values": ["a"]},
                            ],
                        }
                    ],
                    "IfSteps": [{"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": REPORT}}],
                    "ElseSteps": [],
                },
                "DependsOn": ["A"],
            },
        ],
    }
)
