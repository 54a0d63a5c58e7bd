"""The scripts of the steps: which one a step runs, what it imports, its docstring and its errors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagemaker_ops.definition.plan import Step
from sagemaker_ops.pipelines.publishing import Code
from sagemaker_ops.project.layout import STEPS

ERROR = "StepError"
WORD = re.compile("[a-z]{3}")


@dataclass(frozen=True)
class Script:
    """A script in production/steps. errors: the sentences that it raises, with `{…}` for values."""

    name: str
    source: str
    docstring: str = ""
    errors: tuple[str, ...] = ()


def of(step: Step, code: Code, root: Path) -> list[Script]:
    """The script of the project that a step runs, if any, and those that it imports."""
    program = _program(step.arguments, code.scripts)
    if program is None:
        return []
    needed = [name for name, path in code.files(program).items() if path.is_relative_to(root / STEPS)]
    names = [program, *(name for name in needed if name.endswith(".py") and name != program)]
    return [read(root / STEPS / name, name) for name in names]


def read(file: Path, name: str) -> Script:
    """A script; one that is not Python has no docstring and no errors."""
    source = file.read_text(encoding="utf-8", errors="replace")
    with suppress(SyntaxError, ValueError, RecursionError):
        tree = ast.parse(source)
        return Script(name, source, ast.get_docstring(tree) or "", tuple(dict.fromkeys(_errors(tree))))
    return Script(name, source)


def _program(arguments: Mapping[str, Any], known: Sequence[str]) -> str | None:
    """The first text in the arguments of a step that names a script, with or without a folder."""
    for each in _texts(arguments):
        found = [name for name in known if each == name or each.endswith(f"/{name}")]
        if found:
            return max(found, key=len)
    return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _errors(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == ERROR:
            yield from filter(WORD.search, map(_sentence, node.args))


def _sentence(node: ast.expr) -> str:
    """The text of a message, with `{…}` for what is known only when it is raised."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_sentence(each) or "{…}" for each in node.values)
    return ""
