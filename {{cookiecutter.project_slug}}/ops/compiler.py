"""Compiles production/pipelines/<name>.py to the definition that AWS gets: offline, silent, and once per content.

The SDK is imported in a process of its own, `python -m ops.compiler`, because it costs seconds, wants environment
variables set before its import, and talks a lot. The result is kept under a hash of all that it depends on.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import traceback
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from ops import guardrails, publish, resources, settings
from ops.errors import Problem, RefusedError, UserError, did_you_mean
from ops.names import PIPELINES, pipelines
from ops.target import Target

COMPILED = Path(".local/compiled")
KEY = 16  # digits, more than the name of a user has


def definition(pipeline: str, target: Target, root: Path) -> dict[str, Any]:
    """The compiled definition; UserError when there is no such pipeline or it cannot be compiled.

    RefusedError when its file takes instances that the guardrails refuse.
    """
    known = pipelines(root)
    if pipeline not in known:
        hint = did_you_mean(pipeline, known) or f" There is: {', '.join(known) or 'none'}."
        raise UserError(f"No pipeline '{pipeline}' in {PIPELINES}.{hint}")
    if problems := guardrails.check_pipeline(pipeline, str(PIPELINES)):
        raise UserError(*problems)
    kept = root / COMPILED / f"{pipeline}-{target.suffix}-{_key(pipeline, target, root)}.json"
    if kept.is_file():
        text = kept.read_text(encoding="utf-8")
    else:
        text = _compile(pipeline, target, root)
        with suppress(OSError):  # where nothing can be written it is compiled each time
            _keep(kept, text, replaces=f"{pipeline}-{target.suffix}-{'?' * KEY}.json")
    compiled: dict[str, Any] = json.loads(text)
    if problems := resources.check(compiled, f"{PIPELINES}/{pipeline}.py"):
        raise RefusedError(*problems)
    return compiled


def _keep(path: Path, text: str, replaces: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    for older in path.parent.glob(replaces):
        older.unlink(missing_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _key(pipeline: str, target: Target, root: Path) -> str:
    """Changes when anything does that a definition depends on."""
    sources = [*(root / PIPELINES).glob("*.py"), *(root / "ops").glob("*.py")]
    parts = {
        "pipeline": pipeline,
        "target": repr(target),
        "sources": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(sources)},
        "sagemaker": _sdk_version(),
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:KEY]


def _sdk_version() -> str:
    try:
        return metadata.version("sagemaker")
    except metadata.PackageNotFoundError:
        raise UserError(
            "The SageMaker SDK is not installed, and a pipeline is compiled with it: run `make setup`."
        ) from None


def _compile(pipeline: str, target: Target, root: Path) -> str:
    process = subprocess.run(
        [sys.executable, "-m", "ops.compiler", pipeline, target.environment_name, target.user],
        cwd=root,
        env=_environment(root),
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise UserError(process.stderr.strip() or f"Compiling '{pipeline}' ended with {process.returncode}.")
    return process.stdout


def _environment(root: Path) -> dict[str, str]:
    """No account and no network: what the SDK reads while it is imported and while it compiles."""
    return os.environ | {
        "PYTHONPATH": str(root),
        "PYTHONWARNINGS": "ignore",
        "AWS_DEFAULT_REGION": settings.load(root).project.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",  # pragma: allowlist secret
        # Else it asks IAM what the role may do.
        "SAGEMAKER_VALIDATE_ROLE": "false",
        # The files that could set other defaults for some users only.
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": os.devnull,
        "SAGEMAKER_USER_CONFIG_OVERRIDE": os.devnull,
    }


def _main(pipeline: str, environment: str, user: str = "") -> int:
    """In the process of its own: print the definition, or one sentence on standard error."""
    import logging

    out, err = sys.stdout, sys.stderr
    logging.disable(logging.CRITICAL)
    root = Path.cwd()
    path = root / PIPELINES / f"{pipeline}.py"
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        sys.stdout = sys.stderr = nowhere
        try:
            target = publish.target(settings.load(root), environment, root, user)
            built = _load(path).get_pipeline(target, _offline_session(target))
            print(json.dumps(json.loads(built.definition()), indent=2), file=out)
        except UserError as error:
            print(error, file=err)
            return error.exit_code
        except Exception as error:  # whatever a team's pipeline file raises is told as its place and its words
            print(Problem(_words(error), _line_in(path, error)), file=err)
            return 2
    return 0


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"production.pipelines.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} cannot be loaded.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _offline_session(target: Target) -> Any:
    import boto3
    import sagemaker.core.telemetry.telemetry_logging as telemetry
    from sagemaker.core.workflow.pipeline_context import PipelineSession

    # A configuration file that opts out would be validated at every call, for 4 s a compile.
    telemetry._send_telemetry_request = lambda *_, **__: None

    class OfflineSession(PipelineSession):  # type: ignore[misc]
        """Compiles only: code and data are S3 URIs already, so no bucket has to be looked for."""

        def default_bucket(self) -> str:
            return target.environment.bucket

    return OfflineSession(
        boto_session=boto3.Session(region_name=target.region), default_bucket=target.environment.bucket
    )


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _line_in(path: Path, error: Exception) -> str:
    """`production/pipelines/train.py line 42`: the last place in the team's own file."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{PIPELINES / path.name} line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{PIPELINES / path.name} line {lines[-1]}" if lines else str(PIPELINES / path.name)


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
