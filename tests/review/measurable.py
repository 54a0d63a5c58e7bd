"""A generated project whose pipeline measures a "model" in a second: a script without packages, a gate, no SDK."""

from __future__ import annotations

import shutil

from aws import deployable
from projects import Project
from repositories import Files, Repository

PIPELINE = """
import json


class Pipeline:
    def __init__(self, target):
        self.target = target

    def definition(self):
        target, gate = self.target, self.target.settings.gate
        run = {"Std:Join": {"On": "/", "Values": [target.runs_uri, {"Get": "Execution.PipelineExecutionId"}]}}
        sources = {"code": target.code_uri_of("evaluation.py"), "data": target.data_uri}
        evaluation = {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
            },
            "AppSpecification": {
                "ImageUri": "image:1", "ContainerEntrypoint": ["python3", "/opt/ml/processing/code/evaluation.py"]
            },
            "ProcessingInputs": [
                {
                    "InputName": name,
                    "S3Input": {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{name}", "S3DataType": "S3Prefix"},
                }
                for name, uri in sources.items()
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "out",
                        "S3Output": {
                            "S3Uri": run, "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"
                        },
                    }
                ]
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60 * target.settings.pipeline.max_runtime_minutes},
        }
        file = {"PropertyFileName": "Report", "OutputName": "out", "FilePath": "evaluation.json"}
        reached = {
            "Std:JsonGet": {"PropertyFile": {"Get": "Steps.Evaluation.PropertyFiles.Report"}, "Path": "gate.value"}
        }
        limit = {"Get": "Parameters.QualityGate"}
        condition = {
            "Conditions": [{"Type": "GreaterThanOrEqualTo", "LeftValue": reached, "RightValue": limit}],
            "IfSteps": [],
            "ElseSteps": [{"Name": "TooLow", "Type": "Fail", "Arguments": {"ErrorMessage": "auc is too low."}}],
        }
        return json.dumps({
            "Version": "2020-12-01",
            "Metadata": {},
            "Parameters": [{"Name": "QualityGate", "Type": "Float", "DefaultValue": gate.value}],
            "Steps": [
                {
                    "Name": "Evaluation", "Type": "Processing", "Arguments": evaluation, "PropertyFiles": [file],
                    "CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"},
                },
                {"Name": "Gate", "Type": "Condition", "Arguments": condition},
            ],
        })


def get_pipeline(target, session):
    return Pipeline(target)
"""


def script(auc: float, warning: str = "") -> str:
    """evaluation.py of a model with this AUC; it says that it ran."""
    scores = {"auc": {"value": auc, "standard_deviation": 0.01}, "recall": {"value": 0.5, "standard_deviation": 0.1}}
    content = {
        "binary_classification_metrics": scores,
        "gate": {"metric": "auc", "value": auc},
        "verdict": f"auc {auc}: better than a naive model.",
        "warnings": [warning] if warning else [],
    }
    return f"import json\njson.dump({content!r}, open('/opt/ml/processing/out/evaluation.json', 'w'))\n"


def prepare(project: Project, auc: float = 0.8) -> Repository:
    """Make it run without packages, commit it to main, and start a branch."""
    deployable.prepare(project)
    git = Repository(project.path)
    files: Files = {
        "production/pipelines/train.py": PIPELINE,
        "production/steps/evaluation.py": script(auc),
        "production/steps/processing.py": None,
        "production/steps/training.py": None,
    }
    shutil.rmtree(project.path / ".git", ignore_errors=True)
    git.git("init", "--quiet", "--initial-branch=main")
    git.commit(files)
    git.git("switch", "--quiet", "--create", "change")
    return git
