"""Searches better hyperparameters at random within a time budget, and says whether the difference may be chance."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from sagemaker_ops.notebooks.folds import MOST_ROWS, sample
from sagemaker_ops.notebooks.project_file import rounded
from sagemaker_ops.notebooks.trials import CLEAR, check_metric, fitted, predicted, reason
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.estimator import Floats, row_weights
from sagemaker_ops.tabular.hyperparameters import Choice, Hyperparameters, Number, Value
from sagemaker_ops.tabular.metrics import NO_METRICS, Array, Metrics, bootstrap, is_lower_better, measure
from sagemaker_ops.tabular.schema import Schema

FACTOR = 3  # a search goes from a third of the present value to three times
FROM_ZERO = (0.001, 10.0)  # for a number that is 0: most are penalties
LOGARITHMIC = 10  # a range whose ends differ by this factor is searched in equal factors, not in equal steps
DIGITS = 2  # significant ones of a value to try
MOST_TRIALS = 200
LONGEST = 4  # a trial may take this part of the time, or twice as long as the present values
RESAMPLES = 200
RESAMPLED_CELLS = 20_000_000  # resamples times rows

Range: TypeAlias = tuple[Any, ...]  # the ends of a range of numbers, or the words to choose from
MakeModel: TypeAlias = Callable[[Schema, Mapping[str, Any]], Pipeline]


@dataclass(frozen=True)
class Tuning:
    """The result of a search.

    trials: one row per trial, the present values first: score, seconds and every hyperparameter. present and best: the
    values that were compared, with their scores and the standard deviations of these over resamples of the rows.
    difference: of the best to the present ones, with its own, smaller deviation. changes: what to write into
    project.toml; empty if the difference may be chance. notes: one sentence each.
    """

    metric: str
    lower_is_better: bool
    trials: pd.DataFrame
    present: dict[str, Value]
    best: dict[str, Value]
    present_score: tuple[float, float]
    best_score: tuple[float, float]
    difference: tuple[float, float]
    notes: list[str] = field(default_factory=list)

    @property
    def is_better(self) -> bool:
        """Whether the best values are better than the present ones by more than chance explains."""
        gain = -self.difference[0] if self.lower_is_better else self.difference[0]
        return gain > CLEAR * self.difference[1]

    @property
    def changes(self) -> dict[str, Value]:
        return self.differing if self.is_better else {}

    @property
    def differing(self) -> dict[str, Value]:
        """The best values that differ from the present ones, whether or not they are clearly better."""
        return {name: value for name, value in self.best.items() if value != self.present[name]}

    @property
    def verdict(self) -> str:
        """One or two sentences: what the search found, and what to do."""
        tried, (now, spread) = len(self.trials), self.present_score
        if not self.differing:
            return f"None of {tried} trials is better than the present values ({self.metric} {now:.4g} ± {spread:.2g})."
        (value, _), (difference, deviation) = self.best_score, self.difference
        found = (
            f"The best of {tried} trials has {self.metric} {value:.4g}, the present values {now:.4g}: "
            f"a difference of {difference:+.2g} ± {deviation:.1g}."
        )
        return f"{found} Change them." if self.is_better else f"{found} It may be chance: keep the present values."


def search_ranges(known: Hyperparameters, present: Mapping[str, Value]) -> dict[str, Range]:
    """What `tune` tries by default, by hyperparameter: the ends of a range of numbers, or words.

    Numbers go from a third of the present value to three times, within their limits. A whole number that is 0 stays,
    because it usually turns something off.
    """
    ranges = {name: _range(each, present[name]) for name, each in known.items()}
    return {name: found for name, found in ranges.items() if len(set(found)) > 1}


def tune(
    make_model: MakeModel,
    schema: Schema,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    known: Hyperparameters,
    present: Mapping[str, Value],
    metric: str,
    *,
    ranges: Mapping[str, Range] | None = None,
    seconds: float = 20,
    most_trials: int = MOST_TRIALS,
    own: Metrics = NO_METRICS,
    seed: int = 0,
) -> Tuning:
    """Fit the model on train with random values from the ranges, and measure it on validation; `present` comes first.

    The search stops after `seconds` or `most_trials`; a trial that is not done by then, or takes too much of the
    time, does not count. The first one always ends. The same seed tries the same values in the same order.

    known: HYPERPARAMETERS of production/steps/model.py. ranges: as from `search_ranges`; a hyperparameter that is not
    in it stays as it is. own: your own metrics by name. StepError if there is no such metric, or it is undefined.
    """
    check_metric(metric, schema, validation, own)
    started, notes = time.monotonic(), []
    if len(train) > MOST_ROWS:
        notes.append(f"A random sample of {MOST_ROWS:,} of the {len(train):,} rows of train is used.")
    train = train.iloc[sample(len(train), MOST_ROWS)]
    validation = validation.iloc[sample(len(validation), MOST_ROWS)]
    truth, weights = schema.truth(validation), row_weights(schema, validation)
    present = {name: present[name] for name in known}
    ranges = _possible(make_model, schema, present, search_ranges(known, present) if ranges is None else ranges)
    lower = is_lower_better(metric, own)
    best: tuple[float, dict[str, Value], Floats] | None = None
    first: Floats | None = None
    trials: list[dict[str, Any]] = []
    failures: list[str] = []
    slow, longest = 0, 0.0
    for values in _drawn(known, present, ranges, most_trials, seed):
        begun, left = time.monotonic(), seconds - (time.monotonic() - started)
        if first is not None and left <= 0:
            break
        try:
            with _limit(longest and min(left, longest)):
                model = fitted(make_model(schema, values), schema, train, validation)
                prediction = predicted(model, schema, validation)
        except _TimeIsOver:
            slow += 1
            continue
        except Exception as error:
            if first is None:
                raise
            failures.append(reason(error))
            continue
        score = float(measure(truth, prediction, weights[None], own)[metric][0])
        if first is None and not np.isfinite(score):
            raise StepError(f"metric '{metric}' is undefined on the validation part; use another one, or more rows")
        taken = time.monotonic() - begun
        trials.append({"score": score, "seconds": taken} | values)
        if first is None:
            first, longest = prediction, max(seconds / LONGEST, 2 * taken)
        if best is None or (score < best[0] if lower else score > best[0]):
            best = score, values, prediction
    if best is None or first is None:  # the first trial raised otherwise
        raise StepError("no trial has ended")
    if slow:
        notes.append(f"{slow} trials took too long and were stopped; more time lets them end.")
    if failures:
        notes.append(f"{len(failures)} trials failed, the first one with: {failures[0]}")
    table = pd.DataFrame(trials)
    table.index.name = "trial"
    scores = [bootstrap(truth, each, weights, own)[metric] for each in (first, best[2])]
    now, then = ((each["value"], each["standard_deviation"]) for each in scores)
    deviation = _deviation(truth, first, best[2], weights, metric, own)
    return Tuning(metric, lower, table, dict(present), best[1], now, then, (then[0] - now[0], deviation), notes)


def _range(known: Number | Choice, present: Value) -> Range:
    if isinstance(known, Choice):
        return known.words
    value = float(present)
    if not value:
        if isinstance(known.default, int):
            return ()
        low, high = 0.0, FROM_ZERO[1]
    else:
        low, high = sorted((value / FACTOR, value * FACTOR))
    low, high = max(low, known.low), min(high, known.high)
    return (math.ceil(low), math.floor(high)) if isinstance(known.default, int) else (low, high)


def _possible(
    make_model: MakeModel, schema: Schema, present: Mapping[str, Value], ranges: Mapping[str, Range]
) -> dict[str, Range]:
    """The ranges without words that the model refuses for this table, such as class weights of a regression."""

    def is_possible(name: str, word: Value) -> bool:
        try:
            make_model(schema, {**present, name: word})
        except Exception:
            return False
        return True

    return {
        name: tuple(word for word in found if is_possible(name, word)) if isinstance(found[0], str) else found
        for name, found in ranges.items()
    }


def _drawn(
    known: Hyperparameters, present: Mapping[str, Value], ranges: Mapping[str, Range], most: int, seed: int
) -> Iterator[dict[str, Value]]:
    """The present values, and then random ones, never the same twice."""
    random, seen = np.random.default_rng(seed), [dict(present)]
    yield dict(present)
    for _ in range(10 * most):  # there may be fewer combinations than trials
        if len(seen) == most or not ranges:
            return
        values = {**present, **{name: _draw(known[name], found, random) for name, found in ranges.items()}}
        if values not in seen:
            seen.append(values)
            yield values


def _draw(known: Number | Choice, found: Range, random: np.random.Generator) -> Value:
    if isinstance(known, Choice):
        return str(random.choice(found))
    low, high = float(found[0]), float(found[1])
    if isinstance(known.default, int):
        low, high = low - 0.49, high + 0.49  # so that the ends are as likely as what is between them
    if low == 0:
        value = 0.0 if random.random() < 0.25 else _between(min(FROM_ZERO[0], high / 10), high, random)
    else:
        value = _between(low, high, random)
    if isinstance(known.default, int):
        return round(value)
    return min(max(rounded(value, DIGITS), float(found[0])), float(found[1]))


def _between(low: float, high: float, random: np.random.Generator) -> float:
    if low > 0 and high / low >= LOGARITHMIC:
        return float(np.exp(random.uniform(np.log(low), np.log(high))))
    return float(random.uniform(low, high))


def _deviation(truth: Array, first: Floats, best: Floats, weights: Floats, metric: str, own: Metrics) -> float:
    """The standard deviation of the difference between two predictions' scores over resamples of the rows."""
    rows, random, differences = len(truth), np.random.default_rng(0), []
    for _ in range(max(20, min(RESAMPLES, RESAMPLED_CELLS // rows))):
        counts = (np.bincount(random.integers(rows, size=rows), minlength=rows) * weights)[None]
        one, other = (measure(truth, each, counts, own)[metric][0] for each in (first, best))
        differences.append(other - one)
    known = np.array(differences)[np.isfinite(differences)]
    return float(known.std()) if len(known) else math.nan


class _TimeIsOver(Exception):  # noqa: N818, it is not an error
    """A trial has taken longer than what was left."""


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Interrupt what runs inside after this many seconds, where the system can; 0: never."""
    able = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not seconds or not able:
        yield
        return

    def interrupt(*_: Any) -> None:
        raise _TimeIsOver

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
