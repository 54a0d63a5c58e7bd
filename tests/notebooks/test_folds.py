"""Folds follow the rule that split the test part off, and the test part is never in them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from notebooks.trial_tables import PROBLEMS, made, table

from sagemaker_ops.notebooks.folds import trial_rows
from sagemaker_ops.tabular.errors import StepError

pytestmark = pytest.mark.slow

SPLITS: dict[str, dict[str, str]] = {
    "random": {},
    "random with an id": {"id": "owner"},
    "group": {"split": "group", "split_column": "owner"},
    "time": {"split": "time", "split_column": "built"},
}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("target", PROBLEMS)
def test_the_rows_are_those_of_train_and_validation(target: str, split: str) -> None:
    house = made(target, **SPLITS[split])

    expected = pd.concat(house.parts).sort_index()
    pd.testing.assert_frame_equal(house.rows.table, expected)
    assert len(house.rows.keys) == len(expected)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("target", PROBLEMS)
def test_no_row_is_both_trained_and_compared_on(target: str, split: str) -> None:
    rows = made(target, **SPLITS[split]).rows

    folds = rows.folds(4)

    assert len(folds) == 4
    assert [set(train) & set(test) for train, test in folds] == [set()] * 4
    compared = np.concatenate([test for _, test in folds])
    assert len(set(compared)) == len(compared), "no row is compared on twice"
    assert split == "time" or len(compared) == len(rows.table), "except for the oldest ones, all of them are"


@pytest.mark.parametrize("target", ["yes or no", "town"])
def test_random_folds_have_the_same_shares_of_classes(target: str) -> None:
    rows = made(target).rows
    truth = rows.table[target]

    shares = [truth.iloc[test].value_counts(normalize=True) for _, test in rows.folds(5)]

    assert all((share - truth.value_counts(normalize=True)).abs().max() < 0.02 for share in shares)


@pytest.mark.parametrize("split", ["random with an id", "group"])
def test_an_owner_is_on_one_side_only(split: str) -> None:
    house = made(**SPLITS[split])
    owner = table()["owner"].loc[house.rows.table.index].to_numpy()

    for train, test in house.rows.folds(5):
        assert set(owner[train]) & set(owner[test]) == set()


def test_the_same_row_twice_is_on_one_side_only() -> None:
    twice = pd.concat([table(200)] * 2, ignore_index=True)
    rows = made(given=twice).rows
    original = rows.table.index.to_numpy() % 200

    for train, test in rows.folds(5):
        assert set(original[train]) & set(original[test]) == set()


def test_folds_in_time_are_newer_than_what_is_trained_on() -> None:
    house = made(
        given=table().assign(built=lambda all: all["built"].dt.to_period("Y").dt.to_timestamp()), **SPLITS["time"]
    )
    built = house.rows.keys

    folds = house.rows.folds(4)

    assert [built[train].max() < built[test].min() for train, test in folds] == [True] * len(folds)
    assert [len(train) for train, _ in folds] == sorted({len(train) for train, _ in folds}), "and the window grows"


def test_a_class_with_fewer_rows_than_folds_is_no_problem() -> None:
    few = table()
    few.loc[few.index[:4], "town"] = "Köln"

    assert len(made("town", few).rows.folds(5)) == 5


def test_fewer_groups_than_folds_give_fewer_folds() -> None:
    house = made(given=table().assign(owner=lambda all: all["owner"] % 30), **SPLITS["group"])

    assert len(house.rows.folds(100)) == len(set(house.rows.keys)) < 30


@pytest.mark.parametrize(
    ("split", "name"), [("random", "different rows"), ("group", "groups"), ("time", "points in time")]
)
def test_one_group_is_too_few(split: str, name: str) -> None:
    rows = made(**SPLITS[split]).rows
    one = rows.take(np.flatnonzero(rows.keys == rows.keys[0])[:1])

    with pytest.raises(StepError, match=f"too few {name} for cross-validation: 1"):
        one.folds(5)


def test_many_rows_are_sampled_and_a_note_says_so() -> None:
    house = made()

    rows = trial_rows(house.checked, house.prepared, house.options, most=100)

    assert (len(rows.table), len(rows.keys), house.rows.notes) == (100, 100, ())
    assert rows.notes == (
        f"A random sample of 100 of the {len(house.rows.table)} rows of train and validation is used.",
    )
