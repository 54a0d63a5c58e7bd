"""Tiny pipelines of scripts that need only Python, and a place to run them."""

from __future__ import annotations

import functools
import gzip
import io
import os
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from sagemaker_ops.container import process
from sagemaker_ops.container.isolation import namespaces_allowed
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution, Options, check, start_pipeline_execution
from sagemaker_ops.store import Store

# The same examples every time, without a time limit.
settings.register_profile("local", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("local")

BUCKET = "s3://bucket"
only_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
CODE = "/opt/ml/processing/input/code"


class Local:
    """A project's .local folder, and builders for the pieces of a definition."""

    def __init__(self, home: Path, isolation: str = "auto", launcher: process.Launcher | None = None) -> None:
        self.home = home
        self.store = Store(home / "s3")
        self.isolation = isolation
        self.launcher = launcher
        self.runners: list[subprocess.Popen[str]] = []  # in separate processes, see runners.py

    def put_archive(self, uri: str, files: dict[str, str]) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text.encode())
                tar.addfile(member, io.BytesIO(text.encode()))
        self.store.put(uri, gzip.compress(buffer.getvalue(), mtime=0))  # the same files, the same bytes

    # pieces of a definition

    def get(self, target: str) -> dict[str, str]:
        return {"Get": target}

    def join(self, *values: Any, on: str = "") -> dict[str, Any]:
        return {"Std:Join": {"On": on, "Values": list(values)}}

    def json_get(self, step: str, name: str, path: str) -> dict[str, Any]:
        return {"Std:JsonGet": {"PropertyFile": {"Get": f"Steps.{step}.PropertyFiles.{name}"}, "Path": path}}

    def parameter(self, name: str, kind: str = "String", default: Any = None, **more: Any) -> dict[str, Any]:
        return {"Name": name, "Type": kind, **({} if default is None else {"DefaultValue": default}), **more}

    def output_of(self, step: str, name: str) -> dict[str, str]:
        return self.get(f"Steps.{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri")

    def processing(
        self,
        name: str,
        script: str = "",
        *arguments: Any,
        inputs: dict[str, Any] | None = None,
        outputs: tuple[str, ...] = (),
        files: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
        seconds: int | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """A processing step that runs `script`; inputs: {name: uri}; files: {property file: output/file}."""
        code = f"{BUCKET}/code/{name}/"
        self.store.put(f"{code}main.py", dedent(script).encode())
        sources = {"code": (code, CODE)} | {
            key: (uri, f"/opt/ml/processing/{key}") for key, uri in (inputs or {}).items()
        }
        run = self.join(BUCKET, self.get("Execution.PipelineExecutionId"), name, on="/")
        return {
            "Name": name,
            "Type": "Processing",
            "Arguments": {
                "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large"}},
                "AppSpecification": {
                    "ContainerEntrypoint": ["python3", f"{CODE}/main.py"],
                    "ContainerArguments": list(arguments),
                },
                "Environment": environment or {},
                "ProcessingInputs": [
                    {"InputName": key, "S3Input": {"S3Uri": uri, "LocalPath": path}}
                    for key, (uri, path) in sources.items()
                ],
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": key,
                            "S3Output": {
                                "S3Uri": self.join(run, key, on="/"),
                                "LocalPath": f"/opt/ml/processing/{key}",
                            },
                        }
                        for key in outputs
                    ]
                },
                **({} if seconds is None else {"StoppingCondition": {"MaxRuntimeInSeconds": seconds}}),
            },
            "PropertyFiles": [
                {"PropertyFileName": key, "OutputName": path.split("/")[0], "FilePath": path.split("/", 1)[1]}
                for key, path in (files or {}).items()
            ],
            **more,
        }

    def training(
        self, step: str, script: str = "", channels: dict[str, Any] | None = None, **hyperparameters: Any
    ) -> dict[str, Any]:
        """A training step in script mode that runs `script`; channels: {name: uri}."""
        source = f"{BUCKET}/code/{step}/sourcedir.tar.gz"
        self.put_archive(source, {"train.py": dedent(script)})
        return {
            "Name": step,
            "Type": "Training",
            "Arguments": {
                "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
                "HyperParameters": {
                    "sagemaker_program": "train.py",
                    "sagemaker_submit_directory": source,
                    **hyperparameters,
                },
                "InputDataConfig": [
                    {
                        "ChannelName": key,
                        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
                        "ContentType": "text/csv",
                    }
                    for key, uri in (channels or {}).items()
                ],
                "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/models"},
                "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
            },
        }

    def condition(
        self, name: str, *conditions: Any, then: Any = (), otherwise: Any = (), **more: Any
    ) -> dict[str, Any]:
        arguments = {"Conditions": list(conditions), "IfSteps": list(then), "ElseSteps": list(otherwise)}
        return {"Name": name, "Type": "Condition", "Arguments": arguments, **more}

    def compare(self, kind: str, left: Any, right: Any) -> dict[str, Any]:
        return {"Type": kind, "LeftValue": left, "RightValue": right}

    def fail(self, name: str, message: Any, **more: Any) -> dict[str, Any]:
        return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}, **more}

    def register(self, name: str, group: str = "models", **arguments: Any) -> dict[str, Any]:
        arguments = {"ModelPackageGroupName": group, "InferenceSpecification": {"Containers": [{}]}, **arguments}
        return {"Name": name, "Type": "RegisterModel", "Arguments": arguments}

    def definition(self, *steps: Any, parameters: Any = ()) -> dict[str, Any]:
        return {"Version": "2020-12-01", "Metadata": {}, "Parameters": list(parameters), "Steps": list(steps)}

    # running

    def run(
        self,
        *steps: Any,
        parameters: Any = (),
        given: dict[str, str] | None = None,
        options: dict[str, Any] | None = None,
        **more: Any,
    ) -> Execution:
        return start_pipeline_execution(
            self.definition(*steps, parameters=parameters),
            pipeline_name="customer-demo-train-local",
            parameters=given or {},
            home=self.home,
            options=Options(**{"isolation": self.isolation} | (options or {})),
            **{"launcher": None if (options or {}).get("fresh") else self.launcher} | more,
        )

    def opt_ml(self, execution: Execution, step: str, path: str) -> str:
        """The path that the step's job sees for /opt/ml/<path>."""
        return f"/opt/ml/{path}" if self.isolation != "rewrite" else str(execution.folder / step / "job/ml" / path)

    def problems(self, *steps: Any, parameters: Any = ()) -> str:
        """The problems that `check` finds in these steps."""
        with pytest.raises(UserError) as caught:
            check(self.definition(*steps, parameters=parameters))
        return str(caught.value)

    def gone(self, pid: int) -> bool:
        """Whether the process has ended, or ends soon; its new parent may take longer to notice."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            try:
                os.kill(pid, 0)
                if " Z " in Path(f"/proc/{pid}/stat").read_text():
                    return True
            except (FileNotFoundError, ProcessLookupError):
                return True
            time.sleep(0.01)
        return False

    def close(self) -> None:
        """End all runners, however the test ended."""
        for runner in self.runners:
            with runner:
                runner.kill()

    def log(self, execution: Execution, step: str) -> str:
        path = execution.steps[step].log
        return path.read_text() if path else ""

    def output(self, execution: Execution, step: str, path: str) -> str:
        return (execution.folder / step / "outputs" / path).read_text()


@functools.cache
def has_namespaces(launcher: process.Launcher) -> bool:
    return namespaces_allowed(launcher)


@pytest.fixture(scope="session")
def launcher() -> Iterator[process.Launcher]:
    """One launcher for all executions: it takes longer to start than they do."""
    with process.launcher() as started:
        yield started


@pytest.fixture
def local(request: pytest.FixtureRequest, tmp_path: Path, launcher: process.Launcher) -> Iterator[Local]:
    """A home for executions; `parametrize("local", ["namespace", "rewrite"], indirect=True)` runs them both ways."""
    isolation = getattr(request, "param", "auto")
    if isolation == "namespace" and not has_namespaces(launcher):
        pytest.skip("this machine does not allow mount namespaces")
    with closing(Local(tmp_path / ".local", isolation, launcher)) as made:
        yield made


@pytest.fixture(params=["namespace", "rewrite"])
def nobody(request: pytest.FixtureRequest, launcher: process.Launcher) -> Iterator[Local]:
    """A home that this user can read, for `start(…, nobody=True)` in runners.py."""
    if request.param == "namespace" and not has_namespaces(launcher):
        pytest.skip("this machine does not allow mount namespaces")
    with tempfile.TemporaryDirectory() as folder, closing(Local(Path(folder, ".local"), request.param)) as made:
        os.chmod(folder, 0o755)
        yield made
