"""What MLflow gets to know about a run, as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from sagemaker_ops import trace
from sagemaker_ops.local import Execution
from sagemaker_ops.project.layout import LOCAL_FOLDER, STEPS
from sagemaker_ops.project.tracking import EXECUTION
from sagemaker_ops.report import document, results
from sagemaker_ops.serving.archives import archive_of
from sagemaker_ops.store import Store
from sagemaker_ops.terminal import details

# https://mlflow.org/docs/latest/api_reference/python_api/mlflow.entities.html#mlflow.entities.RunStatus
_STATUS = {"Succeeded": "FINISHED", "Failed": "FAILED", "Stopped": "KILLED"}
_LIBRARIES = ("joblib", "numpy", "pandas", "pyarrow", "scikit-learn", "threadpoolctl")


@dataclass(frozen=True)
class Record:
    """A run. start, end: milliseconds since 1970. files: paths to keep with it. model: of an archive (model.tar.gz).

    requirements: what loading the model needs, as lines for pip.
    """

    name: str
    status: str = "FINISHED"
    start: int | None = None
    end: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    model: str = ""
    requirements: tuple[str, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        return asdict(self)


def of_execution(execution: Execution, root: Path) -> Record:
    """The record of an execution that has ended, here or on AWS; only one on this machine has files and a model."""
    evaluation = next(details.evaluations(execution), {})
    result = results.Result(execution, evaluation=evaluation)
    started = trace.parse(str(execution.parameters.get(trace.PARAMETER, "")))
    tags = {
        EXECUTION: execution.id,
        "sagemaker.pipeline": execution.pipeline_name,
        "sagemaker.arn": execution.facts.get("PipelineExecutionArn", ""),
        "mlflow.user": started.user,
        "mlflow.source.git.commit": started.commit,
        "mlflow.note.content": result.outcome,
    }
    is_here = execution.folder.is_absolute()
    model = archive_of(execution, Store(root / LOCAL_FOLDER / "s3")) if is_here else None
    return Record(
        name=f"{execution.pipeline_name} {execution.id}",
        status=_STATUS.get(execution.status, "RUNNING"),
        start=_milliseconds(execution.start_time.timestamp()),
        end=_milliseconds(execution.end_time.timestamp()) if execution.end_time else None,
        parameters={key: str(value) for key, value in execution.parameters.items() if key != trace.PARAMETER},
        metrics=metrics(result.scores, result.baseline),
        tags={key: value for key, value in tags.items() if value},
        files=tuple(_files(execution)) if is_here else (),
        model=str(model) if model else "",
        requirements=requirements(root) if model else (),
    )


def _files(execution: Execution) -> Iterator[str]:
    """The report, the definition and the property files of an execution on this machine, as far as they exist."""
    written = (
        execution.folder / name / "outputs" / output / path
        for name, step in execution.steps.items()
        for output, path in step.property_files.values()
    )
    for file in (execution.folder / document.PAGE, execution.folder / "definition.json", *written):
        if file.is_file():
            yield str(file)


def of_model(
    name: str, parameters: Mapping[str, object], evaluation: Mapping[str, Any], files: tuple[Path, ...], root: Path
) -> Record:
    """The record of a model from a notebook; files: its archive, and others to keep with it."""
    measured, archive = results.Result(evaluation=evaluation), files[0]
    return Record(
        name=name,
        parameters={key: str(value) for key, value in parameters.items()},
        metrics=metrics(measured.scores, measured.baseline),
        files=tuple(map(str, files[1:])),
        model=str(archive),
        requirements=requirements(root),
    )


def metrics(scores: Mapping[str, results.Score], baseline: Mapping[str, float]) -> dict[str, float]:
    """{name: value}, with `<name>_sd` for a standard deviation and `baseline_<name>` for the naive model."""
    found = {name: value for name, (value, _) in scores.items()}
    found |= {f"{name}_sd": spread for name, (_, spread) in scores.items() if spread is not None}
    found |= {f"baseline_{name}": value for name, value in baseline.items()}
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}


def requirements(root: Path) -> tuple[str, ...]:
    """The packages of this environment that a model needs, and those in production/steps/requirements.txt."""
    own = root / STEPS / "requirements.txt"
    lines = own.read_text(encoding="utf-8").splitlines() if own.is_file() else []
    given = [line.strip() for line in lines if line.strip() and not line.startswith(("#", "-"))]
    return (*(f"{name}=={metadata.version(name)}" for name in _LIBRARIES), *given)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
