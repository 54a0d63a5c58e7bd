"""Checks the settings against the table that [data].source names, by reading only its first rows.

Standard library only for CSV files; a Parquet file needs pyarrow, without which its columns are checked later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from sagemaker_ops.errors import Problem, UserError
from sagemaker_ops.guardrails import gate_check, project_check
from sagemaker_ops.project import data, script_text
from sagemaker_ops.project.settings import FILE, Data, Settings

ROWS = 10_000  # as many as are read in a tenth of a second
# As in tabular/, which cannot be imported here because it needs NumPy; a test compares them.
MOST_CLASSES = 100
MOST_GROUPS = 60  # different texts of a group column
MISSING = {"", "NA", "#NA", "<NA>", "N/A", "#N/A", "#N/A N/A", "n/a"}
MISSING |= {"NaN", "nan", "-NaN", "-nan", "NULL", "null", "None"}


def examine(root: Path, *, needed: bool = False, local: bool = False) -> tuple[Settings | None, list[Problem], int]:
    """`project_check.examine`, and the problems with the table.

    needed: whether it is a problem if the table is not on this machine; before a local run it is.
    """
    settings, problems, code = project_check.examine(root, local=local)
    if settings is None or not settings.data.source or data.is_remote(settings.data.source):
        return settings, problems, code
    known = {problem.where for problem in problems}
    found = [problem for problem in of_project(settings, root, needed or local) if problem.where not in known]
    problems = sorted([*problems, *found], key=lambda problem: problem.level)
    return settings, problems, code or (UserError.exit_code if found else 0)


def of_project(settings: Settings, root: Path, needed: bool) -> list[Problem]:
    """The problems with the table; none if it is not there and not needed, or needs a package that is not there."""
    if not needed and not (root / settings.data.source).exists():
        return []
    try:
        return check(settings, root)
    except UserError as error:
        return error.problems
    except ImportError:  # pyarrow, before the first `make setup`
        return []


def check(settings: Settings, root: Path, copy: Mapping[str, Path] | None = None) -> list[Problem]:
    """What is wrong with the columns, the target and the groups.

    copy: `named_files` of a source that is not on this machine. UserError if the table cannot be read. Nothing about
    what the steps may change: a target or a group column that they name.
    """
    chosen = settings.data
    problems = data.check(chosen, root, copy)
    if problems or data.has_own_reading(root):
        return problems
    files = list((copy or data.named_files(chosen.source, root)).values())
    columns = data.columns(chosen, root, copy)
    if not set(columns) - _not_features(chosen):
        return [Problem("no column is left for the model: remove some of them.", f"{FILE} [data].exclude")]
    alone = len(files) == 1 and copy is None
    groups = _check_groups(chosen, [name for name in chosen.groups if name in columns], files[0], alone, root)
    if chosen.target not in columns or chosen.target in script_text.words(root):
        return groups
    found, whole = data.values(files[0], chosen.target, ROWS, chosen)
    whole = whole and alone
    given = [_plain(value, chosen) for value in found if value not in MISSING and value not in chosen.missing]
    shares = _check_shares(chosen, len(given)) if whole else []
    return [*_check_target(settings, given, root, whole), *shares, *groups]


def _not_features(chosen: Data) -> set[str]:
    return {
        chosen.target,
        *chosen.exclude,
        chosen.weight,
        chosen.id,
        *([chosen.split_column] if chosen.split != "random" else []),
    }


def _check_target(settings: Settings, given: list[str], root: Path, whole: bool) -> list[Problem]:
    """Whether the target is what [data].problem and [gate].metric say."""
    target, tuned = settings.data.target, settings.tuning.metric.rpartition(":")[2]
    if settings.data.problem == "regression":
        text = next((value for value in given if not _is_number(value)), "")
        message = f"'{target}' contains '{text[:40]}', not only numbers: write \"classification\", or another target."
        return [Problem(message, f"{FILE} [data].problem")] if text else []
    classes = {_label(value) for value in given}
    if len(classes) > MOST_CLASSES:
        message = (
            f"'{target}' has more than {MOST_CLASSES} different values, too many for classes: write \"regression\", "
        )
        return [Problem(f"{message}or another target.", f"{FILE} [data].problem")]
    complete = whole and len(classes) == len(set(given))
    return [
        problem
        for where, metric in (("[gate].metric", settings.gate.metric), ("[tuning].metric", tuned))
        if not gate_check.has_own_metric(metric, root)
        for problem in gate_check.check_classes(metric, len(classes), complete, f"{FILE} {where}")
    ]


def _check_groups(chosen: Data, columns: list[str], file: Path, alone: bool, root: Path) -> list[Problem]:
    """Whether the values of the group columns can be compared: there are two or more, and not too many texts.

    alone: whether the file is the whole table.
    """
    problems = []
    for column in columns:
        found, whole = data.values(file, column, ROWS, chosen)
        texts = {value for value in found if value not in MISSING and value not in chosen.missing}
        if column in script_text.words(root) or not found:
            continue
        if whole and alone and len(texts) < 2 and len({*texts, *found}) < 2:
            message = f"'{column}' has the same value in every row: write a column with several, or remove it."
            problems.append(Problem(message, f"{FILE} [evaluation].groups"))
        is_text = not (chosen.dates or any(re.match(r"\d{4}-\d\d-\d\d", text) for text in texts))
        if is_text and len(texts) > MOST_GROUPS and not all(_is_number(_plain(text, chosen)) for text in texts):
            message = (
                f"'{column}' has more than {MOST_GROUPS} different texts, too many to compare: merge them in "
                "production/steps/processing.py, or write another column."
            )
            problems.append(Problem(message, f"{FILE} [evaluation].groups"))
    return problems


def _check_shares(chosen: Data, rows: int) -> list[Problem]:
    """Whether each part of the split gets at least one row."""
    shares = {"test_share": chosen.test_share, "validation_share": chosen.validation_share}
    small = {key: share for key, share in shares.items() if 0 < share * rows < 1}
    return [
        Problem(
            f"{share:g} of the {rows} rows is less than one row: write {max(0.05, 2 / rows):.2g} or more.",
            f"{FILE} [data].{key}",
        )
        for key, share in small.items()
    ]


def _label(text: str) -> str:
    """The same text for all that may be one class, such as 1, 1.0 and true."""
    number = {"true": "1", "false": "0"}.get(text.lower(), text)
    return str(float(number)) if _is_number(number) else text


def _plain(text: str, chosen: Data) -> str:
    """A number as Python writes it, if it is one."""
    plain = text.replace(chosen.thousands, "") if chosen.thousands else text
    plain = plain.replace(chosen.decimal, ".")
    return plain if _is_number(plain) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
