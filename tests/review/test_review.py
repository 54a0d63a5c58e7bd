"""`ops review` in real repositories: it reads what has run here, and runs the other branch."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import Bake, Project, Result, bake_into, clean_environment
from repositories import Repository

from review import measurable

pytestmark = pytest.mark.slow  # each runs pipelines
STEP = "production/steps/evaluation.py"
WORSE = "  auc     0.7 ± 0.01  0.8 ± 0.01  -0.1        worse"


@pytest.fixture(scope="module")
def _committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = bake_into(tmp_path_factory.mktemp("committed"))
    measurable.prepare(project)
    return project.path


@pytest.fixture
def project(_committed: Path, tmp_path: Path) -> Project:
    return Project(shutil.copytree(_committed, tmp_path / "our models" / _committed.name, symlinks=True))


def ops(project: Project, *arguments: str) -> Result:
    return project.run(sys.executable, "-B", "-m", "sagemaker_ops", *arguments)


def run(project: Project, auc: float, warning: str = "", code: int = 0) -> None:
    """Change the model, and run it here."""
    (project.path / STEP).write_text(measurable.script(auc, warning), encoding="utf-8")
    done = ops(project, "run", "train")
    assert done.code == code, done


def reviewed(project: Project, *arguments: str) -> tuple[list[str], str, str]:
    """The lines on the terminal, the page, and standard error."""
    done = ops(project, "review", "--against", "main", *arguments)
    assert done.code == 0, done
    return done.out.splitlines(), (project.path / "review.html").read_text(encoding="utf-8"), done.err


def plain(page: str) -> str:
    """The text of a page, in one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_metrics_are_beside_those_of_the_other_branch_which_is_run_once(project: Project) -> None:
    run(project, 0.7, "<b>'id' leaks the target.</b>")
    git = Repository(project.path)
    before = git.status()

    first, page, told = reviewed(project)
    [kept] = [each for each in (project.path / ".local" / "review").iterdir() if each.is_dir()]
    again, _, _ = reviewed(project)

    assert first[0] == "Every pipeline succeeded here, and the model passed the quality gate."
    assert "  Quality gate: auc is 0.7 and must be at least 0.65: passed by 0.05." in first
    assert "  warning: <b>'id' leaks the target.</b>" in first
    assert WORSE in first
    assert "train: 1 change" in first
    assert told == f"Running train at main ({git.git('rev-parse', 'main')[:8]}) …\n"
    assert "auc (gate) 0.7 ± 0.01 0.8 ± 0.01 -0.1 worse" in plain(page)
    assert "<b>" not in page
    assert again == first
    assert kept.name == git.git("rev-parse", "main")
    logs = sorted((kept / ".local" / "runs").glob("*/Evaluation/log.txt"))
    executions = list((kept / ".local" / "runs").glob("*/execution.json"))
    assert (len(logs), len(executions)) == (1, 2)  # the second one found its result in the cache
    assert (git.status(), len(git.git("worktree", "list").splitlines())) == (before, 1)


def test_without_an_execution_here_nothing_is_run_there(project: Project) -> None:
    lines, page, told = reviewed(project)

    assert (lines[0], told) == ("No result; run `make run` first: train.", "")
    assert "Not run: run make run first." in plain(page)
    assert not list((project.path / ".local" / "review").glob("*/.local/runs"))


def test_what_is_the_same_on_both_sides_is_not_run_again(project: Project) -> None:
    run(project, 0.8)

    lines, page, told = reviewed(project)

    assert told == ""
    assert "  auc     0.8 ± 0.01  0.8 ± 0.01  0           same" in lines
    assert "it was not run again" in page


def test_a_change_after_the_run_is_noticed(project: Project) -> None:
    run(project, 0.7)
    (project.path / STEP).write_text(measurable.script(0.75), encoding="utf-8")

    lines, _, _ = reviewed(project)

    assert lines[0] == "No result; run `make run` first: train."
    assert "  Code, data or settings have changed since this run: run `make run` again." in lines


def test_a_model_that_misses_the_gate_fails_the_review_but_not_the_command(project: Project) -> None:
    run(project, 0.6, code=1)

    lines, page, _ = reviewed(project)

    assert lines[0] == "Failed here: train."
    assert "  Quality gate: auc is 0.6 and must be at least 0.65: missed by 0.05." in lines
    assert any(line.startswith("  Failed in ") and line.endswith("auc is too low.") for line in lines)
    assert re.search(r"TooLow Fail Gate = false Failed", plain(page))


