"""Tracks runs in another process, which imports MLflow while the pipeline runs: that takes seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from sagemaker_ops.errors import UserError
from sagemaker_ops.project import tracking
from sagemaker_ops.project.layout import LOCAL_FOLDER
from sagemaker_ops.project.settings import Settings
from sagemaker_ops.tracking.record import Record

FOLDER = "mlflow"  # in .local
# Only what the process says itself is shown: https://mlflow.org/docs/latest/api_reference/python_api/mlflow.environment_variables.html
# An address that does not answer is reported after seconds, not after minutes.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
_QUIET = {
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONWARNINGS": "ignore",
}


def place(settings: Settings, root: Path) -> dict[str, str]:
    """Where MLflow keeps runs: the address of its store, the name of the experiment, and a folder for its files."""
    given, project = settings.tracking, settings.project
    where = {"uri": given.uri, "experiment": given.experiment or f"{project.vertical}-{project.slug}", "artifacts": ""}
    if given.uri == tracking.LOCAL:
        folder = (root / LOCAL_FOLDER / FOLDER).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        where |= {"uri": f"sqlite:///{folder / 'mlflow.db'}", "artifacts": (folder / "artifacts").as_uri()}
    return where


class Session:
    """One process that tracks one run; use it as a context. It has no process if [tracking] is off."""

    def __init__(self, settings: Settings, root: Path) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._place = place(settings, root) if settings.tracking.uri else {}
        self._root = root

    def __enter__(self) -> Session:
        if self._place:
            self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sagemaker_ops.tracking.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                env=_PATIENCE | os.environ | _QUIET | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # Ctrl-C ends the pipeline, which is then tracked as stopped
            )
            self._send(self._place)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._log.close()

    @property
    def is_on(self) -> bool:
        return self._process is not None

    def track(self, record: Record) -> str:
        """Track the run; returns where it is, as one sentence. UserError if MLflow refuses or cannot be reached."""
        assert self._process is not None
        assert self._process.stdout is not None
        self._send(record.document)
        answer = self._process.stdout.readline()
        if not answer:
            self._log.seek(0)
            last = (self._log.read().strip() or "the process ended").splitlines()[-1]
            raise UserError(f"MLflow did not track the run: {last}")
        reply = json.loads(answer)
        if reason := reply.get("error"):
            raise UserError(f"MLflow did not track the run: {reason}")
        return f"Tracked in MLflow: experiment {self._place['experiment']}, run {reply['run']}"

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{json.dumps(message)}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # `track` says why it has ended


def track(record: Record, settings: Settings, root: Path) -> str:
    """Track a run that has ended, as `Session.track` does; empty if [tracking] is off."""
    with Session(settings, root) as session:
        return session.track(record) if session.is_on else ""
