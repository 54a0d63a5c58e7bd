"""Small tables for the tests of develop/, and a model that takes milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sagemaker_ops.notebooks.folds import TrialRows, trial_rows
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.hyperparameters import Choice, Hyperparameters, Number
from sagemaker_ops.tabular.preparation import CheckedRows, Prepared, check_rows, describe_parts, split_rows
from sagemaker_ops.tabular.schema import Schema
from sagemaker_ops.tabular.splits import Options

KNOWN: Hyperparameters = {
    "depth": Number(4, 1, 20, "of the tree"),
    "pruning": Number(0.0, 0.0, 1.0, "how much of the tree is cut off"),
    "class_weight": Choice("none", ("none", "balanced"), "of the classes"),
}
PRESENT: dict[str, float | str] = {"depth": 4, "pruning": 0.0, "class_weight": "none"}
PROBLEMS = {"yes or no": "classification", "town": "classification", "price": "regression"}


@dataclass(frozen=True)
class Made:
    checked: CheckedRows
    prepared: Prepared
    options: Options

    @property
    def schema(self) -> Schema:
        return self.prepared.schema

    @property
    def rows(self) -> TrialRows:
        return trial_rows(self.checked, self.prepared, self.options)

    @property
    def parts(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        return self.prepared.parts["train"], self.prepared.parts["validation"]


def table(rows: int = 600) -> pd.DataFrame:
    """Houses: `price` depends on size and kind, and so do `yes or no` (two classes) and `town` (three)."""
    random = np.random.default_rng(3)
    size, kind = random.uniform(20, 200, rows), random.choice(["flat", "house", "barn"], rows)
    price = size * np.where(kind == "flat", 3, 1) + random.normal(0, 20, rows)
    made = pd.DataFrame({"size": size.round(3), "kind": kind, "noise": random.normal(size=rows).round(4)})
    made.loc[::9, "size"], made.loc[::7, "kind"] = np.nan, None
    made["built"] = pd.Timestamp("2001-01-01") + pd.to_timedelta(random.integers(0, 5000, rows), "D")
    made["owner"] = random.integers(0, 60, rows)
    made["price"] = price.round(2)
    made["yes or no"] = np.where(price > np.median(price), "yes", "no")
    made["town"] = np.select([price > 220, price > 120], ["Bonn", "Trier"], "Ulm")
    return made


def made(target: str = "yes or no", given: pd.DataFrame | None = None, **options: Any) -> Made:
    """The table, prepared for this target as in the pipeline."""
    given = table() if given is None else given
    others = tuple(name for name in PROBLEMS if name != target and name in given)
    chosen = Options(target=target, problem=PROBLEMS[target], exclude=others, **options)  # type: ignore[arg-type]
    checked = check_rows(given, chosen)
    return Made(checked, describe_parts(checked, split_rows(checked, chosen), chosen), chosen)


def make_model(schema: Schema, hyperparameters: Mapping[str, Any]) -> Pipeline:
    """A tree, with the limits of the template's own model."""
    values = {"max_depth": hyperparameters["depth"], "ccp_alpha": hyperparameters["pruning"], "random_state": 0}
    weighing = hyperparameters["class_weight"]
    if schema.problem == "regression" and weighing != "none":
        raise StepError("a regression has no classes")
    texts = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    columns = make_column_transformer(
        (texts, make_column_selector(dtype_include=object)),
        ("passthrough", make_column_selector(dtype_include="number")),
    )
    if schema.problem == "regression":
        return make_pipeline(columns, DecisionTreeRegressor(**values))
    balance = None if weighing == "none" else weighing
    return make_pipeline(columns, DecisionTreeClassifier(class_weight=balance, **values))
