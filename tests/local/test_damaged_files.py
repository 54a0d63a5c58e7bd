"""A damaged file in .local is reported once, and otherwise as if it did not exist: later runs and lists go on."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from local.behaving import both_ways

from sagemaker_ops import digests, kept
from sagemaker_ops.aws.models import list_local_versions
from sagemaker_ops.errors import UserError
from sagemaker_ops.local import cleaning, find, list_pipeline_executions
from sagemaker_ops.local.preview import CACHED, RUNS, Preview, preview

pytestmark = pytest.mark.slow  # each damages the files of a whole run

WRITE = "open('/opt/ml/processing/out/a.txt', 'w').write('made')"
ARN = "ModelPackageArn"  # in the cached result of a step that registers a model
KEPT = {
    "execution": "runs/*/execution.json",
    "definition": "runs/*/definition.json",
    "cache": "cache/*.json",
    "registration": f"cache/*.json|{ARN}",
    "digests": "digests.json",
    "model": "models/*.json",
    "version": "registry/*/*.json",
}
CONTENTS = {
    "empty": b"",
    "binary": b"\xff\xfe\x00\x01",
    "a list": b"[]",
    "a number": b"5",
    "nothing": b"null",
    "an empty object": b"{}",
    "nested": b'{"a":' * 50_000,
    "a long number": b'{"a": ' + b"1" * 5000 + b"}",
}


def steps(local: Any) -> list[dict[str, Any]]:
    local.store.put("s3://bucket/model.tar.gz", b"m")
    container = {"ModelDataUrl": "s3://bucket/model.tar.gz"}
    model = {"Name": "Model", "Type": "Model", "Arguments": {"ModelName": "m", "PrimaryContainer": container}}
    make = local.processing("Make", WRITE, outputs=("out",), CacheConfig={"Enabled": True})
    return [make, model, local.register("Register")]


def foresee(local: Any) -> Preview:
    return preview(
        local.definition(*steps(local)), pipeline_name="customer-demo-train-local", parameters={}, home=local.home
    )


def everything(local: Any) -> None:
    """Every command that reads what earlier runs have kept."""
    list_pipeline_executions(local.home)
    list_local_versions(local.home, "models", 20)
    foresee(local)
    execution = local.run(*steps(local))
    assert execution.status == "Succeeded", execution.failure_reason
    assert find(local.home, "latest").id == execution.id
    assert list_pipeline_executions(local.home)[0].id == execution.id
    cleaning.clean(local.home, keep=1)
    assert local.output(execution, "Make", "out/a.txt") == "made"


@pytest.fixture
def ran(local: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A home after one run, which is made once."""
    made = tmp_path_factory.getbasetemp() / "ran"
    if not made.exists():
        of_a_run = steps(local)
        time.sleep(2 * digests._SETTLED_NS / 1e9)  # the hash of a file younger than that is not kept
        local.run(*of_a_run)
        shutil.copytree(local.home, made, symlinks=True)
    shutil.rmtree(local.home, ignore_errors=True)
    shutil.copytree(made, local.home, symlinks=True)
    kept._reported.clear()
    return local


def only(local: Any, pattern: str) -> Path:
    """The file; after | is what sets it apart in the cache."""
    glob, _, content = pattern.partition("|")
    found = local.home.glob(glob)
    [file] = [each for each in found if glob != "cache/*.json" or (ARN in each.read_text()) == bool(content)]
    return Path(file)


