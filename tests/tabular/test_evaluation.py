"""evaluation.py: whether the scores are right, and evaluation.json shows where the model is good and where not."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics

from sagemaker_ops.tabular import diagnostics
from sagemaker_ops.tabular.evaluation import evaluate
from sagemaker_ops.tabular.metrics import bootstrap, measure, naive_prediction
from sagemaker_ops.tabular.model_archive import load_model
from sagemaker_ops.tabular.schema import Feature, Schema

if TYPE_CHECKING:
    from tabular.conftest import Chain

pytestmark = pytest.mark.slow

ROWS = 500
WEIGHTS = np.random.default_rng(1).integers(0, 4, ROWS)
NUMBERS = np.random.default_rng(2).normal(50, 10, ROWS)
PER_CLASS = {
    "precision": sklearn_metrics.precision_score,
    "recall": sklearn_metrics.recall_score,
    "f1": sklearn_metrics.f1_score,
}


def labels_and_probabilities(classes: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Labels, and probabilities that are related to them; rounded, so that there are ties."""
    random = np.random.default_rng(3)
    truth = random.integers(0, classes, ROWS)
    raw = random.random((ROWS, classes)).round(1) + 0.1 + (truth[:, None] == np.arange(classes)) * 0.3
    return truth, raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("weights", [np.ones(ROWS), WEIGHTS], ids=["rows", "resampled rows"])
@pytest.mark.parametrize("classes", [2, 3])
def test_classification_scores_are_those_of_scikit_learn(classes: int, weights: np.ndarray[Any, Any]) -> None:
    truth, probability = labels_and_probabilities(classes)
    predicted = probability.argmax(axis=1)
    average, prefix = ("binary", "") if classes == 2 else ("weighted", "weighted_")
    ranked = probability[:, 1] if classes == 2 else probability
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(truth, predicted, sample_weight=weights),
        "auc": sklearn_metrics.roc_auc_score(truth, ranked, sample_weight=weights, multi_class="ovr"),
    }
    for name, score in PER_CLASS.items():
        expected[prefix + name] = score(truth, predicted, sample_weight=weights, average=average)
    measured = {name: value[0] for name, value in measure(truth, probability, weights[None].astype(float)).items()}
    assert measured == pytest.approx(expected)


@pytest.mark.parametrize("weights", [np.ones(ROWS), WEIGHTS], ids=["rows", "resampled rows"])
def test_regression_scores_are_those_of_scikit_learn(weights: np.ndarray[Any, Any]) -> None:
    predicted = NUMBERS + np.random.default_rng(3).normal(0, 5, ROWS)
    expected = {
        "mae": sklearn_metrics.mean_absolute_error(NUMBERS, predicted, sample_weight=weights),
        "mse": sklearn_metrics.mean_squared_error(NUMBERS, predicted, sample_weight=weights),
        "rmse": sklearn_metrics.root_mean_squared_error(NUMBERS, predicted, sample_weight=weights),
        "r2": sklearn_metrics.r2_score(NUMBERS, predicted, sample_weight=weights),
    }
    measured = {name: value[0] for name, value in measure(NUMBERS, predicted, weights[None].astype(float)).items()}
    assert measured == pytest.approx(expected)


def test_standard_deviation_is_that_of_a_share() -> None:
    truth, probability = labels_and_probabilities(2)
    accuracy = bootstrap(truth, probability)["accuracy"]
    known = np.sqrt(accuracy["value"] * (1 - accuracy["value"]) / ROWS)
    assert accuracy["standard_deviation"] == pytest.approx(known, rel=0.2)


def test_the_interval_is_that_of_a_share() -> None:
    truth, probability = labels_and_probabilities(2)
    accuracy = bootstrap(truth, probability)["accuracy"]
    half = 1.96 * np.sqrt(accuracy["value"] * (1 - accuracy["value"]) / ROWS)
    known = [accuracy["value"] - half, accuracy["value"] + half]
    assert accuracy["interval"] == pytest.approx(known, abs=0.2 * half)


def test_undefined_scores_are_left_out() -> None:
    truth, probability = np.zeros(ROWS, dtype=int), labels_and_probabilities(2)[1]
    assert bootstrap(truth, probability).keys() == {"accuracy", "precision", "recall", "f1"}


