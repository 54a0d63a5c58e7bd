"""Compares new rows with the baseline of a model: the content of monitoring.json.

A threshold is exceeded only by more than chance explains (see drift.py), so that a small table raises no alarm.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sagemaker_ops.tabular.baseline import Baseline, named_scores
from sagemaker_ops.tabular.distributions import (
    KNOWN,
    Floats,
    bin_names,
    count_categories,
    count_numbers,
    has_bins_of_numbers,
    known_values,
    share_of_new,
)
from sagemaker_ops.tabular.drift import ks, psi, psi_by_chance, share_by_chance
from sagemaker_ops.tabular.errors import StepError, did_you_mean, percent, raise_any, short
from sagemaker_ops.tabular.metrics import NO_METRICS, Metrics
from sagemaker_ops.tabular.quality import quality
from sagemaker_ops.tabular.schema import Schema

FILE = "monitoring.json"
DIGITS = 6


@dataclass(frozen=True)
class Thresholds:
    """What may not be exceeded; project.toml has the same under [monitoring].

    max_psi: of a column; max_prediction_psi: of the predictions; max_missing_change: of the share of missing values;
    max_new_categories: the share of rows with a category that training did not have, beyond that of the validation
    part; max_metric_drop: how much worse the gate's metric may be, as a share of its value in the evaluation.
    ignore: columns that may change, such as the month.
    """

    max_psi: float = 0.2
    max_prediction_psi: float = 0.2
    max_missing_change: float = 0.05
    max_new_categories: float = 0.05
    max_metric_drop: float = 0.1
    ignore: Sequence[str] = ()

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Thresholds:
        """From the arguments that `threshold_arguments` added."""
        return cls(**{each.name: getattr(arguments, each.name) for each in fields(cls)})

    @property
    def limits(self) -> dict[str, float]:
        """{name: the threshold}."""
        return {name: value for name, value in vars(self).items() if name != "ignore"}


USUAL = Thresholds()


def threshold_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an argument for each threshold, such as --max-psi."""
    group = parser.add_argument_group("thresholds")
    for name, value in USUAL.limits.items():
        option = f"--{name.replace('_', '-')}"
        group.add_argument(option, type=float, metavar="N", default=value, help="(default: %(default)s)")
    ignored = "a column that may change, such as the month; can be repeated"
    group.add_argument("--ignore", action="append", default=[], metavar="COLUMN", help=ignored)


def compare_with_baseline(
    baseline: Baseline,
    table: pd.DataFrame,
    prediction: Floats | None = None,
    thresholds: Thresholds = USUAL,
    evaluation: Mapping[str, Any] | None = None,
    own: Metrics = NO_METRICS,
    metric: str | None = None,
) -> dict[str, Any]:
    """The content of monitoring.json for the rows of `table`.

    prediction: of each row, (rows, classes) or (rows,); None if there is none. evaluation: the content of
    evaluation.json, whose metrics are compared if `table` has the target; otherwise those of the validation part are.
    own: your own metrics. metric: the one that max_metric_drop is about; the default is that of the evaluation's gate.
    StepError if there is not one prediction for each row, or if a column to ignore is not one of the model.
    """
    names = baseline.schema.names
    raise_any(
        [
            f"column '{name}', which is to be ignored, is not a feature of the model.{did_you_mean(name, names)}"
            for name in thresholds.ignore
            if name not in names
        ]
    )
    if prediction is not None and len(prediction) != len(table):
        raise StepError(f"there are {len(prediction):,} predictions for {len(table):,} rows; give those of these rows")
    frame, problems = fitting(baseline.schema, table)
    columns = {name: _column(baseline, name, frame[name], thresholds) for name in frame.columns}
    order = sorted(columns, key=lambda name: (not columns[name]["findings"], -(columns[name]["psi"] or 0)))
    predicted = _predictions(baseline, prediction, thresholds) if prediction is not None else None
    measured, more = quality(baseline, table, prediction, thresholds.max_metric_drop, evaluation or {}, own, metric)
    findings = [*problems, *more]
    findings += measured["findings"] if measured else []
    findings += predicted["findings"] if predicted else []
    findings += [said for name in order for said in columns[name]["findings"]]
    used = {*names, baseline.schema.target, baseline.schema.weight, baseline.schema.id}
    return {
        "verdict": {"exceeded": len(findings), "sentence": _verdict(len(findings)), "findings": findings},
        "rows": len(table),
        "baseline_rows": baseline.content["rows"],
        "target": baseline.schema.target,
        "problem": baseline.schema.problem,
        "schema": {
            "problems": [*problems, *more],
            "other_columns": [str(name) for name in table.columns if name not in used],
        },
        "quality": measured,
        "predictions": predicted,
        "columns": {name: columns[name] for name in order},
        "notes": _notes(columns, len(table), thresholds),
        "thresholds": thresholds.limits,
        "ignored": list(thresholds.ignore),
    }


