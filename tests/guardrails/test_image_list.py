"""The library's images.json, which scripts/make_image_list.py writes, compared with the SDK and with the template."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from projects import LIBRARY, TEMPLATE, Project

from sagemaker_ops.guardrails import image_check
from sagemaker_ops.project.settings import Project as ProjectTable
from sagemaker_ops.project.step_settings import Images

PRINT = "import json, runpy; print(json.dumps(runpy.run_path({script!r})['images']()))"


@pytest.mark.slow
def test_the_list_is_what_the_script_writes(environment: Path) -> None:
    script = PRINT.format(script=str(TEMPLATE / "scripts" / "make_image_list.py"))

    done = Project(environment.parent).run(environment / "bin" / "python", "-c", script)

    assert done.code == 0, done
    assert json.loads(done.out) == json.loads((LIBRARY / "guardrails" / "images.json").read_bytes())


def test_the_defaults_are_in_the_list() -> None:
    versions = image_check.data()["versions"]

    assert all(Images().default in versions[kind] for kind in (image_check.TRAINING, image_check.SERVING))
    assert image_check.has_image(ProjectTable.region)
