"""How processes of the library end: at once, without a search for garbage among everything that they imported."""

from __future__ import annotations

import re

import pytest
from projects import Bake

END = """
import gc, runpy, sys
sys.argv[:] = sys.argv[1:]
gc.disable()
gc.set_debug(gc.DEBUG_STATS)
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
OFFLINE = {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",  # pragma: allowlist secret
    "AWS_EC2_METADATA_DISABLED": "true",
    "SAGEMAKER_VALIDATE_ROLE": "false",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("sagemaker_ops", "--version"),
        ("sagemaker_ops.pipelines.compile_process", "train", "local"),
        ("sagemaker_ops.pipelines.model_process", '{"problem": "regression", "given": {}}'),
    ],
    ids=lambda command: command[0],
)
def test_nothing_is_searched_for_garbage(ready: Bake, command: tuple[str, ...]) -> None:
    project = ready()

    ended = project.run(".venv/bin/python", "-c", END, *command, **OFFLINE)

    assert ended.code == 0, ended
    searched = re.findall(r"^gc: objects in each generation: (\d+) (\d+) (\d+)", ended.err, re.MULTILINE)
    assert searched, ended
    assert all(sum(map(int, each)) < 10_000 for each in searched), searched
