"""The pipeline `train`, compiled and run on this machine, with the data in project.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagemaker_ops import Execution, compile_pipeline, is_remote, load_settings, run_pipeline

ROOT = Path(__file__).parents[2]
SETTINGS = load_settings(ROOT)
READS_HERE = pytest.mark.skipif(
    is_remote(SETTINGS.data.source), reason="the data is on S3, and these tests read it here"
)
OUT_OF_REACH = "1e9" if SETTINGS.gate.minimum is not None else "-1e9"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executions of all tests: what one has computed, the next one does not compute again."""
    return tmp_path_factory.mktemp("local")


@pytest.fixture(scope="module")
def execution(home: Path) -> Execution:
    return run_pipeline("train", {}, SETTINGS, ROOT, home=home)


@READS_HERE
def test_a_model_that_passes_the_gate_is_registered(execution: Execution) -> None:
    assert execution.status == "Succeeded", execution.failure_reason
    assert execution.steps["Register"].properties["ModelApprovalStatus"] == SETTINGS.pipeline.approval_status
    assert execution.steps["QualityGateFailed"].status == "NotStarted"


@READS_HERE
def test_the_evaluation_has_metrics_and_a_baseline(execution: Execution) -> None:
    evaluation = execution.read_property_file("Evaluation", "EvaluationReport")

    assert evaluation["gate"]["metric"] == SETTINGS.gate.metric
    assert evaluation["rows"] > 0
    assert evaluation["gate"]["metric"] in evaluation["baseline"]


@READS_HERE
def test_a_model_below_the_gate_ends_the_execution(home: Path) -> None:
    execution = run_pipeline("train", {"QualityGate": OUT_OF_REACH}, SETTINGS, ROOT, home=home)

    assert execution.status == "Failed"
    assert "quality gate" in str(execution.failure_reason)
    assert execution.steps["Register"].status == "NotStarted"


def test_the_parameters_of_the_pipeline() -> None:
    definition = compile_pipeline("train", SETTINGS, ROOT)

    names = {parameter["Name"] for parameter in definition["Parameters"]}
    assert names >= {"InputDataUrl", "ProcessingInstanceType", "TrainingInstanceType", "QualityGate"}
    assert names >= {"".join(word.capitalize() for word in name.split("_")) for name in SETTINGS.hyperparameters}
