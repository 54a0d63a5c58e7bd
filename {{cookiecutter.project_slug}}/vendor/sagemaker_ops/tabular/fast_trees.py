"""The trees of a fitted boosting, which give the same sums without the checks of scikit-learn.

A value becomes the number of its bin between the limits of all trees, and each tree has a bit for each leaf: the lowest
bit that remains after the masks of all columns is the leaf. This is QuickScorer, see C. Lucchese et al., SIGIR 2015,
doi:10.1145/2766462.2767733. The leaves are added one after the other, as scikit-learn does, so the sums are equal to
the last bit.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
FEW = 35  # rows for which Python finds the bins faster than NumPy
BLOCK = 512  # rows whose bits stay in the processor's cache
MOST_LEAVES = 64  # bits


@dataclass(frozen=True)
class Bins:
    """The bins of a column, and for each of them the leaves that remain of each tree, (bins, trees).

    limits: of numbers, in order; None for codes of categories. The last bin is that of missing values.
    """

    column: int
    limits: Floats | None
    leaves: npt.NDArray[Any]

    def of(self, values: Floats) -> npt.NDArray[np.intp]:
        missing = len(self.leaves) - 1
        if self.limits is None:
            return np.where(np.isnan(values), missing, values).astype(np.intp)
        return np.where(np.isnan(values), missing, np.searchsorted(self.limits, values))


class Trees:
    """The trees of a HistGradientBoosting: their private parts are those of scikit-learn 1.9."""

    def __init__(self, boosting: Any) -> None:
        self._trees = [tree for trees in boosting._predictors for tree in trees]
        self._known, self._map = boosting._bin_mapper.make_known_categories_bitsets()
        self._baseline = np.asarray(boosting._baseline_prediction, dtype=np.float64).reshape(1, -1)
        coded = {
            int(each): boosting._bin_mapper.bin_thresholds_[each]
            for each in np.flatnonzero(boosting._bin_mapper.is_categorical_)
        }
        fits = max(tree.get_n_leaf_nodes() for tree in self._trees) <= MOST_LEAVES
        self._bins, self._values = _bins(self._trees, coded) if fits else ([], np.zeros(0))
        self._all = np.concatenate([each.leaves for each in self._bins]) if fits else np.zeros(0)
        starts = np.cumsum([0, *(len(each.leaves) for each in self._bins)]).tolist()
        self._places = [
            (each.column, start, None if each.limits is None else each.limits.tolist(), end - 1)
            for each, start, end in zip(self._bins, starts, starts[1:], strict=False)
        ]
        self._first = np.arange(len(self._trees), dtype=np.intp) * MOST_LEAVES

    def raw(self, prepared: Floats) -> Floats:
        """The sum of all trees, (rows, classes); prepared: (rows, columns) of the boosting's own encoder."""
        if not self._bins:
            return np.asfortranarray(self._each(prepared))
        if len(prepared) <= FEW:
            return np.asfortranarray(self._few(prepared))
        blocks = [prepared[start : start + BLOCK] for start in range(0, len(prepared), BLOCK)]
        if len(blocks) == 1:
            return np.asfortranarray(self._many(prepared))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.asfortranarray(np.concatenate([*pool.map(self._many, blocks)]))

    def _few(self, prepared: Floats) -> Floats:
        """The same, with bins that Python finds, and all columns at once."""
        rows = [
            [self._bin(row[column], start, limits, missing) for column, start, limits, missing in self._places]
            for row in prepared.tolist()
        ]
        values = self._of_leaves(np.bitwise_and.reduce(self._all[rows], axis=1))
        steps = values.reshape(len(rows), -1, self._baseline.shape[1])
        steps = np.concatenate([np.broadcast_to(self._baseline, (len(rows), *self._baseline.shape)), steps], axis=1)
        return np.asarray(np.add.accumulate(steps, axis=1)[:, -1])

    @staticmethod
    def _bin(value: float, start: int, limits: list[float] | None, missing: int) -> int:
        if value != value:
            return missing
        return start + (int(value) if limits is None else bisect_left(limits, value))

    def _many(self, prepared: Floats) -> Floats:
        first, *others = self._bins
        left = first.leaves[first.of(prepared[:, first.column])]
        for each in others:
            left &= each.leaves[each.of(prepared[:, each.column])]
        return self._added(self._of_leaves(left, each_tree_first=True))

    def _of_leaves(self, left: npt.NDArray[Any], each_tree_first: bool = False) -> Floats:
        """The values of the leaves of the lowest bits that remain, (rows, trees), or (trees, rows)."""
        leaf = np.bitwise_count((left & -left) - np.ones((), left.dtype))  # how many bits are below the lowest one
        places = leaf + self._first
        found: Floats = self._values[places.T if each_tree_first else places]
        return found

    def _each(self, prepared: Floats) -> Floats:
        """By scikit-learn, for trees with more leaves than bits."""
        return self._added([tree.predict(prepared, self._known, self._map, 1) for tree in self._trees])

    def _added(self, values: Sequence[Floats] | Floats) -> Floats:
        raw = np.empty((self._baseline.shape[1], len(values[0])))
        raw[:] = self._baseline.T
        for number, each in enumerate(values):
            raw[number % len(raw)] += each
        return raw.T


