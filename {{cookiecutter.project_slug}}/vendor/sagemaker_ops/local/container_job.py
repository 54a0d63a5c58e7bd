"""Processing and training jobs: stage the files, run the program, move its outputs into the store."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from sagemaker_ops.container import archives, contract, isolation
from sagemaker_ops.container.isolation import Container
from sagemaker_ops.definition import metrics, step_types
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import function_job
from sagemaker_ops.local.failure_reason import MAX_REASON
from sagemaker_ops.local.job import Job, in_container, keep_folder, run_program, settled
from sagemaker_ops.preflight import functions, programs
from sagemaker_ops.preflight.inputs import overlaps

MESSAGE = "output/message"
CODE_INPUTS = {"code", "entrypoint", "sm_drivers"}  # the names that the SDK uses


def run_processing(job: Job) -> dict[str, Any]:
    """Run a processing job; returns its properties, in which inputs and outputs are maps by name."""
    arguments, spec = job.arguments, job.arguments["AppSpecification"]
    inputs = arguments.get("ProcessingInputs", [])
    outputs = arguments.get("ProcessingOutputConfig", {}).get("Outputs", [])
    arn = job.arn(f"processing-job/{job.name}")
    argv = [*spec["ContainerEntrypoint"], *spec.get("ContainerArguments", [])]
    with in_container(job) as container:
        code = _code_paths(inputs, programs.named(spec))
        # outer folders first: an input may be inside another
        inner = sorted(inputs, key=lambda each: len(PurePosixPath(each["S3Input"]["LocalPath"]).parts))
        store = job.machine.store
        found = [
            (each["InputName"], each["S3Input"]["LocalPath"], store.get(each["S3Input"]["S3Uri"])) for each in inner
        ]
        if wrong := [*overlaps(found)]:
            raise UserError(*wrong)
        for _, path, files in found:
            job.stage(container, files, path, code=path in code)
        for each in outputs:
            container.make(each["S3Output"]["LocalPath"])
        contract.write_processing_config(container.folder, container.rewrite(arguments), job.name, arn)
        own = arguments.get("Environment", {})
        argv = step_types.replaced(argv, store)
        ran = run_program(job, container, container.rewrite(argv), own, code=code, reason=MESSAGE)
        # Whatever the message says, the exit code decides: https://docs.aws.amazon.com/sagemaker/latest/dg/byoc-run-image.html
        message = container.folder / MESSAGE
        try:
            said = message.read_bytes().decode() if message.is_file() else None
        except UnicodeDecodeError:  # https://docs.aws.amazon.com/sagemaker/latest/dg/byoc-metadata.html
            raise UserError(f"/opt/ml/{MESSAGE} is not UTF-8, which fails a job on AWS: write it as UTF-8.") from None
        for each in outputs:
            keep_folder(job, container, each["S3Output"]["LocalPath"], each["S3Output"]["S3Uri"])
    ended = {"LastModifiedTime": ran["ProcessingEndTime"], "ExitMessage": said and said[:MAX_REASON]}
    made = {**step_types.of(job.step.type).expected(ran), **ended}
    return {key: value for key, value in made.items() if value is not None}


def run_training(job: Job) -> dict[str, Any]:
    """Run a training job, with its own entrypoint or in script mode; its properties include ModelArtifacts."""
    arn, store = job.arn(f"training-job/{job.name}"), job.machine.store
    result = f"{job.arguments['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"
    with in_container(job) as container:
        arguments = {**job.arguments, "HyperParameters": container.rewrite(job.arguments.get("HyperParameters", {}))}
        contract.write_training_config(container.folder, arguments)
        for channel in arguments.get("InputDataConfig", []):
            name, uri = channel["ChannelName"], channel["DataSource"]["S3DataSource"]["S3Uri"]
            is_code = functions.runs_a_function(job.arguments) or name in CODE_INPUTS
            job.stage(container, store.get(uri), f"/opt/ml/input/data/{name}", code=is_code)
        checkpoints = arguments.get("CheckpointConfig", {})
        kept_at, checkpoints_uri = checkpoints.get("LocalPath", "/opt/ml/checkpoints"), checkpoints.get("S3Uri")
        if checkpoints_uri:
            container.make(kept_at)
            for name, file in store.find(checkpoints_uri).items():
                (container.at(kept_at) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, container.at(kept_at) / name)
        run = _run_entrypoint if arguments["AlgorithmSpecification"].get("ContainerEntrypoint") else _run_script
        ran = run(job, container, arguments, arn)
        if checkpoints_uri:
            keep_folder(job, container, kept_at, checkpoints_uri)
        packs = job.arguments["OutputDataConfig"].get("CompressionType", "GZIP") == "GZIP"
        for made, name in (("model", "model.tar.gz"), ("output/data", "output.tar.gz")):
            folder = settled(job, container, f"/opt/ml/{made}")
            if not packs:
                store.move_folder(f"{result}/{folder.name}", folder)
            elif made == "model" or any(folder.iterdir()):
                archives.pack(folder, container.folder / name)
                store.move_file(f"{result}/{name}", container.folder / name)
    began, ended = ran["TrainingStartTime"], ran["TrainingEndTime"]
    return {
        **ran,
        "SecondaryStatus": "Completed",
        "LastModifiedTime": ended,
        "TrainingTimeInSeconds": round((datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()),
        "ModelArtifacts": {"S3ModelArtifacts": f"{result}/model{'.tar.gz' if packs else ''}"},
        metrics.PROPERTY: metrics.final_values(job.arguments, job.folder / "log.txt", ended),
    }


def _run_script(job: Job, container: Container, arguments: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """Like the training toolkit in the framework images: the code from its archive, the program with its arguments."""
    source = str(contract.decoded(job.arguments["HyperParameters"])["sagemaker_submit_directory"])
    code = container.folder / "code"
    archives.unpack(job.machine.store.get_file(source), code)
    container.rewrite_code(code)
    root = Path(isolation.OPT_ML) if container.private else container.folder
    own = {
        **arguments.get("Environment", {}),
        **contract.training_environment(root, arguments, job.name, arn, job.machine.region),
    }
    argv, program = contract.training_command(arguments, code), (code / contract.training_program(arguments)).resolve()
    if not program.is_file() or not program.is_relative_to(code.resolve()):
        raise UserError(f"sagemaker_program '{contract.training_program(arguments)}' is not in {source}.")
    program.chmod(0o755)
    if "-m" in argv[:2]:
        job.log("setup.py is not run here: the program can import the packages next to it.")
    return run_program(job, container, argv, own, cwd="/opt/ml/code", code={"/opt/ml/code"}, reason="output/failure")


def _run_entrypoint(job: Job, container: Container, arguments: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """Like SageMaker with an image and the job's own entrypoint, as SDK v3's ModelTrainer uses it."""
    spec = arguments["AlgorithmSpecification"]
    argv = container.rewrite([*spec["ContainerEntrypoint"], *spec.get("ContainerArguments", [])])
    own = {**arguments.get("Environment", {}), "TRAINING_JOB_NAME": job.name, "TRAINING_JOB_ARN": arn}
    if functions.runs_a_function(job.arguments):
        return function_job.run(job, container, argv, own)
    return run_program(job, container, argv, own, code={"/opt/ml/input/data/code"}, reason="output/failure")


def _code_paths(inputs: Sequence[Mapping[str, Any]], named: Sequence[str]) -> set[str]:
    """Container paths of the inputs that are code: by name, and the innermost one that contains the program."""
    paths = {each["S3Input"]["LocalPath"] for each in inputs if each["InputName"] in CODE_INPUTS}
    for argument in named:
        around = [
            path for each in inputs if PurePosixPath(argument).is_relative_to(path := each["S3Input"]["LocalPath"])
        ]
        paths |= {max(around, key=len)} if around else set()
    return paths
