"""What the scripts of the steps contain, read without running them: the functions they call and the words they use."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sagemaker_ops.project.layout import PIPELINES, STEPS


def scripts(root: Path, folder: Path = STEPS) -> list[Path]:
    """The Python files of the steps, without JupyterLab's copies."""
    return [
        path
        for path in (root / folder).rglob("*.py")
        if not any(part.startswith(".") for part in path.relative_to(root / folder).parts)
    ]


def replaces(root: Path, function: str) -> bool:
    """Whether the steps exist but none calls this function of the library: the team does its work differently."""
    found = scripts(root)
    return bool(found) and not any(function in _code(script).called for script in found)


def calls_without(root: Path, folder: Path, function: str, argument: str) -> bool:
    """Whether a script in the folder calls this function or method without this named argument."""
    found = (node for script in scripts(root, folder) for node in nodes(script) if isinstance(node, ast.Call))
    calls = (call for call in found if function in (getattr(call.func, "id", ""), getattr(call.func, "attr", "")))
    return any(argument not in {keyword.arg for keyword in call.keywords} for call in calls)


def calls(root: Path, folder: Path, function: str) -> bool:
    """Whether a script in this folder calls this function."""
    return any(function in _code(script).called for script in scripts(root, folder))


def words(root: Path, *folders: Path) -> set[str]:
    """The quoted texts and the argument names in the scripts of the steps, or of other folders."""
    return {word for folder in folders or (STEPS,) for script in scripts(root, folder) for word in _code(script).words}


def words_of_production(root: Path) -> set[str]:
    """`words` of the steps and of the pipelines."""
    return words(root, STEPS, PIPELINES)


def created_parameters(root: Path, folder: Path) -> set[str]:
    """The names given to pipeline parameters: `Threshold` for `ParameterFloat("Threshold")` or `jobs.parameter(…)`."""
    found = (node for script in scripts(root, folder) for node in nodes(script) if isinstance(node, ast.Call))
    called = ((call, str(getattr(call.func, "id", getattr(call.func, "attr", "")))) for call in found)
    calls = (call for call, name in called if name.startswith("Parameter") or name == "parameter")
    named = ([*call.args[:1], *(each.value for each in call.keywords if each.arg == "name")] for call in calls)
    return {str(each.value) for arguments in named for each in arguments if isinstance(each, ast.Constant)}


def nodes(script: Path) -> Sequence[ast.AST]:
    """Every node of a script's syntax tree; none if it is not valid Python, which the step itself will report."""
    return _code(script).nodes


@dataclass(frozen=True)
class _Code:
    """What is in one script."""

    nodes: Sequence[ast.AST] = ()
    words: frozenset[str] = frozenset()
    called: frozenset[str] = frozenset()


def _code(script: Path) -> _Code:
    try:
        return _parsed(script.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return _Code()


@lru_cache(maxsize=256)
def _parsed(source: bytes) -> _Code:
    found = tuple(ast.walk(ast.parse(source)))
    texts = (getattr(node, "value" if isinstance(node, ast.Constant) else "arg", None) for node in found)
    functions = (node.func for node in found if isinstance(node, ast.Call))
    called = (getattr(function, "id", getattr(function, "attr", "")) for function in functions)
    return _Code(found, frozenset(text for text in texts if isinstance(text, str)), frozenset(called))
