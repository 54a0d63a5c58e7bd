"""What processing.py does of a table of flights, in plain pandas: `plain_pandas.py SOURCE TARGET FOLDER EXCLUDE…`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def main(source: Path, target: str, folder: Path, excluded: list[str]) -> None:
    table = pd.read_csv(source, low_memory=False)
    table = table[table[target].notna()]
    copies = int(table.duplicated().sum())
    position = pd.util.hash_pandas_object(table, index=False).to_numpy() / 2.0**64
    number = np.digitize(position, [0.6, 0.8])
    table = table.drop(columns=excluded)

    summary: dict[str, Any] = {"rows": len(table), "copies": copies, "columns": []}
    for name in table.columns:
        column = table[name]
        told = {"name": name, "missing": float(column.isna().mean()), "distinct": int(column.nunique())}
        if pd.api.types.is_numeric_dtype(column):
            told |= {"min": float(column.min()), "max": float(column.max()), "mean": float(column.mean())}
        else:
            told |= {"top": column.value_counts().head(10).to_dict()}
        summary["columns"].append(told)
    for order, name in enumerate(["train", "validation", "test"]):
        part = table[number == order]
        summary[name] = {"rows": len(part), "target": part[target].describe().to_dict()}
        (folder / name).mkdir(parents=True)
        part.to_parquet(folder / name / "part-0.parquet", index=False)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
