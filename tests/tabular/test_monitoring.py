"""monitoring.py: new rows compared with the baseline that training.py left in the model folder."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import monitoring
import numpy as np
import pandas as pd
import pytest
import training
from tabular.conftest import Chain

from sagemaker_ops.project.monitoring import Monitoring
from sagemaker_ops.tabular.baseline import read_baseline
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.metrics import Metric
from sagemaker_ops.tabular.monitoring import Thresholds, compare_with_baseline
from sagemaker_ops.tabular.new_rows import predict_new_rows, read_new_rows

pytestmark = pytest.mark.slow


def made(rows: int, seed: int = 0) -> pd.DataFrame:
    """Customers: a number, a boolean, a category, a date and gaps; older members buy."""
    random = np.random.default_rng(seed)
    age, member = random.integers(18, 90, rows).astype(float), random.random(rows) < 0.5
    table = pd.DataFrame({"age": age, "member": member, "town": random.choice(["Bonn", "Köln", "Trier"], rows)})
    table["since"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 365, rows), "D")
    table["bought"] = np.where(age * 3 + member * 50 + random.normal(0, 40, rows) > 190, "yes", "no")
    table.loc[::20, "age"] = np.nan
    return table


@pytest.fixture(scope="module")
def customers(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Processed and trained once."""
    chain = Chain(tmp_path_factory.mktemp("customers"))
    assert chain.process(made(4000), "bought", "classification") == 0
    assert chain.train() == 0
    assert chain.evaluate() == 0
    return chain


@pytest.fixture
def compare(customers: Chain, tmp_path: Path) -> Any:
    """`compare(table, "--max-psi=1")` runs the script and returns the content of monitoring.json."""

    def _compare(table: pd.DataFrame, *arguments: str) -> dict[str, Any]:
        table.to_csv(tmp_path / "new.csv", index=False)
        folders = [f"--{name}-dir={customers.root / name}" for name in ("model", "evaluation")]
        given = [f"--input-dir={tmp_path / 'new.csv'}", *folders, f"--output-dir={tmp_path}", *arguments]
        assert monitoring.main(given) == 0
        found: dict[str, Any] = json.loads((tmp_path / "monitoring.json").read_text())
        return found

    return _compare


def findings(found: dict[str, Any]) -> list[str]:
    said: list[str] = found["verdict"]["findings"]
    assert found["verdict"]["exceeded"] == len(said)
    return said


def test_rows_like_those_of_training_exceed_nothing(compare: Any) -> None:
    found = compare(made(3000, seed=1))

    assert findings(found) == []
    assert found["verdict"]["sentence"] == "No threshold is exceeded."
    assert list(found["columns"]) == sorted(found["columns"], key=lambda name: -found["columns"][name]["psi"])
    assert all(each["psi"] < 0.02 for each in found["columns"].values())
    assert found["predictions"]["psi"] < 0.02
    assert found["notes"] == []


def test_the_rows_of_training_have_no_psi_at_all(customers: Chain) -> None:
    baseline = read_baseline(customers.root / "model")
    found = compare_with_baseline(baseline, read_new_rows(customers.root / "train", baseline))

    assert {name: (each["psi"], each["missing"]["change"]) for name, each in found["columns"].items()} == {
        name: (pytest.approx(0, abs=1e-6), 0) for name in ("age", "member", "town", "since")
    }
    assert (found["columns"]["age"]["ks"], found["columns"]["age"]["p_value"]) == (pytest.approx(0, abs=1e-6), 1)
    assert found["predictions"] is None