def _bins(trees: Sequence[Any], coded: dict[int, Any]) -> tuple[list[Bins], Floats]:
    """The bins of each column that a tree uses, and the values of leaves, (trees * MOST_LEAVES,).

    coded: {column: the codes of its known categories}.
    """
    used = np.concatenate([tree.nodes[tree.nodes["is_leaf"] == 0] for tree in trees])
    bits = np.uint32 if max(tree.get_n_leaf_nodes() for tree in trees) <= 32 else np.uint64
    limits: dict[int, Floats | None] = {}
    leaves: dict[int, npt.NDArray[Any]] = {}
    for column in np.unique(used["feature_idx"]).tolist() or [0]:  # a tree that is one leaf uses no column
        own = None if column in coded else np.unique(used["num_threshold"][used["feature_idx"] == column])
        limits[column] = own
        leaves[column] = np.full((len(trees), 257 if own is None else len(own) + 2), ~bits(0))
    values = np.zeros((len(trees), MOST_LEAVES))
    places = {
        column: {limit: at for at, limit in enumerate(own.tolist())}
        for column, own in limits.items()
        if own is not None
    }
    for number, tree in enumerate(trees):
        ordered = _mask(tree, {column: each[number] for column, each in leaves.items()}, places, coded)
        values[number, : len(ordered)] = ordered
    found = [Bins(column, limits[column], np.ascontiguousarray(each.T)) for column, each in leaves.items()]
    return found, values.ravel()


def _mask(
    tree: Any, leaves: dict[int, npt.NDArray[Any]], places: dict[int, dict[float, int]], coded: dict[int, Any]
) -> list[float]:
    """Remove the leaves on the left of each node from the bins that go to the right; returns the leaves' values.

    leaves: {column: those that remain in each bin}; places: {column: {limit: its place}}.
    """
    names = ("value", "feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "is_leaf", "bitset_idx")
    nodes = list(zip(*(tree.nodes[name].tolist() for name in names), strict=True))
    order, stack = [], [0]
    while stack:  # from left to right
        order.append(stack.pop())
        _, _, _, _, left, right, is_leaf, _ = nodes[order[-1]]
        stack += [] if is_leaf else [right, left]
    ordered = [each for each in order if nodes[each][6]]
    below = {leaf: 1 << at for at, leaf in enumerate(ordered)}
    for here in reversed(order):
        _, column, limit, missing_to_left, left, right, is_leaf, bitset = nodes[here]
        if is_leaf:
            continue
        below[here] = below[left] | below[right]
        bins = leaves[column]
        kept = ~bins.dtype.type(below[left])
        if column in coded:
            goes = np.full(len(bins), not missing_to_left)
            known = np.asarray(coded[column], dtype=np.intp)
            goes[known] = (tree.raw_left_cat_bitsets[bitset][known // 32] >> (known % 32).astype(np.uint32)) & 1 == 0
            bins[goes] &= kept
        else:
            bins[places[column][limit] + 1 : -1] &= kept
            bins[-1:] &= ~bins.dtype.type(0) if missing_to_left else kept
    return [nodes[each][0] for each in ordered]
