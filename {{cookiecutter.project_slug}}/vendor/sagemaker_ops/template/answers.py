"""A project's answers, fitted to the questions of another version of the template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fitted:
    answers: dict[str, Any]
    """Those that the version asks for, as Cookiecutter must be given them to take them unchanged."""
    notes: list[str]
    """A sentence for each answer that is not taken."""
    new: list[str]
    """The questions that have no answer yet."""


def fit(answers: Mapping[str, Any], questions: Mapping[str, Any]) -> Fitted:
    """`questions` are those of cookiecutter.json: {name: default}, where a list is the choices."""
    taken, notes = {}, []
    for name, value in answers.items():
        if name not in questions:
            notes.append(f"{name}: the template does not ask for it any more; your answer was {value!r}.")
            continue
        choices = questions[name]
        if isinstance(choices, list) and value not in choices:
            notes.append(f"{name}: {value!r} is not a choice any more; {choices[0]!r} is taken.")
        else:
            taken[name] = value if isinstance(choices, list) else literal(value)
    return Fitted(taken, notes, [name for name in questions if not name.startswith("_") and name not in answers])


def literal(value: Any) -> Any:
    """The value as Jinja that renders to it: Cookiecutter renders every answer that it is given."""
    if isinstance(value, str):
        return f"{{{{ {value!a} }}}}"  # a string of Jinja has the escapes of one of Python
    if isinstance(value, dict):
        return {key: literal(each) for key, each in value.items()}
    return value
