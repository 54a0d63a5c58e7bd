"""A project with a trained model, which the tests of serving share and do not change."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import Project, bake_into


@pytest.fixture(scope="session")
def project(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = bake_into(tmp_path_factory.mktemp("served"))
    (project.path / ".venv").symlink_to(environment)
    done = project.ops("run", "train")
    assert done.code == 0, done
    return project
