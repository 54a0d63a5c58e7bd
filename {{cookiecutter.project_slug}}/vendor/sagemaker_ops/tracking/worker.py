"""The process that imports MLflow. It reads two lines of JSON, a place and a record, and answers with one."""

from __future__ import annotations

import atexit
import gc
import json
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

from sagemaker_ops.project.tracking import EXECUTION

MODEL = "model"
LOADED = str(Path(__file__).with_name("loaded.py"))
_LONGEST = 6000  # characters of a parameter's value
_MOST = 100  # parameters of one request: https://mlflow.org/docs/latest/rest-api.html#log-batch


def main() -> None:
    """Answer `{"run": id}`, or `{"error": one sentence}`."""
    place: dict[str, str] = json.loads(sys.stdin.readline())
    answer: dict[str, str]
    with redirect_stdout(sys.stderr):
        try:
            experiment = _experiment(place)
            with suppress(Exception):  # it only saves time
                _warm_up(experiment)
            line = sys.stdin.readline()
            answer = {"run": _track(place["uri"], experiment, json.loads(line))} if line else {}
        except Exception as error:  # whatever a server, a network or a plugin raises
            said = " ".join(str(error).split()) or type(error).__name__
            answer = {"error": said if said.endswith(".") else f"{said}."}
    print(json.dumps(answer), flush=True)


def _experiment(place: Mapping[str, str]) -> str:
    """The id of the experiment, which is made if there is none."""
    import mlflow
    import mlflow.pyfunc  # the slow parts of it, while the pipeline runs

    mlflow.set_tracking_uri(place["uri"])
    client = mlflow.MlflowClient()
    found = client.get_experiment_by_name(place["experiment"])
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(place["experiment"], artifact_location=place["artifacts"] or None))


def _warm_up(experiment: str) -> None:
    """Let MLflow do, while the pipeline runs, what it does once in a process, such as looking through all packages."""
    import mlflow.pyfunc
    from mlflow.tracking.context import registry

    mlflow.MlflowClient().search_runs([experiment], f"tags.`{EXECUTION}` = ''", max_results=1)
    registry.resolve_tags()
    with tempfile.TemporaryDirectory() as folder:
        mlflow.pyfunc.save_model(Path(folder, MODEL), python_model=LOADED, pip_requirements=["mlflow"])


def _track(uri: str, experiment: str, record: Mapping[str, Any]) -> str:
    import mlflow
    from mlflow.entities import Metric, Param, RunTag

    client = mlflow.MlflowClient()
    run = _run(client, experiment, record)
    at = record["end"] or record["start"] or run.info.start_time
    parameters = [Param(key, value[:_LONGEST]) for key, value in record["parameters"].items()]
    for first in range(0, len(parameters), _MOST):
        client.log_batch(run.info.run_id, params=parameters[first : first + _MOST])
    client.log_batch(
        run.info.run_id,
        metrics=[Metric(name, value, at, 0) for name, value in record["metrics"].items()],
        tags=[RunTag(key, value) for key, value in record["tags"].items()],
    )
    for file in record["files"]:
        client.log_artifact(run.info.run_id, file)
    if record["model"]:
        with mlflow.start_run(run_id=run.info.run_id):
            _log_model(Path(record["model"]), record["requirements"])
    client.set_terminated(run.info.run_id, record["status"], record["end"])
    return str(run.info.run_id)


def _run(client: Any, experiment: str, record: Mapping[str, Any]) -> Any:
    """The run of the same execution, or a new one."""
    execution = record["tags"].get(EXECUTION)
    if execution:
        found = client.search_runs([experiment], f"tags.`{EXECUTION}` = '{execution}'", max_results=1)
        if found:
            return found[0]
    return client.create_run(experiment, start_time=record["start"], run_name=record["name"], tags=record["tags"])


def _log_model(archive: Path, requirements: list[str]) -> None:
    """The archive as a model that `mlflow.pyfunc.load_model` loads, with its own code.

    With its requirements: without them MLflow looks for them, which takes 6 to 9 seconds for each model.
    """
    import mlflow.pyfunc

    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        mlflow.pyfunc.log_model(
            name=MODEL,
            python_model=LOADED,
            artifacts={MODEL: folder},
            pip_requirements=requirements,
        )


if __name__ == "__main__":
    atexit.register(gc.freeze)  # otherwise Python would search everything for garbage at the end
    main()
