"""Jobs that the SDK makes of Python functions with @step or @remote."""

from __future__ import annotations

import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from local.behaving import both_ways
from projects import NO_BYTECODE, clean_environment
from runners import VENDOR

from sagemaker_ops.local import check, list_pipeline_executions
from sagemaker_ops.preflight.functions import CHANNEL, runs_a_function
from sagemaker_ops.s3 import endpoint

DRIVER = ["/bin/bash", f"/opt/ml/input/data/{CHANNEL}/job_driver.sh"]
HERE = ".".join(platform.python_version_tuple()[:2])


def function_job(
    local: Any, entrypoint: list[str] | None = None, channel: str = CHANNEL, **options: Any
) -> dict[str, Any]:
    """A training job like those that the SDK makes of functions."""
    step: dict[str, Any] = local.training("MyFunction", "")
    given = {"s3_base_uri": "s3://bucket/base", "client_sagemaker_pysdk_version": "3.27.0", **options}
    step["Arguments"]["AlgorithmSpecification"] |= {
        "ContainerEntrypoint": entrypoint or DRIVER,
        "ContainerArguments": [word for name, value in given.items() for word in (f"--{name}", value)],
    }
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://bucket/base/{CHANNEL}"}}
    step["Arguments"]["InputDataConfig"] = [{"ChannelName": channel, "DataSource": source}]
    return step


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the version of the SDK in this environment."""
    return lambda version: monkeypatch.setattr(metadata, "version", lambda name: version)


@pytest.mark.parametrize(
    ("entrypoint", "channel", "is_one"),
    [
        (DRIVER, CHANNEL, True),
        (["/bin/bash", "/opt/ml/input/data/other/job_driver.sh"], CHANNEL, True),
        (DRIVER, "other", True),
        (["/bin/bash", "/opt/ml/input/data/other/job_driver.sh"], "other", False),
    ],
)
def test_it_is_recognized(local: Any, entrypoint: list[str], channel: str, is_one: bool) -> None:
    assert runs_a_function(function_job(local, entrypoint, channel)["Arguments"]) is is_one


def test_without_moto_it_is_refused_before_the_start(local: Any, sdk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk("3.27.0")
    monkeypatch.setattr(endpoint, "is_available", lambda: False)

    assert "it uses S3 itself, for which the local runner needs moto" in local.problems(function_job(local))


@pytest.mark.parametrize(
    ("installed", "options", "said"),
    [
        ("3.27.0", {"client_sagemaker_pysdk_version": "2.251.0"}, "version 2.251.0 of the SageMaker SDK, but this"),
        ("3.27.0", {"client_sagemaker_pysdk_version": ""}, "its function needs version 2 of the SageMaker SDK"),
        ("2.251.0", {}, "needs version 3.27.0 of the SageMaker SDK, but this environment has 2.251.0: compile"),
        ("3.27.0", {"client_python_version": "3.8"}, f"needs Python 3.8, but this environment has {HERE}: compile"),
        ("3.27.0", {"distribution": "torchrun"}, "its function is started by torchrun, which works only on AWS"),
        ("3.27.0", {"distribution": "mpirun"}, "its function is started by mpirun, which works only on AWS"),
    ],
)
def test_what_its_driver_needs_and_lacks_is_said_before_the_start(
    local: Any, sdk: Any, installed: str, options: dict[str, Any], said: str
) -> None:
    sdk(installed)

    assert said in local.problems(function_job(local, **options))


def test_spark_is_refused(local: Any, sdk: Any) -> None:
    sdk("3.27.0")
    entrypoint = [*DRIVER, f"/opt/ml/input/data/{CHANNEL}/spark_app.py"]

    assert "its function is started by Spark, which works only on AWS" in local.problems(
        function_job(local, entrypoint)
    )


def test_another_minor_version_of_the_sdk_is_no_obstacle(local: Any, sdk: Any) -> None:
    sdk("3.99.0")

    assert check(local.definition(function_job(local, client_python_version=HERE)))


@pytest.mark.slow
def test_one_whose_driver_does_nothing_has_not_succeeded(local: Any, sdk: Any) -> None:
    sdk("3.27.0")
    local.store.put(f"s3://bucket/base/{CHANNEL}/job_driver.sh", b"echo 'Error: something went wrong'")

    execution = local.run(function_job(local))

    assert execution.steps["MyFunction"].failure_reason == (
        "it left no result of its function: Error: something went wrong"
    )


# With the SDK itself, in a generated project's environment

RUN = """
import json, pathlib, sys
from sagemaker_ops.local import Options, start_pipeline_execution
home, options, given = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
start_pipeline_execution(
    json.loads(sys.stdin.read()), pipeline_name="functions", parameters=given, home=home, options=Options(**options)
)
"""


@pytest.fixture(scope="module")
def compiled(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The definition that the SDK compiles, and the store that it uploaded to."""
    folder = tmp_path_factory.mktemp("functions")
    python, script = environment / "bin/python", Path(__file__).with_name("step_functions.py")
    command = [python, "-m", "sagemaker_ops.s3.endpoint", folder / "s3", python, script]
    done = in_environment(command, folder)
    return done.stdout, folder / "s3"


def in_environment(command: list[Any], folder: Path, given: str = "") -> subprocess.CompletedProcess[str]:
    env = clean_environment() | {"PYTHONPATH": str(VENDOR), "PYTHONWARNINGS": "ignore"} | NO_BYTECODE
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=env, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
@both_ways
@pytest.mark.parametrize(
    ("count", "expected"),
    [
        ("4", {"total": "Succeeded", "report": "Succeeded", "broken": "NotStarted"}),
        ("3", {"total": "Succeeded", "report": "NotStarted", "broken": "Failed"}),
    ],
)
def test_functions_run_and_pass_values(
    local: Any, environment: Path, compiled: tuple[str, Path], count: str, expected: dict[str, str]
) -> None:
    definition, s3 = compiled
    (local.home / "s3").parent.mkdir(parents=True)
    (local.home / "s3").symlink_to(s3)
    (s3 / "bucket/report.txt").unlink(missing_ok=True)
    before = installed(environment)
    options = json.dumps({"isolation": local.isolation})
    command = [environment / "bin/python", "-c", RUN, local.home, options, json.dumps({"Count": count})]

    in_environment(command, local.home.parent, definition)

    [execution] = list_pipeline_executions(local.home)
    states = {name: step.status for name, step in execution.steps.items()}
    usual = {"make": "Succeeded", "large": "Succeeded", "remote": "Succeeded"}
    assert states == usual | expected, execution.failure_reason
    for name in ("make", "remote"):
        log = local.log(execution, name)
        assert "requirements.txt is not installed here: the program uses the packages of this environment." in log
        assert "pre_exec.sh is not run here without --install." in log
    if count == "4":
        assert (s3 / "bucket/report.txt").read_text() == "6"
    else:
        assert "no column for 3" in (execution.steps["broken"].failure_reason or "")
    assert installed(environment) == before


def installed(environment: Path) -> set[str]:
    return {file.name for file in (environment / "lib").glob("python*/site-packages/*")}
