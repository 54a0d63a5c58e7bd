"""Step scripts as found in other people's pipelines: they run here unchanged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Options, start_pipeline_execution

pytestmark = pytest.mark.parametrize("local", ["namespace", "rewrite"], indirect=True)


def put_script(local: Any, step: dict[str, Any], script: str, uri: str, files: dict[str, str]) -> None:
    """Let the step run `script` from the files at the URI: an object, a folder, or everything with that prefix."""
    for name, text in files.items():
        local.store.put(f"{uri}{name}", text.encode())
    step["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] = uri
    step["Arguments"]["AppSpecification"]["ContainerEntrypoint"][1] = f"/opt/ml/processing/input/code/{script}"


PREPROCESS = '''
"""Splits a table; its paths are those of the container."""
import argparse
import csv
import logging
import os
import pathlib
import sys

logger = logging.getLogger()
logger.setLevel(logging.INFO)
logger.addHandler(logging.StreamHandler(sys.stdout))

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--input-data", type=str, required=True)
    parser.add_argument("--train-share", type=float, default=0.5)
    args, _ = parser.parse_known_args()

    base_dir = "/opt/ml/processing"
    pathlib.Path(f"{base_dir}/data").mkdir(parents=True, exist_ok=True)
    fn = f"{base_dir}/data/copy.csv"
    rows = list(csv.reader(open(os.path.join(base_dir, "input", os.path.basename(args.input_data)))))
    csv.writer(open(fn, "w")).writerows(rows)
    logger.info("read %d rows of %s", len(rows), fn)
    cut = int(len(rows) * args.train_share)
    for name, part in (("train", rows[:cut]), ("test", rows[cut:])):
        csv.writer(open(f"{base_dir}/{name}/{name}.csv", "w")).writerows(part)
    os.unlink(fn)
'''
TRAIN = """
import argparse, json, os, pickle

