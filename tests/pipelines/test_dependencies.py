"""What a compilation is recorded to read, and when it must be repeated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from projects import NO_BYTECODE, VENDOR, clean_environment

from sagemaker_ops.pipelines.dependencies import Reads

READ = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, "production/pipelines")
from sagemaker_ops.pipelines.dependencies import Recorder
recorder = Recorder(Path("."))
os.environ["OF_THE_LIBRARY"] = "1"
with recorder.recording():
    import train
print(json.dumps(recorder.reads.document))
"""
TRAIN = """
import json, os
from pathlib import Path
from parts.common import NAME
HERE = Path(__file__).parent
LIMITS = json.loads((HERE.parent / "limits.json").read_text())
TABLES = sorted(os.listdir(HERE.parent / "tables"))
NIGHTLY = os.environ.get("NIGHTLY")
MODE = os.getenv("MODE", "full")
OWN = (HERE.parent / "own.json").exists()
"""


def write(folder: Path) -> Path:
    for name, text in (
        ("production/pipelines/train.py", TRAIN),
        ("production/pipelines/parts/common.py", "NAME = 'common'\n"),
        ("production/limits.json", "{}"),
        ("production/tables/a.sql", ""),
        ("production/not_read.json", "{}"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Reads:
    """What a compilation reads in another folder with the same files."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", READ],
        cwd=write(tmp_path_factory.mktemp("recorded")),
        env=clean_environment() | {"PYTHONPATH": str(VENDOR)} | NO_BYTECODE, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return Reads.of(json.loads(done.stdout))


def test_only_files_folders_and_variables_of_the_project_are_recorded(root: Path, found: Reads) -> None:
    assert sorted(found.files) == [
        "production/limits.json",
        "production/pipelines/parts/common.py",
        "production/pipelines/train.py",
    ]
    assert found.folders == {
        "production/pipelines": ["parts", "train.py"],
        "production/pipelines/parts": ["common.py"],
        "production/tables": ["a.sql"],
    }
    assert found.kinds == {"production/own.json": None}
    assert sorted(found.variables) == ["MODE", "NIGHTLY"]
    assert found.still_hold(root, os.environ)


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ("production/pipelines/train.py", False),
        ("production/pipelines/parts/common.py", False),
        ("production/limits.json", False),
        ("production/tables/b.sql", False),
        ("production/own.json", False),
        ("production/pipelines/parts/new.json", False),
        ("production/not_read.json", True),
        ("sagemaker.py", True),
    ],
)
def test_a_change_in_what_was_read_is_detected(root: Path, found: Reads, change: str, holds: bool) -> None:
    assert found.still_hold(root, os.environ)

    (root / change).write_text("# changed", encoding="utf-8")

    assert found.still_hold(root, os.environ) is holds


def test_a_removed_file_and_a_newly_set_variable_are_detected(root: Path, found: Reads) -> None:
    assert not found.still_hold(root, {**os.environ, "NIGHTLY": "1"})
    assert found.still_hold(root, os.environ)

    (root / "production/limits.json").unlink()

    assert not found.still_hold(root, os.environ)
