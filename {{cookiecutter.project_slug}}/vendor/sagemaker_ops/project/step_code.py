"""What the scripts of the steps contain, read without running them: the functions they call and the words they use."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path

from sagemaker_ops.project.layout import PIPELINES, STEPS


def scripts(root: Path, folder: Path = STEPS) -> list[Path]:
    """The Python files of the steps, without JupyterLab's copies."""
    return [
        path
        for path in (root / folder).rglob("*.py")
        if not any(part.startswith(".") for part in path.relative_to(root / folder).parts)
    ]


def calls(root: Path, function: str) -> bool:
    """Whether a script of the steps calls a function with this name."""
    found = (node for script in scripts(root) for node in nodes(script) if isinstance(node, ast.Call))
    return any(function in (getattr(call.func, "id", ""), getattr(call.func, "attr", "")) for call in found)


def replaces(root: Path, function: str) -> bool:
    """Whether the steps exist but none calls this function of the library: the team does its work differently."""
    return bool(scripts(root)) and not calls(root, function)


def words(root: Path, *folders: Path) -> set[str]:
    """The quoted texts and the argument names in the scripts of the steps, or of other folders."""
    files = chain.from_iterable(scripts(root, folder) for folder in folders or (STEPS,))
    found = chain.from_iterable(map(nodes, files))
    return {str(getattr(node, "value" if isinstance(node, ast.Constant) else "arg", "")) for node in found}


def words_of_production(root: Path) -> set[str]:
    """`words` of the steps and of the pipelines."""
    return words(root, STEPS, PIPELINES)


def created(root: Path, folder: Path, kind: str) -> set[str]:
    """The names given to objects of classes that start with `kind`: `Threshold` for `ParameterFloat("Threshold")`."""
    found = (node for script in scripts(root, folder) for node in nodes(script) if isinstance(node, ast.Call))
    calls = (call for call in found if str(getattr(call.func, "id", getattr(call.func, "attr", ""))).startswith(kind))
    named = ([*call.args[:1], *(each.value for each in call.keywords if each.arg == "name")] for call in calls)
    return {str(each.value) for arguments in named for each in arguments if isinstance(each, ast.Constant)}


def nodes(script: Path) -> Sequence[ast.AST]:
    """Every node of a script's syntax tree; none if it is not valid Python, which the step itself will report."""
    try:
        return _nodes(script, script.stat().st_mtime_ns)
    except (OSError, SyntaxError, ValueError):
        return ()


@lru_cache(maxsize=256)
def _nodes(script: Path, _changed: int) -> Sequence[ast.AST]:
    return tuple(ast.walk(ast.parse(script.read_bytes())))
