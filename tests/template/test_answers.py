"""What happens to a project's answers when the template's questions change."""

from __future__ import annotations

from typing import Any

import pytest

from sagemaker_ops.template.answers import fit

QUESTIONS = {"name": "A", "problem": ["classification", "regression"], "gpu": False, "_private": "x"}


@pytest.mark.parametrize(
    ("answers", "notes", "new"),
    [
        pytest.param({"name": "B", "problem": "regression", "gpu": True}, [], [], id="all as before"),
        pytest.param({"name": "B", "problem": "regression"}, [], ["gpu"], id="new question"),
        pytest.param(
            {"name": "B", "problem": "ranking", "gpu": True},
            ["problem: 'ranking' is no longer a choice; 'classification' is used instead."],
            [],
            id="choice that is gone",
        ),
        pytest.param(
            {"name": "B", "problem": "regression", "gpu": True, "cloud": "c"},
            ["cloud: the template no longer asks for this; your answer was 'c'."],
            [],
            id="question that is gone",
        ),
    ],
)
def test_an_answer_is_accepted_or_refused_with_a_sentence(
    answers: dict[str, Any], notes: list[str], new: list[str]
) -> None:
    fitted = fit(answers, QUESTIONS)

    assert (fitted.notes, fitted.new) == (notes, new)
    assert ("problem" in fitted.answers) == (answers["problem"] == "regression")
    assert fitted.answers.get("gpu") == answers.get("gpu")
