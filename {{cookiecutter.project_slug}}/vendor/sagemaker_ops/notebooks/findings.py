"""What to change in project.toml after a look at the table: a sentence for each finding, and the line to write."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import tomlkit

from sagemaker_ops.notebooks.exploration import LoadedTable, over_time, target_over_time, time_columns, words
from sagemaker_ops.notebooks.groups import explained_share
from sagemaker_ops.project.settings import FILE
from sagemaker_ops.tabular.checks import of
from sagemaker_ops.tabular.errors import listed, percent
from sagemaker_ops.tabular.leaks import LEAK, explained_alone
from sagemaker_ops.tabular.splits import PARTS
from sagemaker_ops.tabular.summary import distinct, is_unique_integer, pick, type_of
from sagemaker_ops.tabular.text_files import HERE

SUSPECT, SUSPECT_BY_NAME = 0.8, 0.5  # share of the target that a column explains alone; the name contains the target's
IN_ORDER = 0.98  # rank correlation with the target
MOSTLY_MISSING = 0.5
RARE_CLASS, FEWEST_TEST_ROWS = 0.05, 30  # a share; rows of a class
FEW_VALUES, MANY_VALUES = 10, 20  # of a target: fewer look like classes, more like a measure
DRIFT = 0.005  # share of the target that the time explains
DRIFT_RATIO = 3.0  # of the variance between ranges of time to that within: about 1 if there is no drift
FEWEST_GROUPS = 20
ID_WORDS = {"guid", "id", "key", "uuid"}
ENTITY_WORDS = {"account", "animal", "client", "customer", "device", "driver", "employee", "household", "machine",
                "member", "patient", "person", "session", "store", "student", "subject", "user", "vehicle"}  # fmt: skip
COMPARED_ROWS = 50_000


@dataclass(frozen=True)
class Finding:
    """A sentence, and the settings of a section of project.toml that would follow from it; there may be none."""

    sentence: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    section: str = "data"

    @property
    def line(self) -> str:
        """The settings as lines of TOML: they replace lines with the same keys. Empty if there is nothing to write."""
        return str(tomlkit.dumps(dict(self.settings))).strip()

    def __str__(self) -> str:
        lines = [f"    {line}" for line in self.line.splitlines()]
        return "\n".join([self.sentence, *([f"  In [{self.section}] of {FILE}:", *lines] if lines else [])])


def find_settings(table: LoadedTable) -> list[Finding]:
    """Everything about the table that may need another setting, the most important findings first."""
    return [finding for detect in DETECTORS for finding in detect(table)]


def print_findings(findings: Iterable[Finding]) -> None:
    """Print the findings with a number, and at the end all exclusions in one line."""
    found = list(findings)
    for number, finding in enumerate(found, start=1):
        print(f"{number}. {finding}\n")
    excludes = [each.settings["exclude"] for each in found if "exclude" in each.settings]
    if not found:
        print(f"Nothing in this table needs another setting in {FILE}.")
    if len(excludes) > 1:
        together = Finding("", {"exclude": list(dict.fromkeys(name for names in excludes for name in names))})
        print(f"All of these exclusions in one line; take out the columns that you keep:\n    {together.line}")


def _wrong_problem(table: LoadedTable) -> Iterator[Finding]:
    target, problem = table.checked.rows[table.target], table.schema.problem
    also = "; [gate].metric must be one for it, too"
    if table.wrong_problem:
        yield Finding(f"[data].problem is wrong: {table.wrong_problem}{also}.", {"problem": problem})
    elif problem == "regression":
        rows = target.value_counts()
        if len(rows) <= FEW_VALUES and rows.min() > 1 and (target % 1 == 0).all():
            values = listed([f"{value:g}" for value in sorted(rows.index)])
            sentence = f"'{table.target}' has only {len(rows)} different values ({values}): if they are classes{also}."
            yield Finding(sentence.replace(also, f", predict a class{also}"), {"problem": "classification"})
    elif target.dtype.kind in "if" and distinct(target) > MANY_VALUES:
        yield Finding(
            f"'{table.target}' has {distinct(target)} different numbers: for a measure, predict a number{also}.",
            {"problem": "regression"},
        )


def _leaks(table: LoadedTable) -> Iterator[Finding]:
    train = np.flatnonzero(table.prepared.part == PARTS.index("train"))
    # Its many groups find a leak in a large table, the few ones of `explained` in a small one.
    shares = explained_alone(table.checked.rows, train, table.schema)
    shares = {name: max(share, float(table.explained[name])) for name, share in shares.items()}
    named = words(table.target)
    for name, share in sorted(shares.items(), key=lambda pair: -pair[1]):
        exclude = _exclude(table, name)
        if share >= LEAK:
            yield Finding(
                f"'{name}' leaks the target: alone it explains {100 * share:.1f} % of '{table.target}'. Exclude it, "
                "unless it is known at the moment of prediction.",
                exclude,
            )
        elif _in_order(table, name) >= IN_ORDER:
            yield Finding(
                f"'{name}' probably leaks the target: its values have nearly the same order as those of "
                f"'{table.target}'. Exclude it, unless it is known at the moment of prediction.",
                exclude,
            )
        elif share >= SUSPECT or (share >= SUSPECT_BY_NAME and named and named <= words(name)):
            yield Finding(
                f"'{name}' may leak the target: alone it explains {percent(share)} of '{table.target}'. Find out "
                "whether it is known at the moment of prediction; if not, exclude it.",
                exclude,
            )


def _in_order(table: LoadedTable, name: str) -> float:
    """The absolute rank correlation of a number with the target: Spearman's, or 2 AUC - 1 with two classes."""
    column = table.features[name]
    if column.dtype.kind not in "fM" or table.answers.shape[1] > 1 or column.count() < len(column) / 2:
        return 0.0
    known = column.notna().to_numpy()
    ranks, answer = column[known].rank(), table.answers.iloc[:, 0][known]
    if table.schema.problem == "regression":
        return abs(float(ranks.corr(answer.rank()))) if ranks.nunique() > 1 and answer.nunique() > 1 else 0.0
    if answer.nunique() < 2:
        return 0.0
    return 2 * abs(float(ranks[answer == 1].mean() - ranks[answer == 0].mean())) / len(ranks)


