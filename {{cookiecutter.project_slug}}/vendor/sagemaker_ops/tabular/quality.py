"""How good a model is on new rows whose target is known by now, beside what it was in its evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from sagemaker_ops.tabular.baseline import Baseline
from sagemaker_ops.tabular.distributions import Floats
from sagemaker_ops.tabular.errors import StepError, percent
from sagemaker_ops.tabular.estimator import row_weights
from sagemaker_ops.tabular.evaluation import DEFAULT_METRIC
from sagemaker_ops.tabular.metrics import Metrics, bootstrap, is_lower_better

SPREADS = 2  # standard deviations that a difference must exceed


def quality(
    baseline: Baseline,
    table: pd.DataFrame,
    prediction: Floats | None,
    max_drop: float,
    evaluation: Mapping[str, Any],
    own: Metrics,
    metric: str | None = None,
) -> tuple[dict[str, Any] | None, list[str]]:
    """The metrics then and now; None without predictions, or if no row has a target yet. And problems with the target.

    max_drop: how much worse the gate's metric may be, as a share of its value then.
    """
    schema = baseline.schema
    if prediction is None or schema.target not in table:
        return None, []
    known = table[schema.target].notna().to_numpy()
    weighted = schema.weight is not None and schema.weight in table
    if weighted:
        known &= (pd.to_numeric(table[schema.weight], errors="coerce") > 0).to_numpy()
    if not known.any():
        return None, []
    rows = table[known]
    try:
        truth = schema.truth(rows)
        weights = row_weights(schema, rows) if weighted else None
    except StepError as error:
        return None, list(error.findings)
    except (ValueError, TypeError):  # a regression's target is text
        return None, [f"target '{schema.target}' must contain numbers"]
    now = bootstrap(truth, prediction[known], weights, own)
    then, source = _then(baseline, evaluation)
    gate = metric or evaluation.get("gate", {}).get("metric") or DEFAULT_METRIC[schema.problem]
    found: dict[str, Any] = {
        "rows": len(rows),
        "source": source,
        "metric": gate,
        "worse_by": 0.0,
        "metrics": {name: {"baseline": then.get(name), **score} for name, score in now.items()},
        "findings": [],
    }
    if gate not in now or not then.get(gate):
        return found, []
    value, before = now[gate]["value"], float(then[gate] or 0.0)
    loss = (value - before) * (1 if is_lower_better(gate, own) else -1)
    found["worse_by"] = loss / abs(before) + 0.0  # -0 becomes 0
    spread = math.hypot(now[gate]["standard_deviation"], _spread(evaluation, gate))
    if loss > max(max_drop * abs(before), SPREADS * spread):
        found["findings"] = [
            f"{gate} is {value:.4g} on {len(rows):,} rows with a known target, and was {before:.4g} on the {source} "
            f"part: worse by {percent(loss / abs(before))}, more than {percent(max_drop)}."
        ]
    return found, []


def _then(baseline: Baseline, evaluation: Mapping[str, Any]) -> tuple[dict[str, float | None], str]:
    """Each metric of the evaluation, on the test part, or else of the validation part; and which of them it is."""
    if scores := _scores(evaluation):
        return {name: score.get("value") for name, score in scores.items()}, "test"
    return dict(baseline.content["metrics"]), "validation"


def _spread(evaluation: Mapping[str, Any], metric: str) -> float:
    return float(_scores(evaluation).get(metric, {}).get("standard_deviation") or 0.0)


def _scores(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    return next((dict(scores) for key, scores in evaluation.items() if key.endswith("_metrics")), {})
