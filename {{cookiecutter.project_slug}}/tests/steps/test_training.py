"""training.py: hyperparameters, reproducibility, and what it packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import model
import training
from evaluation import load_model
from model import HYPERPARAMETERS, make_model, predict, read_hyperparameters
from schema import Schema

if TYPE_CHECKING:
    from tests.steps.conftest import Chain


def test_two_trainings_predict_the_same(flights: Chain, chain: Chain) -> None:
    folders = [f"--{name}-dir={flights.root / name}" for name in ("train", "validation", "summary")]
    assert training.main([*folders, f"--model-dir={chain.root}", "--max_iter=30"]) == 0
    rows = flights.part("test")
    first, second = (
        predict(fitted, schema.frame(rows)) for fitted, schema in map(load_model, (flights.root / "model", chain.root))
    )
    assert first.tobytes() == second.tobytes()


def test_reads_what_the_toolkit_sets(
    flights: Chain, chain: Chain, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for channel in ("train", "validation", "summary"):
        monkeypatch.setenv(f"SM_CHANNEL_{channel.upper()}", str(flights.root / channel))
    monkeypatch.setenv("SM_MODEL_DIR", str(chain.root))
    assert training.main(["--learning_rate", "0.2", "--max_iter", "5"]) == 0
    printed = capsys.readouterr().out
    assert "learning_rate=0.2, max_iter=5" in printed
    assert "validation:auc=0." in printed
    packed = {str(path.relative_to(chain.root)) for path in chain.root.rglob("*") if path.is_file()}
    assert packed == {"model.joblib", "schema.json", *(f"code/{name}" for name in training.SERVING)}


@pytest.mark.parametrize(
    ("given", "finding"),
    [
        pytest.param({"learning_rat": "0.1"}, "unknown hyperparameter 'learning_rat'. Did you mean", id="misspelt"),
        pytest.param({"depth": "3"}, "'depth'. Known are learning_rate, max_iter", id="unknown"),
        pytest.param({"max_iter": "ten"}, "max_iter is 'ten'; it must be a whole number from 1", id="no number"),
        pytest.param({"max_iter": "1.5"}, "max_iter is '1.5'; it must be a whole number", id="not whole"),
        pytest.param(
            {"learning_rate": "2"}, "learning_rate is '2'; it must be a number from 0.0001 to 1", id="too high"
        ),
        pytest.param({"learning_rate": "nan"}, "learning_rate is 'nan'", id="nan"),
        pytest.param({"l2_regularization": "-1"}, "l2_regularization is '-1'", id="too low"),
    ],
)
def test_refuses_hyperparameters(given: dict[str, str], finding: str) -> None:
    _, findings = read_hyperparameters(given)
    assert len(findings) == 1
    assert finding in findings[0]


def test_whole_numbers_may_come_as_floats() -> None:
    values, findings = read_hyperparameters({"max_iter": "50.0"})
    assert not findings
    assert repr(values["max_iter"]) == "50"
    assert values.keys() == HYPERPARAMETERS.keys()


def test_tells_all_findings_at_once(
    chain: Chain, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = chain.root / "failure"  # what SageMaker shows as the job's FailureReason
    monkeypatch.setattr(training, "FAILURE_FILE", str(failure))
    assert chain.train("--learning-rate", "0.1", "--max_iter", "0", "-n", "5") == 1
    stderr = capsys.readouterr().err
    assert len(stderr.splitlines()) == 5  # two folders that are not there, two unknown names, one value out of range
    assert "unknown hyperparameter 'learning-rate'. Did you mean 'learning_rate'?" in stderr
    assert failure.read_text() == stderr


@pytest.mark.parametrize("target", ["bought", "spent"])
def test_learns_from_few_columns(chain: Chain, customers: pd.DataFrame, target: str) -> None:
    problem, other = ("classification", "spent") if target == "bought" else ("regression", "bought")
    assert chain.process(customers, target, problem, "--exclude", other, "--exclude", "town") == 0
    assert chain.train("--min_samples_leaf=5") == 0
    assert chain.evaluate() == 0
    assert chain.json("evaluation/evaluation.json")["gate"]["value"] > 0.6


def test_added_features_reach_the_model(flights: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "add_features", lambda frame: frame.assign(hour=frame["sched_dep_time"] // 100))
    schema, rows = Schema.load(flights.root / "summary"), flights.part("train").head(500)
    fitted = make_model(schema, {"max_iter": 1}).fit(schema.frame(rows), schema.truth(rows))
    assert fitted[-1].n_features_in_ == len(schema.features) + 1
