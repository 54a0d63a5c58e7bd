"""Training jobs that do not compress their output, and the steps that use such a model."""

from __future__ import annotations

from typing import Any

import pytest
from local.conftest import BUCKET, Local

from sagemaker_ops.errors import UserError

pytestmark = pytest.mark.slow  # each runs a pipeline

HANDLERS = """import pathlib
def model_fn(folder): return sorted(str(file.relative_to(folder)) for file in pathlib.Path(folder).rglob("*.txt"))
def transform_fn(model, *_): return str(model)
"""
FIT = f"""
    import pathlib
    for file in ("/opt/ml/model/m.txt", "/opt/ml/model/parts/1.txt", "/opt/ml/output/data/report.txt"):
        pathlib.Path(file).parent.mkdir(exist_ok=True)
        pathlib.Path(file).write_text(pathlib.Path(file).name)
    code = pathlib.Path("/opt/ml/model/code")
    code.mkdir()
    code.joinpath("inference.py").write_text({HANDLERS!r})
"""
ARTIFACTS = "Steps.Train.ModelArtifacts.S3ModelArtifacts"


def training(local: Local, compression: Any = "NONE", script: str = FIT) -> Any:
    step = local.training("Train", script)
    step["Arguments"]["OutputDataConfig"] |= {} if compression is None else {"CompressionType": compression}
    return step


def data_source(uri: Any, data_type: str = "S3Prefix", compression: str = "None") -> dict[str, Any]:
    source = {"S3Uri": uri, "S3DataType": data_type, "CompressionType": compression}
    return {"Image": "image", "ModelDataSource": {"S3DataSource": source}}


def create(container: dict[str, Any]) -> dict[str, Any]:
    return {"Name": "Create", "Type": "Model", "Arguments": {"PrimaryContainer": container}}


