"""inference.py: every way to send the same rows gives the same response, and an invalid request a clear message."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from inference import model_fn, transform_fn
from projects import TEMPLATE_PROJECT

from sagemaker_ops.aws import endpoint_probe
from sagemaker_ops.project import table_rows
from sagemaker_ops.project.settings import Data
from sagemaker_ops.tabular.column_types import save_types
from sagemaker_ops.tabular.errors import StepError
from sagemaker_ops.tabular.model_archive import Model
from sagemaker_ops.tabular.requests import CSV, JSON, JSON_LINES

if TYPE_CHECKING:
    from tabular.conftest import Chain


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(flights: Chain) -> Model:
    return model_fn(str(flights.root / "model"))


@pytest.fixture
def rows(flights: Chain, model: Model) -> pd.DataFrame:
    return flights.part("test")[model.schema.names].head(20)


def answer(model: Model, body: str | bytes, content_type: str | None, accept: str = JSON) -> Any:
    text, kind = transform_fn(model, body, content_type, accept)
    return json.loads(text)["predictions"] if kind == JSON else text


def test_every_request_format_gives_the_same_answer(model: Model, rows: pd.DataFrame) -> None:
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


def test_the_rows_of_a_deployment_pass_its_test(model: Model) -> None:
    file = TEMPLATE_PROJECT / "data" / "sample" / "flights_classification.csv"
    sent = table_rows.of_table(file, file.name, Data(str(file), "late", "classification"), endpoint_probe.ROWS)

    text, _ = transform_fn(model, sent.text.encode(), CSV, CSV)

    assert endpoint_probe.fault(text.encode(), sent.count, "classification") == ""
    assert endpoint_probe.fault(text.replace("0.", "nan", 1).encode(), sent.count, "classification")


def test_json_lines_are_answered_with_one_line_per_row(model: Model, rows: pd.DataFrame) -> None:
    lines = answer(model, rows.to_csv(index=False), CSV, accept=f"{JSON_LINES};charset=utf-8").splitlines()
    assert [json.loads(line) for line in lines] == answer(model, rows.to_csv(index=False), CSV)


def test_columns_with_gaps_in_training_may_be_left_out(model: Model, rows: pd.DataFrame) -> None:
    assert {"temp", "wind_speed"} <= set(model.optional)
    assert "month" not in model.optional
    fewer = rows.drop(columns=[*model.optional])
    empty = rows.assign(**dict.fromkeys(model.optional, None))
    assert answer(model, fewer.to_csv(index=False), CSV) == answer(model, empty.to_csv(index=False), CSV)


@pytest.fixture(scope="module")
def dated(flights: Chain, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model with a date with gaps, a category that looks like a number, a boolean, and names that are numbers."""
    chain = replace(flights, root=tmp_path_factory.mktemp("dated"))
    number = np.arange(400)
    day = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(number % 90 * 17, "h")).where(number % 9 > 0)
    table = pd.DataFrame({"0": day, "1": number * 7 % 5 / 2, "2": number % 2 == 0, "code": number % 3})
    table["y"] = day.dt.weekday.fillna(9) + table["code"]
    save_types({"0": "date", "1": "number", "2": "boolean", "code": "text", "y": "number"}, chain.root)
    assert chain.process(table, "y", "regression", f"--schema={chain.root / 'schema.toml'}") == 0
    assert chain.train() == 0
    return model_fn(str(chain.root / "model"))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param("0,1,2,code\n2024-02-03,1,true,2\n", CSV, id="CSV"),
        pytest.param("2024-02-03,1,true,2\n", CSV, id="CSV without header"),
        pytest.param("0,1,2,code\n2024-02-03T00:00:00,1.0,True,2\n", CSV, id="a moment"),
        pytest.param("0,1,2,code\n2024-02-03T02:00:00+02:00,1e0,1,2\n", CSV, id="a moment in another zone"),
        pytest.param('{"0": "2024-02-03", "1": 1, "2": true, "code": 2}', JSON, id="JSON"),
        pytest.param(
            '{"0": "2024-02-03T00:00:00.000Z", "1": "1", "2": 1, "code": 2.0}', JSON, id="JSON in other types"
        ),
        pytest.param(
            '{"columns": ["code", "0", "1", "2"], "index": [7], "data": [["2", "20240203", 1, "TRUE"]]}',
            JSON,
            id="split with an index",
        ),
    ],
)
def test_every_way_to_write_a_value_gives_the_same_answer(dated: Model, body: str, content_type: str) -> None:
    plain = pd.DataFrame({"0": [pd.Timestamp("2024-02-03")], "1": [1.0], "2": [True], "code": ["2"]})
    expected = dated.pipeline.predict(dated.schema.frame(plain)).tolist()
    assert [one["value"] for one in answer(dated, body, content_type)] == expected


