"""What AWS accepts in each field of a definition: the limits of the requests that its steps become.

AWS checks them when a pipeline is created or, for a value that is known only then, when the step starts. The limits are
in request_shapes.json, which scripts/make_request_shapes.py of the template makes from botocore.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from sagemaker_ops.definition import parameters, plan, step_types
from sagemaker_ops.definition.expressions import Scope, as_text, is_expression, resolve_early, scan
from sagemaker_ops.definition.shapes import NUMBER, TEXT, scalar_mismatches
from sagemaker_ops.errors import Problem, did_you_mean, nearest_word

FILE = Path(__file__).with_name("request_shapes.json")
CLOSE = 0.8  # how similar an unknown field must be to a known one: AWS may have added it since the file was made
SHOWN = 40  # characters of a value
PLACEHOLDER = "${"  # of a text that is completed before AWS sees the definition
NUMBERS = ("integer", "long", "float", "double")
Shape: TypeAlias = Mapping[str, Any]

# What to write, where that is easier to understand than the pattern: {words: shapes}.
_FORMATS = {
    "an S3 URI such as s3://bucket/folder/": ("S3Uri", "S3ModelUri", "Url", "DestinationS3Uri"),
    "an image such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com/name:tag": (
        "ImageUri", "AlgorithmImage", "ContainerImage",
    ),
    "letters, digits and '_', and no digit first": (
        "ProcessingEnvironmentKey", "TrainingEnvironmentKey", "TransformEnvironmentKey", "EnvironmentKey",
        "HyperParameterTrainingJobEnvironmentKey",
    ),
    "the ARN of a role, such as arn:aws:iam::123456789012:role/name": ("RoleArn",),
    "the ID, ARN or alias of a key": ("KmsKeyId",),
    "letters, digits, '.', '-' and '_'": ("ChannelName",),
    "letters, digits, '-' and '_'": ("PipelineParameterName",),
    "letters, digits, spaces and _ . : / = + - @": (
        "TagKey", "TagValue", "CustomerMetadataKey", "CustomerMetadataValue",
    ),
    "an ID such as subnet-0a1b2c3d4e5f67890": ("SubnetId",),
    "an ID such as sg-0a1b2c3d4e5f67890": ("SecurityGroupId",),
}  # fmt: skip
_FORMAT_OF = {shape: words for words, shapes in _FORMATS.items() for shape in shapes}
# One item of a list or a map: of those whose items a script can also read from a file, and of another.
_FOR_SCRIPTS = {"HyperParameters": "hyperparameter", "ContainerArguments": "argument"}
_ITEMS = {"Environment": "variable", **_FOR_SCRIPTS}
_IN_A_FILE = "in a file that the script reads"
_DOT = re.compile(re.escape(r"[^\n\r") + r"[^\]]*\]")  # as request_shapes.json has it


def check(
    definition: Mapping[str, Any], given: Mapping[str, str] | None = None, place: str = "", whole: bool = True
) -> list[Problem]:
    """A problem for everything in a definition that AWS would refuse. Values known only at run time are not checked.

    given: parameter values, as from `--param NAME=VALUE`; the others have their defaults. place: the file that the
    definition comes from. whole: whether required fields must be there; a definition for this machine needs fewer.
    """
    if plan.is_too_deep(definition):
        return []  # plan.parse reports it
    listed, steps = definition.get("Parameters"), definition.get("Steps")
    parsed = [parameters.parse(each)[0] for each in listed] if isinstance(listed, list) else []
    declared = {each.name: each for each in parsed if each is not None}
    values, _ = parameters.values(declared, given or {})
    checker = _Checker(declared, Scope(values), whole)
    found: list[tuple[str, str]] = []
    for name in declared:
        where = f"parameter '{name[:SHOWN]}'"
        found += [(where, sentence) for sentence in checker.problems(name, "PipelineParameterName", "its name")]
    for step in step_types.walk(steps if isinstance(steps, list) else []):
        if sentence := plan.misnamed(step.get("Name")):
            found.append(("a step", sentence))
        where = f"step '{str(step.get('Name'))[:80]}'"
        found += [(where, sentence) for sentence in _of_step(step, checker)]
    return [Problem(sentence, f"{place} {where}".lstrip()) for where, sentence in dict.fromkeys(found)]


def check_value(value: Any, shape: str, name: str, whole: bool = True) -> list[str]:
    """A sentence for everything that AWS would refuse in one value; shape: its name in request_shapes.json."""
    return list(_Checker({}, Scope(), whole).problems(value, shape, name))


@lru_cache(maxsize=1)
def data() -> dict[str, Any]:
    """The file: {made: date, from: {package: version}, shapes: {name: shape}}."""
    content: dict[str, Any] = json.loads(FILE.read_bytes())
    return content


def _of_step(step: Mapping[str, Any], checker: _Checker) -> Iterator[str]:
    yield from checker.problems({key: step.get(key) for key in ("DisplayName", "Description")}, "Step", "")
    arguments, requests = step.get("Arguments"), step_types.of(step.get("Type")).requests
    if requests and isinstance(arguments, dict):
        fields = {name: data()["shapes"][name]["members"].keys() for name in requests}
        yield from checker.problems(arguments, max(requests, key=lambda name: len(fields[name] & arguments.keys())), "")


class _Checker:
    """Compares values with shapes.

    declared, scope: the parameters, and the values of those that are known. whole: as for `check`.
    """

    def __init__(self, declared: Mapping[str, parameters.Parameter], scope: Scope, whole: bool) -> None:
        self._declared, self._scope, self._whole = declared, scope, whole
        self._shapes: Mapping[str, Shape] = data()["shapes"]

    def problems(self, value: Any, name: str, path: str) -> Iterator[str]:
        """A sentence for everything in `value` that does not fit the shape with this name."""
        shape = self._shapes[name]
        kind = shape["type"]
        if kind == "string" or kind in NUMBERS:
            yield from self._scalar(value, name, shape, path)
        elif is_expression(value):
            return
        elif kind == "structure":
            yield from self._structure(value, shape, path)
        elif kind == "list":
            yield from self._list(value, shape, path)
        elif kind == "map":
            yield from self._map(value, shape, path)
        elif kind == "boolean" and not isinstance(value, bool):
            yield f"{path} must be true or false, not {_short(value)}."

    def _structure(self, value: Any, shape: Shape, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{path or 'it'} must be an object."
            return
        members, below = shape["members"], f"{path}." if path else ""
        for field in shape.get("required", ()) if self._whole else ():
            if value.get(field) is None:
                yield f"{below}{field} is missing."
        for field, inner in value.items():
            if field not in members:
                meant = nearest_word(field, sorted(members.keys() - value.keys()), CLOSE)
                yield from [f"{below}{field} is not a field of this request. Did you mean '{meant}'?"] if meant else []
            elif inner is not None:  # AWS treats null as missing
                yield from self.problems(inner, members[field], f"{below}{field}")

    def _list(self, value: Any, shape: Shape, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{path} must be a list."
            return
        if value or self._whole:
            yield from _miscounted(len(value), "item", shape, path)
        for index, item in enumerate(value):
            yield from self.problems(item, shape["member"], f"{path}[{index}]")

    def _map(self, value: Any, shape: Shape, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{path} must be an object."
            return
        yield from _miscounted(len(value), "entry", shape, path)
        keys = self._shapes[shape["key"]]
        for key, item in value.items():
            yield from _beyond_text(key, shape["key"], keys, f"a name in {path}")
            yield from self.problems(item, shape["value"], f"{path}.{key[:SHOWN]}")

    def _scalar(self, value: Any, name: str, shape: Shape, path: str) -> Iterator[str]:
        is_text = shape["type"] == "string"
        mismatches = list(scalar_mismatches(value, TEXT if is_text else NUMBER, self._declared, path))
        yield from mismatches
        known = None if mismatches else resolve_early(value, self._scope)
        if known is None:
            text = "" if mismatches else _known_part(value, self._scope)
            if is_text and len(text) > shape.get("max", len(text)):
                yield _too_long(text, shape, path, "at least ")
        elif is_text and isinstance(known, str):
            yield from _beyond_text(known, name, shape, path)
        elif not is_text and isinstance(known, int | float):
            yield from _beyond_number(known, shape, path)


def _known_part(value: Any, scope: Scope) -> str:
    """The shortest text that a Std:Join can become; empty for another expression whose value is not known yet."""
    join = value.get("Std:Join") if not scan(value)[1] else None
    if join is None:
        return ""
    known = [resolve_early(each, scope) for each in join["Values"]]
    return str(join.get("On", "")).join("" if each is None else as_text(each) for each in known)


def _beyond_text(value: str, name: str, shape: Shape, path: str) -> Iterator[str]:
    size, least = len(value), shape.get("min", 0)
    if size > shape.get("max", size):
        yield _too_long(value, shape, path)
    elif size < least and not size:
        yield f"{path} is empty, but AWS needs at least {_some(least, 'character')}: write {_format(name, shape)}."
    elif size < least:
        yield (
            f"{path} is {_short(value)}, which has {_some(size, 'character')}, but AWS needs at least {least}: write "
            f"{_format(name, shape)}."
        )
    elif value not in shape.get("enum", (value,)):
        *first, last = shape["enum"]
        accepted = f"{', '.join(first)} or {last}" if first else last
        yield f"{path} is {_short(value)}, but AWS accepts only {accepted}.{did_you_mean(value, shape['enum'])}"
    elif "pattern" in shape and PLACEHOLDER not in value and not _compiled(shape["pattern"]).fullmatch(value):
        yield f"{path} is {_short(value)}, which AWS does not accept: write {_format(name, shape)}."


def _too_long(text: str, shape: Shape, path: str, about: str = "") -> str:
    remedy = f"put it {_IN_A_FILE}" if any(field in path for field in _FOR_SCRIPTS) else "shorten it"
    return (
        f"{path} ({_short(text)}) has {about}{len(text)} characters, but AWS accepts at most {shape['max']}: {remedy}."
    )


def _beyond_number(value: float, shape: Shape, path: str) -> Iterator[str]:
    least, most = shape.get("min"), shape.get("max")
    if shape["type"] in ("integer", "long") and value % 1:
        yield f"{path} must be a whole number, not {_short(value)}."
    elif (least is not None and value < least) or (most is not None and value > most):
        allowed = f"{least} or more" if most is None else f"{most} or less" if least is None else f"{least} to {most}"
        yield f"{path} is {_short(value)}, but AWS accepts {allowed}."


def _miscounted(count: int, word: str, shape: Shape, path: str) -> Iterator[str]:
    field, least, most = path.rpartition(".")[2], shape.get("min", 0), shape.get("max", count)
    word = _ITEMS.get(field, word)
    if count > most:
        remedy = f": put them {_IN_A_FILE}" if field in _FOR_SCRIPTS else ""
        yield f"{path} has {_some(count, word)}, but AWS accepts at most {most}{remedy}."
    elif count < least:
        has = f"has {_some(count, word)}" if count else "is empty"
        yield f"{path} {has}, but AWS needs at least {_some(least, word)}: add {least - count}, or leave it out."


def _some(count: int, word: str) -> str:
    """`1 item`, `2 items`, `2 entries`."""
    plural = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count} {word if count == 1 else plural}"


def _format(name: str, shape: Shape) -> str:
    """What to write in a field with this shape: words, or the pattern as AWS documents it."""
    if name in _FORMAT_OF:
        return _FORMAT_OF[name]
    pattern = _DOT.sub(".", shape.get("pattern", ".*"))
    documented = pattern.removeprefix("(?a:")[:-1] if pattern.startswith("(?a:") else pattern
    return "one line of text" if documented in (".*", ".+") else f"text that matches {documented}"


def _short(value: Any) -> str:
    shown = repr(value) if isinstance(value, str) else str(value)
    return shown if len(shown) <= SHOWN else f"{shown[: SHOWN - 1]}…" + ("'" if isinstance(value, str) else "")


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
