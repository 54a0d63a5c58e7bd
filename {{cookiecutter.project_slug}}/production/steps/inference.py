"""Serve the model: SageMaker's scikit-learn container calls model_fn once, and transform_fn for each request.

A request is CSV, JSON or JSON Lines, and so is the response. An invalid request gets status 400 and one sentence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sagemaker_ops import Model, StepError, load_model, predict_rows, read_request, refuse, write_answer


def model_fn(model_dir: str) -> Model:
    """The model that training.py wrote to `model_dir`. Raises StepError if the installed versions cannot read it."""
    return load_model(Path(model_dir))


def transform_fn(model: Model, body: str | bytes, content_type: str | None, accept: str | None) -> Any:
    """The response to a request, and its content type. An invalid request gets the response that `refuse` makes."""
    try:
        rows = read_request(body, content_type)
        prediction = predict_rows(rows, model)
        return write_answer(prediction, accept)
    except StepError as error:
        return refuse(error)
