"""A generated project that compiles quickly: a stand-in for the SDK, and a pipeline that writes its definition itself.

Other tests show that the real pipeline compiles; these are about what happens to a definition.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from projects import Project

# What compile_process.py imports from the SDK.
SDK = {
    "sagemaker-3.27.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: sagemaker\nVersion: 3.27.0\n",
    "sagemaker/core/telemetry/telemetry_logging.py": "",
    "sagemaker/core/workflow/pipeline_context.py": """
class PipelineSession:
    def __init__(self, **_):
        pass
""",
}
PIPELINE = """
import json


class Pipeline:
    def __init__(self, target):
        self.target = target

    def definition(self):
        settings, target = self.target.settings, self.target
        uris = {"code": target.code_uri, "data": {"Get": "Parameters.InputDataUrl"}}
        code, data = (
            {
                "InputName": name,
                "S3Input": {"S3Uri": uri, "LocalPath": f"/opt/{name}", "S3DataType": "S3Prefix"},
            }
            for name, uri in uris.items()
        )
        limit = {"MaxRuntimeInSeconds": 60 * settings.pipeline.max_runtime_minutes}
        instance = {"Get": "Parameters.ProcessingInstanceType"}
        processing = {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": instance, "InstanceCount": 1, "VolumeSizeInGB": 30}
            },
            "AppSpecification": {"ImageUri": "image:1", "ContainerArguments": [f"--target={settings.data.target}"]},
            "ProcessingInputs": [data, code],
            "StoppingCondition": limit,
        }
        training = {
            "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
            "HyperParameters": {"sagemaker_submit_directory": target.sourcedir_uri},
            "OutputDataConfig": {"S3OutputPath": f"{target.root_uri}/models"},
            "ResourceConfig": {"InstanceType": settings.instances.training, "InstanceCount": 1},
            "StoppingCondition": limit,
        }
        register = {
            "ModelPackageGroupName": target.model_package_group,
            "InferenceSpecification": {"Containers": [{"ModelDataUrl": "s3://bucket/model.tar.gz"}]},
        }
        parameters = {"InputDataUrl": target.data_uri, "ProcessingInstanceType": settings.instances.processing}
        return json.dumps({
            "Version": "2020-12-01",
            "Metadata": {},
            "Parameters": [
                {"Name": name, "Type": "String", "DefaultValue": value} for name, value in parameters.items()
            ],
            "Steps": [
                {"Name": "Processing", "Type": "Processing", "Arguments": processing},
                {"Name": "Training", "Type": "Training", "Arguments": training},
                {"Name": "Register", "Type": "RegisterModel", "Arguments": register},
            ],
        })


def get_pipeline(target, session):
    return Pipeline(target)
"""


def prepare(project: Project) -> None:
    """Make it compile without the SDK; a few step files and a small table are enough."""
    for name, text in {**SDK, "production/pipelines/train.py": PIPELINE}.items():
        path = project.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    steps = project.path / "production" / "steps"
    for path in steps.iterdir():
        if path.name not in ("processing.py", "training.py"):
            path.unlink()
    (project.path / "data" / "table.csv").write_text("late,distance\n" + 5 * "1,100\n0,200\n", encoding="utf-8")
    project.edit("data", source='"data/table.csv"')


def copy(project: Project, folder: Path) -> Project:
    """A copy that a test may change."""
    return Project(
        Path(shutil.copytree(project.path, folder / project.path.name, ignore=shutil.ignore_patterns(".git")))
    )