def test_each_threshold_is_exceeded_by_its_own_change(compare: Any) -> None:
    table = made(3000, seed=1)
    gaps = table["age"].mask(np.arange(len(table)) % 4 == 1)
    towns = table["town"].where(np.arange(len(table)) % 10 > 0, "Aachen")

    older = findings(compare(table.assign(age=table["age"] + 40)))
    missing = findings(compare(table.assign(age=gaps), "--max-prediction-psi=9"))
    new = findings(compare(table.assign(town=towns), "--max-psi=9"))
    days = findings(compare(table.assign(since=table["since"] + pd.Timedelta(200, "D")), "--max-prediction-psi=9"))
    wrong = findings(compare(table.assign(bought=table["bought"].map({"yes": "no", "no": "yes"}))))

    assert [said.partition(" ")[0] for said in older] == ["auc", "The", "The"]
    assert older[1].startswith("The distribution of the predicted probabilities of 'yes' has changed: PSI ")
    assert older[2].startswith("The distribution of column 'age' has changed: PSI ")
    assert missing == ["Column 'age' is missing in 30 % of the rows, and was in 5.1 %: that differs by more than 5 %."]
    assert new == [
        "Column 'town' has categories such as 'Aachen', which training did not have, in 10 % of the rows: "
        "more than 5 %."
    ]
    assert [said.partition(": PSI")[0] for said in days] == ["The distribution of column 'since' has changed"]
    assert len(wrong) == 1
    assert wrong[0].startswith("auc is 0.")
    assert " on 3,000 rows with a known target, and was 0." in wrong[0]
    assert " on the test part: worse by " in wrong[0]


def test_a_threshold_that_is_raised_is_not_exceeded(compare: Any) -> None:
    table = made(3000, seed=1).assign(member=True)
    raised = ["--max-psi=90", "--max-prediction-psi=90", "--max-metric-drop=90"]

    assert len(findings(compare(table))) >= 1
    assert findings(compare(table, *raised)) == []


def test_a_column_that_is_missing_or_of_another_type_is_said_as_a_step_says_it(compare: Any) -> None:
    table = made(200).drop(columns="member").rename(columns={"town": "Town"})
    table["age"] = "old"

    found = compare(table)

    assert findings(found) == [
        "column 'member' is missing.",
        "column 'town' is missing. Did you mean 'Town'?",
        "column 'age' must contain numbers, but row 1 has 'old'",
    ]
    assert found["schema"]["other_columns"] == ["Town"]
    assert (list(found["columns"]), found["predictions"], found["quality"]) == (["since"], None, None)


@pytest.mark.parametrize("rows", [1, 10, 60])
def test_a_small_table_raises_no_alarm_by_chance(compare: Any, rows: int) -> None:
    found = compare(made(rows + 1, seed=3)[1:].reset_index(drop=True))

    assert findings(found) == []
    assert found["notes"][0].startswith(f"{rows} rows are few: a PSI of up to ")


def test_odd_columns(compare: Any) -> None:
    table = made(2000, seed=1)

    nothing = compare(table.assign(age=np.nan), "--max-prediction-psi=90")["columns"]["age"]
    constant = compare(table.assign(age=40))["columns"]["age"]
    strangers = compare(table.assign(town="Aachen"))["columns"]["town"]

    assert (nothing["psi"], nothing["ks"], nothing["now"], nothing["missing"]["now"]) == (None, None, [], 1)
    assert nothing["findings"][0].startswith("Column 'age' is missing in 100 % of the rows")
    assert constant["psi"] > 5
    assert constant["ks"] > 0.5
    assert (strangers["new_categories"]["now"], strangers["now"]) == (1, [0, 0, 0, 1])
    assert len(strangers["findings"]) == 2


def test_of_many_categories_only_the_most_frequent_are_known(tmp_path: Path) -> None:
    chain, random = Chain(tmp_path), np.random.default_rng(0)

    def with_codes(rows: int, first: int) -> pd.DataFrame:
        return made(rows, seed=first).assign(
            code=[f"c{number}" for number in random.integers(first, 1200 + first, rows)]
        )

    assert chain.process(with_codes(6000, 0), "bought", "classification") == 0
    assert chain.train() == 0
    baseline = read_baseline(tmp_path / "model")

    same, shifted = (compare_with_baseline(baseline, with_codes(2000, first)) for first in (0, 300))

    assert len(baseline.columns["code"]["known"]) == 1000
    assert baseline.columns["code"]["new"] > 0.05
    assert findings(same) == []
    assert findings(shifted)[0].startswith("Column 'code' has categories such as 'c")
    assert "which are not among its most frequent, in " in findings(shifted)[0]


