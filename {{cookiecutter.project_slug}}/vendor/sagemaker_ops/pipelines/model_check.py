"""Checks [hyperparameters] by building the model of production/steps/model.py, whichever estimator it uses."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from sagemaker_ops.container.packages import packages_digest
from sagemaker_ops.errors import Problem
from sagemaker_ops.guardrails.hyperparameter_check import as_text
from sagemaker_ops.project import data, script_text
from sagemaker_ops.project.layout import LIBRARY, STEPS
from sagemaker_ops.project.settings import FILE, PROBLEMS, Settings
from sagemaker_ops.store import write_atomically

MODEL = STEPS / "model.py"
KEPT = Path(".local/model-check")


def check(settings: Settings, root: Path, known: Collection[str] = ()) -> list[Problem]:
    """A problem for each hyperparameter that the model refuses; known: places of problems that are already reported.

    Empty if the model cannot be built for another reason, which a run reports with more detail.
    """
    places = {name: f"{FILE} [hyperparameters].{name}" for name in settings.hyperparameters}
    given = {name: as_text(settings.hyperparameters[name]) for name, place in places.items() if place not in known}
    if not given or settings.data.problem not in PROBLEMS or not (root / MODEL).is_file() or not find_spec("sklearn"):
        return []
    arguments = json.dumps({"problem": settings.data.problem, "given": given})
    parts = [arguments, data.content_hash({str(path): path for path in script_text.scripts(root)}), packages_digest()]
    kept = root / KEPT / f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]}.json"
    found = _read(kept)
    if found is None:
        process = subprocess.run(
            [sys.executable, "-m", "sagemaker_ops.pipelines.model_process", arguments],
            cwd=root,
            env=os.environ | {"PYTHONPATH": str(LIBRARY)},
            capture_output=True,
            text=True,
            check=False,
        )
        found = json.loads(process.stdout) if process.returncode == 0 else {}
        with suppress(OSError):  # if it cannot be written, the model is built each time
            _keep(kept, json.dumps(found))
    return [Problem(sentence, places[name]) for name, sentence in found.items()]


def _read(kept: Path) -> dict[str, str] | None:
    try:
        found: dict[str, str] = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _keep(kept: Path, text: str) -> None:
    """Write the newest result and remove older ones."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    for older in kept.parent.iterdir():
        older.unlink(missing_ok=True)
    write_atomically(kept, text.encode())
