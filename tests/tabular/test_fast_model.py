"""A model taken apart answers like the fitted pipeline, to the last bit, or leaves the answer to it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import model as model_script
import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import strategies as st
from inference import transform_fn
from sklearn.linear_model import LogisticRegression

from sagemaker_ops.tabular import fast_model, fast_trees
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.estimator import predict
from sagemaker_ops.tabular.model_archive import Model, load_model, save_model
from sagemaker_ops.tabular.requests import CSV, JSON, JSON_LINES

if TYPE_CHECKING:
    from tabular.conftest import Chain

pytestmark = pytest.mark.slow
TYPES = """
[columns]
"day" = "date"
"moment" = "date"
"amount" = "number"
"count" = "integer"
"flag" = "boolean"
"code" = "text"
"shop" = "text"
"y" = "{}"
"""


def table(rows: int = 1500) -> pd.DataFrame:
    """Every kind of column, with gaps; `shop` has more categories than the boosting takes."""
    random = np.random.default_rng(3)
    number = np.arange(rows)
    frame = pd.DataFrame(
        {
            "day": pd.Series(pd.Timestamp("2023-05-01") + pd.to_timedelta(number % 400, "D")).dt.strftime("%Y-%m-%d"),
            "moment": [f"2024-0{1 + n % 9}-11T{n % 24:02}:{n % 60:02}:07" for n in number],
            "amount": random.normal(0, 100, rows).round(3),
            "count": random.integers(-5, 400, rows),
            "flag": random.random(rows) < 0.4,
            "code": random.choice(["7", "07", "true", "x y", "NaN-like", "é"], rows),
            "shop": [f"shop {n * 7919 % 431}" for n in number],
        }
    )
    score = frame["amount"] / 50 + frame["count"] / 100 + frame["flag"] * 2 + (frame["code"] == "7") * 3
    frame["y"] = score + random.normal(0, 1, rows)
    for name, step in {"day": 17, "moment": 23, "amount": 11, "flag": 13, "code": 19, "shop": 29}.items():
        frame[name] = frame[name].astype(object)
        frame.loc[::step, name] = None
    return frame


TARGETS: dict[str, tuple[str, str, Callable[[pd.Series], Any]]] = {
    "regression": ("regression", "number", lambda y: y),
    "two classes": ("classification", "text", lambda y: np.where(y > 3, "late", "on time")),
    "three classes": ("classification", "text", lambda y: np.select([y > 5, y > 2], ["high", "middle"], "low")),
}


@pytest.fixture(scope="module", params=TARGETS)
def trained(request: pytest.FixtureRequest, flights: Chain, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    problem, kind, of = TARGETS[request.param]
    chain = replace(flights, root=tmp_path_factory.mktemp("trained"))
    frame = table()
    frame["y"] = of(frame["y"])
    (chain.root / "schema.toml").write_text(TYPES.format(kind), encoding="utf-8")
    assert chain.process(frame, "y", problem, f"--schema={chain.root / 'schema.toml'}") == 0
    assert chain.train() == 0
    return chain


@pytest.fixture
def model(trained: Chain) -> Model:
    found = trained.model()
    assert found.fast is not None
    return found


def both(model: Model, body: str, content_type: str, accept: str = JSON) -> tuple[Any, Any]:
    """The answers, or the refusals, of the model taken apart and of its pipeline."""
    answers = []
    for each in (model, replace(model, fast=None)):
        try:
            answers.append(transform_fn(each, body, content_type, accept))
        except StepError as refused:
            answers.append(refused.findings)
    return answers[0], answers[1]


def as_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): str(v) if isinstance(v, pd.Timestamp) else v for name, v in row.items()} for row in rows]


def test_every_row_gets_the_same_prediction(model: Model, trained: Chain) -> None:
    frame = model.schema.frame(trained.part("test"))
    expected = predict(model.pipeline, frame)
    rows = [list(row.values()) for row in as_records(frame)]

    assert model.fast is not None
    assert len(frame) > 200
    assert np.array_equal(model.fast.predict_frame(frame), expected)
    assert np.array_equal(model.fast.predict_values([*zip(*rows, strict=True)]), expected)
    few = [model.fast.predict_values([*zip(*rows[at : at + 7], strict=True)]) for at in range(0, len(rows), 7)]
    assert np.array_equal(np.concatenate(few), expected)
    alone = [model.fast.predict_values([[value] for value in row])[0] for row in rows]
    assert np.array_equal(alone, expected)


@pytest.mark.parametrize("count", [1, 2, fast_trees.FEW, fast_trees.FEW + 1])
def test_every_format_gets_the_same_answer(model: Model, trained: Chain, count: int) -> None:
    frame = trained.part("test")[model.schema.names].head(count)
    records = as_records(frame)
    for body, kind in (
        (frame.to_csv(index=False), CSV),
        (frame.to_csv(index=False, header=False), f"{CSV}; header=absent"),
        (json.dumps(records), JSON),
        ("\n".join(map(json.dumps, records)), JSON_LINES),
    ):
        for accept in (CSV, JSON, JSON_LINES):
            fast, slow = both(model, body, kind, accept)
            assert fast == slow


# What a cell of a request may contain, for each kind of column.
ODD: dict[str, list[Any]] = {
    "amount": [
        0,
        -0.0,
        7,
        "7",
        "-7.25",
        "1e3",
        " 3 ",
        "+5",
        "0x10",
        "007",
        "-0",
        "-0.0",
        ".5",
        "5.",
        "1_000",
        2**53,
        2**60,
        10**40,
        "9" * 17,
        "9" * 40,
        "inf",
        "-inf",
        "nan",
        "NA",
        "",
        None,
        True,
        "true",
        "x",
        [1],
        1e308,
        1e-320,
        "1,5",
    ],
    "count": [3, 3.0, 3.5, "3", "3.0", None, False, "N/A", -(10**30)],
    "flag": [
        True,
        False,
        1,
        0,
        1.0,
        0.0,
        -0.0,
        2,
        "true",
        "FALSE",
        "True ",
        "1",
        "0",
        "1.0",
        "0.00",
        "yes",
        None,
        "",
        "None",
    ],
    "code": [
        "7",
        7,
        7.0,
        7.5,
        "07",
        True,
        "true",
        "x y",
        "unseen",
        "NA",
        "",
        None,
        "NaN-like",
        "é",
        "E\u0301",
        10**20,
        1e22,
    ],
    "shop": ["shop 12", "shop 9999", None, "", 5, "null"],
    "day": [
        "2024-02-29",
        "2023-02-29",
        "2024-01-01 10:30:00",
        "2024-01-01T10:30:59",
        "2024-01-01T10:30",
        "2024-01-01T10:30:00Z",
        "2024-01-01T10:30:00+02:00",
        "2024-01-01 10:30:00.250",
        "20240101",
        "1/2/2024",
        "1677-01-01",
        "1678-01-01",
        "2261-12-31",
        "2262-06-01",
        "9999-12-31",
        "0001-01-01",
        "today",
        "",
        None,
        "NaT",
        20240101,
        5.5,
        True,
        "2024-1-1",
        "2024-01-01T24:00:00",
        "1969-12-31T23:59:59",
        "\uff12024-01-01",
    ],
}
CASES = [(name, value) for name, values in ODD.items() for value in values]


def base() -> dict[str, Any]:
    return {"day": "2024-03-01", "moment": "2024-03-01 00:00:01", "amount": 5, "count": 3, "flag": True, "code": "7",
            "shop": "shop 5"}  # fmt: skip


def test_odd_values_are_answered_or_refused_alike(model: Model) -> None:
    wrong: dict[Any, Any] = {}
    for name, value in CASES:
        for rows in (1, 6):
            records = [base() for _ in range(rows - 1)] + [base() | {name: value}]
            fast, slow = both(model, json.dumps(records), JSON)
            if fast != slow:
                wrong[name, repr(value), rows] = (fast, slow)
        if isinstance(value, str):
            columns = ",".join(base())
            text = ",".join(f'"{each}"' for each in (base() | {name: value}).values())
            fast, slow = both(model, f"{columns}\n{text}\n", CSV)
            if fast != slow:
                wrong[name, value, CSV] = (fast, slow)

    assert wrong == {}


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.floats(-1000, 1000).map(str),
    st.integers(-(10**16), 10**16).map(str),
    st.dates().map(str),
    st.datetimes().map(str),
    st.sampled_from(["NA", "", "shop 3", "07", "true", "x y"]),
    st.text(max_size=4),
)


@hypothesis.settings(max_examples=150, deadline=None, derandomize=True, database=None)
@hypothesis.given(rows=st.lists(st.fixed_dictionaries(dict.fromkeys(base(), CELLS)), min_size=1, max_size=6))
def test_any_rows_are_answered_or_refused_alike(any_model: Model, rows: list[dict[str, Any]]) -> None:
    fast, slow = both(any_model, json.dumps(rows), JSON)

    assert fast == slow


@hypothesis.settings(max_examples=100, deadline=None, derandomize=True, database=None)
@hypothesis.given(
    amount=st.floats(allow_nan=False),
    day=st.datetimes(pd.Timestamp("1678-01-01"), pd.Timestamp("2261-12-31")),
    shop=st.integers(0, 500),
)
def test_numbers_and_dates_are_the_same_to_the_last_bit(any_model: Model, amount: float, day: Any, shop: int) -> None:
    row = base() | {"amount": amount, "day": str(day.replace(microsecond=0)), "shop": f"shop {shop}"}
    frame = any_model.schema.frame(pd.DataFrame([row], dtype=object))

    assert any_model.fast is not None
    [seen] = any_model.fast._prepared([[row[name]] for name in any_model.schema.names])

    boosting = any_model.pipeline[-1]
    expected = boosting._preprocess_X(any_model.pipeline[:-1].transform(frame), reset=False)[0]
    assert np.array_equal(seen, expected, equal_nan=True)


@pytest.fixture(scope="module")
def any_model(flights: Chain, tmp_path_factory: pytest.TempPathFactory) -> Model:
    chain = replace(flights, root=tmp_path_factory.mktemp("any"))
    (chain.root / "schema.toml").write_text(TYPES.format("number"), encoding="utf-8")
    assert chain.process(table(600), "y", "regression", f"--schema={chain.root / 'schema.toml'}") == 0
    assert chain.train("--max_iter=5") == 0
    model = chain.model()
    assert model.fast is not None
    return model


def test_a_notation_of_its_own_is_the_same(chain: Chain) -> None:
    frame = table()
    frame["y"] = frame["y"].round(2)
    given = ["--decimal=,", "--missing=?", "--missing=-99", "--missing=x y", "--dates=%d/%m/%Y"]
    text = frame.assign(amount=[None if v is None else str(v).replace(".", ",") for v in frame["amount"]])
    text["y"] = [str(v).replace(".", ",") for v in frame["y"]]
    text["day"] = [None if v is None else "/".join(reversed(v.split("-"))) for v in frame["day"]]
    (chain.root / "schema.toml").write_text(TYPES.format("number"), encoding="utf-8")
    assert chain.process(text, "y", "regression", f"--schema={chain.root / 'schema.toml'}", *given) == 0
    assert chain.train() == 0
    model = chain.model()
    assert model.fast is not None
    odd: dict[str, list[Any]] = {"amount": ["1,5", "1.5", -99, "-99", "?"], "code": ["x y", "?", -99], "flag": ["?"]}
    odd |= {"count": [-99], "day": ["31/12/2024", "2024-12-31"]}
    for name, values in odd.items():
        for value in values:
            fast, slow = both(model, json.dumps([base() | {name: value}]), JSON)
            assert fast == slow, (name, value)


def test_columns_that_had_gaps_may_be_left_out(model: Model) -> None:
    record = base()
    for name in ("amount", "shop", "day"):
        del record[name]
    fast, slow = both(model, json.dumps(record), JSON)
    assert fast == slow
    assert "predictions" in fast[0]
    del record["count"]
    fast, slow = both(model, json.dumps(record), JSON)
    assert fast == slow == ("column 'count' is missing.",)


# What keeps the pipeline


def packed(folder: Path, model: Model, compared: pd.DataFrame | None) -> Model:
    save_model(model, folder, Path(model_script.__file__).parent, compared)
    return load_model(folder)


def test_it_is_only_taken_apart_if_it_was_compared(model: Model, trained: Chain, tmp_path: Path) -> None:
    rows = trained.part("validation")
    assert packed(tmp_path / "compared", model, rows).fast is not None
    assert packed(tmp_path / "not compared", model, None).fast is None
    assert packed(tmp_path / "no rows", model, rows.head(0)).fast is None


def test_another_version_of_scikit_learn_keeps_the_pipeline(
    model: Model, trained: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed(tmp_path, model, trained.part("validation"))
    monkeypatch.setattr(sklearn, "__version__", f"{sklearn.__version__}.post1")

    assert load_model(tmp_path).fast is None


def test_a_model_of_an_earlier_version_keeps_the_pipeline(model: Model, trained: Chain, tmp_path: Path) -> None:
    packed(tmp_path, model, trained.part("validation"))
    file = tmp_path / "training.json"
    content = json.loads(file.read_text())
    del content["taken_apart"]
    file.write_text(json.dumps(content))

    assert load_model(tmp_path).fast is None


def test_a_row_that_differs_keeps_the_pipeline(
    model: Model, trained: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = fast_model.FastModel.predict_frame
    monkeypatch.setattr(
        fast_model.FastModel, "predict_frame", lambda self, frame: np.nextafter(kept(self, frame), np.inf)
    )

    assert packed(tmp_path, model, trained.part("validation")).fast is None


def add_a_feature(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(double=frame["amount"] * 2)


def same(frame: pd.DataFrame) -> pd.DataFrame:
    """Another docstring, and another name."""
    return frame


def or_not(frame: pd.DataFrame) -> pd.DataFrame:
    return frame if len(frame) else frame.copy()


@pytest.mark.parametrize(("function", "is_known"), [(same, True), (add_a_feature, False), (or_not, False)])
def test_only_features_that_are_the_columns_are_known(function: Any, is_known: bool) -> None:
    assert fast_model._does_nothing(function) is is_known
    assert fast_model._does_nothing(np.abs) is False


def test_other_steps_keep_the_pipeline(model: Model) -> None:
    steps = [step for _, step in model.pipeline.steps]
    pipeline = type(model.pipeline)
    named = [("features", steps[0]), ("preparation", steps[1])]
    assert fast_model.take_apart(pipeline([*named, ("model", LogisticRegression())]), model.schema) is None
    assert fast_model.take_apart(pipeline(named), model.schema) is None
    assert fast_model.take_apart(pipeline([("model", steps[2])]), model.schema) is None


def test_scikit_learn_still_has_the_private_parts() -> None:
    """If one is gone, every model keeps its pipeline, and this says why."""
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    assert list(inspect.signature(TreePredictor.predict).parameters) == [
        "self", "X", "known_cat_bitsets", "f_idx_map", "n_threads",
    ]  # fmt: skip
