"""A training job in script mode, held against the toolkit that runs inside the images."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ops.local import contract

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


def test_hyperparameters_are_strings_in_the_file_and_decoded_on_the_command_line(local: Any) -> None:
    script = """
        import json, os, sys
        print(json.dumps([sys.argv, json.load(open("/opt/ml/input/config/hyperparameters.json")), os.getcwd()]))
    """
    execution = local.run(local.training("Train", script, **HYPERPARAMETERS))
    argv, file, cwd = json.loads(local.log(execution, "Train"))
    assert argv == [
        *["train.py", "--empty", "", "--flag", "True", "--learning_rate", "0.1", "--list", "[1, 2, 'x']", "-n", "5"],
        *["--name", "abc", "--none", "", "--object", "a=2,b=1", "--quoted", "q"],
    ]
    assert file["flag"] == "true"
    assert file["sagemaker_program"] == "train.py"
    assert cwd.endswith("/job/ml/code")


def test_channels_and_configuration_are_where_the_variables_say(local: Any) -> None:
    local.store.put("s3://bucket/data/train/a.csv", b"1")
    script = """
        import json, os
        print(os.listdir(os.environ["SM_CHANNEL_TRAIN"]), os.environ["SM_CHANNELS"], os.environ["SM_HP_RATE"])
        print(json.load(open("/opt/ml/input/config/inputdataconfig.json"))["train"]["ContentType"])
        print(os.path.isdir(os.environ["SM_MODEL_DIR"]), os.path.isdir("/opt/ml/checkpoints"))
    """
    step = local.training("Train", script, channels={"train": "s3://bucket/data/train"}, rate="0.5")
    assert local.log(local.run(step), "Train").splitlines() == ["['a.csv'] [\"train\"] 0.5", "text/csv", "True True"]


def test_model_and_output_become_archives_that_the_next_step_finds(local: Any) -> None:
    script = """
        import os
        open(os.path.join(os.environ["SM_MODEL_DIR"], "model.bin"), "w").write("m")
        open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "curve.csv"), "w").write("c")
    """
    read = """
        import tarfile
        print(tarfile.open("/opt/ml/processing/model/model.tar.gz").getnames())
    """
    model = local.get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    execution = local.run(local.training("Train", script), local.processing("Read", read, inputs={"model": model}))
    assert execution.status == "Succeeded", execution.failure_reason
    properties = execution.steps["Train"].properties
    uri = f"s3://bucket/models/{properties['TrainingJobName']}/output/"
    assert properties["ModelArtifacts"] == {"S3ModelArtifacts": f"{uri}model.tar.gz"}
    assert set(local.store.find(uri)) == {"model.tar.gz", "output.tar.gz"}
    assert local.log(execution, "Read") == "['model.bin']\n"
    with tarfile.open(execution.folder / "Train/outputs/model/output.tar.gz") as tar:
        assert tar.getnames() == ["curve.csv"]


def test_the_first_1024_characters_of_the_failure_file_are_the_reason(local: Any) -> None:
    script = "open('/opt/ml/output/failure', 'w').write('x' * 2000); raise SystemExit(1)"
    execution = local.run(local.training("Train", script))
    assert execution.steps["Train"].failure_reason == "x" * 1024
    assert not local.store.find("s3://bucket/models/")


def test_requirements_are_named_in_the_log_and_not_installed(local: Any) -> None:
    step = local.training("Train")
    source = step["Arguments"]["HyperParameters"]["sagemaker_submit_directory"]
    local.put_archive(source, {"train.py": "", "requirements.txt": "no-such-package-at-all"})
    assert "requirements.txt is not installed here" in local.log(local.run(step), "Train")


def test_a_shell_script_can_be_the_program(local: Any) -> None:
    step = local.training("Train", rate="0.5")
    hyperparameters = step["Arguments"]["HyperParameters"]
    hyperparameters["sagemaker_program"] = "train.sh"
    local.put_archive(hyperparameters["sagemaker_submit_directory"], {"train.sh": 'echo "$@" in /opt/ml'})
    assert local.log(local.run(step), "Train").startswith("--rate 0.5 in /")


@pytest.mark.slow
def test_every_variable_is_what_the_toolkit_sets(local: Any, tmp_path: Path) -> None:
    pytest.importorskip("sagemaker_training")
    root = tmp_path / "ml"
    script = (
        'import json, os, sys; json.dump([dict(os.environ), sys.argv], open(os.environ["SM_MODEL_DIR"] + "/seen", "w"))'
    )
    local.put_archive("s3://bucket/sourcedir.tar.gz", {"train.py": script})
    source = local.store.get_file("s3://bucket/sourcedir.tar.gz")
    toolkit_keys = {"sagemaker_program": "train.py", "sagemaker_submit_directory": str(source)}
    arguments: dict[str, Any] = {
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "HyperParameters": {**HYPERPARAMETERS, **toolkit_keys},
        "InputDataConfig": [
            {"ChannelName": name, "DataSource": {"S3DataSource": {}}, "ContentType": "text/csv"}
            for name in ("train", "validation")
        ],
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge"},
    }
    contract.write_training_config(root, arguments)
    toolkit = [sys.executable, "-c", "from sagemaker_training.cli.train import main; main()"]
    env = {"SAGEMAKER_BASE_DIR": str(root), "SM_STUDIO_LOCAL_MODE": "true", "TRAINING_JOB_NAME": "job"}
    subprocess.run(toolkit, env={"PATH": os.environ["PATH"], **env}, check=True, capture_output=True)

    theirs, argv = json.loads((root / "model/seen").read_text())
    ours = contract.training_environment(root, arguments, "job", "arn", "us-east-1")
    names = {name for name in theirs if name.startswith(("SM_", "SAGEMAKER_", "CURRENT_"))}
    names -= {"SAGEMAKER_BASE_DIR", "SM_STUDIO_LOCAL_MODE"}  # how it was called here, not what it sets
    assert {name: ours.get(name) for name in names} == {name: theirs[name] for name in names}
    assert {name for name in ours if name.startswith("SM_")} <= names
    assert argv == ["train.py", *contract.training_arguments(arguments["HyperParameters"])]
