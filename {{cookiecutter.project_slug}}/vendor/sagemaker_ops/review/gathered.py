"""Gathers what a review shows of each pipeline: its result here and there, and what the merge changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sagemaker_ops.errors import Problem
from sagemaker_ops.project import approved_model
from sagemaker_ops.project.settings import Settings
from sagemaker_ops.report import results
from sagemaker_ops.report.results import Result, Row
from sagemaker_ops.review import change, worktree
from sagemaker_ops.review.change import Change, Comparison
from sagemaker_ops.review.worktree import Worktree
from sagemaker_ops.terminal import tables

WORDS = {"good": "Passed", "bad": "Failed", "unclear": "No result"}


@dataclass(frozen=True)
class Section:
    """One pipeline. there: its result at the other commit; None if it does not exist on both sides."""

    change: Change
    here: Result
    there: Result | None

    @property
    def pipeline(self) -> str:
        return self.change.pipeline

    @property
    def rows(self) -> list[Row]:
        return results.rows(self.here, self.there or Result())

    @property
    def level(self) -> str:
        """`good`, `bad`, or `unclear`: not run, or not as it is now."""
        if self.change.status == "removed":
            return "good"
        if self.change.refused:
            return "bad"
        if self.change.error or (self.here.execution and not self.here.succeeded):
            return "bad" if self.here.status not in ("Executing", "Stopping") or self.change.error else "unclear"
        return "unclear" if self._lacks_a_result and not self._predicts else "good"

    @property
    def _lacks_a_result(self) -> bool:
        return self.here.execution is None or self.here.is_stale

    @property
    def _predicts(self) -> bool:
        """Whether it needs an approved model, so that a review does not expect a result."""
        return approved_model.predicts(self.change.after or {})

    @property
    def word(self) -> str:
        if self.change.status == "removed":
            return "Removed"
        return "Not run" if self.level == "good" and self._lacks_a_result else WORDS[self.level]

    @property
    def sentences(self) -> list[str]:
        """What a reviewer wants to know first."""
        if self.change.status == "removed":
            return []
        broken = [f"It cannot be compiled: {self.change.error.problems[0]}"] if self.change.error else []
        broken += [f"A guardrail would stop its deployment: {each}" for each in self.change.refused]
        gates = [*(f"Quality gate: {gate}" for gate in self.here.gates), *self.here.comparison]
        return [*broken, self.here.outcome, *gates, *filter(None, [self.here.verdict]), *self.here.notes]

    @property
    def doubts(self) -> list[str]:
        """What to know when comparing the metrics."""
        if self.there is None:
            return []
        found = [f"There: {self.there.outcome}"] if not self.there.succeeded else []
        if any(line.startswith(("~ data:", "~ step Processing:")) for line in self.change.lines):
            found.append("The data or its processing differs, so the metrics may be measured on different rows.")
        return [*found, *self.there.notes]


@dataclass(frozen=True)
class Review:
    """Everything on the page. here: the branch or commit."""

    project: str
    here: str
    comparison: Comparison
    sections: tuple[Section, ...]

    @property
    def level(self) -> str:
        """The worst of all sections."""
        levels = [section.level for section in self.sections]
        return next((level for level in ("bad", "unclear") if level in levels), "good")

    @property
    def verdict(self) -> str:
        """A few words on all pipelines."""
        if self.level == "good":
            gates = [gate for section in self.sections for gate in section.here.gates]
            return "Every pipeline succeeded here" + (", and the model passed the quality gate." if gates else ".")
        broken = [each for each in self.sections if each.change.error]
        refused = [each for each in self.sections if each.change.refused]
        failed = [each for each in self.sections if each.level == "bad" and each not in broken + refused]
        rest = [each for each in self.sections if each.level == "unclear"]
        found = {
            "Cannot be compiled": broken,
            "Refused by a guardrail": refused,
            "Failed here": failed,
            "No result; run `make run` first": rest,
        }
        return " ".join(f"{words}: {', '.join(each.pipeline for each in of)}." for words, of in found.items() if of)


def gather(root: Path, settings: Settings, tree: Worktree, running: Callable[[str], None]) -> Review:
    """Compare, and run at the other commit what differs there; running: called with each pipeline that is run there."""
    found = change.compare(root, settings, tree, "local")
    sections = []
    for each in found.changes:
        here = Result() if each.status == "removed" else results.newest(root, each.pipeline, each.after)
        if here.execution is None and approved_model.predicts(each.after or {}):
            here = replace(here, problem="it needs an approved model, so `make run` leaves it out.")
        sections.append(Section(each, here, _there(each, here, tree, running)))
    return Review(settings.project.slug, worktree.here(root), found, tuple(sections))


def _there(found: Change, here: Result, tree: Worktree, running: Callable[[str], None]) -> Result | None:
    if found.status in ("added", "removed") or here.execution is None or approved_model.predicts(found.after or {}):
        return None
    if found.status == "unchanged" and here.succeeded and not here.is_stale:
        return replace(here, notes=("The definition is the same on both sides, so it was not run again.",))
    if found.before is None:
        return Result(problem=found.problem)
    running(found.pipeline)
    if problem := tree.run(found.pipeline):
        return Result(problem=problem)
    return results.newest(tree.folder, found.pipeline, otherwise=f"the results of {tree.commit} cannot be read here.")


def text(review: Review) -> Iterator[str]:
    """For a terminal; whatever a project contains is printable."""
    yield from (str(Problem(line)) for line in _lines(review))
    yield from change.text(review.comparison)


def _lines(review: Review) -> Iterator[str]:
    yield review.verdict
    ref = review.comparison.against.name
    for section in review.sections:
        yield ""
        yield section.pipeline
        said = [*section.sentences, *(f"warning: {warning}" for warning in section.here.warnings)]
        yield from (f"  {sentence}" for sentence in said)
        if section.rows:
            table = [
                (
                    row.metric,
                    results.score(row.here),
                    results.score(row.there),
                    results.signed(row.difference),
                    row.words,
                )
                for row in section.rows
            ]
            yield ""
            yield from (f"  {line}" for line in tables.lines(("metric", "here", ref, "difference", ""), table))
            yield from (f"  {doubt}" for doubt in section.doubts)
    yield ""
