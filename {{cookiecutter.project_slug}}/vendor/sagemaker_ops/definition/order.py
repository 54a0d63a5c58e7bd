"""An order in which steps could run one after the other, and the circles that prevent it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from sagemaker_ops.errors import Problem


def ordered(waits_for: Mapping[str, Iterable[str]], problems: list[Problem]) -> list[str]:
    """The steps' names, each after those it waits for; every circle is reported as a problem and then cut."""
    graph = {name: sorted(names) for name, names in waits_for.items()}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError:
        for circle in _circles(graph):
            problems.append(Problem(f"steps wait for each other in a circle: {' ← '.join(circle)}."))
            graph[circle[1]].remove(circle[0])
        return list(TopologicalSorter(graph).static_order())


def _circles(graph: Mapping[str, list[str]]) -> list[list[str]]:
    """Circles, each of which starts and ends with the same step; in each, a step waits for the one before it.

    Without the dependency of each circle's second step on its first there are no circles.
    """
    circles: list[list[str]] = []
    done: set[str] = set()
    for start in graph:
        path, waiting = ([start], [iter(graph[start])]) if start not in done else ([], [])
        on_path = set(path)
        while path:
            name = next(waiting[-1], None)
            if name is None:
                done.add(path[-1])
                on_path.discard(path.pop())
                waiting.pop()
            elif name in on_path:
                circles.append([name, *reversed(path[path.index(name) :])])
            elif name not in done:
                path.append(name)
                on_path.add(name)
                waiting.append(iter(graph[name]))
    return circles
