"""Real runs that MLflow tracks: in its SQLite file, and on a server."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from projects import Project, bake_into, clean_environment

pytestmark = pytest.mark.slow
TRACKED = re.compile(r"^Tracked in MLflow: experiment customer-flight-delays, run ([0-9a-f]{32})$", re.MULTILINE)
READ = """
    import json, sys
    import mlflow
    import pandas as pd

    mlflow.set_tracking_uri(sys.argv[1])
    run = mlflow.get_run(sys.argv[2])
    artifacts = [each.path for each in mlflow.MlflowClient().list_artifacts(run.info.run_id)]
    model = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    rows = pd.read_csv("data/sample/flights_classification.csv").head(20)
    runs = mlflow.search_runs(experiment_names=["customer-flight-delays"], output_format="list")
    print(json.dumps({
        "status": run.info.status, "parameters": run.data.params, "metrics": run.data.metrics, "tags": run.data.tags,
        "artifacts": artifacts, "answers": model.predict(rows).to_dict("records"), "runs": len(runs),
    }))
"""


@pytest.fixture(scope="module")
def project(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = bake_into(tmp_path_factory.mktemp("tracked"))
    (project.path / ".venv").symlink_to(environment)
    return project


def train(project: Project, uri: str, *arguments: str, **variables: str) -> Any:
    project.edit("tracking", uri=json.dumps(uri))
    return project.ops("run", "train", *arguments, **variables)


def read(project: Project, uri: str, run: str) -> dict[str, Any]:
    python = project.path / ".venv" / "bin" / "python"
    done = project.run(python, "-W", "ignore", "-c", dedent(READ), uri, run, MLFLOW_LOGGING_LEVEL="ERROR")
    assert done.code == 0, done
    found: dict[str, Any] = json.loads(done.out.splitlines()[-1])
    return found


def test_runs_are_kept_in_a_file_with_report_and_model(project: Project) -> None:
    first = train(project, "local")
    again = train(project, "local", "--param", "MaxIter=20")

    assert (first.code, first.err, again.code, again.err) == (0, "", 0, "")
    [run], [other] = TRACKED.findall(first.out), TRACKED.findall(again.out)
    store = f"sqlite:///{project.path}/.local/mlflow/mlflow.db"
    found, changed = read(project, store, run), read(project, store, other)
    assert found["status"] == "FINISHED"
    assert (found["parameters"]["MaxIter"], changed["parameters"]["MaxIter"]) == ("150", "20")
    assert set(found["artifacts"]) == {"report.html", "definition.json", "evaluation.json"}
    assert 0.65 < found["metrics"]["auc"] < 0.8
    assert found["metrics"]["baseline_auc"] == 0.5
    assert found["metrics"]["auc"] != changed["metrics"]["auc"]
    assert found["tags"]["sagemaker.execution"] in first.out
    assert len(found["answers"]) == 20
    assert set(found["answers"][0]) == {"label", "probabilities"}
    assert found["runs"] == 2
    assert not (project.path / "mlruns").exists()

    once_more = project.ops("track-pipeline-execution", found["tags"]["sagemaker.execution"])

    assert (once_more.code, once_more.err, TRACKED.findall(once_more.out)) == (0, "", [run])
    assert read(project, store, run)["runs"] == 2


def test_an_execution_that_misses_the_gate_is_tracked_as_failed(project: Project) -> None:
    done = train(project, "local", "--param", "QualityGate=0.99")

    [run] = TRACKED.findall(done.out)
    found = read(project, f"sqlite:///{project.path}/.local/mlflow/mlflow.db", run)
    assert (done.code, done.err, found["status"]) == (1, "", "FAILED")
    assert "quality gate" in found["tags"]["mlflow.note.content"]


@pytest.fixture
def server(project: Project, tmp_path: Path) -> Iterator[str]:
    """The address of a real server on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = f"sqlite:///{tmp_path}/server.db"
    command = ["server", "--host=127.0.0.1", f"--port={port}", "--workers=1", f"--backend-store-uri={store}"]
    process = subprocess.Popen(
        [project.path / ".venv" / "bin" / "mlflow", *command],
        cwd=tmp_path,
        env=clean_environment() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(600):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_server_keeps_runs_and_if_it_is_gone_the_execution_is_not_affected(project: Project, server: str) -> None:
    done = train(project, server)

    assert (done.code, done.err) == (0, "")
    [run] = TRACKED.findall(done.out)
    assert read(project, server, run)["status"] == "FINISHED"

    gone = train(project, "http://127.0.0.1:9")

    assert gone.code == 0
    assert "Succeeded in" in gone.out
    assert TRACKED.findall(gone.out) == []
    [warning] = gone.err.splitlines()
    assert warning.startswith("warning: MLflow did not track the run: API request to http://127.0.0.1:9/")


def test_without_tracking_there_is_no_trace_of_mlflow(project: Project) -> None:
    kept = project.path / ".local" / "mlflow"
    before = [file.stat().st_mtime_ns for file in sorted(kept.rglob("*"))]
    done = train(project, "")

    assert (done.code, done.err) == (0, "")
    assert "MLflow" not in done.out
    assert [file.stat().st_mtime_ns for file in sorted(kept.rglob("*"))] == before

    refused = project.ops("track-pipeline-execution")

    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("error: project.toml [tracking].uri: it is empty, so there is nothing to track with")


def test_an_address_of_sagemaker_without_credentials_is_a_warning(project: Project) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/team"
    done = train(project, arn, AWS_EC2_METADATA_DISABLED="true")

    assert done.code == 0
    [warning] = done.err.splitlines()
    assert warning.startswith("warning: MLflow did not track the run: ")
    assert "credentials" in warning


def test_a_definition_names_the_server_only_for_aws(project: Project) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/team"
    project.edit("tracking", uri=json.dumps(arn))
    project.edit(
        "environments.dev",
        account='"123456789012"', role='"arn:aws:iam::123456789012:role/jobs"', bucket='"customer-data"',
    )  # fmt: skip

    here, there = (json.loads(project.ops("compile", "train", "--env", env).out) for env in ("local", "dev"))

    assert here["MlflowConfig"] is None
    assert there["MlflowConfig"] == {
        "MlflowResourceArn": arn, "MlflowExperimentName": "customer-flight-delays",
    }  # fmt: skip
