"""`ops new`: which names a new step or pipeline can have, what is written, and that it works."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import NO_BYTECODE, TEMPLATE, TEMPLATE_PROJECT, VENDOR, Bake, Project, Result

from sagemaker_ops.commands import app
from sagemaker_ops.guardrails import script_names
from sagemaker_ops.project import layout, scaffold

Ops = Callable[..., Result]

LONG = "a" * 19 + "_" + "b" * 20
LINES = """\
    score_customers = jobs.processing_step(
        "ScoreCustomers",
        "score_customers.py",
        inputs={"data": jobs.output(processing, "train")},
        outputs=["output"],
    )
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The parts of a project that the command reads, and ruff."""
    for folder in ("production", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(TEMPLATE_PROJECT / folder, tmp_path / folder, ignore=ignored)
    for file in ("project.toml", "pyproject.toml"):
        shutil.copy(TEMPLATE_PROJECT / file, tmp_path)
    return Project(tmp_path)


@pytest.fixture
def ops(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ops:
    """The command in this process, in the project's folder."""
    monkeypatch.chdir(project.path)
    monkeypatch.setattr(layout, "vendored_in", lambda: None)  # otherwise the template's own folder is the project

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["ops", *arguments])
        with pytest.raises(SystemExit) as end:
            app.main()
        return Result(int(end.value.code or 0), *capsys.readouterr())

    return run


def pasted(pipeline: str, step: Result) -> str:
    """The text of a pipeline after adding the lines that `ops new step` has printed."""
    lines = step.out.partition(":\n\n")[2].rstrip("\n")
    variable = lines.split()[0]
    assert "    steps = [processing]\n" in pipeline
    return pipeline.replace("    steps = [processing]\n", f"{lines}\n    steps = [processing, {variable}]\n")


@pytest.mark.parametrize("name", ["score-customers", "score_customers", "ScoreCustomers"])
def test_a_step_is_a_script_with_its_test_and_lines_for_a_pipeline(project: Project, ops: Ops, name: str) -> None:
    before = project.files()

    done = ops("new", "step", name)

    assert (done.code, done.err) == (0, ""), done
    script, test = "production/steps/score_customers.py", "tests/steps/test_score_customers.py"
    assert project.files() - before == {script, test}
    assert done.out.splitlines()[:2] == [f"Wrote {script}.", f"Wrote {test}."]
    assert done.out.endswith(f", below `processing`,\nand `score_customers` to its steps:\n\n{LINES}\n")


@pytest.mark.parametrize(("name", "tunes"), [("nightly", False), ("tuner", False), ("tune", True)])
def test_a_pipeline_is_a_file_with_its_test_and_says_how_it_runs(
    project: Project, ops: Ops, name: str, tunes: bool
) -> None:
    before = project.files()

    done = ops("new", "pipeline", name)

    assert (done.code, done.err) == (0, ""), done
    file, test = f"production/pipelines/{name}.py", f"tests/pipelines/test_{name}.py"
    assert project.files() - before == {file, test}
    assert done.out == f"Wrote {file}.\nWrote {test}.\n\nRun it with `ops run {name}`.\n"
    assert ("tuning_step" in (project.path / file).read_text(encoding="utf-8")) == tunes


def test_the_guide_quotes_what_is_printed(ops: Ops) -> None:
    guide = (TEMPLATE / "docs" / "commands.md").read_text(encoding="utf-8")

    for command in (("new", "step", "score-customers"), ("new", "pipeline", "nightly")):
        assert f"ops {' '.join(command)}\n```\n\n```text\n{ops(*command).out.rstrip()}\n```" in guide


@pytest.mark.parametrize(
    ("name", "reason", "better"),
    [
        pytest.param("Score Customers", "not a valid step name", "score_customers", id="a space"),
        pytest.param("score.customers", "not a valid step name", "score_customers", id="a dot"),
        pytest.param("score_customers.py", "not a valid step name", "score_customers", id="with .py"),
        pytest.param("production/steps/scores.py", "not a valid step name", "scores", id="a path"),
        pytest.param("../scores", "not a valid step name", "scores", id="a path out of the folder"),
        pytest.param("_scores", "not a valid step name", "scores", id="a leading underscore"),
        pytest.param("scores_", "not a valid step name", "scores", id="a trailing underscore"),
        pytest.param("score__customers", "not a valid step name", "score_customers", id="two underscores"),
        pytest.param("2nd-score", "not a valid step name", "nd_score", id="a digit first"),
        pytest.param("café", "not a valid step name", "caf", id="not ASCII"),
        pytest.param("", "not a valid step name", "score_customers", id="nothing"),
        pytest.param("x", "write 2 to 40", "score_customers", id="one letter"),
        pytest.param("a" * 41, "write 2 to 40", "a" * 40, id="41 letters"),
        pytest.param("pandas.py", "not a valid step name", "score_customers", id="what is left is a package"),
        pytest.param("class", "a keyword of Python", "class_step", id="a keyword"),
        pytest.param("csv", "Python's standard library", "csv_step", id="standard library"),
        pytest.param("chunk", "Python's standard library", "chunk_step", id="standard library of the image's Python"),
        pytest.param("pandas", "a package in AWS's image", "pandas_step", id="pandas"),
        pytest.param("sklearn", "a package in AWS's image", "sklearn_step", id="scikit-learn"),
        pytest.param("flask", "a package in AWS's image", "flask_step", id="what serves a model"),
        pytest.param("typer", "an installed package", "typer_step", id="an installed package"),
        pytest.param("sagemaker-ops", "an installed package", "sagemaker_ops_step", id="the library"),
        pytest.param("setup", "SageMaker would run", "setup_step", id="setup.py"),
        pytest.param("conftest", "pytest runs", "conftest_step", id="conftest.py"),
        pytest.param("tests", "a folder of the project", "tests_step", id="a folder"),
        pytest.param("aux", "a device name on Windows", "aux_step", id="a device"),
    ],
)
def test_an_invalid_step_name_is_refused_with_a_suggestion(name: str, reason: str, better: str) -> None:
    [problem] = script_names.check_step(name, "NAME")

    assert reason in problem.message
    assert problem.message.endswith(f", such as '{better}'.")


