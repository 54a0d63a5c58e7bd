"""Staged inputs: a job may do with them what it can do on AWS, and the store never changes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from local.behaving import both_ways
from local.conftest import has_namespaces

from sagemaker_ops.container import namespace, process

pytestmark = pytest.mark.slow  # each starts processes

READ_ONLY, BUSY = "Read-only file system", "Device or resource busy"
DATA = "/opt/ml/processing/data"


def stored(local: Any) -> dict[str, tuple[bytes, int, float]]:
    """{name: content, mode and time of the file} for the input."""
    found = local.store.find("s3://bucket/raw/").items()
    return {name: (file.read_bytes(), file.stat().st_mode, file.stat().st_mtime) for name, file in found}


@both_ways
@pytest.mark.parametrize(
    ("script", "left"),
    [
        pytest.param("open('in.txt', 'a').write('+')", {"in.txt": "data+", "deep/b.txt": "b"}, id="append"),
        pytest.param("open('in.txt', 'w').write('+')", {"in.txt": "+", "deep/b.txt": "b"}, id="overwrite"),
        pytest.param("os.remove('in.txt')", {"deep/b.txt": "b"}, id="remove"),
        pytest.param("shutil.rmtree('deep')", {"in.txt": "data"}, id="remove-a-folder"),
        pytest.param("os.rename('in.txt', 'x')", {"x": "data", "deep/b.txt": "b"}, id="rename"),
        pytest.param("os.replace('deep/b.txt', 'in.txt')", {"in.txt": "b"}, id="replace"),
        pytest.param("open('new', 'w').write('n')", {"in.txt": "data", "deep/b.txt": "b", "new": "n"}, id="beside"),
        pytest.param("os.chmod('in.txt', 0o777)", {"in.txt": "data", "deep/b.txt": "b"}, id="mode"),
        pytest.param("os.utime('in.txt', (1, 1))", {"in.txt": "data", "deep/b.txt": "b"}, id="time"),
        pytest.param("os.truncate('deep/b.txt', 0)", {"in.txt": "data", "deep/b.txt": ""}, id="truncate"),
    ],
)
def test_a_job_changes_its_own_view_of_an_input_and_never_the_store(local: Any, script: str, left: Any) -> None:
    for key, text in {"in.txt": b"data", "deep/b.txt": b"b"}.items():
        local.store.put(f"s3://bucket/raw/{key}", text)
    before = stored(local)
    show = f"""
        import json, os, pathlib, shutil
        os.chdir("{DATA}")
        {script}
        print(json.dumps({{str(each): each.read_text() for each in pathlib.Path().rglob("*") if each.is_file()}}))
    """
    execution = local.run(local.processing("A", show, inputs={"data": "s3://bucket/raw/"}))
    assert execution.status == "Succeeded", execution.failure_reason
    assert json.loads(local.log(execution, "A")) == left
    assert stored(local) == before


@both_ways
def test_an_archive_can_be_unpacked_beside_itself(local: Any) -> None:
    """The model of a training job as a processing input, and an archive in a channel of a training job."""
    train = local.training("Train", "import os; open(os.environ['SM_MODEL_DIR'] + '/m.txt', 'w').write('m')")
    unpack = """
        import sys, tarfile
        folder, name = sys.argv[-1].rsplit("/", 1)
        tarfile.open(f"{folder}/{name}").extractall(folder)
        print(open(f"{folder}/m.txt").read())
    """
    model = local.get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    again = local.training("Again", unpack, channels={"model": model}, n="/opt/ml/input/data/model/model.tar.gz")
    evaluate = local.processing("Evaluate", unpack, f"{DATA}/model.tar.gz", inputs={"data": model})
    execution = local.run(train, evaluate, again)
    assert execution.status == "Succeeded", execution.failure_reason
    assert local.log(execution, "Evaluate") == local.log(execution, "Again") == "m\n"
    assert set(local.store.find(execution.steps["Train"].properties["ModelArtifacts"]["S3ModelArtifacts"])) == {
        "model.tar.gz"
    }


@both_ways
def test_an_output_around_an_input_contains_it_as_the_job_left_it(local: Any) -> None:
    local.store.put("s3://bucket/raw/in.txt", b"data")
    script = f"open('{DATA}/in.txt', 'a').write('+'); open('/opt/ml/processing/new', 'w').write('n')"
    step = local.processing("A", script, inputs={"data": "s3://bucket/raw/"}, outputs=("out",))
    step["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["LocalPath"] = "/opt/ml/processing"
    execution = local.run(step)
    assert execution.status == "Succeeded", execution.failure_reason
    assert local.output(execution, "A", "out/data/in.txt") == "data+"
    assert local.output(execution, "A", "out/new") == "n"
    assert local.store.get_file("s3://bucket/raw/in.txt").read_bytes() == b"data"


@pytest.mark.parametrize("local", ["namespace"], indirect=True)  # otherwise the job has copies
def test_a_job_that_changes_the_store_itself_fails(local: Any) -> None:
    local.store.put("s3://bucket/raw/in.txt", b"data")
    script = "import sys; open(sys.argv[1], 'a').write('+')"
    file = str(local.store.locate("s3://bucket/raw/in.txt"))
    execution = local.run(local.processing("A", script, file, inputs={"data": "s3://bucket/raw/"}))
    assert execution.steps["A"].failure_reason == (
        f"it changed its input {DATA}/in.txt: write to another folder, because steps share their inputs here."
    )


TRY = """
import json, os, runpy, sys
_, file, mounts, aside, target = sys.argv
runpy.run_path(file)["enter"](json.loads(mounts), aside)
os.chdir(target)
def attempt(function, *arguments):
    try:
        function(*arguments)
        return True
    except OSError as error:
        return error.strerror
print(json.dumps([
    attempt(open, "0", "a"), attempt(os.remove, "0"), attempt(open, "beside", "w"), attempt(os.rename, "beside", "0"),
]))
"""


@pytest.mark.parametrize(
    ("files", "tried"),
    [
        pytest.param(1000, [READ_ONLY, BUSY, True, BUSY], id="one-by-one"),
        pytest.param(1001, [READ_ONLY] * 4, id="the-folder"),
    ],
)
def test_inputs_are_protected_where_changes_cannot_go_elsewhere(
    files: int, tried: list[Any], tmp_path: Path, launcher: process.Launcher
) -> None:
    """On a file system that already is an overlay, as in many containers."""
    if not has_namespaces(launcher):
        pytest.skip("this machine does not allow mount namespaces")
    for name in ("source", "target", "aside", "outer", "home/changes"):
        (tmp_path / name).mkdir(parents=True)
    for number in range(files):
        (tmp_path / "source" / str(number)).touch()
    mounts = [
        [str(tmp_path / "home"), str(tmp_path / "home"), str(tmp_path / "outer")],
        [str(tmp_path / "source"), str(tmp_path / "target"), str(tmp_path / "home/changes")],
    ]
    command = [sys.executable, "-c", TRY, namespace.__file__, json.dumps(mounts), str(tmp_path / "aside")]
    done = subprocess.run([*command, str(tmp_path / "target")], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == tried
    assert (tmp_path / "source/0").read_bytes() == b""
