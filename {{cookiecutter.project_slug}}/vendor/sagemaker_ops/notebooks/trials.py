"""Cross-validates several models on the same folds, and compares each of them with the first."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sagemaker_ops.notebooks.folds import Positions, TrialRows
from sagemaker_ops.tabular.errors import StepError, did_you_mean
from sagemaker_ops.tabular.estimator import Floats, fit, predict, row_weights, stops_early
from sagemaker_ops.tabular.metrics import NO_METRICS, Metrics, is_lower_better, measure, naive_prediction
from sagemaker_ops.tabular.schema import Schema

FEWEST_FOLDS = 3  # with fewer, error bars mean little
CLEAR = 2  # a difference is clear if it is larger than this many times its uncertainty


@dataclass(frozen=True)
class Comparison:
    """Scores of several models on the same folds. scores: model, fold, score, seconds. notes: one sentence each."""

    metric: str
    lower_is_better: bool
    scores: pd.DataFrame
    notes: list[str] = field(default_factory=list)

    @property
    def models(self) -> list[str]:
        """The names of the models; the others are compared with the first one."""
        return list(dict.fromkeys(self.scores["model"]))

    @property
    def summary(self) -> pd.DataFrame:
        """One row per model: mean and standard deviation over the folds, and the mean difference to the first model.

        ± is the uncertainty of this difference, fold by fold. Folds train on mostly the same rows, which the usual
        standard error ignores; this is the corrected one of Nadeau and Bengio, Inference for the Generalization Error,
        https://doi.org/10.1023/A:1024068626366.
        """
        wide = self.scores.pivot(index="fold", columns="model", values="score")[self.models]
        differences = wide.sub(wide[self.models[0]], axis="index")
        folds = differences.count()
        uncertainty = differences.std() * np.sqrt(1 / folds + 1 / (folds - 1).clip(lower=1))
        summary = pd.DataFrame(
            {
                "mean": wide.mean(),
                "standard deviation": wide.std(),
                "folds": wide.count(),
                "seconds": self.scores.groupby("model")["seconds"].mean(),
                "difference": differences.mean(),
                "±": uncertainty,
            }
        ).loc[self.models]
        gain = -summary["difference"] if self.lower_is_better else summary["difference"]
        clear = gain.abs() > CLEAR * summary["±"]
        summary["conclusion"] = np.where(clear, np.where(gain > 0, "better", "worse"), "no clear difference")
        summary.loc[self.models[0], ["difference", "±"]] = np.nan
        summary.loc[self.models[0], "conclusion"] = "compared with"
        return summary


def cross_validate(
    models: Mapping[str, Pipeline],
    rows: TrialRows,
    metric: str,
    *,
    folds: int = 5,
    seconds: float = 60,
    own: Metrics = NO_METRICS,
) -> Comparison:
    """Fit every model on every fold, with weights as in training; the test part is not among the rows.

    A model that fails is left out, and a note says why. After the first three folds, another one starts only if it will
    probably end within `seconds`. Early stopping uses rows that are neither trained nor compared on.

    own: your own metrics by name. StepError if there is no such metric, too few rows, or every model fails.
    """
    check_metric(metric, rows.schema, rows.table, own)
    left, found, notes = dict(models), [], [*rows.notes]
    started, parts = time.monotonic(), _usable(rows, rows.folds(folds), notes)
    for number, (training, compared) in enumerate(parts, start=1):
        passed = time.monotonic() - started
        if number > FEWEST_FOLDS and passed * number / (number - 1) > seconds:
            notes.append(f"Only {number - 1} of {len(parts)} folds were used, because of the limit of {seconds:g} s.")
            break
        for name, model in list(left.items()):
            begun = time.monotonic()
            try:
                score = _score(model, rows.take(training), rows.take(compared), metric, own)
            except Exception as error:  # of any library
                notes.append(f"'{name}' is left out, because it failed: {reason(error)}")
                del left[name]
            else:
                found.append((name, number, score, time.monotonic() - begun))
    if not left:
        raise StepError(*notes)
    scores = pd.DataFrame(found, columns=["model", "fold", "score", "seconds"])
    return Comparison(metric, is_lower_better(metric, own), scores[scores["model"].isin(list(left))], notes)


def check_metric(metric: str, schema: Schema, table: pd.DataFrame, own: Metrics) -> None:
    """StepError if there is no such metric for this problem."""
    some = table.head(1000)
    known = measure(schema.truth(some), naive_prediction(schema.naive, len(some)), None, own)
    if metric not in known:
        hint = did_you_mean(metric, known)
        raise StepError(f"metric '{metric}' is not one of this model's metrics: {', '.join(known)}.{hint}")


def fitted(model: Pipeline, schema: Schema, train: pd.DataFrame, validation: pd.DataFrame) -> Pipeline:
    """The model, fitted as in training, without the warnings that some models give on some tables."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(model, schema, train, validation)
    return model


def predicted(model: Pipeline, schema: Schema, table: pd.DataFrame) -> Floats:
    """Like `predict`, but with a probability for every class, even one that is not among the rows of training."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prediction = predict(model, schema.frame(table))
    if schema.problem == "regression":
        return prediction
    if prediction.ndim == 1:
        raise StepError(f"{type(model[-1]).__name__} has no predict_proba, so it gives no probabilities")
    every = np.zeros((len(prediction), len(schema.classes)))
    every[:, np.asarray(model[-1].classes_, dtype=int)] = prediction
    return every


def reason(error: Exception) -> str:
    """The first line of an error's message, as a sentence."""
    line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return line if line.endswith((".", "?")) else f"{line}."


def _score(model: Pipeline, training: TrialRows, compared: TrialRows, metric: str, own: Metrics) -> float:
    schema, model, stop = training.schema, clone(model), training
    if stops_early(model[-1]):
        inner, outer = training.folds(5)[-1]  # for time, the newest ones
        training, stop = training.take(inner), training.take(outer)
    fitted(model, schema, training.table, stop.table)
    weights = row_weights(schema, compared.table)[None]
    scores = measure(schema.truth(compared.table), predicted(model, schema, compared.table), weights, own)
    return float(scores[metric][0])


def _usable(
    rows: TrialRows, folds: list[tuple[Positions, Positions]], notes: list[str]
) -> list[tuple[Positions, Positions]]:
    """The folds without those whose training rows have a single class; a note mentions them."""
    if rows.schema.problem == "regression":
        return folds
    truth: Any = rows.schema.truth(rows.table)
    usable = [each for each in folds if len(np.unique(truth[each[0]])) > 1]
    if len(usable) < len(folds):
        notes.append(f"{len(folds) - len(usable)} of {len(folds)} folds have one class to train on, and are left out.")
    if not usable:
        raise StepError("no fold has two classes to train on; use more rows, or another split")
    return usable
