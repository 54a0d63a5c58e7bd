"""The approved model as a step gets it: how it was registered, and what it predicts with its own code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sagemaker_ops.tabular import archived_model
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.model_archive import unpack
from sagemaker_ops.tabular.schema import Schema

SECONDS = 1800  # for loading and predicting
Floats = npt.NDArray[np.float64]


class NotComparableError(Exception):
    """Why the models cannot be compared: the end of a sentence."""


@dataclass(frozen=True)
class ApprovedModel:
    """The approved version: its number, NONE or UNKNOWN; the folders of its archive and of its evaluation.json.

    A folder without such a file means that there is none.
    """

    version: str
    model_dir: Path
    evaluation_dir: Path

    @property
    def name(self) -> str:
        return f"version {self.version}" if self.version.isdecimal() else f"the model '{self.version}'"

    @property
    def evaluation(self) -> dict[str, Any]:
        """What it was registered with; empty if that cannot be read."""
        try:
            content = json.loads((self.evaluation_dir / "evaluation.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}

    def registered(self, metric: str) -> float | None:
        """The value of a metric that it was registered with."""
        for key, scores in self.evaluation.items():
            if key.endswith("_metrics") and isinstance(scores, dict) and isinstance(scores.get(metric), dict):
                value = scores[metric].get("value")
                return float(value) if isinstance(value, int | float) else None
        return None


def predicted(folder: Path, schema: Schema, test_dir: Path) -> tuple[npt.NDArray[Any], Floats]:
    """What the archived model in `folder` takes for the truth and what it predicts, in a process of its own.

    NotComparableError if it cannot be loaded or cannot predict the part in `test_dir`.
    """
    with tempfile.TemporaryDirectory(prefix="approved-") as scratch:
        archive, answer = folder.resolve(), Path(scratch, "answer.npz")
        if (folder / "model.tar.gz").is_file():
            archive = Path(scratch, "model")
            try:
                unpack(folder / "model.tar.gz", archive)
            except (StepError, OSError) as error:
                raise NotComparableError("its archive is damaged") from error
        _check_schema(archive, schema)
        run_archived(Path(str(archived_model.__file__)), archive, Path(scratch), test_dir.resolve(), answer)
        with np.load(answer) as arrays:
            return arrays["truth"], np.asarray(arrays["prediction"], dtype=np.float64)


def run_archived(script: Path, archive: Path, scratch: Path, *arguments: Path) -> None:
    """Run a script of this package with the code of an unpacked archive, in a process of its own.

    NotComparableError if the archive has no code, or the script fails.
    """
    if not (archive / "code/sagemaker_ops/__init__.py").is_file():
        raise NotComparableError("its archive does not contain the code that it was saved with")
    command = [sys.executable, "-P", script, archive, *arguments]
    # Neither today's scripts nor what PYTHONPATH names may stand in for a module that the archive lacks.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        done = subprocess.run(
            [*map(str, command)], cwd=scratch, env=environment, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotComparableError(f"its predictions took longer than {SECONDS // 60} minutes") from None
    if done.returncode < 0:
        raise NotComparableError(f"its process was ended by signal {-done.returncode}, as for lack of memory")
    if done.returncode:
        lines = [each.strip() for each in done.stderr.decode("utf-8", "replace").split("\n")]
        said = next(filter(None, reversed(lines)), "no reason given")
        raise NotComparableError(f"it cannot be scored ({said.replace(f'{archive}/', '').rstrip('.')})")


def _check_schema(archive: Path, schema: Schema) -> None:
    """NotComparableError if the archive is not that of a model for the same question."""
    try:
        content = json.loads((archive / "schema.json").read_bytes())
        there = (content["target"], content["problem"], list(content["classes"]))
    except FileNotFoundError:
        raise NotComparableError("its archive is missing, or is not one of this project's training step") from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise NotComparableError("its archive is damaged (schema.json cannot be read)") from error
    here = (schema.target, schema.problem, list(schema.classes))
    for what, ours, theirs in zip(("target", "problem", "classes"), here, there, strict=True):
        if ours != theirs:
            verb = "are" if what == "classes" else "is"
            raise NotComparableError(f"its {what} {verb} {_words(theirs)}, not {_words(ours)}")


def _words(value: object) -> str:
    return ", ".join(map(str, value[:10])) if isinstance(value, list) else f"'{value}'"
