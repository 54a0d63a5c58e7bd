"""Figures for develop/: models compared over folds, and the trials of a search."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from sagemaker_ops.notebooks.candidates import NAIVE
from sagemaker_ops.notebooks.trials import Comparison
from sagemaker_ops.notebooks.tuning import Tuning

CHOSEN, PLAIN = "C0", "0.55"


def compare_models(comparison: Comparison) -> Any:
    """A figure with the score of each model: the mean and standard deviation over the folds, and every fold.

    A dotted line shows the naive model, if there is one.
    """
    summary, names = comparison.summary, comparison.models
    figure, axes = plt.subplots(figsize=(8, 0.6 * len(names) + 1.2), layout="constrained")
    for place, name in enumerate(names):
        color = CHOSEN if place == 0 else PLAIN
        own = comparison.scores.loc[comparison.scores["model"] == name, "score"]
        axes.scatter(own, np.full(len(own), place), s=14, color=color, alpha=0.4)
        row = summary.loc[name]
        axes.errorbar(row["mean"], place, xerr=row["standard deviation"], fmt="o", color=color, capsize=4)
    if NAIVE in names:
        axes.axvline(summary.loc[NAIVE, "mean"], color="0.5", linestyle=":", zorder=0)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    folds = int(summary["folds"].max())
    axes.set(xlabel=_label(comparison), title=f"Mean and standard deviation over {folds} folds")
    return figure


def show_trials(tuning: Tuning) -> Any:
    """A figure with the score of every trial, the best one so far, and the error bars of the present and the best."""
    scores = tuning.trials["score"].to_numpy()
    best = np.fmin.accumulate(scores) if tuning.lower_is_better else np.fmax.accumulate(scores)
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    axes.scatter(range(len(scores)), scores, s=18, color=PLAIN, label="a trial")
    axes.step(range(len(scores)), best, where="post", color=CHOSEN, label="the best so far")
    now, spread = tuning.present_score
    axes.axhspan(now - spread, now + spread, color="0.5", alpha=0.15, label="the present values ±")
    if tuning.differing:
        place = int(np.nanargmin(scores) if tuning.lower_is_better else np.nanargmax(scores))
        axes.errorbar(place, tuning.best_score[0], tuning.best_score[1], fmt="o", color=CHOSEN, capsize=4)
    axes.set(xlabel="trial", ylabel=_label(tuning), title=f"{len(scores)} trials on the validation part")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    return figure


def _label(result: Comparison | Tuning) -> str:
    return f"{result.metric} ({'less' if result.lower_is_better else 'more'} is better)"
