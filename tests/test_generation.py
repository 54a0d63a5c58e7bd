"""Answers give a project, or messages and no project."""

from __future__ import annotations

import shlex
import shutil
import tomllib
from pathlib import Path

import pytest
from projects import TEMPLATE, TEMPLATE_PROJECT, VENDOR, Bake, bake_into, cookiecutter_command

# Every file of a new project, by folder.
FILES = {
    ".": """
        .cruft.json .gitattributes .gitignore .gitlab-ci.yml .ignore .pre-commit-config.yaml AGENTS.md Makefile
        README.md constraints.txt guardrails.toml mkdocs.yml project.toml pyproject.toml renovate.json
    """,
    "ci": """
        aws.yml base.yml checks.yml
    """,
    "data/sample": """
        README.md flights_classification.csv flights_regression.csv
    """,
    "develop": """
        README.md spark.ipynb try_a_model.ipynb
    """,
    "docs": """
        index.md
    """,
    "eda": """
        README.md look_at_the_data.ipynb
    """,
    "production/pipelines": """
        _common.py
        train.py
    """,
    "production/steps": """
        README.md evaluation.py features.py inference.py metrics.py model.py monitoring.py predicting.py processing.py
        processing_spark.py training.py
    """,
    "tests/notebooks": """
        test_notebooks.py
    """,
    "tests/pipelines": """
        test_train.py
    """,
    "tests/steps": """
        test_steps.py
    """,
}


