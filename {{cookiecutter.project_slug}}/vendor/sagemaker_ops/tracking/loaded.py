"""How MLflow loads a model of this project. MLflow keeps this file with the model, so it needs no other module.

https://mlflow.org/docs/latest/ml/model/models-from-code/
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
import pandas as pd


class LoadedModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """The archive of a training job, with the code that it contains."""

    def load_context(self, context: Any) -> None:
        """Load the model with its own code, as an endpoint does."""
        folder = Path(context.artifacts["model"])
        sys.path.insert(0, str(folder / "code"))
        self.inference = importlib.import_module("inference")
        self.model = self.inference.model_fn(str(folder))

    # MLflow would check the input by type hints.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """The answers for the rows of a table, one row each, through the functions that answer a request."""
        body = model_input.to_json(orient="records", lines=True, date_format="iso")
        answer, _ = self.inference.transform_fn(self.model, body, "application/jsonlines", "application/jsonlines")
        return pd.DataFrame([json.loads(line) for line in answer.splitlines()])


mlflow.models.set_model(LoadedModel())
