"""Tracks a model from a notebook."""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagemaker_ops.project import settings
from sagemaker_ops.project.layout import STEPS
from sagemaker_ops.tracking import record, session

if TYPE_CHECKING:
    from sagemaker_ops.tabular.model_archive import Model

OFF = "Not tracked: [tracking].uri in project.toml is empty."


def track_model(
    root: Path, name: str, hyperparameters: Mapping[str, object], evaluation: Mapping[str, Any], model: Model
) -> str:
    """Tell MLflow about a model: its hyperparameters, the metrics of `evaluate`, and the model as a pipeline packs it.

    Returns where it is, as one sentence; OFF if [tracking] is off. UserError if MLflow refuses or cannot be reached.
    """
    loaded = settings.load(root)
    if not loaded.tracking.uri:
        return OFF
    from sagemaker_ops.tabular.model_archive import save_model

    with tempfile.TemporaryDirectory() as folder:
        packed, archive, report = Path(folder, "model"), Path(folder, "model.tar.gz"), Path(folder, "evaluation.json")
        save_model(model, packed, root / STEPS)
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(packed, arcname=".")
        report.write_text(json.dumps(evaluation, indent=1), encoding="utf-8")
        found = record.of_model(name, hyperparameters, evaluation, (archive, report), root)
        return session.track(found, loaded, root)