def transform(local: Local) -> dict[str, Any]:
    local.store.put(f"{BUCKET}/in/a", b"1")
    arguments = {
        "ModelName": local.get("Steps.Create.ModelName"),
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{BUCKET}/in"}}},
        "TransformOutput": {"S3OutputPath": f"{BUCKET}/out"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    }
    return {"Name": "Answer", "Type": "Transform", "Arguments": arguments}


def answer(local: Local) -> str:
    return local.store.get_file(f"{BUCKET}/out/a.out").read_text()


@pytest.mark.parametrize(
    ("compression", "artifacts", "files"),
    [
        (
            "NONE",
            "model",
            ["data/report.txt", "model/code/inference.py", "model/m.txt", "model/parts/1.txt"],
        ),
        ("GZIP", "model.tar.gz", ["model.tar.gz", "output.tar.gz"]),
        (None, "model.tar.gz", ["model.tar.gz", "output.tar.gz"]),
        ({"Get": "Parameters.Compression"}, "model", None),
    ],
)
@pytest.mark.parametrize("local", ["namespace", "rewrite"], indirect=True)
def test_where_a_training_job_leaves_its_output(
    local: Local, compression: Any, artifacts: str, files: list[str] | None
) -> None:
    execution = local.run(training(local, compression), parameters=[local.parameter("Compression", "String", "NONE")])

    properties = execution.steps["Train"].properties
    place = f"{BUCKET}/models/{properties['TrainingJobName']}/output"
    assert properties["ModelArtifacts"] == {"S3ModelArtifacts": f"{place}/{artifacts}"}
    assert files is None or sorted(local.store.find(f"{place}/")) == files
    assert execution.steps["Train"].outputs == {"model": f"{place}/"}


@pytest.mark.parametrize("end", ["", "/"])
def test_a_later_step_reads_the_model_as_an_input(local: Local, end: str) -> None:
    show = "import os; print(sorted(os.listdir('/opt/ml/processing/model')))"
    step = local.processing("Show", show, inputs={"model": local.join(local.get(ARTIFACTS), end)})
    execution = local.run(training(local), step)

    assert local.log(execution, "Show") == "['code', 'm.txt', 'parts']\n"


@pytest.mark.parametrize("end", ["", "/"])
def test_a_transform_step_uses_the_model(local: Local, end: str) -> None:
    container = data_source(local.join(local.get(ARTIFACTS), end))
    execution = local.run(training(local), create(container), transform(local))

    assert execution.status == "Succeeded", execution.failure_reason
    assert answer(local) == "['m.txt', 'parts/1.txt']"


@pytest.mark.parametrize(
    ("container", "seen"),
    [
        (data_source(f"{BUCKET}/one/model.tar.gz", "S3Object", "Gzip"), "['in.txt']"),
        ({"Image": "image", "ModelDataUrl": f"{BUCKET}/one/model.tar.gz"}, "['in.txt']"),
        (data_source(f"{BUCKET}/loose/", "S3Prefix"), "['single.txt']"),
    ],
    ids=["an archive as a source", "an archive", "a prefix"],
)
def test_the_other_forms_of_a_model(local: Local, container: dict[str, Any], seen: str) -> None:
    local.put_archive(f"{BUCKET}/one/model.tar.gz", {"in.txt": "1", "code/inference.py": HANDLERS})
    local.store.put(f"{BUCKET}/loose/single.txt", b"1")
    local.store.put(f"{BUCKET}/loose/code/inference.py", HANDLERS.encode())
    execution = local.run(create(container), transform(local))

    assert execution.status == "Succeeded", execution.failure_reason
    assert answer(local) == seen


def test_a_model_package_can_have_it(local: Local) -> None:
    specification = {"Containers": [data_source(local.get(ARTIFACTS))]}
    execution = local.run(training(local), local.register("Register", InferenceSpecification=specification))

    source = execution.steps["Register"].properties["InferenceSpecification"]["Containers"][0]["ModelDataSource"]
    assert source["S3DataSource"]["S3Uri"] == execution.steps["Train"].properties["ModelArtifacts"]["S3ModelArtifacts"]


@pytest.mark.parametrize("kind", ["Model", "RegisterModel"])
def test_a_model_that_is_not_there_is_named_before_the_start(local: Local, kind: str) -> None:
    container = data_source(f"{BUCKET}/nowhere/")
    register = local.register("Create", InferenceSpecification={"Containers": [container]})

    place = local.store.locate(f"{BUCKET}/nowhere/")
    with pytest.raises(UserError) as caught:
        local.run(create(container) if kind == "Model" else register)
    assert str(caught.value) == f"step 'Create': there is nothing at {BUCKET}/nowhere/: put it into {place}."


@pytest.mark.parametrize("reference", ["Get", "Join"])
@pytest.mark.parametrize("kind", ["PrimaryContainer", "Containers", "RegisterModel"])
def test_it_is_not_an_archive(local: Local, kind: str, reference: str) -> None:
    url = local.get(ARTIFACTS) if reference == "Get" else local.join(local.get(ARTIFACTS), "/")
    container = {"ModelDataUrl": url}
    step = create(container)
    if kind == "Containers":
        step["Arguments"] = {"Containers": [container]}
    if kind == "RegisterModel":
        step = local.register("Create", InferenceSpecification={"Containers": [container]})

    assert local.problems(training(local), step) == (
        "step 'Create': ModelDataUrl must be an archive, but step 'Train' does not compress its model: give its "
        "S3ModelArtifacts as ModelDataSource.S3DataSource.S3Uri, with CompressionType 'None'."
    )


def test_a_parameter_can_say_so(local: Local) -> None:
    step = training(local, {"Get": "Parameters.Compression"})
    with pytest.raises(UserError, match="ModelDataUrl must be an archive"):
        local.run(
            step,
            create({"ModelDataUrl": local.get(ARTIFACTS)}),
            parameters=[local.parameter("Compression", "String", "NONE")],
        )


def test_a_cached_model_is_found_again(local: Local) -> None:
    step = training(local) | {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
    first = local.run(step)
    again = local.run(step, create(data_source(local.get(ARTIFACTS))), transform(local))

    assert (again.status, again.steps["Train"].source) == ("Succeeded", first.id)
    assert answer(local) == "['m.txt', 'parts/1.txt']"
