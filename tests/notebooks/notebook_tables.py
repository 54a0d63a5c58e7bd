"""Small tables to look at, with what a real one may contain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sagemaker_ops.notebooks.exploration import LoadedTable, explore
from sagemaker_ops.project.settings import Data
from sagemaker_ops.tabular.splits import Options

ROWS = 600


def table(rows: pd.DataFrame, target: str = "y", problem: str = "classification", **settings: Any) -> LoadedTable:
    """`rows` as load_table returns them for these settings of [data]."""
    data = Data("t.csv", target, problem, **settings)
    return explore(rows, data, Options.of(data), {"class_weight": "none"})


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def plain(problem: str = "binary") -> pd.DataFrame:
    """A table without findings; `y` depends somewhat on `size` and `color`, and not on `noise`."""
    chance = random()
    size, color = chance.normal(size=ROWS), chance.choice(["red", "green", "blue"], ROWS)
    signal = size + (color == "red") + 2 * chance.normal(size=ROWS)
    y: Any = signal
    if problem == "binary":
        y = np.where(signal > 0.3, "yes", "no")
    elif problem == "multiclass":
        y = np.select([signal < -0.5, signal < 1], ["low", "middle"], "high")
    return pd.DataFrame({"size": size, "color": color, "noise": chance.normal(size=ROWS), "y": y})


def problem_of(name: str) -> str:
    return "regression" if name == "regression" else "classification"
