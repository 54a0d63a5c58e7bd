"""Processing and training jobs: stage the files, run the program, move what it made into the store."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ops.errors import UserError
from ops.local import archives, contract, isolation, process
from ops.local.definition import Step
from ops.local.expressions import Scope
from ops.local.isolation import Root
from ops.local.store import Store

ACCOUNT = "123456789012"
MAX_REASON = 1024  # characters of output/failure that become the failure reason, as on AWS
_PYTHON = re.compile(r"(.*/)?python(3(\.\d+)?)?")


@dataclass(frozen=True)
class Job:
    """One step about to run. arguments: resolved. folder: the step's own, for its log and outputs.

    started: to be called when the program itself starts.
    """

    step: Step
    arguments: dict[str, Any]
    name: str
    folder: Path
    store: Store
    registry: Path
    region: str
    scope: Scope
    stop: process.Stop
    started: Callable[[], None]

    def arn(self, resource: str) -> str:
        return f"arn:aws:sagemaker:{self.region}:{ACCOUNT}:{resource}"


def run_processing(job: Job) -> dict[str, Any]:
    """Run a processing job; its properties, where inputs and outputs are maps by name."""
    arguments, spec = job.arguments, job.arguments["AppSpecification"]
    inputs = arguments.get("ProcessingInputs", [])
    outputs = arguments.get("ProcessingOutputConfig", {}).get("Outputs", [])
    arn = job.arn(f"processing-job/{job.name}")
    with _container(job) as root:
        # the outer folder first: an input may lie inside another
        for each in sorted(inputs, key=lambda each: len(PurePosixPath(each["S3Input"]["LocalPath"]).parts)):
            job.store.download(each["S3Input"]["S3Uri"], root.at(each["S3Input"]["LocalPath"]))
        for path in _code_paths(inputs, spec["ContainerEntrypoint"]):
            root.rewrite_code(root.at(path))
        for each in outputs:
            root.at(each["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        contract.write_processing_config(root.folder, root.rewrite(arguments), job.name, arn)
        argv = root.rewrite([*spec["ContainerEntrypoint"], *spec.get("ContainerArguments", [])])
        own = arguments.get("Environment", {})
        _run(job, root, argv, own, cwd=job.folder / "job/work", told=root.folder / "output/message")
        for each in outputs:
            job.store.move_folder(each["S3Output"]["S3Uri"], root.at(each["S3Output"]["LocalPath"]))
            _link(job, each["OutputName"], each["S3Output"]["S3Uri"])
    return {
        **arguments,
        "ProcessingJobName": job.name,
        "ProcessingJobArn": arn,
        "ProcessingJobStatus": "Completed",
        "ProcessingInputs": {each["InputName"]: each for each in inputs},
        "ProcessingOutputConfig": {"Outputs": {each["OutputName"]: each for each in outputs}},
    }


def run_training(job: Job) -> dict[str, Any]:
    """Run a training job in the toolkit's script mode; its properties, ModelArtifacts among them."""
    arn = job.arn(f"training-job/{job.name}")
    source = str(contract.decoded(job.arguments["HyperParameters"])["sagemaker_submit_directory"])
    result = f"{job.arguments['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"
    with _container(job) as root:
        arguments = {**job.arguments, "HyperParameters": root.rewrite(job.arguments["HyperParameters"])}
        contract.write_training_config(root.folder, arguments)
        for channel in arguments.get("InputDataConfig", []):
            uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
            job.store.download(uri, root.folder / "input/data" / channel["ChannelName"])
        code = root.folder / "code"
        archives.unpack(job.store.get_file(source), code)
        root.rewrite_code(code)
        if (code / "requirements.txt").is_file():
            _log(job, "requirements.txt is not installed here: the program finds what this environment has.")
        own = {
            **arguments.get("Environment", {}),
            **contract.training_environment(root.folder, arguments, job.name, arn, job.region),
        }
        program, argv = contract.training_command(arguments["HyperParameters"])
        (code / program).chmod(0o755)
        _run(job, root, argv, own, cwd=code, told=root.folder / "output/failure")
        for made, name in (("model", "model.tar.gz"), ("output/data", "output.tar.gz")):
            if made == "model" or any((root.folder / made).iterdir()):
                archives.pack(root.folder / made, root.folder / name)
                job.store.move_file(f"{result}/{name}", root.folder / name)
        _link(job, "model", result)
    return {
        **job.arguments,
        "TrainingJobName": job.name,
        "TrainingJobArn": arn,
        "TrainingJobStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": f"{result}/model.tar.gz"},
    }


@contextmanager
def _container(job: Job) -> Iterator[Root]:
    """The job's /opt/ml and its working directory. Kept, to be looked at, when the job fails."""
    folder = job.folder / "job"
    with isolation.root(folder / "ml") as root:
        (folder / "work").mkdir()
        (root.folder / "output").mkdir()
        yield root
    shutil.rmtree(folder, ignore_errors=True)


def _code_paths(inputs: Sequence[Mapping[str, Any]], entrypoint: Sequence[str]) -> set[str]:
    """Container paths of the inputs that are code: the one named so, and the innermost with the program in it."""
    paths = {each["S3Input"]["LocalPath"] for each in inputs if each["InputName"] == "code"}
    for argument in entrypoint:
        around = [
            path for each in inputs if PurePosixPath(argument).is_relative_to(path := each["S3Input"]["LocalPath"])
        ]
        paths |= {max(around, key=len)} if around else set()
    return paths


def _run(job: Job, root: Root, argv: Sequence[str], own: Mapping[str, str], *, cwd: Path, told: Path) -> None:
    """Run the program; UserError with the reason if it fails. told: where it may have written a reason itself."""
    packages = job.folder / "job/packages"  # a program that calls pip must not change this environment
    own = {"SAGEMAKER_BASE_DIR": str(root.folder), "PIP_TARGET": str(packages), **root.rewrite(own)}
    own["PYTHONPATH"] = os.pathsep.join(filter(None, [own.get("PYTHONPATH"), str(packages)]))
    limit = job.arguments.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
    program = sys.executable if _PYTHON.fullmatch(argv[0]) else argv[0]
    log = job.folder / "log.txt"
    job.started()
    try:
        env = process.environment(own, job.region)
        outcome = process.run([program, *argv[1:]], cwd=cwd, env=env, log=log, limit=limit, stop=job.stop)
    except (FileNotFoundError, PermissionError, ValueError) as error:
        raise UserError(f"'{argv[0]}' cannot be started on this machine: {error}.") from error
    if job.stop.requests:
        raise process.StoppedError
    if outcome.timed_out:
        raise UserError(f"it was stopped after MaxRuntimeInSeconds = {limit}.")
    if outcome.exit_code:
        raise UserError(_reason(outcome.exit_code, told, log))


def _reason(exit_code: int, told: Path, log: Path) -> str:
    if told.is_file() and (text := told.read_text(encoding="utf-8", errors="replace").strip()):
        return text[:MAX_REASON]
    names = {number + 128: f" ({number.name})" for number in signal.Signals}
    return f"exit code {exit_code}{names.get(exit_code, '')}: {process.last_line(log) or 'it printed nothing'}"


def _log(job: Job, line: str) -> None:
    with (job.folder / "log.txt").open("a", encoding="utf-8") as log:
        print(line, file=log)


def _link(job: Job, name: str, uri: str) -> None:
    """outputs/<name> → the folder in the store, relative, so that the project can be moved."""
    link = job.folder / "outputs" / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(os.path.relpath(job.store.locate(uri), link.parent))
