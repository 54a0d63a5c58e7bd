"""Two versions of a model side by side: their metrics, and what they were made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagemaker_ops.errors import Problem
from sagemaker_ops.project.settings import Gate
from sagemaker_ops.report import results
from sagemaker_ops.report.results import Result, Row
from sagemaker_ops.review.changed_files import File
from sagemaker_ops.terminal import tables

_MOST = 30  # files to show
_COMPARED = ("commit", "data", "rows", "schema", "library")  # facts whose differences mean something


@dataclass(frozen=True)
class Side:
    """One version. facts: {what: its value}. unknown: {what is not known: why}. described: for JSON."""

    number: int
    evaluation: Mapping[str, Any]
    facts: Mapping[str, object]
    hyperparameters: Mapping[str, str]
    unknown: Mapping[str, str]
    described: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"version {self.number}"


@dataclass(frozen=True)
class Comparison:
    """The second version beside the first. files: that differ between their commits; note: about this list."""

    group: str
    sides: tuple[Side, Side]
    gate: Gate
    files: list[File]
    note: str

    @property
    def metrics(self) -> list[Row]:
        """Every metric of either version, the gate's first: `here` is the second version."""
        before, after = (Result(evaluation=side.evaluation).scores for side in self.sides)
        metric, lower = self.gate.metric, self.gate.maximum is not None
        names = sorted({**before, **after}, key=lambda name: name != metric)
        return [Row(name, after.get(name), before.get(name), name == metric, lower) for name in names]

    @property
    def unknown(self) -> list[str]:
        """A sentence for each thing that is not known of a version."""
        return [
            str(Problem(f"{what} of {side.name} not known: {why}."))
            for side in self.sides
            for what, why in side.unknown.items()
        ]


def lines(found: Comparison) -> Iterator[str]:
    """For a terminal: what differs is marked with ≠."""
    names = [side.name for side in found.sides]
    yield found.group
    before, after = (side.facts for side in found.sides)
    missing = {what for side in found.sides for what in side.unknown}
    known = [key for key in before if before[key] or after[key] or key in missing]
    yield from _table(["", *names], [_row(key, before[key], after[key], key in _COMPARED) for key in known])
    if rows := found.metrics:
        yield ""
        shown = [
            [
                f"{row.metric}{' (gate)' if row.is_gate else ''}",
                results.score(row.there),
                results.score(row.here),
                f"{results.signed(row.difference)} {row.words}".rstrip(),
            ]
            for row in rows
        ]
        yield from _table(["metric", *names, f"{names[1]} is"], shown)
    yield from _hyperparameters(found, names)
    yield ""
    yield from _files(found)
    if found.unknown:
        yield ""
        yield from found.unknown


def document(found: Comparison) -> str:
    """As JSON."""
    return tables.document(
        {
            "ModelPackageGroupName": found.group,
            "ModelPackages": [{**side.described, "Rows": side.facts.get("rows")} for side in found.sides],
            "Metrics": [
                {
                    "Metric": row.metric,
                    "Values": [score[0] if score else None for score in (row.there, row.here)],
                    "StandardDeviations": [score[1] if score else None for score in (row.there, row.here)],
                    "Difference": row.difference,
                    "Words": row.words or None,
                }
                for row in found.metrics
            ],
            "HyperParameters": [dict(side.hyperparameters) for side in found.sides],
            "ChangedFiles": [{"Path": each.path, "Added": each.added, "Removed": each.removed} for each in found.files],
            "Notes": [*found.unknown, *([f"changed files: {found.note}."] if found.note else [])],
        }
    )


def _hyperparameters(found: Comparison, names: Sequence[str]) -> Iterator[str]:
    before, after = (side.hyperparameters for side in found.sides)
    keys = sorted({**before, **after})
    differ = [key for key in keys if before.get(key) != after.get(key)]
    same = len(keys) - len(differ)
    if differ:
        yield ""
        yield from _table(["hyperparameter", *names], [_row(key, before.get(key), after.get(key)) for key in differ])
    if same:
        yield from [""] * (not differ)
        yield f"  {same} {'others are' if differ else 'hyperparameters are'} the same"


def _row(name: str, before: object, after: object, compared: bool = True) -> list[object]:
    return [f"{'≠' if compared and before != after else ' '} {name}", before, after]


def _table(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """In one column, texts and numbers are both aligned to the left."""
    cells = [[f"{each:,}" if isinstance(each, int) else each for each in row] for row in rows]
    yield from (str(Problem(line)) for line in tables.lines(heading, cells))


def _files(found: Comparison) -> Iterator[str]:
    if found.files or not found.note:
        yield f"files that differ{'' if found.files else ': none'}"
    yield from (str(Problem(f"  {each}")) for each in found.files[:_MOST])
    if len(found.files) > _MOST:
        yield f"  and {len(found.files) - _MOST} more"
    if found.note:
        yield str(Problem(f"changed files: {found.note}."))
