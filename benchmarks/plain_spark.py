"""What plain_pandas.py does, in plain PySpark on this machine: `plain_spark.py SOURCE TARGET FOLDER EXCLUDE…`.

Only its counts of distinct values are approximate, with an error of 5 %: exact ones need a shuffle for each column.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from plain_pandas import PARTS, explained
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - its usual name

BINS = 20
ARROW = "spark.sql.execution.arrow.pyspark.enabled"
SETTINGS = {
    "spark.driver.memory": "4g",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "8",
    ARROW: "true",
}


def main(source: Path, target: str, folder: Path, excluded: list[str]) -> None:
    os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    spark = SparkSession.builder.master("local[*]").config(map=SETTINGS).getOrCreate()
    raw = spark.read.csv(str(source), header=True, inferSchema=True, nullValue="NA")
    types = dict(raw.dtypes)
    floats = [name for name, kind in types.items() if kind in ("double", "float")]
    infinite = {name: F.abs(name) == float("inf") for name in floats}
    whole = raw.where(F.col(target).isNotNull())
    for name, found in infinite.items():
        whole = whole.withColumn(name, F.when(~found, F.col(name)))
    position = F.xxhash64(*raw.columns) / 2.0**64 + 0.5
    whole = whole.withColumn("part", F.when(position < 0.6, 0).when(position < 0.8, 1).otherwise(2)).cache()
    rows = whole.count()
    warnings = [f"{raw.count() - rows} rows have no {target}"]
    counts = raw.agg(*(F.count(F.when(found, 1)).alias(name) for name, found in infinite.items())) if floats else None
    warnings += (
        [f"{name} contains infinite numbers" for name, n in counts.first().asDict().items() if n] if counts else []
    )
    warnings.append(f"{rows - whole.distinct().count()} rows are duplicates")
    table = whole.drop(*excluded)
    columns = [name for name in table.columns if name != "part"]

    train = table.where("part = 0")
    sizes = {part: train.count() if part == 0 else table.where(f"part = {part}").count() for part in range(3)}
    distinct = train.agg(*(F.approx_count_distinct(name).alias(name) for name in columns)).first().asDict()
    left_out = {name: "one value" for name in columns if distinct[name] < 2}
    for name in columns:
        if types[name] == "string" and distinct[name] > sizes[0] / 2:
            left_out[name] = "free text"
    features = [name for name in columns if name != target and name not in left_out]
    described = describe(table, columns, types, rows)
    for each in described:
        if types[each["name"]] in ("int", "bigint") and each["distinct"] > 0.9 * rows:
            warnings.append(f"{each['name']} looks like an identifier")
    some = train.sample(min(1.0, 55_000 / sizes[0]), seed=0).limit(50_000).toPandas()
    for name in features:
        share = explained(some[name], some[target])
        if share > 0.97:
            warnings.append(f"{name} alone explains {share:.1%} of {target}")

    folder.mkdir(parents=True)
    summary: dict[str, Any] = {
        "rows": rows,
        "columns": described,
        "target": distribution(table, target),
        "parts": {},
        "left_out": left_out,
        "warnings": warnings,
    }
    for order, name in enumerate(PARTS):
        part = table.where(f"part = {order}").select(*features, target)
        summary["parts"][name] = {"rows": sizes[order], "target": distribution(part, target)}
        part.write.parquet(str(folder / name))
    (folder / "summary.json").write_text(json.dumps(summary, indent=2))
    schema = {"features": {name: types[name] for name in features}, "naive": train.agg(F.avg(target)).first()[0]}
    (folder / "schema.json").write_text(json.dumps(schema, indent=2))
    spark.stop()


def describe(table: DataFrame, columns: list[str], types: dict[str, str], rows: int) -> list[dict[str, Any]]:
    measures = {"present": F.count, "min": F.min, "max": F.max, "distinct": lambda c: F.approx_count_distinct(c)}
    wanted = {f"{name} {key}": measure(name) for name in columns for key, measure in measures.items()}
    wanted |= {f"{name} mean": F.avg(name) for name in columns if types[name] != "string"}
    found = table.agg(*(each.alias(key) for key, each in wanted.items())).first().asDict()
    described = []
    for name in columns:
        one: dict[str, Any] = {"name": name, "type": types[name], "missing": 1 - found[f"{name} present"] / rows}
        one["distinct"] = found[f"{name} distinct"]
        if types[name] == "string":
            top = (
                table.where(F.col(name).isNotNull()).groupBy(name).count().orderBy(F.desc("count")).limit(10).collect()
            )
            described.append(one | {"top": {str(value): count for value, count in top}})
        else:
            described.append(one | {key: found[f"{name} {key}"] for key in ("min", "max", "mean")})
    return described


def distribution(table: DataFrame, target: str) -> dict[str, Any]:
    wanted = {"count": F.count, "mean": F.avg, "std": F.stddev, "min": F.min, "max": F.max}
    quartiles = F.percentile_approx(target, [0.25, 0.5, 0.75]).alias("quartiles")
    found = table.agg(*(measure(target).alias(key) for key, measure in wanted.items()), quartiles).first().asDict()
    step = (found["max"] - found["min"]) / BINS
    place = F.least(F.floor((F.col(target) - found["min"]) / step), F.lit(BINS - 1))
    rows = dict(table.groupBy(place).count().collect())
    edges = [found["min"] + step * number for number in range(BINS + 1)]
    return found | {"histogram": {"rows": [rows.get(number, 0) for number in range(BINS)], "edges": edges}}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