@pytest.mark.parametrize("gap", [None, "", "NA", "null", "9999-12-31", "0001-01-01T00:00:00Z", np.nan], ids=repr)
def test_all_notations_of_missing_values_are_equal(dated: Model, gap: Any) -> None:
    expected = answer(dated, '{"1": null, "2": null, "code": 2}', JSON)
    assert answer(dated, json.dumps({"0": gap, "1": None, "2": None, "code": 2}), JSON) == expected
    if "-" not in str(gap):
        assert answer(dated, json.dumps({"0": None, "1": gap, "2": gap, "code": 2}), JSON) == expected


def test_huge_numbers_are_answered(dated: Model) -> None:
    body = json.dumps([{"1": value, "2": None, "code": 10**400} for value in (10**400, -(10**30), 1e308, 0)])
    assert len(answer(dated, body, JSON)) == 4
    assert answer(dated, "1,2,code\ninf,,1\n", CSV) == answer(dated, "1,2,code\n,,1\n", CSV)
    # Infinite, as in training: Arrow reads it so in a CSV file, and infinite numbers count as missing.
    assert answer(dated, f"1,2,code\n{10**400},,1\n", CSV) == answer(dated, "1,2,code\n,,1\n", CSV)


def test_a_first_row_of_numbers_is_not_a_header(dated: Model) -> None:
    assert len(answer(dated, ",0,1,2\n,1,0,code\n", "text/csv; header=absent")) == 2
    assert len(answer(dated, ",0,1,2\n,1,0,2\n", CSV)) == 2
    assert len(answer(dated, "2,1,0,code\n1,0,,2\n", CSV)) == 1


def test_a_request_of_six_megabytes(model: Model, rows: pd.DataFrame) -> None:
    line = rows.head(1).to_csv(index=False, header=False)
    times = 6_000_000 // len(line)
    assert len(answer(model, line * times, CSV, accept=CSV).splitlines()) == times


CELLS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.none()))
NAMES = st.sampled_from(["0", "1", "2", "code", "y", ""])
BODIES = st.one_of(
    st.text(alphabet=st.sampled_from('01,;"\n\r {}[]:acdeo-TZ\0\ufeff😀')),
    st.binary(),
    st.recursive(CELLS, lambda some: st.lists(some) | st.dictionaries(NAMES, some), max_leaves=8).map(json.dumps),
    st.lists(st.dictionaries(NAMES, CELLS), min_size=1).map(json.dumps),
)


