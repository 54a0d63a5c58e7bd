"""Compiles production/pipelines/<name>.py to the definition that AWS gets: offline, silent, and once per content.

compile_process.py does the work in a separate process. The result is kept with a record of everything it was made from,
and is reused as long as none of that has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import sagemaker_ops
from sagemaker_ops import kept, variables
from sagemaker_ops.container.packages import packages_digest
from sagemaker_ops.definition import request_limits
from sagemaker_ops.errors import RefusedError, UserError, did_you_mean
from sagemaker_ops.guardrails import policy, project_check, resources
from sagemaker_ops.pipelines.dependencies import Reads
from sagemaker_ops.project.layout import LIBRARY, PIPELINES, pipelines
from sagemaker_ops.project.target import Target
from sagemaker_ops.store import write_atomically

COMPILED = Path(".local/compiled")
KEY = 16  # digits, more than the longest user name


def check_known(pipeline: str, root: Path) -> None:
    """UserError if there is no such pipeline."""
    known = pipelines(root)
    if pipeline not in known:
        hint = did_you_mean(pipeline, known) or f" Available: {', '.join(known) or 'none'}."
        raise UserError(f"No pipeline '{pipeline}' in {PIPELINES}.{hint}")


def definition(pipeline: str, target: Target, root: Path) -> dict[str, Any]:
    """The compiled definition; UserError if there is no such pipeline, it cannot be compiled, or AWS would refuse it.

    RefusedError if its file uses instances that the guardrails refuse.
    """
    check_known(pipeline, root)
    if problems := project_check.check_pipeline(pipeline, str(PIPELINES)):
        raise UserError(*problems)
    file = root / COMPILED / f"{pipeline}-{target.suffix}-{_key(pipeline, target)}.json"
    compiled = _read(file, target, root)
    if compiled is None:
        made = json.loads(_compile(pipeline, target, root))
        compiled = made["definition"]
        with suppress(OSError):  # if it cannot be written, it is compiled each time
            text = json.dumps({**made, "hash": _hash(compiled)})
            _keep(file, text, replaces=f"{pipeline}-{target.suffix}-{'?' * KEY}.json")
    place = f"{PIPELINES}/{pipeline}.py"
    wrong = request_limits.check(compiled, place=place)
    if refused := resources.check(compiled, policy.load(root), place):
        raise RefusedError(*refused, *wrong)
    if wrong:
        raise UserError(*wrong)
    return compiled


def _read(file: Path, target: Target, root: Path) -> dict[str, Any] | None:
    """The definition in the file, if nothing that it was made from has changed; None for a damaged file."""
    found = kept.read(file)
    try:
        if found is None:
            return None
        if found["hash"] != _hash(found["definition"]):
            raise ValueError("its hash differs")
        compiled: dict[str, Any] = found["definition"]
        return compiled if Reads.of(found["reads"]).still_hold(root, _environment(target, root)) else None
    except kept.DAMAGED as error:
        kept.report(file, error)
        return None


def _hash(definition: object) -> str:
    return hashlib.sha256(json.dumps(definition).encode()).hexdigest()


def _keep(path: Path, text: str, replaces: str) -> None:
    for older in path.parent.glob(replaces):
        older.unlink(missing_ok=True)
    write_atomically(path, text.encode())


def _key(pipeline: str, target: Target) -> str:
    """A hash of what a definition depends on outside the project's files: settings, hashes, library and packages."""
    try:
        sdk = metadata.version("sagemaker")
    except metadata.PackageNotFoundError:
        raise UserError("The SageMaker SDK, which compiles pipelines, is not installed: run `make setup`.") from None
    parts = [pipeline, repr(target), sdk, sagemaker_ops.__version__, packages_digest()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:KEY]


def _compile(pipeline: str, target: Target, root: Path) -> str:
    """The output of compile_process.py: the definition and what it was made from. UserError with its messages."""
    process = subprocess.run(
        [
            sys.executable,
            "-m",
            "sagemaker_ops.pipelines.compile_process",
            pipeline,
            target.environment_name,
            target.user,
        ],
        cwd=root,
        env=_environment(target, root),
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        lines = process.stderr.strip().splitlines()
        raise UserError(*(lines or [f"Compiling '{pipeline}' failed with exit code {process.returncode}."]))
    return process.stdout


def _environment(target: Target, root: Path) -> dict[str, str]:
    """Variables for the SDK's import and compilation, without an account or a network."""
    return variables.without_credentials() | {
        "PYTHONPATH": os.pathsep.join(map(str, (LIBRARY, root))),
        "PYTHONWARNINGS": "ignore",
        "OPENBLAS_THREAD_TIMEOUT": "4",  # its threads do not wait by spinning
        "AWS_DEFAULT_REGION": target.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",  # pragma: allowlist secret
        # Otherwise it asks IAM for the role's permissions.
        "SAGEMAKER_VALIDATE_ROLE": "false",
        # Files that could set different defaults for some users.
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": os.devnull,
        "SAGEMAKER_USER_CONFIG_OVERRIDE": os.devnull,
    }
