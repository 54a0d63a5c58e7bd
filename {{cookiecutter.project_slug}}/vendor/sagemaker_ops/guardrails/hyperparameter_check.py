"""Checks [hyperparameters] against the table HYPERPARAMETERS in production/steps, without running it.

`ops check` also builds the model with them: see pipelines/model_check.py.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path

from sagemaker_ops import Choice, Number  # as production/steps/model.py does
from sagemaker_ops.errors import Problem, did_you_mean
from sagemaker_ops.project import script_text
from sagemaker_ops.project.settings import FILE, Settings

TABLE = "HYPERPARAMETERS"
READER = "read_hyperparameters"
"""The library's function that reads them in a step."""
KINDS: dict[str, type[Number] | type[Choice]] = {"Number": Number, "Choice": Choice}
NO_CLASS_WEIGHT = ("none", "None", "")
Known = dict[str, Number | Choice | None]


def check(settings: Settings, root: Path) -> list[Problem]:
    """A problem for each hyperparameter that the steps do not know, or whose value they do not allow."""
    given = settings.hyperparameters
    model = Allowed.of(root) if given else Allowed()
    problems = []
    for name, value in given.items():
        where = f"{FILE} [hyperparameters].{name}"
        if unknown := model.no_such(name):
            problems.append(Problem(unknown, where))
        elif (allowed := model.known.get(name)) and allowed.read(as_text(value)) is None:
            problems.append(Problem(f"{json.dumps(value)} is not allowed: write {allowed.expected}.", where))
        elif (
            model.is_read
            and name == "class_weight"
            and settings.data.problem == "regression"
            and value not in NO_CLASS_WEIGHT
        ):
            problems.append(Problem('a regression has no classes to weight: remove it, or write "none".', where))
    return problems


def weighs_classes(name: str, settings: Settings) -> bool:
    """Whether the hyperparameter weights classes although the target has none."""
    return name == "class_weight" and settings.data.problem == "regression"


@dataclass(frozen=True)
class Allowed:
    """What the steps allow: the table of the model, and other words that their scripts use.

    is_read: whether the library reads hyperparameters for them, as the template's scripts do.
    """

    known: Known = field(default_factory=dict)
    used: Set[str] = frozenset()
    is_read: bool = False

    @classmethod
    def of(cls, root: Path) -> Allowed:
        if script_text.replaces(root, READER):
            return cls()
        known = declared(root)
        words = script_text.words_of_production(root) if known else ()
        return cls(known, {word.lstrip("-").replace("-", "_") for word in words}, True)

    def no_such(self, name: str) -> str:
        """A sentence if the model has no hyperparameter of this name; empty if it has, or that is not known."""
        if not self.known or name in self.known or name in self.used:
            return ""
        hint = did_you_mean(name, self.known) or f" It has {', '.join(self.known)}."
        return f"the model has no hyperparameter '{name}'.{hint}"


def as_text(value: object) -> str:
    """A value as the text that a training script gets."""
    return value if isinstance(value, str) else json.dumps(value)


def declared(root: Path) -> Known:
    """{name: what it allows} of every literal HYPERPARAMETERS in the steps; None: known only when it runs.

    Empty if a table is not literal, because then its names are not known either.
    """
    known: Known = {}
    for script in script_text.scripts(root):
        for table in _assigned(script):
            if not isinstance(table, ast.Dict) or not all(isinstance(key, ast.Constant) for key in table.keys):
                return {}
            for key, value in zip(table.keys, table.values, strict=True):
                name, allowed = str(getattr(key, "value", "")), _allowed(value)
                known[name] = allowed if known.get(name, allowed) == allowed else None
    return known


def _assigned(script: Path) -> list[ast.expr]:
    """What the script assigns to HYPERPARAMETERS."""
    found = []
    for node in script_text.nodes(script):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [node.value for each in targets if isinstance(each, ast.Name) and each.id == TABLE]
    return found


def _allowed(value: ast.expr) -> Number | Choice | None:
    """`Number(1, 0, 5, "…")` or `Choice(…)` as the object, if all its arguments are literal."""
    kind = KINDS.get(getattr(value.func, "id", "")) if isinstance(value, ast.Call) else None
    if kind is None or not isinstance(value, ast.Call):
        return None
    try:
        positional = [ast.literal_eval(each) for each in value.args]
        named = {str(each.arg): ast.literal_eval(each.value) for each in value.keywords}
        return kind(*positional, **named)
    except (ValueError, TypeError):
        return None
