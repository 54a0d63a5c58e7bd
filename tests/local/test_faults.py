"""Machine errors, provoked: nothing is left running, nothing is damaged, and the reason is reported."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from local.conftest import only_root
from runners import NOBODY, start, wait_for

from sagemaker_ops.container import process
from sagemaker_ops.container.isolation import Container
from sagemaker_ops.local import Execution, list_pipeline_executions
from sagemaker_ops.store import Store

pytestmark = pytest.mark.slow  # processes die here, which takes time

both_ways = pytest.mark.parametrize("local", ["namespace", "rewrite"], indirect=True)

WAIT = """
    import os, sys, time
    print(os.getpid(), flush=True)
    time.sleep(60)
"""
# A textbook daemon, and one that not even its environment reveals.
DAEMONS = """
    import os, subprocess, sys, time
    here = sys.argv[1]
    def note(number):
        open(f"{here}/{number}", "w")
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.setsid()
        note(os.getpid())
        time.sleep(60)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={}, start_new_session=True)
    note(other.pid)
    print(os.getpid(), flush=True)
    while len(os.listdir(here)) < 2 or sys.argv[2:] and not os.path.exists(sys.argv[2]):
        time.sleep(0.005)
"""
CHANGE = "open('/opt/ml/processing/data/in.txt', 'a').write(' and more')"


def daemons(local: Any) -> tuple[Path, Any]:
    """The file in which the daemons record their numbers, and a function to wait for them."""
    place = local.home.parent / "daemons"
    place.mkdir()
    return place, lambda: wait_for(
        lambda: len(found := [int(name) for name in os.listdir(place)]) == 2 and found, "two"
    )


def statuses(execution: Execution) -> list[str]:
    """The status of the execution and those of its steps."""
    return [execution.status, *(step.status for step in execution.steps.values())]


# Processes


@both_ways
def test_no_daemon_of_a_step_outlives_it(local: Any) -> None:
    place, _ = daemons(local)
    execution = local.run(local.processing("A", DAEMONS, str(place)))
    assert execution.status == "Succeeded", execution.failure_reason
    assert [local.gone(int(name)) for name in os.listdir(place)] == [True, True]


def test_the_daemons_of_another_step_keep_running(local: Any) -> None:
    place, both = daemons(local)
    wait = """
        import os, sys, time
        while len(os.listdir(sys.argv[1])) < 2:
            time.sleep(0.005)
    """
    look = """
        import os, sys
        for name in os.listdir(sys.argv[1]):
            os.kill(int(name), 0)
        open(sys.argv[2], "w")
    """
    enough = str(local.home / "enough")
    steps = [
        local.processing("A", DAEMONS, str(place), enough, seconds=60),
        local.processing("Brief", wait, str(place)),
        local.processing("After", look, str(place), enough, DependsOn=["Brief"]),
    ]
    execution = local.run(*steps)
    assert execution.status == "Succeeded", execution.failure_reason
    assert all(local.gone(number) for number in both())


@pytest.mark.slow
@only_root
def test_no_daemon_outlives_a_step_of_an_unprivileged_user(nobody: Any) -> None:
    place, _ = daemons(nobody)
    place.chmod(0o777)
    execution = start(nobody, nobody.processing("A", DAEMONS, str(place)), nobody=True).end()
    assert execution.status == "Succeeded", execution.failure_reason
    assert [nobody.gone(int(name)) for name in os.listdir(place)] == [True, True]


@pytest.mark.slow
@both_ways
def test_a_killed_runner_takes_everything_with_it_and_does_not_affect_the_next_run(local: Any) -> None:
    place, both = daemons(local)
    steps = [
        local.processing("A", DAEMONS, str(place), "/never"),
        local.register("B"),
        local.fail("C", "x", DependsOn=["A"]),
    ]
    runner = start(local, *steps)
    numbers = both() + runner.numbers("A")
    known = ["Executing", "Executing", "Succeeded", "NotStarted"]
    wait_for(lambda: statuses(runner.execution()) == known, "the state on disk")
    launcher = runner.children()
    runner.process.kill()
    runner.process.communicate()
    assert [local.gone(number) for number in numbers + launcher] == [True] * 4
    stopped = runner.execution()
    assert statuses(stopped) == ["Stopped", "Stopped", "Succeeded", "NotStarted"]
    assert "its runner ended unexpectedly" in str(stopped.failure_reason)
    again = local.run(local.processing("A"), local.register("B"))
    assert again.status == "Succeeded"
    assert again.steps["B"].properties["ModelPackageVersion"] == 2


def test_a_runner_that_dies_without_reading_takes_everything_with_it(local: Any) -> None:
    place, both = daemons(local)
    until = local.home.parent / "until"
    wait = (
        "import os, sys, time\nprint(os.getpid(), flush=True)\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.01)"
    )
    steps = [local.processing("A", DAEMONS, str(place), "/never"), local.processing("B", wait, str(until))]
    runner = start(local, *steps)
    numbers = both() + runner.numbers("A")
    [brief] = runner.numbers("B")
    runner.process.send_signal(signal.SIGSTOP)
    until.touch()
    assert local.gone(brief)
    time.sleep(0.1)  # the launcher reports it, but nobody reads it
    runner.process.kill()
    runner.process.communicate()
    assert [local.gone(number) for number in numbers] == [True] * 3


@both_ways
def test_a_killed_launcher_fails_its_steps_and_leaves_no_processes_behind(local: Any) -> None:
    place, both = daemons(local)
    local.launcher = None
    kill = "import os, signal; os.kill(os.getppid(), signal.SIGKILL); import time; time.sleep(60)"
    wait = "import os, sys, time\nwhile len(os.listdir(sys.argv[1])) < 2: time.sleep(0.01)\n"
    steps = [
        local.processing("A", DAEMONS, str(place), "/never"),
        local.processing("Kill", wait + kill, str(place)),
        local.processing("Later", "print('well')", DependsOn=["Waits"]),
        local.condition("Waits", local.compare("Equals", 1, 1)),
    ]
    execution = local.run(*steps, options={"jobs": 2})
    reason = "the process that starts the jobs was killed"
    assert [execution.steps[name].failure_reason for name in ("A", "Kill")] == [reason, reason]
    assert (execution.steps["Later"].status, local.log(execution, "Later")) == ("Succeeded", "well\n")
    assert all(local.gone(number) for number in both())


def test_a_step_of_a_killed_launcher_is_retried_if_its_policy_says_so(local: Any) -> None:
    local.launcher = None
    script = """
        import os, signal, sys
        if not os.path.exists(sys.argv[1]):
            open(sys.argv[1], "w")
            os.kill(os.getppid(), signal.SIGKILL)
            signal.pause()
    """
    policy = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 0}
    execution = local.run(local.processing("A", script, str(local.home / "once"), RetryPolicies=[policy]))
    assert (execution.status, execution.steps["A"].attempts) == ("Succeeded", 2), execution.failure_reason


@pytest.mark.slow
@only_root
def test_a_process_limit_fails_the_step_but_not_the_runner(nobody: Any) -> None:
    script = "import os, resource; resource.prlimit(os.getppid(), resource.RLIMIT_NPROC, (0, 0))"
    steps = [
        nobody.processing("A", script),
        nobody.processing("B", DependsOn=["A"]),
        nobody.register("C") | {"DependsOn": ["A"]},
    ]
    execution = start(nobody, *steps, nobody=True).end()
    assert [step.status for step in execution.steps.values()] == ["Succeeded", "Failed", "Succeeded"]
    assert execution.failure_reason == "step 'B': Resource temporarily unavailable"


@pytest.mark.slow
def test_two_executions_at_once_share_store_cache_and_registry(local: Any) -> None:
    script = "import time; time.sleep(0.2); open('/opt/ml/processing/out/a', 'w').write('a')"
    steps = [
        local.processing("A", script, outputs=("out",), CacheConfig={"Enabled": True}),
        local.processing("B", inputs={"x": local.output_of("A", "out")}),
        local.register("R") | {"DependsOn": ["B"]},
    ]
    runners = [start(local, *steps) for _ in range(2)]
    executions = [runner.process.communicate(timeout=60) and runner for runner in runners]
    assert [runner.process.returncode for runner in executions] == [0, 0]
    listed = list_pipeline_executions(local.home)
    assert [execution.status for execution in listed] == ["Succeeded"] * 2
    assert sorted(execution.steps["R"].properties["ModelPackageVersion"] for execution in listed) == [1, 2]
    assert local.run(*steps).steps["A"].source in {execution.id for execution in listed}


# Stopping


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """Ctrl-C, even if the tests themselves run in the background and ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("during", [1, 2])
def test_after_a_stop_during_staging_no_program_starts(
    local: Any, during: int, interrupt: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = Container.stage
    count: list[int] = []

    def stage(*arguments: Any, **more: Any) -> None:
        count.append(1)
        if len(count) == during:
            interrupt()
            wait_for(lambda: list_pipeline_executions(local.home)[0].status == "Stopping", "it is known")
        staged(*arguments, **more)

    monkeypatch.setattr(Container, "stage", stage)
    local.store.put("s3://bucket/raw/in.txt", b"data")
    step = local.processing("A", "print('started')", inputs={"data": "s3://bucket/raw/"})
    execution = local.run(step, local.fail("B", "x", DependsOn=["A"]))
    assert [execution.status, *(each.status for each in execution.steps.values())] == [
        "Stopped",
        "Stopped",
        "NotStarted",
    ]
    assert (len(count), local.log(execution, "A")) == (during, "")


def test_a_stop_while_a_step_waits_for_a_retry_takes_effect_at_once(
    local: Any, interrupt: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "a.txt")

    wait = process.Stop.wait

    def waits(self: process.Stop, seconds: float) -> bool:
        interrupt()
        return wait(self, seconds)

    monkeypatch.setattr(Store, "move_folder", full)
    monkeypatch.setattr(process.Stop, "wait", waits)
    policy = {"ExceptionType": ["Step.SERVICE_FAULT"], "IntervalSeconds": 60}
    begin = time.monotonic()
    execution = local.run(local.processing("A", outputs=("out",), RetryPolicies=[policy]))
    assert time.monotonic() - begin < 20
    assert (execution.status, execution.steps["A"].status) == ("Stopped", "Stopped")


def test_a_step_that_ignores_the_signal_is_killed_after_the_grace_period(
    local: Any, interrupt: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.3)
    script = """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ready")
        while True:
            time.sleep(1)
    """
    asked: list[float] = []

    def on_change(execution: Any) -> None:
        log = execution.folder / "A/log.txt"
        if execution.steps["A"].status == "Executing" and not asked:
            wait_for(lambda: log.is_file() and log.read_text(), "the step is ready")
            asked.append(time.monotonic())
            interrupt()

    execution = local.run(local.processing("A", script), on_change=on_change)
    assert 0.3 <= time.monotonic() - asked[0] < 20
    assert (execution.status, execution.steps["A"].status) == ("Stopped", "Stopped")


def test_a_step_that_ends_well_after_a_stop_is_stopped_and_keeps_nothing(local: Any) -> None:
    script = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        open("/opt/ml/processing/out/a.txt", "w")
        print(1, flush=True)
        time.sleep(60)
    """
    runner = start(local, local.processing("A", script, outputs=("out",), CacheConfig={"Enabled": True}))
    runner.numbers("A")
    runner.process.terminate()
    execution = runner.end()
    assert (execution.status, execution.steps["A"].status) == ("Stopped", "Stopped")
    assert not local.store.find(f"s3://bucket/{execution.id}/")
    assert not (local.home / "cache").exists()


# Files


@pytest.mark.slow
@only_root
def test_an_unprivileged_user_changes_only_the_jobs_view_of_an_input(nobody: Any) -> None:
    nobody.store.put("s3://bucket/raw/in.txt", b"data")
    nobody.store.put("s3://bucket/raw/closed.txt", b"secret")
    inputs = {"data": "s3://bucket/raw/in.txt"}
    closed = {"data": "s3://bucket/raw/closed.txt"}
    script = """
        import os
        assert os.getuid() != 0
        os.makedirs("/opt/ml/processing/input/made")
        open("/opt/ml/processing/input/made/a.txt", "w")
        open("/opt/ml/model.txt", "w")
        open("here", "w")
    """
    read = "print(open('/opt/ml/processing/data/closed.txt').read())"
    steps = [
        nobody.processing("Change", CHANGE, inputs=inputs),
        nobody.processing("Beside", script, inputs=inputs),
        nobody.processing("Closed", read, inputs=closed),
    ]
    nobody.store.locate("s3://bucket/raw/closed.txt").chmod(0)
    execution = start(nobody, *steps, nobody=True).end()
    assert [execution.steps[name].status for name in ("Change", "Beside")] == ["Succeeded"] * 2, (
        execution.failure_reason
    )
    assert not (execution.folder / "Change/job").exists()
    assert "Permission denied" in str(execution.steps["Closed"].failure_reason)
    assert nobody.store.get_file("s3://bucket/raw/in.txt").read_bytes() == b"data"
    assert nobody.store.get_file("s3://bucket/raw/in.txt").stat().st_uid == NOBODY


@both_ways
@pytest.mark.parametrize("where", ["elsewhere", "an input", "a file"])
def test_an_output_folder_that_became_a_link_or_a_file_fails_and_moves_nothing(local: Any, where: str) -> None:
    local.store.put("s3://bucket/raw/in.txt", b"data")
    precious = local.home.parent / "precious"
    precious.mkdir()
    (precious / "work.txt").write_text("of years")
    script = """
        import os, sys
        os.rmdir("/opt/ml/processing/out")
        if sys.argv[1:]:
            os.symlink(sys.argv[1], "/opt/ml/processing/out")
        else:
            open("/opt/ml/processing/out", "w")
    """
    target = {"elsewhere": [str(precious)], "an input": ["/opt/ml/processing/data"], "a file": []}[where]
    step = local.processing("A", script, *target, inputs={"data": "s3://bucket/raw/"}, outputs=("out",))
    execution = local.run(step)
    reason = str(execution.failure_reason)
    assert "Device or resource busy" in reason or "write files into the folder" in reason  # a mount cannot be replaced
    assert (precious / "work.txt").read_text() == "of years"
    assert local.store.get_file("s3://bucket/raw/in.txt").read_bytes() == b"data"
    assert not local.store.find(f"s3://bucket/{execution.id}/")


NAMES = [
    "plain.csv",
    "with space",
    " lead",
    "new\nline",
    "tab\tand'quotes\"",
    "ünïcödé-日本-😀",
    ".hidden",
    "-dash",
    "a..b",
    "x" * 255,
]


@both_ways
def test_any_valid_file_name_works(local: Any) -> None:
    write = f"""
        import os
        for name in {NAMES!r}:
            os.makedirs("/opt/ml/processing/out/" + name[:9])
            open("/opt/ml/processing/out/" + name[:9] + "/" + name, "w").write(name)
    """
    read = """
        import json, os
        found = [os.path.join(where, name) for where, _, names in os.walk("/opt/ml/processing/in") for name in names]
        print(json.dumps(sorted(open(file).read() for file in found)))
    """
    first = local.processing("First", write, outputs=("out",), CacheConfig={"Enabled": True})
    execution = local.run(first, local.processing("Second", read, inputs={"in": local.output_of("First", "out")}))
    assert execution.status == "Succeeded", execution.failure_reason
    assert json.loads(local.log(execution, "Second")) == sorted(NAMES)
    assert local.run(first).steps["First"].source == execution.id


@both_ways
def test_a_name_that_is_invalid_on_s3_fails_with_one_sentence(local: Any) -> None:
    script = "open(b'/opt/ml/processing/out/\\xff', 'w')"
    reason = str(local.run(local.processing("A", script.replace("\\\\", "\\"), outputs=("out",))).failure_reason)
    assert "is not an S3 URI" in reason


@both_ways
def test_an_empty_output_is_not_an_error_and_an_empty_file_is_a_file(local: Any) -> None:
    script = "import os; os.mkdir('/opt/ml/processing/some/folder'); open('/opt/ml/processing/some/empty', 'w')"
    execution = local.run(local.processing("A", script, outputs=("none", "some")), local.training("T", ""))
    assert execution.status == "Succeeded", execution.failure_reason
    assert local.store.find(f"s3://bucket/{execution.id}/A/none") == {}
    assert set(local.store.find(f"s3://bucket/{execution.id}/A/some")) == {"empty"}
    assert (execution.folder / "A/outputs/none").is_dir()


@pytest.mark.slow
@both_ways
def test_five_thousand_small_files_pass_from_step_to_step(local: Any) -> None:
    write = "for i in range(5000): open(f'/opt/ml/processing/out/{i}', 'w').write(str(i))"
    read = """
        import os
        os.chdir("/opt/ml/processing/in")
        print(sum(int(open(name).read()) for name in os.listdir()))
    """
    begin = time.monotonic()
    execution = local.run(
        local.processing("A", write, outputs=("out",)),
        local.processing("B", read, inputs={"in": local.output_of("A", "out")}),
    )
    assert local.log(execution, "B") == f"{sum(range(5000))}\n", execution.failure_reason
    assert time.monotonic() - begin < 60


SMALL_DISK = """
    import os, sys
    for number in range(1000):
        with open(f"/opt/ml/processing/out/{number}", "wb") as file:
            file.write(bytes(100_000))
            os.fsync(file.fileno())
"""


@pytest.mark.slow
@only_root
def test_a_full_disk_fails_the_step_and_the_runner_reports_why(local: Any) -> None:
    local.home.mkdir(parents=True)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(local.home)], capture_output=True
    ).returncode:
        pytest.skip("this machine lets no test mount a disk")
    try:
        local.launcher = None
        steps = [
            local.processing("Fill", SMALL_DISK, outputs=("out",)),
            local.processing("Next", inputs={"x": local.output_of("Fill", "out")}),
        ]
        seen = []
        execution = local.run(*steps, on_change=lambda each: seen.append(each.status))
        assert (execution.status, seen[-1]) == ("Failed", "Failed")
        assert "No space left on device" in str(execution.failure_reason)
        assert execution.steps["Next"].status == "NotStarted"
    finally:
        subprocess.run(["umount", "--lazy", str(local.home)], check=True)


def test_a_disk_that_fills_up_while_saving_outputs_fails_the_step_with_the_reason(
    local: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "a.txt")

    step = local.processing("A", "open('/opt/ml/processing/out/a.txt', 'w')", outputs=("out",))
    monkeypatch.setattr(Store, "move_folder", full)
    assert local.run(step).failure_reason == "step 'A': No space left on device: a.txt"


# Output and arguments of programs


@pytest.mark.slow
def test_a_hundred_megabytes_of_output_are_on_disk_and_not_in_memory(local: Any) -> None:
    script = """
        line = "x" * 999_999 + "\\n"
        for _ in range(100):
            print(line, end="")
        raise SystemExit("the end")
    """
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.monotonic()
    execution = local.run(local.processing("A", script))
    assert execution.failure_reason == "step 'A': exit code 1: the end"
    assert (execution.folder / "A/log.txt").stat().st_size == 100_000_000 + len("the end\n")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kilobytes
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize("fresh", [False, True])
def test_a_step_may_close_its_output(local: Any, fresh: bool) -> None:
    script = """
        import os, sys
        print("before", flush=True)
        sys.stdout.close()
        os.close(2)
        open("/opt/ml/processing/out/a", "w").write("made")
    """
    execution = local.run(local.processing("A", script, outputs=("out",)), options={"fresh": fresh})
    assert (execution.status, local.log(execution, "A")) == ("Succeeded", "before\n"), execution.failure_reason
    assert local.output(execution, "A", "out/a") == "made"


@pytest.mark.parametrize("fresh", [False, True])
def test_a_pipe_that_nobody_reads_is_an_error_in_python_and_ends_a_program(local: Any, fresh: bool) -> None:
    script = """
        import os, subprocess
        heard, sent = os.pipe()
        os.close(heard)
        try:
            os.write(sent, b"x")
        except BrokenPipeError:
            print("broken", flush=True)
        print(subprocess.run(["/bin/sh", "-c", "kill -PIPE $$; echo alive"]).returncode, flush=True)
    """
    shell = local.processing("Shell")
    shell["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = ["/bin/sh", "-c", "kill -PIPE $$; echo alive"]
    execution = local.run(local.processing("A", script), shell, options={"fresh": fresh})
    assert local.log(execution, "A").split() == ["broken", "-13"]
    assert execution.steps["Shell"].failure_reason == "exit code 141 (SIGPIPE): it printed nothing"


@pytest.mark.slow
def test_steps_draw_different_random_numbers(local: Any) -> None:
    pytest.importorskip("pandas")
    local.launcher = None  # the other tests' forks are faster without it
    script = "import pandas, numpy, random\nprint(numpy.random.random(), random.random())"
    execution = local.run(*(local.processing(name, script) for name in "ABC"))
    drawn = [number for name in "ABC" for number in local.log(execution, name).split()]
    assert (len(drawn), len(set(drawn))) == (6, 6), execution.failure_reason


@both_ways
def test_two_hundred_kilobytes_of_arguments_arrive(local: Any) -> None:
    words = [f"{number:099}" for number in range(2000)]
    count = "import sys; print(len(sys.argv), sum(map(len, sys.argv[1:])))"
    shell = local.processing("Shell", "", *words)
    shell["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = ["/bin/sh", "-c", "echo $# $0"]
    execution = local.run(local.processing("A", count, *words), shell)
    assert local.log(execution, "A") == "2001 198000\n", execution.failure_reason
    assert local.log(execution, "Shell") == f"1999 {words[0]}\n"


def test_an_argument_too_long_for_the_system_is_reported_in_one_sentence(local: Any) -> None:
    shell = local.processing("Shell", "", "x" * 200_000)
    shell["Arguments"]["AppSpecification"]["ContainerEntrypoint"] = ["/bin/echo"]
    reason = str(local.run(shell).failure_reason)
    assert reason == "step 'Shell': '/bin/echo' cannot be started on this machine: Argument list too long."
