"""What `ops clean` removes, and above all what it keeps."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from local.conftest import BUCKET, Local

from sagemaker_ops.local import Execution, cleaning, executions, find, list_pipeline_executions

WRITE = 'import pathlib; pathlib.Path("/opt/ml/processing/out/x.csv").write_text("1")'
CACHE: dict[str, Any] = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"}}


def making(local: Local, *arguments: str, **more: Any) -> dict[str, Any]:
    """A step with one output; different arguments give a different result."""
    return local.processing("Make", WRITE, *arguments, outputs=("out",), **{**CACHE, **more})


def made(local: Local, execution: Execution) -> bool:
    """Whether the output of this execution's step Make exists."""
    return bool(local.store.find(execution.steps["Make"].outputs["out"]))


def ids(local: Local) -> list[str]:
    return [each.id for each in list_pipeline_executions(local.home)]


def test_the_oldest_are_removed_with_their_outputs_and_cached_results(local: Local) -> None:
    first, second, third = (local.run(making(local, argument)) for argument in "abc")

    removed = cleaning.clean(local.home, keep=2)

    assert ids(local) == [third.id, second.id]
    assert [made(local, each) for each in (first, second, third)] == [False, True, True]
    assert not local.store.locate(f"{BUCKET}/{first.id}").exists()
    assert len(list((local.home / "cache").glob("*.json"))) == 2
    assert local.run(making(local, "b")).steps["Make"].source == second.id
    assert removed.counts["execution"] == 1
    assert 0 < removed.bytes < 1e6
    assert str(removed).startswith("Removed 1 cached result, 1 output file, ")
    assert str(removed).endswith(" MB.")


def test_nothing_is_removed_if_there_are_not_more_than_to_keep(local: Local) -> None:
    assert str(cleaning.clean(local.home, keep=0)) == "Nothing to remove."
    local.run(making(local))
    cleaning.clean(local.home, keep=1)

    assert str(cleaning.clean(local.home, keep=1)) == "Nothing to remove."
    assert len(ids(local)) == 1


@pytest.mark.parametrize("how", ["cached", "selected"])
def test_a_result_that_a_kept_execution_reuses_is_kept(local: Local, how: str) -> None:
    reads = local.processing("Read", inputs={"in": local.output_of("Make", "out")})
    first = local.run(making(local), reads)
    from sagemaker_ops.local import Selection

    selection = Selection(("Read",)) if how == "selected" else None
    second = local.run(making(local), reads, selection=selection)
    assert second.steps["Make"].source == first.id

    cleaning.clean(local.home, keep=1)

    assert ids(local) == [second.id]
    assert made(local, first)
    assert local.output(second, "Make", "out/x.csv") == "1"
    assert local.run(making(local), reads).steps["Make"].source == first.id


def test_the_files_of_a_registered_model_are_kept_and_the_rest_is_removed(local: Local) -> None:
    train = local.training("Train", 'import pathlib; pathlib.Path("/opt/ml/output/data/plot").write_text("1")')
    model = local.get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    register = local.register("Register", InferenceSpecification={"Containers": [{"ModelDataUrl": model}]})
    execution = local.run(train, register)
    folder = local.store.locate(execution.steps["Train"].outputs["model"])
    assert {file.name for file in folder.iterdir()} == {"model.tar.gz", "output.tar.gz"}

    cleaning.clean(local.home, keep=0)

    assert {file.name for file in folder.iterdir()} == {"model.tar.gz"}
    assert (local.home / "registry/models/1.json").is_file()
    assert ids(local) == []


def test_an_unused_model_is_removed_with_its_data(local: Local) -> None:
    train = local.training("Train")
    container = {"ModelDataUrl": local.get("Steps.Train.ModelArtifacts.S3ModelArtifacts")}
    model = {"Name": "Model", "Type": "Model", "Arguments": {"PrimaryContainer": container}}
    first, second = local.run(train, model), local.run(train, model)

    cleaning.clean(local.home, keep=1)

    assert [file.stem for file in (local.home / "models").glob("*.json")] == [
        second.steps["Model"].properties["ModelName"]
    ]
    assert not local.store.find(first.steps["Train"].outputs["model"])
    assert local.store.find(second.steps["Train"].outputs["model"])


