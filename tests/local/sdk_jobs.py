"""Compiles jobs whose code the SageMaker SDK packs and uploads itself: `python sdk_jobs.py CODE S3`.

Run with a generated project's Python. Reads the scripts in CODE, uploads into the folder S3, prints the definition.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import sagemaker.core.telemetry.telemetry_logging as telemetry
from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor
from sagemaker.core.shapes import OutputDataConfig, ProcessingOutput, ProcessingS3Output
from sagemaker.core.training.configs import Compute, InputData, SourceCode
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep
from sagemaker.train import ModelTrainer

BUCKET = "bucket"
ROLE = "arn:aws:iam::123456789012:role/local"


class FolderSession(PipelineSession):  # type: ignore[misc]
    """Uploads into a folder."""

    root: Path

    def default_bucket(self) -> str:
        return BUCKET

    def upload_data(self, path: str, bucket: str, key_prefix: str, **_: Any) -> str:
        target = self.root / bucket / key_prefix
        if Path(path).is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
            return f"s3://{bucket}/{key_prefix}"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
        return f"s3://{bucket}/{key_prefix}/{Path(path).name}"

    def upload_string_as_file_body(self, body: str | bytes, bucket: str, key: str, **_: Any) -> str:
        target = self.root / bucket / key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body if isinstance(body, bytes) else body.encode())
        return f"s3://{bucket}/{key}"


def main(code: Path, s3: Path) -> None:
    telemetry._send_telemetry_request = lambda *_, **__: None
    session = FolderSession(boto_session=boto3.Session(region_name="us-east-1"), default_bucket=BUCKET)
    session.root = s3
    training: dict[str, dict[str, Any]] = {
        "Script": {"entry_script": "train.py"},
        "Shell": {"entry_script": "train.sh"},
        "Command": {"command": "python train.py", "args": ["--name", "it's $HOME", "--rate", 0.5]},
        "Requirements": {"entry_script": "train.py", "requirements": "requirements.txt"},
        "Archive": {"entry_script": "train.py", "source_dir": str(code / "packed.tar.gz")},
        "Failing": {"entry_script": "failing.py"},
    }
    steps = [
        TrainingStep(name=name, step_args=_trainer(session, name, {"source_dir": str(code), **source}).train())
        for name, source in training.items()
    ]
    processors: dict[str, Callable[[], Any]] = {
        "Framework": lambda: FrameworkProcessor(**_common(session)).run(
            code="process.py", source_dir=str(code), outputs=[_output("framework")], arguments=["--name", "two words"]
        ),
        "Single": lambda: ScriptProcessor(**_common(session)).run(
            code=str(code / "process.py"), outputs=[_output("single")], arguments=["--name", "two words"]
        ),
    }
    steps += [ProcessingStep(name=name, step_args=run()) for name, run in processors.items()]
    print(Pipeline(name="sdk-jobs", steps=steps, sagemaker_session=session).definition())


def _trainer(session: FolderSession, name: str, source: dict[str, Any]) -> ModelTrainer:
    return ModelTrainer(
        role=ROLE,
        training_image="image",
        base_job_name=name,  # the folder that it uploads to
        compute=Compute(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=5),
        source_code=SourceCode(**source),
        hyperparameters={"name": "it is", "rate": 0.5, "layers": [1, {"a": None}], "verbose": True},
        input_data_config=[InputData(channel_name="train", data_source=f"s3://{BUCKET}/raw/")],
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{BUCKET}/models"),
        sagemaker_session=session,
    )


def _common(session: FolderSession) -> dict[str, Any]:
    return {
        "role": ROLE,
        "image_uri": "image",
        "command": ["python3"],
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "sagemaker_session": session,
    }


def _output(name: str) -> ProcessingOutput:
    place = ProcessingS3Output(
        s3_uri=f"s3://{BUCKET}/out/{name}", local_path="/opt/ml/processing/out", s3_upload_mode="EndOfJob"
    )
    return ProcessingOutput(output_name="out", s3_output=place)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