def model_fn(model_dir):
    return pickle.load(open(os.path.join(model_dir, "model.pkl"), "rb"))

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--n-estimators", type=int, default=10)
    parser.add_argument("--model-dir", type=str, default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--train", type=str, default=os.environ["SM_CHANNEL_TRAIN-DATA"])
    parser.add_argument("--output-data-dir", type=str, default=os.environ["SM_OUTPUT_DATA_DIR"])
    args, _ = parser.parse_known_args()
    hosts = json.loads(os.environ["SM_HOSTS"])
    assert hosts == [os.environ["SM_CURRENT_HOST"]] and os.listdir("/opt/ml/input/data") == ["train-data"]
    rows = open(os.path.join(args.train, "train.csv")).read().split()
    with open(os.path.join(args.model_dir, "model.pkl"), "wb") as out:
        pickle.dump({"rows": len(rows), "trees": args.n_estimators}, out)
    os.makedirs(args.output_data_dir, exist_ok=True)
    json.dump({"loss": 0.5}, open(f"{args.output_data_dir}/metrics.json", "w"))
"""
EVALUATE = """
import json, pathlib, pickle, tarfile

if __name__ == "__main__":
    model_path = "/opt/ml/processing/model/model.tar.gz"
    with tarfile.open(model_path) as tar:
        tar.extractall(path=".")
    model = pickle.load(open("model.pkl", "rb"))
    resources = json.load(open("/opt/ml/config/resourceconfig.json"))
    test = open("/opt/ml/processing/test/test.csv").read().split()
    report = {"regression_metrics": {"mse": {"value": 1.5, "standard_deviation": float(len(test))}, "of": model}}
    output_dir = "/opt/ml/processing/evaluation"
    pathlib.Path(output_dir).mkdir(parents=True, exist_ok=True)
    with open(f"{output_dir}/evaluation.json", "w") as f:
        f.write(json.dumps({**report, "host": resources["current_host"]}))
"""


def mapped(step: dict[str, Any], name: str, path: str) -> None:
    """Mount the input or output with this name at this path."""
    arguments = step["Arguments"]
    for each in [*arguments["ProcessingInputs"], *arguments["ProcessingOutputConfig"]["Outputs"]]:
        if name in (each.get("InputName"), each.get("OutputName")):
            (each.get("S3Input") or each["S3Output"])["LocalPath"] = path


@pytest.mark.slow
def test_the_classic_split_train_evaluate_register(local: Any) -> None:
    local.store.put("s3://bucket/raw/table.csv", b"1,2\n3,4\n5,6\n7,8\n")
    raw = "s3://bucket/raw/table.csv"
    prepare = local.processing("Prepare-Data", "", "--input-data", raw, inputs={"in": raw}, outputs=("train", "test"))
    mapped(prepare, "in", "/opt/ml/processing/input")
    put_script(local, prepare, "preprocess.py", "s3://bucket/code/0f3a/preprocess.py", {"": PREPROCESS})
    for each in prepare["Arguments"]["ProcessingOutputConfig"]["Outputs"]:
        each["S3Output"] |= {"S3Uri": f"s3://bucket/shared/{each['OutputName']}", "S3UploadMode": "Continuous"}
    train = local.training(
        "Train", TRAIN, channels={"train-data": local.output_of("Prepare-Data", "train")}, **{"n-estimators": "50"}
    )
    model = local.get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    inputs = {"model": model, "test": local.output_of("Prepare-Data", "test")}
    evaluate = local.processing("Evaluate", "", inputs=inputs, outputs=("evaluation",))
    put_script(local, evaluate, "evaluate.py", "s3://bucket/code/9c1e/evaluate.py", {"": EVALUATE})
    evaluate["PropertyFiles"] = [
        {"PropertyFileName": "Report", "OutputName": "evaluation", "FilePath": "evaluation.json"}
    ]
    register = local.register("Register", InferenceSpecification={"Containers": [{"ModelDataUrl": model}]})
    mse = local.json_get("Evaluate", "Report", "regression_metrics.mse.value")
    gate = local.condition("Gate", local.compare("LessThanOrEqualTo", mse, 6.0), then=[register])

    for _ in range(2):  # the second run finds the first one's files at the URIs of its outputs
        execution = local.run(prepare, train, evaluate, gate)
        assert execution.status == "Succeeded", execution.failure_reason
        report = json.loads(local.output(execution, "Evaluate", "evaluation/evaluation.json"))
        assert (report["regression_metrics"]["of"], report["host"]) == ({"rows": 2, "trees": 50}, "algo-1")
        assert execution.steps["Register"].status == "Succeeded"
    assert set(local.store.find("s3://bucket/shared/")) == {"train/train.csv", "test/test.csv"}
    assert "read 4 rows of " in local.log(execution, "Prepare-Data")


@pytest.mark.parametrize(
    ("uri", "files"),
    [
        pytest.param("s3://bucket/c/main.py", {"": "print('ran')"}, id="one-object"),
        pytest.param("s3://bucket/c/", {"main.py": "import own", "own.py": "print('ran')"}, id="a-folder"),
        pytest.param(
            "s3://bucket/c/source", {"/main.py": "import own", "/own/__init__.py": "print('ran')"}, id="without-a-slash"
        ),
        pytest.param("s3://bucket/c/ma", {"in.py": "import mate", "te.py": "print('ran')"}, id="a-prefix"),
    ],
)
def test_code_is_an_object_a_folder_or_a_prefix(local: Any, uri: str, files: dict[str, str]) -> None:
    step = local.processing("A")
    put_script(local, step, "main.py", uri, files)
    assert local.log(local.run(step), "A") == "ran\n"


def test_a_trailing_slash_ends_a_local_path(local: Any) -> None:
    step = local.processing("A", "open('/opt/ml/processing/out/x', 'w').write('1')", outputs=("out",))
    mapped(step, "code", "/opt/ml/processing/input/code/")
    mapped(step, "out", "/opt/ml/processing/out/")
    execution = local.run(step)
    assert local.output(execution, "A", "out/x") == "1", execution.failure_reason


def test_the_script_may_be_the_first_argument(local: Any) -> None:
    step = local.processing("A", "print(open('/opt/ml/processing/input/code/main.py').read()[:5])")
    step["Arguments"]["ProcessingInputs"][0]["InputName"] = "scripts"
    step["Arguments"]["AppSpecification"] = {
        "ContainerEntrypoint": ["python3"],
        "ContainerArguments": ["/opt/ml/processing/input/code/main.py"],
    }
    assert local.log(local.run(step), "A") == "print\n"


RUNPROC = """\
#!/bin/bash
cd /opt/ml/processing/input/code/
tar -xzf sourcedir.tar.gz
set -e
if [[ -f 'requirements.txt' ]]; then
    pip uninstall --yes typing
    pip install -r requirements.txt
fi
python3 main.py "$@"
"""


@pytest.mark.parametrize("requirements", [None, pytest.param("# none", marks=pytest.mark.slow)], ids=["", "pip"])
def test_code_in_an_archive_is_unpacked_by_an_entrypoint_next_to_it(local: Any, requirements: str | None) -> None:
    """As in SDK v2's FrameworkProcessor: two inputs, one of which has the script that unpacks the other."""
    files = {"main.py": "import sys, own; print(sys.argv[1:], own.PATH)", "own.py": "PATH = '/opt/ml/processing/out'"}
    local.put_archive(
        "s3://bucket/job/source/sourcedir.tar.gz", files | ({"requirements.txt": requirements} if requirements else {})
    )
    local.store.put("s3://bucket/job/source/runproc.sh", RUNPROC.encode())
    step = local.processing("A", "", "--name", "two words", inputs={"entrypoint": "s3://bucket/job/source/runproc.sh"})
    mapped(step, "entrypoint", "/opt/ml/processing/input/entrypoint")
    step["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] = "s3://bucket/job/source/sourcedir.tar.gz"
    step["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = [
        "/bin/bash",
        "/opt/ml/processing/input/entrypoint/runproc.sh",
    ]
    execution = local.run(step)
    assert execution.status == "Succeeded", execution.failure_reason
    *_, last = local.log(execution, "A").splitlines()
    assert last == f"['--name', 'two words'] {local.opt_ml(execution, 'A', 'processing/out')}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("settings.json", '{"path": "/opt/ml/model"}', id="json"),
        pytest.param("run", "#!/bin/sh\ncat /opt/ml/model", id="no-suffix"),
        pytest.param("more.py", "URL = 'file:///opt/ml/model'", id="url"),
        pytest.param("own.py", "A = 's3://bucket/opt/ml/data', '/opt/mlops', 'x/opt/ml'", id="other-paths"),
    ],
)
def test_paths_of_the_container_in_files_next_to_a_script(local: Any, name: str, text: str) -> None:
    step = local.processing("A", f"print(open('/opt/ml/processing/input/code/{name}').read())")
    local.store.put(f"s3://bucket/code/A/{name}", text.encode())
    execution = local.run(step)
    assert local.log(execution, "A").strip() == text.replace("/opt/ml/model", local.opt_ml(execution, "A", "model"))


