"""The rules for names and instance types: what passes, and the messages for what does not."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.loaders import Loader

from sagemaker_ops.errors import Problem, RefusedError, UserError
from sagemaker_ops.guardrails import __main__ as command
from sagemaker_ops.guardrails import project_check
from sagemaker_ops.guardrails.policy import Policy
from sagemaker_ops.project.settings import (
    Data,
    Environment,
    Gate,
    Images,
    Instances,
    Pipeline,
    Project,
    Settings,
    Training,
)

if TYPE_CHECKING:
    from projects import Bake

SETTINGS = Settings(
    Project("Churn", "churn", "customer", owner="data-team@example.com"),
    Data("data.csv", "late", "classification"),
    Gate("auc", minimum=0.6),
    environments={"local": Environment(), "dev": Environment(), "prod": Environment()},
)

OPEN = Policy()


def with_project(**changes: str) -> Settings:
    return replace(SETTINGS, project=replace(SETTINGS.project, **changes))


def test_the_settings_of_a_new_project_have_no_problems() -> None:
    assert project_check.check(SETTINGS, OPEN) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("vertical", "hr", id="vertical of 2"),
        pytest.param("vertical", "a12345678901", id="vertical of 12, digits"),
        pytest.param("slug", "ab", id="slug of 2"),
        pytest.param("slug", "a" * 26, id="slug of 26"),
        pytest.param("slug", "a-1-b", id="single hyphens"),
        pytest.param("slug", "com10", id="almost a Windows device"),
        pytest.param("owner", "", id="no owner"),
        pytest.param("owner", "Team A_1 a.b:c/d=e+f-g@h", id="every character that a tag allows"),
        pytest.param("owner", "x" * 256, id="owner of 256"),
        pytest.param("description", "R&D: λ", id="the description is not a tag"),
    ],
)
def test_a_name_at_the_limits_passes(key: str, value: str) -> None:
    assert project_check.check(with_project(**{key: value}), OPEN) == []


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
        pytest.param("slug", "a" * 27, "it has 27 characters", id="slug of 27"),
        pytest.param("slug", "a" * 25 + "-b", f"such as '{'a' * 25}'", id="slug that would end with a hyphen when cut"),
        pytest.param("slug", "Churn_Model 2", "such as 'churn-model-2'", id="slug with capitals and spaces"),
        pytest.param("slug", "churn--model", "such as 'churn-model'", id="slug with two hyphens"),
        pytest.param("slug", "churn-", "such as 'churn'", id="slug with a hyphen last"),
        pytest.param("slug", "-churn", "such as 'churn'", id="slug with a hyphen first"),
        pytest.param("slug", "2nd-try", "such as 'nd-try'", id="slug with a digit first"),
        pytest.param("slug", "churn\n", "such as 'churn'", id="slug with a line end"),
        *(
            pytest.param("slug", name, f"on Windows: use a name such as '{name}-model'", id=f"slug {name}")
            for name in ("con", "prn", "aux", "nul", "com1", "lpt9")
        ),
        pytest.param("owner", "R&D; x", "do not allow '&;'", id="owner with signs"),
        pytest.param("owner", "Zoë", "do not allow 'ë'", id="owner with an accent"),
        pytest.param("owner", "two\nlines", r"do not allow '\n'", id="owner of two lines"),
        pytest.param("owner", "x" * 257, "256 characters, this has 257", id="owner of 257"),
        pytest.param("region", "Ireland", "such as 'eu-west-1'", id="region by its name"),
        pytest.param("region", "eu-west-1a", "such as 'eu-west-1'", id="zone of a region"),
        pytest.param("region", "eu_west_1", "such as 'eu-west-1'", id="region with underscores"),
        pytest.param("region", "", "such as 'eu-west-1'", id="no region"),
    ],
)
def test_a_name_that_breaks_the_rules_is_reported_with_what_to_write(key: str, value: str, sentence: str) -> None:
    [problem] = project_check.check(with_project(**{key: value}), OPEN)

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
def test_every_region_of_aws_passes(region: str) -> None:
    assert project_check.check(with_project(region=region), OPEN) == []


@pytest.mark.parametrize("name", ["x", "Dev", "pre-prod", "x" * 8, "1st", "dev\n", ""])
def test_an_environment_with_an_invalid_name_is_reported(name: str) -> None:
    [problem] = project_check.check(replace(SETTINGS, environments={"dev": Environment(), name: Environment()}), OPEN)

    assert problem.where == f"project.toml [environments.{name}]"
    assert "2 to 7 lower-case letters and digits" in problem.message


@pytest.mark.parametrize("name", ["qa", "test2", "staging"])
def test_an_environment_can_be_named_with_any_short_word(name: str) -> None:
    assert project_check.check(replace(SETTINGS, environments={name: Environment()}), OPEN) == []


@pytest.mark.parametrize("name", ["con", "prn", "aux", "nul", "com1", "com9", "lpt1", "lpt9"])
def test_a_pipeline_with_the_name_of_a_windows_device_is_reported(name: str) -> None:
    [problem] = project_check.check_pipeline(name, "production/pipelines")

    assert problem.where == "production/pipelines"
    assert problem.message == (f"'{name}' is not a valid file name on Windows: use a name such as '{name}pipeline'.")
    assert project_check.check_pipeline(f"{name}pipeline", "production/pipelines") == []


@pytest.mark.parametrize("name", ["train", "predict", "p2", "a" * 16, "com10", "console"])
def test_a_pipeline_of_one_word_passes(name: str) -> None:
    assert project_check.check_pipeline(name, "production/pipelines") == []


@pytest.mark.parametrize("name", ["t", "train_model", "train-model", "Train", "2train", "a" * 17, ""])
def test_a_pipeline_with_an_invalid_name_is_reported(name: str) -> None:
    [problem] = project_check.check_pipeline(name, "production/pipelines")

    assert problem.where == "production/pipelines"
    assert f"'{name}' is not a valid pipeline name: use 2 to 16" in problem.message


def test_errors_come_before_warnings() -> None:
    settings = replace(SETTINGS, instances=Instances(studio="ml.m9i.large", training="x", endpoint="y"))

    assert [(problem.level, problem.where.split(".")[-1]) for problem in project_check.check(settings, OPEN)] == [
        ("error", "training"),
        ("error", "endpoint"),
        ("warning", "studio"),
    ]


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


def replaced(changes: dict[str, str]) -> str:
    """PROJECT with some of its text replaced."""
    text = PROJECT
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture(autouse=True)
def _policy(tmp_path: Path) -> None:
    """Every project has the file with its organisation's policy."""
    (tmp_path / "guardrails.toml").touch()


