"""What `ops logs` prints, also for a running step."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from local.conftest import Local

from sagemaker_ops.errors import UserError
from sagemaker_ops.local import Execution, Selection, StepExecution, list_pipeline_executions
from sagemaker_ops.terminal import step_log

PRINT = 'print("one"); print("two")'


def test_the_log_is_printed_unchanged(local: Local, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    execution = local.run(local.processing("Print", 'import sys; sys.stdout.buffer.write(b"\\xff\\x1b[1m ok\\r\\n")'))
    capfdbinary.readouterr()

    step_log.show(local.home, execution.id[:5], "Print", follow=False)

    assert capfdbinary.readouterr().out == b"\xff\x1b[1m ok\r\n"


@pytest.mark.parametrize("follow", [False, True])
def test_the_log_of_a_finished_step_is_printed_at_once(
    local: Local, capfd: pytest.CaptureFixture[str], follow: bool
) -> None:
    local.run(local.processing("Print", PRINT))
    capfd.readouterr()

    step_log.show(local.home, "latest", "Print", follow)

    assert capfd.readouterr().out == "one\ntwo\n"


@pytest.mark.slow
def test_a_step_is_followed_from_before_it_starts_until_it_ends(
    local: Local, capfd: pytest.CaptureFixture[str]
) -> None:
    script = 'import time\nfor line in "abc":\n    print(line)\n    time.sleep(0.3)'
    first = local.processing("First", "import time; time.sleep(0.3)")
    then = local.processing("Then", script, DependsOn=["First"])
    last = local.processing("Last", "import time; time.sleep(1)", DependsOn=["Then"])
    run = threading.Thread(target=local.run, args=(first, then, last))
    run.start()
    while not list_pipeline_executions(local.home):
        time.sleep(0.02)

    step_log.show(local.home, "latest", "Then", follow=True)

    assert list_pipeline_executions(local.home)[0].status == "Executing", (
        "it ends with the step, not with the execution"
    )
    run.join()
    assert capfd.readouterr().out == "a\nb\nc\n"


def wrong(local: Local, execution: str, step: str, follow: bool = False) -> str:
    with pytest.raises(UserError) as caught:
        step_log.show(local.home, execution, step, follow)
    return str(caught.value)


@pytest.mark.parametrize("follow", [False, True])
def test_a_missing_log_is_reported_in_one_sentence(local: Local, follow: bool) -> None:
    def gate(holds: bool) -> dict[str, Any]:
        return local.condition("Gate", local.compare("Equals", holds, True), then=[local.processing("Print", PRINT)])

    done = local.run(gate(False))

    assert wrong(local, "nothing", "Print", follow).startswith("there is no execution 'nothing' on this machine.")
    assert wrong(local, "latest", "Prin", follow) == f"execution {done.id} has no step 'Prin'. Did you mean 'Print'?"
    assert wrong(local, "latest", "x", follow) == f"execution {done.id} has no step 'x'. Available: Gate, Print."
    assert wrong(local, "latest", "Print", follow) == (
        f"step 'Print' (Processing) has not started in execution {done.id}."
    )
    assert wrong(local, "latest", "Gate", follow) == (
        f"step 'Gate' (Condition) is Succeeded and printed nothing in execution {done.id}."
    )


def test_the_log_of_a_reused_result_is_in_the_other_execution(local: Local) -> None:
    steps = [local.processing("Print", PRINT), local.processing("Then", PRINT, DependsOn=["Print"])]
    first = local.run(*steps)
    local.run(*steps, selection=Selection(("Then",)))

    assert wrong(local, "latest", "Print") == (
        f"step 'Print' reused the result of another execution: run `ops logs {first.id} Print`."
    )


def test_without_a_step_it_is_the_one_that_failed(local: Local, capfd: pytest.CaptureFixture[str]) -> None:
    local.run(
        local.processing("Fails", 'print("no column"); raise SystemExit(1)'),
        local.processing("Later", 'import time; time.sleep(0.2); print("fine")'),
    )
    capfd.readouterr()

    step_log.show(local.home, "latest", None, follow=False)

    shown = capfd.readouterr()
    assert shown.out == "no column\n"
    assert shown.err.startswith("Step Fails of execution ")


def test_without_a_failure_it_is_the_last_that_started(local: Local, capfd: pytest.CaptureFixture[str]) -> None:
    local.run(local.processing("One", 'print("one")'), local.processing("Two", 'print("two")', DependsOn=["One"]))
    capfd.readouterr()

    step_log.show(local.home, "latest", None, follow=False)

    assert capfd.readouterr().out == "two\n"


def test_without_any_step_that_started_there_is_no_log(tmp_path: Path) -> None:
    step = StepExecution("Print", "Processing")
    execution = Execution("abc", "p", tmp_path / "runs" / "abc", datetime.now(UTC), {}, {"Print": step})

    with pytest.raises(UserError, match="no step of execution abc has started"):
        execution.step_to_look_at()


def test_of_a_cached_execution_it_is_the_one_that_ran(local: Local) -> None:
    steps = [local.processing("Print", PRINT, CacheConfig={"Enabled": True, "ExpireAfter": "P1D"})]
    first, second = local.run(*steps), local.run(*steps)

    with pytest.raises(UserError) as caught:
        step_log.show(local.home, "latest", None, follow=False)

    assert str(caught.value) == f"execution {second.id} reused every result: run `ops logs {first.id}`."
