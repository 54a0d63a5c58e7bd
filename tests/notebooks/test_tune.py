"""A search tries the present values first, keeps to its ranges and its time, and does not take chance for progress."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

import pytest
from notebooks.trial_tables import KNOWN, PRESENT, PROBLEMS, made, make_model, table
from sklearn.pipeline import Pipeline

from sagemaker_ops.notebooks.trial_figures import show_trials
from sagemaker_ops.notebooks.tuning import Tuning, search_ranges, tune
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.hyperparameters import Choice, Number
from sagemaker_ops.tabular.schema import Schema

pytestmark = pytest.mark.slow

METRIC = {"yes or no": "auc", "town": "auc", "price": "mae"}


def tuned(target: str = "yes or no", present: Mapping[str, Any] = PRESENT, **given: Any) -> Tuning:
    house = made(target)
    model, metric = given.pop("make_model", make_model), given.pop("metric", METRIC[target])
    given = {"most_trials": 12, "seconds": 60} | given
    train, validation = house.parts
    return tune(model, house.schema, train, validation, KNOWN, present, metric, **given)


RANGES: list[tuple[str, Number | Choice, float | str, tuple[Any, ...] | None]] = [
    ("a third to three times", Number(0.3, 0.0, 10.0, ""), 0.3, (0.1, 0.9)),
    ("around the present value", Number(0.3, 0.0, 10.0, ""), 3.0, (1.0, 9.0)),
    ("within its limits", Number(0.5, 0.4, 1.0, ""), 0.5, (0.4, 1.0)),
    ("whole numbers", Number(10, 1, 100, ""), 10, (4, 30)),
    ("a whole number that is 1", Number(1, 1, 100, ""), 1, (1, 3)),
    ("a negative number", Number(-3.0, -5.0, 0.0, ""), -3.0, (-5.0, -1.0)),
    ("a penalty that is 0", Number(0.0, 0.0, 1e6, ""), 0.0, (0.0, 10.0)),
    ("a share that is 0", Number(0.0, 0.0, 0.5, ""), 0.0, (0.0, 0.5)),
    ("a whole number that is 0 stays", Number(0, 0, 100, ""), 0, None),
    ("without a choice", Number(3, 3, 3, ""), 3, None),
    ("words", Choice("a", ("a", "b"), ""), "a", ("a", "b")),
    ("a single word", Choice("a", ("a",), ""), "a", None),
]


@pytest.mark.parametrize(
    ("known", "present", "expected"), [each[1:] for each in RANGES], ids=[each[0] for each in RANGES]
)
def test_ranges(known: Number | Choice, present: float | str, expected: tuple[Any, ...] | None) -> None:
    found = search_ranges({"x": known}, {"x": present})

    assert found == ({} if expected is None else {"x": pytest.approx(expected) if present != "a" else expected})


@pytest.mark.parametrize("target", PROBLEMS)
def test_the_present_values_come_first_and_all_others_are_allowed(target: str) -> None:
    found = tuned(target)

    assert found.trials.loc[0, list(PRESENT)].to_dict() == PRESENT
    assert len(found.trials) == 12
    assert found.notes == []
    for name, known in KNOWN.items():
        assert [known.read(str(value)) for value in found.trials[name]] == found.trials[name].tolist()
    assert found.trials["depth"].dtype.kind == "i"
    assert found.trials["depth"].between(2, 12).all()
    assert len(found.trials[list(PRESENT)].drop_duplicates()) == 12
    words = {"none"} if target == "price" else {"none", "balanced"}
    assert set(found.trials["class_weight"]) == words, "a regression cannot be balanced"


def test_the_same_seed_tries_the_same_values() -> None:
    first, again, other = tuned(), tuned(), tuned(seed=1)

    same = [*PRESENT, "score"]
    assert first.trials[same].equals(again.trials[same])
    assert not first.trials[same].equals(other.trials[same])


@pytest.mark.parametrize(("target", "metric"), [("yes or no", "auc"), ("price", "r2"), ("price", "mae")])
def test_clearly_better_values_are_to_be_written(target: str, metric: str) -> None:
    found = tuned(target, PRESENT | {"depth": 1}, metric=metric, ranges={"depth": (1, 6)}, most_trials=6)

    assert set(found.trials["depth"]) == {1, 2, 3, 4, 5, 6}
    assert set(found.changes) == {"depth"}
    assert found.is_better
    best = found.trials["score"].min() if metric == "mae" else found.trials["score"].max()
    assert found.best_score[0] == pytest.approx(best)
    assert found.difference[0] == pytest.approx(found.best_score[0] - found.present_score[0])
    assert 0 < found.difference[1] < found.present_score[1] + found.best_score[1]
    assert found.verdict.startswith(f"The best of 6 trials has {metric} ")
    assert found.verdict.endswith("Change them.")


@pytest.mark.parametrize(
    ("present", "message"),
    [
        (4, r"None of 2 trials is better than the present values \(auc 0\.\d+ ± 0\.\d+\)\."),
        (5, r"The best of 2 trials has auc .* It may be chance: keep the present values\."),
    ],
)
def test_a_difference_within_the_spread_changes_nothing(present: int, message: str) -> None:
    found = tuned(present=PRESENT | {"depth": present}, ranges={"depth": (4, 5)}, most_trials=3)

    assert len(found.trials) == 2, "there are no others"
    assert not found.is_better
    assert found.changes == {}
    assert re.fullmatch(message, found.verdict)


def test_a_hyperparameter_that_is_in_no_range_stays() -> None:
    found = tuned(ranges={"depth": (2, 20)})

    assert set(found.trials["class_weight"]) == {"none"}
    assert set(found.trials["pruning"]) == {0.0}


def test_wide_ranges_are_searched_in_equal_factors() -> None:
    found = tuned(ranges={"pruning": (0.0001, 1.0)}, most_trials=50)

    shares = [(found.trials["pruning"][1:] < limit).mean() for limit in (0.001, 0.01, 0.1)]
    assert shares == pytest.approx([0.25, 0.5, 0.75], abs=0.2)


def test_no_range_means_one_trial() -> None:
    assert len(tuned(ranges={}).trials) == 1


def slow(schema: Schema, hyperparameters: Mapping[str, Any]) -> Pipeline:
    model = make_model(schema, hyperparameters)
    fit = model[-1].fit

    def wait(X: Any, y: Any, sample_weight: Any = None) -> Any:  # noqa: N803
        if hyperparameters["depth"] != 4:
            for _ in range(1000):
                time.sleep(0.02)
        return fit(X, y)

    model[-1].fit = wait
    return model


def test_a_trial_that_takes_too_long_is_stopped() -> None:
    started = time.monotonic()

    found = tuned(make_model=slow, ranges={"depth": (4, 20)}, seconds=1, most_trials=50)

    assert time.monotonic() - started < 8  # one fit of 20 s would take longer
    assert len(found.trials) == 1
    assert found.notes[0].endswith("trials took too long and were stopped; more time lets them end.")


def test_without_time_only_the_present_values_are_measured() -> None:
    assert len(tuned(seconds=0).trials) == 1


def picky(schema: Schema, hyperparameters: Mapping[str, Any]) -> Pipeline:
    if hyperparameters["depth"] > 4:
        raise StepError("too deep")
    return make_model(schema, hyperparameters)


def test_trials_that_fail_are_counted_and_the_others_go_on() -> None:
    found = tuned(make_model=picky, ranges={"depth": (3, 6)}, most_trials=4)

    assert sorted(found.trials["depth"]) == [3, 4]
    assert found.notes == ["2 trials failed, the first one with: too deep."]


def test_present_values_that_fail_are_an_error() -> None:
    with pytest.raises(StepError, match="too deep"):
        tuned(make_model=picky, present=PRESENT | {"depth": 5})


@pytest.mark.parametrize(
    ("metric", "message"), [("acu", "Did you mean 'auc'"), ("mae", "not one of this model's metrics")]
)
def test_an_unknown_metric_is_an_error(metric: str, message: str) -> None:
    with pytest.raises(StepError, match=message):
        tuned(metric=metric)


def test_rows_count_by_their_weight() -> None:
    wrong = table().assign(weight=1.0)
    wrong.loc[::2, "weight"] = 1e-6
    wrong.loc[::2, "yes or no"] = wrong.loc[::2, "yes or no"].map({"yes": "no", "no": "yes"})
    weighted, same = made(given=wrong, weight="weight"), made(given=wrong.drop(columns="weight"))

    with_them, without = (
        tune(make_model, house.schema, each[0], each[1], KNOWN, PRESENT, "auc", most_trials=1)
        for house in (weighted, same)
        for each in [house.parts]
    )

    assert with_them.present_score[0] > without.present_score[0] + 0.1


def test_the_figure_shows_every_trial_and_the_best_so_far() -> None:
    found = tuned("price", PRESENT | {"depth": 1}, ranges={"depth": (1, 6)}, most_trials=6)

    [axes] = show_trials(found).axes

    assert [tuple(point) for point in axes.collections[0].get_offsets()] == list(enumerate(found.trials["score"]))
    assert axes.lines[0].get_ydata().tolist() == found.trials["score"].cummin().tolist()
    assert axes.get_ylabel() == "mae (less is better)"