@pytest.mark.parametrize("name", ["numpy", "joblib", "pyarrow", "scipy", "boto3", "sagemaker_training"])
def test_a_step_cannot_hide_a_package_even_if_it_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setattr(script_names.sysconfig, "get_path", lambda _: str(tmp_path))

    [problem] = script_names.check_step(name, "NAME")

    assert f"such as '{name}_step'" in problem.message


@pytest.mark.parametrize("name", ["score", "scoreCustomers", "ab", LONG, "match", "data", "top-10", "filter"])
def test_any_other_name_is_accepted(name: str) -> None:
    assert script_names.check_step(name, "NAME") == []


@pytest.mark.parametrize("name", ["class", "aux", LONG, "continue"])
def test_a_suggested_name_is_valid(name: str) -> None:
    messages = [*script_names.check_step(name, ""), *script_names.check_pipeline(name, "")]

    better = [re.findall(r"such as '(\w+)'", problem.message)[0] for problem in messages]

    assert [script_names.check_step(each, "") for each in better] == [[] for _ in better]


@pytest.mark.parametrize(
    ("name", "better"),
    [
        pytest.param("Nightly", "nightly", id="a capital"),
        pytest.param("nightly-scores", "nightlyscores", id="a hyphen"),
        pytest.param("nightly_scores", "nightlyscores", id="an underscore"),
        pytest.param("_nightly", "nightly", id="a leading underscore"),
        pytest.param("a" * 17, "a" * 16, id="17 letters"),
        pytest.param("../train", "train", id="a path"),
        pytest.param("lambda", "lambdapipeline", id="a keyword"),
        pytest.param("con", "conpipeline", id="a device"),
    ],
)
def test_an_invalid_pipeline_name_is_refused_with_a_suggestion(name: str, better: str) -> None:
    [problem] = script_names.check_pipeline(name, "NAME")

    assert problem.message.endswith(f" such as '{better}'.")


@pytest.mark.parametrize("name", ["nightly", "queue", "pandas", "z" * 16])
def test_a_pipeline_can_have_the_name_of_a_module(name: str) -> None:
    assert script_names.check_pipeline(name, "NAME") == []


@pytest.mark.parametrize(("kind", "name"), [("step", "pandas"), ("step", "../scores"), ("pipeline", "nightly-scores")])
def test_a_name_is_refused_before_anything_is_written(project: Project, ops: Ops, kind: str, name: str) -> None:
    before = project.files()

    done = ops("new", kind, name)

    assert (done.code, done.out) == (3, ""), done
    [line] = done.err.splitlines()
    assert line.startswith(f"error: NAME: '{name}' is ")
    assert project.files() == before


@pytest.mark.parametrize(
    ("kind", "name", "taken"),
    [
        pytest.param("step", "training", ["production/steps/training.py"], id="a script"),
        pytest.param("step", "steps", ["tests/steps/test_steps.py"], id="a test"),
        pytest.param("pipeline", "tune", ["tests/pipelines/test_tune.py"], id="the test of tune"),
        pytest.param("step", "helpers", ["production/steps/helpers"], id="a package"),
        pytest.param(
            "pipeline", "train", ["production/pipelines/train.py", "tests/pipelines/test_train.py"], id="both files"
        ),
    ],
)
def test_nothing_is_overwritten(project: Project, ops: Ops, kind: str, name: str, taken: list[str]) -> None:
    (project.path / "production/steps/helpers").mkdir()
    (project.path / "tests/pipelines/test_tune.py").touch()
    before = {file: (project.path / file).read_bytes() for file in project.files()}

    done = ops("new", kind, name)

    assert (done.code, done.out) == (2, ""), done
    assert [line.split(": ")[1] for line in done.err.splitlines()] == taken
    assert all("already exists and is not overwritten" in line for line in done.err.splitlines())
    assert {file: (project.path / file).read_bytes() for file in project.files()} == before


