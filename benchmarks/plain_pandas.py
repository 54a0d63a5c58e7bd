"""What processing.py does with a table of flights, in plain pandas: `plain_pandas.py SOURCE TARGET FOLDER EXCLUDE…`.

Reads the table, drops rows without a target, counts duplicates, splits by a hash of the row, finds columns that a model
cannot use or that leak the target, describes each column and the target of each part, and writes the parts as Parquet.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PARTS = ["train", "validation", "test"]


def main(source: Path, target: str, folder: Path, excluded: list[str]) -> None:
    table = pd.read_csv(source, low_memory=False)
    given = len(table)
    table = table[table[target].notna()]
    warnings = [f"{given - len(table)} rows have no {target}"]
    for name in table.select_dtypes("float"):
        if np.isinf(table[name]).any():
            warnings.append(f"{name} contains infinite numbers")
            table[name] = table[name].replace([np.inf, -np.inf], np.nan)
    warnings.append(f"{table.duplicated().sum()} rows are duplicates")
    position = pd.util.hash_pandas_object(table, index=False).to_numpy() / 2.0**64
    number = np.digitize(position, [0.6, 0.8])
    table = table.drop(columns=excluded)

    train = table[number == 0]
    left_out = {name: "one value" for name in table if train[name].nunique(dropna=False) < 2}
    for name in table.select_dtypes("object"):
        if train[name].nunique() > len(train) / 2:
            left_out[name] = "free text"
    features = [name for name in table if name != target and name not in left_out]
    for name in table.select_dtypes("int"):
        if table[name].is_unique:
            warnings.append(f"{name} looks like an identifier")
    some = train.sample(min(len(train), 50_000), random_state=0)
    for name in features:
        share = explained(some[name], some[target])
        if share > 0.97:
            warnings.append(f"{name} alone explains {share:.1%} of {target}")

    folder.mkdir(parents=True)
    summary: dict[str, Any] = {
        "rows": len(table),
        "columns": [describe(table[name]) for name in table],
        "target": distribution(table[target]),
        "parts": {},
        "left_out": left_out,
        "warnings": warnings,
    }
    for order, name in enumerate(PARTS):
        part = table.loc[number == order, [*features, target]]
        summary["parts"][name] = {"rows": len(part), "target": distribution(part[target])}
        (folder / name).mkdir()
        part.to_parquet(folder / name / "part-0.parquet", index=False)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2))
    schema = {"features": {name: str(table[name].dtype) for name in features}, "naive": float(train[target].mean())}
    (folder / "schema.json").write_text(json.dumps(schema, indent=2))


def explained(feature: pd.Series, target: pd.Series) -> float:
    """The share of the variance of `target` that the means of the groups of `feature` explain in the other half."""
    groups = feature if feature.dtype == object else pd.qcut(feature, 100, labels=False, duplicates="drop")
    learn, check = slice(0, None, 2), slice(1, None, 2)
    means = target[learn].groupby(groups[learn]).mean()
    error = target[check] - groups[check].map(means).fillna(target[learn].mean())
    return float(1 - error.var() / target[check].var())


def describe(column: pd.Series) -> dict[str, Any]:
    described = {"name": column.name, "type": str(column.dtype), "missing": float(column.isna().mean())}
    described["distinct"] = int(column.nunique())
    if pd.api.types.is_numeric_dtype(column):
        return described | {"min": float(column.min()), "max": float(column.max()), "mean": float(column.mean())}
    return described | {"top": column.value_counts().head(10).to_dict()}


def distribution(target: pd.Series) -> dict[str, Any]:
    rows, edges = np.histogram(target, bins=20)
    return target.describe().to_dict() | {"histogram": {"rows": rows.tolist(), "edges": edges.tolist()}}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
