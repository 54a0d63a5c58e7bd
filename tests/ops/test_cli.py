"""The commands `check` and `instance-types`, from the terminal; those that run a pipeline are in test_pipeline.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from projects import Bake, Project, Result

from ops import instances

pytestmark = pytest.mark.slow  # each starts the command in a generated project


@pytest.fixture
def project(bake: Bake) -> Project:
    return bake()


def ops(project: Project, *arguments: str, **environment: str) -> Result:
    """The command with the template's Python, which has what these commands import."""
    return project.run(sys.executable, "-B", "-m", "ops", *arguments, **environment)


def test_a_new_project_is_in_order(project: Project) -> None:
    done = ops(project, "check")

    assert (done.code, done.err) == (0, ""), done
    assert done.out == "project.toml: names, instance types, environments and columns are in order.\n"


def test_everything_that_is_wrong_is_told_at_once_errors_first(project: Project) -> None:
    project.edit("project", vertical='"Retail"')
    project.edit("instances", endpoint='"ml.t2.medium"', training='"ml.m8.xlarge"')
    project.edit("environments.dev", account='"1"')
    project.edit("data", target='"lat"')

    done = ops(project, "check")

    assert (done.code, done.out) == (3, "")
    assert [line.split(": ")[:2] for line in done.err.splitlines()] == [
        ["error", "project.toml [project].vertical"],
        ["error", "project.toml [instances].training"],
        ["error", "project.toml [environments.dev].account"],
        ["error", "project.toml [data].target"],
        ["warning", "project.toml [instances].endpoint"],
    ]


@pytest.mark.parametrize(
    ("table", "values", "code"),
    [
        pytest.param("data", {"target": '"lat"'}, 2, id="a column that is not there"),
        pytest.param("instances", {"endpoint": '"ml.t2.medium"'}, 0, id="a warning"),
    ],
)
def test_in_another_format_it_says_the_same_with_the_same_code(
    project: Project, table: str, values: dict[str, str], code: int
) -> None:
    project.edit(table, **values)

    text, plain, gitlab = (ops(project, "check", "--format", name) for name in ("text", "json", "gitlab"))

    assert (text.code, plain.code, gitlab.code) == (code, code, code)
    [line] = text.err.splitlines()
    [problem], [finding] = json.loads(plain.out), json.loads(gitlab.out)
    assert line == f"{problem['level']}: {finding['description']}"
    written = (project.path / "project.toml").read_text(encoding="utf-8").splitlines()
    assert written[problem["line"] - 1] == f"{next(iter(values))} = {next(iter(values.values()))}"
    assert finding["location"] == {"path": "project.toml", "lines": {"begin": problem["line"]}}


def test_the_module_says_what_the_command_says(project: Project) -> None:
    project.edit("project", vertical='"Retail"', region='"X"')

    command = ops(project, "check", "--format", "gitlab")

    assert command.code == 3
    assert command == project.run(sys.executable, "-B", "-m", "ops.guardrails", "--format", "gitlab")


def test_a_policy_that_cannot_be_read_stops_every_command(project: Project) -> None:
    for command in (["check"], ["instance-types", "--for", "training"], ["run", "train"], ["compile", "train"]):
        done = ops(project, *command, OPS_GUARDRAILS="/nowhere")
        assert (done.code, done.out) == (2, ""), command
        assert done.err.startswith("error: OPS_GUARDRAILS names '/nowhere', and there is no such file"), command


def test_instance_types_are_a_table_with_its_date_and_the_quotas(project: Project, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[instance_types]\ntraining = ["ml.r5.*"]', encoding="utf-8")

    done = ops(project, "instance-types", "--for", "training", "--min-memory", "64", OPS_GUARDRAILS=str(policy))

    assert (done.code, done.err) == (0, ""), done
    table, _, notes = done.out.partition("\n\n")
    assert table.splitlines()[1].split() == ["ml.r5.2xlarge", "8", "64", "-"]
    assert instances.data()["made"] in notes
    assert "botocore" in notes
    assert notes.count(instances.QUOTAS) == 1


def test_instance_types_are_shown_although_project_toml_is_wrong(project: Project) -> None:
    (project.path / "project.toml").write_text("[", encoding="utf-8")

    assert ops(project, "instance-types", "--for", "notebook").code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["check", "--format", "jsn"], "error: --format: 'jsn' is not known. Did you mean 'json'?"),
        (["instance-types", "--for", "trainin"], "error: --for: 'trainin' is not known. Did you mean 'training'?"),
        (["instance-types", "--for", "x"], "Write one of processing, training, transform, endpoint, studio, notebook."),
    ],
)
def test_a_wrong_word_gets_a_sentence(project: Project, arguments: list[str], sentence: str) -> None:
    done = ops(project, *arguments)

    assert (done.code, done.out) == (2, "")
    assert sentence in done.err
