"""PSI, KS and what is chance: against values computed by hand, against scipy, and against tables without a change."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from sagemaker_ops.tabular.distributions import (
    bin_names,
    count_numbers,
    describe_categories,
    describe_column,
    describe_numbers,
    share_of_new,
)
from sagemaker_ops.tabular.drift import ks, psi, psi_by_chance, share_by_chance

pytestmark = pytest.mark.slow

THIRDS = pytest.approx([2 / 3, 1 / 3, 0])


def numbers(*values: float) -> Any:
    return describe_numbers(np.array(values, dtype=float))


def shares_of(found: Any, *values: float) -> list[float]:
    counts = count_numbers(np.array(values, dtype=float), np.array(found["edges"]))
    return [float(each) for each in counts / len(values)]


def test_psi_is_the_sum_that_its_definition_says() -> None:
    then, now = np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.4, 0.2])

    by_hand = -0.1 * log(0.4 / 0.5) + 0.1 * log(0.4 / 0.3) + 0
    assert psi(then, now, 10_000, 10_000) == pytest.approx(by_hand) == pytest.approx(0.0510826, abs=1e-7)
    assert psi(then, then, 10, 10) == 0


@pytest.mark.parametrize(
    ("rows", "counts_as"),
    [(100_000, 0.0001), (1000, 0.0005), (100, 0.005)],
    ids=["at least one in ten thousand", "half a row", "half of few rows"],
)
def test_an_empty_bin_counts_as_half_a_row(rows: int, counts_as: float) -> None:
    full, half = np.array([1.0, 0.0]), np.array([0.9, 0.1])

    assert psi(full, half, rows, 10) == pytest.approx(-0.1 * log(0.9) + (0.1 - counts_as) * log(0.1 / counts_as))
    assert psi(half, full, 10, rows) == pytest.approx(psi(full, half, rows, 10))


def test_a_rare_bin_that_a_small_table_does_not_reach_is_no_change() -> None:
    assert psi(np.array([0.99, 0.01]), np.array([1.0, 0.0]), 1000, 20) == pytest.approx(0.01 * log(1 / 0.99))


def test_the_bins_are_the_deciles_of_the_training_rows() -> None:
    found = numbers(*range(1, 101))

    assert found["edges"] == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert found["shares"] == [0.1] * 10
    assert bin_names(found)[:2] == ["up to 10", "10 to 20"]
    assert bin_names(found)[-1] == "above 90"


def test_a_value_of_many_rows_has_a_bin_to_itself() -> None:
    found = numbers(*[0] * 60, *range(1, 41))

    assert bin_names(found) == ["below 0", "0", "0 to 10", "10 to 20", "20 to 30", "above 30"]
    assert found["shares"] == [0, 0.6, 0.1, 0.1, 0.1, 0.1]
    assert shares_of(found, -1, 0, 0.5, 99) == [0.25, 0.25, 0.25, 0, 0, 0.25]


def test_a_constant_column_has_a_bin_on_either_side() -> None:
    found = numbers(7, 7, 7)

    assert bin_names(found) == ["below 7", "7", "above 7"]
    assert shares_of(found, 6.999999, 7, 8, 9) == [0.25, 0.25, 0.5]


def test_categories_beyond_the_most_frequent_share_a_bin() -> None:
    texts = pd.Series([f"c{number}" for number in range(25) for _ in range(25 - number)], dtype=object)

    found = describe_categories(texts)

    assert bin_names(found) == [*(f"c{number}" for number in range(20)), "(others)"]
    assert found["shares"][0] == pytest.approx(25 / 325)
    assert found["shares"][-1] == pytest.approx((5 + 4 + 3 + 2 + 1) / 325)
    assert share_of_new(pd.Series(["c24", "new"]), found["known"]) == 0.5


def test_booleans_are_categories_and_dates_are_days() -> None:
    flags = describe_column(pd.Series([1.0, 0.0, 1.0, np.nan]), "boolean")
    days = describe_column(pd.Series(pd.date_range("2025-01-01", periods=20)), "date")

    assert (bin_names(flags), flags["shares"], flags["missing"]) == (["true", "false", "(others)"], THIRDS, 0.25)
    assert bin_names(days)[0] == "up to 2025-01-02"
    assert bin_names(days)[1] == "to 2025-01-04"
    assert bin_names(days)[-1] == "after 2025-01-18"


def test_a_column_without_values_has_no_bins() -> None:
    found = describe_column(pd.Series([np.nan, np.nan]), "numeric")

    assert (found["missing"], found["rows"], found["shares"]) == (1, 0, [])


@pytest.mark.parametrize("shift", [0, 0.1, 1])
def test_ks_is_that_of_scipy(shift: float) -> None:
    random = np.random.default_rng(1)
    few, more = random.integers(0, 50, 4000) / 1.0, random.integers(0, 50, 700) + round(10 * shift)
    many, others = random.normal(size=4000), random.normal(shift, size=700)

    exact, there = ks(describe_numbers(few), more.astype(float)), ks_2samp(few, more, method="asymp")
    near, far = ks(describe_numbers(many), others), ks_2samp(many, others, method="asymp")

    assert exact == pytest.approx((there.statistic, there.pvalue))
    assert far.statistic - 0.01 <= near[0] <= far.statistic + 1e-12, "the error is at most that of 100 points"


def test_ks_by_hand() -> None:
    assert ks(numbers(1, 2, 3, 4), np.array([3.0, 4.0]))[0] == 0.5
    assert ks(numbers(1, 2, 3, 4), np.array([9.0]))[0] == 1
    assert ks(numbers(1, 2, 3, 4), np.array([4.0, 3.0, 2.0, 1.0])) == (0, 1)


@pytest.mark.parametrize("rows", [5, 30, 100, 1000])
def test_hardly_any_table_without_a_change_exceeds_what_is_chance(rows: int) -> None:
    """The approximation is best for many rows; in between, about 0.4 % of the tables exceed it."""
    random = np.random.default_rng(rows)
    found = describe_numbers(random.normal(size=5000))
    then, exceeding = np.array(found["shares"]), 0
    for _ in range(1000):
        now = np.array(shares_of(found, *random.normal(size=rows)))
        exceeding += psi(then, now, 5000, rows) > max(psi_by_chance(then, now, 5000, rows), 0.2)

    assert exceeding <= 10


def test_chance_explains_less_the_more_rows_there_are() -> None:
    then = np.full(10, 0.1)

    assert psi_by_chance(then, then, 10_000, 100) == pytest.approx(27.877 * (1 / 10_000 + 1 / 100), rel=1e-4)
    assert share_by_chance(0.1, 0.1, 10_000, 100) == pytest.approx(3.29 * (0.09 * 0.0101) ** 0.5)
    assert share_by_chance(0.0, 0.0, 10, 10) == 0
