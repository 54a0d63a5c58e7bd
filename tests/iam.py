"""Decides whether IAM would allow a request, with the policy rules that infra/ needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]
Values = list[str]
_VARIABLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Request:
    """One call, as IAM sees it. context: values of condition keys; other keys do not exist."""

    action: str
    resource: str
    context: Mapping[str, Values] = field(default_factory=dict)

    def value(self, key: str) -> Values | None:
        return {name.lower(): values for name, values in self.context.items()}.get(key.lower())


def is_allowed(documents: Iterable[Document], request: Request) -> bool:
    """Some statement allows it, and none denies it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    effects = {
        statement["Effect"]
        for document in documents
        for statement in document["Statement"]
        if _applies(statement, request)
    }
    return effects == {"Allow"}


def matches(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """* stands for any text, including slashes and colons, and ? for one character."""
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return re.fullmatch("".join(parts), text, re.IGNORECASE if ignore_case else 0) is not None


def as_list(value: str | Values) -> Values:
    return [value] if isinstance(value, str) else list(value)


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    if "NotAction" in statement:
        acts = not any(matches(each, request.action, ignore_case=True) for each in as_list(statement["NotAction"]))
    else:
        acts = any(matches(each, request.action, ignore_case=True) for each in as_list(statement["Action"]))
    if "NotResource" in statement:
        reaches = not any(matches(each, request.resource) for each in _resolved(statement["NotResource"], request))
    else:
        reaches = any(matches(each, request.resource) for each in _resolved(statement["Resource"], request))
    return (
        acts
        and reaches
        and all(
            _holds(operator, key, wanted, request)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _resolved(values: str | Values, request: Request) -> Values:
    """The values with `${aws:PrincipalTag/…}` filled in, without those that need a missing key."""
    found = []
    for value in as_list(values):
        known = {name: request.value(name) for name in _VARIABLE.findall(value)}
        if all(known.values()):
            found.append(_VARIABLE.sub(lambda match, known=known: known[match[1]][0], value))  # type: ignore[misc]
    return found


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": str.__eq__,
    "StringLike": matches,
    "ArnLike": matches,
    "ArnEquals": matches,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
}


def _holds(operator: str, key: str, wanted: str | Values, request: Request) -> bool:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html"""
    over, _, name = operator.rpartition(":")
    name, if_exists = name.removesuffix("IfExists"), name.endswith("IfExists")
    given = request.value(key)
    if name == "Null":
        return (given is None) == (as_list(wanted) == ["true"])
    negated = "Not" in name
    test = _TESTS[name.replace("Not", "")]  # KeyError: an operator that is not implemented
    if given is None:
        return if_exists or over == "ForAllValues" or (negated and not over)
    among = _resolved(wanted, request)

    def fits(value: str) -> bool:
        return any(test(each, value) for each in among) != negated

    return (any if over == "ForAnyValue" else all)(fits(value) for value in given)
