"""Exact order statistics and histograms of a column of numbers that is too large to collect.

A first pass counts the values in narrow bins, which shows the bin of each rank; a second one collects those bins.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sagemaker_ops.tabular.spark.inputs import Batches, quoted
from sagemaker_ops.tabular.spark.workers import GROUP, pickled

BINS = 1 << 14
FEW = 200_000  # values that the driver sorts
PASSES = 3  # with narrower bins each; then the different values of a bin are collected, however many rows have them
Groups = tuple[int, ...]


@dataclass(frozen=True)
class Question:
    """The rows of these groups with values from low to high: in each of `bins`; 0: the values themselves, with their
    rows."""

    groups: Groups
    low: float
    high: float
    bins: int = BINS


@dataclass(frozen=True)
class Answer:
    """rows: in each bin, or of each of the values. low, high: the ends of all values of the groups."""

    rows: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    low: float = np.inf
    high: float = -np.inf

    def __add__(self, other: Answer) -> Answer:
        low, high = min(self.low, other.low), max(self.high, other.high)
        if not len(self.values) and not len(other.values):
            rows = (
                self.rows + other.rows
                if len(self.rows) and len(other.rows)
                else (self.rows, other.rows)[not len(self.rows)]
            )
            return Answer(np.asarray(rows), low=low, high=high)
        values, codes = np.unique(np.concatenate([self.values, other.values]), return_inverse=True)
        rows = np.bincount(codes, np.concatenate([self.rows, other.rows])).astype(np.int64)
        return Answer(rows, values, low, high)


@dataclass(frozen=True)
class _Rank:
    """A rank whose value is sought between low and high, with so many values before low."""

    rank: int
    groups: Groups
    low: float
    high: float
    before: int = 0
    few: bool = False

    @property
    def question(self) -> Question:
        return Question(self.groups, self.low, self.high, 0 if self.few else BINS)

    def narrowed(self, answer: Answer, last: bool) -> _Rank:
        edges = np.histogram_bin_edges(np.array([self.low, self.high]), BINS)
        ends = np.cumsum(answer.rows)
        at = int(np.searchsorted(ends, self.rank - self.before, side="right"))
        rows = int(answer.rows[at])
        low, high = float(edges[at]), float(edges[at + 1])
        return replace(self, low=low, high=high, before=self.before + int(ends[at]) - rows, few=last or rows <= FEW)

    def value(self, answer: Answer) -> float:
        return float(answer.values[np.searchsorted(np.cumsum(answer.rows), self.rank - self.before, side="right")])


def ask(frame: Any, column: str, questions: Sequence[Question]) -> list[Answer]:
    """One pass over a column of numbers without gaps; frame: also with the group of each row."""
    asked = frame.select(quoted(column), GROUP).mapInArrow(_answers(tuple(questions)), "found binary").collect()
    total = [Answer(np.zeros(each.bins, np.int64)) for each in questions]
    for row in asked:
        total = [one + other for one, other in zip(total, pickle.loads(row[0]), strict=True)]
    return total


def _answers(questions: tuple[Question, ...]) -> Callable[[Batches], Batches]:
    def work(batches: Batches) -> Batches:
        total = [Answer(np.zeros(each.bins, np.int64)) for each in questions]
        for batch in batches:
            values, group = (batch.column(at).to_numpy(zero_copy_only=False) for at in (0, 1))
            of_groups = {groups: values[np.isin(group, groups)] for groups in {each.groups for each in questions}}
            total = [one + _answer(of_groups[each.groups], each) for one, each in zip(total, questions, strict=True)]
        yield pickled(total)

    return work


def _answer(values: npt.NDArray[np.float64], asked: Question) -> Answer:
    ends = (float(values.min()), float(values.max())) if len(values) else (np.inf, -np.inf)
    if asked.bins:
        return Answer(np.histogram(values, asked.bins, (asked.low, asked.high))[0].astype(np.int64), np.zeros(0), *ends)
    found, rows = np.unique(values[(values >= asked.low) & (values <= asked.high)], return_counts=True)
    return Answer(rows.astype(np.int64), found, *ends)


def at_ranks(
    frame: Any, column: str, ranks: Sequence[tuple[Groups, int]], low: float, high: float, also: int = 0
) -> tuple[list[float], dict[Groups, Answer]]:
    """The value at each rank, from 0, among the rows of its groups; all are from low to high.

    also: bins of a histogram of all values of each of the groups, which comes with it.
    """
    sought = [_Rank(rank, groups, low, high) for groups, rank in ranks]
    every = list(dict.fromkeys(groups for groups, _ in ranks))
    histograms: dict[Groups, Answer] = {}
    for number in range(1, PASSES + 1):
        if all(each.few for each in sought):
            break
        answers = dict(zip(asked := _questions(sought), ask(frame, column, asked), strict=True))
        ends = {each.groups: answer for each, answer in answers.items()}
        sought = [each if each.few else each.narrowed(answers[each.question], last=number == PASSES) for each in sought]
    whole = [Question(groups, ends[groups].low, ends[groups].high, also) for groups in every] if also else []
    asked = [*_questions(sought), *whole]
    answers = dict(zip(asked, ask(frame, column, asked), strict=True))
    histograms = {each.groups: answers[each] for each in whole}
    return [each.value(answers[each.question]) for each in sought], histograms


def _questions(sought: Sequence[_Rank]) -> list[Question]:
    return list(dict.fromkeys(each.question for each in sought))


def places(shares: Sequence[float], number: int) -> list[tuple[int, int, float]]:
    """For each share of `number` values the ranks around it, and how far it is from the first to the second."""
    found = [share * (number - 1) for share in shares]
    return [(int(place), min(int(place) + 1, number - 1), place - int(place)) for place in found]


def between(low: float, high: float, part: float) -> float:
    """As numpy.quantile computes it."""
    return high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part
