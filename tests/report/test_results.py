"""How a metric here compares with the same one of the other branch."""

from __future__ import annotations

from typing import Any

import pytest

from sagemaker_ops.report import results
from sagemaker_ops.report.results import Gate, Result, Row, Score, rows


def row(here: Score | None, there: Score | None, *, is_gate: bool = False, lower: bool = False) -> Row:
    return Row("x", here, there, is_gate, lower)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        pytest.param(row((0.8, 0.01), (0.7, 0.01)), "higher", id="higher"),
        pytest.param(row((0.7, 0.01), (0.8, 0.01)), "lower", id="lower"),
        pytest.param(row((0.8, 0.01), (0.7, 0.01), is_gate=True), "better", id="better"),
        pytest.param(row((0.7, 0.01), (0.8, 0.01), is_gate=True), "worse", id="worse"),
        pytest.param(row((7.0, 0.1), (8.0, 0.1), is_gate=True, lower=True), "better", id="an error that is lower"),
        pytest.param(row((8.0, 0.1), (7.0, 0.1), is_gate=True, lower=True), "worse", id="an error that is higher"),
        pytest.param(row((0.71, 0.005), (0.7, 0.01)), "higher, within 2 standard deviations", id="perhaps chance"),
        pytest.param(row((0.71, None), (0.7, 0.01)), "higher, within 2 standard deviations", id="one spread"),
        pytest.param(row((0.71, None), (0.7, None)), "higher", id="no spread"),
        pytest.param(row((0.7, 0.01), (0.7, 0.01), is_gate=True), "same", id="the same"),
        pytest.param(row((0.7, 0.01), None), "", id="only here"),
        pytest.param(row(None, (0.7, 0.01)), "", id="only there"),
    ],
)
def test_a_difference_in_words(found: Row, words: str) -> None:
    assert found.words == words


def result(*gates: Gate, **metrics: Any) -> Result:
    return Result(evaluation={"regression_metrics": metrics}, gates=gates)


def test_the_metric_of_the_gate_is_first_and_none_is_left_out() -> None:
    here = result(Gate("rmse", 3, "at most", 4, True), r2={"value": 0.5}, rmse={"value": 3})
    there = result(mae={"value": 2, "standard_deviation": 0.1}, rmse={"value": 4})

    assert rows(here, there) == [
        Row("rmse", (3, None), (4, None), True, True),
        Row("r2", (0.5, None), None, False, False),
        Row("mae", None, (2, 0.1), False, False),
    ]


@pytest.mark.parametrize(
    "evaluation",
    [
        {},
        {"x_metrics": None},
        {"x_metrics": []},
        {"x_metrics": {"auc": 0.5, "confusion": {"0": {"0": 1}}, "text": {"value": "0.5"}, "flag": {"value": True}}},
    ],
)
def test_what_has_another_form_is_left_out(evaluation: dict[str, Any]) -> None:
    found = Result(evaluation={**evaluation, "warnings": "text", "verdict": 1})

    assert (found.scores, found.warnings, found.verdict) == ({}, [], "")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("gate.value", "auc"),
        ("group_gate.value", "difference of auc between groups"),
        ("regression_metrics.r2.value", "r2"),
        ("limit", "limit"),
    ],
)
def test_a_condition_has_the_name_of_what_it_reads(path: str, name: str) -> None:
    evaluation = {"gate": {"metric": "auc"}, "group_gate": {"metric": "auc"}}

    assert results._metric({"Std:JsonGet": {"Path": path}}, evaluation) == name


@pytest.mark.parametrize(
    ("gate", "sentence"),
    [
        (Gate("auc", 0.729, "at least", 0.65, True), "auc is 0.729 and must be at least 0.65: passed by 0.079."),
        (Gate("rmse", 4.25, "at most", 4, False), "rmse is 4.25 and must be at most 4: missed by 0.25."),
        (Gate("r2", 0.5, "more than", 0.5, False), "r2 is 0.5 and must be more than 0.5: missed by 0."),
    ],
)
def test_a_gate_says_by_how_much(gate: Gate, sentence: str) -> None:
    assert str(gate) == sentence
