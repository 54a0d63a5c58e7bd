"""Adapts a project's answers to the questions of another version of the template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fitted:
    answers: dict[str, Any]
    """The answers that this version asks for, escaped so that Cookiecutter keeps them unchanged."""
    notes: list[str]
    """A sentence for each answer that is not used."""
    new: list[str]
    """The questions that have no answer yet."""


def fit(answers: Mapping[str, Any], questions: Mapping[str, Any]) -> Fitted:
    """`questions`: the content of cookiecutter.json, {name: default, or a list of choices}."""
    taken, notes = {}, []
    for name, value in answers.items():
        if name not in questions:
            notes.append(f"{name}: the template no longer asks for this; your answer was {value!r}.")
            continue
        choices = questions[name]
        if isinstance(choices, list) and value not in choices:
            notes.append(f"{name}: {value!r} is no longer a choice; {choices[0]!r} is used instead.")
        else:
            taken[name] = value if isinstance(choices, list) else literal(value)
    return Fitted(taken, notes, [name for name in questions if not name.startswith("_") and name not in answers])


def literal(value: Any) -> Any:
    """A Jinja expression for the value, because Cookiecutter renders every answer."""
    if isinstance(value, str):
        return f"{{{{ {value!a} }}}}"  # Jinja strings have the same escapes as Python strings
    if isinstance(value, dict):
        return {key: literal(each) for key, each in value.items()}
    return value
