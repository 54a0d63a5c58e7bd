"""The library as a separate package: what a release contains, and a project without vendor/ that pins a version."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from projects import LIBRARY, VENDOR, Bake

from sagemaker_ops import __version__

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a release, as `make release` builds it."""
    folder = tmp_path_factory.mktemp("release")
    source = shutil.copytree(VENDOR, folder / "vendor", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "hatchling", "build", "--directory", folder / "dist"], cwd=source, check=True)
    return folder / "dist"


def test_a_release_contains_only_the_package(released: Path) -> None:
    package = {f"sagemaker_ops/{path.relative_to(LIBRARY).as_posix()}" for path in files(LIBRARY)}
    name = f"sagemaker_ops-{__version__}"

    with zipfile.ZipFile(released / f"{name}-py3-none-any.whl") as wheel:
        assert {each for each in wheel.namelist() if not each.startswith(f"{name}.dist-info/")} == package
    with tarfile.open(released / f"{name}.tar.gz") as source:
        sources = {each.removeprefix(f"{name}/") for each in source.getnames()}
        assert sources >= package | {"pyproject.toml", "README.md", "CHANGELOG.md"}


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def test_the_project_pins_the_version_that_it_was_made_with(bake: Bake) -> None:
    pyproject = tomllib.loads((bake().path / "pyproject.toml").read_text(encoding="utf-8"))

    assert pyproject["project"]["dependencies"] == [f"sagemaker-ops[steps]=={__version__}"]


def test_without_the_folder_the_pinned_version_comes_from_the_index(bake: Bake, released: Path) -> None:
    project = bake()
    shutil.rmtree(project.path / "vendor")
    index = {
        "PIP_FIND_LINKS": " ".join(filter(None, [str(released), os.environ.get("PIP_FIND_LINKS")])),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # with uv, which is faster
    }

    checked = project.run("make", "check", **index)
    installed = project.run(".venv/bin/python", "-m", "sagemaker_ops.project.environment", **index)

    assert checked.code == 0, checked
    assert installed.code == 0, installed
    where = "import sagemaker_ops, sagemaker_ops.tabular.tables; print(sagemaker_ops.__file__)"
    assert "/.venv/lib/" in project.run(".venv/bin/python", "-c", where).out
    assert project.run(".venv/bin/ops", "--version").out == f"sagemaker-ops {__version__}\n"
    assert project.run(".venv/bin/ops", "check").code == 0
