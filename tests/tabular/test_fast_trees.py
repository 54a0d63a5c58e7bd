"""The sums of all trees are those of scikit-learn, to the last bit, for every number of leaves and rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from sagemaker_ops.tabular.fast_trees import BLOCK, FEW, Trees

pytestmark = pytest.mark.slow
Table = npt.NDArray[np.float64]


def table(rows: int, seed: int = 0) -> tuple[Table, npt.NDArray[Any]]:
    """Two columns of categories, with rare ones, and four of numbers; all with gaps."""
    random = np.random.default_rng(seed)
    columns = [
        random.integers(0, 200, rows) ** 2 // 200,
        random.integers(0, 3, rows),
        random.normal(0, 1, rows),
        random.integers(-3, 3, rows),
        random.exponential(1e9, rows),
        random.choice([0.0, -0.0, 1e-300, 5.0], rows),
    ]
    values = np.array(columns, dtype=np.float64).T
    y = np.sin(values[:, 0]) + values[:, 1] * values[:, 2] + (values[:, 3] > 0) + random.normal(0, 0.3, rows)
    values[random.random(values.shape) < 0.1] = np.nan
    y += np.isnan(values[:, 4])
    return values, y


def fitted(kind: Any, y: npt.NDArray[Any], values: Table, **options: Any) -> Any:
    return kind(categorical_features=[0, 1], max_iter=12, min_samples_leaf=2, random_state=0, **options).fit(values, y)


@pytest.mark.parametrize("leaves", [2, 31, 32, 33, 64, 65, 300])
@pytest.mark.parametrize("classes", [0, 2, 4])
def test_the_sums_are_the_same(leaves: int, classes: int) -> None:
    values, y = table(3000)
    if classes:
        answers = np.digitize(y, np.quantile(y, np.arange(1, classes) / classes))
        boosting = fitted(HistGradientBoostingClassifier, answers, values, max_leaf_nodes=leaves)
    else:
        boosting = fitted(HistGradientBoostingRegressor, y, values, max_leaf_nodes=leaves)
    trees = Trees(boosting)
    others, _ = table(2 * BLOCK + 7, seed=1)

    for rows in (1, 2, FEW, FEW + 1, BLOCK, BLOCK + 1, len(others)):
        given = others[:rows]
        prepared = boosting._preprocess_X(given, reset=False)
        assert np.array_equal(trees.raw(prepared), boosting._raw_predict(given)), rows


def test_trees_that_are_one_leaf() -> None:
    values = np.ones((200, 6))
    boosting = fitted(HistGradientBoostingRegressor, np.arange(200.0), values)

    for rows in (1, 100):
        assert np.array_equal(Trees(boosting).raw(values[:rows]), boosting._raw_predict(values[:rows]))


def test_values_at_and_beyond_the_limits() -> None:
    values, y = table(2000)
    boosting = fitted(HistGradientBoostingRegressor, y, values)
    limits = boosting._bin_mapper.bin_thresholds_[2]
    rows = np.zeros((3 * len(limits) + 3, 6))
    odd = [*limits, *np.nextafter(limits, np.inf), *np.nextafter(limits, -np.inf), 1e308, -1e308, np.nan]
    rows[:, 2], rows[:, 4] = odd, odd[::-1]
    prepared = boosting._preprocess_X(rows, reset=False)

    assert np.array_equal(Trees(boosting).raw(prepared), boosting._raw_predict(rows))
    alone = [Trees(boosting).raw(prepared[at : at + 1])[0] for at in range(0, len(rows), 40)]
    assert np.array_equal(alone, boosting._raw_predict(rows)[::40])
