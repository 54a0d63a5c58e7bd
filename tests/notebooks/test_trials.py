"""Several models are cross-validated on the same folds; one that fails does not stop the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from notebooks.trial_tables import PRESENT, PROBLEMS, Made, made, make_model, table
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sagemaker_ops.notebooks.candidates import candidates
from sagemaker_ops.notebooks.trial_figures import compare_models
from sagemaker_ops.notebooks.trials import Comparison, cross_validate
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.metrics import Metric

pytestmark = pytest.mark.slow

METRIC = {"yes or no": "auc", "town": "auc", "price": "mae"}
LINEAR = {"yes or no": "logistic regression", "town": "logistic regression", "price": "ridge regression"}
SPLITS: dict[str, dict[str, str]] = {
    "random": {},
    "group": {"split": "group", "split_column": "owner"},
    "time": {"split": "time", "split_column": "built"},
}


def models(house: Made) -> dict[str, Any]:
    return candidates(house.schema, make_model, PRESENT)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("target", PROBLEMS)
def test_every_model_is_better_than_the_naive_one(target: str, split: str) -> None:
    house = made(target, **SPLITS[split])

    found = cross_validate(models(house), house.rows, METRIC[target], folds=3)

    assert list(found.scores.columns) == ["model", "fold", "score", "seconds"]
    assert found.models == ["project", LINEAR[target], "random forest", "naive"]
    assert found.scores.groupby("model")["fold"].agg(list).tolist() == [[1, 2, 3]] * 4
    assert found.notes == []
    others = found.summary.drop(index="naive")["mean"]
    naive = found.summary.loc["naive", "mean"]
    assert bool((others < naive).all() if found.lower_is_better else (others > naive).all())


@pytest.mark.parametrize("target", ["yes or no", "town"])
def test_guessing_has_an_auc_of_a_half(target: str) -> None:
    house = made(target)

    found = cross_validate({"naive": models(house)["naive"]}, house.rows, "auc", folds=3)

    assert found.scores["score"].tolist() == [0.5] * 3


def test_features_that_the_project_adds_reach_the_other_models() -> None:
    house = made("price", table().assign(size=lambda all: all["size"].fillna(100), kind="flat"))

    def add(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(root=(frame["size"] - 100).abs(), text=np.where(frame["size"] > 60, "a", "b"))

    with_them = candidates(house.schema, make_model, PRESENT, add)
    found = cross_validate(with_them, house.rows, "r2", folds=3)

    prepared = with_them["ridge regression"][:-1].fit_transform(house.schema.frame(house.rows.table))
    without = models(house)["ridge regression"][:-1].fit_transform(house.schema.frame(house.rows.table))
    assert prepared.shape[1] == without.shape[1] + 3, "a number, and a column for each of two texts"
    assert found.notes == []


def test_rows_count_by_their_weight() -> None:
    wrong = table().assign(weight=1.0)
    wrong.loc[::2, "weight"] = 1e-6
    wrong.loc[::2, "yes or no"] = wrong.loc[::2, "yes or no"].map({"yes": "no", "no": "yes"})  # half of them lie
    house, without = made(given=wrong, weight="weight"), made(given=wrong.drop(columns="weight"))

    heavy, same = (cross_validate(models(each), each.rows, "auc", folds=3).summary["mean"] for each in (house, without))

    assert (heavy.drop("naive") > 0.8).all()
    assert (same < 0.65).all()


class Broken(LogisticRegression):
    def fit(self, *_: Any, **__: Any) -> Broken:
        raise ValueError("no way\nwith details")


FAILURES = [
    ("an exception", Broken(), {}, "'other' is left out, because it failed: no way."),
    (
        "no support for weights",
        KNeighborsClassifier(),
        {"weight": "weight"},
        "'other' is left out, because it failed: KNeighborsClassifier does not support weights; "
        "remove [data].weight from project.toml.",
    ),
    (
        "no probabilities",
        RidgeClassifier(),
        {},
        "'other' is left out, because it failed: RidgeClassifier has no predict_proba, so it gives no probabilities.",
    ),
]


@pytest.mark.parametrize(
    ("model", "options", "note"), [each[1:] for each in FAILURES], ids=[each[0] for each in FAILURES]
)
def test_a_model_that_fails_is_left_out_with_a_sentence(model: Any, options: dict[str, str], note: str) -> None:
    house = made(given=table()[["size", "yes or no"]].fillna(0).assign(weight=1.0), **options)
    tree = make_model(house.schema, PRESENT)
    nothing = FunctionTransformer()

    found = cross_validate({"project": tree, "other": make_pipeline(nothing, model)}, house.rows, "auc", folds=3)

    assert (found.models, found.notes) == (["project"], [note])


def test_if_every_model_fails_the_reasons_are_the_error() -> None:
    house = made()

    with pytest.raises(StepError, match="no way"):
        cross_validate({"project": make_pipeline(FunctionTransformer(), Broken())}, house.rows, "auc")


def test_after_the_budget_no_fold_starts_but_three_always_end() -> None:
    house = made()

    found = cross_validate({"naive": models(house)["naive"]}, house.rows, "auc", folds=5, seconds=0)

    assert found.scores["fold"].tolist() == [1, 2, 3]
    assert found.notes == ["Only 3 of 5 folds were used, because of the limit of 0 s."]


def test_an_unknown_metric_is_an_error_before_anything_is_fitted() -> None:
    house = made()

    with pytest.raises(StepError, match=r"metric 'acuracy' is not one .*Did you mean 'accuracy'\?"):
        cross_validate({"project": make_pipeline(FunctionTransformer(), Broken())}, house.rows, "acuracy")


def test_a_metric_of_your_own_is_measured() -> None:
    house = made()
    own = {"cost": Metric(lambda truth, prediction, weights: float(len(truth)), lower_is_better=True)}

    found = cross_validate(models(house), house.rows, "cost", folds=3, own=own)

    assert found.lower_is_better
    assert found.scores.groupby("fold")["score"].nunique().tolist() == [1, 1, 1]
    assert found.scores["score"].sum() == len(house.rows.table) * 4


class Stopping(ClassifierMixin, BaseEstimator):
    """Stops early, and remembers which rows it saw."""

    seen: list[tuple[set[float], set[float]]]

    def __init__(self, early_stopping: bool = True) -> None:
        self.early_stopping = early_stopping

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None, sample_weight_val: Any = None) -> Stopping:  # noqa: N803
        SEEN.append((set(X["size"]), set(X_val["size"])))
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        SEEN[-1] = (*SEEN[-1], set(X["size"]))
        return np.full((len(X), 2), 0.5)


SEEN: list[tuple[set[float], ...]] = []


def test_early_stopping_does_not_see_the_rows_that_are_compared_on() -> None:
    SEEN.clear()
    house = made(given=table().dropna().drop_duplicates("size"))

    cross_validate({"project": make_pipeline(FunctionTransformer(), Stopping())}, house.rows, "auc", folds=3)

    assert [bool(train and stop and test) for train, stop, test in SEEN] == [True] * 3
    assert [(train & stop, train & test, stop & test) for train, stop, test in SEEN] == [(set(), set(), set())] * 3


def test_a_class_that_comes_up_late_is_measured_as_never_predicted() -> None:
    late = table().sort_values("built", ignore_index=True)
    late["town"] = late["town"].mask((late.index < 250) & (late["town"] == "Bonn"), "Ulm")
    house = made("town", late, split="time", split_column="built")

    found = cross_validate(models(house), house.rows, "accuracy", folds=3)

    assert found.models == ["project", "logistic regression", "random forest", "naive"]


def test_folds_with_one_class_to_train_on_are_left_out_with_a_sentence() -> None:
    late = table().sort_values("built", ignore_index=True)
    late["yes or no"] = late["yes or no"].where(late.index > 200, "no")
    house = made(given=late, split="time", split_column="built")

    found = cross_validate(models(house), house.rows, "accuracy", folds=3)

    assert found.notes == ["1 of 3 folds have one class to train on, and are left out."]
    assert found.models == ["project", "logistic regression", "random forest", "naive"]


def comparison(first: list[float], second: list[float], lower: bool = False) -> Comparison:
    rows = [(name, fold, score, 1.0) for name, own in (("a", first), ("b", second)) for fold, score in enumerate(own)]
    return Comparison("auc", lower, pd.DataFrame(rows, columns=["model", "fold", "score", "seconds"]))


@pytest.mark.parametrize(
    ("second", "lower", "conclusion"),
    [
        ([0.8, 0.7, 0.9], False, "better"),  # by exactly 0.1 in every fold, though the folds differ by as much
        ([0.6, 0.5, 0.7], False, "worse"),
        ([0.6, 0.5, 0.7], True, "better"),
        ([0.8, 0.5, 0.9], False, "no clear difference"),
        ([0.7, 0.6, 0.8], False, "no clear difference"),
    ],
)
def test_models_are_compared_fold_by_fold(second: list[float], lower: bool, conclusion: str) -> None:
    summary = comparison([0.7, 0.6, 0.8], second, lower).summary

    assert summary["conclusion"].tolist() == ["compared with", conclusion]
    assert summary.loc["b", "mean"] == pytest.approx(np.mean(second))
    assert summary.loc["b", "standard deviation"] == pytest.approx(np.std(second, ddof=1))
    assert summary.loc["b", "difference"] == pytest.approx(np.mean(second) - 0.7)


def test_the_uncertainty_of_a_difference_counts_that_folds_share_rows() -> None:
    summary = comparison([0.5, 0.5, 0.5], [0.6, 0.7, 0.8]).summary

    assert summary.loc["b", "±"] == pytest.approx(0.1 * (1 / 3 + 1 / 2) ** 0.5)


def test_the_figure_has_a_point_with_an_error_bar_per_model_and_the_naive_line() -> None:
    house = made()
    found = cross_validate(models(house), house.rows, "auc", folds=3)

    figure = compare_models(found)

    [axes] = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == found.models
    assert len(axes.containers) == 4
    bars = [container.lines[0].get_xdata()[0] for container in axes.containers]
    assert bars == pytest.approx(found.summary["mean"].tolist())
    assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"] == [0.5]


def test_a_single_model_can_be_drawn() -> None:
    house = made()
    found = cross_validate({"x": make_pipeline(FunctionTransformer(), DummyClassifier())}, house.rows, "auc", folds=3)

    assert len(compare_models(found).axes[0].containers) == 1
