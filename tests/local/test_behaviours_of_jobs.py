"""What a job finds and leaves behind, both on AWS and here."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from local.behaving import both_ways
from runners import wait_for

from sagemaker_ops.container.archives import unpack
from sagemaker_ops.errors import UserError

pytestmark = pytest.mark.slow  # each runs a pipeline, most of them both ways


@both_ways
def test_outputs_are_found_by_name(local: Any) -> None:
    write = """
        for name in ("first", "second"):
            open(f"/opt/ml/processing/{name}/name.txt", "w").write(name)
    """
    read = "print(*(open(f'/opt/ml/processing/{name}/name.txt').read() for name in 'xy'))"
    made = local.processing("Make", write, outputs=("first", "second"))
    step = local.processing(
        "Read", read, inputs={"x": local.output_of("Make", "second"), "y": local.output_of("Make", "first")}
    )
    execution = local.run(step, made)
    assert local.log(execution, "Read") == "second first\n", execution.failure_reason
    outputs = execution.steps["Make"].properties["ProcessingOutputConfig"]["Outputs"]
    assert outputs["second"]["S3Output"]["S3Uri"] == f"s3://bucket/{execution.id}/Make/second"
    assert local.output(execution, "Make", "second/name.txt") == "second"
    assert not os.readlink(execution.folder / "Make/outputs/second").startswith("/")  # so that the project can be moved


KEYS = ("raw/a.csv", "raw/deep/b.csv", "raw2/c.csv")


@both_ways
@pytest.mark.parametrize(
    ("uri", "found"),
    [
        pytest.param("s3://bucket/raw/a.csv", "a.csv", id="one-object-keeps-its-name"),
        pytest.param("s3://bucket/raw/", "a.csv deep/b.csv", id="folder"),
        pytest.param("s3://bucket/raw//deep/", "b.csv", id="double-slash"),
    ],
)
def test_an_input_is_one_object_or_everything_below_a_prefix(local: Any, uri: str, found: str) -> None:
    for key in KEYS:
        local.store.put(f"s3://bucket/{key}", key.encode())
    script = """
        import pathlib
        there = pathlib.Path("/opt/ml/processing/data")
        print(*sorted(str(file.relative_to(there)) for file in there.rglob("*") if file.is_file()))
    """
    execution = local.run(local.processing("A", script, inputs={"data": uri}))
    assert local.log(execution, "A").split() == found.split(), execution.failure_reason


def test_an_empty_prefix_is_an_error_before_the_start_or_when_the_step_starts(local: Any) -> None:
    with pytest.raises(UserError, match=r"there is nothing at s3://bucket/none/: put it into .*/s3/bucket/none"):
        local.run(local.processing("A", inputs={"x": "s3://bucket/none/"}))
    steps = [local.processing("A", outputs=("out",)), local.processing("B", inputs={"x": local.output_of("A", "out")})]
    execution = local.run(*steps)
    assert execution.steps["B"].failure_reason.startswith(f"there is nothing at s3://bucket/{execution.id}/A/out")


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        pytest.param("s3://bucket/raw", {"a.csv", "deep/b.csv", "raw2/c.csv"}, id="no-slash-matches-more"),
        pytest.param("s3://bucket/ra", {"raw/a.csv", "raw/deep/b.csv", "raw2/c.csv"}, id="part-of-a-name"),
        pytest.param("s3://bucket/raw/a", {"a.csv"}, id="part-of-a-file"),
        pytest.param("s3://bucket", {"raw/a.csv", "raw/deep/b.csv", "raw2/c.csv"}, id="bucket"),
        pytest.param("s3://bucket/other", set(), id="nothing"),
        pytest.param("s3://elsewhere/raw", set(), id="no-such-bucket"),
    ],
)
def test_a_prefix_is_a_prefix_and_not_a_folder(local: Any, prefix: str, names: set[str]) -> None:
    for key in KEYS:
        local.store.put(f"s3://bucket/{key}", key.encode())
    assert set(local.store.find(prefix)) == names


@both_ways
@pytest.mark.parametrize("ends_well", [True, False])
def test_outputs_are_visible_only_after_the_job_has_succeeded(local: Any, ends_well: bool) -> None:
    written, go = local.home.parent / "written", local.home.parent / "go"
    script = """
        import os, sys, time
        open("/opt/ml/processing/out/a.txt", "w").write("made")
        open(sys.argv[1], "w")
        while not os.path.exists(sys.argv[2]):
            time.sleep(0.005)
        raise SystemExit(sys.argv[3] == "False")
    """
    seen = []

    def on_change(execution: Any) -> None:
        if execution.steps["A"].status == "Executing":
            wait_for(written.exists, "the job has written")
            seen.append(local.store.find("s3://bucket/out/"))
            go.touch()

    step = local.processing("A", script, str(written), str(go), str(ends_well), outputs=("out",))
    step["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = "s3://bucket/out/"
    execution = local.run(step, on_change=on_change)
    assert seen == [{}]
    assert set(local.store.find("s3://bucket/out/")) == ({"a.txt"} if ends_well else set())
    # what a failed job wrote is kept for inspection
    assert (execution.folder / "A/job/ml/processing/out/a.txt").exists() is not ends_well


@both_ways
def test_the_model_is_an_archive_with_its_files_at_the_root(local: Any) -> None:
    script = """
        import os
        os.mkdir(os.path.join(os.environ["SM_MODEL_DIR"], "code"))
        for name in ("model.bin", "code/inference.py"):
            open(os.path.join(os.environ["SM_MODEL_DIR"], name), "w").write(name)
    """
    read = "import tarfile; print(sorted(tarfile.open('/opt/ml/processing/model/model.tar.gz').getnames()))"
    model = local.get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    execution = local.run(local.training("Train", script), local.processing("Read", read, inputs={"model": model}))
    assert local.log(execution, "Read") == "['code', 'code/inference.py', 'model.bin']\n", execution.failure_reason
    properties = execution.steps["Train"].properties
    uri = f"s3://bucket/models/{properties['TrainingJobName']}/output/model.tar.gz"
    assert properties["ModelArtifacts"] == {"S3ModelArtifacts": uri}


@both_ways
@pytest.mark.parametrize(("wrote", "archives"), [(True, {"model.tar.gz", "output.tar.gz"}), (False, {"model.tar.gz"})])
def test_output_data_is_an_archive_next_to_the_model(local: Any, wrote: bool, archives: set[str]) -> None:
    script = "import os; open(os.environ['SM_OUTPUT_DATA_DIR'] + '/curve.csv', 'w').write('c')" if wrote else ""
    execution = local.run(local.training("Train", script))
    job = execution.steps["Train"].properties["TrainingJobName"]
    assert set(local.store.find(f"s3://bucket/models/{job}/output/")) == archives
    if wrote:
        with tarfile.open(execution.folder / "Train/outputs/model/output.tar.gz") as tar:
            assert tar.getnames() == ["curve.csv"]


@both_ways
def test_hyperparameters_are_strings_in_the_file_and_decoded_on_the_command_line(local: Any) -> None:
    script = """
        import json, os, sys
        print(json.dumps([sys.argv, json.load(open("/opt/ml/input/config/hyperparameters.json")), os.getcwd()]))
    """
    hyperparameters = {
        "learning_rate": "0.1", "n": "5", "flag": "true", "name": "abc", "list": '[1,2,"x"]', "none": "null",
        "object": '{"b": 1, "a": 2}', "quoted": '"q"', "empty": "", "sagemaker_extra": "x",
    }  # fmt: skip
    execution = local.run(local.training("Train", script, **hyperparameters))
    argv, file, cwd = json.loads(local.log(execution, "Train"))
    assert argv == [
        *["train.py", "--empty", "", "--flag", "True", "--learning_rate", "0.1", "--list", "[1, 2, 'x']", "-n", "5"],
        *["--name", "abc", "--none", "", "--object", "a=2,b=1", "--quoted", "q"],
    ]
    assert file == {"sagemaker_submit_directory": "s3://bucket/code/Train/sourcedir.tar.gz"} | file | hyperparameters
    assert cwd == local.opt_ml(execution, "Train", "code")


def archive_of(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("train.py"), io.BytesIO())
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        tar.addfile(member, io.BytesIO())
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        pytest.param("../out", tarfile.REGTYPE, "", id="parent"),
        pytest.param("a/../../out", tarfile.REGTYPE, "", id="parent-inside"),
        pytest.param("link", tarfile.SYMTYPE, "/etc/passwd", id="absolute-link"),
        pytest.param("link", tarfile.SYMTYPE, "../../out", id="link-out"),
        pytest.param("a/link", tarfile.LNKTYPE, "../out", id="hard-link-out"),
        pytest.param("device", tarfile.CHRTYPE, "", id="device"),
        pytest.param("pipe", tarfile.FIFOTYPE, "", id="pipe"),
    ],
)
def test_an_archive_that_leads_out_of_its_folder_is_not_unpacked(local: Any, name: str, kind: bytes, link: str) -> None:
    step = local.training("Train")
    local.store.put(step["Arguments"]["HyperParameters"]["sagemaker_submit_directory"], archive_of(name, kind, link))
    execution = local.run(step)
    assert "sourcedir.tar.gz cannot be unpacked" in str(execution.failure_reason)
    assert not [path for path in local.home.parent.rglob("*") if path.name in ("out", "link", "device", "pipe")]


@pytest.mark.filterwarnings("ignore:Python 3.14 will:DeprecationWarning")  # from a Python that has the filter
@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [("../out.py", tarfile.REGTYPE, ""), ("a/../../out.py", tarfile.REGTYPE, ""), ("link", tarfile.SYMTYPE, "/etc")],
)
def test_python_without_the_filter_for_archives_refuses_the_same_members(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: bytes, link: str
) -> None:
    monkeypatch.delattr(tarfile, "data_filter")  # as in Python 3.11.2, the version in Debian 12
    (tmp_path / "odd.tar.gz").write_bytes(archive_of(name, kind, link))
    (tmp_path / "good.tar.gz").write_bytes(archive_of("deep/a.py"))
    with pytest.raises(UserError, match="cannot be unpacked"):
        unpack(tmp_path / "odd.tar.gz", tmp_path / "in")
    unpack(tmp_path / "good.tar.gz", tmp_path / "in")
    assert (tmp_path / "in/deep/a.py").is_file()
    assert not (tmp_path / "out.py").exists()


def test_an_absolute_path_in_an_archive_ends_up_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "odd.tar.gz").write_bytes(archive_of("/tmp/absolute/out"))
    unpack(tmp_path / "odd.tar.gz", tmp_path / "in")
    assert (tmp_path / "in/tmp/absolute/out").is_file()


@both_ways
def test_each_job_has_this_python_and_its_own_working_directory(local: Any) -> None:
    script = 'import os, sys; print(sys.executable, os.getcwd(), os.listdir()); open("here", "x")'
    execution = local.run(local.processing("A", script), local.processing("B", script))
    places = {local.log(execution, step) for step in "AB"}
    assert len(places) == 2
    assert all(place.startswith(sys.executable) and place.endswith(" []\n") for place in places)


@both_ways
def test_a_job_has_its_own_environment_without_the_hosts_credentials(
    local: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.launcher = None  # so that a new one starts with these variables set
    for name in (
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN"),
        *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE", "SOME_TOKEN", "CI_JOB_TOKEN"),
    ):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    script = """
        import json, os
        others = [open(f"/proc/{number}/environ").read() for number in (os.getpid(), os.getppid())]
        print(json.dumps([dict(os.environ), "secret" in "".join(others)]))
    """
    step = local.processing("A", script, environment={"MODE": "/opt/ml/processing", "LINES": "one\ntwo"})
    execution = local.run(step, region="eu-west-1")
    seen, leaked = json.loads(local.log(execution, "A"))
    assert "secret" not in seen.values()
    assert not leaked
    assert (seen["MODE"], seen["LINES"]) == (local.opt_ml(execution, "A", "processing"), "one\ntwo")
    assert (seen["LANG"], seen["AWS_REGION"], seen["PYTHONUNBUFFERED"]) == ("C.UTF-8", "eu-west-1", "1")
    assert seen["AWS_EC2_METADATA_DISABLED"] == "true"  # otherwise the instance's own role would answer
    assert "/A/job/" in seen["PIP_TARGET"]  # what a script installs is removed with its job


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("import importlib; session = importlib.import_module('botocore.session').Session()", "None"),
        ("import botocore.session; session = botocore.session.Session()", "local"),  # for the S3 of this machine
    ],
)
def test_botocore_finds_no_credentials_of_this_machine_in_a_job(
    local: Any, monkeypatch: pytest.MonkeyPatch, script: str, found: str
) -> None:
    home = local.home.parent / "home"
    (home / ".aws").mkdir(parents=True)
    keys = "aws_access_key_id = a\naws_secret_access_key = b\n"
    (home / ".aws/credentials").write_text(f"[default]\n{keys}")
    (home / ".aws/config").write_text(f"[default]\n{keys}")
    (home / ".boto").write_text(f"[Credentials]\n{keys}")
    monkeypatch.setenv("HOME", str(home))
    script += "\nprint(getattr(session.get_credentials(), 'access_key', None))"
    assert local.log(local.run(local.processing("A", script)), "A") == f"{found}\n"
