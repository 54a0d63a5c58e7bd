"""Draws the steps of a pipeline as SVG: a row for each layer, every step below all that it waits for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sagemaker_ops.definition.plan import Plan, Step
from sagemaker_ops.report.markup import Markup, element, joined

WIDTH, HEIGHT = 158, 58  # of a step, in pixels
ACROSS, DOWN = 16, 46  # between steps
LETTERS = 17  # that fit into a step
SMALLEST = 0.75  # how far a wide graph is scaled down to fit; beyond that, it scrolls
_PASSING = 12  # the width of an edge that passes a layer
Edge = tuple[str, str]


@dataclass(frozen=True)
class Place:
    """The middle of a step, or of an edge that passes its layer."""

    x: float
    layer: int


def draw(plan: Plan, statuses: Mapping[str, str], name: str) -> Markup:
    """The graph; statuses: {step: a word or two}, for steps that have one. name: unique on the page."""
    edges = direct(plan)
    layers = layered(list(plan.steps), edges)
    chains = {edge: _chain(edge, layers) for edge in edges}
    places = _places(layers, chains)
    left = min((place.x - WIDTH / 2 for place in places.values()), default=0)
    width = max((place.x + WIDTH / 2 for place in places.values()), default=0) - left
    height = (max(layers.values(), default=0) + 1) * (HEIGHT + DOWN) - DOWN
    lines = [_line([places[each] for each in chain], left) for chain in chains.values()]
    boxes = [_box(step, statuses.get(step.name, ""), places[step.name], left) for step in plan.steps.values()]
    labels = [_label(step, places, left) for step in plan.steps.values() if step.branch]
    return element(
        "svg",
        element("title", f"Steps of {name}", id=f"graph-{name}-title"),
        element("desc", described(plan, statuses), id=f"graph-{name}-desc"),
        *lines,
        *boxes,
        *labels,
        role="img",
        aria_labelledby=f"graph-{name}-title graph-{name}-desc",
        viewBox=f"-1 -1 {width + 2:g} {height + 2:g}",
        width=f"{width + 2:g}",
        height=f"{height + 2:g}",
        style=f"min-width:{SMALLEST * width:g}px",
    )


def described(plan: Plan, statuses: Mapping[str, str]) -> str:
    """The graph in words."""
    sentences = []
    for step in plan.steps.values():
        waits = f"after {after(step)}" if step.waits_for else "first"
        status = f": {statuses[step.name]}" if statuses.get(step.name) else ""
        sentences.append(f"{step.name} ({step.type}) {waits}{status}.")
    return " ".join(sentences)


def after(step: Step) -> str:
    """What a step waits for; `Gate = true` if that outcome of a condition is needed."""
    branch = {step.branch[0]: f"{step.branch[0]} = {str(step.branch[1]).lower()}"} if step.branch else {}
    return ", ".join(branch.get(name, name) for name in sorted(step.waits_for))


def direct(plan: Plan) -> list[Edge]:
    """(before, after) of each dependency that does not follow from others."""
    before = {name: {each.name for each in plan.before(step)} for name, step in plan.steps.items()}
    return [
        (name, step.name)
        for step in plan.steps.values()
        for name in sorted(step.waits_for & plan.steps.keys())
        if not any(name in before[other] for other in step.waits_for if other in before)
    ]


def layered(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """{step: its layer}, which is one below the lowest that it waits for; names: in an order that could run."""
    layers: dict[str, int] = {}
    for name in names:
        layers[name] = max((layers[before] + 1 for before, after in edges if after == name), default=0)
    return layers


def _chain(edge: Edge, layers: Mapping[str, int]) -> list[str]:
    """The ends of an edge, and what stands for it in each layer between them; a step's name has no spaces."""
    before, after = edge
    return [before, *(f"{before} {after} {layer}" for layer in range(layers[before] + 1, layers[after])), after]


def _places(layers: Mapping[str, int], chains: Mapping[Edge, list[str]]) -> dict[str, Place]:
    """The place of everything: each layer is centred, in the order of what is above."""
    rows: list[list[str]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    above: dict[str, list[str]] = {}
    for name, layer in layers.items():
        rows[layer].append(name)
    for chain in chains.values():
        first = layers[chain[0]]
        for number, name in enumerate(chain[1:-1], first + 1):
            rows[number].append(name)
        for upper, lower in pairwise(chain):
            above.setdefault(lower, []).append(upper)
    places: dict[str, Place] = {}
    for number, row in enumerate(rows):

        def middle(name: str) -> float:
            found = [places[each].x for each in above.get(name, ()) if each in places]
            return sum(found) / len(found) if found else 0

        row.sort(key=middle)  # which keeps the order of equals
        widths = [WIDTH if name in layers else _PASSING for name in row]
        x = -(sum(widths) + ACROSS * (len(row) - 1)) / 2
        for name, width in zip(row, widths, strict=True):
            places[name] = Place(x + width / 2, number)
            x += width + ACROSS
    return places


def _top(place: Place) -> float:
    return place.layer * (HEIGHT + DOWN)


def _line(places: Sequence[Place], left: float) -> Markup:
    """A curve from below the first place to above the last, straight through those between."""
    path = f"M{places[0].x - left:g},{_top(places[0]) + HEIGHT:g}"
    for number, place in enumerate(places[1:], 1):
        start, end = _top(places[number - 1]) + HEIGHT, _top(place)
        middle = (start + end) / 2
        path += f"C{places[number - 1].x - left:g},{middle:g} {place.x - left:g},{middle:g} {place.x - left:g},{end:g}"
        if number < len(places) - 1:
            path += f"V{end + HEIGHT:g}"
    x, end = places[-1].x - left, _top(places[-1])
    head = element("path", d=f"M{x - 4:g},{end - 7:g}L{x:g},{end:g}L{x + 4:g},{end - 7:g}", class_="line")
    return joined(element("path", d=path, class_="line"), head)


def _box(step: Step, status: str, place: Place, left: float) -> Markup:
    x, y = place.x - WIDTH / 2 - left, _top(place)
    kind = re.split("[ ,]", status)[0].lower()
    middle = f"{place.x - left:g}"
    name = step.name if len(step.name) <= LETTERS else f"{step.name[: LETTERS - 1]}…"
    texts = [(name, 18, "name"), (step.type, 34, "type"), (status, 50, "status")]
    return element(
        "g",
        element("title", f"{step.name} ({step.type}){': ' if status else ''}{status}"),
        element("rect", x=f"{x:g}", y=f"{y:g}", width=WIDTH, height=HEIGHT, rx=6),
        *(element("text", text, x=middle, y=f"{y + down:g}", class_=what) for text, down, what in texts if text),
        class_=f"step {kind or 'none'}",
    )


def _label(step: Step, places: Mapping[str, Place], left: float) -> Markup:
    """Beside the edge into a branch: the outcome that leads there."""
    condition, outcome = step.branch or ("", False)
    place = places[step.name]
    side, shift = ("left", -8) if place.x < places[condition].x else ("right", 8)
    at = {"x": f"{place.x - left + shift:g}", "y": f"{_top(place) - 12:g}"}
    return element("text", str(outcome).lower(), class_=f"branch {side}", **at)
