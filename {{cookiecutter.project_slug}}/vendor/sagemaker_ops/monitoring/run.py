"""Runs the project's monitoring.py on new rows, in a process of its own: pandas takes a second to import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sagemaker_ops import kept, variables
from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.monitoring.models import Monitored
from sagemaker_ops.project import data, source_copy
from sagemaker_ops.project.layout import LIBRARY, LOCAL_FOLDER, STEPS
from sagemaker_ops.project.settings import Settings

SCRIPT = STEPS / "monitoring.py"
FOLDER = Path(LOCAL_FOLDER, "monitoring")
NEEDED = ("baseline_rows", "columns", "notes", "predictions", "quality", "rows", "target", "thresholds", "verdict")
RESULT, PAGE = "monitoring.json", "monitoring.html"


def table_path(table: str | None, settings: Settings, root: Path) -> Path:
    """The file or folder with the new rows: `table`, or the table of [data].source. UserError if there is none."""
    if table is None:
        source = settings.data.source
        if not data.is_remote(source):
            data.files(source, root)  # UserError if there are none
        return source_copy.source_path(source, root)
    if data.is_remote(table):
        return source_copy.source_path(table, root)
    if not Path(table).exists():
        raise UserError(Problem(f"'{table}' does not exist: give a CSV or Parquet file, or a folder of them.", "TABLE"))
    return Path(table).absolute()


def compare(table: Path, model: Monitored, settings: Settings, root: Path) -> dict[str, Any]:
    """The content of monitoring.json, and `model`, what to call it. UserError with what the script finds wrong."""
    if not (root / SCRIPT).is_file():
        raise UserError(Problem("is missing: run `ops update-project`, which brings it.", str(SCRIPT)))
    with TemporaryDirectory(prefix="monitoring-") as scratch:
        evaluation = Path(scratch, "evaluation")
        evaluation.mkdir()
        (evaluation / "evaluation.json").write_text(json.dumps(model.evaluation), encoding="utf-8")
        folders = {"input": table, "model": model.folder, "evaluation": evaluation, "output": Path(scratch, "output")}
        done = subprocess.run(
            [
                sys.executable,
                "-B",
                str(root / SCRIPT),
                *(f"--{name}-dir={folder}" for name, folder in folders.items()),
                f"--metric={settings.gate.metric}",
                *settings.monitoring.arguments,
            ],
            cwd=scratch,
            env=variables.of_steps() | {"PYTHONPATH": str(LIBRARY), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise _failure(done.stderr)
        try:
            found = kept.load(folders["output"] / RESULT)
        except kept.DAMAGED as error:
            raise UserError(Problem(f"did not write {RESULT}: {error}.", str(SCRIPT))) from None
        if lacking := ", ".join(name for name in NEEDED if name not in found):
            raise UserError(Problem(f"its {RESULT} lacks {lacking}: write it with save_monitoring.", str(SCRIPT)))
        return {**found, "model": model.name}


def _failure(said: str) -> UserError:
    """The findings that the script printed, or the last line of its traceback."""
    lines = [line for line in said.splitlines() if line.strip()]
    if not lines or any(line.startswith("Traceback ") for line in lines):
        return UserError(Problem(f"failed: {lines[-1].strip() if lines else 'it gave no reason'}.", str(SCRIPT)))
    return UserError(*(Problem(f"{line.rstrip('.')}.") for line in lines))
