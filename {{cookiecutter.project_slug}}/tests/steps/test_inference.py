"""inference.py: every way to send the same rows gives the same answer, and a wrong request a clear one."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from archive import Model
from errors import StepError
from inference import CSV, JSON, JSON_LINES, input_fn, model_fn, output_fn, predict_fn

if TYPE_CHECKING:
    from tests.steps.conftest import Chain


@pytest.fixture(scope="module")
def model(flights: Chain) -> Model:
    return model_fn(str(flights.root / "model"))


@pytest.fixture
def rows(flights: Chain, model: Model) -> pd.DataFrame:
    return flights.part("test")[model.schema.names].head(20)


def answer(model: Model, body: str | bytes, content_type: str | None, accept: str = JSON) -> Any:
    text, kind = output_fn(predict_fn(input_fn(body, content_type), model), accept)
    return json.loads(text)["predictions"] if kind == JSON else text


def test_every_way_to_ask_gives_the_same_answer(model: Model, rows: pd.DataFrame) -> None:
    expected = model.pipeline.predict_proba(model.schema.frame(rows))
    records = rows.replace({np.nan: None}).to_dict("records")
    split = {"columns": list(rows), "data": [list(record.values()) for record in records]}
    answers = {
        "CSV": answer(model, rows.to_csv(index=False), CSV),
        "CSV, other order, one more column": answer(
            model, rows[rows.columns[::-1]].assign(late=0).to_csv(index=False), CSV
        ),
        "CSV without header": answer(model, rows.to_csv(index=False, header=False).encode(), "text/csv; charset=utf-8"),
        "JSON records": answer(model, json.dumps(records), JSON),
        "CSV that says it has a header": answer(
            model, rows.to_csv(index=False), "text/csv;charset=utf-8; header=present"
        ),
        "CSV that says it has none": answer(
            model, rows.to_csv(index=False, header=False), 'Text/CSV; header="absent"', accept="*/*"
        ),
        "CSV with a byte order mark": answer(model, "\ufeff" + rows.to_csv(index=False), CSV, accept=""),
        "JSON split": answer(model, json.dumps(split).encode(), JSON),
        "JSON Lines": answer(model, "\n".join(json.dumps(record) for record in records) + "\n", JSON_LINES),
    }
    for way, predictions in answers.items():
        given = [[prediction["probabilities"][label] for label in ("0", "1")] for prediction in predictions]
        assert np.array_equal(given, expected), way
        assert [prediction["label"] for prediction in predictions] == expected.argmax(axis=1).tolist(), way


def test_json_lines_answer_one_line_a_row(model: Model, rows: pd.DataFrame) -> None:
    lines = answer(model, rows.to_csv(index=False), CSV, accept=f"{JSON_LINES};charset=utf-8").splitlines()
    assert [json.loads(line) for line in lines] == answer(model, rows.to_csv(index=False), CSV)


def test_what_had_gaps_in_training_may_be_left_out(model: Model, rows: pd.DataFrame) -> None:
    assert {"temp", "wind_speed"} <= set(model.optional)
    assert "month" not in model.optional
    fewer = rows.drop(columns=[*model.optional])
    empty = rows.assign(**dict.fromkeys(model.optional, None))
    assert answer(model, fewer.to_csv(index=False), CSV) == answer(model, empty.to_csv(index=False), CSV)


def test_csv_has_a_header_if_the_request_had_one(model: Model, rows: pd.DataFrame) -> None:
    with_header = answer(model, rows.to_csv(index=False), CSV, accept=CSV).splitlines()
    without = answer(model, rows.to_csv(index=False, header=False), CSV, accept=CSV).splitlines()
    assert with_header[0] == "label,probability_0,probability_1"
    assert with_header[1:] == without
    assert len(without) == len(rows)


def test_unseen_category_and_missing_values_are_answered(model: Model, rows: pd.DataFrame) -> None:
    strange = rows.assign(carrier="??", dest=None, temp=np.nan)
    for prediction in answer(model, strange.to_csv(index=False), CSV):
        assert sum(prediction["probabilities"].values()) == pytest.approx(1)


def test_numbers_for_a_regression(chain: Chain, customers: pd.DataFrame) -> None:
    assert chain.process(customers, "spent", "regression", "--exclude=bought") == 0
    assert chain.train() == 0
    model = model_fn(str(chain.root / "model"))
    record = '{"age": 40, "member": true, "town": "Bonn"}'
    values = [
        answer(model, record, JSON)[0]["value"],
        answer(model, "age,member,town\n40,True,Bonn\n", CSV)[0]["value"],
        float(answer(model, "40,true,Bonn\n", CSV, accept=CSV)),
    ]
    assert len(set(values)) == 1
    assert customers["spent"].min() < values[0] < customers["spent"].max()


@pytest.mark.parametrize(
    ("body", "content_type", "finding"),
    [
        pytest.param("", CSV, "the request is empty", id="empty"),
        pytest.param("a", "text/plain", "'text/plain' is not supported; send text/csv, application/json or", id="type"),
        pytest.param(b"\xff", CSV, "not UTF-8", id="encoding"),
        pytest.param("1,2\n1,2,3\n", CSV, "row 2 has 3 values where the first has 2", id="ragged CSV"),
        pytest.param("1,2\n", CSV, "a row has 2 values where the model takes 14: month", id="too few values"),
        pytest.param("month,dya\n1,2\n", CSV, "column 'day' is missing. Did you mean 'dya'?", id="misspelt column"),
        pytest.param("month,day\n", CSV, "a header but no rows", id="header only"),
        pytest.param('{"month": "May"}', JSON, "column 'month' must hold numbers, but row 1 holds 'May'", id="text"),
        pytest.param("[1", JSON, "the JSON cannot be read", id="broken JSON"),
        pytest.param("[1, 2]", JSON, "JSON must be records", id="no records"),
        pytest.param('{"columns": ["month"], "data": [[1, 2]]}', JSON, "a list of 1 values", id="ragged JSON"),
        pytest.param('{"columns": 3, "data": []}', JSON, "'columns' must be a list of names", id="no names"),
        pytest.param('{"month": [1]}', JSON, "'month' must hold single values", id="nested JSON"),
        pytest.param("[]", JSON, "JSON must be records", id="no record"),
        pytest.param('{"month": 1}\n{"month"', JSON_LINES, "line 2 is no JSON", id="broken line"),
        pytest.param("month,month\n1,2\n", CSV, "names 'month' more than once", id="twice"),
        pytest.param("1,2\n1\n", CSV, "row 2 has 1 values where the first has 2", id="short row"),
        pytest.param("a,b\n1,2\n", "text/csv; header=present", "column 'month' is missing", id="other columns"),
        pytest.param(" \n", JSON, "the request is empty", id="blank"),
        pytest.param("a", None, "content type '' is not supported", id="no type"),
    ],
)
def test_refuses(model: Model, body: str | bytes, content_type: str | None, finding: str) -> None:
    with pytest.raises(StepError) as refused:
        answer(model, body, content_type)
    assert finding in str(refused.value)


def test_refuses_an_unknown_accept(model: Model, rows: pd.DataFrame) -> None:
    with pytest.raises(StepError, match="ask for text/csv, application/json or"):
        answer(model, rows.to_csv(index=False), CSV, accept="image/png")


def test_the_packed_code_serves_on_its_own(flights: Chain, rows: pd.DataFrame) -> None:
    program = (
        "import sys, inference as i; body = sys.stdin.read(); model = i.model_fn('..');"
        "print(i.output_fn(i.predict_fn(i.input_fn(body, i.CSV), model), i.JSON)[0])"
    )
    served = subprocess.run(
        [sys.executable, "-c", program],
        cwd=flights.root / "model" / "code",
        input=rows.to_csv(index=False),
        capture_output=True,
        text=True,
        check=True,
    )
    assert served.stderr == ""
    assert len(json.loads(served.stdout)["predictions"]) == len(rows)
