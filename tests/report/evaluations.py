"""Executions with an evaluation.json as production/steps/evaluation.py writes it, but without running anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from report.test_graph import condition, step
from sagemaker_ops.local import Execution, StepExecution

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SUMMARY: dict[str, Any] = {
    "rows": 1000,
    "columns": [
        {"name": "size", "type": "number", "missing": 0.1, "distinct": 900, "min": -1.5, "max": 3.0, "mean": 0.1},
        {"name": "kind", "type": "text", "missing": 0.0, "distinct": 2, "top": [{"value": "a", "rows": 600}]},
        {"name": "day", "type": "date", "missing": 0.0, "distinct": 9, "min": "2025-01-01", "max": "2025-01-09"},
        {"name": "id", "type": "integer", "missing": 0.0, "distinct": 9, "role": "left out", "reason": "an identifier"},
        {"name": "diagnosis", "role": "left out", "reason": "excluded"},
    ],
    "target": {"name": "y", "problem": "classification", "classes": [{"value": "no", "rows": 700}]},
    "parts": {"train": {"rows": 800}, "test": {"rows": 200}},
    "warnings": ["'kind' has two spellings."],
}
DEFINITION: dict[str, Any] = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Depth", "Type": "Integer", "DefaultValue": 3}],
    "Steps": [step("Measure"), condition("Gate", [step("Register")], [step("Refuse")], "Measure")],
}


def evaluation(
    classes: int, rows: int = 400, groups: dict[str, list[str]] | None = None, limit: float | None = None
) -> dict[str, Any]:
    """Of a model for that many classes; 0: a regression. groups: {column: values that are repeated}."""
    import numpy as np  # here, because the fast tests do not wait for these imports
    import pandas as pd
    from sklearn.linear_model import LinearRegression, LogisticRegression

    from sagemaker_ops.tabular.evaluation import evaluate
    from sagemaker_ops.tabular.schema import Feature, Schema

    random = np.random.default_rng(0)
    frame = pd.DataFrame({"size": random.normal(size=rows), "other": random.normal(size=rows)})
    signal = frame["size"] * 2 + random.normal(size=rows)
    if classes:
        labels = ('a|"<i>', *"bcdefghijklmnop"[: classes - 1])
        truth = pd.qcut(signal, classes, labels=labels).astype(object)
        model: Any = LogisticRegression().fit(frame, truth.map(labels.index))
        naive = tuple(float(each) for each in truth.value_counts(normalize=True).reindex(labels))
    else:
        labels, truth, naive, model = (), signal, (float(signal.mean()),), LinearRegression().fit(frame, signal)
    features = tuple(Feature(name, "numeric") for name in frame)
    columns = {name: np.resize(values, rows) for name, values in (groups or {}).items()}
    problem: Any = "classification" if classes else "regression"
    schema = Schema("y", problem, features, labels, naive, (), groups=tuple(columns))
    return evaluate(model, schema, frame.assign(y=truth, **columns), max_group_difference=limit)


def execution(home: Path, found: dict[str, Any] | None, name: str = "abc", *, age: int = 0, **more: Any) -> Execution:
    """Saved in home (.local); age: hours. Without an evaluation, its first step failed."""
    steps = {each: StepExecution(each, "Lambda") for each in ("Measure", "Register", "Refuse")}
    steps["Gate"] = StepExecution("Gate", "Condition")
    measure = steps["Measure"]
    start = NOW - timedelta(hours=age)
    measure.status, measure.start_time, measure.end_time = "Failed", start, start + timedelta(seconds=2)
    folder = home / "runs" / name
    outputs = folder / "Measure" / "outputs"
    for part, content in {"evaluation": found, "summary": SUMMARY if found else None}.items():
        (outputs / part).mkdir(parents=True)
        if content is not None:
            (outputs / part / f"{part}.json").write_text(json.dumps(content), encoding="utf-8")
    if found is not None:
        measure.status, measure.property_files = "Succeeded", {"Report": ("evaluation", "evaluation.json")}
    (folder / "definition.json").write_text(json.dumps(DEFINITION), encoding="utf-8")
    status = more.pop("status", "Succeeded" if found is not None else "Failed")
    reason = None if found is not None else "step 'Measure' failed: no such file."
    made = Execution(
        name,
        "c-p-train-local",
        folder,
        start,
        more.pop("parameters", {"Depth": 3}),
        steps,
        status,
        start + timedelta(seconds=3),
        reason,
        **more,
    )
    made.save()
    return made
