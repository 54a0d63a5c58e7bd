"""Metrics per group: which group a row is in, what each group scores, and how far the groups are apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics

from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.evaluation import evaluate
from sagemaker_ops.tabular.group_columns import labels
from sagemaker_ops.tabular.group_metrics import groups_of
from sagemaker_ops.tabular.metrics import Metric
from sagemaker_ops.tabular.preparation import check_rows, describe_parts, prepare
from sagemaker_ops.tabular.schema import Schema
from sagemaker_ops.tabular.splits import Options

if TYPE_CHECKING:
    from tabular.conftest import Chain

pytestmark = pytest.mark.slow

ROWS = 1200
DAYS = pd.date_range("2025-01-01", periods=3)
MANY_DAYS = pd.date_range("2025-01-01", periods=41)
QUARTERS = ["0 to 10", "10 to 20", "20 to 30", "30 to 40"]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        pytest.param(pd.Series(["b", "a, c", None], dtype="category"), ["a, c", "b", "missing"], id="text"),
        pytest.param(
            pd.Series(["x", "missing", None]), ["(missing)", "missing", "x"], id="a text like the group's name"
        ),
        pytest.param(pd.Series(["007", "7"]), ["007", "7"], id="text of digits"),
        pytest.param(pd.Series([True, False]), ["false", "true"], id="booleans"),
        pytest.param(pd.Series([True, None], dtype="boolean"), ["missing", "true"], id="booleans with a gap"),
        pytest.param(pd.Series([1, 12, 3], dtype="int8"), ["1", "12", "3"], id="few whole numbers"),
        pytest.param(pd.Series([1, 2.5, np.nan], dtype="float32"), ["1", "2.5", "missing"], id="few numbers"),
        pytest.param(pd.Series([1234567, 1234568]), ["1234567", "1234568"], id="large whole numbers"),
        pytest.param(pd.Series(range(20)), sorted(map(str, range(20))), id="as many numbers as are not cut"),
        pytest.param(pd.Series(range(41)), QUARTERS, id="many whole numbers"),
        pytest.param(pd.Series([*range(41), None]), [*QUARTERS, "missing"], id="many numbers with a gap"),
        pytest.param(pd.Series(DAYS), ["2025-01-01", "2025-01-02", "2025-01-03"], id="few dates"),
        pytest.param(
            pd.Series(MANY_DAYS),
            [f"2025-01-{low} to 2025-{high}" for low, high in (("01", "01-11"), ("11", "01-21"), ("21", "01-31"))]
            + ["2025-01-31 to 2025-02-10"],
            id="many dates",
        ),
        pytest.param(pd.Series([None, None], dtype="category"), ["missing"], id="no values"),
    ],
)
def test_each_row_is_in_one_group(column: pd.Series, expected: list[str]) -> None:
    assert sorted(labels(column).unique()) == expected


Case = dict[str, Any]  # arguments of groups_of


def two_classes(**columns: Any) -> Case:
    """Rows whose prediction is good, except for the rows with `town` b."""
    random = np.random.default_rng(3)
    town, truth = random.choice(["a", "b", "c"], ROWS), random.integers(0, 2, ROWS)
    table = pd.DataFrame({"town": town, **columns})
    score = np.clip(random.normal(0.35 + 0.3 * np.where(town == "b", 0.5, truth), 0.15), 0, 1)
    schema = Schema("y", "classification", (), (0, 1), groups=tuple(table))
    prediction = np.stack([1 - score, score], axis=1)
    weights = random.integers(1, 4, ROWS).astype(float)
    return {"table": table, "truth": truth, "prediction": prediction, "weights": weights, "schema": schema}


def numbers() -> Case:
    case = two_classes()
    schema = Schema("y", "regression", (), groups=("town",))
    return {**case, "truth": case["truth"] * 1.0, "prediction": case["prediction"][:, 1], "schema": schema}


def by_value(found: dict[str, Any], column: str = "town") -> dict[str, dict[str, Any]]:
    return {group["value"]: group for group in found["groups"][column]["groups"]}


def test_two_classes_have_the_scores_of_scikit_learn_and_fairlearn_in_each_group() -> None:
    case = two_classes()
    truth, said, weights = case["truth"], case["prediction"].argmax(axis=1), case["weights"]

    found = by_value(groups_of(**case, metric="auc"))

    assert list(found) == sorted(found, key=lambda town: -found[town]["rows"]), "the largest first"
    for town, group in found.items():
        rows = (case["table"]["town"] == town).to_numpy()
        assert group["rows"] == rows.sum()
        given = {"sample_weight": weights[rows]}
        (tn, fp), (fn, tp) = sklearn_metrics.confusion_matrix(truth[rows], said[rows], **given)
        expected = {
            "auc": sklearn_metrics.roc_auc_score(truth[rows], case["prediction"][rows, 1], **given),
            "accuracy": sklearn_metrics.accuracy_score(truth[rows], said[rows], **given),
            "precision": sklearn_metrics.precision_score(truth[rows], said[rows], **given),
            "recall": tp / (tp + fn),
            "f1": sklearn_metrics.f1_score(truth[rows], said[rows], **given),
            "selection_rate": (tp + fp) / (tp + fp + fn + tn),
            "true_positive_rate": tp / (tp + fn),
            "false_positive_rate": fp / (fp + tn),
        }
        assert {name: score["value"] for name, score in group["metrics"].items()} == pytest.approx(expected)
        assert all(
            low <= score["value"] <= high for score in group["metrics"].values() for low, high in [score["interval"]]
        )


def test_numbers_have_the_scores_of_scikit_learn_in_each_group() -> None:
    case = numbers()

    for town, group in by_value(groups_of(**case, metric="mae")).items():
        rows = (case["table"]["town"] == town).to_numpy()
        given = case["truth"][rows], case["prediction"][rows]
        values = {name: score["value"] for name, score in group["metrics"].items()}
        assert values.keys() == {"mae", "mse", "rmse", "r2"}
        assert values["mae"] == pytest.approx(
            sklearn_metrics.mean_absolute_error(*given, sample_weight=case["weights"][rows])
        )
        assert values["r2"] == pytest.approx(sklearn_metrics.r2_score(*given, sample_weight=case["weights"][rows]))


@pytest.mark.parametrize(
    ("case", "metric", "highest", "lowest"),
    [
        pytest.param(two_classes(), "auc", {"a", "c"}, {"b"}, id="more is better"),
        pytest.param(numbers(), "mae", {"b"}, {"a", "c"}, id="less is better"),
    ],
)
def test_the_difference_is_between_the_highest_and_the_lowest_group(
    case: Case, metric: str, highest: set[str], lowest: set[str]
) -> None:
    found = groups_of(**case, metric=metric)

    values = {town: group["metrics"][metric]["value"] for town, group in by_value(found).items()}
    difference = found["groups"]["town"]["differences"][metric]
    assert difference["value"] == max(values.values()) - min(values.values())
    assert difference["highest"] in highest
    assert difference["lowest"] in lowest
    assert 0 < difference["interval"][0] < difference["value"] < difference["interval"][1]
    assert groups_of(**case, metric=metric) == found, "the same each time"
    gate = found["group_gate"]
    assert (gate["metric"], gate["column"], gate["value"]) == (metric, "town", difference["value"])
    assert "limit" not in gate


def test_groups_that_the_model_treats_alike_have_an_interval_around_zero() -> None:
    random = np.random.default_rng(8)
    case = two_classes(coin=random.choice(["heads", "tails"], ROWS))

    low, high = groups_of(**case, metric="auc")["groups"]["coin"]["differences"]["auc"]["interval"]

    assert low < 0 < high


def test_the_interval_contains_the_true_difference_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    hits, trials = 0, 60
    for _ in range(trials):
        truth = random.integers(0, 2, 600)
        town = np.where(np.arange(600) < 300, "a", "b")
        wrong = random.random(600) < np.where(town == "a", 0.1, 0.3)
        said = np.where(wrong, 1 - truth, truth)
        schema = Schema("y", "classification", (), (0, 1), groups=("town",))
        found = groups_of(
            pd.DataFrame({"town": town}), truth, np.eye(2)[said] * 0.8 + 0.1, np.ones(600), schema, "accuracy"
        )
        low, high = found["group_gate"]["interval"]
        hits += low <= 0.2 <= high

    assert hits >= 0.85 * trials


@pytest.mark.parametrize(
    ("change", "has", "lacks"),
    [
        pytest.param({"rows": 49}, set(), {"auc", "accuracy", "selection_rate"}, id="too few rows"),
        pytest.param({"rows": 50}, {"auc", "accuracy", "selection_rate"}, set(), id="just enough rows"),
        pytest.param(
            {"truth": 0},
            {"accuracy", "false_positive_rate"},
            {"auc", "recall", "true_positive_rate"},
            id="no positives",
        ),
        pytest.param({"truth": 1}, {"recall"}, {"auc", "false_positive_rate"}, id="no negatives"),
        pytest.param({"said": 0}, {"recall", "auc", "selection_rate"}, {"precision"}, id="never predicted"),
    ],
)
def test_a_metric_that_a_group_has_too_few_rows_for_is_left_out_and_not_compared(
    change: dict[str, int], has: set[str], lacks: set[str]
) -> None:
    case = two_classes()
    special = np.flatnonzero(np.arange(ROWS) < change.get("rows", 200))
    case["table"]["town"] = np.where(np.isin(np.arange(ROWS), special), "special", case["table"]["town"])
    if "truth" in change:
        case["truth"][special] = change["truth"]
    if "said" in change:
        case["prediction"][special] = [0.9, 0.1]
        case["prediction"][special[:9]] = [0.8, 0.2]

    found = groups_of(**case, metric="accuracy")

    metrics = by_value(found)["special"]["metrics"].keys()
    assert has <= metrics
    assert not lacks & metrics
    differences = found["groups"]["town"]["differences"]
    for name in lacks:
        assert "special" not in (differences[name]["highest"], differences[name]["lowest"])


def test_your_own_metric_is_compared_and_undefined_where_it_fails() -> None:
    def cost(truth: Any, prediction: Any, weights: Any) -> float:
        return float(np.average(prediction[truth == 1, 1], weights=weights[truth == 1]))  # fails without positives

    case = two_classes()
    none = (case["table"]["town"] == "c").to_numpy()
    case["truth"][none] = 0

    found = groups_of(**case, metric="cost", own={"cost": Metric(cost)})

    assert "cost" not in by_value(found)["c"]["metrics"]
    assert {found["group_gate"]["highest"], found["group_gate"]["lowest"]} == {"a", "b"}


@pytest.mark.parametrize(
    ("limit", "passed", "words", "doubtful"),
    [
        pytest.param(0.9, True, ", within the 0.9 that is allowed", False, id="far below"),
        pytest.param(0.38, True, ", within the 0.38 that is allowed", True, id="just below"),
        pytest.param(0.36, False, ", but at most 0.36 is allowed", True, id="just above"),
        pytest.param(0.01, False, ", but at most 0.01 is allowed", False, id="far above"),
    ],
)
def test_the_gate_compares_the_value_and_says_if_that_may_be_chance(
    limit: float, passed: bool, words: str, doubtful: bool
) -> None:
    gate = groups_of(**two_classes(), metric="auc", limit=limit)["group_gate"]

    assert (gate["limit"], gate["passed"], gate["value"] <= limit) == (limit, passed, passed)
    assert gate["message"].startswith("auc differs by 0.3709 between 'c' and 'b' of 'town'")
    assert gate["message"].endswith(words)
    assert bool(gate["doubt"]) == doubtful
    assert f"it might {'fail' if passed else 'pass'}." in gate["doubt"] or not doubtful


def test_a_value_that_is_only_just_above_the_limit_does_not_look_equal() -> None:
    value = groups_of(**two_classes(), metric="auc")["group_gate"]["value"]
    limit = float(f"{value:.4g}")
    limit = limit if limit < value else limit - 1e-4

    message = groups_of(**two_classes(), metric="auc", limit=limit)["group_gate"]["message"]

    assert f"differs by {limit:.4g} " not in message


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"table": pd.DataFrame({"x": range(ROWS)})}, "group column 'town' is missing", id="not there"),
        pytest.param(
            {"schema": Schema("y", "classification", (), (0, 1))}, "needs groups to compare", id="no group columns"
        ),
        pytest.param(
            {"table": pd.DataFrame({"town": ["a"] * (ROWS - 9) + ["b"] * 9})},
            "auc cannot be compared between the groups of 'town': fewer than two have 50 rows and a value",
            id="one large group",
        ),
        pytest.param({"truth": np.ones(ROWS, int)}, "auc cannot be compared", id="one class"),
    ],
)
def test_a_limit_that_cannot_be_checked_is_an_error(change: Case, sentence: str) -> None:
    with pytest.raises(StepError, match=sentence):
        groups_of(**{**two_classes(), **change}, metric="auc", limit=0.5)


def test_without_a_limit_groups_that_cannot_be_compared_are_shown() -> None:
    case = {**two_classes(), "table": pd.DataFrame({"town": ["a"] * (ROWS - 9) + ["b"] * 9})}

    found = groups_of(**case, metric="auc")

    assert "group_gate" not in found
    assert found["groups"]["town"]["verdict"].startswith("auc cannot be compared")
    assert [(group["value"], group["rows"]) for group in found["groups"]["town"]["groups"]] == [
        ("a", ROWS - 9),
        ("b", 9),
    ]


def test_the_largest_difference_of_all_columns_counts() -> None:
    case = two_classes(coin=np.resize(["heads", "tails"], ROWS))

    found = groups_of(**case, metric="auc", limit=0.1)

    assert list(found["groups"]) == ["town", "coin"]
    assert found["group_gate"]["column"] == "town"


def test_no_group_columns_leave_the_evaluation_as_it_was() -> None:
    assert groups_of(**{**two_classes(), "schema": Schema("y", "classification", (), (0, 1))}, metric="auc") == {}


# The steps.
NAME = "région, “age”"


@pytest.fixture
def buyers(customers: pd.DataFrame) -> pd.DataFrame:
    """600 customers, and a column to compare: young, old, or unknown."""
    table = pd.concat([customers] * 2, ignore_index=True).assign(number=range(600))
    bands = pd.cut(table["age"], [0, 49, 100], labels=["young", "old"])
    return table.assign(**{NAME: bands.astype(object)})


@pytest.mark.parametrize(
    ("role", "arguments"),
    [
        pytest.param("feature", [], id="a feature"),
        pytest.param("excluded", [f"--exclude={NAME}"], id="excluded"),
        pytest.param("split", ["--split=group", f"--split-column={NAME}"], id="used to split"),
    ],
)
def test_a_group_column_reaches_the_evaluation_but_the_model_only_if_it_is_a_feature(
    chain: Chain, buyers: pd.DataFrame, role: str, arguments: list[str]
) -> None:
    groups = [f"--group={name}" for name in (NAME, "member", "age")]
    if role == "split":
        buyers[NAME] = np.resize([f"g{number}" for number in range(40)], 600)

    assert chain.process(buyers, "bought", "classification", *arguments, *groups) == 0
    assert chain.train() == 0
    assert chain.evaluate() == 0

    assert NAME in chain.part("test")
    assert (NAME in chain.model().schema.names) == (role == "feature")
    found = chain.json("evaluation/evaluation.json")["groups"]
    assert list(found) == [NAME, "member", "age"]
    rows = chain.json("evaluation/evaluation.json")["rows"]
    assert [sum(group["rows"] for group in column["groups"]) for column in found.values()] == [rows] * 3
    if role != "split":
        assert set(by_value({"groups": found}, NAME)) == {"young", "old", "missing"}
        assert set(by_value({"groups": found}, "member")) == {"false", "true"}
        assert len(found["age"]["groups"]) == 5, "quarters, and missing"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_groups_do_not_change_the_parts_or_the_model(chain: Chain, buyers: pd.DataFrame, suffix: str) -> None:
    path = chain.root / f"table.{suffix}"
    _ = buyers.to_csv(path, index=False) if suffix == "csv" else buyers.to_parquet(path, index=False)
    scores = []
    for groups in ([], [f"--group={NAME}", "--group=town"]):
        assert chain.process(path, "bought", "classification", f"--exclude={NAME}", *groups) == 0
        assert chain.train() == 0
        assert chain.evaluate() == 0
        scores.append(chain.json("evaluation/evaluation.json")["binary_classification_metrics"])

    assert scores[0] == scores[1]


def test_a_request_to_the_model_needs_no_excluded_group_column(chain: Chain, buyers: pd.DataFrame) -> None:
    assert chain.process(buyers, "bought", "classification", f"--exclude={NAME}", f"--group={NAME}") == 0
    assert chain.train() == 0
    model = chain.model()

    frame = model.schema.frame(chain.part("test").drop(columns=NAME))

    assert list(frame) == model.schema.names


def test_rows_of_weight_zero_are_in_no_group(chain: Chain, buyers: pd.DataFrame) -> None:
    assert chain.process(buyers, "bought", "classification", f"--group={NAME}") == 0
    assert chain.train() == 0
    model, test = chain.model(), chain.part("test")
    weights = np.where(test[NAME] == "old", 0.0, 1.0)

    found = evaluate(model.pipeline, replace(model.schema, weight="w"), test.assign(w=weights))

    assert set(by_value(found, NAME)) == {"young", "missing"}


@pytest.mark.parametrize(
    ("groups", "finding"),
    [
        pytest.param(["regio"], "group column 'regio' is not in the table. Did you mean 'region'?", id="misspelt"),
        pytest.param(["bought"], "'bought' is the target and cannot also be a group column", id="target"),
        pytest.param(["w"], "'w' is the weight and cannot also be a group column", id="weight"),
        pytest.param(["number"], "'number' is the id and cannot also be a group column", id="id"),
        pytest.param(["region", "region"], "group column 'region' is given 2 times; give it once", id="twice"),
        pytest.param(["name"], "group column 'name' has 600 different texts such as 'n0'; at most 60", id="many texts"),
        pytest.param(["same"], "group column 'same' has only 'x' in the test part; at least two", id="one value"),
        pytest.param(["empty"], "group column 'empty' has only 'missing' in the test part", id="no value"),
        pytest.param(["lists"], "column 'lists' contains lists, not single values", id="lists"),
    ],
)
def test_processing_refuses_a_column_without_groups_to_compare(
    buyers: pd.DataFrame, groups: list[str], finding: str
) -> None:
    table = buyers.assign(
        region="a", w=1.0, name=[f"n{number}" for number in range(600)], same="x", empty=None, lists=[[1]] * 600
    )
    aside = ("region", "name", "same", "empty", "lists")
    options = Options("bought", "classification", exclude=aside, weight="w", id="number", groups=tuple(groups))

    with pytest.raises(StepError) as raised:
        prepare(table, options)

    assert any(each.startswith(finding) for each in raised.value.findings), raised.value.findings
    assert len(raised.value.findings) == 1


@pytest.mark.parametrize(
    ("column", "values", "warning"),
    [
        pytest.param("town", ["Ulm"], "'town' has no row with its value 'Ulm' in the test part.", id="text"),
        pytest.param(
            "town", ["Ulm", None], "'town' has no row with its values 'Ulm', 'missing' in", id="text and gaps"
        ),
        pytest.param("member", [None], "'member' has no row with its value 'missing' in the test part.", id="a gap"),
        pytest.param("band", [7, 8], "'band' has no row with its values '7', '8' in the test part.", id="few numbers"),
        pytest.param("number", [1e6], "", id="many numbers, in quarters"),
    ],
)
def test_processing_warns_of_groups_without_rows_in_the_test_part(
    buyers: pd.DataFrame, column: str, values: list[Any], warning: str
) -> None:
    table = buyers.assign(town="Bonn", band=1).drop(columns=NAME)
    table[column] = table[column].astype(object)
    table.loc[:20, column] = np.resize(np.array(values, dtype=object), 21)
    table.loc[500:510, ["town", "band"]] = ["Trier", 2]
    options = Options("bought", "classification", groups=(column,))

    prepared = describe_parts(check_rows(table, options), np.repeat([0, 1, 2], [400, 100, 100]), options)

    found = [each for each in prepared.summary["warnings"] if each.startswith("Group column")]
    assert len(found) == bool(warning)
    assert all(each.startswith(f"Group column {warning}") for each in found), found


def test_an_excluded_group_column_is_described_as_such(buyers: pd.DataFrame) -> None:
    prepared = prepare(buyers, Options("bought", "classification", exclude=(NAME, "spent"), groups=(NAME,)))

    reasons = {column.name: column.reason for column in prepared.schema.left_out}
    assert reasons[NAME] == "kept as the group column, not a feature"
    assert reasons["spent"] == "excluded"
    assert not any(NAME in warning for warning in prepared.summary["warnings"])
    assert NAME in prepared.rows
    assert "spent" not in prepared.rows
