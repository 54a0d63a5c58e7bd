"""How the difference between two definitions is shown."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from sagemaker_ops.definition import difference

OLD, NEW = "0123456789abcdef", "fedcba9876543210"
Definition = dict[str, Any]


def code(hash: str, rest: str = "steps/") -> str:
    return f"s3://bucket/customer/churn/dev/code/{hash}/{rest}"


BEFORE: Definition = {
    "Version": "2020-12-01",
    "Metadata": {},
    "Parameters": [
        {"Name": "InstanceType", "Type": "String", "DefaultValue": "ml.m5.large"},
        {"Name": "Share", "Type": "Float", "DefaultValue": 0.2},
    ],
    "Steps": [
        {
            "Name": "Processing",
            "Type": "Processing",
            "Arguments": {
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceType": {"Get": "Parameters.InstanceType"}, "InstanceCount": 1}
                },
                "AppSpecification": {"ImageUri": "image:1", "ContainerArguments": ["--target=late", "--split=random"]},
                "ProcessingInputs": [
                    {"InputName": "data", "S3Input": {"S3Uri": f"s3://bucket/raw/{OLD}/"}},
                    {"InputName": "code", "S3Input": {"S3Uri": code(OLD)}},
                ],
                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            },
        },
        {
            "Name": "Gate",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [],
                "IfSteps": [
                    {
                        "Name": "Training",
                        "Type": "Training",
                        "Arguments": {
                            "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
                            "HyperParameters": {"submit": code(OLD, "sourcedir.tar.gz"), "depth": "3"},
                            "OutputDataConfig": {
                                "S3OutputPath": {"Std:Join": {"On": "/", "Values": ["s3://b", {"Get": "Execution.Id"}]}}
                            },
                        },
                    }
                ],
                "ElseSteps": [{"Name": "Failed", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}],
            },
        },
    ],
}


def edited(*path: str | int, to: Any) -> Definition:
    """BEFORE with the value at the path replaced; None removes it."""
    definition = copy.deepcopy(BEFORE)
    at: Any = definition
    for key in path[:-1]:
        at = at[key]
    if to is None:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return definition


PROCESSING = ("Steps", 0, "Arguments")
TRAINING = ("Steps", 1, "Arguments", "IfSteps", 0, "Arguments")
EXTRA = {"Name": "Extra", "Type": "Transform", "Arguments": {"TransformResources": {"InstanceType": "ml.m5.large"}}}


@pytest.mark.parametrize(
    ("after", "lines"),
    [
        pytest.param(BEFORE, [], id="nothing"),
        pytest.param(dict(reversed(list(BEFORE.items()))), [], id="the order of keys"),
        pytest.param(
            edited("Steps", to=BEFORE["Steps"][::-1]),
            ["~ the definition, but only in how it is written"],
            id="the order of steps",
        ),
        pytest.param(
            edited("Parameters", 0, "DefaultValue", to="ml.m5.xlarge"),
            ["~ parameter InstanceType: ml.m5.large → ml.m5.xlarge"],
            id="a default",
        ),
        pytest.param(
            edited("Parameters", 1, "Type", to="Integer"), ["~ parameter Share: Type Float → Integer"], id="a type"
        ),
        pytest.param(edited("Parameters", 1, to=None), ["- parameter Share"], id="one parameter less"),
        pytest.param(
            edited("Parameters", to=[*BEFORE["Parameters"], {"Name": "Gate", "Type": "Float"}]),
            ["+ parameter Gate (Float) without a default"],
            id="one more parameter",
        ),
        pytest.param(
            edited("Steps", to=[*BEFORE["Steps"], EXTRA]),
            ["+ step Extra (Transform) on 1 x ml.m5.large"],
            id="one more step",
        ),
        pytest.param(
            edited("Steps", 0, to=None), ["- data: " + OLD, "- step Processing (Processing)"], id="one step less"
        ),
        pytest.param(
            edited("Steps", 1, "Arguments", "ElseSteps", to=[]),
            ["- step Failed (Fail)"],
            id="one step less in a branch",
        ),
        pytest.param(
            edited(*TRAINING, "ResourceConfig", "InstanceType", to="ml.c5.xlarge"),
            ["~ step Training: InstanceType ml.m5.xlarge → ml.c5.xlarge"],
            id="an instance type",
        ),
        pytest.param(
            edited(*PROCESSING, "ProcessingResources", "ClusterConfig", "InstanceCount", to=2),
            ["~ step Processing: InstanceCount 1 → 2"],
            id="a count",
        ),
        pytest.param(
            edited(*PROCESSING, "AppSpecification", "ImageUri", to="image:2"),
            ["~ step Processing: ImageUri image:1 → image:2"],
            id="an image",
        ),
        pytest.param(
            edited(*PROCESSING, "AppSpecification", "ContainerArguments", to=["--split=time", "--target=late", "-v"]),
            [
                "~ step Processing: ContainerArguments.--split random → time",
                "+ step Processing: ContainerArguments.2 -v",
            ],
            id="arguments, in another order",
        ),
        pytest.param(
            edited(*TRAINING, "HyperParameters", "depth", to=None),
            ["- step Training: HyperParameters.depth 3"],
            id="one hyperparameter less",
        ),
        pytest.param(
            edited(*TRAINING, "OutputDataConfig", "S3OutputPath", to="s3://b"),
            ["~ step Training: OutputDataConfig.S3OutputPath s3://b/Execution.Id → s3://b"],
            id="an expression",
        ),
        pytest.param(
            edited(*TRAINING, "StoppingCondition", to={"MaxRuntimeInSeconds": 60}),
            ["+ step Training: MaxRuntimeInSeconds 60"],
            id="a time limit",
        ),
        pytest.param(
            edited(*PROCESSING, "ProcessingInputs", 0, "S3Input", "S3Uri", to=f"s3://bucket/raw/{NEW}/"),
            [f"~ data: {OLD} → {NEW}"],
            id="the data",
        ),
        pytest.param(edited("Metadata", to={"by": "hand"}), ["- Metadata {}", "+ Metadata.by hand"], id="the rest"),
    ],
)
def test_a_change_is_shown_as_text(after: Definition, lines: list[str]) -> None:
    assert sorted(difference.lines(BEFORE, after)) == sorted(lines)


@pytest.mark.parametrize(
    ("after", "lines"),
    [
        pytest.param(
            edited(*PROCESSING, "ProcessingInputs", 1, "S3Input", "S3Uri", to=code(NEW)),
            [f"~ code of Processing: {OLD} → {NEW}"],
            id="in a folder",
        ),
        pytest.param(
            edited(*TRAINING, "HyperParameters", "submit", to=code(NEW, "sourcedir.tar.gz")),
            [f"~ code of Training: {OLD} → {NEW}"],
            id="in an archive, in a branch",
        ),
        pytest.param(
            edited(*TRAINING, "HyperParameters", to={"submit": code(NEW, "sourcedir.tar.gz"), "depth": "4"}),
            [f"~ code of Training: {OLD} → {NEW}", "~ step Training: HyperParameters.depth 3 → 4"],
            id="with another change",
        ),
    ],
)
def test_new_code_is_shown_for_its_step(after: Definition, lines: list[str]) -> None:
    assert difference.lines(BEFORE, after) == lines


def test_a_new_pipeline_is_shown_with_its_parameters_and_steps() -> None:
    assert difference.lines(None, BEFORE) == [
        f"+ data: {OLD}",
        "+ parameter InstanceType (String) = ml.m5.large",
        "+ parameter Share (Float) = 0.2",
        "+ step Processing (Processing) on 1 x Parameters.InstanceType",
        "+ step Gate (Condition)",
        "+ step Training (Training) on 1 x ml.m5.xlarge",
        "+ step Failed (Fail)",
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": [1]}, {"b": [1], "a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": 1.0}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
    ],
)
def test_the_order_of_keys_does_not_make_a_difference(one: Definition, other: Definition, same: bool) -> None:
    method: Callable[[Definition], str] = difference.canonical
    assert (method(one) == method(other)) == same
