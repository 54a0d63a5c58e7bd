"""develop/spark.ipynb on this machine, and what it needs."""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from projects import Bake, Project

from sagemaker_ops.errors import UserError
from sagemaker_ops.notebooks import spark_session
from sagemaker_ops.notebooks.spark_session import missing_for_spark, start_spark

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def java() -> None:
    if shutil.which("java") is None:
        pytest.skip("there is no Java on this machine")


def texts(notebook: dict[str, Any], stream: str) -> str:
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", ()))
    return "".join("".join(each["text"]) for each in outputs if each.get("name") == stream)


@pytest.mark.usefixtures("java")
def test_the_notebook_runs_here_and_spark_says_nothing(ready: Bake) -> None:
    project = ready()
    command = ["-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", "--output-dir", "executed"]
    options = ["--output", "spark", "--log-level", "ERROR"]

    done = project.run(".venv/bin/python", *command, *options, "develop/spark.ipynb", IPYTHONDIR=str(project.path))

    assert done.code == 0, done
    # ipykernel warns about its own ports.
    assert [line for line in done.err.splitlines() if not line.startswith("[IPKernelApp]")] == []
    notebook = json.loads((project.path / "executed" / "spark.ipynb").read_text(encoding="utf-8"))
    printed = texts(notebook, "stdout")
    assert texts(notebook, "stderr") == ""
    assert " |-- carrier: string (nullable = true)" in printed
    train = pd.read_parquet(project.path / ".local" / "spark" / "train.parquet")
    assert f"{len(train):,} rows, {len(train.columns)} columns, " in printed
    written = pd.read_parquet(project.path / ".local" / "spark" / "result")
    assert f"{len(written):,} of {len(train):,} rows are in " in printed
    means = train.groupby("carrier", observed=True)["late"].mean()
    found = written.groupby("group")["target of the group"].agg(["first", "nunique"])
    assert found["first"].round(9).to_dict() == means.round(9).to_dict()
    assert set(found["nunique"]) == {1}
    assert written["difference"].sum() == pytest.approx(0, abs=1e-6)
    leftover = {each.name for each in (project.path / "develop").iterdir()}
    assert leftover == {"README.md", "spark.ipynb", "try_a_model.ipynb"}


def test_without_java_the_test_of_a_project_skips_it_and_says_why(ready: Bake) -> None:
    command = ["-m", "pytest", "-rs", "-k", "spark", "tests/notebooks"]

    done = ready().run(".venv/bin/python", *command, JAVA_HOME="/nowhere")

    assert done.code == 0, done
    assert re.search(r"SKIPPED .*Spark needs Java 17, but JAVA_HOME is /nowhere, which has no bin/java", done.out)


@pytest.mark.parametrize(
    ("hidden", "path", "java_home", "sentence"),
    [
        pytest.param(True, "", None, r"Spark is not installed: run `make spark` in .*, and restart", id="no pyspark"),
        pytest.param(False, "/nowhere", None, r"needs Java 17, but there is no `java` on the PATH: in", id="no Java"),
        pytest.param(False, None, "/nowhere", r"JAVA_HOME is /nowhere, which has no bin/java: in", id="wrong home"),
    ],
)
def test_one_sentence_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, hidden: bool, path: str | None, java_home: str | None, sentence: str
) -> None:
    monkeypatch.setattr(spark_session, "find_spec", lambda name: None if hidden else object())
    monkeypatch.delenv("JAVA_HOME", raising=False)
    if path:
        monkeypatch.setenv("PATH", path)
    if java_home:
        monkeypatch.setenv("JAVA_HOME", java_home)

    with pytest.raises(UserError, match=sentence) as caught:
        start_spark()

    assert str(caught.value) == missing_for_spark()
    assert "\n" not in missing_for_spark()


def test_with_java_home_nothing_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.touch(mode=0o755)
    monkeypatch.setattr(spark_session, "find_spec", lambda name: object())
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    assert missing_for_spark() == ""


# Without a JVM: the session is a text, and a DataFrame has only what `-o` uses.
CELLS = """
    from IPython.core.interactiveshell import InteractiveShell
    from sagemaker_ops.notebooks import spark_session

    class Frame:
        def limit(self, most):
            assert most == 2500
            return self
        def toPandas(self):
            return "pandas"

    shell = InteractiveShell.instance()
    shell.user_ns["Frame"] = Frame
    spark_session._register("the session")
    try:
        shell.run_cell_magic("spark", {line!r}, {cell!r})
    except Exception as error:
        print(f"{{type(error).__name__}}: {{error}}")
    print(sorted(name for name in ("mine", "spark") if name in shell.user_ns), shell.user_ns.get("mine"))
"""


def run_cell(project: Project, line: str, cell: str) -> list[str]:
    code = textwrap.dedent(CELLS).format(line=line, cell=cell)
    done = project.run(".venv/bin/python", "-c", code, IPYTHONDIR=str(project.path / ".local" / "ipython"))
    assert (done.code, done.err) == (0, ""), done
    return done.out.splitlines()


FRAME = "import sys\nmine = sys.modules['__main__'].Frame()"


@pytest.mark.parametrize(
    ("line", "cell", "printed"),
    [
        pytest.param("", "print(spark)", ["the session", "[] None"], id="has the session"),
        pytest.param("", "mine = 1\nmine + 1", ["2", "[] None"], id="prints its last value, keeps its variables"),
        pytest.param("-o mine", FRAME, ["['mine'] pandas"], id="gives one to the notebook"),
        pytest.param("", "1 / 0", ["ZeroDivisionError: division by zero", "[] None"], id="fails"),
        pytest.param("", "None", ["[] None"], id="nothing to print"),
        pytest.param(
            "-c sql",
            "x",
            ["UserError: %%spark here knows only -o NAME, not -c sql.", "[] None"],
            id="another option of sparkmagic",
        ),
    ],
)
def test_a_cell_of_spark(unchanged: Project, line: str, cell: str, printed: list[str]) -> None:
    assert run_cell(unchanged, line, cell) == printed
