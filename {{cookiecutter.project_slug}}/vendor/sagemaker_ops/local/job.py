"""One job: its container, its program, and what it leaves."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from sagemaker_ops.container import bytecode, isolation, process
from sagemaker_ops.container.isolation import Container
from sagemaker_ops.container.packages import heavy_modules
from sagemaker_ops.definition import step_types
from sagemaker_ops.definition.expressions import Scope
from sagemaker_ops.definition.plan import Step
from sagemaker_ops.digests import combined
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import failure_reason
from sagemaker_ops.local.machine import Machine
from sagemaker_ops.preflight import programs, script_imports

ACCOUNT = "123456789012"
_SHARED = ": write to another folder, because steps share their inputs here."


@dataclass(frozen=True)
class Job:
    """One step that is about to run. arguments: resolved. folder: the step's folder, for its log and outputs.

    started: to be called when the program itself starts. uses_s3: whether the program reads and writes S3 itself.
    created: when the job was created.
    """

    step: Step
    arguments: dict[str, Any]
    name: str
    folder: Path
    machine: Machine
    scope: Scope
    stop: process.Stop
    started: Callable[[], None]
    uses_s3: bool = False
    created: str = field(default_factory=lambda: _now())

    def arn(self, resource: str) -> str:
        return f"arn:aws:sagemaker:{self.machine.region}:{ACCOUNT}:{resource}"

    def log(self, line: str) -> None:
        with (self.folder / "log.txt").open("a", encoding="utf-8") as log:
            print(line, file=log)

    def stage(self, container: Container, files: Mapping[str, Path], local_path: str, *, code: bool) -> None:
        if self.stop.requests:  # copying can take a long time
            raise process.StoppedError
        container.stage(files, local_path, code=code)


@contextmanager
def in_container(job: Job) -> Iterator[Container]:
    """The job's /opt/ml and its working directory. Kept for inspection if the job fails."""
    folder = job.folder / "job"
    shutil.rmtree(folder, ignore_errors=True)  # left from an earlier attempt
    with isolation.container(folder / "ml", job.machine.private) as container:
        for name in ("work", "aside", "packages", "ml/output"):
            (folder / name).mkdir()
        yield container
    shutil.rmtree(folder, ignore_errors=True)