def places(problems: list[Problem]) -> list[str]:
    return [f"{problem.level} {problem.where}" for problem in problems]


def test_a_project_that_cannot_be_read_is_reported_like_any_other_problem(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(PROJECT.replace("0.6", '"x"'), encoding="utf-8")

    assert [problem.where for problem in project_check.check_project(tmp_path)] == ["project.toml [gate].minimum"]


UNREADABLE_AND_WRONG = {
    "customer": "X",
    "0.6": "true",
    "eu-west-1": "Y",
    "[instances]": "[instance]\n[instances]",
    'studio = "ml.t3.medium"': 'studio = 3\ntraining = "ml.m5.larg"\nendpoint = "ml.t2.medium"',
}


def test_the_readable_part_is_checked_even_if_the_rest_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(replaced(UNREADABLE_AND_WRONG), encoding="utf-8")

    _, problems, code = project_check.examine(tmp_path)

    assert code == 2
    assert places(problems) == [
        "error project.toml",
        "error project.toml [gate].minimum",
        "error project.toml [instances].studio",
        "error project.toml [project].vertical",
        "error project.toml [project].region",
        "error project.toml [instances].training",
        "warning project.toml [instances].endpoint",
    ]


def test_a_missing_value_is_reported_only_as_missing(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(replaced({'slug = "churn"\n': "", '"eu-west-1"': "1"}), encoding="utf-8")

    assert places(project_check.check_project(tmp_path)) == [
        "error project.toml [project].slug",
        "error project.toml [project].region",
    ]


@pytest.mark.parametrize(
    ("changes", "error", "where"),
    [
        pytest.param({"customer": "X"}, RefusedError, ["[project].vertical"], id="refused"),
        pytest.param({"0.6": "true"}, UserError, ["[gate].minimum"], id="unreadable"),
        pytest.param(
            {"0.6": "true", "customer": "X", "ml.t3.medium": "ml.m9i.large"},
            UserError,
            ["[gate].minimum", "[project].vertical", "[instances].studio"],
            id="both, and a warning",
        ),
    ],
)
def test_settings_with_errors_are_not_loaded(
    tmp_path: Path, changes: dict[str, str], error: type[UserError], where: list[str]
) -> None:
    (tmp_path / "project.toml").write_text(replaced(changes), encoding="utf-8")

    with pytest.raises(UserError) as caught:
        project_check.load(tmp_path)

    assert type(caught.value) is error
    assert [problem.where for problem in caught.value.problems] == [f"project.toml {place}" for place in where]


def test_settings_with_warnings_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(replaced({"ml.t3.medium": "ml.m9i.large"}), encoding="utf-8")

    loaded, problems = project_check.load(tmp_path)

    assert loaded.instances.studio == "ml.m9i.large"
    assert places(problems) == ["warning project.toml [instances].studio"]


def test_the_names_of_pipeline_files_are_checked(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(replaced({"ml.t3.medium": "ml.m9i.large"}), encoding="utf-8")
    folder = tmp_path / "production" / "pipelines"
    folder.mkdir(parents=True)
    for name in ("train.py", "_shared.py", "train_model.py"):
        (folder / name).touch()

    problem, warning = project_check.check_project(tmp_path)

    assert problem.where == "production/pipelines/train_model.py"
    assert warning.level == "warning", "it comes last"
    assert "such as 'trainmodel'" in problem.message


@pytest.mark.parametrize(
    ("minutes", "sentences"), [(12_960, []), (12_961, ["AWS allows a processing job 12960 minutes"])]
)
def test_a_job_must_not_run_longer_than_aws_allows(minutes: int, sentences: list[str]) -> None:
    problems = project_check.check(replace(SETTINGS, pipeline=Pipeline(max_runtime_minutes=minutes)), OPEN)

    assert [
        problem.message[: len(sentence)] for problem, sentence in zip(problems, sentences, strict=True)
    ] == sentences
    assert [problem.where for problem in problems] == ["project.toml [pipeline].max_runtime_minutes"] * len(sentences)


@pytest.mark.parametrize(
    ("training", "sentences"),
    [
        pytest.param(Training(), {}, id="defaults"),
        pytest.param(Training(spot=True), {}, id="spot"),
        pytest.param(Training(spot=True, max_wait_minutes=60), {}, id="no longer than it runs"),
        pytest.param(Training(keep_alive_minutes=60), {}, id="kept for an hour"),
        pytest.param(Training(spot=True, keep_alive_minutes=1), {"keep_alive_minutes": "of a spot job"}, id="both"),
        pytest.param(Training(max_wait_minutes=90), {"max_wait_minutes": "only for spot jobs"}, id="wait without spot"),
        pytest.param(Training(spot=True, max_wait_minutes=59), {"max_wait_minutes": "write 60 or more"}, id="short"),
        pytest.param(Training(keep_alive_minutes=61), {"keep_alive_minutes": "write 0 to 60"}, id="kept for too long"),
        pytest.param(Training(keep_alive_minutes=-1), {"keep_alive_minutes": "write 0 to 60"}, id="negative"),
        pytest.param(
            Training(max_wait_minutes=9, keep_alive_minutes=99),
            {"max_wait_minutes": "only for spot jobs", "keep_alive_minutes": "at most 60 minutes"},
            id="two at once",
        ),
    ],
)
def test_spot_jobs_and_warm_pools_that_aws_would_refuse_are_reported(
    training: Training, sentences: dict[str, str]
) -> None:
    problems = project_check.check(replace(SETTINGS, training=training), OPEN)

    assert [problem.where for problem in problems] == [f"project.toml [training].{key}" for key in sentences]
    assert all(sentence in problem.message for problem, sentence in zip(problems, sentences.values(), strict=True))
    assert {problem.level for problem in problems} <= {"error"}


STEPS = 'jobs.processing_step("DailyScoring", "x.py")\njobs.transform_step(\'scores-all\', model)\n'


@pytest.mark.parametrize(
    ("table", "key", "sentence"),
    [
        pytest.param("instances", "daily_scoring", "", id="a step"),
        pytest.param("images", "daily_scoring", "", id="an image of a step"),
        pytest.param("instances", "scores_all", "", id="a step with a hyphen"),
        pytest.param("images", "inference", "", id="serving image"),
        pytest.param("images", "training", "", id="a usual step"),
        pytest.param("instances", "evaluation", "", id="another usual step"),
        pytest.param("instances", "dailyscoring", "no pipeline has a step with this name", id="no step"),
        pytest.param("instances", "trainig", "Did you mean 'training'?", id="a typo"),
        pytest.param("images", "inferrence", "Did you mean 'inference'?", id="a typo in images"),
    ],
)
def test_a_key_that_is_not_the_name_of_a_step_is_a_warning(tmp_path: Path, table: str, key: str, sentence: str) -> None:
    folder = tmp_path / "production" / "pipelines" / "parts"
    folder.mkdir(parents=True)
    (folder / "scoring.py").write_text(STEPS, encoding="utf-8")
    added = f'{key} = "ml.m5.large"\n' if table == "instances" else f'[images]\n{key} = "1.9-0"\n'
    (tmp_path / "project.toml").write_text(PROJECT + added, encoding="utf-8")

    _, problems, code = project_check.examine(tmp_path)

    assert code == 0
    assert places(problems) == [f"warning project.toml [{table}].{key}"] * bool(sentence)
    assert all(sentence in problem.message for problem in problems)


@pytest.mark.parametrize(
    ("step", "file", "sentence"),
    [
        pytest.param("DailyScoring", "stubs/made.json", "", id="a stub"),
        pytest.param("DailyScorin", "stubs/made.json", "Did you mean 'DailyScoring'?", id="no step"),
        pytest.param("DailyScoring", "stubs/mde.json", "there is no file 'stubs/mde.json'.", id="no file"),
        pytest.param("DailyScoring", "stubs", "there is no file 'stubs'.", id="a folder"),
    ],
)
def test_a_stub_without_a_step_or_a_file_is_a_warning(tmp_path: Path, step: str, file: str, sentence: str) -> None:
    for folder in ("production/pipelines", "stubs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "production/pipelines/scoring.py").write_text(STEPS, encoding="utf-8")
    (tmp_path / "stubs/made.json").write_text("{}", encoding="utf-8")
    (tmp_path / "project.toml").write_text(f'{PROJECT}[local.stubs]\n{step} = "{file}"\n', encoding="utf-8")

    _, problems, code = project_check.examine(tmp_path)

    assert code == 0
    assert places(problems) == [f"warning project.toml [local.stubs].{step}"] * bool(sentence)
    assert all(sentence in problem.message for problem in problems)


def test_the_instance_type_of_a_step_must_exist(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(PROJECT + 'daily_scoring = "ml.m5.larg"\n', encoding="utf-8")

    error, warning = project_check.check_project(tmp_path)

    assert (error.where, error.level) == ("project.toml [instances].daily_scoring", "error")
    assert "'ml.m5.large'" in error.message
    assert warning.message == "no pipeline has a step with this name."


def test_the_longest_run_time_is_the_one_in_botocore() -> None:
    shapes = Loader().load_service_model("sagemaker", "service-2")["shapes"]

    assert shapes["ProcessingMaxRuntimeInSeconds"]["max"] == project_check.MAX_RUNTIME_MINUTES * 60


@pytest.mark.parametrize(
    ("source", "sentence"),
    [("s3://lake/flights/", ""), ("s3://My_Lake/flights/", "such as 'my-lake'"), ("data/My_Lake.csv", "")],
)
def test_the_bucket_of_the_data_must_have_a_valid_name(source: str, sentence: str) -> None:
    problems = project_check.check(replace(SETTINGS, data=replace(SETTINGS.data, source=source)), OPEN)

    assert [problem.where for problem in problems] == ["project.toml [data].source"] * bool(sentence)
    assert all(sentence in problem.message for problem in problems)


@pytest.mark.parametrize("name", ["anna", "ab", "a1234567"])
def test_a_user_of_one_short_word_passes(name: str) -> None:
    assert project_check.check_user(name, "--as") == []


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("Anna", "anna"),
        ("anna.schmidt@example.com", "annaschm"),
        ("x", "anna"),
        ("a" * 9, "a" * 8),
        ("anna-b", "annab"),
    ],
)
def test_an_invalid_user_name_is_reported(name: str, example: str) -> None:
    [problem] = project_check.check_user(name, "--as")

    assert problem.where == "--as"
    assert f"'{name}' is not a valid user name: use 2 to 8 lower-case letters" in problem.message
    assert problem.message.endswith(f"such as '{example}'.")


@pytest.mark.parametrize(
    ("replacements", "code", "lines"),
    [
        pytest.param({}, 0, [], id="no problem"),
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
def test_the_command_prints_a_line_per_problem_and_exits_with_the_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    replacements: dict[str, str],
    code: int,
    lines: list[str],
) -> None:
    (tmp_path / "project.toml").write_text(replaced(replacements), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["guardrails"])

    assert command.main() == code

    printed = capsys.readouterr()
    assert printed.out == ""
    assert [":".join(line.split(":")[:2]) for line in printed.err.splitlines()] == lines


@pytest.mark.slow
def test_in_a_new_project_the_command_needs_only_python(bake: Bake) -> None:
    project = bake()
    project.edit("project", vertical='"Retail"')

    # -S: Python without any installed packages.
    done = project.run(sys.executable, "-S", "-B", "-m", "sagemaker_ops.guardrails")

    assert (done.code, done.out) == (3, ""), done
    [line] = done.err.splitlines()
    assert line.startswith("error: project.toml [project].vertical: 'Retail'")


def test_a_problem_without_a_place_is_shown_as_its_message() -> None:
    assert str(Problem("no way")) == "no way"
    assert str(Problem("no way", "here")) == "here: no way"


IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/image:1"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        pytest.param({"pipeline": Pipeline(volume_size_gb=16384)}, "", id="largest disk"),
        pytest.param(
            {"pipeline": Pipeline(volume_size_gb=10**30)},
            f"[pipeline].volume_size_gb: the value is {10**30}, but AWS accepts 1 to 16384.",
            id="disk",
        ),
        pytest.param({"images": Images(IMAGE, {"training": f"{IMAGE}@sha256:{'0' * 64}"})}, "", id="images"),
        pytest.param(
            {"images": Images("../x")},
            "[images].default: the value is '../x', which AWS does not accept: write an image such as 1234",
            id="path as image",
        ),
        pytest.param({"images": Images(steps={"training": "a b/c"})}, "[images].training: the value is 'a", id="space"),
        pytest.param(
            {"images": Images(steps={"inference": f"a/{'x' * 254}"})},
            "…') has 256 characters, but AWS accepts at most 255: shorten it.",
            id="long image",
        ),
        pytest.param({"hyperparameters": {"a": "x" * 2500, "b": 10**30}}, "", id="longest hyperparameter"),
        pytest.param(
            {"hyperparameters": {"a": "x" * 2501}},
            "[hyperparameters].a: the value ('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…') has 2501 characters, but AWS",
            id="long hyperparameter",
        ),
        pytest.param(
            {"hyperparameters": {"a": "1\n2"}}, "[hyperparameters].a: the value is '1\\n2', which AWS", id="lines"
        ),
    ],
)  # fmt: skip
def test_values_that_become_fields_of_a_request_are_within_its_limits(settings: dict[str, Any], problem: str) -> None:
    found = project_check.check(replace(SETTINGS, **settings), OPEN)

    assert len(found) == bool(problem)
    assert all(problem in str(each) for each in found)