def test_naive_scores() -> None:
    truth, _ = labels_and_probabilities(2)
    naive = bootstrap(truth, naive_prediction((0.6, 0.4), ROWS))
    assert naive["auc"] == {"value": 0.5, "standard_deviation": 0, "interval": [0.5, 0.5]}
    assert naive["accuracy"]["value"] == pytest.approx((truth == 0).mean())
    assert bootstrap(NUMBERS, naive_prediction((50.0,), ROWS))["r2"]["value"] == pytest.approx(0, abs=0.01)


def test_evaluation_of_the_sample(flights: Chain, chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [f"--test-dir={flights.root / 'test'}", "--gate-metric=auc"]
    assert chain.evaluate(*arguments, f"--model-dir={flights.root / 'model'}") == 0
    printed = capsys.readouterr().out
    assert "better than a naive model (0.5)" in printed

    evaluation = chain.json("evaluation/evaluation.json")
    auc = evaluation["binary_classification_metrics"]["auc"]
    assert evaluation["gate"] == {"metric": "auc", "value": auc["value"]}
    assert auc["value"] - evaluation["baseline"]["auc"]["value"] > 10 * auc["standard_deviation"] > 0
    assert evaluation["rows"] == np.sum(evaluation["confusion"]["counts"]) == len(flights.part("test"))
    roc = evaluation["curves"]["roc"][0]
    area = sklearn_metrics.auc(roc["false_positive_rate"], roc["true_positive_rate"])
    assert area == pytest.approx(auc["value"], abs=0.01)
    assert {entry["feature"] for entry in evaluation["importance"]} == set(flights.part("test")) - {"late"}
    assert all(entry["value"] < auc["value"] for entry in evaluation["slices"])
    assert evaluation["verdict"] in printed
    assert auc["interval"][0] < auc["value"] < auc["interval"][1]
    assert 0 < evaluation["calibration_error"] < 0.1


def test_the_warnings_of_processing_are_in_evaluation_json(chain: Chain, customers: pd.DataFrame) -> None:
    table = customers.assign(paid=customers["bought"] == "yes", currency="EUR")
    table.loc[::20, "bought"] = None
    assert chain.process(table, "bought", "classification") == 0
    assert chain.train() == 0
    assert chain.evaluate() == 0

    warnings = chain.json("evaluation/evaluation.json")["warnings"]

    assert warnings == chain.json("summary/summary.json")["warnings"]
    assert [warning.split(" (")[0].split(";")[0] for warning in warnings] == [
        "15 rows",
        "Column 'currency' is left out: every row has the value 'EUR'.",
        "Column 'paid' alone explains 100.0 % of 'bought'",
    ]


def test_an_evaluation_without_the_summary_has_no_warnings(flights: Chain, chain: Chain) -> None:
    folders = [f"--{name}-dir={flights.root / name}" for name in ("model", "test")]
    assert chain.evaluate(*folders) == 0

    assert chain.json("evaluation/evaluation.json")["warnings"] == []


def test_a_packed_model_scores_the_same(flights: Chain, chain: Chain) -> None:
    (chain.root / "model").mkdir()
    with tarfile.open(chain.root / "model" / "model.tar.gz", "w:gz") as archive:
        archive.add(flights.root / "model", arcname=".")
    test = f"--test-dir={flights.root / 'test'}"
    assert chain.evaluate(test) == 0
    packed = chain.json("evaluation/evaluation.json")
    assert chain.evaluate(test, f"--model-dir={flights.root / 'model'}") == 0
    assert chain.json("evaluation/evaluation.json") == packed


def test_a_row_of_weight_zero_does_not_count(flights: Chain) -> None:
    model = load_model(flights.root / "model")
    rows = flights.part("test").reset_index(drop=True)
    weighted = replace(model.schema, weight="weight")
    counted = evaluate(model.pipeline, weighted, rows.assign(weight=(rows.index % 2) * 3.0))
    assert counted["rows"] == len(rows) // 2
    alone = evaluate(model.pipeline, model.schema, rows[1::2])
    for key in ("binary_classification_metrics", "baseline", "calibration_error", "importance", "slices"):
        assert flat(counted[key]) == pytest.approx(flat(alone[key])), key


def test_weights_are_those_of_scikit_learn(flights: Chain) -> None:
    model, rows = load_model(flights.root / "model"), flights.part("test")
    weights = np.random.default_rng(9).integers(0, 4, len(rows))
    evaluation = evaluate(model.pipeline, replace(model.schema, weight="weight"), rows.assign(weight=weights))
    measured = evaluation["binary_classification_metrics"]["auc"]
    score = model.pipeline.predict_proba(model.schema.frame(rows))[:, 1]
    expected = sklearn_metrics.roc_auc_score(rows["late"], score, sample_weight=weights)
    assert measured["value"] == pytest.approx(expected)
    roc = evaluation["curves"]["roc"][0]
    area = sklearn_metrics.auc(roc["false_positive_rate"], roc["true_positive_rate"])
    assert area == pytest.approx(expected, abs=0.01)


def flat(content: Any) -> dict[str, Any]:
    """The leaves of a JSON value by path, in a form that pytest.approx can compare."""
    if not isinstance(content, dict | list):
        return {"": content}
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    return {f"{key}.{path}": leaf for key, value in pairs for path, leaf in flat(value).items()}


def test_importance_and_slices_find_planted_effects(chain: Chain) -> None:
    random = np.random.default_rng(5)
    table = pd.DataFrame({"signal": random.normal(size=3000), "noise": random.normal(size=3000)})
    table["town"] = random.choice(["Bonn", "Köln", "Trier"], 3000)
    blurred = np.where(table["town"] == "Köln", random.normal(0, 5, 3000), random.normal(0, 0.1, 3000))
    table["y"] = table["signal"] * 2 + blurred
    assert chain.process(table, "y", "regression") == 0
    assert chain.train() == 0
    assert chain.evaluate("--gate-metric=rmse") == 0
    evaluation = chain.json("evaluation/evaluation.json")
    assert evaluation["importance"][0]["feature"] == "signal"
    assert (evaluation["slices"][0]["feature"], evaluation["slices"][0]["slice"]) == ("town", "Köln")
    assert evaluation["residuals"]["quantiles"]["50%"] == pytest.approx(0, abs=0.3)


def test_reports_when_a_model_is_no_better_than_naive(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(5)
    table = pd.DataFrame({"x": random.normal(size=400), "y": random.integers(0, 2, 400)})
    assert chain.process(table, "y", "classification") == 0
    assert chain.train() == 0
    assert chain.evaluate() == 0
    assert "no better than a naive model" in capsys.readouterr().out
    assert "no better than a naive model" in chain.json("evaluation/evaluation.json")["verdict"]


@pytest.mark.parametrize(
    ("arguments", "finding"),
    [
        pytest.param(
            ["--gate-metric=acc"], "'acc' is not one of this model's metrics: accuracy, precision", id="metric"
        ),
        pytest.param(["--model-dir=nowhere"], "nowhere has neither model.tar.gz nor model.joblib", id="no model"),
        pytest.param(["--test-dir=nowhere"], "nowhere does not exist", id="no rows"),
    ],
)
def test_refuses(
    flights: Chain, chain: Chain, arguments: list[str], finding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [f"--{name}-dir={flights.root / name}" for name in ("model", "test")]
    assert chain.evaluate(*folders, *arguments) == 1
    assert finding in capsys.readouterr().err
    assert not (chain.root / "evaluation").exists()


def test_close_numbers_and_a_column_called_self_make_slices() -> None:
    random = np.random.default_rng(4)
    frame = pd.DataFrame({"self": 10_000_000 + random.integers(0, 9, 400) / 1_000, "town": ["missing", np.nan] * 200})
    truth, weights = random.random(400), np.ones(400)
    schema = Schema("y", "regression", (Feature("self", "numeric"), Feature("town", "categorical")))
    found = diagnostics.slices(frame, truth, truth, weights, schema, "mae")
    assert {entry["feature"] for entry in found} <= {"self", "town"}
    ranked = diagnostics.importance(frame, truth, weights, lambda rows: rows["self"].to_numpy(), "mae")
    assert {entry["feature"] for entry in ranked} == {"self", "town"}
