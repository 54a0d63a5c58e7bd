"""A training job in script mode, compared with the toolkit that runs in the images."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from sagemaker_ops.container import contract

pytestmark = pytest.mark.parametrize("local", ["namespace", "rewrite"], indirect=True)

HYPERPARAMETERS = {
    "learning_rate": "0.1",
    "n": "5",
    "flag": "true",
    "name": "abc",
    "list": '[1,2,"x"]',
    "object": '{"b": 1, "a": 2}',
    "none": "null",
    "quoted": '"q"',
    "empty": "",
    "sagemaker_extra": "x",
    "sagemaker_region": '"eu-west-1"',
    "sagemaker_container_log_level": "10",
}


def test_channels_and_configuration_are_where_the_variables_point(local: Any) -> None:
    local.store.put("s3://bucket/data/train/a.csv", b"1")
    script = """
        import json, os
        print(os.listdir(os.environ["SM_CHANNEL_TRAIN"]), os.environ["SM_CHANNELS"], os.environ["SM_HP_RATE"])
        print(json.load(open("/opt/ml/input/config/inputdataconfig.json"))["train"]["ContentType"])
        print(os.path.isdir(os.environ["SM_MODEL_DIR"]), os.path.isdir("/opt/ml/checkpoints"))
    """
    step = local.training("Train", script, channels={"train": "s3://bucket/data/train"}, rate="0.5")
    assert local.log(local.run(step), "Train").splitlines() == ["['a.csv'] [\"train\"] 0.5", "text/csv", "True True"]


def test_the_first_1024_characters_of_the_failure_file_are_the_reason(local: Any) -> None:
    script = "open('/opt/ml/output/failure', 'w').write('x' * 2000); raise SystemExit(1)"
    execution = local.run(local.training("Train", script))
    assert execution.steps["Train"].failure_reason == "x" * 1024
    assert not local.store.find("s3://bucket/models/")


def test_a_shell_script_can_be_the_program(local: Any) -> None:
    step = local.training("Train", rate="0.5")
    hyperparameters = step["Arguments"]["HyperParameters"]
    hyperparameters["sagemaker_program"] = "train.sh"
    local.put_archive(hyperparameters["sagemaker_submit_directory"], {"train.sh": 'echo "$@" in /opt/ml'})
    assert local.log(local.run(step), "Train").startswith("--rate 0.5 in /")


def test_the_python_path_of_the_environment_is_kept(local: Any) -> None:
    step = local.training("Train")
    source = step["Arguments"]["HyperParameters"]["sagemaker_submit_directory"]
    local.put_archive(source, {"train.py": "import own; print(own.WORD)", "lib/own.py": "WORD = 'hello'"})
    step["Arguments"]["Environment"] = {"PYTHONPATH": "/opt/ml/code/lib"}
    assert local.log(local.run(step), "Train") == "hello\n"


def test_a_program_outside_its_archive_is_not_run(local: Any) -> None:
    step = local.training("Train")
    step["Arguments"]["HyperParameters"]["sagemaker_program"] = local.join("../", local.get("Steps.A.Outcome"))
    reason = local.run(step, local.condition("A")).steps["Train"].failure_reason
    assert reason == "sagemaker_program '../True' is not in s3://bucket/code/Train/sourcedir.tar.gz."


def test_code_with_a_setup_is_run_as_a_module(local: Any) -> None:
    step = local.training("Train", rate="0.5")
    source = step["Arguments"]["HyperParameters"]["sagemaker_submit_directory"]
    script = "import sys, own; print(__spec__.name, sys.argv[1:])"
    local.put_archive(source, {"train.py": script, "own/__init__.py": "", "setup.py": ""})
    assert local.log(local.run(step), "Train").splitlines() == [
        "setup.py is not run here: the program can import the packages next to it.",
        "train ['--rate', '0.5']",
    ]


def test_checkpoints_of_an_earlier_run_are_there_and_new_ones_are_kept(local: Any) -> None:
    script = """
        import pathlib
        folder = pathlib.Path("/opt/ml/checkpoints")
        epoch = len(list(folder.iterdir()))
        folder.joinpath(f"{epoch}.ckpt").write_text(str(epoch))
    """
    step = local.training("Train", script)
    step["Arguments"]["CheckpointConfig"] = {"S3Uri": "s3://bucket/checkpoints"}
    for _ in range(3):
        assert local.run(step).status == "Succeeded"
    assert {name: file.read_text() for name, file in local.store.find("s3://bucket/checkpoints").items()} == {
        "0.ckpt": "0",
        "1.ckpt": "1",
        "2.ckpt": "2",
    }


SHOW = """
    import json, os, sys
    kept = {k: v for k, v in os.environ.items() if k.startswith(("SM_", "SAGEMAKER_", "CURRENT_", "TRAINING_JOB_NAME"))}
    print("SEEN", json.dumps([kept, sys.argv, os.getcwd(), sorted(os.listdir("/opt/ml"))]))
"""


@pytest.mark.slow
def test_the_program_finds_the_same_as_with_the_toolkit(local: Any, tmp_path: Path) -> None:
    pytest.importorskip("sagemaker_training")
    channels = {"train": "s3://bucket/data/", "other-one": "s3://bucket/data/"}
    local.store.put("s3://bucket/data/a.csv", b"1")
    step = local.training("Train", SHOW, channels=channels, **HYPERPARAMETERS)
    execution = local.run(step)
    job = execution.steps["Train"].properties
    ours = _seen(local.log(execution, "Train"), local.opt_ml(execution, "Train", "").rstrip("/"))

    root = tmp_path / "ml"
    uri = step["Arguments"]["HyperParameters"]["sagemaker_submit_directory"]
    source = str(local.store.get_file(uri))
    local.put_archive(uri, {"train.py": dedent(SHOW).replace("/opt/ml", str(root))})
    arguments = {**job, "HyperParameters": {**job["HyperParameters"], "sagemaker_submit_directory": source}}
    contract.write_training_config(root, arguments)
    env = {
        "PATH": os.environ["PATH"],
        "SAGEMAKER_BASE_DIR": str(root),
        "TRAINING_JOB_NAME": job["TrainingJobName"],
        "SM_STUDIO_LOCAL_MODE": "true",  # so that it does not wait for a host algo-1
    }
    toolkit = [sys.executable, "-c", "from sagemaker_training.cli.train import main; main()"]
    done = subprocess.run(toolkit, env=env, check=True, capture_output=True, text=True)
    theirs = _seen(done.stdout.replace(source, uri), str(root))
    del theirs[0]["SM_STUDIO_LOCAL_MODE"]
    assert ours == theirs


def _seen(text: str, root: str) -> Any:
    [line] = [line for line in text.splitlines() if line.startswith("SEEN ")]
    return json.loads(line.removeprefix("SEEN ").replace(root, "/opt/ml"))