@pytest.mark.parametrize("problem", ["classification", "regression"])
def test_a_project_has_exactly_these_files(bake: Bake, problem: str) -> None:
    expected = {str(Path(folder) / name) for folder, names in FILES.items() for name in names.split()}

    files = bake(problem=problem).files()

    assert {name for name in files if not name.startswith("vendor/")} == expected
    library = (path for path in VENDOR.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert {name for name in files if name.startswith("vendor/")} == {
        path.relative_to(TEMPLATE_PROJECT).as_posix() for path in library
    }


@pytest.mark.slow
def test_the_answers_are_in_project_toml(bake: Bake) -> None:
    project = bake(
        project_name="Churn", vertical="revenue", problem="regression", training_instance_type="ml.m5.2xlarge"
    )

    settings = tomllib.loads((project.path / "project.toml").read_text(encoding="utf-8"))
    assert settings["project"]["name"] == "Churn"
    assert settings["project"]["slug"] == project.path.name == "churn"
    assert settings["project"]["vertical"] == "revenue"
    assert settings["data"]["problem"] == "regression"
    assert settings["data"]["source"] == "data/sample/flights_regression.csv"
    assert settings["instances"]["training"] == "ml.m5.2xlarge"


def test_the_new_project_is_a_git_repository_on_main(bake: Bake) -> None:
    head = (bake().path / ".git" / "HEAD").read_text(encoding="utf-8")

    assert head == "ref: refs/heads/main\n"


@pytest.mark.slow
def test_no_repository_is_made_inside_another_one(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()

    assert not (bake_into(tmp_path).path / ".git").exists()


@pytest.mark.slow
def test_without_git_the_project_is_made_and_says_so(tmp_path: Path) -> None:
    done = cookiecutter_command(tmp_path, PATH=str(tmp_path))

    assert done.code == 0, done
    assert "run `git init`" in done.err
    assert (tmp_path / "flight-delays" / "project.toml").is_file()


@pytest.mark.slow
def test_the_next_two_commands_are_printed(tmp_path: Path) -> None:
    done = cookiecutter_command(tmp_path)

    assert done.code == 0, done
    assert done.err == ""
    assert "make run" in done.out
    assert "make test" in done.out


@pytest.mark.slow  # tests/guardrails/test_project_check.py has fast tests of what is refused, and how
@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param("vertical=Retail", "such as 'retail'", id="capital letters"),
        pytest.param("vertical=retail-emea", "such as 'retailemea'", id="hyphen in the vertical"),
        pytest.param("project_slug=Churn_Model", "such as 'churn-model'", id="underscore"),
        pytest.param("project_slug=" + "a" * 41, "it has 41 characters", id="too long"),
        pytest.param("training_instance_type=m5.large", "write 'ml.m5.large'", id="ml. left out"),
        pytest.param("training_instance_type=ml.t2.medium", "only for endpoint, notebook", id="not for training"),
        pytest.param(
            "processing_instance_type=ml.m8.xlarge",
            "Did you mean 'ml.m5.xlarge' (4 vCPU, 16 GiB)?",
            id="does not exist",
        ),
        pytest.param("training_instance_type=ml.p3.2xlarge", "use 'ml.g5.2xlarge'", id="retired"),
        pytest.param("region=Ireland", "such as 'eu-west-1'", id="region"),
        pytest.param("owner=R&D", "AWS tags do not allow '&'", id="owner that is not a valid tag"),
    ],
)
def test_a_wrong_answer_gets_one_sentence_and_leaves_nothing(tmp_path: Path, answer: str, sentence: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()

    done = cookiecutter_command(inside, answer)

    assert done.code != 0
    [line] = [line for line in done.err.splitlines() if sentence in line]
    assert "Traceback" not in line
    assert sorted(path.name for path in inside.iterdir() if path.name != "home") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside"]


@pytest.mark.slow
def test_all_wrong_answers_are_reported_together(tmp_path: Path) -> None:
    done = cookiecutter_command(tmp_path, "vertical=X", "region=Y", "training_instance_type=ml.m5.larg")

    assert [line.split(":")[1].strip() for line in done.err.splitlines() if line.startswith("error:")] == [
        "project.toml [project].vertical",
        "project.toml [project].region",
        "project.toml [instances].training",
    ]
    assert not (tmp_path / "flight-delays").exists()


@pytest.mark.slow
def test_an_unwise_answer_is_a_warning_and_the_project_is_made(tmp_path: Path) -> None:
    done = cookiecutter_command(tmp_path, "training_instance_type=ml.m4.xlarge")

    assert done.code == 0, done
    assert done.err.startswith(
        "warning: project.toml [instances].training: 'ml.m4.xlarge' belongs to an old family: use"
    )
    assert (tmp_path / "flight-delays" / "project.toml").is_file()


@pytest.mark.slow
def test_the_organisations_policy_applies_to_the_answers(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('verticals = ["revenue"]', encoding="utf-8")

    refused = cookiecutter_command(tmp_path, OPS_GUARDRAILS=str(policy))
    made = cookiecutter_command(tmp_path, "vertical=revenue", OPS_GUARDRAILS=str(policy))

    assert refused.code != 0
    assert f"'customer' is not one of the verticals in {policy}. Write 'revenue'." in refused.err
    assert made.code == 0, made


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["project_slug=Churn.Model", "vertical=Retail"], ids=["before", "after"])
def test_a_refusal_shows_the_command_that_keeps_the_answers(tmp_path: Path, answer: str) -> None:
    refused = cookiecutter_command(tmp_path, "project_name=Who leaves?", answer, "problem=regression")

    assert refused.code != 0
    lines = refused.err.splitlines()
    [place] = [number for number, line in enumerate(lines) if line.startswith("No project was generated.")]
    words = shlex.split(lines[place + 1])
    assert words[0] == "cookiecutter"
    assert {"project_name=Who leaves?", answer, "problem=regression"} < set(words)
    answers = [word for word in words if "=" in word and not word.startswith(("project_slug=", "vertical="))]

    again = cookiecutter_command(tmp_path, *answers, template=Path(words[1]))

    assert again.code == 0, again
    assert (tmp_path / "who-leaves" / "project.toml").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [("--overwrite-if-exists",), ("--overwrite-if-exists", "--skip-if-file-exists")],
    ids=["overwrite", "overwrite but skip"],
)
def test_a_folder_with_files_is_not_changed(tmp_path: Path, options: tuple[str, ...]) -> None:
    folder = tmp_path / "flight-delays"
    folder.mkdir()
    (folder / "project.toml").write_text("mine", encoding="utf-8")

    done = cookiecutter_command(tmp_path, options=options)

    assert done.code != 0
    assert "already contains files" in done.err
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == {"project.toml": "mine"}


def test_generation_leaves_no_bytecode(bake: Bake) -> None:
    assert [name for name in bake().files() if "__pycache__" in name] == []


@pytest.mark.slow
def test_what_python_compiled_in_the_template_is_not_in_a_project(tmp_path: Path) -> None:
    copy = tmp_path / "template"
    left_out = shutil.ignore_patterns(".git", ".venv", "build", "site", "docs", "tests", "findings", "__pycache__")
    shutil.copytree(TEMPLATE, copy, ignore=left_out)
    for folder in ("vendor/sagemaker_ops", "vendor/sagemaker_ops/local", "production/steps"):
        compiled = copy / TEMPLATE_PROJECT.name / folder / "__pycache__"
        compiled.mkdir()
        (compiled / "old.cpython-311.pyc").touch()

    done = cookiecutter_command(tmp_path, template=copy)

    assert done.code == 0, done
    assert [*(tmp_path / "flight-delays").rglob("__pycache__")] == []


def test_make_run_runs_every_pipeline(bake: Bake) -> None:
    project = bake()
    folder = project.path / "production" / "pipelines"
    for name in ("nightly.py", "_common.py"):
        (folder / name).write_text("", encoding="utf-8")

    done = project.run("make", "--dry-run", "run")

    assert done.code == 0, done
    names = done.out.partition("for name in ")[2].partition(";")[0]
    assert sorted(names.split()) == ["nightly", "train"]
