"""Strange files and arguments: every command ends with sentences and an exit code, never with a traceback."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projects import TEMPLATE_PROJECT

from sagemaker_ops.commands.app import main
from sagemaker_ops.project import layout

pytestmark = pytest.mark.slow  # hundreds of commands

SETTINGS = """
[project]
name = "Demo"
slug = "demo"
vertical = "customer"
owner = "team@example.com"
[data]
source = "data"
target = "y"
problem = "regression"
[gate]
metric = "r2"
minimum = 0.5
"""
FAIL = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "stop"}}
LONG = "x" * 300
DEEP = 2000


def definition(*steps: Any, parameters: Any = (), **more: Any) -> str:
    return json.dumps({"Version": "2020-12-01", "Parameters": list(parameters), "Steps": list(steps or [FAIL]), **more})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a table, a pipeline file and a definition."""
    root = tmp_path / "demo"
    for folder in ("data", "production/pipelines", "production/steps"):
        (root / folder).mkdir(parents=True)
    (root / "project.toml").write_text(SETTINGS)
    (root / "guardrails.toml").write_bytes((TEMPLATE_PROJECT / "guardrails.toml").read_bytes())
    (root / "data/a.csv").write_text("x,y\n" + 10 * "1,2\n")
    (root / "production/pipelines/train.py").write_text("")
    (root / "production/steps/processing.py").write_text("read_source()")
    (root / "good.json").write_text(definition())
    monkeypatch.chdir(root)
    monkeypatch.setattr(layout, "vendored_in", lambda: None)
    monkeypatch.setattr("sagemaker_ops.container.process.Launcher.load", lambda *_: None)  # it only saves time
    monkeypatch.delenv("OPS_GUARDRAILS", raising=False)
    return root


Ops = Callable[..., tuple[int, str]]


