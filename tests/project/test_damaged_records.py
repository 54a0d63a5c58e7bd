"""Damaged records: of the copy of an s3:// source, of the environment in .venv, and of the template."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from project.test_environment import PYPROJECT, Machine

from sagemaker_ops import kept
from sagemaker_ops.errors import UserError
from sagemaker_ops.project import source_copy
from sagemaker_ops.project.source_copy import Copy
from sagemaker_ops.store import Store
from sagemaker_ops.template import record

SOURCE = "s3://bucket/raw/"
RECORD = {"template": "x", "commit": "abcdef1", "context": {"cookiecutter": {}}}
ODD: list[dict[str, Any]] = [{"skip": 5}, {"checkout": []}, {"directory": {}}, {"commit": 5}]
CONTENTS = [b"", b"{", b"\xff", b"[]", b"5", b"null", b"{}", b"[" * 100_000, b'{"a": ' + b"1" * 5000 + b"}"]
damaged = pytest.mark.parametrize("content", CONTENTS, ids=lambda each: repr(each[:9]))


@pytest.fixture(autouse=True)
def _nothing_is_reported_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_reported", set())


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A home with a copy of the source; the folder of the copy."""
    copy = Copy(SOURCE, "dev", datetime.now(UTC), None, {"raw/a.csv": "tag"})
    folder = source_copy.folder_of(SOURCE, tmp_path)
    (folder / source_copy.OBJECTS).mkdir(parents=True)
    (folder / source_copy.OBJECTS / copy.file("raw/a.csv")).write_text("x\n1\n")
    source_copy.write(copy, tmp_path)
    source_copy.place(SOURCE, tmp_path, Store(tmp_path / "s3"))
    return folder


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@damaged
def test_a_damaged_manifest_counts_as_no_copy(
    tmp_path: Path, copied: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied / "manifest.json").write_bytes(content)

    for _ in range(2):
        with pytest.raises(UserError, match="run `ops fetch-data` first"):
            source_copy.get(SOURCE, tmp_path)

    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {copied / 'manifest.json'}: damaged, so it is ignored (")


@pytest.mark.parametrize(
    "values",
    [{"objects": {}}, {"objects": []}, {"objects": {"raw/a.csv": 1}}, {"rows": "9"}, {"fetched": 1}, {"source": None},
     {"fetched": "2026-01-01T00:00:00"}, {"objects": {"raw/other.csv": "tag"}}, {"more": 1}],
    ids=str,
)  # fmt: skip
def test_a_manifest_of_another_form_counts_as_no_copy(tmp_path: Path, copied: Path, values: dict[str, Any]) -> None:
    change(copied / "manifest.json", **values)

    assert source_copy.read(SOURCE, tmp_path) is None


def test_a_copy_from_the_future_is_compared_with_s3(tmp_path: Path, copied: Path) -> None:
    change(copied / "manifest.json", fetched=(datetime.now(UTC) + timedelta(days=99)).isoformat())

    for answer, said in ((True, "has changed since it was copied"), (None, "has a date in the future"), (False, "")):
        problems = source_copy.warnings(SOURCE, tmp_path, lambda _, answer=answer: answer)  # type: ignore[misc]
        assert [said in str(each) for each in problems] == ([True] if said else [])


@pytest.mark.parametrize(
    "content", [*CONTENTS, b'{"../../out": "x", "": "x", "b": 5}'], ids=lambda each: repr(each[:9])
)
def test_a_damaged_list_of_what_was_placed_changes_nothing_else(tmp_path: Path, copied: Path, content: bytes) -> None:
    (tmp_path / "out").touch()
    (copied / "placed.json").write_bytes(content)

    source_copy.place(SOURCE, tmp_path, Store(tmp_path / "s3"))

    assert (tmp_path / "s3/bucket/raw/a.csv").read_text() == "x\n1\n"
    assert json.loads((copied / "placed.json").read_text()).keys() == {"raw/a.csv"}
    assert (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "content", [*CONTENTS, b'{"hash": 1, "groups": 5}', b'{"groups": [[]]}'], ids=lambda e: repr(e[:9])
)
def test_a_damaged_record_of_the_environment_installs_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    machine = Machine(tmp_path)
    machine.write("pyproject.toml", PYPROJECT)
    machine.write("constraints.txt", "")
    monkeypatch.setattr("subprocess.run", machine.run)
    monkeypatch.setattr("sagemaker_ops.project.environment.watched", machine.watched)
    monkeypatch.setattr("shutil.which", lambda name: "/opt/uv")
    assert machine.need("dev") == 0
    (tmp_path / ".venv/environment.json").write_bytes(content)

    assert [machine.need("dev"), len(machine.commands)] == [0, 1]
    assert [machine.need("dev"), len(machine.commands)] == [0, 0]


@pytest.mark.parametrize(
    "content",
    [*CONTENTS, *(json.dumps(RECORD | more).encode() for more in ODD)],
    ids=lambda each: repr(each[-20:]),
)  # fmt: skip
def test_a_damaged_record_of_the_template_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / record.FILE).write_bytes(content)

    with pytest.raises(UserError, match=r"^\.cruft\.json: .*restore the file with git\.$"):
        record.read(tmp_path)


def test_a_folder_in_place_of_the_record_of_the_template_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / record.FILE).mkdir()

    with pytest.raises(UserError, match=r"^\.cruft\.json: cannot be read \(Is a directory\): restore"):
        record.read(tmp_path)
