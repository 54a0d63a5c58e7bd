"""What a step's program needs on this machine is known before anything starts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagemaker_ops.definition.expressions import Scope
from sagemaker_ops.definition.plan import parse
from sagemaker_ops.errors import UserError
from sagemaker_ops.preflight.inputs import missing_inputs
from sagemaker_ops.preflight.refusals import refusals

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
            ["smspark-submit", "/opt/ml/processing/input/code/main.py"],
            f"{AWS}/sagemaker-spark-processing:3.5-cpu-py39-v1",
            "its program 'smspark-submit' is part of the image sagemaker-spark-processing but not on this machine: "
            "install it here, or let the step start a script with python3.",
            id="spark",
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
    local.store.put("s3://bucket/drivers/sourcecode.json", json.dumps(source | {"requirements": "r.txt"}).encode())
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


def test_a_damaged_code_archive_fails_its_step_with_one_sentence(local: Any) -> None:
    step = local.training("A")
    local.store.put("s3://bucket/code/A/sourcedir.tar.gz", b"\x1f\x8bno archive")
    assert "sourcedir.tar.gz cannot be unpacked" in str(local.run(step).steps["A"].failure_reason)
