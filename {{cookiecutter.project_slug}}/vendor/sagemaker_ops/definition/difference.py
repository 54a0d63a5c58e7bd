"""The differences between two definitions of a pipeline, as text: parameters, steps, and what each step runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sagemaker_ops.definition import step_types

Definition = Mapping[str, Any]
Flat = dict[str, str]

# Content under its hash (target.py). Each step has its own code; the others are shown once, not in each step.
CODE = "step code"
HASHED = {
    CODE: re.compile(r"/code/([0-9a-f]{16})/(?=steps/|sourcedir\.tar\.gz)"),
    "data/schema.toml": re.compile(r"/code/([0-9a-f]{16})/(?=schema/)"),
    "data": re.compile(r"/raw/([0-9a-f]{16})/"),
}
# The keys that identify an item of a list.
NAMES = ("Name", "InputName", "OutputName", "ChannelName", "PropertyFileName", "Key", "ContainerHostname")
# Parts of a path that make it harder to read.
_NOISE = re.compile(
    r"\b(?:ProcessingResources\.ClusterConfig|ResourceConfig|AppSpecification|AlgorithmSpecification|TransformResources"
    r"|StoppingCondition|ProcessingOutputConfig|Arguments)\."
)


def canonical(definition: Definition) -> str:
    """The same text for the same definition, whatever the order of its keys."""
    return json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def lines(before: Definition | None, after: Definition) -> list[str]:
    """A line for everything added (+), removed (-) or changed (~); before: None for a new pipeline."""
    old = before or {}
    found = [
        *_hashes(old, after),
        *_parameters(_by_name(old.get("Parameters")), _by_name(after.get("Parameters"))),
        *_steps(dict(_all_steps(old.get("Steps"))), dict(_all_steps(after.get("Steps")))),
        *([] if before is None else _changes("", *(_flat(_rest(each)) for each in (old, after)))),
    ]
    if before is not None and not found and canonical(before) != canonical(after):
        return ["~ the definition, but only in how it is written"]
    return found


def _hashes(before: Definition, after: Definition) -> Iterator[str]:
    old, new = canonical(before), canonical(after)
    for what in [each for each in HASHED if each != CODE]:
        was, now = (_found(what, text) for text in (old, new))
        if was != now:
            yield f"~ {what}: {was} → {now}" if was and now else f"+ {what}: {now}" if now else f"- {what}: {was}"


def _parameters(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in [*after, *(name for name in before if name not in after)]:
        if name not in before:
            default = after[name].get("DefaultValue")
            shown = " without a default" if default is None else f" = {_text(default)}"
            yield f"+ parameter {name} ({after[name].get('Type')}){shown}"
        elif name not in after:
            yield f"- parameter {name}"
        else:
            old, new = (_flat({k: v for k, v in each[name].items() if k != "Name"}) for each in (before, after))
            yield from (line.replace(": DefaultValue ", ": ") for line in _changes(f"parameter {name}: ", old, new))


def _steps(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in [*after, *(name for name in before if name not in after)]:
        if name not in before:
            yield f"+ step {name} ({after[name].get('Type')}){_instances(after[name])}"
        elif name not in after:
            yield f"- step {name} ({before[name].get('Type')})"
        else:
            was, now = (_found(CODE, canonical(each[name])) for each in (before, after))
            if was and now and was != now:
                yield f"~ code of {name}: {was} → {now}"
            old, new = (_flat({k: v for k, v in each[name].items() if k != "Name"}) for each in (before, after))
            yield from _changes(f"step {name}: ", old, new)


def _found(what: str, text: str) -> str:
    return ", ".join(sorted(set(HASHED[what].findall(text))))


def _instances(step: Mapping[str, Any]) -> str:
    """` on 1 x ml.m5.large`, if it uses an instance."""
    flat = _flat(step)
    kind = [value for path, value in flat.items() if path.endswith(".InstanceType")]
    count = [value for path, value in flat.items() if path.endswith(".InstanceCount")]
    return f" on {(count or ['1'])[0]} x {kind[0]}" if kind else ""


def _changes(where: str, before: Flat, after: Flat) -> Iterator[str]:
    for path in [*after, *(path for path in before if path not in after)]:
        if before.get(path) == after.get(path):
            continue
        shown = _NOISE.sub("", path)
        if path not in before:
            yield f"+ {where}{shown} {after[path]}".rstrip()
        elif path not in after:
            yield f"- {where}{shown} {before[path]}".rstrip()
        else:
            yield f"~ {where}{shown} {before[path]} → {after[path]}"


def _rest(definition: Definition) -> Definition:
    return {key: value for key, value in definition.items() if key not in ("Parameters", "Steps")}


def _all_steps(steps: Any, branch: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step by its name, including those in branches of conditions, each with its branch."""
    for step in steps or []:
        arguments = step.get("Arguments") or {}
        inner = step_types.of(step.get("Type")).branches
        own = {**step, "Arguments": {key: value for key, value in arguments.items() if key not in inner}}
        yield step["Name"], {**own, "branch": branch} if branch else own
        for key, outcome in inner.items():
            yield from _all_steps(arguments.get(key), f"{step['Name']} {'if' if outcome else 'else'}")


def _by_name(items: Any) -> dict[str, Any]:
    return {each["Name"]: each for each in items or []}


def _flat(value: Any, path: str = "") -> Flat:
    """{dotted path: text} of everything inside; to AWS, null means the same as a missing key."""
    if value is None:
        return {}
    if isinstance(value, list) and value:
        items = [(_key(item, number), item) for number, item in enumerate(value)]
        if len({key for key, _ in items}) < len(items):
            items = [(str(number), item) for number, item in enumerate(value)]
    elif isinstance(value, dict) and value and not _is_expression(value):
        items = list(value.items())
    else:
        text = _text(value)
        return {path: text.partition("=")[2] if path.endswith(f".{text.partition('=')[0]}") else text}
    found: Flat = {}
    for key, item in items:
        found |= _flat(item, f"{path}.{key}" if path else key)
    return found


def _key(item: Any, number: int) -> str:
    """What identifies an item of a list: its name, or the option that a script's argument sets."""
    if isinstance(item, dict):
        return next((item[name] for name in NAMES if isinstance(item.get(name), str)), str(number))
    if isinstance(item, str) and item.startswith("--"):
        return item.partition("=")[0]
    return str(number)


def _is_expression(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Get", "Std:"))


def _text(value: Any) -> str:
    """A value as readable text, with placeholders for the hashes that have their own lines."""
    if isinstance(value, dict) and "Get" in value:
        return str(value["Get"])
    if isinstance(value, dict) and "Std:Join" in value:
        join = value["Std:Join"]
        return _text(str(join.get("On", "")).join(_text(part) for part in join.get("Values", [])))
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    for what, pattern in HASHED.items():
        for hashed in set(pattern.findall(value)):
            value = value.replace(hashed, f"<{what}>")
    return value if value.isprintable() else json.dumps(value)
