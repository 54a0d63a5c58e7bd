"""A transform job: how inputs become requests and answers become outputs, through the handlers of a model."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import Bake

from sagemaker_ops.container import transform_program
from sagemaker_ops.container.transform_program import Exchange, InputError, parse_filter, select
from sagemaker_ops.local import Selection
from sagemaker_ops.store import Store

pytestmark = pytest.mark.slow  # each starts a model
both = pytest.mark.parametrize("local", ["namespace", "rewrite"], indirect=True)

IDENTITY = """
    def model_fn(model_dir):
        return None

    def transform_fn(model, body, content_type, accept):
        return body
"""
COUNT = """
    def model_fn(model_dir):
        return open(model_dir + "/greeting").read()

    def input_fn(body, content_type):
        return (body if isinstance(body, str) else body.decode()).splitlines()

    def predict_fn(data, model):
        return f"{model} {len(data)}"

    def output_fn(prediction, accept):
        return prediction, accept
"""
# As many answers as records: the content of the record, in the requested format.
LENGTHS = """
    import json

    def model_fn(model_dir):
        return len

    def input_fn(body, content_type):
        text = body if isinstance(body, str) else body.decode()
        return [line for line in text.split("\\n") if line]

    def predict_fn(data, model):
        return [model(line) for line in data]

    def output_fn(prediction, accept):
        if accept == "application/jsonlines":
            return "".join(json.dumps({"length": each}) + "\\n" for each in prediction), accept
        return "\\n".join(map(str, prediction))
