"""The whole chain by hand, on tables it has never seen and as a shell would call it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

import processing
import training

if TYPE_CHECKING:
    from tests.steps.conftest import Chain

STEPS = Path(processing.__file__).parent


IMAGE = {*sys.stdlib_module_names, "joblib", "numpy", "pandas", "pyarrow", "sklearn", "threadpoolctl"}


def penguins(as_frame: bool) -> Any:
    table = pytest.importorskip("palmerpenguins").load_penguins()
    return SimpleNamespace(frame=table.rename(columns={"species": "target"}))


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


def test_the_sample_as_a_shell_calls_it(tmp_path: Path) -> None:
    sample = STEPS.parents[1] / "data" / "sample" / "flights_regression.csv"

    def step(script: str, *arguments: str) -> str:
        folders = [f"--{name}-dir={tmp_path / name}" for name in arguments if not name.startswith("-")]
        options = [argument for argument in arguments if argument.startswith("-")]
        command = [sys.executable, str(STEPS / script), *folders, *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")  # quiet: what stands in the log is about the data
        return done.stdout

    parts = ("train", "validation", "test", "summary")
    told = step("processing.py", *parts, f"--input-dir={sample}", "--target=arr_delay", "--problem=regression")
    assert told.startswith("19,500 rows: train ")
    assert "validation:r2=" in step("training.py", "train", "validation", "summary", "model", "--max_iter=30")
    assert "better than a naive model" in step("evaluation.py", "model", "test", f"--output-dir={tmp_path}")


@pytest.mark.parametrize("script", sorted(STEPS.glob("*.py")), ids=lambda script: script.name)
def test_a_step_imports_what_the_image_has(script: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0  # steps lie flat
            imported.add(str(node.module).split(".")[0])
    assert imported <= IMAGE | {step.stem for step in STEPS.glob("*.py")}


def test_what_serves_a_model_imports_nothing_that_is_not_packed() -> None:
    steps = {step.stem for step in STEPS.glob("*.py")}
    for name in training.SERVING:
        tree = ast.walk(ast.parse((STEPS / name).read_text(encoding="utf-8")))
        imported = {str(node.module) for node in tree if isinstance(node, ast.ImportFrom)}
        assert imported & steps <= {Path(served).stem for served in training.SERVING}, name


def test_wrong_usage_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        processing.main(["--target", "x"])
    assert stopped.value.code == 2
    assert "--problem" in capsys.readouterr().err
