"""Which jobs GitLab makes for a pipeline, from `include`, `extends`, `!reference` and `rules: if` as it documents them.

https://docs.gitlab.com/ci/yaml/ and https://docs.gitlab.com/ci/jobs/job_rules/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Content = dict[str, Any]
KEYWORDS = {"include", "stages", "variables", "default", "workflow"}
_TOKEN = re.compile(r"""\s*(&&|\|\||==|!=|=~|!~|\(|\)|\$\w+|"[^"]*"|'[^']*'|/(?:[^/\\]|\\.)*/|null)""")


class _Reference(list[str]):
    """`!reference [job, key]`"""


class _Loader(yaml.SafeLoader):
    pass


_Loader.add_constructor("!reference", lambda loader, node: _Reference(loader.construct_sequence(node)))


def load(root: Path) -> Content:
    """`.gitlab-ci.yml` with everything that it includes; the main file has the last word."""
    main = _read(root / ".gitlab-ci.yml")
    found: Content = {}
    for each in main.pop("include", []):
        found = _merged(found, _read(root / each["local"]))
    return _merged(found, main)


def _read(path: Path) -> Content:
    content: Content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    return content


def jobs(content: Content) -> dict[str, Content]:
    """The visible jobs, complete: with everything that they extend, and with the defaults."""
    default = content.get("default", {})
    names = [name for name in content if name not in KEYWORDS and not name.startswith(".")]
    return {name: _resolved(content, {**default, **_extended(content, name)}) for name in names}


def _extended(content: Content, name: str) -> Content:
    job = content[name]
    parents = job.get("extends", [])
    found: Content = {}
    for parent in [parents] if isinstance(parents, str) else parents:
        found = _merged(found, _extended(content, parent))
    return _merged(found, {key: value for key, value in job.items() if key != "extends"})


def _merged(below: Any, above: Any) -> Any:
    """Tables are merged, everything else is replaced."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}


def _resolved(content: Content, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(content, each) for key, each in value.items()}
    if isinstance(value, _Reference):
        found: Any = content
        for key in value:
            found = found[key]
        return _resolved(content, found)
    if isinstance(value, list):
        parts: list[Any] = []
        for each in value:
            parts += _resolved(content, each) if isinstance(each, _Reference) else [_resolved(content, each)]
        return parts
    return value


def made(content: Content, variables: Mapping[str, str]) -> dict[str, str]:
    """{job: when} of the jobs in a pipeline with these variables; empty if there is no pipeline at all."""
    if _when(content.get("workflow", {}).get("rules", [{}]), variables) is None:
        return {}
    found = {name: _when(job.get("rules", [{}]), variables) for name, job in jobs(content).items()}
    return {name: when for name, when in found.items() if when is not None}


def _when(rules: list[Content], variables: Mapping[str, str]) -> str | None:
    """The `when` of the first rule that matches; None if none does, or if it says never."""
    for rule in rules:
        if "if" not in rule or holds(rule["if"], variables):
            when = str(rule.get("when", "on_success"))
            return None if when == "never" else when
    return None


def holds(expression: str, variables: Mapping[str, str]) -> bool:
    """The value of a rule's condition; && binds closer than ||."""
    tokens, rest = [], expression
    while rest.strip():
        token = _TOKEN.match(rest)
        assert token, f"not understood: {rest!r}"
        tokens.append(token[1])
        rest = rest[token.end() :]
    value, left = _either(tokens, variables)
    assert not left, f"not understood: {left}"
    return bool(value)


def _either(tokens: list[str], variables: Mapping[str, str]) -> tuple[Any, list[str]]:
    value, tokens = _both(tokens, variables)
    while tokens and tokens[0] == "||":
        other, tokens = _both(tokens[1:], variables)
        value = value or other
    return value, tokens


def _both(tokens: list[str], variables: Mapping[str, str]) -> tuple[Any, list[str]]:
    value, tokens = _comparison(tokens, variables)
    while tokens and tokens[0] == "&&":
        other, tokens = _comparison(tokens[1:], variables)
        value = value and other
    return value, tokens


def _comparison(tokens: list[str], variables: Mapping[str, str]) -> tuple[Any, list[str]]:
    if tokens[0] == "(":
        value, tokens = _either(tokens[1:], variables)
        assert tokens[0] == ")"
        return value, tokens[1:]
    left, tokens = _operand(tokens[0], variables), tokens[1:]
    if not tokens or tokens[0] not in ("==", "!=", "=~", "!~"):
        return left, tokens  # a variable alone: whether it is set and not empty
    operator, right = tokens[0], tokens[1]
    if operator in ("==", "!="):
        return (left == _operand(right, variables)) == (operator == "=="), tokens[2:]
    found = left is not None and re.search(right.strip("/"), left) is not None
    return found == (operator == "=~"), tokens[2:]


def _operand(token: str, variables: Mapping[str, str]) -> str | None:
    if token.startswith("$"):
        return variables.get(token[1:])
    return None if token == "null" else token[1:-1]