@hypothesis.settings(max_examples=100, deadline=None, derandomize=True, database=None)
@hypothesis.given(body=BODIES, content_type=st.sampled_from([CSV, JSON, JSON_LINES, f"{CSV}; header=absent"]))
def test_any_body_is_answered_or_refused_with_a_message(dated: Model, body: str | bytes, content_type: str) -> None:
    try:
        values = [one["value"] for one in answer(dated, body, content_type)]
    except StepError as refused:
        values, findings = [], refused.findings
    else:
        findings = ()
    assert np.isfinite(values).all()
    assert all(len(finding) > 20 for finding in findings)
    assert bool(values) != bool(findings)


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
        pytest.param("1,2\n1,2,3\n", CSV, "row 2 has 3 values, but the first has 2", id="ragged CSV"),
        pytest.param("1,2\n", CSV, "a row has 2 values, but the model needs 14: month", id="too few values"),
        pytest.param("month,dya\n1,2\n", CSV, "column 'day' is missing. Did you mean 'dya'?", id="misspelt column"),
        pytest.param("month,day\n", CSV, "a header but no rows", id="header only"),
        pytest.param('{"month": "May"}', JSON, "column 'month' must contain numbers, but row 1 has 'May'", id="text"),
        pytest.param("[1", JSON, "the JSON cannot be read", id="broken JSON"),
        pytest.param("[1, 2]", JSON, "JSON must be records", id="not records"),
        pytest.param('{"columns": ["month"], "data": [[1, 2]]}', JSON, "a list of 1 values", id="ragged JSON"),
        pytest.param('{"columns": 3, "data": []}', JSON, "'columns' must be a list of names", id="not names"),
        pytest.param('{"month": [1]}', JSON, "'month' must contain single values", id="nested JSON"),
        pytest.param("[]", JSON, "JSON must be records", id="not a record"),
        pytest.param('{"month": 1}\n{"month"', JSON_LINES, "line 2 is not JSON", id="broken line"),
        pytest.param("month,month\n1,2\n", CSV, "names 'month' more than once", id="twice"),
        pytest.param("1,2\n1\n", CSV, "row 2 has 1 values, but the first has 2", id="short row"),
        pytest.param("a,b\n1,2\n", "text/csv; header=present", "column 'month' is missing", id="other columns"),
        pytest.param(" \n", JSON, "the request is empty", id="blank"),
        pytest.param("a", None, "content type '' is not supported", id="no type"),
        pytest.param(None, JSON, "the request is empty", id="no body"),
        pytest.param("K\ufffdln", CSV, "not UTF-8", id="encoding, as Flask decodes it"),
        pytest.param(
            '{"instances": [{"month": 1}]}', JSON, "'instances' must contain single values", id="another format"
        ),
        pytest.param("[" * 100_000, JSON, "the JSON cannot be read", id="deep JSON"),
    ],
)
def test_refuses(model: Model, body: str | bytes, content_type: str | None, finding: str) -> None:
    with pytest.raises(StepError) as refused:
        answer(model, body, content_type)
    assert finding in str(refused.value)


def test_refuses_a_wrong_date_with_the_row(dated: Model) -> None:
    body = json.dumps([{"0": day, "1": 1, "2": True, "code": 1} for day in ("2024-01-01", 1707000000000)])
    with pytest.raises(StepError, match="'0' must contain dates such as 2025-12-31, but row 2 has '1707000000000'"):
        answer(dated, body, JSON)


def test_a_server_with_flask_answers_400(model: Model) -> None:
    """As AWS's image serves one model: sagemaker-containers uses the result of transform_fn as Flask's response."""
    flask = pytest.importorskip("flask")
    app = flask.Flask("served")

    @app.post("/invocations")  # type: ignore[untyped-decorator]
    def invocations() -> Any:
        request = flask.request
        return transform_fn(model, request.get_data(), request.content_type, request.headers.get("Accept"))

    response = app.test_client().post("/invocations", data="month\n1\n", content_type=CSV)
    assert (response.status_code, response.mimetype) == (400, "text/plain")
    assert response.text.splitlines()[0] == "column 'day' is missing."


def test_a_server_with_the_inference_toolkit_answers_400(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """As AWS's image serves several models: with an error of sagemaker-inference, which has the status."""

    class GenericInferenceToolkitError(Exception):
        def __init__(self, status_code: int, message: str) -> None:
            super().__init__(status_code, message)

    toolkit = SimpleNamespace(GenericInferenceToolkitError=GenericInferenceToolkitError)
    monkeypatch.setitem(sys.modules, "sagemaker_inference.errors", toolkit)
    with pytest.raises(GenericInferenceToolkitError) as refused:
        transform_fn(model, "", CSV, None)
    assert refused.value.args == (400, "the request is empty; send rows as CSV or JSON")


def test_refuses_an_unknown_accept(model: Model, rows: pd.DataFrame) -> None:
    with pytest.raises(StepError, match="request text/csv, application/json or"):
        answer(model, rows.to_csv(index=False), CSV, accept="image/png")


def test_the_packed_code_serves_on_its_own(flights: Chain, rows: pd.DataFrame) -> None:
    program = (
        "import sys, inference as i; body = sys.stdin.read(); model = i.model_fn('..');"
        "print(i.transform_fn(model, body, 'text/csv', 'application/json')[0])"
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
