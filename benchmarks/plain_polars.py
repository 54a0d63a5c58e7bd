"""What plain_pandas.py does, in plain polars: `plain_polars.py SOURCE TARGET FOLDER EXCLUDE…`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs

PARTS = ["train", "validation", "test"]


def main(source: Path, target: str, folder: Path, excluded: list[str]) -> None:
    table = pl.read_csv(source, infer_schema_length=10_000, null_values=["", "NA"])
    given = len(table)
    table = table.filter(pl.col(target).is_not_null())
    warnings = [f"{given - len(table)} rows have no {target}"]
    for name in table.select(cs.float()).columns:
        if table[name].is_infinite().any():
            warnings.append(f"{name} contains infinite numbers")
            finite = pl.when(pl.col(name).is_infinite()).then(None).otherwise(pl.col(name))
            table = table.with_columns(finite.alias(name))
    warnings.append(f"{len(table) - table.n_unique()} rows are duplicates")
    position = table.hash_rows().to_numpy() / 2.0**64
    number = np.digitize(position, [0.6, 0.8])
    table = table.drop(excluded)

    train = table.filter(number == 0)
    left_out = {name: "one value" for name in table.columns if train[name].n_unique() < 2}
    for name in table.select(cs.string()).columns:
        if train[name].drop_nulls().n_unique() > len(train) / 2:
            left_out[name] = "free text"
    features = [name for name in table.columns if name != target and name not in left_out]
    for name in table.select(cs.integer()).columns:
        if table[name].n_unique() == len(table):
            warnings.append(f"{name} looks like an identifier")
    some = train.sample(min(len(train), 50_000), seed=0)
    for name in features:
        share = explained(some[name], some[target])
        if share > 0.97:
            warnings.append(f"{name} alone explains {share:.1%} of {target}")

    folder.mkdir(parents=True)
    summary: dict[str, Any] = {
        "rows": len(table),
        "columns": [describe(table[name]) for name in table.columns],
        "target": distribution(table[target]),
        "parts": {},
        "left_out": left_out,
        "warnings": warnings,
    }
    for order, name in enumerate(PARTS):
        part = table.filter(number == order).select([*features, target])
        summary["parts"][name] = {"rows": len(part), "target": distribution(part[target])}
        (folder / name).mkdir()
        part.write_parquet(folder / name / "part-0.parquet")
    (folder / "summary.json").write_text(json.dumps(summary, indent=2))
    schema = {"features": {name: str(table[name].dtype) for name in features}, "naive": train[target].mean()}
    (folder / "schema.json").write_text(json.dumps(schema, indent=2))


def explained(feature: pl.Series, target: pl.Series) -> float:
    """The share of the variance of `target` that the means of the groups of `feature` explain in the other half."""
    groups = feature if feature.dtype == pl.String else feature.qcut(100, allow_duplicates=True)
    frame = pl.DataFrame({"group": groups, "target": target})
    learn, check = frame[::2], frame[1::2]
    means = learn.drop_nulls("group").group_by("group").agg(pl.col("target").mean().alias("mean"))
    guess = check.join(means, on="group", how="left", maintain_order="left")["mean"].fill_null(learn["target"].mean())
    return float(1 - (check["target"] - guess).var() / check["target"].var())


def describe(column: pl.Series) -> dict[str, Any]:
    described: dict[str, Any] = {"name": column.name, "type": str(column.dtype)}
    described["missing"] = column.null_count() / len(column)
    described["distinct"] = column.drop_nulls().n_unique()
    if column.dtype.is_numeric():
        return described | {"min": column.min(), "max": column.max(), "mean": column.mean()}
    return described | {"top": dict(column.drop_nulls().value_counts(sort=True).head(10).iter_rows())}


def distribution(target: pl.Series) -> dict[str, Any]:
    rows, edges = np.histogram(target.to_numpy(), bins=20)
    return dict(target.describe().iter_rows()) | {"histogram": {"rows": rows.tolist(), "edges": edges.tolist()}}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
