"""A project whose pipelines are definitions written by hand, so that nothing is compiled or run."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from projects import MINIMAL

from sagemaker_ops.documentation import gathered, site
from sagemaker_ops.documentation.gathered import Project
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.pipelines.publishing import Code
from sagemaker_ops.project import settings
from sagemaker_ops.project.target import Target
from sagemaker_ops.report.results import Result

EVIL = "</td><script>alert(1)</script> | `b` **x** [a](b) <img src=x> {: .c } \u202e &amp; 1. # --- "
ROOT = "s3://local/customer/churn/local"
SCRIPT = '''"""Step 1: clean the table.

Writes `train`; see | and <b>.
"""
from helper import clean
from sagemaker_ops import StepError

def main(count):
    if count < 1:
        raise StepError(f"{count} rows are too few; give | more", "and check 'id'")
'''


def get(path: str) -> dict[str, str]:
    return {"Get": path}


def join(*values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": list(values)}}


def measured(path: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": get("Steps.Clean.PropertyFiles.Report"), "Path": path}}


KIND, MOST = get("Parameters.Kind"), get("Parameters.Most")
CLEAN: dict[str, Any] = {
    "Name": "Clean",
    "Type": "Processing",
    "Arguments": {
        "ProcessingResources": {"ClusterConfig": {"InstanceType": KIND, "InstanceCount": 1, "VolumeSizeInGB": 30}},
        "AppSpecification": {
            "ImageUri": "image:1",
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/clean.py"],
            "ContainerArguments": ["--most", join(MOST)],
        },
        "Environment": {"MODE": EVIL},
        "ProcessingInputs": [
            {
                "InputName": "data",
                "S3Input": {"S3Uri": get("Parameters.Url"), "LocalPath": "/opt/ml/processing/data"},
            },
            {
                "InputName": "code",
                "S3Input": {
                    "S3Uri": f"{ROOT}/code/0123456789abcdef/steps/",
                    "LocalPath": "/opt/ml/processing/input/code",
                },
            },
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "train",
                    "S3Output": {
                        "S3Uri": join(f"{ROOT}/runs", get("Execution.PipelineExecutionId"), "clean", "train"),
                        "LocalPath": "/opt/ml/processing/train",
                    },
                }
            ]
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 1800},
    },
    "CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"},
    "RetryPolicies": [{"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "MaxAttempts": 3}],
    "PropertyFiles": [{"PropertyFileName": "Report", "OutputName": "train", "FilePath": "report.json"}],
}
FIT: dict[str, Any] = {
    "Name": "Fit",
    "Type": "Training",
    "Arguments": {
        "AlgorithmSpecification": {"TrainingImage": "image:2", "TrainingInputMode": "File"},
        "HyperParameters": {"depth": {"Std:Join": {"On": "", "Values": [MOST]}}, "kind": EVIL},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {
                    "S3DataSource": {"S3Uri": get("Steps.Clean.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri")}
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"{ROOT}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    },
}
GATE: dict[str, Any] = {
    "Name": "Gate",
    "Type": "Condition",
    "Arguments": {
        "Conditions": [
            {
                "Type": "GreaterThanOrEqualTo",
                "LeftValue": measured("score.value"),
                "RightValue": MOST,
            },
            {"Type": "Not", "Condition": {"Type": "Equals", "LeftValue": KIND, "RightValue": "x|y"}},
            {
                "Type": "Or",
                "Conditions": [
                    {"Type": "In", "QueryValue": KIND, "Values": ["a", "b"]},
                    {"Type": "LessThan", "LeftValue": 1, "RightValue": 2},
                ],
            },
        ],
        "IfSteps": [{"Name": "index", "Type": "Lambda", "FunctionArn": "f", "Arguments": {"to": EVIL}}],
        "ElseSteps": [
            {
                "Name": "Refuse",
                "Type": "Fail",
                "Arguments": {
                    "ErrorMessage": {"Std:Join": {"On": "", "Values": ["score is ", measured("score.value"), EVIL]}}
                },
            }
        ],
    },
    "DependsOn": ["Fit"],
}
DEFINITION: dict[str, Any] = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "Kind", "Type": "String", "DefaultValue": "ml.m5.large"},
        {"Name": "Url", "Type": "String", "DefaultValue": f"{ROOT}/raw/0123456789abcdef/"},
        {"Name": "Most", "Type": "Integer", "DefaultValue": 5},
        {"Name": "Odd", "Type": "String", "DefaultValue": EVIL, "EnumValues": [EVIL, "b"]},
        {"Name": "StartedBy", "Type": "String", "DefaultValue": "unknown"},
        {"Name": "Needed", "Type": "Float"},
    ],
    "Steps": [CLEAN, FIT, GATE],
}


def project(
    root: Path, more: str = "", rules: Policy | None = None, definition: Any = DEFINITION, result: Any = None
) -> Project:
    """With the pipeline `train`; more: of project.toml, merged table by table."""
    for name, text in {
        "steps/clean.py": SCRIPT,
        "steps/helper.py": "clean = len\n",
        "pipelines/train.py": SCRIPT,
    }.items():
        (root / "production" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "production" / name).write_text(text, encoding="utf-8")
    (root / "mkdocs.yml").write_text("site_name: x\nnav:\n- Home: index.md\n", encoding="utf-8")
    table = tomllib.loads(MINIMAL)
    for name, values in tomllib.loads(more).items():
        table[name] = {**table.get(name, {}), **values}
    loaded = settings.parse(table)
    pipelines = (gathered.of("train", definition, result or Result(problem="run `ops run train` first.")),)
    return Project(root, loaded, rules or Policy(), Target(loaded, "local", "0" * 16, "0" * 16), Code(root), pipelines)


def pages(made: Project) -> dict[str, str]:
    return site.pages(made, made.root / "docs")
