"""`ops new pipeline predict`: it predicts with the approved model, checks the rows, and compares them with training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from projects import Project, Result, bake_into

pytestmark = pytest.mark.slow
DEV = {
    "account": '"111122223333"',
    "role": '"arn:aws:iam::111122223333:role/customer-jobs"',
    "bucket": '"customer-data"',
}
# What Evaluation does with the test part, in the project's environment.
AS_EVALUATED = """
import sys
from pathlib import Path
import numpy as np
sys.path.insert(0, "production/steps")
from sagemaker_ops import load_model, predict, read_part
model = load_model(Path(sys.argv[1]))
assert model.fast is not None
np.save(sys.argv[3], predict(model.pipeline, model.schema.frame(read_part(Path(sys.argv[2]), model.schema))))
"""


@pytest.fixture(scope="module")
def project(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with the pipeline and an approved model; before that, the pipeline is refused."""
    project = bake_into(tmp_path_factory.mktemp("predicted"))
    (project.path / ".venv").symlink_to(environment)
    written = project.ops("new", "pipeline", "predict")
    refused = project.ops("run", "predict")
    assert (written.code, refused.code, refused.out.count("Succeeded")) == (0, 2, 0), (written, refused)
    assert refused.err.startswith("error: no model is approved, and this pipeline predicts with the approved one: ")
    trained = project.make("run")
    assert "Running predict" not in trained.out, "a fresh clone has no approved model"
    pending = project.ops("run", "predict")
    approved = project.ops("approve-model", "latest", "--env", "local", "--yes")
    assert (trained.code, pending.code, approved.code) == (0, 2, 0), (trained, pending, approved)
    return project


def execution(project: Project, done: Result) -> dict[str, Any]:
    [file] = [file for file in project.path.glob(".local/runs/*/execution.json") if f"{file.parent.name}/" in done.out]
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found | {"folder": file.parent, "steps": {step["name"]: step for step in found["steps"]}}


def predictions(project: Project, done: Result) -> pd.DataFrame:
    return pd.read_parquet(execution(project, done)["folder"] / "Predicting/outputs/predictions/predictions.parquet")


@pytest.fixture(scope="module")
def test_part(project: Project) -> Path:
    [folder] = [each for each in project.path.glob(".local/runs/*/Processing/outputs/test") if each.is_dir()]
    return folder


def predict(project: Project, table: pd.DataFrame, *arguments: str) -> Result:
    (project.path / "data/new").mkdir(exist_ok=True)
    table.to_csv(project.path / "data/new/rows.csv", index=False)
    project.edit("predict", source='"data/new/rows.csv"')
    return project.ops("run", "predict", *arguments)


def test_the_test_part_gets_the_numbers_of_the_evaluation(project: Project, test_part: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(test_part)

    done = predict(project, table.drop(columns="late"))

    assert (done.code, done.err) == (0, ""), done
    found = predictions(project, done)
    model = test_part.parents[2] / "Training/outputs/model"
    python = project.path / ".venv/bin/python"
    scored = project.run(python, "-W", "ignore", "-c", AS_EVALUATED, model, test_part, tmp_path / "scores.npy")
    assert scored.code == 0, scored
    expected = np.load(tmp_path / "scores.npy")
    assert np.array_equal(found[["probability_0", "probability_1"]].to_numpy(), expected)
    assert list(found) == ["row", "label", "probability_0", "probability_1"]
    assert found["row"].tolist() == list(range(len(table)))
    assert found["label"].tolist() == expected.argmax(axis=1).tolist()


def test_rows_that_break_the_schema_stop_before_scoring(project: Project, test_part: Path) -> None:
    table = pd.read_parquet(test_part).head(50).drop(columns=["late", "carrier"])
    table["month"] = table["month"].astype(object)
    table.loc[table.index[7], "month"] = "May"

    done = predict(project, table)

    assert done.code == 1
    assert "step 'Predicting': column 'carrier' is missing." in done.out
    assert "column 'month' must contain numbers, but row 8 has 'May'" in done.out
    assert "Monitoring  " not in done.out


def test_changed_data_fail_after_the_predictions(project: Project, test_part: Path) -> None:
    table = pd.read_parquet(test_part).assign(distance=lambda rows: rows["distance"] + 5000)

    done = predict(project, table)
    allowed = predict(project, table, "--param", "AllowedFindings=100")

    assert done.code == 1
    assert "step 'DataHaveChanged': " in done.out
    assert " findings of monitoring, and 0 are allowed" in done.out
    assert len(predictions(project, done)) == len(table)
    assert allowed.code == 0, allowed
    assert execution(project, allowed)["steps"]["Predicting"]["source"], "the same rows and the same model"


def test_it_compiles_for_aws_and_its_own_test_passes(project: Project) -> None:
    project.edit("environments.dev", **DEV)

    done = project.ops("compile", "predict", "--env", "dev")
    tested = project.run(
        ".venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/pipelines/test_predict.py"
    )

    assert done.code == 0, done
    definition = json.loads(done.out)
    parameters = {each["Name"]: each.get("DefaultValue") for each in definition["Parameters"]}
    assert parameters["NewDataUrl"].startswith("s3://customer-data/customer/flight-delays/dev/raw/")
    assert parameters["ApprovedModelVersion"] == "required"
    assert tested.code == 0, tested


def test_a_table_that_does_not_exist_is_one_sentence(project: Project) -> None:
    project.edit("predict", source='"data/nothing.csv"')

    done = project.ops("run", "predict")

    assert done.code == 2
    assert "project.toml [predict].source: there is no file or folder 'data/nothing.csv'" in done.err