def run_program(
    job: Job,
    container: Container,
    argv: Sequence[str],
    own: Mapping[str, str],
    *,
    reason: str,
    code: Iterable[str] = (),
    cwd: str | None = None,
    script: Path | None = None,
) -> dict[str, Any]:
    """Run the program; returns what AWS's Describe call says of every job that ended well.

    UserError with the reason if it fails: by its exit code or, on the safe side, by writing output/failure.
    own: its environment. code: the container's code folders. reason: the file in which it may give a reason itself.
    script: the script that does the work, if the program only starts it.
    """
    folder, machine = job.folder / "job", job.machine
    files = [file for path in sorted(code) for file in sorted(container.at(path).rglob("*")) if file.is_file()]
    own = {"SAGEMAKER_BASE_DIR": container.rewrite(isolation.OPT_ML), **container.rewrite(dict(own))}
    own |= machine.s3.environment() if job.uses_s3 else {}
    packages = [str(folder / "packages")]  # a program that calls pip must not change this environment
    own |= {"PIP_TARGET": packages[0], "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    # The SDK's shell scripts install requirements themselves, as they do in the image.
    listed = [container.at(path) / "requirements.txt" for path in sorted(code) if programs.PYTHON.fullmatch(argv[0])]
    for requirements in [file for file in listed if file.is_file()]:
        if machine.options.install:
            packages.append(str(machine.install(requirements, job.folder / "log.txt", job.stop)))
        else:
            job.log("requirements.txt is not installed here: the program uses the packages of this environment.")
    own["PYTHONPATH"] = os.pathsep.join(filter(None, [own.get("PYTHONPATH"), *packages]))
    digest = combined((str(file.relative_to(container.folder)), machine.digests.of(file)) for file in files)
    kept = machine.home / "bytecode" / digest[:16]
    if container.private:  # otherwise the code is in a different place each time
        bytecode.restore(kept, container.folder)
    limit = job.arguments.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
    script = script or _script(argv, container, cwd)
    log = job.folder / "log.txt"
    command = process.Command(
        argv=[sys.executable if programs.PYTHON.fullmatch(argv[0]) else argv[0], *argv[1:]],
        cwd=folder / "work" if cwd is None else Path(cwd) if container.private else container.at(cwd),
        env=process.environment(own, machine.region),
        log=log,
        mounts=container.mounts,
        aside=str(folder / "aside"),
        modules=heavy_modules(script) if script else [],
        # one that calls pip may need another version of what a fork has already loaded
        fork=script is None or not script_imports.CALLS_PIP.search(script.read_bytes()),
    )
    try:
        with machine.places:
            job.started()
            began = _now()
            outcome = machine.launcher.run(command, limit, job.stop)
    except OSError as error:
        if error.errno in process.OF_THE_MACHINE:
            raise
        raise UserError(f"'{argv[0]}' cannot be started on this machine: {error.strerror}.") from error
    if job.stop.requests:
        raise process.StoppedError
    if outcome.timed_out:
        raise UserError(f"it was stopped after MaxRuntimeInSeconds = {limit}.")
    wrote = container.folder / reason
    if outcome.exit_code and job.uses_s3:
        machine.s3.check()  # it may be the reason
    if outcome.exit_code or (wrote.name == "failure" and wrote.is_file()):
        raise UserError(_reason(outcome.exit_code, wrote, log))
    if changed := list(container.changed_inputs()):
        raise UserError(
            f"it changed its input {changed[0]}{f' and {len(changed) - 1} more' if changed[1:] else ''}{_SHARED}"
        )
    if container.private:
        bytecode.keep(kept, container.folder, map(container.at, code))
    kind = step_types.of(job.step.type).job
    if kind is None:  # not a job of SageMaker
        return {}
    values = (job.name, job.arn(f"{kind.arn}/{job.name}"), "Completed", job.created, began, _now())
    return {**job.arguments, **dict(zip(kind.described, values, strict=True))}


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _script(argv: Sequence[str], container: Container, cwd: str | None) -> Path | None:
    """The file of the Python script to run, if the command is one."""
    if len(argv) < 2 or not programs.PYTHON.fullmatch(argv[0]):
        return None
    inside = PurePosixPath(cwd or "/", argv[1]) if container.private or cwd else argv[1]
    file = container.at(str(inside)) if isolation.inside(inside) else Path(inside)
    return file if file.is_file() else None


def keep_folder(job: Job, container: Container, local_path: str, uri: str) -> None:
    """Move what the job wrote into the store; a link to one of its own files becomes a copy."""
    job.machine.store.move_folder(uri, settled(job, container, local_path))


def settled(job: Job, container: Container, local_path: str) -> Path:
    """A folder of outputs, without links; UserError if it is no longer the folder that it was."""
    folder = container.at(local_path)
    if not folder.is_dir() or folder.resolve() != container.folder.resolve() / folder.relative_to(container.folder):
        raise UserError(f"it replaced its output folder {local_path} with something else: write files into the folder.")
    for sentence in container.settle_links(folder):
        job.log(sentence)
    return folder


def _reason(exit_code: int, file: Path, log: Path) -> str:
    names = {number + 128: f" ({number.name})" for number in signal.Signals}
    code = f"exit code {exit_code}{names.get(exit_code, '')}" if exit_code else "it wrote /opt/ml/output/failure"
    text = file.read_bytes().decode("utf-8", "replace") if file.is_file() else ""
    said = failure_reason.reason(f"{code}: ", text, log)
    protected = any(os.strerror(each) in said for each in (errno.EROFS, errno.EBUSY))
    hint = _SHARED if protected and isolation.OPT_ML in said else ""
    if shutil.disk_usage(log.parent).free < 1 << 16:  # then the program could not even report it
        hint = f": {os.strerror(errno.ENOSPC)}"
    return f"{said}{hint}"