"""
CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
LINE = {"SplitType": "Line"}


def model(local: Any, handlers: str | None = IDENTITY, name: str = "Model", **more: Any) -> dict[str, Any]:
    """A Model step with the handlers in its archive; more: files by their path, `environment` and other arguments."""
    files = {"greeting": "hello", **more.pop("files", {})}
    if handlers is not None:
        files["code/inference.py"] = dedent(handlers)
    local.put_archive(f"s3://bucket/models/{name}/model.tar.gz", files)
    container = {
        "Image": "image",
        "ModelDataUrl": f"s3://bucket/models/{name}/model.tar.gz",
        "Environment": more.pop("environment", {}),
    }
    return {"Name": name, "Type": "Model", "Arguments": {"PrimaryContainer": container, **more}}


def transform(
    source: dict[str, Any] | None = None,
    output: dict[str, Any] | None = None,
    name: str = "Transform",
    uri: str = "s3://bucket/in/",
    **arguments: Any,
) -> dict[str, Any]:
    """A Transform step for the step Model; source and output: more keys of TransformInput and TransformOutput."""
    return {
        "Name": name,
        "Type": "Transform",
        "Arguments": {
            "ModelName": {"Get": "Steps.Model.ModelName"},
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
                "ContentType": CSV,
                **(source or {}),
            },
            "TransformOutput": {"S3OutputPath": "s3://bucket/out", "Accept": CSV, **(output or {})},
            "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
            **arguments,
        },
    }


def outputs(local: Any) -> dict[str, str]:
    return {name: file.read_text() for name, file in local.store.find("s3://bucket/out/").items()}


def reason(execution: Any) -> str:
    assert execution.status == "Failed"
    return str(execution.steps["Transform"].failure_reason)


@both
@pytest.mark.parametrize(
    ("content", "source", "output", "arguments", "expected"),
    [
        pytest.param(b"a\nb\n", {}, {}, {}, "hello 2", id="the whole file in one request"),
        pytest.param(
            b"a\nb\n", {"SplitType": "None"}, {"AssembleWith": "Line"}, {}, "hello 2\n", id="ended by a newline"
        ),
        pytest.param(b"a\nb\nc", LINE, {"AssembleWith": "Line"}, {}, "hello 3\n", id="records batched"),
        pytest.param(
            *(b"a\nb\nc", LINE, {"AssembleWith": "Line"}, {"BatchStrategy": "SingleRecord"}, "hello 1\n" * 3),
            id="alone",
        ),
        pytest.param(
            b"a\nb", LINE, {}, {"BatchStrategy": "SingleRecord"}, "hello 1hello 1", id="concatenated unchanged"
        ),
        pytest.param(
            *((b"x" * 400_000 + b"\n") * 5, LINE, {"AssembleWith": "Line"}, {"MaxPayloadInMB": 1}),
            "hello 2\nhello 2\nhello 1\n",
            id="as many as MaxPayloadInMB allows",
        ),
        pytest.param(b"x\n" * 4_000_000, LINE, {}, {"MaxPayloadInMB": 0}, "hello 4000000", id="without a limit"),
        pytest.param(
            gzip.compress(b"a\nb\n"), {"CompressionType": "Gzip", **LINE}, {}, {}, "hello 2", id="unpacked first"
        ),
        pytest.param(b"", LINE, {"AssembleWith": "Line"}, {}, "", id="empty"),
    ],
)
def test_how_an_input_becomes_requests(
    local: Any, content: bytes, source: Any, output: Any, arguments: Any, expected: str
) -> None:
    local.store.put("s3://bucket/in/a.csv", content)
    execution = local.run(model(local, COUNT), transform(source, output, **arguments))
    assert execution.status == "Succeeded", execution.failure_reason
    assert outputs(local) == {"a.csv.out": expected}


JOIN = {"JoinSource": "Input"}


@pytest.mark.parametrize(
    ("content", "kind", "processing", "expected"),
    [
        pytest.param("1,ab\n2,c\n", CSV, JOIN, "1,ab,4\n2,c,3\n", id="columns are appended"),
        pytest.param('1,"a,b"\n', CSV, JOIN, '1,"a,b",7\n', id="quotes only if needed"),
        pytest.param("1,ab\n\n2,c", CSV, JOIN, "1,ab,4\n2,c,3\n", id="an empty line is not a record"),
        pytest.param(
            "1,ab\n2,c\n", CSV, {**JOIN, "InputFilter": "$[1:]"}, "1,ab,2\n2,c,1\n", id="a column is not sent"
        ),
        pytest.param("1,ab\n2,c\n", CSV, {"InputFilter": "$[-1]"}, "2\n1\n", id="only a column is sent"),
        pytest.param("1,ab\n2,c\n", CSV, {**JOIN, "OutputFilter": "$[0,-1]"}, "1,4\n2,3\n", id="columns are kept"),
        pytest.param("1,ab\n", CSV, {"OutputFilter": "$[0]"}, "4\n", id="only of the answer"),
        pytest.param('{"b":1}\n', LINES, JOIN, '{"SageMakerOutput":{"length":7},"b":1}\n', id="an attribute is added"),
        pytest.param(
            '[1,"ä"]\n',
            LINES,
            JOIN,
            '{"SageMakerInput":[1,"ä"],"SageMakerOutput":{"length":7}}\n',
            id="not to an object",
        ),
        pytest.param(
            '{"id":7,"features":[1,2]}\n',
            LINES,
            {**JOIN, "InputFilter": "$.features", "OutputFilter": "$['id','SageMakerOutput']"},
            '{"SageMakerOutput":{"length":5},"id":7}\n',
            id="attributes are kept",
        ),
        pytest.param('{"a":1}\n', LINES, {"OutputFilter": "$.length"}, "7\n", id="a value by itself"),
    ],
)
@both
def test_how_data_processing_changes_a_record(
    local: Any, content: str, kind: str, processing: dict[str, str], expected: str
) -> None:
    local.store.put("s3://bucket/in/a", content.encode())
    step = transform({"ContentType": kind, **LINE}, {"Accept": kind, "AssembleWith": "Line"}, DataProcessing=processing)
    execution = local.run(model(local, LENGTHS), step)
    assert execution.status == "Succeeded", execution.failure_reason
    assert outputs(local) == {"a.out": expected}


@both
def test_a_whole_json_document_is_joined_to_its_answer(local: Any) -> None:
    local.store.put("s3://bucket/in/a.json", b'{\n "id": 1,\n "x": 2\n}\n')
    handlers = IDENTITY.replace("return body", "return '{\"y\": 3}'")
    step = transform({"ContentType": JSON}, {"Accept": JSON}, DataProcessing=JOIN)
    assert local.run(model(local, handlers), step).status == "Succeeded"
    assert outputs(local) == {"a.json.out": '{"SageMakerOutput":{"y":3},"id":1,"x":2}'}


@both
def test_every_object_below_the_prefix_has_its_own_output(local: Any) -> None:
    for name in ("a.csv", "day=1/b.csv", "day=1/deep/c.csv"):
        local.store.put(f"s3://bucket/in/{name}", name.encode())
    local.store.put("s3://bucket/inside/d.csv", b"not below it")
    execution = local.run(model(local), transform())
    assert execution.status == "Succeeded", execution.failure_reason
    assert outputs(local) == {f"{name}.out": name for name in ("a.csv", "day=1/b.csv", "day=1/deep/c.csv")}
    assert local.output(execution, "Transform", "transform/day=1/b.csv.out") == "day=1/b.csv"


@both
def test_the_next_step_reads_the_outputs_by_the_properties(local: Any) -> None:
    local.store.put("s3://bucket/in/a.csv", b"x")
    read = local.processing(
        "Read",
        "print(open('/opt/ml/processing/scores/a.csv.out').read())",
        inputs={"scores": local.get("Steps.Transform.TransformOutput.S3OutputPath")},
    )
    execution = local.run(read, transform(), model(local))
    assert local.log(execution, "Read") == "x\n"
    properties = execution.steps["Transform"].properties
    assert properties["TransformJobStatus"] == "Completed"
    assert properties["TransformJobArn"].endswith(f":transform-job/{properties['TransformJobName']}")
    assert properties["ModelName"] == execution.steps["Model"].properties["ModelName"]


@both
@pytest.mark.parametrize(
    ("content", "handlers", "arguments", "expected"),
    [
        pytest.param(
            "a", "raise ValueError('no column\\n  of this name')", {}, "a.csv: ValueError: no column of this name"
        ),
        pytest.param("a", "raise SystemExit('enough')", {}, "exit code 1: enough"),
        pytest.param("a", "return 3", {}, "a.csv: the handlers returned int, not text or bytes"),
        pytest.param(
            *("x" * 1_100_000, "return body", {"MaxPayloadInMB": 1}),
            "a.csv: a record has 1,100,000 bytes, but MaxPayloadInMB is 1",
        ),
        pytest.param(
            *("a\nb\n", "return '1'", {"DataProcessing": JOIN}),
            "a.csv: 2 records were sent but 1 returned, so they cannot be joined",
        ),
        pytest.param(
            *('a\n"b\n', "return body", {"DataProcessing": JOIN}),
            "a.csv: expected text/csv, but it cannot be read record by record: unexpected end of data",
        ),
        pytest.param(
            *("a,b\nc\n", "return body", {"DataProcessing": {"InputFilter": "$[1]"}}),
            'a.csv: the filter selects something that is not in ["c"]',
        ),
    ],
    ids=["raised", "exit", "no text", "too large", "too few", "not CSV", "no such column"],
)
def test_the_reason_of_a_failure(local: Any, content: str, handlers: str, arguments: Any, expected: str) -> None:
    local.store.put("s3://bucket/in/a.csv", content.encode())
    step = transform(LINE, {"AssembleWith": "Line"}, **arguments)
    assert reason(local.run(model(local, IDENTITY.replace("return body", handlers)), step)) == expected
    assert outputs(local) == {}


@both
def test_one_bad_input_leaves_the_outputs_of_the_others(local: Any) -> None:
    for name, content in (("a", b"good"), ("b", b"bad"), ("c", b"good"), ("d", b"bad")):
        local.store.put(f"s3://bucket/in/{name}.csv", content)
    handlers = IDENTITY.replace("return body", "return {'good': body}[body]")
    execution = local.run(model(local, handlers), transform())
    assert reason(execution) == "b.csv: KeyError: 'bad' (1 more input failed)"
    assert outputs(local) == {"a.csv.out": "good", "c.csv.out": "good"}
    assert "in transform_fn" in local.log(execution, "Transform")


@both
@pytest.mark.parametrize(
    ("handlers", "expected"),
    [
        ("def transform_fn(*_): pass", "inference.py: it has no model_fn(model_dir), which loads the model"),
        (
            IDENTITY + "\n    def input_fn(*_): pass",
            "inference.py: it has transform_fn, but also input_fn",
        ),
        (
            "def model_fn(model_dir): return open(model_dir + '/none')",
            "inference.py: FileNotFoundError: [Errno 2] No such",
        ),
        ("import no_such_module", "inference.py: ModuleNotFoundError: No module named 'no_such_module'"),
        ("x = ", "inference.py: SyntaxError: invalid syntax (inference.py, line 1)"),
    ],
    ids=["no model_fn", "both ways", "model_fn raises", "import", "syntax"],
)
def test_handlers_that_cannot_serve(local: Any, handlers: str, expected: str) -> None:
    local.store.put("s3://bucket/in/a.csv", b"x")
    assert reason(local.run(model(local, handlers), transform())).startswith(expected)


@both
def test_a_model_that_a_step_makes_without_handlers(local: Any) -> None:
    local.store.put("s3://bucket/in/a.csv", b"x")
    create = model(local)
    create["Arguments"]["PrimaryContainer"]["ModelDataUrl"] = local.get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    execution = local.run(local.training("Train"), create, transform())
    model_data = execution.steps["Train"].properties["ModelArtifacts"]["S3ModelArtifacts"]
    assert reason(execution) == (
        f"code/ of {model_data} has no inference.py, and the image's own server cannot run here."
    )


@both
def test_the_container_gets_the_settings_of_the_calls(local: Any) -> None:
    local.store.put("s3://bucket/in/a.csv", b"x")
    handlers = """
        import json, os

        def model_fn(model_dir):
            return dict(os.environ), model_dir

        def transform_fn(model, body, content_type, accept):
            return json.dumps([*model, content_type, accept])
    """
    step = transform(
        LINE, Environment={"B": "transform", "C": "transform"}, BatchStrategy="SingleRecord", MaxPayloadInMB=2
    )
    execution = local.run(model(local, handlers, environment={"A": "model", "B": "/opt/ml/model"}), step)
    seen, model_dir, *types = json.loads(outputs(local)["a.csv.out"])
    assert {key: seen.get(key) for key in "ABC"} == {"A": "model", "B": "transform", "C": "transform"}
    assert seen["SAGEMAKER_BATCH"] == "true"
    assert seen["SAGEMAKER_BATCH_STRATEGY"] == "SINGLE_RECORD"
    assert seen["SAGEMAKER_MAX_PAYLOAD_IN_MB"] == "2"
    assert "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS" not in seen
    assert seen["AWS_CONFIG_FILE"] == "/dev/null"
    assert types == [CSV, CSV]
    private = local.isolation == "namespace"
    assert model_dir == ("/opt/ml/model" if private else str(execution.folder / "Transform/job/ml/model"))


@both
@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        ({"ContentType": ""}, {"Accept": "*/*"}, ["str", JSON, JSON]),
        ({"ContentType": LINES}, {"Accept": ""}, ["bytes", LINES, JSON]),
        ({"ContentType": "text/csv; header=absent"}, {"Accept": CSV}, ["bytes", "text/csv; header=absent", CSV]),
    ],
)
def test_a_handler_gets_what_the_image_gives_it(local: Any, source: Any, output: Any, expected: list[str]) -> None:
    local.store.put("s3://bucket/in/a", b"[]")
    handlers = "import json\n" + dedent(IDENTITY).replace(
        "return body", "return json.dumps([type(body).__name__, content_type, accept])"
    )
    local.run(model(local, handlers), transform(source, output))
    assert json.loads(outputs(local)["a.out"]) == expected


@both
def test_the_code_may_be_in_its_own_archive_and_refer_to_its_paths(local: Any) -> None:
    local.store.put("s3://bucket/in/a.csv", b"x")
    serve = """
        import process  # its own module, not one of the runner

        def model_fn(model_dir):
            return open("/opt/ml/model/greeting").read()

        def transform_fn(model, body, content_type, accept):
            return model + process.NAME + open("/opt/ml/code/note.txt").read()
    """
    files = {"serve.py": dedent(serve), "process.py": "NAME = ' own '", "note.txt": "note"}
    local.put_archive("s3://bucket/code/serve.tar.gz", files)
    variables = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/code/serve.tar.gz"}
    execution = local.run(model(local, None, environment=variables), transform())
    assert execution.status == "Succeeded", execution.failure_reason
    assert outputs(local) == {"a.csv.out": "hello own note"}


@both
def test_a_model_of_an_earlier_execution_is_found_by_name(local: Any) -> None:
    local.store.put("s3://bucket/in/a.csv", b"x")
    name = local.run(model(local)).steps["Model"].properties["ModelName"]
    parameter = local.parameter("ModelName")
    step = transform(ModelName=local.get("Parameters.ModelName"))
    assert local.run(step, parameters=[parameter], given={"ModelName": name}).status == "Succeeded"
    assert outputs(local) == {"a.csv.out": "x"}
    with pytest.raises(Exception, match="there is no model 'other' on this machine: a Model step creates one"):
        local.run(step, parameters=[parameter], given={"ModelName": "other"})


def test_a_model_that_a_step_creates_need_not_exist_before(local: Any) -> None:
    local.store.put("s3://bucket/in/a.csv", b"x")
    step = transform(ModelName="churn") | {"DependsOn": ["Model"]}
    assert local.run(step, model(local, ModelName="churn")).status == "Succeeded"


def test_a_transform_step_alone_uses_the_model_of_the_earlier_execution(local: Any) -> None:
    local.store.put("s3://bucket/in/a.csv", b"x")
    made = model(local)
    made["Arguments"]["Containers"] = [made["Arguments"].pop("PrimaryContainer")]
    first = local.run(made, transform())
    local.store.put("s3://bucket/in/b.csv", b"y")
    again = local.run(made, transform(), selection=Selection(("Transform",)))
    assert (again.steps["Model"].source, again.steps["Transform"].source) == (first.id, None)
    assert outputs(local) == {"a.csv.out": "x", "b.csv.out": "y"}


def test_a_result_is_cached_until_data_model_or_code_change(local: Any) -> None:
    local.store.put("s3://bucket/in/a.csv", b"x")
    step = transform() | {"CacheConfig": {"Enabled": True}}
    code = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/code/serve.tar.gz"}

    def run(handlers: str = IDENTITY, **more: Any) -> Any:
        local.put_archive("s3://bucket/code/serve.tar.gz", {"serve.py": dedent(handlers)})
        execution = local.run(model(local, None, environment=code, **more), step)
        assert execution.status == "Succeeded", execution.failure_reason
        return execution

    first = run()
    assert run().steps["Transform"].source == first.id
    assert outputs(local) == {"a.csv.out": "x"}
    assert run(IDENTITY.replace("return body", "return body * 2")).steps["Transform"].source is None
    assert outputs(local) == {"a.csv.out": "xx"}
    assert run(files={"greeting": "bye"}).steps["Transform"].source is None
    local.store.put("s3://bucket/in/a.csv", b"y")
    assert run().steps["Transform"].source is None
    assert outputs(local) == {"a.csv.out": "y"}


LINED = {"source": LINE, "output": {"AssembleWith": "Line"}}


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ({"source": {"SplitType": "RecordIO"}}, "SplitType is 'RecordIO', but only 'None' or 'Line' can run here."),
        ({"source": {"SplitType": "TFRecord"}}, "SplitType is 'TFRecord', but only 'None' or 'Line' can run here."),
        ({"source": {"CompressionType": "Zip"}}, "CompressionType is 'Zip', but only 'None' or 'Gzip' can run here."),
        ({"output": {"AssembleWith": "Comma"}}, "AssembleWith is 'Comma', but only 'None' or 'Line' can run here."),
        ({"BatchStrategy": "AllRecords"}, "BatchStrategy is 'AllRecords', but only 'MultiRecord' or 'SingleRecord'"),
        ({"DataCaptureConfig": {"DestinationS3Uri": "s3://bucket/x"}}, "DataCaptureConfig"),
        ({"MaxPayloadInMB": 101}, "MaxPayloadInMB is 101, but AWS accepts 0 (no limit) to 100."),
        ({"MaxPayloadInMB": 60, "MaxConcurrentTransforms": 2}, "MaxPayloadInMB times MaxConcurrentTransforms is 120"),
        (
            {"MaxConcurrentTransforms": 17},
            "MaxPayloadInMB times MaxConcurrentTransforms is 102, but AWS accepts at most 100.",
        ),
        (
            {"Environment": {f"V{i}": "" for i in range(17)}},
            "Environment has 17 variables, but AWS accepts at most 16.",
        ),
        ({"DataProcessing": JOIN}, "DataProcessing of CSV needs SplitType and AssembleWith 'Line'."),
        ({"source": LINE, "DataProcessing": JOIN}, "DataProcessing of CSV needs SplitType and AssembleWith 'Line'."),
        (
            {"source": {"ContentType": "application/x-npy"}, "DataProcessing": {"InputFilter": "$[0]"}},
            "DataProcessing needs text/csv, application/json or application/jsonlines as ContentType, not 'applic",
        ),
        (
            {"source": LINE, "output": {"Accept": JSON, "AssembleWith": "Line"}, "DataProcessing": JOIN},
            "JoinSource 'Input' joins CSV to CSV and JSON to JSON, not application/json to text/csv.",
        ),
        ({**LINED, "DataProcessing": {"InputFilter": "$.a"}}, "but columns have only indexes, such as $[0]."),
        ({**LINED, "DataProcessing": {"InputFilter": "$[1:4]"}}, "$[1:4] has a slice with an end"),
        (
            {**LINED, "DataProcessing": {"OutputFilter": "$['a_b']"}},
            "$['a_b'] contains '_', which AWS does not allow in a filter",
        ),
        ({**LINED, "DataProcessing": {"OutputFilter": "[0]"}}, "[0] is not a filter: write it like $[1:], "),
        ({**LINED, "DataProcessing": {"JoinSource": "Output"}}, "JoinSource is 'Output', but only 'None' or 'Input'"),
        ({"MaxPayloadInMB": "6"}, "MaxPayloadInMB must be a number, not '6'."),
    ],
)
def test_what_aws_would_refuse_is_refused_before_the_start(local: Any, step: Any, sentence: str) -> None:
    assert sentence in local.problems(model(local), transform(**step))


def test_a_manifest_is_refused_before_the_start(local: Any) -> None:
    step = transform()
    step["Arguments"]["TransformInput"]["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    assert "S3DataType is 'ManifestFile', but only 'S3Prefix' can run here." in local.problems(model(local), step)


@pytest.mark.parametrize(
    ("container", "sentence"),
    [
        ({"Containers": [{"ModelDataUrl": "s3://b/m"}] * 2}, "its model is a pipeline of 2 containers"),
        (
            {"PrimaryContainer": {"ModelDataUrl": "s3://b/m", "Mode": "MultiModel"}},
            "its model has the Mode 'MultiModel'",
        ),
        (
            {"PrimaryContainer": {"Image": "x", "ModelPackageName": "y"}},
            "its model has no ModelDataUrl (but Image, ModelPac",
        ),
        ({"ExecutionRoleArn": "role"}, "its model has no ModelDataUrl (but nothing)"),
    ],
)
def test_a_model_that_cannot_serve_here_is_refused_before_the_start(local: Any, container: Any, sentence: str) -> None:
    made = {"Name": "Model", "Type": "Model", "Arguments": container}
    assert f"step 'Transform': {sentence}" in local.problems(made, transform())


def test_a_value_known_only_at_run_time_is_refused_when_the_step_runs(local: Any) -> None:
    local.store.put("s3://bucket/in/a.csv", b"x")
    counted = local.processing(
        "Told",
        "import json; json.dump({'mb': 101}, open('/opt/ml/processing/out/a.json', 'w'))",
        outputs=("out",),
        files={"Size": "out/a.json"},
    )
    execution = local.run(counted, model(local), transform(MaxPayloadInMB=local.json_get("Told", "Size", "mb")))
    assert reason(execution) == "MaxPayloadInMB is 101, but AWS accepts 0 (no limit) to 100."


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        ("$", [1, 2], [1, 2]),
        ("$[1]", [1, 2, 3], 2),
        ("$[-1]", [1, 2, 3], 3),
        ("$[0, -1]", [1, 2, 3], [1, 3]),
        ("$[1:]", [1, 2, 3], [2, 3]),
        ("$[-2:]", [1, 2, 3], [2, 3]),
        ("$[:]", [1, 2, 3], [1, 2, 3]),
        ("$[0,2:]", [1, 2, 3, 4], [1, 3, 4]),
        ("$[*]", [1, 2], [1, 2]),
        ("$.a", {"a": 1}, 1),
        ("$.a.b", {"a": {"b": 1}}, 1),
        ("$['a']", {"a": 1}, 1),
        ("$['a','b']", {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2}),
        ("$.a.['b','c']", {"a": {"b": 1, "c": 2, "d": 3}}, {"b": 1, "c": 2}),
        ("$.a.*", {"a": {"b": 1, "c": 2}}, [1, 2]),
        ("$.a[0]", {"a": [1]}, 1),
    ],
)
def test_a_filter_selects_a_part(text: str, value: Any, found: Any) -> None:
    assert select(value, parse_filter(text)) == found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$[3]", [1]),
        ("$[2:]", [1]),
        ("$.a", {}),
        ("$['a','b']", {"a": 1}),
        ("$[0]", {"0": 1}),
        ("$.a", [1]),
        ("$[0]", 5),
    ],
)
def test_a_filter_that_selects_nothing_fails(text: str, value: Any) -> None:
    with pytest.raises(InputError, match="the filter selects something that is not in"):
        select(value, parse_filter(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "$a",
        "$.",
        "$[",
        "$[]",
        "$[0:2,4:]",
        "$[:,:]",
        "$[a]",
        "$['a.b']",
        "$..a",
        "$[?(@.a)]",
        "$" + "[0]" * 21,
    ],
)
def test_an_invalid_filter_on_aws_is_also_invalid_here(text: str) -> None:
    with pytest.raises(ValueError, match=r"filter|slice"):
        parse_filter(text)


@given(
    records=st.lists(st.binary(max_size=20).map(lambda record: record.replace(b"\n", b""))),
    ends=st.booleans(),
    single=st.booleans(),
    megabytes=st.sampled_from([0, 20 / 1024**2, 6]),
)
def test_splitting_and_assembling_restores_the_input(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], ends: bool, single: bool, megabytes: float
) -> None:
    content = b"\n".join(records) + (b"\n" if ends and records else b"")
    file = tmp_path_factory.getbasetemp() / "input"
    file.write_bytes(content)
    exchange = Exchange(
        {
            "TransformInput": LINE,
            "TransformOutput": {"AssembleWith": "Line"},
            "BatchStrategy": "SingleRecord" if single else "MultiRecord",
            "MaxPayloadInMB": megabytes + 1 / 1024**2 if megabytes else 0,
        }
    )
    requests: list[bytes] = []

    def invoke(request: bytes) -> bytes:
        requests.append(request)
        return request

    assembled = b"".join(exchange.outputs(file, invoke))
    assert assembled == content + (b"" if content.endswith(b"\n") or not content else b"\n")
    assert b"".join(requests) == content
    if single:
        assert all(request.count(b"\n") <= 1 for request in requests)
    if megabytes == 20 / 1024**2:
        assert all(len(request) <= 21 for request in requests)


def test_the_default_handlers_are_those_of_the_scikit_learn_image() -> None:
    np = pytest.importorskip("numpy")
    table = transform_program.default_input_fn("1,2\n3,4\n", CSV)
    assert (table.dtype, table.tolist()) == (np.float32, [[1, 2], [3, 4]])
    assert transform_program.default_input_fn("1,2\n", CSV).shape == (2,), "the image squeezes a single row too"
    assert transform_program.default_input_fn("[[1, 2]]", JSON).tolist() == [[1, 2]]
    np.save(file := io.BytesIO(), table)
    assert transform_program.default_input_fn(file.getvalue(), transform_program.NPY).tolist() == table.tolist()
    assert transform_program.default_output_fn(np.array([1.5, 2]), CSV) == "1.5\n2.0\n"
    assert transform_program.default_output_fn(np.array([[1, 2]]), CSV) == "1,2\n"
    assert transform_program.default_output_fn(np.array([1.5]), JSON) == "[1.5]"
    binary = transform_program.default_output_fn(np.array([1.5]), transform_program.NPY)
    assert isinstance(binary, bytes)
    assert np.load(io.BytesIO(binary)).tolist() == [1.5]
    for call in (
        lambda: transform_program.default_input_fn(b"", "image/png"),
        lambda: transform_program.default_output_fn([], "image/png"),
    ):
        with pytest.raises(InputError, match="not 'image/png'"):
            call()


def test_the_default_handlers_need_only_a_model(local: Any) -> None:
    pytest.importorskip("numpy")
    local.store.put("s3://bucket/in/a.csv", b"1,2\n3,4\n")
    handlers = """
        class Sum:
            def predict(self, rows):
                return rows.sum(axis=1)

        def model_fn(model_dir):
            return Sum()
    """
    step = transform(LINE, {"AssembleWith": "Line"}, DataProcessing=JOIN)
    assert local.run(model(local, handlers), step).status == "Succeeded"
    assert outputs(local) == {"a.csv.out": "1,2,3.0\n3,4,7.0\n"}


RUN_IT = """
import json, pathlib
from sagemaker_ops.local import start_pipeline_execution
definition = json.loads(pathlib.Path("definition.json").read_bytes())
execution = start_pipeline_execution(definition, pipeline_name="p", parameters={}, home=pathlib.Path(".local"))
print(execution.status, execution.failure_reason)
"""


@pytest.mark.slow
def test_the_model_of_a_project_gives_the_same_answers_however_it_is_called(ready: Bake) -> None:
    project = ready()
    done = project.ops("run", "train", "--param", "MaxIter=5")
    assert done.code == 0, done
    store = Store(project.path / ".local" / "s3")
    [archive] = store.root.rglob("model.tar.gz")
    with tarfile.open(archive) as tar:
        schema = tar.extractfile("schema.json")
        assert schema is not None
        features = {feature["name"]: feature["kind"] for feature in json.load(schema)["features"]}
    with (project.path / "data" / "sample" / "flights_classification.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:50]
    table = [[*rows[0]], *([*row.values()] for row in rows)]
    bare = [[row[name] for name in features] for row in rows]
    records = [
        {
            name: float(row[name]) if kind == "numeric" and row[name] else row[name] or None
            for name, kind in features.items()
        }
        for row in rows
    ]
    store.put("s3://bucket/table/a", "".join(",".join(row) + "\n" for row in table).encode())
    store.put("s3://bucket/bare/a", "".join(",".join(row) + "\n" for row in bare).encode())
    store.put("s3://bucket/records/a", "".join(json.dumps(record) + "\n" for record in records).encode())

    def step(name: str, data: str, kind: str, output: dict[str, str], **more: Any) -> dict[str, Any]:
        output = {"Accept": kind, "S3OutputPath": f"s3://bucket/out/{name}", **output}
        return transform(
            {"ContentType": kind, **more.pop("source", LINE)}, output, name, f"s3://bucket/{data}/a", **more
        )

    variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    container = {"ModelDataUrl": f"s3://{archive.relative_to(store.root)}", "Environment": variables}
    lined = {"AssembleWith": "Line"}
    steps = [
        {"Name": "Model", "Type": "Model", "Arguments": {"PrimaryContainer": container}},
        step("Whole", "table", CSV, {}, source={}),
        step("Headed", "table", CSV, lined, DataProcessing=JOIN),
        step("Bare", "bare", CSV, lined, DataProcessing=JOIN),
        step("Alone", "bare", CSV, lined, DataProcessing=JOIN, BatchStrategy="SingleRecord"),
        step("Lines", "records", LINES, lined, DataProcessing=JOIN),
    ]
    definition = {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": steps}
    (project.path / "definition.json").write_text(json.dumps(definition), encoding="utf-8")
    ran = project.run(".venv/bin/python", "-c", RUN_IT)
    assert ran.out == "Succeeded None\n", ran

    def output(name: str) -> list[str]:
        return store.locate(f"s3://bucket/out/{name}/a.out").read_text(encoding="utf-8").splitlines()

    header, *answers = output("Whole")
    assert header == "label,probability_0,probability_1"
    assert output("Headed") == [",".join([*row, each]) for row, each in zip(table, [header, *answers], strict=True)]
    assert output("Bare") == [",".join([*row, each]) for row, each in zip(bare, answers, strict=True)]
    assert output("Alone") == output("Bare")
    for line, record, answer in zip(output("Lines"), records, answers, strict=True):
        label, low, high = map(json.loads, answer.split(","))
        assert json.loads(line) == {
            **record,
            "SageMakerOutput": {"label": label, "probabilities": {"0": low, "1": high}},
        }
