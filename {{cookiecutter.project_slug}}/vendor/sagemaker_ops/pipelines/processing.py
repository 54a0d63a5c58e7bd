"""The folders of a processing job as objects of the SageMaker SDK: its inputs from S3 and its outputs to S3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output

from sagemaker_ops.definition import request_limits
from sagemaker_ops.errors import UserError
from sagemaker_ops.pipelines.job_settings import Uri
from sagemaker_ops.project.target import ARGUMENTS, Target
from sagemaker_ops.tabular import with_requirements

CODE_INPUT = "code"
ARGUMENTS_INPUT = "data-arguments"
CODE = f"/opt/ml/processing/input/{CODE_INPUT}"
_INSTALLER = f"{CODE}/sagemaker_ops/tabular/{Path(with_requirements.__file__).name}"


def entrypoint(command: Sequence[str], script: str, target: Target) -> list[str]:
    """The program of a processing job; one that is started with plain Python first gets its requirements.txt."""
    installer = [_INSTALLER] if target.has_requirements and list(command) == ["python3"] else []
    return [*command, *installer, f"{CODE}/{script}"]


def shortened(
    arguments: Sequence[str], inputs: Mapping[str, Uri], target: Target, shell: bool = False
) -> tuple[list[str], Mapping[str, Uri]]:
    """The arguments and inputs of a step, with the arguments of [data] in a file if AWS would refuse so many.

    shell: or if a shell would read them and they are not PLAIN.
    The step's parser reads the file of an argument such as @/folder/file, with argparse's fromfile_prefix_chars="@".
    """
    given, own = list(arguments), target.settings.data.arguments
    starts = [at for at in range(len(given) - len(own) + 1) if given[at : at + len(own)] == own]
    known = [each if isinstance(each, str) else "at run time" for each in given]
    fits = not request_limits.check_value(known, "ContainerArguments", "")
    if not target.arguments_uri or not starts or (fits and not shell):
        return given, inputs
    given[starts[0] : starts[0] + len(own)] = [f"@{folder_of(ARGUMENTS_INPUT)}/{ARGUMENTS}"]
    return given, {**inputs, ARGUMENTS_INPUT: target.arguments_uri}


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
        mounts = {name: (uri, folder_of(name)) for name, uri in self.given.items()} | {
            CODE_INPUT: (self.code_uri, CODE)
        }
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
                s3_output=ProcessingS3Output(s3_uri=uri, local_path=folder_of(name), s3_upload_mode="EndOfJob"),
            )
            for name, uri in self.made.items()
        ]


def folder_of(name: str) -> str:
    return f"/opt/ml/processing/{name}"
