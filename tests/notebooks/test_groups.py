"""Groups of rows, and the intervals of what they have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from sagemaker_ops.notebooks.groups import MISSING, OTHER, explained_share, group, mean_interval, share_interval

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    [  # R: prop.test(hits, rows, correct = FALSE)$conf.int
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),  # Newcombe, Statistics in Medicine 17 (1998), table I
        (15, 148, 0.0624, 0.1605),  # the same
        (0, 20, 0.0, 0.1611),  # the same
        (1, 29, 0.0061, 0.1718),  # the same
    ],
)
def test_the_interval_of_a_share(hits: int, rows: int, low: float, high: float) -> None:
    assert share_interval(hits, rows) == pytest.approx((low, high), abs=6e-5)


def test_the_interval_of_a_mean() -> None:
    values = np.arange(1, 101)  # mean 50.5, standard deviation 29.0115, standard error 2.90115

    low, high = mean_interval(50.5, ((values - 50.5) ** 2).sum(), 100)

    assert (low, high) == pytest.approx((44.8139, 56.1861), abs=1e-3)


def test_the_mean_of_one_row_has_no_interval() -> None:
    assert np.isnan(mean_interval([5.0], [0.0], [1])).all()


@pytest.mark.parametrize(
    ("codes", "values", "share"),
    [
        pytest.param([0, 0, 1, 1], [1, 1, 2, 2], 1.0, id="the groups determine the values"),
        pytest.param([0, 1, 0, 1], [1, 1, 2, 2], 0.0, id="the groups say nothing"),
        pytest.param([0, 1, 2, 3], [1, 2, 3, 4], 0.0, id="one row for each group says nothing"),
        pytest.param([0, 0, 0, 0], [1, 2, 3, 4], 0.0, id="one group"),
        pytest.param([0, 0, 1, 1], [3, 3, 3, 3], 0.0, id="the same value in every row"),
        pytest.param([0, 0, 0, 1, 1, 1], [1, 2, 3, 3, 4, 5], 0.5, id="1 - (4 / 4) / (10 / 5)"),
    ],
)
def test_the_explained_share(codes: list[int], values: list[float], share: float) -> None:
    assert explained_share(np.array(codes), np.array(values, float)[:, None]) == pytest.approx(share)


def test_chance_explains_nothing_on_average() -> None:
    chance = np.random.default_rng(1)
    values = chance.normal(size=(100, 1))

    shares = [explained_share(chance.integers(0, 12, 100), values) for _ in range(200)]

    assert np.median(shares) < 0.01  # the plain share of variance is 11 / 99


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        pytest.param([3, 1, 2, 1], ["1", "2", "3"], id="few numbers are not divided"),
        pytest.param([1, None, 2], ["1", "2", MISSING], id="missing numbers"),
        pytest.param([np.nan, np.nan], [MISSING], id="nothing but missing numbers"),
        pytest.param(range(100), ["0 to 24", "25 to 49", "50 to 74", "75 to 99"], id="equally many rows"),
        pytest.param([0] * 90 + [*range(1, 11)], ["0", "1 to 10"], id="most rows have one number"),
        pytest.param(list("aaabbbccdde"), ["a", "b", "c", OTHER], id="rare categories"),
        pytest.param(["a", None], ["a", MISSING], id="missing text"),
        pytest.param([OTHER, OTHER, *"aabbccdd"], [OTHER, "a", "b", OTHER], id="a value with the name of a group"),
        pytest.param(
            pd.to_datetime(["2025-01-01", "2025-06-30"]), ["2025-01-01", "2025-06-30"], id="dates without hours"
        ),
        pytest.param(
            pd.to_datetime(["2025-01-01 08:00", "2025-01-01 09:00"]), ["01-01 08:00", "01-01 09:00"], id="hours"
        ),
    ],
)
def test_the_labels_of_groups(values: Any, labels: list[str]) -> None:
    assert group(pd.Series(values), most=4).labels == labels


def test_every_row_is_in_its_group() -> None:
    groups = group(pd.Series([7.0, None, 1.0, 7.0]))

    assert [groups.labels[code] for code in groups.codes] == ["7", MISSING, "1", "7"]
