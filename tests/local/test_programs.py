"""What a step's program needs on this machine is known before anything starts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagemaker_ops.definition.expressions import Scope
from sagemaker_ops.definition.plan import parse
from sagemaker_ops.errors import UserError
from sagemaker_ops.preflight.inputs import missing_inputs
from sagemaker_ops.preflight.refusals import missing_models, refusals

AWS = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


def refused(local: Any, *steps: Any) -> list[str]:
    """Why these steps cannot start, as far as that is known without the store."""
    plan, problems = parse(local.definition(*steps))
    return [problem.message for problem in problems + refusals(plan, Scope())]


def lacking(local: Any, *steps: Any, install: bool = False) -> list[str]:
    """What these steps lack here."""
    plan, problems = parse(local.definition(*steps))
    return [problem.message for problem in problems + missing_inputs(plan, Scope(), local.store, install)]


@pytest.mark.parametrize(
    ("entrypoint", "image", "sentence"),
    [
        pytest.param(
            ["mpirun-of-image", "/opt/ml/processing/input/code/main.py"],
            f"{AWS}/pytorch-training:2.3-cpu",
            "its program 'mpirun-of-image' is part of the image pytorch-training but not on this machine: "
            "install it here, or let the step start a script with python3.",
            id="mpi",
        ),
        pytest.param(["/usr/bin/Rscript-9", "x.R"], "image", "its program '/usr/bin/Rscript-9' is part of its", id="R"),
        pytest.param(["./run.sh"], "image", "its program './run.sh' is part of its image", id="in-its-image"),
        pytest.param(["/usr/local/bin/python3.7", "x.py"], "image", "", id="another-python"),
        pytest.param(["python", "x.py"], "image", "", id="python"),
        pytest.param(["/bin/bash", "-c", "true"], f"{AWS}/pytorch-training:2.3-cpu", "", id="bash"),
        pytest.param(["/opt/ml/processing/input/code/run.sh"], "image", "", id="in-an-input"),
    ],
)
def test_a_program_that_only_the_image_has_is_refused(
    local: Any, entrypoint: list[str], image: str, sentence: str
) -> None:
    processing, training = local.processing("A"), local.training("B")
    processing["Arguments"]["AppSpecification"] = {"ImageUri": image, "ContainerEntrypoint": entrypoint}
    training["Arguments"]["AlgorithmSpecification"] = {"TrainingImage": image, "ContainerEntrypoint": entrypoint}
    for step in (processing, training):
        assert [each[: len(sentence)] for each in refused(local, step)] == ([sentence] if sentence else [])


def test_what_only_an_image_can_do_is_refused_by_name(local: Any) -> None:
    training, processing = local.training("A"), local.processing("B")
    training["Arguments"]["HyperParameters"] = {"max_depth": "5"}
    training["Arguments"]["AlgorithmSpecification"]["TrainingImage"] = f"{AWS}/sagemaker-xgboost:1.7-1"
    processing["Arguments"]["AppSpecification"] = {"ImageUri": f"{AWS}/sagemaker-clarify-processing:1.0"}
    assert [problem.split(": ")[0] for problem in refused(local, training, processing)] == [
        "it is not in script mode, and the algorithm in the image sagemaker-xgboost cannot run here",
        "it has no ContainerEntrypoint, and the program in the image sagemaker-clarify-processing cannot run here",
    ]


def of_image(module: str, image: str, package: str = "") -> str:
    return (
        f"its script imports {module}, which the image {image} has but this environment lacks: "
        f"run `pip install {package or module}` in .venv."
    )


SKLEARN, XGBOOST, PYTORCH = "sagemaker-scikit-learn", "sagemaker-xgboost", "huggingface-pytorch-training"


@pytest.mark.parametrize(
    ("image", "code", "sentences"),
    [
        pytest.param(f"{AWS}/{XGBOOST}:1.7-1", "import xgboost as xgb", [of_image("xgboost", XGBOOST)], id="import"),
        pytest.param(f"{AWS}/{XGBOOST}:1.7-1", "import own", [of_image("xgboost", XGBOOST)], id="by-its-neighbour"),
        pytest.param(
            f"{AWS}.cn/{PYTORCH}@sha256:12",
            "import os, transformers\nfrom torch.nn import Linear",
            [of_image("torch", PYTORCH), of_image("transformers", PYTORCH)],
            id="several",
        ),
        pytest.param(
            f"{AWS}/{SKLEARN}:1.2-1",
            "from sklearn import svm",
            [of_image("sklearn", SKLEARN, "scikit-learn")],
            id="pip-knows-it-by-another-name",
        ),
        pytest.param(f"{AWS}/{XGBOOST}:1.7-1", "def late():\n    import xgboost", [], id="not-at-its-top"),
        pytest.param(f"{AWS}/{XGBOOST}:1.7-1", '"""\nimport xgboost\n"""', [], id="in-a-text"),
        pytest.param(f"{AWS}/{XGBOOST}:1.7-1", "try:\n    import xgboost\nexcept ImportError: pass", [], id="tried"),
        pytest.param(f"{AWS}/{XGBOOST}:1.7-1", "import torch", [], id="of-another-image"),
        pytest.param(f"{AWS}/{PYTORCH}:2", "from transformers import own", [], id="a-package-beside-it"),
        pytest.param(
            f"{AWS}/{XGBOOST}:1.7-1",
            "import os; os.system('pip install xgboost')\nimport xgboost",
            [],
            id="installs-it",
        ),
        pytest.param(f"{AWS}/{SKLEARN}:1.2-1", "import json, pytest", [], id="what-is-here"),
        pytest.param(f"{AWS}/{XGBOOST}:1.7-1", "import (", [], id="no-Python"),
        pytest.param("registry.example.com/xgboost:1", "import xgboost", [], id="nobody-knows-that-image"),
    ],
)
def test_programs_that_a_script_needs_from_its_image_must_exist_here(
    local: Any, image: str, code: str, sentences: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder, as one file, in an archive, and via the script of SDK v3; not in a branch, which may not run."""
    gone = {"xgboost", "torch", "transformers", "sklearn"}
    monkeypatch.setattr("sagemaker_ops.preflight.programs.is_installed", lambda module: module not in gone)
    files = {"main.py": code, "own.py": "import json, xgboost"}
    if code == "from transformers import own":
        files["transformers/own.py"] = ""
    local.put_archive("s3://bucket/code/Archive/sourcedir.tar.gz", files)
    for name, text in files.items():
        local.store.put(f"s3://bucket/code/{name}", text.encode())
    source = {"entry_script": "main.py", "command": None, "requirements": None}
    local.store.put("s3://bucket/drivers/sourcecode.json", json.dumps(source).encode())

    folder = local.processing("Folder")
    folder["Arguments"]["AppSpecification"]["ImageUri"] = image
    folder["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] = "s3://bucket/code/"
    archive = local.training("Other", sagemaker_program="main.py")
    archive["Arguments"]["AlgorithmSpecification"]["TrainingImage"] = image
    archive["Arguments"]["HyperParameters"]["sagemaker_submit_directory"] = "s3://bucket/code/Archive/sourcedir.tar.gz"
    drivers = local.training("Drivers", channels={"code": "s3://bucket/code/", "sm_drivers": "s3://bucket/drivers"})
    drivers["Arguments"]["HyperParameters"] = {}
    drivers["Arguments"]["AlgorithmSpecification"] = {"TrainingImage": image, "ContainerEntrypoint": ["/bin/bash"]}
    for step in (folder, archive, drivers):
        assert lacking(local, step) == sentences, step["Name"]
        unknown = local.compare("Equals", local.get("Execution.PipelineName"), "x")
        assert lacking(local, local.condition("If", unknown, then=[step])) == []

    local.store.put("s3://bucket/code/requirements.txt", b"xgboost")
    assert lacking(local, folder, drivers, install=True) == []
    installed = json.dumps(source | {"requirements": "requirements.txt"}).encode()
    local.store.put("s3://bucket/drivers/sourcecode.json", installed)
    assert lacking(local, drivers) == []


def test_a_missing_script_is_reported_before_the_start(local: Any) -> None:
    processing, training = local.processing("A"), local.training("B", sagemaker_program="trian.py")
    processing["Arguments"]["AppSpecification"]["ContainerEntrypoint"][1] = "/opt/ml/processing/input/code/mian.py"
    with pytest.raises(UserError) as caught:
        local.run(processing, training)
    assert [str(problem) for problem in caught.value.problems] == [
        "step 'A': there is no 'mian.py' in s3://bucket/code/A/. Did you mean 'main.py'?",
        "step 'B': there is no 'trian.py' in s3://bucket/code/B/sourcedir.tar.gz. Did you mean 'train.py'?",
    ]
    assert not (local.home / "runs").exists()


def test_code_made_by_a_step_is_not_checked(local: Any) -> None:
    script = "open('/opt/ml/processing/made/main.py', 'w').write('print(7)')"
    make = local.processing("A", script, outputs=("made",))
    run = local.processing("B")
    run["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] = local.output_of("A", "made")
    assert local.log(local.run(make, run), "B") == "7\n"


@pytest.mark.parametrize(
    ("hyperparameters", "sentence"),
    [
        pytest.param({"a=b": "1"}, "hyperparameter 'a=b' contains '=', but becomes the name of", id="no-variable"),
        pytest.param({"sagemaker_mpi_enabled": "true"}, "hyperparameter sagemaker_mpi_enabled turns on", id="MPI"),
        pytest.param({"sagemaker_mpi_enabled": "false"}, "", id="no-MPI"),
        pytest.param({"sagemaker_submit_directory": "/opt/ml/code"}, "sagemaker_submit_directory is '/opt/", id="code"),
    ],
)
def test_hyperparameters_that_cannot_work_here(local: Any, hyperparameters: dict[str, str], sentence: str) -> None:
    problems = refused(local, local.training("A", **hyperparameters))
    assert [problem[: len(sentence)] for problem in problems] == ([sentence] if sentence else [])


CODE = "/opt/ml/processing/input/code"


@pytest.mark.parametrize(
    ("entrypoint", "arguments", "sentence"),
    [
        pytest.param(["python3", f"{CODE}/main.py"], [], "", id="in-an-input"),
        pytest.param(["python3", "-u", f"{CODE}/main.py"], [], "", id="unbuffered"),
        pytest.param(["python3"], [f"{CODE}/main.py"], "", id="as-an-argument"),
        pytest.param(["python3", f"{CODE}/mian.py"], [], "there is no 'mian.py' in s3://bucket/code/A/.", id="a-typo"),
        pytest.param(["python3"], [f"{CODE}/mian.py"], "there is no 'mian.py' in", id="a-typo-in-an-argument"),
        pytest.param([f"{CODE}/run.sh"], [], "there is no 'run.sh' in s3://bucket/code/A/.", id="shell"),
        pytest.param(["python3", "/opt/ml/processing/cod/main.py"], [], "its script '/opt/ml/p", id="no-such-input"),
        pytest.param(["/bin/bash", "/opt/program/run.sh"], [], "its script '/opt/program/run.sh'", id="in-the-image"),
        pytest.param(
            ["python3", "main.py"], [], "its script 'main.py' is in none of its", id="in-its-working-directory"
        ),
        pytest.param(["bash", "-c", f"cd {CODE} && python3 main.py"], [], "", id="a-command"),
        pytest.param(["python3", "-m", "pytest"], ["x.py"], "", id="a-module"),
    ],
)
def test_the_script_must_be_in_one_of_the_inputs(
    local: Any, entrypoint: list[str], arguments: list[str], sentence: str
) -> None:
    local.store.put("s3://bucket/raw/a.csv", b"1")
    step = local.processing("A", inputs={"a": "s3://bucket/raw/", "b": "s3://bucket/raw/a.csv"})
    step["Arguments"]["AppSpecification"] |= {"ContainerEntrypoint": entrypoint, "ContainerArguments": arguments}
    assert [each[: len(sentence)] for each in lacking(local, step)] == ([sentence] if sentence else [])


@pytest.mark.parametrize(
    ("source", "distributed", "sentence"),
    [
        pytest.param({"entry_script": "main.py"}, {}, "", id="one-process"),
        pytest.param(
            {"entry_script": "main.py"},
            {"process_count_per_node": None, "smp": None},
            "its ModelTrainer has 'distributed', which runs only on AWS: leave it out.",
            id="torchrun",
        ),
        pytest.param(
            {"entry_script": "main.py"},
            {"process_count_per_node": 2, "mpi_additional_options": []},
            "its ModelTrainer has 'distributed'",
            id="MPI",
        ),
        pytest.param({"command": "python main.py"}, {"process_count_per_node": 2}, "", id="a-command-runs-by-itself"),
        pytest.param({"entry_script": "mian.py"}, {}, "there is no 'mian.py' in s3://bucket/code/", id="no-script"),
        pytest.param({"entry_script": "run.sh"}, {}, "there is no 'run.sh' in s3://bucket/code/", id="no-shell-script"),
        pytest.param(
            {"entry_script": "main.py", "requirements": "r.txt"}, {}, "there is no 'r.txt' in", id="no-requirements"
        ),
        pytest.param({"entry_script": "main.py", "requirements": "auto"}, {}, "", id="requirements-if-any"),
    ],
)
def test_what_the_model_trainer_of_sdk_v3_cannot_do_here(
    local: Any, source: dict[str, Any], distributed: dict[str, Any], sentence: str
) -> None:
    local.store.put("s3://bucket/code/main.py", b"")
    settings = {"entry_script": None, "command": None, "requirements": None} | source
    local.store.put("s3://bucket/drivers/sourcecode.json", json.dumps(settings).encode())
    local.store.put("s3://bucket/drivers/distributed.json", json.dumps(distributed).encode())
    step = local.training("A", channels={"code": "s3://bucket/code/", "sm_drivers": "s3://bucket/drivers"})
    step["Arguments"]["HyperParameters"] = {}
    step["Arguments"]["AlgorithmSpecification"] = {"ContainerEntrypoint": ["/bin/bash"]}
    assert [each[: len(sentence)] for each in lacking(local, step)] == ([sentence] if sentence else [])


NO_SERVER = "and the image's own server cannot run here."
SERVED = "s3://bucket/served.tar.gz"


@pytest.mark.parametrize("made_by", ["a Model step", "an earlier execution"])
@pytest.mark.parametrize(
    ("model", "code", "environment", "sentence"),
    [
        pytest.param({"code/inference.py": "import json"}, {}, {}, "", id="all-is-here"),
        pytest.param(
            {"code/inference.py": "import xgboost"}, {}, {}, of_image("xgboost", XGBOOST), id="library-for-the-model"
        ),
        pytest.param(
            {"code/inference.py": "import own", "code/own.py": "import xgboost"},
            {},
            {},
            of_image("xgboost", XGBOOST),
            id="by-its-neighbour",
        ),
        pytest.param(
            {"model.json": "{}"}, {}, {}, f"code/ of {SERVED} has no inference.py, {NO_SERVER}", id="no-script"
        ),
        pytest.param(
            {"inference.py": ""}, {}, {}, f"code/ of {SERVED} has no inference.py, {NO_SERVER}", id="script-elsewhere"
        ),
        pytest.param(
            {"code/inference.py": ""},
            {},
            {"SAGEMAKER_PROGRAM": "serve.py"},
            f"code/ of {SERVED} has no serve.py, {NO_SERVER}",
            id="another-program",
        ),
        pytest.param(
            {"src/inference.py": "import xgboost"},
            {},
            {"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/src"},
            of_image("xgboost", XGBOOST),
            id="another-folder",
        ),
        pytest.param(
            {"model.json": "{}"},
            {"serve.py": "import xgboost"},
            {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/code.tar.gz"},
            of_image("xgboost", XGBOOST),
            id="code-in-another-archive",
        ),
        pytest.param(
            {"code/inference.py": ""},
            {"serve.py": ""},
            {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/code.tar.gz"},
            f"s3://bucket/code.tar.gz has no inference.py, {NO_SERVER}",
            id="not-in-that-archive",
        ),
    ],
)
def test_the_handlers_of_a_model_that_is_known_before_the_start(
    local: Any,
    model: dict[str, str],
    code: dict[str, str],
    environment: dict[str, str],
    sentence: str,
    made_by: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sagemaker_ops.preflight.programs.is_installed", lambda module: module != "xgboost")
    local.put_archive(SERVED, model)
    local.put_archive("s3://bucket/code.tar.gz", code)
    hosted = {"Image": f"{AWS}/{XGBOOST}:1.7-1", "ModelDataUrl": SERVED, "Environment": environment}
    create = {"Name": "M", "Type": "Model", "Arguments": {"PrimaryContainer": hosted}}
    assert unserved(local, create, transforming(local), read=hosted if made_by != "a Model step" else None) == (
        [sentence] if sentence else []
    )


def transforming(local: Any, **more: Any) -> Any:
    local.store.put("s3://bucket/in/a.csv", b"1")
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in/"}}}
    resources = {"InstanceCount": 1, "InstanceType": "ml.m5.large"}
    arguments = {"TransformInput": source, "TransformOutput": {"S3OutputPath": "s3://bucket/out"}}
    arguments |= {"ModelName": local.get("Steps.M.ModelName"), "TransformResources": resources, **more}
    return {"Name": "T", "Type": "Transform", "Arguments": arguments}


def unserved(local: Any, *steps: Any, read: Any = None, install: bool = False) -> list[str]:
    """What the transform step lacks. read: the container of the local model, which then no step creates."""
    if read:
        steps = tuple(step for step in steps if step["Type"] != "Model")
        steps[-1]["Arguments"]["ModelName"] = "earlier"
    plan, problems = parse(local.definition(*steps))
    found = missing_models(plan, Scope(), lambda _: {"PrimaryContainer": read}, local.store, install)
    return [problem.message for problem in problems + found]


@pytest.mark.parametrize(
    ("environment", "sentences"),
    [
        pytest.param({}, [], id="made-by-training"),  # which may pack its handlers with the model
        pytest.param(
            {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/code.tar.gz"}, [of_image("xgboost", XGBOOST)], id="known"
        ),
    ],
)
@pytest.mark.parametrize("repacked", [False, True])
def test_the_handlers_of_a_model_that_a_step_makes(
    local: Any, environment: dict[str, str], sentences: list[str], repacked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagemaker_ops.preflight.programs.is_installed", lambda module: module != "xgboost")
    local.put_archive("s3://bucket/code.tar.gz", {"inference.py": "import xgboost", "requirements.txt": "xgboost"})
    train = local.training("Train")
    if repacked:  # as SDK v2 adds the code to a model
        train["Arguments"]["HyperParameters"] |= {"inference_script": '"inference.py"'}
        train["Arguments"]["HyperParameters"]["sagemaker_submit_directory"] = "s3://bucket/code.tar.gz"
    made = local.get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    hosted = {"Image": f"{AWS}/{XGBOOST}:1.7-1", "ModelDataUrl": made, "Environment": environment}
    create = {"Name": "M", "Type": "Model", "Arguments": {"PrimaryContainer": hosted}}
    steps = (train, create, transforming(local))
    assert unserved(local, *steps) == (sentences or repacked * [of_image("xgboost", XGBOOST)])
    assert unserved(local, *steps, install=True) == []
    elsewhere = transforming(
        local, Environment={"SAGEMAKER_SUBMIT_DIRECTORY": local.get("Steps.Train.TrainingJobName")}
    )
    assert unserved(local, train, create, elsewhere) == []


def test_a_damaged_code_archive_fails_its_step_with_one_sentence(local: Any) -> None:
    step = local.training("A")
    local.store.put("s3://bucket/code/A/sourcedir.tar.gz", b"\x1f\x8bno archive")
    assert "sourcedir.tar.gz cannot be unpacked" in str(local.run(step).steps["A"].failure_reason)