def _left_out(table: LoadedTable) -> Iterator[Finding]:
    """What processing leaves out by itself: to write it down makes it a decision, and a later file cannot change it."""
    roles = {*table.options.aside, table.options.split_column, *table.options.exclude, *table.checked.unclear}
    columns = [column for column in table.schema.left_out if column.name not in roles]
    without = [column.name for column in columns if column.reason.startswith("every ")]
    if without:
        are = "is" if len(without) == 1 else "are"
        yield Finding(
            f"{listed(without)} {are} empty, or the same in every row, and {are} left out.", _exclude(table, *without)
        )
    for column in columns:
        if column.name not in without:
            yield Finding(f"'{column.name}' is left out: {column.reason}.", _exclude(table, column.name))
    for name in table.schema.names:
        if is_unique_integer(table.checked.rows[name]):
            yield Finding(
                f"'{name}' has a different whole number in every row. If it is an identifier, exclude it.",
                _exclude(table, name),
            )


def _copies(table: LoadedTable) -> Iterator[Finding]:
    """Columns with the same information: each value of one goes with one value of the other."""
    rows = table.checked.rows[table.schema.names]
    rows = rows.take(np.arange(len(rows))[:: -(-len(rows) // COMPARED_ROWS)])
    same: dict[Hashable, list[str]] = {}
    for name in rows:
        same.setdefault(_pattern(rows[name]), []).append(name)
    for first, *others in same.values():
        if others:
            have = "has" if len(others) == 1 else "have"
            yield Finding(
                f"{listed(others)} {have} the same information as '{first}', only in other values or units. One of "
                "them is enough.",
                _exclude(table, *others),
            )


def _pattern(column: pd.Series) -> Hashable:
    """Equal for columns with the same information: by their order if nearly every row differs, else by which match."""
    number = distinct(column)
    if number <= len(column) / 2:
        return "matches", pd.factorize(column)[0].tobytes()
    if type_of(column) == "text":
        return "text", column.name
    ranks = column.rank(method="dense").fillna(0).to_numpy(np.int64)
    return "order", min(ranks.tobytes(), np.where(ranks > 0, number + 1 - ranks, 0).tobytes())


def _unclear(table: LoadedTable) -> Iterator[Finding]:
    for sentence in table.checked.unclear.values():
        yield Finding(f"{sentence}.", _settings_in(sentence))


def _settings_in(sentence: str) -> dict[str, Any]:
    """The settings that a sentence of tabular/doubts.py names as `key = value`."""
    found: dict[str, Any] = {}
    rest = sentence.partition(": write ")[2].partition(f" {HERE}")[0]
    with suppress(ValueError):
        while rest:
            key, _, rest = rest.partition(" = ")
            found[key], end = json.JSONDecoder().raw_decode(rest)
            rest = rest[end:].removeprefix(" and ")
    return found


def _drift(table: LoadedTable) -> Iterator[Finding]:
    if table.options.split == "time":
        return
    for column in time_columns(table):
        groups, answers = over_time(table, column)
        values = answers.to_numpy()
        share, used, rows = explained_share(groups.codes, values), len(np.unique(groups.codes)), len(values)
        if share < DRIFT or rows <= used:
            continue
        # Solved for the ratio F of an analysis of variance: 1 - share = (1 - eta²) (n - 1) / (n - k).
        eta = 1 - (1 - share) * (rows - used) / (rows - 1)
        if eta / (1 - eta + 1e-12) * (rows - used) / (used - 1) < DRIFT_RATIO:
            continue
        found = target_over_time(table, column)
        one = found[found["class"] == found.groupby("class")["value"].agg(np.ptp).idxmax()]
        low, high = one.loc[one["value"].idxmin()], one.loc[one["value"].idxmax()]
        classes = table.schema.problem == "classification"
        what = f"the share of '{low['class']}' in '{table.target}'" if classes else f"the mean of '{table.target}'"
        show: Callable[[float], str] = percent if classes else "{:.4g}".format
        split = {"split": "time", "split_column": column}
        missing = table.rows[column].isna().any()
        yield Finding(
            f"The target changes over time: {what} is {show(low['value'])} at '{column}' {low['group']} and "
            f"{show(high['value'])} at {high['group']}. If the model will predict later rows than it learned from, the "
            "newest rows must be the test part, or its metrics are too good"
            + (f". '{column}' must first be filled in every row." if missing else "."),
            {} if missing else split,
        )
        return  # by one column is enough


def _belong_together(table: LoadedTable) -> Iterator[Finding]:
    if table.options.split != "random":
        return
    rows = table.checked.rows
    unread = {*table.options.exclude, table.target, *table.options.aside}
    for name in rows.columns.difference(list(unread), sort=False):
        number = 0 if type_of(rows[name]) not in ("text", "integer") else distinct(rows[name])
        named = words(name) & (ID_WORDS | ENTITY_WORDS)
        if named and FEWEST_GROUPS <= number <= 0.95 * len(rows) and not rows[name].isna().any():
            yield Finding(
                f"Several rows have the same '{name}': {len(rows):,} rows, {number:,} values. If the model will be "
                "used for new ones, all rows of one must be in the same part, or its metrics are too good.",
                {"split": "group", "split_column": name},
            )


def _rare_classes(table: LoadedTable) -> Iterator[Finding]:
    if table.schema.problem != "classification":
        return
    rows = table.checked.rows[table.target].value_counts()
    label, number = rows.index[-1], int(rows.iloc[-1])
    if number < RARE_CLASS * rows.sum():
        weight = {"class_weight": "balanced"} if table.hyperparameters.get("class_weight") == "none" else {}
        yield Finding(
            f"Class '{label}' is rare: {of(number, int(rows.sum()))}. A model that never predicts it can reach "
            f"an accuracy of {percent(1 - number / rows.sum())}: use another metric, such as auc"
            + (". If missing a rare case is worse than a false alarm, give it more weight." if weight else "."),
            weight,
            "hyperparameters",
        )
    test = pick(table.checked.rows[table.target], np.flatnonzero(table.prepared.part == PARTS.index("test")))
    in_test = int((test == label).sum())
    if in_test < FEWEST_TEST_ROWS:
        larger = {"test_share": 0.3} if table.options.test_share < 0.3 and table.options.validation_share < 0.5 else {}
        yield Finding(
            f"Class '{label}' has only {in_test} row{'' if in_test == 1 else 's'} in the test part: its metrics will "
            "depend on chance. Collect more rows, or make the test part larger.",
            larger,
        )


def _mostly_missing(table: LoadedTable) -> Iterator[Finding]:
    shares = table.checked.rows[table.schema.names].isna().mean()
    names = shares.index[shares >= MOSTLY_MISSING].tolist()
    if names:
        yield Finding(
            f"At least half of the values are missing in {listed(names)}. The model can handle that; exclude what will "
            "not be known at the moment of prediction.",
            _exclude(table, *names),
        )


def _other_warnings(table: LoadedTable) -> Iterator[Finding]:
    """What processing warns of besides the above, such as duplicated rows and infinite numbers."""
    told = [*table.checked.unclear.values(), "has a different whole number in every row"]
    for warning in table.checked.warnings:
        if not any(each in warning for each in told):
            yield Finding(warning)


def _exclude(table: LoadedTable, *names: str) -> dict[str, Any]:
    """The setting with these columns and those that are already in it."""
    return {"exclude": [*table.data.exclude, *names]}


DETECTORS: list[Callable[[LoadedTable], Iterator[Finding]]] = [
    _wrong_problem, _leaks, _left_out, _copies, _unclear, _drift, _belong_together, _rare_classes, _mostly_missing,
    _other_warnings,
]  # fmt: skip