def fitting(schema: Schema, table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The features of `table` that fit the schema, as `Schema.frame` returns them, and its findings on the others."""
    try:
        return schema.frame(table), []
    except StepError as error:
        problems = list(error.findings)
    fit = {}
    for feature in schema.features:
        try:
            fit[feature.name] = replace(schema, features=(feature,)).frame(table)[feature.name]
        except StepError:
            continue
    return pd.DataFrame(fit, index=table.index), problems


def save_monitoring(found: Mapping[str, Any], folder: Path) -> None:
    """Write monitoring.json to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=2, allow_nan=False, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def print_monitoring(found: Mapping[str, Any]) -> None:
    """Print the verdict, and what exceeds a threshold."""
    print(f"{found['rows']:,} new rows, {found['baseline_rows']['train']:,} in training")
    for said in (*found["verdict"]["findings"], *found["notes"], found["verdict"]["sentence"]):
        print(said)


def _column(baseline: Baseline, name: str, column: pd.Series, thresholds: Thresholds) -> dict[str, Any]:
    """How a feature of the new rows differs from its baseline."""
    then, kind = baseline.columns[name], baseline.columns[name]["kind"]
    known = known_values(column, kind)
    missing = 1 - len(known) / len(column)
    found = {"kind": kind, "rows": len(known), "missing": {"baseline": then["missing"], "now": _rounded(missing)}}
    found |= _distribution(then, known)
    findings = []
    if _exceeds(found, thresholds.max_psi):
        findings.append(_shifted(f"column '{name}'", found, thresholds.max_psi))
    change, limit = missing - then["missing"], thresholds.max_missing_change
    found["missing"]["change"] = _rounded(change)
    if abs(change) > max(limit, share_by_chance(then["missing"], missing, baseline.rows, len(column))):
        findings.append(
            f"Column '{name}' is missing in {percent(missing)} of the rows, and was in {percent(then['missing'])}: "
            f"that differs by more than {percent(limit)}."
        )
    if not has_bins_of_numbers(kind):
        new, limit = share_of_new(known, then["known"]), thresholds.max_new_categories
        found["new_categories"] = {"baseline": then["new"], "now": new}
        chance = share_by_chance(then["new"], new, baseline.unseen_rows, max(len(known), 1))
        if new - then["new"] > max(limit, chance):
            unseen = known[~known.isin(then["known"])].value_counts()
            lacked = "training did not have" if len(then["known"]) < KNOWN else "are not among its most frequent"
            findings.append(
                f"Column '{name}' has categories such as '{short(unseen.index[0])}', which {lacked}, in "
                f"{percent(new)} of the rows: more than {percent(limit + then['new'])}."
            )
    return found | {"findings": [] if name in thresholds.ignore else findings}


def _predictions(baseline: Baseline, prediction: Floats, thresholds: Thresholds) -> dict[str, Any]:
    """How the scores differ from those on the validation part: of each class, or of the predicted numbers."""
    scores, findings = {}, []
    for name, values in named_scores(prediction, baseline.schema).items():
        scores[name] = _distribution(baseline.content["predictions"][name], pd.Series(values))
        if _exceeds(scores[name], thresholds.max_prediction_psi):
            what = "the predicted numbers" if name == "value" else f"the predicted probabilities of '{name}'"
            findings.append(_shifted(what, scores[name], thresholds.max_prediction_psi))
    return {"psi": max(each["psi"] for each in scores.values()), "scores": scores, "findings": findings}


def _distribution(then: Mapping[str, Any], known: pd.Series) -> dict[str, Any]:
    """PSI, what it may be by chance, KS with its p-value, and the bins with their shares; None without values."""
    found: dict[str, Any] = dict.fromkeys(("psi", "psi_by_chance", "ks", "p_value"))
    bins = {"bins": bin_names(dict(then)), "baseline": then["shares"], "now": []}
    if not then["rows"] or not len(known):
        return found | bins
    if "edges" in then:
        values = known.to_numpy(float)
        counts = count_numbers(values, np.array(then["edges"]))
        found["ks"], found["p_value"] = ks(dict(then), values)
    else:
        counts = count_categories(known, then["categories"])
    shares, now = np.array(then["shares"]), counts / len(known)
    found["psi"] = psi(shares, now, then["rows"], len(known))
    found["psi_by_chance"] = psi_by_chance(shares, now, then["rows"], len(known))
    found = {key: None if value is None else _rounded(value) for key, value in found.items()}
    return found | bins | {"now": [_rounded(each) for each in now]}


def _exceeds(found: Mapping[str, Any], limit: float) -> bool:
    return found["psi"] is not None and found["psi"] > max(limit, found["psi_by_chance"])


def _notes(columns: Mapping[str, Mapping[str, Any]], rows: int, thresholds: Thresholds) -> list[str]:
    """What to know when reading the result."""
    notes = []
    chance = max((each["psi_by_chance"] or 0 for each in columns.values()), default=0)
    if chance > thresholds.max_psi:
        notes.append(
            f"{rows:,} rows are few: a PSI of up to {chance:.2g} may be chance, so that a smaller one is not reported."
        )
    return notes


def _verdict(exceeded: int) -> str:
    if not exceeded:
        return "No threshold is exceeded."
    return f"{exceeded} finding{'s' if exceeded > 1 else ''}: the new data or the predictions differ from the baseline."


def _shifted(what: str, found: Mapping[str, Any], limit: float) -> str:
    return f"The distribution of {what} has changed: PSI {found['psi']:.3g}, more than {limit:g}."


def _rounded(value: float) -> float:
    return round(float(value), DIGITS) + 0.0  # -0 becomes 0
