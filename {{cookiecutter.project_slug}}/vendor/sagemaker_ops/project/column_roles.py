"""What the columns of [data] are used for, and which of these uses contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def misfits(data: Any) -> Iterator[tuple[str, str]]:
    """(key of [data], or empty for the whole table; a sentence) for everything that does not fit together.

    data: as in settings.py, which imports this module.
    """
    if not data.source:
        yield "source", "write the name of a file or folder."
    if not data.target:
        yield "target", "write the name of the column to predict."
    if data.split != "random" and not data.split_column:
        yield "split_column", f"split = '{data.split}' needs the name of a column."
    elif data.split != "random" and data.split_column == data.target:
        yield "split_column", f"'{data.target}' is the target: split by another column."
    if not (data.test_share > 0 and data.validation_share > 0 and data.test_share + data.validation_share < 1):
        yield (
            "",
            "test_share and validation_share must each be above 0 and together below 1, "
            "so that rows are left to train on.",
        )
    if data.target in data.exclude:
        yield "exclude", f"'{data.target}' is the target: remove it here."
    taken = {data.target: "the target"} | dict.fromkeys(data.exclude, "in `exclude`")
    for key, column in (("weight", data.weight), ("id", data.id)):
        if column and column in taken:
            yield key, f"'{column}' is already {taken[column]}: write another column."
        elif column:
            taken[column] = f"the {key}"