def test_without_a_target_the_quality_is_not_known(compare: Any) -> None:
    table = made(500, seed=1)

    assert compare(table.drop(columns="bought"))["quality"] is None
    assert compare(table.assign(bought=None))["quality"] is None


def test_rows_whose_target_is_known_are_measured(compare: Any, customers: Chain) -> None:
    table = made(2000, seed=1)
    table.loc[500:, "bought"] = None

    found = compare(table)["quality"]

    test = customers.json("evaluation/evaluation.json")["binary_classification_metrics"]
    assert (found["rows"], found["source"], found["metric"]) == (500, "test", "auc")
    assert found["metrics"]["auc"]["baseline"] == test["auc"]["value"]
    assert abs(found["metrics"]["auc"]["value"] - test["auc"]["value"]) < 0.1


def test_without_an_evaluation_the_validation_part_is_what_counts(compare: Any, customers: Chain) -> None:
    found = compare(made(500, seed=1), "--evaluation-dir=nowhere")["quality"]

    assert found["source"] == "validation"
    assert found["metrics"]["auc"]["baseline"] == read_baseline(customers.root / "model").content["metrics"]["auc"]


def test_a_target_that_the_model_does_not_know_is_a_finding(compare: Any) -> None:
    found = compare(made(500, seed=1).assign(bought="perhaps"))

    assert findings(found) == ["target 'bought' contains 'perhaps', not one of 'no', 'yes'"]


def test_predictions_that_exist_are_used(compare: Any, customers: Chain, tmp_path: Path) -> None:
    table = made(1000, seed=1)
    scores = tmp_path / "scores"
    scores.mkdir()
    pd.DataFrame({"label": "no", "probability_no": 0.5, "probability_yes": 0.5}, index=table.index).to_csv(
        scores / "scores.csv", index=False
    )

    found = compare(table, f"--predictions-dir={scores}", "--max-metric-drop=9")

    now = found["predictions"]["scores"]["yes"]["now"]
    assert sorted(now) == [0] * (len(now) - 1) + [1], "all of them are in one bin"
    assert [said.partition(": PSI")[0] for said in findings(found)] == [
        "The distribution of the predicted probabilities of 'yes' has changed"
    ]


@pytest.mark.parametrize(
    ("scores", "sentence"),
    [
        ({"label": ["no"]}, "lack the columns 'probability_no', 'probability_yes'; give those of this model"),
        ({"probability_no": [1.0], "probability_yes": ["x"]}, "must have a number in each row of 'probability_yes'"),
        (
            {"probability_no": [0.5], "probability_yes": [0.5]},
            "there are 1 predictions for 9 rows; give",
        ),
    ],
)
def test_other_predictions_are_one_sentence(
    customers: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str], scores: dict[str, Any], sentence: str
) -> None:
    made(9).to_csv(tmp_path / "new.csv", index=False)
    pd.DataFrame(scores).to_csv(tmp_path / "scores.csv", index=False)
    given = {"input": tmp_path / "new.csv", "model": customers.root / "model", "predictions": tmp_path / "scores.csv"}

    assert monitoring.main([*(f"--{name}-dir={path}" for name, path in given.items()), f"--output-dir={tmp_path}"]) == 1
    assert sentence in capsys.readouterr().err


def test_the_archive_alone_is_enough_wherever_it_is(customers: Chain, tmp_path: Path) -> None:
    """Its own code predicts, not that of the scripts that are loaded here."""
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(customers.root / "model", ".")
    baseline = read_baseline(tmp_path)
    table = read_new_rows(customers.root / "test", baseline)

    there, here = (predict_new_rows(folder, baseline, table) for folder in (tmp_path, customers.root / "model"))

    assert there is not None
    assert here is not None
    assert np.array_equal(there, here)
    assert np.array_equal(there, customers.model().pipeline.predict_proba(baseline.schema.frame(table)))


