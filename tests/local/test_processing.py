"""A processing job: its files, its arguments, its environment, and how it ends."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

WRITE = """
    import pathlib, sys
    pathlib.Path(sys.argv[2], "a.txt").write_text(pathlib.Path(sys.argv[1], "in.txt").read_text() + " seen")
"""


def test_inputs_arguments_and_outputs_pass_from_step_to_step(local: Any) -> None:
    local.store.put("s3://bucket/raw/in.txt", b"data")
    first = local.processing(
        "First",
        WRITE,
        "/opt/ml/processing/data",
        "/opt/ml/processing/out",
        inputs={"data": "s3://bucket/raw/in.txt"},
        outputs=("out",),
    )
    copy = 'import shutil; shutil.copy("/opt/ml/processing/data/a.txt", "/opt/ml/processing/out/b.txt")'
    second = local.processing("Second", copy, inputs={"data": local.output_of("First", "out")}, outputs=("out",))
    execution = local.run(second, first)
    assert execution.status == "Succeeded", execution.failure_reason
    assert local.output(execution, "Second", "out/b.txt") == "data seen"
    uri = execution.steps["Second"].properties["ProcessingOutputConfig"]["Outputs"]["out"]["S3Output"]["S3Uri"]
    assert uri == f"s3://bucket/{execution.id}/Second/out"
    assert not os.readlink(execution.folder / "Second/outputs/out").startswith("/")


def test_an_input_may_lie_inside_another(local: Any) -> None:
    local.store.put("s3://bucket/raw/code/note.txt", b"from data")
    step = local.processing(
        "A",
        'import os; print(sorted(os.listdir("/opt/ml/processing/input/code")))',
        inputs={"data": "s3://bucket/raw/"},
    )
    step["Arguments"]["ProcessingInputs"][1]["S3Input"]["LocalPath"] = "/opt/ml/processing/input"
    step["Arguments"]["ProcessingInputs"].reverse()
    assert "['main.py', 'note.txt']" in local.log(local.run(step), "A")


def test_container_paths_are_rewritten_in_code_and_never_in_data(local: Any) -> None:
    local.store.put("s3://bucket/raw/paths.csv", b"/opt/ml/x")
    local.store.put("s3://bucket/raw/paths.py", b"/opt/ml/x")
    script = """
        import pathlib
        for name in ("paths.csv", "paths.py"):
            print(pathlib.Path("/opt/ml/processing/data", name).read_text())
    """
    execution = local.run(local.processing("A", script, inputs={"data": "s3://bucket/raw/"}))
    assert local.log(execution, "A").splitlines() == ["/opt/ml/x", "/opt/ml/x"]
    assert b"/opt/ml" in local.store.get_file("s3://bucket/code/A/main.py").read_bytes()


def test_a_folder_with_spaces_and_quotes_is_no_obstacle(local: Any, tmp_path: Path) -> None:
    moved = type(local)(tmp_path / "it's {my} project" / ".local")
    step = moved.processing("A", "open('/opt/ml/processing/out/a.txt', 'w').write(f'{1}')", outputs=("out",))
    shell = moved.processing("B", inputs={"data": moved.output_of("A", "out")})
    shell["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = ["/bin/sh", "-c", "cat /opt/ml/processing/data/*"]
    execution = moved.run(step, shell)
    assert execution.status == "Succeeded", execution.failure_reason
    assert moved.log(execution, "B") == "1"


def test_the_environment_is_the_jobs_own_and_holds_no_credentials(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/secret")
    monkeypatch.setenv("SOME_TOKEN", "secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    script = "import os, json; print(json.dumps(dict(os.environ)))"
    step = local.processing("A", script, environment={"MODE": "/opt/ml/processing"})
    seen = json.loads(local.log(local.run(step, region="eu-west-1"), "A"))
    assert not {"AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "SOME_TOKEN"} & set(seen)
    assert seen["MODE"].endswith("/A/job/ml/processing")
    assert (seen["LANG"], seen["AWS_REGION"], seen["PYTHONUNBUFFERED"]) == ("C.UTF-8", "eu-west-1", "1")
    assert seen["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert "/A/job/" in seen["PIP_TARGET"]  # what a script installs goes away with its job


def test_each_job_has_this_python_and_a_working_directory_of_its_own(local: Any) -> None:
    script = 'import os, sys; open("here", "x"); print(sys.executable, os.getcwd())'
    execution = local.run(local.processing("A", script), local.processing("B", script))
    places = {local.log(execution, step) for step in "AB"}
    assert len(places) == 2
    assert all(place.startswith(sys.executable) for place in places)


def test_the_container_finds_its_configuration(local: Any) -> None:
    script = """
        import json
        config = json.load(open("/opt/ml/config/processingjobconfig.json"))
        print(config["AppSpecification"]["ContainerArguments"], config["ProcessingJobName"])
        print(json.load(open("/opt/ml/config/resourceconfig.json")))
    """
    lines = local.log(local.run(local.processing("A", script, "--x", "1")), "A").splitlines()
    assert lines[0].startswith("['--x', '1'] pipelines-")
    assert lines[1] == "{'current_host': 'algo-1', 'hosts': ['algo-1']}"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param("raise ValueError('no column')", "exit code 1: ValueError: no column", id="traceback"),
        pytest.param("print('bye'); print(); raise SystemExit(3)", "exit code 3: bye", id="last-line"),
        pytest.param("raise SystemExit(3)", "exit code 3: it printed nothing", id="silent"),
        pytest.param("import os; os.kill(os.getpid(), 9)", "exit code 137 (SIGKILL): it printed nothing", id="killed"),
        pytest.param(
            "open('/opt/ml/output/message', 'w').write('the label is missing'); raise SystemExit(1)",
            "the label is missing",
            id="message",
        ),
    ],
)
def test_the_reason_of_a_failure(local: Any, script: str, reason: str) -> None:
    execution = local.run(local.processing("A", script, outputs=("out",)))
    step = execution.steps["A"]
    assert (execution.status, step.status, step.failure_reason) == ("Failed", "Failed", reason)
    assert execution.failure_reason == f"step 'A': {reason}"


def test_a_program_that_is_not_there_fails_in_one_sentence(local: Any) -> None:
    step = local.processing("A")
    step["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = ["Rscript-9", "x.R"]
    assert "'Rscript-9' cannot be started on this machine" in str(local.run(step).failure_reason)


def test_outputs_of_a_failed_job_are_not_in_the_store_but_its_folder_is_kept(local: Any) -> None:
    script = "open('/opt/ml/processing/out/a.txt', 'w').write('half'); raise SystemExit(1)"
    execution = local.run(local.processing("A", script, outputs=("out",)))
    assert not local.store.find(f"s3://bucket/{execution.id}/A/out")
    assert (execution.folder / "A/job/ml/processing/out/a.txt").read_text() == "half"


def test_the_folder_of_a_job_that_ended_well_is_removed(local: Any) -> None:
    assert not (local.run(local.processing("A")).folder / "A/job").exists()


@pytest.mark.slow
def test_the_time_limit_ends_the_whole_process_group(local: Any) -> None:
    script = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(child.pid)
        child.wait()
    """
    begin = time.monotonic()
    execution = local.run(local.processing("A", script, seconds=1))
    assert time.monotonic() - begin < 9
    assert execution.steps["A"].failure_reason == "it was stopped after MaxRuntimeInSeconds = 1."
    assert local.gone(int(local.log(execution, "A")))


def test_an_input_missing_at_its_turn_fails_the_step_with_a_sentence(local: Any) -> None:
    steps = [local.processing("A", outputs=("out",)), local.processing("B", inputs={"x": local.output_of("A", "out")})]
    execution = local.run(*steps)
    assert execution.steps["B"].failure_reason.startswith(f"there is nothing at s3://bucket/{execution.id}/A/out")


def test_a_full_disk_fails_the_step_with_the_reason(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    step = local.processing("A", "open('/opt/ml/processing/out/a.txt', 'w')", outputs=("out",))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "a.txt")

    monkeypatch.setattr(type(local.store), "move_folder", full)
    assert local.run(step).failure_reason == "step 'A': No space left on device: a.txt"
