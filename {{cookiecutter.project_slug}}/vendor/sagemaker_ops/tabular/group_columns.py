"""The columns whose values are compared as groups of rows: which group a row is in, and what can be wrong with them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from sagemaker_ops.tabular.dates import date_text
from sagemaker_ops.tabular.errors import did_you_mean, listed, short
from sagemaker_ops.tabular.splits import PARTS, Options
from sagemaker_ops.tabular.summary import distinct, pick, type_of

MOST_TEXTS = 60  # different texts of a column: with more, each group has few rows, and nobody can look at all
MOST_NUMBERS = 20  # different numbers or dates: those of a column with more are cut into quarters
MISSING_GROUP = "missing"


def labels(column: pd.Series) -> pd.Series:
    """The group of each row, as text: its value, or its quarter of the rows if there are many numbers or dates.

    Missing values are a group, too, whose name no other group has.
    """
    found, missing = values_or_quarters(column), MISSING_GROUP
    while (found == missing).any():
        missing = f"({missing})"
    return found.where(found.notna(), missing)


def values_or_quarters(column: pd.Series) -> pd.Series:
    """The same, but missing where the value is missing."""
    kind = type_of(column)
    if kind == "text":
        return column.astype(object)
    if kind == "boolean":
        return column.astype(object).map({True: "true", False: "false"})
    if distinct(column.dropna()) > MOST_NUMBERS:
        return quarters(column)
    if kind == "date":
        return date_text(column).astype(object)
    return column.map(lambda value: str(float(value)).removesuffix(".0"), na_action="ignore").astype(object)


def quarters(column: pd.Series) -> pd.Series:
    """The quarter of the rows that each value belongs to, as text such as `5 to 9`."""
    named = "{:%Y-%m-%d}" if pd.api.types.is_datetime64_any_dtype(column) else "{:g}"
    edges = column.quantile([0, 0.25, 0.5, 0.75, 1]).dropna().unique()
    if len(edges) < 3:
        return column.map(named.format, na_action="ignore").astype(object)
    texts = [f"{named.format(low)} to {named.format(high)}" for low, high in pairwise(pd.Series(edges))]
    return pd.cut(column, edges, labels=texts, include_lowest=True, ordered=False).astype(object)


def table_findings(table: pd.DataFrame, options: Options) -> list[str]:
    """What is wrong with the group columns, whatever the parts are."""
    roles = {options.id: "id", options.weight: "weight", options.target: "target"}
    findings = []
    for name in dict.fromkeys(options.groups):
        if options.groups.count(name) > 1:
            findings.append(f"group column '{name}' is given {options.groups.count(name)} times; give it once")
        if name not in table:
            findings.append(f"group column '{name}' is not in the table.{did_you_mean(name, table.columns)}")
        elif name in roles:
            findings.append(f"'{name}' is the {roles[name]} and cannot also be a group column; use another column")
        elif type_of(table[name]) == "text" and (number := distinct(table[name])) > MOST_TEXTS:
            findings.append(
                f"group column '{name}' has {number:,} different texts such as '{short(table[name].dropna().iloc[0])}'"
                f"; at most {MOST_TEXTS} can be compared, so merge them in processing.py, or use another column"
            )
    return findings


def part_findings(rows: pd.DataFrame, part: npt.NDArray[np.int8], options: Options) -> list[str]:
    """Which group columns have nothing to compare in the test part; part: (rows,), positions in PARTS."""
    test = np.flatnonzero(part == PARTS.index("test"))
    found = {name: labels(_values(pick(rows[name], test))).tolist() for name in options.groups} if len(test) else {}
    return [
        f"group column '{name}' has only '{short(groups[0])}' in the test part; at least two groups are needed, so use "
        "another column, or add rows"
        for name, groups in found.items()
        if len(groups) == 1
    ]


def part_warnings(rows: pd.DataFrame, part: npt.NDArray[np.int8], options: Options) -> list[str]:
    """Which groups have no row in the test part."""
    test, warnings = np.flatnonzero(part == PARTS.index("test")), []
    for name in options.groups:
        values = _values(rows[name])
        if type_of(values) in ("text", "boolean") or distinct(values.dropna()) <= MOST_NUMBERS:
            here = values.isin(_values(pick(rows[name], test)))
            if absent := sorted(labels(values)[~here]):
                which = "its value" if len(absent) == 1 else "its values"
                warnings.append(f"Group column '{name}' has no row with {which} {listed(absent)} in the test part.")
    return warnings


def _values(column: pd.Series) -> pd.Series:
    """Each value once: a table may have many rows."""
    return column.drop_duplicates().reset_index(drop=True)