def test_a_model_without_a_baseline_is_one_sentence(customers: Chain, tmp_path: Path) -> None:
    def said(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        with pytest.raises(StepError) as caught:
            read_baseline(tmp_path)
        return str(caught.value)

    whole = customers.root / "model/baseline.json"
    again = "train the model again with a training.py that calls write_baseline"
    damaged = f"the baseline.json or the schema.json of {tmp_path} is damaged; {again}"
    missing = f"{tmp_path} has no baseline.json, which monitoring compares new data with; {again}"

    assert said("schema.json", "{}") == missing
    assert said("baseline.json", '{"format": 99}').startswith(f"the baseline.json of {tmp_path} is of another version")
    assert said("baseline.json", whole.read_text()) == damaged
    assert said("baseline.json", "[1]") == damaged


def test_a_regression_and_its_own_metric(tmp_path: Path, customers: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Metric(lambda truth, prediction, _: float(np.abs(truth - prediction).max()), lower_is_better=True)
    for module in (training, monitoring):
        monkeypatch.setitem(module.METRICS, "worst", own)
    chain = Chain(tmp_path)
    table = made(2000).assign(spent=lambda rows: rows["age"].fillna(50) * 3 + np.arange(2000) % 7)
    assert chain.process(table.drop(columns="bought"), "spent", "regression") == 0
    assert chain.train() == 0
    table.assign(spent=table["spent"] + 500).to_parquet(tmp_path / "new.parquet")
    given = [f"--input-dir={tmp_path / 'new.parquet'}", f"--model-dir={tmp_path / 'model'}", f"--output-dir={tmp_path}"]

    assert monitoring.main([*given, "--metric=worst"]) == 0

    found = chain.json("monitoring.json")
    assert set(found["predictions"]["scores"]) == {"value"}
    assert found["quality"]["metrics"]["worst"]["value"] > 400
    assert findings(found)[0].startswith("worst is ")


def test_several_classes_have_a_distribution_each(tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    table = made(2000).assign(bought=lambda rows: pd.cut(rows["age"].fillna(50), 3, labels=["a", "b", "c"]).astype(str))
    assert chain.process(table, "bought", "classification") == 0
    assert chain.train() == 0
    baseline = read_baseline(tmp_path / "model")

    rows = read_new_rows(tmp_path / "test", baseline)
    found = compare_with_baseline(baseline, rows, predict_new_rows(tmp_path / "model", baseline, rows))

    assert set(found["predictions"]["scores"]) == {"a", "b", "c"}
    assert found["predictions"]["psi"] == max(each["psi"] for each in found["predictions"]["scores"].values())


def test_the_defaults_are_those_of_project_toml() -> None:
    assert vars(Thresholds()) == {**vars(Monitoring()), "ignore": ()}
    arguments = monitoring.parser().parse_args(Monitoring(max_psi=0.3, ignore=["a", "b"]).arguments)
    assert Thresholds.of(arguments) == Thresholds(max_psi=0.3, ignore=["a", "b"])


def test_a_column_that_may_change_is_shown_but_no_finding(compare: Any, customers: Chain) -> None:
    table = made(1000, seed=1)
    table["since"] += pd.Timedelta(400, "D")

    found = compare(table, "--ignore=since", "--max-prediction-psi=9", "--max-metric-drop=9")

    assert findings(found) == []
    assert (found["ignored"], found["columns"]["since"]["psi"] > 1) == (["since"], True)
    with pytest.raises(StepError) as caught:
        compare_with_baseline(read_baseline(customers.root / "model"), table, thresholds=Thresholds(ignore=["ages"]))
    assert str(caught.value) == (
        "column 'ages', which is to be ignored, is not a feature of the model. Did you mean 'age'?"
    )


def test_what_a_condition_reads_is_a_number(compare: Any) -> None:
    verdict = compare(made(100).assign(age="x"))["verdict"]

    assert isinstance(verdict["exceeded"], int)
    assert verdict["exceeded"] > 0
