"""A script that first gets its requirements.txt."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from sagemaker_ops.tabular import with_requirements

SCRIPT = "import os, sys\nprint(sys.argv[1:], sys.path[0] == os.path.dirname(os.path.abspath(__file__)), __name__)\n"


@pytest.mark.parametrize(
    ("text", "satisfied"),
    [
        pytest.param("", True, id="empty"),
        pytest.param("pandas", True, id="any version"),
        pytest.param(f"# ours\n\nPandas == {version('pandas')}  # the image's\n", True, id="this version"),
        pytest.param("scikit_learn", True, id="another spelling"),
        pytest.param("pandas>=2,<100", False, id="a range, which pip judges"),
        pytest.param('no-such-package; python_version < "3"', False, id="a marker, which pip judges"),
        pytest.param("pandas==0.1", False, id="another version"),
        pytest.param("pandas\nno-such-package", False, id="not there"),
        pytest.param("pandas[excel]", False, id="with an extra"),
        pytest.param("pandas @ file:///pandas.whl", False, id="a file"),
        pytest.param("--index-url https://pypi.example.com\npandas", False, id="an option of pip"),
        pytest.param("./package", False, id="a folder"),
        pytest.param("pandas \\\n  --hash=sha256:0", False, id="a hash"),
    ],
)
def test_what_is_satisfied(text: str, satisfied: bool) -> None:
    assert with_requirements.is_satisfied(text) is satisfied


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", with_requirements.__file__, str(folder / "script.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("requirements", [None, "packaging\n"])
def test_the_script_runs_as_if_python_had_started_it(tmp_path: Path, requirements: str | None) -> None:
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    if requirements is not None:
        (tmp_path / "requirements.txt").write_text(requirements, encoding="utf-8")

    done = run(tmp_path, "--a", "b c")

    assert (done.returncode, done.stdout, done.stderr) == (0, "['--a', 'b c'] True __main__\n", "")


def test_the_exit_code_is_that_of_the_script(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("raise SystemExit(7)", encoding="utf-8")

    assert run(tmp_path).returncode == 7


@pytest.mark.slow  # pip
def test_the_script_does_not_start_without_its_packages(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("./not-there\n", encoding="utf-8")

    done = run(tmp_path)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.endswith("requirements.txt cannot be installed: see the lines above.\n")
