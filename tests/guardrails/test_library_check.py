"""vendor/ compared with its list of checksums, and what `ops doctor` says about it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from projects import VENDOR

from sagemaker_ops import __version__
from sagemaker_ops.guardrails import library_check, machine_check


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a small library and its list."""
    for name in ("pyproject.toml", "lib/a.py", "lib/b.py"):
        (tmp_path / "vendor" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "vendor" / name).write_text(name, encoding="utf-8")
    library_check.write(tmp_path / "vendor")
    return tmp_path


def finding(root: Path) -> tuple[str, str]:
    [found] = machine_check._library(root)
    return found.level, found.message


def test_the_list_of_the_template_is_that_of_its_files() -> None:
    assert library_check.edited(VENDOR) == [], "run `make checksums`"


def test_sha256sum_reads_the_list(root: Path) -> None:
    done = subprocess.run(["sha256sum", "--check", library_check.LIST], cwd=root / "vendor", check=False)

    assert done.returncode == 0


def test_an_unchanged_library_is_in_order(root: Path) -> None:
    assert finding(root) == ("ok", f"vendor/ is sagemaker-ops {__version__}, unchanged")


def test_each_edited_file_is_named(root: Path) -> None:
    (root / "vendor/lib/a.py").write_text("mine", encoding="utf-8")
    (root / "vendor/lib/b.py").unlink()
    (root / "vendor/lib/c.py").touch()

    level, message = finding(root)

    assert level == "warning"
    for edit in ("changed: vendor/lib/a.py", "removed: vendor/lib/b.py", "added: vendor/lib/c.py"):
        assert edit in message
    assert "pyproject.toml" not in message


@pytest.mark.parametrize("name", ["lib/__pycache__/a.pyc", "lib.egg-info/PKG-INFO", "dist/lib.whl", ".DS_Store"])
def test_files_that_tools_leave_there_are_not_edits(root: Path, name: str) -> None:
    (root / "vendor" / name).parent.mkdir(exist_ok=True)
    (root / "vendor" / name).touch()

    assert finding(root)[0] == "ok"


@pytest.mark.parametrize("text", [None, "not a list\n"])
def test_a_list_that_cannot_be_read_is_a_warning(root: Path, text: str | None) -> None:
    path = root / "vendor" / library_check.LIST
    path.unlink() if text is None else path.write_text(text, encoding="utf-8")

    level, message = finding(root)

    assert level == "warning"
    assert "vendor/CHECKSUMS cannot be read" in message


def test_the_packages_are_those_that_the_library_needs_with_the_extras_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needs = ["boto3", "typer<0.29", 'pandas<2.4,>=2.2; extra == "steps"', 'sagemaker<4; extra == "pipelines"']
    monkeypatch.setattr("importlib.metadata.requires", lambda name: needs if name == "sagemaker-ops" else [])

    found = machine_check._needed(["sagemaker-ops[steps]==0.2.0", "holidays>=0.5"])

    assert found == ["boto3", "holidays", "pandas", "sagemaker-ops", "typer"]


def test_without_the_folder_it_is_not_mentioned(root: Path) -> None:
    shutil.rmtree(root / "vendor")

    assert machine_check._library(root) == []
