"""The model and its hyperparameters: this is the place to try another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, TargetEncoder
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_limits

from errors import StepError, did_you_mean
from features import add_features, date_numbers
from schema import Schema

MOST_CATEGORIES = 254  # per column; HistGradientBoosting takes 255 values, one being "missing"; rarer ones share one
FEW_ROWS = 1_000_000
SEED = 0

Floats = npt.NDArray[np.float64]
Value = float | str


@dataclass(frozen=True)
class Number:
    """A number that steers training: whole if its default is, both bounds are allowed."""

    default: float
    low: float
    high: float
    help: str

    @property
    def expected(self) -> str:
        kind = "a whole number" if isinstance(self.default, int) else "a number"
        return f"{kind} from {self.low:g} to {self.high:g}"

    def read(self, text: str) -> float | None:
        """The value of `text`, or None if it is none of the allowed ones."""
        try:
            value = float(text)
        except ValueError:
            return None
        if not self.low <= value <= self.high:
            return None
        if not isinstance(self.default, int):
            return value
        return int(value) if value.is_integer() else None


@dataclass(frozen=True)
class Choice:
    """A word that steers training."""

    default: str
    words: tuple[str, ...]
    help: str

    @property
    def expected(self) -> str:
        return " or ".join(f"'{word}'" for word in self.words)

    def read(self, text: str) -> str | None:
        """`text`, or None if it is none of the allowed words."""
        return text if text in self.words else None


# Names and meanings are those of scikit-learn's HistGradientBoostingClassifier and -Regressor, but for the last one.
HYPERPARAMETERS: dict[str, Number | Choice] = {
    "learning_rate": Number(0.05, 0.0001, 1.0, "how much each tree counts"),
    "max_iter": Number(150, 1, 10_000, "number of boosting iterations"),
    "max_leaf_nodes": Number(31, 2, 10_000, "leaves per tree"),
    "min_samples_leaf": Number(20, 1, 1_000_000, "rows per leaf, at least"),
    "l2_regularization": Number(0.0, 0.0, 1_000_000.0, "penalty on large leaf values"),
    "class_weight": Choice("none", ("none", "balanced"), "balanced: rare classes count as much as frequent ones"),
    "early_stopping_rounds": Number(
        0, 0, 10_000, "stop after so many iterations that did not help validation (0: never)"
    ),
}


def make_model(schema: Schema, hyperparameters: Mapping[str, Value]) -> Pipeline:
    """An unfitted pipeline that takes `schema.frame(…)`; the same data and hyperparameters give the same model.

    Categories become numbers that boosting treats as categories, not as an order; a column with too many of them for
    that is also told by the mean target of each category. Missing values need no filling, and a category never seen in
    training counts as missing.
    """
    values = {name: known.default for name, known in HYPERPARAMETERS.items()} | dict(hyperparameters)
    weighing, rounds = values.pop("class_weight"), int(values.pop("early_stopping_rounds"))
    options: dict[str, Any] = values | {"early_stopping": rounds > 0, "n_iter_no_change": rounds or 1}
    if schema.problem == "classification":
        boosting, kind = HistGradientBoostingClassifier, "binary" if len(schema.classes) == 2 else "multiclass"
        options["class_weight"] = None if weighing == "none" else weighing
    elif weighing == "none":
        boosting, kind = HistGradientBoostingRegressor, "continuous"
    else:
        raise StepError(f"hyperparameter class_weight is '{weighing}', but a regression has no classes; use 'none'")

    categories = schema.of_kind("categorical")
    numbered = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MOST_CATEGORIES,
    )
    mean_target = TargetEncoder(target_type=kind, cv=KFold(shuffle=True, random_state=SEED))
    return make_pipeline(
        FunctionTransformer(add_features),
        make_column_transformer(
            (numbered, categories),  # first, where categorical_features expects them
            (mean_target, high_cardinality),
            (FunctionTransformer(date_numbers), make_column_selector(dtype_include="datetime")),
            remainder="passthrough",
        ),
        boosting(categorical_features=range(len(categories)), random_state=SEED, **options),
    )


def high_cardinality(frame: pd.DataFrame) -> list[str]:
    """The columns of text with more than MOST_CATEGORIES values."""
    return [name for name in frame.columns if frame[name].dtype == object and frame[name].nunique() > MOST_CATEGORIES]


def fit(model: Pipeline, schema: Schema, train: pd.DataFrame, validation: pd.DataFrame) -> None:
    """Fit `model` to the rows of `train`; early stopping, where it is on, looks at those of `validation`."""
    preparation, estimator = model[:-1], model[-1]
    truth, weights, options = schema.truth(train), row_weights(schema, train), {}
    if schema.weight:
        options["sample_weight"] = weights
    if getattr(estimator, "class_weight", None) == "balanced":  # scikit-learn's own counts rows, and not their weights
        totals = np.bincount(truth, weights)
        estimator.set_params(class_weight=dict(enumerate(totals.mean() / totals)))
    with threads(len(train)):
        prepared = preparation.fit_transform(schema.frame(train), truth)
        if getattr(estimator, "early_stopping", False):
            options |= {"X_val": preparation.transform(schema.frame(validation)), "y_val": schema.truth(validation)}
            # scikit-learn applies class_weight to the rows of train alone.
            balance = compute_sample_weight(getattr(estimator, "class_weight", None), options["y_val"])
            options["sample_weight_val"] = balance * row_weights(schema, validation)
        estimator.fit(prepared, truth, **options)


def row_weights(schema: Schema, table: pd.DataFrame) -> Floats:
    """How much each row of `table` counts: 1 on average, in proportion to `schema.weight`, or each 1.

    Boosting splits no leaf whose weights add up to less than 0.001, so that weights which are shares of a whole would
    teach it nothing. Raises StepError if the column holds no weights.
    """
    if schema.weight is None:
        return np.ones(len(table))
    if schema.weight not in table:
        raise StepError(f"weight column '{schema.weight}' is missing; give the parts that processing.py wrote")
    weights = np.asarray(pd.to_numeric(table[schema.weight], errors="coerce"), dtype=np.float64)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise StepError(f"weight column '{schema.weight}' must hold numbers from 0, and not 0 in every row")
    return np.asarray(weights / weights.mean())


def threads(rows: int) -> threadpool_limits:
    """All cores for a large table, one thread for a small one.

    Boosting's threads wait for each other after every tree, and on a machine that others use too, that takes far longer
    than the work.
    """
    return threadpool_limits(1 if rows < FEW_ROWS else None, user_api="openmp")


def read_hyperparameters(given: Mapping[str, str]) -> tuple[dict[str, Value], list[str]]:
    """The value of every hyperparameter, and a finding for each given one that is unknown or out of range."""
    values: dict[str, Value] = {name: known.default for name, known in HYPERPARAMETERS.items()}
    findings = []
    for name, text in given.items():
        known = HYPERPARAMETERS.get(name)
        if known is None:
            hint = did_you_mean(name, HYPERPARAMETERS) or f" Known are {', '.join(HYPERPARAMETERS)}."
            findings.append(f"unknown hyperparameter '{name}'.{hint}")
        elif (value := known.read(text)) is None:
            findings.append(f"hyperparameter {name} is '{text}'; it must be {known.expected}")
        else:
            values[name] = value
    return values, findings


def predict(model: Pipeline, frame: pd.DataFrame) -> Floats:
    """The probability of each class (rows, classes), or the predicted number (rows,)."""
    with threads(len(frame)):
        predicted = model.predict_proba(frame) if hasattr(model, "predict_proba") else model.predict(frame)
    return np.asarray(predicted, dtype=np.float64)