def test_a_test_that_cannot_be_written_leaves_no_script_behind(project: Project, ops: Ops) -> None:
    test = project.path / "tests/steps/test_scores.py"
    test.symlink_to("nowhere")
    before = project.files()

    done = ops("new", "step", "scores")

    assert (done.code, done.out) == (2, ""), done
    assert done.err.startswith("error: tests/steps/test_scores.py: cannot be written: "), done
    assert project.files() == before
    assert test.is_symlink()


def test_a_missing_folder_for_tests_is_created(project: Project, ops: Ops) -> None:
    shutil.rmtree(project.path / "tests")

    assert ops("new", "step", "scores").code == 0
    assert (project.path / "tests/steps/test_scores.py").is_file()


@pytest.mark.parametrize(
    ("name", "variable"),
    [("scores", "scores"), ("schema", "schema_step"), ("jobs", "jobs_step"), ("list", "list_step")],
)
def test_the_printed_variable_is_none_that_a_pipeline_has(ops: Ops, name: str, variable: str) -> None:
    done = ops("new", "step", name)

    assert f"\n    {variable} = jobs.processing_step(\n" in done.out
    assert f"and `{variable}` to its steps:" in done.out


def test_a_pipeline_that_cannot_be_read_is_ignored(project: Project, ops: Ops) -> None:
    (project.path / "production/pipelines/broken.py").write_text("def (", encoding="utf-8")

    assert ops("new", "step", "scores").code == 0


@pytest.mark.parametrize(("step", "pipeline"), [("ab", "ab"), ("zz", "z" * 16), (LONG, "a" * 16)])
def test_what_is_written_has_the_projects_style_whatever_its_name(
    project: Project, ops: Ops, step: str, pipeline: str
) -> None:
    made = ops("new", "step", step)
    assert ops("new", "pipeline", pipeline).code == 0
    file = project.path / "production/pipelines" / f"{pipeline}.py"
    file.write_text(pasted(file.read_text(encoding="utf-8"), made), encoding="utf-8")

    ruff = Path(sys.executable).with_name("ruff")
    checked = project.run(ruff, "check", "--no-cache", ".")
    formatted = project.run(ruff, "format", "--no-cache", "--check", ".")

    assert checked.code == 0, checked
    assert formatted.code == 0, formatted


@pytest.mark.slow
def test_with_one_of_each_a_new_project_is_still_small(bake: Bake) -> None:
    project = bake()
    scaffold.write_step("score_customers", project.path)
    scaffold.write_pipeline("nightly", project.path)
    scaffold.write_pipeline("tune", project.path)

    own = [project.path / file for file in project.files() if not file.startswith("vendor/")]
    lines = [line for file in own if file.suffix == ".py" for line in file.read_text(encoding="utf-8").splitlines()]

    assert len(own) <= 50
    assert len(lines) <= 1500


@pytest.mark.slow
def test_the_test_of_a_new_step_passes(project: Project, ops: Ops) -> None:
    ops("new", "step", "score-customers")

    pytest_here = (sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-rA")
    done = project.run(*pytest_here, "tests/steps/test_score_customers.py", PYTHONPATH=str(VENDOR), **NO_BYTECODE)

    assert done.code == 0, done
    assert done.out.count("PASSED ") == 2


@pytest.mark.slow
def test_a_new_step_in_a_new_pipeline_runs_at_once_and_passes_every_check(ready: Bake) -> None:
    project = ready()
    made = project.ops("new", "step", "score-customers")
    same = project.ops("new", "step", "nightly")
    new = project.ops("new", "pipeline", "nightly")
    assert (made.code, same.code, new.code) == (0, 0, 0), (made, same, new)

    first = project.make("run")
    assert first.code == 0, first
    assert first.out.count("\nSucceeded in ") == 2, "both pipelines"

    file = project.path / "production/pipelines/nightly.py"
    file.write_text(pasted(file.read_text(encoding="utf-8"), made), encoding="utf-8")
    second = project.ops("run", "nightly")
    assert second.code == 0, second
    assert re.search(r"^ScoreCustomers +Processing +Succeeded", second.out, re.MULTILINE), second
    [log] = project.path.glob(".local/runs/*/ScoreCustomers/log.txt")
    assert re.search(r"^read \d+ rows, wrote \d+$", log.read_text(encoding="utf-8"), re.MULTILINE)

    tests = ("tests/steps/test_score_customers.py", "tests/steps/test_nightly.py", "tests/pipelines/test_nightly.py")
    tested = project.run(".venv/bin/python", "-m", "pytest", *tests)
    assert tested.code == 0, tested
    linted = project.make("lint")
    assert linted.code == 0, linted