def test_files_that_belong_to_no_execution_are_left_alone(local: Local) -> None:
    local.store.put(f"{BUCKET}/shared/mine.csv", b"1")
    step = making(local)
    step["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = f"{BUCKET}/shared"
    local.run(step)

    cleaning.clean(local.home, keep=0)

    assert set(local.store.find(f"{BUCKET}/shared")) == {"mine.csv", "x.csv"}
    assert local.store.find(f"{BUCKET}/code/Make/")


def test_code_and_data_that_no_kept_execution_uses_are_removed(local: Local) -> None:
    root = "s3://local/customer/demo/local"
    used, unused, other = "0123456789abcdef", "fedcba9876543210", "of-somebody-else"
    for name in (used, unused, other):
        local.store.put(f"{root}/raw/{name}/data.csv", b"1")
        local.store.put(f"{root}/code/{name}/steps/x.py", b"1")
    local.run(local.processing("Old", inputs={"data": f"{root}/raw/{unused}/"}))
    local.run(local.processing("New", inputs={"data": f"{root}/raw/{used}/", "more": f"{root}/code/{used}/steps/"}))

    removed = cleaning.clean(local.home, keep=1)

    for kind in ("raw", "code"):
        folder = local.store.locate(f"{root}/{kind}")
        assert {each.name for each in folder.iterdir()} == {used, other}, kind
    assert removed.counts["version of code or data"] == 2
    assert "2 versions of code or data" in str(removed)


def test_the_folder_of_a_failed_job_is_kept_and_that_of_a_stopped_one_is_not(local: Local) -> None:
    failed = local.run(local.processing("Bad", "import sys; sys.exit(1)"))
    stopped = local.run(making(local))
    job = stopped.folder / "Make/job"
    job.mkdir(parents=True)
    state = json.loads((stopped.folder / "execution.json").read_text())
    state["status"] = state["steps"][0]["status"] = "Stopped"
    (stopped.folder / "execution.json").write_text(json.dumps(state))
    (local.home / "runs/half").mkdir()

    cleaning.clean(local.home, keep=2)

    assert (failed.folder / "Bad/job/ml").is_dir()
    assert not job.exists()
    assert not (local.home / "runs/half").exists()


def test_an_object_that_is_being_written_is_left_alone(local: Local) -> None:
    local.run(making(local))
    for name, when in (("now", time.time()), ("abandoned", 0)):
        folder = local.store.root / ".parts" / name
        folder.mkdir(parents=True)
        os.utime(folder, (when, when))

    cleaning.clean(local.home, keep=1)

    assert [each.name for each in (local.store.root / ".parts").iterdir()] == ["now"]


def test_packages_that_no_kept_execution_used_are_removed(local: Local) -> None:
    local.run(making(local))
    for name, age in (("old", 3600), ("new", 0)):
        folder = local.home / "packages" / name
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age,) * 2)
    time.sleep(0.01)
    os.utime(local.home / "packages/new")

    cleaning.clean(local.home, keep=1)

    assert [each.name for each in (local.home / "packages").iterdir()] == ["new"]


@pytest.fixture
def running(local: Local) -> Any:
    """An execution that is running, and started first."""
    execution = local.run(making(local, "running"))
    state = json.loads((execution.folder / "execution.json").read_text())
    state |= {"status": "Executing", "end_time": None}
    (execution.folder / "execution.json").write_text(json.dumps(state))
    lock = executions.claim(execution.folder)
    yield execution
    os.close(lock)


def test_everything_that_a_running_execution_could_need_is_kept(local: Local, running: Execution) -> None:
    job, parts = running.folder / "Make/job", local.store.root / ".parts/half"
    for folder in (job, parts, local.home / "bytecode/abc", local.home / "packages/abc"):
        folder.mkdir(parents=True)
    os.utime(parts, (0, 0))
    done = local.run(making(local, "cached"))

    cleaning.clean(local.home, keep=0)

    assert ids(local) == [running.id]
    assert made(local, running)
    assert made(local, done), "the running one may find it in the cache at any moment"
    assert job.is_dir()
    assert parts.is_dir()
    assert (local.home / "bytecode/abc").is_dir()
    assert (local.home / "packages/abc").is_dir()
    assert local.run(making(local, "cached")).steps["Make"].source == done.id


def test_it_waits_for_an_execution_that_is_about_to_start(local: Local) -> None:
    local.run(making(local))
    cleaner = threading.Thread(target=cleaning.clean, args=(local.home, 0))
    with cleaning.held_off(local.home) as begun:
        cleaner.start()
        cleaner.join(0.3)
        assert cleaner.is_alive()
        assert len(ids(local)) == 1
        begun()
        cleaner.join(10)
    assert ids(local) == []


def test_an_interrupted_clean_is_completed_by_the_next_one(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    executed = [local.run(making(local, argument)) for argument in "abc"]
    whole = cleaning.Removed.remove
    attempts = 0
    for allowed in range(100):
        left = [allowed]

        def remove(self: Any, kind: str, path: Path, left: list[int] = left) -> None:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            whole(self, kind, path)

        monkeypatch.setattr(cleaning.Removed, "remove", remove)
        attempts += 1
        try:
            cleaning.clean(local.home, keep=1)
            break
        except KeyboardInterrupt:
            assert made(local, executed[2])
            assert find(local.home, executed[2].id).status == "Succeeded"
            for file in (local.home / "cache").glob("*.json"):  # no entry that leads nowhere
                assert all(local.store.find(uri) for uri in json.loads(file.read_text())["outputs"])
    assert attempts > 2
    assert ids(local) == [executed[2].id]
    assert [made(local, each) for each in executed] == [False, False, True]


@pytest.mark.slow
def test_runs_succeed_while_clean_is_called_repeatedly(local: Local) -> None:
    over = threading.Event()

    def keep_cleaning() -> None:
        while not over.is_set():
            cleaning.clean(local.home, keep=0)

    cleaner = threading.Thread(target=keep_cleaning)
    cleaner.start()
    try:
        for number in range(6):
            with cleaning.held_off(local.home) as begun:
                reads = local.processing("Read", inputs={"in": local.output_of("Make", "out")}, outputs=("copy",))
                done = local.run(making(local, str(number % 2)), reads, on_change=lambda _: begun())
            assert (done.status, done.failure_reason) == ("Succeeded", None)
    finally:
        over.set()
        cleaner.join()


def test_nothing_is_removed_through_a_link(local: Local, tmp_path: Path) -> None:
    first = local.run(making(local))
    hashed = "0123456789abcdef"
    for folder in (tmp_path / "outside" / first.id, tmp_path / "outside/p/local/code" / hashed):
        folder.mkdir(parents=True)
        (folder / "precious").write_text("work of years")
    (local.store.root / "bucket" / f"link-{first.id}").symlink_to(tmp_path / "outside" / first.id)
    (local.store.root / "local").mkdir()
    (local.store.root / "local/v").symlink_to(tmp_path / "outside")

    assert cleaning.clean(local.home, keep=0).counts["execution"] == 1

    assert len(list((tmp_path / "outside").rglob("precious"))) == 2
