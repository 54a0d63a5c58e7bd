"""The model and its hyperparameters: this is the place to try another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder
from threadpoolctl import threadpool_limits

from errors import did_you_mean
from features import add_features
from schema import Schema

MOST_CATEGORIES = 254  # per column; HistGradientBoosting takes 255 values, one being "missing"; rarer ones share one
FEW_ROWS = 1_000_000
SEED = 0


@dataclass(frozen=True)
class Hyperparameter:
    """A number that steers training: its type follows from its default, both bounds are allowed."""

    default: float
    low: float
    high: float
    help: str


# Names and meanings are those of scikit-learn's HistGradientBoostingClassifier and -Regressor.
HYPERPARAMETERS = {
    "learning_rate": Hyperparameter(0.05, 0.0001, 1.0, "how much each tree counts"),
    "max_iter": Hyperparameter(150, 1, 10_000, "number of boosting iterations"),
    "max_leaf_nodes": Hyperparameter(31, 2, 10_000, "leaves per tree"),
    "min_samples_leaf": Hyperparameter(20, 1, 1_000_000, "rows per leaf, at least"),
    "l2_regularization": Hyperparameter(0.0, 0.0, 1_000_000.0, "penalty on large leaf values"),
}


def make_model(schema: Schema, hyperparameters: Mapping[str, float]) -> Pipeline:
    """An unfitted pipeline that takes `schema.frame(…)`; the same data and hyperparameters give the same model.

    Categories become numbers that boosting treats as categories, not as an order. Missing values need no filling, and a
    category never seen in training counts as missing.
    """
    categories = schema.of_kind("categorical")
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MOST_CATEGORIES,
    )
    boosting = HistGradientBoostingClassifier if schema.problem == "classification" else HistGradientBoostingRegressor
    return make_pipeline(
        FunctionTransformer(add_features),
        make_column_transformer((encoder, categories), remainder="passthrough"),  # categories come first
        boosting(
            **hyperparameters, categorical_features=range(len(categories)), early_stopping=False, random_state=SEED
        ),
    )


def threads(rows: int) -> threadpool_limits:
    """All cores for a large table, one thread for a small one.

    Boosting's threads wait for each other after every tree, and on a machine that others use too, that takes far longer
    than the work.
    """
    return threadpool_limits(1 if rows < FEW_ROWS else None, user_api="openmp")


def read_hyperparameters(given: Mapping[str, str]) -> tuple[dict[str, float], list[str]]:
    """The value of every hyperparameter, and a finding for each given one that is unknown or out of range."""
    values = {name: known.default for name, known in HYPERPARAMETERS.items()}
    findings = []
    for name, text in given.items():
        known = HYPERPARAMETERS.get(name)
        if known is None:
            hint = did_you_mean(name, HYPERPARAMETERS) or f" Known are {', '.join(HYPERPARAMETERS)}."
            findings.append(f"unknown hyperparameter '{name}'.{hint}")
            continue
        value = _number(text, whole=isinstance(known.default, int))
        if value is None or not known.low <= value <= known.high:
            kind = "a whole number" if isinstance(known.default, int) else "a number"
            findings.append(
                f"hyperparameter {name} is '{text}'; it must be {kind} from {known.low:g} to {known.high:g}"
            )
        else:
            values[name] = value
    return values, findings


def predict(model: Pipeline, frame: pd.DataFrame) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The probability of each class (rows, classes), or the predicted number (rows,)."""
    with threads(len(frame)):
        predicted = model.predict_proba(frame) if hasattr(model, "predict_proba") else model.predict(frame)
    return np.asarray(predicted, dtype=np.float64)


def _number(text: str, whole: bool) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not whole:
        return value
    return int(value) if value.is_integer() else None
