"""The pipeline `train`, compiled and run here as on AWS, on the data that project.toml names."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops import compiler, publish, runs, settings
from ops.local import Execution

ROOT = Path(__file__).parents[2]
OUT_OF_REACH = {"minimum": "1e9", "maximum": "-1e9"}


@pytest.fixture(scope="module")
def execution(tmp_path_factory: pytest.TempPathFactory) -> Execution:
    return runs.run("train", {}, settings.load(ROOT), ROOT, home=tmp_path_factory.mktemp("local"))


def test_a_model_that_passes_the_gate_is_registered(execution: Execution) -> None:
    assert execution.status == "Succeeded", execution.failure_reason
    assert execution.steps["Register"].properties["ModelApprovalStatus"] == "PendingManualApproval"
    assert execution.steps["QualityGateFailed"].status == "NotStarted"


def test_the_evaluation_holds_metrics_and_a_baseline(execution: Execution) -> None:
    evaluation = execution.read_property_file("Evaluation", "EvaluationReport")

    assert evaluation["gate"]["metric"] == settings.load(ROOT).gate.metric
    assert evaluation["rows"] > 0
    assert evaluation["gate"]["metric"] in evaluation["baseline"]


def test_a_model_below_the_gate_ends_the_execution(tmp_path: Path) -> None:
    loaded = settings.load(ROOT)
    out_of_reach = OUT_OF_REACH["minimum" if loaded.gate.minimum is not None else "maximum"]

    execution = runs.run("train", {"QualityGate": out_of_reach}, loaded, ROOT, home=tmp_path)

    assert execution.status == "Failed"
    assert "quality gate" in str(execution.failure_reason)
    assert execution.steps["Register"].status == "NotStarted"


def test_what_starts_a_pipeline_can_set() -> None:
    loaded = settings.load(ROOT)
    definition = compiler.definition("train", publish.target(loaded, "local", ROOT), ROOT)

    names = {parameter["Name"] for parameter in definition["Parameters"]}
    assert names >= {"InputDataUrl", "ProcessingInstanceType", "TrainingInstanceType", "QualityGate"}
    assert names >= {"".join(word.capitalize() for word in name.split("_")) for name in loaded.hyperparameters}
