"""Compiles one pipeline in a separate process: `python -m sagemaker_ops.pipelines.compile_process NAME ENV [USER]`.

The SageMaker SDK takes seconds to import, needs environment variables to be set before its import, and prints a lot.
Only this process imports it.
"""

from __future__ import annotations

import atexit
import gc
import importlib.util
import json
import logging
import os
import sys
import traceback
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.pipelines import publishing
from sagemaker_ops.pipelines.dependencies import Recorder
from sagemaker_ops.project import settings
from sagemaker_ops.project.layout import PIPELINES
from sagemaker_ops.project.target import Target


def main(pipeline: str, environment: str, user: str = "") -> int:
    """Print the definition and what it was made from as JSON, or a line for each problem on standard error."""
    out, err = sys.stdout, sys.stderr
    logging.disable(logging.CRITICAL)
    gc.disable()  # the SDK's thousands of classes stay until the end, and searching them for garbage takes 2 s
    # JupyterLab installs it, jsonschema imports it if it is there, and its grammar takes a third of the SDK's import.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment] # which means "not installed"
    root = Path.cwd()
    path = root / PIPELINES / f"{pipeline}.py"
    recorder = Recorder(root)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        sys.stdout = sys.stderr = nowhere
        try:
            target = publishing.target(settings.load(root), environment, root, user)
            session = _offline_session(target)
            # For helpers with a plain name (`from _common import …`); last, because a pipeline may be called `queue`.
            sys.path.append(str(path.parent))
            with recorder.recording():
                module = _load(path)
                _share(session)
                definition = json.loads(module.get_pipeline(target, session).definition())
            print(json.dumps({"reads": recorder.reads.document, "definition": definition}), file=out)
        except UserError as error:
            for problem in error.problems:
                print(replace(problem, where=problem.where or _place(error, root)), file=err)
            return error.exit_code
        except Exception as error:  # whatever a team's pipeline file raises is shown with its place and message
            print(Problem(_words(error), _place(error, root) or f"{path.relative_to(root)}"), file=err)
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

    # Opting out with a configuration file would have it validated at every call, which takes 4 s per compilation.
    telemetry._send_telemetry_request = lambda *_, **__: None

    class OfflineSession(PipelineSession):  # type: ignore[misc]
        """Only compiles: code and data are already S3 URIs, so no bucket has to be looked up."""

        def default_bucket(self) -> str:
            return target.environment.bucket

    return OfflineSession(
        boto_session=boto3.Session(region_name=target.region), default_bucket=target.environment.bucket
    )


def _share(session: Any) -> None:
    """Let the steps use this session: each ProcessingStep asks a local client, with one of its own, for a name."""
    steps = sys.modules.get("sagemaker.mlops.workflow.steps")
    if client := getattr(steps, "LocalSagemakerClient", None):
        steps.LocalSagemakerClient = partial(client, session)  # type: ignore[union-attr]


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _place(error: Exception, root: Path) -> str:
    """`production/pipelines/train.py line 42`: the last place in the team's own code; empty if there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        places = [(Path(error.filename), error.lineno)]
    else:
        places = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    own = root / PIPELINES.parent
    file, line = next((each for each in reversed(places) if each[0].is_relative_to(own)), (None, None))
    return f"{file.relative_to(root)}{f' line {line}' if line else ''}" if file else ""


if __name__ == "__main__":
    atexit.register(gc.freeze)  # otherwise Python would search everything for garbage at the end
    sys.exit(main(*sys.argv[1:]))
