"""Which jobs there are for a branch, a tag, a merge request, a fork and a schedule; and what the files promise."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import TEMPLATE, TEMPLATE_PROJECT, clean_environment

from . import line as lines
from . import rules
from .line import Line

MAIN = {"CI_DEFAULT_BRANCH": "main", "CI_COMMIT_BRANCH": "main", "CI_PIPELINE_SOURCE": "push"}
CHECKS = dict.fromkeys(("guardrails", "lint", "test", "run-locally"), "on_success")
MERGE = {"ready": "on_success", **CHECKS}
DEV = {"ready-dev": "on_success", "deploy-dev": "on_success", "start-dev": "on_success"}
DEV |= dict.fromkeys(("approve-model-dev", "deploy-endpoint-dev", "rollback-dev"), "manual")
PROD = {"deploy-prod": "manual", "start-prod": "on_success"}
PROD |= dict.fromkeys(("approve-model-prod", "deploy-endpoint-prod", "rollback-prod"), "manual")
ON_AWS = {*DEV, *PROD, "retrain"}
PIPELINES: list[tuple[str, dict[str, str], dict[str, str]]] = [
    ("a commit on main", {}, {**CHECKS, **DEV, **PROD}),
    ("main, started by hand", {"CI_PIPELINE_SOURCE": "web"}, {**CHECKS, **DEV, **PROD}),
    ("main, named otherwise", {"CI_DEFAULT_BRANCH": "trunk", "CI_COMMIT_BRANCH": "trunk"}, {**CHECKS, **DEV, **PROD}),
    ("a commit on a branch", {"CI_COMMIT_BRANCH": "idea"}, {}),
    ("a tag", {"CI_COMMIT_BRANCH": "", "CI_COMMIT_TAG": "v1"}, {}),
    ("a merge request", {"CI_COMMIT_BRANCH": "", "CI_PIPELINE_SOURCE": "merge_request_event"}, MERGE),
    ("a schedule", {"CI_PIPELINE_SOURCE": "schedule"}, {"retrain": "on_success"}),
    ("main of a fork, or before there is an account", {"OPS_DEPLOY": "false"}, CHECKS),
    ("a schedule there", {"OPS_DEPLOY": "false", "CI_PIPELINE_SOURCE": "schedule"}, {}),
    ("a schedule of a branch", {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "idea"}, {}),
]


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    return rules.load(TEMPLATE_PROJECT)


@pytest.mark.parametrize(("variables", "jobs"), [case[1:] for case in PIPELINES], ids=[case[0] for case in PIPELINES])
def test_the_jobs_of_a_pipeline(content: dict[str, Any], variables: dict[str, str], jobs: dict[str, str]) -> None:
    given = {name: value for name, value in {**MAIN, **variables}.items() if value}

    assert rules.made(content, given) == jobs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "jobs"), [case[1:] for case in PIPELINES if case[2]], ids=[case[0] for case in PIPELINES if case[2]]
)
def test_gitlab_ci_local_agrees(line: Line, variables: dict[str, str], jobs: dict[str, str]) -> None:
    given = {**MAIN, **variables}
    options = [f"--variable={name}={value}" for name, value in given.items() if value]
    options += [f"--unset-variable={name}" for name, value in given.items() if not value]

    listed = subprocess.run(
        [str(lines.PROGRAM), "--list-json", "--ignore-predefined-vars", ",".join(given), *options],
        cwd=line.project.path,
        env=lines.environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert {each["name"]: each["when"] for each in json.loads(listed.stdout) if each["when"] != "never"} == jobs


def test_only_jobs_for_aws_get_a_token_and_none_runs_for_a_merge_request(content: dict[str, Any]) -> None:
    """A merge request may come from a fork, whose code must not get a role."""
    found = rules.jobs(content)
    merge_request = {"CI_DEFAULT_BRANCH": "main", "CI_PIPELINE_SOURCE": "merge_request_event"}

    assert {name for name, job in found.items() if "id_tokens" in job} == ON_AWS
    assert not ON_AWS & rules.made(content, merge_request).keys()
    for name in ON_AWS:
        assert found[name]["interruptible"] is False
        assert found[name]["variables"]["OPS_ENV"] == found[name]["environment"]["name"]


def test_a_deployment_and_a_rollback_wait_for_each_other(content: dict[str, Any]) -> None:
    found = rules.jobs(content)

    grouped = {name for name, job in found.items() if "resource_group" in job}

    assert grouped == {f"{job}-{env}" for job in ("deploy", "deploy-endpoint", "rollback") for env in ("dev", "prod")}
    assert {found[f"deploy-{env}"]["resource_group"] for env in ("dev", "prod")} == {"$OPS_ENV"}
    assert {found[f"rollback-{env}"]["resource_group"] for env in ("dev", "prod")} == {"$OPS_ENV"}


def test_every_job_has_what_gitlab_needs(content: dict[str, Any]) -> None:
    """What the schema does not check: stages and needs that exist, a script, a limit of time, a pinned image."""
    found = rules.jobs(content)
    for name, job in found.items():
        assert job["stage"] in content["stages"], name
        assert job["script"], name
        assert set(job.get("needs", [])) <= found.keys(), name
        assert job["timeout"], name
        assert re.fullmatch(r"\$\{IMAGE_PREFIX\}python:3\.\d+\.\d+-bookworm", job["image"]), name
        for cache in [job["cache"]] if "cache" in job else []:
            assert cache["key"]["files"] == ["constraints.txt", "pyproject.toml"], name


def test_the_main_file_is_short_and_names_every_job(content: dict[str, Any]) -> None:
    text = (TEMPLATE_PROJECT / ".gitlab-ci.yml").read_text(encoding="utf-8")

    assert len(text.splitlines()) < 60
    assert rules.jobs(content).keys() <= yaml.load(text, rules._Loader).keys()


@pytest.mark.slow
def test_shellcheck_finds_nothing_in_the_scripts(content: dict[str, Any], tmp_path: Path) -> None:
    checker = Path(sys.executable).with_name("shellcheck")
    for name, job in rules.jobs(content).items():
        script = [*job.get("before_script", []), *job["script"], *job.get("after_script", [])]
        (tmp_path / f"{name}.sh").write_text("\n".join(["#!/bin/bash", "set -eo pipefail", *script]), encoding="utf-8")

    done = subprocess.run(
        [str(checker), "--external-sources", *map(str, sorted(tmp_path.glob("*.sh")))],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_gitlabs_schema_accepts_the_jobs(content: dict[str, Any], tmp_path: Path) -> None:
    """With everything that they extend: the schema does not look at hidden jobs."""
    resolved = {**{key: content[key] for key in ("stages", "variables", "workflow")}, **rules.jobs(content)}
    file = tmp_path / ".gitlab-ci.yml"
    file.write_text(yaml.safe_dump(resolved), encoding="utf-8")
    checker = Path(sys.executable).with_name("check-jsonschema")

    done = subprocess.run(
        [str(checker), "--builtin-schema", "vendor.gitlab-ci", str(file), str(TEMPLATE_PROJECT / ".gitlab-ci.yml")],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_without_rsync_the_stand_in_does_the_same(line: Line, tmp_path: Path) -> None:
    """A new machine has none, and gitlab-ci-local copies everything with it."""
    lines.put_rsync(tmp_path)
    copies = {}
    for rsync in ("rsync", str(tmp_path / "rsync")):
        if Path(rsync).is_absolute() or shutil.which(rsync):
            target = tmp_path / "copies" / Path(rsync).parent.name / "builds"
            target.parent.mkdir(parents=True, exist_ok=True)
            (line.project.path / "left-out").mkdir(exist_ok=True)
            (line.project.path / "left-out" / "file").touch()
            copy = (
                f"{rsync} -a --delete-excluded --delete --exclude-from=<(echo /left-out/) --exclude .git/ ./ {target}/"
            )
            artifacts = f"{rsync} -Ra ./production/steps {target}/artifacts/"
            listed = f"mkdir -p {target}/listed; (echo ./production/steps/; echo ./Makefile) > {tmp_path}/list"
            listed += f"; {rsync} --exclude '.git/**' -rRa --files-from={tmp_path}/list . {target}/listed/."
            one = f"{rsync} --exclude=/pipelines/ -a production/. {target}/one"
            done = line.project.run(
                "bash", "-e", "-c", "\n".join([copy, f"mkdir -p {target}/artifacts", artifacts, listed, one])
            )
            assert done.code == 0, done
            copies[rsync] = sorted(str(path.relative_to(target)) for path in target.rglob("*"))

    assert all(files == copies[str(tmp_path / "rsync")] for files in copies.values())
    stood_in = set(copies[str(tmp_path / "rsync")])
    assert {"Makefile", "artifacts/production/steps/model.py", "one/steps/model.py"} <= stood_in
    assert {"listed/production/steps/model.py", "listed/Makefile"} <= stood_in
    assert "listed/README.md" not in stood_in
    assert not {"left-out/file", ".git/HEAD", "one/pipelines/train.py"} & stood_in


def test_the_page_on_gitlab_names_every_job_and_no_other(content: dict[str, Any]) -> None:
    text = (TEMPLATE / "docs" / "gitlab.md").read_text(encoding="utf-8")
    named = set(
        re.findall(
            r"`((?:ready|deploy|start|rollback|approve-model|deploy-endpoint|retrain)(?:-\w+)?|run-locally)`", text
        )
    )

    assert rules.jobs(content).keys() <= named | {"guardrails", "lint", "test"}
    assert named <= rules.jobs(content).keys()
