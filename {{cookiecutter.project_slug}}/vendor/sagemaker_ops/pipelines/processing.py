"""The folders of a processing job as objects of the SageMaker SDK: its inputs from S3 and its outputs to S3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output

from sagemaker_ops.errors import UserError
from sagemaker_ops.pipelines.job_settings import Uri

CODE_INPUT = "code"
CODE = f"/opt/ml/processing/input/{CODE_INPUT}"


@dataclass(frozen=True)
class Folders:
    """Of one step; given and made: {name: S3 URI} of its inputs and outputs. UserError if two would share a folder."""

    step: str
    given: Mapping[str, Uri]
    code_uri: str
    made: Mapping[str, Uri]

    def __post_init__(self) -> None:
        if CODE_INPUT in self.given:
            raise UserError(f"step '{self.step}': the input '{CODE_INPUT}' is already its script; choose another name.")
        for name in self.given.keys() & self.made.keys():
            raise UserError(f"step '{self.step}': '{name}' is both an input and an output; rename one of them.")

    @property
    def inputs(self) -> list[ProcessingInput]:
        mounts = {name: (uri, _folder(name)) for name, uri in self.given.items()} | {CODE_INPUT: (self.code_uri, CODE)}
        return [
            ProcessingInput(
                input_name=name,
                s3_input=ProcessingS3Input(
                    s3_uri=uri, local_path=folder, s3_data_type="S3Prefix", s3_input_mode="File"
                ),
            )
            for name, (uri, folder) in mounts.items()
        ]

    @property
    def outputs(self) -> list[ProcessingOutput]:
        return [
            ProcessingOutput(
                output_name=name,
                s3_output=ProcessingS3Output(s3_uri=uri, local_path=_folder(name), s3_upload_mode="EndOfJob"),
            )
            for name, uri in self.made.items()
        ]


def _folder(name: str) -> str:
    return f"/opt/ml/processing/{name}"
