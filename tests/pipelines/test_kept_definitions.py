"""A compiled definition in .local: used while it is whole and nothing has changed, otherwise made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import TEMPLATE_PROJECT

from sagemaker_ops import kept
from sagemaker_ops.pipelines import compiler
from sagemaker_ops.project.settings import Data, Gate, Project, Settings
from sagemaker_ops.project.target import Target

DEFINITION = {"Version": "2020-12-01", "Steps": [{"Name": "A", "Type": "Fail"}]}
SETTINGS = Settings(Project("Demo", "demo", "customer"), Data("data", "y", "regression"), Gate("r2", 0.5))


@pytest.fixture
def compilations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pipelines that were compiled, without the SDK."""
    compiled: list[str] = []

    def compile_(pipeline: str, *_: object) -> str:
        compiled.append(pipeline)
        reads = {"files": {}, "folders": {}, "kinds": {"production/none": None}, "variables": {}}
        return json.dumps({"definition": DEFINITION, "reads": reads})

    monkeypatch.setattr(compiler, "_compile", compile_)
    monkeypatch.setattr(compiler.metadata, "version", lambda _: "3.27")
    monkeypatch.setattr(kept, "_reported", set())
    (tmp_path / "production/pipelines").mkdir(parents=True)
    (tmp_path / "production/pipelines/train.py").touch()
    (tmp_path / "guardrails.toml").write_bytes((TEMPLATE_PROJECT / "guardrails.toml").read_bytes())
    return compiled


def definition(root: Path) -> object:
    return compiler.definition("train", Target(SETTINGS, "local", "c", "d"), root)


def test_an_unchanged_definition_is_compiled_once(tmp_path: Path, compilations: list[str]) -> None:
    assert [definition(tmp_path), definition(tmp_path)] == [DEFINITION] * 2
    assert compilations == ["train"]


def without(key: str) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps({k: v for k, v in json.loads(data).items() if k != key}).encode()


def with_value(key: str, value: object) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps(json.loads(data) | {key: value}).encode()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[:-9],
    "binary": lambda data: b"\xff\x00",
    "a list": lambda data: b"[]",
    "nested": lambda data: b"[" * 100_000,
    "no definition": without("definition"),
    "no reads": without("reads"),
    "another definition": with_value("definition", {"Steps": 5}),
    "a definition of another form": with_value("definition", []),
    "reads of another form": with_value("reads", {"files": [], "folders": 1, "kinds": {}, "variables": {}}),
    "reads with a strange path": with_value("reads", {"files": {"\0": "x"}}),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_one_is_compiled_again_and_reported_once(
    tmp_path: Path, compilations: list[str], damage: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    definition(tmp_path)
    [file] = (tmp_path / ".local/compiled").iterdir()
    file.write_bytes(damage(file.read_bytes()))

    assert [definition(tmp_path), definition(tmp_path)] == [DEFINITION] * 2

    assert compilations == ["train"] * 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith(f"warning: {file}: damaged, so it is ignored (") for line in lines] in ([True], [])


def test_a_folder_in_its_place_only_costs_time(tmp_path: Path, compilations: list[str]) -> None:
    definition(tmp_path)
    [file] = (tmp_path / ".local/compiled").iterdir()
    file.unlink()
    file.mkdir()

    assert [definition(tmp_path), definition(tmp_path)] == [DEFINITION] * 2
    assert [each.name for each in file.parent.iterdir()] == [file.name]
