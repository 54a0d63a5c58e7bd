"""Tables that are not the sample go through after editing project.toml alone."""

from __future__ import annotations

import csv
import json
import sys
import tarfile
from dataclasses import dataclass

import pytest
from projects import Bake, Project

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Table:
    frame: str
    problem: str
    gate: dict[str, str]
    target: str = "target"


def of_sklearn(name: str) -> str:
    return f"sklearn.datasets.load_{name}(as_frame=True).frame"


ACCURATE = {"metric": '"accuracy"', "minimum": "0.8"}
PENGUINS = Table("palmerpenguins.load_penguins()", "classification", ACCURATE, target="species")
TABLES = [
    pytest.param(Table(of_sklearn("wine"), "classification", ACCURATE), id="wine"),
    pytest.param(Table(of_sklearn("iris"), "classification", ACCURATE), id="iris"),
    pytest.param(PENGUINS, id="palmerpenguins"),
    pytest.param(Table(of_sklearn("breast_cancer"), "classification", {"minimum": "0.9"}), id="breast cancer"),
    pytest.param(Table(of_sklearn("diabetes"), "regression", {"metric": '"mae"', "minimum": "0"}), id="diabetes"),
]


def project_with(ready: Bake, table: Table) -> Project:
    """A project whose project.toml names this table."""
    project = ready(problem=table.problem)
    script = f"import palmerpenguins, sklearn.datasets; {table.frame}.to_csv('data/t.csv', index=False)"
    assert project.run(sys.executable, "-c", script).code == 0
    project.edit("data", source='"data/t.csv"', target=f'"{table.target}"')
    project.edit("gate", **table.gate)
    return project


@pytest.mark.parametrize("table", TABLES)
def test_it_goes_through(ready: Bake, table: Table) -> None:
    project = project_with(ready, table)

    done = project.make("run")

    assert done.code == 0, done
    assert "registered model" in done.out


@pytest.mark.parametrize("table", [each for each in TABLES if each.id in ("palmerpenguins", "diabetes")])
def test_the_notebooks_run_and_change_nothing(ready: Bake, table: Table) -> None:
    project = project_with(ready, table)
    before = (project.path / "project.toml").read_bytes()

    # Starting Spark takes half a minute: once is enough.
    options = [] if table is PENGUINS else ["-k", "not spark"]
    command = [".venv/bin/python", "-m", "pytest", "tests/notebooks", *options]
    done = project.run(*command, PYTHONPATH=str(project.path / "vendor"))

    assert done.code == 0, done
    assert (project.path / "project.toml").read_bytes() == before


def test_a_table_written_in_another_way_goes_through(ready: Bake) -> None:
    project = ready()
    sample = project.path / "data" / "sample" / "flights_classification.csv"
    header, *rows = csv.reader(sample.read_text(encoding="utf-8").splitlines())
    temp, wind = header.index("temp"), header.index("wind_speed")
    for number, row in enumerate(rows):
        row[temp] = f"{row[temp] or 0},5"
        row[wind] = row[wind] if number % 50 else "?"
    kept = [[cell for name, cell in zip(header, row, strict=True) if name != "precip"] for row in [header, *rows]]
    text = "".join(":".join(row) + "\n" for row in kept)  # precip has numbers such as 0.01
    (project.path / "data" / "t.csv").write_text(text, encoding="utf-8")
    settings = {"separator": ":", "decimal": ",", "missing": ["?"]}
    project.edit("data", source='"data/t.csv"', **{name: json.dumps(value) for name, value in settings.items()})

    done = project.ops("run", "train")

    assert done.code == 0, done
    assert "warning:" not in done.out + done.err
    processing = json.loads(project.ops("compile", "train").out)["Steps"][0]["Arguments"]["AppSpecification"]
    assert {"--separator=:", "--decimal=,", "--missing=?"} <= set(processing["ContainerArguments"])
    archive = next((project.path / ".local").rglob("model.tar.gz"))
    with tarfile.open(archive) as opened:
        content = opened.extractfile("schema.json")
        assert content
        schema = json.load(content)
    kinds = {each["name"]: each["kind"] for each in schema["features"]}
    assert (kinds["temp"], kinds["wind_speed"]) == ("numeric", "numeric")
    assert schema["notation"] == settings, "a request is read in the same way"


def test_more_columns_than_arguments_fit_into_a_request_can_be_excluded(ready: Bake) -> None:
    """AWS accepts 100 arguments of a processing job, and 256 characters in each."""
    project = ready()
    columns = [f"{'c' * 57}{i:03}" for i in range(150)] + ["d" * 290]
    sample = project.path / "data" / "sample" / "flights_classification.csv"
    header, *rows = sample.read_text(encoding="utf-8").splitlines()
    lines = [",".join([header, *columns]), *(row + ",1" * len(columns) for row in rows)]
    (project.path / "data" / "wide.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    project.edit("data", source='"data/wide.csv"', exclude=json.dumps(columns))

    checked, done = project.ops("check"), project.ops("run", "train")
    compiled = json.loads(project.ops("compile", "train").out)

    assert (checked.code, done.code) == (0, 0), (checked, done)
    summary = next((project.path / ".local").glob("runs/*/Processing/outputs/summary"))
    left_out = json.loads((summary / "schema.json").read_text(encoding="utf-8"))["left_out"]
    assert [each["name"] for each in left_out if each["reason"] == "excluded"] == columns
    assert columns[0] not in json.dumps(compiled), "they are in a file that the step reads"