def warned(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("pattern", KEPT.values(), ids=KEPT)
def test_a_damaged_file_is_reported_once_and_nothing_else_stops(
    ran: Any, pattern: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    file = only(ran, pattern)
    file.write_bytes(content)

    everything(ran)

    lines = warned(capsys)
    assert len(lines) <= 1
    assert all(line.startswith(f"warning: {file}: damaged, so it is ignored (") for line in lines)


def test_a_file_that_ends_too_early_is_reported_once(ran: Any, capsys: pytest.CaptureFixture[str]) -> None:
    files = {only(ran, pattern) for pattern in KEPT.values()}
    for file in files:
        os.truncate(file, file.stat().st_size // 2)

    everything(ran)

    assert {line.split(": ")[1] for line in warned(capsys)} <= set(map(str, files))


@pytest.mark.parametrize("pattern", KEPT.values(), ids=KEPT)
def test_a_folder_in_place_of_a_file_stops_nothing(ran: Any, pattern: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = only(ran, pattern)
    file.unlink()
    file.mkdir()
    if pattern == "models/*.json":  # the step writes this file
        with pytest.raises(AssertionError, match="Is a directory"):
            everything(ran)
    else:
        everything(ran)

    assert len(warned(capsys)) <= 1


@pytest.mark.parametrize("pattern", KEPT.values(), ids=KEPT)
def test_a_file_that_may_not_be_read_stops_nothing(
    ran: Any, pattern: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, read = only(ran, pattern), Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path == file:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)

    everything(ran)

    assert [line.endswith("(Permission denied): you can remove it.") for line in warned(capsys)] in ([], [True])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to each value inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


@pytest.mark.parametrize("change", ["missing", None, [], {}, 5, "x", True, "2030-01-01T00:00:00"], ids=str)
@pytest.mark.parametrize("pattern", KEPT.values(), ids=KEPT)
def test_no_value_of_another_form_stops_what_reads_it(ran: Any, pattern: str, change: Any) -> None:
    file = only(ran, pattern)
    whole = file.read_text(encoding="utf-8")
    for path in places(json.loads(whole)):
        document = json.loads(whole)
        where = document
        for key in path[:-1]:
            where = where[key]
        if change == "missing":
            del where[path[-1]]
        else:
            where[path[-1]] = change
        file.write_text(json.dumps(document), encoding="utf-8")

        list_pipeline_executions(ran.home)
        list_local_versions(ran.home, "models", 20)
        foresee(ran)
        for execution in list_pipeline_executions(ran.home):
            _ = [step.outputs for step in execution.steps.values()]


def test_a_damaged_execution_is_named_if_it_is_asked_for(ran: Any) -> None:
    file = only(ran, "runs/*/execution.json")
    file.write_bytes(b"{")

    with pytest.raises(UserError, match=r"execution\.json cannot be read \(.*\): remove its folder"):
        find(ran.home, file.parent.name)


def test_what_a_damaged_execution_refers_to_is_kept(ran: Any) -> None:
    first = list_pipeline_executions(ran.home)[0]
    second = ran.run(*steps(ran))
    assert second.steps["Make"].source == first.id
    os.truncate(second.folder / "execution.json", (second.folder / "execution.json").stat().st_size - 10)

    cleaning.clean(ran.home, keep=0)

    assert ran.output(second, "Make", "out/a.txt") == "made"


@pytest.mark.parametrize(
    "where", ["lock", "runs", "cache", "models", "registry", "packages", "bytecode", "digests.json"]
)
@pytest.mark.parametrize("kind", ["file", "folder", "a link to nothing"])
def test_anything_in_place_of_a_file_or_folder_is_at_most_a_user_error(ran: Any, where: str, kind: str) -> None:
    path = ran.home / where
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "file":
        path.write_bytes(b"x")
    else:
        path.symlink_to("nothing")

    list_pipeline_executions(ran.home)
    list_local_versions(ran.home, "models", 20)
    foresee(ran)
    for work in (lambda: ran.run(*steps(ran)), lambda: cleaning.clean(ran.home, keep=0)):
        with suppress(UserError):
            work()


# Times


def later(text: str) -> str:
    return (datetime.fromisoformat(text) + timedelta(days=365)).isoformat()


def test_an_execution_from_the_future_is_not_the_newest_for_ever(ran: Any) -> None:
    odd = only(ran, "runs/*/execution.json")
    state = json.loads(odd.read_text())
    odd.write_text(json.dumps(state | {"start_time": later(state["start_time"]), "end_time": later(state["end_time"])}))
    ahead = time.time() + 1e8
    os.utime(odd.with_name(".lock"), (ahead, ahead))

    newer = ran.run(ran.fail("F", "x"))

    assert [each.id for each in list_pipeline_executions(ran.home)] == [newer.id, state["id"]]
    assert find(ran.home, "latest").id == newer.id


def test_a_cached_result_from_the_future_is_stale(ran: Any) -> None:
    entry = only(ran, "cache/*.json")
    content = json.loads(entry.read_text())
    assert foresee(ran).steps["Make"].does == CACHED
    [(key, (execution, ended))] = content["addresses"].items()
    entry.write_text(json.dumps(content | {"ended": later(ended), "addresses": {key: [execution, later(ended)]}}))

    found = foresee(ran).steps["Make"]

    assert (found.does, found.aws) == (RUNS, "")


def test_the_clock_may_be_a_little_wrong() -> None:
    now = datetime.now(UTC)

    assert [kept.is_future(now + timedelta(seconds=seconds)) for seconds in (0, 30, 90)] == [False, False, True]


# Compiled code


@both_ways
@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[: len(data) // 2], lambda data: data[:-9] + bytes(9)]
)
def test_damaged_bytecode_is_not_used(local: Any, damage: Callable[[bytes], bytes]) -> None:
    step = local.processing("A", "import helper; print(helper.WORD)")
    local.store.put("s3://bucket/code/A/helper.py", b"WORD = 'right'\n")
    local.run(step)
    for file in (local.home / "bytecode").rglob("*.pyc"):
        file.write_bytes(damage(file.read_bytes()))

    execution = local.run(step)

    assert local.log(execution, "A") == "right\n", execution.failure_reason
