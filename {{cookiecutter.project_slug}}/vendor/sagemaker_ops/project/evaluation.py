"""What [evaluation] says: the columns whose values are compared, and how far the model may be from one to another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Evaluation:
    """How the model is measured, besides the metrics on all rows of the test part."""

    groups: list[str] = field(default_factory=list)
    """Columns: each of their values is a group of rows that gets its own metrics. They may be excluded ones."""
    max_group_difference: float | None = None
    """The most that the gate's metric may differ between two groups of a column (fairlearn's `difference`)."""

    def misfits(self, data: Any) -> Iterator[tuple[str, str]]:
        """(key, a sentence) for everything that does not fit together; data: as in settings.py."""
        roles = {data.id: "the id", data.weight: "the weight", data.target: "the target"}
        for column in dict.fromkeys(self.groups):
            if not column:
                yield "groups", "'' is not a column: write its name, or remove it."
            elif column in roles:
                yield "groups", f"'{column}' is {roles[column]}: write another column."
            elif self.groups.count(column) > 1:
                yield "groups", f"'{column}' is listed {self.groups.count(column)} times: write it once."
        limit = self.max_group_difference
        if limit is None:
            return
        if not self.groups:
            yield "max_group_difference", "needs `groups`, the columns whose values are compared: write them."
        if limit <= 0:
            yield (
                "max_group_difference",
                f"{limit:g} allows no difference at all: write a number above 0, such as 0.05.",
            )
