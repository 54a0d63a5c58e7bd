"""What the Tab key offers, requested the way bash does."""

from __future__ import annotations

import sys

import pytest
from projects import Bake, Project, Result, bake_into

pytestmark = pytest.mark.slow  # each starts the command in a generated project
OPS = "import sys; sys.argv = ['ops']; from sagemaker_ops.commands.app import main; main()"


def offered(project: Project, typed: str) -> Result:
    """The completions of the last word of `typed`."""
    asked = {"_OPS_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split(" ")) - 1)}
    return project.run(sys.executable, "-B", "-c", OPS, **asked)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = bake_into(tmp_path_factory.mktemp("completion"))
    (made.path / "production" / "pipelines" / "predict.py").write_text("", encoding="utf-8")
    for name in ("abc", "abd", "xyz"):
        (made.path / ".local" / "runs" / name).mkdir(parents=True)
    return made


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        pytest.param("ops st", ["start-pipeline-execution", "stop-pipeline-execution"], id="commands"),
        pytest.param("ops new ", ["pipeline", "step"], id="what is new"),
        pytest.param("ops run --on", ["--only"], id="options"),
        pytest.param("ops run ", ["predict", "train"], id="pipelines"),
        pytest.param("ops delete-pipeline tr", ["train"], id="a pipeline"),
        pytest.param("ops list-pipelines --env ", ["dev", "prod"], id="environments on AWS"),
        pytest.param("ops compile train --env l", ["local"], id="this machine"),
        pytest.param("ops logs ab", ["abc", "abd"], id="executions"),
        pytest.param("ops logs l", ["latest"], id="the newest execution"),
        pytest.param("ops list-apps --output j", ["json"], id="outputs"),
        pytest.param("ops run --isolation n", ["namespace"], id="isolation"),
    ],
)
def test_matching_words_are_offered(project: Project, typed: str, words: list[str]) -> None:
    done = offered(project, typed)

    assert (done.code, done.err) == (0, ""), done
    assert sorted(done.out.split()) == words


@pytest.mark.parametrize(
    "content", ["[environments", "environments = 3\n", None], ids=["not TOML", "not a table", "no file"]
)
def test_without_a_readable_project_nothing_is_offered_or_printed(bake: Bake, content: str | None) -> None:
    broken = bake()
    file = broken.path / "project.toml"
    file.unlink()
    if content is not None:
        file.write_text(content, encoding="utf-8")

    done = offered(broken, "ops list-pipelines --env ")

    assert (done.code, done.out.strip(), done.err) == (0, "", ""), done
