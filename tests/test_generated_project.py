"""The generated project's own checks pass, for every kind of answers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from gitlab import rules
from projects import TEMPLATE, Bake

MYPY_CACHE = TEMPLATE / "build" / "tests" / "mypy"  # shared: most modules are the same for all answers
SPARK_NOTEBOOK = "tests/notebooks/test_notebooks.py::test_runs_from_top_to_bottom[develop/spark.ipynb]"
COMBINATIONS = [
    pytest.param({}, id="default"),
    pytest.param({"problem": "regression"}, id="regression"),
    pytest.param(
        {
            "project_name": "Attrition: nord & süd",
            "project_slug": "a2",
            "description": 'Who "leaves"?',
            "vertical": "people2",
            "owner": "",
            "region": "us-east-2",
            "training_instance_type": "ml.g5.xlarge",
        },
        id="unusual answers",
    ),
]


@pytest.mark.slow
@pytest.mark.longest
@pytest.mark.parametrize("answers", COMBINATIONS)
@pytest.mark.parametrize("target", ["test", "lint", "docs"])
def test_make(ready: Bake, answers: dict[str, str], target: str) -> None:
    project = ready(**answers)
    ugly = "import os,sys\nassert False\nx: int = 'y'\n"
    (project.path / "vendor" / "test_ugly.py").write_text(ugly, encoding="utf-8")  # where no tool looks

    # tests/notebooks/test_spark.py runs this notebook: it takes half a minute, and does not depend on the answers.
    done = project.make(target, MYPY_CACHE_DIR=str(MYPY_CACHE), PYTEST_ADDOPTS=f"--deselect={SPARK_NOTEBOOK}")

    assert done.code == 0, done


@pytest.mark.slow
@pytest.mark.longest
def test_it_is_in_order_under_the_python_of_the_image_and_of_gitlab(bake: Bake, image_python: str) -> None:
    """That Python also has another NumPy."""
    done = bake().make("test", "lint", f"PYTHON={image_python}")

    assert done.code == 0, done


@pytest.fixture
def image_python() -> str:
    """A Python of the version in AWS's image and GitLab's jobs, if this machine has it."""
    image = rules.load(TEMPLATE / "{{cookiecutter.project_slug}}")["default"]["image"]
    version = ".".join(re.findall(r"\d+", image)[:2])
    if sys.version.startswith(version):
        pytest.skip(f"this is Python {version}, which all tests run under")
    installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for python in filter(None, [shutil.which(f"python{version}"), *map(str, installed)]):
        asked = subprocess.run([python, "--version"], capture_output=True, text=True, check=False)
        if asked.stdout.startswith(f"Python {version}."):
            return python
    pytest.skip(f"there is no Python {version} on this machine")


@pytest.mark.slow
def test_make_setup_installs_the_git_hooks_and_they_refuse(ready: Bake) -> None:
    project = ready()
    assert project.make("setup").code == 0
    commit = ("git", "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "x")
    project.run("git", "add", ".")
    first = project.run(*commit)
    assert first.code == 0, first

    project.edit("instances", training='"ml.t2.medium"')
    project.run("git", "add", ".")
    second = project.run(*commit)

    assert second.code != 0
    assert "not available for training" in second.out + second.err


def test_the_library_is_out_of_sight(bake: Bake) -> None:
    project = bake()
    library = "vendor/sagemaker_ops/errors.py"
    ruff = Path(sys.executable).with_name("ruff")
    hooks = yaml.safe_load((project.path / ".pre-commit-config.yaml").read_text(encoding="utf-8"))

    attributes = project.run("git", "check-attr", "gitlab-generated", "linguist-vendored", "--", library).out
    linted = project.run(ruff, "check", "--show-files", "--no-cache").out

    assert attributes.splitlines() == [f"{library}: gitlab-generated: set", f"{library}: linguist-vendored: set"]
    assert "/production/steps/training.py" in linted
    assert "/vendor/" not in linted
    assert re.search(hooks["exclude"], library)
    assert not re.search(hooks["exclude"], "production/steps/vendor.py")


def test_make_without_a_target_lists_the_targets(bake: Bake) -> None:
    done = bake().make()

    assert done.code == 0
    for target in ("setup", "run", "test", "lint", "docs"):
        assert f"  make {target} " in done.out


@pytest.mark.slow
def test_make_check_needs_nothing_installed(bake: Bake) -> None:
    project = bake(training_instance_type="ml.m5.xlarge")
    project.edit("instances", training='"ml.m5.xlarg"')

    done = project.make("check")

    assert done.code != 0
    assert "Did you mean 'ml.m5.xlarge' (4 vCPU, 16 GiB)?" in done.err
    assert not (project.path / ".venv").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answers", "lines"),
    [
        pytest.param({}, {}, id="in order"),
        pytest.param({"training_instance_type": "ml.m4.xlarge"}, {"instances.training": "minor"}, id="a warning"),
        pytest.param({"vertical": "retail"}, {"project.vertical": "major"}, id="refused"),
    ],
)
def test_the_job_guardrails_reports_to_gitlab_and_decides(
    bake: Bake, tmp_path: Path, answers: dict[str, str], lines: dict[str, str]
) -> None:
    project = bake(**answers)
    policy = tmp_path / "a group variable of type file"
    policy.write_text('verticals = ["customer"]', encoding="utf-8")
    job = rules.jobs(rules.load(project.path))["guardrails"]

    done = project.run("bash", "-e", "-c", "\n".join(job["script"]), OPS_GUARDRAILS=str(policy))

    report = json.loads((project.path / job["artifacts"]["reports"]["codequality"]).read_text(encoding="utf-8"))
    assert {each["check_name"]: each["severity"] for each in report} == lines
    assert (done.code != 0) == ("major" in lines.values()), done
    assert len(done.err.splitlines()) >= len(lines), "and the log says it, too"
