"""Jobs as SDK v3 packs them, with the SDK's scripts around the user's: they run here unmodified."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from projects import clean_environment

from sagemaker_ops.local import Options, start_pipeline_execution
from sagemaker_ops.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("local", ["namespace", "rewrite"], indirect=True)]

FILES = {
    "train.py": """
import argparse, json, os, sys, own
parser = argparse.ArgumentParser()
parser.add_argument("--name")
parser.add_argument("--rate", type=float)
parser.add_argument("--layers", type=json.loads)
parser.add_argument("--verbose")
args = parser.parse_args()
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write(open("/opt/ml/input/data/train/a.csv").read())
seen = {
    "args": vars(args),
    "cwd": os.getcwd(),
    "hyperparameters": json.loads(os.environ["SM_HPS"]),
    "one": os.environ["SM_HP_RATE"],
    "channel": os.environ["SM_CHANNEL_TRAIN"],
    "host": [os.environ["SM_CURRENT_HOST"], os.environ["SM_NUM_CPUS"]],
    "job": os.environ["TRAINING_JOB_NAME"],
    "own": own.PATH,
}
json.dump(seen, open("/opt/ml/output/data/seen.json", "w"))
""",
    "own.py": "PATH = '/opt/ml/model'",
    "train.sh": 'echo "$@" > /opt/ml/output/data/seen.json',
    "failing.py": "raise ValueError('no column')",
    "process.py": """
import pathlib, sys
pathlib.Path("/opt/ml/processing/out/seen.txt").write_text(" ".join(sys.argv[1:]))
""",
    "requirements.txt": "# nothing",
}


@pytest.fixture(scope="module")
def compiled(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The definition that the SDK compiles, and the folder that it uploaded to."""
    folder = tmp_path_factory.mktemp("sdk")
    code, s3 = folder / "code", folder / "s3"
    code.mkdir()
    for name, text in FILES.items():
        (code / name).write_text(text)
    with tarfile.open(code / "packed.tar.gz", "w:gz") as tar:
        for name in FILES:
            tar.add(code / name, arcname=name)
    env = clean_environment() | {
        "PYTHONWARNINGS": "ignore",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",  # pragma: allowlist secret
        "SAGEMAKER_VALIDATE_ROLE": "false",
    }
    program = [str(environment / "bin/python"), str(Path(__file__).with_name("sdk_jobs.py")), str(code), str(s3)]
    done = subprocess.run(program, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), s3


def test_what_the_sdk_packs_runs_here(local: Any, compiled: tuple[dict[str, Any], Path]) -> None:
    definition, s3 = compiled
    shutil.copytree(s3, local.home / "s3")
    local.store.put("s3://bucket/raw/a.csv", b"data")

    execution = start_pipeline_execution(
        definition, pipeline_name="sdk-jobs", parameters={}, home=local.home, options=Options(isolation=local.isolation)
    )

    statuses = {name: step.status for name, step in execution.steps.items()}
    assert {name for name, status in statuses.items() if status != "Succeeded"} == {"Failing"}, execution.failure_reason
    assert "ValueError: no column" in local.log(execution, "Failing")
    hyperparameters = {"name": "it is", "rate": 0.5, "layers": [1, {"a": None}], "verbose": True}
    for name in ("Script", "Requirements", "Archive", "Command"):
        seen = _made(local.store, execution.steps[name].properties)
        root = local.opt_ml(execution, name, "").rstrip("/")
        arguments = {**hyperparameters, "verbose": "true"}
        if name == "Command":  # it has its own arguments
            arguments = {"name": "it's $HOME", "rate": 0.5, "layers": None, "verbose": None}
        assert seen["args"] == arguments, name
        assert seen["hyperparameters"] == hyperparameters
        assert (seen["one"], seen["host"][0]) == ("0.5", "algo-1")
        assert seen["job"] == execution.steps[name].properties["TrainingJobName"]
        assert (seen["cwd"], seen["own"]) == (f"{root}/input/data/code", f"{root}/model")
        assert seen["channel"] == f"{root}/input/data/train"
    text = _made(local.store, execution.steps["Shell"].properties, as_json=False)
    assert text == '--name it is --rate 0.5 --layers [1, {"a": null}] --verbose true\n'
    for name in ("framework", "single"):
        assert local.store.get_file(f"s3://bucket/out/{name}/seen.txt").read_text() == "--name two words"


def _made(store: Store, properties: dict[str, Any], as_json: bool = True) -> Any:
    """What the training script wrote to output/data, after checking its model."""
    model = properties["ModelArtifacts"]["S3ModelArtifacts"]
    with tarfile.open(store.get_file(model.replace("model.tar.gz", "output.tar.gz"))) as tar:
        member = tar.extractfile("seen.json")
        assert member is not None
        text = member.read().decode()
    with tarfile.open(store.get_file(model)) as tar:
        assert tar.getnames() == (["model.txt"] if as_json else [])
    return json.loads(text) if as_json else text
