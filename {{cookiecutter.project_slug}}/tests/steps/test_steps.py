"""The steps as scripts, with the data in project.toml: arguments and folders in, files out."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import evaluation
import inference
import monitoring
import predicting
import processing
import training
from features import add_features
from sagemaker_ops import Model, is_remote, load_settings, predict, read_part, schema_file

ROOT = Path(__file__).parents[2]
SETTINGS = load_settings(ROOT)
DATA = SETTINGS.data

pytestmark = pytest.mark.skipif(is_remote(DATA.source), reason="the data is on S3, and these tests read it here")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs of the three steps. Tests only read this folder."""
    made = tmp_path_factory.mktemp("steps")

    def folders(*names: str) -> list[str]:
        return [f"--{name}-dir={made / name}" for name in names]

    kept = schema_file(DATA.source, ROOT)
    schema = [f"--schema={kept}"] if kept else []
    source = f"--input-dir={ROOT / DATA.source}"
    parts = folders("train", "validation", "test", "summary")
    hyperparameters = [f"--{name}={value}" for name, value in SETTINGS.hyperparameters.items()]
    assert processing.main([source, *parts, *DATA.arguments, *schema]) == 0
    assert training.main([*folders("train", "validation", "summary", "model"), *hyperparameters]) == 0
    gate = f"--gate-metric={SETTINGS.gate.metric}"
    assert evaluation.main([*folders("model", "test", "summary"), f"--output-dir={made / 'evaluation'}", gate]) == 0
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return inference.model_fn(str(folder / "model"))


@pytest.fixture(scope="module")
def rows(folder: Path, model: Model) -> pd.DataFrame:
    """Some rows of the test part, as in a request."""
    return read_part(folder / "test", model.schema)[model.schema.names].head(20)


def test_each_part_has_rows(folder: Path) -> None:
    summary = json.loads((folder / "summary" / "summary.json").read_text(encoding="utf-8"))

    assert summary["target"]["name"] == DATA.target
    assert all(part["rows"] > 0 for part in summary["parts"].values())


def test_the_evaluation_has_the_metric_of_the_gate_and_a_baseline(folder: Path) -> None:
    evaluated = json.loads((folder / "evaluation" / "evaluation.json").read_text(encoding="utf-8"))

    assert evaluated["gate"]["metric"] == SETTINGS.gate.metric
    assert SETTINGS.gate.metric in evaluated["baseline"]


def test_new_rows_are_compared_with_those_of_training(folder: Path, model: Model, tmp_path: Path) -> None:
    folders = [f"--input-dir={folder / 'test'}", f"--model-dir={folder / 'model'}", f"--output-dir={tmp_path}"]

    assert monitoring.main([*folders, *SETTINGS.monitoring.arguments]) == 0

    found = json.loads((tmp_path / "monitoring.json").read_text(encoding="utf-8"))
    assert set(found["columns"]) == set(model.schema.names)


def test_new_rows_get_the_predictions_of_the_model(folder: Path, model: Model, tmp_path: Path) -> None:
    folders = [f"--input-dir={folder / 'test'}", f"--model-dir={folder / 'model'}", f"--output-dir={tmp_path}"]

    assert predicting.main(folders) == 0

    found = pd.read_parquet(tmp_path / "predictions.parquet")
    expected = predict(model.pipeline, model.schema.frame(read_part(folder / "test", model.schema)))
    assert (found.filter(regex="probability_|value").to_numpy().ravel() == expected.ravel()).all()


@pytest.mark.parametrize("content_type", ["text/csv", "application/json"])
def test_each_row_of_a_request_gets_a_prediction(model: Model, rows: pd.DataFrame, content_type: str) -> None:
    csv = content_type == "text/csv"
    body = rows.to_csv(index=False) if csv else rows.to_json(orient="records", date_format="iso")

    answer, kind = inference.transform_fn(model, body, content_type, "application/json")

    assert kind == "application/json"
    assert len(json.loads(answer)["predictions"]) == len(rows)


def test_added_features_keep_the_rows_and_their_order(model: Model, rows: pd.DataFrame) -> None:
    frame = model.schema.frame(rows)

    assert add_features(frame).index.equals(frame.index)


def test_an_unknown_target_is_reported_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [f"--{name}-dir={tmp_path / name}" for name in ("train", "validation", "test", "summary")]
    arguments = ["--target=no such column", f"--problem={DATA.problem}"]

    assert processing.main([f"--input-dir={ROOT / DATA.source}", *folders, *arguments]) == 1

    assert "'no such column' is not a column" in capsys.readouterr().err
