"""How an execution is reported, listed and read back, and what it leaves behind."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from sagemaker_ops.errors import UserError
from sagemaker_ops.local import list_pipeline_executions


def test_a_model_needs_its_data_and_gets_a_name(local: Any) -> None:
    local.store.put("s3://bucket/model.tar.gz", b"m")
    model = {
        "Name": "M",
        "Type": "Model",
        "Arguments": {"PrimaryContainer": {"ModelDataUrl": "s3://bucket/model.tar.gz"}},
    }
    fail = local.fail("F", local.get("Steps.M.ModelName"))
    execution = local.run(model, fail)
    assert execution.steps["F"].failure_reason == execution.steps["M"].properties["ModelName"]
    model["Arguments"]["PrimaryContainer"]["ModelDataUrl"] = "s3://bucket/none.tar.gz"  # type: ignore[index]
    with pytest.raises(UserError, match="there is nothing at s3://bucket/none"):
        local.run(model)
    made = local.processing("Make", "pass", outputs=("out",))  # may make it, but does not
    model["Arguments"]["PrimaryContainer"]["ModelDataUrl"] = local.join(local.output_of("Make", "out"), "/none.tar.gz")  # type: ignore[index]
    assert "there is no model data at" in str(local.run(made, model).failure_reason)


def test_every_change_of_status_is_reported_in_the_callers_thread(local: Any) -> None:
    seen: list[tuple[str, str, bool]] = []

    def on_change(execution: Any) -> None:
        here = threading.current_thread() is threading.main_thread()
        seen.append((execution.status, execution.steps["A"].status, here))

    local.run(local.processing("A"), on_change=on_change)
    assert [status for _, status, _ in seen] == ["NotStarted", "Starting", "Executing", "Succeeded", "Succeeded"]
    assert seen[-1][0] == "Succeeded"
    assert all(here for _, _, here in seen)


def test_an_error_in_the_caller_leaves_no_process_behind(local: Any) -> None:
    def on_change(execution: Any) -> None:
        if execution.steps["A"].status == "Executing":
            raise RuntimeError("the terminal is gone")

    begin = time.monotonic()
    with pytest.raises(RuntimeError, match="the terminal is gone"):
        local.run(local.processing("A", "import time; time.sleep(60)"), on_change=on_change)
    assert time.monotonic() - begin < 9
    assert list_pipeline_executions(local.home)[0].status == "Stopped"


def test_executions_are_listed_newest_first_and_unchanged(local: Any) -> None:
    assert list_pipeline_executions(local.home) == []
    first, second = local.run(local.processing("A")), local.run(local.fail("F", "x"))
    assert list_pipeline_executions(local.home) == [second, first]
    assert json.loads((first.folder / "definition.json").read_text())["Steps"][0]["Name"] == "A"


@pytest.mark.parametrize("name", ["lock", "outputs", "runs", "definition", "execution", "log"])
def test_a_step_can_have_any_name(local: Any, name: str) -> None:
    execution = local.run(local.processing(name))

    assert execution.status == "Succeeded"
    assert (execution.folder / name / "log.txt").is_file()


def test_a_folder_that_cannot_be_written_is_reported_before_the_start(local: Any) -> None:
    local.home.parent.mkdir(exist_ok=True)
    local.home.write_text("a file where a folder should be")
    with pytest.raises(UserError, match=r"cannot write to .*free some space there, or change its permissions"):
        local.run(local.fail("F", "x"))
