"""Rules that the guardrails repeat, because they cannot import NumPy, are those of the steps."""

from __future__ import annotations

import numpy as np
import pytest

from sagemaker_ops.guardrails import gate_check, table_check
from sagemaker_ops.tabular import checks, group_columns, schema
from sagemaker_ops.tabular.metrics import is_lower_better, measure

TWO, THREE = np.full((4, 2), 0.5), np.full((4, 3), 1 / 3)


@pytest.mark.parametrize(
    ("known", "truth", "prediction"),
    [
        pytest.param(gate_check.BINARY, np.array([0, 1, 0, 1]), TWO, id="two classes"),
        pytest.param(gate_check.MULTICLASS, np.array([0, 1, 2, 1]), THREE, id="several classes"),
        pytest.param(gate_check.REGRESSION, np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 5]), id="numbers"),
    ],
)
def test_the_gate_knows_each_metric_and_what_is_better(
    known: dict[str, gate_check.Scale], truth: np.ndarray, prediction: np.ndarray
) -> None:
    assert known.keys() == measure(truth, prediction).keys()
    assert {name: scale.lower_is_better for name, scale in known.items()} == {
        name: is_lower_better(name, {}) for name in known
    }


def test_the_table_is_checked_by_the_same_rules() -> None:
    assert sorted(table_check.MISSING) == sorted(schema.MISSING)
    assert table_check.MOST_CLASSES == checks.MOST_CLASSES
    assert table_check.MOST_GROUPS == group_columns.MOST_TEXTS
