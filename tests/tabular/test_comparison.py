"""The comparison of a new model with the approved one: by how much it is better, and when it cannot be said."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import evaluation
import numpy as np
import pandas as pd
import pytest
from tabular.conftest import Chain

from sagemaker_ops.tabular import comparison
from sagemaker_ops.tabular.metrics import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.slow

ROWS = 600


def shoppers() -> pd.DataFrame:
    """Older members buy, and spend more."""
    random = np.random.default_rng(7)
    age, member = random.integers(18, 90, ROWS).astype(float), random.random(ROWS) < 0.5
    table = pd.DataFrame({"number": [f"c{n:04}" for n in range(ROWS)], "age": age, "member": member})
    table["town"] = random.choice(["Bonn", "Köln", "Trier"], ROWS)
    table["spent"] = (age * 3 + member * 50 + random.normal(0, 20, ROWS)).round(2)
    table["bought"] = np.where(table["spent"] + random.normal(0, 30, ROWS) > 190, "yes", "no")
    table["weight"] = random.integers(0, 3, ROWS)
    return table


@dataclass(frozen=True)
class Shop:
    """A processed table, a `weak` and a `strong` model of it, and what each was registered with."""

    chain: Chain

    @property
    def root(self) -> Path:
        return self.chain.root

    def learn(self, name: str, *arguments: str) -> None:
        assert self.chain.train(*arguments) == 0
        shutil.move(self.root / "model", self.root / name)

    def compare(
        self,
        new: str,
        approved: Path | str,
        metric: str,
        version: str = "3",
        registered: Path | str = "",
        test: Path | str = "test",
    ) -> dict[str, Any]:
        """evaluation.json of the model `new`."""
        folders = {"model": new, "test": test, "summary": "summary", "output": "evaluation"}
        folders |= {"approved": approved, "approved-evaluation": registered}
        arguments = [f"--{name}-dir={self.root / folder}" for name, folder in folders.items()]
        assert evaluation.main([*arguments, f"--approved-version={version}", f"--gate-metric={metric}"]) == 0
        return self.chain.json("evaluation/evaluation.json")


def _shop(root: Path, target: str, problem: str, *more: str) -> Shop:
    shop = Shop(Chain(root))
    kept = {"bought": "spent", "spent": "bought"}[target]
    assert shop.chain.process(shoppers(), target, problem, f"--exclude={kept}", "--id=number", *more) == 0
    shop.learn("weak", "--max_iter=1", "--max_leaf_nodes=2")
    shop.learn("strong", "--max_iter=40", "--min_samples_leaf=5")
    for name in ("weak", "strong"):
        shop.compare(name, "nothing", "auc" if problem == "classification" else "rmse", version="none")
        shutil.move(root / "evaluation", root / f"{name}-evaluation")
    return shop


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return _shop(tmp_path_factory.mktemp("classes"), "bought", "classification")


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return _shop(tmp_path_factory.mktemp("numbers"), "spent", "regression", "--weight=weight")


@pytest.fixture
def shop(request: pytest.FixtureRequest) -> Shop:
    found: Shop = request.getfixturevalue(request.param)
    return found


def packed(folder: Path, to: Path) -> Path:
    to.mkdir(parents=True)
    with tarfile.open(to / "model.tar.gz", "w:gz") as tar:
        tar.add(folder, arcname=".")
    return to


@pytest.mark.parametrize(
    ("shop", "new", "old", "metric", "word"),
    [
        ("classes", "strong", "weak", "auc", "better"),
        ("classes", "weak", "strong", "auc", "worse"),
        ("classes", "strong", "weak", "accuracy", "better"),
        ("numbers", "strong", "weak", "rmse", "better"),  # less is better
        ("numbers", "weak", "strong", "mae", "worse"),  # less is better
        ("numbers", "weak", "strong", "r2", "worse"),
    ],
    indirect=["shop"],
)
def test_the_improvement_is_positive_if_the_new_model_is_better(
    shop: Shop, new: str, old: str, metric: str, word: str, tmp_path: Path
) -> None:
    content = shop.compare(new, packed(shop.root / old, tmp_path / "a"), metric, registered=f"{old}-evaluation")

    found = content["approved"]
    scores = [
        next(scores for key, scores in each.items() if key.endswith("_metrics"))[metric]["value"]
        for each in (content, shop.chain.json(f"{old}-evaluation/evaluation.json"))
    ]
    assert (found["new_value"], found["value"]) == pytest.approx(scores)
    assert abs(found["improvement"]) == pytest.approx(abs(scores[0] - scores[1]))
    assert (found["improvement"] > 0) == (word == "better")
    assert found["worse_by"] == -found["improvement"]
    assert found["low"] < found["improvement"] < found["high"]
    assert (found["comparable"], found["reason"], found["version"]) == (True, "", "3")
    assert f": {word} by " in found["sentence"]
    assert content["warnings"] == shop.chain.json(f"{old}-evaluation/evaluation.json")["warnings"]


def test_the_sentence_says_what_was_compared_and_by_how_much(numbers: Shop) -> None:
    better, worse = (numbers.compare(*pair, "rmse")["approved"] for pair in (("strong", "weak"), ("weak", "strong")))

    rows = f"on the same {better['rows']} rows"
    old, new, gain = better["value"], better["new_value"], better["improvement"]
    low, high = better["low"], better["high"]
    interval = f"(95 % interval {low:.2g} to {high:.2g})."
    assert better["sentence"].startswith(
        f"Compared with version 3: rmse {new:.4g} against {old:.4g} {rows}: better by {gain:.2g} {interval}"
    )
    assert worse["sentence"].startswith(
        f"Compared with version 3: rmse {old:.4g} against {new:.4g} {rows}: worse by {gain:.2g} {interval}"
    )


def test_the_interval_is_that_of_the_difference(classes: Shop) -> None:
    """A model that is hardly different is compared far more precisely than either is measured."""
    classes.learn("similar", "--max_iter=39", "--min_samples_leaf=5")

    content = classes.compare("similar", "strong", "auc")

    found, score = content["approved"], content["binary_classification_metrics"]["auc"]
    assert found["high"] - found["low"] < 0.5 * (score["interval"][1] - score["interval"][0])


def test_the_same_model_is_equally_good(numbers: Shop) -> None:
    found = numbers.compare("strong", "strong", "rmse", registered="strong-evaluation")["approved"]

    assert (found["improvement"], found["low"], found["high"], found["worse_by"]) == (0, 0, 0, 0)
    assert ": equally good (95 % interval 0 to 0)." in found["sentence"]


def test_a_metric_of_your_own_is_measured_for_both_models(numbers: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def cost(truth: Any, prediction: Any, weights: Any) -> float:
        return float((np.abs(truth - prediction) * weights).sum())

    monkeypatch.setitem(evaluation.METRICS, "cost", Metric(cost, lower_is_better=True))
    found = numbers.compare("strong", "weak", "cost")["approved"]
    there = numbers.compare("weak", "weak", "cost")["approved"]

    assert found["comparable"]
    assert found["improvement"] > 0
    assert found["value"] == pytest.approx(there["new_value"])


@pytest.mark.parametrize("rows", [100, 20_000])
def test_a_large_part_takes_fewer_resamples(numbers: Shop, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    from sagemaker_ops.tabular.model_archive import load_model

    monkeypatch.setattr(comparison, "BOOTSTRAP_CELLS", 1_000_000)
    table = shoppers().sample(rows, replace=True, random_state=0, ignore_index=True).assign(weight=1)
    drawn = comparison._Rows(load_model(numbers.root / "strong"), table, "rmse", {})
    scored: list[int] = []
    measured = drawn.measured

    def count(prediction: Any, counts: Any) -> Any:
        scored.append(len(counts))
        assert counts.size <= max(1_000_000 / 10, rows)
        return measured(prediction, counts)

    monkeypatch.setattr(drawn, "measured", count)
    low, high = comparison._interval(drawn, drawn.prediction * 1.1)

    assert sum(scored) / 2 == {100: comparison.MOST, 20_000: 50}[rows]
    assert low is not None
    assert high is not None
    assert 0 < low < high


def test_few_resamples_give_nearly_the_same_interval(numbers: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    many = numbers.compare("strong", "weak", "rmse")["approved"]
    monkeypatch.setattr(comparison, "BOOTSTRAP_CELLS", 100 * many["rows"])

    few = numbers.compare("strong", "weak", "rmse")["approved"]

    width = many["high"] - many["low"]
    assert few["low"] == pytest.approx(many["low"], abs=0.2 * width)
    assert few["high"] == pytest.approx(many["high"], abs=0.2 * width)


@pytest.mark.parametrize(
    ("version", "sentence", "warned"),
    [
        ("none", "There is no approved model to compare with yet.", False),
        ("unknown", f"Not compared with an approved model: {comparison.NOBODY_LOOKED}. {comparison.ALONE}", True),
    ],
)
def test_without_an_approved_model_only_the_limit_decides(
    classes: Shop, version: str, sentence: str, warned: bool
) -> None:
    content = classes.compare("weak", "nothing", "auc", version=version)

    found = content["approved"]
    assert (found["version"], found["comparable"], found["worse_by"], found["improvement"]) == (None, False, 0, None)
    assert found["sentence"] == sentence
    assert (sentence in content["warnings"]) == warned


def edit(file: Path, change: Callable[[Any], Any]) -> None:
    file.write_text(json.dumps(change(json.loads(file.read_text()))))


BREAK: dict[str, tuple[Callable[[Path], object], str]] = {
    "no archive": (shutil.rmtree, "its archive is missing, or is not one of this project's training step"),
    "damaged": (lambda f: (f / "model.tar.gz").write_bytes(b"x"), "its archive is damaged"),
    "another target": (
        lambda f: edit(f / "schema.json", lambda c: c | {"target": "sold"}),
        "its target is 'sold', not 'bought'",
    ),
    "another problem": (
        lambda f: edit(f / "schema.json", lambda c: c | {"problem": "regression", "classes": []}),
        "its problem is 'regression', not 'classification'",
    ),
    "other classes": (
        lambda f: edit(f / "schema.json", lambda c: c | {"classes": ["no", "perhaps", "yes"]}),
        "its classes are no, perhaps, yes, not no, yes",
    ),
    "a column that is gone": (
        lambda f: edit(
            f / "schema.json", lambda c: c | {"features": [{"name": "height", "kind": "numeric"}, *c["features"]]}
        ),
        "it cannot be scored (column 'height' is missing)",
    ),
    "other packages": (
        lambda f: edit(f / "training.json", lambda c: c | {"versions": c["versions"] | {"scikit-learn": "1.5.0"}}),
        "it cannot be scored (the model was trained with scikit-learn 1.5.0, but this is scikit-learn ",
    ),
    "a package that is not installed": (
        lambda f: (f / "code/features.py").write_text("import torchforest\n"),
        "it cannot be scored (No module named 'torchforest')",
    ),
    "code that is incomplete": (
        lambda f: (f / "code/features.py").unlink(),
        "it cannot be scored (No module named 'features')",
    ),
    "no code": (lambda f: shutil.rmtree(f / "code"), "its archive does not contain the code that it was saved with"),
    "a crash": (
        lambda f: (f / "code/features.py").write_text("import os\nos.kill(os.getpid(), 9)\n"),
        "its process was ended by signal 9, as for lack of memory",
    ),
}


@pytest.mark.parametrize("case", BREAK)
def test_a_model_that_cannot_be_scored_counts_as_it_was_registered_or_not_at_all(
    classes: Shop, tmp_path: Path, case: str
) -> None:
    damage, reason = BREAK[case]
    folder = shutil.copytree(classes.root / "strong", tmp_path / "approved")
    damage(folder)

    same = classes.compare("weak", folder, "auc", registered="strong-evaluation")
    never = classes.compare("weak", folder, "auc")

    auc = classes.chain.json("strong-evaluation/evaluation.json")["gate"]["value"]
    assert (same["approved"]["comparable"], same["approved"]["value"]) == (True, auc)
    assert same["approved"]["worse_by"] == pytest.approx(auc - same["gate"]["value"])
    assert (same["approved"]["low"], same["approved"]["high"]) == (None, None)
    assert same["approved"]["reason"].startswith(reason)
    assert f"against the {auc:.4g} it was registered with on the same " in same["approved"]["sentence"]
    assert (never["approved"]["comparable"], never["approved"]["worse_by"]) == (False, 0)
    assert never["approved"]["sentence"].startswith(f"Not compared with version 3: {reason}")
    assert never["approved"]["sentence"].endswith(
        f", and it was registered without this metric, auc. {comparison.ALONE}"
    )
    assert never["warnings"][0] == never["approved"]["sentence"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: c | {"test": c["test"] | {"hash": "0"}}, "its registered auc was measured on other rows"),
        (lambda c: {k: v for k, v in c.items() if k != "test"}, "its registered auc was measured on other rows"),
        (lambda c: c | {"binary_classification_metrics": {}}, "it was registered without this metric, auc"),
        (lambda c: [1], "it was registered without this metric, auc"),
    ],
    ids=["other rows", "rows unknown", "another metric", "another form"],
)
def test_a_registered_value_counts_only_for_the_same_metric_on_the_same_rows(
    classes: Shop, tmp_path: Path, change: Callable[[Any], Any], reason: str
) -> None:
    shutil.copytree(classes.root / "strong-evaluation", tmp_path / "registered")
    edit(tmp_path / "registered/evaluation.json", change)

    content = classes.compare("weak", tmp_path, "auc", registered=tmp_path / "registered")

    assert content["approved"]["reason"].endswith(f", and {reason}")
    assert (content["approved"]["comparable"], content["approved"]["worse_by"]) == (False, 0)


DOUBTS = {
    "split": "Its data were split differently, so it may have been trained on some of these rows, which flatters it.",
    "unknown": "It is not known how its data were split, so it may have been trained on some of these rows, "
    "which flatters it.",
    "none": "",
}


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        (lambda t: t, "none"),
        (lambda t: t | {"split": "another"}, "none"),  # the same rows, so it was not trained on them
        (lambda t: t | {"hash": "another"}, "none"),  # new rows: each old one keeps its part
        (lambda t: t | {"hash": "another", "split": "another"}, "split"),
        (lambda t: t | {"hash": "another", "split": ""}, "unknown"),
        (lambda t: None, "unknown"),
    ],
    ids=["same", "same rows", "more rows", "another split", "no split", "no test"],
)
def test_a_model_that_may_know_the_rows_is_doubted(
    classes: Shop, tmp_path: Path, change: Callable[[Any], Any], doubt: str
) -> None:
    shutil.copytree(classes.root / "strong-evaluation", tmp_path / "registered")
    edit(tmp_path / "registered/evaluation.json", lambda c: c | {"test": change(c["test"])})

    content = classes.compare("weak", "strong", "auc", registered=tmp_path / "registered")

    found = content["approved"]
    assert found["comparable"]
    assert found["sentence"].endswith(f"). {DOUBTS[doubt]}" if doubt != "none" else ").")
    assert (found["sentence"] in content["warnings"]) == (doubt != "none")


@pytest.mark.parametrize(
    ("change", "arguments", "same_hash", "same_split"),
    [
        (lambda t: t, (), True, True),
        (lambda t: t.sample(frac=1, random_state=1), (), True, True),  # the order does not matter
        (lambda t: t[["town", *t.columns.drop("town")]], (), True, True),
        (lambda t: pd.concat([t, t.tail(50).assign(number=[f"d{n}" for n in range(50)])]), (), False, True),
        (lambda t: t.assign(age=t["age"] + 1), (), False, True),
        (lambda t: t, ("--test-share=0.3",), False, False),
        (lambda t: t, ("--id=", "--exclude=number"), False, False),
        (lambda t: t, ("--split=time", "--split-column=age"), False, False),
    ],
    ids=["same", "shuffled", "columns", "more rows", "other values", "share", "no id", "time"],
)
def test_the_test_part_is_known_by_its_content_and_its_split(
    classes: Shop,
    tmp_path: Path,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    arguments: Sequence[str],
    same_hash: bool,
    same_split: bool,
) -> None:
    chain = Chain(tmp_path)
    options = ["--exclude=spent", "--id=number", *arguments]
    assert chain.process(change(shoppers()), "bought", "classification", *options) == 0

    from sagemaker_ops.tabular.tables import read_table

    here = comparison.describe_test(read_table(tmp_path / "test"), tmp_path / "summary")
    there = classes.chain.json("strong-evaluation/evaluation.json")["test"]
    assert (here["hash"] == there["hash"], here["split"] == there["split"]) == (same_hash, same_split)


def test_todays_modules_do_not_stand_in_for_those_of_the_archive(classes: Shop, tmp_path: Path) -> None:
    """The approved model's add_features differs from today's: its own is used, though both have one name."""
    folder = shutil.copytree(classes.root / "strong", tmp_path / "approved")
    own = "\n\ndef add_features(table):\n    return table.assign(age=30.0)\n"
    (folder / "code/features.py").write_text((folder / "code/features.py").read_text() + own)

    changed, usual = (classes.compare("strong", each, "auc")["approved"] for each in (folder, "strong"))

    assert usual["improvement"] == 0
    assert changed["improvement"] > 0.05


def test_a_row_without_weight_counts_in_neither_model(numbers: Shop, tmp_path: Path) -> None:
    table = pd.read_parquet(numbers.root / "test")
    table.loc[:9, ["weight", "spent"]] = [0, 1e6]
    table.to_parquet(tmp_path / "part-0.parquet")

    usual, found = (numbers.compare("strong", "weak", "mae", test=each) for each in ("test", tmp_path))

    assert (found["approved"]["rows"], found["test"]["rows"]) == (len(table) - 10, len(table))
    assert found["approved"]["value"] == pytest.approx(usual["approved"]["value"], rel=0.5)


@pytest.mark.parametrize(("version", "name"), [("12", "version 12"), ("given", "the model 'given'")])
def test_a_model_without_a_number_has_a_name(classes: Shop, version: str, name: str) -> None:
    assert classes.compare("weak", "weak", "auc", version)["approved"]["sentence"].startswith(f"Compared with {name}: ")


def test_the_predictions_must_be_of_the_same_rows(classes: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    predicted = comparison.predicted

    def other(*given: Any) -> Any:
        truth, prediction = predicted(*given)
        return truth[::-1], prediction

    monkeypatch.setattr(comparison, "predicted", other)
    found = classes.compare("strong", "weak", "auc")["approved"]

    assert found["reason"].startswith("its own code reads other rows or targets from the test part")
