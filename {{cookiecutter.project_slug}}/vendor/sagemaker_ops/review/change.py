"""What a merge would change in the compiled definitions: in words, with the maximum cost before and after."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sagemaker_ops.definition import difference
from sagemaker_ops.errors import Problem, UserError, did_you_mean
from sagemaker_ops.guardrails import cost, policy, resources
from sagemaker_ops.guardrails.cost import WorstCase
from sagemaker_ops.pipelines import compiler, publishing
from sagemaker_ops.project import layout
from sagemaker_ops.project.data import SCHEMA
from sagemaker_ops.project.settings import Settings
from sagemaker_ops.review import worktree
from sagemaker_ops.review.worktree import Worktree
from sagemaker_ops.terminal import tables

Definition = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One pipeline before and after the merge; None where it does not exist, or cannot be compiled.

    problem: why it cannot be compared. error: why it cannot be compiled here. refused: why a guardrail would stop its
    deployment.
    """

    pipeline: str
    before: Definition | None
    after: Definition | None
    lines: tuple[str, ...] = ()
    cost_before: WorstCase | None = None
    cost_after: WorstCase | None = None
    problem: str = ""
    error: UserError | None = None
    refused: tuple[Problem, ...] = ()

    @property
    def status(self) -> str:
        if self.problem:
            return "unknown"
        if self.before is None or self.after is None:
            return "removed" if self.after is None else "added"
        return "changed" if self.lines else "unchanged"

    @property
    def outcome(self) -> str:
        """One line."""
        said = {
            "unknown": f"cannot be compared: {self.problem}",
            "removed": f"removed; if it is deployed, it stays on AWS until `ops delete-pipeline {self.pipeline}`.",
            "added": "new",
            "unchanged": "no change",
        }
        return said.get(self.status) or f"{len(self.lines)} change{'' if len(self.lines) == 1 else 's'}"

    @property
    def costs(self) -> list[tuple[str, str]]:
        """[(which, the maximum cost in words)]; a single one if it stays the same."""
        known = {"before": self.cost_before, "after": self.cost_after}
        texts = [(name, cost.lines(each)[0].removeprefix("worst case: ")) for name, each in known.items() if each]
        if len({words for _, words in texts}) == 1:
            return [("", texts[0][1])]
        return texts


@dataclass(frozen=True)
class Comparison:
    """All changes. notes: what to know when reading them."""

    against: worktree.Commit
    env: str
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def compare(root: Path, settings: Settings, tree: Worktree, env: str, pipeline: str | None = None) -> Comparison:
    """Compile one pipeline, or all, on both sides; UserError if neither has it."""
    here, there = layout.pipelines(root), tree.pipelines
    names = list(dict.fromkeys([*here, *there]))
    if pipeline is not None and pipeline not in names:
        hint = did_you_mean(pipeline, names) or f" Available: {', '.join(names) or 'none'}."
        raise UserError(f"No pipeline '{pipeline}' in {layout.PIPELINES}, here or at {tree.commit}.{hint}")
    rules, target = policy.load(root), publishing.target(settings, env, root)

    def after(name: str) -> tuple[Definition | None, UserError | None]:
        try:
            return (compiler.definition(name, target, root) if name in here else None), None
        except UserError as error:
            return None, error

    def before(name: str) -> tuple[Definition | None, str]:
        try:
            return (tree.definition(name, env) if name in there else None), ""
        except UserError as error:
            return None, str(error.problems[0]) if name in here else ""

    chosen = [pipeline] if pipeline else names
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # most of it is waiting for processes that compile
        news, olds = pool.map(after, chosen), pool.map(before, chosen)
        changes = [
            between(name, old, new, rules, target.region, problem, error)
            for name, (new, error), (old, problem) in zip(chosen, news, olds, strict=True)
        ]
    return Comparison(tree.commit, env, tuple(changes), tuple(_notes(root, tree)))


