"""training.py: hyperparameters, reproducibility, and the packed model."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import model
import numpy as np
import pandas as pd
import pytest
import training
from model import HYPERPARAMETERS, make_model
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_info, threadpool_limits

from sagemaker_ops.guardrails import gate_check
from sagemaker_ops.tabular import estimator, model_archive
from sagemaker_ops.tabular.dates import date_numbers
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.estimator import predict
from sagemaker_ops.tabular.evaluation import evaluate
from sagemaker_ops.tabular.hyperparameters import read_hyperparameters
from sagemaker_ops.tabular.metrics import Metric
from sagemaker_ops.tabular.model_archive import load_model, serving_code
from sagemaker_ops.tabular.schema import Feature, Schema

if TYPE_CHECKING:
    from tabular.conftest import Chain


pytestmark = pytest.mark.slow


def test_two_trainings_predict_the_same(flights: Chain, chain: Chain) -> None:
    folders = [f"--{name}-dir={flights.root / name}" for name in ("train", "validation", "summary")]
    assert training.main([*folders, f"--model-dir={chain.root}", "--max_iter=30"]) == 0
    rows = flights.part("test")
    first, second = (
        predict(loaded.pipeline, loaded.schema.frame(rows))
        for loaded in map(load_model, (flights.root / "model", chain.root))
    )
    assert first.tobytes() == second.tobytes()


def test_more_threads_predict_the_same(flights: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    schema, rows = Schema.load(flights.root / "summary"), flights.part("train").head(4000)
    predictions = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(
            estimator, "threads", lambda _, number=threads: threadpool_limits(number, user_api="openmp")
        )
        fitted = make_model(schema, {"max_iter": 5})
        estimator.fit(fitted, schema, rows, rows)
        predictions.append(predict(fitted, schema.frame(rows)).tobytes())
    assert predictions == predictions[:1] * 3


def test_reads_the_variables_of_the_toolkit(
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
    code = {f"code/{name}" for name in serving_code(Path(training.__file__).parent)}
    assert packed == {"model.joblib", "schema.json", "training.json", "baseline.json", *code}
    assert {"code/inference.py", "code/features.py", "code/sagemaker_ops/tabular/requests.py"} <= code


def test_a_small_table_gets_one_thread_also_of_a_library_that_was_imported_later() -> None:
    def openmp() -> set[int]:
        return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "openmp"}

    before = openmp()
    assert before, "scikit-learn has one"
    with estimator.threads(10):
        assert openmp() == {1}
    assert openmp() == before
    with estimator.threads(estimator.FEW_ROWS):
        assert openmp() == before

    known = estimator._controller(len(sys.modules))
    assert estimator._controller(len(sys.modules)) is known
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "a_library_with_threads", sys)
        assert estimator._controller(len(sys.modules)) is not known


def test_packs_the_same_code_from_a_container_where_the_library_is_among_the_scripts(tmp_path: Path) -> None:
    scripts = Path(training.__file__).parent
    shutil.copytree(scripts, tmp_path / "code", ignore=shutil.ignore_patterns("__pycache__"))
    library = Path(estimator.__file__).parents[1]
    for package in ("tabular", "tabular/spark"):
        for file in (library / package).glob("*.py"):
            target = tmp_path / "code" / "sagemaker_ops" / package / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)

    packed = serving_code(tmp_path / "code")

    assert packed.keys() == serving_code(scripts).keys()
    assert not {name for name in packed if name in ("training.py", "evaluation.py") or "spark" in name}


def test_prints_each_metric_of_a_gate_and_your_own_as_a_tuning_step_looks_for_it(
    flights: Chain, chain: Chain, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(training.METRICS, "cost", Metric(lambda *_: 0.00001234567, lower_is_better=True))
    folders = [f"--{name}-dir={flights.root / name}" for name in ("train", "validation", "summary")]

    assert training.main([*folders, f"--model-dir={chain.root}", "--max_iter=5"]) == 0

    printed = capsys.readouterr().out
    found = {
        metric: re.findall(f"{re.escape(f'validation:{metric}')}=([0-9.eE+-]+);", printed)  # as pipelines/tuning.py
        for metric in (*gate_check.BINARY, "cost")
    }
    assert {len(values) for values in found.values()} == {1}
    assert found.pop("cost") == ["1.23457e-05"]
    assert all(0 <= float(value) <= 1 for [value] in found.values())


@pytest.mark.parametrize(
    ("given", "finding"),
    [
        pytest.param({"learning_rat": "0.1"}, "unknown hyperparameter 'learning_rat'. Did you mean", id="misspelt"),
        pytest.param({"depth": "3"}, "'depth'. Available: learning_rate, max_iter", id="unknown"),
        pytest.param({"max_iter": "ten"}, "max_iter is 'ten'; it must be a whole number from 1", id="not a number"),
        pytest.param({"max_iter": "1.5"}, "max_iter is '1.5'; it must be a whole number", id="not whole"),
        pytest.param(
            {"learning_rate": "2"}, "learning_rate is '2'; it must be a number from 0.0001 to 1", id="too high"
        ),
        pytest.param({"learning_rate": "nan"}, "learning_rate is 'nan'", id="nan"),
        pytest.param({"l2_regularization": "-1"}, "l2_regularization is '-1'", id="too low"),
        pytest.param({"class_weight": "equal"}, "is 'equal'; it must be 'none' or 'balanced'", id="not a choice"),
    ],
)
def test_refuses_hyperparameters(given: dict[str, str], finding: str) -> None:
    _, findings = read_hyperparameters(given, HYPERPARAMETERS)
    assert len(findings) == 1
    assert finding in findings[0]


def test_the_help_shows_the_allowed_values_of_each_hyperparameter(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        training.main(["--help"])
    printed = " ".join(capsys.readouterr().out.split())
    for name, known in HYPERPARAMETERS.items():
        assert f"--{name} VALUE {known.help}; {known.expected} (default: {known.default})" in printed


def test_whole_numbers_may_be_given_as_floats() -> None:
    values, findings = read_hyperparameters({"max_iter": "50.0"}, HYPERPARAMETERS)
    assert not findings
    assert repr(values["max_iter"]) == "50"
    assert values.keys() == HYPERPARAMETERS.keys()


def test_reports_all_findings_together(
    chain: Chain, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = chain.root / "failure"  # what SageMaker shows as the job's FailureReason
    monkeypatch.setattr(training, "FAILURE_FILE", str(failure))
    assert chain.train("--learning-rate", "0.1", "--max_iter", "0", "-n", "5") == 1
    stderr = capsys.readouterr().err
    assert len(stderr.splitlines()) == 5  # two missing folders, two unknown names, one value out of range
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


def test_a_balanced_model_finds_more_of_a_rare_class(flights: Chain) -> None:
    schema, rows = Schema.load(flights.root / "summary"), flights.part("train")
    found = {}
    for weighing in ("none", "balanced"):
        fitted = make_model(schema, {"max_iter": 20, "class_weight": weighing})
        estimator.fit(fitted, schema, rows, rows)
        found[weighing] = predict(fitted, schema.frame(rows)).argmax(axis=1).mean()
    assert found["none"] < schema.truth(rows).mean() < found["balanced"]


def test_balanced_classes_need_classes(
    chain: Chain, customers: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chain.process(customers, "spent", "regression") == 0
    assert chain.train("--class_weight=balanced") == 1
    assert "a regression has no classes; use 'none'" in capsys.readouterr().err


@pytest.mark.parametrize("weighing", ["none", "balanced"])
def test_stops_when_validation_gets_no_better(
    chain: Chain, customers: pd.DataFrame, weighing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chain.process(customers, "bought", "classification", "--exclude=spent") == 0
    arguments = ["--max_iter=500", "--early_stopping_rounds=5", f"--class_weight={weighing}"]
    assert chain.train(*arguments) == 0
    fitted = load_model(chain.root / "model").pipeline[-1]
    assert f"stopped after {fitted.n_iter_} of 500 iterations" in capsys.readouterr().out
    assert fitted.n_iter_ < 200
    # scikit-learn scores validation before the first tree and after each one: the last five were no better.
    assert np.argmax(fitted.validation_score_) <= fitted.n_iter_ - 5


def test_learns_from_many_categories_and_dates() -> None:
    random = np.random.default_rng(6)
    shop, day = random.integers(0, 600, 6000), random.integers(0, 700, 6000)
    opened = pd.Timestamp("2023-01-02") + pd.to_timedelta(day, unit="D")  # a Monday
    table = pd.DataFrame({"shop": [f"s{number}" for number in shop], "opened": opened, "noise": random.random(6000)})
    table["sold"] = shop % 7 + (day % 7 == 6) * 5.0 + random.normal(0, 0.1, 6000)
    table.loc[::50, "opened"] = None
    table.loc[::70, "shop"] = None
    kinds = [Feature("shop", "categorical"), Feature("opened", "date"), Feature("noise", "numeric")]
    schema, train, test = Schema("sold", "regression", tuple(kinds), naive=(0.0,)), table[1000:], table[:1000]
    fitted = make_model(schema, {})
    estimator.fit(fitted, schema, train, test)
    evaluation = evaluate(fitted, schema, test)
    assert evaluation["gate"]["value"] > 0.8
    assert [entry["feature"] for entry in evaluation["importance"]] == ["shop", "opened", "noise"]
    assert any(" to 2024-" in entry["slice"] for entry in evaluation["slices"])


@pytest.mark.parametrize(
    ("target", "weighing"),
    [
        pytest.param("bought", "none", id="two classes"),
        pytest.param("bought", "balanced", id="two classes, balanced"),
        pytest.param("town", "balanced", id="three classes, balanced"),
        pytest.param("spent", "none", id="numbers"),
    ],
)
@pytest.mark.parametrize("rounds", [0, 5])
@pytest.mark.parametrize("unit", [1, 1e-9], ids=["counts", "shares of a whole"])
def test_a_weight_of_two_equals_two_rows(
    chain: Chain, customers: pd.DataFrame, target: str, weighing: str, rounds: int, unit: float
) -> None:
    problem = "regression" if target == "spent" else "classification"
    excluded = [f"--exclude={name}" for name in {"bought", "spent", "town"} - {target}]
    assert chain.process(customers, target, problem, *excluded) == 0
    schema, rows = Schema.load(chain.root / "summary"), chain.part("train")
    weighted = replace(schema, weight="weight")
    weights = np.random.default_rng(8).integers(1, 3, len(rows))
    values: dict[str, float | str] = {"max_iter": 20, "early_stopping_rounds": rounds, "class_weight": weighing}
    values |= {"min_samples_leaf": 1, "max_leaf_nodes": 4}
    fitted = [make_model(schema, values), make_model(weighted, values)]
    estimator.fit(fitted[0], schema, rows.loc[rows.index.repeat(weights)], rows)
    estimator.fit(fitted[1], weighted, rows.assign(weight=weights * unit), rows.assign(weight=unit))
    first, second = (predict(one, schema.frame(rows)) for one in fitted)
    assert first == pytest.approx(second)
    assert np.min(np.ptp(first, axis=0)) > 0  # it has learned something


@pytest.mark.parametrize(("target", "rows"), [("bought", 1), ("bought", 7), ("town", 1), ("spent", 1)])
def test_a_tiny_validation_part_also_stops_training(
    chain: Chain, customers: pd.DataFrame, target: str, rows: int
) -> None:
    problem = "regression" if target == "spent" else "classification"
    assert chain.process(customers, target, problem) == 0
    chain.part("validation").head(rows).to_parquet(chain.root / "validation" / "part-0.parquet")
    assert chain.train("--early_stopping_rounds=2", *["--class_weight=balanced"] * (target != "spent")) == 0
    assert 2 <= load_model(chain.root / "model").pipeline[-1].n_iter_ <= 30


@pytest.mark.parametrize(
    ("weights", "finding"),
    [
        pytest.param(None, "weight column 'w' is missing", id="missing"),
        pytest.param([1.0, -1.0], "must contain numbers from 0", id="negative"),
        pytest.param([1.0, np.nan], "must contain numbers from 0", id="gaps"),
        pytest.param([0.0, 0.0], "not 0 in every row", id="all zero"),
    ],
)
def test_refuses_weights(weights: list[float] | None, finding: str) -> None:
    table = pd.DataFrame({"x": [1, 2]} | ({} if weights is None else {"w": weights}))
    with pytest.raises(StepError, match=finding):
        estimator.row_weights(Schema("y", "regression", (), weight="w"), table)


class Recorder:
    """An estimator that keeps what its `fit` was given."""

    def __init__(self, **parameters: object) -> None:
        self.given: dict[str, Any] = {}
        vars(self).update(parameters)


class LikeXGBoost(Recorder):
    def fit(
        self, X: Any, y: Any, *, sample_weight: Any = None, eval_set: Any = None, verbose: bool = True,  # noqa: N803
        sample_weight_eval_set: Any = None,
    ) -> None:  # fmt: skip
        self.given = {key: value for key, value in locals().items() if value is not None and key != "self"}


class LikeLightGBM(Recorder):
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, eval_set: Any = None, eval_sample_weight: Any = None  # noqa: N803
    ) -> None:  # fmt: skip
        self.given = {key: value for key, value in locals().items() if value is not None and key != "self"}


class LikeCatBoost(Recorder):
    def fit(self, X: Any, y: Any, sample_weight: Any = None, eval_set: Any = None) -> None:  # noqa: N803
        self.given = {key: value for key, value in locals().items() if value is not None and key != "self"}


class LikeSGD(Recorder):
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> None:  # noqa: N803
        self.given = {key: value for key, value in locals().items() if value is not None and key != "self"}


class WithoutWeights(Recorder):
    def fit(self, X: Any, y: Any) -> None:  # noqa: N803
        self.given = {"X": X, "y": y}


AGES = pd.DataFrame({"age": [20.0, 30.0, 40.0], "bought": ["no", "yes", "no"], "w": [1.0, 1.0, 4.0]})
BUYERS = Schema("bought", "classification", (Feature("age", "numeric"),), ("no", "yes"), (0.5, 0.5))


def fitted_with(estimator_: Recorder, schema: Schema) -> dict[str, Any]:
    estimator.fit(make_pipeline(FunctionTransformer(), estimator_), schema, AGES, AGES[1:])
    return estimator_.given


@pytest.mark.parametrize(
    ("kind", "key"), [(LikeXGBoost, "sample_weight_eval_set"), (LikeLightGBM, "eval_sample_weight")]
)
@pytest.mark.parametrize("weight", [None, "w"])
def test_validation_rows_are_passed_as_the_estimator_expects_them(
    kind: type[Recorder], key: str, weight: str | None
) -> None:
    given = fitted_with(kind(early_stopping_rounds=5), replace(BUYERS, weight=weight))

    [(rows, truth)] = given["eval_set"]
    assert rows["age"].tolist() == [30.0, 40.0]
    assert (given["y"].tolist(), truth.tolist()) == ([0, 1, 0], [1, 0])
    [weights] = given[key]
    assert weights.tolist() == ([0.4, 1.6] if weight else [1.0, 1.0])
    assert "verbose" not in given or given["verbose"] is False


@pytest.mark.parametrize(
    "asked", [pytest.param(LikeXGBoost(), id="no early stopping"), pytest.param(LikeSGD(early_stopping=True), id="own")]
)
def test_an_estimator_that_needs_no_rows_for_validation_gets_none(asked: Recorder) -> None:
    assert fitted_with(asked, BUYERS).keys() <= {"X", "y", "verbose"}


@pytest.mark.parametrize(
    ("asked", "weight", "finding"),
    [
        pytest.param(LikeSGD(early_stopping_rounds=5), None, "LikeSGD does not support validation rows; ", id="rows"),
        pytest.param(
            LikeCatBoost(early_stopping_rounds=5), "w", "support weights for validation rows; turn its", id="both"
        ),
        pytest.param(WithoutWeights(), "w", "does not support weights; remove [data].weight", id="weights"),
    ],
)
def test_what_an_estimator_does_not_support_is_reported_in_a_sentence(
    asked: Recorder, weight: str | None, finding: str
) -> None:
    with pytest.raises(StepError, match=re.escape(finding)):
        fitted_with(asked, replace(BUYERS, weight=weight))


@pytest.mark.parametrize(
    ("versions", "finding"),
    [
        pytest.param(
            {"scikit-learn": "1.8.2"}, "trained with scikit-learn 1.8.2, but this is scikit-learn 1.", id="minor"
        ),
        pytest.param({"numpy": "1.26.4"}, "trained with numpy 1.26.4, but this is numpy 2.", id="major"),
        pytest.param({"python": "3.9.1", "pandas": "1.5.3"}, "", id="readable"),
    ],
)
def test_a_model_trained_with_other_versions(
    flights: Chain, chain: Chain, versions: dict[str, str], finding: str
) -> None:
    shutil.copytree(flights.root / "model", chain.root / "model")
    trained = chain.json("model/training.json")
    assert trained["versions"] == model_archive.VERSIONS
    trained["versions"] |= versions
    (chain.root / "model" / "training.json").write_text(json.dumps(trained))
    if not finding:
        assert load_model(chain.root / "model").schema == load_model(flights.root / "model").schema
        return
    with pytest.raises(StepError) as refused:
        load_model(chain.root / "model")
    assert finding in str(refused.value)
    assert "\n" not in str(refused.value)


def test_without_dates_there_are_no_numbers_of_dates() -> None:
    table = pd.DataFrame(index=[3, 5])

    assert date_numbers(table).shape == (2, 0)
    assert list(date_numbers(table).index) == [3, 5]
