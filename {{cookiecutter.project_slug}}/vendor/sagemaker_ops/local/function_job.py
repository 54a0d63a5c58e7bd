"""Training jobs that the SDK makes of Python functions: its own driver runs the function."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from sagemaker_ops.container.isolation import Container
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import failure_reason
from sagemaker_ops.local.job import Job, run_program
from sagemaker_ops.preflight.functions import CHANNEL, option

_DATA = "/opt/ml/input/data"
# The driver takes the last value of each option. This environment stands in for the image, with its conda environments.
_INSTALL_NOTHING = ["--dependency_settings", '{"dependency_file": null}', "--job_conda_env", ""]
# The image's user: for any other, the driver calls sudo.
_ROOT = {"LOGNAME": "root", "USER": "root", "SAGEMAKER_JOB_CONDA_ENV": ""}


def run(job: Job, container: Container, argv: list[str], own: dict[str, str]) -> dict[str, Any]:
    """Run the function, like run_program; UserError with its exception if it fails."""
    packages = _prepare(job, container.at(f"{_DATA}/pre_exec_script_and_dependencies"))
    for archive in container.at(_DATA).glob("*/workspace.zip"):
        with tempfile.TemporaryDirectory(dir=container.folder) as folder:
            shutil.unpack_archive(archive, folder)
            packages += _prepare(job, Path(folder, "sagemaker_remote_function_workspace"))
            container.rewrite_code(Path(folder))
            shutil.make_archive(str(archive.with_suffix("")), "zip", folder)
    own = {**own, **_ROOT, "PYTHONPATH": os.pathsep.join(filter(None, [own.get("PYTHONPATH"), *packages]))}
    begin = time.time()
    ran = run_program(
        job, container, [*argv, *_INSTALL_NOTHING], own, code={f"{_DATA}/{CHANNEL}"}, reason="output/failure"
    )
    # the SDK's exit code is 0 after some errors, too
    if not any(file.is_file() and file.stat().st_mtime > begin - 1 for file in _results(job)):
        raise UserError(f"it left no result of its function: {failure_reason.read(job.folder / 'log.txt')}")
    return ran


def _prepare(job: Job, folder: Path) -> list[str]:
    """Install what the folder lists, and keep its script, only if requested; returns the folders of the packages."""
    log, install = job.folder / "log.txt", job.machine.options.install
    named = json.loads(option(job.arguments, "--dependency_settings") or "{}").get("dependency_file")
    packages = []
    if named and (folder / named).is_file():
        if install and named.endswith(".txt"):
            packages.append(str(job.machine.install(folder / named, log, job.stop)))
        else:
            job.log(f"{named} is not installed here: the program uses the packages of this environment.")
    if (script := folder / "pre_exec.sh").is_file() and not install:
        script.unlink()
        job.log("pre_exec.sh is not run here without --install.")
    return packages


def _results(job: Job) -> list[Path]:
    """Where versions of the SDK put what a function returns."""
    names = ("s3_base_uri", "pipeline_step_name", "func_step_s3_dir", "pipeline_execution_id")
    base, step, built, execution = (option(job.arguments, f"--{name}") for name in names)
    folders = [job.arguments["OutputDataConfig"]["S3OutputPath"], f"{base}/{step}/{built}/{execution}/results"]
    folders += [f"{base}/{execution}/{step}/results", f"{base}/results"]
    return [job.machine.store.locate(f"{folder}/payload.pkl") for folder in folders]
