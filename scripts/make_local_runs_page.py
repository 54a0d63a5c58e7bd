"""Write the tables of docs/local-runs.md from the code: what each type of step does in a local run, and its limits.

They follow the registry of step types and the checks before a run: run `make local-runs-page` after changing either.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).parents[1]
PAGE = TEMPLATE / "docs" / "local-runs.md"
sys.path.insert(0, str(TEMPLATE / "{{cookiecutter.project_slug}}" / "vendor"))
sys.dont_write_bytecode = sys.pycache_prefix is None  # no caches in the project's folder

from sagemaker_ops.definition.expressions import Scope  # noqa: E402
from sagemaker_ops.definition.plan import VERSION, parse  # noqa: E402
from sagemaker_ops.definition.step_type import StepType  # noqa: E402
from sagemaker_ops.definition.step_types import TYPES  # noqa: E402
from sagemaker_ops.pipelines import stubs  # noqa: E402
from sagemaker_ops.preflight.refusals import refusals  # noqa: E402

Rows = Iterator[tuple[str, ...]]
ECR = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST = {"TrainingImage": f"{ECR}/sagemaker-xgboost:1.7-1"}
SPARK = {"ImageUri": f"{ECR}/sagemaker-spark-processing:3.5-cpu-py39-v1.0"}
PYTORCH = {"ImageUri": f"{ECR}/pytorch-training:2.3-cpu"}
SCRIPT = {"sagemaker_program": "train.py", "sagemaker_submit_directory": "s3://bucket/sourcedir.tar.gz"}
RUN = ["python3", "/opt/ml/processing/input/code/main.py"]
OUTSIDE = {"OutputName": "report", "S3Output": {"S3Uri": "s3://bucket/report", "LocalPath": "/tmp/report"}}
MODELS = [{"ModelDataUrl": f"s3://bucket/{name}/model.tar.gz"} for name in ("preparation", "model")]
NAME = {"Get": "Steps.Model.ModelName"}


def processing(**given: Any) -> dict[str, Any]:
    """The arguments of a processing job."""
    resources = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large"}}
    return {"ProcessingResources": resources, "AppSpecification": {"ContainerEntrypoint": RUN}, **given}


def training(**given: Any) -> dict[str, Any]:
    """The arguments of a training job."""
    output, resources = {"S3OutputPath": "s3://bucket/models"}, {"InstanceCount": 1, "InstanceType": "ml.m5.large"}
    return {"AlgorithmSpecification": XGBOOST, "OutputDataConfig": output, "ResourceConfig": resources, **given}


def transform(**given: Any) -> dict[str, Any]:
    """The arguments of a transform job."""
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/rows"}}}
    resources = {"InstanceCount": 1, "InstanceType": "ml.m5.large"}
    return {
        "ModelName": NAME,
        "TransformInput": source,
        "TransformOutput": {"S3OutputPath": "s3://bucket/answers"},
        "TransformResources": resources,
        **given,
    }


# What a step is meant to start, and the steps {name: (type, arguments)} of such a pipeline.
REFUSED: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "a processing job that starts what its image contains": {
        "Step": ("Processing", processing(AppSpecification=SPARK)),
    },
    "a processing job that starts a program that your machine does not have": {
        "Step": ("Processing", processing(AppSpecification={**PYTORCH, "ContainerEntrypoint": ["mpirun-of-image"]})),
    },
    "a processing job with files elsewhere": {
        "Step": ("Processing", processing(ProcessingOutputConfig={"Outputs": [OUTSIDE]})),
    },
    "an algorithm that is built into an image": {"Step": ("Training", training(HyperParameters={"max_depth": "5"}))},
    "distributed training": {
        "Step": ("Training", training(HyperParameters={**SCRIPT, "sagemaker_mpi_enabled": "true"})),
    },
    "predictions of a model with several containers": {
        "Model": ("Model", {"Containers": MODELS}),
        "Step": ("Transform", transform()),
    },
}  # fmt: skip


def type_rows() -> Rows:
    """What happens locally with each type of step; one row for all types that are alike."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, kind in TYPES.items():
        stand_in = "possible" if stubs.makes_sense(kind) else "no"
        does = ("runs", stand_in) if kind.runs_here else ("does not run", "needed")
        alike.setdefault((*does, cached(kind)), []).append(f"`{name}`")
    for row, names in alike.items():
        yield (", ".join(names), *row)


def cached(kind: StepType) -> str:
    """Whether a step of this type reuses a result that is known."""
    if kind.registers_model:
        return "if all jobs before it do"
    return "with a `CacheConfig`" if kind.runs_here and kind.is_cached else "no"


def limit_rows() -> Rows:
    """The arguments of which a local run does not use every value."""
    for name, kind in TYPES.items():
        for path, values in kind.limits.items():
            shown = " or ".join(f"`{value}`" for value in values)
            yield f"`{name}`", f"`{path.replace('.*', '')}`", f"only {shown}" if values else "refused"


def refused_rows() -> Rows:
    """The message for each example of a step that is refused."""
    for words, steps in REFUSED.items():
        raw = [{"Name": name, "Type": kind, "Arguments": given} for name, (kind, given) in steps.items()]
        plan, problems = parse({"Version": VERSION, "Steps": raw})
        [problem] = problems + refusals(plan, Scope())
        yield words, problem.message


TABLES: dict[tuple[str, ...], Callable[[], Rows]] = {
    ("step type", "locally", "stand-in", "a known result is reused"): type_rows,
    ("step type", "argument", "locally"): limit_rows,
    ("step", "message"): refused_rows,
}


def page(text: str) -> str:
    """The page with the rows below each heading of a table replaced."""
    lines = text.splitlines()
    for heading, rows in TABLES.items():
        start = lines.index(f"| {' | '.join(heading)} |") + 2
        end = next(number for number, line in enumerate(lines) if number >= start and not line.startswith("|"))
        lines[start:end] = [f"| {' | '.join(row)} |" for row in rows()]
    return "\n".join(lines) + "\n"


def main() -> None:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