def between(
    name: str,
    before: Definition | None,
    after: Definition | None,
    rules: policy.Policy,
    region: str,
    problem: str = "",
    error: UserError | None = None,
) -> Change:
    """The change of one pipeline; both sides are priced with the policy of this folder."""
    if error is not None:
        problem = f"it cannot be compiled here: {error.problems[0]}"
    old, new = (cost.worst_case(each, {}, rules, region) if each is not None else None for each in (before, after))
    lines = difference.lines(before, after) if after is not None and not problem else []
    refused = _refused(name, after, rules, region) if after is not None else ()
    return Change(name, before, after, tuple(str(Problem(line)) for line in lines), old, new, problem, error, refused)


def _refused(name: str, definition: Definition, rules: policy.Policy, region: str) -> tuple[Problem, ...]:
    """The same checks as before a deployment."""
    found = [
        *resources.check(dict(definition), rules, f"pipeline '{name}'"),
        *cost.check(definition, {}, rules, region),
    ]
    return tuple(each for each in found if each.level == "error")


def _notes(root: Path, tree: Worktree) -> Iterator[str]:
    if tree.missing:
        yield tree.missing
    if number := worktree.missing_commits(root, tree.commit):
        what = "a commit" if number == 1 else f"{number} commits"
        yield (
            f"This branch lacks {what} of {tree.commit.ref}, so changes made there appear here as undone: "
            f"merge {tree.commit.ref} first."
        )
    if worktree.is_untracked(root, SCHEMA):
        yield f"{SCHEMA} is not in git: add it, so that every run checks the table against the same types."


def text(found: Comparison) -> Iterator[str]:
    """For a terminal."""
    yield str(Problem(f"Against {found.against}, for {found.env}:"))
    for change in found.changes:
        details = [*change.lines, *_costs(change)]
        if details or change is found.changes[0]:
            yield ""
        yield str(Problem(change.outcome, change.pipeline))
        yield from (f"  {line}" for line in details)
    if not found.changes:
        yield "no pipelines"


def markdown(found: Comparison) -> Iterator[str]:
    """For a comment in GitLab: whatever a definition contains is in blocks of code."""
    yield f"### Changes in the definitions against {_code(found.against.ref)} ({found.against.id[:8]})"
    for note in found.notes:
        yield f"\n> {_code(note)}"
    for change in found.changes:
        details = [*change.lines, *_costs(change)]
        yield f"\n**{_code(change.pipeline)}**: " + (_code(change.outcome) if change.problem else change.outcome)
        if details:
            fence = _fence("\n".join(details), 3)
            yield "\n".join(["", f"{fence}diff", *details, fence])


def document(found: Comparison) -> Iterator[str]:
    """As JSON."""
    yield tables.document(
        {
            "Against": found.against.ref,
            "Commit": found.against.id,
            "Environment": found.env,
            "Notes": list(found.notes),
            "Pipelines": [
                {
                    "Pipeline": each.pipeline,
                    "Status": each.status,
                    "Problem": each.problem or None,
                    "Changes": list(each.lines),
                    "MaximumCostBefore": _document(each.cost_before),
                    "MaximumCostAfter": _document(each.cost_after),
                }
                for each in found.changes
            ],
        }
    )


def _document(worst: WorstCase | None) -> dict[str, Any] | None:
    if worst is None:
        return None
    names = {"hours": "InstanceHours", "money": "Money", "currency": "Currency", "date": "PriceDate"}
    return {
        **{names[key]: value for key, value in asdict(worst).items() if key in names},
        "Unknown": list(worst.unknown),
    }


def _costs(change: Change) -> list[str]:
    if change.status in ("unchanged", "removed"):
        return []
    return [f"maximum cost{f' {which}' if which else ''}: {words}" for which, words in change.costs]


def _code(text: str) -> str:
    """Text that Markdown shows as it is."""
    fence = _fence(text, 1)
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def _fence(text: str, least: int) -> str:
    """More backticks than the text has in a row."""
    return "`" * max([least, *(len(run) + 1 for run in re.findall("`+", text))])
