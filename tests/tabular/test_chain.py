"""The whole chain by hand, on unknown tables and as called from a shell."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import processing
import pytest
from projects import NO_BYTECODE, TEMPLATE_PROJECT, VENDOR
from sklearn import metrics
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from sagemaker_ops.pipelines.publishing import Code
from sagemaker_ops.tabular.model_archive import load_model
from sagemaker_ops.tabular.schema import Schema

if TYPE_CHECKING:
    from tabular.conftest import Chain

pytestmark = pytest.mark.slow

STEPS = Path(processing.__file__).parent


IMAGE = {*sys.stdlib_module_names, "joblib", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "threadpoolctl"}


def penguins(as_frame: bool) -> Any:
    from palmerpenguins import load_penguins

    return SimpleNamespace(frame=load_penguins().rename(columns={"species": "target"}))


@pytest.mark.parametrize(
    ("load", "problem", "key", "metric", "least"),
    [
        pytest.param(load_wine, "classification", "multiclass_classification_metrics", "auc", 0.9, id="wine"),
        pytest.param(load_iris, "classification", "multiclass_classification_metrics", "accuracy", 0.8, id="iris"),
        pytest.param(penguins, "classification", "multiclass_classification_metrics", "auc", 0.9, id="penguins"),
        pytest.param(load_diabetes, "regression", "regression_metrics", "r2", 0.2, id="diabetes"),
        pytest.param(
            load_breast_cancer, "classification", "binary_classification_metrics", "f1", 0.9, id="breast cancer"
        ),
    ],
)
def test_any_table(chain: Chain, load: Callable[..., Any], problem: str, key: str, metric: str, least: float) -> None:
    assert chain.process(load(as_frame=True).frame, "target", problem) == 0
    assert chain.train() == 0
    assert chain.evaluate(f"--gate-metric={metric}") == 0
    evaluation = chain.json("evaluation/evaluation.json")
    assert evaluation[key].keys() == evaluation["baseline"].keys()
    assert evaluation["gate"]["value"] == evaluation[key][metric]["value"] > least


def planted(problem: str, rows: int = 1500) -> pd.DataFrame:
    """A target that mostly follows `signal`; `leak`, which is the target in another form; and noise."""
    random = np.random.default_rng(11)
    signal, day = random.normal(size=rows), pd.Timestamp("2024-03-01")
    table = pd.DataFrame({"noise": random.normal(size=rows), "town": random.choice(["Bonn", "Köln", "Trier"], rows)})
    table["since"] = day + pd.to_timedelta(random.integers(0, 500, rows), "D")
    table["flag"] = random.random(rows) < 0.5
    table["signal"] = signal
    blurred = signal + random.normal(size=rows) * 0.3
    targets = {"binary": blurred > 0, "multiclass": np.digitize(blurred, [-0.5, 0.5]), "regression": blurred * 100}
    return table.assign(leak=targets[problem] * 3 + 1, y=targets[problem])


KEYS = {
    "binary": "binary_classification_metrics",
    "multiclass": "multiclass_classification_metrics",
    "regression": "regression_metrics",
}
each_problem = pytest.mark.parametrize("problem", KEYS)


@each_problem
def test_a_planted_signal_is_found(chain: Chain, capsys: pytest.CaptureFixture[str], problem: str) -> None:
    kind = "regression" if problem == "regression" else "classification"
    assert chain.process(planted(problem).drop(columns="leak"), "y", kind) == 0
    assert chain.train() == 0
    assert chain.evaluate() == 0
    printed, evaluation = capsys.readouterr().out, chain.json("evaluation/evaluation.json")
    assert "alone explains" not in printed
    assert "no better" not in evaluation["verdict"]
    assert "better than a naive model" in evaluation["verdict"]
    ranked = {entry["feature"]: entry["value"] for entry in evaluation["importance"]}
    assert next(iter(ranked)) == "signal"
    assert ranked["signal"] > 5 * max(value for name, value in ranked.items() if name != "signal")


@each_problem
def test_pure_noise_is_reported_as_no_better_than_naive(chain: Chain, problem: str) -> None:
    kind = "regression" if problem == "regression" else "classification"
    assert chain.process(planted(problem).drop(columns=["leak", "signal"]), "y", kind) == 0
    assert chain.train() == 0
    assert chain.evaluate() == 0
    assert "no better than a naive model" in chain.json("evaluation/evaluation.json")["verdict"]


@each_problem
def test_a_planted_leak_is_reported(chain: Chain, capsys: pytest.CaptureFixture[str], problem: str) -> None:
    kind = "regression" if problem == "regression" else "classification"
    assert chain.process(planted(problem), "y", kind) == 0
    warnings = [line for line in capsys.readouterr().out.splitlines() if "alone explains" in line]
    assert len(warnings) == 1
    assert re.fullmatch(
        "warning: Column 'leak' alone explains (100.0|99.[0-9]) % of 'y'; if it is known only later, "
        r'write exclude = \["leak"\].',
        warnings[0],
    )
    assert warnings[0].removeprefix("warning: ") in chain.json("summary/summary.json")["warnings"]
    assert chain.train() == 0
    assert chain.evaluate() == 0
    assert chain.json("evaluation/evaluation.json")["importance"][0]["feature"] == "leak"


@pytest.mark.parametrize("weighted", [False, True], ids=["rows", "weights"])
@each_problem
def test_the_scores_are_those_of_scikit_learn(chain: Chain, problem: str, weighted: bool) -> None:
    table = planted(problem).drop(columns="leak").assign(counts=np.random.default_rng(1).random(1500) + 0.1)
    kind = "regression" if problem == "regression" else "classification"
    arguments = ["--weight=counts"] if weighted else ["--exclude=counts"]
    assert chain.process(table, "y", kind, *arguments) == 0
    assert chain.train() == 0
    assert chain.evaluate() == 0
    rows, model = chain.part("test"), load_model(chain.root / "model")
    frame, weights = model.schema.frame(rows), rows["counts"] if weighted else None
    truth, predicted = model.schema.truth(rows), model.pipeline.predict(frame)
    weighing: dict[str, Any] = {"sample_weight": weights}
    if problem == "regression":
        expected = {
            "mae": metrics.mean_absolute_error(truth, predicted, **weighing),
            "mse": metrics.mean_squared_error(truth, predicted, **weighing),
            "rmse": metrics.root_mean_squared_error(truth, predicted, **weighing),
            "r2": metrics.r2_score(truth, predicted, **weighing),
        }
    else:
        average, prefix = ("binary", "") if problem == "binary" else ("weighted", "weighted_")
        probability = model.pipeline.predict_proba(frame)
        ranked = probability[:, 1] if problem == "binary" else probability
        expected = {
            "accuracy": metrics.accuracy_score(truth, predicted, **weighing),
            "auc": metrics.roc_auc_score(truth, ranked, multi_class="ovr", average="macro", **weighing),
            f"{prefix}precision": metrics.precision_score(truth, predicted, average=average, **weighing),
            f"{prefix}recall": metrics.recall_score(truth, predicted, average=average, **weighing),
            f"{prefix}f1": metrics.f1_score(truth, predicted, average=average, **weighing),
        }
    measured = chain.json("evaluation/evaluation.json")[KEYS[problem]]
    assert {name: score["value"] for name, score in measured.items()} == pytest.approx(expected)


def test_a_weighted_evaluation_is_labelled(
    chain: Chain, customers: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    for argument, says in (("--exclude=counts", False), ("--weight=counts", True)):
        assert chain.process(customers.assign(counts=2.5), "bought", "classification", argument) == 0
        assert chain.train() == 0
        assert chain.evaluate() == 0
        assert ("Each row is weighted by its 'counts', also for the naive model." in capsys.readouterr().out) == says


@pytest.mark.parametrize("split", ["random", "group", "time"])
def test_dates_are_features_except_the_split_column(chain: Chain, split: str) -> None:
    table = planted("binary", 400).drop(columns="leak")
    table["until"] = np.where(table["flag"], "9999-12-31", "2024-07-01")
    table["seen"] = table["since"].dt.strftime("%Y-%m-%dT05:00:00+01:00").where(table["noise"] > 0)
    table["recently"] = table["since"].where(table["since"] > "2025-06-01")  # rarely, and in a time split only in test
    arguments = [] if split == "random" else [f"--split={split}", "--split-column=since"]
    assert chain.process(table, "y", "classification", *arguments) == 0
    assert chain.train() == 0
    assert chain.evaluate() == 0
    dates = Schema.load(chain.root / "summary").of_kind("date")
    expected = {"since", "until", "seen", "recently"}
    expected -= {"since"} if split != "random" else set()
    expected -= {"recently"} if split == "time" else set()
    assert set(dates) == expected
    assert {entry["feature"] for entry in chain.json("evaluation/evaluation.json")["importance"]} >= expected


def test_the_sample_from_a_shell(tmp_path: Path) -> None:
    sample = STEPS.parents[1] / "data" / "sample" / "flights_regression.csv"

    def step(script: str, *arguments: str) -> str:
        folders = [f"--{name}-dir={tmp_path / name}" for name in arguments if not name.startswith("-")]
        options = [argument for argument in arguments if argument.startswith("-")]
        command = [sys.executable, str(STEPS / script), *folders, *options]
        environment = os.environ | {"PYTHONPATH": str(VENDOR)} | NO_BYTECODE
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")  # quiet: the log is only about the data
        return done.stdout

    parts = ("train", "validation", "test", "summary")
    printed = step("processing.py", *parts, f"--input-dir={sample}", "--target=arr_delay", "--problem=regression")
    assert printed.startswith("19,500 rows: train ")
    assert "validation:r2=" in step("training.py", "train", "validation", "summary", "model", "--max_iter=30")
    assert "better than a naive model" in step("evaluation.py", "model", "test", f"--output-dir={tmp_path}")


SERVED = Code(TEMPLATE_PROJECT).files()  # what runs in a container: the scripts, and this part of the library


@pytest.mark.parametrize("name", [name for name in SERVED if name.endswith(".py")])
def test_code_for_a_container_imports_only_what_the_image_or_the_archive_has(name: str) -> None:
    imported = set()
    for node in ast.walk(ast.parse(SERVED[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0  # steps are in one flat folder
            imported.add(str(node.module))
    own = {each.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for each in SERVED}
    if name == "sagemaker_ops/__init__.py":  # loads the rest of the library lazily, and never in a container
        imported = {each for each in imported if "sagemaker_ops" not in each}

    spark = {"pyspark"} if "/spark/" in name else set()  # the images for Spark have it
    assert {each.partition(".")[0] for each in imported - own} <= IMAGE | spark


def test_wrong_usage_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        processing.main(["--target", "x"])
    assert stopped.value.code == 2
    assert "--problem" in capsys.readouterr().err
