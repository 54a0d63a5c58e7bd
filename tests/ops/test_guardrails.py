"""The rules for names and instance types: what passes, and what is said of what does not."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.loaders import Loader

from ops import guardrails
from ops.errors import Problem, RefusedError
from ops.settings import Data, Environment, Gate, Instances, Project, Settings

if TYPE_CHECKING:
    from projects import Bake

SETTINGS = Settings(
    Project("Churn", "churn", "customer", owner="data-team@example.com"),
    Data("data.csv", "late", "classification"),
    Gate("auc", minimum=0.6),
    environments={"local": Environment(), "dev": Environment(), "prod": Environment()},
)


def with_project(**changes: str) -> Settings:
    return replace(SETTINGS, project=replace(SETTINGS.project, **changes))


def test_what_a_new_project_has_is_in_order() -> None:
    assert guardrails.check(SETTINGS) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("vertical", "hr", id="vertical of 2"),
        pytest.param("vertical", "a12345678901", id="vertical of 12, digits"),
        pytest.param("slug", "ab", id="slug of 2"),
        pytest.param("slug", "a" * 26, id="slug of 26"),
        pytest.param("slug", "a-1-b", id="single hyphens"),
        pytest.param("owner", "", id="no owner"),
        pytest.param("owner", "Team A_1 a.b:c/d=e+f-g@h", id="all that a tag takes"),
        pytest.param("owner", "x" * 256, id="owner of 256"),
        pytest.param("description", "R&D: λ", id="the description is no tag"),
    ],
)
def test_a_name_at_the_limits_passes(key: str, value: str) -> None:
    assert guardrails.check(with_project(**{key: value})) == []


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        pytest.param("vertical", "x", "2 to 12 lower-case letters", id="vertical of 1"),
        pytest.param("vertical", "a" * 13, f"such as '{'a' * 12}'", id="vertical of 13"),
        pytest.param("vertical", "", "such as 'customer'", id="no vertical"),
        pytest.param("vertical", "Retail", "such as 'retail'", id="vertical with a capital"),
        pytest.param("vertical", "retail-emea", "such as 'retailemea'", id="vertical with a hyphen"),
        pytest.param("vertical", "24seven", "such as 'seven'", id="vertical with a digit first"),
        pytest.param("vertical", "größe", "such as 'gre'", id="vertical with an umlaut"),
        pytest.param("vertical", "retail\n", "such as 'retail'", id="vertical with a line end"),
        pytest.param("vertical", "retail٣", "such as 'retail'", id="vertical with a digit that is not ASCII"),
        pytest.param("slug", "a", "such as 'churn-model'", id="slug of 1"),
        pytest.param("slug", "a" * 27, "these are 27", id="slug of 27"),
        pytest.param("slug", "a" * 25 + "-b", f"such as '{'a' * 25}'", id="slug whose cut ends with a hyphen"),
        pytest.param("slug", "Churn_Model 2", "such as 'churn-model-2'", id="slug with capitals and spaces"),
        pytest.param("slug", "churn--model", "such as 'churn-model'", id="slug with two hyphens"),
        pytest.param("slug", "churn-", "such as 'churn'", id="slug with a hyphen last"),
        pytest.param("slug", "-churn", "such as 'churn'", id="slug with a hyphen first"),
        pytest.param("slug", "2nd-try", "such as 'nd-try'", id="slug with a digit first"),
        pytest.param("slug", "churn\n", "such as 'churn'", id="slug with a line end"),
        pytest.param("owner", "R&D; x", "do not take '&;'", id="owner with signs"),
        pytest.param("owner", "Zoë", "do not take 'ë'", id="owner with an accent"),
        pytest.param("owner", "two\nlines", r"do not take '\n'", id="owner of two lines"),
        pytest.param("owner", "x" * 257, "256 characters, these are 257", id="owner of 257"),
        pytest.param("region", "Ireland", "such as 'eu-west-1'", id="region by its name"),
        pytest.param("region", "eu-west-1a", "such as 'eu-west-1'", id="zone of a region"),
        pytest.param("region", "eu_west_1", "such as 'eu-west-1'", id="region with underscores"),
        pytest.param("region", "", "such as 'eu-west-1'", id="no region"),
    ],
)
def test_a_name_outside_of_the_rules_is_told_with_what_to_write(key: str, value: str, sentence: str) -> None:
    [problem] = guardrails.check(with_project(**{key: value}))

    assert problem.where == f"project.toml [project].{key}"
    assert sentence in problem.message
    assert problem.level == "error"


@pytest.mark.parametrize(
    "region",
    [
        region
        for partition in Loader().load_data("partitions")["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")
    ],
)
def test_every_region_that_aws_has_passes(region: str) -> None:
    assert guardrails.check(with_project(region=region)) == []


@pytest.mark.parametrize("name", ["x", "Dev", "pre-prod", "x" * 9, "1st", "dev\n", ""])
def test_an_environment_with_another_kind_of_name_is_told(name: str) -> None:
    [problem] = guardrails.check(replace(SETTINGS, environments={"dev": Environment(), name: Environment()}))

    assert problem.where == f"project.toml [environments.{name}]"
    assert "2 to 8 lower-case letters and digits" in problem.message


@pytest.mark.parametrize("name", ["qa", "test2", "prodtest"])
def test_an_environment_may_have_any_short_word_as_name(name: str) -> None:
    assert guardrails.check(replace(SETTINGS, environments={name: Environment()})) == []


@pytest.mark.parametrize("name", ["train", "predict", "p2", "a" * 16])
def test_a_pipeline_of_one_word_passes(name: str) -> None:
    assert guardrails.check_pipeline(name, "production/pipelines") == []


@pytest.mark.parametrize("name", ["t", "train_model", "train-model", "Train", "2train", "a" * 17, ""])
def test_a_pipeline_with_another_kind_of_name_is_told(name: str) -> None:
    [problem] = guardrails.check_pipeline(name, "production/pipelines")

    assert problem.where == "production/pipelines"
    assert f"'{name}' is no name for a pipeline: write one word" in problem.message


@pytest.mark.parametrize(
    ("use", "name"),
    [
        ("studio", "ml.t3.medium"),
        ("processing", "ml.t3.medium"),
        ("training", "ml.m5.large"),
        ("training", "ml.trn1.32xlarge"),
        ("transform", "ml.m4.xlarge"),
        ("endpoint", "ml.t2.medium"),
        ("endpoint", "ml.c7g.large"),
        ("studio", "ml.geospatial.interactive"),
    ],
)
def test_an_instance_type_passes_for_a_use_that_sagemaker_takes_it_for(use: str, name: str) -> None:
    assert guardrails.check_instance_type(name, use, "here") == []


@pytest.mark.parametrize(
    ("use", "name", "sentence"),
    [
        pytest.param("training", "m5.large", "begin with 'ml.': write 'ml.m5.large'.", id="ml. is missing"),
        pytest.param("training", "ml.t2.medium", "not available for training, only for endpoint, notebook", id="use"),
        pytest.param("transform", "ml.t3.medium", "not available for transform", id="other use"),
        pytest.param("training", "ml.c7g.large", "not available for training", id="processor of endpoints only"),
        pytest.param("training", "ml.m5.larg", "Did you mean 'ml.m5.large'?", id="typo in the size"),
        pytest.param("training", "ml.m5,large", "Did you mean 'ml.m5.large'?", id="typo in the dot"),
        pytest.param("training", "ML.M5.LARGE", "no instance type for training", id="capitals"),
        pytest.param("training", "ml.m8.xlarge", "Did you mean 'ml.m5.xlarge'?", id="generation that cannot come"),
        pytest.param("processing", "ml.c3.2xlarge", "Did you mean 'ml.c5.2xlarge'?", id="generation that is gone"),
        pytest.param("training", "ml.m5.3xlarge", "no instance type for training", id="size the family lacks"),
        pytest.param("training", "ml.m6i.huge", "no instance type for training", id="size that nothing has"),
        pytest.param("training", "big", "Usual ones are ml.t3.medium and ml.m5.large and ml.m5.xlarge.", id="anything"),
        pytest.param("studio", "", "Usual ones are ml.t3.medium and ml.m5.large", id="nothing"),
        pytest.param("training", "local", "no instance type for training", id="local mode of the SDK"),
    ],
)
def test_an_instance_type_that_sagemaker_refuses_is_told_with_another(use: str, name: str, sentence: str) -> None:
    [problem] = guardrails.check_instance_type(name, use, "here")

    assert (problem.where, problem.level) == ("here", "error")
    assert sentence in problem.message


@pytest.mark.parametrize("use", ["studio", "processing", "training", "transform", "endpoint"])
def test_what_is_suggested_instead_passes_for_the_same_use(use: str) -> None:
    known = guardrails.instance_types()
    one_of_each_family = {name.split(".")[1]: name for name in known}.values()

    for name in one_of_each_family:
        if use not in known[name]["uses"]:
            [problem] = guardrails.check_instance_type(name, use, "here")
            _, suggestion = re.split("Did you mean|Usual ones", problem.message)
            suggested = re.findall(r"ml\.[\w-]+\.\w+", suggestion)
            assert suggested, name
            assert [other for other in suggested if use not in known[other]["uses"]] == [], name


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("ml.m9i.2xlarge", id="general purpose"),
        pytest.param("ml.c9gd-flex.large", id="with an addition"),
        pytest.param("ml.g8.xlarge", id="GPU"),
        pytest.param("ml.p7.48xlarge", id="large GPU"),
        pytest.param("ml.p7-b400.48xlarge", id="large GPU with its chip"),
        pytest.param("ml.trn3.48xlarge", id="Trainium"),
    ],
)
def test_a_newer_instance_type_than_the_list_is_a_warning(name: str) -> None:
    [problem] = guardrails.check_instance_type(name, "training", "here")

    assert problem.level == "warning"
    assert guardrails.instance_types_date() in problem.message


@pytest.mark.parametrize("use", ["studio", "processing", "training", "transform", "endpoint"])
def test_each_key_of_instances_is_checked_for_its_own_use(use: str) -> None:
    [problem] = guardrails.check(replace(SETTINGS, instances=replace(Instances(), **{use: "ml.m5.larg"})))

    assert problem.where == f"project.toml [instances].{use}"
    assert f"no instance type for {use}" in problem.message


def test_errors_come_before_warnings() -> None:
    settings = replace(SETTINGS, instances=Instances(studio="ml.m9i.large", training="x", endpoint="y"))

    assert [(problem.level, problem.where.split(".")[-1]) for problem in guardrails.check(settings)] == [
        ("error", "training"),
        ("error", "endpoint"),
        ("warning", "studio"),
    ]


def test_what_is_required_is_refused_with_the_errors_alone() -> None:
    settings = replace(SETTINGS, instances=Instances(studio="ml.m9i.large", training="x"))

    with pytest.raises(RefusedError) as caught:
        guardrails.require(settings)

    assert [problem.where for problem in caught.value.problems] == ["project.toml [instances].training"]
    assert caught.value.exit_code == 3


def test_what_is_required_passes_with_its_warnings() -> None:
    problems = guardrails.require(replace(SETTINGS, instances=Instances(studio="ml.m9i.large")))

    assert [problem.level for problem in problems] == ["warning"]


PROJECT = """
[project]
name = "Churn"
slug = "churn"
vertical = "customer"
region = "eu-west-1"
[data]
source = "data.csv"
target = "late"
problem = "classification"
[gate]
metric = "auc"
minimum = 0.6
[instances]
studio = "ml.t3.medium"
"""


def test_a_project_that_cannot_be_read_is_told_like_any_other_problem(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(PROJECT.replace("0.6", '"x"'), encoding="utf-8")

    assert [problem.where for problem in guardrails.check_project(tmp_path)] == ["project.toml [gate].minimum"]


@pytest.mark.parametrize(
    ("replacements", "code", "lines"),
    [
        pytest.param({}, 0, [], id="in order"),
        pytest.param({"ml.t3.medium": "ml.m9i.large"}, 0, ["warning: project.toml [instances].studio"], id="a warning"),
        pytest.param({"0.6": "true"}, 2, ["error: project.toml [gate].minimum"], id="unreadable"),
        pytest.param({"customer": "X"}, 3, ["error: project.toml [project].vertical"], id="refused"),
        pytest.param(
            {"customer": "X", "ml.t3.medium": "ml.m9i.large", "eu-west-1": "Y"},
            3,
            [
                "error: project.toml [project].vertical",
                "error: project.toml [project].region",
                "warning: project.toml [instances].studio",
            ],
            id="refused and a warning",
        ),
        pytest.param(
            {PROJECT: ""}, 2, [f"error: project.toml [{name}]" for name in ("project", "data", "gate")], id="nothing"
        ),
    ],
)
def test_the_command_says_every_problem_on_a_line_and_ends_with_its_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    replacements: dict[str, str],
    code: int,
    lines: list[str],
) -> None:
    text = PROJECT
    for old, new in replacements.items():
        text = text.replace(old, new)
    (tmp_path / "project.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert guardrails.main() == code

    told = capsys.readouterr()
    assert told.out == ""
    assert [":".join(line.split(":")[:2]) for line in told.err.splitlines()] == lines


def test_in_a_new_project_the_command_needs_python_alone(bake: Bake) -> None:
    project = bake()
    project.edit("project", vertical='"Retail"')

    # -S and -E: the machine's Python as it is before anything is installed.
    done = project.run(sys.executable, "-S", "-E", "-B", "-m", "ops.guardrails")

    assert (done.code, done.out) == (3, ""), done
    [line] = done.err.splitlines()
    assert line.startswith("error: project.toml [project].vertical: 'Retail'")


def test_a_problem_without_a_place_is_its_sentence() -> None:
    assert str(Problem("no way")) == "no way"
    assert str(Problem("no way", "here")) == "here: no way"