def test_unchanged_modules_are_compiled_once_and_libraries_as_usual(local: Any) -> None:
    script = """
        import importlib.util, os, sys
        print(os.path.exists(importlib.util.cache_from_source(__file__.replace("main", "own"))), sys.pycache_prefix)
        import own
        print(own.WORD)
    """
    step = local.processing("A", script)
    seen = []
    for word in ("one", "one", "two"):  # of equal length, and written in the same second
        local.store.put("s3://bucket/code/A/own.py", f"WORD = '{word}'".encode())
        seen.append(local.log(local.run(step), "A").split())
    kept = "False" if local.isolation == "rewrite" else "True"
    assert seen == [["False", "None", "one"], [kept, "None", "one"], ["False", "None", "two"]]


def test_an_invalid_archive_among_the_code_is_left_alone(local: Any) -> None:
    step = local.processing("A", "print(open('/opt/ml/processing/input/code/x.tar.gz').read())")
    local.store.put("s3://bucket/code/A/x.tar.gz", b"no archive")
    assert local.log(local.run(step), "A") == "no archive\n"


def test_purely_descriptive_arguments_change_nothing(local: Any) -> None:
    step = local.training("Train", "print('ran')", channels={"train": "s3://bucket/code/"})
    step["Arguments"] |= {
        "RoleArn": "arn:aws:iam::123456789012:role/x",
        "ProfilerConfig": {"S3OutputPath": "s3://bucket/debug", "DisableProfiler": False},
        "DebugHookConfig": {"S3OutputPath": "s3://bucket/debug", "CollectionConfigurations": []},
        "ExperimentConfig": None,
    }
    step["Arguments"]["InputDataConfig"][0]["InputMode"] = "FastFile"
    del step["Arguments"]["InputDataConfig"][0]["ContentType"]
    processing = local.processing("A", "print('ran')")
    processing["Arguments"]["ProcessingInputs"][0]["AppManaged"] = False
    definition = local.definition(step, processing) | {
        "PipelineExperimentConfig": {"ExperimentName": local.get("Execution.PipelineName"), "TrialName": "x"},
        "MlflowConfig": None,
        "Parameters": None,
    }
    execution = start_pipeline_execution(
        definition, pipeline_name="p", parameters={}, home=local.home, options=Options(isolation=local.isolation)
    )
    assert [local.log(execution, name) for name in ("Train", "A")] == ["ran\n", "ran\n"]


def test_a_parameter_without_a_default_must_be_given(local: Any) -> None:
    step = local.processing("A", "import sys; print(sys.argv[1])", local.get("Parameters.Word"))
    parameters = [local.parameter("Word")]
    with pytest.raises(UserError, match="Word"):
        local.run(step, parameters=parameters)
    assert local.log(local.run(step, parameters=parameters, given={"Word": "hello"}), "A") == "hello\n"
