"""Batch prediction: every row of a new table gets the prediction that evaluation would compute, or nothing runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
import predicting
import pytest

from sagemaker_ops.tabular.estimator import predict
from sagemaker_ops.tabular.tables import read_part

if TYPE_CHECKING:
    from tabular.conftest import Chain

Change: TypeAlias = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture
def trained(chain: Chain, customers: pd.DataFrame) -> Chain:
    table = customers.assign(customer=[f"c{number}" for number in range(len(customers))])
    assert chain.process(table, "bought", "classification", "--exclude=spent", "--id=customer") == 0
    assert chain.train() == 0
    return chain


@pytest.fixture
def new(customers: pd.DataFrame) -> pd.DataFrame:
    return customers.drop(columns=["bought", "spent"]).assign(customer=[f"n{each}" for each in range(len(customers))])


def run(chain: Chain, source: Path | pd.DataFrame) -> int:
    if isinstance(source, pd.DataFrame):
        path = chain.root / "new.csv"
        source.to_csv(path, index=False)
        source = path
    folders = {"model": chain.root / "model", "input": source, "output": chain.root / "predictions"}
    return predicting.main([f"--{name}-dir={folder}" for name, folder in folders.items()])


def predicted(chain: Chain, source: Path | pd.DataFrame) -> pd.DataFrame:
    assert run(chain, source) == 0
    return pd.read_parquet(chain.root / "predictions/predictions.parquet")


def test_the_test_part_is_predicted_as_in_evaluation(trained: Chain, customers: pd.DataFrame) -> None:
    table = pd.read_csv(trained.root / "table.csv", keep_default_na=False, na_values=[""])
    model = trained.model()
    test = read_part(trained.root / "test", model.schema)
    expected = predict(model.pipeline, model.schema.frame(test))

    found = predicted(trained, table.drop(columns="bought")).set_index("customer")

    ours = found.loc[test["customer"].astype(str), ["probability_no", "probability_yes"]].to_numpy()
    assert ours.tobytes() == expected.tobytes()
    assert len(found) == len(customers)


def test_a_regression_has_values_and_row_numbers(chain: Chain, customers: pd.DataFrame) -> None:
    assert chain.process(customers, "spent", "regression", "--exclude=bought") == 0
    assert chain.train() == 0

    found = predicted(chain, customers)

    assert list(found.columns) == ["row", "value"]
    assert found["row"].tolist() == list(range(len(customers)))
    assert np.isfinite(found["value"]).all()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda new: new[new.columns[::-1]], id="other order"),
        pytest.param(lambda new: new.assign(extra="x", more=1), id="extra columns"),
        pytest.param(lambda new: new.assign(bought=None), id="target without values"),
        pytest.param(lambda new: new.assign(bought="perhaps"), id="target with another class"),
        pytest.param(lambda new: new.assign(member=new["member"].astype(int)), id="1 and 0 for true and false"),
    ],
)
def test_what_does_not_matter(trained: Chain, new: pd.DataFrame, change: Change) -> None:
    expected = predicted(trained, new)

    pd.testing.assert_frame_equal(predicted(trained, change(new)), expected, check_exact=True)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(
            lambda new: new.rename(columns={"age": "Age"}),
            "column 'age' is missing. Did you mean 'Age'?",
            id="missing column",
        ),
        pytest.param(
            lambda new: new.assign(age=["old", *new["age"][1:]]),
            "column 'age' must contain numbers, but row 1 has 'old'",
            id="another type",
        ),
        pytest.param(
            lambda new: new.drop(columns="customer"),
            "column 'customer', which identifies a row, is missing.",
            id="no id",
        ),
        pytest.param(
            lambda new: new.assign(customer=["n1", "n1", *new["customer"][2:]]),
            "column 'customer' has 'n1' in more than one row; remove one of them",
            id="duplicate ids",
        ),
    ],
)
def test_what_stops_before_anything_is_predicted(
    trained: Chain,
    new: pd.DataFrame,
    change: Change,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(trained, change(new)) == 1

    assert capsys.readouterr().err.splitlines() == [sentence]
    assert not (trained.root / "predictions").exists()


def test_a_table_without_rows(trained: Chain, new: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(trained, new.head(0)) == 1

    assert "has a header but no values" in capsys.readouterr().err


def test_a_folder_of_parquet_files(trained: Chain, new: pd.DataFrame) -> None:
    expected = predicted(trained, new)
    folder = trained.root / "several"
    folder.mkdir()
    new[:100].to_parquet(folder / "a.parquet")
    new[100:].to_parquet(folder / "b.parquet")

    pd.testing.assert_frame_equal(predicted(trained, folder), expected, check_exact=True)