def test_a_parameter_that_was_set_by_hand_is_told(project: Project) -> None:
    (project.path / STEP).write_text(measurable.script(0.6), encoding="utf-8")
    assert ops(project, "run", "train", "--param", "QualityGate=0.5").code == 0

    lines, _, _ = reviewed(project)

    assert "  Run with QualityGate=0.5." in lines
    assert "  Quality gate: auc is 0.6 and must be at least 0.5: passed by 0.1." in lines


def _cannot_start(git: Repository) -> None:
    git.commit({"project.toml": git.text("project.toml").replace("target =", "tarket =")})


def _fails(git: Repository) -> None:
    git.commit({STEP: "raise ValueError('<no> rows')\n"})


def _fails_the_gate(git: Repository) -> None:
    git.commit({STEP: measurable.script(0.5)})


def _has_no_library(git: Repository) -> None:
    git.git("rm", "-r", "--quiet", "vendor")
    git.commit()


@pytest.mark.parametrize(
    ("break_it", "sentence", "metric"),
    [
        pytest.param(_cannot_start, "'train' cannot be compiled: project.toml", "-", id="its settings"),
        pytest.param(_fails, "There: Failed in ", "-", id="a step"),
        pytest.param(_fails_the_gate, "There: Failed in ", "0.5 ± 0.01", id="the gate"),
        pytest.param(_has_no_library, "has no library in vendor/, so its pipelines cannot be", "-", id="the library"),
    ],
)
def test_the_other_branch_that_fails_is_a_sentence_and_the_rest_is_shown(
    project: Project, break_it: Callable[[Repository], None], sentence: str, metric: str
) -> None:
    git = Repository(project.path)
    git.git("switch", "--quiet", "main")
    break_it(git)
    git.git("switch", "--quiet", "--create", "other", "main~1")
    run(project, 0.7)

    lines, page, _ = reviewed(project)

    assert lines[0] == "Every pipeline succeeded here, and the model passed the quality gate."
    assert any(sentence in line for line in lines)
    assert re.search(rf"auc \(gate\) 0.7 ± 0.01 {metric} ", plain(page))
    assert "<svg" in page
    assert "<no>" not in page


def test_data_that_is_not_in_git_is_shared_with_the_other_branch(project: Project) -> None:
    git = Repository(project.path)
    git.git("switch", "--quiet", "main")
    git.git("rm", "--quiet", "--cached", "data/table.csv")
    git.commit({".gitignore": git.text(".gitignore") + "data/table.csv\n"})
    git.git("switch", "--quiet", "--create", "other")
    run(project, 0.7)

    lines, _, _ = reviewed(project)

    assert WORSE in lines
    assert "train: 1 change" in lines


def test_the_page_can_be_written_elsewhere(project: Project) -> None:
    done = ops(project, "review", "--against=main", "--page=public/deep/review.html")

    assert done.code == 0, done
    assert (project.path / "public/deep/review.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_ctrl_c_also_stops_what_runs_at_the_other_branch(project: Project) -> None:
    git = Repository(project.path)
    git.git("switch", "--quiet", "main")
    git.commit({STEP: f"import time\ntime.sleep(100)  # {project.path}\n"})
    git.git("switch", "--quiet", "change")
    run(project, 0.7)
    process = subprocess.Popen(
        [sys.executable, "-B", "-m", "sagemaker_ops", "review"],
        cwd=project.path,
        env=clean_environment() | {"PYTHONPATH": str(project.path / "vendor")},
        stderr=subprocess.PIPE,
        text=True,
    )
    folder = project.path / ".local" / "review"
    while not list(folder.glob("*/.local/runs/*/Evaluation/log.txt")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert process.returncode not in (0, 2)
    assert "Traceback" not in err
    assert not (project.path / "review.html").exists()
    [execution] = folder.glob("*/.local/runs/*/execution.json")
    assert json.loads(execution.read_text(encoding="utf-8"))["status"] == "Stopped"


def test_the_real_pipeline_through_make(ready: Bake) -> None:
    project = ready()
    git = Repository(project.path)
    git.commit()
    git.git("branch", "-M", "main")
    project.edit("hyperparameters", max_iter="20")
    assert project.make("run").code == 0

    done = project.make("review", "AGAINST=main")

    assert done.code == 0, done
    page = plain((project.path / "review.html").read_text(encoding="utf-8"))
    assert "~ parameter MaxIter: 150 → 20" in done.out
    assert "data/schema.toml is not in git" in done.err
    assert re.search(r"auc \(gate\) 0\.\d+ ± 0\.\d+ 0\.5 0\.\d+ ± 0\.\d+ -?\+?0\.\d+ ", page)
    assert "Register RegisterModel" in page
    assert "review.html" not in git.status()
