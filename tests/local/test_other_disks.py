"""A .local, or a part of it, that is a link to another disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagemaker_ops.local import cleaning
from sagemaker_ops.terminal import summary

pytestmark = pytest.mark.slow

WRITE = "open('/opt/ml/processing/out/a.txt', 'w').write('made')"


@pytest.fixture
def disk() -> Iterator[Path]:
    """A folder on another file system."""
    if not Path("/dev/shm").is_dir():
        pytest.skip("this machine has no second file system")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.mark.parametrize("local", ["namespace", "rewrite"], indirect=True)
@pytest.mark.parametrize("part", ["", "s3", "runs", "cache", "models", "registry", "bytecode"])
def test_a_run_ends_well(local: Any, disk: Path, part: str) -> None:
    (local.home / part).parent.mkdir(parents=True, exist_ok=True)
    (local.home / part).symlink_to(disk)
    make = local.processing("Make", WRITE, outputs=("out",), CacheConfig={"Enabled": True})
    steps = [make, local.processing("Use", inputs={"in": local.output_of("Make", "out")}), local.register("Register")]

    execution = local.run(*steps)

    assert execution.status == "Succeeded", execution.failure_reason
    assert local.output(execution, "Make", "out/a.txt") == "made"
    assert f"Look in {execution.folder}: " in list(summary.lines(execution, Path("/elsewhere")))[-1]
    assert local.run(make).steps["Make"].source == execution.id
    assert cleaning.clean(local.home, keep=0).counts["execution"] == 2
