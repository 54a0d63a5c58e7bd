"""Fits the scikit-learn pipeline of a model, with weights and early stopping, and predicts with it."""

from __future__ import annotations

import inspect
import sys
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import ThreadpoolController

from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.metrics import NO_METRICS, Metrics, measure
from sagemaker_ops.tabular.schema import Schema

FEW_ROWS = 1_000_000
STOPS_EARLY = ("early_stopping", "early_stopping_rounds", "early_stopping_round")  # of scikit-learn, XGBoost, LightGBM
EVAL_WEIGHTS = ("sample_weight_eval_set", "eval_sample_weight")  # of XGBoost, LightGBM: the weights of eval_set
Floats = npt.NDArray[np.float64]


def fit(model: Pipeline, schema: Schema, train: pd.DataFrame, validation: pd.DataFrame) -> None:
    """Fit `model` to the rows of `train`; early stopping, if it is on, uses those of `validation`.

    The last step of the pipeline is the estimator; all steps before it prepare the columns. Early stopping is supported
    as in scikit-learn's HistGradientBoosting (`X_val`) and in XGBoost and LightGBM (`eval_set`). An estimator that sets
    training rows aside for it, such as SGDClassifier, does so. StepError if rows have weights and the estimator has no
    support for them.
    """
    preparation, estimator = model[:-1], model[-1]
    truth, weights, options = schema.truth(train), row_weights(schema, train), {}
    takes = inspect.signature(estimator.fit).parameters
    if schema.weight:
        if "sample_weight" not in takes:
            raise StepError(
                f"{type(estimator).__name__} does not support weights; remove [data].weight from project.toml"
            )
        options["sample_weight"] = weights
    balanced = getattr(estimator, "class_weight", None) == "balanced"
    if balanced:  # scikit-learn's own balancing counts rows and ignores their weights
        totals = np.bincount(truth, weights)
        estimator.set_params(class_weight=dict(enumerate(totals.mean() / totals)))
    with threads(len(train)):
        prepared = preparation.fit_transform(schema.frame(train), truth)
        if stops_early(estimator):
            options |= _validation(estimator, preparation, schema, validation, takes)
        estimator.fit(prepared, truth, **options)


def stops_early(estimator: Any) -> bool:
    """Whether the estimator uses validation rows to decide when to stop."""
    return any(getattr(estimator, name, None) for name in STOPS_EARLY)


def _validation(
    estimator: Any, preparation: Pipeline, schema: Schema, validation: pd.DataFrame, takes: Any
) -> dict[str, Any]:
    """The arguments of the estimator's `fit` for early stopping."""
    rows, truth = preparation.transform(schema.frame(validation)), schema.truth(validation)
    weights = row_weights(schema, validation)
    if "X_val" in takes:
        # scikit-learn applies class_weight only to the training rows.
        balance = compute_sample_weight(getattr(estimator, "class_weight", None), truth)
        return {"X_val": rows, "y_val": truth, "sample_weight_val": balance * weights}
    name = type(estimator).__name__
    if "eval_set" in takes:
        weighing = [each for each in EVAL_WEIGHTS if each in takes]
        if schema.weight and not weighing:
            raise StepError(f"{name} does not support weights for validation rows; turn its early stopping off")
        quiet = {"verbose": False} if "verbose" in takes else {}
        return {"eval_set": [(rows, truth)], **{each: [weights] for each in weighing}, **quiet}
    if getattr(estimator, "early_stopping", False):
        return {}  # it sets training rows aside
    raise StepError(f"{name} does not support validation rows; set early_stopping_rounds to 0")


def row_weights(schema: Schema, table: pd.DataFrame) -> Floats:
    """How much each row of `table` counts, (rows,): 1 on average, in proportion to `schema.weight` if there is one.

    Boosting does not split a leaf whose weights add up to less than 0.001, so it would learn nothing from weights that
    are small shares of a whole. StepError if the column does not contain weights.
    """
    if schema.weight is None:
        return np.ones(len(table))
    if schema.weight not in table:
        raise StepError(f"weight column '{schema.weight}' is missing; give the parts that processing.py wrote")
    weights = np.asarray(pd.to_numeric(table[schema.weight], errors="coerce"), dtype=np.float64)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise StepError(f"weight column '{schema.weight}' must contain numbers from 0, and not 0 in every row")
    return np.asarray(weights / weights.mean())


def predict(model: Pipeline, frame: pd.DataFrame) -> Floats:
    """The probability of each class (rows, classes), or the predicted number (rows,).

    frame: as returned by `Schema.frame`.
    """
    with threads(len(frame)):
        predicted = model.predict_proba(frame) if hasattr(model, "predict_proba") else model.predict(frame)
    return np.asarray(predicted, dtype=np.float64)


def print_scores(name: str, model: Pipeline, schema: Schema, rows: pd.DataFrame, own: Metrics = NO_METRICS) -> None:
    """Print every metric of the model on these rows, in the form `validation:auc=0.71;`.

    The regular expression of a metric definition looks for this form. own: metrics of your own, by name.
    """
    weights = row_weights(schema, rows)[None]
    scores = measure(schema.truth(rows), predict(model, schema.frame(rows)), weights, own)
    texts = [f"{name}:{metric}={value[0]:.6g};" for metric, value in scores.items() if np.isfinite(value[0])]
    print(f"{name} ({len(rows):,} rows)", *texts)


def threads(rows: int) -> AbstractContextManager[Any]:
    """Limit threads: all cores for a large table, one thread for a small one.

    Boosting's threads wait for each other after every tree, which takes far longer than the work itself on a machine
    that others use too.
    """
    limited: AbstractContextManager[Any] = _controller(len(sys.modules)).limit(
        limits=1 if rows < FEW_ROWS else None, user_api="openmp"
    )
    return limited


@lru_cache(maxsize=1)
def _controller(modules: int) -> Any:
    """To look for the libraries with threads takes 10 ms, and only an import can bring a new one."""
    return ThreadpoolController()