@pytest.fixture
def ops(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ops:
    """Run a command in this process; its exit code and standard error. It must end in an orderly way."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["ops", *arguments])
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        out, err = capsys.readouterr()
        assert code in {0, 1, 2, 3, 4}, (arguments, code)
        assert "Traceback" not in out + err
        assert all(line.isprintable() for line in err.splitlines())
        return code, err

    return run


def sentences(err: str) -> list[str]:
    return [line for line in err.splitlines() if line.startswith("error: ")]


READING = [
    ("check",),
    ("check", "--format", "json"),
    ("check", "--format", "gitlab"),
    ("plan", "train"),
    ("plan", "good.json"),
    ("run", "train"),
    ("run", "--definition", "good.json"),
    ("compile", "train"),
    ("list-pipeline-executions",),
    ("list-pipeline-executions", "train"),
    ("describe-pipeline-execution", "latest"),
    ("logs", "latest", "Stop"),
    ("list-models", "--env", "local"),
    ("instance-types", "--for", "training"),
    ("clean", "--keep", "0"),
]


def test_all_of_them_work_in_the_project_itself(project: Path, ops: Ops) -> None:
    # Without the SDK, a pipeline cannot be compiled; the definition fails on purpose.
    expected: dict[tuple[str, ...], int] = {
        ("plan", "train"): 2,
        ("run", "train"): 2,
        ("compile", "train"): 2,
        ("plan", "good.json"): 0,
    }
    expected |= {("run", "--definition", "good.json"): 1, ("logs", "latest", "Stop"): 2}  # it printed nothing

    assert {each: ops(*each)[0] for each in READING} == dict.fromkeys(READING, 0) | expected


TOML: dict[str, bytes] = {
    "nested lists": b"[data]\nsource = " + b"[" * 500 + b"]" * 500,
    "nested tables": b"a = " + b"{a = " * 500 + b"1" + b"}" * 500,
    "nested names": b"a" + b".a" * 5000 + b" = 1",
    "not UTF-8": b"[project]\nname = '\xff'\n",
    "UTF-16": "[project]\n".encode("utf-16"),
    "NUL": b"[project]\0",
    "NUL in a text": SETTINGS.replace("Demo", "De\\u0000mo").encode(),
    "NUL in the source": SETTINGS.replace('"data"', '"da\\u0000ta"').encode(),
    "NUL in the target": SETTINGS.replace('"y"', '"y\\u0000"').encode(),
    "a long source": SETTINGS.replace('"data"', f'"{LONG}"').encode(),
    "a very long source": SETTINGS.replace('"data"', f'"{"x/" * 3000}"').encode(),
    "a long number": b"a = " + b"1" * 5000,
    "a long hexadecimal number": SETTINGS.encode() + b"[pipeline]\ncache_days = 0x" + b"f" * 5000,
    "10^400 minutes": SETTINGS.encode() + b"[pipeline]\nmax_runtime_minutes = 1" + b"0" * 400,
    "10^18 minutes": SETTINGS.encode() + b"[pipeline]\nmax_runtime_minutes = 1" + b"0" * 18,
    "10^18 days": SETTINGS.encode() + b"[pipeline]\ncache_days = 1" + b"0" * 18,
    "10^400 rounds": SETTINGS.encode() + b"[hyperparameters]\nmax_iter = 1" + b"0" * 400,
    "infinity": SETTINGS.replace("0.5", "inf").encode() + b"[parameters]\nA = nan\n",
    "a strange key": SETTINGS.encode() + b'[parameters]\n"a(*\\u0000[" = 1\n',
    "strange instances": SETTINGS.encode() + b'[instances]\n"a(" = "ml.m5.large"\ntraining = "ml.\\u0007"\n',
    "an array of tables": b"[[project]]\nname = 1\n",
    "texts for tables": b'project = "x"\ndata = 5\ngate = []\nenvironments = 1979-05-27\n',
    "empty": b"",
}


@pytest.mark.parametrize("content", TOML.values(), ids=TOML)
@pytest.mark.parametrize("file", ["project.toml", "guardrails.toml", "data/schema.toml"])
def test_a_strange_toml_file_is_a_sentence_for_every_command(
    project: Path, ops: Ops, file: str, content: bytes
) -> None:
    (project / file).write_bytes(content)

    commands = [each for each in READING if file == "project.toml" or each[0] in ("check", "plan", "instance-types")]

    found = {each: ops(*each) for each in commands}

    for command, (code, err) in found.items():
        assert sentences(err) or code < 2 or "--format" in command, command


@pytest.mark.parametrize("file", ["project.toml", "guardrails.toml", "data/schema.toml"])
@pytest.mark.parametrize("kind", ["folder", "link to nothing", "link to itself", "special file", "no permission"])
def test_something_else_in_place_of_a_file_is_a_sentence(
    project: Path, ops: Ops, file: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project / file
    path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "no permission":
        path.touch()
        read = Path.read_text

        def read_text(self: Path, *arguments: Any, **more: Any) -> str:
            if self == path:
                raise PermissionError(13, "Permission denied", str(self))
            return read(self, *arguments, **more)

        monkeypatch.setattr(Path, "read_text", read_text)
    else:
        path.symlink_to({"link to nothing": "nothing", "link to itself": path.name}.get(kind, "/dev/null"))

    for each in READING:
        ops(*each)


def processing(**changes: Any) -> dict[str, Any]:
    arguments = {
        "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large"}},
        "AppSpecification": {"ContainerEntrypoint": ["true"]},
        **changes,
    }
    return {"Name": "A", "Type": "Processing", "Arguments": arguments}


def parameter(kind: str, default: Any) -> str:
    return definition(parameters=[{"Name": "P", "Type": kind, "DefaultValue": default}])


def reading(uri: str, local_path: str = "/opt/ml/a") -> str:
    """A definition whose step has this input."""
    source = {"S3Uri": uri, "LocalPath": local_path}
    return definition(processing(ProcessingInputs=[{"InputName": "a", "S3Input": source}]))


def writing(name: str, local_path: str) -> str:
    """A definition whose step has this output."""
    target = {"S3Uri": "s3://bucket/a", "LocalPath": local_path}
    return definition(processing(ProcessingOutputConfig={"Outputs": [{"OutputName": name, "S3Output": target}]}))


NOT = json.loads('{"Type": "Not", "Condition":' * 90 + "1" + "}" * 90)
HUGE = 10**400
DEFINITIONS: dict[str, str | bytes] = {
    "empty": "",
    "binary": b"\xff\xfe\x00",
    "a list": "[]",
    "text": '"x"',
    "nested lists": "[" * DEEP + "]" * DEEP,
    "nested objects": '{"a":' * DEEP + "1" + "}" * DEEP,
    "nested too deeply for AWS": definition(FAIL, more=json.loads("[" * 300 + "]" * 300)),
    "nested conditions": definition({"Name": "C", "Type": "Condition", "Arguments": {"Conditions": [NOT]}}),
    "a key twice": '{"Version": "2020-12-01", "Steps": [], "Steps": []}',
    "NaN": definition().replace('"stop"', "NaN"),
    "infinity": definition().replace('"stop"', "-Infinity"),
    "a number of 5000 digits": definition().replace('"stop"', "1" * 5000),
    "1e999": definition(processing(StoppingCondition={"MaxRuntimeInSeconds": 9})).replace("9}", "1e999}"),
    "a surrogate": definition().replace("stop", "\\ud800"),
    "a surrogate as a name": definition().replace("Stop", "\\udfff"),
    "a surrogate as a key": definition().replace("ErrorMessage", "\\ud800"),
    "NUL": definition().replace("stop", "\\u0000"),
    "NUL in an argument": definition(processing(AppSpecification={"ContainerEntrypoint": ["true", "\0"]})),
    "NUL in a path": reading("s3://bucket/a", "/opt/ml/\0"),
    "NUL in a URI": reading("s3://bucket/\0"),
    "a long URI": reading(f"s3://bucket/{LONG}"),
    "a URI of many parts": reading("s3://bucket/" + "a/" * 3000),
    "a long path": writing("ü" * 200, f"/opt/ml/{LONG}"),
    "a long name": definition(FAIL | {"Name": LONG}),
    "a long program": definition(processing(AppSpecification={"ContainerEntrypoint": [f"/opt/ml/{LONG}"]})),
    "an empty program": definition(processing(AppSpecification={"ContainerEntrypoint": [""]})),
    "10^12 seconds": definition(processing(StoppingCondition={"MaxRuntimeInSeconds": 10**12})),
    "10^400 seconds": definition(processing(StoppingCondition={"MaxRuntimeInSeconds": HUGE})),
    "-1 seconds": definition(processing(StoppingCondition={"MaxRuntimeInSeconds": -1})),
    "10^400 instances": definition(
        processing(ProcessingResources={"ClusterConfig": {"InstanceCount": HUGE, "InstanceType": "x"}})
    ),
    **{f"a {kind} of 10^400": parameter(kind, HUGE) for kind in ("Integer", "Float", "String", "Boolean")},
    "an Integer of 1e400": parameter("Integer", 1).replace(": 1}", ": 1e400}"),
    "choices of another form": definition(parameters=[{"Name": "P", "Type": "String", "EnumValues": {"a": 1}}]),
    "a retry after 10^400 seconds": definition(
        FAIL | {"RetryPolicies": [{"ExceptionType": ["Step.SERVICE_FAULT"], "IntervalSeconds": HUGE}]}
    ),
    "a result for 10^9 years": definition(FAIL | {"CacheConfig": {"Enabled": True, "ExpireAfter": "P999999999Y"}}),
    "steps of another form": definition().replace('[{"Name"', '{"Name"').replace("}}]}", "}}}"),
    "a comparison of 10^400": definition(
        {
            "Name": "C",
            "Type": "Condition",
            "Arguments": {"Conditions": [{"Type": "LessThan", "LeftValue": HUGE, "RightValue": 1.5}]},
        }
    ),
}  # fmt: skip
FINE = {
    "10^12 seconds",
    "-1 seconds",
    "a result for 10^9 years",
    "a comparison of 10^400",
    "a long program",
    "an empty program",
    "a long path",
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_strange_definition_is_a_sentence(project: Path, ops: Ops, name: str) -> None:
    content = DEFINITIONS[name]
    (project / "odd.json").write_bytes(content if isinstance(content, bytes) else content.encode())

    for command in (
        ("plan", "odd.json"),
        ("plan", "odd.json", "--format", "json"),
        ("run", "--definition", "odd.json"),
    ):
        code, err = ops(*command)
        if name not in FINE:
            assert code == 2, (command, err)
            assert sentences(err) or command[0] == "plan"  # which also shows them next to the step
    ops("describe-pipeline-execution", "latest")


WORDS = ["\0", "a\0b.json", f"{LONG}.json", "x/" * 3000, "\udcff", "\udcff.json", "", ".", "..", "/", "a\nb"]
WORDS += ["\x1b[31m", "-", "~", "*", "[", "a=b=c"]


@pytest.mark.parametrize("word", WORDS, ids=ascii)
def test_a_strange_word_is_a_sentence_wherever_it_is_an_argument(project: Path, ops: Ops, word: str) -> None:
    for command in [
        ("plan", word), ("compile", word), ("run", word), ("run", "--definition", word),
        ("plan", "good.json", "--s3", word), ("run", "--definition", "good.json", "--s3", word),
        ("plan", "good.json", "--param", word), ("plan", "good.json", "--param", f"P={word}"),
        ("run", "--definition", "good.json", "--from", word), ("run", "--definition", "good.json", "--only", word),
        ("run", "--definition", "good.json", "--only", "Stop", "--source-execution", word),
        ("logs", word, "Stop"), ("logs", "latest", word), ("describe-pipeline-execution", word),
        ("describe-pipeline-execution", "latest", "--against", word), ("list-pipeline-executions", word),
        ("list-models", word, "--env", "local"), ("compile", "train", "--env", word), ("check", "--format", word),
        ("new", "step", word), ("new", "pipeline", word),
    ]:  # fmt: skip
        ops(*command)


@pytest.mark.parametrize(
    ("kind", "given", "code"),
    [("Integer", "1" + "0" * 400, 2), ("Integer", "1e3", 2), ("Integer", "٣", 2), ("Integer", "", 2),
     ("Integer", "-5", 0), ("Float", "1e999", 2), ("Float", "nan", 2), ("Float", "1" + "0" * 400, 2),
     ("Float", "1_0", 2), ("Float", "1e-5", 0), ("Boolean", "yes", 2), ("Boolean", "TRUE", 0), ("String", "", 0),
     ("String", "=", 0), ("String", "\udcff", 2), ("String", '{"a": [1]}', 0), ("String", "x" * 100_000, 0)],
    ids=lambda each: ascii(each)[:20],
)  # fmt: skip
def test_a_strange_value_of_a_parameter_is_a_sentence(
    project: Path, ops: Ops, kind: str, given: str, code: int
) -> None:
    (project / "odd.json").write_text(definition(parameters=[{"Name": "P", "Type": kind}]))

    found, err = ops("plan", "odd.json", "--param", f"P={given}")

    assert (found, len(sentences(err))) == (code, int(code > 0))


@pytest.mark.parametrize("content", [b"", b"x", b"\x1f\x8b", b"\x1f\x8b\x08\x00" + bytes(20)], ids=repr)
@pytest.mark.parametrize("kind", ["Training", "Transform"])
def test_a_broken_archive_fails_the_step_with_a_sentence(project: Path, ops: Ops, kind: str, content: bytes) -> None:
    archive = project / ".local/s3/bucket/code.tar.gz"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(content)
    uri = "s3://bucket/code.tar.gz"
    training = {
        "AlgorithmSpecification": {},
        "HyperParameters": {"sagemaker_program": "a.py", "sagemaker_submit_directory": uri},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {},
    }
    transform = {
        "ModelName": "m",
        "TransformInput": {"DataSource": {"S3DataSource": {"S3Uri": uri}}},
        "TransformOutput": {"S3OutputPath": "s3://bucket/out"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    }
    model = {"ModelName": "m", "PrimaryContainer": {"ModelDataUrl": uri}}
    steps = {
        "Training": [{"Name": "T", "Type": "Training", "Arguments": training}],
        "Transform": [
            {"Name": "M", "Type": "Model", "Arguments": model},
            {"Name": "T", "Type": "Transform", "Arguments": transform, "DependsOn": ["M"]},
        ],
    }
    (project / "odd.json").write_text(definition(*steps[kind]))

    assert ops("plan", "odd.json")[0] == 0
    assert ops("run", "--definition", "odd.json")[0] == 1
    state = json.loads(next((project / ".local/runs").glob("*/execution.json")).read_text())
    assert "code.tar.gz cannot be unpacked: " in state["failure_reason"]


NAMES = [b"\xff", b"a\nb", b"\x1b[31m", b"x" * 255, "ü".encode() * 127]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("folder", ["data", "production/steps", "production/pipelines", ".local/runs", ".local/cache"])
def test_a_strange_file_name_is_at_most_a_sentence(project: Path, ops: Ops, folder: str, name: bytes) -> None:
    (project / folder).mkdir(parents=True, exist_ok=True)
    suffix = {"data": b".csv"}.get(folder, b".py")
    Path(os.fsdecode(os.path.join(os.fsencode(project / folder), name[:250] + suffix))).write_text("x,y\n1,2\n")

    for command in READING:
        ops(*command)


@pytest.mark.parametrize("error", [28, 30, 13, 5], ids=["full", "read-only", "no permission", "broken"])
def test_a_disk_that_cannot_be_written_is_a_sentence(
    project: Path, ops: Ops, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Any, *_: Any, **__: Any) -> None:
        raise OSError(error, os.strerror(error), str(path))

    for name in ("mkdir", "write_bytes", "write_text"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr("tempfile.mkstemp", lambda **more: refuse(more["dir"]))

    code, err = ops("run", "--definition", "good.json")

    assert code == 2
    [sentence] = sentences(err)
    assert os.strerror(error) in sentence
    for command in READING:
        ops(*command)
