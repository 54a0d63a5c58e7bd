"""A processing job: its files, its arguments, its environment, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.parametrize("local", ["namespace", "rewrite"], indirect=True)


def test_an_input_may_be_inside_another(local: Any) -> None:
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


def test_a_folder_with_spaces_and_quotes_works(local: Any, tmp_path: Path) -> None:
    moved = type(local)(tmp_path / "it's {my} project" / ".local")
    step = moved.processing("A", "open('/opt/ml/processing/out/a.txt', 'w').write(f'{1}')", outputs=("out",))
    shell = moved.processing("B", inputs={"data": moved.output_of("A", "out")})
    shell["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = ["/bin/sh", "-c", "cat /opt/ml/processing/data/*"]
    execution = moved.run(step, shell)
    assert execution.status == "Succeeded", execution.failure_reason
    assert moved.log(execution, "B") == "1"


def test_the_container_has_its_configuration(local: Any) -> None:
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


def test_a_missing_program_fails_with_one_sentence(local: Any) -> None:
    step = local.processing("A")
    step["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = ["/opt/ml/processing/input/code/run"]
    assert "code/run' cannot be started on this machine: No such file" in str(local.run(step).failure_reason)


def test_a_full_disk_fails_the_step_with_the_reason(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    step = local.processing("A", "open('/opt/ml/processing/out/a.txt', 'w')", outputs=("out",))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "a.txt")

    monkeypatch.setattr(type(local.store), "move_folder", full)
    assert local.run(step).failure_reason == "step 'A': No space left on device: a.txt"


def test_a_fork_behaves_like_a_fresh_python(local: Any) -> None:
    script = """
        import atexit, json, os, pickle, resource, signal, sys, threading, warnings
        class Model:
            pass
        names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGXFSZ", "SIGCHLD", "SIGUSR1")
        seen = {
            "command": [sys.argv, sys.path[0], __name__, __file__, __doc__, sys.executable, os.getcwd()[-10:]],
            "streams": [
                [each.encoding, each.errors, each.name, each.mode, each.write_through, type(each.buffer).__name__]
                for each in (sys.stdout, sys.stderr)
            ],
            "originals": [sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__, sys.stdin.read()],
            "signals": [str(signal.getsignal(getattr(signal, name))) for name in names],
            "wakeup": [signal.set_wakeup_fd(-1), sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))],
            "files": len(os.listdir("/proc/self/fd")),
            "threads": [threading.active_count(), threading.current_thread() is threading.main_thread()],
            "limits": [resource.getrlimit(getattr(resource, name)) for name in ("RLIMIT_AS", "RLIMIT_NOFILE")],
            "filters": [str(each) for each in warnings.filters],
            "settings": [sys.getrecursionlimit(), sys.dont_write_bytecode, os.umask(0o22)],
            "leads its group": os.getpgid(0) == os.getpid(),
            "environment": {name: value for name, value in os.environ.items() if "/job/" not in value},
            "pickled": type(pickle.loads(pickle.dumps(Model()))) is Model,
        }
        json.dump(seen, open("/opt/ml/processing/out/seen.json", "w"))
        atexit.register(print, "at exit")
        threading.Timer(0.05, print, ["thread"]).start()
        raise ValueError("\\udcff")
    """
    seen, logs = [], []
    for fresh in (False, True):
        execution = local.run(local.processing("A", script, "--x", "a b", outputs=("out",)), options={"fresh": fresh})
        place = execution.folder / "A/job/ml"
        seen.append((place / "processing/out/seen.json").read_text().replace(str(place), "/opt/ml"))
        logs.append(local.log(execution, "A").replace(str(place), "/opt/ml"))
    assert json.loads(seen[0]) == json.loads(seen[1])
    assert logs[0] == logs[1]
    assert logs[0].splitlines()[-3:] == ["ValueError: \\udcff", "thread", "at exit"]
