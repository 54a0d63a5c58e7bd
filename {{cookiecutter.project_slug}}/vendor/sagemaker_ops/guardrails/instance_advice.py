"""Suggests another instance type, and prints the table to choose from."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import log2
from typing import Any

from sagemaker_ops.errors import nearest_word
from sagemaker_ops.guardrails import instance_types
from sagemaker_ops.guardrails.instance_types import OLD, RETIRED, family, is_accelerated, types
from sagemaker_ops.guardrails.policy import Policy

# Well known, and available in nearly every region.
USUAL = ("m5", "c5", "r5", "g5")
SHAPE = re.compile(r"ml\.([a-z]+?)(\d{1,3})([a-z0-9-]*)\.(?:(\d{0,3})xlarge|large|medium|small)")
# GiB per vCPU by the letter of a family, to guess the size of a type that does not exist.
MEMORY = {"c": 2, "m": 4, "t": 4, "r": 8, "x": 16}
NOTES = {
    "policy": "not allowed by the policy",
    "retired": "retired",
    "old": "old family",
    "burstable": "burstable: slow once its credits are used up",
}
Size = dict[str, Any]


def sentence(rule: str, name: str, use: str, policy: Policy) -> str:
    """What is wrong with `name`, and what to write instead."""
    return SENTENCES[rule](name, use, policy)


def _prefix(name: str, use: str, policy: Policy) -> str:
    whole = f"ml.{name}"
    if error := _error(whole, use, policy):
        return sentence(error, whole, use, policy)
    return f"SageMaker instance types start with 'ml.': write '{whole}'."


def _unknown(name: str, use: str, policy: Policy) -> str:
    allowed = candidates(use, policy)
    written = re.sub(r"[\s,_.]+", ".", name.strip().lower())
    written = written if written.startswith("ml.") else f"ml.{written}"
    start = f"'{name}' is not an instance type"
    if written in types():
        if error := _error(written, use, policy):
            return sentence(error, written, use, policy)
        return f"{start}: write '{written}'."
    shape = SHAPE.fullmatch(written)
    if shape and (near := _nearest_of_shape(shape, allowed)):
        hint = ""
        if shape[1] + shape[2] not in {family(other) for other in types()} and (larger := _larger(near, allowed)):
            hint = f" The number is a generation, not a size: for more memory use {sized(larger)}."
        return f"{start}. Did you mean {sized(near)}?{hint}"
    meant = nearest_word(written, allowed)
    return f"{start}. Did you mean {sized(meant)}?" if meant else f"{start}.{_usual(use, policy)}"


def _use(name: str, use: str, policy: Policy) -> str:
    uses = ", ".join(types()[name]["uses"])
    return f"'{name}' is not available for {use}, only for {uses}.{_take_near(name, use, policy)}"


def _retired(name: str, use: str, policy: Policy) -> str:
    allowed = candidates(use, policy)
    better = RETIRED[name] if RETIRED[name] in allowed else nearest(types()[RETIRED[name]], allowed)
    take = f": use {sized(better)}." if better else f".{_usual(use, policy)}"
    return f"'{name}' is retired and no longer available{take}"


def _policy(name: str, use: str, policy: Policy) -> str:
    listed = ", ".join(f"'{glob}'" for glob in policy.instance_types_for(use))
    start = f"'{name}' is not allowed by {policy.source} [instance_types].{use}, which lists {listed}."
    return f"{start}{_take_near(name, use, policy)}"


def _arm64(name: str, use: str, policy: Policy) -> str:
    near = _take_near(name, use, policy)
    image = f"[images].{_images(use)}"
    return f"'{name}' has an arm64 processor, but {image} is an x86 image.{near} Or set an arm64 image there."


def _gpu(name: str, use: str, policy: Policy) -> str:
    gpus = types()[name].get("gpus")
    has = f"{gpus} GPU{'s' if gpus > 1 else ''}" if gpus else "an accelerator"
    near = _take_near(name, use, policy, accelerated=False)
    return (
        f"'{name}' has {has}, which scikit-learn does not use.{near} Or set another image in [images].{_images(use)}."
    )


def _old(name: str, use: str, policy: Policy) -> str:
    allowed = candidates(use, policy)
    newer = [other for other in allowed if family(other) == OLD[family(name)]]
    better = nearest(types()[name], newer or allowed, name[3])
    return f"'{name}' belongs to an old family" + (f": use {sized(better)}." if better else f".{_usual(use, policy)}")


def _burstable(name: str, use: str, policy: Policy) -> str:
    start = f"'{name}' is burstable: training uses up its CPU credits and then runs slowly."
    return f"{start}{_take_near(name, use, policy)}"


def _newer(name: str, use: str, policy: Policy) -> str:
    made = instance_types.data()["made"]
    return f"'{name}' is not in the list of instance types of {made}; if it is newer, ignore this warning."


SENTENCES: dict[str, Callable[[str, str, Policy], str]] = {
    "prefix": _prefix,
    "unknown": _unknown,
    "use": _use,
    "retired": _retired,
    "policy": _policy,
    "arm64": _arm64,
    "gpu": _gpu,
    "old": _old,
    "burstable": _burstable,
    "newer": _newer,
}


def candidates(use: str, policy: Policy) -> list[str]:
    """The types to recommend for `use`: if possible without a warning, and if possible on x86."""
    broken = {
        name: instance_types.broken_rules(name, use, policy)
        for name, size in types().items()
        if use in size["uses"] and "vcpu" in size
    }
    takeable = [name for name in broken if not _has_error(broken[name])]
    x86 = [name for name in takeable if not types()[name]["arm64"]]
    return [name for name in x86 if not broken[name]] or x86 or takeable


def nearest(size: Size, among: list[str], letter: str = "", *, accelerated: bool | None = None) -> str:
    """The type closest to this size, preferring a larger one and a common family; "" if there is none."""
    wanted = bool(size.get("gpus")) if accelerated is None else accelerated
    kind = [name for name in among if is_accelerated(name) == wanted] or among
    keys = [key for key in ("vcpu", "memory", "gpus") if size.get(key)]

    def distance(name: str) -> tuple[float, int, str]:
        its = types()[name]
        place = USUAL.index(family(name)) if family(name) in USUAL else len(USUAL)
        apart = sum(_apart(its[key], size[key]) for key in keys if its[key])
        another_letter = 0.5 if letter not in (name[3], "t", "") else 0
        return apart + another_letter + (place == len(USUAL)), place, name

    return min(kind, key=distance, default="")


def _apart(its: float, wanted: float) -> float:
    doublings = log2(its / wanted)
    return doublings if doublings >= 0 else -1.5 * doublings


def _nearest_of_shape(shape: re.Match[str], allowed: list[str]) -> str:
    """For a type that does not exist: the closest to the size it would have, with the same letter if possible."""
    letters = shape[1]
    same = [name for name in allowed if re.match(rf"ml\.{letters}\d", name)]
    return nearest(_guess(shape), same or (allowed if len(letters) == 1 else []), letters, accelerated=_is_gpu(letters))


def _guess(shape: re.Match[str]) -> Size:
    vcpu = 4 * int(shape[4] or 1) if shape[4] is not None else 2
    return {"vcpu": vcpu, "memory": vcpu * MEMORY.get(shape[1], 4)}


def _is_gpu(letters: str) -> bool:
    return letters in ("g", "p")


def _larger(name: str, among: list[str]) -> str:
    """The next larger type of the same family; "" for the largest."""
    larger = [
        other for other in among if family(other) == family(name) and types()[other]["memory"] > types()[name]["memory"]
    ]
    return min(larger, key=lambda other: float(types()[other]["memory"]), default="")


def _error(name: str, use: str, policy: Policy) -> str:
    """The rule that refuses `name` for `use`, or ""."""
    broken = instance_types.broken_rules(name, use, policy)
    return broken[0] if _has_error(broken) else ""


def _has_error(broken: list[str]) -> bool:
    return any(instance_types.RULES[rule] == "error" for rule in broken)


def _take_near(name: str, use: str, policy: Policy, *, accelerated: bool | None = None) -> str:
    """` Use …` with the type nearest in size; without `accelerated` it has GPUs if `name` has."""
    size, allowed, shape = types().get(name, {}), candidates(use, policy), SHAPE.fullmatch(name)
    near = ""
    if "vcpu" in size:
        without_gpus = {key: size[key] for key in ("vcpu", "memory")}
        near = nearest(without_gpus if accelerated is False else size, allowed, name[3])
    elif shape:
        near = _nearest_of_shape(shape, allowed)
    return f" Use {sized(near)}." if near else _usual(use, policy)


def _usual(use: str, policy: Policy) -> str:
    allowed = candidates(use, policy)
    if not allowed:
        return f" {policy.source} allows none for {use}: ask whoever maintains that file."
    usual = next((names for each in USUAL if (names := [name for name in allowed if family(name) == each])), allowed)
    small = [sized(name) for name in sorted(usual, key=lambda name: (types()[name]["memory"], name))[:2]]
    return f" Use {' or '.join(small)}."


def _images(use: str) -> str:
    return instance_types.IMAGES[use][0]


def sized(name: str) -> str:
    """`'ml.g5.xlarge' (4 vCPU, 16 GiB, 1 GPU)`."""
    size = types()[name]
    if "vcpu" not in size:
        return f"'{name}'"
    gpus = f", {size['gpus']} GPU{'s' if size['gpus'] > 1 else ''}" if size["gpus"] else ""
    return f"'{name}' ({size['vcpu']} vCPU, {size['memory']:g} GiB{gpus})"


def table(use: str, policy: Policy, min_memory: float = 0) -> list[str]:
    """The types that SageMaker has for `use`, allowed ones first, each with its size and a note."""
    rows = []
    for name, size in types().items():
        if use not in size["uses"] or size.get("memory", 0) < min_memory:
            continue
        broken = instance_types.broken_rules(name, use, policy)
        refused = _has_error(broken)
        notes = [NOTES[rule] for rule in broken] + (["needs an arm64 image"] if size.get("arm64") else [])
        numbers = (size.get("vcpu", 0), size.get("memory", 0), size.get("gpus", 0))
        order = (refused, is_accelerated(name), bool(notes), not numbers[1], numbers[1], numbers[0], name)
        rows.append((order, name, [f"{number:g}" if number else "-" for number in numbers], "; ".join(notes)))
    lines = [f"{'instance type':<22}{'vCPU':>6}{'GiB':>8}{'GPUs':>6}"]
    for _, name, (vcpu, memory, gpus), note in sorted(rows):
        lines.append(f"{name:<22}{vcpu:>6}{memory:>8}{gpus:>6}  {note}".rstrip())
    return lines


def origin() -> str:
    """When the list was made, and from what."""
    made = instance_types.data()
    return f"As of {made['made']}, from {' and '.join(f'{name} {version}' for name, version in made['from'].items())}."
