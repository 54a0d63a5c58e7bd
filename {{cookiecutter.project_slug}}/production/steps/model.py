"""The model and its hyperparameters. Edit this file to use another model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, TargetEncoder

from features import add_features
from sagemaker_ops import Choice, Number, Schema, StepError, date_numbers

MOST_CATEGORIES = 254  # per column; HistGradientBoosting allows 255, including "missing"; rarer ones share a value
SEED = 0

# Names and meanings are those of scikit-learn's HistGradientBoostingClassifier and -Regressor, except for the last one.
HYPERPARAMETERS: dict[str, Number | Choice] = {
    "learning_rate": Number(0.05, 0.0001, 1.0, "how much each tree counts"),
    "max_iter": Number(150, 1, 10_000, "number of boosting iterations"),
    "max_leaf_nodes": Number(31, 2, 10_000, "maximum number of leaves per tree"),
    "min_samples_leaf": Number(20, 1, 1_000_000, "minimum number of rows per leaf"),
    "l2_regularization": Number(0.0, 0.0, 1_000_000.0, "penalty on large leaf values"),
    "class_weight": Choice("none", ("none", "balanced"), "balanced: rare classes count as much as frequent ones"),
    "early_stopping_rounds": Number(
        0, 0, 10_000, "stop after this many iterations without progress on validation (0: never)"
    ),
}


def make_model(schema: Schema, hyperparameters: Mapping[str, float | str]) -> Pipeline:
    """An unfitted pipeline that takes `schema.frame(…)`; the same data and hyperparameters give the same model.

    Categories become numbers that boosting treats as categories, not as an order; a column with too many of them for
    that also gets the mean target of each category. Missing values need no filling, and a category never seen in
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
