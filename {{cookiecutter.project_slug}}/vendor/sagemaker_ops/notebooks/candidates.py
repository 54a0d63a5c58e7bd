"""Other models to compare the project's with: a naive one, a linear one and a forest, for any table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from sagemaker_ops.tabular.dates import date_numbers
from sagemaker_ops.tabular.schema import Schema

MOST_CATEGORIES = 30  # per column of the linear model; rarer ones share a column
TREES = 50
SEED = 0
PROJECT, NAIVE = "project", "naive"

NUMBERS = make_column_selector(dtype_include=["number", "bool"])
DATES = make_column_selector(dtype_include="datetime")
TEXTS = make_column_selector(dtype_exclude=["number", "bool", "datetime"])


def candidates(
    schema: Schema,
    make_model: Callable[[Schema, Mapping[str, Any]], Pipeline],
    hyperparameters: Mapping[str, Any],
    add_features: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> dict[str, Pipeline]:
    """Unfitted models by name, each of which takes `schema.frame(…)`: the project's own first, the naive one last.

    add_features: of production/steps/features.py, so that all models see the same columns. The project's own model
    adds them itself.
    """
    classes = schema.problem == "classification"
    linear = LogisticRegression(max_iter=300) if classes else Ridge()
    forest = RandomForestClassifier if classes else RandomForestRegressor
    trees = forest(TREES, min_samples_leaf=5, max_features="sqrt" if classes else 0.3, n_jobs=-1, random_state=SEED)
    features = FunctionTransformer(add_features)  # without a function, it changes nothing
    return {
        PROJECT: make_model(schema, hyperparameters),
        "logistic regression" if classes else "ridge regression": make_pipeline(features, _scaled(), linear),
        "random forest": make_pipeline(features, _numbered(), trees),
        NAIVE: make_pipeline(features, DummyClassifier(strategy="prior") if classes else DummyRegressor()),
    }


def _scaled() -> Any:
    """Columns for a linear model: numbers without gaps and of the same size, and one column per category."""
    numbers = make_pipeline(SimpleImputer(keep_empty_features=True, add_indicator=True), StandardScaler())
    dates = make_pipeline(FunctionTransformer(date_numbers), SimpleImputer(keep_empty_features=True), StandardScaler())
    texts = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES)
    return make_column_transformer((numbers, NUMBERS), (dates, DATES), (texts, TEXTS))


def _numbered() -> Any:
    """Columns for trees: gaps stay, and each category is a number."""
    texts = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    return make_column_transformer((texts, TEXTS), (FunctionTransformer(date_numbers), DATES), remainder="passthrough")
